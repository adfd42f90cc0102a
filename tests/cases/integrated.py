"""Integrated occupancy: one z, and a p for each source of visits."""

from __future__ import annotations

import numpy as np
from family_case import INVERSE, Case, every_history, predictors, visits, visits_made

from occupancy import families

SOURCES = ("camera", "transect", "eDNA")


def survey(family, known=None, **links):
    """Sites surveyed by all sources, by some, by one and by none."""

    def make(rng):
        made = visits_made(rng, 5, 1, 3)
        y = np.where(made, rng.random(made.shape) < 0.3, np.nan)
        y[2, 0, 0] = 1.0
        label = rng.integers(0, len(family.labels), made.shape)
        label[3] = 1
        extra = {"labels": label} | ({"links": links} if links else {})
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
        name = f"p[{SOURCES[int(extra['labels'][t, j])]}]"
        p, q = INVERSE[links.get(name, "logit")](eta[name][t, j])
        absent *= 0 if seen else 1
        present *= p if seen else q
    return {(0,): absent, (1,): present}


def joint_of_exposure(eta, y, extra):
    links = {"p[camera]": "cloglog", "p[transect]": "cloglog"}
    return joint(eta, y, extra | {"links": links})


def all_data(extra):
    return every_history((0, 1), 1, 3)


def told(values, extra):
    """A site known to be occupied has psi = 1 in the tables."""
    return values | {"psi": np.where(extra["known"], 1.0, values["psi"])}


TWO = families.get("integrated", sources=SOURCES[:2])
THREE = families.get("integrated", sources=SOURCES)
EXPOSED = families.get("integrated", sources=SOURCES[:2], effort="exposure")
LINKS = {"psi": "cloglog", "p[transect]": "cloglog"}
KNOWN = [True, False, True, False, True]

CASES = [
    Case("integrated, two", TWO, survey(TWO), joint, all_data),
    Case("integrated, cloglog", THREE, survey(THREE, **LINKS), joint, all_data),
    Case("integrated, known", TWO, survey(TWO, KNOWN), joint, all_data, values=told),
    Case("integrated, exposure", EXPOSED, survey(EXPOSED), joint_of_exposure, all_data),
]
