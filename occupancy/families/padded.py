"""A family's kernel on padded arrays in field order: arrays in, arrays out, no Dataset.

The way in for whoever has linear predictors of their own, and for tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from occupancy import links as known
from occupancy.families.base import Family, Observed
from occupancy.kernel.layout import Layout, make_layout

LINK_CODES = {"logit": 0, "cloglog": 1, "log": 2, "identity": 3, "probit": 4}


@dataclass(frozen=True)
class Evaluated:
    """What a kernel says about every site, in field order.

    Attributes
    ----------
    total : float
    log_lik : (site,)
    states : (site, step, state)
        P(state | whole history).
    pairs : (site, step - 1, from, to)
        P(state now, state next | whole history).
    gradients : {parameter: like its predictor}
        d total / d eta; 0 where no visit was made.
    """

    total: float
    log_lik: np.ndarray
    states: np.ndarray
    pairs: np.ndarray
    gradients: dict[str, np.ndarray]


def tables_size(family: Family, n_step: int) -> int:
    """Doubles that one chain needs in a block's tables."""
    k = family.n_state
    return 3 * n_step * k + 2 * (n_step - 1) * k * k


def evaluate(
    family: Family,
    eta: Mapping[str, np.ndarray],
    y: np.ndarray,
    *,
    effort: np.ndarray | None = None,
    links: Mapping[str, str] | None = None,
    known: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    detected: np.ndarray | None = None,
    n_state: int | None = None,
    species: np.ndarray | None = None,
) -> Evaluated:
    """Log-likelihood, smoothed states, pairs and gradient at given linear predictors.

    Parameters
    ----------
    eta : {parameter: (site,), (site, season), (site, interval) or (site, season, visit)}
        Of a community: (1,). On the scale of the parameter's link, by its level.
    y : (site, season, visit)
        What was seen; NaN where no visit was made. Where steps are visits: (site, visit, 1).
    effort : like ``y``; 1 where not given.
    links : {parameter: link}; the family's first where not given.
    known : (site,) bool
        Sites known to be occupied.
    labels : like ``y``, int
        Which label of the family a visit carries.
    detected : like ``y``, bool
        y > 0 and finite where not given: a time of +inf is a visit without detection.
    n_state : int
        How many states are told, where the family's are numbers of individuals.
    species : (site,) int
        Whose site it is, where species may not be in the community.
    """
    y = np.asarray(y, dtype=np.float64)
    n_site, n_step, _ = y.shape
    made = ~np.isnan(y)
    layout = make_layout(made.sum(axis=2), tables_size(family, n_step))
    order, place = layout.visit_order, layout.site_place()
    site = np.broadcast_to(np.arange(n_site)[:, None, None], y.shape)[made][order]

    def of_visits(values, otherwise):
        full = otherwise if values is None else np.broadcast_to(values, y.shape)[made][order]
        return np.ascontiguousarray(np.broadcast_to(full, site.shape))

    seen = of_visits(y, 0.0)
    told = Observed(
        seen,
        of_visits(detected, (seen > 0) & np.isfinite(seen)).astype(bool),
        of_visits(effort, 1.0).astype(float),
        place[site],
        layout.step_of_visit(),
        of_visits(labels, 0).astype(np.int64),
        np.zeros(n_site, bool) if known is None else np.asarray(known, bool)[layout.site_order],
        n_step,
        None if species is None else np.asarray(species, np.int64)[layout.site_order],
    )
    rows, parts, signs = {}, [], {}
    for p in family.parameters:
        flat, rows[p.name] = _flat(np.asarray(eta[p.name], dtype=np.float64), p, layout, made, told)
        if p.name in family.signed:
            own = told.label == int(p.only) if p.only else slice(None)
            signs[p.name] = np.where(told.detected[own], -1.0, 1.0)
            flat = flat * signs[p.name]
        parts.append(flat)
    start = np.cumsum([0, *[part.size for part in parts]]).astype(np.int64)
    codes = np.array(
        [LINK_CODES[(links or {}).get(p.name, p.links[0])] for p in family.parameters], np.int64
    )
    total, log_lik, states, pairs, gradient = run(
        family, codes, np.concatenate(parts), start, told, layout, n_state, with_pairs=True
    )
    gradients = {}
    for m, p in enumerate(family.parameters):
        g = gradient[start[m] : start[m + 1]] * signs.get(p.name, 1.0)
        full = np.zeros(np.shape(eta[p.name]))
        full[rows[p.name]] = g
        gradients[p.name] = full
    field = layout.site_order
    out = [np.empty((n_site, *a.shape[:-1])) for a in (states, pairs)]
    for a, full in zip((states, pairs), out, strict=True):
        full[field] = np.moveaxis(a, -1, 0)
    by_site = np.empty(n_site)
    by_site[field] = log_lik
    return Evaluated(total, by_site, out[0], out[1], gradients)


def run(
    family: Family,
    links: np.ndarray,
    eta: np.ndarray,
    start: np.ndarray,
    observed: Observed,
    layout: Layout,
    n_state: int | None = None,
    with_pairs: bool = False,
):
    """Call the kernel: total, log_lik, states, pairs, gradient, all in layout order."""
    by_visit, by_chain = family.data(observed)
    n, t, k = layout.n_site, layout.n_step, n_state or family.n_state
    log_lik, states, gradient = np.empty(n), np.empty((t, k, n)), np.empty(eta.size)
    pairs = np.empty((t - 1, k, k, n if with_pairs else 0))
    contiguous = np.ascontiguousarray
    total = family.kernel(
        links,
        contiguous(eta, dtype=np.float64),
        start,
        contiguous(by_visit),
        contiguous(by_chain),
        layout.arrays,
        gradient,
        log_lik,
        states,
        pairs,
    )
    return total, log_lik, states, pairs, gradient


def natural(family: Family, eta: Mapping[str, np.ndarray], links: Mapping[str, str] | None = None):
    """Predictors on the natural scale of each parameter, for ``Family.tables``."""
    return {
        p.name: known.LINKS[(links or {}).get(p.name, p.links[0])].inverse(eta[p.name])
        for p in family.parameters
    }


def _flat(values, p, layout: Layout, made, told: Observed):
    """A predictor in the kernel's order, and where each row stands in the padded array."""
    if p.level == "visit":
        where = tuple(k[layout.visit_order] for k in np.nonzero(made))
        if p.only:
            mine = told.label == int(p.only)
            where = tuple(k[mine] for k in where)
        return values[where], where
    if p.level == "site":
        return values[layout.site_order], (layout.site_order,)
    if p.level == "community":
        return values.reshape(1), (slice(None),)
    n_row = values.shape[1]
    step, site = np.meshgrid(np.arange(n_row), layout.site_order, indexing="ij")
    where = (site.ravel(), step.ravel())
    return values[where], where
