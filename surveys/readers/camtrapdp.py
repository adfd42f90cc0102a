"""Camtrap DP packages (1.0, and the older 0.1.6): deployments, observations, their one clock each.

`datapackage.json` names the tables and the ranks of taxa. A time keeps the offset that its
deployment started with, which is the camera's clock: observations are often written in UTC.
Columns, keys and words are checked against the standard here, without the internet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys import cells
from surveys.clock import Clock
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import first_of, listing, rows_text
from surveys.readers import roles
from surveys.readers.camera_records import Records, check_shifts, species_frame
from surveys.readers.camera_settings import SECTIONS as OF_CAMERAS
from surveys.readers.camera_settings import Settings, settings_of
from surveys.readers.camera_visits import tidy_of
from surveys.readers.camtrapdp_levels import one_level, seen_together
from surveys.readers.camtrapdp_media import with_pictures
from surveys.readers.data_package import (
    Package,
    files_of_package,
    open_package,
    package_table,
)
from surveys.readers.deployments import Deployments, tell_twice, tell_unknown_deployments
from surveys.readers.offset_times import (
    OffsetTimes,
    check_mixed,
    is_missing,
    offset_times,
    on_clock,
)
from surveys.readers.site_table import read_sites
from surveys.readers.tidy import Guess, Tidy
from surveys.study_file import StudyFile
from surveys.text_table import Table

SECTIONS = (*OF_CAMERAS, "camtrapdp")
PACKAGE = True  # its tables are named by the package, not by the study file
TYPES = ("animal", "human", "vehicle", "blank", "unknown", "unclassified")
COVARIATES = ["featureType", "habitat", "baitUse", "cameraHeight"]


@dataclass(frozen=True)
class Names:
    """What a version of the standard calls its columns."""

    start: str
    end: str
    moment: str
    setup: str

    @property
    def deployments(self) -> tuple[str, ...]:
        """Columns that the table of deployments must have."""
        return ("deploymentID", "latitude", "longitude", self.start, self.end)

    @property
    def observations(self) -> tuple[str, ...]:
        """Columns that the table of observations must have."""
        return ("observationID", "deploymentID", self.moment, "observationType", "scientificName")


NOW = Names("deploymentStart", "deploymentEnd", "eventStart", "cameraSetupType")
OLD = Names("start", "end", "timestamp", "cameraSetup")


def detect(tables: dict[str, Table]) -> Guess | None:
    """Two tables with the column names of the standard."""
    found: dict[str, str] = {}
    for file, table in tables.items():
        for names in (NOW, OLD):
            for what in ("deployments", "observations"):
                if set(getattr(names, what)) <= set(table.names):
                    found[what] = file
    if set(found) != {"deployments", "observations"}:
        return None
    observations = found["observations"]
    return Guess(
        "camtrapdp",
        1.0,
        f"{found['deployments']} and {observations} have the columns of Camtrap DP",
        columns={"species": "scientificName"},
        extra={"file": observations, "files": {"deployments": (found["deployments"], {})}},
    )


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Visits and records of a package."""
    settings = settings_of(study, ledger)
    package = open_package(study, ledger)
    if package is None:
        return None
    opened = {}
    for name, section in (
        ("deployments", "files.deployments"),
        ("observations", "files.detections"),
    ):
        spec = package_table(study, package, name, section, ledger)
        opened[name] = open_table(spec, ledger) if spec is not None else None
    places, table = opened["deployments"], opened["observations"]
    if places is None or table is None:
        read_sites(study, None, ledger)
        return None
    names = NOW if NOW.start in places.names or OLD.start not in places.names else OLD
    if not (_has(places, names.deployments, ledger) & _has(table, names.observations, ledger)):
        return None
    deployments, own = _deployments(study, places, names, settings, ledger)
    if deployments is None:
        return None
    records = _records(study, package, table, names, deployments, own, settings, ledger)
    tidy = tidy_of(study, settings, deployments, records, ledger, covariates=COVARIATES)
    if tidy is not None and package.found:
        tidy.inputs.append(package.found)
        tidy.package = files_of_package(study, package)
        clock = settings.clock
        tidy.fieldwork = with_pictures(tidy.fieldwork, tidy.package, deployments, own, clock)
    return tidy


