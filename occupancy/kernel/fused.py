"""The whole log posterior of a model in one pass: columns, group effects, chain, priors.

    eta = X b + sum_r e[level_r] v_r          e from the blocks of ``occupancy.kernel.varying``

A coefficient and the mean of the effects beside it say nearly the same to the data, so a sampler
crawls along their ridge. What is sampled here instead of the coefficient is the coefficient plus
the mean effect, sum_j share_j e_j: an exact change of coordinates with Jacobian one, after which
the two are almost independent. Priors still act on the coefficient itself.

Parameters lie in one vector: the coefficients of psi, those of p, the hyper-parameters of all
blocks, then their raw coordinates. Predictors are made, used and turned into
gradients block by block: nothing as long as the sites or the visits is allocated.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from occupancy.kernel.columns import add_columns, add_products, start
from occupancy.kernel.densities import log_density
from occupancy.kernel.simd import FAST
from occupancy.kernel.two_state import block
from occupancy.kernel.varying import (
    N_EFFECT,
    block_gradients,
    effects_of,
    take_out_means,
    through_means,
)

VALUED, RUNS = 1, 2  # how a face is read: effects are multiplied; levels lie in long runs
# Where they do, an entry holds its level, and above it how many rows of the run are left.
LEFT, LEVEL = 32, (1 << 32) - 1


@njit(fastmath=FAST, error_model="numpy", cache=True)
def gather(effect, level, value, how, out):
    """Add to each row the effect of its level, times its value."""
    n = out.size
    if how & RUNS:
        i = 0
        while i < n:
            one, j = level[i] & LEVEL, min(i + (level[i] >> LEFT), n)
            e = effect[one]
            if how & VALUED:
                for q in range(i, j):
                    out[q] += e * value[q]
            else:
                for q in range(i, j):
                    out[q] += e
            i = j
    elif how & VALUED:
        for i in range(n):
            out[i] += effect[level[i]] * value[i]
    else:
        for i in range(n):
            out[i] += effect[level[i]]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def scatter(level, value, how, g, out):
    """Add up the rows of each level, times their values."""
    n = g.size
    if how & RUNS:
        i = 0
        while i < n:
            one, j = level[i] & LEVEL, min(i + (level[i] >> LEFT), n)
            total = 0.0
            if how & VALUED:
                for q in range(i, j):
                    total += g[q] * value[q]
            else:
                for q in range(i, j):
                    total += g[q]
            out[one] += total
            i = j
    elif how & VALUED:
        for i in range(n):
            out[level[i]] += g[i] * value[i]
    else:
        for i in range(n):
            out[level[i]] += g[i]


@njit(error_model="numpy", cache=True)
def coefficient_priors(theta, functional, base, means, code, arguments, gradient, along):
    """Priors act on phi = functional @ theta - base @ means.

    Adds to the gradient of theta; returns the log density and fills its slope along the means.
    """
    k = theta.size
    total = 0.0
    for a in range(k):
        along[a] = 0.0
    for a in range(k):
        phi = 0.0
        for b in range(k):
            phi += functional[a, b] * theta[b] - base[a, b] * means[b]
        value, slope = log_density(code[a], arguments[a, 0], arguments[a, 1], arguments[a, 2], phi)
        total += value
        for b in range(k):
            gradient[b] += functional[a, b] * slope
            along[b] -= base[a, b] * slope
    return total


@njit(error_model="numpy", cache=True)
def density(
    x,
    gradient,
    link,
    columns_psi,
    columns_p,
    offset_psi,
    offset_p,
    unseen,
    site_start,
    visit_start,
    diagonal_start,
    diagonal_size,
    level_psi,
    value_psi,
    how_psi,
    level_p,
    value_p,
    how_p,
    blocks,
    domain,
    share,
    lean,
    onto,
    functional_psi,
    functional_p,
    base_psi,
    base_p,
    prior_code,
    prior_arguments,
    hyper_code,
    hyper_arguments,
):
    """Log posterior at ``x``; fills ``gradient``.

    Parameters
    ----------
    columns_psi : (coefficient, site), columns_p : (coefficient, visit)
        In layout order; those of p, ``offset_p`` and ``value_p`` times the sign of the visit.
    offset_psi, offset_p : (site,), (visit,) or empty
    level_psi : (face, site), level_p : (face, visit) int64
        Place of the row's effect among all effects; with the rest of its run, where read in RUNS.
    value_psi : (face, site), value_p : (face, visit)
        What the effect is multiplied by.
    how_psi, how_p : (face,)
        How each face is read: VALUED, RUNS.
    blocks, domain, hyper_code, hyper_arguments
        Terms that vary, as in ``occupancy.kernel.varying``.
    share : (effect,), lean : (range, 2), onto : (range, coefficient)
        Share of the rows at each level, in the ranges whose mean is taken into coefficients.
    base_psi, base_p : (coefficient, coefficient)
        phi of the coefficients themselves.
    """
    k_psi, k_p = columns_psi.shape[0], columns_p.shape[0]
    k = k_psi + k_p
    n_psi, n_p = level_psi.shape[0], level_p.shape[0]
    n_effect = blocks[:, N_EFFECT].sum()
    n_most, m_most = 1, 1
    for b in range(site_start.size - 1):
        n_most = max(n_most, site_start[b + 1] - site_start[b])
        m_most = max(m_most, visit_start[b + 1] - visit_start[b])
    scratch = np.empty((5, n_most))
    per_site = np.empty((4, n_most))
    per_visit = np.empty((2, m_most))
    effect = np.empty(n_effect)
    whole_effect = np.empty(n_effect)
    slope = np.zeros(n_effect)
    natural = np.empty(domain.size)
    means, along = np.empty(k), np.empty(k)
    total = effects_of(x, k, blocks, domain, natural, whole_effect)
    effect[:] = whole_effect
    take_out_means(effect, share, lean, onto, means)
    for c in range(k):
        gradient[c] = 0.0
    for b in range(site_start.size - 1):
        s0, s1 = site_start[b], site_start[b + 1]
        v0, v1 = visit_start[b], visit_start[b + 1]
        eta, g = per_site[0, : s1 - s0], per_site[1, : s1 - s0]
        signed, h = per_visit[0, : v1 - v0], per_visit[1, : v1 - v0]
        start(offset_psi, s0, eta)
        start(offset_p, v0, signed)
        add_columns(x[:k_psi], columns_psi, s0, s1, eta)
        add_columns(x[k_psi:k], columns_p, v0, v1, signed)
        for r in range(n_psi):
            gather(effect, level_psi[r, s0:s1], value_psi[r, s0:s1], how_psi[r], eta)
        for r in range(n_p):
            gather(effect, level_p[r, v0:v1], value_p[r, v0:v1], how_p[r], signed)
        total += block(
            link,
            eta,
            signed,
            unseen[s0:s1],
            diagonal_size[diagonal_start[b] : diagonal_start[b + 1]],
            scratch,
            g,
            h,
            per_site[2, : s1 - s0],
            per_site[3, : s1 - s0],
        )
        add_products(columns_psi, s0, s1, g, gradient[:k_psi])
        add_products(columns_p, v0, v1, h, gradient[k_psi:k])
        for r in range(n_psi):
            scatter(level_psi[r, s0:s1], value_psi[r, s0:s1], how_psi[r], g, slope)
        for r in range(n_p):
            scatter(level_p[r, v0:v1], value_p[r, v0:v1], how_p[r], h, slope)
    prior_psi = coefficient_priors(
        x[:k_psi],
        functional_psi,
        base_psi,
        means[:k_psi],
        prior_code[:k_psi],
        prior_arguments[:k_psi],
        gradient[:k_psi],
        along[:k_psi],
    )
    prior_p = coefficient_priors(
        x[k_psi:k],
        functional_p,
        base_p,
        means[k_psi:],
        prior_code[k_psi:],
        prior_arguments[k_psi:],
        gradient[k_psi:k],
        along[k_psi:],
    )
    through_means(slope, share, lean, onto, along)
    total += prior_psi + prior_p
    return total + block_gradients(
        x, k, blocks, domain, hyper_code, hyper_arguments, natural, whole_effect, slope, gradient
    )
