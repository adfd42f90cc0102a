"""Sites: their table, their covariates from it and from other tables, one row a site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import first_of, listing, rows_text
from surveys.readers import coordinates, layer_keys, roles
from surveys.readers.visit_covariates import refuse_taken
from surveys.study_file import StudyFile
from surveys.text_table import Table
from surveys.values import natural

ROLES = ("site", "longitude", "latitude", "easting", "northing", "region", "area")


@dataclass
class SiteColumns:
    """What the detections tell of sites: ids row by row, and columns that belong to the site."""

    table: Table
    site: str | None
    columns: list[str] = field(default_factory=list)
    ids: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=object))


def read_sites(
    study: StudyFile, detections: SiteColumns | None, ledger: Ledger
) -> tuple[pd.DataFrame | None, list[Table]]:
    """One row a site: coordinates, region and covariates; None where a fault forbids it.

    The sites are those of the detections. A site that only the sites table knows was never
    visited: it is left out and told.
    """
    spec = study.table("files.sites", ledger)
    table = open_table(spec, ledger) if spec is not None else None
    others = _open_others(study, ledger)
    tables = [t for t in (table, *others.values()) if t is not None]
    if table is not None:
        _take_crs(study, table, ledger)
    if detections is None or (spec is not None and table is None):
        return None, tables
    ids = detections.ids
    file = detections.table.file
    frame = pd.DataFrame({"site": sorted(set(ids), key=natural)})
    if table is not None:
        listed = _ids(study, table, ledger)
        if listed is None:
            return None, tables
        for site, row in zip(listed[::-1], table.rows[::-1], strict=True):
            study.site_rows[str(site)] = (table.place, int(row))  # the first row of a site
        keep = roles.known_sites(study, detections.table, ids, listed, table.file, ledger)
        frame = pd.DataFrame({"site": sorted(set(ids[keep]), key=natural)})
        _one_row_a_site(study, table, listed, ledger)
        if ledger.of_level("error"):
            _coordinates(study, table, listed, pd.DataFrame({"site": listed}), ledger)
            for name in _covariate_columns(study, table, ledger):
                _covariate(study, name, table, name, ledger)
            return None, tables
        at = _rows_of(frame["site"], listed)
        _account(table, listed, frame["site"], file, ledger)
        frame = _coordinates(study, table, listed, frame, ledger)
        told = _covariate_columns(study, table, ledger)
        told = {name: _covariate(study, name, table, name, ledger)[at] for name in told}
        frame = pd.concat([frame, pd.DataFrame(told, index=frame.index)], axis=1)
        if table.names_cut:
            _whole_names(study, table, frame, ledger)
        roles.tell_loose_names(table, ledger)
        cells.tell_decimals(table, ledger)
    else:
        for site, row in zip(ids[::-1], detections.table.rows[::-1], strict=True):
            study.site_rows[str(site)] = (detections.table.place, int(row))
    frame = _from_detections(study, detections, frame, ledger)
    for name, keys in study.section("covariates").items():
        _own(study, name, keys, others, frame, ledger)
    return frame, tables


def _take_crs(study: StudyFile, table: Table, ledger: Ledger) -> None:
    """The CRS of a layer of sites holds; another in the study file is refused, not passed over."""
    if not table.crs:
        return
    study.layer_crs = table.crs
    told = study.section("sites").get("crs")
    if told not in (None, coordinates.UNKNOWN_CRS) and not coordinates.same_crs(told, table.crs):
        ledger.error(
            "E337",
            f"{table.place} is in {table.found['crs']}, and {study.name} says [sites] crs = "
            f'"{told}"',
            file=table.place,
            why="the places would be taken for others, perhaps in another country",
            cure="remove [sites] crs: the layer tells its own",
        )


def _whole_names(study: StudyFile, table: Table, frame: pd.DataFrame, ledger: Ledger) -> None:
    """Covariates that the study file names in full and a Shapefile cut to ten letters."""
    for name, keys in study.section("covariates").items():
        found = table.match(name)
        elsewhere = {"path", "column", "raster", "polygons", "table"} & set(keys)
        if not elsewhere and found in frame and name not in frame:
            frame[name] = frame.pop(str(found))
            ledger.repair(
                "R338",
                f'{table.place}: column "{found}" was taken for "{name}" (a Shapefile keeps ten '
                "letters of a name)",
                file=table.file,
                column=str(found),
            )


def _ids(study: StudyFile, table: Table, ledger: Ledger, asked: str | None = None):
    if not len(table):
        ledger.error(
            "E006", f"{table.place} has a header and no rows: no site can be read", file=table.place
        )
        return None
    column = table.match(asked) if asked else roles.named(table, "site", ledger)
    if column is None and not asked:
        detections = study.section("files.detections").get("columns", {}).get("site")
        column = table.match(detections) if detections else None
    if column is None:
        if asked or "site" not in table.spec.columns:
            shown = asked or "site"
            ledger.error(
                "E015",
                f'{table.place} has no column "{shown}". It has: {listing(table.names, 12)}',
                file=table.place,
                cure=f'name the column of site ids: [{table.spec.section}.columns] site = "..."'
                if table.spec.section.startswith("files")
                else f'name the column of site ids: [{table.spec.section}] site = "..."',
            )
        return None
    table.site_column = column
    return roles.same_sites(study, cells.ids(table, column, ledger))


def _one_row_a_site(study: StudyFile, table: Table, listed: np.ndarray, ledger: Ledger) -> None:
    """A site twice is an error that names what differs; rows that agree in all are joined."""
    doubled = pd.Series(listed).duplicated(keep=False).to_numpy()
    if not doubled.any():
        return
    values = table.frame[doubled].groupby(listed[doubled], sort=False).nunique()
    differs = {
        site: list(values.columns[row > 1])
        for site, row in zip(values.index, values.to_numpy(), strict=True)
    }
    for site, others in first_of(site for site, names in differs.items() if not names):
        at = np.flatnonzero(listed == site)
        ledger.repair(
            "R021",
            f'{table.place}: site "{site}" is in {_all_rows(table, at)}, alike in all columns; '
            "the first was taken",
            file=table.file,
            row=int(table.rows[at[1]]),
            others=others,
        )
    for site, others in first_of(site for site, names in differs.items() if names):
        at = np.flatnonzero(listed == site)
        ledger.error(
            "E021",
            f'{table.place}: site "{site}" is in {_all_rows(table, at)} with different '
            f"{listing(differs[site])}",
            file=table.place,
            row=int(table.rows[at[1]]),
            column=differs[site][0],
            cure="one row a site; for another season or camera give the site its own id, or move "
            "what changes to [visit_covariates] or [season_covariates]",
            others=others,
        )


def _all_rows(table: Table, at: np.ndarray) -> str:
    rows = table.rows[at]
    return f"rows {' and '.join(map(str, rows)) if len(rows) <= 5 else listing(rows)}"


def _rows_of(sites: Sequence[str], listed: np.ndarray) -> np.ndarray:
    first = {site: len(listed) - 1 - i for i, site in enumerate(listed[::-1])}
    return np.array([first.get(s, -1) for s in sites], dtype=int)


def _account(
    table: Table, listed: np.ndarray, sites: Sequence[str], file: str, ledger: Ledger
) -> None:
    """Rows of sites that the detections know are used; the others are set aside."""
    if ledger.n_read(table.file):
        return
    have = set(sites)
    used = np.array([s in have for s in listed], dtype=bool)
    ledger.read(table.file, len(table))
    ledger.use(table.file, int(used.sum()))
    if used.all():
        return
    ledger.set_aside(f"site not in {file}", table.file, table.rows[~used], listed[~used])
    n = int((~used).sum())
    ledger.warn(
        "W554",
        f"{table.place}: {n} {'site has' if n == 1 else 'sites have'} no row in {file} "
        f"({listing(listed[~used], 3)}) and {'was' if n == 1 else 'were'} left out",
        file=table.file,
        row=int(table.rows[~used][0]),
        cure="to predict them too, give each a row with blank visits",
    )


def _coordinates(
    study: StudyFile, table: Table, listed: np.ndarray, frame: pd.DataFrame, ledger: Ledger
) -> pd.DataFrame:
    found = coordinates.read(study, table, listed, ledger)
    at = _rows_of(frame["site"], listed)
    for name, values in found.items():
        frame[name] = values[at]
    region = roles.named(table, "region", ledger)
    if region is not None:
        frame["region"] = cells.words(table, region, ledger)[at].astype(str)
    area = roles.named(table, "area", ledger)
    if area is not None:
        frame["area"] = cells.numbers(table, area, ledger)[at]
    return frame


def _covariate_columns(study: StudyFile, table: Table, ledger: Ledger) -> list[str]:
    """Every column without another role is a covariate."""
    taken = {table.site_column, *(table.points or ()), *table.placed}
    for role in ROLES:
        asked = table.spec.columns.get(role)
        found = table.match(asked) if asked else None
        if found is None and asked is None:
            found = roles.named(table, role, ledger)
        taken.add(found)
    return refuse_taken([c for c in table.names if c not in taken], table, ledger)


def _covariate(
    study: StudyFile, name: str, table: Table, column: str, ledger: Ledger
) -> np.ndarray:
    keys = study.section("covariates").get(name, {})
    kind = keys.get("type")
    missing = keys.get("missing", ()) if "path" not in keys else ()
    if kind is None:
        kind = cells.kind_of(table, column, ledger, missing)
    if kind == "factor":
        return cells.words(table, column, ledger, missing=missing).astype(str)
    return cells.numbers(
        table,
        column,
        ledger,
        missing=missing,
        hint="" if keys.get("type") else _factor_hint(table, column),
    )


def _factor_hint(table: Table, column: str) -> str:
    return (
        f"if it means missing, list it under [{table.spec.section}] missing; if the column holds "
        f'names and no numbers, set [covariates."{column}"] type = "factor"'
    )


def _from_detections(
    study: StudyFile, detections: SiteColumns, frame: pd.DataFrame, ledger: Ledger
) -> pd.DataFrame:
    """Columns of the detections' table that belong to the site: one value a site."""
    table = detections.table
    own: dict[str, np.ndarray] = {}
    columns = list(detections.columns)
    if not any(n in frame for n in ("longitude", "easting")):
        found = coordinates.read(study, table, detections.ids, ledger, quiet=True)
        told = [r for r in coordinates.PAIRS_FLAT if found or r in table.spec.columns]
        used = {roles.named(table, role, ledger) for role in told}
        columns = [c for c in columns if c not in used | table.placed]
        for name, values in found.items():
            own[name] = _spread(table, detections.ids, name, values, frame, ledger)
    if "region" in columns and "region" not in frame:
        columns.remove("region")
        words = cells.words(table, "region", ledger).astype(str)
        own["region"] = _spread(table, detections.ids, "region", words, frame, ledger)
    for column in refuse_taken(columns, table, ledger):
        values = _covariate(study, column, table, column, ledger)
        own[column] = _spread(table, detections.ids, column, values, frame, ledger)
    frame = frame.drop(columns=[name for name in own if name in frame])
    return pd.concat([frame, pd.DataFrame(own, index=frame.index)], axis=1)


