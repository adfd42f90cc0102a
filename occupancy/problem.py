"""All that an engine needs: arrays in layout order, priors, and the layout of the parameters.

A ``Problem`` is made once from a family, the formulas and the surveys. Engines take a Problem,
never a Model, and never see ecology.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from occupancy import priors
from occupancy.design import Design
from occupancy.families.base import Family, Observed
from occupancy.families.padded import LINK_CODES
from occupancy.frames import Steps
from occupancy.kernel.layout import Layout
from occupancy.varying import Face, GroupDesign, Hyper, Varying


@dataclass(frozen=True)
class VaryingTerm:
    """A term that varies on one predictor, its faces in layout order.

    Attributes
    ----------
    design : Varying
        What was learned: levels, hyper-parameters, functions.
    faces : which effect each row has; a row without one has the value 0 and index 0
    priors : of the hyper-parameters
    """

    design: Varying
    faces: tuple[Face, ...]
    priors: tuple[priors.Prior, ...]

    @property
    def hypers(self) -> tuple[tuple[priors.Prior, Hyper], ...]:
        """Each hyper-parameter's prior beside it."""
        return tuple(zip(self.priors, self.design.hypers, strict=True))

    @property
    def name(self) -> str:
        """As in the formula, with ":" for "/", which no stored variable may hold."""
        return self.design.name.replace("/", ":")


@dataclass(frozen=True)
class GroupTerm(VaryingTerm):
    """Exchangeable effects of one grouping: `(1 | region)`, or one slope of `(x || region)`."""

    design: GroupDesign

    @property
    def level(self) -> np.ndarray:
        """(row,) int64 level of each row."""
        return self.faces[0].index

    @property
    def value(self) -> np.ndarray | None:
        """(row,) float64 what the effect is multiplied by; None for an intercept."""
        return self.faces[0].value

    @property
    def prior(self) -> priors.Prior:
        """Prior of the standard deviation."""
        return self.priors[0]

    @property
    def n_level(self) -> int:
        return len(self.design.levels)


@dataclass(frozen=True)
class Predictor:
    """The linear predictor of one parameter, in layout order.

    Attributes
    ----------
    columns : (coefficient, row) float64
        Times the sign of the row where the family asks for it.
    offset : (row,) float64, or empty
    sign : (row,) float64 or None
    table : PriorTable
        Priors of the coefficients, on phi = functional @ coefficients.
    """

    name: str
    level: str
    link: str
    design: Design
    columns: np.ndarray
    offset: np.ndarray
    sign: np.ndarray | None
    varying: tuple[VaryingTerm, ...]
    table: priors.PriorTable

    @property
    def terms(self) -> tuple[str, ...]:
        return self.design.columns

    @property
    def groups(self) -> tuple[GroupTerm, ...]:
        """Terms whose levels are exchangeable, each with one standard deviation."""
        return tuple(t for t in self.varying if isinstance(t, GroupTerm))

    def add_varying(self, eta: np.ndarray, effects: Mapping[str, np.ndarray]) -> np.ndarray:
        """(row,) predictor with the effects of every term, {term: (effect,)}, signed like it."""
        for term in self.varying:
            for face in term.faces if term.name in effects else ():
                part = effects[term.name][face.index]
                part = part if face.value is None else part * face.value
                eta = eta + (part if self.sign is None else part * self.sign)
        return eta


@dataclass(frozen=True)
class LeftOut:
    """What could not be used, and why: nothing is dropped in silence."""

    visits: dict[str, int] = field(default_factory=dict)  # covariate -> visits set aside
    sites: dict[str, list[str]] = field(default_factory=dict)  # covariate -> sites set aside

    def __bool__(self) -> bool:
        return bool(self.visits or self.sites)


