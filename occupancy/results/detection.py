"""Seeing the species: p on a visit as made, and how many visits are enough."""

from __future__ import annotations

from typing import Any

import numpy as np

from occupancy.problem import Predictor, Problem
from occupancy.results import availability
from occupancy.results.draws import Draws, natural, summary
from occupancy.results.passes import predictors_at
from surveys.problems import ModelError

MOST_DRAWS = 1000
LEAST_DRAWS, MOST_CELLS = 50, 300_000_000  # draws times cells of the tables: some seconds
ENOUGH = 0.95
RATE = "rate"  # of detections per unit of effort, from which the chance of at least one follows
OF_A_STATE = ("p11", "p1", "p2")  # detection where there is more than one kind of presence


def table(problem: Problem, draws: Draws, interval: float) -> list[dict[str, Any]]:
    """One row per species, and label of the visits or state: mean p of the visits made, p*, visits.

    p* is the mean, over the sites visited in a season, of the chance to see the species at least
    once in the visits made there then, each with its own p; ``visits`` is their median number;
    ``visits_for_95`` is how many visits at the mean p give 95 %. Where the species comes and goes
    within an occupied site (correlated visits, phenology, units), p and the visits for 95 % are
    those of visits that find it there, and p* is that of all visits made at a site, wherever it
    was at each.

    Raises
    ------
    ModelError
        Detection on a visit is no parameter of the family.
    """
    wanted = _wanted(problem)
    rows = []
    for told in wanted:
        rows += _of_parameter(problem, draws, interval, told.name, told.only, len(wanted) > 1)
    return rows


def means(problem: Problem, draws: Draws) -> list[tuple[str, str, np.ndarray]]:
    """(parameter, species, (draw,) mean p of the visits made) of every way of seeing a species.

    Raises
    ------
    ModelError
        Detection on a visit is no parameter of the family.
    """
    out = []
    for told in _wanted(problem):
        mine = _of_label(problem, told.only)
        values = _mean_p(problem, draws, told.name, _Unit(problem, mine))[0]
        species = [str(s) for s in problem.data["species"].values]
        names = [problem.family.labels[int(told.only)]] if problem.family.joint else species
        out += [(told.name, name, values[:, s]) for s, name in enumerate(names)]
    return out


def _wanted(problem: Problem) -> list[Any]:
    """The parameters that tell the chance to detect on a visit."""
    family = problem.family
    visits = [family.parameter(n) for n, p in problem.predictors.items() if _by_visit(p)]
    wanted = [p for p in visits if "p" in (p.name, p.short)]
    wanted = wanted or [p for p in visits if p.name in OF_A_STATE]
    if family.observes in ("time", "count") and RATE in problem.predictors:
        wanted = [family.parameter(RATE)]
    if not wanted or not family.states or family.observes == "score":
        raise ModelError(
            f"In family '{family.name}' the chance to detect on a visit is no parameter by "
            "itself; its parameters of detection stand among the coefficients."
        )
    return wanted


def _of_label(problem: Problem, only: str) -> np.ndarray:
    """(visit used,) bool: the visits that a parameter speaks of."""
    return problem.observed.label == int(only) if only else np.ones(problem.y.size, bool)


def _by_visit(p: Predictor) -> bool:
    """Whether a parameter is a probability that belongs to visits."""
    return p.level == "visit" and p.link in ("logit", "cloglog", "probit")


