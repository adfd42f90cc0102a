"""Workbooks (XLSX, XLS, ODS) as rows of text, with the cells that a workbook can spoil."""

from __future__ import annotations

import datetime
import io
import math
import re
import zipfile
from dataclasses import dataclass, field

ERROR_CELLS = frozenset(
    {"#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"}
    | {"#NV", "#WERT!", "#BEZUG!", "#ZAHL!"}  # as Excel says them in German,
    | {"#VALEUR!", "#NOM?", "#NOMBRE!", "#NUL!"}  # French,
    | {"#¡VALOR!", "#¡REF!", "#¡DIV/0!", "#¿NOMBRE?", "#¡NUM!", "#¡NULO!", "#N/D"}  # Spanish,
    | {"#VALOR!", "#NOME?", "#NÚM!", "#NULO!", "#VALORE!", "#RIF!"}  # Portuguese, Italian,
    | {"#WAARDE!", "#VERW!", "#N/B", "#GETAL!", "#ARG!", "#ADR!"}  # Dutch, Polish
)
# A cell with a formula and no value; one whose value is a text that is empty has t="str".
_UNCOUNTED = re.compile(
    rb"<c(?![^>]*\bt=\"str\")[^>]*>\s*<f[^>]*(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>"
)
MOST_ENTRIES = 10_000
MOST_BYTES = 4 * 1024**3
MOST_RATIO = 200


class NotWorkbook(Exception):
    """The bytes are no workbook that can be read, with the reason in the user's words."""


@dataclass
class Sheet:
    """One sheet: rows of text from cell A1, and what the text cannot tell."""

    name: str
    rows: list[list[str]]
    dates: set[tuple[int, int]] = field(default_factory=set)  # (row, position), both from 1
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)  # rows, columns, from 1
    hidden: list[int] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # further sheets that hold something
    open_document: bool = False


def read_sheet(raw: bytes, sheet: str | None = None) -> Sheet:
    """The sheet called `sheet`, or the first that holds anything."""
    from python_calamine import CalamineError, CalamineWorkbook, WorksheetNotFound

    zipped = raw.startswith(b"PK")
    if zipped:
        _refuse_bomb(raw)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(raw))
        names = list(book.sheet_names)
        if sheet is not None and sheet not in names:
            raise NotWorkbook(f'it has no sheet "{sheet}"; it has: {", ".join(names)}')
        tried = [sheet] if sheet is not None else names
        found, filled = None, []
        for name in tried:
            cells = book.get_sheet_by_name(name)
            values = cells.to_python(skip_empty_area=False)
            if any(value != "" for row in values for value in row):
                filled.append(name)
                if found is None:
                    found = (name, values, getattr(cells, "merged_cell_ranges", None) or [])
    except (CalamineError, WorksheetNotFound, OSError) as error:
        raise NotWorkbook(f"it is damaged or not a workbook ({error})") from None
    except NotWorkbook:
        raise
    except BaseException as error:  # a panic of the reading library is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        raise NotWorkbook("it is damaged and cannot be read") from None
    if found is None:
        raise NotWorkbook("it holds no cell")
    name, values, merged = found
    result = Sheet(name, [], others=[n for n in filled if n != name])
    for i, row in enumerate(values, start=1):
        line = []
        for j, value in enumerate(row, start=1):
            if isinstance(value, datetime.date | datetime.datetime):
                result.dates.add((i, j))
            line.append(cell_text(value))
        result.rows.append(line)
    result.merged = [(r1 + 1, r2 + 1, c1 + 1, c2 + 1) for (r1, c1), (r2, c2) in merged]
    if zipped:
        _look_closer(raw, result)
    return result


def cell_text(value: object) -> str:
    """The cell as text: whole numbers without a point, dates as 2021-05-01, true as TRUE."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
            return str(int(value))
        return repr(value)
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time(0)
        return value.date().isoformat() if midnight else value.isoformat(" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _refuse_bomb(raw: bytes) -> None:
    """A workbook is an archive: refuse one that unpacks to far more than it is."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError) as error:
        raise NotWorkbook(f'it starts with "PK" but the archive is damaged ({error})') from None
    size = sum(entry.file_size for entry in entries)
    if len(entries) > MOST_ENTRIES or size > MOST_BYTES or size > MOST_RATIO * len(raw):
        raise NotWorkbook(f"it unpacks to {size:,} bytes, too many for a table of this size")


def _show_uncounted(raw: bytes, sheet: Sheet) -> None:
    """Formulas whose value no program has worked out: shown as they are, or they would be blank."""
    import openpyxl

    page = openpyxl.load_workbook(io.BytesIO(raw))[sheet.name]
    for cells, row in zip(page.iter_rows(), sheet.rows, strict=False):
        for i, cell in enumerate(cells[: len(row)]):
            if cell.data_type == "f" and row[i] == "":
                row[i] = str(getattr(cell.value, "text", None) or cell.value)


def _is_open_document(raw: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return "content.xml" in archive.namelist()


def _look_closer(raw: bytes, sheet: Sheet) -> None:
    """Error cells and hidden rows: the quick reader tells neither, so openpyxl is asked, late."""
    try:
        if _is_open_document(raw):
            from surveys import open_document

            sheet.open_document = True
            sheet.hidden, sheet.merged = open_document.looks_closer(
                raw, sheet.name, len(sheet.rows)
            )
            return
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = [n for n in archive.namelist() if n.startswith("xl/worksheets/")]
            contents = [archive.read(part) for part in parts]
        wanted = any(re.search(rb'\shidden="(1|true)"|\st="e"', part) for part in contents)
        if any(_UNCOUNTED.search(part) for part in contents):
            _show_uncounted(raw, sheet)
        if not wanted:
            return
        import openpyxl

        book = openpyxl.load_workbook(io.BytesIO(raw), data_only=True)
        page = book[sheet.name]
        sheet.hidden = sorted(
            row
            for row, shape in page.row_dimensions.items()
            if shape.hidden and row <= len(sheet.rows)
        )
        for cells, row in zip(page.iter_rows(), sheet.rows, strict=False):
            for i, cell in enumerate(cells[: len(row)]):
                if cell.data_type == "e":
                    row[i] = str(cell.value)
    except Exception as error:  # openpyxl raises whatever its parsers raise on a damaged part
        raise NotWorkbook(
            f"its error cells and hidden rows cannot be read ({type(error).__name__})"
        ) from None
