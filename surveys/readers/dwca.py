"""Darwin Core archives with events as their core: events to visits, occurrences to detections."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.readers.dwca_archive import (
    MEASUREMENT,
    Archive,
    Refused,
    open_archive,
)
from surveys.readers.dwca_events import Events, covariates_of, events_of, is_unknown
from surveys.readers.dwca_guess import detect, study_lines, table_of
from surveys.readers.dwca_places import places_joined
from surveys.readers.dwca_records import Records, records_of, scope_of
from surveys.readers.long_visits import account
from surveys.readers.site_table import SiteColumns, read_sites
from surveys.readers.tidy import Tidy
from surveys.study_file import StudyFile
from surveys.text_table import Table, TableSpec
from surveys.values import as_seasons, natural

__all__ = ["Refused", "detect", "read", "study_lines", "table_of"]
SECTIONS = ("dwca",)
PACKAGE = True  # its tables are named by meta.xml, not by the study file
LAYOUT = "events as visits, and what was present or absent at them"
DATUM = ("wgs84", "epsg:4326", "wgs 84", "world geodetic system 1984", "")


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Visits and records of an archive."""
    archive = open_archive(study, ledger)
    if archive is None or not _names_fit(study, archive, ledger):
        return None
    events = events_of(study, archive, ledger)
    if events is None:
        return None
    if len(events.ids) == 0:
        ledger.error(
            "E005",
            f"{events.table.place} holds no event below its header",
            file=events.table.place,
            why="an archive that broke off looks like this",
            cure="fetch the archive again",
        )
        return None
    _tell_datum(events, ledger)
    records = records_of(study, archive, events, ledger)
    if records is None:
        return None
    covariates = covariates_of(study, archive, events, ledger)
    sites = _sites(study, events, ledger)
    if sites is None or ledger.of_level("error"):
        return None
    frame_of_sites, tables = sites
    unknown = ~np.isin(events.site, frame_of_sites["site"]) & (events.aside == "")
    events.aside[unknown] = "unknown site"
    visits, number = _visits(events, covariates)
    species = _species(study, records)
    records.aside[_rows_lost(events, records)] = "event set aside"
    frame = records.frame[events.aside[records.frame["event"].to_numpy()] == ""]
    table, target = _records(study, archive, events, records, frame, number, species, ledger)
    account(events.table, events.table.frame, events.aside, ledger)
    account(records.table, records.table.frame, records.aside, ledger)
    _account_measurements(study, archive, events, ledger)
    told = study.section("visit_covariates")
    own = [n for n in covariates if n in visits]
    units = {
        n: u for n, u in (("day_of_year", "day of the year"), ("time_of_day", "hours")) if n in own
    }
    return Tidy(
        visits=visits,
        records=table,
        sites=frame_of_sites[frame_of_sites["site"].isin(visits["site"])].reset_index(drop=True),
        species=species,
        seasons=list(as_seasons(sorted(set(visits["season"]), key=natural))) or [1],
        tables=[records.table, events.table, *tables],
        units=units,
        missing={n: told.get(n, {}).get("missing", "drop visit") for n in own},
        has_effort=events.effort is not None,
        effort_units=events.effort_unit or ("events" if events.effort is None else "units"),
        inputs=archive.inputs,
        clock="local time",
        target=target,
    )


def _names_fit(study: StudyFile, archive: Archive, ledger: Ledger) -> bool:
    """Whether every column of [dwca.where] is one of the events or of the occurrences."""
    before = len(ledger.of_level("error"))
    names = [*archive.tables["event"].names]
    if "occurrence" in archive.tables:
        names += archive.tables["occurrence"].names
    for column in study.section("dwca").get("where", {}):
        if not any(
            t.match(column) for k, t in archive.tables.items() if k in ("event", "occurrence")
        ):
            ledger.error(
                "E015",
                f"{study.name}: [dwca.where] {column} is no term of events or occurrences."
                f"{did_you_mean(column, names)}",
                file=study.name,
                cure=f"there are: {listing(dict.fromkeys(names), 50)}",
            )
    return len(ledger.of_level("error")) == before


