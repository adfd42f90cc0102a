"""Likelihoods by enumeration in many digits, written from the definitions and nothing else.

    P(y, z) = P(z) prod_j P(y_j | z),   P(y) = sum over every z

No shortcut of the kernels is used here: no logistic of a sign, no product in logarithms.
"""

from __future__ import annotations

import itertools

import numpy as np
from mpmath import mp, mpf

from occupancy.kernel.layout import make_layout

DIGITS = 60  # 1 - 1e-50 still differs from 1
MANY_DIGITS = 400  # so does 1 - exp(-800)


def occupied_and_not(eta, link):
    """Occupancy and its complement, both written out."""
    eta = mpf(float(eta)) if not isinstance(eta, mpf) else eta
    if link == "logit":
        return 1 / (1 + mp.exp(-eta)), 1 / (1 + mp.exp(eta))
    hazard = mp.exp(eta)
    return -mp.expm1(-hazard), mp.exp(-hazard)


def detected_and_not(eta):
    """Detection and its complement, both written out."""
    return occupied_and_not(eta, "logit")


def joint(eta_psi, visits, link):
    """[P(y, absent), P(y, present)] of one site; ``visits`` is [(y, eta of p)]."""
    psi, not_psi = occupied_and_not(eta_psi, link)
    total = []
    for z, prior in ((0, not_psi), (1, psi)):
        chance = prior
        for y, eta in visits:
            p, q = detected_and_not(eta)
            if z == 0:
                p, q = mpf(0), mpf(1)
            chance *= p if y == 1 else q
        total.append(chance)
    return total


def site(eta_psi, visits, link="logit", digits=DIGITS):
    """Logarithm of P(y), P(present | y), d log P / d eta of psi, [d log P / d eta of each visit].

    Slopes are central differences in twice the digits.
    """
    with mp.workdps(2 * digits):
        absent, present = joint(eta_psi, visits, link)
        log_lik, share = mp.log(absent + present), present / (absent + present)
        h = mpf(10) ** (-digits // 2)

        def at(change_psi, place, change):
            moved = [(y, mpf(float(e)) + (change if j == place else 0)) for j, (y, e) in visits_of]
            return mp.log(sum(joint(mpf(float(eta_psi)) + change_psi, moved, link)))

        visits_of = list(enumerate(visits))
        slope_psi = (at(h, -1, 0) - at(-h, -1, 0)) / (2 * h)
        slopes = [(at(0, j, h) - at(0, j, -h)) / (2 * h) for j in range(len(visits))]
        return float(log_lik), float(share), float(slope_psi), [float(s) for s in slopes]


def sites(eta_psi, eta_p, y, link="logit", digits=DIGITS):
    """The same of many sites: (site,), (site,), (site,), (site, visit) with 0 where no visit."""
    n, j = y.shape
    log_lik, share, slope, slopes = np.empty(n), np.empty(n), np.empty(n), np.zeros((n, j))
    for i in range(n):
        made = np.flatnonzero(~np.isnan(y[i]))
        visits = [(int(y[i, k]), eta_p[i, k]) for k in made]
        log_lik[i], share[i], slope[i], per_visit = site(eta_psi[i], visits, link, digits)
        slopes[i, made] = per_visit
    return log_lik, share, slope, slopes


def through(kernel, family, eta_psi, eta_p, y, link="logit"):
    """A kernel's answers in field order, in the shapes of ``sites``; slopes by eta of p itself."""
    made = ~np.isnan(y)
    layout = make_layout(made.sum(axis=1))
    order, place = layout.visit_order, layout.site_place()
    seen = y[made][order]
    sign = np.where(seen > 0, -1.0, 1.0)
    site_of_visit = np.broadcast_to(np.arange(len(y))[:, None], y.shape)[made]
    predictors = (
        np.ascontiguousarray(eta_psi[layout.site_order], float),
        np.ascontiguousarray(eta_p[made][order] * sign, float),
    )
    gradients = tuple(np.empty_like(p) for p in predictors)
    log_lik, states = np.empty(len(y)), np.empty((2, len(y)))
    total = kernel(
        ({"logit": 0, "cloglog": 1}[link], 0),
        predictors,
        family.data(seen, place[site_of_visit][order], len(y)),
        (layout.site_start, layout.visit_start, layout.diagonal_start, layout.diagonal_size),
        gradients,
        log_lik,
        states,
    )
    slopes = np.zeros(y.shape)
    flat = np.empty(made.sum())
    flat[order] = gradients[1] * sign
    slopes[made] = flat
    np.testing.assert_allclose(total, log_lik.sum(), rtol=1e-13)
    return log_lik[place], states[:, place], gradients[0][place], slopes


def chain(initial, transition, emission):
    """One site's chain by every path: log P, smoothed (season, state), pairs (gap, from, to)."""
    n_season, n_state = emission.shape
    with mp.workdps(DIGITS):
        total = mpf(0)
        smoothed = np.full((n_season, n_state), mpf(0), dtype=object)
        pairs = np.full((max(n_season - 1, 0), n_state, n_state), mpf(0), dtype=object)
        for path in itertools.product(range(n_state), repeat=n_season):
            chance = mpf(float(initial[path[0]]))
            for t, k in enumerate(path):
                chance *= mpf(float(emission[t, k]))
                if t:
                    chance *= mpf(float(transition[t - 1, path[t - 1], k]))
            total += chance
            for t, k in enumerate(path):
                smoothed[t, k] += chance
                if t:
                    pairs[t - 1, path[t - 1], k] += chance
        return (
            float(mp.log(total)),
            (smoothed / total).astype(float),
            (pairs / total).astype(float),
        )
