"""Values of map layers at places: of the polygon there, within a circle, and how far a feature is.

Areas are measured in an equal-area CRS, distances along the ground.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from surveys.places.circles import EARTH, rings
from surveys.places.crs import equal_area_crs, in_equal_area, is_equal_area, parse_crs
from surveys.values import natural

if TYPE_CHECKING:
    import geopandas as gpd

WIDE = 120.0  # degrees of longitude
FARTHEST = 1.3  # by how much the stretch of a map may grow towards the nearest feature
SEGMENTS = 16  # a long straight line of one map is bent on another


def value_at(layer: gpd.GeoDataFrame, column: str, longitude: Any, latitude: Any) -> np.ndarray:
    """(place,) value of the polygon in which each place lies, None outside all of them.

    On a border, and where polygons overlap, the first polygon of the layer counts.
    """
    points = _points(longitude, latitude).to_crs(layer.crs)
    place, polygon = layer.sindex.query(points, predicate="intersects")
    first = pd.Series(polygon).groupby(place).min()
    out = np.full(len(points), None, dtype=object)
    out[first.index.to_numpy()] = layer[column].to_numpy(dtype=object)[first.to_numpy()]
    return out


def areas_within(
    layer: gpd.GeoDataFrame, column: str, longitude: Any, latitude: Any, metres: float
) -> pd.DataFrame:
    """Share of the circle round each place that the polygons of each class cover.

    Returns
    -------
    DataFrame
        A row for each place and class that meet: place (position), value, share. Polygons of one
        class that overlap count once.
    """
    import geopandas as gpd
    import shapely

    flat = _flat(layer, longitude, latitude)
    ring_lon, ring_lat = rings(np.asarray(longitude, float), np.asarray(latitude, float), metres)
    known = np.flatnonzero(np.isfinite(ring_lon[:, 0]))
    circles = gpd.GeoSeries(
        shapely.polygons(np.stack(_on_map(ring_lon[known], ring_lat[known], flat.crs), axis=-1))
    )
    shapes = np.asarray(shapely.force_2d(flat.geometry.to_numpy()))
    bad = ~shapely.is_valid(shapes)
    shapes[bad] = shapely.make_valid(shapes[bad])
    flat = gpd.GeoSeries(shapes, crs=flat.crs)
    round_place = circles.to_numpy()
    place, polygon = flat.sindex.query(round_place, predicate="intersects")
    parts = shapely.intersection(shapes[polygon], round_place[place])
    found = pd.DataFrame(
        {
            "place": known[place],
            "value": layer[column].to_numpy(dtype=object)[polygon],
            "circle": shapely.area(round_place)[place],
        }
    )
    found["part"] = parts
    found = found[np.array([not _absent(v) for v in found["value"]], dtype=bool)]
    rows = []
    for (at, value), group in found.groupby(["place", "value"], sort=True):
        shapes_there = group["part"].to_numpy()
        united = shapes_there[0] if len(group) == 1 else shapely.union_all(shapes_there)
        rows.append((at, value, shapely.area(united) / group["circle"].iloc[0]))
    return pd.DataFrame(rows, columns=["place", "value", "share"])


def majority_within(
    layer: gpd.GeoDataFrame, column: str, longitude: Any, latitude: Any, metres: float
) -> np.ndarray:
    """(place,) class that covers most of the circle round each place, None where none does.

    Of classes that cover the same, the first in natural order.
    """
    table = areas_within(layer, column, longitude, latitude, metres)
    out = np.full(len(np.atleast_1d(longitude)), None, dtype=object)
    for at, group in table[table["share"] > 0].groupby("place"):
        most = group["share"].max()
        tied = group["value"][group["share"] >= most * (1 - 1e-9)]
        out[at] = min(tied, key=lambda v: natural(str(v)))
    return out


def metres_to_nearest(layer: gpd.GeoDataFrame, longitude: Any, latitude: Any) -> np.ndarray:
    """(place,) metres along the ground to the nearest feature, 0 inside a polygon.

    The nearest is sought on a map; what could be nearer on the ground is measured round the
    place itself, with geodesics to its corners, so that no stretch of a map remains.
    """
    import shapely
    from pyproj import Geod, Transformer

    lon, lat = (np.atleast_1d(np.asarray(v, float)) for v in (longitude, latitude))
    flat = _flat(layer, lon, lat).geometry
    flat = flat[~(flat.is_empty | flat.isna()).to_numpy()]
    flat = flat[np.isfinite(flat.bounds).all(axis=1).to_numpy()]  # what the map cannot show
    shapes = np.asarray(shapely.force_2d(flat.to_numpy()))
    x, y = _on_map(lon, lat, flat.crs)
    stretch = _stretch(flat.crs, lon, lat)
    back = Transformer.from_crs(flat.crs, "EPSG:4326", always_xy=True)
    geod = Geod(ellps=EARTH)
    out = np.full(len(lon), np.nan)
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    points = shapely.points(x[known], y[known])
    at, found = flat.sindex.nearest(points, return_all=False)
    near = dict(zip(at.tolist(), found.tolist(), strict=True))
    for k, i in enumerate(known):
        if k not in near:
            continue

        def ground(coordinates: np.ndarray, i: int = i) -> np.ndarray:
            """Metres east and north of the place, true in direction and distance from it."""
            there_lon, there_lat = back.transform(coordinates[:, 0], coordinates[:, 1])
            here = np.full(len(coordinates), lon[i]), np.full(len(coordinates), lat[i])
            azimuth, _, metres = geod.inv(*here, there_lon, there_lat)
            return np.column_stack(
                [metres * np.sin(np.radians(azimuth)), metres * np.cos(np.radians(azimuth))]
            )

        line = shapely.shortest_line(points[k], shapes[near[k]])
        end = shapely.get_coordinates(line)[-1:]
        upper = float(np.hypot(*ground(end)[0]))
        if upper == 0 or shapely.intersects(points[k], shapes[near[k]]):
            out[i] = 0.0
            continue
        reach = upper * stretch[i] * FARTHEST
        nearby = flat.sindex.query(points[k], predicate="dwithin", distance=reach)
        box = (x[i] - reach, y[i] - reach, x[i] + reach, y[i] + reach)
        clipped = shapely.clip_by_rect(shapely.make_valid(shapes[nearby]), *box)
        clipped = clipped[~shapely.is_empty(clipped)]
        clipped = shapely.segmentize(clipped, reach / SEGMENTS)
        moved = shapely.transform(clipped, ground)
        away = shapely.distance(shapely.Point(0, 0), moved)
        out[i] = min(upper, float(np.min(away, initial=np.inf)))
    return out


def _flat(layer: gpd.GeoDataFrame, longitude: Any, latitude: Any) -> gpd.GeoDataFrame:
    """The layer on an equal-area map without a seam among the places.

    A map of the whole world is cut along a meridian; for a layer so wide the map of the places is
    taken, unless they too lie all round the earth.
    """
    flat = in_equal_area(layer)
    west, _, east, _ = flat.to_crs("EPSG:4326").total_bounds
    lon, lat = np.atleast_1d(longitude), np.atleast_1d(latitude)
    if east - west < WIDE or not np.isfinite(lon).any():
        return flat
    return layer.to_crs(equal_area_crs(lon, lat))


def _points(longitude: Any, latitude: Any) -> gpd.GeoSeries:
    import geopandas as gpd

    points = gpd.points_from_xy(np.atleast_1d(longitude), np.atleast_1d(latitude))
    gone = ~np.isfinite(np.atleast_1d(longitude)) | ~np.isfinite(np.atleast_1d(latitude))
    points[gone] = None
    return gpd.GeoSeries(points, crs="EPSG:4326")


def _on_map(lon: np.ndarray, lat: np.ndarray, crs: Any) -> tuple[np.ndarray, np.ndarray]:
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    return np.asarray(x, float), np.asarray(y, float)


def _stretch(crs: Any, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """By how much a map stretches the ground at each place, in its worst direction."""
    from pyproj import Proj

    assert is_equal_area(crs)
    factors = Proj(parse_crs(crs)).get_factors(lon, lat)
    found = np.asarray(factors.tissot_semimajor, float)
    return np.where(np.isfinite(found) & (found >= 1), found, 1.0)


def _absent(value: Any) -> bool:
    return value is None or value != value or value == ""
