"""`poly(ele, 2)`: orthogonal polynomials, remembered; `poly(ele, 2, raw=1)` the plain powers."""

from __future__ import annotations

import numpy as np

from occupancy.terms.base import Literals, Option, State, Term, spread
from surveys.problems import ModelError


class Poly(Term):
    """Columns of degree 1 to `degree`, each of length 1 and uncorrelated over the rows that count.

    P[j+1](x) = (x - alpha[j]) P[j](x) - norm[j] / norm[j-1] P[j-1](x)
    column[j](x) = P[j](x) / sqrt(norm[j])

    The recurrence of orthogonal polynomials makes the same columns from new data; the signs and
    lengths are those of R's `poly`, so that coefficients can be compared.
    """

    name = "poly"
    options = (
        Option("degree", "whole", bare=True, lowest=1, highest=10),
        Option("raw", "flag", default=0),
    )

    def learn(self, values: np.ndarray, options: Literals) -> State:
        degree = int(options["degree"])
        centre, sd = spread(values)
        if options["raw"]:
            return {"degree": degree, "raw": 1}
        if len(np.unique(values)) <= degree:
            raise ModelError(
                f"a polynomial of degree {degree} needs more than {degree} different values, "
                f"and there are {len(np.unique(values))}. Use a lower degree."
            )
        # On the scaled axis the powers keep their digits.
        z = (values - centre) / sd
        alpha, norm = [], [float(len(z))]
        before, now = np.zeros_like(z), np.ones_like(z)
        for j in range(degree):
            alpha.append(float(np.sum(z * now**2) / norm[j]))
            share = norm[j] / norm[j - 1] if j else 0.0
            before, now = now, (z - alpha[j]) * now - share * before
            norm.append(float(np.sum(now**2)))
        return {"degree": degree, "origin": centre, "unit": sd, "alpha": alpha, "norm": norm}

    def columns(self, values: np.ndarray, state: State) -> np.ndarray:
        degree = state["degree"]
        if state.get("raw"):
            return values[:, None] ** np.arange(1, degree + 1)
        z = (values - state["origin"]) / state["unit"]
        alpha, norm = state["alpha"], state["norm"]
        out = np.empty((len(z), degree))
        before, now = np.zeros_like(z), np.ones_like(z)
        for j in range(degree):
            share = norm[j] / norm[j - 1] if j else 0.0
            before, now = now, (z - alpha[j]) * now - share * before
            out[:, j] = now / np.sqrt(norm[j + 1])
        return out

    def labels(self, written: str, inside: str, state: State) -> tuple[str, ...]:
        return tuple(f"{written}[{j}]" for j in range(1, state["degree"] + 1))

    def meaning(self, inside: str, state: State) -> str:
        if state.get("raw"):
            return ""
        return (
            f"orthogonal polynomial of {inside}, around {state['origin']:.6g} "
            f"with sd {state['unit']:.6g}; read it from the curve, not from the number"
        )