def _tell_datum(events: Events, ledger: Ledger) -> None:
    column = events.table.match("geodeticDatum")
    if column is None:
        return
    odd = {v for v in events.table.text(column) if v.strip().casefold() not in DATUM}
    if odd:
        ledger.warn(
            "W627",
            f"{events.table.place}: coordinates of {listing(sorted(odd), 3)} were read as WGS 84",
            file=events.table.file,
            column=column,
            why="datums differ by up to some hundred metres",
            cure="give the places yourself where that matters: [files.sites]",
        )


def _sites(
    study: StudyFile, events: Events, ledger: Ledger
) -> tuple[pd.DataFrame, list[Table]] | None:
    """One row a site: coordinates of the events, and what the study's own tables tell."""
    live = events.aside == ""
    if not live.any():
        told = pd.Series(events.aside).value_counts()
        ledger.error(
            "E628",
            f"{events.table.place}: of {len(live)} events none is left ("
            + listing([f"{n} {rule}" for rule, n in told.items()], 6)
            + ")",
            file=events.table.file,
            cure="see the keys of [dwca]",
        )
        return None
    part = events.table.frame[live]
    asked = [
        keys["column"]
        for keys in study.section("covariates").values()
        if "path" not in keys and keys.get("column") in part
    ]
    asked += [n for n in study.section("covariates") if n in part and n not in asked]
    columns = [c for c in ("decimalLongitude", "decimalLatitude") if c in part]
    if len(columns) == 2:
        part = places_joined(events.table, part, events.site[live], ledger)
        if part is None:
            return None
    spec = TableSpec(events.table.spec.path, events.table.file, section="files.archive")
    small = Table(spec, part[[*columns, *asked]], {}, separator=events.table.separator)
    sites, tables = read_sites(study, SiteColumns(small, None, asked, events.site[live]), ledger)
    return None if sites is None else (sites, tables)


def _visits(events: Events, covariates: dict[str, np.ndarray]) -> tuple[pd.DataFrame, np.ndarray]:
    """Visits numbered by their start in each site and season; the visit of each event, -1: none."""
    live = np.flatnonzero(events.aside == "")
    frame = pd.DataFrame(
        {
            "site": events.site[live],
            "season": events.season[live],
            "group": events.group[live],
            "start": events.start[live],
            "end": events.end[live],
            "row": events.table.rows[live],
            "event": live,
        }
    )
    if events.effort is not None:
        frame["effort"] = events.effort[live]
    for name, values in covariates.items():
        frame[name] = values[live]
    keys = ["site", "season", "group"]
    frame = frame.sort_values([*keys, "start", "event"], kind="stable")
    rule: dict[str, Any] = {str(c): "first" for c in frame if c not in keys}
    rule |= {"start": "min", "end": "max", "event": "min"}
    for name, values in covariates.items():
        # Of the parts of one visit numbers are averaged, words those of the first.
        rule[name] = "first" if values.dtype == object else "mean"
    if events.effort is not None:
        rule["effort"] = "sum"
    joined = frame.groupby(keys, sort=False).agg(rule).reset_index()
    joined = joined.sort_values(["site", "season", "start", "event"], kind="stable")
    joined["visit"] = joined.groupby(["site", "season"]).cumcount() + 1
    number = np.full(len(events.ids), -1, dtype=np.int64)
    index = pd.MultiIndex.from_frame(joined[keys])
    number[frame["event"].to_numpy()] = index.get_indexer(pd.MultiIndex.from_frame(frame[keys]))
    out = joined.drop(columns=["group", "event"]).reset_index(drop=True)
    if out["start"].isna().all():
        out = out.drop(columns=["start", "end"])
    empty = [n for n in covariates if out[n].dtype.kind == "f" and out[n].isna().all()]
    return out.assign(file=events.table.file).drop(columns=empty), number


