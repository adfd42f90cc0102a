"""MegaDetector results (JSON) beside a table of deployments, and times where it holds none.

MegaDetector tells animals from people, vehicles and nothing. Where a classifier named the animals,
its names are the species; else all are "animal", which serves to sort out blanks and no more.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.readers.camera_records import Records, species_frame
from surveys.readers.camera_settings import SECTIONS as OF_CAMERAS
from surveys.readers.camera_settings import Settings, settings_of
from surveys.readers.camera_visits import tidy_of
from surveys.readers.deployments import Deployments, as_stations, column_of, stations_of
from surveys.readers.record_times import record_instants
from surveys.readers.site_table import read_sites
from surveys.readers.tidy import Guess, Tidy
from surveys.readers.timelapse import sites_of_files, unknown_folders
from surveys.study_file import StudyFile
from surveys.text_table import Table, TableSpec

SECTIONS = (*OF_CAMERAS, "megadetector")
MOST_BYTES = 1 << 31
THRESHOLD = 0.2  # of confidence; MegaDetector writes boxes from 0.005
COLUMNS = ["file", "datetime", "failure", "detections"]
TIMES: dict[str, tuple[str, ...]] = {
    "file": ("file", "filepath", "path", "filename"),
    "datetime": ("datetime", "datetimeoriginal", "timestamp"),
}
KINDS = {"person": "human", "human": "human", "vehicle": "vehicle"}
_BOX = re.compile(r"(.+?) ([0-9.]+)(?:: (.+) ([0-9.]+))?")


def detect(tables: dict[str, Table]) -> Guess | None:
    """A table that `table_of` made of results, beside one of deployments."""
    results = next((f for f, t in tables.items() if t.names == COLUMNS), None)
    quiet = Ledger()
    stations = next(
        (
            f
            for f, t in tables.items()
            if all(column_of(t, r, quiet) for r in ("site", "start", "end"))
        ),
        None,
    )
    if results is None or stations is None:
        return None
    columns = {r: str(column_of(tables[stations], r, quiet)) for r in ("site", "start", "end")}
    files: dict[str, tuple[str, dict[str, str]]] = {"deployments": (stations, columns)}
    for file, table in tables.items():
        timed = {r: column_of(table, r, quiet, TIMES) for r in TIMES}
        if file not in (results, stations) and all(timed.values()):
            files["times"] = (file, {r: str(c) for r, c in timed.items()})
    return Guess(
        "megadetector",
        0.95,
        f"{results} holds results of MegaDetector",
        extra={"file": results, "files": files},
    )


def table_of(spec: TableSpec, ledger: Ledger) -> Table | None:
    """The results as a table, a row a picture; None where the file holds none."""
    try:
        if spec.path.stat().st_size > MOST_BYTES:
            raise ValueError("it is larger than 2 GB")
        raw = Path(spec.path).read_bytes()
        told = json.loads(raw.decode("utf-8-sig"))
        if not isinstance(told, dict) or not isinstance(told.get("images"), list):
            raise ValueError('it has no list of "images"')
        rows = [_row(image, told) for image in told["images"]]
    except FileNotFoundError:
        ledger.error(
            "E401",
            f"{spec.shown} is not there ([{spec.section}] path)",
            file=spec.shown,
            cure="paths count from the folder of the study file",
        )
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"a picture has no {error}" if isinstance(error, KeyError) else str(error)[:160]
        ledger.error(
            "E578",
            f"{spec.shown} holds no results of MegaDetector: {why}",
            file=spec.shown,
            cure="run MegaDetector again, or copy the file again",
        )
        return None
    _refuse_per_cent(spec, told["images"], ledger)
    frame = pd.DataFrame(rows, columns=COLUMNS, dtype=object)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    found = {
        "file": spec.shown,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "bytes": len(raw),
        "rows": len(frame),
    }
    return Table(spec, frame, found)


def _refuse_per_cent(spec: TableSpec, images: list[dict[str, Any]], ledger: Ledger) -> None:
    """Confidences run from 0 to 1; beyond it every box would be above any threshold."""
    for number, image in enumerate(images, start=1):
        beyond = [
            b["conf"] for b in image.get("detections") or [] if not 0 <= float(b["conf"]) <= 1
        ]
        if beyond:
            ledger.error(
                "E054",
                f"{spec.shown}, picture {number} ({image['file']}), conf: {beyond[0]} is not "
                "between 0 and 1",
                file=spec.shown,
                row=number,
                column="conf",
                cure="if these are per cent, divide them by 100",
            )


def _row(image: dict[str, Any], told: dict[str, Any]) -> list[str]:
    categories = told.get("detection_categories") or {"1": "animal", "2": "person", "3": "vehicle"}
    names = told.get("classification_categories") or {}
    boxes = []
    for box in image.get("detections") or []:
        category = str(categories.get(str(box["category"]), "unknown"))
        text = f"{category} {float(box['conf']):.4f}"
        classes = box.get("classifications") or []
        if classes:
            best = max(classes, key=lambda c: float(c[1]))
            text += f": {names.get(str(best[0]), best[0])} {float(best[1]):.4f}"
        boxes.append(text)
    file = image["file"]
    if not isinstance(file, str) or not file:
        raise ValueError("a picture has no file name")
    moment = image.get("datetime")
    failure = image.get("failure") or ""
    return [file, str(moment) if moment else "", str(failure), "; ".join(boxes)]


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
    """A row for each species or kind in each picture, with the number of its boxes."""
    texts = table.text("detections")
    classified = any(": " in t for t in texts)
    rows: list[tuple[int, str, str, int]] = []
    for at, text in enumerate(texts):
        inside: dict[tuple[str, str], int] = {}
        for box in text.split("; ") if text else []:
            match = _BOX.fullmatch(box)
            if match is None or float(match[2]) < threshold:
                continue
            key = _name(match, classified, threshold)
            inside[key] = inside.get(key, 0) + 1
        for (name, kind), n in (inside or {("", "blank"): 0}).items():
            rows.append((at, name, kind, n))
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
        counts=frame["n"].to_numpy(dtype=float),
        at=frame["at"].to_numpy(),
    )


def _name(match: re.Match[str], classified: bool, threshold: float) -> tuple[str, str]:
    category = match[1].casefold()
    if category != "animal":
        return "", KINDS.get(category, "unknown")
    if not classified:
        return "animal", ""
    sure = match[3] is not None and float(match[4]) >= threshold
    return (match[3], "") if sure else ("", "unknown")
