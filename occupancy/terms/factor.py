"""`factor(forest, ref="oak")`: levels of a text, or of a number that is only a label."""

from __future__ import annotations

import numpy as np

from occupancy.terms.base import Literals, Option, State, Term
from occupancy.terms.levels import as_levels, natural
from surveys.problems import ModelError, listing, nearest


class Factor(Term):
    """One indicator for each level, the reference first: the first in natural order, or `ref`."""

    name = "factor"
    options = (Option("ref", "text", default=""),)
    takes = "column"
    gives = "levels"

    def learn(self, values: np.ndarray, options: Literals) -> State:
        levels = sorted(as_levels(values)[0], key=natural)
        ref = options.get("ref", "")
        if ref:
            if ref not in levels:
                near = nearest(ref, levels)
                hint = f" Did you mean '{near}'?" if near else f" Known: {listing(levels, 12)}."
                raise ModelError(f"it has no level '{ref}' to refer to.{hint}")
            levels.remove(ref)
            levels.insert(0, ref)
        if len(levels) < 2:
            only = f" ('{levels[0]}')" if levels else ""
            raise ModelError(
                f"it has only one level{only} in the surveys that count. Leave it out."
            )
        return {"levels": levels}

    def columns(self, values: np.ndarray, state: State) -> np.ndarray:
        levels = state["levels"]
        texts, of_row = as_levels(values)
        known = {level: i for i, level in enumerate(levels)}
        strange = [t for t in texts if t and t not in known]
        if strange:
            what = f"level '{strange[0]}'" if len(strange) == 1 else f"levels {listing(strange)}"
            raise ModelError(
                f"{what} occurs in none of the surveys that the model learned from. "
                f"Known: {listing(levels, 12)}."
            )
        table = np.zeros((len(texts), len(levels)))
        for i, text in enumerate(texts):
            if text:
                table[i, known[text]] = 1.0
            else:
                table[i] = np.nan
        return table[of_row]

    def labels(self, written: str, inside: str, state: State) -> tuple[str, ...]:
        return tuple(f"{inside}[{level}]" for level in state["levels"])
