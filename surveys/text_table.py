"""A field table as text: every cell a string, every row with its number in the file."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from surveys import sniff
from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.workbook import NotWorkbook, Sheet, read_sheet

MOST_FILE_BYTES = 8 * 1024**3
csv.field_size_limit(1 << 24)


@dataclass(frozen=True)
class TableSpec:
    """How the study file says that a table is to be read; everything unsaid is sniffed."""

    path: Path
    shown: str  # the path as the study file names it
    section: str = "files.detections"
    sheet: str | None = None
    header_row: int = 1
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    missing: tuple[str, ...] = ()
    date_format: tuple[str, ...] = ()
    excel_epoch: int = 1900
    fill_down: tuple[str, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, section: str, path: Path, shown: str, keys: dict[str, Any]) -> TableSpec:
        """From the keys of one `[files.NAME]` section (or of a covariate's)."""
        dates = keys.get("date_format", ())
        return cls(
            path=path,
            shown=shown,
            section=section,
            sheet=keys.get("sheet"),
            header_row=keys.get("header_row", 1),
            separator={"tab": "\t", "\\t": "\t"}.get(keys.get("separator"), keys.get("separator")),
            decimal=keys.get("decimal"),
            encoding=keys.get("encoding"),
            missing=tuple(keys.get("missing", ())),
            date_format=(dates,) if isinstance(dates, str) else tuple(dates),
            excel_epoch=keys.get("excel_epoch", 1900),
            fill_down=tuple(keys.get("fill_down", ())),
            columns=dict(keys.get("columns", {})),
        )


@dataclass
class Table:
    """Text cells; the index of `frame` is the row in the file, counted as a spreadsheet does."""

    spec: TableSpec
    frame: pd.DataFrame
    found: dict[str, Any]
    sheet: str = ""
    separator: str = ","
    dates: set[tuple[int, str]] = field(default_factory=set)  # cells that Excel holds as dates
    merged: list[tuple[int, int, str, str]] = field(default_factory=list)  # rows, column, range
    decimal_columns: dict[str, str] = field(default_factory=dict)
    decimal_default: str | None = None
    comma_read: list[str] = field(default_factory=list)  # columns read with a decimal comma
    thousands_read: dict[str, tuple[int, str, float]] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)  # column -> name asked for
    written: dict[str, str] = field(default_factory=dict)  # column -> header with its blanks
    site_column: str | None = None  # set once the column of site ids is known

    @property
    def file(self) -> str:
        """The file as the user named it."""
        return self.spec.shown

    @property
    def place(self) -> str:
        """The file, and the sheet where there is one: "survey.xlsx, sheet Data"."""
        return f"{self.file}, sheet {self.sheet}" if self.sheet else self.file

    @property
    def workbook(self) -> bool:
        """Whether the table came from a workbook, whose numbers need no decimal sign."""
        return bool(self.sheet)

    @property
    def names(self) -> list[str]:
        """The column names as they stand in the file, blanks at the ends removed."""
        return list(self.frame.columns)

    @property
    def rows(self) -> np.ndarray:
        """Row numbers in the file."""
        return self.frame.index.to_numpy()

    def __len__(self) -> int:
        return len(self.frame)

    def text(self, column: str) -> np.ndarray:
        """The cells of a column, blanks at the ends removed, as an object array of str."""
        return self.frame[column].to_numpy(dtype=object)

    def match(self, name: str) -> str | None:
        """The column called `name`, or the only one that is so but for blanks and capitals."""
        if name in self.frame.columns:
            return name
        same = [c for c in self.frame.columns if _bare(c) == _bare(name)]
        return same[0] if len(same) == 1 else None

    def column(self, role: str, *, default: str | None = None) -> str | None:
        """The column that plays a role: the one the study file names, else one called `default`."""
        asked = self.spec.columns.get(role)
        found = self.match(asked if asked is not None else (default or role))
        if found is not None and found != (asked or default or role):
            self.taken[found] = asked or default or role
        return found