def _has(table: Table, columns: tuple[str, ...], ledger: Ledger) -> bool:
    """Whether a table has rows and the columns that the standard asks for."""
    gone = [c for c in columns if c not in table.names]
    for column in gone:
        ledger.error(
            "E015",
            f'{table.place} has no column "{column}", which Camtrap DP asks for. It has: '
            f"{listing(table.names, 12)}",
            file=table.place,
            column=column,
            cure="export the package again",
        )
    if not gone and not len(table):
        ledger.error(
            "E006",
            f"{table.place} has a header and no rows",
            file=table.place,
            cure="was the export cut short? Export it again",
        )
        return False
    return not gone


# --- deployments -------------------------------------------------------------------------------


def _deployments(
    study: StudyFile, table: Table, names: Names, settings: Settings, ledger: Ledger
) -> tuple[Deployments | None, np.ndarray]:
    """The deployments, and the offset of each one's clock."""
    before = len(ledger.of_level("error"))
    ids = cells.ids(table, "deploymentID", ledger)
    tell_twice(table, "deploymentID", ids, "deployment", ledger)
    pair = [offset_times(table, c, ledger) for c in (names.start, names.end)]
    for times in pair:
        _tell_blank(table, times, ledger)
        check_mixed(table, times, settings.clock, ledger)
    own = pair[0].offset
    start, end = (on_clock(table, t, own, settings.clock, ledger) for t in pair)
    for i in np.flatnonzero(pair[0].known & pair[1].known & (end <= start)):
        what = "is before" if end[i] < start[i] else "is the same as"
        ledger.error(
            "E042",
            f'{table.place}, row {table.rows[i]} (deployment "{ids[i]}"): {names.end} '
            f"{table.text(names.end)[i]} {what} {names.start} {table.text(names.start)[i]}",
            file=table.place,
            row=int(table.rows[i]),
            column=names.end,
            cure="correct the deployment and export the package again",
        )
    site = _sites(study, table)
    blank = np.full(len(table), "", dtype=object)
    season = blank.copy()
    if settings.seasons == "column":
        column = roles.named(table, "season", ledger) or table.match("session")
        if column is None:
            ledger.error(
                "E015",
                f'{study.name}: [seasons] by = "column", but {table.place} has no column of '
                f"seasons. It has: {listing(table.names, 30)}",
                file=table.place,
                cure='name it: [files.deployments.columns] season = "..."; or by = "year"',
            )
        else:
            season = table.text(column)
    camera = table.text("cameraID") if "cameraID" in table.names else blank
    aside = blank.copy()
    _clocks_in_doubt(study, table, ids, aside, ledger)
    if len(ledger.of_level("error")) > before:
        return None, own
    # A deployment without a camera's id is a camera of its own.
    camera = np.where(camera == "", ids, camera)
    return Deployments(table, ids, site, camera, season, start, end, aside, has_cameras=True), own


def _tell_blank(table: Table, times: OffsetTimes, ledger: Ledger) -> None:
    gone = ~times.known & is_missing(table, times.column)
    if gone.any():
        ledger.error(
            "E514",
            "blank",
            at=table.at(table.rows[gone], times.column),
            cure="write when the camera was set up and taken away",
        )


def _sites(study: StudyFile, table: Table) -> np.ndarray:
    """locationID; where it is blank, the coordinates as written."""
    at = np.array(
        [f"{a},{b}" for a, b in zip(table.text("latitude"), table.text("longitude"), strict=True)],
        dtype=object,
    )
    named = table.text("locationID") if "locationID" in table.names else np.full(len(at), "")
    return roles.same_sites(study, np.where(named == "", at, named))


def _clocks_in_doubt(study, table: Table, ids, aside: np.ndarray, ledger: Ledger) -> None:
    """Deployments whose clock cannot be trusted are set aside, unless the study keeps them."""
    if "timestampIssues" not in table.names:
        return
    doubt = np.array(
        [v.casefold() in ("true", "1") for v in table.text("timestampIssues")], dtype=bool
    )
    if not doubt.any():
        return
    keep = study.section("camtrapdp").get("timestamp_issues") == "keep"
    ledger.warn(
        "W575",
        f"{table.place}, {rows_text(table.rows[doubt])}: timestampIssues is true for "
        f"{int(doubt.sum())} deployments ({listing(ids[doubt], 3)}); "
        + ("they were used all the same" if keep else "they were set aside with their records"),
        file=table.file,
        row=int(table.rows[doubt][0]),
        why="on which day an animal came is then not known",
        cure='to use them all the same: [camtrapdp] timestamp_issues = "keep"',
    )
    if not keep:
        aside[doubt] = "timestampIssues"


