"""The fused density as a C function that finds its data through one pointer.

Compiled once per machine and kept on disk, whatever the shape of the data: a fit starts at once,
and a refit of any shape costs no compilation. The signature is nutpie's.

``user_data`` is an int64 header: sizes first, then the addresses of the arrays. Whoever makes a
header keeps its arrays alive.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import carray, types  # pyright: ignore[reportPrivateImportUsage]
from numba.core import cgutils
from numba.extending import intrinsic

from occupancy.kernel.fused import density, effects_of, take_out_means

SIZES = 12
ARRAYS = (
    "columns_psi",
    "columns_p",
    "offset_psi",
    "offset_p",
    "unseen",
    "site_start",
    "visit_start",
    "diagonal_start",
    "diagonal_size",
    "level_psi",
    "value_psi",
    "valued_psi",
    "level_p",
    "value_p",
    "first",
    "centred",
    "share",
    "functional_psi",
    "functional_p",
    "base_psi",
    "base_p",
    "prior_code",
    "prior_arguments",
    "sd_code",
    "sd_arguments",
)
TRANSFORM_PSI, TRANSFORM_P = SIZES + len(ARRAYS), SIZES + len(ARRAYS) + 1
HEADER = SIZES + len(ARRAYS) + 2
REJECTED = 4  # nutpie: positive is a recoverable error, counted as a divergence

_doubles = types.CPointer(types.double)
DENSITY = types.int64(types.uint64, _doubles, _doubles, _doubles, types.voidptr)
EXPAND = types.int64(types.uint64, types.uint64, _doubles, _doubles, types.voidptr)


@intrinsic
def pointer(typing, address):
    """The address as a pointer."""

    def generate(context, builder, signature, args):
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@numba.cfunc(DENSITY, cache=True)
def native_density(dim, x_, gradient_, value_, user_data):
    """Log posterior and gradient at x."""
    h = carray(user_data, (HEADER,), np.int64)
    kp, kd, n, v = h[0], h[1], h[2], h[3]
    blocks, diagonals, n_psi, n_p = h[4], h[5], h[6], h[7]
    groups = n_psi + n_p
    a = SIZES
    value = density(
        carray(x_, (dim,)),
        carray(gradient_, (dim,)),
        h[8],
        carray(pointer(h[a]), (kp, n), np.float64),
        carray(pointer(h[a + 1]), (kd, v), np.float64),
        carray(pointer(h[a + 2]), (h[9],), np.float64),
        carray(pointer(h[a + 3]), (h[10],), np.float64),
        carray(pointer(h[a + 4]), (n,), np.float64),
        carray(pointer(h[a + 5]), (blocks + 1,), np.int64),
        carray(pointer(h[a + 6]), (blocks + 1,), np.int64),
        carray(pointer(h[a + 7]), (blocks + 1,), np.int64),
        carray(pointer(h[a + 8]), (diagonals,), np.int64),
        carray(pointer(h[a + 9]), (n_psi, n), np.int64),
        carray(pointer(h[a + 10]), (n_psi, n), np.float64),
        carray(pointer(h[a + 11]), (n_psi,), np.int64),
        carray(pointer(h[a + 12]), (n_p, v), np.int64),
        carray(pointer(h[a + 13]), (n_p, v), np.float64),
        carray(pointer(h[a + 14]), (groups + 1,), np.int64),
        carray(pointer(h[a + 15]), (groups,), np.int64),
        carray(pointer(h[a + 16]), (h[11],), np.float64),
        carray(pointer(h[a + 17]), (kp, kp), np.float64),
        carray(pointer(h[a + 18]), (kd, kd), np.float64),
        carray(pointer(h[a + 19]), (kp,), np.float64),
        carray(pointer(h[a + 20]), (kd,), np.float64),
        carray(pointer(h[a + 21]), (kp + kd,), np.int64),
        carray(pointer(h[a + 22]), (kp + kd, 3), np.float64),
        carray(pointer(h[a + 23]), (groups,), np.int64),
        carray(pointer(h[a + 24]), (groups, 3), np.float64),
    )
    value_[0] = value
    return 0 if np.isfinite(value) else REJECTED


@numba.cfunc(EXPAND, cache=True)
def native_expand(dim, n_out, x_, out_, user_data):
    """Coefficients, group standard deviations and effects, from the sampled vector."""
    h = carray(user_data, (HEADER,), np.int64)
    kp, kd = h[0], h[1]
    k = kp + kd
    groups = h[6] + h[7]
    x = carray(x_, (dim,))
    out = carray(out_, (n_out,))
    first = carray(pointer(h[SIZES + 14]), (groups + 1,), np.int64)
    centred = carray(pointer(h[SIZES + 15]), (groups,), np.int64)
    effect = out[k + groups :]
    effects_of(x, k, first, centred, effect)
    share = carray(pointer(h[SIZES + 16]), (h[11],), np.float64)
    mean_psi, mean_p = take_out_means(effect.copy(), share, first, h[6])
    for r in range(groups):
        out[k + r] = np.exp(x[k + r])
    a = carray(pointer(h[TRANSFORM_PSI]), (kp, kp), np.float64)
    for i in range(kp):
        total = 0.0
        for j in range(kp):
            total += a[i, j] * x[j]
        out[i] = total
    b = carray(pointer(h[TRANSFORM_P]), (kd, kd), np.float64)
    for i in range(kd):
        total = 0.0
        for j in range(kd):
            total += b[i, j] * x[kp + j]
        out[kp + i] = total
    if mean_psi != 0.0:
        out[0] -= mean_psi
    if mean_p != 0.0:
        out[kp] -= mean_p
    return 0
