"""Log densities of priors and their slopes, by integer code, for the compiled engines.

The codes are those of ``occupancy.priors``; a test holds the two to each other.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from occupancy.kernel.simd import sigmoid, softplus

FLAT, NORMAL, STUDENT_T, LOGISTIC, LAPLACE, BETA = 0, 1, 2, 3, 4, 5
HALF_NORMAL, HALF_STUDENT_T, EXPONENTIAL, GAMMA, INVERSE_GAMMA, LOGNORMAL = 10, 11, 12, 13, 14, 15
INVERSE_GAMMA_VARIANCE = 16
_HALF_LOG_TWO_PI = 0.9189385332046727
_LOG_TWO = 0.6931471805599453


@njit(error_model="numpy", cache=True)
def log_density(code, a, b, c, x):
    """Log density at ``x`` and its derivative; arguments in the order of the prior's text."""
    if code == FLAT:
        return 0.0, 0.0
    if code == NORMAL:
        z = (x - a) / b
        return -0.5 * z * z - _HALF_LOG_TWO_PI - math.log(b), -z / b
    if code in (STUDENT_T, HALF_STUDENT_T):
        centre, scale = (b, c) if code == STUDENT_T else (0.0, b)
        z = (x - centre) / scale
        value = (
            math.lgamma(0.5 * (a + 1.0))
            - math.lgamma(0.5 * a)
            - 0.5 * math.log(a * math.pi)
            - math.log(scale)
            - 0.5 * (a + 1.0) * math.log1p(z * z / a)
        )
        if code == HALF_STUDENT_T:
            value += _LOG_TWO
        return value, -(a + 1.0) * z / (scale * (a + z * z))
    if code == LOGISTIC:
        z = (x - a) / b
        return -z - 2.0 * softplus(-z) - math.log(b), (2.0 * sigmoid(-z) - 1.0) / b
    if code == LAPLACE:
        z = (x - a) / b
        return -abs(z) - math.log(2.0 * b), -np.sign(z) / b
    if code == BETA:  # on the probability whose logit is x, with its Jacobian
        constant = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        return constant - a * softplus(-x) - b * softplus(x), a - (a + b) * sigmoid(x)
    if code == HALF_NORMAL:
        z = x / a
        return _LOG_TWO - 0.5 * z * z - _HALF_LOG_TWO_PI - math.log(a), -z / a
    if code == EXPONENTIAL:
        return math.log(a) - a * x, -a
    if code == GAMMA:
        value = a * math.log(b) - math.lgamma(a) + (a - 1.0) * math.log(x) - b * x
        return value, (a - 1.0) / x - b
    if code == INVERSE_GAMMA:
        value = a * math.log(b) - math.lgamma(a) - (a + 1.0) * math.log(x) - b / x
        return value, -(a + 1.0) / x + b / (x * x)
    if code == LOGNORMAL:
        z = (math.log(x) - a) / b
        return -0.5 * z * z - _HALF_LOG_TWO_PI - math.log(b) - math.log(x), -(z / b + 1.0) / x
    if code == INVERSE_GAMMA_VARIANCE:  # on the sd whose square is inverse-gamma
        value = _LOG_TWO + a * math.log(b) - math.lgamma(a) - (2.0 * a + 1.0) * math.log(x)
        return value - b / (x * x), -(2.0 * a + 1.0) / x + 2.0 * b / (x * x * x)
    return np.nan, np.nan
