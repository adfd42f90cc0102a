"""Interacting species: P(z) = exp(sum of the terms that z holds) / the same over all z."""

from __future__ import annotations

import itertools

import numpy as np
from family_case import INVERSE, Case, every_history, predictors, visits, visits_made
from mpmath import mp, mpf

from occupancy import families

FULL = ("bobcat", "coyote", "red fox")


def survey(family, labels, links=None):
    """Visits that look for these species, in another order at every other site."""

    def make(rng):
        n_site = 5
        made = visits_made(rng, n_site, 1, len(labels))
        y = np.where(made, rng.random(made.shape) < 0.4, np.nan)
        label = np.tile(labels, (n_site, 1, 1))
        label[::2] = label[::2, :, ::-1]
        extra = {"labels": label} | ({"links": links} if links else {})
        return predictors(family, rng, y.shape), y, extra

    return make


def joint_of(species, order):
    """P(z, y) of one site for every z; state k holds species s where bit s of k is set."""
    sets = [c for m in range(1, order + 1) for c in itertools.combinations(range(len(species)), m)]

    def joint(eta, y, extra):
        links = extra.get("links", {})
        weight = {}
        for z in itertools.product((0, 1), repeat=len(species)):
            present = (c for c in sets if all(z[s] == 1 for s in c))
            names = [f"f[{':'.join(species[s] for s in c)}]" for c in present]
            weight[z] = mp.exp(mp.fsum(eta[name] for name in names))
        total = mp.fsum(weight.values())
        out = {}
        for z, own in weight.items():
            chance = own / total
            for t, j, seen in visits(y):
                s = int(extra["labels"][t, j])
                name = f"p[{species[s]}]"
                p, q = INVERSE[links.get(name, "logit")](eta[name][t, j])
                if z[s] == 0:
                    p, q = mpf(0), mpf(1)
                chance *= p if seen else q
            out[(sum(present << s for s, present in enumerate(z)),)] = chance
        return out

    return joint


def all_data(extra):
    return every_history((0, 1), 1, np.shape(extra["labels"])[-1])


def case(name, species, labels, order=2, links=None, **more):
    family = families.get("interacting", species=species, order=order)
    make, joint = survey(family, labels, links), joint_of(species, order)
    return Case(name, family, make, joint, all_data, **more)


CASES = [
    case("interacting, two", FULL[:2], [0, 0, 1]),
    case("interacting, independent", FULL[:2], [1, 0, 0], order=1),
    case("interacting, three", FULL, [2, 0, 1]),
    case("interacting, cloglog", FULL[:2], [0, 1, 1], links={"p[coyote]": "cloglog"}),
    case("interacting, third order", FULL, [0, 2, 1], order=3),
    case("interacting, five", ("a", "b [1]", "c:d", "e'", "ü"), [0, 4, 2], scales=(1.0, 10.0)),
]
