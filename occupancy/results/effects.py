"""One covariate at a time: the curve of a parameter while everything else is held still.

Other numbers are held at the mean of the surveyed rows, other labels at their commonest level, and
every group effect at 0, the mean of its population: the curve is that of a typical region. A
species asked for keeps its own effects; without one, the curve is that of the community's mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from occupancy.formula.tree import Call, Column, columns_in
from occupancy.frames import Frames, traits
from occupancy.problem import Predictor, Problem
from occupancy.results.draws import Draws
from occupancy.results.places import summarise
from occupancy.terms import TERMS
from surveys.problems import ModelError, listing

POINTS = 101  # along each curve
MARGIN = 0.06  # of the sampled range, drawn beyond it on both sides
COLUMNS = ["parameter", "covariate", "value", "curve_mean", "curve_sd", "curve_lower"]
COLUMNS += ["curve_upper", "extrapolated"]


@dataclass(frozen=True)
class Surveyed:
    """The rows that a parameter learned from: sites for psi, visits for p.

    Attributes
    ----------
    values : {covariate: (row,)}
    detected : (row,) bool
    """

    values: Mapping[str, np.ndarray]
    detected: np.ndarray


def surveyed(problem: Problem, frames: Frames, p: Predictor, species: str | None) -> Surveyed:
    """Covariates of the rows used, of one species where one is named."""
    frame = frames.at(p.level)
    if p.level == "visit":
        told = problem.family.parameter(p.name)
        keep, seen = problem.used[frames.made], frames.detected
        if told.only:
            own = np.zeros(keep.size, bool)
            own[np.flatnonzero(keep)[problem.field_rank]] = problem.observed.label == int(told.only)
            keep = own
    else:
        n_row = frame.n // problem.n_chain
        keep = np.repeat(problem.usable & (problem.visits_per_chain > 0), n_row)
        seen = np.repeat(problem.detections_per_chain > 0, n_row)
    split = p.level == "visit" and problem.family.joint  # its label is its species
    if species is not None and "species" in frame and not split:
        keep = keep & (frame["species"].astype(str) == species)
    return Surveyed({v: frame[v][keep] for v in p.design.variables}, seen[keep])


def numeric_covariates(p: Predictor) -> list[str]:
    """Covariates that a curve can be drawn against: numbers in effects, not labels of a factor."""
    formula, memory = p.design.formula, p.design.memory
    parts = [part for effect in formula.effects for part in effect.parts] + list(formula.offsets)
    labels = {
        name
        for part in parts
        if isinstance(part, Call) and TERMS[part.function].gives == "levels"
        for name in columns_in(part)
    }
    names = dict.fromkeys(name for part in parts for name in columns_in(part))
    return [n for n in names if n not in labels and memory.kinds.get(n) == "number"]


def held(p: Predictor, rows: Surveyed) -> dict[str, Any]:
    """Where each covariate stands while another varies: means, and commonest levels."""
    out: dict[str, Any] = {}
    for name in dict.fromkeys(_fixed(p)):
        values = rows.values[name]
        if values.dtype.kind == "f" and name in numeric_covariates(p):
            out[name] = float(np.nanmean(values))
        else:
            levels, n = np.unique(values.astype(str), return_counts=True)
            common = str(levels[n.argmax()])
            out[name] = values[values.astype(str) == common][0]
    return out


def _fixed(p: Predictor) -> list[str]:
    formula = p.design.formula
    parts: list[Column | Call] = [part for effect in formula.effects for part in effect.parts]
    return [name for part in (*parts, *formula.offsets) for name in columns_in(part)]


def of_species(problem: Problem, species: str | None) -> dict[str, Any]:
    """A species and its traits; nothing where a community of several is asked about."""
    data = problem.data
    if species is None and data.sizes["species"] > 1:
        return {}
    who = species or str(data["species"].values[0])
    return {"species": who, **{t: data[t].sel(species=who).values[()] for t in traits(data)}}


def _kept(by: tuple[str, ...], own: set[str], stood: set[str]) -> bool:
    """Whether a species keeps a group's effect: it is its own, or that of a label it has."""
    return bool(set(by) & own) and set(by) <= own | stood


def averaged_groups(p: Predictor, own: set[str], stood: set[str]) -> list[str]:
    """Names of the groupings whose effects are held at the mean of their population."""
    names = ["/".join(g.by) or g.name for g in p.design.groups if not _kept(g.by, own, stood)]
    return list(dict.fromkeys(names))


