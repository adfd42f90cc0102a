"""What is known of each covariate: gaps, spread, and pairs that tell the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from surveys.problems import Problem, listing
from surveys.quality.base import Evidence, Section, left_out
from surveys.quality.said import many, percent
from surveys.schema import VISIT_DIMS, covariates

NAME, TITLE = "covariates", "Covariates"
STRONG = 0.7
FEWEST = 10  # pairs of values that a correlation rests on
BINS = 20
MOST_LEVELS = 8
MOST_CORRELATED = 40  # covariates


@dataclass(frozen=True)
class CovariateLook:
    """One covariate where visits were made: `heights` by bin (`edges`) or by level (`levels`)."""

    name: str
    over: str  # "site", "season" or "visit"
    units: str
    n: int  # sites, sites and seasons, or visits
    missing: int
    policy: str
    heights: np.ndarray
    edges: np.ndarray | None = None
    levels: tuple[str, ...] = ()
    constant: bool = False


@dataclass(frozen=True, kw_only=True)
class Covariates(Section):
    looks: tuple[CovariateLook, ...] = ()
    pairs: tuple[tuple[str, str, float], ...] = ()  # |r| > 0.7, strongest first
    correlation: pd.DataFrame | None = None


def look(evidence: Evidence) -> Section:
    """Gaps and spread of each covariate, on the sites or visits that a model would use."""
    ds = evidence.ds
    names = [n for n in covariates(ds) if set(ds[n].dims) <= set(VISIT_DIMS) and ds[n].dims]
    if not names:
        return left_out(NAME, TITLE, "The surveys have no covariates.")
    made = xr.DataArray(evidence.made, dims=VISIT_DIMS)
    looks = tuple(_look(ds, name, made) for name in names)
    correlation = _correlation(
        ds, [c for c in looks if c.edges is not None and not c.constant], made
    )
    pairs = _strong(correlation)
    gaps = [c for c in looks if c.missing]
    same = [c.name for c in looks if c.constant]
    told = f"{many(len(looks), 'covariate')}: " + ", ".join(
        f"{sum(c.over == over for c in looks)} of {what}"
        for over, what in (("site", "sites"), ("season", "seasons"), ("visit", "visits"))
        if any(c.over == over for c in looks)
    )
    told += ". " + (
        "Values are missing in "
        + listing([f"{c.name} ({c.missing:,} of {c.n:,} {_of(c)})" for c in gaps], 5)
        + ". "
        if gaps
        else "No value is missing where a visit was made. "
    )
    if same:
        told += f"{listing(same)} {'has' if len(same) == 1 else 'have'} one value only. "
    told += (
        "Correlated beyond 0.7: "
        + listing([f"{a} and {b} (r = {r:.2f})".replace("-", "−") for a, b, r in pairs], 5)
        + "."
        if pairs
        else "No two of them correlate beyond 0.7."
    )
    problems = [
        Problem(
            code="N670",
            level="note",
            fact=f"{a} and {b} tell much the same (r = {r:.2f})",
            why="a model cannot say which of two correlated covariates it is",
            cure="put one of them into a formula, whichever the question is about",
        )
        for a, b, r in pairs[:10]
    ]
    problems += [
        Problem(
            code="N671",
            level="note",
            fact=f"{c.name} is missing for {c.missing:,} of {c.n:,} {_of(c)} "
            f"({percent(c.missing, c.n)})",
            why='a model that uses it leaves these visits out (missing = "drop visit")'
            if c.policy == "drop visit"
            else 'a model that uses it is refused (missing = "refuse")',
            cure="fill in what can be known; or leave the covariate out of the formulas",
        )
        for c in gaps
    ]
    advice = []
    if gaps:
        advice.append("Fill the gaps, or decide that visits without the value may be lost.")
    if pairs:
        advice.append("Of two that correlate, take one.")
    advice.append(
        "Compare the range here with the range of the map: beyond it every prediction is a guess. "
        "Covariates of visits can explain detection (p), and not occupancy (psi)."
    )
    whole = sum(c.missing == 0 for c in looks)
    return Covariates(
        name=NAME,
        title=f"{whole} of {many(len(looks), 'covariate')} {'is' if whole == 1 else 'are'} "
        "known wherever a visit was made"
        if gaps
        else "Every covariate is known wherever a visit was made",
        told=told,
        do=" ".join(advice),
        numbers={
            "covariates": {
                c.name: {
                    "over": c.over,
                    "n": c.n,
                    "missing": c.missing,
                    **({"constant": True} if c.constant else {}),
                }
                for c in looks
            },
            "correlated": [[a, b, round(r, 3)] for a, b, r in pairs],
        },
        problems=tuple(problems),
        looks=looks,
        pairs=pairs,
        correlation=correlation,
    )


def _of(c: CovariateLook) -> str:
    return {"site": "sites", "season": "sites and seasons", "visit": "visits"}[c.over]


def _values(variable: xr.DataArray, made: xr.DataArray) -> np.ndarray:
    """The values that a model would see: of the sites, seasons or visits with a visit made."""
    over = [d for d in VISIT_DIMS if d not in variable.dims]
    needed = made.any(over) if over else made
    needed = needed.transpose(*variable.dims)
    return variable.values[needed.values]


def _look(ds: xr.Dataset, name: str, made: xr.DataArray) -> CovariateLook:
    variable = ds[name]
    values = _values(variable, made)
    over = (
        "visit" if "visit" in variable.dims else "season" if "season" in variable.dims else "site"
    )
    told = (name, over, str(variable.attrs.get("units", "")), len(values))
    policy = str(variable.attrs.get("missing", ""))
    if variable.dtype.kind == "f":
        known = values[np.isfinite(values)]
        missing = len(values) - len(known)
        if not len(known):
            return CovariateLook(*told, missing, policy, np.zeros(0), constant=True)
        few = np.unique(known[:100_000])
        bins = BINS if len(few) > BINS else max(len(few), 2)
        heights, edges = np.histogram(known, bins=bins)
        one = bool(known.min() == known.max())
        return CovariateLook(*told, missing, policy, heights, edges=edges, constant=one)
    text = pd.Series(values.astype(object))
    counts = text[text != ""].value_counts()
    shown = counts[:MOST_LEVELS]
    if len(counts) > len(shown):
        shown = pd.concat(
            [shown, pd.Series({f"{len(counts) - len(shown)} more": counts[len(shown) :].sum()})]
        )
    return CovariateLook(
        *told,
        int((text == "").sum()),
        policy,
        shown.to_numpy(),
        levels=tuple(map(str, shown.index)),
        constant=len(counts) < 2,
    )


def _correlation(ds: xr.Dataset, looks: list[CovariateLook], made: xr.DataArray) -> pd.DataFrame:
    """Pearson's r of every pair of numbers: over sites, or over visits where one is of visits."""
    looks = looks[:MOST_CORRELATED]
    names = [c.name for c in looks]
    if len(names) < 2:
        return pd.DataFrame()
    of_site = [c.name for c in looks if c.over == "site"]
    sites = pd.DataFrame({n: ds[n].values[made.any(("season", "visit")).values] for n in of_site})
    out = sites.corr(min_periods=FEWEST).reindex(index=names, columns=names)
    if len(of_site) < len(names):
        shape = dict(zip(VISIT_DIMS, made.shape, strict=True))
        at = made.values
        visits = pd.DataFrame(
            {n: ds[n].variable.set_dims(shape).transpose(*VISIT_DIMS).values[at] for n in names}
        )
        out = out.where(out.notna(), visits.corr(min_periods=FEWEST))
    return out


def _strong(correlation: pd.DataFrame) -> tuple[tuple[str, str, float], ...]:
    if not len(correlation):
        return ()
    r = correlation.to_numpy()
    at = np.argwhere(np.triu(np.abs(np.nan_to_num(r)) > STRONG, 1))
    names = list(correlation)
    pairs = [(names[i], names[j], float(r[i, j])) for i, j in at]
    return tuple(sorted(pairs, key=lambda p: -abs(p[2])))
