"""`I(ele^2)`: arithmetic on columns, with + - * / ^ and numbers."""

from __future__ import annotations

import numpy as np

from occupancy.terms.base import State, Term


class Identity(Term):
    """The arithmetic itself stands inside and is done before; here the numbers pass through."""

    name = "I"
    nests = True

    def columns(self, values: np.ndarray, state: State) -> np.ndarray:
        return values[:, None]
