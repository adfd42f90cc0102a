"""Header, rows and row numbers of a table; what does not fit the header is told."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from surveys import no_header, sniff
from surveys.ledger import Ledger
from surveys.parquet import Columns
from surveys.problems import did_you_mean, listing, rows_text
from surveys.repeated_headers import without_headers
from surveys.table_edges import clean, clean_row, with_row_names, without_notes
from surveys.text_table import Table, TableSpec, bare
from surveys.workbook import Sheet


def shape(
    spec: TableSpec,
    lines: list[list[str]],
    found: dict[str, Any],
    ledger: Ledger,
    *,
    separator: str = "",
    sheet: Sheet | None = None,
) -> Table | None:
    """Header, rows and row numbers; too long rows and double names are errors."""
    at = spec.header_row - 1
    if spec.header_row == 0:
        header = no_header.names(max(map(len, lines), default=0))
    else:
        header = [_one_line(clean(h)) for h in lines[at]] if at < len(lines) else []
    place = f"{spec.shown}, sheet {sheet.name}" if sheet else spec.shown
    later = header_found_later(spec, lines) if at >= 0 else None
    if later is not None:
        _tell_header(spec, place, header, lines[later], later, ledger)
        return None
    if not any(header):
        ledger.error(
            "E008",
            f"{place}: row {spec.header_row} holds no column names",
            file=spec.shown,
            row=spec.header_row,
            cure=f"set [{spec.section}] header_row to the row of the column names",
        )
        return None
    header = ["" if no_header.PANDAS.fullmatch(h) else h for h in header]
    if at >= 0 and no_header.holds_values(header, [line for line in lines[at + 1 :] if any(line)]):
        no_header.refuse(spec, place, header, ledger)
        return None
    if at >= 0 and _two_rows_of_names(header, lines[at + 1 :]):
        ledger.error(
            "E011",
            f"{place}: the names of columns stand in two rows, {spec.header_row} and "
            f"{spec.header_row + 1}",
            file=spec.shown,
            row=spec.header_row,
            cure="write each name into one row (2019_v1, 2019_v2, 2020_v1), and delete the other",
        )
        return None
    width = written_width = len(header)
    while width and not header[width - 1]:
        width -= 1
    header = header[:width]
    below = enumerate(map(clean_row, lines[at + 1 :]), start=spec.header_row + 1)
    body = [(n, line) for n, line in below if any(line)]
    body = without_notes(spec, place, width, body, ledger)
    body = without_headers(spec, place, header, body, ledger)
    if written_width == width:  # a separator behind the last name is no name of rows
        header = with_row_names(spec, place, header, body, ledger)
    width = len(header)
    if not _header_names_fit(spec, place, header, ledger):
        return None
    _tell_widths(spec, place, header, body, ledger, separator)
    rows = [n for n, _ in body]
    cells = [
        line if len(line) == width else line[:width] + [""] * (width - len(line))
        for _, line in body
    ]
    frame = pd.DataFrame(cells, index=pd.Index(rows, dtype="int64"), columns=header, dtype=object)
    found["rows"] = len(frame)
    written = (
        {_one_line(clean(h)): h for h in lines[at][:width] if h != h.strip()} if at >= 0 else {}
    )
    table = Table(spec, frame, found, sheet=sheet.name if sheet else "", separator=separator)
    table.written = written
    if sheet is not None:
        table.dates = {(r, header[c - 1]) for r, c in sheet.dates if c <= width}
        for first, last, left, right in sheet.merged:
            for c in range(left, min(right, width) + 1):
                span = f"{_letter(left)}{first}:{_letter(right)}{last}"
                table.merged.append((first, last, header[c - 1], span))
    if body and header[0] == "site" and not lines[at][0].strip():
        table.row_names = [line[0] for _, line in body]
    _drop_unnamed(table, ledger)
    _fill_down(table, ledger)
    _tell_merged(table, ledger)
    return table


def _two_rows_of_names(header: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether names are continued in the row below, as under years that span several columns."""
    rows = [line for line in below[:3] if any(line)]
    inside = [i for i, h in enumerate(header) if not h and i > 0 and any(header[i:])]
    if not inside or len(rows) < 2 or not any(len(r) > max(inside) for r in rows):
        return False
    first, second = (list(r) + [""] * len(header) for r in rows[:2])
    words = [i for i in range(len(header)) if re.match(r"[^\W\d_]", first[i].strip())]
    numbers = [i for i in words if re.fullmatch(r"[-+.,\d]+|na", second[i].strip(), re.I)]
    return set(inside) <= set(words) and 2 * len(numbers) > len(words)


