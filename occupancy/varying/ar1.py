"""`ar1(season)`, `ar1(season | region)`: seasons that resemble their neighbours, about one mean.

    effect[1] ~ normal(0, sd)
    effect[t] = rho^h effect[t - 1] + normal(0, sd sqrt(1 - rho^(2 h)))

h is the distance to the season before, in steps (the smallest common distance where seasons are
whole numbers, as years are; else the median one). So every season has the sd `sd`, and two of them
the correlation rho^distance. Seasons in whole steps may alternate: rho lies between -1 and 1, with
(1 + rho) / 2 ~ beta(2, 2); elsewhere rho lies between 0 and 1.

A season that the data tell much about is sampled as its effect, any other as its distance from
what the season before lets expect, in units of its sd.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from occupancy.kernel.varying import POSITIVE, SHARE, SIGNED, Functions
from occupancy.priors.prior import Prior
from occupancy.varying.along_time import AlongTime
from occupancy.varying.base import Fresh, Hyper
from surveys.problems import ModelError

_HALF_LOG_TWO_PI = 0.9189385332046727
TYPICAL_SD = 0.7  # of effects on a link scale, before the data are seen
CENTRED_FROM = 3.0  # information in units of the typical variance, from which a season is centred


@njit(error_model="numpy", cache=True)
def _power(rho, gap):
    """rho^gap; a negative rho has whole gaps."""
    if gap == 0.0:
        return 1.0
    size = abs(rho) ** gap
    return -size if rho < 0.0 and gap % 2.0 == 1.0 else size


@njit(error_model="numpy", cache=True)
def forward(natural, raw, whole, real, effect):
    sd, rho = natural[0], natural[1]
    n = whole[0]
    total = -_HALF_LOG_TWO_PI * raw.size
    for q in range(raw.size):
        t = q % n
        phi = 0.0 if t == 0 else _power(rho, real[t])
        spread = sd * math.sqrt((1.0 - phi) * (1.0 + phi))
        expected = 0.0 if t == 0 else phi * effect[q - 1]
        if whole[1 + q]:
            effect[q] = raw[q]
            z = (raw[q] - expected) / spread
            total -= 0.5 * z * z + math.log(spread)
        else:
            effect[q] = expected + spread * raw[q]
            total -= 0.5 * raw[q] * raw[q]
    return total


@njit(error_model="numpy", cache=True)
def adjoint(natural, raw, effect, slope, whole, real, d_natural, d_raw):
    sd, rho = natural[0], natural[1]
    n = whole[0]
    carried = 0.0  # from the season after
    for q in range(raw.size - 1, -1, -1):
        t = q % n
        gap = real[t]
        phi = 0.0 if t == 0 else _power(rho, gap)
        share = math.sqrt((1.0 - phi) * (1.0 + phi))
        spread = sd * share
        before = 0.0 if t == 0 else effect[q - 1]
        along = slope[q] + carried
        if whole[1 + q]:
            z = (raw[q] - phi * before) / spread
            d_raw[q] = along - z / spread
            carried = z * phi / spread
            d_phi = z * before / spread
            d_spread = (z * z - 1.0) / spread
        else:
            d_raw[q] = along * spread - raw[q]
            carried = along * phi
            d_phi = along * before
            d_spread = along * raw[q]
        d_natural[0] += d_spread * share
        if t == 0:
            carried = 0.0
        else:
            d_phi -= d_spread * sd * phi / share
            d_natural[1] += d_phi * gap * _power(rho, gap - 1.0)


@njit(error_model="numpy", cache=True)
def weights(natural, raw, whole, real, out):
    forward(natural, raw, whole, real, out)


@dataclass(frozen=True, eq=False)
class Ar1(AlongTime):
    """Autoregression of order 1, stationary."""

    kind = "ar1"
    functions = Functions(forward, adjoint, weights)

    @property
    def hypers(self) -> tuple[Hyper, ...]:
        domain = SIGNED if self.times.whole else SHARE
        return (
            Hyper("sd", POSITIVE, Prior("half_normal", (1.0,))),
            Hyper("rho", domain, Prior("beta", (2.0, 2.0))),
        )

    @property
    def n_weight(self) -> int:
        return self.n_group * self.times.n

    def arrays(self, information: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        if self.centring is not None:
            centred = np.full(self.n_weight, self.centring > 0.5)
        elif information is None:
            centred = np.zeros(self.n_weight, bool)
        else:
            centred = information * TYPICAL_SD**2 > CENTRED_FROM
        whole = np.concatenate([[self.times.n], centred]).astype(np.int64)
        return whole, np.concatenate([[0.0], self.times.gaps])

    def draw_line(self, natural: np.ndarray, fresh: Fresh) -> np.ndarray:
        sd, rho = natural[:, 0], natural[:, 1]
        line = [sd * fresh("season 0")]
        for k, gap in enumerate(self.times.gaps):
            spread = sd * np.sqrt(unexplained(rho, gap))
            line.append(power(rho, gap) * line[-1] + spread * fresh(f"season {k + 1}"))
        return np.stack(line, axis=1)

    def draw_at(
        self,
        natural: np.ndarray,
        t: float,
        known: np.ndarray,
        values: np.ndarray,
        unit: np.ndarray,
    ) -> np.ndarray:
        sd, rho = natural[:, 0], natural[:, 1]
        at = int(np.searchsorted(known, t))
        ends = [k for k in (at - 1, at) if 0 <= k < known.size]
        steps = [self._steps(abs(t - known[k])) for k in ends]
        if len(ends) == 1:
            mean = power(rho, steps[0]) * values[:, ends[0]]
            return mean + sd * np.sqrt(unexplained(rho, steps[0])) * unit
        a, b = (unexplained(rho, h) for h in steps)
        both = unexplained(rho, sum(steps))
        mean = power(rho, steps[0]) * b * values[:, ends[0]]
        mean += power(rho, steps[1]) * a * values[:, ends[1]]
        return mean / both + sd * np.sqrt(a * b / both) * unit

    def _steps(self, distance: float) -> float:
        steps = distance / self.times.unit
        return float(np.round(steps)) if self.times.whole else float(steps)

    def refuse_times(self, wanted: np.ndarray) -> None:
        """A correlation that may be negative is one of whole steps."""
        between = wanted[~self.times.is_on_steps(wanted)] if self.times.whole else wanted[:0]
        if between.size:
            raise ModelError(
                f"{self.name} goes from {self.along} to {self.along} in steps of "
                f"{self.times.unit:g}, and {between[0]:g} lies between two of them."
            )

    def pymc(self, name: str, hypers: list[Any], whole: np.ndarray, real: np.ndarray) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        sd, rho = hypers
        n = int(whole[0])
        centred = whole[1:].astype(bool).reshape(self.n_group, n)
        raw = pm.Flat(name, shape=self.n_group * n)
        table = raw.reshape((self.n_group, n))
        line: list[Any] = []
        density: Any = -_HALF_LOG_TWO_PI * self.n_group * n
        for t in range(n):
            phi = _power_in_pymc(rho, float(real[t])) if t else pt.zeros(())
            spread = sd * pt.sqrt((1.0 - phi) * (1.0 + phi))
            expected = phi * line[-1] if t else pt.zeros(self.n_group)
            own, here = table[:, t], centred[:, t]
            z = pt.where(here, (own - expected) / spread, own)
            line.append(pt.where(here, own, expected + spread * own))
            density -= 0.5 * pt.sum(z**2) + int(here.sum()) * pt.log(spread)
        pm.Potential(f"{name}_density", density)
        effect = pt.flatten(pt.stack(line, axis=1))
        return effect, effect


def _power_in_pymc(rho: Any, gap: float) -> Any:
    import pytensor.tensor as pt

    size = pt.abs(rho) ** gap
    return size * pt.sign(rho) if gap % 2.0 == 1.0 else size


def power(rho: np.ndarray, gap: float) -> np.ndarray:
    """rho^gap by draw; a negative rho has whole gaps."""
    size = np.abs(rho) ** gap
    return np.where((rho < 0) & (gap % 2.0 == 1.0), -size, size)


def unexplained(rho: np.ndarray, gap: float) -> np.ndarray:
    """1 - rho^(2 gap), to the last digit where it is small."""
    with np.errstate(divide="ignore"):
        return -np.expm1(2.0 * gap * np.log(np.abs(rho)))
