"""Visits of long tables: their keys and numbers, covariates, and account."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from surveys import cells, dates
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers import roles, visit_numbers
from surveys.readers.long_values import MEASURES
from surveys.readers.tidy import Tidy
from surveys.readers.visit_covariates import refuse_taken
from surveys.study_file import StudyFile
from surveys.text_table import Table
from surveys.units_in_cells import are_clock_times
from surveys.values import as_seasons, natural

KEY = ("site", "season", "visit", "date", "datetime")
DAY = "day_of_year"
TIME_OF_DAY = "time_of_day"


def visit_keys(study: StudyFile, table: Table, ledger: Ledger) -> pd.DataFrame | None:
    """Site, season, visit as written, moment and row number of each row."""
    found = {role: roles.named(table, role, ledger) for role in KEY}
    if found["site"] is None:
        if "site" not in table.spec.columns:
            ledger.error(
                "E015",
                f'{table.place} has no column "site". It has: {listing(table.names, 12)}',
                file=table.place,
                cure=f'name it: [{table.spec.section}.columns] site = "Station"',
            )
        return None
    sites = roles.same_sites(study, cells.ids(table, found["site"], ledger))
    roles.join_capitals(study, table, sites, ledger)
    frame = pd.DataFrame({"site": sites, "row": table.rows})
    frame["season"] = table.text(found["season"]) if found["season"] else "1"
    if found["season"] and (frame["season"] == "").any():
        rows = frame["row"][frame["season"] == ""]
        ledger.error(
            "E514",
            "blank",
            at=table.at(rows, found["season"]),
            cure="write the season of each row",
        )
    frame["visit"] = table.text(found["visit"]) if found["visit"] else ""
    when = found["datetime"] or found["date"]
    frame["moment"] = np.full(len(table), np.datetime64("NaT", "s"))
    if when:
        if visit_numbers.is_day_number(table, when) and "date" not in table.spec.columns:
            when = None  # a day of the year: a covariate, no date
        else:
            frame["moment"] = dates.dates(table, when, ledger)
    if found["visit"] and (frame["visit"] == "").any():
        rows = frame["row"][frame["visit"] == ""]
        ledger.error(
            "E514",
            "blank",
            at=table.at(rows, found["visit"]),
            cure="number the visit, 1, 2, 3 ...",
        )
    frame.attrs["columns"] = {k: v for k, v in found.items() if v}
    frame.attrs["when"] = when
    return frame


def account(table: Table, frame: pd.DataFrame, aside: np.ndarray, ledger: Ledger) -> None:
    if table.repeated:  # a row of the file is used if any of its species is
        used = np.isin(table.rows, table.rows[aside == ""])
        once = ~pd.Series(table.rows).duplicated().to_numpy()
        ledger.read(table.file, int(once.sum()))
        ledger.use(table.file, int((once & used).sum()))
        aside = np.where(once & ~used, aside, "")
    else:
        ledger.read(table.file, len(frame))
        ledger.use(table.file, int((aside == "").sum()))
    for rule in pd.unique(aside[aside != ""]):
        at = aside == rule
        texts = [" | ".join(line) for line in table.frame[at].to_numpy(dtype=str)]
        ledger.set_aside(str(rule), table.file, table.rows[at], texts)


def covariates_of(
    study: StudyFile, table: Table, frame: pd.DataFrame, used: set, ledger: Ledger
) -> dict[str, np.ndarray]:
    """Every column without a role, row by row; the day of the year where there is a date."""
    out: dict[str, np.ndarray] = {}
    sections = study.section("visit_covariates")
    by_column = {k["column"]: n for n, k in sections.items() if "column" in k}
    clock = table.match("time")
    if clock is not None and clock not in used and _is_clock(table, clock):
        by_column.setdefault(clock, TIME_OF_DAY)  # `time` is that of the first detection
    observer = roles.named(table, "observer", ledger)
    names = [c for c in table.names if c not in used and c != observer]
    names = [c for c in names if not _coordinate(study, table, c, ledger)]
    good = set(refuse_taken([by_column.get(c, c) for c in names], table, ledger))
    for column in names:
        name = by_column.get(column, column)
        if name not in good:
            continue
        keys = {**study.section("covariates").get(name, {}), **sections.get(name, {})}
        kind = keys.get("type")
        if kind is None and dates.are_dates(pd.unique(table.text(column))):
            out[name] = dates.day_of_year(dates.dates(table, column, ledger))
            continue
        kind = kind or cells.kind_of(table, column, ledger)
        read_as = cells.numbers if kind == "number" else cells.words
        out[name] = read_as(table, column, ledger)
    if observer is not None:
        out["observer"] = cells.words(table, observer, ledger)
    if frame["moment"].notna().any() and DAY not in out:
        out[DAY] = dates.day_of_year(frame["moment"].to_numpy())
    for name, keys in sections.items():
        if name not in out and "path" not in keys:
            ledger.error(
                "E015",
                f'{table.place} has no column for the visit covariate "{name}". It has: '
                f"{listing(table.names, 12)}",
                file=table.place,
                cure=f'[visit_covariates.{name}] column = "..."',
            )
        elif "path" in keys:
            ledger.error(
                "E517",
                f"{study.name}: [visit_covariates.{name}] path is for the wide layout; in long "
                "tables a visit covariate is a column of the table of visits",
                file=study.name,
                cure=f"move its values into {table.file} as a column",
            )
    return out


def _is_clock(table: Table, column: str) -> bool:
    told = [v for v in pd.unique(table.text(column)) if not cells.is_missing(v, cells.MISSING_WORD)]
    return column in table.units_read or are_clock_times(told, column)


def _coordinate(study: StudyFile, table: Table, column: str, ledger: Ledger) -> bool:
    """Longitude and latitude of a row belong to the site."""
    pairs = ("longitude", "latitude", "easting", "northing")
    told = (*pairs, "position", "zone")
    asked = {table.match(table.spec.columns[r]) for r in told if r in table.spec.columns}
    usual = {table.match_but_unit(n) for r in pairs[:2] for n in roles.USUAL[r]}
    return column in asked or column in usual or column.casefold() == "region"


def site_constant(
    study: StudyFile, covariates: dict[str, np.ndarray], frame: pd.DataFrame
) -> list[str]:
    """Columns that never change within a site are covariates of the site."""
    asked = set(study.section("covariates"))
    kept = set(study.section("visit_covariates")) | {DAY, "observer"}
    sites = frame["site"]
    if sites.is_unique:
        return [n for n in covariates if n in asked]
    out = []
    for name, values in covariates.items():
        if name in kept:
            continue
        column = pd.Series(values, index=frame.index)
        column = column.mask(column == "") if column.dtype == object else column
        if name in asked or (column.groupby(sites).nunique() <= 1).all():
            out.append(name)
    return out


def rows_to_drop(
    study: StudyFile,
    table: Table,
    frame: pd.DataFrame,
    covariates: dict[str, np.ndarray],
    names: list[str],
    made: np.ndarray,
    ledger: Ledger,
) -> np.ndarray:
    """Rows to set aside because a visit covariate is missing; without a policy, an error."""
    drop = np.zeros(len(frame), dtype=bool)
    for name in names:
        values = covariates[name]
        gone = (values == "") if values.dtype == object else np.isnan(values)
        lost = gone & made
        policy = study.section(f"visit_covariates.{name}").get("missing")
        if not lost.any() or policy == "refuse":
            continue
        if policy == "drop visit":
            drop |= lost
            continue
        n = int(lost.sum())
        key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'
        ledger.error(
            "E552",
            f"missing on {n} {'visit that was' if n == 1 else 'visits that were'} made",
            at=table.at(table.rows[lost], name),
            why="a visit without it cannot enter a detection model that uses it",
            cure=f"fill it in, or paste these two lines to set the {n} visits aside:\n"
            f"                  [visit_covariates.{key}]\n"
            f'                  missing = "drop visit"',
        )
    return drop


def agree_within_visits(
    table: Table, rows: pd.DataFrame, columns: dict[str, np.ndarray], ledger: Ledger
) -> None:
    """Rows of one visit (one for each species) must tell the same of it.

    A value that only some of them give is taken for all, in place.
    """
    key = [rows[c] for c in ("site", "season", "visit")]
    if not rows.duplicated(["site", "season", "visit"]).any():
        return
    for name, values in columns.items():
        column = pd.Series(values[rows.index], index=rows.index)
        column = column.mask(column == "") if column.dtype == object else column
        groups = column.groupby(key)
        if (differs := groups.transform("nunique") > 1).any():
            bad = rows[differs]
            first = bad.iloc[0]
            as_told = "{:g}".format if column.dtype.kind == "f" else str
            same = bad[
                (bad[["site", "season", "visit"]] == first[["site", "season", "visit"]]).all(axis=1)
            ]
            ledger.error(
                "E537",
                f'"{name}" differs within visit '
                f'{first["visit"]} of site "{first["site"]}" '
                f"({listing(map(as_told, pd.unique(column[same.index].dropna())), 3)})",
                at=table.at(same["row"]),
                row=int(same["row"].iloc[-1]),
                column=name,
                cure="one visit has one value: correct it, or number the visits apart",
                more=f"{int(differs.sum())} such rows" if len(bad) > len(same) else "",
            )
        filled = groups.transform("first")
        if values.dtype == object:
            filled = filled.fillna("")
        values[rows.index] = filled.to_numpy(dtype=values.dtype)


def check_effort(table: Table, visits: pd.DataFrame, ledger: Ledger) -> None:
    """A blank effort is asked for; effort 0 means that nobody was there, and is counted."""
    blank = visits["effort"].isna()
    if blank.any():
        rows = visits["row"][blank]
        ledger.error(
            "E551",
            "the effort is blank",
            at=table.at(rows),
            why="a visit without effort would count as no visit",
            cure="write the effort; 0 where nobody went",
        )
    idle = visits[visits["effort"] == 0]
    if len(idle):
        places = [f'site "{r.site}", visit {r.visit}' for r in idle.head(20).itertuples()]
        ledger.cells("effort 0: no visit", table.file, len(idle), places)


def with_covariates(
    visits: pd.DataFrame, columns: dict[str, np.ndarray], table: Table
) -> pd.DataFrame:
    """Visits with their dates, covariates and effort."""
    out = visits[["site", "season", "visit", "row"]].assign(file=table.file)
    if visits["moment"].notna().any():
        out["start"] = visits["moment"]
    for name, values in columns.items():
        kept = values[visits.index]
        out[name] = kept.astype(str) if kept.dtype == object else kept
    return out


def effort_of(table: Table, ledger: Ledger) -> np.ndarray | None:
    column = roles.named(table, "effort", ledger)
    if column is None:
        return None
    effort = cells.numbers(table, column, ledger)
    for i in np.flatnonzero(effort < 0):
        ledger.error(
            "E048",
            f"{table.place}, row {table.rows[i]}, column {column}: the effort "
            f"{table.text(column)[i]} is below 0",
            file=table.place,
            row=int(table.rows[i]),
            column=column,
            cure="write the effort; 0 where nobody went",
        )
    return effort


def tidy_of(study, table, visits, records, counts, sites, species, tables, effort, ledger) -> Tidy:
    out = records[["site", "season", "visit", "species", "row"]].assign(
        file=table.file, detection=records["value"].astype(float)
    )
    if counts is not None:
        inside = records.index < len(counts)
        out["count"] = np.where(inside, counts[np.where(inside, records.index, 0)], np.nan)
        out.loc[records["value"].isna().to_numpy(), "count"] = np.nan
    for name in MEASURES:
        if name in records:
            out[name] = records[name].astype(float)
    units = {DAY: "day of the year"} if DAY in visits else {}
    names = [c for c in visits if c not in ("site", "season", "visit", "row", "file", "start")]
    policy = {
        n: study.section(f"visit_covariates.{n}").get("missing", "refuse")
        for n in names
        if n != "effort"
    }
    roles.tell_loose_names(table, ledger)
    cells.tell_decimals(table, ledger)
    return Tidy(
        visits=visits.reset_index(drop=True),
        records=out.reset_index(drop=True),
        sites=sites,
        species=species,
        seasons=list(as_seasons(sorted(set(visits["season"]), key=natural))) or [1],
        tables=[table, *tables],
        units=units,
        missing=policy,
        has_effort=effort is not None,
    )
