"""The probability that a place is occupied, season by season, before it is looked at.

For a family whose psi is that probability, it is psi. For any other it follows from the family's
own tables: the first states, moved on from season to season by the rates of the place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from occupancy import links
from occupancy.problem import Predictor, Problem
from occupancy.results import places as one
from occupancy.results.draws import Draws, linear_predictor, summary

TABLES_AT_ONCE = 3_000_000  # doubles of the tables in memory at one time
LEVELS = ("site", "season", "interval")


@dataclass(frozen=True)
class Places:
    """Covariates of ``n`` places, at the levels that a family's parameters need.

    Attributes
    ----------
    site : {name: (n,)}
    season, interval : {name: (n * step,)}, {name: (n * (step - 1),)}
    """

    n: int
    site: Mapping[str, np.ndarray]
    season: Mapping[str, np.ndarray]
    interval: Mapping[str, np.ndarray]
    n_step: int

    def at(self, level: str) -> Mapping[str, np.ndarray]:
        """The covariates of one level."""
        return {"site": self.site, "season": self.season, "interval": self.interval}[level]


class Occupied:
    """Occupancy of places under one set of draws.

    Answers have the axes (kind, place, season): kind counts the species that share a chain, and
    is of length one for all other families.

    Parameters
    ----------
    covariance : (coefficient, coefficient) or None
        Of all parameters at a maximum of the likelihood.
    """

    def __init__(
        self, problem: Problem, draws: Draws, covariance: np.ndarray | None = None, seed: int = 0
    ):
        self.problem, self.draws, self.seed = problem, draws, seed
        self.covariance = covariance

    @cached_property
    def direct(self) -> Predictor | None:
        """The predictor of psi, where psi itself is asked for in one season."""
        psi = self.problem.predictors.get("psi")
        one_season = self.seasons.size == 1
        return psi if psi is not None and psi.level == "site" and one_season else None

    @cached_property
    def seasons(self) -> np.ndarray:
        """Step of each season that is reported."""
        return reported(self.problem)

    @cached_property
    def predictors(self) -> list[Predictor]:
        """Those that occupancy depends on."""
        if self.direct is not None:
            return [self.direct]
        return [p for p in self.problem.predictors.values() if p.level in LEVELS]

    @property
    def n_kind(self) -> int:
        return len(marks(self.problem))

    @property
    def _own_covariance(self) -> np.ndarray | None:
        """Covariance of the coefficients of psi alone."""
        if self.covariance is None or self.direct is None:
            return None
        o = 0
        for p in self.problem.predictors.values():
            k = len(p.terms)
            if p is self.direct:
                return self.covariance[o : o + k, o : o + k]
            o += k
        return None

    def summarise(self, places: Places, interval: float) -> one.Summary:
        """Mean, sd, lower and upper: (kind, place, season) each.

        At a maximum of the likelihood the mean is that of the maximum; the interval is Wald's on
        the link scale where psi is asked for directly, else from draws around the maximum.
        """
        if self.direct is not None:
            told = one.summarise(
                self.direct,
                self.draws,
                places.site,
                places.n,
                interval,
                self._own_covariance,
                self.seed,
            )
            return {k: v[None, :, None] for k, v in told.items()}
        shape = (self.n_kind, places.n, self.seasons.size)
        out = {k: np.empty(shape) for k in ("mean", "sd", "lower", "upper")}
        for rows, values in self.pieces(self.draws, places):
            for k, v in summary(values, interval).items():
                out[k][:, rows] = v
        if self.draws.told_at is not None:
            for rows, values in self.pieces(self.draws.told_at, places):
                out["mean"][:, rows] = values[0]
        return out

    def quantiles(self, places: Places, at: tuple[float, ...]) -> np.ndarray:
        """(kind, place, season, quantile)."""
        if self.direct is not None:
            told = one.quantiles(
                self.direct,
                self.draws,
                places.site,
                places.n,
                at,
                self._own_covariance,
                self.seed,
            )
            return told[None, :, None, :]
        out = np.empty((self.n_kind, places.n, self.seasons.size, len(at)))
        for rows, values in self.pieces(self.draws, places):
            out[:, rows] = np.moveaxis(np.quantile(values, at, axis=0), 0, -1)
        return out

    def weighted_mean(
        self, draws: Draws, places: Places, weights: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """{label: (draw, kind, season)} weighted mean over places, from joint draws.

        ``weights`` are (place,) or (kind, place); places without a value weigh nothing.
        """
        if self.direct is not None:
            told = one.weighted_mean(self.direct, draws, places.site, places.n, weights, self.seed)
            return {k: v[:, None, None] for k, v in told.items()}
        shape = (draws.n, self.n_kind, self.seasons.size)
        total = {k: np.zeros(shape) for k in weights}
        weight = {k: np.zeros(shape[1:]) for k in weights}
        for rows, values in self.pieces(draws, places):
            good = np.isfinite(values).all(axis=0)  # (kind, place, season)
            known = np.where(good, values, 0.0)
            for label, w in weights.items():
                full = np.broadcast_to(w, (self.n_kind, places.n))[:, rows]
                part = np.where(good, full[:, :, None], 0.0)
                total[label] += np.einsum("dkrt,krt->dkt", known, part)
                weight[label] += part.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {k: np.where(weight[k] > 0, total[k] / weight[k], np.nan) for k in weights}

    def pieces(self, draws: Draws, places: Places) -> Iterator[tuple[slice, np.ndarray]]:
        """(rows, (draw, kind, row, season) probabilities), so that maps of any size fit."""
        for rows, values in self.predicted(draws, places):
            yield rows, self._probabilities(values, draws.n, rows.stop - rows.start)

    def predicted(
        self, draws: Draws, places: Places
    ) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """(rows, {parameter: (draw * row[, step]) natural values})."""
        k, t = self.problem.n_state, self.problem.n_step
        size = max(1, TABLES_AT_ONCE // (t * k * k if t > 1 else max(k, 4)))
        step = max(1, size // max(draws.n, 1))
        for start in range(0, places.n, step):
            rows = slice(start, min(start + step, places.n))
            yield rows, self._predicted(draws, places, rows)

    def _predicted(self, draws: Draws, places: Places, rows: slice) -> dict[str, np.ndarray]:
        """{parameter: (draw * row[, step])} on the natural scale."""
        out = {}
        n = rows.stop - rows.start
        for p in self.predictors:
            if p.level == "site":
                part = {k: np.asarray(v)[rows] for k, v in places.site.items()}
                eta = linear_predictor(p, draws, part, n, self.seed).reshape(-1)
            else:
                width = self.problem.n_step - (p.level == "interval")
                frame = places.at(p.level)
                part = {
                    k: np.asarray(frame[k]).reshape(places.n, width)[rows].ravel()
                    for k in p.design.variables
                }
                eta = linear_predictor(p, draws, part, n * width, self.seed)
                eta = eta.reshape(draws.n * n, width)
            out[p.name] = links.LINKS[p.link].inverse(eta)
        return out

    def _probabilities(self, values, n_draw: int, n: int) -> np.ndarray:
        """(draw, kind, row, season) from the natural parameters."""
        if self.direct is not None:
            return values[self.direct.name].reshape(n_draw, 1, n, 1)
        told = projected(self.problem, values, n_draw * n)[:, self.seasons]  # (row, season, kind)
        return np.moveaxis(told.reshape(n_draw, n, self.seasons.size, self.n_kind), 3, 1)


def marks(problem: Problem) -> np.ndarray:
    """(kind, state) bool: which states count as occupied, for each species that shares a chain.

    Of numbers of individuals, every one but 0.
    """
    family = problem.family
    if family.joint:
        return np.array(family.holds, dtype=bool)
    more = max(problem.n_shown - len(family.occupied), 0)
    return np.array([[*family.occupied, *[True] * more]], dtype=bool)


def reported(problem: Problem) -> np.ndarray:
    """Step of each season that is reported: one where the sites do not change between steps."""
    if problem.family.closed or problem.steps.over == "visit":
        return np.zeros(1, np.int64)
    return problem.steps.of_season


def projected(problem: Problem, values: Mapping[str, np.ndarray], n: int) -> np.ndarray:
    """(row, step, kind) probability of being occupied, from natural parameters alone."""
    family = problem.family
    if family.psi is not None:
        return np.asarray(family.psi(values))[:, None, None]
    initial, transition = family_tables(problem, values, n)
    state = np.empty((n, problem.n_step, initial.shape[1]))
    state[:, 0] = initial
    for t in range(1, problem.n_step):
        state[:, t] = np.einsum("na,nab->nb", state[:, t - 1], transition[:, t - 1])
    return state @ marks(problem).T.astype(float)


def family_tables(
    problem: Problem, values: Mapping[str, np.ndarray], n: int
) -> tuple[np.ndarray, np.ndarray]:
    """(row, state) first states and (row, step - 1, from, to) changes, from natural parameters."""
    nothing = np.empty((n, problem.n_step, 0))
    full = dict(values)
    for p in problem.family.parameters:
        if p.level == "visit":
            full[p.name] = nothing
    full["label"] = nothing.astype(np.int64)
    initial, transition, _ = problem.family.tables(full, nothing, nothing)
    return initial, transition
