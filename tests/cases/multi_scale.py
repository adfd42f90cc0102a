"""Multi-scale: z ~ Bernoulli(psi), a_t | z ~ Bernoulli(z theta_t), y | a ~ Bernoulli(a p)."""

from __future__ import annotations

import itertools

import numpy as np
from family_case import INVERSE, Case, every_history, predictors, visits, visits_made

from occupancy import families


def survey(**links):
    def make(rng):
        made = visits_made(rng, 5, 3, 2)
        y = np.where(made, rng.random(made.shape) < 0.3, np.nan)
        y[2] = np.where(made[2], 0.0, np.nan)
        return predictors(FAMILY, rng, y.shape), y, {"links": links} if links else {}

    return make


def joint(eta, y, extra):
    links = extra.get("links", {})

    def of(name, x):
        return INVERSE[links.get(name, "logit")](x)

    psi, empty = of("psi", eta["psi"])
    out = {}
    for z, prior in ((0, empty), (1, psi)):
        for used in itertools.product((0, 1), repeat=len(y) if z else 0):
            use = used if z else (0,) * len(y)
            chance = prior
            for t, a in enumerate(use if z else ()):
                theta, unused = of("theta", eta["theta"][t])
                chance *= theta if a else unused
            for t, j, seen in visits(y):
                p, q = of("p", eta["p"][t, j])
                if use[t]:
                    chance *= p if seen else q
                else:
                    chance *= 0 if seen else 1
            out[tuple(1 + a if z else 0 for a in use)] = chance
    return out


def all_data(extra):
    return every_history((0, 1), 2, 2)


FAMILY = families.get("multi_scale")
CLOGLOG = {"psi": "cloglog", "theta": "cloglog", "p": "cloglog"}

CASES = [
    Case("multi_scale", FAMILY, survey(), joint, all_data),
    Case("multi_scale, cloglog", FAMILY, survey(**CLOGLOG), joint, all_data),
]
