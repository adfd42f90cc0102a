"""Any parameter of a model at rows of covariates that somebody brings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from occupancy.frames import Frames
from occupancy.problem import Problem
from occupancy.results import elsewhere, places
from occupancy.results.draws import Draws
from surveys.problems import ModelError, did_you_mean, listing


def predict(
    problem: Problem,
    frames: Frames,
    draws: Draws,
    covariance: np.ndarray | None,
    parameter: str,
    table: pd.DataFrame,
    interval: float,
    seed: int,
    season: Any = None,
    refuses_new: bool = False,
) -> pd.DataFrame:
    """Mean, sd and interval of ``parameter`` at every row of ``table``, on its own scale.

    A parameter that goes with effort is told for one unit of it.

    Parameters
    ----------
    covariance : (coefficient, coefficient) or None
        Of the parameter's own coefficients, at a maximum of the likelihood.
    season : optional
        Taken where the formula asks for the season and the table has no such column.
    refuses_new : whether a level of a group that was never surveyed is an error

    Raises
    ------
    ModelError
        There is no such parameter, or a column is missing.
    """
    if parameter not in problem.predictors:
        known = list(problem.predictors)
        raise ModelError(
            f"Family '{problem.family.name}' has no parameter '{parameter}'."
            f"{did_you_mean(parameter, known)} It has {listing(known, 30)}."
        )
    predictor = problem.predictors[parameter]
    needed = predictor.design.variables
    if season is not None and "season" in needed and "season" not in table:
        table = table.assign(season=season)
    table = elsewhere.located(table, problem.data, needed)
    frame = elsewhere.columns(table, needed, problem.data, parameter)
    if refuses_new:
        elsewhere.refuse_new_levels(predictor, frame)
    told = places.summarise(predictor, draws, frame, len(table), interval, covariance, seed)
    out = pd.DataFrame({f"{parameter}_{k}": v for k, v in told.items()}, index=table.index)
    own = frames.at(predictor.level)
    at = places.surveyed_rows(problem, predictor.level, own.n)
    surveyed = {v: np.asarray(own[v])[at] for v in needed}
    out["extrapolated"] = places.outside_sampled(predictor, surveyed, frame, len(table))
    return out
