"""Links between a parameter and its linear predictor, accurate far into both tails.

`LINKS` has one entry for each: `forward` (parameter to eta), `inverse` (eta to parameter), the
`derivative` of the inverse, and, for probabilities, the logs of p and of 1 - p, which stay exact
where p itself has rounded to 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

Array = np.ndarray
Function = Callable[[Any], Array]
HALF_LOG_TWO_PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class Link:
    """One link, numpy functions elementwise. `log_inverse` is log of the parameter.

    `log_complement` is log(1 - p); None where the parameter is no probability.
    """

    name: str
    forward: Function
    inverse: Function
    derivative: Function
    log_inverse: Function
    log_complement: Function | None

    @property
    def is_probability(self) -> bool:
        return self.log_complement is not None


def _array(function: Function) -> Function:
    """Accept numbers and lists; results too large to hold are inf, without a warning."""

    def on_array(x: Any) -> Array:
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            return function(np.asarray(x, dtype=np.float64))

    return on_array


def _logit_derivative(eta: Array) -> Array:
    tail = np.exp(-np.abs(eta))
    return tail / (1 + tail) ** 2


def _cloglog(p: Array) -> Array:
    return np.log(-np.log1p(-p))


def _cloglog_log_inverse(eta: Array) -> Array:
    """log(1 - exp(-exp(eta))); far below zero the hazard is the probability."""
    hazard = np.exp(eta)
    near = np.where(eta < -36, eta, 0.0)  # 1 - exp(-h) is h to the last digit below e^-36
    return np.where(eta < -36, near, np.log(-np.expm1(-np.maximum(hazard, 1e-300))))


def _identity_log_inverse(eta: Array) -> Array:
    """Log of the parameter; NaN where it is negative, which no log can tell."""
    return np.log(np.where(eta >= 0, eta, np.nan))


LINKS: dict[str, Link] = {
    "logit": Link(
        "logit",
        _array(special.logit),
        _array(special.expit),
        _array(_logit_derivative),
        _array(special.log_expit),
        _array(lambda eta: special.log_expit(-eta)),
    ),
    "cloglog": Link(
        "cloglog",
        _array(_cloglog),
        _array(lambda eta: -np.expm1(-np.exp(eta))),
        _array(lambda eta: np.exp(eta - np.exp(eta))),
        _array(_cloglog_log_inverse),
        _array(lambda eta: -np.exp(eta)),
    ),
    "probit": Link(
        "probit",
        _array(special.ndtri),
        _array(special.ndtr),
        _array(lambda eta: np.exp(-0.5 * eta**2 - HALF_LOG_TWO_PI)),
        _array(special.log_ndtr),
        _array(lambda eta: special.log_ndtr(-eta)),
    ),
    "log": Link(
        "log", _array(np.log), _array(np.exp), _array(np.exp), _array(lambda eta: eta), None
    ),
    "identity": Link(
        "identity",
        _array(lambda x: x),
        _array(lambda eta: eta),
        _array(np.ones_like),
        _array(_identity_log_inverse),
        None,
    ),
}
