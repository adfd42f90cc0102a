"""Tables of BirdNET that lack what the others have: column names, or the time in a recording.

Labels of Audacity are start, end, names and confidence without column names; a recording in which
nothing was heard is an empty file. BirdNET-Pi and BirdNET-Go listen all day, and write the date and
time of each detection: the day at their station is the recording.
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
    if table is None or not _is_row(table.names):
        return table if table is None else _with_days(table)
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


def _with_days(table: Table) -> Table:
    """A table of dates and times with the day as its recording; any other as it is."""
    day, time = table.match("date"), table.match("time")
    names = [table.match(n) for n in ("sci_name", "com_name", "scientific_name", "common_name")]
    if not (day and time and table.match("confidence") and any(names)) or not len(table):
        return table
    if table.match("Start (s)") or not all(map(_DAY.fullmatch, table.text(day))):
        return table
    clocks = [_TIME.fullmatch(t) for t in table.text(time)]
    if not all(clocks):
        return table
    of = f"{table.spec.path.parent.name}/{table.spec.path.stem}"
    files = [f"{of}_{d.replace('-', '')}_000000" for d in table.text(day)]
    seconds = [str(int(m[1]) * 3600 + int(m[2]) * 60 + int(m[3])) for m in clocks if m]
    frame = table.frame.copy()
    frame.insert(0, "File", np.array(files, dtype=object))
    frame.insert(1, "Start (s)", np.array(seconds, dtype=object))
    return replace(table, frame=frame)
