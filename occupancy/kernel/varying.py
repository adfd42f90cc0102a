"""Effects that vary, of every kind: from what is sampled to effects, and gradients back.

A block is one term: its hyper-parameters (a standard deviation, a range), its raw coordinates,
and the effects that they make. The sampled vector holds the hyper-parameters of all blocks, each
on the whole line, then the raw coordinates of all blocks. A kind of block brings three functions:

    forward(natural, raw, whole, real, effect) -> log density of raw, given the hyper-parameters
    adjoint(natural, raw, effect, slope, whole, real, d_natural, d_raw)
    weights(natural, raw, whole, real, out)

``natural`` holds the hyper-parameters on their own scale, ``whole`` and ``real`` what the kind
needs to know of the data. ``forward`` fills ``effect``. ``adjoint`` is given ``slope``, the
derivative of the log-likelihood along the effects, adds to ``d_natural`` and sets ``d_raw``, the
log density of raw included. ``weights`` fills what is kept of a draw. They are called by address,
so that one compiled density serves them all.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import carray, njit, types  # pyright: ignore[reportPrivateImportUsage]
from numba.core import cgutils
from numba.extending import intrinsic

from occupancy.kernel.binding import fresh, is_ours
from occupancy.kernel.densities import log_density
from occupancy.kernel.simd import FAST, sigmoid

POSITIVE, SHARE, SIGNED = 0, 1, 2  # domains of hyper-parameters: (0, inf), (0, 1), (-1, 1)
# columns of the table of blocks: three addresses, four sizes, two arrays
FORWARD, ADJOINT, WEIGHTS, N_HYPER, N_RAW, N_EFFECT, N_WEIGHT, WHOLE, REAL = range(9)
WIDTH = 11


class Functions(NamedTuple):
    """The compiled functions of one kind, as in the first lines of this file."""

    forward: Any
    adjoint: Any
    weights: Any


def _missing(*args):  # stands where a kind's function is bound
    raise NotImplementedError


forward = adjoint = weights = _missing
MAKE = types.double(*[types.voidptr] * 4)
TAKE = types.double(*[types.voidptr] * 7)


def _caller(n):
    """A call of the function at an address, with so many addresses."""

    @intrinsic
    def call(typing, address, given):
        def generate(context, builder, signature, args):
            byte = cgutils.voidptr_t
            kind = ir.FunctionType(ir.DoubleType(), [byte] * n)
            function = builder.inttoptr(args[0], kind.as_pointer())
            each = [builder.extract_value(args[1], i) for i in range(n)]
            return builder.call(function, [builder.inttoptr(a, byte) for a in each])

        return types.double(types.int64, types.UniTuple(types.int64, n)), generate

    return call


_call_make = _caller(4)
_call_take = _caller(7)


@intrinsic
def pointer(typing, address):
    """The address as a pointer."""

    def generate(context, builder, signature, args):
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@njit(error_model="numpy", cache=True)
def _arrays(row):
    return (
        carray(pointer(row[WHOLE]), (row[WHOLE + 2],), np.int64),
        carray(pointer(row[REAL]), (row[REAL + 2],), np.float64),
    )


def _native_forward(row_, natural_, raw_, effect_):
    row = carray(row_, (WIDTH,), np.int64)
    whole, real = _arrays(row)  # pyright: ignore[reportGeneralTypeIssues]
    return forward(
        carray(natural_, (row[N_HYPER],), np.float64),
        carray(raw_, (row[N_RAW],), np.float64),
        whole,
        real,
        carray(effect_, (row[N_EFFECT],), np.float64),
    )


def _native_weights(row_, natural_, raw_, out_):
    row = carray(row_, (WIDTH,), np.int64)
    whole, real = _arrays(row)  # pyright: ignore[reportGeneralTypeIssues]
    weights(
        carray(natural_, (row[N_HYPER],), np.float64),
        carray(raw_, (row[N_RAW],), np.float64),
        whole,
        real,
        carray(out_, (row[N_WEIGHT],), np.float64),
    )
    return 0.0


def _native_adjoint(row_, natural_, raw_, effect_, slope_, d_natural_, d_raw_):
    row = carray(row_, (WIDTH,), np.int64)
    whole, real = _arrays(row)  # pyright: ignore[reportGeneralTypeIssues]
    n_hyper, n_raw, n_effect = row[N_HYPER], row[N_RAW], row[N_EFFECT]
    adjoint(
        carray(natural_, (n_hyper,), np.float64),
        carray(raw_, (n_raw,), np.float64),
        carray(effect_, (n_effect,), np.float64),
        carray(slope_, (n_effect,), np.float64),
        whole,
        real,
        carray(d_natural_, (n_hyper,), np.float64),
        carray(d_raw_, (n_raw,), np.float64),
    )
    return 0.0


_MADE: dict[Functions, tuple[Any, Any, Any]] = {}


def addresses(functions: Functions) -> tuple[int, int, int]:
    """Addresses of a kind's functions as C functions, compiled once and kept on disk."""
    if functions not in _MADE:
        kept = is_ours(functions.forward)
        path = Path(functions.forward.py_func.__code__.co_filename)
        # the wrapper stands in this file, so that its name must tell what it wraps
        of = f"{path.stem}_{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
        frames = (_native_forward, _native_adjoint, _native_weights)
        shapes = (MAKE, TAKE, MAKE)
        made = []
        for word, frame, shape in zip(Functions._fields, frames, shapes, strict=True):
            bound = fresh(frame, f"{of}_{word}", {word: getattr(functions, word)})
            made.append(numba.cfunc(shape, cache=kept)(bound))
        _MADE[functions] = tuple(made)
    a, b, c = _MADE[functions]
    return a.address, b.address, c.address


