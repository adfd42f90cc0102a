"""`offset(log(area))`: a known part of the predictor, added with no coefficient."""

from __future__ import annotations

import numpy as np

from occupancy.terms.base import State, Term


class Offset(Term):
    name = "offset"
    gives = "offset"

    def columns(self, values: np.ndarray, state: State) -> np.ndarray:
        return values[:, None]
