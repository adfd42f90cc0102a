"""What a prior stated for a hyper-parameter becomes: sds, ranges, shares, correlations.

Shares, and (1 + x) / 2 of correlations x, have beta priors in every engine; a uniform or an
lkj prior is the beta that says the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from occupancy.priors import stated
from occupancy.priors.prior import Prior
from occupancy.priors.stated import BEYOND, Target
from occupancy.priors.statements import Statement
from surveys.problems import ModelError

if TYPE_CHECKING:
    from occupancy.varying import Hyper

POSITIVE, SHARE = 0, 1  # domains of hyper-parameters, as in occupancy.kernel.varying
KINDS_OF_SDS = (
    "half_normal, half_student_t, half_cauchy, exponential, gamma, inverse_gamma, "
    "inverse_gamma_variance, lognormal, "
    'pc(u, a), or a sentence such as "below 1"'
)
SIGNED_NAMES = ("correlation", "partial_correlation", "rho")


def for_hyper(told: Prior | Statement, on: Target, hyper: Hyper) -> Prior:
    """The prior of a hyper-parameter.

    Raises
    ------
    ModelError
        What was stated does not live where the hyper-parameter does.
    """
    if isinstance(told, Statement):
        if hyper.domain != POSITIVE:
            return _said_of_share(told, on, hyper)
        return (
            _said_of_range(told, on)
            if hyper.name == "range"
            else stated.of_sd(told, on, hyper.slope)
        )
    head = f"`{on.parameter}`, prior of '{on.key}': {told}"
    if hyper.domain == POSITIVE:
        if not told.is_positive:
            half = {"normal": "half_normal", "student_t": "half_student_t"}.get(told.kind)
            cure = f"Use {half}" if half else f"Use one of {KINDS_OF_SDS}"
            what = "a standard deviation" if hyper.name == "sd" else f"the {hyper.name}"
            raise ModelError(f"{head} does not fit {what}, which is any number above 0. {cure}.")
        return told
    low = 0.0 if hyper.domain == SHARE else -1.0
    if told.kind == "lkj" and hyper.lkj is not None:
        return Prior("beta", (told.arguments[0] + hyper.lkj,) * 2)
    if told.kind == "uniform" and told.arguments == (low, 1.0):
        return Prior("beta", (1.0, 1.0))
    if told.kind != "beta":
        of = "" if hyper.domain == SHARE else " of (1 + x) / 2"
        also = ", lkj(eta)" if hyper.lkj is not None else ""
        raise ModelError(
            f"{head} does not fit the {hyper.name}, between {low:g} and 1. "
            f'Use uniform({low:g}, 1), beta(a, b){of}{also}, or a sentence: "between 0.1 and 0.6".'
        )
    return told


def _said_of_range(said: Statement, on: Target) -> Prior:
    """Of a range "above R" is pc_range(R, 0.05); two ends, or a middle and a factor, lognormal."""
    if said.form == "above" and said.a > 0 and not said.times and not said.per:
        return Prior("inverse_gamma", (1.0, -math.log(BEYOND) * said.a))
    if said.form == "below":
        raise on.refuse(
            said,
            "leaves the lower end of the range open, towards patterns finer than the sites",
            'Write "above 2" or "between 2 and 20".',
        )
    return stated.of_sd(said, on)


def _said_of_share(said: Statement, on: Target, hyper: Hyper) -> Prior:
    """Beta of the share, or of (1 + x) / 2: two ends, one end, or a mean worth so many."""
    low = 0.0 if hyper.domain == SHARE else -1.0
    scale = 1.0 - low
    if said.times or said.per or said.how in ("take", "factor"):
        raise on.refuse(said, f"cannot be said of the {hyper.name}", 'Write "between 0.1 and 0.6".')
    ends = [said.a, said.b] if said.form == "between" else [said.a]
    if not all(low < end < 1 for end in ends):
        raise on.refuse(
            said,
            f"leaves the {hyper.name}, which lies between {low:g} and 1",
            'Write "between 0.1 and 0.6".',
        )
    at = [(end - low) / scale for end in ends]
    if said.form == "between":
        stated.refuse_order(said, on)
        return _between(said, on, *at)
    if said.how == "worth":
        if not said.b > 0:
            raise on.refuse(said, f"is worth {said.b:g}, which is no knowledge", "Give a number.")
        return Prior("beta", (at[0] * said.b, (1 - at[0]) * said.b))
    if said.form == "below":
        return Prior("beta", (1.0, math.log(BEYOND) / math.log1p(-at[0])))
    return Prior("beta", (math.log(BEYOND) / math.log(at[0]), 1.0))


def _between(said: Statement, on: Target, low: float, high: float) -> Prior:
    """The beta with 5 % beyond either end."""
    from scipy.optimize import root
    from scipy.special import betainc

    def beyond(logs: np.ndarray) -> list[float]:
        a, b = np.exp(np.clip(logs, -20, 20))
        return [betainc(a, b, low) - BEYOND, betainc(b, a, 1 - high) - BEYOND]

    middle, width = 0.5 * (low + high), (high - low) / 3.3
    strength = max(middle * (1 - middle) / width**2 - 1, 0.5)
    found = root(beyond, np.log([middle * strength, (1 - middle) * strength]), tol=1e-13)
    if np.abs(beyond(found.x)).max() > 1e-9:
        raise on.refuse(
            said, "has ends that no beta prior has", "Write ends that lie less far apart."
        )
    return Prior("beta", tuple(float(v) for v in np.exp(found.x)))
