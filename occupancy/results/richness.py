"""How many species, and how alike: counted in every draw from the joint states of all species.

``sample`` is finite-sample: species present on the surveyed sites, seen or missed there, in every
draw of the joint states. ``population`` is what as many new sites with these covariates would
hold: species expected on at least one of them, from the probabilities alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from occupancy.problem import Problem
from occupancy.results.draws import Draws, summary
from occupancy.results.occupied import Occupied, Places
from occupancy.results.passes import Pass
from occupancy.results.regions import season_labels
from surveys.problems import ModelError

MOST_DRAWS = 1000  # of the probabilities and of the pairs
MOST_COMPARED = 200  # labels: 19,900 pairs
INDICES = ("jaccard", "sorensen")


def richness(
    occupied: Occupied,
    draws: Draws,
    passed: Pass,
    places: Places,
    labels: np.ndarray,
    names: list[str],
    by: str,
    interval: float,
) -> pd.DataFrame:
    """One row for each label and season.

    Parameters
    ----------
    labels : (site,) text
    names : labels to tell of, in order; [""] is all sites
    by : name of the column of labels

    Returns
    -------
    DataFrame
        ``by``, season, sites, surveyed (sites visited in any season), observed (species detected
        there in the season); ``sample_*``: species present on the surveyed sites;
        ``population_*``: species expected on as many new sites; ``at_a_site_*``: species present
        on a surveyed site, on average. Mean, sd, lower and upper of each.
    """
    problem = occupied.problem
    seasons = season_labels(problem)
    visited = problem.visits_by_season.sum(axis=(0, 2)) > 0
    seen = _seen(problem, len(seasons))
    expected = _population(occupied, draws.thinned(MOST_DRAWS), places, labels, names)
    rows = []
    for k, name in enumerate(names):
        inside = _inside(labels, name)
        at = inside & visited
        present = passed.occupied[:, :, at]  # (draw, species, site, season)
        sample = present.any(axis=2).sum(axis=1)
        mean = present.sum(axis=1).mean(axis=1) if at.any() else np.zeros(sample.shape)
        for t, season in enumerate(seasons):
            row: dict[str, Any] = {by: name or "all", "season": season}
            row |= {"sites": int(inside.sum()), "surveyed": int(at.sum())}
            row["observed"] = int(seen[:, at, t].any(axis=1).sum())
            row |= _named("sample", sample[:, t], interval, at.any())
            row |= _named("population", expected[:, k, t], interval)
            row |= _named("at_a_site", mean[:, t], interval, at.any())
            rows.append(row)
    table = pd.DataFrame(rows)
    table.attrs["interval"] = interval
    return table


def richness_of_sites(
    occupied: Occupied, draws: Draws, passed: Pass, places: Places, interval: float
) -> pd.DataFrame:
    """One row for each site and season: region, observed, ``sample_*`` and ``population_*``.

    ``sample`` is missing at a site that was never visited; ``population`` is not.
    """
    problem = occupied.problem
    seasons = season_labels(problem)
    sites = problem.data["site"].values.astype(object)
    n_site, n_season = sites.size, len(seasons)
    visited = problem.visits_by_season.sum(axis=(0, 2)) > 0
    seen = _seen(problem, n_season).sum(axis=0)
    total = _summed(occupied, draws.thinned(MOST_DRAWS), places)
    sample = summary(passed.occupied.sum(axis=1), interval)  # (site, season)
    expected = summary(total, interval)
    columns: dict[str, Any] = {
        "site": np.repeat(sites, n_season),
        "season": np.tile(np.array(seasons), n_site),
        "surveyed": np.repeat(visited, n_season),
        "observed": np.where(visited[:, None], seen, np.nan).ravel(),
    }
    for k, v in sample.items():
        columns[f"sample_{k}"] = np.where(visited[:, None], v, np.nan).ravel()
    columns |= {f"population_{k}": v.ravel() for k, v in expected.items()}
    return pd.DataFrame(columns)


def similarity(
    problem: Problem,
    passed: Pass,
    labels: np.ndarray,
    names: list[str],
    index: str,
    season: int,
    interval: float,
) -> pd.DataFrame:
    """How alike the species of two places are, for every pair.

    Jaccard a / (a + b + c), Sorensen 2a / (2a + b + c): a species in both, b and c in one alone.

    Returns
    -------
    DataFrame
        first, second, observed (from detections alone), mean, sd, lower, upper, shared_mean: NaN
        where neither place has a species.
    """
    if index not in INDICES:
        raise ModelError(f'index = {index!r}: give "jaccard" or "sorensen".')
    if not 2 <= len(names) <= MOST_COMPARED:
        raise ModelError(
            f"There are {len(names)} places to compare; between 2 and {MOST_COMPARED} can be. "
            "Compare regions, or choose some sites."
        )
    visited = problem.visits_by_season.sum(axis=(0, 2)) > 0
    masks = [_inside(labels, name) & visited for name in names]
    at = np.linspace(0, len(passed.occupied) - 1, min(MOST_DRAWS, len(passed.occupied)))
    drawn = passed.occupied[at.astype(int), :, :, season]
    first, second = np.triu_indices(len(names), 1)
    held = np.stack([drawn[:, :, m].any(axis=2) for m in masks], axis=1).astype(np.float32)
    both = np.einsum("dls,dms->dlm", held, held, optimize=True)
    values = _alike(both, held.sum(axis=2), index)[:, first, second]
    seen = _seen(problem, passed.occupied.shape[3])[:, :, season]
    told = np.stack([seen[:, m].any(axis=1) for m in masks]).astype(float)[None]
    naive = _alike(np.einsum("dls,dms->dlm", told, told), told.sum(axis=2), index)
    known = np.isfinite(values).any(axis=0)
    out = {k: np.full(first.size, np.nan) for k in ("mean", "sd", "lower", "upper")}
    if known.any():
        part = values[:, known]
        low, high = (1 - interval) / 2, (1 + interval) / 2
        out["mean"][known] = np.nanmean(part, axis=0)
        out["sd"][known] = np.nanstd(part, axis=0)
        out["lower"][known], out["upper"][known] = np.nanquantile(part, [low, high], axis=0)
    table = pd.DataFrame(
        {
            "first": [names[i] for i in first],
            "second": [names[i] for i in second],
            "observed": naive[0, first, second],
            **out,
            "shared_mean": both[:, first, second].mean(axis=0),
        }
    )
    table.attrs |= {"interval": interval, "index": index}
    return table


def _alike(both: np.ndarray, n: np.ndarray, index: str) -> np.ndarray:
    """(draw, place, place) index from shared species and numbers of species."""
    either = n[:, :, None] + n[:, None, :]
    over, of = (2 * both, either) if index == "sorensen" else (both, either - both)
    return np.where(of > 0, over / np.where(of > 0, of, 1.0), np.nan)


def _seen(problem: Problem, n_season: int) -> np.ndarray:
    """(species, site, season) bool: detected."""
    seen = problem.detections_by_season > 0
    return seen.any(axis=2, keepdims=True) if n_season < seen.shape[2] else seen


def _inside(labels: np.ndarray, name: str) -> np.ndarray:
    return np.ones(len(labels), bool) if not name else np.asarray(labels == name, bool)


def _population(
    occupied: Occupied, draws: Draws, places: Places, labels: np.ndarray, names: list[str]
) -> np.ndarray:
    """(draw, label, season) species expected on at least one site: sum over species of 1 - none."""
    n_site, n_species = labels.size, occupied.problem.data.sizes["species"]
    masks = [_inside(labels, name) for name in names]
    shape = (n_species, len(names), draws.n, occupied.seasons.size)
    none = np.zeros(shape)
    for rows, values in occupied.pieces(draws, places):  # (draw, kind, row, season)
        absent = np.log1p(-np.minimum(np.nan_to_num(values), 1 - 1e-16))
        chain = np.arange(rows.start, rows.stop)
        for kind in range(values.shape[1]):
            owner = np.full(chain.size, kind) if values.shape[1] > 1 else chain // n_site
            for s in np.unique(owner):
                mine = owner == s
                for k, mask in enumerate(masks):
                    none[s, k] += absent[:, kind][:, mine & mask[chain % n_site]].sum(axis=1)
    return np.moveaxis(-np.expm1(none).sum(axis=0), 0, 1)


def _summed(occupied: Occupied, draws: Draws, places: Places) -> np.ndarray:
    """(draw, site, season) species expected on each site; NaN where a covariate is missing."""
    n_site = occupied.problem.data.sizes["site"]
    total = np.zeros((draws.n, n_site, occupied.seasons.size))
    for rows, values in occupied.pieces(draws, places):
        site = np.arange(rows.start, rows.stop) % n_site
        start = 0
        while start < site.size:  # sites follow each other within a species
            stop = min(start + n_site - site[start], site.size)
            span = slice(site[start], site[start] + stop - start)
            total[:, span] += values[:, :, start:stop].sum(axis=1)
            start = stop
    return total


def _named(stem: str, values: np.ndarray, interval: float, known: bool = True) -> dict[str, float]:
    told = summary(values[:, None].astype(float), interval)
    return {f"{stem}_{k}": float(v[0]) if known else np.nan for k, v in told.items()}
