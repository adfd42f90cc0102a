"""Presence in one season or several, for the families that share it: all but what visits see."""

from __future__ import annotations

from family_case import INVERSE, logistic, paths_of_chain
from mpmath import mpf


def paths(eta, extra, emission):
    """Every path of absent and present, given emission [season][state]."""
    psi, empty = INVERSE[extra.get("links", {}).get("psi", "logit")](eta["psi"])
    transition = []
    if "gamma" in eta:
        for come, go in zip(eta["gamma"], eta["epsilon"], strict=True):
            gamma, not_gamma = logistic(come)
            epsilon, not_epsilon = logistic(go)
            transition.append([[not_gamma, gamma], [epsilon, not_epsilon]])
    return paths_of_chain([empty, psi], transition, emission)


def nothing_seen(y):
    """Emission [season][state] before any visit."""
    return [[mpf(1), mpf(1)] for _ in y]


def shape_of(family):
    """(site, season, visit) of a tiny survey."""
    return (5, 1, 3) if family.max_seasons == 1 else (5, 3, 2)
