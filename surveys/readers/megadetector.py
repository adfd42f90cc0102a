"""MegaDetector results (JSON) beside a table of deployments, and times where it holds none.

MegaDetector tells animals from people, vehicles and nothing. Where a classifier named the animals,
its names are the species; else all are "animal", which serves to sort out blanks and no more.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pandas as pd

from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import listing
from surveys.readers import megadetector_results, roles
from surveys.readers.camera_records import Records, species_frame
from surveys.readers.camera_settings import SECTIONS as OF_CAMERAS
from surveys.readers.camera_settings import Settings, settings_of
from surveys.readers.camera_visits import tidy_of
from surveys.readers.deployments import Deployments, as_stations, column_of, stations_of
from surveys.readers.megadetector_results import COLUMNS, Box, boxes_of
from surveys.readers.picture_folders import stations_beside
from surveys.readers.record_times import record_instants
from surveys.readers.site_table import read_sites
from surveys.readers.tidy import Guess, Tidy
from surveys.readers.timelapse import sites_of_files, unknown_folders
from surveys.readers.wildlife_insights import KINDS as WORDS
from surveys.split_tables import open_parts, several
from surveys.study_file import StudyFile
from surveys.text_table import Table, TableSpec

SECTIONS = (*OF_CAMERAS, "megadetector")
THRESHOLD = 0.2  # of confidence; MegaDetector writes boxes from 0.005
TIMES: dict[str, tuple[str, ...]] = {
    "file": ("file", "filepath", "path", "filename"),
    "datetime": ("datetime", "datetimeoriginal", "timestamp"),
}
KINDS = {**WORDS, "people": "human", "vehicles": "vehicle"}  # SpeciesNet has those of its makers
ANIMALS = frozenset({"animal", "animals", "wildlife", "object", "unknown"})  # name no species


def detect(tables: dict[str, Table]) -> Guess | None:
    """Tables that `table_of` made of results, beside one of deployments."""
    results = [f for f, t in tables.items() if t.names == COLUMNS]
    if not results:
        return None
    paths = [p for f in results for p in tables[f].text("file")]
    others = {f: t for f, t in tables.items() if f not in results}
    stations = stations_beside(others, paths, is_file=True)
    if stations is None:
        return None
    place, columns, number = stations
    files: dict[str, tuple[str, dict[str, str]]] = {"deployments": (place, columns)}
    quiet = Ledger()
    for file, table in others.items():
        timed = {r: column_of(table, r, quiet, TIMES) for r in TIMES}
        if file != place and all(timed.values()):
            files["times"] = (file, {r: str(c) for r, c in timed.items()})
    return Guess(
        "megadetector",
        0.95,
        f"{listing(results, 4)} {'hold' if len(results) > 1 else 'holds'} results of MegaDetector",
        extra={"files": files, "site_folder": number} | several(results, tables),
    )


def table_of(spec: TableSpec, ledger: Ledger) -> Table | None:
    """The results of one run or of several as a table, a row a picture."""
    if spec.parts:
        return open_parts(spec, ledger, megadetector_results.table_of)
    return megadetector_results.table_of(spec, ledger)


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Visits and records of the pictures that MegaDetector has seen."""
    settings = settings_of(study, ledger)
    stations = stations_of(study, settings, ledger)
    spec = study.table("files.detections", ledger)
    table = table_of(spec, ledger) if spec is not None else None
    times_spec = study.table("files.times", ledger)
    times = open_table(times_spec, ledger) if times_spec is not None else None
    if stations is None or table is None or (times_spec is not None and times is None):
        read_sites(study, None, ledger)
        return None
    records = _records(study, table, times, stations, settings, ledger)
    others = [c for c in stations.table.names if c not in stations.used_columns]
    tidy = tidy_of(study, settings, stations, records, ledger, covariates=others)
    if tidy is not None and times is not None:
        tidy.tables.append(times)
    return tidy


def _records(
    study: StudyFile,
    table: Table,
    times: Table | None,
    stations: Deployments,
    settings: Settings,
    ledger: Ledger,
) -> Records | None:
    failed = table.text("failure") != ""
    if times is not None and not _join_times(table, times, ledger):
        return None
    untimed = table.text("datetime") == ""
    if untimed.all() or not len(table):
        n = int(failed.sum())
        first = f"; the first is {table.text('file')[failed][0]}" if n else ""
        ledger.error(
            "E060",
            f"{table.place} holds no times of its {len(table)} pictures"
            + (f", and {n} could not be read{first}" if n else ""),
            file=table.place,
            cure='give them: [files.times] path = "times.csv" (columns file and datetime)',
        )
        return None
    if failed.any():
        first = table.text("file")[failed][0]
        ledger.warn(
            "W060",
            f"{table.place}: {int(failed.sum())} of {len(table)} pictures could not be read "
            f"(first: {first}): they are effort without a result",
            file=table.file,
            cure="run MegaDetector again on them",
        )
    site = sites_of_files(study, table, "file", "megadetector", ledger)
    if site is None:
        return None
    site = as_stations(study, site, stations)
    aside = unknown_folders(study, table, site, stations, ledger)
    aside[failed] = "picture could not be read"
    instant = record_instants(
        study, table, "datetime", site, site, stations, settings, aside, ledger
    )
    frame = _seen(study, table, study.section("megadetector").get("threshold", THRESHOLD), ledger)
    return Records(
        table,
        unit=site,
        instant=instant,
        aside=aside,
        frame=frame,
        individuals=True,
        pictures=True,
    )


