"""Wildlife Insights downloads: deployments.csv beside images.csv, or sequences.csv.

A place is a site. Dates of deployments have no time, so that the whole of the last day counts
unless `[time] ends_without_time` says otherwise.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import listing
from surveys.readers.camera_records import Records, count_column, species_frame
from surveys.readers.camera_settings import SECTIONS as OF_CAMERAS
from surveys.readers.camera_settings import Settings, settings_of
from surveys.readers.camera_visits import tidy_of
from surveys.readers.deployments import (
    Deployments,
    column_of,
    read_stations,
    tell_unknown_deployments,
)
from surveys.readers.record_times import record_instants
from surveys.readers.site_table import read_sites
from surveys.readers.tidy import Guess, Tidy
from surveys.split_tables import several
from surveys.study_file import StudyFile
from surveys.text_table import Table, TableSpec

SECTIONS = OF_CAMERAS
PACKAGE = True  # its tables have names of their own in one folder
DEPLOYMENTS = ("deployment_id", "placename", "start_date", "end_date")
RECORDS: dict[str, tuple[str, ...]] = {
    "deployment": ("deployment_id",),
    "datetime": ("timestamp", "start_time"),
    "count": ("number_of_objects", "group_size"),
}
EVENTS = ("sequence_id", "image_id")
RANKS = ("genus", "family", "order", "class")
COVARIATES = ["feature_type", "bait_type"]
# Words in place of a name; all of them prove that the camera worked.
KINDS = {
    **dict.fromkeys(("blank", "misfire"), "blank"),
    **dict.fromkeys(("vehicle", "bicycle", "motorcycle"), "vehicle"),
    **dict.fromkeys(("setup_pickup", "setup", "calibration photos"), "setup"),
    **dict.fromkeys(("no cv result", "cv needed", "cv failed", "unknown", "animal"), "unknown"),
}


def detect(tables: dict[str, Table]) -> Guess | None:
    """Deployments with a placename, beside pictures or sequences with a taxon."""
    places, found = "", []
    for file, table in tables.items():
        names = set(table.names)
        if set(DEPLOYMENTS) <= names:
            places = file
        elif {"deployment_id", "genus", "species"} <= names and names & set(RECORDS["datetime"]):
            found.append(file)
    if not places or not found:
        return None
    told = several(found, tables)  # a large project comes in several files of pictures
    records = listing(told["taken"], 4)
    return Guess(
        "wildlife_insights",
        1.0,
        f"{places} and {records} have the columns of a Wildlife Insights download",
        columns={"species": "species"},
        extra={"files": {"deployments": (places, {})}} | told,
    )


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Visits and records of a download."""
    settings = settings_of(study, ledger, ends="whole")
    opened = []
    for section, names in (
        ("files.deployments", ("deployments.csv", "deployments_*.csv")),
        (
            "files.detections",
            ("images.csv", "sequences.csv", "images_*.csv", "sequences_*.csv"),
        ),
    ):
        spec = _spec(study, section, names, ledger)
        opened.append(open_table(spec, ledger) if spec is not None else None)
    places, table = opened
    deployments = (
        None if places is None else read_stations(study, places, settings, ledger, midnights=True)
    )
    if deployments is None or table is None:
        read_sites(study, None, ledger)
        return None
    _tell_failing(deployments, ledger)
    records = _records(study, table, deployments, settings, ledger)
    return tidy_of(study, settings, deployments, records, ledger, covariates=COVARIATES)


def _spec(
    study: StudyFile, section: str, names: tuple[str, ...], ledger: Ledger
) -> TableSpec | None:
    """The table that the study names, or the one with a usual name in the folder of the source."""
    if study.section(section).get("path"):
        return study.table(section, ledger)
    base = study.section("source").get("path", "").rstrip("/")
    before = len(ledger.of_level("error"))
    folder = study.resolve(base or ".", "source", ledger)
    if len(ledger.of_level("error")) > before:
        return None
    for pattern in names:
        found = sorted(folder.glob(pattern)) if folder.is_dir() else []
        if found:
            shown = [PurePosixPath(base, p.name).as_posix() for p in found]
            return study.spec_of(section, shown, ledger, based=False)
    ledger.error(
        "E401",
        f"{names[0]} is not in {base or 'the study folder'}",
        file=names[0],
        cure=f'name the folder: [source] path = "..."; or the file: [{section}] path = "..."',
    )
    return None


def _tell_failing(deployments: Deployments, ledger: Ledger) -> None:
    table = deployments.table
    if "camera_functioning" not in table.names:
        return
    told = table.text("camera_functioning")
    failed = ~np.isin(np.char.lower(told.astype(str)), ("", "camera functioning"))
    if failed.any():
        ledger.warn(
            "W580",
            f"the camera of {int(failed.sum())} "
            f"deployments failed ({listing(pd.unique(told[failed]), 3)}); their effort is what the "
            "dates say",
            at=table.at(table.rows[failed]),
            column="camera_functioning",
            cure="let end_date be the last day on which the camera worked",
        )


