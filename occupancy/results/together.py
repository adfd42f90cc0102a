"""Which species occur together beyond what their covariates explain."""

from __future__ import annotations

import numpy as np
import pandas as pd

from occupancy.problem import Problem
from occupancy.results.draws import Draws, summary
from occupancy.varying import Factors
from surveys.problems import ModelError, listing

COLUMNS = ["parameter", "species", "other", "mean", "sd", "lower", "upper", "sure"]


def residual_correlation(
    problem: Problem, draws: Draws, interval: float, parameter: str | None = None
) -> pd.DataFrame:
    """Correlations between species of the effects that `factors` gives them.

    Those of L L', L the loadings of one draw. Neither turning the factors nor changing a sign
    changes it, so that draws need not be aligned.

    Raises
    ------
    ModelError
        No parameter has factors, or not the one that is asked for.
    """
    found = {
        name: term
        for name, p in problem.predictors.items()
        for term in p.varying
        if isinstance(term.design, Factors)
    }
    if (parameter is not None and parameter not in found) or not found:
        has = f" Parameters with factors: {listing(found)}." if found else ""
        of = f"`{parameter}`" if parameter else "this model"
        raise ModelError(f"{of} has no factors. Write psi = '... + factors(2)'.{has}")
    rows = []
    for name, term in found.items():
        if parameter not in (None, name) or not isinstance(term.design, Factors):
            continue
        covariance = term.design.covariance(draws.effects[name, term.name])
        order = [str(s) for s in problem.data["species"].values if str(s) in term.design.species]
        at = [term.design.species.index(s) for s in order]
        sd = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        correlation = (covariance / (sd[:, :, None] * sd[:, None, :]))[:, at][:, :, at]
        told = summary(correlation.reshape(len(correlation), -1), interval)
        for k, (one, other) in enumerate((a, b) for a in order for b in order):
            row = {"parameter": name, "species": one, "other": other}
            row |= {column: float(values[k]) for column, values in told.items()}
            rows.append(row | {"sure": bool(row["lower"] > 0 or row["upper"] < 0)})
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.attrs["interval"] = interval
    return table