def _join_times(table: Table, times: Table, ledger: Ledger) -> bool:
    """Put the times of another table into that of the results, by the name of the file."""
    before = len(ledger.of_level("error"))
    found = {r: column_of(times, r, ledger, TIMES, needed=True) for r in TIMES}
    if len(ledger.of_level("error")) > before:
        return False
    names = [f.replace("\\", "/") for f in times.text(str(found["file"]))]
    lookup = dict(zip(names, times.text(str(found["datetime"])), strict=True))
    files = [f.replace("\\", "/") for f in table.text("file")]
    table.frame["datetime"] = [
        lookup.get(f) or old for f, old in zip(files, table.text("datetime"), strict=True)
    ]
    have = set(files)
    used = np.array([n in have for n in names], dtype=bool)
    ledger.read(times.file, len(times))
    ledger.use(times.file, int(used.sum()))
    if not used.all():
        ledger.set_aside(f"picture not in {table.file}", times.file, times.rows[~used])
    if not used.any():
        ledger.error(
            "E582",
            f'{times.place}: none of its files ("{names[0] if names else ""}" ...) is in '
            f'{table.file} ("{files[0] if files else ""}" ...)',
            file=times.place,
            cure="write the paths of files alike in both",
        )
        return False
    return True


def _seen(study: StudyFile, table: Table, threshold: float, ledger: Ledger) -> pd.DataFrame:
    """A row for each species or kind in each picture, with the number of its boxes.

    Of a video it is the most boxes in one frame.
    """
    pictures = [boxes_of(text) for text in table.text("detections")]
    classified = any(_is_named(box) for boxes in pictures for box in boxes)
    rows: list[tuple[int, str, str, int]] = []
    ranks: dict[str, str] = {}
    for at, boxes in enumerate(pictures):
        inside: dict[tuple[str, str], Counter[int | None]] = {}
        for box in boxes:
            if box.confidence < threshold:
                continue
            name, kind = _name(box, classified, threshold)
            inside.setdefault((name, kind), Counter())[box.frame] += 1
            if box.rank and name == box.name:
                ranks[roles.plain_name(name)] = box.rank
        for (name, kind), frames in inside.items():
            rows.append((at, name, kind, max(frames.values())))
        if not inside:
            rows.append((at, "", "blank", 0))
    frame = pd.DataFrame(rows, columns=["at", "name", "kind", "n"])
    if not classified and (frame["name"] != "").any():
        ledger.warn(
            "W583",
            f'{table.place} names no species; all animals were read as one, "animal"',
            file=table.file,
            why="MegaDetector tells animals from people, vehicles and nothing",
            cure="classify the animals first, or use this to sort out blanks only",
        )
    return species_frame(
        study,
        table,
        frame["name"].to_numpy(dtype=object),
        ledger,
        kinds=frame["kind"].to_numpy(dtype=object),
        ranks=ranks,
        counts=frame["n"].to_numpy(dtype=float),
        at=frame["at"].to_numpy(),
    )


def _is_named(box: Box) -> bool:
    """Whether a classifier looked at it, or the detector itself knows species."""
    category = box.category.casefold()
    return bool(box.name) or (category not in ANIMALS and not _kind(category))


@cache
def _kind(word: str) -> str:
    """What a word says instead of a species; "" for a name."""
    plain = roles.plain_name(word)
    return (
        "human" if plain.startswith("human") else KINDS.get(plain, roles.NOT_SPECIES.get(plain, ""))
    )


def _name(box: Box, classified: bool, threshold: float) -> tuple[str, str]:
    """The species of a box, or what it is instead."""
    category = roles.plain_name(box.category)
    if category not in ANIMALS:
        if kind := _kind(category):
            return "", kind
        return (box.name if box.name and box.sure >= threshold else box.category), ""
    if not box.name:
        return ("", "unknown") if classified or category == "unknown" else ("animal", "")
    if box.sure < threshold:
        return "", "unknown"
    return ("", kind) if (kind := _kind(box.name)) else (box.name, "")
