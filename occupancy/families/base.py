"""What a family is: its states, its parameters, its tables, and a kernel on linear predictors.

A family's file reads like its paper. ``tables`` is the readable definition in plain numpy:
simulation, documentation and the oracle tests use it. ``kernel`` is the compiled route, made
from ``fill`` and ``adjoint`` by ``occupancy.families.chain``, or written by hand where speed
asks for it; a test holds it to the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Level = Literal["site", "visit"]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a family, each with a formula of its own.

    Attributes
    ----------
    level : "site" or "visit"
        Where it may vary, and so which covariates its formula may use.
    links : tuple of str
        Links on offer; the first is the default.
    """

    name: str
    level: Level
    links: tuple[str, ...]
    meaning: str


@dataclass(frozen=True)
class Family:
    """A latent-state model of detection data.

    Attributes
    ----------
    states : tuple of str
        Names of the true states, in the order of the tables.
    detections : tuple of float
        Values that a visit may have.
    tables : callable
        ``tables(values, y)`` with ``values`` = {parameter: natural scale, (site,) or
        (site, visit)} and ``y`` (site, visit), NaN where no visit was made, to the tuple
        (initial (site, state), emission (site, visit, state)). Emission is 1 where y is NaN.
    kernel : numba function
        ``kernel(links, predictors, data, layout, gradients, log_lik, states) -> float``: total
        log-likelihood; fills the gradient of every predictor, the log-likelihood of every site
        and P(state | data) (state, site). ``predictors`` and ``gradients`` are tuples in the
        order of ``parameters``; everything lies in layout order.
    data : callable
        ``data(y, site_of_visit, n_site) -> tuple`` of arrays that the kernel reads; ``y`` and
        the sites of the visits are in layout order.
    signed : frozenset of str
        Parameters whose predictor the kernel takes times -1 where the visit detected.
    fast : bool
        Whether the precompiled density (``occupancy.kernel.fused``) is this family's.
    occupied : tuple of bool
        Which states count as occupied.
    """

    name: str
    title: str
    source: str
    states: tuple[str, ...]
    detections: tuple[float, ...]
    parameters: tuple[Parameter, ...]
    tables: Callable[[Mapping[str, np.ndarray], np.ndarray], tuple[np.ndarray, np.ndarray]]
    kernel: Callable
    data: Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, ...]]
    signed: frozenset[str] = field(default_factory=frozenset)
    fast: bool = False
    occupied: tuple[bool, ...] = (False, True)
    max_seasons: int | None = 1

    def parameter(self, name: str) -> Parameter:
        """The parameter of this name."""
        return next(p for p in self.parameters if p.name == name)

    def simulate(
        self, values: Mapping[str, np.ndarray], made: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw true states and detections from the tables.

        Parameters
        ----------
        values : {parameter: (site,) or (site, visit)}
            Natural scale.
        made : (site, visit) bool
            Visits made.

        Returns
        -------
        state : (site,) int
        y : (site, visit)
            NaN where no visit was made.
        """
        by_value = []
        for value in self.detections:
            y = np.where(made, value, np.nan)
            initial, emission = self.tables(values, y)
            by_value.append(emission)
        state = _choose(initial, rng)
        chance = np.stack([_of_state(e, state) for e in by_value], axis=-1)  # (site, visit, value)
        picked = _choose(chance, rng)
        y = np.where(made, np.asarray(self.detections)[picked], np.nan)
        return state, y


def _choose(probability: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Index drawn along the last axis."""
    upper = probability.cumsum(axis=-1)
    return (rng.random(upper.shape[:-1])[..., None] * upper[..., -1:] >= upper).sum(axis=-1)


def _of_state(emission: np.ndarray, state: np.ndarray) -> np.ndarray:
    """(site, visit, state) taken at each site's state: (site, visit)."""
    return np.take_along_axis(emission, state[:, None, None], axis=2)[:, :, 0]
