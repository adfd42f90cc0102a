"""Effects that are sums of fixed shapes with normal weights: curves, cycles and walks.

    effect[e] = sum_k shape[row[e], k] weight[group[e], k]
    weight[g, k] ~ normal(0, scale[k] sd[k])

sd[k] is one of the term's standard deviations, or 1 for a shape that has none. Each weight is
sampled as x = weight / scale sqrt(1 / sd^2 + told), where told is about how much the data can tell
about weight / scale (partial non-centring, as in ``occupancy.varying.group``).

``whole`` holds the number of shapes, of groups and of rows of the table of shapes, whether effects
are kept instead of weights, then the sd of each shape (-1 for none), the group of each effect and
its row; ``real`` the table of shapes, then scale by shape, then told by group and shape.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from occupancy.kernel.varying import Functions
from occupancy.varying.base import SETTLED

_HALF_LOG_TWO_PI = 0.9189385332046727


@njit(error_model="numpy", cache=True)
def _weights(natural, raw, whole, real, out):
    """Fill the weights; the log density of raw."""
    n_shape, n_group, n_row = whole[0], whole[1], whole[2]
    scale = real[n_row * n_shape :]
    told = real[n_row * n_shape + n_shape :]
    total = -_HALF_LOG_TWO_PI * raw.size
    for k in range(n_shape):
        h = whole[4 + k]
        sd = natural[h] if h >= 0 else 1.0
        for g in range(n_group):
            q = g * n_shape + k
            more = 1.0 + told[q] * sd * sd
            out[q] = scale[k] * sd / math.sqrt(more) * raw[q]
            total -= 0.5 * (raw[q] * raw[q] / more + math.log(more))
    return total


@njit(error_model="numpy", cache=True)
def forward(natural, raw, whole, real, effect):
    n_shape = whole[0]
    weight = np.empty(raw.size)
    total = _weights(natural, raw, whole, real, weight)
    group, row = whole[4 + n_shape :], whole[4 + n_shape + effect.size :]
    for e in range(effect.size):
        g, r = group[e] * n_shape, row[e] * n_shape
        value = 0.0
        for k in range(n_shape):
            value += real[r + k] * weight[g + k]
        effect[e] = value
    return total


@njit(error_model="numpy", cache=True)
def adjoint(natural, raw, effect, slope, whole, real, d_natural, d_raw):
    n_shape, n_group, n_row = whole[0], whole[1], whole[2]
    scale = real[n_row * n_shape :]
    told = real[n_row * n_shape + n_shape :]
    group, row = whole[4 + n_shape :], whole[4 + n_shape + effect.size :]
    along = np.zeros(raw.size)  # by weight
    for e in range(effect.size):
        g, r, s = group[e] * n_shape, row[e] * n_shape, slope[e]
        for k in range(n_shape):
            along[g + k] += s * real[r + k]
    for k in range(n_shape):
        h = whole[4 + k]
        sd = natural[h] if h >= 0 else 1.0
        by_log = 0.0
        for g in range(n_group):
            q = g * n_shape + k
            known = told[q] * sd * sd
            share = 1.0 / (1.0 + known)
            size = scale[k] * sd * math.sqrt(share)
            d_raw[q] = along[q] * size - share * raw[q]
            by_log += share * (along[q] * size * raw[q] + known * (raw[q] * raw[q] * share - 1.0))
        if h >= 0:
            d_natural[h] += by_log / natural[h]


@njit(error_model="numpy", cache=True)
def weights(natural, raw, whole, real, out):
    if whole[3]:
        forward(natural, raw, whole, real, out)
    else:
        _weights(natural, raw, whole, real, out)


FUNCTIONS = Functions(forward, adjoint, weights)


def pack(
    shapes: np.ndarray,
    scale: np.ndarray,
    hyper: np.ndarray,
    group: np.ndarray,
    row: np.ndarray,
    n_group: int,
    information: np.ndarray | None,
    centring: float | None = None,
    keeps_effects: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """``whole`` and ``real`` of the compiled functions.

    Parameters
    ----------
    shapes : (row, shape)
    scale, hyper : (shape,)
        Standard deviation of a weight in units of its hyper-parameter, and which that is (-1 none).
    group, row : (effect,)
    information : (effect,), optional
        About how much the data tell about each effect, by which coordinates are chosen.
    centring : float, optional
        What is told of every weight, whatever the data tell.
    """
    n_row, n_shape = shapes.shape
    told = np.zeros((n_group, n_shape))
    if centring is not None:
        told += centring * SETTLED
    elif information is not None:
        np.add.at(told, group, information[:, None] * (shapes[row] * scale) ** 2)
    sizes = [n_shape, n_group, n_row, int(keeps_effects)]
    whole = np.concatenate([sizes, hyper, group, row]).astype(np.int64)
    return whole, np.concatenate([shapes.ravel(), scale, told.ravel()])


def in_pymc(name: str, hypers: list[Any], whole: np.ndarray, real: np.ndarray) -> tuple[Any, Any]:
    """The (effect,) and (weight,) tensors of the same density; makes the free variable ``name``."""
    import pymc as pm
    import pytensor.tensor as pt

    n_shape, n_group, n_row, keeps_effects = (int(v) for v in whole[:4])
    hyper = whole[4 : 4 + n_shape]
    group, row = np.split(whole[4 + n_shape :], 2)
    shapes = real[: n_row * n_shape].reshape(n_row, n_shape)
    scale = real[n_row * n_shape :][:n_shape]
    told = real[(n_row + 1) * n_shape :].reshape(n_group, n_shape)
    sd = pt.stack([hypers[h] if h >= 0 else pt.ones(()) for h in hyper])
    wider = (1.0 + told * sd**2) ** 0.5
    raw = pm.Normal(name, 0.0, pt.flatten(wider), shape=n_group * n_shape)
    weight = scale * sd / wider * raw.reshape((n_group, n_shape))
    effect = pt.sum(shapes[row] * weight[group], axis=1)
    return effect, effect if keeps_effects else pt.flatten(weight)


def sum_of_shapes(shapes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(draw, row) effects from (row, shape) and (draw, shape).

    Added up shape by shape, so that a row has the same number whatever rows stand beside it.
    """
    out = np.zeros((len(weight), len(shapes)))
    for k in range(shapes.shape[1]):
        out += weight[:, k : k + 1] * shapes[:, k]
    return out
