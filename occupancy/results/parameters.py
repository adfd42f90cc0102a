"""Tables of the parameters: coefficients beside maximum likelihood and naive, effects, sds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from occupancy.engines.compiled import hyper_names
from occupancy.engines.conditional import Conditional, ends_of_sd
from occupancy.engines.coordinates import varying_terms
from occupancy.engines.marginal import Integrated
from occupancy.engines.ml import Maximum
from occupancy.problem import GroupTerm, Predictor, Problem
from occupancy.results import naive
from occupancy.results.draws import Draws, interval_ends, summary
from occupancy.results.variance import NOISE

MEASURES = ("rhat", "ess_bulk", "ess_tail")
GROUP_COLUMNS = ["parameter", "group", "level", "mean", "sd", "lower", "upper"]
VARIANCE_COLUMNS = [
    *["parameter", "group", "levels", "mean", "sd", "lower", "upper"],
    *["icc_mean", "icc_lower", "icc_upper"],
]


def coefficients(
    problem: Problem,
    draws: Draws,
    top: Maximum | None,
    ml: Maximum | None,
    convergence: pd.DataFrame | None,
    interval: float,
) -> pd.DataFrame:
    """One row for each coefficient.

    Parameters
    ----------
    top : Maximum or None
        That is told; None of a sampled fit.
    ml : Maximum or None
        Without group effects, beside it.
    convergence : DataFrame or None
        Of a sampled fit.
    """
    rows = []
    se = {} if ml is None else ml.standard_errors()
    simple = naive.coefficients(problem)
    first = next(iter(problem.predictors))
    estimates = None if top is None else wald(top, interval)
    for name, p in problem.predictors.items():
        told = summary(draws.coefficients[name], interval)
        for i, term in enumerate(p.terms):
            row: dict[str, Any] = {"parameter": name, "term": term}
            if estimates is None:
                row |= {k: float(v[i]) for k, v in told.items()}
            else:
                row |= estimates[name][i]
            row["ml"] = float(ml.coefficients[name][i]) if ml else np.nan
            row["ml_se"] = float(se[name][i]) if ml else np.nan
            row["naive"] = float(simple[i]) if name == first else np.nan
            rows.append(row)
    table = pd.DataFrame(rows)
    if convergence is not None:
        found = convergence.set_index(["parameter", "term"])
        at = pd.MultiIndex.from_frame(table[["parameter", "term"]])
        for k, column in enumerate(MEASURES):
            table.insert(6 + k, column, found[column].reindex(at).to_numpy())
    table.attrs["interval"] = interval
    return table


def wald(ml: Maximum, interval: float) -> dict[str, list[dict[str, float]]]:
    """{parameter: rows}: estimate, standard error, Wald's interval, z."""
    z, se = ndtri(interval_ends(interval)[1]), ml.standard_errors()
    out: dict[str, list[dict[str, float]]] = {}
    for name, beta in ml.coefficients.items():
        rows = []
        for b, s in zip(beta, se[name], strict=True):
            row = {"mean": b, "sd": s, "lower": b - z * s, "upper": b + z * s, "se": s, "z": b / s}
            rows.append({k: float(v) for k, v in row.items()})
        out[name] = rows
    return out


def profiles(problem: Problem, ml: Maximum, bounds: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One row for each coefficient from {parameter: (term, 2)}."""
    return pd.DataFrame(
        {
            "parameter": name,
            "term": term,
            "estimate": float(ml.coefficients[name][i]),
            "lower": float(bounds[name][i, 0]),
            "upper": float(bounds[name][i, 1]),
        }
        for name, p in problem.predictors.items()
        for i, term in enumerate(p.terms)
    )


def groups(
    problem: Problem, draws: Draws, interval: float, about: Conditional | None = None
) -> pd.DataFrame:
    """One row for each level of each group; ``about`` a maximum: modes and normal intervals.

    Curves and seasons have tables of their own.
    """
    rows = []
    at = _about_modes(about, interval) if about is not None else None
    for k, (p, g) in enumerate(varying_terms(problem)):
        if g.design.along or g.design.is_field:  # told along their covariate, or by place
            continue
        told = summary(draws.effects[p.name, g.name], interval) if at is None else at[k]
        for i, level in enumerate(g.design.labels):
            row = {"parameter": p.name, "group": g.design.name, "level": level}
            rows.append(row | {k: float(v[i]) for k, v in told.items()})
    return pd.DataFrame(rows, columns=GROUP_COLUMNS)


def _about_modes(about: Conditional, interval: float) -> list[dict[str, np.ndarray]]:
    """Mode, standard error and normal interval of the effects of each group."""
    z = ndtri(interval_ends(interval)[1])
    modes, errors = about.weights, about.errors
    told = {"mean": modes, "sd": errors, "lower": modes - z * errors, "upper": modes + z * errors}
    cut = {k: about.by_term(v) for k, v in told.items()}
    return [{k: v[i] for k, v in cut.items()} for i in range(len(cut["mean"]))]


def variances(
    problem: Problem, draws: Draws, interval: float, top: Integrated | None = None
) -> pd.DataFrame:
    """One row for each group: the sd between its levels and its share of the latent variance.

    At a maximum (``top``) the estimate, and Wald's interval: on the logarithm, or on the sd itself,
    folded at 0, where 0 is within one standard error.
    """
    rows = []
    groups = [(p, g) for p in problem.predictors.values() for g in p.groups]
    for p, g in groups:
        row = {"parameter": p.name, "group": g.design.name, "levels": g.n_level}
        told = summary(_icc(p, g, draws)[:, None], interval)
        if top is None:
            row |= {
                k: float(v[0])
                for k, v in summary(draws.sds[p.name, g.name][:, None], interval).items()
            }
        else:
            i = top.hyper_names.index(hyper_names(p.name, g)[0])
            row |= _about_sd(float(top.hyper[i]), float(top.hyper_errors[i]), interval)
            told["mean"] = np.zeros(1) if top.at_end[i] else _icc(p, g, draws.centre)
            if top.at_end[i]:
                told["lower"] = told["upper"] = np.array([np.nan])
        row |= {f"icc_{k}": float(told[k][0]) for k in ("mean", "lower", "upper")}
        rows.append(row)
    return pd.DataFrame(rows, columns=VARIANCE_COLUMNS)


def _icc(p: Predictor, g: GroupTerm, draws: Draws) -> np.ndarray:
    """(draw,) share of the latent variance; links without noise of their own have none."""
    every = sum(draws.sds[p.name, h.name] ** 2 for h in p.groups)
    return draws.sds[p.name, g.name] ** 2 / (every + NOISE.get(p.link, np.nan))


def _about_sd(log_sd: float, error: float, interval: float) -> dict[str, float]:
    """An sd from its logarithm: estimate, standard error, interval."""
    sd = float(np.exp(log_sd))
    lower, upper = ends_of_sd(log_sd, error, interval_ends(interval))
    return {"mean": sd, "sd": sd * error, "lower": lower, "upper": upper}
