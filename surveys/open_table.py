"""A file to a table of text cells: text in any encoding, or a workbook whatever its name."""

from __future__ import annotations

import contextlib
import csv
import gc
import hashlib
import io
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from surveys import sniff, unpack
from surveys.ledger import Ledger
from surveys.parquet import NotParquet, read_parquet
from surveys.problems import did_you_mean, listing, rows_text
from surveys.readers import layer_table
from surveys.split_tables import open_parts
from surveys.table_edges import unquoted
from surveys.table_shape import shape, shape_of_columns
from surveys.tell_encoding import tell_encoding
from surveys.text_table import Table, TableSpec
from surveys.workbook import NotWorkbook, read_sheet

MOST_FILE_BYTES = 8 * 1024**3
csv.field_size_limit(1 << 24)


def open_table(spec: TableSpec, ledger: Ledger) -> Table | None:
    """Read a table as text; problems go to the ledger, and None comes back where it is no table."""
    if spec.relation:
        from surveys.readers.relation_table import open_relation

        return open_relation(spec, ledger)
    if spec.section == "files.sites" and layer_table.is_layer(spec.shown) and spec.path.is_file():
        return layer_table.open_layer(spec, ledger)
    if not _keys_fit(spec, ledger):
        return None
    if spec.parts:
        return open_parts(spec, ledger, open_table)
    raw = _bytes(spec, ledger)
    if raw is None:
        return None
    found = _found(spec, raw)
    kind = sniff.kind_of(raw)
    if kind == "gzip" or (kind == "zip" and not unpack.is_workbook(raw)):
        unpacked = _unpacked(spec, raw, kind, found, ledger)
        if unpacked is None:
            return None
        raw, kind = unpacked, sniff.kind_of(unpacked)
    if kind in ("zip", "xls"):
        return _from_workbook(spec, raw, found, ledger)
    if kind == "parquet":
        return _from_parquet(spec, raw, found, ledger)
    if kind != "text":
        _refuse_kind(spec, raw, kind, ledger)
        return None
    with _uncollected():
        return _from_text(spec, raw, found, ledger)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Every row is a list that stays: looking for garbage among a million takes half the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _keys_fit(spec: TableSpec, ledger: Ledger) -> bool:
    """Whether separator and header row are such as a table can have."""
    before = len(ledger.of_level("error"))
    if spec.separator is not None and (len(spec.separator) != 1 or spec.separator in '"\r\n'):
        ledger.error(
            "E405",
            f'[{spec.section}] separator is "{spec.separator}"; it must be one sign',
            file=spec.shown,
            cure='separator = ";" or "," or "|" or "tab"',
        )
    if spec.nameless and spec.header_row:
        ledger.error(
            "E405",
            f"[{spec.section}] says header = false, and that the header is row {spec.header_row}",
            file=spec.shown,
            cure="remove one of them",
        )
    elif spec.header_row < 1 and not spec.nameless:
        ledger.error(
            "E405",
            f"[{spec.section}] header_row is {spec.header_row}; rows count from 1",
            file=spec.shown,
        )
    return len(ledger.of_level("error")) == before


def _bytes(spec: TableSpec, ledger: Ledger) -> bytes | None:
    try:
        if spec.path.is_dir():
            raise IsADirectoryError
        archive, _ = unpack.archive_of(spec.path)
        if archive.stat().st_size > MOST_FILE_BYTES:
            raise OSError("it is larger than 8 GB")
        return unpack.read_bytes(spec.path)
    except FileNotFoundError:
        folder = spec.path.parent
        beside = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        if unpack.archive_of(spec.path)[1]:
            beside = unpack.contents(archive)
        ledger.error(
            "E401",
            f"{spec.shown} is not there ([{spec.section}] path)."
            f"{did_you_mean(spec.path.name, beside)}",
            file=spec.shown,
            cure="paths count from the folder of the study file",
        )
    except OSError as error:
        reason = "it is a folder" if isinstance(error, IsADirectoryError) else error.strerror
        ledger.error("E401", f"{spec.shown} cannot be opened: {reason}", file=spec.shown)
    return None


def _unpacked(
    spec: TableSpec, raw: bytes, kind: str, found: dict[str, Any], ledger: Ledger
) -> bytes | None:
    """The table inside an archive that holds nothing else."""
    try:
        if kind == "gzip":
            return unpack.from_gzip(raw)
        inside, found["inside"] = unpack.from_zip(raw)
        return inside
    except unpack.NotUnpacked as error:
        ledger.error(
            "E505",
            f"{spec.shown} cannot be unpacked: {error}",
            file=spec.shown,
            cure="unpack it, and name the .shp"
            if ".shp" in str(error)
            else "unpack it, and name the table itself"
            if kind == "gzip"
            else f'name a table in it: [{spec.section}] path = "{spec.shown}/NAME"; or unpack it',
        )
        return None


