"""What the page's script draws from: the map in page units, packed small, and every site's record.

Probabilities travel as one byte each (steps of 0.004, 255 = not estimated), cells as a few repeated
outlines and a corner each, so a page with thousands of hexagons stays small.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from occupancy.outputs import furniture, paired_map, region_labels, shapes, style, tables, words
from occupancy.outputs.headline import headline, region_number
from occupancy.outputs.histories import kinds_seen, totals
from occupancy.outputs.results import (
    QUANTILES,
    Results,
    has_geometry,
    season_name,
    season_rows,
)

WIDTH = 900  # page units across the map
FINE = 20  # steps in one page unit
BYTE = 250  # a probability of 1
MOST_EFFORTS = 200_000
MANY_CELLS = 100_000
FEW_QUANTILES = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)


def page_data(results: Results) -> dict[str, Any]:
    """All that the script needs, as plain JSON values."""
    places = any(has_geometry(t) for t in (results.cells, results.here, results.regions_here))
    view = _View(results) if places else None
    pair = paired_map.panels(results)
    data: dict[str, Any] = {
        "species": results.species,
        "season": results.season_name,
        "seasons": [season_name(s, results.seasons) for s in results.seasons],
        "now": results.seasons.index(results.season) if results.season in results.seasons else 0,
        "interval": f"{100 * results.interval:g}%",
        "quantiles": list(QUANTILES),
        "study": _study(results),
        "sites": _sites(results, view),
        "regions": _regions(results, view),
        "psi": _scale(pair[0]),
        "unc": _scale(pair[1]),
        "csv": _regions_csv(results),
        "unseen": shapes.unseen(results),
        "values": {str(k): text for k, text in kinds_seen(results).items()},
    }
    if view is not None:
        data |= {
            "width": WIDTH,
            "height": view.height,
            "metre": view.scale,
            "north": view.north,
            "graticule": view.graticule(),
            "dot": round(view.dot(results), 2),
        }
        if results.cells is not None:
            data["cells"] = _cells(results, view)
    return data


def _scale(panel: paired_map.Panel) -> dict[str, Any]:
    return {
        "breaks": panel.breaks,
        "colours": panel.colours,
        "tints": style.tints(panel.colours),
        "marks": [style.contrasting(c) for c in panel.colours],
    }


def as_json(data: Any) -> str:
    """JSON that can stand inside a script element: nothing in it can end the element."""
    text = json.dumps(_finite(data), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


class _View:
    """The map's window and the way from metres to page units."""

    def __init__(self, results: Results) -> None:
        extent = furniture.extent_of(
            results.cells, results.here, results.regions_here, margin=0.025
        )
        aspect = float(np.clip(extent.height / extent.width, 0.42, 1.1))
        self.extent = extent.of_shape(aspect)
        self.crs = results.crs
        self.scale = WIDTH / self.extent.width
        self.height = round(WIDTH * aspect)
        self.north = [
            round(v, 3) for v in furniture.true_north(self.extent.east, self.extent.north, self.crs)
        ]

    def place(self, xy: np.ndarray) -> np.ndarray:
        """Page units of map coordinates, (n, 2); y grows downwards."""
        corner = (self.extent.west, self.extent.north)
        return (np.asarray(xy, dtype=float) - corner) * (self.scale, -self.scale)

    def path(self, shape: Any) -> str:
        """An SVG path of a polygon, to a tenth of a page unit."""
        import shapely

        rings = []
        for part in shapely.get_parts(shape):
            if part.geom_type == "Polygon" and not part.is_empty:
                for ring in (part.exterior, *part.interiors):
                    points = self.place(shapely.get_coordinates(ring)[:-1]).round(1)
                    rings.append("M" + "L".join(f"{x:g},{y:g}" for x, y in points) + "Z")
        return "".join(rings)

    def dot(self, results: Results) -> float:
        """Radius of a site's dot in page units: neighbours stay apart, the smallest can be seen."""
        points = shapes.site_points(shapes.placed_sites(results))
        points_per_unit = 6 * 72 / WIDTH  # as on a page six inches wide
        return shapes.dot_diameter(points, self.scale * points_per_unit) / points_per_unit / 2

    def graticule(self) -> list[dict[str, Any]]:
        lines = []
        for label, points, at in furniture.graticule(self.extent, self.crs):
            xy = self.place(points[:: max(1, len(points) // 24)]).round(1)
            line = {"d": "M" + "L".join(f"{x:g},{y:g}" for x, y in xy)}
            if at is not None:
                x, y = self.place(np.array([at]))[0]
                line |= {"label": label, "x": round(float(x), 1), "y": round(float(y), 1)}
            lines.append(line)
        return lines


def _finite(value: Any) -> Any:
    """JSON values only: numbers that are not finite become null."""
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _pack(array: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=kind).tobytes()).decode("ascii")


def _bytes(values: np.ndarray) -> np.ndarray:
    """Probabilities as bytes; 255 stands for not estimated."""
    values = np.asarray(values, dtype=float)
    out = np.full(values.shape, 255, dtype=np.uint8)
    known = np.isfinite(values)
    out[known] = np.clip(np.round(values[known] * BYTE), 0, BYTE).astype(np.uint8)
    return out


def _study(results: Results) -> dict[str, Any]:
    line, row, here = headline(results), results.overall_here(), results.here
    return {
        "big": "withheld" if results.withheld else words.percent(line.mean),
        "of": "of the study area occupied"
        if line.of == "area"
        else "of the surveyed sites occupied",
        "interval": words.percent_interval(line.lower, line.upper),
        "area": words.area(row.get("area_km2")),
        "sites": words.counted(len(here), "site"),
        "detected": results.seen_here,
        "history": "" if results.histories is None else words.count(totals(results.histories)[0]),
    }


def _regions(results: Results, view: _View | None) -> list[dict[str, Any]]:
    table = results.regions_here
    if table is None:
        return []
    drawn = view is not None and has_geometry(table)
    outlines = _simplified(table, view) if drawn else [None] * len(table)
    names = [words.clean(n) for n in table["region"]]
    labels = style.shorten_apart(names, 2.4, 14.0)
    places: list = [None] * len(table)
    if drawn:
        # On the page labels are 14 units high on a map of 900; the finder works in metres.
        sites = shapes.site_points(shapes.placed_sites(results))
        numbers = ["00–00%"] * len(table)
        size = (14.0, 14.0) if len(table) <= 12 else (11.0, 11.0)
        places = region_labels.place_labels(
            labels, numbers, list(table.geometry), sites, view.scale, size, view.extent
        )  # type: ignore[union-attr]
    out = []
    for k, (_, row) in enumerate(table.iterrows()):
        mean, lower, upper = region_number(row)
        hide = results.withheld
        item: dict[str, Any] = {
            "name": names[k],
            "label": labels[k],
            "mean": None if hide else mean,
            "width": None if hide or words.is_missing(upper) else upper - lower,  # type: ignore[operator]
            "big": "withheld" if hide else words.percent(mean),
            "interval": words.DASH if hide else words.percent_interval(lower, upper),
            "of": "of its area occupied" if "area_psi_mean" in row else "expected at its sites",
            "sites": words.counted(int(row["sites"]), "site"),
            "detected": words.share(row["detected"], row["surveyed"], "surveyed sites"),
            "area": words.area(row.get("area_km2")) if "area_km2" in row else "",
        }
        if drawn:
            item["path"] = view.path(outlines[k])  # type: ignore[union-attr]
            if places[k] is not None:
                x, y = view.place(np.array([places[k][:2]]))[0]  # type: ignore[union-attr]
                item["label"] = item["label"] if places[k].named else ""
                item |= {"x": round(float(x), 1), "y": round(float(y), 1)}
        out.append(item)
    return out


def _simplified(table: Any, view: _View) -> list[Any]:
    """Outlines with the detail that the page can show; shared borders stay shared."""
    import shapely

    outlines = np.asarray(table.geometry)
    tolerance = 0.35 / view.scale
    if all(s is not None for s in outlines) and shapely.coverage_is_valid(outlines):
        return list(shapely.coverage_simplify(outlines, tolerance))
    return [s if s is None else shapely.simplify(s, tolerance) for s in outlines]


def _cells(results: Results, view: _View) -> dict[str, Any]:
    """Cells as repeated outlines: which outline, where its corner is, and the estimates."""
    import shapely

    cells = results.cells
    parts, owner = shapely.get_parts(
        shapely.normalize(np.asarray(cells.geometry)),
        return_index=True,  # type: ignore[union-attr]
    )
    known: dict[bytes, int] = {}
    outline, corner, keep = [], [], []
    for k, part in enumerate(parts):
        if part.geom_type != "Polygon" or part.is_empty:
            continue
        xy = view.place(shapely.get_coordinates(part.exterior)[:-1])
        low = xy.min(axis=0)
        key = np.round((xy - low) * FINE).astype("<i2").tobytes()
        outline.append(known.setdefault(key, len(known)))
        corner.append(low)
        keep.append(owner[k])
    at = np.clip(np.round(np.array(corner) * FINE), 0, 65535)
    packed: dict[str, Any] = {
        "n": len(cells),  # type: ignore[arg-type]
        "outlines": base64.b64encode(b"".join(known)).decode("ascii"),
        "sizes": _pack(np.array([len(k) // 4 for k in known]), "<u2"),
        "outline": _pack(np.array(outline), "<u4" if len(known) > 65535 else "<u2"),
        "wide": len(known) > 65535,
        "x": _pack(at[:, 0], "<u2"),
        "y": _pack(at[:, 1], "<u2"),
        "cell": _pack(np.array(keep), "<u4"),
        "mean": _pack(_bytes(cells["psi_mean"].to_numpy()), "u1"),  # type: ignore[index]
        "width": _pack(_bytes(cells["psi_width"].to_numpy()), "u1"),  # type: ignore[index]
        "outside": _pack(cells["extrapolated"].to_numpy(), "u1"),  # type: ignore[index]
    }
    if results.cell_quantiles is not None:
        packed |= _quantile_bytes(results.cell_quantiles)
    return packed


def _quantile_bytes(quantiles: np.ndarray) -> dict[str, Any]:
    chosen = range(len(QUANTILES))
    if len(quantiles) > MANY_CELLS:
        chosen = [QUANTILES.index(q) for q in FEW_QUANTILES if q in QUANTILES]
    return {
        "levels": [QUANTILES[k] for k in chosen],
        "quantiles": _pack(_bytes(quantiles[:, list(chosen)]), "u1"),
    }


def _sites(results: Results, view: _View | None) -> dict[str, Any]:
    here = results.here.reset_index(drop=True)
    regions = [] if results.regions_here is None else list(results.regions_here["region"])
    index = {name: k for k, name in enumerate(regions)}
    data: dict[str, Any] = {
        "id": [words.clean(s) for s in here["site"]],
        "region": [index.get(r, -1) for r in here["region"]],
        "seen": [
            2 if d else int(s) for s, d in zip(here["surveyed"], here["detected"], strict=True)
        ],
        "mean": [round(float(v), 4) for v in here["psi_mean"]],
        "lower": [round(float(v), 4) for v in here["psi_lower"]],
        "upper": [round(float(v), 4) for v in here["psi_upper"]],
        "present": _present(results, here),
    }
    if view is not None and has_geometry(here):
        xy = np.full((len(here), 2), np.nan)
        good = (here.geometry.notna() & ~here.geometry.is_empty).to_numpy()
        xy[good] = view.place(shapes.site_points(here[good]))
        data |= {"x": xy[:, 0].round(1).tolist(), "y": xy[:, 1].round(1).tolist()}
    if results.site_quantiles is not None:
        data |= _quantile_bytes(results.site_quantiles[season_rows(results.sites, results.season)])
    return data | _histories(results, here)


def _present(results: Results, here: Any) -> list[list[float | None]]:
    """P(present) of each site in each season; null where a site has no row."""
    columns = []
    for season in results.seasons:
        rows = results.sites[season_rows(results.sites, season)]
        known = dict(zip(rows["site"], rows["present"], strict=True))
        columns.append([known.get(site) for site in here["site"]])
    return [
        [None if words.is_missing(v) else round(float(v), 3) for v in values]
        for values in zip(*columns, strict=True)
    ]


def _histories(results: Results, here: Any) -> dict[str, Any]:
    """Detection histories as text: 1, 0, and - where no visit was made; seasons end to end."""
    seen = results.histories
    if seen is None:
        return {}
    row = {site: k for k, site in enumerate(seen.sites)}
    order = [row.get(site) for site in here["site"]]

    def sign(value: float) -> str:
        return "-" if not np.isfinite(value) else str(min(int(value), 9))

    def amount(value: float) -> str:
        return f"{value:.3g}" if np.isfinite(value) else ""

    data: dict[str, Any] = {
        "visits": seen.detection.shape[2],
        "history": [
            "" if k is None else "".join(sign(v) for v in seen.detection[k].ravel()) for k in order
        ],
    }
    if seen.effort is not None and seen.effort.size <= MOST_EFFORTS:
        data["units"] = seen.effort_units
        data["effort"] = [
            "" if k is None else " ".join(amount(v) for v in seen.effort[k].ravel()) for k in order
        ]
    return data


def _regions_csv(results: Results) -> str:
    """The regions table as the CSV output writes it; without estimates where those are withheld."""
    made = tables.frames(results)
    if "regions" not in made:
        return ""
    table = made["regions"]
    if results.withheld:
        kept = ("region", "season", "sites", "surveyed", "detected", "naive", "area_km2")
        table = table[[c for c in kept if c in table]]
    return tables.csv_text(table)
