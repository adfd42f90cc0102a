"""Stacked seasons: occupied or not with the psi of the season, whatever was before."""

from __future__ import annotations

from family_case import INVERSE, Case, every_history, paths_of_chain, visits
from mpmath import mpf

from cases.autologistic import survey
from occupancy import families


def joint(eta, y, extra):
    links = extra.get("links", {})
    chances = [INVERSE[links.get("psi", "logit")](psi) for psi in eta["psi"]]
    rows = [[empty, psi] for psi, empty in chances]
    emission = [[mpf(1), mpf(1)] for _ in y]
    for t, j, seen in visits(y):
        p, q = INVERSE[links.get("p", "logit")](eta["p"][t, j])
        emission[t][0] *= 0 if seen else 1
        emission[t][1] *= p if seen else q
    return paths_of_chain(rows[0], [[row, row] for row in rows[1:]], emission)


def all_data(extra):
    return every_history((0, 1), 2, 2)


FAMILY = families.get("stacked")

CASES = [
    Case("stacked", FAMILY, survey(FAMILY), joint, all_data),
    Case("stacked, cloglog", FAMILY, survey(FAMILY, psi="cloglog", p="cloglog"), joint, all_data),
]
