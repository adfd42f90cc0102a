"""Sums over the numbers of individuals that matter, wherever they lie, for one site.

    w(N) = P(N) g(N),   g(N) = P(what was seen | N) up to a factor

Both ln P and ln g bend downwards wherever something was seen, so w has one mode. It is found,
then the window around it in which w is above e^-46 of its height; what lies outside is below
1e-17 of the sum. A window of few numbers is summed one by one. A wide one is summed on panels
(``occupancy.kernel.numbers``) no wider than a twelfth of the window, and near the least possible
number, where w may behave like a power, no wider than half the distance to it. So there is no
upper limit to choose: a mean of 1e4 costs as much as one of 1e12.

``bound`` gives the sum the two pieces of a family:

    log_seen(n, log_n, slots, n_slot)   log g(n)
    seen_ratio(n, slots, n_slot)        log g(n) - log g(n - 1)
    slopes(n, weight, slots, n_slot, out)   out[j] += weight d log g(n) / d eta_j

``slots`` (item, slot) is what the family knows of the visits that saw something.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from occupancy.kernel.binding import bind
from occupancy.kernel.numbers import (
    FIRST_PANEL,
    LAST_PANEL,
    NODES,
    PANEL_NODES,
    PANEL_WEIGHTS,
    log_number,
    number_ratio,
    size_slope,
)

DEPTH = 46.0
FEW = 256.0  # numbers summed one by one
DENSE_START = 64.0
PANELS = 12.0


def _missing(*args):  # stands where a family's piece is bound
    raise NotImplementedError


log_seen = seen_ratio = slopes = weight_at = mode = reach = _missing


def _weight_at(delta, prior, least, slots, n_slot):
    """log w at mean + delta."""
    mean, log_mean, size, log_size, _ = prior
    n = max(mean + delta, least)
    return log_number(n, delta, mean, log_mean, size, log_size) + log_seen(
        n, np.log(n), slots, n_slot
    )


def _mode(prior, least, slots, n_slot):
    """Distance from the mean at which w(n) / w(n - 1) falls below one."""
    mean, log_mean, size, log_size, _ = prior
    low = least - mean
    step = max(1.0, 1e-3 * np.sqrt(mean))
    high = max(low + step, 0.0)
    for _ in range(2200):
        n = mean + high
        slope = number_ratio(n, high, mean, log_mean, size, log_size)
        if slope + seen_ratio(n, slots, n_slot) < 0.0:
            break
        low = high
        high += step
        step *= 2.0
    for _ in range(200):
        if high - low < 0.5:
            break
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            break
        n = mean + middle
        slope = number_ratio(n, middle, mean, log_mean, size, log_size)
        if slope + seen_ratio(n, slots, n_slot) < 0.0:
            high = middle
        else:
            low = middle
    return low


def _reach(top, height, direction, limit, prior, least, slots, n_slot):
    """How far from the mode log w has fallen by DEPTH, at most ``limit``."""
    far = 1.0
    for _ in range(2200):
        if far >= limit:
            if weight_at(top + direction * limit, prior, least, slots, n_slot) > height - DEPTH:
                return limit
            far = limit
            break
        if weight_at(top + direction * far, prior, least, slots, n_slot) < height - DEPTH:
            break
        far *= 2.0
    near = 0.5 * far if far > 1.0 else 0.0
    for _ in range(6):
        middle = 0.5 * (near + far)
        if weight_at(top + direction * middle, prior, least, slots, n_slot) < height - DEPTH:
            far = middle
        else:
            near = middle
    return far


@njit(error_model="numpy", cache=True)
def _panel(at, width):
    """Panel that fits at this distance from the least number: logarithm of its length, or 0."""
    most = min(0.5 * at, width)
    if at < DENSE_START or most < 2.0**FIRST_PANEL:
        return 0
    return int(np.floor(np.log2(most)))


def _sum(prior, least, slots, n_slot, told, slope, numbers):
    """Fill what the weights tell of one site.

    Parameters
    ----------
    prior : mean, log mean, size, log size (of P(N)); lam (for the slope of the size)
        ``size`` 0 for a Poisson.
    least : float
        Least number possible given what was seen, 1 or more.
    told : (5,)
        Filled: log of the sum of w; mean of N - least; mean of N (1 - g(N - 1) / g(N)); mean of
        the slope of log P(N) by log size; share of P(N) that g keeps out, 1 - g.
    slope : (>= n_slot,)
        Filled: means of d log g / d eta.
    numbers : (n,)
        Filled: w(n) over the sum.
    """
    mean, log_mean, size, log_size, lam = prior
    top = mode(prior, least, slots, n_slot)
    height = weight_at(top, prior, least, slots, n_slot)
    below = reach(top, height, -1.0, top - (least - mean), prior, least, slots, n_slot)
    above = reach(top, height, 1.0, np.inf, prior, least, slots, n_slot)
    first = max(np.floor(mean + top - below), least)
    delta, end = first - mean, top + above
    if delta < top - below - 2.0:  # so large that mean + top has lost its digits
        delta = top - below
    n_dense = FEW if end - delta <= FEW else 0.0
    width = (end - delta) / PANELS
    slope[:n_slot] = 0.0
    told[:] = 0.0
    total = 0.0
    while delta <= end + 1.0:
        k = 0 if n_dense > 0.0 else _panel(mean + delta - least, width)
        length, nodes = 1.0, 1
        if k > 0:
            length, nodes = 2.0**k, NODES
        row = min(k, LAST_PANEL) - FIRST_PANEL
        for node in range(nodes):
            d, weight = delta, 1.0
            if k > 0:
                d = delta + 0.5 * (length - 1.0) + length * PANEL_NODES[row, node]
                weight = length * PANEL_WEIGHTS[row, node]
            n = max(mean + d, least)
            log_p = log_number(n, d, mean, log_mean, size, log_size)
            log_g = log_seen(n, np.log(n), slots, n_slot)
            w = weight * np.exp(log_p + log_g - height)
            total += w
            told[1] += w * (n - least)
            told[2] -= w * n * np.expm1(-seen_ratio(n, slots, n_slot))
            if size > 0.0:
                told[3] += w * size_slope(n, size, lam)
            told[4] -= weight * np.exp(log_p) * np.expm1(min(log_g, 0.0))
            slopes(n, w, slots, n_slot, slope)
        delta += length
    told[0] = height + np.log(total)
    for k in range(1, 4):
        told[k] /= total
    for j in range(n_slot):
        slope[j] /= total
    for k in range(numbers.size):
        numbers[k] = 0.0
        if k >= least:
            at = weight_at(k - mean, prior, least, slots, n_slot)
            numbers[k] = min(np.exp(at - told[0]), 1.0)


def bound(name, log_seen, seen_ratio, slopes):
    """The sum over numbers for a family's pieces."""
    weight_at = bind(_weight_at, name, log_seen=log_seen)
    mode = bind(_mode, name, seen_ratio=seen_ratio)
    reach = bind(_reach, name, weight_at=weight_at)
    return bind(
        _sum,
        name,
        log_seen=log_seen,
        seen_ratio=seen_ratio,
        slopes=slopes,
        weight_at=weight_at,
        mode=mode,
        reach=reach,
    )
