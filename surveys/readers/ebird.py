"""eBird: sightings (EBD) and checklists (Sampling Event Data) to repeat visits of sites.

A checklist is a visit. What it did not list is a 0, which only the file of all checklists can
tell; so both files are needed, and checklists must be complete. Comments are never read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.readers import ebird_database as db
from surveys.readers import ebird_messages as told
from surveys.readers import ebird_sightings as sightings_of
from surveys.readers import ebird_tables as tables
from surveys.readers import ebird_visits as visits
from surveys.readers.ebird_files import (
    COMMENTS,
    SAMPLING,
    SIGHTINGS,
    EbirdFile,
    found_of,
    open_file,
)
from surveys.readers.ebird_guess import detect, ease, study_lines
from surveys.readers.ebird_settings import EFFORT_UNITS, Settings, settings_of
from surveys.readers.ebird_sites import sites_of
from surveys.readers.ebird_species import species_of
from surveys.readers.tidy import Tidy
from surveys.study_file import StudyFile
from surveys.values import as_seasons, natural

__all__ = ["detect", "ease", "read", "study_lines"]
SECTIONS = ("ebird",)
LAYOUT = "checklists as visits, and what was seen on them"


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Visits and records of a download of eBird."""
    settings = settings_of(study, ledger)
    ebd = open_file(study, "files.detections", SIGHTINGS, ledger)
    if settings.detections_only:
        checklists = open_file(study, "files.detections", SAMPLING, ledger)
    else:
        checklists = open_file(study, "files.sampling", SAMPLING, ledger)
        if not study.section("files.sampling").get("path"):
            told.no_sampling(ebd, ledger)
    if ebd is None or checklists is None or ledger.of_level("error"):
        return None
    more = _more(study, settings, checklists, ledger)
    if more is None:
        return None
    try:
        with db.database() as connection:
            return _read(study, settings, connection, ebd, checklists, more, ledger)
    except db.Damaged as error:
        at = "" if error.row is None else f", row {error.row}"
        ledger.error(
            "E600",
            f"{error.file.shown}{at}: {error.fact}",
            file=error.file.shown,
            row=error.row,
            cure="was the download cut short? Unpack or fetch it again, and use it as it came",
        )
        return None


def _more(
    study: StudyFile, settings: Settings, file: EbirdFile, ledger: Ledger
) -> dict[str, str] | None:
    """Further columns that the study names: filters of [ebird.where], visit covariates."""
    before = len(ledger.of_level("error"))
    asked = {tables.where_name(n): (n, f"[ebird.where] {n}") for n in settings.where}
    for name, keys in study.section("visit_covariates").items():
        if "path" in keys:
            ledger.error(
                "E517",
                f"{study.name}: [visit_covariates.{name}] path: a covariate of a checklist is a "
                "column of the sampling file",
                file=study.name,
                cure=f'[visit_covariates.{name}] column = "EFFORT AREA HA"',
            )
        elif "column" in keys:
            asked[name] = (keys["column"], f"[visit_covariates.{name}] column")
        elif name not in (*visits.COVARIATES, "year"):
            ledger.error(
                "E015",
                f"{study.name}: [visit_covariates.{name}] names no column."
                + did_you_mean(name, visits.COVARIATES),
                file=study.name,
                cure=f"checklists have {listing(visits.COVARIATES, 9)}; any other needs "
                'column = "..."',
            )
    found = {}
    for name, (column, where) in asked.items():
        at = file.at(column)
        if at is None or COMMENTS.search(column.upper()):
            private = at is not None
            ledger.error(
                "E015",
                f"{study.name}: {where} names a column of "
                + ("remarks, which are never read" if private else f"{file.shown} that is not ")
                + ("" if private else f"there.{did_you_mean(column, file.header)}"),
                file=study.name,
                cure=f"it has: {listing([h for h in file.header if h], 40)}",
            )
        else:
            found[name] = column
    return found if len(ledger.of_level("error")) == before else None


