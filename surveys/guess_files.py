"""Files that a first look must not read whole: their header and first rows, as a table."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pandas as pd

from surveys.readers.ebird_files import header_of, kind_of
from surveys.text_table import Table, TableSpec

ROWS = 5000
BYTES = 1 << 23


def first_rows(path: Path, name: str) -> Table | None:
    """The first rows of a file of eBird, which may be larger than memory; None for other files."""
    header = header_of(path)
    if not kind_of(header) or header is None:
        return None
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rb") as file:
        text = file.read(BYTES).decode("utf-8", errors="replace")
    lines = csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    body = [line for line, _ in zip(lines, range(ROWS + 2), strict=False)][1:]
    if len(body) > 1:
        body = body[:-1]  # the last may be cut short
    names = [h or f"({i})" for i, h in enumerate(header)]
    rows = [line[: len(names)] + [""] * (len(names) - len(line)) for line in body]
    index = pd.Index(range(2, len(rows) + 2), dtype="int64")
    frame = pd.DataFrame(rows, index=index, columns=names, dtype=object)
    size = path.stat().st_size
    shown = f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size} bytes"
    return Table(TableSpec(path, name), frame, {"look": f"{shown}, parted by tabs"}, separator="\t")
