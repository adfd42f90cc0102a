"""Multi-state: true states 0, 1, 2 are seen as themselves or lower, in two parameterisations."""

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
from mpmath import mp, mpf

from occupancy import families


def survey(family):
    n_season = 3 if family.max_seasons is None else 1

    def make(rng):
        made = visits_made(rng, 5, n_season, 2 if n_season > 1 else 3)
        y = np.where(made, rng.choice(3, made.shape, p=[0.6, 0.25, 0.15]), np.nan)
        y[2] = np.where(made[2], 0.0, np.nan)
        return predictors(family, rng, y.shape), y, {}

    return make


def row(first, second):
    """Chances of 0, 1, 2: occupied or not, then in state 2 or not."""
    occupied, empty = logistic(first)
    two, one = logistic(second)
    return [empty, occupied * one, occupied * two]


def logits(*log_odds):
    weights = [mp.exp(x) for x in log_odds]
    return [w / mp.fsum(weights) for w in weights]


def conditional(eta, y, extra):
    transition = []
    for t in range(len(y) - 1):
        if "phi0" in eta:
            transition.append([row(eta[f"phi{k}"][t], eta[f"R{k}"][t]) for k in range(3)])
    emission = [[mpf(1)] * 3 for _ in y]
    for t, j, seen in visits(y):
        p1, q1 = logistic(eta["p1"][t, j])
        chances = [[1, 0, 0], [q1, p1, 0], row(eta["p2"][t, j], eta["delta"][t, j])]
        emission[t] = [e * c[int(seen)] for e, c in zip(emission[t], chances, strict=True)]
    return paths_of_chain(row(eta["psi"], eta["R"]), transition, emission)


def multinomial(eta, y, extra):
    transition = []
    for t in range(len(y) - 1):
        if "phi01" in eta:
            table = [
                logits(*(mpf(0) if a == b else eta[f"phi{a}{b}"][t] for b in range(3)))
                for a in range(3)
            ]
            transition.append(table)
    emission = [[mpf(1)] * 3 for _ in y]
    for t, j, seen in visits(y):
        in_one = [*logits(mpf(0), eta["p11"][t, j]), 0]
        in_two = logits(mpf(0), eta["p12"][t, j], eta["p22"][t, j])
        chances = [[1, 0, 0], in_one, in_two]
        emission[t] = [e * c[int(seen)] for e, c in zip(emission[t], chances, strict=True)]
    return paths_of_chain(logits(mpf(0), eta["psi1"], eta["psi2"]), transition, emission)


def one_season(extra):
    return every_history((0, 1, 2), 1, 3)


def two_seasons(extra):
    return every_history((0, 1, 2), 2, 2)


STATIC = families.get("multi_state")
DYNAMIC = families.get("multi_state", seasons="dynamic")
LOGITS = families.get("multi_state", form="multinomial")
DYNAMIC_LOGITS = families.get("multi_state", form="multinomial", seasons="dynamic")

CASES = [
    Case("multi_state", STATIC, survey(STATIC), conditional, one_season),
    Case("multi_state, dynamic", DYNAMIC, survey(DYNAMIC), conditional, two_seasons),
    Case("multi_state, multinomial", LOGITS, survey(LOGITS), multinomial, one_season),
    Case(
        "multi_state, multinomial, dynamic",
        DYNAMIC_LOGITS,
        survey(DYNAMIC_LOGITS),
        multinomial,
        two_seasons,
    ),
]
