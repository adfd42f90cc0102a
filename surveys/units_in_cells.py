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
_FOUR_DIGITS = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])")
_OF_CLOCK = re.compile(r"time|hour|clock|zeit|uhr|heure|hora|orario|start|begin", re.IGNORECASE)
HOURS = "hours of the day"
_CLOCK = re.compile(
    r"(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:\.\d+)?)?(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
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


def are_clock_times(told: Sequence[str], column: str = "") -> bool:
    """Whether cells are times of day: 06:30, 6:30 PM, 18:30:00; 0630 in a column called so.

    Four digits alone are judged where one column holds all of them, one of which begins with 0.
    """
    if told and all(_hours(v) is not None for v in told):
        return True
    named = _OF_CLOCK.search(column) is not None and not column[-1:].isdigit()
    return named and any(v[:1] == "0" for v in told) and all(map(_FOUR_DIGITS.fullmatch, told))


def take_clock_off(table: Table, column: str, told: Sequence[str]) -> None:
    """Make hours of the cells of a column that are all times of day; `tell_units` tells it."""
    if not are_clock_times(told, column):
        return
    cells = table.text(column)
    first = next(i for i, v in enumerate(cells) if v in told)
    table.units_read[column] = (int(table.rows[first]), cells[first], HOURS)
    hours = {v: repr(hours_of(v)) for v in told}
    table.frame[column] = np.array([hours.get(v, v) for v in cells], dtype=object)
    table.decimal_columns.clear()


def hours_of(text: str) -> float | None:
    """Hours of a time of day, with a colon or of four digits."""
    four = _FOUR_DIGITS.fullmatch(text)
    return _hours(text) if four is None else round(int(four[1]) + int(four[2]) / 60, 6)


def _hours(text: str) -> float | None:
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = (int(match[k] or 0) for k in ("h", "m", "s"))
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (match["half"] in "pP")
    if hour > 23 or minute > 59 or second > 59:
        return None
    return round(hour + minute / 60 + second / 3600, 6)


def tell_units(table: Table, ledger: Ledger) -> None:
    """Tell, once a table is read, which columns held units."""
    if not table.units_read:
        return
    clocks = {n: told for n, told in table.units_read.items() if told[2] == HOURS}
    for name, (row, text, _) in clocks.items():
        ledger.repair(
            "R046",
            f"{table.place}, column {name}: times of day were read as hours "
            f'(row {row}: "{text}" = {hours_of(text):.4g})',
            file=table.file,
            row=row,
            column=name,
        )
    names = [n for n in table.units_read if n not in clocks]
    if not names:
        return
    row, text, unit = table.units_read[names[0]]
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
