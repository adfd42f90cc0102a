"""Answers by region, from joint draws: the sample's occupancy and the population's, both named.

``share`` is finite-sample: which part of the *surveyed* sites was occupied, counted in every draw
from the sampled states. ``psi`` is the population's: the mean probability over the region's
sites, and, with a surface, ``area_psi``, the mean over its area.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from occupancy.problem import Problem
from occupancy.results.draws import Draws, interval_ends, summary
from occupancy.results.passes import Pass
from occupancy.results.places import weighted_mean

ALL = "all"
COLUMNS = ["species", "region", "season", "sites", "surveyed", "detected", "naive"]
COLUMNS += [f"share_{k}" for k in ("mean", "sd", "lower", "upper")]
COLUMNS += [f"occupied_{k}" for k in ("mean", "lower", "upper")]
COLUMNS += [f"psi_{k}" for k in ("mean", "sd", "lower", "upper")] + ["ml_psi"]


@dataclass(frozen=True)
class Surface:
    """Cells to predict to: covariates, region of each, area, and which lie outside the surveys.

    ``known`` marks cells that have every covariate; the others have an area and no psi.
    """

    frame: Mapping[str, np.ndarray]
    n: int
    region: np.ndarray
    area_km2: np.ndarray
    extrapolated: np.ndarray
    known: np.ndarray


def table(
    problem: Problem,
    draws: Draws,
    passed: Pass,
    labels: np.ndarray,
    frame: Mapping[str, np.ndarray],
    ml_psi: np.ndarray,
    interval: float,
    surface: Surface | None = None,
    names: list[str] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """One row for each species and region.

    Parameters
    ----------
    labels : (site,) text
        Region of each site, "" outside every region.
    frame : {name: (chain,)}
        Covariates of the chains.
    ml_psi : (chain,)
        psi by maximum likelihood without group effects; NaN where there is none.
    names : list of str
        Regions to report, in order; all that occur by default.
    """
    if names is None:
        found = {str(v) for v in labels if v}
        if surface is not None:
            found |= {str(v) for v in surface.region if v}
        names = sorted(found)
    rows = []
    n_site = problem.data.sizes["site"]
    season = problem.data["season"].values[0]
    for s, species in enumerate(problem.data["species"].values):
        own = slice(s * n_site, (s + 1) * n_site)
        part = _Part(problem, passed, own)
        weights = {r: _chain_weights(problem, own, _inside(labels, r)) for r in names}
        psi = weighted_mean(
            next(iter(problem.predictors.values())), draws, frame, problem.n_chain, weights, seed
        )
        area = _area(problem, draws, surface, str(species), names, seed)
        for region in names:
            inside = _inside(labels, region)
            row = {"species": str(species), "region": region, "season": season}
            row |= part.counts(inside, interval)
            row |= _named("psi", psi[region], interval)
            row["ml_psi"] = _mean(ml_psi[own][inside])
            if surface is not None:
                row |= _named("area_psi", area[region], interval)
                row |= _areas(surface, _inside(surface.region, region))
            rows.append(row)
    return pd.DataFrame(rows, columns=None if rows else COLUMNS)


def _areas(surface: Surface, cells: np.ndarray) -> dict[str, float]:
    """Area with a psi, area without one, and which share of the first is extrapolated."""
    area, known = surface.area_km2, cells & surface.known
    told = float(area[known].sum()) if cells.any() else np.nan
    return {
        "area_km2": told,
        "area_unknown_km2": float(area[cells & ~surface.known].sum()),
        "extrapolated": float(area[known & surface.extrapolated].sum()) / told
        if told > 0
        else np.nan,
    }


def _inside(labels: np.ndarray, region: str) -> np.ndarray:
    return np.ones(len(labels), bool) if region == ALL else np.asarray(labels == region, bool)


def _chain_weights(problem: Problem, own: slice, inside: np.ndarray) -> np.ndarray:
    weights = np.zeros(problem.n_chain)
    weights[own] = inside
    return weights * problem.usable


def _named(stem: str, values: np.ndarray, interval: float) -> dict[str, float]:
    if not np.isfinite(values).all():
        finite = values[np.isfinite(values)]
        mean = float(finite.mean()) if finite.size else np.nan
        return {f"{stem}_mean": mean} | {f"{stem}_{k}": np.nan for k in ("sd", "lower", "upper")}
    told = summary(values[:, None], interval)
    return {f"{stem}_{k}": float(v[0]) for k, v in told.items()}


def _mean(values: np.ndarray) -> float:
    good = values[np.isfinite(values)]
    return float(good.mean()) if good.size else np.nan


def _area(problem, draws, surface, species, names, seed) -> dict[str, np.ndarray]:
    if surface is None:
        return {}
    psi = next(iter(problem.predictors.values()))
    frame = dict(surface.frame)
    if "species" in psi.design.variables:
        frame["species"] = np.full(surface.n, species, dtype=object)
    weights = {r: surface.area_km2 * _inside(surface.region, r) for r in names}
    return weighted_mean(psi, draws, frame, surface.n, weights, seed)


class _Part:
    """Counts of one species."""

    def __init__(self, problem: Problem, passed: Pass, own: slice):
        self.visits = problem.visits_per_chain[own]
        self.detections = problem.detections_per_chain[own]
        self.occupied = passed.occupied[:, own]
        self.present = passed.present[own]

    def counts(self, inside: np.ndarray, interval: float) -> dict[str, Any]:
        """Sites, detections, and the surveyed sites that were occupied."""
        surveyed = inside & (self.visits > 0)
        n, seen = int(surveyed.sum()), int((surveyed & (self.detections > 0)).sum())
        out: dict[str, Any] = {
            "sites": int(inside.sum()),
            "surveyed": n,
            "detected": seen,
            "naive": seen / n if n else np.nan,
        }
        number = self.occupied[:, surveyed].sum(axis=1).astype(float)
        many = n > 0 and number.size > 1  # one draw has no interval
        low, high = interval_ends(interval)
        # a count: the smallest number that holds the share of the draws
        ends = (
            np.quantile(number, [low, high], method="inverted_cdf") if many else np.full(2, np.nan)
        )
        mean = float(self.present[surveyed].sum()) if n else np.nan
        out |= {
            "share_mean": mean / n if n else np.nan,
            "share_sd": float(number.std(ddof=1)) / n if n and number.size > 1 else np.nan,
            "share_lower": float(ends[0]) / n if n else np.nan,
            "share_upper": float(ends[1]) / n if n else np.nan,
            "occupied_mean": mean,
            "occupied_lower": float(ends[0]),
            "occupied_upper": float(ends[1]),
        }
        return out
