"""Places in one column (46.81, 8.23; POINT (8.23 46.81); SK 123 456), and UTM zones row by row."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.position_text import DEGREES, Position, parse, utm_crs
from surveys.problems import first_of
from surveys.study_file import StudyFile
from surveys.text_table import Table, bare

UNKNOWN_CRS = "unknown"  # of [sites] crs
# Columns that are taken for places unasked, where every cell is one.
USUAL = (
    *("position", "coordinates", "coordinate", "coords", "coord", "latlon", "latlong", "latlng"),
    *("lat_lon", "lat_long", "lat,lon", "lat/lon", "lat/long", "lonlat", "lon_lat", "lon,lat"),
    *("gps", "wkt", "geom", "geometry", "the_geom", "wkt_geom", "point", "mgrs", "utm"),
    *("gridref", "grid_ref", "gridreference", "grid_reference", "osgridref", "osgr", "ngr"),
    *("mapref", "koordinaten", "koordinate", "coordonnées", "coordenadas", "coordinate_gps"),
)
_ZONE_NUMBER = re.compile(r"(?:utm)?\s*([0-9]{1,2})\s*[a-z]?", re.IGNORECASE)
_LON_FIRST = re.compile(r"^(?:lon|lng|x)")
_NAMES = {"EPSG:27700": "the British grid", "EPSG:29903": "the Irish grid", DEGREES: "degrees"}


def column_of(table: Table, ledger: Ledger, *, quiet: bool = False) -> str | None:
    """The column of places: as the study file names it, else by its name and all its cells.

    `quiet` asks the study file alone; columns of coordinates that it names, or that are there, go
    before a column that is found.
    """
    from surveys.readers import roles

    if "position" in table.spec.columns:
        return roles.named(table, "position", ledger)
    if quiet or set(roles.PLACES) & set(table.spec.columns):
        return None
    for pair in (roles.PLACES[:2], roles.PLACES[2:]):
        if all(any(table.match_but_unit(n) for n in roles.USUAL[role]) for role in pair):
            return None
    named = [c for c in table.names if bare(c) in USUAL]
    found = next((c for c in named if is_places(table, c)), None)
    for column in named if found is None else ():
        _tell_some(table, column, ledger)
    return found


def _tell_some(table: Table, column: str, ledger: Ledger) -> None:
    """Most cells tell a place, and some do not: none is used, which nobody would notice."""
    told = _told(table, column)
    other = [v for v in told if parse(v) is None]
    if not other or 2 * len(other) >= len(told):
        return
    rows = table.rows[np.isin(table.text(column), other)]
    ledger.warn(
        "W027",
        f'"{other[0]}" is no place as the other cells are, so that the sites have no coordinates',
        at=table.at(rows, column),
        cure="correct it, or leave it blank",
    )


def tell_other_zones(table: Table, crs: str | None, ledger: Ledger) -> None:
    """Zones of several numbers beside coordinates that all are read in one CRS."""
    for name in (c for c in table.names if bare(c) in ("zone", "utmzone", "utm_zone")):
        numbers = [_ZONE_NUMBER.fullmatch(v) for v in _told(table, name)]
        zones = sorted({int(m[1]) for m in numbers if m is not None})
        if crs is not None and crs != UNKNOWN_CRS and None not in numbers and len(zones) > 1:
            ledger.warn(
                "W028",
                f"{table.place}: column {name} tells the zones {', '.join(map(str, zones))}, and "
                f"all coordinates are read as {crs}",
                file=table.file,
                column=name,
                why="places of another zone would lie hundreds of kilometres away",
                cure="write 32 north or 32T in it, and instead of [sites] crs "
                f'[{table.spec.section}.columns] zone = "{name}"',
            )


def is_places(table: Table, column: str) -> bool:
    """Whether every cell that is filled tells a place."""
    told = _told(table, column)
    return bool(told) and all(parse(v) is not None for v in told)


def is_zones(table: Table, column: str) -> bool:
    """Whether every cell that is filled tells a UTM zone and its half of the earth."""
    told = _told(table, column)
    return bool(told) and all(utm_crs(v) is not None for v in told)


def _told(table: Table, column: str) -> list[str]:
    kinds = pd.unique(table.text(column))
    return [v for v in kinds if not cells.is_missing(v, cells.MISSING_NUMBER, table.spec.missing)]


def read(
    study: StudyFile, table: Table, column: str, ledger: Ledger
) -> tuple[tuple[str, str], dict[str, np.ndarray]]:
    """The pair of coordinates that a column of places tells, as degrees where it tells their CRS.

    Returns
    -------
    pair, values : the roles, and {role: (row,) values}; {} where a fault forbids it.
    """
    table.placed.add(column)
    texts = table.text(column)
    told = _told(table, column)
    found = {v: parse(v) for v in told}
    for value, others in first_of(v for v, place in found.items() if place is None):
        rows = table.rows[texts == value]
        ledger.error(
            "E046",
            f'"{value}" is no place',
            at=table.at(rows, column),
            cure="write 46.81, 8.23 (latitude first); POINT (8.23 46.81); 32 north 456789 5186543; "
            "or a square of the British, Irish or military grid: SK 123 456",
            others=others,
        )
    places = {v: place for v, place in found.items() if place is not None}
    none = ("longitude", "latitude"), {}
    if len(places) < len(found) or not places:
        return none
    places = _in_order(table, column, places)
    bare_metres = [v for v, place in places.items() if not place.crs]
    if bare_metres:
        return _metres(study, table, column, places, bare_metres, ledger)
    lon, lat = _degrees(places)
    if _tell_outside(table, column, list(places), lon, ledger):
        return none
    at = {v: i for i, v in enumerate(places)}
    index = np.array([at.get(v, -1) for v in texts])
    study.layer_crs = DEGREES
    _tell(table, column, places, lon, lat, ledger)
    values = {"longitude": np.append(lon, np.nan)[index], "latitude": np.append(lat, np.nan)[index]}
    return ("longitude", "latitude"), values


def _in_order(table: Table, column: str, places: dict[str, Position]) -> dict[str, Position]:
    """Pairs without letters: latitude first, unless the name or a latitude beyond 90 says else."""
    free = [p for p in places.values() if not p.ordered and p.crs == DEGREES]
    if not free or not (_LON_FIRST.match(bare(column)) or any(abs(p.y) > 90 for p in free)):
        return places
    return {
        v: p if p.ordered or p.crs != DEGREES else Position(p.y, p.x, DEGREES, ordered=False)
        for v, p in places.items()
    }


def _metres(study, table, column, places, bare_metres, ledger: Ledger):
    """Pairs of metres, which need the CRS of the study file; easting first."""
    pair = ("easting", "northing")
    row = int(table.rows[table.text(column) == bare_metres[0]][0])
    told = study.section("sites").get("crs")
    if len(bare_metres) < len(places):
        ledger.error(
            "E026",
            f'{table.place}, row {row}, column {column}: "{bare_metres[0]}" tells no CRS, and '
            "other rows do",
            file=table.place,
            row=row,
            column=column,
            cure="write all places in one way",
        )
    elif told is None:
        ledger.error(
            "E026",
            f"{table.place}: column {column} holds metres ({bare_metres[0]} ...) and no CRS is "
            "given",
            file=table.place,
            column=column,
            why="the same numbers lie in another country under another CRS",
            cure='set [sites] crs, for example "EPSG:32632" for UTM zone 32N',
        )
    if told in (None, UNKNOWN_CRS) or len(bare_metres) < len(places):
        return pair, {}
    texts = table.text(column)
    x = np.array([places[v].x if v in places else np.nan for v in texts])
    y = np.array([places[v].y if v in places else np.nan for v in texts])
    return pair, {"easting": x, "northing": y}


def _degrees(places: dict[str, Position]) -> tuple[np.ndarray, np.ndarray]:
    x = np.array([p.x for p in places.values()])
    y = np.array([p.y for p in places.values()])
    return in_degrees(x, y, np.array([p.crs for p in places.values()], dtype=object))


def in_degrees(x: np.ndarray, y: np.ndarray, crs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of places that may be of several CRS; NaN where one is ""."""
    from pyproj import Transformer

    from surveys.places.crs import parse_crs

    lon, lat = np.full(len(x), np.nan), np.full(len(x), np.nan)
    for name in dict.fromkeys(c for c in crs if c):
        at = crs == name
        lon[at], lat[at] = x[at], y[at]
        if name != DEGREES:
            to_degrees = Transformer.from_crs(parse_crs(name), DEGREES, always_xy=True)
            lon[at], lat[at] = to_degrees.transform(x[at], y[at])
    lost = ~(np.isfinite(lon) & np.isfinite(lat))
    lon[lost], lat[lost] = np.nan, np.nan
    return lon, lat