@dataclass(frozen=True)
class Problem:
    """Arrays, priors and parameter layout of one model on one set of surveys.

    Attributes
    ----------
    predictors : {parameter: Predictor}
    observed : Observed
        What was seen on the visits used, layout order.
    used : (species, site, season, visit) bool
        Visits used.
    usable : (chain,) bool
        Chains whose covariates are known; occupancy is not estimated at the others.
    reach : (chain, step) bool
        Steps up to which every covariate of seasons and intervals is known.
    seen : (species, site, season, visit) bool
        Visits used that detected.
    n_state, n_shown : int
        Rows of states that a kernel fills, and that are worth showing: numbers of individuals
        have no last one.
    field_rank : (visit used,) int64
        Place among the visits used, in field order, of each visit in layout order.
    """

    family: Family
    data: xr.Dataset
    layout: Layout
    predictors: dict[str, Predictor]
    observed: Observed
    steps: Steps
    used: np.ndarray
    seen: np.ndarray
    usable: np.ndarray
    reach: np.ndarray
    left_out: LeftOut
    stated: Mapping[str, Mapping[str, str]]
    n_state: int
    n_shown: int
    field_rank: np.ndarray
    # what engines have found out and need not find out twice; never copied to another problem
    memo: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def n_chain(self) -> int:
        return self.layout.n_site

    @property
    def n_told(self) -> int:
        """Chains whose states a kernel must tell even where only the gradient is asked for."""
        return 0 if self.family.states else self.n_chain

    @property
    def n_step(self) -> int:
        return self.layout.n_step

    @property
    def y(self) -> np.ndarray:
        """(visit used,) what the family observes, layout order."""
        return self.observed.y

    @property
    def chain_of_visit(self) -> np.ndarray:
        """(visit used,) place of the visit's chain, layout order."""
        return self.observed.chain

    @property
    def tells_detections(self) -> bool:
        """Whether the surveys say what was detected without a model.

        A score becomes a detection by a threshold. Where nobody set one, every file with a score
        stands as 1 in the surveys, and naive answers do not exist; detections given beside the
        scores say what somebody heard or saw in them, and are taken at their word.
        """
        return self.family.observes != "score" or not bool(self.observed.detected.all())

    @cached_property
    def visits_by_season(self) -> np.ndarray:
        """(species, site, season) number of visits used."""
        return self.used.sum(axis=3)

    @cached_property
    def detections_by_season(self) -> np.ndarray:
        """(species, site, season) number of visits used that detected."""
        return self.seen.sum(axis=3)

    @cached_property
    def visits_per_chain(self) -> np.ndarray:
        """(chain,) number of visits used, field order."""
        return self._per_chain(self.visits_by_season)

    @cached_property
    def detections_per_chain(self) -> np.ndarray:
        """(chain,) number of visits with a detection, field order."""
        return self._per_chain(self.detections_by_season)

    def _per_chain(self, by_season: np.ndarray) -> np.ndarray:
        whole = by_season.sum(axis=2)
        return whole.sum(axis=0) if self.family.joint else whole.ravel()

    @cached_property
    def family_data(self) -> tuple[np.ndarray, np.ndarray]:
        by_visit, by_chain = self.family.data(self.observed)
        return np.ascontiguousarray(by_visit), np.ascontiguousarray(by_chain)

    @cached_property
    def links(self) -> np.ndarray:
        """(parameter,) codes of the links."""
        return np.array([LINK_CODES[p.link] for p in self.predictors.values()], np.int64)

    @cached_property
    def start(self) -> np.ndarray:
        """(parameter + 1,) where each predictor begins among all rows."""
        rows = [p.columns.shape[1] for p in self.predictors.values()]
        return np.cumsum([0, *rows]).astype(np.int64)

    @property
    def fast(self) -> bool:
        """Whether the density fused for single-season occupancy is this problem's."""
        plain = self.links[0] in (0, 1) and self.links[1] == 0
        return self.family.fast and plain and not self.observed.known.any()

    @property
    def blocks(self) -> tuple[np.ndarray, ...]:
        """Arrays of the layout that the fused density of one season takes."""
        return self.layout.arrays[:4]

    def without_groups(self) -> Problem:
        """The same problem with complete pooling: nothing varies."""
        plain = {
            n: replace(p, varying=(), design=replace(p.design, groups=()))
            for n, p in self.predictors.items()
        }
        return replace(self, predictors=plain)

    @property
    def has_groups(self) -> bool:
        return any(p.varying for p in self.predictors.values())

    def in_field_order(self, values: np.ndarray) -> np.ndarray:
        """(..., chain) in layout order to field order."""
        out = np.empty_like(values)
        out[..., self.layout.site_order] = values
        return out

    def evaluate(
        self,
        predictors: tuple[np.ndarray, ...],
        with_pairs: bool = False,
        n_state: int | None = None,
    ) -> tuple[float, np.ndarray, np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
        """Kernel on linear predictors, all in layout order.

        Parameters
        ----------
        n_state : int, optional
            Rows of states, where states are numbers of individuals.

        Returns
        -------
        total : float
        log_lik : (chain,)
        states : (step, state, chain)
        pairs : (step - 1, from, to, chain), or no chains unless asked for
        gradients : as ``predictors``
        """
        eta = np.concatenate(predictors, dtype=np.float64)  # else a float32 kernel is compiled
        gradient = np.empty_like(eta)
        n, t, k = self.n_chain, self.n_step, n_state or self.n_state
        log_lik, states = np.empty(n), np.empty((t, k, n))
        pairs = np.empty((t - 1, k, k, n if with_pairs else 0))
        total = self.family.kernel(
            self.links,
            eta,
            self.start,
            *self.family_data,
            self.layout.arrays,
            gradient,
            log_lik,
            states,
            pairs,
        )
        return total, log_lik, states, pairs, tuple(np.split(gradient, self.start[1:-1]))