def rows_text(rows: Iterable[int], most: int = 5) -> str:
    """Row numbers as a phrase: "row 7", "rows 3-5", "rows 2, 9 and 4 more"."""
    numbers = sorted({int(r) for r in rows})
    if len(numbers) == 1:
        return f"row {numbers[0]}"
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"rows {numbers[0]}-{numbers[-1]}"
    if len(numbers) == 2 and numbers[1] == numbers[0] + 1:
        return f"rows {numbers[0]}-{numbers[1]}"
    return f"rows {listing(numbers, most)}"


def _bare(name: str) -> str:
    return re.sub(r"\s+", "", str(name)).casefold()


def open_table(spec: TableSpec, ledger: Ledger) -> Table | None:
    """Read a table as text; problems go to the ledger, and None comes back where it is no table."""
    raw = _bytes(spec, ledger)
    if raw is None:
        return None
    found: dict[str, Any] = {
        "file": spec.shown,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "bytes": len(raw),
    }
    kind = sniff.kind_of(raw)
    if kind == "empty":
        size = "0 bytes" if not raw else f"{len(raw)} bytes, all blank"
        ledger.error(
            "E005",
            f"{spec.shown} is empty ({size})",
            file=spec.shown,
            cure="was the export cut short? Export it again",
        )
        return None
    if kind in ("zip", "xls"):
        return _from_workbook(spec, raw, found, ledger)
    if kind in ("html", "binary"):
        what = "a web page or XML" if kind == "html" else "not text"
        ledger.error(
            "E504",
            f"{spec.shown} is {what}, so no table can be read from it",
            file=spec.shown,
            cure="open it in the program that made it and save it as CSV UTF-8 or XLSX",
        )
        return None
    return _from_text(spec, raw, found, ledger)


def _bytes(spec: TableSpec, ledger: Ledger) -> bytes | None:
    try:
        if spec.path.is_dir():
            raise IsADirectoryError
        if spec.path.stat().st_size > MOST_FILE_BYTES:
            raise OSError("it is larger than 8 GB")
        return spec.path.read_bytes()
    except FileNotFoundError:
        folder = spec.path.parent
        beside = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        ledger.error(
            "E401",
            f"{spec.shown} is not there ([{spec.section}] path)."
            f"{did_you_mean(spec.path.name, beside)}",
            file=spec.shown,
            cure="paths count from the folder of the study file",
        )
    except OSError as error:
        reason = "it is a folder" if isinstance(error, IsADirectoryError) else str(error)
        ledger.error("E401", f"{spec.shown} cannot be opened: {reason}", file=spec.shown)
    return None


# --- text ------------------------------------------------------------------------------------


def _from_text(spec: TableSpec, raw: bytes, found: dict[str, Any], ledger: Ledger) -> Table | None:
    try:
        decoded = sniff.decode(raw, spec.encoding)
    except sniff.NotText as error:
        ledger.error(
            "E003",
            f"{spec.shown} cannot be read as text: {error}",
            file=spec.shown,
            cure=f'save it as "CSV UTF-8", or name its encoding: [{spec.section}] '
            'encoding = "cp1250"',
        )
        return None
    if "\0" in decoded.text:
        row = decoded.text[: decoded.text.index("\0")].count("\n") + 1
        ledger.error(
            "E504",
            f"{spec.shown}, row {row}: a NUL byte, which no table holds; the file is damaged",
            file=spec.shown,
            row=row,
            cure="export it again",
        )
        return None
    separator = spec.separator or sniff.separator_of(decoded.text)
    found |= {"encoding": decoded.encoding, "separator": sniff.SEPARATOR_NAMES.get(separator)}
    lines = _tokens(spec, decoded.text, separator, ledger)
    if lines is None:
        return None
    table = _shape(spec, lines, found, ledger, separator=separator)
    if table is None:
        return None
    _tell_encoding(table, decoded, raw, ledger)
    return table


