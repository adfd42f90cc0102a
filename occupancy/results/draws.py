"""What every result is computed from: a set of draws of the parameters, and a point.

For a sampled fit the draws are the posterior's and there is no other point than their mean. For a
maximum-likelihood fit the point is the maximum, which is what is reported, and the draws come
from its normal approximation and give the intervals alone. Effects of groups have a distribution
even at the maximum: where a model has them, what depends on them is the mean over the draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import xarray as xr

from occupancy import arguments, links
from occupancy.engines.compiled import slots
from occupancy.engines.conditional import conditional
from occupancy.engines.coordinates import varying_terms
from occupancy.engines.marginal import Integrated
from occupancy.engines.ml import Maximum
from occupancy.problem import Predictor, Problem

NORMAL_DRAWS = 2000


@dataclass(frozen=True)
class Draws:
    """Draws of every parameter.

    Attributes
    ----------
    coefficients : {parameter: (draw, term)}
    hypers : {(parameter, term): (draw, hyper-parameter)}
    effects : {(parameter, term): (draw, weight)}
        Effects of the levels, or weights of a basis: what the term keeps of a draw.
    point : Draws or None
        One draw: the maximum of the likelihood, where the fit has one.
    """

    coefficients: Mapping[str, np.ndarray]
    hypers: Mapping[tuple[str, str], np.ndarray] = field(default_factory=dict)
    effects: Mapping[tuple[str, str], np.ndarray] = field(default_factory=dict)
    point: Draws | None = None

    @property
    def n(self) -> int:
        return next(iter(self.coefficients.values())).shape[0]

    @property
    def centre(self) -> Draws:
        """What means are taken over: the point where there is one, else the draws."""
        return self if self.point is None else self.point

    @property
    def told_at(self) -> Draws | None:
        """The point that answers are told at; None where they are means over the draws."""
        return None if self.effects else self.point

    def thinned(self, most: int) -> Draws:
        """At most so many draws, evenly spaced."""
        if self.n <= most:
            return self
        at = np.linspace(0, self.n - 1, most).astype(int)
        pick = lambda part: {k: v[at] for k, v in part.items()}  # noqa: E731
        return Draws(pick(self.coefficients), pick(self.hypers), pick(self.effects), self.point)

    def averaged(self) -> Draws:
        """One draw: the means of all parameters."""
        mean = lambda part: {k: v.mean(axis=0, keepdims=True) for k, v in part.items()}  # noqa: E731
        return Draws(mean(self.coefficients), mean(self.hypers), mean(self.effects))

    @property
    def sds(self) -> Mapping[tuple[str, str], np.ndarray]:
        """{(parameter, term): (draw,)} of the terms with one hyper-parameter, an sd."""
        return {k: v[:, 0] for k, v in self.hypers.items() if v.shape[1] == 1}


def from_posterior(problem: Problem, posterior: xr.Dataset) -> Draws:
    """Draws of a sampled fit, chains one after the other."""
    coefficients, hypers, effects = {}, {}, {}
    for slot in slots(problem):
        values = posterior[slot.name].values
        flat = values.reshape(values.shape[0] * values.shape[1], -1)
        if slot.kind == "coefficients":
            coefficients[slot.name] = flat
        elif slot.kind == "hyper":
            hypers.setdefault((slot.predictor, slot.term), []).append(flat)
        else:
            effects[slot.predictor, slot.term] = flat
    return Draws(coefficients, {k: np.hstack(v) for k, v in hypers.items()}, effects)


def from_maximum(problem: Problem, top: Maximum, seed: int) -> Draws:
    """Draws from the normal approximation at a maximum; NaN for what the likelihood is flat in."""
    if isinstance(top, Integrated):
        return _from_integrated(problem, top, seed)
    rng = np.random.default_rng(seed)
    beta = np.concatenate(list(top.coefficients.values()))
    known = np.isfinite(np.diag(top.covariance))
    drawn = np.full((NORMAL_DRAWS if known.any() else 2, beta.size), np.nan)
    if known.any():
        scale, along = np.linalg.eigh(top.covariance[np.ix_(known, known)])
        half = along * np.sqrt(np.maximum(scale, 0.0))
        noise = rng.normal(size=(NORMAL_DRAWS, beta.size))[:, known]
        drawn[:, known] = beta[known] + noise @ half.T
    parts = _by_parameter(problem, drawn)
    point = Draws({name: b[None, :] for name, b in top.coefficients.items()})
    return Draws(parts, point=point)


def _by_parameter(problem: Problem, drawn: np.ndarray) -> dict[str, np.ndarray]:
    """{parameter: (draw, term)} from (draw, coefficient)."""
    ends = np.cumsum([len(p.terms) for p in problem.predictors.values()])[:-1]
    return dict(zip(problem.predictors, np.split(drawn, ends, axis=1), strict=True))


def _from_integrated(problem: Problem, top: Integrated, seed: int) -> Draws:
    """Joint draws of coefficients, hyper-parameters and effects around a marginal maximum."""
    names = [(p.name, t.name) for p, t in varying_terms(problem)]
    about = conditional(problem, top)
    outer, weights = about.draw(NORMAL_DRAWS, np.random.default_rng(seed))
    n = about.latent.n_coefficient
    centre = about.centre[None, n:]
    point = Draws(
        {name: b[None, :] for name, b in top.coefficients.items()},
        dict(zip(names, about.latent.natural_by_term(centre), strict=True)),
        dict(zip(names, about.by_term(about.weights[None, :]), strict=True)),
    )
    return Draws(
        _by_parameter(problem, outer[:, :n]),
        dict(zip(names, about.latent.natural_by_term(outer[:, n:]), strict=True)),
        dict(zip(names, about.by_term(weights), strict=True)),
        point,
    )


def linear_predictor(
    predictor: Predictor,
    draws: Draws,
    frame: Mapping[str, np.ndarray],
    n: int,
    seed: int = 0,
    rows: slice | np.ndarray = slice(None),
) -> np.ndarray:
    """(draw, row) predictor on the link scale, at the surveyed places or anywhere else.

    A level that was never seen gets an effect drawn from the population of levels, one for each
    draw and label, the same wherever the label appears. Rows with a missing covariate are NaN.

    Parameters
    ----------
    frame : {name: (n,)}
    rows : which of the n rows to compute
    """
    design = predictor.design
    part = {name: np.asarray(v)[rows] for name, v in frame.items() if name in design.variables}
    size = np.arange(n)[rows].size
    eta = draws.coefficients[predictor.name] @ design.matrix(part, n=size).T
    offset = design.offset(part, n=size)
    if offset is not None:
        eta += offset
    for term in predictor.varying:
        key = predictor.name, term.name
        owner = f"{predictor.name} {term.design.name}"
        fresh = partial(fresh_of, owner, seed=seed, n=draws.n)
        hypers, weights = draws.hypers[key], draws.effects[key]
        eta += term.design.predict(hypers, weights, part, size, fresh)
    return eta


def fresh_of(owner: str, label: str, seed: int, n: int) -> np.ndarray:
    """Standard normal draws of one label of one group: the same on every map of one fit.

    Other groups draw their own: a region's level and its slope are independent.
    """
    return np.random.default_rng([seed, *f"{owner} {label}".encode()]).normal(size=n)


def natural(predictor: Predictor, eta: np.ndarray) -> np.ndarray:
    """The parameter on its own scale."""
    return links.LINKS[predictor.link].inverse(eta)


def interval_ends(interval: float) -> tuple[float, float]:
    """Lower and upper quantile of an equal-tailed interval."""
    interval = arguments.share("interval", interval, "0.9")
    return (1 - interval) / 2, (1 + interval) / 2


def summary(values: np.ndarray, interval: float) -> dict[str, np.ndarray]:
    """Mean, sd, lower and upper along the first axis."""
    low, high = interval_ends(interval)
    ends = (
        np.quantile(values, [low, high], axis=0)
        if values.shape[0]
        else np.full((2, *values.shape[1:]), np.nan)
    )
    return {
        "mean": values.mean(axis=0),
        "sd": values.std(axis=0, ddof=1) if values.shape[0] > 1 else np.zeros(values.shape[1:]),
        "lower": ends[0],
        "upper": ends[1],
    }
