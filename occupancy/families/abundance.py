"""Families whose states are numbers of individuals, N = 0, 1, 2 and on: their kernel's loop.

What the visits that saw nothing say of N is a power, Q^N, with Q the product of their chances to
miss one individual. A Poisson or negative binomial times Q^N is another one times a constant:

    P(N; lam, size) Q^N = G(Q) P(N; mean, size)
    Poisson               G = exp(-lam (1 - Q))     mean = lam Q
    negative binomial     G = (1 + t)^-size         mean = lam Q / (1 + t)   t = lam (1 - Q) / size

So a site where nothing was seen has a closed form, and elsewhere only the visits that saw
something, g(N), are summed over N. With U the mean of N (1 - g(N - 1) / g(N)) over P(N | data), a
sum of positive terms,

    E[N | data] = mean + U (1 + mean / size)
    d log L / d log lam = (U - lam (1 - Q)) / (1 + lam (1 - Q) / size)

The sum climbs from the least possible N by multiplication alone, a batch of sites at a time,
until the rest is below 1e-15 of it. A site whose sum starts or ends beyond what a double holds,
or has not ended after 1,024 numbers, is summed in the window where its weight lies
(``occupancy.kernel.window``). There is no upper limit to set.

A family gives its pieces to ``from_numbers``. ``at`` is that of ``occupancy.families.chain``;
``site`` (row, site of the block) has the rows named below. Of the data, by_visit[1] numbers the
visits of a chain that saw something (-1 elsewhere), by_chain[0] counts them, and by_chain[1] is
the least number possible.

    visits(at, layout, b, site)         fills MISSED, CAUGHT and what else it needs
    slot(at, v, j, slots)               slots[:, j] = what the window's pieces read of visit v
    total(at, i, k, told, site)         log-likelihood of chain i, from the window's sums
    log_missed(at, layout, b, i)        log Q of chain i, where Q has underflowed
    batch(at, who, s0, of_slot, site, m, a, kept, gradient)
                                        the climb; NaN in VALUE where it failed
    visit_slopes(at, layout, b, site, gradient)
"""

from __future__ import annotations

import numpy as np
from numba import njit

from occupancy.families.chain import largest_block
from occupancy.kernel.binding import bind
from occupancy.kernel.numbers import log_number, log_one_plus, spread
from occupancy.kernel.simd import FAST, UNDERFLOW, float_to_bits, vexp

POISSON, NEGATIVE_BINOMIAL, ZIP = 0, 1, 2
LANES = 32  # sites that climb together
LAST = 1024  # numbers after which a site is left to its window
REST = 1e-15
MOST_MEAN = 600.0  # beyond, P(0) underflows
MOST_SLOTS, MEANS = 32, 8  # classes by which sites are batched
TOP, NB_TOP = 690.0, 340.0  # of log lam: beyond, lam itself or its ratio to size overflows

# Rows of ``site``: filled by the family's visits
MISSED, CAUGHT, LOG_MISSED, BASE = 0, 1, 2, 3
# of the prior: lam, size, mean and P(0) given the misses, log G, log of the chance to be empty
LAM, SIZE, MEAN, START, NOTHING = 4, 5, 6, 7, 8
# found: log-likelihood, E[N] above ``origin``, U, slope of log P(N; mean, size) by log size
VALUE, EXTRA, PULL, PUSH = 9, 10, 11, 12
ROWS = 13


def _missing(*args):  # stands where a family's piece is bound
    raise NotImplementedError


visits = slot = total = log_missed = batch = visit_slopes = window = _missing
mixture, counts = POISSON, False


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _poisson(eta, lam, mean, start, nothing, missed, caught, n):
    for i in range(n):
        e = vexp(min(eta[i], TOP))
        lam[i] = e
        nothing[i] = -e * caught[i]
        mean[i] = e * missed[i]
        start[i] = vexp(-mean[i])


@njit(error_model="numpy", cache=True)
def _negative_binomial(eta, eta_size, site, n):
    for i in range(n):
        lam = np.exp(min(max(eta[i], -NB_TOP), NB_TOP))
        size = np.exp(min(max(eta_size[i], -NB_TOP), NB_TOP))
        thin = lam * site[CAUGHT, i] / size
        site[LAM, i], site[SIZE, i] = lam, size
        site[NOTHING, i] = -size * np.log1p(thin)
        site[MEAN, i] = lam * site[MISSED, i] / (1.0 + thin)
        site[START, i] = np.exp(-size * np.log1p(site[MEAN, i] / size))


@njit(error_model="numpy", cache=True)
def size_offset(site, i):
    """What the mean slope of log P(N; mean, size) by log size lacks beside ``size_slope``."""
    size = site[SIZE, i]
    share = 1.0 / (1.0 + size / site[LAM, i])
    return size * spread(site[MEAN, i] / size) + share * site[MEAN, i] * site[CAUGHT, i]


