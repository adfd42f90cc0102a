"""What pooling did to the levels of one grouping: naive, alone, together, and all as one.

Two questions. Of a label of the sites (`of_sites`): psi of the sites of each level, beside a region
fitted by itself on a grid (`pooling`). Of a grouping of any parameter (`of_parameter`): the
parameter at each level, at average conditions,

    alone      a coefficient for each level, nothing shared; maximum likelihood
    partial    this fit
    complete   the grouping left out; maximum likelihood

where whatever else varies is taken as this fit found it, so that the three differ in pooling alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from occupancy import links
from occupancy.engines import ml
from occupancy.engines.ml import Maximum
from occupancy.frames import Frames
from occupancy.problem import Predictor, Problem
from occupancy.results import pooling
from occupancy.results.draws import Draws, interval_ends, linear_predictor, natural, summary
from occupancy.results.occupied import Occupied, Places
from occupancy.results.typical import Surveyed, Typical, surveyed, typical
from surveys.problems import ModelError, listing

if TYPE_CHECKING:
    from occupancy.model import Model

ENDS = ("mean", "lower", "upper")
SCALES = ("link", "natural")


def of_sites(
    problem: Problem,
    occupied: Occupied,
    places: Places,
    draws: Draws,
    labels: np.ndarray,
    by: str,
    interval: float,
) -> pd.DataFrame:
    """One row for each level of a label of the chains (chain,)."""
    visits, seen = problem.visits_per_chain, problem.detections_per_chain
    names = [v for v in dict.fromkeys(sorted(labels)) if v]
    weights = {v: (labels == v) * problem.usable * 1.0 for v in names}
    psi = occupied.weighted_mean(draws, places, weights)
    whole = pooling.alone(seen, visits, interval)
    rows = []
    for v in names:
        at = (labels == v) & (visits > 0)
        own = pooling.alone(seen[at], visits[at], interval)
        told = summary(psi[v][:, :1, -1], interval)
        row = {by: v, "sites": int(at.sum())}
        row["naive"] = float((seen[at] > 0).mean()) if at.any() else np.nan
        row |= {"alone_mean": own.mean, "alone_lower": own.lower, "alone_upper": own.upper}
        row |= {f"partial_{k}": float(told[k][0]) for k in ENDS}
        row["complete_mean"] = whole.mean
        if not problem.tells_detections:
            row |= {k: np.nan for k in row if k == "naive" or k.startswith(("alone", "comp"))}
        rows.append(row)
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Asked:
    """A grouping of one parameter, and the rows that the question is about, one for each level."""

    parameter: str
    by: str
    levels: tuple[str, ...]
    rows: Surveyed
    typical: Typical
    frame: Mapping[str, np.ndarray]


def of_parameter(
    problem: Problem,
    pools: Callable[[], tuple[Model, Model]],
    frames: Frames,
    draws: Draws,
    parameter: str,
    by: str,
    interval: float,
    scale: str = "link",
) -> pd.DataFrame:
    """One row for each level of a grouping, for any parameter.

    Parameters
    ----------
    pools : gives the model with a coefficient for each level, and that without the grouping

    Returns
    -------
    DataFrame
        ``by``; rows (sites, or visits where the parameter is of visits); naive, where it is
        defined: of the first parameter the share of sites with a detection, of a probability to
        detect the share of visits with one at sites where it was ever seen; ``alone_*``,
        ``partial_*`` and ``complete_mean``, on the link scale or the parameter's own. What the
        likelihood of a level alone is flat in (seen always, or never) has no interval, and on the
        link scale no mean.
    """
    if scale not in SCALES:
        raise ModelError(f'scale = {scale!r}: give "link" or "natural".')
    asked = _ask(problem, frames, parameter, by)
    p = asked.typical.predictor
    drawn = linear_predictor(p, draws, asked.frame, len(asked.levels))
    point = draws.told_at
    centre = None if point is None else linear_predictor(p, point, asked.frame, len(asked.levels))
    told = summary(drawn if scale == "link" else natural(p, drawn), interval)
    if centre is not None:
        told["mean"] = (centre if scale == "link" else natural(p, centre))[0]
    none, complete = pools()
    alone = _maximum(none, asked, draws, interval, scale)
    whole = _maximum(complete, asked, draws, interval, scale)
    counts, naive = _naive(problem, asked)
    with np.errstate(divide="ignore"):
        link = links.LINKS[p.link]
        naive = link.forward(naive) if scale == "link" else naive
    out = pd.DataFrame({by: asked.levels, "rows": counts})
    out["naive"] = np.where(np.isfinite(naive), naive, np.nan)
    for k in ENDS:
        out[f"alone_{k}"] = alone[k]
    for k in ENDS:
        out[f"partial_{k}"] = told[k]
    out["complete_mean"] = whole["mean"]
    out.attrs.update(parameter=parameter, scale=scale, interval=interval)
    out.attrs["held"] = asked.typical.held
    return out


def grouped_parameters(problem: Problem, by: str) -> list[str]:
    """Parameters with a grouping by this column alone."""
    return [
        name
        for name, p in problem.predictors.items()
        if any(t.design.by == (by,) for t in p.varying)
    ]


def _ask(problem: Problem, frames: Frames, parameter: str, by: str) -> Asked:
    if parameter not in problem.predictors:
        raise ModelError(
            f"The model has no parameter '{parameter}'; it has {listing(list(problem.predictors))}."
        )
    p = problem.predictors[parameter]
    found = [t.design for t in p.varying if t.design.by == (by,)]
    if not found:
        known = [t.design.by[0] for t in p.varying if len(t.design.by) == 1]
        told = f" It has {listing(list(dict.fromkeys(known)))}." if known else ""
        raise ModelError(f"`{parameter}` has no effects of '{by}', so nothing is pooled.{told}")
    levels = tuple(getattr(found[0], "levels", ()))
    rows = surveyed(problem, frames, p, None)
    asked = typical(problem, rows, p, varied=[by])
    frame = asked.frame(len(levels), **{by: _as_column(levels, rows.values[by])})
    return Asked(parameter, by, levels, rows, asked, frame)


def _as_column(levels: tuple[str, ...], column: np.ndarray) -> np.ndarray:
    """Labels in the column's own kind: whole numbers may be labels of groups too."""
    if column.dtype.kind != "f":
        return np.array(levels, dtype=object)
    return np.array([float(v) for v in levels])


