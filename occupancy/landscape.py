"""A made-up landscape, its field files and its truth: what the demonstration runs on.

Elevation and forest are smooth fields, regions are irregular and share their borders, and sites
lie where people like to go. The files are those of a real study: some visits were missed, some
sites never visited.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np

SPECIES = "Marsh wildcat (simulated)"
CRS = "EPSG:3035"
CENTRE = (4_470_000.0, 2_790_000.0)
RADIUS = (125_000.0, 85_000.0)
CELL = 5_000.0
FIRST_DAY = 79  # of the year: 20 March
NAMES = (
    "Alder Vale",
    "Brindlemoor",
    "Corvane",
    "Dunmarsh",
    "Eastfell",
    "Fennholt",
    "Greywater",
    "Highlow",
    "Ironbeck",
    "Juniper Rise",
    "Kestrel Down",
    "Longmere",
)
STUDY = Path(__file__).parent / "cli" / "data" / "demo_study.toml"


@dataclass(frozen=True)
class Truth:
    """What the simulation knows and the field files do not say."""

    seed: int
    species: str
    coefficients: dict[str, dict[str, float]]
    """Link scale, by parameter and term, named as the model names its columns."""
    sds: dict[str, dict[str, float]]
    """Standard deviation of the region effects as drawn, by parameter."""
    regions: dict[str, dict[str, float]]
    """Per region: area mean of psi, sites surveyed, and sites occupied among them."""
    cells: dict[str, float]
    """psi of every cell of the surface."""
    sites: int
    surveyed: int
    occupied: int
    """Sites occupied among those surveyed."""

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def open(cls, path: Path) -> Truth:
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def simulate_study(
    folder: Path | str,
    seed: int = 2026,
    sites: int = 240,
    regions: int = 6,
    visits: int = 5,
    never_visited: int = 5,
    missed: float = 0.12,
) -> Truth:
    """Write the files of a survey with known truth into `folder`, and return the truth.

    Parameters
    ----------
    sites, regions, visits
        Size of the survey; at most twelve regions.
    never_visited
        Sites that were planned and never visited.
    missed
        Share of the visits that were planned and not made.
    """
    import numpy as np

    if not 2 <= regions <= len(NAMES):
        raise ValueError(f"{regions} regions asked for; between 2 and {len(NAMES)} can be made.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    elevation, forest = _fields(chance)
    areas = _regions(chance, regions)
    cells = _cells(areas, elevation, forest)
    table = _sites(chance, areas, elevation, forest, sites)
    visited = np.ones(sites, bool)
    visited[chance.choice(sites, never_visited, replace=False)] = False

    centre = {name: table[name][visited].mean() for name in ("elevation", "forest")}
    spread = {name: table[name][visited].std(ddof=1) for name in ("elevation", "forest")}
    effects = {
        name: dict(zip(areas["region"], sd * _standard(chance, regions), strict=True))
        for name, sd in (("psi", 0.8), ("p", 0.5))
    }
    psi_terms = {"Intercept": 0.1, "scale(elevation)": -0.9, "scale(forest)": 0.7}

    def psi_of(frame: Any) -> np.ndarray:
        eta = psi_terms["Intercept"] + np.array([effects["psi"][r] for r in frame["region"]])
        for name in ("elevation", "forest"):
            eta = eta + psi_terms[f"scale({name})"] * (frame[name] - centre[name]) / spread[name]
        return np.asarray(1 / (1 + np.exp(-eta)))

    present = chance.random(sites) < psi_of(table)
    made, days, camera_days = _visits(chance, visited, visits, missed)
    p_terms = {"Intercept": -0.5, "scale(date)": 0.5, "log(camera_days)": 0.6}
    day = (days - days[made].mean()) / days[made].std(ddof=1)
    eta = (
        p_terms["Intercept"]
        + p_terms["scale(date)"] * day
        + p_terms["log(camera_days)"] * np.log(camera_days)
        + np.array([effects["p"][r] for r in table["region"]])[:, None]
    )
    seen = present[:, None] & (chance.random(eta.shape) < 1 / (1 + np.exp(-eta)))

    cells["psi"] = psi_of(cells)
    by_region = {}
    for name in areas["region"]:
        inside = cells["region"] == name
        here = (table["region"] == name) & visited
        by_region[name] = {
            "area_psi": float(np.average(cells["psi"][inside], weights=cells["area_km2"][inside])),
            "surveyed": int(here.sum()),
            "occupied": int(present[here].sum()),
        }
    truth = Truth(
        seed=seed,
        species=SPECIES,
        coefficients={"psi": psi_terms, "p": p_terms},
        sds={name: {"region": float(np.std([*u.values()]))} for name, u in effects.items()},
        regions=by_region,
        cells=dict(zip(cells["cell"], cells["psi"].round(6).tolist(), strict=True)),
        sites=sites,
        surveyed=int(visited.sum()),
        occupied=int(present[visited].sum()),
    )
    _write_tables(folder, table, made, days, camera_days, seen)
    _write_layer(areas, folder / "regions.gpkg", "regions")
    _write_layer(cells.drop(columns="psi"), folder / "cells.gpkg", "cells")
    names = ", ".join(f'"visit_{i}"' for i in range(1, visits + 1))
    text = STUDY.read_text(encoding="utf-8").replace("VISITS", names)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    truth.save(folder / "truth.json")
    return truth


# ---------------------------------------------------------------- the land


def _standard(chance: np.random.Generator, size: int) -> np.ndarray:
    """Draw from a normal and move to mean 0, sd 1, so that intercept and sd are what is said."""
    draws = chance.normal(size=size)
    return (draws - draws.mean()) / draws.std()


Field = Callable[["np.ndarray", "np.ndarray"], "np.ndarray"]


def _fields(chance: np.random.Generator) -> tuple[Field, Field]:
    """Elevation (m) and forest (share of the ground) as smooth functions of place."""
    import numpy as np

    def waves(scale: float, count: int = 60) -> Field:
        number = chance.normal(size=(2, count)) / scale
        phase = chance.uniform(0, 2 * np.pi, count)

        def value(easting: np.ndarray, northing: np.ndarray) -> np.ndarray:
            angle = np.multiply.outer(easting, number[0]) + np.multiply.outer(northing, number[1])
            return np.sqrt(2 / count) * np.cos(angle + phase).sum(axis=-1)

        return value

    hills, ridges, woods = waves(45_000), waves(14_000), waves(22_000)

    def elevation(easting: np.ndarray, northing: np.ndarray) -> np.ndarray:
        shape = hills(easting, northing) + 0.3 * ridges(easting, northing)
        return 120 + 1500 / (1 + np.exp(-1.3 * shape + 0.5))

    def forest(easting: np.ndarray, northing: np.ndarray) -> np.ndarray:
        tree_line = (elevation(easting, northing) - 900) / 500
        return 1 / (1 + np.exp(-1.6 * woods(easting, northing) + tree_line))

    return elevation, forest


def _wandering(chance: np.random.Generator, start: Any, end: Any, levels: int = 6) -> np.ndarray:
    """Draw a border that wanders as rivers and ridges do (midpoint displacement)."""
    import numpy as np

    line = np.array([start, end], float)
    for level in range(levels):
        along = np.diff(line, axis=0)
        across = np.column_stack([-along[:, 1], along[:, 0]])
        step = 0.16 if level else 0.10
        middle = line[:-1] + along / 2 + across * chance.normal(0, step, (len(along), 1))
        line = np.insert(line, np.arange(1, len(line)), middle, axis=0)
    return line


def _regions(chance: np.random.Generator, count: int) -> gpd.GeoDataFrame:
    """Irregular regions that share their borders and cover the land without gap or overlap."""
    import geopandas as gpd
    import numpy as np
    import shapely
    from scipy.spatial import Voronoi

    angle = np.linspace(0, 2 * np.pi, 721)[:-1]
    reach = np.ones_like(angle)
    for wave in range(2, 80):
        size = chance.normal(0, 0.15 / wave)
        reach += size * np.cos(wave * angle + chance.uniform(0, 2 * np.pi))
    coast = np.column_stack([np.cos(angle), np.sin(angle)]) * reach[:, None] * RADIUS + CENTRE
    land = shapely.Polygon(coast)

    inside = shapely.points(chance.uniform(coast.min(0), coast.max(0), (4000, 2)))
    ground = shapely.get_coordinates(inside[shapely.contains(land, inside)])
    seeds = ground[chance.choice(len(ground), count, replace=False)]
    for _ in range(3):  # Lloyd steps: no sliver, and still no two regions alike
        nearest = np.linalg.norm(ground[:, None] - seeds, axis=2).argmin(axis=1)
        seeds = np.array([ground[nearest == i].mean(axis=0) for i in range(count)])
    far = np.column_stack([np.cos(angle[::60]), np.sin(angle[::60])]) * 1e6 + CENTRE
    diagram = Voronoi(np.vstack([seeds, far]))
    corners = diagram.vertices
    around = land.buffer(5_000)
    borders = [land.exterior]
    for pair, ends in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
        straight = shapely.intersection(around, shapely.LineString(corners[ends]))
        if max(pair) < count and not straight.is_empty:
            path = shapely.get_coordinates(straight)
            borders.append(shapely.LineString(_wandering(chance, path[0], path[-1])))
    # Borders that wander may cross: a small face between goes where it shares most of its border.
    faces = list(shapely.get_parts(shapely.polygonize([shapely.unary_union(borders)])))
    plain = [shapely.Polygon(corners[diagram.regions[i]]) for i in diagram.point_region[:count]]
    shapes = [max(faces, key=lambda face, of=of: face.intersection(of).area) for of in plain]
    rest = [face for face in faces if all(face is not shape for shape in shapes)]
    while rest:
        shared = shapely.length(shapely.intersection(np.array(rest)[:, None], np.array(shapes)))
        face, region = np.unravel_index(shared.argmax(), shared.shape)
        shapes[region] = shapely.union(shapes[region], rest.pop(face))
    shapes.sort(key=lambda shape: -shape.centroid.y)
    return gpd.GeoDataFrame({"region": NAMES[:count]}, geometry=shapes, crs=CRS)


def _cells(areas: gpd.GeoDataFrame, elevation: Field, forest: Field) -> gpd.GeoDataFrame:
    """Equal hexagons over the land, cut at the coast, each in the region of its centre."""
    import geopandas as gpd
    import numpy as np
    import shapely

    west, south, east, north = areas.total_bounds
    side = CELL / np.sqrt(3)
    rows = np.arange(south - CELL, north + CELL, 1.5 * side)
    columns = np.arange(west - CELL, east + CELL, CELL)
    turn = np.pi / 6 + np.arange(6) * np.pi / 3
    corner = side * np.column_stack([np.cos(turn), np.sin(turn)])
    shift = np.where(np.arange(len(rows)) % 2, CELL / 2, 0.0)
    middle = np.stack(
        [columns + shift[:, None], np.broadcast_to(rows[:, None], (len(rows), len(columns)))], -1
    ).reshape(-1, 2)
    land = shapely.union_all(areas.geometry.values)
    hexagons = shapely.polygons(middle[:, None] + corner)
    shapely.prepare(land)
    hexagons = shapely.intersection(hexagons[shapely.intersects(land, hexagons)], land)
    hexagons = hexagons[shapely.area(hexagons) > 1e-3 * CELL**2]
    at = shapely.get_coordinates(shapely.point_on_surface(hexagons))
    region = np.full(len(at), "", dtype=object)
    for name, shape in zip(areas["region"], areas.geometry, strict=True):
        region[shapely.intersects_xy(shape, at)] = name
    return gpd.GeoDataFrame(
        {
            "cell": [f"C{i:04d}" for i in range(1, len(at) + 1)],
            "region": region,
            "elevation": elevation(*at.T).round(0),
            "forest": forest(*at.T).round(3),
            "area_km2": (shapely.area(hexagons) / 1e6).round(4),
        },
        geometry=hexagons,
        crs=CRS,
    )


# ---------------------------------------------------------------- the survey


def _sites(
    chance: np.random.Generator,
    areas: gpd.GeoDataFrame,
    elevation: Field,
    forest: Field,
    count: int,
) -> dict[str, np.ndarray]:
    """Sites where people like to go: low ground, woods, and some regions far more than others."""
    import numpy as np
    import shapely
    from pyproj import Transformer

    west, south, east, north = areas.total_bounds
    places = chance.uniform((west, south), (east, north), (40 * count, 2))
    region = np.full(len(places), "", dtype=object)
    for name, shape in zip(areas["region"], areas.geometry, strict=True):
        region[shapely.contains_xy(shape, places)] = name
    places, region = places[region != ""], region[region != ""]
    liking = dict(zip(areas["region"], np.geomspace(1, 0.15, len(areas)), strict=True))
    height, wood = elevation(*places.T), forest(*places.T)
    weight = np.array([liking[r] for r in region]) * np.exp(-height / 900 + 0.8 * wood)
    chosen = np.sort(chance.choice(len(places), count, replace=False, p=weight / weight.sum()))
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(*places[chosen].T)
    order = np.argsort(region[chosen].astype(str), kind="stable")
    return {
        "site": np.array([f"MW-{i:03d}" for i in range(1, count + 1)]),
        "longitude": np.round(longitude, 5)[order],
        "latitude": np.round(latitude, 5)[order],
        "region": region[chosen][order],
        "elevation": height[chosen].round(0)[order],
        "forest": wood[chosen].round(3)[order],
    }


def _visits(
    chance: np.random.Generator, visited: np.ndarray, visits: int, missed: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which visits were made, on what day of the year, and for how many camera days."""
    import numpy as np

    shape = (len(visited), visits)
    made = chance.random(shape) >= missed
    planned = chance.choice(np.arange(2, visits + 1), len(visited), p=_late(visits))
    made &= np.arange(visits) < planned[:, None]  # some sites were given up early
    made[:, 0] |= ~made.any(axis=1)
    made &= visited[:, None]
    start = FIRST_DAY + 18 * np.arange(visits)
    days = start + chance.integers(0, 15, shape)
    camera_days = chance.choice([1.0, 2.0, 3.0, 5.0, 7.0], shape, p=[0.35, 0.25, 0.2, 0.12, 0.08])
    return made, days, camera_days


