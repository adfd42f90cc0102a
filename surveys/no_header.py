"""Tables that begin with their first row: R and PRESENCE write matrices without column names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from surveys import cells
from surveys.ledger import Ledger
from surveys.text_table import TableSpec

NAME = "column_{}"
PANDAS = re.compile(r"Unnamed: [0-9]+")  # what pandas calls a column without a name
_NUMBER = re.compile(r"-?[0-9]{1,3}(?:[.,][0-9]+)?")
_MISSING = re.compile(r"na|nan|n/a|[-.]", re.IGNORECASE)


def names(width: int) -> list[str]:
    """Names for the columns of a table that has none."""
    return [NAME.format(i) for i in range(1, width + 1)]


def holds_values(header: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether the row of names holds 0, 1, NA and the like, as rows do.

    Numbers that rise (1, 2, 3; 2019, 2020) may well be names of visits.
    """
    told = [c for c in header if c]
    if not told or not body:
        return False
    value = [_NUMBER.fullmatch(c) is not None or _MISSING.fullmatch(c) is not None for c in told]
    rest = told if value[0] else told[1:]
    if len(rest) < 2 or not all(value[-len(rest) :]) or not any(map(_NUMBER.fullmatch, rest)):
        return False
    numbers = [cells.parse_number(c.replace(",", "."), ".") for c in rest]
    known = [n[0] for n in numbers if n is not None]
    rising = len(known) == len(rest) and all(a < b for a, b in itertools.pairwise(known))
    if not rising:
        return True
    if len(rest) == len(told):
        return [*map(float, known)] == [0.0, 1.0]  # two visits: nobody names them so
    shape = _shape(told[0])
    return bool(re.search("[0-9]", told[0])) and all(_shape(r[0]) == shape for r in body if r)


def _shape(text: str) -> str:
    """A1 and B7 have one shape, site and A1 have not."""
    return re.sub(r"[0-9]+", "9", re.sub(r"[^\W\d_]", "a", text))


def refuse(spec: TableSpec, place: str, header: Sequence[str], ledger: Ledger) -> None:
    """Tell that the names are values, and how such a table is read."""
    shown = ", ".join(h or '""' for h in header[:6]) + (" ..." if len(header) > 6 else "")
    ledger.error(
        "E507",
        f"{place}, row {spec.header_row}: {shown} are values, no names of columns",
        file=spec.shown,
        row=spec.header_row,
        why="the first row of data would be lost",
        cure="write a row of names above (site, v1, v2, ...), or set "
        f"[{spec.section}] header = false: the columns are then called column_1, column_2, ...",
    )
