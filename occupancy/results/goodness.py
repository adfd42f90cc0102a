"""Does the model fit: detection histories seen and expected (MacKenzie and Bailey).

Sites are split into cohorts that have the same visits. With O_h sites of a cohort that showed the
history h and E_h = sum of P(h) over its sites,

    X2 = sum over h seen of (O_h - E_h)^2 / E_h  +  sum over cohorts of (n - sum over h seen of E_h)

where the second part are the histories nobody showed: their O is 0, so each adds its E. Every
season has a statistic of its own, with the occupancy that the model projects for it; every species
too, where several share a chain. Blocks of more than eight visits have more histories than sites:
there the cells are the numbers of detections, and cohorts the sites with as many visits.

What X2 should be is learned from data that the model itself makes: for a maximum of the
likelihood, data simulated there and fitted again (parametric bootstrap); for a posterior, data
simulated at draws, each beside the X2 of the surveys at that draw. c-hat is the observed X2 over
the mean of the simulated.

Single visits of 0 and 1 carry no information about fit, hence histories. The statistic has little
power against what makes sites differ where data are sparse, and does not say which way it is off.

Source: MacKenzie and Bailey (2004) JABES 9:300-318; Kery and Royle (2021) AHM2 section 4.8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from occupancy.problem import Problem
from occupancy.results import replicates
from occupancy.results.draws import Draws
from occupancy.results.passes import predictors_at
from occupancy.results.regions import season_labels
from occupancy.results.seasons_seen import Blocks, Chances, blocks_of, chances, seen_values
from surveys.problems import ModelError

MOST_VISITS = 8  # of a history; 2^8 histories
REPLICATES = {"ml": 999, "nuts": 400}
FEWEST = 20
MOST_VALUES = 4_000_000  # sites, histories and states at one time
SEASONS = "all"


def goodness(
    problem: Problem, draws: Draws, engine: str, replicated: int | None, seed: int
) -> pd.DataFrame:
    """X2 by species and season, beside what the model itself would give.

    Returns
    -------
    DataFrame
        species, season, cells ("histories" or "numbers"), sites, x2, x2_expected (mean of the
        replicated), c_hat, p (share of the replicated that are as large or larger; ties count
        half). Several seasons end with a row "all", the sum. ``attrs``: replicates, failed,
        method, seed.
    """
    blocks = blocks_of(problem)
    wanted = _wanted(replicated, engine)
    rng = np.random.default_rng([seed, 20_04])
    centre = draws.centre
    of_draws = draws.point is None
    at = draws.thinned(wanted) if of_draws else centre
    observed, simulated, failed = [], [], 0
    if not of_draws:
        observed.append(statistics(problem, blocks, predictors_at(problem, centre, 0)))
    for r in range(at.n if of_draws else wanted):
        made = replicates.replicate(problem, at, r if of_draws else 0, rng)
        try:
            point = at if of_draws else replicates.refit(made, centre, seed + r)
        except (ModelError, np.linalg.LinAlgError):
            failed += 1
            continue
        eta = predictors_at(made, point, r if of_draws else 0)
        simulated.append(statistics(made, blocks, eta))
        if of_draws:
            observed.append(statistics(problem, blocks, predictors_at(problem, at, r)))
    if len(simulated) < min(FEWEST, wanted):
        raise ModelError(
            f"Of {wanted} replicated surveys {failed} could not be fitted, so nothing can be said "
            "of how the model fits."
        )
    table = _table(problem, blocks, np.array(observed), np.array(simulated))
    table.attrs.update(
        replicates=len(simulated),
        failed=failed,
        seed=seed,
        method="replicated data of draws" if of_draws else "parametric bootstrap",
    )
    return table


def _wanted(replicated: int | None, engine: str) -> int:
    if replicated is None:
        return REPLICATES[engine]
    if isinstance(replicated, bool) or not isinstance(replicated, int | np.integer):
        raise ModelError(f"replicates = {replicated!r} is no number; write 999, for example.")
    if replicated < 2:
        raise ModelError(f"replicates = {replicated} is too few; write 999, for example.")
    return int(replicated)


def statistics(problem: Problem, blocks: Blocks, eta: tuple[np.ndarray, ...]) -> np.ndarray:
    """(block kind,) X2."""
    told = np.zeros(len(blocks.visit))
    for kind, _, o, e, n in _cohorts(problem, blocks, eta):
        told[kind] += _chi_square(o, e, n)
    return told


def _chi_square(o: np.ndarray, e: np.ndarray, n: int) -> float:
    """Of the cells seen, and of all others together."""
    with np.errstate(divide="ignore"):
        return float(((o - e) ** 2 / e).sum()) + max(float(n - e.sum()), 0.0)


def frequencies(problem: Problem, point: Draws) -> pd.DataFrame:
    """Every history seen, with the sites that showed it and those expected to.

    Returns
    -------
    DataFrame
        species, season, visits (made: "1101", or how many), sites (of the cohort), history ("01-0",
        or the number of detections; "others" for those nobody showed), observed, expected, x2.
    """
    blocks = blocks_of(problem)
    rows = []
    for kind, (visits, names), o, e, n in _cohorts(
        problem, blocks, predictors_at(problem, point, 0)
    ):
        rest = max(float(n - e.sum()), 0.0)
        cells = [
            *zip(names, o.tolist(), e.tolist(), (o - e) ** 2 / e, strict=True),
            ("others", 0, rest, rest),
        ]
        rows += [
            {**_named(problem, blocks, kind), "visits": visits, "sites": n}
            | dict(zip(("history", "observed", "expected", "x2"), cell, strict=True))
            for cell in cells
        ]
    columns = ["species", "season", "visits", "sites", "history", "observed", "expected", "x2"]
    return pd.DataFrame(rows, columns=columns)


def pooled(blocks: Blocks, kind: int) -> bool:
    """Whether the cells of a block are numbers of detections."""
    return int((blocks.visit[kind] >= 0).any(axis=0).sum()) > MOST_VISITS


def _cohorts(
    problem: Problem, blocks: Blocks, eta: tuple[np.ndarray, ...]
) -> Iterator[tuple[int, tuple[str, list[str]], np.ndarray, np.ndarray, int]]:
    """(block kind, names, observed, expected, sites) of each cohort; names of its cells."""
    told = chances(problem, blocks, eta)
    values = np.append(seen_values(problem), -1)  # the last for visits never made
    for kind, visit in enumerate(blocks.visit):
        own = blocks.chains[kind]
        own = own[(visit[own] >= 0).any(axis=1)]
        if own.size:
            of = _of_numbers if pooled(blocks, kind) else _of_histories
            for names, o, e, n in of(problem, told, kind, own, values[visit[own]]):
                yield kind, names, o, e, n


def _of_histories(problem: Problem, told: Chances, kind: int, own: np.ndarray, seen: np.ndarray):
    """Cohorts by which visits were made, cells by history."""
    marks = [f"{v:g}" for v in problem.family.detections] + ["-"]
    some = (seen >= 0).any(axis=0)
    patterns, cohort = np.unique(seen >= 0, axis=0, return_inverse=True)
    for c, pattern in enumerate(patterns):
        mine = np.flatnonzero(cohort.ravel() == c)
        shown, o = np.unique(seen[mine], axis=0, return_counts=True)
        e = _expected(told, kind, own[mine], shown)
        names = ["".join(marks[v] for v in h[some]) for h in shown]
        yield ("".join("01"[int(m)] for m in pattern[some]), names), o, e, mine.size


def _expected(told: Chances, kind: int, chains: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """(history,) sum of P(history) over the chains, some of them at a time."""
    size = max(1, MOST_VALUES // (len(shown) * told.state.shape[2]))
    parts = [chains[k : k + size] for k in range(0, chains.size, size)]
    return np.sum([told.of_histories(kind, part, shown).sum(axis=0) for part in parts], axis=0)


def _of_numbers(problem: Problem, told: Chances, kind: int, own: np.ndarray, seen: np.ndarray):
    """Cohorts by how many visits were made, cells by how many detected."""
    made, found = (seen >= 0).sum(axis=1), (seen > 0).sum(axis=1)
    for n in np.unique(made):
        mine = np.flatnonzero(made == n)
        shown, o = np.unique(found[mine], return_counts=True)
        e = told.of_numbers(kind, own[mine])[:, shown].sum(axis=0)
        yield (str(n), [str(k) for k in shown]), o, e, mine.size


def _named(problem: Problem, blocks: Blocks, kind: int) -> dict[str, Any]:
    species = problem.data["species"].values[blocks.species[kind]]
    return {"species": str(species), "season": season_labels(problem)[blocks.season[kind]]}


def _table(
    problem: Problem, blocks: Blocks, observed: np.ndarray, simulated: np.ndarray
) -> pd.DataFrame:
    rows = []
    kinds = np.arange(len(blocks.visit))
    for s in np.unique(blocks.species):
        own = kinds[blocks.species == s]
        looked = [k for k in own if (blocks.visit[k][blocks.chains[k]] >= 0).any()]
        for k in looked:
            rows.append(_row(problem, blocks, [k], observed, simulated))
        if len(looked) > 1:
            rows.append(_row(problem, blocks, looked, observed, simulated) | {"season": SEASONS})
    return pd.DataFrame(rows)


def _row(problem, blocks: Blocks, kinds: list[int], observed, simulated) -> dict[str, Any]:
    here, there = observed[:, kinds].sum(axis=1), simulated[:, kinds].sum(axis=1)
    sites = [(blocks.visit[k][blocks.chains[k]] >= 0).any(axis=1) for k in kinds]
    larger = (there > here).mean() + 0.5 * (there == here).mean()
    expected = float(there.mean())
    return _named(problem, blocks, kinds[0]) | {
        "cells": "numbers" if any(pooled(blocks, k) for k in kinds) else "histories",
        "sites": int(np.any(sites, axis=0).sum()),
        "x2": float(here.mean()),
        "x2_expected": expected,
        "c_hat": float(here.mean()) / expected if expected > 0 else np.nan,
        "p": float(larger),
    }
