"""N-mixture: repeated counts of unmarked individuals tell abundance apart from detection.

    N_i ~ Poisson(lam_i)            y_ij | N_i ~ Binomial(N_i, p_ij)

With ``mixture="negative_binomial"`` N_i has variance lam_i + lam_i^2 / size_i. With
``mixture="zip"`` a site can hold no individual at all with probability zero_i.

From N to N + 1 the chance of the counts changes by Q prod_j (N + 1) / (N + 1 - y_j), with Q the
product of all 1 - p_j: the sum over N starts at the highest count and needs no exponential.

Source: Royle (2004) Biometrics 60:108-115; negative binomial and zero-inflated: Kery, Royle and
Schmid (2005) Ecological Applications 15:1450-1461; Wenger and Freeman (2008) Ecology 89:2953-2959.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from scipy import special, stats

from occupancy.families import pieces
from occupancy.families.abundance import (
    BASE,
    CAUGHT,
    EXTRA,
    LAM,
    LANES,
    LAST,
    LOG_MISSED,
    MEAN,
    MISSED,
    NEGATIVE_BINOMIAL,
    NOTHING,
    POISSON,
    PULL,
    PUSH,
    REST,
    SIZE,
    VALUE,
    ZIP,
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
from occupancy.kernel.numbers import log_choose, log_number, size_slope
from occupancy.kernel.simd import FAST, TINY, UNDERFLOW, vexp, vlog_and_inverse
from occupancy.kernel.window import bound

MODEST = 100.0  # lam up to which the textbook's log P(N) keeps its digits
NONE_ABOVE = -40.0  # log of w(N + 1) / w(N) at the highest count, below which it is the only N


def tables(values, y, effort):
    """Initial (site, N), no transition, emission (site, season, visit, N)."""
    n = np.arange(most_individuals(values, y) + 1)
    n_site, n_season, _ = y.shape
    count = np.where(np.isnan(y), 0.0, y)[..., None]
    p = np.broadcast_to(values["p"], y.shape)[..., None]
    emission = np.where(np.isnan(y)[..., None], 1.0, stats.binom.pmf(count, n, p))
    return np.exp(log_prior(values, n)), stationary(n_site, n_season, n.size), emission


def draw(values, state, made, effort, rng):
    """Counts given the numbers of individuals."""
    return rng.binomial(state[:, :, None], np.broadcast_to(values["p"], made.shape)).astype(float)


def data(observed: Observed):
    """by_visit: count; number of the visit among those with one. by_chain: these; highest; logs.

    The logarithms are of prod_j (M over y_j) and of M!, for the highest count M.
    """
    y = observed.y
    number, slots = number_slots(observed, y > 0)
    highest = np.zeros(observed.n_chain)
    np.maximum.at(highest, observed.chain, y)
    top = highest[observed.chain]
    ways = special.gammaln(top + 1) - special.gammaln(y + 1) - special.gammaln(top - y + 1)
    log_ways = np.bincount(observed.chain, weights=ways, minlength=observed.n_chain)
    return np.stack([y, number]), np.stack([slots, highest, log_ways, special.gammaln(highest + 1)])


def guess(observed: Observed) -> dict[str, float]:
    """Natural values at which maximum likelihood starts."""
    start = guess_individuals(observed)
    each = float(observed.y.mean()) / start["lam"] if observed.y.size else 0.5
    return start | {"p": min(max(each, 0.02), 0.8)}


# ---------------------------------------------------------------- the climb, a batch of sites
# Rows of LANES doubles: in ``m`` highest count less this one, of each visit; in ``a`` of a site.

_N = np.uint64(LANES)
RECORD = _N
THIN, STEP, W, W_BEFORE, SUM, ABOVE, PULL_SUM = (np.uint64(k * LANES) for k in range(7))
RATIO, TOP, SIZES, LAMS, RISE, SCORE, OPEN = (np.uint64(k * LANES) for k in range(7, 14))


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _one_more(a, step):
    """1 / N of the next number."""
    for i in range(_N):
        a[STEP + i] = 1.0 / (a[TOP + i] + step)
        a[THIN + i] = 1.0


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _count(m, a, o, step):
    """Times (N - y) / N of one visit."""
    for i in range(_N):
        a[THIN + i] *= (m[o + i] + step) * a[STEP + i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _add(a, step, size):
    for i in range(_N):
        n = a[TOP + i] + step
        w = a[W + i]
        a[W_BEFORE + i] = w
        w *= a[RATIO + i] * a[STEP + i] / a[THIN + i]
        if size:
            w *= n - 1.0 + a[SIZES + i]
        a[W + i] = w
        a[SUM + i] += w
        a[ABOVE + i] += w * step
        a[PULL_SUM + i] += w * n * (1.0 - a[THIN + i])


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _add_score(a, step):
    for i in range(_N):
        n, size, lam = a[TOP + i] + step, a[SIZES + i], a[LAMS + i]
        a[RISE + i] += size * (lam - (n - 1.0)) / ((size + lam) * (size + (n - 1.0)))
        a[SCORE + i] += a[W + i] * a[RISE + i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _open(a, step, size):
    """Sites whose further numbers may still add something: their terms fall at least so fast."""
    still = 0.0
    for i in range(_N):
        fall = a[W + i] / max(a[W_BEFORE + i], TINY)
        if size:
            n = a[TOP + i] + step
            fall *= max(n / (n - 1.0 + a[SIZES + i]), 1.0)
        a[OPEN + i] = 0.0 if a[W + i] * fall <= REST * a[SUM + i] * (1.0 - fall) else 1.0
        still += a[OPEN + i]
    return still


@njit(error_model="numpy", cache=True)
def _climb(m, a, n_slot, size, kept, who, by_chain, s0):
    """Sum over numbers from the highest count up until no site is open."""
    step = 0.0
    while step < LAST:
        step += 1.0
        _one_more(a, step)
        o = np.uint64(0)
        for _ in range(n_slot):
            _count(m, a, o, step)
            o += RECORD
        _add(a, step, size)
        if size:
            _add_score(a, step)
        for k in range(who.size):
            n = int(by_chain[1, s0 + who[k]] + step)
            if n < kept.shape[0]:
                kept[n, k] = a[W + np.uint64(k)]
        if step % 4.0 == 0.0 and _open(a, step, size) == 0.0:
            return


@njit(error_model="numpy", cache=True)
def _load(at, who, s0, of_slot, site, m, a):
    """Rows of a batch; empty lanes repeat its first site. Returns most counts of a site."""
    _, _, _, by_visit, by_chain, _ = at
    n_slot = 0
    for k in range(who.size):
        n_slot = max(n_slot, int(by_chain[0, s0 + who[k]]))
    a[:] = 0.0
    for k in range(LANES):
        lane = np.uint64(k)
        i = who[k] if k < who.size else who[0]
        mean, size, top = site[MEAN, i], site[SIZE, i], by_chain[1, s0 + i]
        a[W + lane] = a[SUM + lane] = 1.0
        a[TOP + lane] = a[PULL_SUM + lane] = top
        a[RATIO + lane] = mean if size == 0.0 else mean / (size + mean)
        a[SIZES + lane] = size
        a[LAMS + lane] = site[LAM, i]
        if size > 0.0:
            a[RISE + lane] = a[SCORE + lane] = size_slope(top, size, site[LAM, i])
        mine = int(by_chain[0, s0 + i])
        for j in range(n_slot):
            less = top - by_visit[0, of_slot[j, i]] if j < mine else top
            m[np.uint64(j) * RECORD + lane] = less
    return n_slot


@njit(error_model="numpy", cache=True)
def _alone_at_top(at, s, i, of_slot, site):
    """Whether numbers above the highest count add nothing, where Q has underflowed."""
    _, eta, _, by_visit, by_chain, _ = at
    top = by_chain[1, s]
    rise = site[LOG_MISSED, i] + eta[s] + np.log1p(top)
    for j in range(int(by_chain[0, s])):
        rise -= np.log1p(-by_visit[0, of_slot[j, i]] / (top + 1.0))
    return rise < NONE_ABOVE


@njit(error_model="numpy", cache=True)
def batch(at, who, s0, of_slot, site, m, a, kept, gradient):
    """Climb with a batch of sites, and write what was found."""
    by_chain = at[4]
    n_slot = _load(at, who, s0, of_slot, site, m, a)
    size = a[SIZES] > 0.0
    kept[:] = 0.0
    for k in range(who.size):
        n = int(by_chain[1, s0 + who[k]])
        if n < kept.shape[0]:
            kept[n, k] = 1.0
    _climb(m, a, n_slot, size, kept, who, by_chain, s0)
    for k in range(who.size):
        i, lane = who[k], np.uint64(k)
        s, total = s0 + i, a[SUM + lane]
        held = a[OPEN + lane] == 0.0 and total < 1.0 / UNDERFLOW
        if not held or (site[MISSED, i] < UNDERFLOW and not _alone_at_top(at, s, i, of_slot, site)):
            site[VALUE, i] = np.nan
            continue
        inverse = 1.0 / total
        site[VALUE, i] = site[BASE, i] + np.log(total) + _log_prior_of_top(at, s, i, site)
        site[PULL, i] = a[PULL_SUM + lane] * inverse
        site[EXTRA, i] = a[ABOVE + lane] * inverse
        site[PUSH, i] = 0.0
        if size:
            site[PUSH, i] = a[SCORE + lane] * inverse - size_offset(site, i)
        for row in range(kept.shape[0]):
            kept[row, k] *= inverse


@njit(error_model="numpy", cache=True)
def _log_prior_of_top(at, s, i, site):
    """log P(N = M) + log prod_j (M over y_j), for the highest count M."""
    _, eta, start, _, by_chain, _ = at
    top, lam, size = by_chain[1, s], site[LAM, i], site[SIZE, i]
    if size == 0.0 and lam < MODEST:
        return by_chain[2, s] - by_chain[3, s] + top * eta[s] - lam
    log_size = eta[start[1] + s] if size > 0.0 else 0.0
    return by_chain[2, s] + log_number(top, top - lam, lam, eta[s], size, log_size)


# ---------------------------------------------------------------- visits


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _miss(eta, y, top, missed, caught, log_missed, base, n):
    for i in range(n):
        t = vexp(-abs(eta[i]))
        log_more, inverse = vlog_and_inverse(1.0 + t, -t)
        log_q = -max(eta[i], 0.0) - log_more
        q = inverse if eta[i] < 0.0 else t * inverse
        p = t * inverse if eta[i] < 0.0 else inverse
        caught[i] += missed[i] * p
        missed[i] *= q
        log_missed[i] += log_q
        base[i] += y[i] * (-max(-eta[i], 0.0) - log_more) + (top[i] - y[i]) * log_q


@njit(error_model="numpy", cache=True)
def visits(at, layout, b, site):
    """Q and 1 - Q of all visits, log Q, and log P(counts | N = highest) without its constant."""
    _, eta, start, by_visit, by_chain, _ = at
    p = start[start.size - 2]
    s0, n = layout[0][b], layout[0][b + 1] - layout[0][b]
    site[MISSED, :n] = 1.0
    site[CAUGHT, :n] = 0.0
    site[LOG_MISSED, :n] = 0.0
    site[BASE, :n] = 0.0
    sizes = layout[3][layout[2][b] : layout[2][b + 1]]
    for j, o in site_ranges(layout[1][b], sizes):
        _miss(
            eta[p + o :],
            by_visit[0, o:],
            by_chain[1, s0:],
            site[MISSED],
            site[CAUGHT],
            site[LOG_MISSED],
            site[BASE],
            sizes[j],
        )


@njit(error_model="numpy", cache=True)
def log_missed(at, layout, b, s):
    """log Q of one chain."""
    _, eta, start, _, _, _ = at
    p = start[start.size - 2]
    out = 0.0
    for v in range(layout[1][b], layout[1][b + 1]):
        if layout[6][v] == s:
            x = eta[p + v]
            out -= max(x, 0.0) + np.log1p(np.exp(-abs(x)))
    return out


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _seen_less_expected(eta, y, top, above, gradient, n):
    for i in range(n):
        t = vexp(-abs(eta[i]))
        inverse = 1.0 / (1.0 + t)
        q = inverse if eta[i] < 0.0 else t * inverse
        p = t * inverse if eta[i] < 0.0 else inverse
        gradient[i] = y[i] * q - p * ((top[i] - y[i]) + above[i])


@njit(error_model="numpy", cache=True)
def visit_slopes(at, layout, b, site, gradient):
    """y - p E[N], with what cancels in it left out: y (1 - p) - p E[N - y]."""
    _, eta, start, by_visit, by_chain, _ = at
    p = start[start.size - 2]
    s0 = layout[0][b]
    sizes = layout[3][layout[2][b] : layout[2][b + 1]]
    for j, o in site_ranges(layout[1][b], sizes):
        _seen_less_expected(
            eta[p + o :],
            by_visit[0, o:],
            by_chain[1, s0:],
            site[EXTRA],
            gradient[p + o :],
            sizes[j],
        )


# ---------------------------------------------------------------- one site in its window


@njit(error_model="numpy", cache=True)
def slot(at, v, j, slots):
    """The count and the predictor of p."""
    _, eta, start, by_visit, _, _ = at
    slots[0, j] = by_visit[0, v]
    slots[1, j] = eta[start[start.size - 2] + v]


@njit(error_model="numpy", cache=True)
def log_seen(n, log_n, slots, n_slot):
    """Sum of log (n over y) (p / (1 - p))^y."""
    out = 0.0
    for j in range(n_slot):
        out += log_choose(n, log_n, slots[0, j]) + slots[0, j] * slots[1, j]
    return out


@njit(error_model="numpy", cache=True)
def seen_ratio(n, slots, n_slot):
    """How log_seen grows from n - 1 to n."""
    out = 0.0
    for j in range(n_slot):
        out -= np.log1p(-slots[0, j] / n)
    return out


@njit(error_model="numpy", cache=True)
def slopes(n, weight, slots, n_slot, out):
    """Told by the mean of n alone."""


@njit(error_model="numpy", cache=True)
def total(at, s, i, told, site):
    """Log-likelihood of a chain."""
    return site[NOTHING, i] + told[0]


_window = bound("n_mixture", log_seen, seen_ratio, slopes)


def _kernel(name, mixture):
    return from_numbers(
        name, mixture, True, visits, slot, total, log_missed, batch, visit_slopes, _window
    )


KERNELS = {
    "poisson": _kernel("n_mixture", POISSON),
    "negative_binomial": _kernel("n_mixture_negative_binomial", NEGATIVE_BINOMIAL),
    "zip": _kernel("n_mixture_zip", ZIP),
}
DETECTION = Parameter("p", "visit", ("logit",), "probability to count one individual on a visit")


def rows_told(observed: Observed) -> int:
    """Twice the highest count and 20 more."""
    return int(2 * observed.y.max(initial=0.0)) + 21


def family(mixture: str = "poisson", **unknown: Any) -> Family:
    """N-mixture; ``mixture`` is "poisson", "negative_binomial" or "zip"."""
    pieces.check_options("n_mixture", unknown, mixture=(mixture, tuple(OF_MIXTURE)))
    return Family(
        name="n_mixture",
        title="Abundance from counts (N-mixture)",
        source="Royle (2004) Biometrics 60:108-115",
        states=(),
        detections=(),
        parameters=(*OF_MIXTURE[mixture], DETECTION),
        tables=tables,
        kernel=KERNELS[mixture],
        data=data,
        draw=draw,
        observes="count",
        psi=presence,
        guess=guess,
        told=rows_told,
        number=expected_number,
        options={"mixture": mixture} if mixture != "poisson" else {},
    )


FAMILY = family()
