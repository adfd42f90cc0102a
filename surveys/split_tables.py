"""One table that lies in several files: the columns must agree, and each row keeps its own file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from surveys.ledger import ROWS_OF_A_FILE, Ledger
from surveys.problems import listing
from surveys.text_table import Table, TableSpec


def open_parts(
    spec: TableSpec, ledger: Ledger, open_one: Callable[[TableSpec, Ledger], Table | None]
) -> Table | None:
    """The parts of a table under each other; the faults of every part are told."""
    opened = [open_one(part, ledger) for part in spec.parts]
    tables = [t for t in opened if t is not None]
    if len(tables) < len(spec.parts) or not _agree(spec, tables, ledger):
        return None
    first = tables[0]
    frames = []
    for k, table in enumerate(tables, start=1):
        frame = table.frame[first.names].copy()
        frame.index = frame.index + k * ROWS_OF_A_FILE
        frames.append(frame)
    found = {"file": spec.shown, "rows": sum(map(len, tables)), "parts": [t.found for t in tables]}
    found |= {key: first.found.get(key) for key in ("encoding", "separator")}
    whole = Table(spec, pd.concat(frames), found, sheet=first.sheet, separator=first.separator)
    same = {c for c in first.names if len({t.types.get(c) for t in tables}) == 1}
    whole.types = {c: kind for c, kind in first.types.items() if c in same}
    whole.taken, whole.written = dict(first.taken), dict(first.written)
    for k, table in enumerate(tables, start=1):
        whole.dates |= {(row + k * ROWS_OF_A_FILE, column) for row, column in table.dates}
        whole.told_blank |= {(r + k * ROWS_OF_A_FILE, column) for r, column in table.told_blank}
        whole.merged += [
            (a + k * ROWS_OF_A_FILE, b + k * ROWS_OF_A_FILE, column, span)
            for a, b, column, span in table.merged
        ]
    ledger.split(spec.shown, [part.shown for part in spec.parts])
    return whole


def _agree(spec: TableSpec, tables: Sequence[Table], ledger: Ledger) -> bool:
    """The same columns in every part, in any order, parted by the same sign."""
    first, good = tables[0], True
    seen: dict[str, str] = {}
    for table in tables:
        twin = seen.setdefault(table.found["sha256"], table.file)
        if twin != table.file:
            good = False
            ledger.error(
                "E650",
                f"{spec.shown}: {table.file} holds the same as {twin}",
                file=table.file,
                why="every row of it would count double",
                cure="remove one of the two",
            )
    for table in tables[1:]:
        gone = [c for c in first.names if c not in table.names]
        more = [c for c in table.names if c not in first.names]
        if gone or more:
            lacks = f" lacks {listing(gone, 8)}" if gone else ""
            has = f" has {listing(more, 8)} besides" if more else ""
            fact = f"{table.file}{lacks}{' and' if lacks and has else ''}{has}"
        elif table.separator != first.separator and not (table.workbook or first.workbook):
            fact = f"{table.file} parts its values by another sign"
        else:
            continue
        good = False
        ledger.error(
            "E650",
            f"{spec.shown}: the files are read as one table, but {fact} ({first.file}: "
            f"{listing(first.names, 12)})",
            file=table.file,
            row=spec.header_row,
            cure="make the columns alike; a file that is another table needs a section of its own",
        )
    return good


def as_one(parts: Sequence[TableSpec], shown: str) -> TableSpec:
    """One specification for several files; the first alone where there is only one."""
    return parts[0] if len(parts) == 1 else replace(parts[0], shown=shown, parts=tuple(parts))


def several(files: Sequence[str], tables: Mapping[str, Table]) -> dict[str, Any]:
    """What a guess tells of records in several files: those with the columns of the first.

    A file that repeats rows of the others is a copy or a part of them, and stays out.
    """
    if len(files) == 1:
        return {"file": files[0], "taken": list(files), "idle": {}}
    names = tables[files[0]].names
    taken, seen, idle = [files[0]], _rows_of(tables[files[0]], names), {}
    for file in files[1:]:
        if set(tables[file].names) != set(names):
            idle[file] = f"its columns are not those of {files[0]}"
        elif not seen.isdisjoint(rows := _rows_of(tables[file], names)):
            idle[file] = "it repeats rows of the other files"
        else:
            taken.append(file)
            seen |= rows
    told: dict[str, Any] = {"file": files[0], "taken": taken, "idle": idle}
    return told | ({"path": taken} if len(taken) > 1 else {})


def _rows_of(table: Table, names: Sequence[str]) -> set[int]:
    return set(pd.util.hash_pandas_object(table.frame[list(names)].astype(str), index=False))
