"""Long tables: one row for each visit, or one row for each record beside a table of visits."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from surveys import cells, dates, field_words
from surveys.grid import too_many
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import first_of, listing
from surveys.readers import date_parts, long_visits, roles, species_columns, visit_numbers
from surveys.readers.long_records import records_with_visits
from surveys.readers.long_values import (
    measured,
    records_alone,
    result_columns,
    results,
    species_list,
    species_of,
)
from surveys.readers.site_table import SiteColumns, read_sites
from surveys.readers.tidy import Guess, Tidy
from surveys.study_file import StudyFile
from surveys.text_table import Table
from surveys.values import natural

_SITE_NAME = re.compile(r"site|station|locat|plot|point|route", re.IGNORECASE)


def detect(tables: dict[str, Table]) -> Guess | None:
    """A table in which a site comes back in several rows, with a column of detections."""
    best: Guess | None = None
    for file, table in tables.items():
        site = _site_like(table) or _site_of_records(table)
        if site is None:
            continue
        columns = {"site": site}
        for role in ("species", "season", "visit", "date", "datetime", "count", "detection"):
            usual = field_words.names_of(role, roles.USUAL)
            found = next((table.match(n) for n in usual if table.match(n)), None)
            if found and found not in columns.values():
                columns[role] = found
        for role in ("date", "datetime"):
            if role in columns and not _dated(pd.unique(table.text(columns[role]))):
                del columns[role]
        if "season" not in columns and (year := _year_of(table, site)) is not None:
            columns["season"] = year
        sure, alike, several = 0.6, [], []
        if "detection" not in columns and "count" not in columns:
            response = _response_like(table, list(columns.values()))
            if response is None:
                if not {"date", "datetime"} & set(columns):
                    continue
                sure = 0.45 if "species" in columns else 0.4  # records; visits name no species
            else:
                if "species" not in columns:
                    several = species_columns.look_like(table, response, list(columns.values()))
                if not several:
                    columns["detection"] = response
                taken = {*columns.values(), *several}
                alike = [c for c in table.names if c not in taken and _is_01(table, c)]
        values = {v for r in ("detection", "count") if r in columns for v in table.text(columns[r])}
        back = len(pd.unique(table.text(site))) < len(table)
        why = f'sites of column "{site}" come back in several rows'
        if not back:
            why = f'each row tells a site ("{site}"), a date and a species'
        if values:
            why += f"; {columns.get('detection') or columns.get('count')} holds "
            why += listing(sorted(values, key=natural), 6)
        if several:
            why += f"; columns {several[0]} to {several[-1]} hold results of a species each"
        if best is None or sure > best.sure:
            extra = {"file": file, "alike": alike, "species_columns": several}
            best = Guess("long", sure, why, columns=columns, extra=extra)
    return best


def _year_of(table: Table, site: str) -> str | None:
    """A column of years, where sites come back in several of them."""
    year = next((c for c in table.names if field_words.YEAR.fullmatch(c)), None)
    if year is None or (table.frame.groupby(site)[year].nunique() < 2).all():
        return None
    return year


def _dated(values: Sequence[str]) -> bool:
    """Whether a column called date holds any: a spreadsheet's numbers count, an empty one may."""
    told = [v for v in values if not cells.is_missing(v, cells.MISSING_NUMBER)]
    serial = all(dates.kind_of_date(v) == "serial" for v in told)
    return serial or dates.are_dates(told)


def _is_01(table: Table, column: str) -> bool:
    told = set(pd.unique(table.text(column)))
    return {"0", "1"} <= told and all(
        v in ("0", "1") or cells.is_missing(v, cells.MISSING_NUMBER) for v in told
    )


def _site_like(table: Table) -> str | None:
    """The column of site ids: called so, or the first whose ids come back in several rows."""
    named = [c for c in table.names if _SITE_NAME.search(c)]
    named += [c for c in table.names if c not in named and field_words.SITE.search(c)]
    for column in [*named, *table.names[:1]]:
        if _is_01(table, column):
            continue
        n = len(pd.unique(table.text(column)))
        if n < len(table) and (n > 1 or column in named):
            return column
    return None


def _site_of_records(table: Table) -> str | None:
    """The column of sites where each comes once, in a table that tells species and dates too."""
    for role in ("species", "date"):
        if not any(table.match(n) for n in field_words.names_of(role, roles.USUAL)):
            return None
    known = (c for n in roles.USUAL["site"] if (c := table.match(n)))
    return next(known, None) or next((c for c in table.names if field_words.SITE.search(c)), None)


