"""The whole log posterior of any family: predictors of all parameters, its kernel, the priors.

The same parameter vector and the same priors as ``occupancy.kernel.fused``, whose pieces it
uses, for as many parameters as the family has: the coefficients of each, the hyper-parameters of
every term that varies, their raw coordinates. Here predictors are made whole, so that any
kernel can take them.
"""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba import carray, njit, types  # pyright: ignore[reportPrivateImportUsage]
from numba.core import cgutils
from numba.extending import intrinsic

from occupancy.kernel.binding import fresh, is_ours
from occupancy.kernel.columns import add_columns, add_products
from occupancy.kernel.fused import coefficient_priors, gather, scatter
from occupancy.kernel.native import DENSITY, EXPAND, REJECTED, expand
from occupancy.kernel.varying import (
    N_EFFECT,
    WIDTH,
    block_gradients,
    effects_of,
    pointer,
    take_out_means,
    through_means,
)

ARRAYS = (  # in the order of the header: integers first
    "links",
    "coefficient_first",
    "row_first",
    "face_first",
    "blocks",
    "domain",
    "lean",
    "prior_code",
    "hyper_code",
    "level_first",
    "level",
    "site_start",
    "visit_start",
    "diagonal_start",
    "diagonal_size",
    "diagonal_step",
    "diagonal_first",
    "place_of_visit",
    "columns",
    "offset",
    "value",
    "share",
    "functional",
    "base",
    "transform",
    "prior_arguments",
    "hyper_arguments",
    "by_visit",
    "by_chain",
)
N_WHOLE = 18
# steps, states, chains, items of by_visit and of by_chain, chains whose states are told, address
# of the kernel
SIZES = 7
HEADER = SIZES + 2 * len(ARRAYS)
KERNEL = types.double(types.voidptr, types.voidptr, types.voidptr)


def _missing(*args):  # stands where a family's kernel is bound
    raise NotImplementedError


kernel = _missing


@intrinsic
def _call(typing, address, header, eta, gradient):
    """Call the kernel at this address: one density serves all families, compiled once."""

    def generate(context, builder, signature, args):
        byte = cgutils.voidptr_t
        kind = ir.FunctionType(ir.DoubleType(), [byte, byte, byte])
        function = builder.inttoptr(args[0], kind.as_pointer())
        given = [builder.inttoptr(a, byte) for a in args[1:]]
        return builder.call(function, given)

    return types.double(types.int64, types.int64, types.int64, types.int64), generate


@njit(error_model="numpy", cache=True)
def _wholes(h, i):
    return carray(pointer(h[SIZES + 2 * i]), (h[SIZES + 2 * i + 1],), np.int64)


@njit(error_model="numpy", cache=True)
def _reals(h, i):
    return carray(pointer(h[SIZES + 2 * i]), (h[SIZES + 2 * i + 1],), np.float64)


@njit(error_model="numpy", cache=True)
def _unpacked(h):
    whole = (
        _wholes(h, 0),
        _wholes(h, 1),
        _wholes(h, 2),
        _wholes(h, 3),
        _wholes(h, 4),
        _wholes(h, 5),
        _wholes(h, 6),
        _wholes(h, 7),
        _wholes(h, 8),
        _wholes(h, 9),
        _wholes(h, 10),
        _wholes(h, 11),
        _wholes(h, 12),
        _wholes(h, 13),
        _wholes(h, 14),
        _wholes(h, 15),
        _wholes(h, 16),
        _wholes(h, 17),
    )
    real = (
        _reals(h, 18),
        _reals(h, 19),
        _reals(h, 20),
        _reals(h, 21),
        _reals(h, 22),
        _reals(h, 23),
        _reals(h, 24),
        _reals(h, 25),
        _reals(h, 26),
        _reals(h, 27),
        _reals(h, 28),
    )
    return whole, real


