"""Long tables: one row for each visit, or one row for each record beside a table of visits."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from surveys import cells, dates
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers import roles
from surveys.readers.site_table import SiteColumns, read_sites
from surveys.readers.tidy import Guess, Tidy
from surveys.readers.visit_covariates import refuse_taken
from surveys.schema import LARGEST_DETECTION
from surveys.study_file import StudyFile
from surveys.text_table import Table, open_table, rows_text
from surveys.values import as_seasons, natural

PRESENT = frozenset({"x", "present", "yes", "y", "true", "p"})
ABSENT = frozenset({"absent", "no", "n", "false", "a"})
KEY = ("site", "season", "visit", "date", "datetime")
DAY = "day_of_year"


def detect(tables: dict[str, Table]) -> Guess | None:
    """A table in which a site comes back in several rows, with a column of detections."""
    best: Guess | None = None
    for file, table in tables.items():
        site = _site_like(table)
        if site is None:
            continue
        columns = {"site": site}
        for role in ("species", "season", "visit", "date", "datetime", "count", "detection"):
            found = next((table.match(n) for n in roles.USUAL[role] if table.match(n)), None)
            if found and found not in columns.values():
                columns[role] = found
        for role in ("date", "datetime"):
            if role in columns and not dates.are_dates(pd.unique(table.text(columns[role]))):
                del columns[role]
        sure = 0.6
        if "detection" not in columns and "count" not in columns:
            response = _response_like(table, site)
            if response is None:
                if not {"date", "datetime"} & set(columns):
                    continue
                sure = 0.4  # records
            else:
                columns["detection"] = response
        values = {v for r in ("detection", "count") if r in columns for v in table.text(columns[r])}
        why = f'sites of column "{site}" come back in several rows'
        if values:
            why += f"; {columns.get('detection') or columns.get('count')} holds "
            why += listing(sorted(values, key=natural), 6)
        if best is None or sure > best.sure:
            best = Guess("long", sure, why, columns=columns, extra={"file": file})
    return best


def _site_like(table: Table) -> str | None:
    """The column of site ids: called so, or the first whose ids come back in several rows."""
    named = [c for c in table.names if re.search(r"site|station|locat|plot|point|route", c, re.I)]
    for column in [*named, *table.names[:1]]:
        n = len(pd.unique(table.text(column)))
        if n < len(table) and (n > 1 or column in named):
            return column
    return None


def _response_like(table: Table, site: str) -> str | None:
    """The first column of small whole numbers, zeros among them: 0 and 1, or an index of calls."""
    for column in table.names:
        if column == site:
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
    if table is not None and not len(table) and not none:
        _no_rows(table, ledger)
        return None
    base = visit_table if visit_table is not None else table
    if base is None or not len(base):
        _no_rows(base or table, ledger)
        return None
    frame = _rows(study, base, ledger)
    if frame is None:
        return None
    if visit_table is not None:
        return _with_visits(study, visit_table, frame, table, ledger)
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


def _rows(study: StudyFile, table: Table, ledger: Ledger) -> pd.DataFrame | None:
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
            f"{table.place}, {rows_text(rows)}, column {found['season']}: blank",
            file=table.place,
            row=int(rows.iloc[0]),
            column=found["season"],
            cure="write the season of each row",
        )
    frame["visit"] = table.text(found["visit"]) if found["visit"] else ""
    when = found["datetime"] or found["date"]
    frame["moment"] = np.full(len(table), np.datetime64("NaT", "s"))
    if when:
        if _is_day_number(table, when) and "date" not in table.spec.columns:
            when = None  # a day of the year: a covariate, no date
        else:
            frame["moment"] = dates.dates(table, when, ledger)
    if found["visit"] and (frame["visit"] == "").any():
        rows = frame["row"][frame["visit"] == ""]
        ledger.error(
            "E514",
            f"{table.place}, {rows_text(rows)}, column {found['visit']}: blank",
            file=table.place,
            row=int(rows.iloc[0]),
            column=found["visit"],
            cure="number the visit, 1, 2, 3 ...",
        )
    frame.attrs["columns"] = {k: v for k, v in found.items() if v}
    frame.attrs["when"] = when
    return frame


def _is_day_number(table: Table, column: str) -> bool:
    told = [v for v in pd.unique(table.text(column)) if v]
    return bool(told) and all(v.isdecimal() and len(v) <= 3 for v in told)


# --- one row for each visit ------------------------------------------------------------------


def _visit_rows(study: StudyFile, table: Table, frame: pd.DataFrame, ledger: Ledger) -> Tidy | None:
    before = len(ledger.of_level("error"))
    values, counts = _results(study, table, ledger)
    if values is None:
        _records_alone(table, ledger)
        return None
    names, reason, column = _species(study, table, ledger)
    frame["species"] = names
    frame["value"] = values
    nothing = reason == "blank"  # a visit on which nothing was seen
    frame.loc[nothing & frame["value"].isna(), "value"] = 0.0
    listing_visits = bool(nothing.any())
    others = ~np.isin(reason, ("", "blank"))
    no_result = frame["value"].isna().to_numpy() & ~others
    if len(ledger.of_level("error")) > before:
        read_sites(study, SiteColumns(table, None, [], frame["site"].to_numpy()), ledger)
        return None
    kept = frame[~others & ~no_result]
    if not (kept["value"] == 0).any() and len(kept):
        _records_alone(table, ledger)
        return None
    frame = _numbered(table, frame, column is not None, ledger)
    used_columns = {*frame.attrs["columns"].values(), column, *_result_columns(table, ledger)}
    visits_made = frame[~no_result]
    site_of = visits_made["site"].to_numpy(dtype=object)
    covariates = _covariates(study, table, frame, used_columns, ledger)
    constant = _site_constant(study, covariates, frame)
    site_columns = SiteColumns(table, None, constant, frame["site"].to_numpy(dtype=object))
    sites, site_tables = read_sites(study, site_columns, ledger)
    if sites is None or ledger.of_level("error"):
        return None
    known = np.isin(frame["site"].to_numpy(dtype=object), sites["site"].to_numpy(dtype=object))
    visit_names = [c for c in covariates if c not in constant]
    drop = _policies(study, table, frame, covariates, visit_names, ~no_result & known, ledger)
    aside = _aside(frame, no_result, others, ~known, drop, reason)
    _account(table, frame, aside, ledger)
    stay = frame[(aside == "") | ((aside != "") & others & known & ~drop)]
    key = ["site", "season", "visit"]
    visits = stay.drop_duplicates(key)
    visits = _with_covariates(visits, covariates, visit_names, table)
    effort = _effort(table, ledger)
    if effort is not None:
        visits["effort"] = effort[visits.index]
        _detection_without_effort(study, table, stay, effort, ledger)
    records = stay[(stay["species"] != "") & ~others[stay.index]]
    species = _species_list(study, records["species"])
    records = records.assign(species=records["species"] if column else species[0])
    if column is not None:
        records = _fill_species(table, visits, records, species, listing_visits, ledger)
    ledger.raise_errors()
    del site_of
    return _tidy(study, table, visits, records, counts, sites, species, site_tables, effort, ledger)


def _aside(frame, no_result, others, unknown, drop, reason) -> np.ndarray:
    """Why each row is set aside, "" where it is used."""
    aside = np.full(len(frame), "", dtype=object)
    aside[drop] = "visit covariate missing"
    aside[no_result] = "no result"
    aside[others] = [f"not a species: {r}" for r in reason[others]]
    aside[unknown] = "unknown site"
    return aside


def _account(table: Table, frame: pd.DataFrame, aside: np.ndarray, ledger: Ledger) -> None:
    ledger.read(table.file, len(frame))
    ledger.use(table.file, int((aside == "").sum()))
    for rule in pd.unique(aside[aside != ""]):
        at = aside == rule
        texts = [" | ".join(line) for line in table.frame[at].to_numpy(dtype=str)]
        ledger.set_aside(str(rule), table.file, table.rows[at], texts)


def _records_alone(table: Table, ledger: Ledger) -> None:
    ledger.error(
        "E510",
        f"{table.place} holds records of detections only: no row says that somebody looked and "
        "found nothing",
        file=table.place,
        why="records alone give no zeros, and without zeros nothing can be told about detection",
        cure='list every visit made, seen or not: [files.visits] path = "visits.csv" (site, date '
        "or visit, effort); or give each visit a row with detection 0 or 1, and name that column: "
        '[files.detections.columns] detection = "..."',
    )


def _result_columns(table: Table, ledger: Ledger) -> list[str]:
    found = []
    for role in ("detection", "count", "effort"):
        column = table.match(table.spec.columns[role]) if role in table.spec.columns else None
        if column is None and role not in table.spec.columns:
            column = roles.named(table, role, ledger)
        if column:
            found.append(column)
    return found


def _results(
    study: StudyFile, table: Table, ledger: Ledger
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Detection of each row (NaN: no result), and counts where there are any."""
    detection = roles.named(table, "detection", ledger)
    count = roles.named(table, "count", ledger)
    kind = study.section("detections").get("values")
    values = counts = None
    if count is not None:
        counts, present = _count_cells(table, count, ledger)
        values = np.where(present, 1.0, np.where(np.isnan(counts), np.nan, counts > 0))
    if detection is not None:
        told, present = _count_cells(table, detection, ledger)
        told = np.where(present, 1.0, told)
        most = np.nanmax(told) if not np.isnan(told).all() else 0
        if most > 1 and kind != "state":
            if kind is None:
                ledger.repair(
                    "R511",
                    f"{table.place}, column {detection}: values up to {most:g} were read as "
                    "counts; a detection is a count above 0",
                    file=table.file,
                    column=detection,
                    cure='for breeding states or other codes set [detections] values = "state"',
                )
            counts = np.where(present, np.nan, told) if counts is None else counts
            told = np.where(np.isnan(told), np.nan, told > 0)
        values = told
    return values, counts