def _response_like(table: Table, taken: Sequence[str]) -> str | None:
    """The first column of small whole numbers, zeros among them: 0 and 1, or an index of calls."""
    for column in table.names:
        if column in taken:
            continue
        told = {
            v
            for v in pd.unique(table.text(column))
            if not cells.is_missing(v, cells.MISSING_NUMBER)
        }
        if "0" in told and all(v.isdecimal() and len(v) < 4 for v in told) and "1" in told:
            return column
    return None


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Visits and records of a study in long layout."""
    visit_spec = study.table("files.visits", ledger)
    spec = study.table("files.detections", ledger)
    none = study.section("detections").get("none", False)
    table = open_table(spec, ledger) if spec is not None else None
    visit_table = open_table(visit_spec, ledger) if visit_spec is not None else None
    if (spec is not None and table is None) or (visit_spec is not None and visit_table is None):
        read_sites(study, None, ledger)
        return None
    table = None if table is None else date_parts.with_date(table, ledger)
    visit_table = None if visit_table is None else date_parts.with_date(visit_table, ledger)
    if table is not None and not len(table) and not none:
        _no_rows(table, ledger)
        return None
    base = visit_table if visit_table is not None else table
    if base is None or not len(base):
        _no_rows(base or table, ledger)
        return None
    frame = long_visits.visit_keys(study, base, ledger)
    if frame is None:
        return None
    visit_numbers.tell_lone_days(base, frame, ledger)
    if visit_table is not None and species_columns.asked(study):
        ledger.error(
            "E536",
            f"{study.name} names [files.visits] and species_columns: each row of such a table is a "
            "visit itself",
            file=study.name,
            cure="leave [files.visits] out, and name what it tells as covariates",
        )
        return None
    if visit_table is not None:
        return records_with_visits(study, visit_table, frame, table, ledger)
    return _visit_rows(study, base, frame, ledger)


def _no_rows(table: Table | None, ledger: Ledger) -> None:
    place = table.place if table is not None else "the table of visits"
    ledger.error(
        "E006",
        f"{place} has a header and no rows: no detection can be read",
        file=place,
        cure="was the export cut short? If no animal was ever seen, say so with "
        "[detections] none = true, and list the visits in [files.visits]",
    )


def _visit_rows(study: StudyFile, table: Table, frame: pd.DataFrame, ledger: Ledger) -> Tidy | None:
    before = len(ledger.of_level("error"))
    if species_columns.asked(study):
        frame = visit_numbers.numbered(table, frame, False, ledger)
        by_species = species_columns.melted(study, table, ledger)
        if by_species is None:
            read_sites(study, SiteColumns(table, None, [], frame["site"].to_numpy()), ledger)
            return None
        columns, table = frame.attrs, by_species
        frame = frame.iloc[np.repeat(np.arange(len(frame)), len(table) // len(frame))]
        frame = frame.reset_index(drop=True)
        frame.attrs = columns
    values, counts = results(study, table, ledger)
    values, told = measured(table, values, ledger)
    if values is None:
        records_alone(table, ledger)
        return None
    names, reason, column = species_of(study, table, ledger)
    frame["species"] = names
    frame["value"] = values
    for name, measures in told.items():
        frame[name] = measures
    nothing = reason == "blank"  # a visit on which nothing was seen
    frame.loc[nothing & frame["value"].isna(), "value"] = 0.0
    listing_visits = bool(nothing.any())
    others = (reason != "") & (reason != "blank")
    no_result = frame["value"].isna().to_numpy() & ~others
    effort = long_visits.effort_of(table, ledger)
    if len(ledger.of_level("error")) > before:
        read_sites(study, SiteColumns(table, None, [], frame["site"].to_numpy()), ledger)
        return None
    kept = frame[~others & ~no_result]
    if not (kept["value"] == 0).any() and len(kept) and not told:
        records_alone(table, ledger)
        return None
    if not table.repeated:
        frame = visit_numbers.numbered(table, frame, column is not None, ledger)
    used_columns = {*frame.attrs["columns"].values(), column, *result_columns(table, ledger)}
    covariates = long_visits.covariates_of(study, table, frame, used_columns, ledger)
    constant = long_visits.site_constant(study, covariates, frame)
    site_columns = SiteColumns(table, None, constant, frame["site"].to_numpy(dtype=object))
    sites, site_tables = read_sites(study, site_columns, ledger)
    if sites is None or ledger.of_level("error"):
        return None
    known = frame["site"].isin(sites["site"]).to_numpy()
    visit_names = [c for c in covariates if c not in constant]
    own = {n: covariates[n] for n in visit_names}
    if effort is not None:
        own["effort"] = effort
    long_visits.agree_within_visits(table, frame, own, ledger)
    drop = long_visits.rows_to_drop(
        study, table, frame, covariates, visit_names, ~no_result & known, ledger
    )
    idle = _without_effort(study, table, frame, effort, ledger)
    aside = _aside(frame, no_result, others, ~known, drop, reason)
    aside[(aside == "") & idle] = "detection without effort"
    long_visits.account(table, frame, aside, ledger)
    stay = frame[(aside == "") | ((aside != "") & others & known & ~drop)]
    key = ["site", "season", "visit"]
    visits = long_visits.with_covariates(stay.drop_duplicates(key), own, table)
    if effort is not None:
        long_visits.check_effort(table, visits, ledger)
    records = stay[(stay["species"] != "") & ~others[stay.index]]
    species = species_list(study, records["species"])
    if column is not None:
        records = _fill_species(table, visits, records, species, listing_visits, ledger)
    ledger.raise_errors()
    return long_visits.tidy_of(
        study, table, visits, records, counts, sites, species, site_tables, effort, ledger
    )


def _aside(frame, no_result, others, unknown, drop, reason) -> np.ndarray:
    """Why each row is set aside, "" where it is used."""
    aside = np.full(len(frame), "", dtype=object)
    aside[drop] = "visit covariate missing"
    aside[no_result] = "no result"
    aside[others] = [f"not a species: {r}" for r in reason[others]]
    aside[unknown] = "unknown site"
    return aside


def _without_effort(
    study: StudyFile,
    table: Table,
    frame: pd.DataFrame,
    effort: np.ndarray | None,
    ledger: Ledger,
) -> np.ndarray:
    """Rows with a detection where nobody was: told, or to be set aside as the study file says."""
    if effort is None:
        return np.zeros(len(frame), dtype=bool)
    idle = ~(effort > 0) & (frame["value"] > 0).to_numpy()
    if study.section("checks").get("detection_without_effort") == "drop":
        return idle
    for i, others in first_of(np.flatnonzero(idle)):
        row = frame.iloc[i]
        told = "blank" if np.isnan(effort[i]) else f"{effort[i]:g}"
        ledger.error(
            "E049",
            f'{table.place}, row {row["row"]}: a detection at site "{row["site"]}", visit '
            f"{row['visit']}, but the effort is {told}",
            file=table.place,
            row=int(row["row"]),
            cure="either the effort or the detection is wrong; correct it, or set such rows "
            'aside: [checks] detection_without_effort = "drop"',
            others=others,
        )
    return np.zeros(len(frame), dtype=bool)


def _fill_species(
    table: Table,
    visits: pd.DataFrame,
    records: pd.DataFrame,
    species: list[str],
    listing_visits: bool,
    ledger: Ledger,
) -> pd.DataFrame:
    """Species without a row on a visit: 0 where visits are listed, else not looked for."""
    key = ["site", "season", "visit"]
    wanted = len(visits) * len(species)
    if listing_visits or len(species) == 1 or len(records) == wanted:
        return records
    if problems := too_many(species, visits=len(visits)):
        ledger.add(problems[0])
        return records
    visit = pd.MultiIndex.from_frame(visits[key]).get_indexer(
        pd.MultiIndex.from_frame(records[key])
    )
    kind = pd.Index(species).get_indexer(records["species"])
    gone = np.ones((len(visits), len(species)), dtype=bool)
    gone[visit, kind] = False
    at, of = np.nonzero(gone)
    lacking = visits[key].iloc[at].assign(species=np.array(species, dtype=object)[of])
    if table.repeated:
        ledger.note(
            "N518",
            f"{table.place}: {len(lacking)} of {wanted} results of a species are blank; it was "
            "taken as not looked for there",
            file=table.file,
        )
        blank = lacking.assign(value=np.nan, row=0)
        return pd.concat([records, blank], ignore_index=False)
    ledger.warn(
        "W518",
        f"{table.place}: {len(lacking)} of {wanted} pairs of visit and species have no row; the "
        "species was taken as not looked for there",
        file=table.file,
        why="a missing row is no zero",
        cure="write the zeros, or list the visits in [files.visits] if all species were looked "
        "for on each",
    )
    blank = lacking.assign(value=np.nan, row=0)
    return pd.concat([records, blank], ignore_index=False)
