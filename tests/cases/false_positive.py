"""False positives: standard, unconfirmed and confirmed visits."""

from __future__ import annotations

import itertools

import numpy as np
from family_case import Case, logistic, predictors, visits, visits_made

from cases.turnover import nothing_seen, paths, shape_of
from occupancy import families


def survey(family, **links):
    def make(rng):
        made = visits_made(rng, *shape_of(family))
        labels = rng.integers(0, 3, made.shape)
        labels[1].flat[:3] = [2, 0, 1]
        y = np.floor(rng.random(made.shape) * np.where(labels == 2, 3.0, 2.0))
        y[0] = np.minimum(y[0], labels[0] > 0)  # nothing certain at the first site
        y[~made] = np.nan
        extra = {"labels": labels} | ({"links": links} if links else {})
        return predictors(family, rng, y.shape), y, extra

    return make


def joint(eta, y, extra):
    emission = nothing_seen(y)
    for t, j, seen in visits(y):
        p11, not_p11 = logistic(eta["p11"][t, j])
        b, not_b = logistic(eta["b"][t, j])
        if "q" in eta:
            q, not_q = logistic(eta["q"][t, j])
            p10, not_p10 = p11 * q, not_p11 + p11 * not_q
        else:
            p10, not_p10 = logistic(eta["p10"][t, j])
        present, absent = {
            0: ([not_p11, p11], [1, 0]),
            1: ([not_p11, p11], [not_p10, p10]),
            2: ([not_p11, p11 * not_b, p11 * b], [not_p10, p10, 0]),
        }[int(extra["labels"][t, j])]
        emission[t][0] *= absent[int(seen)]
        emission[t][1] *= present[int(seen)]
    return paths(eta, extra, emission)


def all_data(extra):
    labels = extra["labels"]
    values = [range(3) if label == 2 else range(2) for label in labels.flat]
    for cell in itertools.product(*values):
        yield np.array(cell, dtype=float).reshape(labels.shape)


def all_of_two_seasons(extra):
    return all_data({"labels": extra["labels"][:2]})


NAME = "false_positive"
CLOSED, MOVING = (families.get(NAME, seasons=s) for s in ("", "dynamic"))
BELOW, MOVING_BELOW = (families.get(NAME, mirror="below", seasons=s) for s in ("", "dynamic"))

CASES = [
    Case(NAME, CLOSED, survey(CLOSED), joint, all_data),
    Case(f"{NAME}, psi cloglog", CLOSED, survey(CLOSED, psi="cloglog"), joint, all_data),
    Case(f"{NAME}, p10 below p11", BELOW, survey(BELOW), joint, all_data),
    Case(f"{NAME}, dynamic", MOVING, survey(MOVING), joint, all_of_two_seasons),
    Case(
        f"{NAME}, p10 below p11, dynamic",
        MOVING_BELOW,
        survey(MOVING_BELOW),
        joint,
        all_of_two_seasons,
    ),
]