def _from_parquet(
    spec: TableSpec, raw: bytes, found: dict[str, Any], ledger: Ledger
) -> Table | None:
    try:
        columns = read_parquet(raw, frozenset(spec.columns.values()))
    except NotParquet as error:
        ledger.error(
            "E505",
            f"{spec.shown} cannot be read as a Parquet table: {error}",
            file=spec.shown,
            cure="write the table again, with one value in each cell",
        )
        return None
    found |= {"encoding": "parquet", "separator": None}
    if columns.left_out:
        ledger.note(
            "N507",
            f"{spec.shown}: {listing(columns.left_out)} was not read: row labels that pandas adds",
            file=spec.shown,
        )
    return shape_of_columns(spec, columns, found, ledger)


def plain_text(spec: TableSpec, ledger: Ledger) -> tuple[str, dict[str, Any]] | None:
    """The text of a file that is no table, and what was found of it; None where it is no text."""
    if spec.parts:
        ledger.error(
            "E650",
            f"{spec.shown}: such files are no tables, and only one of them is read",
            file=spec.shown,
            cure=f"name one: [{spec.section}] path",
        )
        return None
    raw = _bytes(spec, ledger)
    if raw is None:
        return None
    found = _found(spec, raw)
    kind = sniff.kind_of(raw)
    if kind == "gzip" or (kind == "zip" and not unpack.is_workbook(raw)):
        raw = _unpacked(spec, raw, kind, found, ledger)
        if raw is None:
            return None
        kind = sniff.kind_of(raw)
    if kind != "text":
        _refuse_kind(spec, raw, kind, ledger)
        return None
    decoded = _decoded(spec, raw, ledger)
    if decoded is None:
        return None
    return decoded.text, found | {"encoding": decoded.encoding, "separator": None}


def _found(spec: TableSpec, raw: bytes) -> dict[str, Any]:
    return {"file": spec.shown, "sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}


def _refuse_kind(spec: TableSpec, raw: bytes, kind: sniff.Kind, ledger: Ledger) -> None:
    """An empty file, or one that holds something else than is asked for."""
    if kind == "empty":
        size = "0 bytes" if not raw else f"{len(raw)} bytes, all blank"
        ledger.error(
            "E005",
            f"{spec.shown} is empty ({size})",
            file=spec.shown,
            cure="was the export cut short? Export it again",
        )
        return
    what = {"html": "a web page or XML", "parquet": "a Parquet table", "xls": "a workbook"}
    what |= {"zip": "a workbook"}
    ledger.error(
        "E504",
        f"{spec.shown} is {what.get(kind, 'not text')}, so no table can be read from it",
        file=spec.shown,
        cure="open it in the program that made it and save it as CSV UTF-8 or XLSX",
    )


def _decoded(spec: TableSpec, raw: bytes, ledger: Ledger) -> sniff.Decoded | None:
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
    return decoded


def _from_text(spec: TableSpec, raw: bytes, found: dict[str, Any], ledger: Ledger) -> Table | None:
    decoded = _decoded(spec, raw, ledger)
    if decoded is None:
        return None
    separator = spec.separator or sniff.separator_of(decoded.text)
    found |= {"encoding": decoded.encoding, "separator": sniff.SEPARATOR_NAMES.get(separator)}
    lines = _tokens(spec, decoded.text, separator, ledger)
    if lines is None:
        return None
    if spec.separator is None and (parted := unquoted(lines)) is not None:
        lines, separator = parted
        found["separator"] = sniff.SEPARATOR_NAMES.get(separator)
        ledger.repair(
            "R010",
            f"{spec.shown}: every row stands whole in quotes; they were taken off",
            file=spec.shown,
        )
    table = shape(spec, lines, found, ledger, separator=separator)
    if table is None:
        return None
    tell_encoding(table, decoded, ledger)
    return table


def _tokens(spec: TableSpec, text: str, separator: str, ledger: Ledger) -> list[list[str]] | None:
    """Rows of values; a quote never closed is an error that names its row and column."""
    lines: list[list[str]] = []
    text = sniff.without_margins(text) if separator == " " else text
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        lines.extend(reader)
    except csv.Error as error:
        opened = sniff.open_quote(text, separator)
        if opened is not None:
            row, at = opened
            header = lines[spec.header_row - 1] if len(lines) >= spec.header_row > 0 else []
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
    named = PurePath(found.get("inside", spec.path.name).removesuffix(".gz"))
    if named.suffix.lower() not in (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"):
        start = '"PK"' if raw.startswith(b"PK") else "the mark of old Excel files"
        right = ".ods" if sheet.open_document else ".xlsx" if raw.startswith(b"PK") else ".xls"
        what = "an open-document spreadsheet" if sheet.open_document else "an Excel workbook"
        ledger.repair(
            "R007",
            f"{spec.shown} is {what} (starts with {start}), not text. "
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
    table = shape(spec, sheet.rows, found, ledger, sheet=sheet)
    if table is not None and sheet.hidden:
        n = len(sheet.hidden)
        ledger.warn(
            "W014",
            f"{table.place}: {n} {'row is' if n == 1 else 'rows are'} hidden by a filter or by "
            f"hand ({rows_text(sheet.hidden)}); they were read like all others",
            file=spec.shown,
        )
    return table
