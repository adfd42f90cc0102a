"""Royle-Nichols: N ~ Poisson or negative binomial, y | N ~ Bernoulli(1 - (1 - r)^N)."""

from __future__ import annotations

import numpy as np
from family_case import Case, every_history, logistic, predictors, visits, visits_made
from mpmath import mpf

from cases.numbers import joint_of_numbers, paths
from occupancy import families


def survey(family, rows=2):
    def make(rng):
        made = visits_made(rng, 5, 1, 3)
        y = np.where(made, rng.random(made.shape) < 0.5, np.nan)
        y[1], y[2, 0, 0] = 0.0, 1.0
        eta = predictors(family, rng, y.shape)
        if "size" in eta:
            eta["size"] = np.maximum(eta["size"], 0.0)  # shorter tails, fewer terms to add
        return eta, y, {"n_state": rows}

    return make


def joint(eta, y, extra):
    made = visits(y)
    miss = [logistic(eta["r"][t, j])[1] for t, j, _ in made]

    def seen():
        none = [mpf(1)] * len(made)  # that none of N individuals is detected
        while True:
            chance = mpf(1)
            for (_, _, value), q in zip(made, none, strict=True):
                chance *= 1 - q if value else q
            yield chance
            none = [q * m for q, m in zip(none, miss, strict=True)]

    return paths(joint_of_numbers(eta, seen(), extra["n_state"]))


def all_data(extra):
    return every_history((0, 1), 1, 3)


POISSON = families.get("royle_nichols")
NEGATIVE_BINOMIAL = families.get("royle_nichols", mixture="negative_binomial")
FIXED = ("lam", "size")

CASES = [
    Case("royle_nichols", POISSON, survey(POISSON), joint, all_data, unscaled=FIXED),
    Case("royle_nichols, rows", POISSON, survey(POISSON, 12), joint, all_data, unscaled=FIXED),
    Case(
        "royle_nichols, negative binomial",
        NEGATIVE_BINOMIAL,
        survey(NEGATIVE_BINOMIAL, 8),
        joint,
        all_data,
        unscaled=FIXED,
    ),
]