# --- observations ------------------------------------------------------------------------------


def _records(
    study: StudyFile,
    package: Package,
    table: Table,
    names: Names,
    deployments: Deployments,
    own: np.ndarray,
    settings: Settings,
    ledger: Ledger,
) -> Records | None:
    before = len(ledger.of_level("error"))
    tell_twice(table, "observationID", table.text("observationID"), "observation", ledger)
    unit = table.text("deploymentID")
    at = deployments.find(unit)
    aside = np.full(len(table), "", dtype=object)
    tell_unknown_deployments(study, table, "deploymentID", unit, at, deployments, aside, ledger)
    kinds = _kinds(table, names, ledger)
    media = one_level(study, table, aside, ledger)
    idle = (aside == "") & (at >= 0) & (deployments.aside[at] != "")
    aside[idle] = "deployment set aside"
    times = offset_times(table, names.moment, ledger)
    check_mixed(table, times, settings.clock, ledger)
    _same_kind_of_time(deployments, own, table, times, settings.clock, ledger)
    aside[~times.known & is_missing(table, names.moment) & (aside == "")] = "no time"
    check_shifts(study, settings, {*deployments.site, *deployments.ids}, ledger)
    site = np.where(at >= 0, deployments.site[at], "")
    instant = on_clock(table, times, np.where(at >= 0, own[at], 0.0), settings.clock, ledger)
    for name, seconds in settings.shifts.items():
        instant[(unit == name) | (site == name)] += seconds
    counts = _counts(table, kinds == "", ledger)
    if len(ledger.of_level("error")) > before:
        return None
    frame = species_frame(
        study,
        table,
        cells.words(table, "scientificName", ledger),
        ledger,
        kinds=kinds,
        ranks=package.ranks,
        scientific=True,
        counts=counts,
    )
    return Records(
        table,
        unit=unit,
        instant=instant,
        aside=aside,
        frame=frame,
        linked=True,
        individuals=counts is not None,
        pictures=media,
        event=seen_together(table, media=media),
    )


def _kinds(table: Table, names: Names, ledger: Ledger) -> np.ndarray:
    """What each row observes: "" for an animal, else the word of the standard."""
    kinds = table.text("observationType").copy()
    for word, others in first_of(w for w in pd.unique(kinds) if w not in TYPES):
        rows = table.rows[kinds == word]
        ledger.error(
            "E576",
            f'"{word}" is none of {", ".join(TYPES)}',
            at=table.at(rows, "observationType"),
            cure="export the package again",
            others=others,
        )
    kinds[kinds == "animal"] = ""
    if names.setup in table.names:
        setup = np.array([v.casefold() for v in table.text(names.setup)], dtype=object)
        kinds[~np.isin(setup, ("", "false"))] = "setup"
    return kinds


def _same_kind_of_time(
    deployments: Deployments,
    own: np.ndarray,
    table: Table,
    times: OffsetTimes,
    clock: Clock,
    ledger: Ledger,
) -> None:
    if clock.zone or clock.offset is not None:
        return
    bare = np.isnan(own).all()
    if (bare and times.with_offset.any()) or (not bare and times.without.all()):
        which = (deployments.table.place, table.place)
        which = which if bare else which[::-1]
        ledger.error(
            "E040",
            f"{which[0]} has times without an offset from UTC, {which[1]} has times with one",
            file=which[0],
            cure='say which clock times without an offset follow: [time] zone = "UTC+01:00"',
        )


def _counts(table: Table, animal: np.ndarray, ledger: Ledger) -> np.ndarray | None:
    """Numbers of animals; what stands beside a blank picture, often a 0, is none."""
    if "count" not in table.names:
        return None
    counts = cells.numbers(table, "count", ledger)
    with np.errstate(invalid="ignore"):
        bad = (counts < 1) | (counts != np.floor(counts)) & ~np.isnan(counts)
    counts = np.where(animal, counts, np.nan)
    for i in np.flatnonzero(bad & animal):
        ledger.error(
            "E048",
            f"{table.place}, row {table.rows[i]}, column count: {table.text('count')[i]} is no "
            "whole number from 1",
            file=table.place,
            row=int(table.rows[i]),
            column="count",
            cure="blank it where animals were not counted",
        )
    return None if np.isnan(counts).all() else counts
