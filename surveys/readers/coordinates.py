"""Coordinates of sites: degrees, degrees-minutes-seconds or metres, and the checks on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from surveys import cells
from surveys.dms_text import dms
from surveys.ledger import Ledger
from surveys.problems import first_of, rows_text
from surveys.readers import positions, roles
from surveys.shared_places import SAME_METRES, seem_shared, shared
from surveys.study_file import StudyFile
from surveys.text_table import Table

PAIRS = (("longitude", "latitude"), ("easting", "northing"))
PAIRS_FLAT = tuple(role for pair in PAIRS for role in pair)
CLOSE_METRES = 10.0
UNKNOWN_CRS = "unknown"  # of [sites] crs: metres of a CRS that nobody knows yet
MOST_PAIRS = 5  # of sites at one place that are told one by one
EARTH_METRES = 6_371_008.8


def is_degrees(crs: str | None) -> bool:
    """Whether coordinates are longitude and latitude, as they are where no CRS is told."""
    if crs is None or crs.upper().replace(" ", "") in ("EPSG:4326", "OGC:CRS84"):
        return True
    from surveys.places.crs import parse_crs

    return bool(parse_crs(crs).is_geographic)


def same_crs(one: str, other: str) -> bool:
    """Whether two names mean one CRS; the order of its axes is not asked."""
    from surveys.places.crs import parse_crs

    return bool(parse_crs(one).equals(parse_crs(other), ignore_axis_order=True))


def read(
    study: StudyFile, table: Table, ids: np.ndarray, ledger: Ledger, *, quiet: bool = False
) -> dict[str, np.ndarray]:
    """The pair of coordinates of each row, checked; {} where the table has none.

    `quiet` looks only for columns that the study file names or that are called by their role in
    full (longitude, latitude), because a table of detections may use x and y for other things.
    """
    crs = study.crs
    if table.points is not None:  # of a map layer: what its columns tell beside is not asked
        pair = PAIRS[0] if is_degrees(crs) else PAIRS[1]
        found = [cells.numbers(table, name, ledger) for name in table.points]
        values = dict(zip(pair, found, strict=True))
        _check(study, table, ids, pair, table.points, values, crs, ledger)
        return values
    if (column := positions.column_of(table, ledger, quiet=quiet)) is not None:
        pair, values = positions.read(study, table, column, ledger)
        if values:
            _check(study, table, ids, pair, (column, column), values, study.crs, ledger)
        return values
    for pair in PAIRS:
        if quiet and pair[0] == "easting" and not set(pair) & set(table.spec.columns):
            continue
        columns = [roles.named(table, role, ledger) for role in pair]
        if None in columns:
            if any(columns) and any(role in table.spec.columns for role in pair):
                lacking = pair[columns.index(None)]
                ledger.error(
                    "E512",
                    f"{table.place}: [{table.spec.section}.columns] names one of {pair[0]} and "
                    f"{pair[1]} but there is no {lacking}",
                    file=table.place,
                    cure=f'{lacking} = "..." in [{table.spec.section}.columns]',
                )
            continue
        names = (str(columns[0]), str(columns[1]))
        if crs == UNKNOWN_CRS:
            _tell_unknown(study, table, names, ledger)
            return {}
        before = len(ledger.of_level("error"))
        values = {
            role: _degrees(table, name, role, ledger)
            if pair[0] == "longitude"
            else cells.numbers(table, name, ledger)
            for role, name in zip(pair, names, strict=True)
        }
        if pair[0] == "easting" and "zone" in table.spec.columns:
            pair, values = positions.by_zone(study, table, values, ledger)
            crs = study.crs
        elif pair[0] == "easting":
            positions.tell_other_zones(table, crs, ledger)
        if len(ledger.of_level("error")) > before:
            return {}
        _check(study, table, ids, pair, names, values, crs, ledger)
        if not any(np.isfinite(v).any() for v in values.values()):
            return {}
        return values
    return {}


def _tell_unknown(study: StudyFile, table: Table, names: tuple[str, str], ledger: Ledger) -> None:
    """Coordinates that cannot be used yet: a model without places needs none."""
    ledger.warn(
        "W026",
        f"{table.place}: columns {names[0]}, {names[1]} are not used, because {study.name} says "
        f'[sites] crs = "{UNKNOWN_CRS}"',
        file=table.place,
        column=names[0],
        why="without a CRS there are no maps, no distances between sites and no rasters",
        cure='[sites] crs = "EPSG:32632" for UTM zone 32N, "EPSG:2056" for Swiss LV95; whoever '
        "made the table or the map knows it",
    )


def _degrees(table: Table, column: str, axis: str, ledger: Ledger) -> np.ndarray:
    """Decimal degrees, or degrees, minutes and seconds turned into them and told."""
    texts = table.text(column)
    turned = {v: dms(v, axis) for v in pd.unique(texts)}
    if _tell_other_axis(table, column, axis, ledger):
        return np.full(len(texts), np.nan)
    if not any(v is not None for v in turned.values()):
        return cells.numbers(table, column, ledger)
    sign = cells.decimal_sign(table, column) or "."
    read: dict[str, float] = {v: np.nan if n is None else n for v, n in turned.items()}
    bad = []
    for value in (v for v, n in turned.items() if n is None):
        if cells.is_missing(value, cells.MISSING_NUMBER, table.spec.missing):
            continue
        parsed = cells.parse_number(value, sign)
        if parsed is None:
            bad.append(value)
        else:
            read[value] = parsed[0]
    for value, others in first_of(bad):
        rows = table.rows[texts == value]
        ledger.error(
            "E046",
            f'"{value}" is neither decimal degrees nor degrees, minutes and seconds',
            at=table.at(rows, column),
            others=others,
        )
    first = next(i for i, v in enumerate(texts) if turned[v] is not None)
    out = np.array([read[v] for v in texts], dtype=float)
    ledger.repair(
        "R027",
        f"{table.place}, column {column}: degrees-minutes-seconds read as decimal degrees: "
        f"row {table.rows[first]} {texts[first]} = {out[first]:.6f}",
        file=table.file,
        row=int(table.rows[first]),
        column=column,
    )
    return out


def _tell_other_axis(table: Table, column: str, axis: str, ledger: Ledger) -> bool:
    """Latitudes that end in E or W, longitudes that end in N or S: the columns are swapped."""
    texts = table.text(column)
    other = "latitude" if axis == "longitude" else "longitude"
    wrong = np.array(
        [dms(v, axis) is None and dms(v, other) is not None for v in texts], dtype=bool
    )
    if not wrong.any():
        return False
    ledger.error(
        "E024",
        f'"{texts[wrong][0]}" is a {other}, and the column is read as {axis}',
        at=table.at(table.rows[wrong], column),
        cure=f"swap the columns: [{table.spec.section}.columns] {axis}, {other}",
    )
    return True


def _check(study, table, ids, pair, names, values, crs, ledger: Ledger) -> None:
    one, other = values[pair[0]], values[pair[1]]
    half = np.isnan(one) != np.isnan(other)
    if half.any():
        ledger.error(
            "E512",
            f"only one of {names[0]} and {names[1]} is given",
            at=table.at(table.rows[half]),
            cure="give both, or leave both blank",
        )
    null = (one == 0) & (other == 0)
    if null.any():
        rows = table.rows[null]
        ledger.error(
            "E028",
            f"{table.place}, {rows_text(rows)}: {names[0]} and {names[1]} are 0 "
            + ("(a point in the Gulf of Guinea)" if is_degrees(crs) else f"(the origin of {crs})"),
            file=table.place,
            row=int(rows[0]),
            column=names[1],
            cure="leave them blank if unknown",
        )
    known = np.isfinite(one) & np.isfinite(other) & ~null
    if not known.any():
        return
    geographic = is_degrees(crs)
    # One of the two beyond its range is a slip of the pen; metres are beyond it in both.
    metres = known & (np.abs(one) > 180) & (np.abs(other) > 90)
    if crs is None and (metres.sum() * 2 > known.sum() or pair[0] == "easting"):
        sample = f"{one[known][0]:.10g}, {other[known][0]:.10g}"
        what = "hold metres" if metres.any() else "hold coordinates"
        ledger.error(
            "E026",
            f"{table.place}: columns {names[0]}, {names[1]} {what} ({sample} ...) and no CRS "
            "is given",
            file=table.place,
            column=names[0],
            why="the same numbers lie in another country under another CRS",
            cure='set [sites] crs, for example "EPSG:32632" for UTM zone 32N or "EPSG:2056" for '
            "Swiss LV95; whoever made the table or the map knows it",
        )
        return
    if not geographic:
        _check_close(table, ids, np.stack([one, other], axis=1), known, 1.0, ledger)
        return
    for name, v, limit in ((names[1], other, 90), (names[0], one, 180)):
        bad = known & (np.abs(v) > limit)
        for i in np.flatnonzero(bad):
            digits = v[i]
            while abs(digits) > limit:
                digits /= 10
            ledger.error(
                "E025",
                f"{table.place}, row {table.rows[i]}, column {name}: {table.text(name)[i]} is not "
                f"between -{limit} and {limit}",
                file=table.place,
                row=int(table.rows[i]),
                column=name,
                cure=f"a lost decimal point ({digits:g})? Or metres: then give "
                '[sites] crs = "EPSG:..."',
            )
        if bad.any():
            known &= ~bad
    _check_country(study, table, ids, names, one, other, known, ledger)
    east, north = np.radians(one), np.radians(other)
    globe = [np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)]
    _check_close(table, ids, np.stack(globe, axis=1), known, EARTH_METRES, ledger)


def _check_country(study, table, ids, names, lon, lat, known, ledger: Ledger) -> None:
    """Points against the country of the study; when all fit the other way round, say so."""
    country = study.section("study").get("region")
    if not country or not known.any():
        return
    from surveys.places import country_problem

    problem = country_problem(
        lon[known],
        lat[known],
        country,
        file=table.place,
        lon_column=names[0],
        lat_column=names[1],
        sites=ids[known],
    )
    if problem is None:
        return
    first = int(table.rows[known][0])
    if problem.code == "E024" and table.points is not None:
        cure = "x and y of the shapes are swapped: make the layer again (QGIS: Swap x and y)"
        problem = replace(problem, row=first, cure=cure)
    elif problem.code == "E024":
        cure = f"[{table.spec.section}.columns] {problem.cure.removeprefix('swap the columns: ')}"
        cure = cure.replace(", longitude", "; longitude")
        problem = replace(problem, row=first, column=names[1], cure=f"swap the columns: {cure}")
    ledger.add(problem)


def _check_close(
    table: Table,
    ids: np.ndarray,
    points: np.ndarray,
    known: np.ndarray,
    metres: float,
    ledger: Ledger,
) -> None:
    """Two ids a few metres apart are often one place; `metres` is the length of a unit."""
    at = np.flatnonzero(known)
    at = at[~pd.Series(ids[at]).duplicated().to_numpy()]
    if len(at) < 2:
        return
    from scipy.spatial import cKDTree

    tree = cKDTree(points[at])
    pairs = sorted(tree.query_pairs(CLOSE_METRES / metres))
    n_shared = int((tree.query(points[at], k=2)[0][:, 1] * metres < SAME_METRES).sum())
    if seem_shared(n_shared, len(at)):
        i, j = min(pairs, key=lambda p: float(np.linalg.norm(points[at[p[0]]] - points[at[p[1]]])))
        ledger.add(shared(n_shared, len(at), (ids[at[i]], ids[at[j]]), table.place))
        return
    for i, j in pairs[:MOST_PAIRS]:
        apart = np.linalg.norm(points[at[i]] - points[at[j]]) * metres
        a, b = ids[at[i]], ids[at[j]]
        ledger.warn(
            "W029",
            f'{table.place}: "{a}" and "{b}" are {apart:.0f} m apart '
            f"({rows_text(table.rows[at[[i, j]]])})",
            file=table.file,
            row=int(table.rows[at[j]]),
            why="one place under two names counts as two sites",
            cure=f'if it is one place in two seasons, map both to one site: [sites.alias] "{b}" = '
            f'"{a}"',
            more=f"{len(pairs)} such pairs" if len(pairs) > MOST_PAIRS else "",
        )
