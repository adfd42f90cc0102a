"""Which table of a first look is a wide history: columns called like visits, or that look so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from surveys import cells, field_words
from surveys.problems import listing
from surveys.readers import visit_columns
from surveys.readers.tidy import Guess
from surveys.readers.visit_columns import VisitColumn
from surveys.readers.wide_values import word_of_presence
from surveys.text_table import Table

BY_DATE = "columns called by their day"
BY_VALUES = "columns of 0 and 1 whose names differ by a number"
BY_COUNTS = "columns of counts whose names differ by a number"


def detect(tables: dict[str, Table]) -> Guess | None:
    """A table whose columns are visits and hold 0, 1 and missing; the surest of all tables."""
    best: Guess | None = None
    for file, table in tables.items():
        if not len(table):
            continue
        for found, listed in _options(table):
            told = told_values(table, [c.name for c in found])
            binary = bool(told) and told <= {"0", "1"}
            counts = bool(told) and all(v.isdecimal() and len(v) < 4 for v in told)
            if not counts:
                continue
            name = file.lower()
            sure = 0.9 if binary else 0.5
            sure += 0.05 * ("detect" in name or "history" in name or name.startswith("y"))
            stem = found[0].stem.casefold()
            if listed in (BY_VALUES, BY_COUNTS):
                called = stem in field_words.COUNTED or field_words.VISIT.search(stem) is not None
                sure -= 0.15 if called or table.spec.nameless else 0.4
            else:
                known = stem in visit_columns.STEMS
                sure -= 0.01 * visit_columns.STEMS.index(stem) if known else 0.3
            sure -= 0.3 * (not binary and "0" not in told)  # days, temperatures
            why = f"columns {found[0].name} to {found[-1].name} hold {listing(sorted(told), 6)}"
            if best is None or sure > best.sure:
                best = Guess(
                    "wide", sure, why, extra={"file": file, "visits": found, "listed": listed}
                )
    return best


def told_values(table: Table, columns: Sequence[str]) -> set[str]:
    """What the cells of some columns say, words of presence as 0 and 1, without missing ones."""
    values = pd.unique(np.concatenate([table.text(c) for c in columns]))
    told = {
        v.removesuffix(".0")  # as pandas writes whole numbers beside missing ones
        for v in values
        if not cells.is_missing(v, cells.MISSING_NUMBER)
    }
    return {v if (w := word_of_presence(v)) is None else f"{w:g}" for v in told}


def _options(table: Table) -> Iterator[tuple[list[VisitColumn], str]]:
    """Columns that may be the visits, with what they are known by ("": their names alone)."""
    by_name = visit_columns.find(table.names)
    if by_name:
        yield by_name, ""
    elif by_date := visit_columns.dated(table.names):
        yield by_date, BY_DATE
    if not one_row_a_site(table):
        return
    groups = groups_by_values(table)
    alike = {re.sub(r"[0-9]+", "", stem) for stem in groups}
    if len(alike) == 1 and not by_name:
        columns = [c for group in groups.values() for c in group]
        order = {name: i for i, name in enumerate(table.names)}
        yield sorted(columns, key=lambda c: order[c.name]), BY_VALUES
    for stem, group in _groups(table).items():
        nameless = table.spec.nameless and not groups
        counted = stem in field_words.COUNTED or nameless
        if counted and "0" in told_values(table, [c.name for c in group]):
            yield group, BY_COUNTS


def _groups(table: Table) -> dict[str, list[VisitColumn]]:
    """Columns whose names are alike but for the number at their end, two at least."""
    groups: dict[str, list[VisitColumn]] = {}
    for name in table.names:
        parsed = visit_columns.parse(name)
        if parsed is not None and parsed.season is None and parsed.stem:
            groups.setdefault(parsed.stem.casefold(), []).append(parsed)
    return {
        stem: sorted(group, key=lambda c: c.visit)
        for stem, group in groups.items()
        if len(group) > 1
    }


def groups_by_values(table: Table) -> dict[str, list[VisitColumn]]:
    """Such columns that hold 0 and 1 alone: visits, where there is one group of them."""
    found = {}
    for stem, group in _groups(table).items():
        told = {c.name: told_values(table, [c.name]) for c in group}
        binary = [c for c in group if told[c.name] <= {"0", "1"}]
        if _are_levels(table, [c.name for c in binary]):
            continue
        if len(binary) > 1 and any("0" in told[c.name] for c in binary):
            found[stem] = binary
    return found


def _are_levels(table: Table, names: Sequence[str]) -> bool:
    """Whether each row has its 1 in one column: levels of a factor, no visits."""
    if len(names) < 2 or len(table) < 3:
        return False
    told = table.frame[names]
    return bool(told.isin(["0", "1"]).all(axis=None) and ((told == "1").sum(axis=1) == 1).all())


def one_row_a_site(table: Table) -> bool:
    """Whether each row is a site of its own, or a site in a season."""
    sites = [c for c in table.names if field_words.SITE.search(c)] or table.names[:1]
    seasons = [c for c in table.names if field_words.SEASON.search(c)]
    if told_values(table, sites) <= {"0", "1"}:
        return True  # no column of ids: visits alone
    return any(not table.frame[[site, *seasons]].duplicated().any() for site in sites)