@njit(error_model="numpy", cache=True)
def _class(slots, mean):
    level = (float_to_bits(max(mean, 1.0)) >> 52) - 1023
    return min(int(slots), MOST_SLOTS - 1) * MEANS + min(level, MEANS - 1)


@njit(error_model="numpy", cache=True)
def _climbs(mean, size):
    """Whether the climb is likely to end below LAST."""
    return mean < MOST_MEAN and (size == 0.0 or LAST * size > 36.0 * mean)


@njit(error_model="numpy", cache=True)
def _batches(slots, site, n, order, count):
    """Places of the sites that can climb, alike ones together; how many there are.

    Those with many individuals or a long tail are left to the window: NaN in VALUE.
    """
    count[:] = 0
    mean, size = site[MEAN], site[SIZE]
    for i in range(n):
        site[VALUE, i] = np.nan
        if slots[i] > 0.0 and _climbs(mean[i], size[i]):
            count[_class(slots[i], mean[i]) + 1] += 1
    for k in range(1, count.size):
        count[k] += count[k - 1]
    for i in range(n):
        if slots[i] > 0.0 and _climbs(mean[i], size[i]):
            k = _class(slots[i], mean[i])
            order[count[k]] = i
            count[k] += 1
    return count[count.size - 1]


@njit(error_model="numpy", cache=True)
def _visits_of_slots(number, places, first, last, s0, of_slot):
    """Which visit is the j-th of its site that saw something."""
    for v in range(first, last):
        if number[v] >= 0.0:
            of_slot[int(number[v]), places[v] - s0] = v


@njit(error_model="numpy", cache=True)
def _unseen(site, i, rows, s):
    """P(N = n | data) where nothing was seen; the last row is left to ``_last_row``."""
    mean, size, start = site[MEAN, i], site[SIZE, i], site[START, i]
    chance = start
    for n in range(max(rows.shape[0] - 1, 1)):
        if n > 0:
            chance *= mean / n if size == 0.0 else mean / (size + mean) * ((n - 1 + size) / n)
        if start < UNDERFLOW:
            log_size = np.log(size) if size > 0.0 else 0.0
            chance = np.exp(log_number(float(n), n - mean, mean, np.log(mean), size, log_size))
        rows[n, s] = min(chance, 1.0)


@njit(error_model="numpy", cache=True)
def _last_row(site, i, rows, s, seen):
    """P(N >= n | data) in the last of two rows or more."""
    last = rows.shape[0] - 1
    if last == 0:
        return
    if last == 1:
        mean, size = site[MEAN, i], site[SIZE, i]
        log_none = -mean if size == 0.0 else -size * np.log1p(mean / size)
        rows[1, s] = 1.0 if seen else -np.expm1(log_none)
        return
    rest = 1.0
    for n in range(last):
        rest -= rows[n, s]
    rows[last, s] = max(rest, 0.0)


@njit(error_model="numpy", cache=True)
def _structural(eta, site, i, rows, s):
    """Where nothing was seen and zeros may be structural: the slopes by lam and by zero."""
    log_zero, log_one = -log_one_plus(-eta), -log_one_plus(eta)
    nothing = site[NOTHING, i]
    full = -np.exp(log_one) * np.expm1(nothing)  # 1 - L
    if full < 0.5:
        value = np.log1p(-full)
    else:
        top = max(log_zero, log_one + nothing)
        value = top + np.log1p(np.exp(min(log_zero, log_one + nothing) - top))
    empty, open_ = np.exp(log_zero - value), np.exp(log_one + nothing - value)
    site[VALUE, i] = value
    site[EXTRA, i] *= open_
    if rows.shape[1] > 0:
        for n in range(rows.shape[0]):
            rows[n, s] = open_ * rows[n, s] + (empty if n == 0 else 0.0)
    return -open_ * site[LAM, i] * site[CAUGHT, i], empty * full


@njit(error_model="numpy", cache=True)
def _slopes_of_prior(site, i, size):
    """d log L / d log lam and d log L / d log size."""
    caught = site[LAM, i] * site[CAUGHT, i]
    if not size:
        return site[PULL, i] - caught, 0.0
    thin = caught / site[SIZE, i]
    return (
        (site[PULL, i] - caught) / (1.0 + thin),
        site[PUSH, i] - site[SIZE, i] * spread(thin),
    )


