"""Probabilities of numbers of individuals, without cancellation from 1e-300 to 1e300.

``log_number`` is log P(N) of a Poisson or negative binomial by Loader's deviances, which keep
their digits where N, the mean and the size are large together and lgamma has none left.

Sums over very many N are made as integrals are: on panels, at the few nodes of the Gauss rule of
n equally likely integers (the zeros of Gram's polynomials), exact for polynomials of degree 19.

Source: Loader (2000), Fast and accurate computation of binomial probabilities.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

HALF_LOG_TWO_PI = 0.9189385332046727
NODES = 10
FIRST_PANEL, LAST_PANEL = 4, 60  # logarithms to base 2 of the panels in the table


def _gram(n: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes in (-1/2, 1/2) and weights, of sum 1, of n equally likely integers."""
    k = np.arange(1.0, NODES)
    beside = np.sqrt(k**2 * (1 - (k / n) ** 2) / (4 * (4 * k**2 - 1)))
    nodes, vectors = np.linalg.eigh(np.diag(beside, 1) + np.diag(beside, -1))
    return nodes, vectors[0] ** 2


_RULES = [_gram(2.0**k) for k in range(FIRST_PANEL, LAST_PANEL + 1)]
PANEL_NODES = np.array([rule[0] for rule in _RULES])
PANEL_WEIGHTS = np.array([rule[1] for rule in _RULES])


@njit(error_model="numpy", cache=True)
def stirling(x, log_x):
    """What Stirling's formula lacks: log x! - (x + 1/2) log x + x - log(2 pi) / 2."""
    if x < 16.0:
        return math.lgamma(x + 1.0) - (x + 0.5) * log_x + x - HALF_LOG_TWO_PI
    y = 1.0 / (x * x)
    series = 1.0 / 1260 - y * (1.0 / 1680 - y * (1.0 / 1188 - y * (691.0 / 360360)))
    return (1.0 / 12 - y * (1.0 / 360 - y * series)) / x


@njit(error_model="numpy", cache=True)
def excess(u):
    """u - log(1 + u), to the last digit also near 0."""
    if abs(u) > 0.2:
        return u - np.log1p(u)
    v = u / (2.0 + u)
    z = v * v
    series = 0.0
    for k in range(17, 1, -2):
        series = series * z + 1.0 / k
    return u * v - 2.0 * v * z * series


@njit(error_model="numpy", cache=True)
def log_number(n, delta, mean, log_mean, size, log_size):
    """log P(N = n), with ``delta`` = n - mean; ``size`` 0 for a Poisson.

    ``n`` may lie between the integers. Logarithms are given beside their numbers, which may
    have fallen to 0.
    """
    poisson = size == 0.0
    if n == 0.0:
        if poisson:
            return -mean
        return -size * log_one_plus(log_mean - log_size)
    log_n = np.log(n)
    out = -stirling(n, log_n) - HALF_LOG_TWO_PI - 0.5 * log_n
    if poisson:
        if delta < 0.5 * n:
            return out - n * excess(-delta / n)
        return out - n * (log_n - log_mean) + n - mean
    log_all = np.log(n + size)
    log_both = max(log_mean, log_size) + np.log1p(np.exp(-abs(log_mean - log_size)))
    out += stirling(n + size, log_all) - stirling(size, log_size) + 0.5 * (log_size - log_all)
    share = np.exp(log_size - log_both) * delta
    u = delta * np.exp(-log_both)
    near, few = abs(u) < 0.5, abs(share) < 0.5 * n
    if near and few:
        return out - size * excess(u) - n * excess(-share / n)
    out += size * (np.log1p(u) if near else log_all - log_both)
    return out + n * (np.log1p(-share / n) if few else log_all + log_mean - log_both - log_n)


@njit(error_model="numpy", cache=True)
def log_one_plus(a):
    """log(1 + exp(a))."""
    return max(a, 0.0) + np.log1p(np.exp(-abs(a)))


@njit(error_model="numpy", cache=True)
def number_ratio(n, delta, mean, log_mean, size, log_size):
    """log P(N = n) - log P(N = n - 1)."""
    if size == 0.0:
        return -np.log1p(delta / mean) if abs(delta) < 0.5 * mean else log_mean - np.log(n)
    both = mean + size
    less = (size * (delta / both) + mean / both) / n
    if abs(less) < 0.9:
        return np.log1p(-less)
    log_both = max(log_mean, log_size) + np.log1p(np.exp(-abs(log_mean - log_size)))
    return log_mean - log_both + np.log(n - 1.0 + size) - np.log(n)


@njit(error_model="numpy", cache=True)
def spread(t):
    """log(1 + t) - t / (1 + t), about t^2 / 2 near 0."""
    if t > 1.0:
        return np.log1p(t) - 1.0 / (1.0 + 1.0 / t)
    return t * t / (1.0 + t) - excess(t)


@njit(error_model="numpy", cache=True)
def size_slope(n, size, lam):
    """size (digamma(n + size) - digamma(size)) - n size / (size + lam)."""
    above = 0.0
    if size < 16.0 or n <= 16.0:
        steps = int(n) if n <= 16.0 and n == np.floor(n) else 16
        rate = size / (size + lam)
        if steps == n:  # summed term by term
            for k in range(steps):
                above += rate * (lam - k) / (size + k)
            return above
        return _digamma_times(n + size, size) - _digamma_times(size, size) - n * rate
    upper = n + size
    a, b = 1.0 / (size * size), 1.0 / (upper * upper)
    rest = size * (a - b) * (1.0 / 12 - (a + b) / 120 + (a * a + a * b + b * b) / 252)
    rest += 0.5 * n / upper
    if n > size:
        return size * np.log1p(n / size) - n * (size / (size + lam)) + rest
    return n * (lam / (size + lam)) - size * excess(n / size) + rest


@njit(error_model="numpy", cache=True)
def _digamma_times(x, factor):
    """factor digamma(x), where x may be near 0 with the factor."""
    below = 0.0
    while x < 16.0:
        below += factor / x
        x += 1.0
    y = 1.0 / (x * x)
    series = y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y / 132))))
    return factor * (np.log(x) - 0.5 / x - series) - below


@njit(error_model="numpy", cache=True)
def log_choose(n, log_n, y):
    """log of n over y, for an integer y and n >= y that may lie between the integers."""
    if y == 0.0 or n == y:
        return 0.0
    rest = n - y
    if rest <= 0.0:
        return -np.inf
    log_y, log_rest = np.log(y), np.log(rest)
    out = stirling(n, log_n) - stirling(y, log_y) - stirling(rest, log_rest)
    out += 0.5 * (log_n - log_y - log_rest) - HALF_LOG_TWO_PI
    return out + y * (log_n - log_y) - rest * np.log1p(-y / n)
