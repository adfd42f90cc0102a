"""Counts: n | present ~ Poisson(mean), the mean with its effort; 0 if absent."""

from __future__ import annotations

import numpy as np
from family_case import Case, every_history, predictors, visits, visits_made
from mpmath import mp

from cases.turnover import nothing_seen, paths, shape_of
from occupancy import families

MOST = 25  # the means of site 2 are below 3: P(more) < 1e-16


def survey(family, **links):
    def make(rng):
        made = visits_made(rng, *shape_of(family))
        y = np.where(made, rng.poisson(1.5, made.shape), np.nan)
        y[0], y[2, 0, 0] = np.where(made[0], 0.0, np.nan), 500.0
        made[2, 0, 0] = True
        eta = predictors(family, rng, y.shape, spread=0.5)
        eta["rate"][1] = np.minimum(eta["rate"][1], 0.5)
        eta["rate"][2, 0, 0] = 6.0
        return eta, y, {"links": links} if links else {}

    return make


def joint(eta, y, extra):
    emission = nothing_seen(y)
    for t, j, n in visits(y):
        mean = mp.exp(eta["rate"][t, j])
        emission[t][0] *= 0 if n else 1
        emission[t][1] *= mean ** int(n) / mp.factorial(int(n)) * mp.exp(-mean)
    return paths(eta, extra, emission)


def all_of_one_season(extra):
    return every_history(range(MOST), 1, 2)


def all_of_two_seasons(extra):
    return every_history(range(MOST), 2, 1)


CLOSED = families.get("counts")
MOVING = families.get("counts", seasons="dynamic")

CASES = [
    Case("counts", CLOSED, survey(CLOSED), joint, all_of_one_season),
    Case("counts, psi cloglog", CLOSED, survey(CLOSED, psi="cloglog"), joint, all_of_one_season),
    Case("counts, dynamic", MOVING, survey(MOVING), joint, all_of_two_seasons),
]
