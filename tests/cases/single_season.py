"""Single season: z ~ Bernoulli(psi), y | z ~ Bernoulli(z p)."""

from __future__ import annotations

import numpy as np
from family_case import INVERSE, Case, every_history, predictors, visits, visits_made

from occupancy import families


def survey(family, known=None, **links):
    def make(rng):
        made = visits_made(rng, 5, 1, 3)
        y = np.where(made, rng.random(made.shape) < 0.3, np.nan)
        y[1], y[2, 0, 0] = 0.0, 1.0
        extra = {"links": links} if links else {}
        if known is not None:
            extra["known"] = np.array(known)
        return predictors(family, rng, y.shape), y, extra

    return make


def joint(eta, y, extra):
    links = extra.get("links", {})
    psi, empty = INVERSE[links.get("psi", "logit")](eta["psi"])
    if extra.get("known", False):
        psi, empty = 1, 0
    absent, present = empty, psi
    for t, j, seen in visits(y):
        p, q = INVERSE[links.get("p", "logit")](eta["p"][t, j])
        absent *= 0 if seen else 1
        present *= p if seen else q
    return {(0,): absent, (1,): present}


def all_data(extra):
    return every_history((0, 1), 1, 3)


def told(values, extra):
    """A site known to be occupied has psi = 1 in the tables."""
    return values | {"psi": np.where(extra["known"], 1.0, values["psi"])}


FAMILY = families.get("single_season")
KNOWN = [False, True, True, False, True]

CASES = [
    Case("single_season", FAMILY, survey(FAMILY), joint, all_data),
    Case("single_season, psi cloglog", FAMILY, survey(FAMILY, psi="cloglog"), joint, all_data),
    Case("single_season, p cloglog", FAMILY, survey(FAMILY, p="cloglog"), joint, all_data),
    Case("single_season, known", FAMILY, survey(FAMILY, KNOWN), joint, all_data, values=told),
]