@njit(error_model="numpy", cache=True)
def density(x, gradient, h):
    """Log posterior at ``x``; fills ``gradient``. ``h`` is the header: sizes and addresses."""
    whole, real = _unpacked(h)  # pyright: ignore[reportGeneralTypeIssues]
    coefficient_first, row_first, face_first = whole[1], whole[2], whole[3]
    blocks = whole[4].reshape(whole[4].size // WIDTH, WIDTH)
    domain, lean = whole[5], whole[6].reshape(whole[6].size // 3, 3)
    prior_code, hyper_code, level_first, level = whole[7:11]
    columns, offset, value, share, functional, base = real[:6]
    prior_arguments, hyper_arguments = real[7], real[8].reshape(hyper_code.size, 3)
    n_parameter = row_first.size - 1
    k = coefficient_first[n_parameter]
    n_effect = blocks[:, N_EFFECT].sum()
    whole_effect = np.empty(n_effect)
    slope = np.zeros(n_effect)
    natural = np.empty(domain.size)
    means, along = np.empty(n_parameter), np.empty(n_parameter)
    total = effects_of(x, k, blocks, domain, natural, whole_effect)
    effect = whole_effect.copy()
    take_out_means(effect, share, lean, means)
    eta = offset.copy()
    c = 0
    for m in range(n_parameter):
        a, b = coefficient_first[m], coefficient_first[m + 1]
        lo, hi = row_first[m], row_first[m + 1]
        n = hi - lo
        own = columns[c : c + (b - a) * n].reshape(b - a, n)
        add_columns(x[a:b], own, 0, n, eta[lo:hi])
        for r in range(face_first[m], face_first[m + 1]):
            rows = slice(level_first[r], level_first[r + 1])
            gather(effect, level[rows], value[rows], True, eta[lo:hi])
        c += (b - a) * n
    along_rows = np.empty(eta.size)
    total += _call(h[6], h.ctypes.data, eta.ctypes.data, along_rows.ctypes.data)
    for q in range(k):
        gradient[q] = 0.0
    c = 0
    f = 0
    for m in range(n_parameter):
        a, b = coefficient_first[m], coefficient_first[m + 1]
        lo, hi = row_first[m], row_first[m + 1]
        n, size = hi - lo, b - a
        own = columns[c : c + size * n].reshape(size, n)
        add_products(own, 0, n, along_rows[lo:hi], gradient[a:b])
        for r in range(face_first[m], face_first[m + 1]):
            rows = slice(level_first[r], level_first[r + 1])
            scatter(level[rows], value[rows], True, along_rows[lo:hi], slope)
        prior, along[m] = coefficient_priors(
            x[a:b],
            functional[f : f + size * size].reshape(size, size),
            base[a:b],
            means[m],
            prior_code[a:b],
            prior_arguments[3 * a : 3 * b].reshape(size, 3),
            gradient[a:b],
        )
        total += prior
        c += size * n
        f += size * size
    through_means(slope, share, lean, along)
    return total + block_gradients(
        x, k, blocks, domain, hyper_code, hyper_arguments, natural, whole_effect, slope, gradient
    )


def _native_kernel(header, eta_, gradient_):
    """A family's kernel on predictors, its data behind the header."""
    h = carray(header, (HEADER,), np.int64)
    whole, real = _unpacked(h)  # pyright: ignore[reportGeneralTypeIssues]
    row_first = whole[2]
    n = row_first[row_first.size - 1]
    n_step, n_state, n_chain = h[0], h[1], h[2]
    return kernel(
        whole[0],
        carray(eta_, (n,), np.float64),
        row_first,
        real[9].reshape(h[3], whole[17].size),
        real[10].reshape(h[4], n_chain),
        whole[11:18],
        carray(gradient_, (n,), np.float64),
        np.empty(n_chain),
        np.empty((n_step, n_state, h[5])),
        np.empty((n_step - 1, n_state, n_state, 0)),
    )


@numba.cfunc(DENSITY, cache=True)
def native_density(dim, x_, gradient_, value_, user_data):
    """Log posterior and gradient at x."""
    h = carray(user_data, (HEADER,), np.int64)
    value = density(carray(x_, (dim,)), carray(gradient_, (dim,)), h)
    value_[0] = value
    return 0 if np.isfinite(value) else REJECTED


@numba.cfunc(EXPAND, cache=True)
def native_expand(dim, n_out, x_, out_, user_data):
    """Coefficients, hyper-parameters and weights, from the sampled vector."""
    h = carray(user_data, (HEADER,), np.int64)
    whole, real = _unpacked(h)  # pyright: ignore[reportGeneralTypeIssues]
    expand(
        carray(x_, (dim,)),
        carray(out_, (n_out,)),
        whole[1],
        real[6],
        whole[4].reshape(whole[4].size // WIDTH, WIDTH),
        whole[5],
        real[3],
        whole[6].reshape(whole[6].size // 3, 3),
    )
    return 0


_MADE: dict = {}


def native_kernel(family_kernel):
    """A family's kernel as a C function, kept for this process and on disk."""
    if family_kernel not in _MADE:
        name = family_kernel.py_func.__qualname__
        name = f"{family_kernel.py_func.__module__.rsplit('.', 1)[-1]}_{name}"
        made = fresh(_native_kernel, name, {"kernel": family_kernel})
        _MADE[family_kernel] = numba.cfunc(KERNEL, cache=is_ours(family_kernel))(made)
    return _MADE[family_kernel]
