"""The encoding that a table was read in, told where anything was guessed or taken away."""

from __future__ import annotations

from surveys import sniff
from surveys.ledger import Ledger
from surveys.text_table import Table


def tell_encoding(table: Table, decoded: sniff.Decoded, ledger: Ledger) -> None:
    """What a file is written in, where it is not plain UTF-8."""
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
        latin = decoded.encoding == "cp1252"
        read_as = "Windows-1252" if latin else decoded.encoding
        row, column, value, of_utf8 = _first_strange(table)
        of_utf8 = of_utf8 if latin else None
        joined, shown = "", f': "{value}"' if value else ""
        if of_utf8:
            joined = f'; but row {of_utf8[0]}, column {of_utf8[1]}, "{of_utf8[2]}" is UTF-8'
        ledger.repair(
            "R003",
            f"{spec.shown} is not UTF-8 ({row_column(row, column)}byte "
            f"0x{decoded.bad_byte:02X}). Read as {read_as}{shown}{joined}",
            file=spec.shown,
            row=row,
            column=column,
            why="files of two encodings seem to have been joined" if joined else "",
            cure=f'save it as "CSV UTF-8" or set [{spec.section}] encoding = "{decoded.encoding}"'
            + ("" if latin else ", or another if these are not your letters"),
        )


def row_column(row: int | None, column: str) -> str:
    """Row and column as the start of a phrase, "" for what is not known."""
    told = [f"row {row}"] if row is not None else []
    told += [f"column {column}"] if column else []
    return "".join(f"{t}, " for t in told)


def _first_strange(
    table: Table,
) -> tuple[int | None, str, str, tuple[int, str, str] | None]:
    """The first cell that is not UTF-8, header included, and the first beyond ASCII that is.

    The table was read as Windows-1252, which has a letter for each byte.
    """
    headers = [(table.spec.header_row, name, name) for name in table.names]
    strange = [cell for cell in headers if not cell[2].isascii()]
    for name in table.names:
        for row, value in zip(table.rows, table.text(name), strict=True):
            if not value.isascii():
                strange.append((int(row), name, value))
    strange.sort(key=lambda cell: cell[0])
    bad = next((cell for cell in strange if not _was_utf8(cell[2])), (None, "", ""))
    return *bad, next((cell for cell in strange if _was_utf8(cell[2])), None)


def _was_utf8(value: str) -> bool:
    try:
        value.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return False
    return True
