"""Hidden rows and merged cells of ODS spreadsheets, which the quick reader omits."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
MOST_ROWS = 1 << 20  # of a sheet; a row may stand for as many
MOST_MERGED = 100_000


def looks_closer(
    raw: bytes, sheet: str, rows: int
) -> tuple[list[int], list[tuple[int, int, int, int]]]:
    """Hidden rows, and merged cells as (first row, last row, left, right), all from 1.

    `rows`: how many rows of the sheet hold something; those below are not looked at.
    """
    hidden: list[int] = []
    merged: list[tuple[int, int, int, int]] = []
    with zipfile.ZipFile(io.BytesIO(raw)) as archive, archive.open("content.xml") as content:
        inside, at = False, 0
        for event, node in ElementTree.iterparse(content, events=("start", "end")):
            if node.tag == f"{_TABLE}table":
                inside = event == "start" and node.get(f"{_TABLE}name") == sheet
                node.clear() if event == "end" else None
            elif event == "end" and node.tag == f"{_TABLE}table-row":
                if inside and at < rows:
                    times = _count(node, "number-rows-repeated")
                    if node.get(f"{_TABLE}visibility") in ("filter", "collapse"):
                        hidden.extend(range(at + 1, min(at + times, rows) + 1))
                    merged += _merged(node, at + 1)
                    at += times
                node.clear()
    return hidden, merged[:MOST_MERGED]


def _merged(row: ElementTree.Element, at: int) -> list[tuple[int, int, int, int]]:
    found, column = [], 1
    for cell in row:
        if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            continue
        down, right = _count(cell, "number-rows-spanned"), _count(cell, "number-columns-spanned")
        if down > 1 or right > 1:
            found.append((at, at + down - 1, column, column + right - 1))
        column += _count(cell, "number-columns-repeated")
    return found


def _count(node: ElementTree.Element, name: str) -> int:
    """A repeat, 1 where none is told or it is no number."""
    told = node.get(f"{_TABLE}{name}", "1")
    return min(max(int(told), 1), MOST_ROWS) if told.isdecimal() and len(told) < 9 else 1
