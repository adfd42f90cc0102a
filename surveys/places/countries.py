"""In which country a point lies, coarsely: enough to notice that two columns are swapped."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np

from surveys.problems import Problem, SurveyError, did_you_mean, listing

TOLERANCE = 0.5  # degrees; coasts and small countries are coarse at 1:110 million


# Drawn apart in the atlas, and of the country that the codes of ISO 3166 give them to.
DRAWN_APART = {"Somaliland": "SO", "N. Cyprus": "CY"}


@lru_cache(maxsize=1)
def _atlas() -> tuple[Any, tuple[str, ...], tuple[str, ...], tuple[str, ...], frozenset[str]]:
    """(tree of polygons, code, numeric code and name of each, codes without polygon)."""
    import shapely

    text = (resources.files("surveys") / "data" / "countries.geojson").read_text(encoding="utf-8")
    document = json.loads(text)
    told: list[dict[str, str]] = []
    shapes: list[Any] = []
    features = document["features"]
    for feature in sorted(features, key=lambda f: f["properties"]["name"] in DRAWN_APART):
        shape = shapely.make_valid(
            shapely.MultiPolygon([(p[0], p[1:]) for p in feature["geometry"]["coordinates"]])
        )
        whole = DRAWN_APART.get(feature["properties"]["name"])
        at = next((i for i, t in enumerate(told) if t["iso"] == whole), None)
        if at is None:
            told.append(feature["properties"])
            shapes.append(shape)
        else:
            shapes[at] = shapely.union(shapes[at], shape)
    return (
        shapely.STRtree(shapes),
        tuple(t["iso"] for t in told),
        tuple(t["numeric"] for t in told),
        tuple(t["name"] for t in told),
        frozenset(document["without_polygon"]),
    )


def _nearest(lon: Any, lat: Any, tolerance: float) -> np.ndarray:
    """Position of the country at each point, else of the nearest within tolerance, else -1."""
    import shapely

    x, y = np.broadcast_arrays(np.atleast_1d(np.asarray(lon, float)), np.asarray(lat, float))
    out = np.full(x.shape, -1)
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    points = shapely.points(x[known], y[known])
    point, country = _atlas()[0].query_nearest(points, max_distance=tolerance, all_matches=False)
    out[known[point]] = country
    return out


def country_of(lon: Any, lat: Any, tolerance: float = TOLERANCE) -> Any:
    """ISO alpha-2 code of the country at each point; "" at sea, and where a country has no code.

    One text for numbers, an array of texts for arrays.
    """
    codes = np.array([*_atlas()[1], ""], dtype=str)[_nearest(lon, lat, tolerance)]
    return str(codes[0]) if np.ndim(lon) == 0 and np.ndim(lat) == 0 else codes


def country_name(lon: Any, lat: Any, tolerance: float = TOLERANCE) -> Any:
    """As `country_of`, but the English name; "" at sea."""
    names = np.array([*_atlas()[3], ""], dtype=str)[_nearest(lon, lat, tolerance)]
    return str(names[0]) if np.ndim(lon) == 0 and np.ndim(lat) == 0 else names


def _find(country: str) -> int | None:
    """Position of a country by code, number or name; None: too small to have a polygon."""
    _, codes, numerics, names, small = _atlas()
    word = str(country).strip()
    if word.upper() in small:
        return None
    for known, wanted in ((codes, word.upper()), (numerics, word.zfill(3))):
        if wanted and wanted in known:
            return known.index(wanted)
    bare = [name.casefold() for name in names]
    if word.casefold() in bare:
        return bare.index(word.casefold())
    raise SurveyError(
        Problem(
            code="E330",
            fact=f'"{word}" is no country code.' + did_you_mean(word, (*codes, *names, *small)),
            cure='give two letters, such as region = "CH" or "CO"',
        )
    )


def inside_country(lon: Any, lat: Any, country: str, tolerance: float = TOLERANCE) -> Any:
    """Whether each point lies in the country, or within `tolerance` degrees of it.

    Always true for a country too small for the atlas (Singapore): nothing can be denied there.
    Missing coordinates are not inside.
    """
    import shapely

    one = np.ndim(lon) == 0 and np.ndim(lat) == 0
    x, y = np.broadcast_arrays(np.atleast_1d(np.asarray(lon, float)), np.asarray(lat, float))
    inside = np.isfinite(x) & np.isfinite(y)
    position = _find(country)
    if position is not None:
        shape = _atlas()[0].geometries[position]
        known = np.flatnonzero(inside)
        inside[known] = shapely.distance(shape, shapely.points(x[known], y[known])) <= tolerance
    return bool(inside[0]) if one else inside


def country_problem(
    lon: Any,
    lat: Any,
    country: str,
    *,
    file: str = "",
    lon_column: str = "lon",
    lat_column: str = "lat",
    sites: Any = None,
) -> Problem | None:
    """What is wrong if points do not lie in their country: None, a swap (error), or strays (warn).

    A swap is told only where all points lie outside and all lie inside once the columns change
    places.
    """
    x, y = np.atleast_1d(np.asarray(lon, float)), np.atleast_1d(np.asarray(lat, float))
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    inside = inside_country(x, y, country)
    if inside.all():
        return None
    where = f"{file}: " if file else ""
    names = [n for n in dict.fromkeys(country_name(x[~inside], y[~inside])) if n]
    place = f"in {listing(names, 2)} or the sea beside it" if names else "in the sea"
    if not inside.any() and inside_country(y, x, country).all():
        return Problem(
            code="E024",
            file=file,
            fact=f"{where}all {len(x)} points lie {place} (column {lat_column} {y.min():g} to "
            f"{y.max():g}, {lon_column} {x.min():g} to {x.max():g}), but the study says {country}. "
            f"With {lat_column} and {lon_column} swapped all {len(x)} lie in {country}",
            why="every distance, region and map would be of another place",
            cure=f'swap the columns: latitude = "{lon_column}", longitude = "{lat_column}"',
        )
    labels = None if sites is None else np.asarray(sites, dtype=str)[known][~inside]
    strays = "" if labels is None else f": {listing(labels)}"
    return Problem(
        code="W024",
        level="warn",
        file=file,
        fact=f"{where}{int((~inside).sum())} of {len(x)} points lie {place}, "
        f"outside {country}{strays}",
        cure="check their coordinates, or the country of the study",
    )
