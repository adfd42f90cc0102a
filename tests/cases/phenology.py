"""Phenology: every arrival and every departure of a species that uses the site, one by one."""

from __future__ import annotations

import numpy as np
from family_case import INVERSE, Case, every_history, predictors, visits, visits_made
from mpmath import mpf

from occupancy import families


def survey(**links):
    def make(rng):
        made = visits_made(rng, 5, 4, 1)
        made[2, -1] = False  # the last visit made comes before the last step
        y = np.where(made, rng.random(made.shape) < 0.4, np.nan)
        y[2] = np.where(made[2], 0.0, np.nan)
        return predictors(FAMILY, rng, y.shape), y, {"links": links} if links else {}

    return make


def joint(eta, y, extra):
    """Arrives at step a by the last visit, leaves after step d or stays to the end."""
    links = extra.get("links", {})

    def of(name, x):
        return INVERSE[links.get(name, "logit")](x)

    n = len(y)
    seen_at = {t: (seen, eta["p"][t, j]) for t, j, seen in visits(y)}
    last = max(seen_at, default=n - 1)
    psi, empty = of("psi", eta["psi"])
    out = {(0,) * n: 0 if any(seen for seen, _ in seen_at.values()) else empty}
    for a in range(last + 1):
        arrives = of("entry", eta["entry"][a])[0] if a < last else mpf(1)
        for t in range(a):
            arrives *= of("entry", eta["entry"][t])[1]
        for d in range(a, n):
            chance = psi * arrives
            for t in range(a, d):
                chance *= of("departure", eta["departure"][t])[1]
            if d < n - 1:
                chance *= of("departure", eta["departure"][d])[0]
            for t, (seen, x) in seen_at.items():
                p, q = of("p", x)
                if not a <= t <= d:
                    p, q = 0, 1
                chance *= p if seen else q
            out[(1,) * a + (2,) * (d - a + 1) + (3,) * (n - 1 - d)] = chance
    return out


def all_data(extra):
    return every_history((0, 1), 4, 1)


FAMILY = families.get("phenology")
CLOGLOG = {"psi": "cloglog", "entry": "cloglog", "departure": "cloglog", "p": "cloglog"}

CASES = [
    Case("phenology", FAMILY, survey(), joint, all_data),
    Case("phenology, cloglog", FAMILY, survey(**CLOGLOG), joint, all_data),
]
