"""Timelapse image tables (ImageData.csv) beside a table of deployments.

The site is a folder of RelativePath: the first, or the one that `[timelapse] site_folder` counts
to. The species and the count are columns of the user's own template.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import listing
from surveys.readers import picture_folders, roles, station_words
from surveys.readers.camera_records import Records, count_column, species_frame
from surveys.readers.camera_settings import SECTIONS as OF_CAMERAS
from surveys.readers.camera_settings import Settings, settings_of
from surveys.readers.camera_times import JOINED, with_moment
from surveys.readers.camera_visits import tidy_of
from surveys.readers.deployments import Deployments, as_stations, column_of, stations_of
from surveys.readers.picture_folders import folder_of, stations_beside
from surveys.readers.record_times import record_instants
from surveys.readers.scientific_names import tell_further, whole_names
from surveys.readers.site_table import read_sites
from surveys.readers.station_words import Columns
from surveys.readers.tidy import Guess, Tidy
from surveys.study_file import StudyFile
from surveys.text_table import Table

SECTIONS = (*OF_CAMERAS, "timelapse")
COLUMNS: dict[str, tuple[str, ...]] = {
    "site": (),  # a column only where the study file names one
    "species": ("species",),
    "datetime": ("datetime",),
    "count": ("count", "number", "individuals", "quantity"),
}


def detect(tables: dict[str, Table]) -> Guess | None:
    """A table of files with RelativePath and a time, beside one of deployments."""
    images = None
    for file, table in tables.items():
        names = {n.casefold() for n in table.names}
        timed = "datetime" in names or {"date", "time"} <= names
        if {"file", "relativepath"} <= names and timed:
            images = file
    if images is None:
        return _of_pictures(tables)
    table, quiet = tables[images], Ledger()
    others = {f: t for f, t in tables.items() if f != images}
    columns = {r: column_of(table, r, quiet, COLUMNS) for r in ("species", "count")}
    columns["species"] = columns["species"] or station_words.species_of(table)
    paths = table.text(str(table.match("RelativePath")))
    stations = stations_beside(others, paths, is_file=False)
    root = table.match("RootFolder")
    if root is not None:
        above = stations_beside(others, table.text(root), is_file=False)
        if above is not None and (stations is None or _share(above, others, table.text(root)) == 1):
            columns["site"], stations = root, (*above[:2], 1)
    if stations is None:
        return None
    place, of_stations, number = stations
    return Guess(
        "timelapse",
        0.95,
        f"{images} has the columns of Timelapse (File, RelativePath), and {place} tells from "
        "when to when each camera stood",
        columns={r: c for r, c in columns.items() if c},
        extra={
            "file": images,
            "files": {"deployments": (place, of_stations)},
            "site_folder": number,
        },
    )


def _of_pictures(tables: dict[str, Table]) -> Guess | None:
    """A table of pictures with the path of each, as programs that name animals write it."""
    for file, table in tables.items():
        path = picture_folders.path_column(table)
        told = station_words.records_of(table, labels=True) if path is not None else None
        if path is None or told is None or "datetime" not in told:
            continue
        others = {f: t for f, t in tables.items() if f != file}
        stations = stations_beside(others, table.text(path), is_file=True)
        if stations is None or not _holds(stations, others, table.text(path)):
            continue
        place, of_stations, number = stations
        return Guess(
            "timelapse",
            0.85,
            f"{file} tells the path, the time and a name of each picture, and {place} from when to "
            "when each camera stood",
            columns={"file": path} | told,
            extra={
                "file": file,
                "files": {"deployments": (place, of_stations)},
                "site_folder": number,
            },
        )
    return None


def _holds(found: tuple[str, Columns, int], tables: dict[str, Table], paths: np.ndarray) -> bool:
    """Whether the folder is a station of some picture at all."""
    known = {v.casefold() for v in tables[found[0]].text(found[1]["site"])}
    return any((folder_of(p, found[2], is_file=True) or "").casefold() in known for p in paths)


def _share(found: tuple[str, Columns, int], tables: dict[str, Table], names: np.ndarray) -> float:
    """The share of folders that are stations."""
    known = {v.casefold() for v in tables[found[0]].text(found[1]["site"])}
    return float(np.mean([str(n).casefold() in known for n in names])) if len(names) else 0.0


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Visits and records of a table of images."""
    settings = settings_of(study, ledger)
    stations = stations_of(study, settings, ledger)
    spec = study.table("files.detections", ledger)
    table = open_table(spec, ledger) if spec is not None else None
    if stations is None or table is None:
        read_sites(study, None, ledger)
        return None
    records = _records(study, table, stations, settings, ledger)
    others = [c for c in stations.table.names if c not in stations.used_columns]
    return tidy_of(study, settings, stations, records, ledger, covariates=others)