def _read(
    study: StudyFile,
    settings: Settings,
    connection: Any,
    ebd: EbirdFile,
    file: EbirdFile,
    more: dict[str, str],
    ledger: Ledger,
) -> Tidy | None:
    sampling = tables.read_sampling(connection, file, settings, more)
    sightings = sightings_of.read_sightings(connection, ebd, settings)
    told.tell_bad([*sampling.bad, *sightings.bad], ledger)
    if not sampling.n:
        told.tell_no_rows(file, "checklist", "was the download cut short? Fetch it again", ledger)
    if not sightings.n and not study.section("detections").get("none", False):
        cure = "if nothing was ever seen, say so with [detections] none = true, and name what was "
        told.tell_no_rows(ebd, "sighting", f"{cure}looked for: [study] species", ledger)
    if ledger.of_level("error"):
        return None
    told.tell_twice(file, sampling, ledger)
    told.tell_incomplete(study, settings, file, sampling, ledger)
    told.tell_protocols(study, settings, connection, file, ledger)
    if not settings.detections_only:
        told.tell_unknown(connection, ebd, file, ledger)
    species, names = species_of(study, settings, sightings_of.names_of(connection), ebd, ledger)
    if ledger.of_level("error"):
        return None
    sightings_of.enter_names(connection, names)
    copies = tables.make_unique(connection, settings)
    if copies is not None:
        sampling.aside["shared checklist"] = copies
    sightings.aside |= sightings_of.join_sightings(connection, settings)
    frame = tables.checklists(connection, more)
    seen = tables.seen(connection)
    if not len(frame):
        told.nothing_left(file, sampling, ledger)
        return None
    layout = visits.lay_out(frame, settings)
    if layout is None:
        told.tell_no_repeats(settings, file, frame, ledger)
        return None
    if not told.fits(settings, layout, species, ebd, ledger):
        return None
    position = np.full(len(frame), -1, dtype=np.int64)
    position[layout.visits["number"].to_numpy()] = np.arange(len(layout.visits))
    used = position[seen["at"]] >= 0
    _account(settings, file, ebd, sampling, sightings, layout, seen, used, ledger)
    sites = sites_of(study, layout, file, ledger)
    if sites is None or ledger.of_level("error"):
        return None
    table, units = _visits(study, settings, frame, layout, file, more, ledger)
    records = _records(layout, seen, position, used, species, ebd)
    inputs = [found_of(f, n) for f, n in zip(ebd.parts, sightings.by_part, strict=True)]
    if file.path != ebd.path:
        inputs += [found_of(f, n) for f, n in zip(file.parts, sampling.by_part, strict=True)]
    asked = study.section("visit_covariates")
    own = [c for c in table if c not in ("site", "season", "visit", "effort", "start", "end")]
    frame_of_sites, tables_of_sites = sites
    return Tidy(
        visits=table,
        records=records,
        sites=frame_of_sites,
        species=species,
        seasons=list(as_seasons(sorted(set(table["season"].unique()), key=natural))),
        tables=tables_of_sites,
        units=units,
        missing={n: asked.get(n, {}).get("missing", "drop visit") for n in own},
        has_effort=settings.effort != "checklists",
        effort_units=EFFORT_UNITS.get(settings.effort, "checklists"),
        inputs=inputs,
        clock="local time",
        target=_looked_for(records) if settings.detections_only else None,
    )


# --- account and tables ------------------------------------------------------------------------


