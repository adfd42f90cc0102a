"""Labels of Audacity that BirdNET wrote: start, end, names and confidence, without column names.

A recording in which nothing was heard is an empty file.
"""

from __future__ import annotations

import hashlib
import re

import pandas as pd

from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.text_table import Table, TableSpec

COLUMNS = ("start", "end", "species", "confidence")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
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
        return table
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
