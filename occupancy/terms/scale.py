"""`scale(ele)`: centred on its mean and divided by its standard deviation, both remembered."""

from __future__ import annotations

import numpy as np

from occupancy.terms.base import Literals, State, Term, spread


class Scale(Term):
    """(value - mean) / sd, with the sd of n - 1 as everywhere in the field's software."""

    name = "scale"
    nests = True

    def learn(self, values: np.ndarray, options: Literals) -> State:
        centre, sd = spread(values)
        return {"centre": centre, "sd": sd}

    def columns(self, values: np.ndarray, state: State) -> np.ndarray:
        return ((values - state["centre"]) / state["sd"])[:, None]

    def meaning(self, inside: str, state: State) -> str:
        return f"0 is {inside} = {state['centre']:.6g}; one unit is {state['sd']:.6g} of {inside}"
