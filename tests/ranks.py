"""Rank statistics: truth drawn from the priors must rank uniformly among the posterior's draws.

If theta ~ prior, y ~ p(y | theta) and theta_1 .. theta_L ~ p(theta | y), then the rank of any
f(theta, y) among f(theta_l, y) is uniform on 0 .. L (Talts et al. 2018). f may use the data: the
log-likelihood does, and finds what no parameter shows, such as a posterior that leaves out half
of the data (Modrak et al. 2023).

How it is decided. Each of the Q quantities of a run has the level 0.05 / Q, half of it for each of

- the ECDF of its ranks, inside a simultaneous band (Säilynoja et al. 2022), whose level is exact;
- the sum of squares of the normal scores of its ranks, which is chi-square with N degrees of
  freedom (Cook et al. 2006): it sees a posterior that is a little too wide or too narrow long
  before the ECDF does.

The mean z-score, (truth - posterior mean) / posterior sd, has mean 0 and variance 1, and must lie
within +-4 / sqrt(N). A quantity that is outside is tried again on new seeds with 2 N, and fails if
it is outside again. So a right sampler fails a run with a chance below 0.05 * (0.05 / Q + 1e-4),
which is 1 in 3000 at Q = 8; seeds are fixed, so that a run that passed passes again on one machine.

No fit is dropped. One that raises, stops early or whose draws are worth less than L independent
ones, after attempts with three and fifteen times the draws, is a failed fit, and more than 1 % fail
the run. A fit that diverged is kept with its ranks and counted.

Source: Talts et al. (2018) arXiv:1804.06788; Modrak et al. (2023) Bayesian Analysis 20:461-488;
Säilynoja, Bürkner and Vehtari (2022) Statistics and Computing 32:32; Cook, Gelman and Rubin (2006)
Journal of Computational and Graphical Statistics 15:675-692.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.base.array import array_stats
from scipy import stats
from scipy.special import gammaln, ndtri

from occupancy import links
from occupancy.engines import nuts
from occupancy.engines.coordinates import varying_terms
from occupancy.frames import make_frames
from occupancy.model import Model
from occupancy.problem import Problem
from occupancy.results import elsewhere, passes
from occupancy.results.draws import Draws, from_posterior, linear_predictor
from occupancy.results.occupied import Occupied, Places, marks, reported
from surveys.problems import ModelError

LEVEL = 0.05  # of one run, shared by its quantities
FAILED = 0.01  # share of fits that may fail
CHAINS = 2
ATTEMPTS = (1, 3, 15)  # times the draws
SITE = 0  # whose state is ranked


@dataclass(frozen=True)
class Setting:
    """A model on a pattern of surveys; what was seen in ``surveys`` is overwritten.

    Attributes
    ----------
    model : mapping
        Arguments of ``Model``.
    new : {covariate: value}
        The place whose occupancy is predicted, and the visit there where terms of visits vary.
    divergent : float
        Largest share of draws that may diverge, over all fits together.
    why : str
        What makes any diverge, where the bound is not that of everyone.
    """

    surveys: xr.Dataset
    model: Mapping[str, Any]
    new: Mapping[str, Any]
    draws: int = 200
    tune: int = 250
    most: int = 99
    divergent: float = 0.001
    why: str = ""

    def on(self, surveys: xr.Dataset, **changed: Any) -> Model:
        """The model on these surveys."""
        return Model(surveys, **{**self.model, **changed})


@dataclass
class Run:
    """Ranks of N simulations, and what became of their fits."""

    most: int
    ranks: dict[str, list[int]] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    diverging: list[int] = field(default_factory=list)  # draws of each fit
    drawn: list[int] = field(default_factory=list)

    @property
    def n(self) -> int:
        return len(self.drawn)

    @property
    def divergent(self) -> float:
        """Share of all draws that diverged."""
        return sum(self.diverging) / max(sum(self.drawn), 1)


def run(
    setting: Setting,
    n: int,
    seed: int,
    *,
    truth: Model | None = None,
    given: Callable[[xr.Dataset], xr.Dataset] | None = None,
) -> Run:
    """Simulate, fit and rank n times.

    Parameters
    ----------
    truth : Model, optional
        Draws the truth where it is not the fitted model: a planted error.
    given : callable, optional
        What the sampler sees of the surveys, where that is not all: a planted error. Quantities
        are those of the surveys as they are.
    """
    out = Run(setting.most)
    drawn = (truth or setting.on(setting.surveys)).simulate(seed, draws=n)
    for i in range(n):
        one = drawn.isel(draw=i)
        surveys = observed(setting.surveys, one)
        rng = np.random.default_rng([seed, i])
        try:
            problem = setting.on(surveys).problem
            told = problem if given is None else setting.on(given(surveys)).problem
            posterior = _sample(setting, told, int(rng.integers(2**31)), out)
        except ModelError as error:
            out.failed.append(f"simulation {i}: {error}")
            out.diverging.append(0)
            out.drawn.append(0)
            continue
        places = new_place(setting, problem)
        draws = from_posterior(problem, posterior).thinned(setting.most)
        truth_at = draws_of(problem, one)
        values = quantities(problem, draws, places, int(rng.integers(2**31)))
        true = quantities(problem, truth_at, places, int(rng.integers(2**31)))
        true |= states(problem, one)
        other = np.random.default_rng([seed, i, 1])
        values |= at_new(setting, problem, draws, int(other.integers(2**31)))
        true |= at_new(setting, problem, truth_at, int(other.integers(2**31)))
        add_ranks(out, values, true, rng)
    return out


def add_ranks(
    out: Run,
    values: Mapping[str, np.ndarray],
    true: Mapping[str, np.ndarray],
    rng: np.random.Generator,
) -> None:
    """One rank for each quantity, at random among the draws that tie with the truth."""
    for name, of_draws in values.items():
        below = int((of_draws < true[name][0]).sum())
        ties = int((of_draws == true[name][0]).sum())
        out.ranks.setdefault(name, []).append(below + int(rng.integers(ties + 1)))
        if of_draws.dtype.kind == "f" and np.ptp(of_draws) > 0:
            z = (true[name][0] - of_draws.mean()) / of_draws.std(ddof=1)
            out.scores.setdefault(name, []).append(float(z))


def _sample(setting: Setting, problem: Problem, seed: int, out: Run) -> xr.Dataset:
    """Posterior draws; more of them where they are worth too few."""
    for times in ATTEMPTS:
        draws = times * setting.draws
        got = nuts.sample(
            problem, draws=draws, tune=setting.tune, chains=CHAINS, cores=1, seed=seed
        )
        worth = 0.0 if got.partial else effective(got.posterior)
        if worth >= setting.most:
            break
    else:
        out.failed.append(f"simulation {len(out.drawn)}: worth {worth:.0f} draws")
    out.diverging.append(int(got.sample_stats["diverging"].sum()))
    out.drawn.append(got.sample_stats["diverging"].size)
    return got.posterior


def effective(posterior: xr.Dataset) -> float:
    """Independent draws that the worst coefficient or sd is worth."""
    parts = [
        v.values.reshape(*v.shape[:2], -1) for k, v in posterior.items() if "_effect[" not in str(k)
    ]
    values = np.moveaxis(np.concatenate(parts, axis=2), 2, 0)
    return float(array_stats.ess(values, method="mean").min())


# ---------------------------------------------------------------- data and truth


def observed(surveys: xr.Dataset, one: xr.Dataset) -> xr.Dataset:
    """The surveys with what one simulation saw."""
    changed = {}
    for name in ("detection", "count", "score", "time"):
        if name in one:
            values = one[name].transpose(*surveys[name].dims).values
            changed[name] = (surveys[name].dims, values.astype(surveys[name].dtype))
    return surveys.assign(changed)


def draws_of(problem: Problem, one: xr.Dataset) -> Draws:
    """The truth of one simulation, as a posterior of one draw."""
    return from_posterior(problem, one.expand_dims(("chain", "draw")))


def states(problem: Problem, one: xr.Dataset) -> dict[str, np.ndarray]:
    """What is ranked of the true states."""
    z = one["state"].values
    n_site = problem.data.sizes["site"]
    n_told = reported(problem).size  # states are told by season, not by step
    seasons = z.reshape(-1, n_site, z.shape[-1])[..., :n_told]  # (species, site, season)
    named = problem.family.states
    held = marks(problem)[:, seasons] if named else seasons[None] > 0  # (kind, species, ...)
    held = held.reshape(-1, n_site, seasons.shape[-1])
    return _of_states(held[None])


def _of_states(occupied: np.ndarray) -> dict[str, np.ndarray]:
    """Occupied sites in the last season, and one site then; (draw, species, site, season)."""
    last = occupied[..., -1]
    out = {f"sites occupied {k}": last[:, k].sum(axis=1) for k in range(last.shape[1])}
    return out | {f"z {k}": last[:, k, SITE].astype(np.int64) for k in range(last.shape[1])}


def new_place(setting: Setting, problem: Problem) -> Places:
    """The place whose occupancy is predicted."""
    family = problem.family
    frames = make_frames(problem.data, family.observes, family.steps, family.joint)
    needed = Occupied(problem, Draws({})).predictors
    return elsewhere.places_of(pd.DataFrame([dict(setting.new)]), problem, frames, needed)


def quantities(problem: Problem, draws: Draws, places: Places, seed: int) -> dict[str, np.ndarray]:
    """{name: (draw,)} everything that is ranked.

    The mean of a parameter that has one coefficient alone goes up with it and would rank the same.
    """
    out = {}
    for name, p in problem.predictors.items():
        for j, term in enumerate(p.terms):
            out[f"{name} {term}"] = draws.coefficients[name][:, j]
        for term in p.varying:
            for j, hyper in enumerate(term.design.hypers):
                out[f"{name} {hyper.key} {term.name}"] = draws.hypers[name, term.name][:, j]
        if len(p.terms) > 1 or p.varying:
            out[f"mean {name}"] = _mean(p, draws)
    told = passes.run(problem, draws, seed, pointwise=True)
    out["log likelihood"] = told.log_lik.sum(axis=1)
    out |= _of_states(told.occupied) | _of_effects(problem, draws)
    for _, values in Occupied(problem, draws, seed=seed).pieces(draws, places):
        for k in range(values.shape[1]):
            out[f"occupancy of a new site {k}"] = values[:, k, 0, -1]
    return out


def _of_effects(problem: Problem, draws: Draws) -> dict[str, np.ndarray]:
    """The first and the last effect of every term that varies, as rows pick them."""
    out = {}
    for p, term in varying_terms(problem):
        key = p.name, term.name
        effects = term.design.at_levels(draws.hypers[key], draws.effects[key])
        out[f"{p.name} first effect {term.name}"] = effects[:, 0]
        out[f"{p.name} last effect {term.name}"] = effects[:, -1]
    return out


def at_new(setting: Setting, problem: Problem, draws: Draws, seed: int) -> dict[str, np.ndarray]:
    """Predictors with terms that vary at the new place, of those that occupancy does not have."""
    told = {p.name for p in Occupied(problem, Draws({})).predictors}
    frame = {name: np.array([value]) for name, value in setting.new.items()}
    return {
        f"new {p.name}": linear_predictor(p, draws, frame, 1, seed)[:, 0]
        for p in problem.predictors.values()
        if p.varying and p.name not in told
    }


def _mean(p, draws: Draws) -> np.ndarray:
    """(draw,) mean over the rows of a parameter on its own scale."""
    eta = draws.coefficients[p.name] @ p.columns
    if p.offset.size:
        eta = eta + p.offset
    eta = eta if p.sign is None else eta * p.sign
    for term in p.varying:
        key = p.name, term.name
        effects = term.design.at_levels(draws.hypers[key], draws.effects[key])
        for face in term.faces:
            part = effects[:, face.index]
            eta = eta + (part if face.value is None else part * face.value)
    return links.LINKS[p.link].inverse(eta).mean(axis=1)


# ---------------------------------------------------------------- decision


def outside(done: Run, seed: int, level: float = LEVEL) -> dict[str, str]:
    """{quantity: what is wrong with its ranks}; normal scores are drawn inside their ranks."""
    rng = np.random.default_rng([seed, 1])
    share = level / len(done.ranks) / 2
    told = {}
    for name, own in done.ranks.items():
        ranks = np.array(own)
        n = ranks.size
        low, high = band(n, done.most, share)
        below = np.searchsorted(np.sort(ranks), np.arange(1, done.most + 1))
        off = np.flatnonzero((below < low) | (below > high))
        wrong = []
        if off.size:
            k = int(off[np.abs(below[off] - n * (off + 1) / (done.most + 1)).argmax()])
            wrong.append(
                f"{below[k]} of {n} ranks below {k + 1} of {done.most + 1}, outside "
                f"{low[k]:.0f} to {high[k]:.0f}"
            )
        score = ndtri((ranks + rng.random(n)) / (done.most + 1))
        total = float((score**2).sum())
        if not stats.chi2.ppf(share / 2, n) < total < stats.chi2.isf(share / 2, n):
            narrow = "narrow" if total > n else "wide"
            wrong.append(f"the posterior is too {narrow}: squared normal scores {total:.0f} of {n}")
        z = done.scores.get(name, [])
        if not wrong and len(z) == n and abs(np.mean(z)) > 4 / np.sqrt(n):
            wrong.append(f"mean z-score {np.mean(z):+.2f} of {n} simulations")
        if wrong:
            told[name] = "; ".join(wrong)
    return told


@lru_cache
def band(n: int, most: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Least and most of n ranks below k = 1 .. most, so that all hold but with chance ``level``."""
    low, high = 0.0, level  # between a pointwise level and what holds at one place alone
    at = np.arange(1, most + 1) / (most + 1)
    for _ in range(18):
        middle = 0.5 * (low + high)
        if _chance_outside(n, most, *_pointwise(n, at, middle)) <= level:
            low = middle
        else:
            high = middle
    return _pointwise(n, at, low)


