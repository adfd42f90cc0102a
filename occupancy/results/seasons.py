"""What happens between seasons: colonisation, extinction, turnover, growth, change.

Two answers stand side by side. The *sample's* are counted on histories sampled jointly for the
surveyed sites, so that a site that was seen in both seasons never went extinct between them; the
*population's* come from the rates alone and say what such sites do on average.

    turnover   share of the occupied sites that were empty the season before
    growth     number occupied over the number occupied the season before
    equilibrium   share that stays, were the rates of the last interval to go on for ever

Source: MacKenzie et al. (2003) Ecology 84:2200-2207; Royle and Kery (2007) Ecology 88:1813-1823.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from occupancy.problem import Problem
from occupancy.results.draws import Draws, summary
from occupancy.results.occupied import Occupied, Places, family_tables, marks
from occupancy.results.passes import Pass
from occupancy.results.regions import ALL, season_labels
from surveys.problems import ModelError, listing

DOUBLINGS = 14  # steps to the equilibrium: 2^14
MEASURES = ("colonised", "extinct", "turnover", "growth")


def turnover(
    occupied: Occupied,
    draws: Draws,
    passed: Pass,
    places: Places,
    labels: np.ndarray,
    interval: float,
    names: Sequence[str] = (ALL,),
) -> pd.DataFrame:
    """One row for each species, region and pair of neighbouring seasons.

    Returns
    -------
    DataFrame
        species, region, season, next_season; for ``colonised`` (of the empty sites), ``extinct``
        (of the occupied ones), ``turnover`` and ``growth``: ``sample_*`` of the surveyed sites
        and ``population_*``, each mean, lower and upper; ``equilibrium_*`` of the population in
        the last row. NaN where nothing was there to be colonised or to go extinct.

    Raises
    ------
    ModelError
        The surveys have one season, or the family holds its sites still.
    """
    problem = occupied.problem
    need_seasons(problem)
    seasons = season_labels(problem)
    flows, still = population_flows(occupied, draws, places, labels, names)
    rows = []
    for s, species in enumerate(problem.data["species"].values):
        ever = problem.visits_by_season[s].sum(axis=1) > 0
        kind = s if problem.family.joint else 0
        for name in names:
            inside = np.ones(labels.size, bool) if name == ALL else labels == name
            history = passed.occupied[:, s, inside & ever]
            owner = (s, name)
            for t in range(len(seasons) - 1):
                row: dict[str, Any] = {
                    "species": str(species),
                    "region": name,
                    "season": seasons[t],
                    "next_season": seasons[t + 1],
                }
                row |= _told("sample", counted(history[:, :, t], history[:, :, t + 1]), interval)
                row |= _told("population", shares(flows[owner][:, kind, t]), interval)
                last = t == len(seasons) - 2
                row |= _one("equilibrium", still[owner][:, kind] if last else None, interval)
                rows.append(row)
    table = pd.DataFrame(rows)
    table.attrs["interval"] = interval
    return table


def change(
    occupied: Occupied,
    draws: Draws,
    passed: Pass,
    places: Places,
    labels: np.ndarray,
    between: tuple[Any, Any],
    declines: Sequence[float],
    interval: float,
    names: Sequence[str] = (ALL,),
) -> pd.DataFrame:
    """Change between any two seasons, with the probability of a decline.

    Returns
    -------
    DataFrame
        species, region, from_season, to_season; ``sample_difference_*`` (share of the surveyed
        sites), ``sample_ratio_*``, ``population_difference_*``, ``population_ratio_*``: mean,
        lower, upper; ``sample_p_decline`` and ``population_p_decline``; for each x of
        ``declines``, ``sample_p_decline_<x>`` and ``population_p_decline_<x>``: the probability
        that the number occupied fell by x per cent or more.
    """
    problem = occupied.problem
    need_seasons(problem)
    seasons = season_labels(problem)
    for season in between:
        if season not in seasons:
            raise ModelError(f"There is no season {season!r}; there are {listing(seasons, 30)}.")
    a, b = (seasons.index(season) for season in between)
    rows = []
    for s, species in enumerate(problem.data["species"].values):
        ever = problem.visits_by_season[s].sum(axis=1) > 0
        kind = s if problem.family.joint else 0
        for name in names:
            inside = np.ones(labels.size, bool) if name == ALL else labels == name
            weights = {name: chain_weights(problem, s, inside)}
            psi = occupied.weighted_mean(draws, places, weights)[name][:, kind]
            history = passed.occupied[:, s, inside & ever]
            share = (
                history.mean(axis=1) if history.shape[1] else np.full(history.shape[::2], np.nan)
            )
            row: dict[str, Any] = {
                "species": str(species),
                "region": name,
                "from_season": between[0],
                "to_season": between[1],
            }
            for who, value in (("sample", share), ("population", psi)):
                row |= _one(f"{who}_difference", value[:, b] - value[:, a], interval)
                row |= _one(f"{who}_ratio", _over(value[:, b], value[:, a]), interval)
                row[f"{who}_p_decline"] = _share(value[:, b] < value[:, a])
                for x in declines:
                    fell = value[:, b] <= value[:, a] * (1 - x / 100) + 1e-12
                    row[f"{who}_p_decline_{x:g}"] = _share(fell & (value[:, a] > 0))
            rows.append(row)
    table = pd.DataFrame(rows)
    table.attrs["interval"] = interval
    return table


def need_seasons(problem: Problem) -> None:
    """Refuse questions about seasons where there is one, or where sites never change."""
    if len(season_labels(problem)) < 2:
        raise ModelError(
            f"Family '{problem.family.name}' tells of one season here, so nothing changes between "
            "seasons. Use a family for several, such as dynamic."
        )


def counted(now: np.ndarray, then: np.ndarray) -> dict[str, np.ndarray]:
    """{measure: (draw,)} from two seasons of sampled histories (draw, site)."""
    pairs = [(now == a) & (then == b) for a in (False, True) for b in (False, True)]
    return shares(np.stack([p.sum(axis=1) for p in pairs], axis=-1).astype(float))


def shares(flow: np.ndarray) -> dict[str, np.ndarray]:
    """{measure: (draw,)} from (draw, 4): stayed empty, came, went, stayed."""
    empty, came, went, stayed = np.moveaxis(flow, -1, 0)
    return {
        "colonised": _over(came, empty + came),
        "extinct": _over(went, went + stayed),
        "turnover": _over(came, came + stayed),
        "growth": _over(came + stayed, went + stayed),
    }


def population_flows(occupied: Occupied, draws: Draws, places: Places, labels, names):
    """Mean chance over the sites of each of the four flows, and the equilibrium.

    Returns
    -------
    flows : {(species, region): (draw, kind, season - 1, 4)}
    still : {(species, region): (draw, kind)}
    """
    problem = occupied.problem
    at, mark = occupied.seasons, marks(problem).astype(float)
    species = range(problem.data.sizes["species"])
    weights = {}
    for s in species:
        for name in names:
            inside = np.ones(labels.size, bool) if name == ALL else labels == name
            weights[s, name] = chain_weights(problem, s, inside)
    n_gap = at.size - 1
    flows = {k: np.zeros((draws.n, len(mark), n_gap, 4)) for k in weights}
    still = {k: np.zeros((draws.n, len(mark))) for k in weights}
    for rows, values in occupied.predicted(draws, places):
        n = rows.stop - rows.start
        initial, transition = family_tables(problem, values, draws.n * n)
        state = initial
        for t in range(n_gap):
            move = transition[:, at[t]]
            for step in range(at[t] + 1, at[t + 1]):
                move = move @ transition[:, step]
            joint = state[:, :, None] * move
            for k, occ in enumerate(mark):
                sides = [np.stack([1 - occ, occ]), np.stack([1 - occ, occ])]
                part = np.einsum("nab,ia,jb->nij", joint, *sides).reshape(draws.n, n, 4)
                for owner, w in weights.items():
                    flows[owner][:, k, t] += np.einsum("drf,r->df", part, w[rows])
            state = np.einsum("na,nab->nb", state, move)
        limit = transition[:, -1]
        for _ in range(DOUBLINGS):
            limit = limit @ limit
            limit /= limit.sum(axis=2, keepdims=True)
        last = np.einsum("na,nab->nb", state, limit) @ mark.T
        for owner, w in weights.items():
            still[owner] += np.einsum("drk,r->dk", last.reshape(draws.n, n, -1), w[rows])
    for owner, w in weights.items():
        total = w.sum()
        flows[owner] = flows[owner] / total if total > 0 else flows[owner] * np.nan
        still[owner] = still[owner] / total if total > 0 else still[owner] * np.nan
    return flows, still


def chain_weights(problem: Problem, s: int, inside: np.ndarray) -> np.ndarray:
    """(chain,) weight of each chain from a mask of the sites of one species.

    Chains of which a covariate of some season is missing weigh nothing.
    """
    weights = np.zeros(problem.n_chain)
    start = 0 if problem.family.joint else s * inside.size
    weights[start : start + inside.size] = inside
    return weights * problem.usable * problem.reach[:, -1]


def _over(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b; NaN where b is 0."""
    return np.divide(a, b, out=np.full(np.shape(a), np.nan), where=np.asarray(b) > 0)


def _share(mask: np.ndarray) -> float:
    return float(mask.mean()) if mask.size else float("nan")


def _told(stem: str, values: dict[str, np.ndarray], interval: float) -> dict[str, float]:
    out: dict[str, float] = {}
    for name in MEASURES:
        out |= _one(f"{stem}_{name}", values[name], interval)
    return out


def _one(stem: str, values: np.ndarray | None, interval: float) -> dict[str, float]:
    """Mean and interval over the draws in which the measure exists."""
    known = np.zeros(0) if values is None else values[np.isfinite(values)]
    if not known.size:
        return {f"{stem}_{k}": float("nan") for k in ("mean", "lower", "upper")}
    told = summary(known[:, None], interval)
    return {f"{stem}_{k}": float(told[k][0]) for k in ("mean", "lower", "upper")}
