"""Autologistic: the log odds of occupancy move by theta where the site was occupied before."""

from __future__ import annotations

import numpy as np
from family_case import (
    INVERSE,
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


def survey(family, **links):
    def make(rng):
        made = visits_made(rng, 5, 3, 2)
        y = np.where(made, rng.random(made.shape) < 0.4, np.nan)
        return predictors(family, rng, y.shape), y, {"links": links} if links else {}

    return make


def joint_of(balanced):
    def joint(eta, y, extra):
        transition = []
        for t, theta in enumerate(eta["theta"]):
            gamma, not_gamma = logistic(eta["psi"][t + 1])
            stay, leave = logistic(eta["psi"][t + 1] + theta)
            transition.append([[not_gamma, gamma], [leave, stay]])
        psi, empty = logistic(eta["psi"][0])
        if balanced:
            _, leave = logistic(eta["psi"][0] + eta["theta"][0])
            psi, empty = psi / (psi + leave), leave / (psi + leave)
        emission = [[mpf(1), mpf(1)] for _ in y]
        for t, j, seen in visits(y):
            p, q = INVERSE[extra.get("links", {}).get("p", "logit")](eta["p"][t, j])
            emission[t][0] *= 0 if seen else 1
            emission[t][1] *= p if seen else q
        return paths_of_chain([empty, psi], transition, emission)

    return joint


def all_data(extra):
    return every_history((0, 1), 2, 2)


PLAIN = families.get("autologistic")
BALANCED = families.get("autologistic", start="equilibrium")

CASES = [
    Case("autologistic", PLAIN, survey(PLAIN), joint_of(False), all_data),
    Case("autologistic, p cloglog", PLAIN, survey(PLAIN, p="cloglog"), joint_of(False), all_data),
    Case("autologistic, equilibrium", BALANCED, survey(BALANCED), joint_of(True), all_data),
]