def _count_cells(table: Table, column: str, ledger: Ledger) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers from 0; words for present or absent are taken and told."""
    texts = table.text(column)
    missing = frozenset(table.spec.missing)
    numbers = np.full(len(texts), np.nan)
    present = np.zeros(len(texts), dtype=bool)
    words: dict[str, int] = {}
    if cells.error_cells(table, column, ledger, missing):
        return numbers, present
    sign = cells.decimal_sign(table, column) or "."
    for text in pd.unique(texts):
        at = texts == text
        if cells.is_missing(text, cells.MISSING_NUMBER, missing):
            continue
        bare = text.casefold()
        if bare in PRESENT or bare in ABSENT:
            words[text] = int(at.sum())
            present |= at & (bare in PRESENT)
            numbers[at] = np.nan if bare in PRESENT else 0.0
            continue
        parsed = cells.parse_number(text, sign)
        row = int(table.rows[at][0])
        if parsed is None:
            ledger.error(
                "E046",
                f'{table.place}, {rows_text(table.rows[at])}, column {column}: "{text}" is not a '
                "number",
                file=table.place,
                row=row,
                column=column,
                cure='for "present, not counted" write X',
            )
        elif not 0 <= parsed[0] <= LARGEST_DETECTION or parsed[0] != int(parsed[0]):
            what = "is below 0" if parsed[0] < 0 else "is no whole number"
            what = what if parsed[0] <= LARGEST_DETECTION else "is too large for a count"
            ledger.error(
                "E048",
                f"{table.place}, {rows_text(table.rows[at])}, column {column}: {text} {what}",
                file=table.place,
                row=row,
                column=column,
                cure=f'if it means missing, set [{table.spec.section}] missing = ["{text}"]',
            )
        else:
            numbers[at] = parsed[0]
    if words:
        told = " and ".join(f'"{w}" ({n} {"row" if n == 1 else "rows"})' for w, n in words.items())
        ledger.repair(
            "R051",
            f"{table.place}, column {column}: {told} read as present or absent; counts are kept "
            "for the others",
            file=table.file,
            column=column,
        )
    return numbers, present


def _species(
    study: StudyFile, table: Table, ledger: Ledger
) -> tuple[np.ndarray, np.ndarray, str | None]:
    column = roles.named(table, "species", ledger)
    if column is None:
        n = len(table)
        return np.full(n, "species", dtype=object), np.full(n, "", dtype=object), None
    names, reason = roles.species_names(study, table, table.text(column), ledger)
    names[reason != ""] = ""
    return names, reason, column


def _species_list(study: StudyFile, names: pd.Series) -> list[str]:
    """Species looked for: those of the study file and those recorded."""
    told = study.section("study").get("species", [])
    told = [told] if isinstance(told, str) else list(told)
    found = sorted({n for n in names if n and n != "species"})
    if not found:
        return told or ["species"]
    return sorted({*found, *told}) if len(told) > 1 else found


def _numbered(table: Table, frame: pd.DataFrame, several: bool, ledger: Ledger) -> pd.DataFrame:
    """Visit numbers 1, 2, ... in each site and season: as written, by date, or by row."""
    columns = frame.attrs
    by = ["site", "season"]
    if "visit" in frame.attrs["columns"]:
        written = frame["visit"]
        whole = written.str.fullmatch(r"[0-9]{1,6}").all()
        per_site = int(frame.groupby(by)["visit"].nunique().max())
        if whole and written.astype(int).between(1, max(20, 2 * per_site)).all():
            number = written.astype(int)
        else:
            order = {v: i for i, v in enumerate(sorted(set(written), key=natural))}
            number = frame.assign(o=written.map(order)).groupby(by)["o"].rank("dense").astype(int)
            ledger.note(
                "N515",
                f"{table.place}: visits were numbered within each site in the order of column "
                f"{frame.attrs['columns']['visit']}",
                file=table.file,
            )
    elif frame["moment"].notna().any():
        gone = frame["moment"].isna()
        if gone.any() and not ledger.of_level("error"):
            rows = frame["row"][gone]
            ledger.error(
                "E514",
                f"{table.place}, {rows_text(rows)}, column {frame.attrs['when']}: no date, so the "
                "visit cannot be told",
                file=table.place,
                row=int(rows.iloc[0]),
                column=str(frame.attrs["when"]),
                cure="write the date, or number the visits in a column: "
                f'[{table.spec.section}.columns] visit = "..."',
            )
        frame = frame.assign(moment=frame["moment"].fillna(frame["moment"].min()))
        number = frame.groupby(by)["moment"].rank("dense").astype(int)
        if not several:  # two rows of one date are two visits
            tie = frame.assign(n=number).groupby([*by, "n"]).cumcount()
            number = (
                frame.assign(n=number, t=tie)
                .sort_values(["n", "t"])
                .groupby(by)
                .cumcount()
                .sort_index()
                + 1
            )
    else:
        within = [*by, "species"] if several else by
        number = frame.groupby(within).cumcount() + 1
        ledger.note(
            "N515",
            f"{table.place}: visits were numbered within each site in the order of the rows",
            file=table.file,
            cure=f'to number them yourself: [{table.spec.section}.columns] visit = "..." or '
            'date = "..."',
        )
    out = frame.assign(visit=number.to_numpy())
    out.attrs = columns
    key = [*by, "visit", "species"] if "species" in out else [*by, "visit"]
    doubled = out.duplicated(key, keep=False) & (out["species"] != "" if "species" in out else True)
    for _, group in list(out[doubled].groupby(key))[:20]:
        first = group.iloc[0]
        ledger.error(
            "E516",
            f"{table.place}, {rows_text(group['row'])}: visit {first['visit']} of site "
            f'"{first["site"]}" stands in {len(group)} rows',
            file=table.place,
            row=int(group["row"].iloc[1]),
            cure="join the rows, or give each visit its own number",
        )
    return out


# --- covariates of visits --------------------------------------------------------------------


def _covariates(
    study: StudyFile, table: Table, frame: pd.DataFrame, used: set, ledger: Ledger
) -> dict[str, np.ndarray]:
    """Every column without a role, row by row; the day of the year where there is a date."""
    out: dict[str, np.ndarray] = {}
    sections = study.section("visit_covariates")
    by_column = {k["column"]: n for n, k in sections.items() if "column" in k}
    observer = roles.named(table, "observer", ledger)
    names = [c for c in table.names if c not in used and c != observer]
    names = [c for c in names if not _coordinate(study, table, c, ledger)]
    for column in refuse_taken(names, table, ledger):
        name = by_column.get(column, column)
        keys = {**study.section("covariates").get(name, {}), **sections.get(name, {})}
        kind = keys.get("type")
        if kind is None and dates.are_dates(pd.unique(table.text(column))):
            out[name] = dates.day_of_year(dates.dates(table, column, ledger))
            continue
        kind = kind or ("number" if cells.is_numeric(table, column) else "factor")
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


def _coordinate(study: StudyFile, table: Table, column: str, ledger: Ledger) -> bool:
    """Longitude and latitude of a row belong to the site."""
    pairs = ("longitude", "latitude", "easting", "northing")
    asked = {table.match(table.spec.columns[r]) for r in pairs if r in table.spec.columns}
    usual = {n for r in ("longitude", "latitude") for n in roles.USUAL[r]}
    return column in asked or column.casefold() in usual or column.casefold() == "region"


def _site_constant(
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


def _policies(
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
            f"{table.place}, {rows_text(table.rows[lost])}, column {name}: missing on {n} "
            f"{'visit that was' if n == 1 else 'visits that were'} made",
            file=table.place,
            row=int(table.rows[lost][0]),
            column=name,
            why="a visit without it cannot enter a detection model that uses it",
            cure=f"fill it in, or paste these two lines to set the {n} visits aside:\n"
            f"                  [visit_covariates.{key}]\n"
            f'                  missing = "drop visit"',
        )
    return drop


def _with_covariates(
    visits: pd.DataFrame, covariates: dict[str, np.ndarray], names: list[str], table: Table
) -> pd.DataFrame:
    out = visits[["site", "season", "visit", "row"]].assign(file=table.file)
    if visits["moment"].notna().any():
        out["start"] = visits["moment"]
    for name in names:
        values = covariates[name][visits.index]
        out[name] = values.astype(str) if values.dtype == object else values
    return out


def _effort(table: Table, ledger: Ledger) -> np.ndarray | None:
    column = roles.named(table, "effort", ledger)
    return None if column is None else cells.numbers(table, column, ledger)


def _detection_without_effort(
    study: StudyFile, table: Table, rows: pd.DataFrame, effort: np.ndarray, ledger: Ledger
) -> None:
    idle = ~(effort[rows.index] > 0) & (rows["value"] > 0).to_numpy()
    for i in np.flatnonzero(idle)[:20]:
        row = rows.iloc[i]
        value = effort[rows.index[i]]
        ledger.error(
            "E049",
            f'{table.place}, row {row["row"]}: a detection at site "{row["site"]}", visit '
            f"{row['visit']}, but the effort is {'blank' if np.isnan(value) else f'{value:g}'}",
            file=table.place,
            row=int(row["row"]),
            cure="either the effort or the detection is wrong; correct the row or delete it",
        )


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
    every = visits[key].merge(pd.DataFrame({"species": species}), how="cross")
    have = pd.MultiIndex.from_frame(records[[*key, "species"]])
    lacking = every[~pd.MultiIndex.from_frame(every).isin(have)]
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


def _tidy(study, table, visits, records, counts, sites, species, tables, effort, ledger) -> Tidy:
    out = records[["site", "season", "visit", "species", "row"]].assign(
        file=table.file, detection=records["value"].astype(float)
    )
    if counts is not None:
        inside = records.index < len(counts)
        out["count"] = np.where(inside, counts[np.where(inside, records.index, 0)], np.nan)
        out.loc[records["value"].isna().to_numpy(), "count"] = np.nan
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


# --- records beside a table of visits --------------------------------------------------------


def _with_visits(
    study: StudyFile,
    visit_table: Table,
    frame: pd.DataFrame,
    table: Table | None,
    ledger: Ledger,
) -> Tidy | None:
    frame = _numbered(visit_table, frame, False, ledger)
    used = {*frame.attrs["columns"].values(), *_result_columns(visit_table, ledger)}
    covariates = _covariates(study, visit_table, frame, used, ledger)
    constant = _site_constant(study, covariates, frame)
    sites, site_tables = read_sites(
        study,
        SiteColumns(visit_table, None, constant, frame["site"].to_numpy(dtype=object)),
        ledger,
    )
    records = _records(study, table, frame, visit_table, ledger) if table is not None else None
    if sites is None or ledger.of_level("error"):
        return None
    names = [c for c in covariates if c not in constant]
    known = np.isin(frame["site"].to_numpy(dtype=object), sites["site"].to_numpy(dtype=object))
    drop = _policies(study, visit_table, frame, covariates, names, known, ledger)
    aside = np.full(len(frame), "", dtype=object)
    aside[drop] = "visit covariate missing"
    aside[~known] = "unknown site"
    _account(visit_table, frame, aside, ledger)
    visits = _with_covariates(frame[aside == ""], covariates, names, visit_table)
    effort = _effort(visit_table, ledger)
    if effort is not None:
        visits["effort"] = effort[visits.index]
    lost = frame[aside != ""]
    if records is None:
        records = pd.DataFrame(
            {"site": [], "season": [], "visit": [], "species": [], "row": [], "value": []}
        )
        counts = None
    else:
        records, counts = _enter(study, table, records, visits, lost, effort, ledger)
    species = _species_list(study, records["species"])
    if len(records) and (records["species"] == "species").all():
        records = records.assign(species=species[0])
    ledger.raise_errors()
    tidy = _tidy(
        study, visit_table, visits, records, counts, sites, species, site_tables, effort, ledger
    )
    if table is not None:
        tidy.records["file"] = table.file
        tidy.tables.insert(0, table)
        cells.tell_decimals(table, ledger)
        roles.tell_loose_names(table, ledger)
    return tidy


def _records(
    study: StudyFile, table: Table, visits: pd.DataFrame, visit_table: Table, ledger: Ledger
) -> pd.DataFrame | None:
    """Records with the visit each belongs to (0 where none was made)."""
    rows = _rows(study, table, ledger)
    if rows is None:
        return None
    names, reason, _ = _species(study, table, ledger)
    values, counts = _results(study, table, ledger)
    rows["species"], rows["reason"] = names, reason
    rows["value"] = np.ones(len(rows)) if values is None else np.nan_to_num(values, nan=1.0)
    rows["count"] = np.nan if counts is None else counts
    rows.attrs["counted"] = counts is not None
    sites = rows["site"].to_numpy(dtype=object)
    keep = roles.known_sites(
        study, table, sites, pd.unique(visits["site"]), visit_table.file, ledger
    )
    rows["site"] = sites
    rows.loc[~keep, "reason"] = "unknown site"
    has_season = "season" in rows.attrs["columns"] or visits["season"].nunique() == 1
    key = ["site", "season"] if has_season else ["site"]
    attrs = rows.attrs
    if "visit" in attrs["columns"] and "visit" in visits.attrs["columns"]:
        written = visit_table.text(visits.attrs["columns"]["visit"])
        target = visits.assign(label=written)
        rows = rows.assign(label=rows["visit"])
    elif rows["moment"].notna().any() and visits["moment"].notna().any():
        target = visits.assign(label=visits["moment"].astype("datetime64[s]").dt.floor("D"))
        rows = rows.assign(label=rows["moment"].astype("datetime64[s]").dt.floor("D"))
    elif not len(rows):
        return rows
    else:
        ledger.error(
            "E519",
            f"{table.place} and {visit_table.place} have no column in common that tells the visit",
            file=table.place,
            cure="give both a date, or both a visit number: [files.detections.columns] date, "
            "[files.visits.columns] date",
        )
        return None
    two = target[target.duplicated([*key, "label"], keep=False)]
    touched = two.merge(rows[[*key, "label"]].drop_duplicates(), on=[*key, "label"])
    if len(touched):
        ledger.error(
            "E520",
            f"{visit_table.place}, {rows_text(touched['row'])}: several visits of site "
            f'"{touched["site"].iloc[0]}" on one day, so its records cannot be told apart',
            file=visit_table.place,
            row=int(touched["row"].iloc[0]),
            cure="number the visits and write the number in both tables: columns visit",
        )
        return None
    target = target.assign(at_season=target["season"], at_visit=target["visit"])
    lookup = target.set_index([*key, "label"])[["at_season", "at_visit"]]
    lookup = lookup[~lookup.index.duplicated()]
    found = rows.join(lookup, on=[*key, "label"])
    rows = rows.assign(
        visit=found["at_visit"].fillna(0).astype(int).to_numpy(),
        season=found["at_season"].fillna("").to_numpy(dtype=object),
    )
    rows.attrs = attrs
    return rows


def _enter(
    study: StudyFile,
    table: Table,
    rows: pd.DataFrame,
    visits: pd.DataFrame,
    lost: pd.DataFrame,
    effort: np.ndarray | None,
    ledger: Ledger,
) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Account for each record: used, no species, on a visit never made or set aside."""
    aside = rows["reason"].to_numpy(dtype=object).copy()
    aside = np.array(
        [
            r if r in ("", "unknown site") or r.startswith("excl") else f"not a species: {r}"
            for r in aside
        ],
        dtype=object,
    )
    key = ["site", "season", "visit"]
    made = pd.MultiIndex.from_frame(visits[key])
    dropped = pd.MultiIndex.from_frame(lost[key])
    at = pd.MultiIndex.from_frame(rows[key])
    free = aside == ""
    aside[free & at.isin(dropped)] = "visit set aside"
    nowhere = (aside == "") & ~at.isin(made)
    idle = np.zeros(len(rows), dtype=bool)
    if effort is not None:
        worked = visits.loc[visits["effort"] > 0, key]
        idle = (aside == "") & ~nowhere & ~at.isin(pd.MultiIndex.from_frame(worked))
    without = nowhere | idle
    if without.any():
        if study.section("checks").get("detection_without_effort") == "drop":
            aside[without] = "detection without effort"
        else:
            for i in np.flatnonzero(without)[:20]:
                row = rows.iloc[i]
                when = "" if pd.isna(row["moment"]) else f" on {str(row['moment'])[:10]}"
                what = "no such visit was made" if nowhere[i] else "the effort of that visit is 0"
                ledger.error(
                    "E049",
                    f'{table.place}, row {row["row"]}: a record at site "{row["site"]}"{when}, '
                    f"but {what}",
                    file=table.place,
                    row=int(row["row"]),
                    why="a record with no effort behind it cannot enter the detection model",
                    cure="correct the record or the visits; or set such records aside: [checks] "
                    'detection_without_effort = "drop"',
                    more=f"{int(without.sum())} such records" if without.sum() > 20 else "",
                )
    _account(table, rows, aside, ledger)
    kept = rows[aside == ""].reset_index(drop=True)
    return kept, kept["count"].to_numpy(float) if rows.attrs["counted"] else None
