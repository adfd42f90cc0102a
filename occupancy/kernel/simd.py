"""Exponential and logarithm written so that the compiler vectorises a loop over them.

The numba wheel brings no vector maths library: ``np.exp`` inside a loop stays scalar. These are
branch-free polynomials with bit tricks, about one unit in the last place, eight lanes at a time.

The rounding trick ``x + MAGIC - MAGIC`` would be folded away under reassociation, so these two
functions allow only contraction; their callers may use ``FAST``. ``error_model="numpy"`` matters
as much: Python's check for division by zero is a hidden branch that stops vectorisation.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

FAST = {"contract", "nsz", "arcp", "reassoc", "afn"}
_EXACT = {"contract", "nsz"}

LOG2E = 1.4426950408889634
LN2_HIGH = 0.693147180369123816490
LN2_LOW = 1.90821492927058770002e-10
MAGIC = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to the nearest integer
EXP_LIMIT = 708.0
UNDERFLOW = 1e-290  # below this a block is done again in logarithms
TINY = 1e-300
ONE_BITS = 1023 << 52
TWO_52_BITS = 0x4330000000000000  # 2**52: an integer or-ed below reads as 2**52 + integer
SQRT_HALF_UP = ONE_BITS - 0x3FE6A09E667F3BCD


@intrinsic
def bits_to_float(typing, x):
    """The double with these 64 bits."""

    def generate(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic
def float_to_bits(typing, x):
    """The 64 bits of a double."""

    def generate(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), generate


@njit(fastmath=_EXACT, forceinline=True, error_model="numpy")
def vexp(x):
    """exp(x), with x clamped to +-708 (callers flag what underflows)."""
    x = min(max(x, -EXP_LIMIT), EXP_LIMIT)
    t = x * LOG2E + MAGIC
    k = float_to_bits(t)
    whole = t - MAGIC
    r = (x - whole * LN2_HIGH) - whole * LN2_LOW
    p = 2.08767569878681e-09  # 1/12!, Horner down to 1
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.755731922398589e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 0.0001984126984126984
    p = p * r + 0.001388888888888889
    p = p * r + 0.008333333333333333
    p = p * r + 0.041666666666666664
    p = p * r + 0.16666666666666666
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * bits_to_float((k + 1023) << 52)


@intrinsic
def shift_down(typing, bits):
    """bits >> 52 without sign: AVX2 has no signed shift of 64-bit lanes."""

    def generate(context, builder, signature, args):
        return builder.lshr(args[0], args[0].type(52))

    return types.int64(types.int64), generate


@njit(fastmath=_EXACT, forceinline=True, error_model="numpy")
def vlog_and_inverse(x, deficit):
    """log(x) and 1 / x for a normal positive double, where ``deficit`` = 1 - x without rounding.

    Near one the deficit carries what x has lost: log(1 - 1e-18) is -1e-18 here, not 0. The two
    answers share one division.
    """
    b = float_to_bits(x)
    e = shift_down(b + SQRT_HALF_UP)  # biased exponent, so that m lies in [sqrt(1/2), sqrt(2))
    m = bits_to_float(b + ONE_BITS - (e << 52))
    above = -deficit if e == 1023 else m - 1.0
    both = 1.0 / ((m + 1.0) * x)
    s = above * (both * x)
    z = s * s
    p = 1.0 / 19
    p = p * z + 1.0 / 17
    p = p * z + 1.0 / 15
    p = p * z + 1.0 / 13
    p = p * z + 1.0 / 11
    p = p * z + 1.0 / 9
    p = p * z + 1.0 / 7
    p = p * z + 1.0 / 5
    p = p * z + 1.0 / 3
    p = p * z
    k = bits_to_float(e | TWO_52_BITS) - (4503599627370496.0 + 1023.0)
    return k * 0.6931471805599453 + 2.0 * (s + s * p), both * (m + 1.0)


@njit(fastmath=_EXACT, forceinline=True, error_model="numpy")
def vexpm1_negative(lam):
    """1 - exp(-lam) for lam >= 0, accurate for small lam."""
    p = 1.0 / 13.0
    p = 1.0 - lam * p
    p = 1.0 - lam * (1.0 / 12.0) * p
    p = 1.0 - lam * (1.0 / 11.0) * p
    p = 1.0 - lam * (1.0 / 10.0) * p
    p = 1.0 - lam * (1.0 / 9.0) * p
    p = 1.0 - lam * (1.0 / 8.0) * p
    p = 1.0 - lam * (1.0 / 7.0) * p
    p = 1.0 - lam * (1.0 / 6.0) * p
    p = 1.0 - lam * (1.0 / 5.0) * p
    p = 1.0 - lam * (1.0 / 4.0) * p
    p = 1.0 - lam * (1.0 / 3.0) * p
    p = 1.0 - lam * (1.0 / 2.0) * p
    return lam * p if lam < 0.4 else 1.0 - vexp(-lam)


@njit(error_model="numpy")
def softplus(x):
    """log(1 + exp(x)) without overflow; scalar, for the logarithmic fallback."""
    return max(x, 0.0) + np.log1p(np.exp(-abs(x)))


@njit(error_model="numpy")
def sigmoid(x):
    """1 / (1 + exp(-x)) without overflow; scalar, for the logarithmic fallback."""
    a = np.exp(-abs(x))
    return (1.0 if x > 0 else a) / (1.0 + a)