def _tokens(spec: TableSpec, text: str, separator: str, ledger: Ledger) -> list[list[str]] | None:
    """Rows of values; a quote never closed is an error that names its row and column."""
    lines: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        lines.extend(reader)
    except csv.Error as error:
        opened = sniff.open_quote(text, separator)
        if opened is not None:
            row, at = opened
            header = lines[spec.header_row - 1] if len(lines) >= spec.header_row else []
            column = header[at - 1].strip() if at <= len(header) else f"number {at}"
            last = len(text.splitlines())
            ledger.error(
                "E010",
                f"{spec.shown}: a double quote opened in row {row}, column {column} is not "
                f"closed by row {last} (end of file)",
                file=spec.shown,
                row=row,
                column=column,
                why="all that follows the quote would be read as one value",
                cure="close the quote or delete it",
            )
        else:
            row = len(lines) + 1
            ledger.error(
                "E010",
                f"{spec.shown} row {row}: a double quote stands inside a quoted value ({error})",
                file=spec.shown,
                row=row,
                cure='write a quote inside a quoted value twice: "12"" pipe"',
            )
        return None
    return lines


def _tell_encoding(table: Table, decoded: sniff.Decoded, raw: bytes, ledger: Ledger) -> None:
    spec = table.spec
    if decoded.encoding.startswith(("utf-16", "utf-32")):
        order = "little-endian" if decoded.encoding.endswith("le") else "big-endian"
        between = sniff.SEPARATOR_NAMES.get(table.separator, table.separator)
        ledger.repair(
            "R004",
            f"{spec.shown}: {decoded.encoding[:6].upper()} {order}, {between}-separated; "
            "read as such, nothing was lost",
            file=spec.shown,
        )
    elif decoded.mark and decoded.bad_byte is None:
        first = table.names[0] if table.names else ""
        ledger.repair(
            "R002",
            f"{spec.shown}: the byte order mark at its start was removed; "
            f'the first column is "{first}"',
            file=spec.shown,
        )
    elif decoded.bad_byte is not None and decoded.bad_at is not None:
        row, column, value = _first_strange(table)
        ledger.repair(
            "R003",
            f"{spec.shown} is not UTF-8 ({row_column(row, column)}byte "
            f'0x{decoded.bad_byte:02X}). Read as Windows-1252: "{value}"',
            file=spec.shown,
            row=row,
            column=column,
            cure=f'save it as "CSV UTF-8" or set [{spec.section}] encoding = "cp1252"',
        )


def row_column(row: int | None, column: str) -> str:
    """Row and column as the start of a phrase, "" for what is not known."""
    told = [f"row {row}"] if row is not None else []
    told += [f"column {column}"] if column else []
    return "".join(f"{t}, " for t in told)


def _first_strange(table: Table) -> tuple[int | None, str, str]:
    """The first cell that holds a letter beyond ASCII, header included."""
    for name in table.names:
        if not name.isascii():
            return table.spec.header_row, name, name
    best: tuple[int | None, str, str] = (None, "", "")
    for name in table.names:
        for row, value in zip(table.rows, table.text(name), strict=True):
            if not value.isascii():
                if best[0] is None or row < best[0]:
                    best = (int(row), name, value)
                break
    return best


# --- workbooks -------------------------------------------------------------------------------