def _pointwise(n: int, at: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    if level == 0.0:
        return np.zeros(at.size), np.full(at.size, n)
    return stats.binom.ppf(level / 2, n, at), stats.binom.isf(level / 2, n, at)


def _chance_outside(n: int, most: int, low: np.ndarray, high: np.ndarray) -> float:
    """Chance that uniform ranks leave the band somewhere: exact, from one k to the next."""
    log_factorial = gammaln(np.arange(n + 1) + 1.0)
    before, chance = np.array([0]), np.array([1.0])
    for k in range(most):
        now = np.arange(int(low[k]), int(high[k]) + 1)
        p = 1.0 / (most + 1 - k)  # of the ranks that are k or more, those that are k
        more = now[None, :] - before[:, None]
        left = n - before[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            log_chance = (
                log_factorial[left]
                - log_factorial[np.maximum(more, 0)]
                - log_factorial[n - now[None, :]]
                + more * np.log(p)
                + (n - now[None, :]) * np.log1p(-p)
            )
        chance = chance @ np.where(more >= 0, np.exp(log_chance), 0.0)
        before = now
    return 1.0 - float(chance.sum())


@dataclass(frozen=True)
class Verdict:
    """What a setting's runs say together."""

    first: Run
    second: Run | None
    problems: dict[str, str]

    def __bool__(self) -> bool:
        return not self.problems


def judge(setting: Setting, n: int, seed: int, **planted: Any) -> Verdict:
    """Run, and run again with twice as many where a quantity is outside."""
    first = run(setting, n, seed, **planted)
    suspected = outside(first, seed)
    second, found = None, {}
    if suspected:
        second = run(setting, 2 * n, seed + 1_000_000, **planted)
        again = outside(second, seed + 1_000_000)
        found = {k: f"{suspected[k]}; again: {again[k]}" for k in suspected if k in again}
    for done in (first, second):
        found |= flaws(done, setting.divergent) if done is not None else {}
    return Verdict(first, second, found)


def flaws(done: Run, divergent: float) -> dict[str, str]:
    """What is wrong with the fits themselves: too many that failed, or draws that diverged."""
    told = {}
    if len(done.failed) > FAILED * done.n:
        told["failed fits"] = f"{len(done.failed)} of {done.n}: {'; '.join(done.failed[:3])}"
    if done.divergent > divergent:
        fits = sum(d > 0 for d in done.diverging)
        told["divergences"] = (
            f"{sum(done.diverging)} of {sum(done.drawn)} draws, in {fits} of {done.n} fits; "
            f"at most {divergent:.2%}"
        )
    return told
