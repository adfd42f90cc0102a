"""`sqrt(area)`: the square root; less than zero has none."""

from __future__ import annotations

import numpy as np

from occupancy.terms.base import State, Term


class Sqrt(Term):
    name = "sqrt"
    nests = True

    def columns(self, values: np.ndarray, state: State) -> np.ndarray:
        return np.sqrt(np.where(values >= 0, values, np.nan))[:, None]
