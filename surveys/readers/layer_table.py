"""A map layer as a table of text cells: its attributes, and the places of its shapes.

Rows are counted from 1, as the attribute table of a GIS counts them. Ids join the layer to the
detections, never the order of its features.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.problems import Problem, SurveyError, rows_text
from surveys.text_table import Table, TableSpec

if TYPE_CHECKING:
    import geopandas as gpd

LAYERS = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".kml")
X, Y = "x of the geometry", "y of the geometry"
AREA = "area_km2"
KINDS = {0: "points", 1: "lines", 3: "polygons", 4: "points", 5: "lines", 6: "polygons"}
WHOLE = 1e15  # numbers below it that are whole are written without a point: ids 7, not 7.0


def is_layer(path: str) -> bool:
    """Whether a path names polygons or points of a GIS rather than a table."""
    return Path(path).suffix.lower() in LAYERS


def open_layer(spec: TableSpec, ledger: Ledger) -> Table | None:
    """The features of a layer as rows; None where it cannot be read, which the ledger tells."""
    from surveys import places

    crs_key = "[sites] crs" if spec.section == "files.sites" else f"[{spec.section}] crs"
    try:
        frame = places.read_layer(spec.path, crs=spec.crs, layer=spec.layer, encoding=spec.encoding)
    except SurveyError as error:
        for problem in error.problems:
            ledger.add(told_as(problem, spec, crs_key))
        return None
    found = {
        "file": spec.shown,
        "sha256": digest(spec.path),
        "bytes": spec.path.stat().st_size,
        "rows": len(frame),
    }
    table = table_of(spec, frame, found, ledger)
    if table is not None:
        table.names_cut = spec.path.suffix.lower() == ".shp"
    return table


def told_as(problem: Problem, spec: TableSpec, crs_key: str) -> Problem:
    """A problem of a layer with the file as the user named it and keys as a study file has them."""
    from dataclasses import replace

    cure = problem.cure.replace("give crs =", f"set {crs_key} =")
    cure = cure.replace("name one: layer =", f"name one: [{spec.section}] layer =")
    fact = problem.fact.replace(spec.path.name, spec.shown, 1).replace(
        str(spec.path.parent) + "/", ""
    )
    return replace(problem, file=spec.shown, fact=fact, cure=cure)


def digest(path: Path) -> str:
    """SHA-256 of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def table_of(
    spec: TableSpec, frame: gpd.GeoDataFrame, found: dict[str, Any], ledger: Ledger
) -> Table | None:
    """Attributes as text, with the columns of the places; None where the shapes are no places."""
    before = len(ledger.of_level("error"))
    rows = np.arange(1, len(frame) + 1)
    placed = _places(spec, frame, rows, ledger)
    if len(ledger.of_level("error")) > before:
        return None
    columns: dict[str, np.ndarray] = {}
    numeric = []
    for name in frame.columns:
        if name == frame.geometry.name:
            continue
        columns[str(name).strip()] = as_text(frame[name])
        if pd.api.types.is_numeric_dtype(frame[name]):
            numeric.append(str(name).strip())
    for name, values in placed.items():
        if name not in columns:
            columns[name] = as_text(pd.Series(values))
            numeric.append(name)
    text = pd.DataFrame(columns, index=rows, dtype=object)
    if text.columns.duplicated().any():
        twice = text.columns[text.columns.duplicated()][0]
        ledger.error(
            "E011",
            f'{spec.shown}: two columns are called "{twice}"',
            file=spec.shown,
            column=twice,
            cure="rename one; the study file picks columns by name",
        )
        return None
    crs = frame.crs.to_authority(min_confidence=100)
    table = Table(spec, text, {**found, "crs": frame.crs.name}, points=(X, Y))
    table.crs = ":".join(crs) if crs else frame.crs.to_wkt()
    cells.decimal_sign(table, X)  # what other columns of text hold must not turn numbers
    table.decimal_columns |= dict.fromkeys(numeric, ".")
    return table


def as_text(values: pd.Series) -> np.ndarray:
    """Cells as a table has them: "" where missing, whole numbers without a point."""

    def one(value: Any) -> str:
        if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
            return ""
        if isinstance(value, bool | np.bool_):
            return "1" if value else "0"
        if isinstance(value, float | np.floating):
            whole = float(value).is_integer() and abs(value) < WHOLE
            return str(int(value)) if whole else repr(float(value))
        return "" if value is pd.NA else str(value).strip()

    return np.array([one(v) for v in values], dtype=object)