def _one_line(name: str) -> str:
    """A name that a spreadsheet broke into lines, in one."""
    return re.sub(r"\s*[\r\n]+\s*", " ", name)


def shape_of_columns(
    spec: TableSpec, columns: Columns, found: dict[str, Any], ledger: Ledger
) -> Table | None:
    """A table whose file names and types its columns; row 2 is the first, as under a header."""
    if not _header_names_fit(spec, spec.shown, columns.names, ledger):
        return None
    by_name = {
        n: np.array(clean_row(c), dtype=object)
        for n, c in zip(columns.names, columns.cells, strict=True)
    }
    frame = pd.DataFrame(by_name, columns=columns.names, dtype=object)
    frame.index = pd.Index(np.arange(2, len(frame) + 2), dtype="int64")
    frame = frame[(frame != "").any(axis=1)]
    found["rows"] = len(frame)
    table = Table(spec, frame, found)
    table.types = dict(zip(columns.names, columns.types, strict=True))
    for name, kind in table.types.items():
        if kind == "date":
            table.dates |= {(int(r), name) for r in frame.index[frame[name] != ""]}
    _drop_unnamed(table, ledger)
    _fill_down(table, ledger)
    return table


def _letter(position: int) -> str:
    letters = ""
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def header_found_later(spec: TableSpec, lines: Sequence[Sequence[str]]) -> int | None:
    """Index of the row that holds the names asked for, when the header row does not.

    Without names to ask for: the first row as wide as most, when the header row is narrower.
    """
    at = spec.header_row - 1
    if at >= len(lines):
        return None
    wanted = {bare(c) for c in spec.columns.values()}
    head = {bare(c) for c in lines[at]}
    if len(wanted) >= 1 and not wanted <= head:
        for i, line in enumerate(lines[:30]):
            if i != at and wanted <= {bare(c) for c in line}:
                return i
    if wanted and wanted & head:
        return None
    if spec.header_row != 1:
        return None
    filled = [sum(bool(str(c).strip()) for c in line) for line in lines[:60]]
    counted = Counter(n for n in filled if n > 0)
    usual = max(counted, key=lambda n: (counted[n], n)) if counted else 0
    if filled[at] >= usual or usual < 2 or filled[at] > 2:
        return None
    for i, n in enumerate(filled):
        if n == usual and i > at:
            numbers = sum(bool(re.fullmatch(r"[-+.,\d]+", c.strip())) for c in lines[i])
            return i if numbers * 2 < n else None  # names are words
    return None


def _tell_header(
    spec: TableSpec,
    place: str,
    header: Sequence[str],
    names: Sequence[str],
    at: int,
    ledger: Ledger,
) -> None:
    above = at - (spec.header_row - 1)
    told = listing([n.strip() for n in names if n.strip()], 6)
    delete = f", or delete the {above} rows above" if above > 1 else ", or delete the row above"
    ledger.error(
        "E008",
        f"{place}: the column names {told} are in row {at + 1}, not row {spec.header_row}",
        file=spec.shown,
        row=at + 1,
        cure=f"set [{spec.section}] header_row = {at + 1}{delete if above > 0 else ''}",
    )


def _header_names_fit(spec: TableSpec, place: str, header: Sequence[str], ledger: Ledger) -> bool:
    good = True
    for name, n in Counter(h for h in header if h).items():
        if n > 1:
            at = [i for i, h in enumerate(header, start=1) if h == name]
            ledger.error(
                "E011",
                f'{place}: {n} columns are called "{name}" ({_and(at)})',
                file=spec.shown,
                row=spec.header_row,
                column=name,
                cure="rename one; the study file picks columns by name",
            )
            good = False
    return good