def _spread(
    table: Table,
    ids: np.ndarray,
    name: str,
    values: np.ndarray,
    frame: pd.DataFrame,
    ledger: Ledger,
) -> np.ndarray:
    """One value a site from rows that may be several; two values of one site are an error."""
    part = pd.DataFrame({"site": ids, "value": values, "row": table.rows})
    gone = part["value"].isna() | (part["value"] == "")
    part = part[~gone]
    n = part.groupby("site")["value"].nunique() if part["site"].duplicated().any() else None
    if n is not None and (n > 1).any():
        site = n.index[n > 1][0]
        two = part[part["site"] == site].drop_duplicates("value")
        as_told = "{:g}".format if part["value"].dtype.kind == "f" else str
        ledger.error(
            "E513",
            f'{table.place}: "{name}" changes within site "{site}" '
            f"({rows_text(two['row'])}: {listing(map(as_told, two['value']), 3)})",
            file=table.place,
            row=int(two["row"].iloc[1]),
            column=name,
            cure="a site covariate has one value; name a column per visit "
            f"({name}.1, {name}.2, ...) or correct the value",
        )
    first = part.drop_duplicates("site").set_index("site")["value"]
    empty: Any = "" if values.dtype.kind in "UO" else np.nan
    return np.array([first.get(s, empty) for s in frame["site"]], dtype=values.dtype)


