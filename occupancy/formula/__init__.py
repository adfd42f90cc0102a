"""Formulas are data, never code: text like `ele + I(ele^2) + (1 | region)` read into a plain tree.

The grammar is closed: names of columns, the listed operators, the functions in `occupancy.terms`
with literal options. Nothing in a formula is ever evaluated, looked up or called, because it may
come from a study file that somebody mailed.
"""

from __future__ import annotations

from occupancy.formula.parser import Parser
from occupancy.formula.scanner import FormulaError
from occupancy.formula.tree import Call, Column, Effect, Formula, Group

__all__ = ["Call", "Column", "Effect", "Formula", "FormulaError", "Group", "parse"]


def parse(text: str | Formula) -> Formula:
    """Read formula text into a tree; `parse(str(f)) == f`.

    Raises
    ------
    FormulaError
        The text is not a formula; the message points at the character and tells the cure.
    """
    if isinstance(text, Formula):
        return text
    if not isinstance(text, str):
        raise FormulaError(f"A formula is a text, and this is a {type(text).__name__}.")
    return Parser(text).formula()
