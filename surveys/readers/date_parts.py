"""Dates in three columns, year, month and day, as databases of field stations write them."""

from __future__ import annotations

import re
from dataclasses import replace

from surveys import field_words
from surveys.ledger import Ledger
from surveys.month_names import month_of
from surveys.readers import roles
from surveys.text_table import Table

DATE = "date"
_MONTH = re.compile(r"month|mon|monat|mois|mes|m[êe]s|mese|maand|月|месяц", re.IGNORECASE)
_DAY = re.compile(r"day|tag|jour|d[ií]a|giorno|dag|日|день", re.IGNORECASE)


def with_date(table: Table, ledger: Ledger) -> Table:
    """The table with one column of dates, where three tell them; else as it is.

    Every row must tell a year of four digits, a month and a day of it.
    """
    told = {"date", "datetime"} & set(table.spec.columns)
    if told or any(table.match(n) for r in ("date", "datetime") for n in roles.USUAL[r]):
        return table
    patterns = (field_words.YEAR, _MONTH, _DAY)
    found = [next((c for c in table.names if p.fullmatch(c)), None) for p in patterns]
    year, month, day = found
    if not len(table) or year is None or month is None or day is None:
        return table
    if {month, day} & set(table.spec.columns.values()):
        return table
    parts = zip(*(table.text(c) for c in (year, month, day)), strict=True)
    dates = [_iso(*p) for p in parts]
    if None in dates:
        return table
    frame = table.frame.drop(columns=[month, day])
    frame[DATE] = dates
    ledger.repair(
        "R030",
        f"{table.place}: columns {year}, {month} and {day} were read as one date "
        f"(row {table.rows[0]}: {dates[0]})",
        file=table.file,
        row=int(table.rows[0]),
    )
    return replace(table, frame=frame)


def _iso(year: str, month: str, day: str) -> str | None:
    """A date as 2021-05-01; None where the parts are none. Whether it exists is judged later."""
    number = int(month) if month.isdecimal() else month_of(month)
    plain = re.fullmatch(r"(?:18|19|20|21)[0-9]{2}", year) and day.isdecimal()
    if not plain or number is None or not 1 <= number <= 12 or not 1 <= int(day) <= 31:
        return None
    return f"{year}-{number:02d}-{int(day):02d}"
