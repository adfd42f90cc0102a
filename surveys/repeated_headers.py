"""The header of a table that stands in it again, where exports were laid under each other."""

from __future__ import annotations

from surveys.ledger import Ledger
from surveys.problems import rows_text
from surveys.text_table import TableSpec

RULE = "the header once more"


def without_headers(
    spec: TableSpec,
    place: str,
    header: list[str],
    body: list[tuple[int, list[str]]],
    ledger: Ledger,
) -> list[tuple[int, list[str]]]:
    """The rows without those that repeat every name of the header, which are told and set aside."""
    names = [h.strip() for h in header]
    if len(names) < 2 or len(set(names)) < 2:
        return body
    again = [(n, line) for n, line in body if line[: len(names)] == names]
    if not again:
        return body
    rows, texts = [n for n, _ in again], [" | ".join(line) for _, line in again]
    left = [(n, line) for n, line in body if line[: len(names)] != names]
    if not ledger.below(RULE, spec.shown, f"{place}: {RULE}", rows, texts):
        return left
    ledger.warn(
        "W009",
        f"{place}, {rows_text(rows)}: {RULE}; set aside",
        file=spec.shown,
        row=rows[0],
        why="tables that were laid under each other keep their headers",
        cure="delete the row; look whether rows of one table stand in the other, too",
    )
    return left