def _open_others(study: StudyFile, ledger: Ledger) -> dict[str, Table]:
    """Tables that covariates name, each opened once."""
    tables: dict[str, Table] = {}
    for name, keys in study.section("covariates").items():
        path = keys.get("table") or keys.get("path")
        if not path or layer_keys.is_of_places(keys) or path in tables:
            continue
        spec = study.table(f"covariates.{name}", ledger)
        if spec is None:
            continue
        table = open_table(replace(spec, columns={}), ledger)
        if table is not None:
            tables[path] = table
    return tables


def _own(
    study: StudyFile,
    name: str,
    keys: dict[str, Any],
    tables: dict[str, Table],
    frame: pd.DataFrame,
    ledger: Ledger,
) -> None:
    """A covariate from its own table, joined by site id."""
    if layer_keys.is_of_places(keys):  # found once the places of the sites are known
        return
    path = keys.get("table") or keys.get("path")
    if path is None:
        if name not in frame and not keys.get("column"):
            ledger.error(
                "E015",
                f'{study.name}: [covariates.{name}] names no path, and no column is called "{name}"'
                f". There are: {listing([c for c in frame if c != 'site'], 12)}",
                file=study.name,
                cure=f'name its table: [covariates.{name}] path = "..."',
            )
        elif name not in frame and keys["column"] in frame:
            frame[name] = frame.pop(keys["column"])
        return
    table = tables.get(path)
    if table is None:
        return
    column = table.match(keys.get("column", name))
    if column is None:
        ledger.error(
            "E015",
            f'{table.place} has no column "{keys.get("column", name)}" (study file: '
            f"[covariates.{name}] column). It has: {listing(table.names, 12)}",
            file=table.place,
            cure="correct the name in the study file or in the header",
        )
        return
    listed = _ids(study, table, ledger, keys.get("site"))
    if listed is None:
        return
    if study.section("sites").get("ignore_case"):
        folded = {s.casefold(): s for s in frame["site"]}
        listed = np.array([folded.get(s.casefold(), s) for s in listed], dtype=object)
    before = len(ledger.of_level("error"))
    _one_row_a_site(study, table, listed, ledger)
    if len(ledger.of_level("error")) > before:
        return
    at = _rows_of(frame["site"], listed)
    if (at < 0).all():
        ledger.error(
            "E022",
            f'{table.place}: none of its sites ("{listed[0]}" ...) is a site of the detections '
            f'("{frame["site"].iloc[0]}" ...)',
            file=table.place,
            cure="write the site ids alike in both files, or map them in [sites.alias]",
        )
        return
    values = _covariate(study, name, table, column, ledger)
    empty: Any = "" if values.dtype.kind in "UO" else np.nan
    frame[name] = np.where(at >= 0, values[at], empty)
    if (at < 0).any():
        lost = frame["site"][at < 0]
        ledger.warn(
            "W555",
            f"{table.place}: {len(lost)} sites have no row ({listing(lost, 3)}): "
            f'"{name}" is missing there',
            file=table.file,
        )
    _account(table, listed, frame["site"], "the detections", ledger)
    cells.tell_decimals(table, ledger)
