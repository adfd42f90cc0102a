"""A database on disk for files larger than memory, and what is told of their rows."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surveys.ledger import ROWS_OF_A_FILE
from surveys.readers.ebird_files import FAULTS, EbirdFile, opened
from surveys.unpack import archive_of

MEMORY = "700MB"
LISTED = 20
MOST_ASIDE = 1000  # rows of one rule that are listed one by one
_LINE = re.compile(r"Line: (\d+)")


class Damaged(Exception):
    """A file that breaks off, or has rows of another length: where, and what is wrong."""

    def __init__(self, file: EbirdFile, row: int | None, fact: str):
        super().__init__(fact)
        self.file, self.row, self.fact = file, row, fact


@dataclass
class Bad:
    """A value that cannot be what its column says."""

    file: EbirdFile
    row: int
    column: str
    value: str
    n: int


@dataclass
class Aside:
    """Rows that one rule keeps out: how many and, where they are few, which."""

    n: int
    rows: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


@dataclass
class Rows:
    """What became of the rows of one file: rule -> rows, beside those still in use."""

    n: int = 0
    by_part: list[int] = field(default_factory=list)  # of each file, where several are read
    aside: dict[str, Aside] = field(default_factory=dict)
    bad: list[Bad] = field(default_factory=list)
    differ: list[tuple[str, int]] = field(default_factory=list)  # ids in rows that differ


@contextmanager
def database() -> Iterator[Any]:
    """A database in a folder that is gone afterwards; no net, no extensions."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="occupancy-") as folder:
        connection = duckdb.connect(
            str(Path(folder) / "checklists.db"),
            config={
                "memory_limit": MEMORY,
                "threads": str(min(4, os.cpu_count() or 1)),
                "temp_directory": str(Path(folder) / "spill"),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        try:
            connection.execute("SET enable_progress_bar = false")
            connection.execute("BEGIN")  # one transaction: nothing is kept, so nothing is synced
            yield connection
        finally:
            connection.close()


def run(connection: Any, file: EbirdFile, query: str, values: Sequence[Any] = ()) -> None:
    """Run a query that reads a file; a row that does not fit the header is told by its number."""
    import duckdb

    try:
        connection.execute(query, list(values))
    except duckdb.Error as error:
        told = str(error)
        at = _LINE.search(told)
        row = int(at[1]) if at else None
        if "Columns" in told:
            fact = "the row has another number of values than the header"
        elif "unicode" in told.lower() or "utf-8" in told.lower():
            fact = "the text is not UTF-8"
        else:
            fact = told.splitlines()[0].split(file.path.parent.as_posix())[0][:160].strip(" '\"")
        raise Damaged(file, row, fact) from None


def load(
    connection: Any, table: str, file: EbirdFile, values_of: Callable[[EbirdFile], list[str]]
) -> Rows:
    """A table of the rows of a file, or of several, with the values that are asked of each.

    Rows are numbered as in their file, those of several on by ROWS_OF_A_FILE. Column names that
    stand among the rows, since files were joined with theirs, are left out and told.
    """
    rows, repeats = Rows(), Aside(0)
    for k, part in enumerate(file.parts):
        first = (k + 1) * ROWS_OF_A_FILE if file.more else 0
        values = ", ".join(values_of(part))
        into = f"INSERT INTO {table}" if k else f"CREATE TABLE {table} AS"
        with _unpacked(part) as path:
            frm, arguments = _source(part, path)
            query = f"{into} SELECT row_number() OVER () + {first + 1} AS row, {values} FROM {frm}"
            run(connection, part, query, arguments)
        before = sum(rows.by_part)
        rows.by_part.append(count_of(connection, f"SELECT count(*) FROM {table}") - before)
        name = part.header[part.columns["id"]]
        again = connection.execute(
            f"DELETE FROM {table} WHERE id = ? RETURNING row", [name]
        ).fetchall()
        repeats.rows += [int(row) for (row,) in again]
        rows.by_part[-1] -= len(again)
    repeats.n, repeats.ids = len(repeats.rows), ["column names"] * len(repeats.rows)
    rows.n = sum(rows.by_part) + repeats.n
    if repeats.n:
        rows.aside["the column names again"] = repeats
    return rows


@contextmanager
def _unpacked(file: EbirdFile) -> Iterator[Path]:
    """The path of a file that the database can read; what is in an archive is unpacked first."""
    if archive_of(file.path)[0].suffix.lower() != ".zip":
        yield file.path
        return
    with tempfile.TemporaryDirectory(prefix="occupancy-") as folder:
        path = Path(folder) / "unpacked.txt"
        try:
            with opened(file.path) as packed, path.open("wb") as out:
                shutil.copyfileobj(packed, out, 1 << 20)
        except FAULTS as error:
            raise Damaged(file, None, f"it cannot be unpacked ({error})") from None
        yield path


def _source(file: EbirdFile, path: Path) -> tuple[str, list[Any]]:
    """A file as a table of texts c0, c1, ...: no quotes where tabs part it, blanks missing."""
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(file.header)))
    name = re.sub(r"([*?\[])", r"[\1]", path.as_posix())
    signs = "delim = '\t', quote = '', escape = ''"
    if file.separator != "\t":
        signs = "delim = ',', quote = '\"', escape = '\"'"
    return (
        f"read_csv(?, auto_detect = false, {signs}, header = true, columns = {{{columns}}})",
        [name],
    )


def column_of(file: EbirdFile, name: str) -> str:
    """A column of ours as SQL: blanks missing, and NA, which R writes for them."""
    at = file.columns.get(name)
    return "NULL::VARCHAR" if at is None else f"nullif(nullif(trim(c{at}), ''), 'NA')"


def asides(connection: Any, table: str, where: str) -> dict[Any, Aside]:
    """Rows of a table by their rule; the rows themselves where they are few."""
    counted = connection.execute(
        f"SELECT rule, count(*) FROM {table} WHERE {where} GROUP BY rule ORDER BY rule"
    ).fetchall()
    found = {}
    for rule, n in counted:
        found[rule] = Aside(int(n))
        if n <= MOST_ASIDE:
            listed = connection.execute(
                f"SELECT row, id FROM {table} WHERE {where} AND rule = ? ORDER BY row", [rule]
            ).fetchall()
            found[rule].rows = [int(row) for row, _ in listed]
            found[rule].ids = [str(name) for _, name in listed]
    return found


def note_bad(
    connection: Any, file: EbirdFile, rows: Rows, tests: list[tuple[str, str, str]], table: str
) -> None:
    """Values that cannot be: (column, value, test) each, counted in one pass over the table."""
    counts = ", ".join(f"count(*) FILTER (WHERE {test})" for _, _, test in tests)
    found = connection.execute(f"SELECT {counts} FROM {table}").fetchone()
    for (name, value, test), n in zip(tests, found, strict=True):
        if not n:
            continue
        first = connection.execute(
            f"SELECT row, {value} FROM {table} WHERE {test} ORDER BY row LIMIT {LISTED}"
        ).fetchall()
        column = file.header[file.columns[name]]
        rows.bad += [Bad(file, int(row), column, str(text), int(n)) for row, text in first]


def count_of(connection: Any, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