def _records(
    study: StudyFile, table: Table, deployments: Deployments, settings: Settings, ledger: Ledger
) -> Records | None:
    if not len(table):
        if not study.section("detections").get("none", False):
            ledger.error(
                "E006",
                f"{table.place} has a header and no rows: no detection can be read",
                file=table.place,
                cure="was the export cut short? Export it again",
            )
        return None
    before = len(ledger.of_level("error"))
    found = {
        role: column_of(table, role, ledger, RECORDS, needed=role != "count") for role in RECORDS
    }
    gone = [c for c in ("genus", "species") if c not in table.names]
    if gone:
        ledger.error(
            "E015",
            f'{table.place} has no column "{gone[0]}". It has: {listing(table.names, 12)}',
            file=table.place,
            cure="export the project again",
        )
    if len(ledger.of_level("error")) > before:
        return None
    unit = table.text(str(found["deployment"]))
    at = deployments.find(unit)
    aside = np.full(len(table), "", dtype=object)
    tell_unknown_deployments(
        study, table, str(found["deployment"]), unit, at, deployments, aside, ledger
    )
    site = np.where(at >= 0, deployments.site[at], "")
    when = str(found["datetime"])
    instant = record_instants(study, table, when, unit, site, deployments, settings, aside, ledger)
    _tell_last_day(table, deployments, at, instant, settings, ledger)
    names, ranks, kinds = _taxa(table)
    counts = count_column(table, found["count"], ledger)
    return Records(
        table,
        unit=unit,
        instant=instant,
        aside=aside,
        frame=species_frame(
            study,
            table,
            names,
            ledger,
            kinds=kinds,
            ranks=ranks,
            scientific=True,
            counts=counts,
        ),
        linked=True,
        individuals=counts is not None,
        pictures=when == "timestamp",
        event=next((table.text(c) for c in EVENTS if c in table.names), None),
    )


def _tell_last_day(
    table: Table, deployments: Deployments, at: np.ndarray, instant: np.ndarray, settings, ledger
) -> None:
    """Pictures of the last day of a deployment whose end is a date: that day counts whole."""
    clock, end = settings.clock, column_of(deployments.table, "end", Ledger())
    last = clock.days(deployments.end - 1)
    opens = clock.edges(last)
    whole = deployments.end == clock.edges(last + 1)
    n = int(((at >= 0) & whole[at] & (instant > opens[at]) & (instant < deployments.end[at])).sum())
    if n and settings.ends == "whole":
        ledger.repair(
            "R041",
            f"{table.place}: {n} rows are later than {end} of their deployment but on the same "
            f"day; {end} is a date (00:00:00), so the whole day counts",
            file=table.file,
            cure='to count half of it: [time] ends_without_time = "half"',
        )


def _taxa(table: Table) -> tuple[np.ndarray, dict[str, str], np.ndarray]:
    """The lowest name of each row, the ranks of names above species, and what is no animal.

    Some downloads write "Blank" or "Unknown" into every cell that has no taxon.
    """

    def words(column: str) -> tuple[np.ndarray, np.ndarray]:
        """Names of a column, and what its other words say."""
        n = len(table)
        if column not in table.names:
            return np.full(n, "", dtype=object), np.full(n, "", dtype=object)
        told = {
            v: ("", "") if cells.is_missing(v, cells.MISSING_WORD) else _name_or_kind(v)
            for v in pd.unique(table.text(column))
        }
        pairs = [told[v] for v in table.text(column)]
        return tuple(np.array([p[i] for p in pairs], dtype=object) for i in (0, 1))  # type: ignore[return-value]

    (genus, _), (species, _) = words("genus"), words("species")
    names = np.array(
        [f"{g} {s}" if g and s else "" for g, s in zip(genus, species, strict=True)], dtype=object
    )
    ranks: dict[str, str] = {}
    kinds = np.full(len(table), "", dtype=object)
    for rank in RANKS:
        values, said = words(rank)
        open_ = (names == "") & (values != "")
        names[open_] = values[open_]
        ranks.update({str(v).casefold(): rank for v in pd.unique(values[open_])})
        kinds = np.where(said != "", said, kinds)
    said = words("common_name")[1]
    kinds = np.where(said != "", said, kinds)
    kinds[(names != "") & (kinds != "human")] = ""  # a taxon is told, however coarse
    if "is_blank" in table.names:
        told = np.char.lower(table.text("is_blank").astype(str))
        kinds[np.isin(told, ("1", "true", "yes"))] = "blank"
    return names, ranks, kinds


def _name_or_kind(word: str) -> tuple[str, str]:
    """A name as it is; a word that stands in its place, as what it says."""
    plain = word.casefold()
    kind = "human" if plain.startswith("human") else KINDS.get(plain, "")
    return ("", kind) if kind else (word, "")
