"""What a family gives to be held to its definition: a tiny survey and P(path, data), many digits.

``tests/cases/NAME.py`` holds ``CASES`` of one family, ``tests/cases/__init__.py`` one line for it,
and ``tests/test_families.py`` runs every test on every case.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import mp, mpf

from occupancy.families.base import Family

BY_SITE = ("effort", "labels", "known", "detected")  # extras with sites along their first axis
Paths = dict[tuple[int, ...], mpf]


@dataclass(frozen=True, eq=False)
class Case:
    """One family with one choice of options, links and data.

    Attributes
    ----------
    make : callable
        ``make(rng) -> (eta, y, extra)``: predictors by parameter as for ``padded.evaluate``,
        finite everywhere; y (site, season, visit), NaN where no visit was made, 3 to 5 sites, at
        most 3 seasons and 3 visits, one site without visits and, with several seasons, one
        season without; further arguments of ``padded.evaluate``.
    joint : callable
        ``joint(eta, y, extra) -> {path of states: P(path, y)}`` of one site, from the paper's
        definition: each complement written out, nothing in logarithms. ``eta`` holds mpf (site
        level) or object arrays of mpf without the axis of sites, ``y`` is (season, visit) with
        NaN, ``extra`` that of the site. Paths of probability 0 may be left out.
    all_data : callable or None
        ``all_data(extra) -> y, y, ...``: every data set that one site may have, (season, visit),
        no larger than the ``y`` of ``make``; None where they cannot be listed.
    exchangeable : bool
        Whether visits of one season may trade places, with their predictors.
    extends : bool
        Whether a last season without visits may be added.
    rtol : float
        Of the log-likelihood and of the smoothed states.
    scales : tuple of float
        The predictors are tried times each of these.
    unscaled : tuple of str
        Parameters whose predictors are left as they are.
    values : callable or None
        ``values(values, extra) -> values``: changes the natural values given to ``tables``.
    """

    name: str
    family: Family
    make: Callable[[np.random.Generator], tuple[dict[str, np.ndarray], np.ndarray, dict[str, Any]]]
    joint: Callable[[dict[str, Any], np.ndarray, dict[str, Any]], Paths]
    all_data: Callable[[dict[str, Any]], Iterable[np.ndarray]] | None = None
    exchangeable: bool = True
    extends: bool = True
    rtol: float = 1e-10
    scales: tuple[float, ...] = (1.0, 40.0)
    unscaled: tuple[str, ...] = ()
    values: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None

    def __str__(self) -> str:
        return self.name


# ---------------------------------------------------------------- for ``make``


def visits_made(
    rng: np.random.Generator, n_site: int, n_season: int, n_visit: int, share: float = 0.75
) -> np.ndarray:
    """(site, season, visit) bool: the last site without visits, the first with a season without.

    The second site has every visit.
    """
    made = rng.random((n_site, n_season, n_visit)) < share
    made[0, 0, 0] = made[0, -1, -1] = True
    made[1] = True
    if n_season > 1:
        made[0, n_season // 2 if n_season > 2 else 1] = False
    made[-1] = False
    return made


def predictors(
    family: Family, rng: np.random.Generator, shape: tuple[int, int, int], spread: float = 1.0
) -> dict[str, np.ndarray]:
    """A normal predictor for every parameter, in the shape of its level."""
    n_site, n_season, _ = shape
    shapes = {
        "site": (n_site,),
        "season": (n_site, n_season),
        "interval": (n_site, n_season - 1),
        "visit": shape,
    }
    return {p.name: spread * rng.normal(size=shapes[p.level]) for p in family.parameters}


def every_history(values: Iterable[float], n_season: int, n_visit: int) -> list[np.ndarray]:
    """Every (season, visit) of these values, all visits made."""
    cells = itertools.product(tuple(values), repeat=n_season * n_visit)
    return [np.array(cell, dtype=np.float64).reshape(n_season, n_visit) for cell in cells]


# ---------------------------------------------------------------- for ``joint``


def logistic(x: mpf) -> tuple[mpf, mpf]:
    """Probability and its complement, both written out."""
    return 1 / (1 + mp.exp(-x)), 1 / (1 + mp.exp(x))


def cloglog(x: mpf) -> tuple[mpf, mpf]:
    """Probability and its complement from the log of a hazard, both written out."""
    hazard = mp.exp(x)
    return -mp.expm1(-hazard), mp.exp(-hazard)


def probit(x: mpf) -> tuple[mpf, mpf]:
    """Phi(x) and Phi(-x)."""
    return mp.ncdf(x), mp.ncdf(-x)


INVERSE = {"logit": logistic, "cloglog": cloglog, "probit": probit}


def visits(y: np.ndarray) -> list[tuple[int, int, float]]:
    """(season, visit, y) of every visit made at one site."""
    return [(int(t), int(j), float(y[t, j])) for t, j in np.argwhere(~np.isnan(y))]


def paths_of_chain(initial, transition, emission) -> Paths:
    """Every path through a chain: initial [k], transition [t][a][b], emission [t][k]."""
    out = {}
    for path in itertools.product(range(len(initial)), repeat=len(emission)):
        chance = mpf(initial[path[0]])
        for t, k in enumerate(path):
            chance *= emission[t][k]
            if t:
                chance *= transition[t - 1][path[t - 1]][k]
        out[path] = chance
    return out


# ---------------------------------------------------------------- for the tests


def exact(eta: Mapping[str, np.ndarray], i: int) -> dict[str, Any]:
    """Predictors of site ``i`` as mpf, or object arrays of mpf."""

    def one(value):
        if np.ndim(value) == 0:
            return mpf(float(value))
        out = np.empty(np.shape(value), dtype=object)
        for index in np.ndindex(out.shape):
            out[index] = mpf(float(value[index]))
        return out

    return {name: one(np.asarray(value)[i]) for name, value in eta.items()}


def of_site(extra: Mapping[str, Any], i: int) -> dict[str, Any]:
    """Further arguments of site ``i``."""
    return {k: np.asarray(v)[i] if k in BY_SITE else v for k, v in extra.items()}
