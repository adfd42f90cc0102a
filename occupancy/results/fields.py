"""Spatial fields: their effect at sites or anywhere, against the mean of the surveyed sites.

A field and the intercept beside it trade places, so that the field by itself is known only up to a
constant; what a map can tell is where the parameter lies above or below the average site.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from occupancy.problem import Predictor, Problem, VaryingTerm
from occupancy.results.draws import Draws, fresh_of, summary
from occupancy.results.places import CELLS_AT_ONCE
from occupancy.varying.situated import COORDINATES
from surveys.problems import ModelError, listing


def fields_of(problem: Problem) -> list[tuple[Predictor, VaryingTerm]]:
    """Every spatial field of a problem."""
    return [(p, t) for p in problem.predictors.values() for t in p.varying if t.design.is_field]


def choose(
    problem: Problem, term: str | None, parameter: str | None
) -> tuple[Predictor, VaryingTerm]:
    """The field that is meant; the first by default.

    Raises
    ------
    ModelError
        There is none, or not this one.
    """
    known = fields_of(problem)
    if not known:
        raise ModelError('The model has no spatial field. Add one: psi = "... + space()".')
    for p, t in known:
        if term in (None, t.design.name) and parameter in (None, p.name):
            return p, t
    names = [f"{t.design.name} on {p.name}" for p, t in known]
    raise ModelError(f"The model has no such field; it has {listing(names)}.")


def table(
    predictor: Predictor,
    term: VaryingTerm,
    draws: Draws,
    sites: Mapping[str, np.ndarray],
    places: Mapping[str, np.ndarray],
    interval: float,
    seed: int,
) -> pd.DataFrame:
    """Mean, sd, lower and upper of the field on the link scale, a row for each place.

    Parameters
    ----------
    sites, places : {"easting", "northing"}
        Where the average is taken, and where the field is asked for; NaN gives NaN.
    """
    average = np.concatenate(
        [_effects(predictor, term, draws, sites, at, seed) for at in _pieces(sites, draws.n)],
        axis=1,
    )
    known = np.isfinite(average).all(axis=0)
    middle = average[:, known].mean(axis=1, keepdims=True)
    out = {k: [] for k in ("mean", "sd", "lower", "upper")}
    for at in _pieces(places, draws.n):
        effects = _effects(predictor, term, draws, places, at, seed) - middle
        for k, v in summary(effects, interval).items():
            out[k].append(v)
    return pd.DataFrame({k: np.concatenate(v) for k, v in out.items()})


def hypers(predictor: Predictor, term: VaryingTerm, draws: Draws, interval: float) -> pd.DataFrame:
    """Standard deviation and range (km, where the correlation has fallen to 5 %)."""
    told = summary(draws.hypers[predictor.name, term.name], interval)
    names = [h.name for h in term.design.hypers]
    return pd.DataFrame(
        {"parameter": predictor.name, "field": term.design.name, "name": names} | told
    )


def _pieces(places: Mapping[str, np.ndarray], n_draw: int):
    n = len(places[COORDINATES[0]])
    step = max(1, CELLS_AT_ONCE // max(n_draw, 1))
    return [np.arange(lo, min(lo + step, n)) for lo in range(0, max(n, 1), step)]


def _effects(predictor, term, draws, places, at, seed) -> np.ndarray:
    """(draw, place) bare field: not multiplied by the covariate whose slope it is."""
    frame = {name: np.asarray(places[name], float)[at] for name in COORDINATES}
    column = term.design.field.column
    if column is not None:
        frame[column] = np.ones(len(at))
    key = predictor.name, term.name
    fresh = partial(fresh_of, f"{predictor.name} {term.design.name}", seed=seed, n=draws.n)
    return term.design.predict(draws.hypers[key], draws.effects[key], frame, len(at), fresh)
