"""Text cells to dates: ISO, day and month in either order, two-digit years, Excel serials."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from surveys.cells import MISSING_NUMBER, error_cells, is_missing
from surveys.date_cells import (
    PARTS,
    full_year,
    iso,
    iso_moments,
    kind_of_date,
    moment_of,
    named,
    named_parts,
    year_may_lead,
)
from surveys.ledger import Ledger
from surveys.problems import first_of, listing, rows_text
from surveys.text_table import Table

_TIMED = re.compile(r"\d:\d{2}")
OFFSET = re.compile(r":\d{2}(?:\.\d+)?\s*(?:Z|([+-])(\d{2}):?(\d{2}))$")
YEARS = (1700, 2261)  # what a Dataset can hold, and nobody has surveyed outside it
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def are_dates(values: Iterable[str]) -> bool:
    """Whether the cells (missing ones left out) are written as dates; bare numbers are not."""
    kinds = {kind_of_date(v) for v in values if not is_missing(v, MISSING_NUMBER)}
    return (
        bool(kinds) and kinds <= {"iso", "parts", "named"} and not all(map(str.isdecimal, values))
    )


def dates(
    table: Table,
    column: str,
    ledger: Ledger,
    *,
    beside: Iterable[str] = (),
    offsets: bool = False,
) -> np.ndarray:
    """A column as datetime64[s], NaT where missing; what cannot be told is asked.

    `beside` are columns of the same hand, which help to tell the day from the month. Times are as
    written; `offsets` says that the reader itself minds whether they tell their offset from UTC.
    """
    cells = table.text(column)
    out = np.full(len(cells), np.datetime64("NaT", "s"))
    also = frozenset(table.spec.missing)
    if error_cells(table, column, ledger, also):
        return out
    unique = [v for v in pd.unique(cells) if not is_missing(v, MISSING_NUMBER, also)]
    if not offsets:
        _tell_some_offsets(table, column, cells, unique, ledger)
    if table.spec.date_format:
        parsed = _by_format(table, column, cells, unique, ledger)
    elif (plain := iso_moments(unique)) is not None:
        parsed = dict(zip(unique, plain, strict=True))
    else:
        parsed = _by_look(table, column, cells, unique, ledger, _others(table, column, beside))
    parsed = _refuse_years(table, column, cells, parsed, ledger)
    code, found = pd.factorize(cells)
    moments = [parsed.get(value, np.datetime64("NaT", "s")) for value in found]
    return np.array(moments, dtype="datetime64[s]")[code] if len(cells) else out


def _tell_some_offsets(
    table: Table, column: str, cells: np.ndarray, unique: list[str], ledger: Ledger
) -> None:
    """Times of which some tell their offset from UTC: the others may follow any clock."""
    timed = {v: OFFSET.search(v) is not None for v in unique if _TIMED.search(v)}
    if len(set(timed.values())) < 2:
        return
    full, bare = (np.isin(cells, [v for v, t in timed.items() if t is k]) for k in (True, False))
    tell_offsets(table, column, full, bare, "give every row an offset, or none", ledger)


def tell_offsets(
    table: Table, column: str, full: np.ndarray, bare: np.ndarray, cure: str, ledger: Ledger
) -> None:
    """Rows with an offset from UTC beside rows without one."""
    with_one, without = table.rows[full], table.rows[bare]
    ledger.error(
        "E040",
        f"{table.place}, column {column}: {rows_text(with_one, 3)} "
        f'{"has" if len(with_one) == 1 else "have"} an offset ("{table.text(column)[full][0]}"), '
        f"{rows_text(without, 3)} {'has' if len(without) == 1 else 'have'} no offset",
        file=table.place,
        row=int(without[0]),
        column=column,
        cure=cure,
    )


def _by_format(
    table: Table, column: str, cells: np.ndarray, unique: list[str], ledger: Ledger
) -> dict[str, np.datetime64]:
    parsed: dict[str, np.datetime64] = {}
    native = _native(table, column, cells)
    shown = " or ".join(f'"{f}"' for f in table.spec.date_format)
    wrong = {}
    for value in unique:
        for form in table.spec.date_format:
            try:
                moment = dt.datetime.strptime(value, form)  # clock of the field
            except ValueError:
                continue
            parsed[value] = np.datetime64(moment.replace(tzinfo=None), "s")
            break
        else:
            if kind_of_date(value) == "iso" and value in native:
                parsed[value] = iso(value)  # type: ignore[assignment]
                continue
            wrong[value] = f"does not follow date_format {shown}"
    _refuse(table, column, cells, wrong, ledger)
    return parsed


def _native(table: Table, column: str, cells: np.ndarray) -> set[str]:
    """Values of the cells that the file itself holds as dates."""
    rows = [r for r, c in table.dates if c == column]
    return set(cells[np.isin(table.rows, rows)]) if rows else set()


def _others(table: Table, column: str, beside: Iterable[str]) -> list[tuple[str, ...]]:
    """Day, month and year, in whatever order, of the cells beside a column."""
    names = [name for name in beside if name != column]
    found = (PARTS.fullmatch(v) for name in names for v in pd.unique(table.text(name)))
    return [match.groups() for match in found if match is not None]


def _by_look(
    table: Table,
    column: str,
    cells: np.ndarray,
    unique: list[str],
    ledger: Ledger,
    others: list[tuple[str, ...]],
) -> dict[str, np.datetime64]:
    kinds: dict[str, list[str]] = {}
    wrong = {}
    for value in unique:
        kind = kind_of_date(value)
        if kind is None:
            wrong[value] = "is not a date"
        else:
            kinds.setdefault(kind, []).append(value)
    _refuse(table, column, cells, wrong, ledger)
    native = _native(table, column, cells)
    if len({k for k, values in kinds.items() if not set(values) <= native}) > 1:
        _mixed(table, column, cells, kinds, ledger)
        return {}
    parsed = _moments(table, column, cells, kinds.get("iso", []), iso, ledger)
    if "parts" in kinds:
        parsed |= _parts(table, column, cells, kinds["parts"], ledger, others)
    parsed |= _moments(table, column, cells, kinds.get("named", []), named, ledger)
    _tell_named_years(table, column, [v for v in kinds.get("named", []) if v in parsed], ledger)
    if "serial" in kinds:
        parsed |= _serials(table, column, kinds["serial"], ledger)
    return parsed


def _moments(
    table: Table,
    column: str,
    cells: np.ndarray,
    values: list[str],
    read: Callable[[str], np.datetime64 | None],
    ledger: Ledger,
) -> dict[str, np.datetime64]:
    """Dates by a way to read them; a day that does not exist is an error."""
    moments = {value: read(value) for value in values}
    facts = {}
    for value in (v for v, moment in moments.items() if moment is None):
        midnight = re.search(r"\b24:00", value)
        facts[value] = "does not exist" + (
            "; midnight is 00:00 of the day that begins" if midnight else ""
        )
    _refuse(table, column, cells, facts, ledger, code="E035")
    return {value: moment for value, moment in moments.items() if moment is not None}


def _tell_named_years(table: Table, column: str, named: list[str], ledger: Ledger) -> None:
    short = [v for v in named if len(named_parts(v)[2]) == 2]  # type: ignore[index]
    if short:
        years = sorted({full_year(named_parts(v)[2]) for v in short})  # type: ignore[index]
        ledger.repair(
            "R036",
            f"{table.place}, column {column}: two-digit years read as {listing(years)}",
            file=table.file,
            column=column,
        )


def _parts(
    table: Table,
    column: str,
    cells: np.ndarray,
    values: list[str],
    ledger: Ledger,
    others: list[tuple[str, ...]],
) -> dict[str, np.datetime64]:
    split = {v: PARTS.fullmatch(v).groups() for v in values}  # type: ignore[union-attr]
    first = [v for v, g in split.items() if int(g[0]) > 12]
    second = [v for v, g in split.items() if int(g[2]) > 12]
    points = all(g[1] == "." for g in split.values())
    day_first = bool(first) or (not second and any(int(g[0]) > 12 for g in others))
    month_first = bool(second) or (not first and any(int(g[2]) > 12 for g in others))
    if first and second:
        one, two = (int(table.rows[cells == v][0]) for v in (first[0], second[0]))
        ledger.error(
            "E033",
            f'{table.place}, column {column}: "{first[0]}" (row {one}) has the day first, '
            f'"{second[0]}" (row {two}) the month',
            file=table.place,
            row=two,
            column=column,
            cure=f"make them alike, or list both in [{table.spec.section}] date_format",
        )
        return {}
    unlike = [v for v, g in split.items() if int(g[0]) != int(g[2])]  # 5/5 has one meaning
    if day_first == month_first and not points and unlike:
        value = unlike[0]
        a, _, b, *_ = split[value]
        if int(a) in range(1, 13) and int(b) in range(1, 13):
            told = f"{int(a)} {MONTHS[int(b) - 1]} or {MONTHS[int(a) - 1]} {int(b)}"
        else:
            told = "either order"
        sign = split[value][1]
        year = "%Y" if len(split[value][3]) == 4 else "%y"
        ledger.error(
            "E032",
            f'{table.place}, column {column}: "{value}" can be {told}, and no row decides',
            file=table.place,
            row=int(table.rows[cells == value][0]),
            column=column,
            cure=f'set [{table.spec.section}] date_format = "%d{sign}%m{sign}{year}" or '
            f'"%m{sign}%d{sign}{year}"',
        )
        return {}

    def read(value: str) -> np.datetime64 | None:
        a, _, b, year, *clock, _ = split[value]
        day, month = (b, a) if month_first and not day_first else (a, b)
        return moment_of(full_year(year), month, day, *clock)

    parsed = _moments(table, column, cells, values, read, ledger)
    short = [v for v, g in split.items() if len(g[3]) == 2]
    if year_may_lead(split, parsed):
        sign = split[short[0]][1]
        ledger.error(
            "E032",
            f'{table.place}, column {column}: "{short[0]}" may begin with its year, because the '
            "dates lie closer together then",
            file=table.place,
            row=int(table.rows[cells == short[0]][0]),
            column=column,
            cure=f'set [{table.spec.section}] date_format = "%y{sign}%m{sign}%d" or '
            f'"%d{sign}%m{sign}%y"; write years with four digits',
        )
        return {}
    if short:
        years = sorted({str(parsed[v])[:4] for v in short if v in parsed})
        by = (second or first or short)[0]
        month_leads = month_first and not day_first
        ledger.repair(
            "R036",
            f"{table.place}, column {column}: two-digit years read as {listing(years)}; "
            f"{'month/day' if month_leads else 'day/month'} order taken from "
            f'{rows_text(table.rows[cells == by][:1])} ("{by}")',
            file=table.file,
            column=column,
        )
    return parsed


def _serials(
    table: Table, column: str, values: list[str], ledger: Ledger
) -> dict[str, np.datetime64]:
    """Days since the epoch of Excel: 1899-12-30 (its 1900 is no leap year) or 1904-01-01."""
    start = "1904-01-01" if table.spec.excel_epoch == 1904 else "1899-12-30"
    epoch = np.datetime64(start, "s")
    parsed = {v: epoch + np.timedelta64(round(float(v) * 86400), "s") for v in values}
    low, high = min(values, key=float), max(values, key=float)
    ledger.repair(
        "R034",
        f"{table.place}, column {column}: numbers {low}-{high} read as Excel dates "
        f"({low} = {str(parsed[low])[:10]})",
        file=table.file,
        column=column,
        cure=f"for a 1904 workbook set [{table.spec.section}] excel_epoch = 1904",
    )
    return parsed


def _mixed(
    table: Table, column: str, cells: np.ndarray, kinds: dict[str, list[str]], ledger: Ledger
) -> None:
    counted = pd.Series(cells).value_counts()
    told = []
    rarest, fewest = 0, len(cells) + 1
    for values in kinds.values():
        n = int(sum(counted[v] for v in values))
        rows = table.rows[pd.Series(cells).isin(values).to_numpy()]
        if n < fewest:
            rarest, fewest = int(rows[0]), n
        told.append(f'{n} {"row" if n == 1 else "rows"} like "{values[0]}" ({rows_text(rows, 3)})')
    ledger.error(
        "E033",
        f"{table.place}, column {column}: {', '.join(told)}",
        file=table.place,
        row=rarest,
        column=column,
        cure=f"make them alike, or list both in [{table.spec.section}] date_format",
    )


def _refuse_years(
    table: Table,
    column: str,
    cells: np.ndarray,
    parsed: dict[str, np.datetime64],
    ledger: Ledger,
) -> dict[str, np.datetime64]:
    """The moments without those of a year in which nobody surveyed, which are told."""
    moments = np.array(list(parsed.values()), dtype="datetime64[s]")
    year = moments.astype("datetime64[Y]").astype(np.int64) + 1970
    if ((year >= YEARS[0]) & (year <= YEARS[1])).all():
        return parsed
    told = dict(zip(parsed, year.tolist(), strict=True))
    odd = {v: f"is of the year {y}" for v, y in told.items() if not YEARS[0] <= y <= YEARS[1]}
    _refuse(table, column, cells, odd, ledger, code="E035")
    return {value: moment for value, moment in parsed.items() if value not in odd}


def _refuse(
    table: Table,
    column: str,
    cells: np.ndarray,
    facts: dict[str, str],
    ledger: Ledger,
    code: str = "E521",
) -> None:
    """Values that are no dates, each with what is wrong with it."""
    for (value, fact), others in first_of(facts.items()):
        rows = table.rows[cells == value]
        ledger.error(
            code,
            f'"{value}" {fact}',
            at=table.at(rows, column),
            cure="correct it or blank the cell"
            if code == "E035"
            else f"write dates as 2021-05-01, or set [{table.spec.section}] date_format = "
            '"%d.%m.%Y"',
            others=others,
        )


def day_of_year(moments: np.ndarray) -> np.ndarray:
    """Day 1 to 366 as float64, NaN where there is no date."""
    days = moments.astype("datetime64[D]")
    number = (days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype(float) + 1
    return np.where(np.isnat(moments), np.nan, number)
