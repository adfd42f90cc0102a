"""`exp(index)`: the exponential; missing where the result is too large to hold."""

from __future__ import annotations

import numpy as np

from occupancy.terms.base import State, Term

LARGEST = 700.0  # exp(709.8) is the last finite one


class Exp(Term):
    name = "exp"
    nests = True

    def columns(self, values: np.ndarray, state: State) -> np.ndarray:
        return np.exp(np.where(values <= LARGEST, values, np.nan))[:, None]
