"""Tables of the parameters: coefficients beside maximum likelihood and naive, effects, sds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from occupancy.engines.coordinates import varying_terms
from occupancy.engines.ml import Maximum
from occupancy.problem import Problem
from occupancy.results import naive
from occupancy.results.draws import Draws, interval_ends, summary

MEASURES = ("rhat", "ess_bulk", "ess_tail")
NOISE = {"logit": np.pi**2 / 3, "cloglog": np.pi**2 / 6}  # variance of the link's own noise
GROUP_COLUMNS = ["parameter", "group", "level", "mean", "sd", "lower", "upper"]
VARIANCE_COLUMNS = [
    *["parameter", "group", "levels", "mean", "sd", "lower", "upper"],
    *["icc_mean", "icc_lower", "icc_upper"],
]


def coefficients(
    problem: Problem,
    draws: Draws,
    ml: Maximum | None,
    convergence: pd.DataFrame | None,
    interval: float,
) -> pd.DataFrame:
    """One row for each coefficient; ``convergence`` is that of a sampled fit, else None."""
    rows = []
    se = {} if ml is None else ml.standard_errors()
    simple = naive.coefficients(problem)
    first = next(iter(problem.predictors))
    estimates = None if convergence is not None or ml is None else wald(ml, interval)
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


def groups(problem: Problem, draws: Draws, interval: float) -> pd.DataFrame:
    """One row for each level of each group."""
    rows = []
    for p, g in varying_terms(problem):
        if g.design.is_field:  # its effects are told by place
            continue
        told = summary(draws.effects[p.name, g.name], interval)
        for i, level in enumerate(g.design.labels):
            row = {"parameter": p.name, "group": g.design.name, "level": level}
            rows.append(row | {k: float(v[i]) for k, v in told.items()})
    return pd.DataFrame(rows, columns=GROUP_COLUMNS)


def variances(problem: Problem, draws: Draws, interval: float) -> pd.DataFrame:
    """One row for each group: the sd between its levels and its share of the latent variance."""
    rows = []
    groups = [(p, g) for p in problem.predictors.values() for g in p.groups]
    for p, g in groups:
        own = draws.sds[p.name, g.name]
        every = sum(draws.sds[p.name, h.name] ** 2 for h in p.groups)
        icc = own**2 / (every + NOISE.get(p.link, np.nan))  # log and identity have none
        row = {"parameter": p.name, "group": g.design.name, "levels": g.n_level}
        row |= {k: float(v[0]) for k, v in summary(own[:, None], interval).items()}
        told = summary(icc[:, None], interval)
        row |= {f"icc_{k}": float(told[k][0]) for k in ("mean", "lower", "upper")}
        rows.append(row)
    return pd.DataFrame(rows, columns=VARIANCE_COLUMNS)
