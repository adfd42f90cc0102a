"""Numbers that people write with their unit (1203 m, 20 %), and those that they only nearly say."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.text_table import Table

# A number that is not said exactly: <5, 10-20, 3+, ca. 7. Among numbers it is a fault, not a name.
VAGUE = re.compile(
    r"(?:[<>\u2264\u2265~\u2248]|ca?\.)\s*[-0-9.,]+|[0-9.,]+\s*[+?]|[0-9.,]+\s*[-\u2013]\s*[0-9.,]+"
)
_WITH_UNIT = re.compile(
    r"(?P<number>[-+\u2212]?[0-9][0-9.,' ]*?)\s*(?P<unit>%|\u2030|[kcm]?m[2\u00b2]?|ha|min|h|hrs?|"
    r"hours?|minutes?|days?|d|s|sec|ft|mi|m\s?a\.?\s?s\.?\s?l\.?|m\s?\u00fc\.?\s?M\.?|km/h|m/s|"
    r"\u00b0\s?C|dB|ppm|mg/l)",
    re.IGNORECASE,
)


def take_off(table: Table, column: str, told: Sequence[str]) -> None:
    """Make numbers of the cells of a column that all end in one unit; `tell_units` tells it.

    `told` are the values that are not missing. Where units differ, or one cell has none of those
    that are known, the column stays as it is.
    """
    parted = {v: m for v in told if (m := _WITH_UNIT.fullmatch(v)) is not None}
    if not parted or len(parted) < len(told):
        return
    if len({m["unit"].casefold().replace(" ", "") for m in parted.values()}) > 1:
        return
    cells = table.text(column)
    first = next(i for i, v in enumerate(cells) if v in parted)
    table.units_read[column] = (int(table.rows[first]), cells[first], parted[cells[first]]["unit"])
    bare = {v: m["number"].strip() for v, m in parted.items()}
    table.frame[column] = np.array([bare.get(v, v) for v in cells], dtype=object)
    table.decimal_columns.clear()  # the signs of the numbers can be judged only now


def tell_units(table: Table, ledger: Ledger) -> None:
    """Tell, once a table is read, which columns held units."""
    if not table.units_read:
        return
    names = list(table.units_read)
    row, text, unit = next(iter(table.units_read.values()))
    ledger.repair(
        "R046",
        f"{table.place}: column{'s' * (len(names) > 1)} {listing(names, 8)} "
        f"{'hold' if len(names) > 1 else 'holds'} numbers with their unit "
        f'(row {row}: "{text}"); the numbers were read',
        file=table.file,
        row=row,
        column=names[0],
        cure=f'to show it on axes: [covariates.NAME] units = "{unit}"',
    )