def _tell_outside(
    table: Table, column: str, told: list[str], lon: np.ndarray, ledger: Ledger
) -> bool:
    """Tell the places that their own CRS does not hold; `told` are the cells, or rows, of `lon`."""
    lost = [v for v, x in zip(told, lon, strict=True) if np.isnan(x)]
    if not lost:
        return False
    whole = len(told) == len(table)
    rows = table.rows[np.isnan(lon)] if whole else table.rows[np.isin(table.text(column), lost)]
    ledger.error(
        "E025",
        f'"{lost[0]}" with these coordinates is no place on earth',
        at=table.at(rows, column),
        cure="a digit lost or doubled? Correct it, or leave the place blank",
    )
    return True


def _tell(table: Table, column: str, places: dict[str, Position], lon, lat, ledger: Ledger) -> None:
    first, place = next(iter(places.items()))
    row = int(table.rows[table.text(column) == first][0])
    kinds = [_NAMES.get(c, c) for c in dict.fromkeys(p.crs for p in places.values())]
    squares = max(p.square for p in places.values())
    middle = f"; of a square (up to {squares:g} m) its middle is taken" if squares else ""
    free = not place.ordered and place.crs == DEGREES
    ledger.repair(
        "R028",
        f"{table.place}, column {column}: places read as {', '.join(kinds)}: row {row} "
        f'"{first}" = latitude {lat[0]:.6f}, longitude {lon[0]:.6f}{middle}',
        file=table.file,
        row=row,
        column=column,
        cure='if the longitude stands first, call the column "lon_lat"' if free else "",
    )