def table(
    problem: Problem,
    frames: Frames,
    draws: Draws,
    covariances: Mapping[str, np.ndarray],
    interval: float,
    parameter: str | None = None,
    covariate: str | None = None,
    reach: Mapping[str, tuple[float, float]] | None = None,
    species: str | None = None,
) -> pd.DataFrame:
    """Curves of all parameters against all their numeric covariates, or of those named.

    Parameters
    ----------
    covariances : {parameter: (coefficient, coefficient)}
        Of a maximum of the likelihood, whose curve and Wald interval are then told; else empty.
    reach : {covariate: (low, high)}
        Widens the curve to what will be predicted to; what lies outside the surveyed range is
        marked ``extrapolated``.

    Raises
    ------
    ModelError
        The parameter or the covariate is not in the model.
    """
    chosen = _choose(problem, parameter, covariate)
    if parameter is None:
        chosen = {n: v for n, v in chosen.items() if not _of_another(problem, n, species)}
    parts, stood, groups = [], {}, {}
    for name, wanted in chosen.items():
        p = problem.predictors[name]
        rows = surveyed(problem, frames, p, species)
        stood[name] = held(p, rows)
        own = of_species(problem, species)
        groups[name] = averaged_groups(p, set(own), set(stood[name]))
        for variable in wanted:
            # the curve of a trait runs between species: it is that of the community
            between = variable in own or variable in traits(problem.data)
            alone = _without_groups(p, set() if between else set(own), set(stood[name]))
            units = str(problem.data[variable].attrs.get("units", ""))
            values = surveyed(problem, frames, p, None if between else species).values[variable]
            grid, outside = _grid(values, units, (reach or {}).get(variable))
            frame = {k: np.full(len(grid), v) for k, v in {**own, **stood[name]}.items()}
            frame[variable] = grid
            told = summarise(alone, draws, frame, len(grid), interval, covariances.get(name))
            part = pd.DataFrame({"value": grid} | {f"curve_{k}": v for k, v in told.items()})
            parts.append(part.assign(parameter=name, covariate=variable, extrapolated=outside))
    out = pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)
    out.attrs.update(interval=interval, held=stood, groups=groups)
    return out


def rug(problem: Problem, frames: Frames, species: str | None = None) -> pd.DataFrame:
    """Where each curve has data: parameter, covariate, value, detected; sites or visits."""
    parts = []
    for name, p in problem.predictors.items():
        if _of_another(problem, name, species):
            continue
        rows = surveyed(problem, frames, p, species)
        for variable in numeric_covariates(p):
            part = pd.DataFrame({"value": rows.values[variable], "detected": rows.detected})
            part.insert(0, "parameter", name)
            part.insert(1, "covariate", variable)
            parts.append(part)
    columns = ["parameter", "covariate", "value", "detected"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _of_another(problem: Problem, name: str, species: str | None) -> bool:
    """Whether a parameter speaks of the visits for another species than the one asked about."""
    told, family = problem.family.parameter(name), problem.family
    if not (family.joint and told.only and species):
        return False
    return family.labels[int(told.only)] != species


def _choose(problem: Problem, parameter: str | None, covariate: str | None) -> dict[str, list[str]]:
    """The curves asked for, by parameter."""
    known = list(problem.predictors)
    if parameter is not None and parameter not in known:
        raise ModelError(f"The model has no parameter '{parameter}'; it has {listing(known)}.")
    out = {}
    for name in known if parameter is None else [parameter]:
        names = numeric_covariates(problem.predictors[name])
        out[name] = names if covariate is None else [v for v in names if v == covariate]
    if covariate is not None and not any(out.values()):
        where = parameter or "any parameter"
        has = [v for n in out for v in numeric_covariates(problem.predictors[n])]
        hint = f"There are curves of {listing(has)}." if has else "It has no numeric covariate."
        raise ModelError(f"'{covariate}' is no numeric covariate of {where}. {hint}")
    return out


def _without_groups(p: Predictor, own: set[str], stood: set[str]) -> Predictor:
    """The predictor with group effects at 0, but for those of the species that is asked about."""
    keep = [k for k, g in enumerate(p.design.groups) if _kept(g.by, own, stood)]
    design = replace(p.design, groups=tuple(p.design.groups[k] for k in keep))
    return replace(p, design=design, varying=tuple(p.varying[k] for k in keep))


def _grid(
    values: np.ndarray, units: str, reach: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Values along a curve, both ends of the surveyed range among them, and which lie outside."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    least, most = _bounds(low, high, units)
    pad = MARGIN * (high - low)
    start, end = max(low - pad, least), min(high + pad, most)
    if reach is not None:
        start, end = min(start, reach[0]), max(end, reach[1])
    grid = np.unique(np.concatenate([np.linspace(start, end, POINTS), [low, high]]))
    return grid, (grid < low) | (grid > high)


def _bounds(low: float, high: float, units: str) -> tuple[float, float]:
    """What a covariate can be at all, as far as its surveyed values and its unit tell.

    A cover or an effort is never negative; one that is never 0 may stand in a logarithm.
    """
    least = -np.inf if low < 0 else 0.0 if low == 0 else 0.5 * low
    if low >= 0 and high <= 1:
        return least, 1.0
    return least, 100.0 if units in ("%", "percent") and high <= 100 else np.inf
