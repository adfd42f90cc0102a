"""Scores: a mixture of two normals if present, the lower one if absent."""

from __future__ import annotations

import numpy as np
from family_case import Case, logistic, predictors, visits, visits_made
from mpmath import mp, mpf

from cases.turnover import nothing_seen, paths, shape_of
from occupancy import families


def survey(family, **links):
    def make(rng):
        made = visits_made(rng, *shape_of(family))
        y = np.where(made, rng.normal(0.5, 2.0, made.shape), np.nan)
        eta = predictors(family, rng, y.shape, spread=0.7)
        return eta, y, {"links": links} if links else {}

    return make


def normal(y, mu, sigma):
    return mp.exp(-(((mpf(y) - mu) / sigma) ** 2) / 2) / (sigma * mp.sqrt(2 * mp.pi))


def joint(eta, y, extra):
    mu0, sigma0, sigma1 = eta["mu0"], mp.exp(eta["sigma0"]), mp.exp(eta["sigma1"])
    mu1 = mu0 + mp.exp(eta["gap"])
    emission = nothing_seen(y)
    for t, j, score in visits(y):
        p, q = logistic(eta["p"][t, j])
        noise = normal(score, mu0, sigma0)
        emission[t][0] *= noise
        emission[t][1] *= p * normal(score, mu1, sigma1) + q * noise
    return paths(eta, extra, emission)


CLOSED = families.get("scores")
MOVING = families.get("scores", seasons="dynamic")

CASES = [
    Case("scores", CLOSED, survey(CLOSED), joint),
    Case("scores, psi cloglog", CLOSED, survey(CLOSED, psi="cloglog"), joint),
    Case("scores, dynamic", MOVING, survey(MOVING), joint),
]
