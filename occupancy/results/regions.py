"""Answers by region, from joint draws: the sample's occupancy and the population's, both named.

``share`` is finite-sample: which part of the *surveyed* sites was occupied, counted in every draw
from the sampled histories. With several seasons these are the sites surveyed in any of them, so
that seasons are compared on the same sites; ``surveyed`` and ``naive`` are of the one season.
``psi`` is the population's: the mean probability over the region's sites, and, with a surface,
``area_psi``, the mean over its area.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from occupancy.frames import traits
from occupancy.problem import Problem
from occupancy.results.draws import Draws, interval_ends, summary
from occupancy.results.occupied import Occupied, Places
from occupancy.results.passes import Pass

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

    places: Places
    region: np.ndarray
    area_km2: np.ndarray
    extrapolated: np.ndarray
    known: np.ndarray

    @property
    def n(self) -> int:
        return self.places.n


def table(
    occupied: Occupied,
    draws: Draws,
    passed: Pass,
    labels: np.ndarray,
    places: Places,
    ml_psi: np.ndarray,
    interval: float,
    surface: Surface | None = None,
    names: list[str] | None = None,
) -> pd.DataFrame:
    """One row for each species, region and season.

    Parameters
    ----------
    draws : Draws
        Those of ``passed``.
    labels : (site,) text
        Region of each site, "" outside every region.
    places : Places
        The chains of the surveys.
    ml_psi : (species, site, season)
        psi by maximum likelihood without group effects; NaN where there is none.
    names : list of str
        Regions to report, in order; all that occur by default.
    """
    problem = occupied.problem
    if names is None:
        found = {str(v) for v in labels if v}
        if surface is not None:
            found |= {str(v) for v in surface.region if v}
        names = sorted(found)
    rows = []
    seasons = season_labels(problem)
    n_species, joint = problem.data.sizes["species"], problem.family.joint
    # One pass for all species, since each would have to predict the chains of all.
    weights = {
        _key(s, r): weights_of(problem, s)(_inside(labels, r))
        for s in range(1 if joint else n_species)
        for r in names
    }
    psi = occupied.weighted_mean(draws, places, weights)
    for s, species in enumerate(problem.data["species"].values):
        kind, owner = (s, 0) if joint else (0, s)
        area = _area(occupied, draws, surface, str(species), names)
        for region in names:
            inside = _inside(labels, region)
            for t, season in enumerate(seasons):
                row = {"species": str(species), "region": region, "season": season}
                row |= _Part(problem, passed, s, t).counts(inside, interval)
                row |= _named("psi", psi[_key(owner, region)][:, kind, t], interval)
                row["ml_psi"] = _mean(ml_psi[s, inside, t])
                if surface is not None:
                    row |= _named("area_psi", area[region][:, kind, t], interval)
                    row |= _areas(surface, _inside(surface.region, region))
                rows.append(row)
    return pd.DataFrame(rows, columns=None if rows else COLUMNS)


def _key(s: int, region: str) -> str:
    return f"{s} {region}"


def season_labels(problem: Problem) -> list:
    """Labels of the seasons reported; units of one closed period are named together."""
    labels = problem.data["season"].values.tolist()
    if problem.family.closed and len(labels) > 1:
        return [f"{labels[0]}-{labels[-1]}"]
    return labels


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


def weights_of(problem: Problem, s: int):
    """Weights (chain,) of the sites of one species from a mask of the sites."""

    def weigh(inside: np.ndarray) -> np.ndarray:
        weights = np.zeros(problem.n_chain)
        own = slice(0, None) if problem.family.joint else slice(s * inside.size, None)
        weights[own][: inside.size] = inside
        return weights * problem.usable

    return weigh


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


def _area(occupied: Occupied, draws, surface, species, names) -> dict[str, np.ndarray]:
    if surface is None:
        return {}
    places = of_species(surface.places, species, occupied.problem.data)
    weights = {r: surface.area_km2 * _inside(surface.region, r) for r in names}
    return occupied.weighted_mean(draws, places, weights)


def of_species(places: Places, species: str, data: xr.Dataset) -> Places:
    """The same places, all for one species, with its traits."""
    own = {name: data[name].sel(species=species).values[()] for name in traits(data)}
    own["species"] = species

    def named(frame: Mapping[str, np.ndarray], n: int) -> Mapping[str, np.ndarray]:
        told = {
            k: np.full(n, v, dtype=object if isinstance(v, str) else float) for k, v in own.items()
        }
        return {**frame, **told}

    n, sizes = places.n, (places.n, places.n_step * places.n, (places.n_step - 1) * places.n)
    return Places(
        n,
        named(places.site, sizes[0]),
        named(places.season, sizes[1]),
        named(places.interval, sizes[2]),
        places.n_step,
    )


class _Part:
    """Counts of one species in one season."""

    def __init__(self, problem: Problem, passed: Pass, s: int, t: int):
        visits, seen = problem.visits_by_season, problem.detections_by_season
        if visits.shape[2] > passed.present.shape[2]:  # units of one closed period
            visits, seen = visits.sum(axis=2, keepdims=True), seen.sum(axis=2, keepdims=True)
        self.visits, self.detections = visits[s, :, t], seen[s, :, t]
        self.ever = problem.visits_by_season[s].sum(axis=1) > 0
        self.told = problem.tells_detections
        self.occupied = passed.occupied[:, s, :, t]
        self.present = passed.present[s, :, t]

    def counts(self, inside: np.ndarray, interval: float) -> dict[str, Any]:
        """Sites, detections, and the surveyed sites that were occupied."""
        surveyed = inside & self.ever
        n, seen = int(surveyed.sum()), int((surveyed & (self.detections > 0)).sum())
        here = int((inside & (self.visits > 0)).sum())
        out: dict[str, Any] = {
            "sites": int(inside.sum()),
            "surveyed": here,
            "detected": seen if self.told else np.nan,
            "naive": seen / here if here and self.told else np.nan,
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


def abundance(
    problem: Problem,
    numbers: np.ndarray,
    expected: np.ndarray | None,
    labels: np.ndarray,
    names: list[str],
    interval: float,
) -> pd.DataFrame:
    """Total of the sampled numbers (draw, chain) over the surveyed sites of each region.

    ``expected`` (chain,) are the means at a maximum of the likelihood; a single draw has no
    interval.
    """
    rows = []
    for s, species in enumerate(problem.data["species"].values):
        surveyed = problem.visits_by_season[s].sum(axis=1) > 0
        own = slice(s * labels.size, (s + 1) * labels.size)
        for name in names:
            at = surveyed & _inside(labels, name)
            n = int(at.sum())
            row: dict[str, Any] = {"species": str(species), "region": name, "sites": n}
            total = numbers[:, own][:, at].sum(axis=1).astype(float)
            told = {k: float(v[0]) for k, v in summary(total[:, None], interval).items()}
            if expected is not None:
                told["mean"] = float(expected[own][at].sum())
            if total.size < 2:
                told |= {"lower": np.nan, "upper": np.nan}
            for stem, over in (("number", 1), ("per_site", max(n, 1))):
                row |= {f"{stem}_{k}": told[k] / over for k in ("mean", "lower", "upper")}
            rows.append(row)
    table = pd.DataFrame(rows)
    table.attrs["interval"] = interval
    return table