def _from_numbers(links, eta, start, by_visit, by_chain, layout, gradient, log_lik, states, pairs):
    """Loop over blocks of a family whose states are numbers of individuals."""
    site_start, visit_start, places = layout[0], layout[1], layout[6]
    n_row, n_chain, tells = states.shape[1], log_lik.size, states.shape[2] > 0
    n_row = n_row if tells else 0
    at = (links, eta, start, by_visit, by_chain, n_chain)
    most = largest_block(site_start)
    most_slots = 1
    for s in range(n_chain):
        most_slots = max(most_slots, int(by_chain[0, s]))
    site = np.empty((ROWS, most))
    of_slot = np.empty((most_slots, most), np.int64)
    m = np.empty(most_slots * 6 * LANES)
    a = np.empty(24 * LANES)
    kept = np.empty((n_row, LANES))
    slots, slope = np.empty((3, most_slots)), np.empty(most_slots)
    told, numbers = np.empty(5), np.empty(n_row)
    order, count = np.empty(most, np.int64), np.empty(MOST_SLOTS * MEANS + 1, np.int64)
    second = start[1]
    sum_ = 0.0
    for b in range(site_start.size - 1):
        s0, n = site_start[b], site_start[b + 1] - site_start[b]
        visits(at, layout, b, site)
        if mixture == NEGATIVE_BINOMIAL:
            _negative_binomial(eta[s0:], eta[second + s0 :], site, n)
        else:
            _poisson(
                eta[s0:],
                site[LAM],
                site[MEAN],
                site[START],
                site[NOTHING],
                site[MISSED],
                site[CAUGHT],
                n,
            )
            site[SIZE, :n] = 0.0
        _visits_of_slots(by_visit[1], places, visit_start[b], visit_start[b + 1], s0, of_slot)
        n_seen = _batches(by_chain[0, s0:], site, n, order, count)
        for c in range(0, n_seen, LANES):
            who = order[c : min(c + LANES, n_seen)]
            batch(at, who, s0, of_slot, site, m, a, kept, gradient)
            for k in range(who.size):
                for row in range(n_row):
                    states[0, row, s0 + who[k]] = min(kept[row, k], 1.0)
        for i in range(n):
            s = s0 + i
            n_slot = int(by_chain[0, s])
            if n_slot > 0 and not np.isfinite(site[VALUE, i]):
                size, log_size = 0.0, 0.0
                log_q = np.log(site[MISSED, i])
                if site[MISSED, i] < UNDERFLOW:
                    log_q = log_missed(at, layout, b, s)
                log_mean = eta[s] + log_q
                if mixture == NEGATIVE_BINOMIAL:
                    size, log_size = site[SIZE, i], eta[second + s]
                    log_mean -= np.log1p(site[LAM, i] * site[CAUGHT, i] / size)
                for j in range(n_slot):
                    slot(at, of_slot[j, i], j, slots)
                prior = (site[MEAN, i], log_mean, size, log_size, site[LAM, i])
                window(prior, max(by_chain[1, s], 1.0), slots, n_slot, told, slope, numbers)
                site[VALUE, i] = total(at, s, i, told, site)
                site[PULL, i] = told[2]
                site[PUSH, i] = 0.0
                site[EXTRA, i] = told[1] if counts else site[MEAN, i] + told[2]
                if mixture == NEGATIVE_BINOMIAL:
                    site[PUSH, i] = told[3] - size_offset(site, i)
                    if not counts:
                        site[EXTRA, i] += told[2] * site[MEAN, i] / size
                for j in range(n_slot):
                    gradient[start[start.size - 2] + of_slot[j, i]] = slope[j]
                for row in range(n_row):
                    states[0, row, s] = numbers[row]
            if n_slot == 0:
                site[VALUE, i] = site[NOTHING, i]
                site[EXTRA, i] = site[MEAN, i]
                site[PULL, i] = site[PUSH, i] = 0.0
                if tells:
                    _unseen(site, i, states[0], s)
            if tells:
                _last_row(site, i, states[0], s, n_slot > 0)
            by_lam, by_second = _slopes_of_prior(site, i, mixture == NEGATIVE_BINOMIAL)
            if mixture == ZIP:
                if n_slot == 0:
                    by_lam, by_second = _structural(eta[second + s], site, i, states[0], s)
                else:
                    site[VALUE, i] -= log_one_plus(eta[second + s])
                    by_second = -1.0 / (1.0 + np.exp(-eta[second + s]))
            gradient[s] = by_lam
            if mixture != POISSON:
                gradient[second + s] = by_second
            log_lik[s] = site[VALUE, i]
            sum_ += log_lik[s]
        visit_slopes(at, layout, b, site, gradient)
    return sum_


def from_numbers(
    name, mixture, counts, visits, slot, total, log_missed, batch, visit_slopes, window
):
    """The kernel of a family whose states are numbers of individuals.

    ``counts`` tells that the visits see numbers, not only whether there is one.
    """
    return bind(
        _from_numbers,
        name,
        mixture=mixture,
        counts=counts,
        visits=visits,
        slot=slot,
        total=total,
        log_missed=log_missed,
        batch=batch,
        visit_slopes=visit_slopes,
        window=window,
    )