def _and(items: Sequence[object]) -> str:
    words = [str(i) for i in items]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _tell_widths(
    spec: TableSpec,
    place: str,
    header: Sequence[str],
    body: Sequence[tuple[int, list[str]]],
    ledger: Ledger,
    found_separator: str,
) -> None:
    """Rows too long are errors, and are read up to the header's end so that others are told too."""
    width = len(header)
    separator = sniff.SEPARATOR_NAMES.get(found_separator, "separator")
    short: list[int] = []
    for n, line in body:
        if len(line) < width:
            short.append(n)
        elif any(line[width:]):
            wordy = _wordy_column(header, body)
            found = max(i for i, c in enumerate(line, start=1) if c)
            ledger.error(
                "E009",
                f"{place}, row {n}: {found} values, header has {width}. Probably a "
                f'{separator} inside "{wordy}"',
                file=spec.shown,
                row=n,
                column=wordy,
                cure=f"put the {wordy} in double quotes",
            )
    if short:
        ledger.repair(
            "R502",
            f"{place}: {rows_text(short)} {'has' if len(short) == 1 else 'have'} fewer values "
            f"than the header ({width}); the missing ones at the end were read as blank",
            file=spec.shown,
            row=short[0],
        )


def _wordy_column(header: Sequence[str], body: Sequence[tuple[int, list[str]]]) -> str:
    """The column whose values hold most words: where a stray separator is likely to stand."""
    words = [0] * len(header)
    for _, line in body[:200]:
        for i, cell in enumerate(line[: len(header)]):
            words[i] += cell.count(" ")
    return header[max(range(len(header)), key=lambda i: (words[i], i))]


def _drop_unnamed(table: Table, ledger: Ledger) -> None:
    keep = [bool(name) for name in table.frame.columns]
    if all(keep):
        return
    lost = [
        i + 1 for i, named in enumerate(keep) if not named and (table.frame.iloc[:, i] != "").any()
    ]
    first = list(table.frame.iloc[:, 0])
    if not keep[0] and all(first) and len(set(first)) == len(first):
        table.row_names = first
    table.frame = table.frame.loc[:, keep]
    table.dates = {(r, c) for r, c in table.dates if c}
    if lost:
        ledger.warn(
            "W503",
            f"{table.place}: column {_and(lost)} has no name and was not read",
            file=table.file,
            row=table.spec.header_row,
            cure="write a name into the header if the column matters",
        )


def _fill_down(table: Table, ledger: Ledger) -> None:
    """Copy values down in the columns that the study file lists, and tell how many."""
    for asked in table.spec.fill_down:
        column = table.match(asked)
        if column is None:
            ledger.error(
                "E015",
                f'{table.place} has no column "{asked}" (study file: [{table.spec.section}] '
                f"fill_down). It has: {listing(table.names, 12)}."
                f"{did_you_mean(asked, table.names)}",
                file=table.file,
                column=asked,
            )
            continue
        values = table.frame[column].replace("", np.nan)
        filled = values.ffill().fillna("")
        n = int((filled != table.frame[column]).sum())
        table.frame[column] = filled.astype(object)
        if n:
            ledger.repair(
                "R013",
                f"{table.place}, column {column}: {n} blank cells were filled from the cell above",
                file=table.file,
                column=column,
            )


def _tell_merged(table: Table, ledger: Ledger) -> None:
    """Cells merged downwards hold one value, and the rows below would lose it in silence."""
    for column in table.names:
        spans = [(a, b, span) for a, b, name, span in table.merged if name == column and a < b]
        if not spans:
            continue
        cells = dict(zip(table.rows.tolist(), table.text(column), strict=True))
        blank = [r for a, b, _ in spans for r in range(a + 1, b + 1) if cells.get(r) == ""]
        if blank:
            table.told_blank |= {(row, column) for row in blank}
            ledger.error(
                "E013",
                f"blank. The cells {listing([span for _, _, span in spans], 3)} are merged",
                at=table.at(blank, column),
                cure=f'set [{table.spec.section}] fill_down = ["{column}"] to copy the value down, '
                "or unmerge",
            )
