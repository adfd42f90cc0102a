"""Correlated visits: the species is here or away along the replicates of a site that it uses."""

from __future__ import annotations

import itertools

import numpy as np
from family_case import INVERSE, Case, every_history, logistic, predictors, visits, visits_made

from occupancy import families


def survey(family, **links):
    def make(rng):
        made = visits_made(rng, 5, 4, 1)
        y = np.where(made, rng.random(made.shape) < 0.4, np.nan)
        y[2] = np.where(made[2], 0.0, np.nan)
        return predictors(family, rng, y.shape), y, {"links": links} if links else {}

    return make


def joint(eta, y, extra):
    links = extra.get("links", {})
    psi, empty = INVERSE[links.get("psi", "logit")](eta["psi"])
    come, stay_away = logistic(eta["theta0"])
    stay, leave = logistic(eta["theta1"])
    if "pi" in eta:
        first, not_first = logistic(eta["pi"])
    else:
        first, not_first = come / (come + leave), leave / (come + leave)
    seen_at = {t: (seen, eta["p"][t, j]) for t, j, seen in visits(y)}
    out = {(0,) * len(y): 0 if any(seen for seen, _ in seen_at.values()) else empty}
    for here in itertools.product((0, 1), repeat=len(y)):
        chance = psi * (first if here[0] else not_first)
        for before, now in itertools.pairwise(here):
            to_here, to_away = (stay, leave) if before else (come, stay_away)
            chance *= to_here if now else to_away
        for t, (seen, x) in seen_at.items():
            p, q = INVERSE[links.get("p", "logit")](x)
            if not here[t]:
                p, q = 0, 1
            chance *= p if seen else q
        out[tuple(1 + a for a in here)] = chance
    return out


def all_data(extra):
    return every_history((0, 1), 4, 1)


FAMILY = families.get("correlated")
BALANCED = families.get("correlated", start="equilibrium")

CASES = [
    Case("correlated", FAMILY, survey(FAMILY), joint, all_data),
    Case("correlated, p cloglog", FAMILY, survey(FAMILY, p="cloglog"), joint, all_data),
    Case("correlated, equilibrium", BALANCED, survey(BALANCED), joint, all_data),
]