def _from_workbook(
    spec: TableSpec, raw: bytes, found: dict[str, Any], ledger: Ledger
) -> Table | None:
    try:
        sheet = read_sheet(raw, spec.sheet)
    except NotWorkbook as error:
        ledger.error(
            "E505",
            f"{spec.shown} cannot be read as a workbook: {error}",
            file=spec.shown,
            cure="open it in a spreadsheet program and save it anew as XLSX or CSV UTF-8",
        )
        return None
    found |= {"encoding": "workbook", "separator": None, "sheet": sheet.name}
    if spec.path.suffix.lower() not in (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"):
        start = '"PK"' if raw.startswith(b"PK") else "the mark of old Excel files"
        right = ".xlsx" if raw.startswith(b"PK") else ".xls"
        ledger.repair(
            "R007",
            f"{spec.shown} is an Excel workbook (starts with {start}), not text. "
            f'Read as workbook, sheet "{sheet.name}"',
            file=spec.shown,
            cure=f"rename it to {spec.path.stem}{right}",
        )
    if sheet.others and spec.sheet is None:
        ledger.warn(
            "W506",
            f'{spec.shown}: sheet "{sheet.name}" was read; {listing(sheet.others)} '
            f"{'holds' if len(sheet.others) == 1 else 'hold'} something too",
            file=spec.shown,
            cure=f'choose with [{spec.section}] sheet = "{sheet.name}"',
        )
    table = _shape(spec, sheet.rows, found, ledger, sheet=sheet)
    if table is not None and sheet.hidden:
        n = len(sheet.hidden)
        ledger.warn(
            "W014",
            f"{table.place}: {n} {'row is' if n == 1 else 'rows are'} hidden by a filter or by "
            f"hand ({rows_text(sheet.hidden)}); they were read like all others",
            file=spec.shown,
        )
    return table


# --- header and shape ------------------------------------------------------------------------


def _shape(
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
    header = [h.strip() for h in lines[at]] if at < len(lines) else []
    place = f"{spec.shown}, sheet {sheet.name}" if sheet else spec.shown
    later = header_found_later(spec, lines)
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
    width = len(header)
    while width and not header[width - 1]:
        width -= 1
    header = header[:width]
    body = [(n, line) for n, line in enumerate(lines, start=1) if n > spec.header_row]
    body = [(n, [c.strip() for c in line]) for n, line in body]
    body = [(n, line) for n, line in body if any(line)]
    if not _header_names_fit(spec, place, header, ledger):
        return None
    if not _widths_fit(spec, place, header, body, ledger, separator):
        return None
    rows = [n for n, _ in body]
    cells = [line[:width] + [""] * (width - len(line)) for _, line in body]
    frame = pd.DataFrame(cells, index=pd.Index(rows, dtype="int64"), columns=header, dtype=object)
    found["rows"] = len(frame)
    written = {h.strip(): h for h in lines[at][:width] if h != h.strip()}
    table = Table(spec, frame, found, sheet=sheet.name if sheet else "", separator=separator)
    table.written = written
    if sheet is not None:
        table.dates = {(r, header[c - 1]) for r, c in sheet.dates if c <= width}
        for first, last, left, right in sheet.merged:
            for c in range(left, min(right, width) + 1):
                span = f"{_letter(left)}{first}:{_letter(right)}{last}"
                table.merged.append((first, last, header[c - 1], span))
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
    wanted = {_bare(c) for c in spec.columns.values()}
    head = {_bare(c) for c in lines[at]}
    if len(wanted) >= 1 and not wanted <= head:
        for i, line in enumerate(lines[:30]):
            if i != at and wanted <= {_bare(c) for c in line}:
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


def _widths_fit(
    spec: TableSpec,
    place: str,
    header: Sequence[str],
    body: Sequence[tuple[int, list[str]]],
    ledger: Ledger,
    found_separator: str,
) -> bool:
    width, good = len(header), True
    separator = sniff.SEPARATOR_NAMES.get(found_separator, "separator")
    short: list[int] = []
    for n, line in body:
        if len(line) < width:
            short.append(n)
        elif any(line[width:]):
            good = False
            wordy = _wordy_column(header, body)
            found = max(i for i, c in enumerate(line, start=1) if c)
            ledger.error(
                "E009",
                f"{place} row {n}: {found} values, header has {width}. Probably a "
                f'{separator} inside "{wordy}"',
                file=spec.shown,
                row=n,
                column=wordy,
                cure=f"put the {wordy} in double quotes",
            )
    if short and good:
        ledger.repair(
            "R502",
            f"{place}: {rows_text(short)} {'has' if len(short) == 1 else 'have'} fewer values "
            f"than the header ({width}); the missing ones at the end were read as blank",
            file=spec.shown,
            row=short[0],
        )
    return good


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
