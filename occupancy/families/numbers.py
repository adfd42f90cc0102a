"""What families of numbers of individuals share in plain numpy: priors of N, and means."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import special, stats

from occupancy.families.base import Observed, Parameter, Values

LAM = Parameter("lam", "site", ("log",), "expected number of individuals at a site")
SIZE = Parameter(
    "size", "site", ("log",), "size of the negative binomial: variance lam + lam^2 / size"
)
ZERO = Parameter("zero", "site", ("logit",), "probability that a site can hold no individual")
OF_MIXTURE: dict[str, tuple[Parameter, ...]] = {
    "poisson": (LAM,),
    "negative_binomial": (LAM, SIZE),
    "zip": (LAM, ZERO),
}
TAIL = 1e-13


def log_prior(values: Values, n: np.ndarray) -> np.ndarray:
    """log P(N = n) of every site and number: (site, n)."""
    lam = np.asarray(values["lam"], dtype=np.float64)[:, None]
    if "size" in values:
        size = np.asarray(values["size"], dtype=np.float64)[:, None]
        return stats.nbinom.logpmf(n, size, size / (size + lam))
    out = stats.poisson.logpmf(n, lam)
    if "zero" in values:
        zero = np.asarray(values["zero"], dtype=np.float64)[:, None]
        with np.errstate(divide="ignore"):
            structural = np.where(n == 0, np.log(zero), -np.inf)
            out = np.logaddexp(structural, np.log1p(-zero) + out)
    return out


def most_individuals(values: Values, y: np.ndarray | None = None) -> int:
    """A number that N exceeds with probability below 1e-13 at every site, seen or not."""
    lam = np.asarray(values["lam"], dtype=np.float64)
    if "size" in values:
        size = np.asarray(values["size"], dtype=np.float64)
        upper = stats.nbinom.isf(TAIL, size, size / (size + lam))
    else:
        upper = stats.poisson.isf(TAIL, lam)
    most = int(np.max(upper, initial=1.0))
    seen = 0 if y is None or np.isnan(y).all() else int(np.nanmax(y))
    return max(most, seen + most) + 1


def presence(values: Values) -> np.ndarray:
    """psi = P(N > 0) of every site."""
    lam = np.asarray(values["lam"], dtype=np.float64)
    if "size" in values:
        size = np.asarray(values["size"], dtype=np.float64)
        return -np.expm1(-size * np.log1p(lam / size))
    return (1 - np.asarray(values.get("zero", 0.0))) * -special.expm1(-lam)


def expected_number(values: Values, slopes: Mapping[str, np.ndarray]) -> np.ndarray:
    """E[N | data] of every site, from the slopes of the log-likelihood by its predictors.

    The mean of a number given the data is its mean before them plus what the data pull at it:

        Poisson              lam + d log L / d log lam
        negative binomial    lam + (1 + lam / size) d log L / d log lam
        zero-inflated        lam (1 - P(structural zero | data)) + d log L / d log lam

    with P(structural zero | data) = zero + d log L / d logit zero.

    Parameters
    ----------
    values : {parameter: (site,)}
        Natural scale.
    slopes : {parameter: (site,)}
        ``Evaluated.gradients``.
    """
    lam, pull = np.asarray(values["lam"]), np.asarray(slopes["lam"])
    if "size" in values:
        return lam + (1 + lam / np.asarray(values["size"])) * pull
    if "zero" in values:
        return lam * (1 - values["zero"] - np.asarray(slopes["zero"])) + pull
    return lam + pull


def guess_individuals(observed: Observed) -> dict[str, float]:
    """Where maximum likelihood starts, for the parameters of N."""
    most = np.zeros(observed.n_chain)
    np.maximum.at(most, observed.chain, observed.y)
    visited = np.bincount(observed.chain, minlength=observed.n_chain) > 0
    lam = float(1.5 * most[visited].mean()) if visited.any() else 1.0
    return {"lam": max(lam, 0.1), "size": 3.0, "zero": 0.1}


def number_slots(observed: Observed, saw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of each visit among those of its chain that saw something (-1 elsewhere); how many.

    Both float64: (visit,) and (chain,).
    """
    where = np.flatnonzero(saw)
    chain = observed.chain[where]
    many = np.bincount(chain, minlength=observed.n_chain)
    order = np.argsort(chain, kind="stable")
    first = np.cumsum(many) - many
    number = np.full(saw.size, -1.0)
    number[where[order]] = np.arange(where.size) - np.repeat(first, many)
    return number, many.astype(np.float64)