def _account(
    settings: Settings,
    file: EbirdFile,
    ebd: EbirdFile,
    sampling: db.Rows,
    sightings: db.Rows,
    layout: visits.Layout,
    seen: dict[str, np.ndarray],
    used: np.ndarray,
    ledger: Ledger,
) -> None:
    """Every row of both files is used or set aside by a rule; only ids are kept of the latter."""
    if not settings.detections_only:
        ledger.read(file.shown, sampling.n)
        ledger.use(file.shown, len(layout.visits))
        _set_aside(file, {**sampling.aside, **layout.aside}, ledger)
    ledger.read(ebd.shown, sightings.n)
    ledger.use(ebd.shown, int(seen["n_records"][used].sum()))
    lost = int(seen["n_records"][~used].sum())
    if lost:
        rule = "checklist set aside"
        before = sightings.aside.pop(rule, db.Aside(0))
        # Of these it is known how many they are; which, the rows of the checklists tell.
        sightings.aside[rule] = db.Aside(before.n + lost)
    _set_aside(ebd, sightings.aside, ledger)


def _set_aside(file: EbirdFile, aside: dict[str, db.Aside], ledger: Ledger) -> None:
    for rule, rows in aside.items():
        if rows.rows:
            ledger.set_aside(rule, file.shown, rows.rows, rows.ids)
        else:
            ledger.count_aside(rule, file.shown, rows.n)


def _visits(
    study: StudyFile,
    settings: Settings,
    frame: pd.DataFrame,
    layout: visits.Layout,
    file: EbirdFile,
    more: dict[str, str],
    ledger: Ledger,
) -> tuple[pd.DataFrame, dict[str, str]]:
    at = layout.visits["number"].to_numpy()
    covariates = visits.covariates_of(frame, at, settings)
    start, end = visits.moments_of(frame, at)
    table = pd.DataFrame(
        {
            "site": pd.Categorical.from_codes(layout.visits["site"], layout.site_labels),
            "season": layout.visits["season"].to_numpy(),
            "visit": layout.visits["visit"].to_numpy(),
            "start": start,
            "end": end,
        }
    )
    if settings.effort != "checklists":
        table["effort"] = covariates[settings.effort]
    for name in covariates:
        table[name] = covariates[name].to_numpy()
    sections = study.section("visit_covariates")
    for name in more:
        if name in sections:
            table[name] = _column(frame[name].iloc[at], sections[name], file, name, ledger)
    units = {n: u for n, u in visits.COVARIATES.items() if u and n in table}
    return table, units


def _column(
    cells: pd.Series, keys: dict[str, Any], file: EbirdFile, name: str, ledger: Ledger
) -> np.ndarray:
    """A further column of the sampling file as numbers or text."""
    texts = cells.cat.categories.to_numpy(dtype=object)
    numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(float)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    codes = cells.cat.codes.to_numpy()
    kind = keys.get("type") or ("factor" if np.isnan(numbers).any() else "number")
    if kind == "factor":
        return np.append(texts, "")[codes].astype(str)
    if np.isnan(numbers).any():
        bad = texts[np.isnan(numbers)]
        ledger.error(
            "E046",
            f'{file.shown}: visit covariate {name}: "{bad[0]}" is not a number',
            file=file.shown,
            column=keys["column"],
            cure=f'[visit_covariates.{name}] type = "factor"',
        )
    return np.append(numbers, np.nan)[codes]


def _records(
    layout: visits.Layout,
    seen: dict[str, np.ndarray],
    position: np.ndarray,
    used: np.ndarray,
    species: list[str],
    ebd: EbirdFile,
) -> pd.DataFrame:
    at = position[seen["at"][used]]
    part = layout.visits.iloc[at]
    return pd.DataFrame(
        {
            "species": pd.Categorical.from_codes(seen["species"][used], species),
            "site": pd.Categorical.from_codes(part["site"], layout.site_labels),
            "season": part["season"].to_numpy(),
            "visit": part["visit"].to_numpy(),
            "detection": 1.0,
            "count": seen["count"][used],
            "n_records": seen["n_records"][used].astype(float),
            "file": ebd.shown,
        }
    )


def _looked_for(records: pd.DataFrame) -> pd.DataFrame:
    """Of sightings alone it is known only what was seen, never what was not."""
    return records[["species", "site", "season", "visit"]]
