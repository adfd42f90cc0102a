"""What programs and people put round a table: notes below it, names of rows, odd blanks."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Sequence

from surveys.ledger import Ledger
from surveys.problems import rows_text
from surveys.sniff import SEPARATORS
from surveys.text_table import TableSpec, bare

NOTE_RULE = "note below the table"
_SIGN = re.compile(r"[*†‡§#¹²³]+\s*\w")
_WORD = re.compile(
    r"(?:notes?|nota|sources?|legend|key|remarks?|comments?|n\.?b\.?|abbreviations?|generated|"
    r"exported|created|quelle|anmerkung(?:en)?|bemerkung(?:en)?|hinweis|legende|remarques?|fuente)"
    r"\s*(?::|\b.*\b(?:19|20)\d\d\b)",
    re.IGNORECASE,
)
_BLANKS = re.compile("[\u00a0\u2007\u202f\u3000]")
_NOTHING = re.compile("[\u200b\u2060\ufeff]")


def clean(cell: str) -> str:
    """A cell without blanks round it, with one form of letters and of blanks.

    A letter with its accent apart, a blank that does not break and signs without width look like
    others on every screen, and would make two sites of one.
    """
    if cell.isascii():
        return cell.strip()
    return unicodedata.normalize("NFC", _NOTHING.sub("", _BLANKS.sub(" ", cell))).strip()


def clean_row(cells: list[str]) -> list[str]:
    """`clean` of every cell of a row."""
    if "".join(cells).isascii():
        return list(map(str.strip, cells))
    return [clean(c) for c in cells]


def without_notes(
    spec: TableSpec, place: str, width: int, body: list[tuple[int, list[str]]], ledger: Ledger
) -> list[tuple[int, list[str]]]:
    """The rows without the notes below them, which are told and set aside."""
    start = len(body)
    for i in range(len(body) - 1, 0, -1):
        row, line = body[i]
        filled = sum(map(bool, line))
        if not line[0] or filled > 2 or filled >= width:
            break
        gap = row > body[i - 1][0] + 1
        if _is_note(line[0], gap=gap and filled == 1):
            start = i
        elif filled > 1:
            break
    notes = body[start:]
    if not notes or width < 2:
        return body
    rows, texts = [n for n, _ in notes], [" | ".join(c for c in line if c) for _, line in notes]
    if not ledger.below(NOTE_RULE, spec.shown, place, rows, texts):
        return body[:start]
    ledger.warn(
        "W009",
        f'{place}, {rows_text(rows)}: "{texts[0][:60]}" is a note below the table; set aside',
        file=spec.shown,
        row=rows[0],
        cure="delete it; if it is a row of the table, fill in its other cells",
    )
    return body[:start]


def _is_note(text: str, *, gap: bool) -> bool:
    """Whether the only cell of a row is a remark: it begins like one, or stands apart in words."""
    words = len(text.split())
    marked = bool(_WORD.match(text)) or (bool(_SIGN.match(text)) and words > 1)
    return marked or (gap and words > 2)


def with_row_names(
    spec: TableSpec,
    place: str,
    header: list[str],
    body: Sequence[tuple[int, list[str]]],
    ledger: Ledger,
) -> list[str]:
    """The header of a table that R wrote with names of its rows.

    Their column has no name (write.csv), or the header is one name shorter than all rows
    (write.table). Names that are no mere numbers are ids of sites: they are called "site".
    """
    if len(body) < 2 or not any(header):
        return header
    longer = all(len(line) == len(header) + 1 and line[0] for _, line in body)
    if all(header) and longer and any(line[-1] for _, line in body):
        names = [line[0] for _, line in body]
        if len(set(names)) == len(names):
            header = ["", *header]
    if header[0] or any(len(line) < 2 for _, line in body):
        return header
    names = [line[0] for _, line in body]
    taken = {bare(h) for h in header}
    asked = bare(spec.columns.get("site", "site"))
    if not all(names) or len(set(names)) < len(names) or all(map(str.isdecimal, names)):
        return header
    known = {"site", "siteid", "station", "stationid", "plot", "location", "locationid"}
    if asked != "site" or taken & known:
        return header
    ledger.repair(
        "R503",
        f"{place}: column 1 has no name and holds a name for each row; it was taken for the site",
        file=spec.shown,
        row=spec.header_row,
        cure="write a name into the header if it is something else",
    )
    return ["site", *header[1:]]


def unquoted(lines: list[list[str]]) -> tuple[list[list[str]], str] | None:
    """Rows that stand whole in quotes ("A,0,1"), parted; and the sign that parts them."""
    filled = [line for line in lines if line]
    if len(filled) < 2 or any(len(line) > 1 for line in filled):
        return None
    for sign in SEPARATORS:
        try:
            parted = list(csv.reader([line[0] if line else "" for line in lines], delimiter=sign))
        except csv.Error:
            continue
        widths = {len(line) for line in parted if line}
        if len(widths) == 1 and widths.pop() > 1 and len(parted) == len(lines):
            return parted, sign
    return None
