"""Interacting species: two to five species whose presence at a site may hang together.

    P(z_i) = exp(sum_s f_is z_is + sum_{s<t} f_ist z_is z_it) / (sum over all z of the same)
    y_isj | z_is ~ Bernoulli(z_is p_isj)

The z are 0 or 1. f_s is the log odds of species s where none of the others is present; f_st is
what the presence of t adds to the log odds of s, and the other way round; it is the log odds
ratio of the two species. ``order=1`` has no terms of interaction, so that the species are
independent; ``order=3`` has terms of three species too.

A site is one chain, whose states are the sets of species present. Each visit looks for one
species, which is its label; a camera that looks for three species on a day has made three visits.

Source: Rota et al. (2016) Methods in Ecology and Evolution 7:1164-1173.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from occupancy.families import labelled, pieces
from occupancy.families.base import PROBABILITY, Family, Observed, Parameter, stationary
from occupancy.families.chain import from_logs
from surveys.problems import ModelError, listing

if TYPE_CHECKING:
    import xarray as xr

MOST_SPECIES = 5  # 2^5 states; each further species doubles them
LINKS = PROBABILITY


def _holds(n_species: int) -> np.ndarray:
    """(species, state) bool: state k holds species s where bit s of k is set."""
    return np.array([[k >> s & 1 for k in range(2**n_species)] for s in range(n_species)], bool)


def _terms(species: tuple[str, ...], order: int) -> list[tuple[str, tuple[int, ...]]]:
    """Name and species of every term: singles, then pairs, then triples."""
    sets = [c for size in range(1, order + 1) for c in combinations(range(len(species)), size)]
    return [(f"f[{':'.join(species[s] for s in c)}]", c) for c in sets]


def _tables(species: tuple[str, ...], order: int):
    holds, terms = _holds(len(species)), _terms(species, order)

    def tables(values, y, effort):
        """Initial (site, state), no transition, emission (site, season, visit, state)."""
        n_site, n_season, _ = y.shape
        score = np.zeros((n_site, holds.shape[1]))
        for name, members in terms:
            score += np.asarray(values[name])[:, None] * holds[list(members)].all(axis=0)
        chance = np.exp(score - score.max(axis=1, keepdims=True))
        initial = chance / chance.sum(axis=1, keepdims=True)
        emission = np.ones((*y.shape, holds.shape[1]))
        for s, name in enumerate(species):
            own = pieces.detected_if_present(values[f"p[{name}]"], y)
            mine = np.asarray(values["label"]) == s
            emission = np.where(mine[..., None], own[..., holds[s].astype(int)], emission)
        return initial, stationary(n_site, n_season, holds.shape[1]), emission

    return tables


def _data(n_species: int):
    def data(observed: Observed):
        """by_visit: seen, row and species, as ``labelled`` has them."""
        return labelled.by_label(observed, n_species), np.zeros((0, observed.n_chain))

    return data


@njit(error_model="numpy", cache=True)
def _size(n_state):
    """Species of so many states."""
    n = 0
    while (1 << n) < n_state:
        n += 1
    return n


@njit(error_model="numpy", cache=True)
def _members(m, n):
    """Species of term m as bits: singles, then pairs, then triples."""
    if m < n:
        return 1 << m
    m -= n
    for a in range(n):
        for b in range(a + 1, n):
            if m == 0:
                return 1 << a | 1 << b
            m -= 1
    for a in range(n):
        for b in range(a + 1, n):
            for c in range(b + 1, n):
                if m == 0:
                    return 1 << a | 1 << b | 1 << c
                m -= 1
    return 0


@njit(error_model="numpy", cache=True)
def initial(at, i, out):
    """Sum of the terms that a state holds, less the log of the sum over all states."""
    _, eta, start, _, _, _ = at
    n_state = out.size
    n = _size(n_state)
    out[:] = 0.0
    for m in range(start.size - 1 - n):
        members = _members(m, n)
        k = members
        while k < n_state:  # the states that hold all of them
            out[k] += eta[start[m] + i]
            k = (k + 1) | members
    best = 0
    for k in range(1, n_state):
        if out[k] > out[best]:
            best = k
    top = out[best]
    others = 0.0
    for k in range(n_state):
        out[k] -= top
        if k != best:
            others += np.exp(out[k])
    log_sum = np.log1p(others)  # the best state is 0 here, and its own log P is -log1p(others)
    for k in range(n_state):
        out[k] -= log_sum


@njit(error_model="numpy", cache=True)
def initial_slope(at, i, weight, gradient):
    """Expected minus predicted: W (1 - P) - (1 - W) P of the states that hold a term."""
    _, _, start, _, _, _ = at
    n_state = weight.size
    n = _size(n_state)
    chance = np.empty(n_state)
    initial(at, i, chance)
    for k in range(n_state):
        chance[k] = np.exp(chance[k])
    for m in range(start.size - 1 - n):
        members = _members(m, n)
        held, not_held, predicted, not_predicted = 0.0, 0.0, 0.0, 0.0
        for k in range(n_state):
            if k & members == members:
                held += weight[k]
                predicted += chance[k]
            else:
                not_held += weight[k]
                not_predicted += chance[k]
        gradient[start[m] + i] += held * not_predicted - not_held * predicted


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """Bernoulli(p) in the states that hold the visit's species, never in the others."""
    species = int(at[3][labelled.LABEL, v])
    seen = at[3][labelled.SEEN, v] > 0.0
    log_p = labelled.log_chance(at, at[2].size - 1 - _size(out.size), v)
    for k in range(out.size):
        if k >> species & 1:
            out[k] += log_p
        elif seen:
            out[k] = -np.inf


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """Slope of what was seen, times P(the visit's species is present)."""
    species = int(at[3][labelled.LABEL, v])
    present = 0.0
    for k in range(weight.size):
        if k >> species & 1:
            present += weight[k]
    labelled.add_slope(at, at[2].size - 1 - _size(weight.size), v, present, gradient)


