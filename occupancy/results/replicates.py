"""Surveys as they would have come out: the same visits, new states and new detections."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from occupancy import simulation
from occupancy.engines.ml import Objective, climb, maximise, split
from occupancy.problem import Predictor, Problem
from occupancy.results.draws import Draws
from occupancy.results.passes import predictors_at
from surveys.problems import ModelError


def replicate(problem: Problem, draws: Draws, d: int, rng: np.random.Generator) -> Problem:
    """The same visits with what the model at one draw would have had them see."""
    return saw(problem, simulation.draw(problem, predictors_at(problem, draws, d), rng)[1])


def saw(problem: Problem, y: np.ndarray) -> Problem:
    """The same visits with other detections.

    Parameters
    ----------
    y : (visit used,)
        Field order.
    """
    own = y[problem.field_rank]
    detected = own > 0
    observed = replace(problem.observed, y=own, detected=detected)
    seen = problem.used.copy()
    seen[problem.used] = y > 0
    predictors = {
        name: p if p.sign is None else _signed(p, problem.family.parameter(name).only, observed)
        for name, p in problem.predictors.items()
    }
    return replace(
        problem,
        observed=observed,
        seen=seen,
        predictors=predictors,
        n_shown=problem.family.n_state_for(observed),
    )


def _signed(p: Predictor, only: str, observed) -> Predictor:
    """A predictor whose columns carry the sign of what each visit saw."""
    own = observed.label == int(only) if only else slice(None)
    sign = np.where(observed.detected[own], -1.0, 1.0)
    turned = p.sign * sign
    offset = p.offset * turned if p.offset.size else p.offset
    return replace(p, columns=p.columns * turned, offset=offset, sign=sign)


def refit(problem: Problem, near: Draws, seed: int) -> Draws:
    """Maximum of the likelihood of replicated data, climbed to from a point nearby.

    Where the climb from there ends on a ridge or at infinity two more starts are made.

    Raises
    ------
    ModelError
        No maximum was found.
    """
    objective = Objective(problem)
    beta = np.concatenate([near.coefficients[name][0] for name in problem.predictors])
    a = objective.transform()
    top = climb(objective, np.linalg.solve(a, beta))
    found, value = split(problem, a @ top.theta), top.value
    if top.flat or not (top.converged and np.isfinite(value)):
        best = maximise(problem, seed, starts=2)
        if not np.isfinite([value, best.log_likelihood]).any():
            raise ModelError("No maximum of the likelihood was found.")
        if not value >= best.log_likelihood:
            found = best.coefficients
    return Draws({name: b[None, :] for name, b in found.items()})