def _late(visits: int) -> np.ndarray:
    """Most sites get every visit."""
    import numpy as np

    share = np.full(visits - 1, 0.3 / max(visits - 2, 1))
    share[-1] = 0.7 if visits > 2 else 1.0
    return share


# ---------------------------------------------------------------- the files


def _write_tables(
    folder: Path,
    table: dict[str, np.ndarray],
    made: np.ndarray,
    days: np.ndarray,
    camera_days: np.ndarray,
    seen: np.ndarray,
) -> None:
    names = [f"visit_{i}" for i in range(1, made.shape[1] + 1)]

    def wide(name: str, cell: Callable[[int, int], str]) -> None:
        rows = [
            [site, *(cell(i, j) if made[i, j] else "" for j in range(len(names)))]
            for i, site in enumerate(table["site"])
        ]
        _write_csv(folder / name, ["site", *names], rows)

    wide("detections.csv", lambda i, j: str(int(seen[i, j])))
    wide("camera_days.csv", lambda i, j: f"{camera_days[i, j]:g}")
    wide("date.csv", lambda i, j: str(days[i, j]))
    rows = [[str(value) for value in row] for row in zip(*table.values(), strict=True)]
    _write_csv(folder / "sites.csv", list(table), rows)


def _write_csv(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write_layer(frame: gpd.GeoDataFrame, path: Path, layer: str) -> None:
    path.unlink(missing_ok=True)
    frame.to_file(path, layer=layer, driver="GPKG", engine="pyogrio")
