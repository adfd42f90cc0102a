"""`ar1(season)`, `ar1(season | region)`: seasons that resemble their neighbours, about one mean.

    effect[1] ~ normal(0, sd)
    effect[t] = rho^h effect[t - 1] + normal(0, sd sqrt(1 - rho^(2 h)))

h is the distance to the season before, in steps (the smallest common distance where seasons are
whole numbers, as years are; else the median one). So every season has the sd `sd`, and two of them
the correlation rho^distance. Seasons in whole steps may alternate: rho lies between -1 and 1, with
(1 + rho) / 2 ~ beta(2, 2); elsewhere rho lies between 0 and 1.

A season is sampled as its distance from what the season before and the data together let expect,

    x = (effect - share phi before) sqrt(1 / spread^2 + told)        share = 1 / (1 + told spread^2)

with told about how much its rows can tell, as in ``occupancy.varying.group``: where the sd is small
or the data tell little, that is the distance from what the season before lets expect, in units of
its sd; where they tell much it is the effect.
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
from occupancy.varying.base import SETTLED, Fresh, Hyper
from surveys.problems import ModelError

_HALF_LOG_TWO_PI = 0.9189385332046727


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
    told = real[n:]
    total = -_HALF_LOG_TWO_PI * raw.size
    for q in range(raw.size):
        t = q % n
        phi = 0.0 if t == 0 else _power(rho, real[t])
        spread = sd * math.sqrt((1.0 - phi) * (1.0 + phi))
        expected = 0.0 if t == 0 else phi * effect[q - 1]
        share = 1.0 / (1.0 + told[q] * spread * spread)  # of the season before in what is expected
        root = math.sqrt(share)
        effect[q] = share * expected + spread * root * raw[q]
        z = root * raw[q] - (1.0 - share) * expected / spread
        total += 0.5 * (math.log(share) - z * z)
    return total


@njit(error_model="numpy", cache=True)
def adjoint(natural, raw, effect, slope, whole, real, d_natural, d_raw):
    sd, rho = natural[0], natural[1]
    n = whole[0]
    told = real[n:]
    carried = 0.0  # from the season after
    for q in range(raw.size - 1, -1, -1):
        t = q % n
        gap = real[t]
        phi = 0.0 if t == 0 else _power(rho, gap)
        innovation = math.sqrt((1.0 - phi) * (1.0 + phi))
        spread = sd * innovation
        before = 0.0 if t == 0 else effect[q - 1]
        expected = phi * before
        share = 1.0 / (1.0 + told[q] * spread * spread)
        root, rest = math.sqrt(share), 1.0 - share
        z = root * raw[q] - rest * expected / spread
        along = slope[q] + carried
        d_raw[q] = root * (along * spread - z)
        d_expected = along * share + z * rest / spread
        d_share = -2.0 * share * rest / spread  # by spread
        d_z = d_share * (0.5 * raw[q] / root + expected / spread)
        d_z += rest * expected / (spread * spread)
        d_spread = along * (expected * d_share + raw[q] * share * root) - z * d_z - rest / spread
        d_natural[0] += d_spread * innovation
        if t == 0:
            carried = 0.0
        else:
            carried = d_expected * phi
            d_phi = d_expected * before - d_spread * sd * phi / innovation
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
        told = np.zeros(self.n_weight) if information is None else information
        if self.centring is not None:
            told = np.full(self.n_weight, self.centring * SETTLED)
        return np.array([self.times.n]), np.concatenate([[0.0], self.times.gaps, told])

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
        from pytensor.tensor.linalg import solve_triangular

        sd, rho = hypers
        n = int(whole[0])
        told = real[n:].reshape(self.n_group, n)
        raw = pm.Flat(name, shape=self.n_group * n)
        table = raw.reshape((self.n_group, n))
        gaps = [float(gap) for gap in real[1:n]]
        phi = pt.stack([pt.zeros(()), *(_power_in_pymc(rho, gap) for gap in gaps)])
        spread = sd * pt.sqrt((1.0 - phi) * (1.0 + phi))
        share = 1.0 / (1.0 + told * spread**2)
        # effect[t] - share[t] phi[t] effect[t - 1] = scale[t] raw[t], all seasons at once
        link = share[:, 1:] * phi[1:]
        at = np.arange(1, n)
        steps = pt.set_subtensor(pt.tile(pt.eye(n), (self.n_group, 1, 1))[:, at, at - 1], -link)
        scaled = spread * pt.sqrt(share) * table
        line = solve_triangular(steps, scaled, lower=True, b_ndim=1)
        before = pt.concatenate([pt.zeros((self.n_group, 1)), line[:, :-1]], axis=1)
        z = pt.sqrt(share) * table - (1.0 - share) * phi * before / spread
        density = -_HALF_LOG_TWO_PI * self.n_group * n
        pm.Potential(f"{name}_density", density + 0.5 * pt.sum(pt.log(share) - z**2))
        effect = pt.flatten(line)
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
