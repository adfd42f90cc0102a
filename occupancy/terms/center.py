"""`center(ele)`: counted from its mean, which is remembered; the unit stays that of the data."""

from __future__ import annotations

import numpy as np

from occupancy.terms.base import Literals, State, Term, spread


class Center(Term):
    name = "center"
    nests = True

    def learn(self, values: np.ndarray, options: Literals) -> State:
        return {"centre": spread(values)[0]}

    def columns(self, values: np.ndarray, state: State) -> np.ndarray:
        return (values - state["centre"])[:, None]

    def meaning(self, inside: str, state: State) -> str:
        return f"0 is {inside} = {state['centre']:.6g}"
