"""The variance ledger: what makes places differ, level by level, on the scale of the predictor.

    total = covariates + terms that vary + the link's own noise

The noise is that of the latent variable behind a probability: pi^2 / 3 of a logit, pi^2 / 6 of a
cloglog, 1 of a probit; a log or identity link has none. A term's variance is that of its
population: sd^2 of an intercept, sd^2 times the mean square of the covariate of a slope (Johnson
2014), both with their covariance where they vary together. What covariates explain is the
variance of X beta over the rows of the surveys (Nakagawa and Schielzeth 2013).

    icc of a term      = its variance / (terms + noise)
    alike of a group   = (its variance + that of every grouping that holds it) / (terms + noise)
    marginal R2        = covariates / total          conditional R2 = (covariates + terms) / total

``alike`` is the correlation of two rows of one level: two sites of one park share their region
too. Every row is computed draw by draw, so that all of it has intervals.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from occupancy.problem import Predictor, Problem, VaryingTerm
from occupancy.results.draws import Draws, summary

NOISE = {"logit": np.pi**2 / 3, "cloglog": np.pi**2 / 6, "probit": 1.0}
MEASURES = ("variance", "share", "icc", "alike")
COLUMNS = ["parameter", "component", "kind", "levels"]
COLUMNS += [f"{m}_{k}" for m in ("sd", *MEASURES) for k in ("mean", "lower", "upper")]
MOST_DRAWS = 2000


def ledger(problem: Problem, draws: Draws, interval: float) -> pd.DataFrame:
    """One row for the covariates, for each term that varies and for the link, by parameter.

    Parameters without anything that varies and without covariates are left out.
    """
    draws = draws.thinned(MOST_DRAWS)
    parts = [_of_parameter(p, draws, interval) for p in problem.predictors.values()]
    rows = [row for part in parts for row in part]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.attrs["interval"] = interval
    return table


def explained(problem: Problem, draws: Draws, interval: float) -> pd.DataFrame:
    """Marginal and conditional R2 of every parameter: parameter, measure, mean, lower, upper."""
    rows = []
    draws = draws.thinned(MOST_DRAWS)
    for p in problem.predictors.values():
        fixed, terms, noise = _variances(p, draws)
        if fixed is None and not terms:
            continue
        every = sum(terms.values(), np.zeros(draws.n))
        known = np.zeros(draws.n) if fixed is None else fixed
        total = known + every + (np.nan if noise is None else noise)
        for measure, part in (("marginal", known), ("conditional", known + every)):
            told = summary((part / total)[:, None], interval)
            row = {"parameter": p.name, "measure": measure}
            rows.append(row | {k: float(told[k][0]) for k in ("mean", "lower", "upper")})
    return pd.DataFrame(rows, columns=["parameter", "measure", "mean", "lower", "upper"])


def _of_parameter(p: Predictor, draws: Draws, interval: float) -> list[dict]:
    fixed, terms, noise = _variances(p, draws)
    if fixed is None and not terms:
        return []
    zero = np.zeros(draws.n)
    every = sum(terms.values(), zero)
    random = every + (np.nan if noise is None else noise)
    total = random + (zero if fixed is None else fixed)
    rows = []
    if fixed is not None:
        rows.append(_row(p, "covariates", "covariates", 0, fixed, total, None, None, interval))
    for term in p.varying:
        own = terms[term.name]
        holders = [terms[t.name] for t in p.varying if _holds(t, term)]
        alike = sum(holders, zero) / random if holders else None
        count = len(getattr(term.design, "levels", ()))
        name, kind = term.design.name, term.design.kind
        rows.append(_row(p, name, kind, count, own, total, own / random, alike, interval))
    if noise is not None:
        own = np.full(draws.n, noise)
        rows.append(_row(p, "link", "link", 0, own, total, own / random, None, interval))
    return rows


def _row(p, component, kind, levels, variance, total, icc, alike, interval) -> dict:
    row = {"parameter": p.name, "component": component, "kind": kind, "levels": levels}
    values = {
        "sd": np.sqrt(variance),
        "variance": variance,
        "share": variance / total,
        "icc": icc,
        "alike": alike,
    }
    for measure, drawn in values.items():
        told = None if drawn is None else summary(drawn[:, None], interval)
        for k in ("mean", "lower", "upper"):
            row[f"{measure}_{k}"] = np.nan if told is None else float(told[k][0])
    return row


def _variances(p: Predictor, draws: Draws):
    """(draw,) variance of X beta or None, {term: (draw,)}, and the link's noise or None."""
    plain = p.columns if p.sign is None else p.columns * p.sign
    fixed = None
    if any(name != "Intercept" for name in p.terms) and plain.shape[1] > 1:
        centred = plain - plain.mean(axis=1, keepdims=True)
        cross = centred @ centred.T / (plain.shape[1] - 1)
        beta = draws.coefficients[p.name]
        fixed = np.einsum("di,ij,dj->d", beta, cross, beta)
    terms = {
        t.name: t.design.spread_over(
            draws.hypers[p.name, t.name], draws.effects[p.name, t.name], t.faces
        )
        for t in p.varying
        if (p.name, t.name) in draws.effects
    }
    return fixed, terms, NOISE.get(p.link)


def _holds(term: VaryingTerm, other: VaryingTerm) -> bool:
    """Whether rows of one level of ``other`` share a level of ``term``."""
    by, inside = term.design.by, other.design.by
    return bool(by) and bool(inside) and set(by) <= set(inside)


def tjur(
    psi: np.ndarray, occupied: np.ndarray, surveyed: np.ndarray, interval: float
) -> dict[str, float]:
    """Tjur's R2 with its interval: mean psi of occupied sites less that of empty ones.

    Parameters
    ----------
    psi, occupied : (draw, site)
        psi and the sampled state of each draw.
    surveyed : (site,) bool
    """
    p, z = psi[:, surveyed], occupied[:, surveyed]
    with np.errstate(invalid="ignore", divide="ignore"):
        there = (p * z).sum(axis=1) / z.sum(axis=1)
        empty = (p * ~z).sum(axis=1) / (~z).sum(axis=1)
    value = (there - empty)[:, None]
    value = value[np.isfinite(value[:, 0])]
    if not value.size:  # every site occupied in every draw, or none
        return dict.fromkeys(("mean", "lower", "upper"), float("nan"))
    told = summary(value, interval)
    return {k: float(told[k][0]) for k in ("mean", "lower", "upper")}