def _places(
    spec: TableSpec, frame: gpd.GeoDataFrame, rows: np.ndarray, ledger: Ledger
) -> dict[str, np.ndarray]:
    """Coordinates of every feature, of polygons a point inside and the area; faults are told."""
    import shapely

    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    kinds = np.array([KINDS.get(k, "") for k in shapely.get_type_id(shapes)], dtype=object)
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if empty.any():
        ledger.error(
            "E331",
            f"{spec.shown}, {rows_text(rows[empty])}: no geometry, so {int(empty.sum())} of "
            f"{len(rows)} features have no place",
            file=spec.shown,
            row=int(rows[empty][0]),
            why="a file cut short looks like this too",
            cure="draw the missing shapes or delete these features, or export the layer again",
        )
        return {}
    told = {k: rows_text(rows[kinds == k]) for k in ("points", "lines", "polygons", "")}
    told = {k or "other shapes": r for k, r in told.items() if (kinds == k).any()}
    if set(told) not in ({"points"}, {"polygons"}):
        few = ", ".join(f"{kind} ({r})" for kind, r in told.items())
        wrong = rows[(kinds != "points") & (kinds != "polygons")]
        rarer = rows[kinds != pd.Series(kinds).mode()[0]]
        ledger.error(
            "E332",
            f"{spec.shown} holds {few}; sites are all points or all polygons",
            file=spec.shown,
            row=int((wrong if len(wrong) else rarer)[0]),
            cure="keep each kind in a layer of its own, and name one",
        )
        return {}
    if shapely.has_z(shapes).any():
        ledger.note(
            "N333",
            f"{spec.shown}: the shapes have heights (z), which are not read",
            file=spec.shown,
            cure="to use them, write them into a column of the layer",
        )
        shapes = shapely.force_2d(shapes)
    if "points" in told:
        return _of_points(spec, shapes, frame.crs, rows, ledger)
    return _of_polygons(spec, shapes, frame.crs, rows, ledger)


def _of_points(spec, shapes, crs, rows, ledger: Ledger) -> dict[str, np.ndarray]:
    import shapely

    several = shapely.get_num_geometries(shapes) > 1
    if several.any():
        i = int(np.flatnonzero(several)[0])
        ledger.error(
            "E334",
            f"{spec.shown}, {rows_text(rows[several])}: a site of several points "
            f"({shapely.get_num_geometries(shapes[i])} in row {rows[i]})",
            file=spec.shown,
            row=int(rows[i]),
            cure="one point a site (QGIS: Multipart to singleparts)",
        )
        return {}
    points = shapely.get_geometry(shapes, 0)
    x, y = shapely.get_x(points), shapely.get_y(points)
    return {X: _turned(spec, x, crs, rows, ledger), Y: y}


def _of_polygons(spec, shapes, crs, rows, ledger: Ledger) -> dict[str, np.ndarray]:
    """A point inside each polygon and its area in km2."""
    import geopandas as gpd
    import shapely

    from surveys import places

    bad = ~shapely.is_valid(shapes)
    if bad.any():
        shapes[bad] = shapely.make_valid(shapes[bad])
        n = int(bad.sum())
        ledger.repair(
            "R314",
            f"{spec.shown}, {rows_text(rows[bad])}: {n} "
            f"{'polygon' if n == 1 else 'polygons'} crossed themselves and were mended",
            file=spec.shown,
            row=int(rows[bad][0]),
        )
    if crs.is_geographic:
        parts, owner = shapely.get_parts(shapes, return_index=True)
        west, _, east, _ = shapely.bounds(parts).T
        wide = np.unique(owner[east - west > 180])
        if len(wide):
            ledger.error(
                "E335",
                f"{spec.shown}, {rows_text(rows[wide])}: a polygon {np.max(east - west):.0f} "
                "degrees wide, from one side of the date line round the earth to the other",
                file=spec.shown,
                row=int(rows[wide][0]),
                why="its middle and its area would be those of the other side of the earth",
                cure="cut it at 180 degrees into two parts, or save the layer in a projected CRS",
            )
            return {}
    inside = shapely.point_on_surface(shapes)
    area = places.in_equal_area(gpd.GeoSeries(shapes, crs=crs)).area.to_numpy() / 1e6
    x, y = shapely.get_x(inside), shapely.get_y(inside)
    return {X: _turned(spec, x, crs, rows, ledger), Y: y, AREA: area}


def _turned(spec, x: np.ndarray, crs: Any, rows: np.ndarray, ledger: Ledger) -> np.ndarray:
    """Longitudes counted from 0 to 360 as -180 to 180; any others as they are."""
    over = x > 180
    if not crs.is_geographic or not over.any() or (x < 0).any() or (x > 360).any():
        return x
    ledger.repair(
        "R336",
        f"{spec.shown}: longitudes counted from 0 to 360 degrees were read as -180 to 180: "
        f"row {rows[over][0]} {x[over][0]:g} = {x[over][0] - 360:g}",
        file=spec.shown,
        row=int(rows[over][0]),
    )
    return np.where(over, x - 360, x)