def by_zone(
    study: StudyFile, table: Table, values: dict[str, np.ndarray], ledger: Ledger
) -> tuple[tuple[str, str], dict[str, np.ndarray]]:
    """Degrees from easting, northing and the UTM zone of each row."""
    from surveys.readers import roles

    degrees = ("longitude", "latitude")
    column = roles.named(table, "zone", ledger)
    if column is None:
        return degrees, {}
    table.placed.add(column)
    if study.section("sites").get("crs") not in (None, UNKNOWN_CRS):
        ledger.error(
            "E026",
            f"{table.place}: {study.name} tells [sites] crs and a column of UTM zones, {column}",
            file=table.place,
            column=column,
            cure="remove one of them",
        )
        return degrees, {}
    texts = table.text(column)
    crs = np.array([utm_crs(v) or "" for v in texts], dtype=object)
    x, y = values["easting"], values["northing"]
    lost = (crs == "") & np.isfinite(x)
    for value, others in first_of(pd.unique(texts[lost])):
        rows = table.rows[lost & (texts == value)]
        ledger.error(
            "E026",
            f'"{value}" does not tell a UTM zone and its half of the earth',
            at=table.at(rows, column),
            why="S may be the band of the north that is called so, or mean south",
            cure="write 32 north or 32 south, or a band other than S, such as 32T; or give "
            'one CRS for all: [sites] crs = "EPSG:32632"',
            others=others,
        )
    if lost.any():
        return degrees, {}
    lon, lat = in_degrees(x, y, crs)
    outside = np.isfinite(x) & np.isfinite(y) & ~np.isfinite(lon)
    if _tell_outside(table, column, list(texts), np.where(outside, np.nan, 0.0), ledger):
        return degrees, {}
    study.layer_crs = DEGREES
    zones = ", ".join(dict.fromkeys(v for v, c in zip(texts, crs, strict=True) if c))
    ledger.repair(
        "R028",
        f"{table.place}: easting and northing were read as UTM (WGS 84) by the zones of column "
        f"{column}: {zones}",
        file=table.file,
        column=column,
    )
    return degrees, {"longitude": lon, "latitude": lat}