@njit(error_model="numpy", cache=True)
def to_natural(domain, t):
    """A hyper-parameter on its own scale, and its derivative along the line it is sampled on."""
    if domain == POSITIVE:
        value = math.exp(t)
        return value, value
    share = sigmoid(t)
    slope = share * sigmoid(-t)
    if domain == SHARE:
        return share, slope
    return 2.0 * share - 1.0, 2.0 * slope


@njit(error_model="numpy", cache=True)
def hyper_prior(domain, code, a, b, c, t):
    """Log prior density along the line that is sampled, and its derivative.

    Priors of shares are densities of the share; those of signed numbers in (-1, 1) are
    densities of (1 + x) / 2.
    """
    if domain == POSITIVE:
        value = math.exp(t)
        density, slope = log_density(code, a, b, c, value)
        return density + t, slope * value + 1.0  # the logarithm is sampled
    return log_density(code, a, b, c, t)  # a beta density is one of the logit, Jacobian inside


@njit(error_model="numpy", cache=True)
def effects_of(x, k, blocks, domain, natural, effect):
    """Hyper-parameters and effects from the sampled vector; the log density of raw."""
    n_hyper = domain.size
    for q in range(n_hyper):
        natural[q], _ = to_natural(domain[q], x[k + q])
    total = 0.0
    h, r, e = 0, k + n_hyper, 0
    for b in range(blocks.shape[0]):
        row = blocks[b]
        total += _call_make(
            row[FORWARD],
            (row.ctypes.data, natural[h:].ctypes.data, x[r:].ctypes.data, effect[e:].ctypes.data),
        )
        h += row[N_HYPER]
        r += row[N_RAW]
        e += row[N_EFFECT]
    return total


@njit(error_model="numpy", cache=True)
def weights_of(x, k, blocks, natural, out):
    """What is kept of a draw: the weights of all blocks, one after the other."""
    h, r, e = 0, k + natural.size, 0
    for b in range(blocks.shape[0]):
        row = blocks[b]
        _call_make(
            row[WEIGHTS],
            (row.ctypes.data, natural[h:].ctypes.data, x[r:].ctypes.data, out[e:].ctypes.data),
        )
        h += row[N_HYPER]
        r += row[N_RAW]
        e += row[N_WEIGHT]


@njit(error_model="numpy", cache=True)
def block_gradients(x, k, blocks, domain, code, arguments, natural, effect, slope, gradient):
    """Priors of hyper-parameters, and all gradients of the blocks; returns the priors' total."""
    n_hyper = domain.size
    d_natural = np.zeros(n_hyper)
    h, r, e = 0, k + n_hyper, 0
    for b in range(blocks.shape[0]):
        row = blocks[b]
        _call_take(
            row[ADJOINT],
            (
                row.ctypes.data,
                natural[h:].ctypes.data,
                x[r:].ctypes.data,
                effect[e:].ctypes.data,
                slope[e:].ctypes.data,
                d_natural[h:].ctypes.data,
                gradient[r:].ctypes.data,
            ),
        )
        h += row[N_HYPER]
        r += row[N_RAW]
        e += row[N_EFFECT]
    total = 0.0
    for q in range(n_hyper):
        t = x[k + q]
        value, along = hyper_prior(
            domain[q], code[q], arguments[q, 0], arguments[q, 1], arguments[q, 2], t
        )
        _, change = to_natural(domain[q], t)
        total += value
        gradient[k + q] = along + d_natural[q] * change
    return total


@njit(error_model="numpy", cache=True, fastmath=FAST)
def take_out_means(effect, share, lean, onto, means):
    """Add up, for each coefficient, the mean effects that it is sampled with.

    ``lean`` (range, 2) holds the first effect of a range and the one after the last; effects of
    a range lose their mean, which the sampled coefficients hold: coefficient c holds
    ``onto[r, c]`` times the mean of range r.
    """
    for c in range(means.size):
        means[c] = 0.0
    for r in range(lean.shape[0]):
        mean = 0.0
        for q in range(lean[r, 0], lean[r, 1]):
            mean += share[q] * effect[q]
        for q in range(lean[r, 0], lean[r, 1]):
            effect[q] -= mean
        for c in range(means.size):
            means[c] += onto[r, c] * mean


@njit(error_model="numpy", cache=True, fastmath=FAST)
def through_means(slope, share, lean, onto, along):
    """Turn slopes along deviations into slopes along effects.

    ``along`` (coefficient,) holds the slopes of the priors along the means that are taken out.
    """
    for r in range(lean.shape[0]):
        lo, hi = lean[r, 0], lean[r, 1]
        total = 0.0
        for c in range(along.size):
            total -= onto[r, c] * along[c]
        for q in range(lo, hi):
            total += slope[q]
        for q in range(lo, hi):
            slope[q] -= share[q] * total
