"""`log(effort)`: the natural logarithm; zero and less have none."""

from __future__ import annotations

import numpy as np

from occupancy.terms.base import State, Term


class Log(Term):
    name = "log"
    nests = True

    def columns(self, values: np.ndarray, state: State) -> np.ndarray:
        return np.log(np.where(values > 0, values, np.nan))[:, None]

    def meaning(self, inside: str, state: State) -> str:
        return f"one unit is {inside} times 2.718"
