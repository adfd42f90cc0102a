"""How far Laplace's approximation is from the integral that it stands for.

Where effects are integrated one by one, the top is sought again by quadrature. Elsewhere, and for
pairs, of which that may take minutes, effects are drawn from the normal distribution that the
approximation takes them to have, and weighted by what the model says of them: the mean weight of
each independent part is its integral over Laplace's, and the weighted slopes say where the top
would move to. Weights without a mean (Pareto k above 0.7) tell nothing but that the approximation
is poor.

Source: Vehtari, Simpson, Gelman, Yao and Gabry (2024), Journal of Machine Learning Research 25:72;
Zhang and Stephens (2009), Technometrics 51:316-325.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from occupancy.engines import quadrature
from occupancy.engines.laplace import Mode

N_DRAW = 1000
HIGHEST_K = 0.7


def of_laplace(marginal, outer: np.ndarray, hessian: np.ndarray, seed: int) -> dict[str, Any]:
    """What the integral says at the top of Laplace's approximation, and near it.

    Returns
    -------
    dict
        by: "quadrature" or "sampling"; difference: log integral minus its approximation, with its
        Monte Carlo error; shift: by how many standard errors the top moves, for each outer
        parameter; pareto_k (sampling); hyper and log_likelihood at the top by quadrature.
    """
    from occupancy.engines.marginal import quadratured

    latent = marginal.latent
    mode = marginal.mode(outer)
    members = quadrature.parts(latent)
    if members is not None and (members[:, 1] < 0).all():
        begin = outer.copy()
        hypers = slice(latent.n_coefficient, None)
        begin[hypers] = latent.off_the_end(begin[hypers])
        better, top, _ = quadratured(latent, begin, members, None, marginal.priors is not None)
        here = better.value(outer) - marginal.value(outer)
        return {
            "by": "quadrature",
            "difference": float(here),
            "error": 0.0,
            "shift": _in_errors(top.outer - outer, hessian),
            "hyper": top.outer[hypers].tolist(),
            "log_likelihood": float(top.value),
        }
    nodes = drawn_nodes(mode, seed)
    value, gradient, logs = nodes.evaluate(outer)
    weight = np.exp(logs - logs.max(axis=0))
    share = weight / weight.sum(axis=0)
    return {
        "by": "sampling",
        "difference": float(value - mode.log_marginal),
        "error": float(np.sqrt(((share - 1 / N_DRAW) ** 2).sum())),
        "shift": _in_errors(_moved(hessian, gradient - mode.gradient()), hessian),
        "pareto_k": max(pareto_k(w) for w in logs.T),
    }


def _moved(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Newton's step of a top whose gradient turns out not to be 0."""
    return np.linalg.lstsq(-hessian, gradient, rcond=1e-10)[0]


def _in_errors(step: np.ndarray, hessian: np.ndarray) -> list[float]:
    """A step of the outer vector in standard errors."""
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.diag(np.linalg.pinv(-hessian, hermitian=True)))
    return np.where(errors > 0, step / np.where(errors > 0, errors, 1.0), np.nan).tolist()


def drawn_nodes(mode: Mode, seed: int) -> quadrature.Nodes:
    """Nodes drawn from the normal approximation, weighted by one over its density."""
    latent = mode.latent
    z = np.random.default_rng(seed).normal(size=(mode.raw.size, N_DRAW))
    away = mode.factor.noise(z)
    of_raw = latent.component[1]
    n_part = int(of_raw.max()) + 1
    curvature = latent.precision - mode.matrix.T @ mode.bend @ mode.matrix
    square = away * (curvature @ away)
    half = 0.5 * np.stack(
        [np.bincount(of_raw, weights=s, minlength=n_part) for s in square.T]
    )  # (draw, part)
    count = np.bincount(of_raw, minlength=n_part)
    log_det = np.bincount(of_raw, weights=mode.factor.log_pivots, minlength=n_part)
    constant = 0.5 * (count * np.log(2 * np.pi) - log_det) - np.log(N_DRAW)
    return quadrature.Nodes(latent, mode.raw + away.T, half + constant)


def pareto_k(logs: np.ndarray) -> float:
    """Shape of the upper tail of weights, from their logarithms; -inf where they are all alike."""
    n = logs.size
    logs = np.sort(logs - logs.max())
    m = int(min(0.2 * n, 3 * np.sqrt(n)))
    tail = np.exp(logs[-m:]) - np.exp(logs[-m - 1])
    if m < 5 or tail[-1] < 1e-10 or np.ptp(logs) < 1e-8:
        return -np.inf
    return _shape(np.maximum(tail, 1e-300))


def _shape(x: np.ndarray) -> float:
    """Shape of a generalised Pareto distribution, x sorted (Zhang and Stephens 2009)."""
    n = x.size
    k = np.arange(1, 30 + int(np.sqrt(n)) + 1)
    m = k.size
    b = 1 / x[-1] + (1 - np.sqrt(m / (k - 0.5))) / 3 / x[int(n / 4 + 0.5) - 1]
    shape = np.log1p(-b[:, None] * x).mean(axis=1)
    log_lik = n * (np.log(-b / shape) - shape - 1)
    weight = np.exp(log_lik - log_lik.max())
    mean = float((b * weight).sum() / weight.sum())
    found = float(np.log1p(-mean * x).mean())
    return (n * found + 10 * 0.5) / (n + 10)  # a weak prior about 0.5, as in the source