kernel = from_logs("interacting", initial, initial_slope, visit, visit_slope)


def _meaning(names: tuple[str, ...]) -> str:
    if len(names) == 1:
        return f"log odds that {names[0]} is present where no other species is"
    if len(names) == 2:
        return f"what the presence of {names[0]} adds to the log odds of {names[1]}, and inversely"
    return f"what {', '.join(names)} together add to the log odds, beyond their pairs"


def _state(species: tuple[str, ...], k: int) -> str:
    """The species present, by name."""
    return " + ".join(name for s, name in enumerate(species) if k >> s & 1) or "none"


def options_from(data: xr.Dataset, options: dict[str, Any]) -> dict[str, Any]:
    """The species are those of the surveys, in their order, which is that of the labels."""
    surveyed = tuple(str(name) for name in data["species"].values)
    if not 2 <= len(surveyed) <= MOST_SPECIES:
        cure = (
            "Use single_season."
            if len(surveyed) < 2
            else (f"Select some, for example data.sel(species={list(surveyed[:2])!r}).")
        )
        raise ModelError(
            f"Family 'interacting' takes 2 to {MOST_SPECIES} species together, and the surveys "
            f"have {len(surveyed)}. {cure}"
        )
    told = options.get("species")
    if told is not None:
        told = pieces.check_names("interacting", "species", told, 2, MOST_SPECIES)
        if set(told) != set(surveyed):
            raise ModelError(
                f"Family 'interacting' got species = {list(told)!r}, and the surveys have "
                f"{listing(surveyed)}. Leave the option out, or select species in the surveys."
            )
    return options | {"species": surveyed}


def family(species: tuple[str, ...] = (), order: int = 2, **unknown: Any) -> Family:
    """Interacting species; ``order`` is the most species that one term of interaction has.

    Parameters
    ----------
    species : two to five names
        Those of the species as the surveys name them.
    """
    pieces.check_options("interacting", unknown, species=(None, (None,)), order=(order, (1, 2, 3)))
    species = pieces.check_names("interacting", "species", species, 2, MOST_SPECIES)
    n, order = len(species), int(order)
    if order > n:
        raise ModelError(
            f"Family 'interacting' cannot have order = {order} with {n} species: give at most {n}."
        )
    f = [
        Parameter(
            name,
            "site",
            ("identity",),
            _meaning(tuple(species[s] for s in members)),
            short="f" if len(members) == 1 else f"f{len(members)}",
        )
        for name, members in _terms(species, order)
    ]
    p = [
        Parameter(
            f"p[{name}]",
            "visit",
            LINKS,
            f"probability of detection of {name} on a visit, if present",
            only=str(s),
            short="p",
        )
        for s, name in enumerate(species)
    ]
    names = [q.name for q in f]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ModelError(
            f"Family 'interacting' would have two parameters '{twice}': a species has a ':' in its "
            "name and reads like a pair of others. Give it another name."
        )
    holds = _holds(n)
    return Family(
        name="interacting",
        title="Interacting species",
        source="Rota et al. (2016) Methods in Ecology and Evolution 7:1164-1173",
        states=tuple(_state(species, k) for k in range(2**n)),
        detections=(0.0, 1.0),
        parameters=(*f, *p),
        tables=_tables(species, order),
        kernel=kernel,
        data=_data(n),
        occupied=tuple(bool(some) for some in holds.any(axis=0)),
        holds=tuple(tuple(bool(x) for x in row) for row in holds),
        labels=species,
        label_by="species",
        options={"species": list(species)} | ({"order": order} if order != 2 else {}),
    )
