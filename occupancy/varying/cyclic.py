"""`cyclic(day, period=365)`: a curve that ends where it begins, along hours, days or months.

    f(x) = sum_k sqrt(2) (a[k] cos(2 pi k x / period) + b[k] sin(2 pi k x / period))

    a[1], b[1] ~ normal(0, 1.5 / sqrt(2))            a single wave: one rise and one fall
    a[k], b[k] ~ normal(0, sd c / k^2), k = 2, 3..   2 c^2 sum_k 1 / k^4 = 1

The sizes 1 / k^2 are those of a penalty on the squared second derivative. The prior is the same at
every moment of the cycle: `sd` is the typical distance of the curve from its single wave, and
sd = 0 is that wave. The mean over the cycle is 0: an intercept beside it is the mean of the cycle.
With groups, the wave of a level has the size sd[wave]: curves of levels are deviations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupancy.columns.blocks import Memory, Reader
from occupancy.formula.tree import Varying as Node
from occupancy.terms.base import spread
from occupancy.varying.base import State
from occupancy.varying.curve import Curve, restored
from surveys.problems import ModelError

LEAST_OF_CYCLE = 0.01  # that surveys must see: in less of it no curve can be told from its mean


def _refuse_one_moment(x: np.ndarray, node: Node) -> None:
    """Let no period pass at which all surveys lie at one moment of the cycle.

    Raises
    ------
    ModelError
        They do: months with a period of 1, days with one of a thousand years.
    """
    period, name = float(node.options["period"]), node.inside[0].name
    phase = np.unique(np.mod(x[np.isfinite(x)], period) / period)
    if 1.0 - np.diff(np.append(phase, phase[0] + 1.0)).max() >= LEAST_OF_CYCLE:
        return
    raise ModelError(
        f"with period = {period:g} all surveys lie at one moment of the cycle, since {name} runs "
        f"from {np.nanmin(x):g} to {np.nanmax(x):g}. Give the length of the cycle in the units of "
        f"{name}: 365 for days of the year, 12 for months, 24 for hours."
    )


@dataclass(frozen=True, eq=False)
class Cyclic(Curve):
    """A curve that returns after a period."""

    kind = "cyclic"
    free = "wave"

    @property
    def period(self) -> float:
        return float(self.node.options["period"])

    @property
    def harmonics(self) -> int:
        return int(self.node.options.get("harmonics", 4))

    @property
    def n_free(self) -> int:
        return 2

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{w} {k + 1}" for k in range(self.harmonics) for w in ("cos", "sin"))

    @property
    def scale(self) -> np.ndarray:
        size = 1.0 / np.arange(1.0, self.harmonics + 1) ** 2
        size[1:] /= np.sqrt(2.0 * np.sum(size[1:] ** 2))
        size[0] = np.sqrt(0.5)
        return np.repeat(size, 2)

    @property
    def leaning(self) -> tuple[tuple[int, int], ...]:
        return ((0, self.n_effect),)

    def shapes(self, x: np.ndarray) -> np.ndarray:
        turn = 2.0 * np.pi * np.mod(x, self.period) / self.period
        out = []
        for k in range(1, self.harmonics + 1):
            out += [np.sqrt(2.0) * np.cos(k * turn), np.sqrt(2.0) * np.sin(k * turn)]
        return np.column_stack(out)

    @classmethod
    def learn(cls, node: Node, reader: Reader) -> Cyclic:
        cls.refuse_free(node)
        x, keys, found = cls.read(node, reader)
        spread(x)  # what is the same everywhere has no curve
        _refuse_one_moment(x, node)
        return cls(node, reader.memory, keys, found["at"], found["pairs"])

    def to_state(self) -> State:
        return self.kept()

    @classmethod
    def from_state(cls, node: Node, memory: Memory, state: State) -> Cyclic:
        return cls(node, memory, **restored(state))
