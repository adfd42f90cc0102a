"""What the checks say, for a page: each verdict with its numbers and what to do.

Where a check has the same measures of several things, such as what prior and posterior share of
ten coefficients, they are a table, a row for each; a heap of forty numbers is read by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from occupancy.outputs.report_blocks import LEVELS, label, number
from occupancy.outputs.results import Results

APART = ": "  # between a thing and its measure
IN_WORDS = {
    "overlap": "shared by prior and posterior",
    "contraction": "share of the prior's variance taken away by the data",
    "prior sensitivity": "moved by a prior that counts twice",
    "likelihood sensitivity": "moved by data that count twice",
}


def warnings(results: Results) -> list[dict[str, Any]]:
    """Every verdict with its code, its numbers and what to do."""
    out = []
    for w in results.warnings:
        table, rest = measured(w.numbers)
        out.append(
            {
                "code": w.code,
                "level": w.level if w.level in LEVELS else "warn",
                "name": LEVELS.get(w.level, "Warning"),
                "message": w.message,
                "table": table,
                "numbers": [(label(k), number(v)) for k, v in rest.items()],
                "cure": w.cure,
            }
        )
    return out


def measured(numbers: Mapping[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """A table of the measures that two things or more have in common, and the other numbers.

    A list that only names the things of the table goes with them.
    """
    things: dict[str, dict[str, Any]] = {}
    for key, value in numbers.items():
        thing, apart, measure = str(key).rpartition(APART)
        if apart:
            things.setdefault(thing, {})[measure] = value
    measures = next(iter(things.values()), {})
    if (
        len(things) < 2
        or len(measures) < 2
        or any(m.keys() != measures.keys() for m in things.values())
    ):
        return None, dict(numbers)
    rows = [(label(t), [number(own[m]) for m in measures]) for t, own in things.items()]
    rest = {
        k: v
        for k, v in numbers.items()
        if APART not in str(k) and list(v if isinstance(v, list | tuple) else ()) != list(things)
    }
    return {"head": [IN_WORDS.get(m, label(m)) for m in measures], "rows": rows}, rest
