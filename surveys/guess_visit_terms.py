"""Covariates of visits in a wide table that a first look must name for it to be read."""

from __future__ import annotations

from surveys.guess_text import Parts
from surveys.ledger import Ledger
from surveys.readers import visit_columns
from surveys.readers.visit_covariates import refuse_taken
from surveys.readers.wide import is_clock
from surveys.text_table import Table


def settle(table: Table, parts: Parts) -> None:
    """Names with a meaning of their own, and columns of numbers that are fewer than the visits."""
    visits = parts.guess.extra["visits"] if parts.guess else []
    names = {v.name for v in visits}
    others = [c for c in table.names if c not in names and c not in parts.columns.values()]
    quiet = Ledger()
    whole, left = visit_columns.covariate_groups(table, visits, others, quiet)
    good = refuse_taken([n for n in whole if n != "effort"], table, quiet)
    for name in whole:
        clock = name == "time" and is_clock(table, whole[name])
        if name not in good and name != "effort" and not clock:
            parts.renamed[f"{name}_of_visit"] = name
    in_groups = {c for group in whole.values() for c in group}
    if any(p.code == "E017" for p in quiet.of_level("error")):
        parts.of_no_visit = [c for c in others if c not in in_groups and c not in left]
