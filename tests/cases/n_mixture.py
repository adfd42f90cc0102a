"""N-mixture: N ~ Poisson, negative binomial or zero-inflated Poisson, y | N ~ Binomial(N, p)."""

from __future__ import annotations

import numpy as np
from family_case import Case, every_history, logistic, predictors, visits, visits_made
from mpmath import mp, mpf

from cases.numbers import joint_of_numbers, paths
from occupancy import families

MOST = 22  # the means of site 2 are below 1: P(more) < 1e-16


def survey(family, rows=2):
    def make(rng):
        made = visits_made(rng, 5, 1, 3)
        y = np.where(made, rng.binomial(rng.poisson(3.0, (5, 1, 1)), 0.5, made.shape), np.nan)
        y[1], y[2, 0, 0] = 0.0, 40.0
        made[2, 0, 0] = True
        eta = predictors(family, rng, y.shape)
        eta["lam"][1], eta["lam"][2] = -0.5, 4.0
        if "size" in eta:
            eta["size"] = np.maximum(eta["size"], 0.0)  # shorter tails, fewer terms to add
            eta["size"][1] = 2.5
        return eta, y, {"n_state": rows}

    return make


def joint(eta, y, extra):
    made = [(int(count), *logistic(eta["p"][t, j])) for t, j, count in visits(y)]

    def seen():
        n = 0
        while True:
            chance = mpf(1)
            for count, p, q in made:
                chance *= mp.binomial(n, count) * p**count * q ** (n - count) if count <= n else 0
            yield chance
            n += 1

    return paths(joint_of_numbers(eta, seen(), extra["n_state"]))


def all_data(extra):
    return every_history(range(MOST), 1, 2)


FIXED = ("lam", "size", "zero")
OF = {m: families.get("n_mixture", mixture=m) for m in ("poisson", "negative_binomial", "zip")}

CASES = [
    Case(f"n_mixture, {name}", family, survey(family, rows), joint, all_data, unscaled=FIXED)
    for name, family, rows in (
        ("poisson", OF["poisson"], 2),
        ("rows", OF["poisson"], 60),
        ("negative_binomial", OF["negative_binomial"], 2),
        ("zip", OF["zip"], 6),
    )
]
