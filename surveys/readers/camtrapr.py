"""A table of records beside a table of camera stations, as camtrapR has them.

Records: Station, Species, DateTimeOriginal. Stations: Station, Setup_date, Retrieval_date, pairs
of Problem1_from and Problem1_to, a camera and a session where there are several. Every other
column of the stations is a covariate of the site. Other names are named in the study file.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import listing
from surveys.readers import roles, station_words
from surveys.readers.camera_records import Records, count_column, species_frame
from surveys.readers.camera_settings import SECTIONS as OF_CAMERAS
from surveys.readers.camera_settings import Settings, settings_of
from surveys.readers.camera_times import JOINED, with_moment
from surveys.readers.camera_visits import tidy_of
from surveys.readers.deployments import Deployments, as_stations, column_of, stations_of
from surveys.readers.record_times import record_instants
from surveys.readers.scientific_names import tell_further, whole_names
from surveys.readers.site_table import read_sites
from surveys.readers.station_words import stations_of as stations_by_words
from surveys.readers.tidy import Guess, Tidy
from surveys.split_tables import several
from surveys.study_file import StudyFile
from surveys.text_table import Table

SECTIONS = OF_CAMERAS
RECORD_COLUMNS: dict[str, tuple[str, ...]] = {
    "site": ("station", "site", "placename", "location"),
    "species": ("species",),
    "datetime": ("datetimeoriginal", "datetime", "timestamp", "date_time"),
    "count": ("count", "n", "individuals", "number", "group_size"),
}

APART = ("date", "time")  # where no column holds both


def detect(tables: dict[str, Table]) -> Guess | None:
    """A table with a first and a last day of each station, beside one of stations and species."""
    places: dict[str, dict[str, str]] = {}
    seen: dict[str, dict[str, str]] = {}
    for file, table in tables.items():
        quiet = Ledger()
        have = {r: column_of(table, r, quiet) for r in ("site", "start", "end")}
        if all(have.values()):
            places[file] = {r: str(c) for r, c in have.items()}
            continue
        columns = {r: column_of(table, r, quiet, RECORD_COLUMNS) for r in RECORD_COLUMNS}
        dated = columns["datetime"] or all(table.match(n) for n in APART)
        if columns["site"] and columns["species"] and dated:
            seen[file] = {r: c for r, c in columns.items() if c}
    if not places or not seen:
        return by_words(tables)
    stations, records = _pair(tables, places, seen)
    table = tables[stations[0]]
    known = {v.casefold() for v in table.text(stations[1]["site"])}
    alike = [
        f
        for f, told in seen.items()
        if f != records[0] and tables[f].names == tables[records[0]].names
        if {v.casefold() for v in tables[f].text(told["site"])} <= known
    ]
    joined = several([records[0], *(alike if len(places) == 1 else [])], tables)
    idle = {f: "further stations: one table of them is read" for f in places if f != stations[0]}
    idle |= {f: "further records: one table of them is read" for f in seen if f != records[0]}
    joined["idle"] = idle | joined["idle"]
    told = stations_by_words(table) or {}
    for role in ("camera", "season"):
        column = column_of(table, role, Ledger()) or told.get(role)
        if column:
            stations[1][role] = column
    stations[1].update(station_words.unusual_places(table))
    start, end = stations[1]["start"], stations[1]["end"]
    taken = joined["taken"]
    return Guess(
        "camtrapr",
        0.9,
        f'{stations[0]} tells from when ("{start}") to when ("{end}") a camera stood at each '
        f"station, and {listing(taken, 4)} {'hold' if len(taken) > 1 else 'holds'} records of "
        "species",
        columns=records[1],
        extra={"files": {"deployments": stations}} | joined,
    )


def by_words(tables: dict[str, Table]) -> Guess | None:
    """The same under names of their owner's; or one table that holds both."""
    found = station_words.pair(tables)
    if found is None:
        return None
    (place, stations), (record, records) = found
    start, end = stations["start"], stations["end"]
    return Guess(
        "camtrapr",
        station_words.sure_of(tables[record], stations, records),
        f'{place} tells from when ("{start}") to when ("{end}") a camera stood, and '
        + ("its rows" if place == record else record)
        + (" are" if place == record else " holds")
        + " records of species",
        columns=records,
        extra={"file": record, "files": {"deployments": (place, stations)}},
    )


Columns = tuple[str, dict[str, str]]  # file, role -> column


def _pair(
    tables: dict[str, Table], places: dict[str, dict[str, str]], seen: dict[str, dict[str, str]]
) -> tuple[Columns, Columns]:
    """Stations and records that belong together: as few names as can be stand in one alone."""

    def apart(pair: tuple[str, str]) -> int:
        one, other = (
            {v.casefold() for v in tables[file].text(columns["site"]) if v}
            for file, columns in zip(pair, (places[pair[0]], seen[pair[1]]), strict=True)
        )
        return len(one ^ other)

    place, record = min(((p, r) for p in places for r in seen), key=apart)
    return (place, places[place]), (record, seen[record])


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Visits and records of a study with stations and records."""
    settings = settings_of(study, ledger)
    spec = study.table("files.detections", ledger)
    stations = stations_of(study, settings, ledger, records=spec)
    table = open_table(spec, ledger) if spec is not None else None
    if stations is None or table is None:
        read_sites(study, None, ledger)
        return None
    records = records_of(study, table, stations, settings, ledger)
    others = [c for c in stations.table.names if c not in stations.used_columns]
    return tidy_of(study, settings, stations, records, ledger, covariates=others)


def records_of(
    study: StudyFile, table: Table, stations: Deployments, settings: Settings, ledger: Ledger
) -> Records | None:
    """The table of records; None without one, and where a fault forbids it."""
    if not len(table):
        if not study.section("detections").get("none", False):
            ledger.error(
                "E006",
                f"{table.place} has a header and no rows: no detection can be read",
                file=table.place,
                cure="was the export cut short? If no animal was ever seen, say so with "
                "[detections] none = true",
            )
        return None
    before = len(ledger.of_level("error"))
    told = all(role in table.spec.columns for role in APART)
    apart = [roles.named(table, r, ledger) if told else table.match(r) for r in APART]
    joined = "datetime" not in table.spec.columns and all(apart)
    usual = column_of(table, "datetime", Ledger(), RECORD_COLUMNS)
    joined = joined and (told or usual is None)
    needed = ("site",) if joined else ("site", "datetime")
    found = {
        role: column_of(table, role, ledger, RECORD_COLUMNS, needed=role in needed)
        for role in RECORD_COLUMNS
    }
    if len(ledger.of_level("error")) > before:
        return None
    if joined:
        table = with_moment(table, str(apart[0]), str(apart[1]))
        found["datetime"] = JOINED
    site = roles.same_sites(study, cells.ids(table, str(found["site"]), ledger))
    site = as_stations(study, site, stations)
    keep = roles.known_sites(
        study, table, site, pd.unique(stations.site), stations.table.file, ledger
    )
    aside = np.where(keep, "", "unknown site").astype(object)
    instant = record_instants(
        study, table, str(found["datetime"]), site, site, stations, settings, aside, ledger
    )
    counts = count_column(table, found["count"], ledger)
    if found["species"] is None:
        name = roles.only_species(study, table, ledger)
        names = np.full(len(table), name, dtype=object)
        scientific = False
    else:
        names, scientific = whole_names(table, found["species"], ledger)
        tell_further(table, found["species"], ledger)
    return Records(
        table,
        unit=site,
        instant=instant,
        aside=aside,
        frame=species_frame(study, table, names, ledger, scientific=scientific, counts=counts),
        individuals=counts is not None,
    )
