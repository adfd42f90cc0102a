"""Every hyper-parameter of everything that varies, on its own scale: one row for each.

Of a posterior: mean, sd and quantiles of the draws. Of a maximum: the estimate, its standard error
by the delta method, and Wald's interval on the whole line (the logarithm of a standard deviation
or a range, the logit of a share, that of (1 + r) / 2 for a correlation); of a standard deviation
with 0 within one standard error, on its own scale, folded at 0. Correlations are told as
such: where three or more effects vary together, not the partial ones that are sampled. Where a
standard deviation is estimated as 0, its effects have no correlation, range or share (NaN).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri

from occupancy.engines.compiled import hyper_names
from occupancy.engines.conditional import ends_of_sd
from occupancy.engines.coordinates import varying_terms
from occupancy.engines.linear_block import bounds
from occupancy.engines.marginal import Integrated
from occupancy.kernel.varying import POSITIVE, SHARE
from occupancy.problem import Problem, VaryingTerm
from occupancy.results.draws import Draws, interval_ends, summary
from occupancy.varying import Correlated
from occupancy.varying.base import Hyper

COLUMNS = ["parameter", "term", "hyper", "label", "unit", "mean", "sd", "lower", "upper"]
UNITS = {"sd": "link scale", "range": "km"}
TOLD = ("mean", "sd", "lower", "upper")
UNKNOWN: dict[str, float] = dict.fromkeys(TOLD, float("nan"))


def table(
    problem: Problem, draws: Draws, interval: float, top: Integrated | None = None
) -> pd.DataFrame:
    """One row for each hyper-parameter of each term.

    Returns
    -------
    DataFrame
        parameter, term, ``hyper`` (sd, correlation, range, rho, share), ``label`` (which of
        several: "1" is the level itself), ``unit``, mean, sd, lower, upper. A standard deviation
        estimated as 0 by maximum likelihood has neither error nor interval.
    """
    rows: list[dict[str, str | float]] = []
    for p, term in varying_terms(problem):
        natural = draws.hypers[p.name, term.name]
        about = {"parameter": p.name, "term": term.design.name}
        names = hyper_names(p.name, term)
        still = set() if top is None else _without_spread(top, names, term)
        for k, hyper in enumerate(term.design.hypers):
            told = _summarised(natural[:, k], interval)
            if top is not None:
                told = _at_maximum(top, names[k], hyper, interval)
            if hyper.name != "partial_correlation":
                unknown = hyper.name != "sd" and _hangs_on(hyper.label, still)
                own = UNKNOWN if unknown else told
                rows.append(about | _named(hyper.name, hyper.label) | own)
        for label, told in _correlations(term, draws, natural, p.name, interval):
            own = UNKNOWN if _hangs_on(label, still) else told
            rows.append(about | _named("correlation", label) | own)
    out = pd.DataFrame(rows, columns=COLUMNS)
    out.attrs["interval"] = interval
    return out


def _without_spread(top: Integrated, names: list[str], term: VaryingTerm) -> set[str]:
    """Labels of the effects of a term whose standard deviation is estimated as 0."""
    hypers = zip(names, term.design.hypers, strict=True)
    return {h.label for name, h in hypers if top.at_end[top.hyper_names.index(name)]}


def _hangs_on(label: str, still: set[str]) -> bool:
    """Whether a range, a share or a correlation is one of effects that are all 0: of nothing."""
    return "" in still or any(label.startswith(f"{e} ") or label.endswith(f" {e}") for e in still)


def _named(name: str, label: str) -> dict[str, str]:
    return {"hyper": name, "label": label, "unit": UNITS.get(name, "")}


def _summarised(values: np.ndarray, interval: float) -> dict[str, float]:
    told = summary(values[:, None], interval)
    return {k: float(told[k][0]) for k in TOLD}


def _correlations(
    term: VaryingTerm, draws: Draws, natural: np.ndarray, parameter: str, interval: float
) -> list[tuple[str, dict[str, float]]]:
    """(label, told) of those that are sampled as partial ones: of the third effect on."""
    design = term.design
    if not isinstance(design, Correlated) or len(design.effects) < 3:
        return []
    full = design.correlation(natural)
    rows = []
    for i, j in design.pairs:
        if j == 0:
            continue  # the partial correlation with the first effect is the correlation itself
        told = _summarised(full[:, i, j], interval)
        if draws.point is not None:
            at = draws.point.hypers[parameter, term.name]
            told["mean"] = float(design.correlation(at)[0, i, j])
        label = f"{design.effects[j]} {design.effects[i]}"
        rows.append((label, told))
    return rows


def _at_maximum(top: Integrated, name: str, hyper: Hyper, interval: float) -> dict[str, float]:
    """Estimate, standard error and Wald's interval on the whole line."""
    i = top.hyper_names.index(name)
    at, error = float(top.hyper[i]), float(top.hyper_errors[i])
    z = float(ndtri(interval_ends(interval)[1]))
    ends = np.clip([at - z * error, at + z * error], *bounds(hyper))
    mean, lower, upper = (_natural(v, hyper.domain) for v in (at, *ends))
    if top.at_end[i]:  # nothing varies
        return {"mean": mean, "sd": np.nan, "lower": np.nan, "upper": np.nan}
    if hyper.name == "sd":
        lower, upper = ends_of_sd(at, error, interval_ends(interval))
    if hyper.domain == POSITIVE:
        slope = mean
    elif hyper.domain == SHARE:
        slope = mean * (1.0 - mean)
    else:
        slope = 0.5 * (1.0 - mean**2)
    return {"mean": mean, "sd": slope * error, "lower": lower, "upper": upper}


def _natural(value: float, domain: int) -> float:
    if domain == POSITIVE:
        return float(np.exp(value))
    share = float(expit(value))
    return share if domain == SHARE else 2.0 * share - 1.0
