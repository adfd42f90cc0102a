"""The fused density as a C function that finds its data through one pointer.

Compiled once per machine and kept on disk, whatever the shape of the data: a fit starts at once,
and a refit of any shape costs no compilation. The signature is nutpie's.

``user_data`` is an int64 header: sizes first, then address and length of every array. Whoever
makes a header keeps its arrays alive.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import carray, njit, types  # pyright: ignore[reportPrivateImportUsage]

from occupancy.kernel.fused import density
from occupancy.kernel.varying import (
    N_EFFECT,
    WIDTH,
    effects_of,
    pointer,
    take_out_means,
    weights_of,
)

ARRAYS = (  # integers first
    "coefficient_first",
    "site_start",
    "visit_start",
    "diagonal_start",
    "diagonal_size",
    "level_psi",
    "valued_psi",
    "level_p",
    "blocks",
    "domain",
    "lean",
    "prior_code",
    "hyper_code",
    "columns_psi",
    "columns_p",
    "offset_psi",
    "offset_p",
    "unseen",
    "value_psi",
    "value_p",
    "share",
    "functional_psi",
    "functional_p",
    "base_psi",
    "base_p",
    "prior_arguments",
    "hyper_arguments",
    "transform",
)
SIZES = 6  # coefficients of psi and p, sites, visits, faces of psi, link of psi
HEADER = SIZES + 2 * len(ARRAYS)
REJECTED = 4  # nutpie: positive is a recoverable error, counted as a divergence

_doubles = types.CPointer(types.double)
DENSITY = types.int64(types.uint64, _doubles, _doubles, _doubles, types.voidptr)
EXPAND = types.int64(types.uint64, types.uint64, _doubles, _doubles, types.voidptr)


@njit(error_model="numpy", cache=True)
def _whole(h, i):
    return carray(pointer(h[SIZES + 2 * i]), (h[SIZES + 2 * i + 1],), np.int64)


@njit(error_model="numpy", cache=True)
def _real(h, i):
    return carray(pointer(h[SIZES + 2 * i]), (h[SIZES + 2 * i + 1],), np.float64)


@njit(error_model="numpy", cache=True)
def expand(x, out, coefficient_first, transform, blocks, domain, share, lean):
    """Coefficients, hyper-parameters and weights of a draw, from the sampled vector."""
    n_parameter = coefficient_first.size - 1
    k, n_hyper = coefficient_first[n_parameter], domain.size
    natural = out[k : k + n_hyper]
    effect = np.empty(blocks[:, N_EFFECT].sum())
    effects_of(x, k, blocks, domain, natural, effect)
    weights_of(x, k, blocks, natural, out[k + n_hyper :])
    means = np.empty(n_parameter)
    take_out_means(effect, share, lean, means)
    f = 0
    for m in range(n_parameter):
        a, b = coefficient_first[m], coefficient_first[m + 1]
        for i in range(b - a):
            total = 0.0
            for j in range(b - a):
                total += transform[f + i * (b - a) + j] * x[a + j]
            out[a + i] = total
        f += (b - a) ** 2
        if means[m] != 0.0:
            out[a] -= means[m]


@numba.cfunc(DENSITY, cache=True)
def native_density(dim, x_, gradient_, value_, user_data):
    """Log posterior and gradient at x."""
    h = carray(user_data, (HEADER,), np.int64)
    k_psi, k_p, n, v, faces_psi, link = h[0], h[1], h[2], h[3], h[4], h[5]
    faces_p = _whole(h, 7).size // max(v, 1)
    value = density(
        carray(x_, (dim,)),
        carray(gradient_, (dim,)),
        link,
        _real(h, 13).reshape(k_psi, n),
        _real(h, 14).reshape(k_p, v),
        _real(h, 15),
        _real(h, 16),
        _real(h, 17),
        _whole(h, 1),
        _whole(h, 2),
        _whole(h, 3),
        _whole(h, 4),
        _whole(h, 5).reshape(faces_psi, n),
        _real(h, 18).reshape(faces_psi, n),
        _whole(h, 6),
        _whole(h, 7).reshape(faces_p, v),
        _real(h, 19).reshape(faces_p, v),
        _whole(h, 8).reshape(_whole(h, 8).size // WIDTH, WIDTH),
        _whole(h, 9),
        _real(h, 20),
        _whole(h, 10).reshape(_whole(h, 10).size // 3, 3),
        _real(h, 21).reshape(k_psi, k_psi),
        _real(h, 22).reshape(k_p, k_p),
        _real(h, 23),
        _real(h, 24),
        _whole(h, 11),
        _real(h, 25).reshape(k_psi + k_p, 3),
        _whole(h, 12),
        _real(h, 26).reshape(_whole(h, 12).size, 3),
    )
    value_[0] = value
    return 0 if np.isfinite(value) else REJECTED


@numba.cfunc(EXPAND, cache=True)
def native_expand(dim, n_out, x_, out_, user_data):
    """Coefficients, hyper-parameters and weights, from the sampled vector."""
    h = carray(user_data, (HEADER,), np.int64)
    expand(
        carray(x_, (dim,)),
        carray(out_, (n_out,)),
        _whole(h, 0),
        _real(h, 27),
        _whole(h, 8).reshape(_whole(h, 8).size // WIDTH, WIDTH),
        _whole(h, 9),
        _real(h, 20),
        _whole(h, 10).reshape(_whole(h, 10).size // 3, 3),
    )
    return 0