def _records(
    study: StudyFile, table: Table, stations: Deployments, settings: Settings, ledger: Ledger
) -> Records | None:
    if not len(table):
        ledger.error(
            "E006",
            f"{table.place} has a header and no rows: no picture can be read",
            file=table.place,
            cure="was the export cut short? Export it again",
        )
        return None
    before = len(ledger.of_level("error"))
    when = column_of(table, "datetime", ledger, COLUMNS)
    if when is None and "datetime" not in table.spec.columns:
        table = _with_moment(table, ledger)
        when = JOINED
    found = {
        role: column_of(table, role, ledger, COLUMNS, needed=role == "species")
        for role in ("species", "count")
    }
    site = sites_of_files(study, table, "RelativePath", "timelapse", ledger)
    if len(ledger.of_level("error")) > before or site is None or found["species"] is None:
        return None
    site = as_stations(study, site, stations)
    aside = unknown_folders(study, table, site, stations, ledger)
    deleted = table.match("DeleteFlag")
    if deleted is not None:
        flags = np.array([v.casefold() in ("true", "1") for v in table.text(deleted)], dtype=bool)
        aside[flags] = "marked for deletion"
    instant = record_instants(
        study, table, str(when), site, site, stations, settings, aside, ledger
    )
    counts = count_column(table, found["count"], ledger)
    names, scientific = whole_names(table, found["species"], ledger)
    tell_further(table, found["species"], ledger)
    frame = species_frame(study, table, names, ledger, scientific=scientific, counts=counts)
    return Records(
        table,
        unit=site,
        instant=instant,
        aside=aside,
        frame=frame,
        individuals=counts is not None,
        pictures=True,
        event=_pictures(table),
    )


def _pictures(table: Table) -> np.ndarray | None:
    """Each picture: people make further rows of one for further animals in it."""
    named = table.spec.columns.get("file")
    columns = [table.match(name) for name in ("RootFolder", "RelativePath", named or "File")]
    if columns[-1] is None:
        return None
    parts = [table.text(c) for c in columns if c is not None]
    return np.array(["/".join(map(str, p)) for p in zip(*parts, strict=True)], dtype=object)


def _with_moment(table: Table, ledger: Ledger) -> Table:
    """Older tables have Date and Time apart."""
    day, hour = table.match("Date"), table.match("Time")
    if day is None or hour is None:
        ledger.error(
            "E015",
            f"{table.place} has no column DateTime, nor Date and Time. It has: "
            f"{listing(table.names, 12)}",
            file=table.place,
            cure=f'name it: [{table.spec.section}.columns] datetime = "..."',
        )
        return table
    return with_moment(table, day, hour)


def sites_of_files(
    study: StudyFile, table: Table, column: str, section: str, ledger: Ledger
) -> np.ndarray | None:
    """The site of each picture: a column that the study names, or a folder of its path."""
    if "site" in table.spec.columns:
        named = roles.named(table, "site", ledger)
        return None if named is None else roles.same_sites(study, cells.ids(table, named, ledger))
    is_file = section != "timelapse" or "file" in table.spec.columns
    path = roles.named(table, "file", ledger) if "file" in table.spec.columns else None
    path = path or table.match(column)
    if path is None:
        ledger.error(
            "E015",
            f"{table.place} has no column {column}, so the site of a picture is not known. It has: "
            f"{listing(table.names, 12)}",
            file=table.place,
            cure=f'name a column of sites: [{table.spec.section}.columns] site = "..."',
        )
        return None
    number = study.section(section).get("site_folder", 1)
    told = {p: folder_of(p, number, is_file=is_file) for p in pd.unique(table.text(path))}
    lost = [p for p, folder in told.items() if folder is None]
    if lost:
        rows = table.rows[np.isin(table.text(path).astype(str), np.array(lost, dtype=str))]
        ledger.error(
            "E581",
            f'"{lost[0]}" has no folder number {number}, which would be the site',
            at=table.at(rows, path),
            cure=f"[{section}] site_folder = 1 is the first folder; or name a column of sites: "
            f'[{table.spec.section}.columns] site = "..."',
        )
        return None
    return roles.same_sites(study, [str(told[p]) for p in table.text(path)])


def unknown_folders(
    study: StudyFile, table: Table, site: np.ndarray, stations: Deployments, ledger: Ledger
) -> np.ndarray:
    """Why rows cannot be used: their site is no site of the deployments."""
    keep = roles.known_sites(
        study, table, site, pd.unique(stations.site), stations.table.file, ledger
    )
    return np.where(keep, "", "unknown site").astype(object)
