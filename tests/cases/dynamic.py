"""Dynamic occupancy: colonised with gamma, abandoned with epsilon; or begun in equilibrium."""

from __future__ import annotations

import numpy as np
from family_case import (
    Case,
    every_history,
    logistic,
    paths_of_chain,
    predictors,
    visits,
    visits_made,
)
from mpmath import mpf

from occupancy import families


def survey(family):
    def make(rng):
        made = visits_made(rng, 5, 3, 2)
        y = np.where(made, rng.random(made.shape) < 0.4, np.nan)
        return predictors(family, rng, y.shape), y, {}

    return make


def joint(eta, y, extra):
    gamma, not_gamma = zip(*map(logistic, eta["gamma"]), strict=True)
    epsilon, not_epsilon = zip(*map(logistic, eta["epsilon"]), strict=True)
    if "psi" in eta:
        psi, empty = logistic(eta["psi"])
    else:
        psi = gamma[0] / (gamma[0] + epsilon[0])
        empty = epsilon[0] / (gamma[0] + epsilon[0])
    transition = [
        [[not_gamma[t], gamma[t]], [epsilon[t], not_epsilon[t]]] for t in range(len(gamma))
    ]
    emission = [[mpf(1), mpf(1)] for _ in y]
    for t, j, seen in visits(y):
        p, q = logistic(eta["p"][t, j])
        emission[t][0] *= 0 if seen else 1
        emission[t][1] *= p if seen else q
    return paths_of_chain([empty, psi], transition, emission)


def all_data(extra):
    return every_history((0, 1), 2, 2)


PLAIN = families.get("dynamic")
BALANCED = families.get("dynamic", start="equilibrium")

CASES = [
    Case("dynamic", PLAIN, survey(PLAIN), joint, all_data),
    Case("dynamic, equilibrium", BALANCED, survey(BALANCED), joint, all_data),
]
