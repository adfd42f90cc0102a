"""A family whose species need not all be there: those never detected may not be in the community.

    w_s ~ Bernoulli(Omega)      z_si | w_s as in the family inside, times w_s

A species that was detected is a member of the community. One that never was, listed or added, is a
member with probability Omega before its visits are looked at, so that its likelihood is

    Omega prod_i L_si + (1 - Omega)

with L_si the likelihood of the family inside at site i. Every slope of a species that was never
detected is that of the family inside times u_s, the probability that the species is a member,

    u_s = Omega prod_i L_si / (Omega prod_i L_si + 1 - Omega)

so that one loop over chains and rows serves every family.

Source: Dorazio, Royle, Soderstrom and Glimskar (2006) Ecology 87:842-854; Royle and Dorazio
(2012) Journal of Ornithology 152:S521-S537.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from occupancy.families.base import Family, Observed, Parameter
from occupancy.kernel.binding import bind
from occupancy.kernel.simd import sigmoid, softplus
from surveys.problems import ModelError

OMEGA = "Omega"
BY_CHAIN, BY_VISIT = -2, -1  # what the rows of a parameter run over; from 0 on, visits of a label
MEMBERSHIP = Parameter(
    OMEGA,
    "community",
    ("logit",),
    "probability that a species, listed or not, belongs to the community",
    prior="beta(1, 1)",
)


def inside(*args):
    """Stand where the family's own kernel is bound."""
    raise NotImplementedError


ROWS = (BY_CHAIN,)  # one for each parameter of the family inside


def _mix(links, eta, start, by_visit, by_chain, layout, gradient, log_lik, states, pairs):
    """The family inside, then its species: members or not."""
    m = start.size - 2
    end = start[m]
    inside(
        links[:m],
        eta[:end],
        start[: m + 1],
        by_visit[:-1],
        by_chain[:-2],
        layout,
        gradient[:end],
        log_lik,
        states,
        pairs,
    )
    label = by_visit[-1]
    species, unseen = by_chain[-2], by_chain[-1]
    n_chain, omega = log_lik.size, eta[end]
    member, stranger, prior = -softplus(-omega), -softplus(omega), sigmoid(omega)
    n_species = 0
    for i in range(n_chain):
        n_species = max(n_species, int(species[i]) + 1)
    whole, size = np.zeros(n_species), np.zeros(n_species)
    share, never = np.ones(n_species), np.zeros(n_species)
    for i in range(n_chain):
        s = int(species[i])
        whole[s] += log_lik[i]
        size[s] += 1.0
        never[s] = unseen[i]
    total, slope = 0.0, 0.0
    for s in range(n_species):
        if size[s] == 0.0:
            continue
        value = member + whole[s]
        if never[s] > 0.0:
            both = max(value, stranger) + math.log1p(math.exp(-abs(value - stranger)))
            share[s] = math.exp(value - both)
            value = both
        total += value
        slope += share[s] - prior
        whole[s] = (value - whole[s]) / size[s] if never[s] == 0.0 else value / size[s]
    gradient[end] = slope
    # the likelihood of a species never detected is no product over sites: its sites share it alike
    for i in range(n_chain):
        s = int(species[i])
        log_lik[i] = whole[s] if never[s] > 0.0 else log_lik[i] + whole[s]
    for k in range(m):
        n_row = start[k + 1] - start[k]
        if ROWS[k] == BY_CHAIN:
            for r in range(n_row):
                u = share[int(species[r % n_chain])]
                gradient[start[k] + r] = u * gradient[start[k] + r] if u > 0.0 else 0.0
        else:
            r = start[k]
            for v in range(by_visit.shape[1]):
                if ROWS[k] == BY_VISIT or int(label[v]) == ROWS[k]:
                    u = share[int(species[layout[6][v]])]
                    gradient[r] = u * gradient[r] if u > 0.0 else 0.0
                    r += 1
    for i in range(states.shape[2]):
        u = share[int(species[i])]
        for t in range(states.shape[0]):
            for k in range(states.shape[1]):
                states[t, k, i] = u * states[t, k, i] if u > 0.0 else 0.0
            states[t, 0, i] += 1.0 - u
    for i in range(pairs.shape[3]):
        u = share[int(species[i])]
        for t in range(pairs.shape[0]):
            for a in range(pairs.shape[1]):
                for b in range(pairs.shape[2]):
                    pairs[t, a, b, i] = u * pairs[t, a, b, i] if u > 0.0 else 0.0
            pairs[t, 0, 0, i] += 1.0 - u
    return total


_MADE: dict = {}


def _kernel(family: Family):
    """The family's kernel with its species mixed; made once, for each family's rows."""
    rows = tuple(_rows_of(p) for p in family.parameters)
    key = (family.kernel, rows)
    if key not in _MADE:
        own = getattr(family.kernel, "py_func", family.kernel)
        told = "_".join({BY_CHAIN: "c", BY_VISIT: "v"}.get(r, str(r)) for r in rows)
        name = f"{own.__module__.rsplit('.', 1)[-1]}_{own.__qualname__}_{told}"
        _MADE[key] = bind(_mix, name, inside=family.kernel, ROWS=rows)
    return _MADE[key]


def _rows_of(p: Parameter) -> int:
    if p.level != "visit":
        return BY_CHAIN
    return int(p.only) if p.only else BY_VISIT


def family(within: Family, undetected: int) -> Family:
    """``within`` with so many species added that nobody detected.

    Raises
    ------
    ModelError
        The family's species share a chain, or a detection is no proof.
    """
    if within.joint or not within.proof or within.observes == "score" or within.occupied[0]:
        why = "estimates its species together" if within.joint else "may detect what is not there"
        raise ModelError(
            f"Family '{within.name}' {why}, so that it cannot have species that nobody detected: "
            "leave `augment` out."
        )

    def data(observed: Observed):
        """Of the family inside; then the label of each visit; species of a chain, unseen or not."""
        by_visit, by_chain = within.data(observed)
        if observed.species is None:
            raise ValueError("the species of every chain are not told")
        found = np.zeros(int(observed.species.max(initial=0)) + 1, bool)
        found[observed.species[observed.chain[observed.detected]]] = True
        unseen = ~found[observed.species]
        return (
            np.concatenate([by_visit, observed.label[None].astype(float)]),
            np.concatenate([by_chain, observed.species[None].astype(float), unseen[None]]),
        )

    return replace(
        within,
        parameters=(*within.parameters, MEMBERSHIP),
        kernel=_kernel(within),
        data=data,
        fast=False,
        takes_known=False,
        options={**within.options, "augment": undetected},
        within=within,
    )
