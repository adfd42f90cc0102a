"""Text cells to numbers and labels: decimal comma, thousands, missing words, error cells."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd

from surveys.ledger import Ledger
from surveys.problems import Problem, first_of, listing, rows_text
from surveys.text_table import Table
from surveys.units_in_cells import VAGUE, take_clock_off, take_off, tell_units
from surveys.workbook import ERROR_CELLS

# Read as missing without asking, in columns of numbers.
MISSING_NUMBER = frozenset({"", "na", "n/a", "nan", ".", "-"})
# In columns of words "." and "-" may be words of the field.
MISSING_WORD = frozenset({"", "na", "n/a", "nan"})

_PLAIN = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_NUMBERISH = re.compile(
    r"[-+\u2212]?[0-9.,'\u2019\u00a0\u202f ]*[0-9](?:[.,])?(?:[eE][-+]?[0-9]+)?"
)
_GROUPS = re.compile(r"(?<=[0-9])['\u2019\u00a0\u202f ](?=[0-9]{3}(?:[^0-9]|$))")
_TOTALS = re.compile(
    r"(?:grand |sub-?)?(?:totals?|totale|totaal|gesamt(?:summe)?|summe|suma|somme|sum|mean|average"
    r"|median|moyenne|mittelwert|durchschnitt|media|promedio|gemiddelde)"
    r"(?: (?:of )?(?:all )?(?:sites?|stations?|detections?|visits?|counts?|g[ée]n[ée]ral))?\s*:?",
    re.IGNORECASE,
)
MOST = 1e30  # beyond it a number is a slip, or the error of a program
CODES = (-99.0, -999.0, -9999.0, -99999.0)  # for missing, in many programs


def is_missing(value: str, words: frozenset[str], also: Iterable[str] = ()) -> bool:
    """Whether a cell is one of the words for missing; `also` are those of the study file."""
    return value.casefold() in words or value in also


def sign_of(values: Iterable[str]) -> tuple[bool, bool, bool, bool]:
    """(comma surely decimal, point surely decimal, comma seen, point seen) in a column."""
    comma = point = comma_seen = point_seen = False
    for value in values:
        if not _NUMBERISH.fullmatch(value):
            continue
        commas, points = value.count(","), value.count(".")
        comma_seen |= commas > 0
        point_seen |= points > 0
        if commas and points:
            last_is_comma = value.rfind(",") > value.rfind(".")
            comma |= last_is_comma and commas == 1
            point |= not last_is_comma and points == 1
        elif commas == 1:
            comma |= _surely_decimal(value, ",")
        elif points == 1:
            point |= _surely_decimal(value, ".")
    return comma, point, comma_seen, point_seen


def _surely_decimal(value: str, sign: str) -> bool:
    """A sign that cannot part thousands: not three digits behind it, or 0, or > 3 before."""
    before, behind = re.split(re.escape(sign), value.lstrip("-+\u2212"), maxsplit=1)
    digits = re.match(r"[0-9]*", behind).group()  # type: ignore[union-attr]
    return len(digits) != 3 or before in ("", "0") or len(before) > 3 or len(digits) < len(behind)


def decimal_sign(table: Table, column: str) -> str | None:
    """The decimal sign of a column: "." or ","; None where nothing decides (1,203 alone)."""
    if table.types.get(column) == "number":
        return "."
    if table.spec.decimal:
        return table.spec.decimal
    if not table.decimal_columns:
        _decide_signs(table)
    return table.decimal_columns.get(column, ".")


def _decide_signs(table: Table) -> None:
    seen = {name: sign_of(pd.unique(table.frame[name])) for name in table.names}
    comma = [n for n, s in seen.items() if s[0] and not s[1]]
    point = [n for n, s in seen.items() if s[1] and not s[0]]
    any_comma = any(s[2] for s in seen.values())
    default: str | None
    if comma and not point:
        default = ","
    elif point and not comma:
        default = "."
    elif table.separator == ";" and any_comma:
        default = ","  # semicolons part the values because the comma is taken
    else:
        default = None
    for name, (sure_comma, sure_point, has_comma, has_point) in seen.items():
        if sure_comma != sure_point:
            table.decimal_columns[name] = "," if sure_comma else "."
        elif default is not None:
            table.decimal_columns[name] = default
        elif has_comma and not has_point:
            table.decimal_columns[name] = None  # type: ignore[assignment]
        elif has_point and not has_comma and table.separator == ";":
            table.decimal_columns[name] = None  # type: ignore[assignment]  # 1.203, as in Europe?
        else:
            table.decimal_columns[name] = "."
    table.decimal_columns.setdefault("", ".")


def parse_number(text: str, sign: str = ".") -> tuple[float, bool] | None:
    """The number, and whether thousands marks were removed; None when it is no number."""
    value = text.replace("\u2212", "-").replace("\u2013", "-")
    bare = _GROUPS.sub("", value)
    thousands = bare != value
    other = "," if sign == "." else "."
    if other in bare:
        grouped = rf"[-+]?[0-9]{{1,3}}(?:{re.escape(other)}[0-9]{{3}})+(?:{re.escape(sign)}[0-9]+)?"
        if not re.fullmatch(grouped, bare):
            return None
        bare, thousands = bare.replace(other, ""), True
    if sign == ",":
        bare = bare.replace(",", ".")
    if not _PLAIN.fullmatch(bare):
        return None
    number = float(bare)
    return (number, thousands) if math.isfinite(number) else None


def numbers(
    table: Table,
    column: str,
    ledger: Ledger,
    *,
    missing: Iterable[str] = (),
    hint: str = "",
) -> np.ndarray:
    """A column as float64, NaN where missing; each cell that is no number is told by its row."""
    also = frozenset((*table.spec.missing, *missing))
    _take_units_off(table, column, also)
    cells = table.text(column)
    if error_cells(table, column, ledger, also):
        return np.full(len(cells), np.nan)
    sign = decimal_sign(table, column)
    if sign is None:
        first = next(i for i, v in enumerate(cells) if "," in v or "." in v)
        mark = "," if "," in cells[first] else "."
        row = int(table.rows[first])
        ledger.error(
            "E501",
            f'{table.place}, row {row}, column {column}: "{cells[first]}" can be '
            f"{cells[first].replace(mark, '.')} or {cells[first].replace(mark, '')}, "
            "and no value decides",
            file=table.place,
            row=row,
            column=column,
            cure=f'set [{table.spec.section}] decimal = "," or decimal = "."',
        )
        return np.full(len(cells), np.nan)
    values: dict[str, float] = {}
    bad: dict[str, str] = {}
    for value in pd.unique(cells):
        if is_missing(value, MISSING_NUMBER, also):
            values[value] = math.nan
            continue
        parsed = parse_number(value, sign)
        if parsed is None and table.workbook:  # a workbook's own numbers stand with a point
            parsed = parse_number(value, "," if sign == "." else ".")
        if parsed is None or not abs(parsed[0]) < MOST:
            bad[value] = "is not a number" if parsed is None else "is beyond all measure"
            values[value] = math.nan
            continue
        values[value] = parsed[0]
        if parsed[1] and column not in table.thousands_read:
            row = int(table.rows[int(np.flatnonzero(cells == value)[0])])
            table.thousands_read[column] = (row, value, parsed[0])
    if sign == "," and any("," in v for v in values) and column not in table.comma_read:
        table.comma_read.append(column)
    for (value, fact), others in first_of(bad.items()):
        rows = table.rows[cells == value]
        unit = len(rows) == 1 and rows[0] == table.spec.header_row + 1 and value[0].isalpha()
        ledger.error(
            "E046",
            f'"{value}" {fact}',
            at=table.at(rows, column),
            cure=(f"if row {rows[0]} holds units, delete it; " if unit else "")
            + (hint or f'if it means missing, set [{table.spec.section}] missing = ["{value}"]'),
            others=others,
        )
    _tell_codes(table, column, cells, values, ledger)
    return np.array([values[v] for v in cells], dtype=float)


def _tell_codes(
    table: Table, column: str, cells: np.ndarray, values: dict[str, float], ledger: Ledger
) -> None:
    """Numbers that many programs write for missing, far below all others: read, and told."""
    codes = [v for v, number in values.items() if number in CODES]
    if not codes or any(n <= CODES[0] for v, n in values.items() if v not in codes):
        return
    rows = table.rows[np.isin(cells, codes)]
    shown = listing([f'"{v}"' for v in codes])
    problem = Problem(
        code="W047",
        level="warn",
        fact=f"{table.place}, {rows_text(rows)}, column {column}: {shown} was read as a number",
        file=table.file,
        row=int(rows[0]),
        column=column,
        why="many programs write such numbers where a value is missing",
        cure=f"if so, set [{table.spec.section}] missing = [{shown}]",
    )
    if problem not in ledger.problems:
        ledger.add(problem)


def error_cells(table: Table, column: str, ledger: Ledger, also: Iterable[str] = ()) -> bool:
    """Tell the cells in which Excel left an error (#REF!), unless the study file lists them."""
    cells = table.text(column)
    wrong = [v for v in pd.unique(cells) if v.upper() in ERROR_CELLS and v not in also]
    for value in wrong:
        rows = table.rows[cells == value]
        ledger.error(
            "E020",
            f"Excel error {value}",
            at=table.at(rows, column),
            cure=f'repair the formula, or list "{value}" under [{table.spec.section}] missing '
            "to treat it as missing",
        )
    return bool(wrong)


def words(table: Table, column: str, ledger: Ledger, *, missing: Iterable[str] = ()) -> np.ndarray:
    """A column as text, "" where missing."""
    also = frozenset((*table.spec.missing, *missing))
    error_cells(table, column, ledger, also)
    return np.array(
        ["" if is_missing(v, MISSING_WORD, also) else v for v in table.text(column)], dtype=object
    )


def is_numeric(table: Table, column: str, missing: Iterable[str] = ()) -> bool:
    """Whether a column is one of numbers: at least half of what is not missing reads as one.

    A word among numbers is then told as an error, never turned into a category in silence.
    """
    if column in table.types:
        return table.types[column] == "number"
    also = frozenset((*table.spec.missing, *missing))
    _take_units_off(table, column, also, clock=True)
    cells = pd.Series(table.text(column)).value_counts()
    sign = decimal_sign(table, column) or "."
    good = bad = vague = 0
    for value, n in cells.items():
        text = str(value)
        if is_missing(text, MISSING_NUMBER, also) or text.upper() in ERROR_CELLS:
            continue
        if parse_number(text, sign) is not None:
            good += n
        elif VAGUE.fullmatch(text):
            vague += n
        else:
            bad += n
    return good >= bad + (0 if good else vague)


def _take_units_off(table: Table, column: str, also: Iterable[str], *, clock: bool = False) -> None:
    if column in table.units_read or column in table.types:
        return
    cells = pd.unique(table.text(column))
    told = [v for v in cells if not is_missing(v, MISSING_NUMBER, also)]
    take_off(table, column, told)
    if clock:
        take_clock_off(table, column, told)


def kind_of(
    table: Table, column: str, ledger: Ledger, missing: Iterable[str] = ()
) -> Literal["number", "factor"]:
    """What a covariate is where the study file does not say; the file's own type goes first."""
    if is_numeric(table, column, missing):
        return "number"
    told = {v for v in pd.unique(table.text(column)) if not is_missing(v, MISSING_NUMBER)}
    if table.types.get(column) == "text" and told and all(map(parse_number, told)):
        ledger.note(
            "N508",
            f"{table.place}, column {column}: held as text, so its numbers were read as names",
            file=table.file,
            column=column,
            cure='set type = "number" for this covariate if they are numbers',
        )
    return "factor"


def tell_decimals(table: Table, ledger: Ledger) -> None:
    """Tell, once a table is read, where a decimal comma and thousands marks were seen."""
    tell_units(table, ledger)
    if not table.comma_read and not table.thousands_read:
        return
    told = []
    if table.comma_read:
        separator = {"\t": "tab"}.get(table.separator, f'"{table.separator}"')
        how = "" if table.workbook else f"separator {separator} and "
        told.append(f"read with {how}decimal comma (columns {listing(table.comma_read, 8)})")
    for column, (row, text, value) in table.thousands_read.items():
        told.append(f'column {column}, row {row}: "{text}" was read as {value:g} (thousands mark)')
    column, (row, _, _) = next(iter(table.thousands_read.items()), ("", (None, "", 0.0)))
    ledger.repair(
        "R001",
        f"{table.place}: {'; '.join(told)}",
        file=table.file,
        row=row,
        column=column,
        cure=f'set [{table.spec.section}] decimal = "." if that is wrong'
        if table.comma_read
        else f'set [{table.spec.section}] decimal = "," if that is wrong',
    )


def ids(table: Table, column: str, ledger: Ledger) -> np.ndarray:
    """A column of ids as trimmed text; blanks and dates that Excel made of ids are errors."""
    cells = table.text(column)
    error_cells(table, column, ledger)
    turned = [
        (row, c) for row, c in zip(table.rows, cells, strict=True) if (row, column) in table.dates
    ]
    for row, value in turned:
        ledger.error(
            "E019",
            f"{table.place}, row {row}, column {column}: a date ({value})",
            file=table.place,
            row=int(row),
            column=column,
            why="ids are text, and the file holds the column as dates"
            if table.types
            else 'Excel probably turned an id such as "SEPT1" or "1-9" into a date',
            cure="write the column as text where the file is made"
            if table.types
            else "type it again as text (format the column as text first)",
        )
    blank = [r for r in table.rows[cells == ""] if (int(r), column) not in table.told_blank]
    if blank:
        ledger.error(
            "E013",
            "blank",
            at=table.at(blank, column),
            cure=f'set [{table.spec.section}] fill_down = ["{column}"] to copy the value down, '
            "or fill in the id; delete the row if it is none (units, totals)",
        )
    _refuse_totals(table, column, ledger)
    odd = [v for v in pd.unique(cells) if _looks_numeric_but_is_not_plain(v)]
    if odd:
        shown = listing([f'"{v}"' for v in odd], 3)
        told = set(cells)
        apart = [f"{v} and {v.lstrip('0')}" for v in odd if v.lstrip("0") in told - {v}]
        stay = f"; {listing(apart, 3)} are two" if apart else ""
        ledger.repair(
            "R018",
            f"{table.place}, column {column}: read as text ({shown} "
            f"{'stays' if len(odd) == 1 else 'stay'} as written{stay})",
            file=table.file,
            column=column,
        )
    return cells


def _refuse_totals(table: Table, column: str, ledger: Ledger) -> None:
    cells = table.text(column)
    for value in (v for v in pd.unique(cells) if _TOTALS.fullmatch(v)):
        rows = table.rows[cells == value]
        ledger.error(
            "E014",
            f'"{value}" is a row of totals, not a place',
            at=table.at(rows, column),
            why="it would be read as one more site",
            cure="delete the row; a place that is called so needs another name",
        )


def _looks_numeric_but_is_not_plain(value: str) -> bool:
    """An id that other programs would change: 007, 1E5, 2021-1, 211202.10."""
    return bool(
        re.fullmatch(r"0[0-9]+|[0-9]+[eE][0-9]+|[0-9]{1,4}-[0-9]{1,2}|[0-9]+\.[0-9]*0", value)
    )
