"""Probabilities of numbers of individuals, N = 0, 1, 2, ..., from their textbook forms."""

from __future__ import annotations

from mpmath import mp, mpf


def prior(eta):
    """P(N = 0), P(N = 1), ... of one site without end, from its predictors."""
    lam = mp.exp(eta["lam"])
    n = 0
    if "size" in eta:
        size = mp.exp(eta["size"])
        chance = (size / (size + lam)) ** size
        while True:
            yield chance
            chance *= (n + size) / (n + 1) * lam / (size + lam)
            n += 1
    zero, one = mpf(0), mpf(1)
    if "zero" in eta:
        zero, one = 1 / (1 + mp.exp(-eta["zero"])), 1 / (1 + mp.exp(eta["zero"]))
    chance = one * mp.exp(-lam)
    while True:
        yield chance + (zero if n == 0 else 0)
        chance *= lam / (n + 1)
        n += 1


def joint_of_numbers(eta, seen, rows, most=100_000):
    """P(N, data) for N below rows - 1, the last for all from there on; ``seen`` gives P(data | N).

    The sum ends where terms have fallen for long below the digits kept.
    """
    out = [mpf(0)] * rows
    total, before = mpf(0), mpf(0)
    for n, (chance, given) in enumerate(zip(prior(eta), seen, strict=False)):
        term = chance * given
        out[min(n, rows - 1)] += term
        total += term
        if n > rows and 0 < term < before and term < total * mpf(10) ** -40 or n > most:
            break
        before = term
    return out


def paths(chances):
    """Of a chain of one season."""
    return {(n,): chance for n, chance in enumerate(chances)}