def _rows_lost(events: Events, records: Records) -> np.ndarray:
    """Rows in use of events that were set aside later, as those of unknown sites."""
    used = np.flatnonzero(records.aside == "")
    return used[events.aside[records.frame["event"].to_numpy()] != ""]


def _species(study: StudyFile, records: Records) -> list[str]:
    told = study.section("study").get("species", [])
    told = [told] if isinstance(told, str) else list(told)
    return sorted({*records.frame["species"], *told}) or ["species"]


def _records(
    study: StudyFile,
    archive: Archive,
    events: Events,
    records: Records,
    frame: pd.DataFrame,
    number: np.ndarray,
    species: list[str],
    ledger: Ledger,
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The records by visit, and which species was looked for on which (None: all on each)."""
    visits = _keys(events, number)
    at = number[frame["event"].to_numpy()]
    table = visits.iloc[at].reset_index(drop=True)
    table["species"] = frame["species"].to_numpy()
    table["detection"] = frame["present"].to_numpy().astype(float)
    table["n_records"] = 1.0
    table["row"], table["file"] = frame["row"].to_numpy(), records.table.file
    if records.counted:
        table["count"] = frame["count"].to_numpy()
    scope = scope_of(archive, events, species, records.above, ledger)
    if study.section("dwca").get("scope") == "all":
        return table, None
    scope = scope[events.aside[scope["event"].to_numpy()] == ""]
    more = visits.iloc[number[scope["event"].to_numpy()]].reset_index(drop=True)
    more["species"] = scope["species"].to_numpy()
    key = ["species", "site", "season", "visit"]
    target = pd.concat([table[key], more[key]]).drop_duplicates().reset_index(drop=True)
    _tell_without_absence(table, more, species, records, ledger)
    return table, target


def _keys(events: Events, number: np.ndarray) -> pd.DataFrame:
    """Site, season and number of every visit, in the order of the table of visits."""
    live = np.flatnonzero(number >= 0)
    first = pd.DataFrame(
        {"at": number[live], "site": events.site[live], "season": events.season[live]}
    )
    out = first.drop_duplicates("at").sort_values("at").reset_index(drop=True)
    out["visit"] = out.groupby(["site", "season"]).cumcount() + 1
    return out[["site", "season", "visit"]]


def _tell_without_absence(
    table: pd.DataFrame, more: pd.DataFrame, species: list[str], records: Records, ledger: Ledger
) -> None:
    absent = {*table["species"][table["detection"] == 0], *more["species"]}
    alone = [name for name in species if name not in absent]
    if not alone:
        return
    ledger.warn(
        "W629",
        f"{records.table.place}: {len(alone)} of {len(species)} species are never told absent "
        f"({listing(alone, 4)}); where they have no row they are missing, not absent",
        file=records.table.file,
        why="from presences alone neither occupancy nor detection can be estimated",
        cure="name the others in [study] species; or, if every species was looked for at every "
        'event, [dwca] scope = "all"',
    )


def _account_measurements(
    study: StudyFile, archive: Archive, events: Events, ledger: Ledger
) -> None:
    """Measurements that a covariate or the effort asks for are used."""
    facts = archive.tables.get(MEASUREMENT)
    if facts is None:
        return
    asked = {k.get("column", n) for n, k in study.section("visit_covariates").items()}
    asked |= {study.section("dwca").get("effort", "")}
    names = {a.strip().casefold() for a in asked}
    aside = np.full(len(facts), "no covariate of the study", dtype=object)
    if "measurementType" in facts.names and "measurementValue" in facts.names:
        kinds = np.array([k.casefold() in names for k in facts.text("measurementType")], dtype=bool)
        at = pd.Index(events.ids).get_indexer(pd.Index(facts.text("id")))
        live = (at >= 0) & (events.aside[at] == "")
        blank = np.array([is_unknown(v) for v in facts.text("measurementValue")], dtype=bool)
        aside[kinds & ~live] = "event set aside or unknown"
        aside[kinds & live & blank] = "unknown"
        aside[kinds & live & ~blank] = ""
    account(facts, facts.frame, aside, ledger)
