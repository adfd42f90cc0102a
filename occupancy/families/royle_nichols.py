"""Royle-Nichols: the more individuals at a site, the sooner the species is detected.

    N_i ~ Poisson(lam_i)            y_ij | N_i ~ Bernoulli(1 - (1 - r_ij)^N_i)

With ``mixture="negative_binomial"`` N_i has variance lam_i + lam_i^2 / size_i. A site is occupied
where N_i > 0: psi_i = 1 - exp(-lam_i), or 1 - (1 + lam_i / size_i)^-size_i.

Source: Royle and Nichols (2003) Ecology 84:777-790.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from occupancy.families import pieces
from occupancy.families.abundance import (
    CAUGHT,
    EXTRA,
    LAM,
    LANES,
    LAST,
    MEAN,
    MISSED,
    NEGATIVE_BINOMIAL,
    NOTHING,
    POISSON,
    PULL,
    PUSH,
    REST,
    SIZE,
    START,
    VALUE,
    from_numbers,
    size_offset,
)
from occupancy.families.base import Family, Observed, Parameter, stationary
from occupancy.families.chain import site_ranges
from occupancy.families.numbers import (
    OF_MIXTURE,
    expected_number,
    guess_individuals,
    log_prior,
    most_individuals,
    number_slots,
    presence,
)
from occupancy.kernel.simd import FAST, TINY, UNDERFLOW, softplus, vexp, vlog_and_inverse
from occupancy.kernel.window import bound

ROWS_TOLD = 31  # of P(N | data), for whoever asks for them


def tables(values, y, effort):
    """Initial (site, N), no transition, emission (site, season, visit, N)."""
    n = np.arange(most_individuals(values) + 1)
    n_site, n_season, _ = y.shape
    miss = np.log1p(-np.broadcast_to(values["r"], y.shape))[..., None] * n
    chance = np.where((y > 0)[..., None], -np.expm1(miss), np.exp(miss))
    emission = np.where(np.isnan(y)[..., None], 1.0, chance)
    initial = np.exp(log_prior(values, n))
    return initial, stationary(n_site, n_season, n.size), emission


def data(observed: Observed):
    """by_visit: 1 where the visit detected, else 0; its number. by_chain: detections; 1."""
    detected = observed.detected.astype(float)
    number, slots = number_slots(observed, observed.detected)
    return np.stack([detected, number]), np.stack([slots, np.ones(observed.n_chain)])


def guess(observed: Observed) -> dict[str, float]:
    """Natural values at which maximum likelihood starts."""
    start = guess_individuals(observed)
    each = float(observed.y.mean()) / start["lam"] if observed.y.size else 0.5
    return start | {"r": min(max(each, 0.02), 0.8)}


# ---------------------------------------------------------------- the climb, a batch of sites
# Rows of LANES doubles: of a detection in ``m``, of a site in ``a``. Offsets are unsigned, so that
# an index needs no look for a sign.

_N = np.uint64(LANES)
Q, R, POWER, SEEN, BEFORE, SLOPE = (np.uint64(k * LANES) for k in range(6))
RECORD = np.uint64(6 * LANES)
F, G, H, G_BEFORE, H_BEFORE, W, W_BEFORE = (np.uint64(k * LANES) for k in range(7))
SUM, LEFT_OUT, PULL_SUM, SUFFIX, RATIO, SIZES = (np.uint64(k * LANES) for k in range(7, 13))
LAMS, RISE, OFFSET, SCORE, SCORE_OUT, OPEN = (np.uint64(k * LANES) for k in range(13, 19))


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _detect(m, a, o):
    """One detection, one individual more: q^N, 1 - q^N, and their part in g and 1 - g."""
    for i in range(_N):
        power = m[o + POWER + i] * m[o + Q + i]
        seen = m[o + SEEN + i] * m[o + Q + i] + m[o + R + i]
        before = a[G + i]
        m[o + POWER + i] = power
        m[o + SEEN + i] = seen
        m[o + BEFORE + i] = before
        a[H + i] += before * power
        a[G + i] = before * seen


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _undetect(m, a, o):
    """Back through the detections: N q^N times all the others, for each."""
    for i in range(_N):
        suffix = a[SUFFIX + i]
        m[o + SLOPE + i] += suffix * m[o + BEFORE + i] * m[o + POWER + i]
        a[SUFFIX + i] = suffix * m[o + SEEN + i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _next_poisson(a, n):
    inverse = 1.0 / n
    for i in range(_N):
        a[F + i] *= a[RATIO + i] * inverse


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _next_negative_binomial(a, n):
    inverse = 1.0 / n
    for i in range(_N):
        size, lam = a[SIZES + i], a[LAMS + i]
        a[F + i] *= a[RATIO + i] * (n - 1.0 + size) * inverse
        a[RISE + i] += size * (lam - (n - 1.0)) / ((size + lam) * (size + (n - 1.0)))
        score = a[F + i] * (a[RISE + i] - a[OFFSET + i])
        a[SCORE + i] += score * a[G + i]
        a[SCORE_OUT + i] += score * a[H + i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _add(a, n):
    """Add one number to the sums."""
    for i in range(_N):
        f, g, h = a[F + i], a[G + i], a[H + i]
        a[W_BEFORE + i] = a[W + i]
        a[W + i] = f * g
        a[SUM + i] += f * g
        a[LEFT_OUT + i] += f * h
        rise = g - a[G_BEFORE + i] if g < 0.5 else a[H_BEFORE + i] - h
        a[PULL_SUM + i] += f * n * rise
        a[G_BEFORE + i] = g
        a[H_BEFORE + i] = h
        a[SUFFIX + i] = f * n


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _fresh(a):
    for i in range(_N):
        a[G + i] = 1.0
        a[H + i] = 0.0


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _open(a, n, size):
    """Sites whose further numbers may still add something: their terms fall at least so fast."""
    still = 0.0
    for i in range(_N):
        fall = a[W + i] / max(a[W_BEFORE + i], TINY)
        if size:
            fall *= max(n / (n - 1.0 + a[SIZES + i]), 1.0)
        a[OPEN + i] = 0.0 if a[W + i] * fall <= REST * a[SUM + i] * (1.0 - fall) else 1.0
        still += a[OPEN + i]
    return still


@njit(error_model="numpy", cache=True)
def _climb(m, a, n_slot, size, kept):
    """Sum over N = 1, 2, ... until no site is open."""
    n = 0
    while n < LAST:
        n += 1
        _fresh(a)
        o = np.uint64(0)
        for _ in range(n_slot):
            _detect(m, a, o)
            o += RECORD
        if size:
            _next_negative_binomial(a, float(n))
        else:
            _next_poisson(a, float(n))
        _add(a, float(n))
        for _ in range(n_slot):
            o -= RECORD
            _undetect(m, a, o)
        if n < kept.shape[0]:
            for i in range(LANES):
                kept[n, i] = a[W + np.uint64(i)]
        if n % 4 == 0 and _open(a, float(n), size) == 0.0:
            return


@njit(error_model="numpy", cache=True)
def _load(at, who, s0, of_slot, site, m, a):
    """Rows of a batch; empty lanes repeat its first site. Returns most detections of a site."""
    _, eta, start, _, by_chain, _ = at
    p = start[start.size - 2]
    n_slot = 0
    for k in range(who.size):
        n_slot = max(n_slot, int(by_chain[0, s0 + who[k]]))
    a[:] = 0.0
    for k in range(LANES):
        lane = np.uint64(k)
        i = who[k] if k < who.size else who[0]
        mean, size = site[MEAN, i], site[SIZE, i]
        a[F + lane] = site[START, i]
        a[H_BEFORE + lane] = 1.0
        a[RATIO + lane] = mean if size == 0.0 else mean / (size + mean)
        a[SIZES + lane] = size
        a[LAMS + lane] = site[LAM, i]
        a[OFFSET + lane] = size_offset(site, i) if size > 0.0 else 0.0
        mine = int(by_chain[0, s0 + i])
        for j in range(n_slot):
            o = np.uint64(j) * RECORD + lane
            m[o + Q] = eta[p + of_slot[j, i]] if j < mine else 800.0
    for j in range(n_slot):
        _individual(m, np.uint64(j) * RECORD)
    return n_slot


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _individual(m, o):
    """q and r from the predictor; N = 0."""
    for i in range(_N):
        eta = m[o + Q + i]
        t = vexp(eta)
        q = 1.0 / (1.0 + t)
        m[o + R + i] = t * q
        m[o + Q + i] = q if eta < 750.0 else 0.0  # a lane without this detection: g is 1
        m[o + POWER + i] = 1.0
        m[o + SEEN + i] = 0.0
        m[o + SLOPE + i] = 0.0


@njit(error_model="numpy", cache=True)
def batch(at, who, s0, of_slot, site, m, a, kept, gradient):
    """Climb with a batch of sites, and write what was found."""
    _, _, start, _, by_chain, _ = at
    p = start[start.size - 2]
    n_slot = _load(at, who, s0, of_slot, site, m, a)
    size = a[SIZES] > 0.0
    kept[:] = 0.0
    _climb(m, a, n_slot, size, kept)
    for k in range(who.size):
        i, lane = who[k], np.uint64(k)
        total, start_ = a[SUM + lane], site[START, i]
        if not (a[OPEN + lane] == 0.0 and total > UNDERFLOW):
            site[VALUE, i] = np.nan
            continue
        out = a[LEFT_OUT + lane] + start_
        log_total, inverse = vlog_and_inverse(total, out)
        site[VALUE, i] = site[NOTHING, i] + log_total
        pull = a[PULL_SUM + lane] * inverse
        site[PULL, i] = pull
        site[PUSH, i] = 0.0
        site[EXTRA, i] = site[MEAN, i] + pull
        if size:
            site[EXTRA, i] += pull * site[MEAN, i] / site[SIZE, i]
            inside = a[SCORE + lane]
            if out < 0.5:  # the slope of a sum that is nearly 1 is that of what it lacks
                inside = start_ * a[OFFSET + lane] - a[SCORE_OUT + lane]
            site[PUSH, i] = inside * inverse
        for j in range(int(by_chain[0, s0 + i])):
            o = np.uint64(j) * RECORD + lane
            gradient[p + of_slot[j, i]] = m[o + R] * m[o + SLOPE] * inverse
        for row in range(kept.shape[0]):
            kept[row, k] *= inverse


# ---------------------------------------------------------------- visits without a detection


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _miss(eta, detected, missed, caught, n):
    for i in range(n):
        t = vexp(eta[i])
        q = 1.0 / (1.0 + t)
        unseen = 1.0 - detected[i]
        caught[i] += missed[i] * (unseen * t * q)
        missed[i] *= unseen * q + detected[i]


@njit(error_model="numpy", cache=True)
def visits(at, layout, b, site):
    """Chance Q that the visits without a detection all miss one individual, and 1 - Q."""
    _, eta, start, by_visit, _, _ = at
    p = start[start.size - 2]
    n = layout[0][b + 1] - layout[0][b]
    site[MISSED, :n] = 1.0
    site[CAUGHT, :n] = 0.0
    sizes = layout[3][layout[2][b] : layout[2][b + 1]]
    for j, o in site_ranges(layout[1][b], sizes):
        _miss(eta[p + o :], by_visit[0, o:], site[MISSED], site[CAUGHT], sizes[j])


@njit(error_model="numpy", cache=True)
def log_missed(at, layout, b, s):
    """log Q of one chain."""
    _, eta, start, by_visit, _, _ = at
    p = start[start.size - 2]
    out = 0.0
    for v in range(layout[1][b], layout[1][b + 1]):
        if layout[6][v] == s and by_visit[0, v] == 0.0:
            out -= softplus(eta[p + v])
    return out


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _each_missed(eta, detected, number, gradient, n):
    for i in range(n):
        slope = -number[i] / (1.0 + vexp(-eta[i]))
        gradient[i] = gradient[i] if detected[i] > 0.0 else slope


@njit(error_model="numpy", cache=True)
def visit_slopes(at, layout, b, site, gradient):
    """-r E[N] where the visit missed; the others are known."""
    _, eta, start, by_visit, _, _ = at
    p = start[start.size - 2]
    sizes = layout[3][layout[2][b] : layout[2][b + 1]]
    for j, o in site_ranges(layout[1][b], sizes):
        _each_missed(eta[p + o :], by_visit[0, o:], site[EXTRA], gradient[p + o :], sizes[j])


# ---------------------------------------------------------------- one site in its window


@njit(error_model="numpy", cache=True)
def slot(at, v, j, slots):
    """-log(1 - r), its logarithm, and r."""
    _, eta, start, _, _, _ = at
    x = eta[start[start.size - 2] + v]
    slots[0, j] = softplus(x)
    slots[1, j] = np.log(slots[0, j]) if x > -30.0 else x
    slots[2, j] = 1.0 / (1.0 + np.exp(-x))


@njit(error_model="numpy", cache=True)
def log_seen(n, log_n, slots, n_slot):
    """Sum of log(1 - (1 - r)^n)."""
    out = 0.0
    for j in range(n_slot):
        hazard = n * slots[0, j]
        if hazard < 1e-30:
            out += log_n + slots[1, j]
        elif hazard < 0.7:
            out += np.log(-np.expm1(-hazard))
        else:
            out += np.log1p(-np.exp(-hazard))
    return out


@njit(error_model="numpy", cache=True)
def seen_ratio(n, slots, n_slot):
    """How log_seen grows from n - 1 to n."""
    out = 0.0
    for j in range(n_slot):
        hazard = (n - 1.0) * slots[0, j]
        if n == 1.0:
            return np.inf
        if hazard < 1e-30:
            out += np.log1p(1.0 / (n - 1.0))
        elif hazard < 700.0:
            out += np.log1p(slots[2, j] / np.expm1(hazard))
    return out


@njit(error_model="numpy", cache=True)
def slopes(n, weight, slots, n_slot, out):
    """r n (1 - r)^n / (1 - (1 - r)^n)."""
    for j in range(n_slot):
        hazard = n * slots[0, j]
        if hazard < 1e-30:
            out[j] += weight
        elif hazard < 700.0:
            out[j] += weight * n * slots[2, j] / np.expm1(hazard)


@njit(error_model="numpy", cache=True)
def total(at, s, i, told, site):
    """Log-likelihood of a chain; told by what g keeps out where that is little."""
    out = told[4] + site[START, i]
    return site[NOTHING, i] + (np.log1p(-out) if out < 1e-4 else told[0])


_window = bound("royle_nichols", log_seen, seen_ratio, slopes)


def _kernel(name, mixture):
    return from_numbers(
        name, mixture, False, visits, slot, total, log_missed, batch, visit_slopes, _window
    )


kernel = _kernel("royle_nichols", POISSON)
kernel_negative_binomial = _kernel("royle_nichols_negative_binomial", NEGATIVE_BINOMIAL)

DETECTION = Parameter("r", "visit", ("logit",), "probability to detect one individual on a visit")


def family(mixture: str = "poisson", **unknown: Any) -> Family:
    """Royle-Nichols; ``mixture`` is "poisson" or "negative_binomial"."""
    offered = ("poisson", "negative_binomial")
    pieces.check_options("royle_nichols", unknown, mixture=(mixture, offered))
    return Family(
        name="royle_nichols",
        title="Abundance from detections (Royle-Nichols)",
        source="Royle and Nichols (2003) Ecology 84:777-790",
        states=(),
        detections=(0.0, 1.0),
        parameters=(*OF_MIXTURE[mixture], DETECTION),
        tables=tables,
        kernel=kernel if mixture == "poisson" else kernel_negative_binomial,
        data=data,
        psi=presence,
        guess=guess,
        told=lambda observed: ROWS_TOLD,
        number=expected_number,
        options={"mixture": mixture} if mixture != "poisson" else {},
    )


FAMILY = family()