def _maximum(
    model: Model, asked: Asked, draws: Draws, interval: float, scale: str
) -> dict[str, np.ndarray]:
    """Each level by maximum likelihood under another pooling, what else varies as it was found."""
    problem = _as_found(model.problem, draws)
    top = ml.maximise(problem, 1)
    p = problem.predictors[asked.parameter]
    n = len(asked.levels)
    eta, se = _at_levels(p, top, problem, asked, n)
    for t in asked.typical.predictor.varying:
        if t.design.by == (asked.by,):
            continue
        key = asked.parameter, t.name
        part = t.design.predict(
            draws.hypers[key].mean(axis=0, keepdims=True),
            draws.effects[key].mean(axis=0, keepdims=True),
            asked.frame,
            n,
            lambda label: np.zeros(1),
        )
        eta = eta + part[0]
    z = ndtri(interval_ends(interval)[1])
    out = {"mean": eta, "lower": eta - z * se, "upper": eta + z * se}
    if scale == "natural":
        return {k: natural(p, v) for k, v in out.items()}
    return out | {"mean": np.where(np.isfinite(se), eta, np.nan)}


def _at_levels(
    p: Predictor, top: Maximum, problem: Problem, asked: Asked, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Linear predictor of each level and its standard error, NaN where the likelihood is flat."""
    frame = {k: v for k, v in asked.frame.items() if k in p.design.variables}
    x = p.design.matrix(frame, n=n)
    eta = x @ top.coefficients[p.name]
    offset = p.design.offset(frame, n=n)
    eta = eta if offset is None else eta + offset
    start = 0
    for name, other in problem.predictors.items():
        if name == p.name:
            break
        start += len(other.terms)
    own = top.covariance[start : start + len(p.terms), start : start + len(p.terms)]
    unknown = ~np.isfinite(np.diag(own))
    known = np.where(unknown[:, None] | unknown, 0.0, own)
    se = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", x, known, x), 0.0))
    se[(x[:, unknown] != 0).any(axis=1)] = np.nan
    return eta, se


def _as_found(problem: Problem, draws: Draws) -> Problem:
    """The problem with what varies in it held at the mean of the draws, as a known part."""
    predictors = {}
    for name, p in problem.predictors.items():
        effects = {
            t.name: t.design.at_levels(
                draws.hypers[name, t.name].mean(axis=0, keepdims=True),
                draws.effects[name, t.name].mean(axis=0, keepdims=True),
            )[0]
            for t in p.varying
            if (name, t.name) in draws.effects
        }
        known = p.offset if p.offset.size else np.zeros(p.columns.shape[1])
        offset = p.add_varying(known, effects) if effects else p.offset
        plain = replace(p.design, groups=())
        predictors[name] = replace(p, offset=offset, varying=(), design=plain)
    return replace(problem, predictors=predictors)


def _naive(problem: Problem, asked: Asked) -> tuple[np.ndarray, np.ndarray]:
    """(level,) rows surveyed, and the naive answer where there is one."""
    p = problem.predictors[asked.parameter]
    of = asked.rows.values[asked.by].astype(str)
    own = np.array([of == str(v) for v in asked.levels])
    counts, naive = own.sum(axis=1), np.full(len(asked.levels), np.nan)
    if not problem.tells_detections or p.link not in ("logit", "cloglog", "probit"):
        return counts, naive
    first = p.name == next(iter(problem.predictors))
    if p.level == "site" and first:
        seen = asked.rows.detected
        return counts, _shares(own, seen)
    if p.level == "visit" and p.name == "p" and not problem.family.parameter(p.name).only:
        ever = _ever_seen(problem)
        return counts, _shares(own & ever, asked.rows.detected)
    return counts, naive


def _shares(own: np.ndarray, seen: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return (own & seen).sum(axis=1) / own.sum(axis=1)


def _ever_seen(problem: Problem) -> np.ndarray:
    """(visit used,) bool, field order: the site had a detection in that season."""
    seen = problem.detections_by_season > 0
    return np.broadcast_to(seen[..., None], problem.used.shape)[problem.used]
