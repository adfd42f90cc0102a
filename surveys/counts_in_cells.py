"""Counts that can be read in two ways: 1.000 is one, or a thousand."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.text_table import Table

_GROUPED = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")


def is_thousands(table: Table, column: str, ledger: Ledger, beside: Iterable[str] = ()) -> bool:
    """Whether a count such as 1.000 can be one or a thousand; told as an error.

    Where every number of the column, and of those `beside` it, has three digits behind its point,
    and one of them is no thousand, a program wrote them so.
    """
    told = list(pd.unique(table.text(column)))
    if table.spec.decimal or column in table.types or table.workbook:
        return False
    grouped = [v for v in told if _GROUPED.fullmatch(v)]
    if not grouped:
        return False
    sign = cells.decimal_sign(table, column) or "."
    plain = [
        v
        for v in (*told, *beside)
        if not _GROUPED.fullmatch(v) and cells.parse_number(v, sign) is not None
    ]
    if sign == "," or (plain and all(re.search(r"\.[0-9]{3}$", v) for v in plain)):
        return False
    value = grouped[0]
    rows = table.rows[table.text(column) == value]
    ledger.error(
        "E501",
        f'"{value}" can be {float(value):g} or {value.replace(".", "")}, and no value decides',
        at=table.at(rows, column),
        cure=f'set [{table.spec.section}] decimal = "," if the point parts thousands, else '
        'decimal = "."',
    )
    return True
