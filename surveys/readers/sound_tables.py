"""Tables of what a classifier heard: BirdNET as CSV, r table, Raven and Kaleidoscope; Perch.

One table, or a folder of them, one for each recording. All become one frame: recording, seconds
from its start, names of the species, score.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from surveys import cells, dates
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers import recording_names, roles, sound_labels
from surveys.readers.deployments import column_of
from surveys.readers.folders import files_in
from surveys.study_file import StudyFile
from surveys.text_table import Table, TableSpec

LONGEST_WINDOW = 60.0  # seconds that a classifier looks at
LONGEST = 366 * 86400.0  # seconds; a recording of more than a year is a slip
USUAL: dict[str, tuple[str, ...]] = {
    "site": (),  # a column only where the study file names one
    "datetime": (),
    "file": (
        *("File", "filepath", "Begin Path", "Begin File", "IN FILE", "filename", "file_name"),
        *("recording", "input", "source_id", "audio", "path"),
    ),
    # The offset comes first: Raven adds its Begin Time up over the files of a combined table.
    "offset": (
        *("File Offset (s)", "Start (s)", "offset", "offset_s", "start", "start_time", "start_s"),
        *("start_sec", "window_start", "timestamp_s", "start_time_s", "begin_time_s"),
        "Begin Time (s)",
    ),
    "scientific": ("Scientific name", "scientific_name", "sci_name", "species_scientific_name"),
    "common": ("Common name", "common_name", "com_name", "species_common_name", "TOP1MATCH"),
    "species": ("species_name", "class", "label", "species", "prediction"),
    "score": ("confidence", "score", "logit", "logits", "probability"),
    "longitude": ("longitude", "lon"),
    "latitude": ("latitude", "lat"),
}
ENDS = ("end_time", "end_s", "end", "End (s)")
SETTINGS = "birdnet_analysis_params"  # a table of BirdNET about itself
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d(?:[.,]\d+)?)")
_BOTH_NAMES = re.compile(r"([A-Z][\w-]+(?: [\w.×-]+)+)_(.+)")


@dataclass
class Sounds:
    """Detections of all tables; `frame` has a row a detection.

    `table` and `at`: which row of which table; `recording`, `offset` (seconds), `moment` (where a
    table tells the clock instead), `scientific`, `common` ("" where not told), `score`, `site`.
    """

    tables: list[Table]
    frame: pd.DataFrame
    heard: list[str]  # recordings that a table of their own proves, with or without detections
    logits: bool
    summed: Table | None = None  # a table whose times are added up over its recordings


def is_sounds(table: Table) -> bool:
    """Whether a table has a time within a recording, a species and a score."""
    quiet = Ledger()
    have = {r for r in USUAL if column_of(table, r, quiet, USUAL)}
    named = bool(have & {"scientific", "common", "species"})
    scored = "score" in have or sound_labels.is_tags(table)
    return ("offset" in have and scored and named) or bool(classes_of(table))


def classes_of(table: Table) -> list[str]:
    """Columns that are classes, where a row is a window with a score for each (OpenSoundscape).

    Such a table has a file, the start and end of the window, and else numbers alone.
    """
    quiet = Ledger()
    found = {r: column_of(table, r, quiet, USUAL) for r in USUAL}
    end = next((c for name in ENDS if (c := table.match(name))), None)
    if not (found["file"] and found["offset"] and end) or not len(table):
        return []
    if any(found[r] for r in ("score", "scientific", "common", "species")):
        return []
    classes = [c for c in table.names if c not in (found["file"], found["offset"], end)]
    if not all(cells.is_numeric(table, c) for c in (found["offset"], end, *classes)):
        return []
    window = cells.numbers(table, end, quiet) - cells.numbers(table, found["offset"], quiet)
    return classes if (window > 0).all() and window.max() <= LONGEST_WINDOW else []


def first_of(folder: Path, shown: str) -> Table | None:
    """A table of detections in a folder, under the name of the folder; None where there is none."""
    for path in files_in(folder):
        table = sound_labels.opened(TableSpec(path, shown), Ledger())
        if table is not None and len(table) and is_sounds(table):
            return table
    return None


def open_tables(study: StudyFile, spec: TableSpec, ledger: Ledger) -> list[Table] | None:
    """The table, or those of the folder that hold detections; None where a fault forbids it."""
    if not spec.path.is_dir():
        table = sound_labels.opened(spec, ledger)
        return None if table is None else [table]
    named = {
        study.resolve(keys["path"], "", Ledger()).resolve()
        for keys in study.section("files").values()
        if isinstance(keys, dict) and keys.get("path")
    }
    out, others = [], []
    for path in files_in(spec.path):
        real = path.resolve()
        if not any(real.is_relative_to(folder) for folder in study.allowed):
            ledger.error("E406", f"{path.name} leads out of the study folder", file=spec.shown)
            continue
        if real in named:
            continue
        inside = path.relative_to(spec.path).as_posix()
        one = replace(
            spec,
            path=path,
            shown=inside if spec.shown in (".", "./") else f"{spec.shown.rstrip('/')}/{inside}",
        )
        quiet = Ledger()
        table = sound_labels.opened(one, quiet)
        if table is not None and is_sounds(table):
            ledger.merge(quiet)
            out.append(table)
        elif table is None and not _is_other_text(path):
            ledger.merge(quiet)
        else:
            others.append(inside)
    if others:
        told = "holds no detections in recordings, and was left out"
        told = told if len(others) == 1 else "hold no detections in recordings, and were left out"
        ledger.note("N688", f"{spec.shown}: {listing(others)} {told}", file=spec.shown)
    if not out and not ledger.of_level("error"):
        ledger.error(
            "E692",
            f"{spec.shown} holds no table of detections ({len(others)} other tables)",
            file=spec.shown,
            why="wanted: tables with a time in the recording, a species and a confidence",
            cure="name the folder of the results: [files.detections] path",
        )
    return out or None


def _is_other_text(path: Path) -> bool:
    """Whether a file that is no table is a note, a log or settings, and not a damaged result."""
    if path.name.lower().startswith(SETTINGS):
        return True
    if path.suffix.lower() not in (".txt", ".csv", ".tsv"):
        return False
    with path.open("rb") as file:
        first = file.readline(4096).decode("latin-1").replace("\0", "").casefold()
    words = (*USUAL["score"], *USUAL["common"], *USUAL["scientific"])
    return bool(first.strip()) and not any(word.casefold() in first for word in words)


COLUMNS = (
    *("table", "at", "recording", "offset", "moment", "scientific", "common", "score"),
    *("site", "longitude", "latitude"),
)


def sounds_of(study: StudyFile, spec: TableSpec, tables: list[Table], ledger: Ledger) -> Sounds:
    """Every row of every table, with its recording."""
    whole = spec.path.is_dir()
    parts: list[dict[str, np.ndarray]] = []
    heard: dict[str, None] = {}
    kinds: set[bool] = set()
    summed = None
    for number, table in enumerate(tables):
        found = {
            role: column_of(table, role, ledger, USUAL, needed=role == "offset") for role in USUAL
        }
        if found["offset"] is None:
            continue
        own = _own_name(table, whole, spec)
        classes = classes_of(table)
        part = _rows_of(study, table, number, found, own, ledger)
        named = dict.fromkeys(part["recording"])
        if (len(tables) > 1 or whole) and len(named) <= 1:
            heard[next(iter(named), own)] = None
        if classes or sound_labels.is_tags(table):
            heard |= named
        if classes:
            part = _of_classes(table, part, classes, ledger)
            kinds.add(bool(((part["score"] < 0) | (part["score"] > 1)).any()))
        else:
            column = found["score"]
            part["scientific"], part["common"] = _names(table, found, ledger)
            if column:
                part["score"] = cells.numbers(table, column, ledger)
                kinds.add(column.casefold().startswith("logit"))
        if "begin" in found["offset"].casefold() and len(named) > 1:
            summed = table
        parts.append(part)
    if len(kinds) > 1:
        ledger.error(
            "E693",
            f"{spec.shown}: some tables hold logits and others confidences from 0 to 1",
            file=spec.shown,
            cure="keep them in two folders, and make a study of each",
        )
    if not parts:
        return Sounds(tables, pd.DataFrame(columns=list(COLUMNS)), list(heard), False, summed)
    frame = pd.DataFrame({c: np.concatenate([part[c] for part in parts]) for c in COLUMNS})
    return Sounds(tables, frame, list(heard), kinds == {True}, summed)


def _rows_of(
    study: StudyFile,
    table: Table,
    number: int,
    found: dict[str, str | None],
    own: str,
    ledger: Ledger,
) -> dict[str, np.ndarray]:
    """The columns of `Sounds.frame` for one table, but for names and scores."""
    n = len(table)
    offset, moment = _offsets(table, found, ledger)
    blank = np.full(n, "", dtype=object)
    site = found["site"]
    return {
        "table": np.full(n, number),
        "at": np.arange(n),
        "recording": _recordings(table, found, own),
        "offset": offset,
        "moment": moment,
        "scientific": blank,
        "common": blank,
        "score": np.full(n, np.nan),
        "site": roles.same_sites(study, table.text(site)) if site else blank,
        "longitude": _degrees(table, found["longitude"]),
        "latitude": _degrees(table, found["latitude"]),
    }


def _of_classes(
    table: Table, part: dict[str, np.ndarray], classes: list[str], ledger: Ledger
) -> dict[str, np.ndarray]:
    """Each window once for each class, with its score there."""
    out = {name: np.tile(values, len(classes)) for name, values in part.items()}
    out["scientific"] = out["common"] = np.repeat(np.array(classes, dtype=object), len(table))
    out["score"] = np.concatenate([cells.numbers(table, name, ledger) for name in classes])
    return out


def _own_name(table: Table, whole: bool, spec: TableSpec) -> str:
    """The recording that a table is of, by its name and its place in the folder of results."""
    shown = os.path.relpath(table.file, spec.shown) if whole else table.spec.path.name
    return recording_names.recording_of_table(shown.replace(os.sep, "/"))


def _recordings(table: Table, found: dict[str, str | None], own: str) -> np.ndarray:
    """The recording of each row: as the table names it, else as the table itself is named."""
    column = found["file"]
    files = table.text(column) if column else np.full(len(table), "", dtype=object)
    folder = table.match("FOLDER") if column and column.casefold() == "in file" else None
    if folder:
        pairs = zip(table.text(folder), files, strict=True)
        files = np.array([f"{a}/{b}" if a else b for a, b in pairs], dtype=object)
    told = {f: recording_names.recording(f) or own for f in pd.unique(files)}
    if len(told) == 1 and "/" in own:
        # A table of one recording that lies in a folder: the folder tells recorders apart.
        (file,) = told
        if "/" not in told[file]:
            told[file] = f"{own.rsplit('/', 1)[0]}/{told[file]}"
    return np.array([told[f] for f in files], dtype=object)


def _offsets(table: Table, found: dict, ledger: Ledger) -> tuple[np.ndarray, np.ndarray]:
    """Seconds from the start of the recording, or the moment by the clock."""
    nat = np.full(len(table), np.datetime64("NaT", "s"))
    nan = np.full(len(table), np.nan)
    column = found["datetime"] or str(found["offset"])
    texts = table.text(column)
    unique = pd.unique(texts)
    if found["datetime"] or (len(unique) and dates.are_dates(unique)):
        return nan, dates.dates(table, column, ledger)
    clocks = {t: m for t in unique if (m := _CLOCK.fullmatch(t))}
    if len(unique) and len(clocks) == len(unique):
        seconds = {
            t: int(m[1]) * 3600 + int(m[2]) * 60 + float(m[3].replace(",", "."))
            for t, m in clocks.items()
        }
        return np.array([seconds[t] for t in texts], dtype=float), nat
    offset = cells.numbers(table, column, ledger)
    bad = (offset < 0) | (offset > LONGEST)
    if bad.any():
        first = offset[bad][0]
        where = "before the start" if first < 0 else "a year behind the start"
        ledger.error(
            "E694",
            f"{first:g} seconds are {where} of the recording",
            at=table.at(table.rows[bad], column),
        )
    return offset, nat


def _names(table: Table, found: dict, ledger: Ledger) -> tuple[np.ndarray, np.ndarray]:
    """Scientific and common name of each row; a label that is neither stands for both."""
    if found["species"] and ("species" in table.spec.columns or not _has_names(found)):
        labels = cells.words(table, found["species"], ledger)
        both = {t: _BOTH_NAMES.fullmatch(t) for t in pd.unique(labels)}
        one = np.array([m[1] if (m := both[t]) else t for t in labels], dtype=object)
        other = np.array([m[2] if (m := both[t]) else t for t in labels], dtype=object)
        return one, other
    blank = np.full(len(table), "", dtype=object)
    one, other = (
        cells.words(table, found[r], ledger) if found[r] else blank
        for r in ("scientific", "common")
    )
    return one, other


def _has_names(found: dict[str, str | None]) -> bool:
    return bool(found["scientific"] or found["common"])


def _degrees(table: Table, column: str | None) -> np.ndarray:
    """Degrees where a table tells them; -1 is what BirdNET writes for "not set"."""
    if column is None:
        return np.full(len(table), np.nan)
    values = cells.numbers(table, column, Ledger())
    return np.where(values == -1, np.nan, values)


def same_twice(frame: pd.DataFrame) -> np.ndarray:
    """Rows that repeat a detection of another table: one recording analysed into two formats.

    The one with the higher score stays, or else that of the first table.
    """
    out = np.zeros(len(frame), dtype=bool)
    keys = ["recording", "species", "second"]
    asked = frame.assign(second=frame["offset"].round(1))
    asked = asked[asked["second"].notna()]
    tables = asked.groupby(keys)["table"].transform("nunique")
    several = asked[(tables > 1).to_numpy()]
    best = several.sort_values(["score", "table", "at"], ascending=[False, True, True])
    # Within the table of the best one all rows stay: a window may hold two calls.
    kept = best.groupby(keys)["table"].transform("first")
    out[best.index.to_numpy()] = (best["table"] != kept).to_numpy()
    return out


def named_as(frame: pd.DataFrame, tables: list[Table], asked: str, ledger: Ledger) -> np.ndarray:
    """The species of each row under one kind of name, that all tables have."""
    lacking: dict[str, list[str]] = {"scientific": [], "common": []}
    for kind, files in lacking.items():
        without = frame[frame[kind] == ""]["table"].unique()
        files += [tables[i].file for i in without]
    kind = asked or ("scientific" if not lacking["scientific"] else "common")
    if lacking[kind]:
        ledger.error(
            "E687",
            f"{listing(lacking[kind], 3)} {'has' if len(lacking[kind]) == 1 else 'have'} rows "
            f"without a {kind} name",
            file=lacking[kind][0],
            cure=f'[birdnet] names = "{"common" if kind == "scientific" else "scientific"}"; or '
            "analyse all recordings into one format",
        )
    return frame[kind].to_numpy(dtype=object)


def common_folder(files: Iterable[str]) -> str:
    """The folder that holds all of some tables, as the study file would name it."""
    return os.path.commonpath([Path(f).parent.as_posix() or "." for f in files]) or "."
