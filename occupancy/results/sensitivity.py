"""What the prior did: its overlap with the posterior, how far the data narrowed it, who moves it.

Every row is about what a prior was stated for: a coefficient, the intercept at average
conditions where its prior acts there, the standard deviation of a group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from occupancy.priors import Prior
from occupancy.problem import Problem
from occupancy.results.draws import Draws
from occupancy.results.passes import predictors_at
from occupancy.results.power_scaling import sensitivity
from occupancy.varying.base import POSITIVE, SHARE, Hyper

# Garrett & Zeger (2000), Biometrics 56:1055: .35; Kallioinen et al. (2024): .05.
SOME_OVERLAP, MOST_OVERLAP = 0.35, 0.65
LITTLE_NARROWED = 0.3
MOVES = 0.05
# The central two thirds of a distribution: as wide as two sds of a normal one, and as good of one
# without a variance.
CENTRAL = (0.158655, 0.841345)
ENDS = (0.05, 0.95)
MOST_DRAWS, LEAST_DRAWS, MOST_VISITS = 1000, 200, 100_000_000
POINTS = 400
BY_PRIOR, BY_BOTH, PULLED, BY_DATA = "prior", "both", "conflict", "data"
IN_WORDS = {
    BY_PRIOR: "rests on its prior in large part",
    BY_BOTH: "leans on its prior beside the data",
    PULLED: "prior and data disagree: the answer lies between them",
    BY_DATA: "set by the data",
}


@dataclass(frozen=True)
class Judged:
    """One prior, and what became of it.

    Attributes
    ----------
    overlap : float
        Area that prior and posterior share, 0 to 1.
    contraction : float
        1 - (width of the posterior / width of the prior)^2; the widths are those of the central
        two thirds, so that of two normals it is the share of variance that the data took away.
    prior_sensitivity, likelihood_sensitivity : float
        See ``power_scaling``; NaN where the draws cannot tell. All priors are scaled together, so
        a parameter also moves for the prior of another that it hangs together with.
    is_outside : bool
        The middle of the posterior lies where the prior had put 5 % or less on either side.
    verdict : "prior", "both", "conflict" or "data"
    """

    parameter: str
    term: str
    prior: Prior
    stated: bool
    overlap: float
    contraction: float
    prior_sensitivity: float
    likelihood_sensitivity: float
    is_outside: bool

    @property
    def verdict(self) -> str:
        """Which of the two set it.

        Overlap alone would cry wolf: a posterior half as wide as its prior overlaps it by two
        thirds. So the prior is blamed only where the data barely narrowed it, or where the
        answer moves when the prior counts a little more.
        """
        if self.prior.kind == "flat":
            return BY_DATA
        moves = self.prior_sensitivity > MOVES  # NaN is no evidence
        leans = moves or self.contraction < LITTLE_NARROWED
        if self.is_outside and moves and self.likelihood_sensitivity > MOVES:
            return PULLED
        if leans and self.overlap > MOST_OVERLAP:
            return BY_PRIOR
        if leans and self.overlap > SOME_OVERLAP:
            return BY_BOTH
        return BY_DATA

    def row(self) -> dict[str, object]:
        """A row for tables."""
        return {
            "parameter": self.parameter,
            "term": self.term,
            "prior": self.prior.shown(),
            "overlap": self.overlap,
            "contraction": self.contraction,
            "prior_sensitivity": self.prior_sensitivity,
            "likelihood_sensitivity": self.likelihood_sensitivity,
            "verdict": IN_WORDS[self.verdict],
        }


def judge(problem: Problem, draws: Draws) -> list[Judged]:
    """Every prior of a sampled fit, parameter by parameter, sds after coefficients."""
    found = list(_quantities(problem, draws))
    if not found or draws.n < 2:
        return []
    values = np.stack([v for *_, v in found])
    by_prior = sensitivity(values, log_prior(problem, draws))
    fewer = draws.thinned(_as_many_as_cost_little(problem))
    few_values = np.stack([v for *_, v in _quantities(problem, fewer)])
    by_likelihood = sensitivity(few_values, log_likelihood(problem, fewer))
    return [
        Judged(
            parameter,
            term,
            prior,
            stated,
            overlap(prior, own),
            contraction(prior, own),
            float(by_prior[i]),
            float(by_likelihood[i]),
            _is_outside(prior, own),
        )
        for i, (parameter, term, prior, stated, own) in enumerate(found)
    ]


def _quantities(
    problem: Problem, draws: Draws
) -> Iterator[tuple[str, str, Prior, bool, np.ndarray]]:
    """(parameter, term, prior, stated, (draw,)) of everything that has a prior of its own."""
    for name, p in problem.predictors.items():
        phi = draws.coefficients[name] @ p.table.functional.T
        for j, (term, prior) in enumerate(zip(p.terms, p.table.coefficients, strict=True)):
            yield name, term, prior, term in p.table.stated, phi[:, j]
        for t in p.varying:
            natural = draws.hypers[name, t.name]
            for k, (prior, hyper) in enumerate(t.hypers):
                inside = f"{hyper.label}, {t.design.name}" if hyper.label else t.design.name
                term = f"{hyper.name}[{inside}]"
                yield name, term, prior, term in p.table.stated, _as_prior(natural[:, k], hyper)


def _as_prior(values: np.ndarray, hyper: Hyper) -> np.ndarray:
    """A hyper-parameter on the scale of its prior: a beta prior lives on logits."""
    if hyper.domain == POSITIVE:
        return values
    share = values if hyper.domain == SHARE else 0.5 * (1 + values)
    return logit(np.clip(share, 1e-15, 1 - 1e-15))


def log_prior(problem: Problem, draws: Draws) -> np.ndarray:
    """(draw,) log density of all priors; effects of groups follow from their sd, and are none."""
    total = np.zeros(draws.n)
    for *_, prior, _, values in _quantities(problem, draws):
        total += prior.log_density(values)
    return total


def log_likelihood(problem: Problem, draws: Draws) -> np.ndarray:
    """(draw,) log-likelihood of all the surveys, states summed out."""
    each = (problem.evaluate(predictors_at(problem, draws, d))[0] for d in range(draws.n))
    return np.fromiter(each, float, draws.n)


def _as_many_as_cost_little(problem: Problem) -> int:
    work = MOST_VISITS // max(problem.y.size, problem.n_chain * problem.n_step, 1)
    return int(np.clip(work, LEAST_DRAWS, MOST_DRAWS))


def _is_outside(prior: Prior, values: np.ndarray) -> bool:
    low, high = prior.quantile(np.array(ENDS))
    return not (low <= np.median(values) <= high) if np.isfinite(low) else False


def overlap(prior: Prior, values: np.ndarray) -> float:
    """Area under the lower of the two densities; NaN where either has none.

    Of a positive quantity the two are compared on its logarithm, which leaves the area as it is
    and keeps the smoothing away from 0.
    """
    if prior.kind == "flat" or not np.isfinite(values).all() or np.ptp(values) == 0:
        return float("nan")
    from scipy.stats import gaussian_kde

    x = np.log(np.maximum(values, 1e-300)) if prior.is_positive else values
    smoothed = gaussian_kde(x)
    reach = 4 * float(np.sqrt(smoothed.covariance[0, 0]))
    grid = np.linspace(x.min() - reach, x.max() + reach, POINTS)
    log_density = prior.log_density(np.exp(grid)) + grid if prior.is_positive else None
    expected = np.exp(prior.log_density(grid) if log_density is None else log_density)
    lower = np.minimum(expected, smoothed(grid))
    return float(np.clip(np.trapezoid(lower, grid), 0.0, 1.0))


def contraction(prior: Prior, values: np.ndarray) -> float:
    """Share of the prior's variance that the data took away; below 0 where they widened it.

    NaN where the prior has no finite spread.
    """
    low, high = (float(v) for v in prior.quantile(np.array(CENTRAL)))
    if not (np.isfinite(low) and np.isfinite(high)):
        return float("nan")
    after = np.diff(np.quantile(values, CENTRAL))[0]
    return float(1 - (after / (high - low)) ** 2)
