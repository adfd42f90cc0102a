"""Data drawn from a problem's own tables, at given linear predictors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from occupancy import links
from occupancy.families.base import Family
from occupancy.problem import Problem


@dataclass(frozen=True)
class Padded:
    """A problem in the shape that a family's tables take, chains in field order.

    Attributes
    ----------
    values : {parameter: (chain,), (chain, step), (chain, step - 1) or (chain, step, visit)}
        Natural scale, and ``label``; anything where no visit was made.
    made : (chain, step, visit) bool
        Cells in use: the visits of a step one after the other, without those never made.
    effort : (chain, step, visit)
    where : chain, step and visit of each visit used, layout order
    """

    values: Mapping[str, np.ndarray]
    made: np.ndarray
    effort: np.ndarray
    where: tuple[np.ndarray, np.ndarray, np.ndarray]


def draw(
    problem: Problem, eta: tuple[np.ndarray, ...], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """States (chain, step), field order, and what the visits used see, field order.

    Parameters
    ----------
    eta : one (row,) for each parameter
        In layout order, signed where the family asks for it.
    """
    given = pad(problem, eta)
    state, y = problem.family.simulate(dict(given.values), given.made, rng, given.effort)
    back = np.empty(problem.y.size)
    back[problem.field_rank] = y[given.where]
    return state, back


def pad(problem: Problem, eta: tuple[np.ndarray, ...]) -> Padded:
    """Natural parameters at given linear predictors, in the shape of the family's tables."""
    where, made = places(problem)
    order = problem.layout.site_order
    values: dict[str, np.ndarray] = {}
    effort = np.ones(made.shape)
    effort[where] = problem.observed.effort
    label = np.zeros(made.shape, np.int64)
    label[where] = problem.observed.label
    for p, e in zip(problem.predictors.values(), eta, strict=True):
        told = problem.family.parameter(p.name)
        value = links.LINKS[p.link].inverse(e if p.sign is None else e * p.sign)
        if p.level == "visit":
            mine = problem.observed.label == int(told.only) if told.only else slice(None)
            full = np.full(made.shape, 0.5)
            full[tuple(k[mine] for k in where)] = value
        else:
            rows = value.reshape(-1, problem.n_chain)
            full = np.empty((problem.n_chain, len(rows)))
            full[order] = rows.T
            full = full[:, 0] if p.level == "site" else full
        values[p.name] = full
    if problem.observed.known.any():  # as in the likelihood: nothing is left to chance there
        known = problem.in_field_order(problem.observed.known)
        values["psi"] = np.where(known, 1.0, values["psi"])
    values["label"] = label
    return Padded(values, made, effort, where)


def places(problem: Problem) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Chain, step and number in the step of each visit used (layout order); the cells in use."""
    seen = problem.observed
    chain = problem.layout.site_order[seen.chain]
    key = chain * problem.n_step + seen.step
    # visits of one chain and step lie in order in the layout, so a stable sort numbers them
    by_key = np.argsort(key, kind="stable")
    sorted_key = key[by_key]
    first = np.searchsorted(sorted_key, sorted_key)
    number = np.empty(key.size, np.int64)
    number[by_key] = np.arange(key.size) - first
    widest = int(number.max(initial=0)) + 1
    made = np.zeros((problem.n_chain, problem.n_step, widest), bool)
    where = (chain, seen.step, number)
    made[where] = True
    return where, made


def as_detections(family: Family, seen: np.ndarray) -> np.ndarray:
    """1, 0 or NaN from what a family observes: a count above 0, a finite time, a score."""
    if family.observes == "time":
        found = np.isfinite(seen)
    elif family.observes == "count":
        found = seen > 0
    else:
        found = np.ones(seen.shape, bool)
    return np.where(np.isnan(seen), np.nan, found).astype(np.float32)
