"""The kinds of priors: codes, arguments, exact log densities with slopes, draws, quantiles.

The codes are those of the compiled kernel. Kinds 0 to 5 live on the whole line, for coefficients;
10 to 16 on positive numbers, for standard deviations and ranges; from 20 on an interval, for
correlations and shares. Every density is normalised exactly, so that an engine's value can be
compared with another's to the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaln, digamma, expit, gammaln, log_expit, xlogy

LOG_2 = math.log(2.0)
HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
INF = math.inf
BOUNDED = 20  # codes from here are of correlations and shares

type Array = np.ndarray
type Density = Callable[..., tuple[Array, Array]]


@dataclass(frozen=True)
class Kind:
    """One kind of prior. `evaluate(x, *arguments)` gives the log density and its slope in x.

    `scipy` names the same distribution: (name, loc, scale, shapes) from the arguments; the
    quantiles and means come from there. `draw(rng, size, *arguments)` draws.
    """

    name: str
    code: int
    arguments: tuple[str, ...]
    positive_arguments: tuple[str, ...]
    evaluate: Density
    draw: Callable[..., Array] | None
    scipy: Callable[..., tuple[str, float, float, tuple[float, ...]]] | None

    @property
    def is_positive(self) -> bool:
        """Whether it is a prior of a standard deviation, or of a range."""
        return 10 <= self.code < BOUNDED

    @property
    def is_bounded(self) -> bool:
        """Whether it is a prior of a correlation or a share."""
        return self.code >= BOUNDED

    def ends(self, *arguments: float) -> tuple[float, float]:
        """Where the support begins and ends."""
        if self.name == "uniform":
            return arguments[0], arguments[1]
        return (-1.0, 1.0) if self.is_bounded else (0.0 if self.is_positive else -INF, INF)


def _flat(x: Array) -> tuple[Array, Array]:
    return np.zeros_like(x), np.zeros_like(x)


def _normal(x: Array, mu: float, sd: float) -> tuple[Array, Array]:
    z = (x - mu) / sd
    return -0.5 * z**2 - HALF_LOG_TWO_PI - math.log(sd), -z / sd


def _student_t(x: Array, df: float, mu: float, scale: float) -> tuple[Array, Array]:
    z = (x - mu) / scale
    constant = gammaln(0.5 * (df + 1)) - gammaln(0.5 * df) - 0.5 * math.log(df * math.pi)
    value = constant - math.log(scale) - 0.5 * (df + 1) * np.log1p(z**2 / df)
    return value, -(df + 1) * z / (scale * (df + z**2))


def _logistic(x: Array, mu: float, scale: float) -> tuple[Array, Array]:
    z = (x - mu) / scale
    value = log_expit(z) + log_expit(-z) - math.log(scale)
    return value, (expit(-z) - expit(z)) / scale


def _laplace(x: Array, mu: float, scale: float) -> tuple[Array, Array]:
    z = (x - mu) / scale
    return -np.abs(z) - math.log(2 * scale), -np.sign(z) / scale


def _beta(x: Array, a: float, b: float) -> tuple[Array, Array]:
    """Beta(a, b) of p, seen on x = logit(p): the Jacobian p (1 - p) is inside."""
    return a * log_expit(x) + b * log_expit(-x) - betaln(a, b), a * expit(-x) - b * expit(x)


def _half_normal(x: Array, scale: float) -> tuple[Array, Array]:
    value, slope = _normal(x, 0.0, scale)
    return value + LOG_2, slope


def _half_student_t(x: Array, df: float, scale: float) -> tuple[Array, Array]:
    value, slope = _student_t(x, df, 0.0, scale)
    return value + LOG_2, slope


def _exponential(x: Array, rate: float) -> tuple[Array, Array]:
    return math.log(rate) - rate * x, np.full_like(x, -rate)


def _gamma(x: Array, shape: float, rate: float) -> tuple[Array, Array]:
    value = shape * math.log(rate) - gammaln(shape) + xlogy(shape - 1, x) - rate * x
    return value, (shape - 1) / x - rate


def _inverse_gamma(x: Array, shape: float, scale: float) -> tuple[Array, Array]:
    value = shape * math.log(scale) - gammaln(shape) - (shape + 1) * np.log(x) - scale / x
    return value, -(shape + 1) / x + scale / x**2


def _lognormal(x: Array, mu: float, sd: float) -> tuple[Array, Array]:
    z = (np.log(x) - mu) / sd
    return -0.5 * z**2 - HALF_LOG_TWO_PI - math.log(sd) - np.log(x), -(1 + z / sd) / x


def _lkj(x: Array, eta: float) -> tuple[Array, Array]:
    """One correlation of a matrix of two under LKJ(eta): (1 + x) / 2 is Beta(eta, eta)."""
    constant = betaln(eta, eta) + (2 * eta - 1) * LOG_2
    value = xlogy(eta - 1, 1 - x) + xlogy(eta - 1, 1 + x) - constant
    return value, -2 * (eta - 1) * x / ((1 - x) * (1 + x))


def _uniform(x: Array, low: float, high: float) -> tuple[Array, Array]:
    return np.full_like(x, -math.log(high - low)), np.zeros_like(x)


def _inverse_gamma_variance(x: Array, shape: float, scale: float) -> tuple[Array, Array]:
    """Of a standard deviation whose square is inverse-gamma, as in BUGS and spOccupancy."""
    constant = LOG_2 + shape * math.log(scale) - gammaln(shape)
    value = constant - (2 * shape + 1) * np.log(x) - scale / x**2
    return value, -(2 * shape + 1) / x + 2 * scale / x**3


def draw_logit_beta(rng: np.random.Generator, size: Any, a: float, b: float) -> Array:
    """Logit of a Beta draw as the difference of log gammas, which never rounds to 0 or 1."""
    return _log_gamma(rng, a, size) - _log_gamma(rng, b, size)


def _log_gamma(rng: np.random.Generator, shape: float, size: Any) -> Array:
    """Log of a gamma draw; gamma(a) = gamma(a + 1) u^(1/a) keeps tiny shapes from rounding to 0."""
    return np.log(rng.gamma(shape + 1, size=size)) - rng.exponential(size=size) / shape


def mean_of_logit_beta(a: float, b: float) -> float:
    return float(digamma(a) - digamma(b))


_KINDS = (
    Kind("flat", 0, (), (), _flat, None, None),
    Kind(
        "normal",
        1,
        ("mu", "sd"),
        ("sd",),
        _normal,
        lambda rng, size, mu, sd: rng.normal(mu, sd, size),
        lambda mu, sd: ("norm", mu, sd, ()),
    ),
    Kind(
        "student_t",
        2,
        ("df", "mu", "scale"),
        ("df", "scale"),
        _student_t,
        lambda rng, size, df, mu, scale: mu + scale * rng.standard_t(df, size),
        lambda df, mu, scale: ("t", mu, scale, (df,)),
    ),
    Kind(
        "logistic",
        3,
        ("mu", "scale"),
        ("scale",),
        _logistic,
        lambda rng, size, mu, scale: rng.logistic(mu, scale, size),
        lambda mu, scale: ("logistic", mu, scale, ()),
    ),
    Kind(
        "laplace",
        4,
        ("mu", "scale"),
        ("scale",),
        _laplace,
        lambda rng, size, mu, scale: rng.laplace(mu, scale, size),
        lambda mu, scale: ("laplace", mu, scale, ()),
    ),
    Kind(
        "beta",
        5,
        ("a", "b"),
        ("a", "b"),
        _beta,
        draw_logit_beta,
        lambda a, b: ("beta", 0.0, 1.0, (a, b)),
    ),
    Kind(
        "half_normal",
        10,
        ("scale",),
        ("scale",),
        _half_normal,
        lambda rng, size, scale: np.abs(rng.normal(0.0, scale, size)),
        lambda scale: ("halfnorm", 0.0, scale, ()),
    ),
    Kind(
        "half_student_t",
        11,
        ("df", "scale"),
        ("df", "scale"),
        _half_student_t,
        lambda rng, size, df, scale: np.abs(scale * rng.standard_t(df, size)),
        lambda df, scale: ("t", 0.0, scale, (df,)),
    ),
    Kind(
        "exponential",
        12,
        ("rate",),
        ("rate",),
        _exponential,
        lambda rng, size, rate: rng.exponential(1 / rate, size),
        lambda rate: ("expon", 0.0, 1 / rate, ()),
    ),
    Kind(
        "gamma",
        13,
        ("shape", "rate"),
        ("shape", "rate"),
        _gamma,
        lambda rng, size, shape, rate: rng.gamma(shape, 1 / rate, size),
        lambda shape, rate: ("gamma", 0.0, 1 / rate, (shape,)),
    ),
    Kind(
        "inverse_gamma",
        14,
        ("shape", "scale"),
        ("shape", "scale"),
        _inverse_gamma,
        lambda rng, size, shape, scale: scale / rng.gamma(shape, 1.0, size),
        lambda shape, scale: ("invgamma", 0.0, scale, (shape,)),
    ),
    Kind(
        "lognormal",
        15,
        ("mu", "sd"),
        ("sd",),
        _lognormal,
        lambda rng, size, mu, sd: rng.lognormal(mu, sd, size),
        lambda mu, sd: ("lognorm", 0.0, math.exp(mu), (sd,)),
    ),
    Kind(
        "lkj",
        20,
        ("eta",),
        ("eta",),
        _lkj,
        lambda rng, size, eta: 2 * rng.beta(eta, eta, size) - 1,
        lambda eta: ("beta", -1.0, 2.0, (eta, eta)),
    ),
    Kind(
        "uniform",
        21,
        ("low", "high"),
        (),
        _uniform,
        lambda rng, size, low, high: rng.uniform(low, high, size),
        lambda low, high: ("uniform", low, high - low, ()),
    ),
    Kind(
        "inverse_gamma_variance",
        16,
        ("shape", "scale"),
        ("shape", "scale"),
        _inverse_gamma_variance,
        lambda rng, size, shape, scale: np.exp(
            0.5 * (math.log(scale) - _log_gamma(rng, shape, size))
        ),
        lambda shape, scale: ("gengamma", 0.0, math.sqrt(scale), (shape, -2.0)),
    ),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}
