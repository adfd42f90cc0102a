"""One covariate at a time: the curve of a parameter while everything else is held still.

Other numbers are held at the mean of the surveyed rows, other labels at their commonest level, and
every group effect at 0, the mean of its population: the curve is that of a typical region, unless
a level is stated. A species asked for keeps its own effects; without one, the curve is that of the
community's mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from occupancy.frames import Frames, traits
from occupancy.problem import Problem
from occupancy.results.draws import Draws
from occupancy.results.places import summarise
from occupancy.results.typical import numeric_covariates, of_species, surveyed, typical
from occupancy.varying import Cyclic
from surveys.problems import ModelError, listing

POINTS = 101  # along each curve
MARGIN = 0.06  # of the sampled range, drawn beyond it on both sides
COLUMNS = ["parameter", "covariate", "value", "curve_mean", "curve_sd", "curve_lower"]
COLUMNS += ["curve_upper", "extrapolated"]


def table(
    problem: Problem,
    frames: Frames,
    draws: Draws,
    covariances: Mapping[str, np.ndarray],
    interval: float,
    parameter: str | None = None,
    covariate: str | None = None,
    reach: Mapping[str, tuple[float, float]] | None = None,
    species: str | None = None,
    at: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Curves of all parameters against all their numeric covariates, or of those named.

    Parameters
    ----------
    covariances : {parameter: (coefficient, coefficient)}
        Of a maximum of the likelihood, whose curve and Wald interval are then told; else empty.
    reach : {covariate: (low, high)}
        Widens the curve to what will be predicted to; what lies outside the surveyed range is
        marked ``extrapolated``.
    at : {column: value}
        Where groups, seasons and places stand, as in ``occupancy.results.typical``.

    Raises
    ------
    ModelError
        The parameter or the covariate is not in the model.
    """
    chosen = _choose(problem, parameter, covariate, {*(at or {}), *of_species(problem, species)})
    if parameter is None:
        chosen = {n: v for n, v in chosen.items() if not _of_another(problem, n, species)}
    if parameter is None and at:
        raise ModelError('`at` speaks of one parameter: name it, as effects("psi", at=...).')
    parts, stood, groups = [], {}, {}
    for name, wanted in chosen.items():
        p = problem.predictors[name]
        rows = surveyed(problem, frames, p, species)
        still = typical(problem, rows, p, species, at)
        stood[name], groups[name] = {**still.held, **still.stated}, still.averaged
        for variable in (v for v in wanted if v not in still.stated):
            # the curve of a trait runs between species: it is that of the community
            between = variable in still.own or variable in traits(problem.data)
            own = typical(problem, rows, p, species, at, [variable])
            units = str(problem.data[variable].attrs.get("units", ""))
            values = surveyed(problem, frames, p, None if between else species).values[variable]
            grid, outside = _grid(values, units, (reach or {}).get(variable))
            for term in own.predictor.design.groups:
                if term.along == variable and term.points is not None:
                    grid, outside = term.points, np.zeros(term.points.size, bool)
                if term.along == variable and isinstance(term, Cyclic):
                    once = _in_one_cycle(grid, values, term.period)
                    grid, outside = grid[once], outside[once]
            frame = own.frame(len(grid), **{variable: grid})
            covariance = None if own.predictor.varying else covariances.get(name)
            told = summarise(own.predictor, draws, frame, len(grid), interval, covariance)
            part = pd.DataFrame({"value": grid} | {f"curve_{k}": v for k, v in told.items()})
            parts.append(part.assign(parameter=name, covariate=variable, extrapolated=outside))
    out = pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)
    out.attrs.update(interval=interval, held=stood, groups=groups)
    return out


def rug(problem: Problem, frames: Frames, species: str | None = None) -> pd.DataFrame:
    """Where each curve has data: parameter, covariate, value, detected; sites or visits."""
    parts = []
    for name, p in problem.predictors.items():
        if _of_another(problem, name, species):
            continue
        rows = surveyed(problem, frames, p, species)
        for variable in numeric_covariates(p, of_species(problem, species)):
            part = pd.DataFrame({"value": rows.values[variable], "detected": rows.detected})
            part.insert(0, "parameter", name)
            part.insert(1, "covariate", variable)
            parts.append(part)
    columns = ["parameter", "covariate", "value", "detected"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _of_another(problem: Problem, name: str, species: str | None) -> bool:
    """Whether a parameter speaks of the visits for another species than the one asked about."""
    told, family = problem.family.parameter(name), problem.family
    if not (family.joint and told.only and species):
        return False
    return family.labels[int(told.only)] != species


def _choose(
    problem: Problem, parameter: str | None, covariate: str | None, told: set[str]
) -> dict[str, list[str]]:
    """The curves asked for, by parameter."""
    known = list(problem.predictors)
    if parameter is not None and parameter not in known:
        raise ModelError(f"The model has no parameter '{parameter}'; it has {listing(known)}.")
    out = {}
    for name in known if parameter is None else [parameter]:
        names = numeric_covariates(problem.predictors[name], told)
        out[name] = names if covariate is None else [v for v in names if v == covariate]
    if covariate is not None and not any(out.values()):
        where = parameter or "any parameter"
        has = [v for n in out for v in numeric_covariates(problem.predictors[n], told)]
        hint = f"There are curves of {listing(has)}." if has else "It has no numeric covariate."
        raise ModelError(f"'{covariate}' is no numeric covariate of {where}. {hint}")
    return out


def _in_one_cycle(grid: np.ndarray, values: np.ndarray, period: float) -> np.ndarray:
    """Which places of a grid lie in the cycles that were surveyed: beyond them all comes again."""
    start = np.floor(np.nanmin(values) / period) * period
    end = np.ceil(np.nanmax(values) / period) * period
    return (grid >= start) & (grid <= end)


def _grid(
    values: np.ndarray, units: str, reach: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Values along a curve, both ends of the surveyed range among them, and which lie outside."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    least, most = _bounds(low, high, units)
    pad = MARGIN * (high - low)
    start, end = max(low - pad, least), min(high + pad, most)
    if reach is not None:
        start, end = min(start, reach[0]), max(end, reach[1])
    grid = np.unique(np.concatenate([np.linspace(start, end, POINTS), [low, high]]))
    return grid, (grid < low) | (grid > high)


def _bounds(low: float, high: float, units: str) -> tuple[float, float]:
    """What a covariate can be at all, as far as its surveyed values and its unit tell.

    A cover or an effort is never negative; one that is never 0 may stand in a logarithm.
    """
    least = -np.inf if low < 0 else 0.0 if low == 0 else 0.5 * low
    if low >= 0 and high <= 1:
        return least, 1.0
    return least, 100.0 if units in ("%", "percent") and high <= 100 else np.inf