def _of_parameter(
    problem, draws, interval, name: str, only: str, several: bool
) -> list[dict[str, Any]]:
    mine = _of_label(problem, only)
    unit = _Unit(problem, mine)
    at = draws.told_at
    point = None if at is None else _mean_p(problem, at, name, unit)
    most = MOST_DRAWS
    if availability.is_local(problem.family):
        work = problem.y.size * problem.n_state
        most = int(np.clip(MOST_CELLS // max(work, 1), LEAST_DRAWS, MOST_DRAWS))
    drawn = _mean_p(problem, draws.thinned(most), name, unit)
    species = [str(s) for s in problem.data["species"].values]
    names = [problem.family.labels[int(only)]] if problem.family.joint else species
    rows = []
    for s, label in enumerate(names):
        made = unit.visits[unit.species == s]
        p = summary(drawn[0][:, s], interval)
        star = summary(drawn[1][:, s], interval)
        if point is not None:
            p["mean"], star["mean"] = point[0][0, s], point[1][0, s]
        row: dict[str, Any] = {"species": label}
        if several and not problem.family.joint:
            row["parameter"] = name
        row |= {f"p_{q}": float(p[q]) for q in ("mean", "lower", "upper")}
        row |= {f"p_star_{q}": float(star[q]) for q in ("mean", "lower", "upper")}
        row["visits"] = float(np.median(made)) if made.size else 0.0
        row["visits_for_95"] = _needed(p["mean"])
        row["visits_for_95_lower"] = _needed(p["upper"])
        row["visits_for_95_upper"] = _needed(p["lower"])
        rows.append(row)
    return rows


class _Unit:
    """Sites visited in a season: what the chance to see a species at least once belongs to.

    Of a family that takes all its steps for one closed period: sites.

    Attributes
    ----------
    of_visit : (own visit,) int64
    chain, visits, species : (unit,)
        Field order of the chains.
    species_of_visit : (own visit,)
    """

    def __init__(self, problem: Problem, mine: np.ndarray):
        seen = problem.observed
        one = problem.steps.over != "season" or problem.family.closed
        step = np.zeros_like(seen.step) if one else seen.step
        chain = problem.layout.site_order[seen.chain[mine]]
        units, self.of_visit = np.unique(chain * problem.n_step + step[mine], return_inverse=True)
        self.chain = units // problem.n_step
        n_site = problem.data.sizes["site"]
        joint = problem.family.joint
        self.species = np.zeros_like(units) if joint else units // problem.n_step // n_site
        self.visits = np.bincount(self.of_visit, minlength=units.size)
        self.n_species = 1 if joint else problem.data.sizes["species"]
        self.species_of_visit = self.species[self.of_visit]


def _needed(p: float) -> float:
    """Visits until the chance to have seen the species, if present, is 95 %; NaN if unknown.

    A chance that the data put at nothing asks for no number of visits that anyone could make.
    """
    if not np.isfinite(p) or p < LEAST:
        return float("nan")
    return float(np.ceil(np.log(1 - ENOUGH) / np.log1p(-p) - 1e-9)) if p < 1 else 1.0


LEAST = 1e-5  # 300,000 visits


def _at_least_one(
    problem: Problem, predictors: tuple[np.ndarray, ...], rate: np.ndarray
) -> np.ndarray:
    """Chance to detect within the effort of each visit: 1 - exp(-(rate effort)^k)."""
    seen = problem.observed
    hazard = rate if problem.family.parameter(RATE).exposure else rate * seen.effort
    names = list(problem.predictors)
    if "shape" in names:
        at = names.index("shape")
        shape = natural(problem.predictors["shape"], predictors[at])
        hazard = hazard ** shape[seen.chain]
    return -np.expm1(-hazard)


def _mean_p(
    problem: Problem, draws: Draws, name: str, unit: _Unit
) -> tuple[np.ndarray, np.ndarray]:
    """(draw, species) mean p over the visits made, and mean p* over the sites visited."""
    p: Predictor = problem.predictors[name]
    place = list(problem.predictors).index(name)
    made = np.bincount(unit.species_of_visit, minlength=unit.n_species)
    units = np.bincount(unit.species, minlength=unit.n_species)
    out, star = np.full((2, draws.n, unit.n_species), np.nan)
    for d in range(draws.n):
        every = predictors_at(problem, draws, d)
        eta = every[place]
        value = natural(p, eta if p.sign is None else eta * p.sign)
        if name == RATE:
            value = _at_least_one(problem, every, value)
        total = np.bincount(unit.species_of_visit, weights=value, minlength=unit.n_species)
        out[d] = np.where(made > 0, total / np.maximum(made, 1), np.nan)
        if availability.is_local(problem.family):
            some = 1.0 - availability.few_detections(problem, every)[0][unit.chain]
        else:
            with np.errstate(divide="ignore"):
                missed = np.bincount(
                    unit.of_visit, weights=np.log1p(-value), minlength=unit.visits.size
                )
            some = -np.expm1(missed)
        seen = np.bincount(unit.species, weights=some, minlength=unit.n_species)
        star[d] = np.where(units > 0, seen / np.maximum(units, 1), np.nan)
    return out, star
