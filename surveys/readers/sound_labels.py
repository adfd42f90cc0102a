"""Tables of BirdNET that lack what the others have: column names, or the time in a recording.

Labels of Audacity are start, end, names and confidence without column names; a recording in which
nothing was heard is an empty file. BirdNET-Pi and BirdNET-Go listen all day, and write the date and
time of each detection: the day at their station is the recording. WildTrax names a recording by its
location and start; what people tagged in it has no score.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import numpy as np
import pandas as pd

from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.text_table import Table, TableSpec

COLUMNS = ("start", "end", "species", "confidence")
FILE, OFFSET = "File", "Start (s)"  # as the CSV of BirdNET has them
_OFFSETS = ("ai_detection_time", "start_s", "startTime", "detection_time")
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)Z?")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.\d+)?")
_LABELS = re.compile(r"\.BirdNET\.results\.txt$", re.IGNORECASE)


def opened(spec: TableSpec, ledger: Ledger) -> Table | None:
    """A table as it is, or labels with their columns named."""
    silent = _LABELS.search(spec.path.name) and spec.path.is_file()
    if silent and not spec.path.stat().st_size:
        frame = pd.DataFrame({c: [] for c in COLUMNS}, dtype=object)
        frame.index = pd.Index([], dtype="int64")
        sha = hashlib.sha256(b"").hexdigest()
        found = {"file": spec.shown, "sha256": sha, "bytes": 0, "rows": 0}
        return Table(spec, frame, found, separator="\t")
    table = open_table(spec, ledger)
    return None if table is None else with_recordings(table)


def with_recordings(table: Table) -> Table:
    """A table with its columns named, and with a recording and a time in it where it tells both."""
    if not _is_row(table.names):
        return _of_locations(_of_days(table))
    first = pd.DataFrame([table.names], columns=table.names, index=[1], dtype=object)
    frame = pd.concat([first, table.frame])
    frame.columns = list(COLUMNS)
    # "Turdus merula, Eurasian Blackbird" is what other tables write with _ between both.
    frame["species"] = [str(v).replace(", ", "_", 1) for v in frame["species"]]
    frame.index = pd.Index(frame.index, dtype="int64")
    found = table.found | {"rows": len(frame)}
    return Table(table.spec, frame, found, separator=table.separator)


def _is_row(names: list[str]) -> bool:
    """Whether what stands where column names should is a label: times, a name, a confidence."""
    if len(names) != len(COLUMNS):
        return False
    start, end, name, score = names
    numbers = all(_NUMBER.fullmatch(n) for n in (start, end, score))
    return numbers and not _NUMBER.fullmatch(name) and float(start) < float(end)


def _of_days(table: Table) -> Table:
    """A table of dates and times with the day as its recording; any other as it is."""
    day, time = table.match("date"), table.match("time")
    names = [table.match(n) for n in ("sci_name", "com_name", "scientific_name", "common_name")]
    if not (day and time and table.match("confidence") and any(names)) or not len(table):
        return table
    if table.match(OFFSET) or not all(map(_DAY.fullmatch, table.text(day))):
        return table
    clocks = [_TIME.fullmatch(t) for t in table.text(time)]
    if not all(clocks):
        return table
    of = f"{table.spec.path.parent.name}/{table.spec.path.stem}"
    files = [f"{of}_{d.replace('-', '')}_000000" for d in table.text(day)]
    seconds = [str(int(m[1]) * 3600 + int(m[2]) * 60 + int(m[3])) for m in clocks if m]
    frame = table.frame.copy()
    frame.insert(0, FILE, np.array(files, dtype=object))
    frame.insert(1, OFFSET, np.array(seconds, dtype=object))
    return replace(table, frame=frame)


def is_tags(table: Table) -> bool:
    """Whether a table holds what people heard in recordings that WildTrax lists, silent or not."""
    return FILE in table.names and bool(table.match("individual_order"))


def _of_locations(table: Table) -> Table:
    """A report of WildTrax with a name for each recording; any other table as it is.

    Recordings that nobody has listened to are not told apart from silent ones by every report, so
    that one with tasks of another status is left as it is.
    """
    place, start = table.match("location"), table.match("recording_date_time")
    offset = next((c for n in _OFFSETS if (c := table.match(n))), None)
    status = table.match("aru_task_status")
    if not (place and start and offset) or FILE in table.names or not len(table):
        return table
    if status and {v.casefold() for v in table.text(status)} - {"transcribed", "completed"}:
        return table
    moments = [_MOMENT.fullmatch(v) for v in table.text(start)]
    if not all(moments):
        return table
    names = [
        f"{where}_{''.join(m.groups()[:3])}_{''.join(m.groups()[3:])}"
        for where, m in zip(table.text(place), moments, strict=True)
        if m
    ]
    frame = table.frame.copy()
    frame.insert(0, FILE, np.array(names, dtype=object))
    frame.insert(1, OFFSET, np.array(table.text(offset), dtype=object))
    return replace(table, frame=frame)
