"""Likelihoods by enumeration in many digits, written from the definitions and nothing else.

    P(y, z) = P(z) prod_j P(y_j | z),   P(y) = sum over every z

No shortcut of the kernels is used here: no logistic of a sign, no product in logarithms.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from mpmath import mp, mpf

from occupancy.families import padded

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
    """A kernel's answers in field order, in the shapes of ``sites``."""
    got = padded.evaluate(
        replace(family, kernel=kernel),
        {"psi": eta_psi, "p": eta_p[:, None, :]},
        y[:, None, :],
        links={"psi": link},
    )
    np.testing.assert_allclose(got.total, got.log_lik.sum(), rtol=1e-13)
    return got.log_lik, got.states[:, 0].T, got.gradients["psi"], got.gradients["p"][:, 0]


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
