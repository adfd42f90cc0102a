"""Time to detection: density where detected, survival to the end of the visit elsewhere."""

from __future__ import annotations

import numpy as np
from family_case import Case, predictors, visits, visits_made
from mpmath import mp, mpf

from cases.turnover import nothing_seen, paths, shape_of
from occupancy import families


def survey(family, **links):
    def make(rng):
        made = visits_made(rng, *shape_of(family))
        effort = rng.uniform(0.5, 4.0, made.shape)
        y = np.where(rng.random(made.shape) < 0.5, effort * rng.random(made.shape), np.inf)
        y[2, 0, 0], made[2, 0, 0] = 1e-9, True
        y[0] = np.inf
        y[~made] = np.nan
        eta = predictors(family, rng, y.shape, spread=0.7)
        return eta, y, {"effort": effort} | ({"links": links} if links else {})

    return make


def joint(eta, y, extra):
    k = mp.exp(eta["shape"]) if "shape" in eta else mpf(1)
    emission = nothing_seen(y)
    for t, j, seen in visits(y):
        rate = mp.exp(eta["rate"][t, j])
        if np.isinf(seen):
            emission[t][1] *= mp.exp(-((rate * mpf(float(extra["effort"][t, j]))) ** k))
        else:
            u = rate * mpf(seen)
            emission[t][0] = mpf(0)
            emission[t][1] *= k * rate * u ** (k - 1) * mp.exp(-(u**k))
    return paths(eta, extra, emission)


NAME = "time_to_detection"
CLOSED, MOVING = (families.get(NAME, seasons=s) for s in ("", "dynamic"))
WEIBULL, MOVING_WEIBULL = (families.get(NAME, times="weibull", seasons=s) for s in ("", "dynamic"))
# The exponent of an exponent: shapes of e^40 have no number in any software.
APART = {"unscaled": ("shape",)}

CASES = [
    Case(NAME, CLOSED, survey(CLOSED), joint),
    Case(f"{NAME}, psi cloglog", CLOSED, survey(CLOSED, psi="cloglog"), joint),
    Case(f"{NAME}, dynamic", MOVING, survey(MOVING), joint),
    Case(f"{NAME}, weibull", WEIBULL, survey(WEIBULL), joint, **APART),
    Case(f"{NAME}, weibull, dynamic", MOVING_WEIBULL, survey(MOVING_WEIBULL), joint, **APART),
]
