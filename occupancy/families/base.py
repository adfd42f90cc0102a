"""What a family is: its states, its parameters, its tables, and a kernel on linear predictors.

A family's file reads like its paper. ``tables`` is the readable definition in plain numpy:
simulation, projection, documentation and the oracle tests use it. ``kernel`` is the compiled
route, made by ``occupancy.families.chain`` from small pieces, or written by hand where speed
asks for it; a test holds it to the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Level = Literal["site", "season", "interval", "visit"]
Values = Mapping[str, np.ndarray]
Tables = tuple[np.ndarray, np.ndarray, np.ndarray]


# links of a probability, the default first
PROBABILITY = ("logit", "cloglog", "probit")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a family, each with a formula of its own.

    Attributes
    ----------
    level : "site", "season", "interval" or "visit"
        Where it may vary, and so which covariates its formula may use. An interval lies between
        a season and the next and has the covariates of the season left.
    links : tuple of str
        Links on offer; the first is the default.
    only : str
        Label of the visits that it belongs to, where a family splits them; "" for all.
    short : str
        Name under which one formula is given to several parameters at once; "" for none.
    exposure : bool
        Whether log(effort) is added to the predictor, so that it speaks of one unit of effort.
    """

    name: str
    level: Level
    links: tuple[str, ...]
    meaning: str
    only: str = ""
    short: str = ""
    exposure: bool = False


@dataclass(frozen=True)
class Observed:
    """What was seen on the visits made, in layout order, for ``Family.data``.

    Attributes
    ----------
    y : (visit,) float64
        What the family observes: detections, counts, scores or times.
    detected : (visit,) bool
    effort : (visit,) float64
    chain, step : (visit,) int64
        Place of the visit's chain; its season, or its visit where steps are visits.
    label : (visit,) int64
        Which of ``Family.labels`` the visit carries; 0 where a family splits nothing.
    known : (chain,) bool
        Chains known to be occupied.
    """

    y: np.ndarray
    detected: np.ndarray
    effort: np.ndarray
    chain: np.ndarray
    step: np.ndarray
    label: np.ndarray
    known: np.ndarray
    n_step: int

    @property
    def n_chain(self) -> int:
        return self.known.size


Data = tuple[np.ndarray, np.ndarray]


def nothing(observed: Observed) -> Data:
    """``Family.data`` of a family that reads only what was seen: by_visit[0] = y."""
    return observed.y[None, :].copy(), np.zeros((0, observed.n_chain))


@dataclass(frozen=True)
class Family:
    """A latent-state model of survey data.

    Attributes
    ----------
    states : tuple of str
        Names of the true states, in the order of the tables. Empty where they are numbers of
        individuals, 0 to as many as matter.
    detections : tuple of float
        Values of ``detection`` that a visit may have.
    tables : callable
        ``tables(values, y, effort)`` with ``values`` = {parameter: natural scale, (site,),
        (site, season), (site, interval) or (site, season, visit)}, ``y`` and ``effort`` (site,
        season, visit), y NaN where no visit was made, to the tuple (initial (site, state),
        transition (site, interval, from, to), emission (site, season, visit, state)). Emission
        is 1 where y is NaN. Where the family splits its visits, ``values["label"]`` (site,
        season, visit) int says which of ``labels`` each visit carries.
    kernel : numba function
        See ``occupancy.families.chain``.
    data : callable
        ``data(observed) -> (by_visit (item, visit), by_chain (item, chain))`` float64, what the
        kernel reads of the surveys.
    impossible : callable or None
        ``impossible(observed) -> (visit,) bool``: visits that saw what their label forbids.
    draw : callable or None
        ``draw(values, state, made, effort, rng) -> y``: observations given true states (site,
        season), where they are not among ``detections``.
    first : callable or None
        ``first(values, rng) -> (site,)``: states at first, where they are numbers of individuals,
        too many to be listed; ``draw`` goes with it.
    guess : callable or None
        ``guess(observed) -> {parameter: natural value}`` at which maximum likelihood starts.
    observes : "detection", "count", "score" or "time"
        Variable of the surveys that the family reads.
    steps : "season" or "visit"
        What the chain runs over. Where it is visits, those of one season are steps.
    signed : frozenset of str
        Parameters whose predictor the kernel takes times -1 where the visit detected.
    fast : bool
        Whether the density fused for single-season occupancy is this family's.
    occupied : tuple of bool
        Which states count as occupied; of several species, by any of them. Where states are
        numbers of individuals: (False, True), for 0 and for 1 or more.
    psi : callable or None
        ``psi(values) -> (site,)``: probability of being occupied from natural parameters, where it
        need not be read off the tables.
    told : callable or None
        ``told(observed) -> int``: rows worth showing of P(N = n | data), where states are numbers
        of individuals. A kernel fills as many rows as it is given; the last of two or more is
        P(N >= n | data), so that rows always add to one.
    number : callable or None
        ``number(values, slopes) -> E[N | data]`` (site,), from parameters on the natural scale
        and the slopes of the log-likelihood, where states are numbers of individuals.
    closed : bool
        The steps are units of one closed period: a site is occupied in all or in none.
    options : mapping
        What was chosen when the family was made, for the document of the model.
    min_seasons, max_seasons : int; int or None
    labels : tuple of str
        Labels that visits may carry; a parameter may belong to one of them (``only``).
    label_by : str
        Covariate of the visits that holds the label; "" where visits carry none.
    label : int
        Which of ``labels`` every visit carries, where no covariate tells it of each.
    holds : (species, state) bool
        Which states hold which species, where all species of a site share one chain; else empty.
    takes_known : bool
        Whether sites may be told to be occupied.
    proof : bool
        Whether a detection proves that the species was there.
    """

    name: str
    title: str
    source: str
    states: tuple[str, ...]
    detections: tuple[float, ...]
    parameters: tuple[Parameter, ...]
    tables: Callable[[Values, np.ndarray, np.ndarray], Tables]
    kernel: Callable
    data: Callable[[Observed], Data] = nothing
    impossible: Callable[[Observed], np.ndarray] | None = None
    draw: Callable[..., np.ndarray] | None = None
    first: Callable[..., np.ndarray] | None = None
    guess: Callable[[Observed], dict[str, float]] | None = None
    observes: Literal["detection", "count", "score", "time"] = "detection"
    steps: Literal["season", "visit"] = "season"
    signed: frozenset[str] = field(default_factory=frozenset)
    fast: bool = False
    occupied: tuple[bool, ...] = (False, True)
    told: Callable[[Observed], int] | None = None
    number: Callable[[Values, Values], np.ndarray] | None = None
    min_seasons: int = 1
    max_seasons: int | None = 1
    labels: tuple[str, ...] = ()
    label_by: str = ""
    label: int = 0
    holds: tuple[tuple[bool, ...], ...] = ()
    takes_known: bool = False
    proof: bool = True
    psi: Callable[[Values], np.ndarray] | None = None
    closed: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def parameter(self, name: str) -> Parameter:
        """The parameter of this name."""
        return next(p for p in self.parameters if p.name == name)

    @property
    def n_state(self) -> int:
        """Rows of states that a kernel fills unless more are asked for."""
        return len(self.occupied)

    def n_state_for(self, observed: Observed) -> int:
        """Rows of states worth showing for these surveys."""
        return self.n_state if self.told is None else self.told(observed)

    @property
    def joint(self) -> bool:
        """Whether all species of a site share one chain."""
        return bool(self.holds)

    def simulate(
        self,
        values: Values,
        made: np.ndarray,
        rng: np.random.Generator,
        effort: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw true states and observations from the tables.

        Parameters
        ----------
        values : {parameter: (site,), (site, season), (site, interval), (site, season, visit)}
            Natural scale.
        made : (site, season, visit) bool
            Visits made.
        effort : (site, season, visit), optional
            1 where not given.

        Returns
        -------
        state : (site, season) int
        y : (site, season, visit)
            NaN where no visit was made.
        """
        effort = np.ones(made.shape) if effort is None else effort
        if self.first is not None and self.draw is not None:
            state = np.repeat(self.first(values, rng)[:, None], made.shape[1], axis=1)
            y = np.asarray(self.draw(values, state, made, effort, rng), dtype=np.float64)
            return state, np.where(made, y, np.nan)
        # Some value where a visit was made: a chain may depend on which visits were made.
        unseen = np.where(made, self.detections[0] if self.detections else 0.0, np.nan)
        initial, transition, _ = self.tables(values, unseen, effort)
        state = np.empty(made.shape[:2], dtype=np.int64)
        state[:, 0] = choose(initial, rng)
        for t in range(1, made.shape[1]):
            rows = np.take_along_axis(transition[:, t - 1], state[:, t - 1, None, None], axis=1)
            state[:, t] = choose(rows[:, 0], rng)
        if self.draw is not None:
            y = np.asarray(self.draw(values, state, made, effort, rng), dtype=np.float64)
            return state, np.where(made, y, np.nan)
        by_value = []
        for value in self.detections:
            emission = self.tables(values, np.where(made, value, np.nan), effort)[2]
            by_value.append(_of_state(emission, state))
        picked = choose(np.stack(by_value, axis=-1), rng)  # (site, season, visit)
        return state, np.where(made, np.asarray(self.detections)[picked], np.nan)


def choose(probability: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Index drawn along the last axis."""
    upper = probability.cumsum(axis=-1)
    return (rng.random(upper.shape[:-1])[..., None] * upper[..., -1:] >= upper).sum(axis=-1)


def _of_state(emission: np.ndarray, state: np.ndarray) -> np.ndarray:
    """(site, season, visit, state) taken at each site's state: (site, season, visit)."""
    return np.take_along_axis(emission, state[:, :, None, None], axis=3)[..., 0]


def stationary(n_site: int, n_season: int, n_state: int) -> np.ndarray:
    """Transition (site, interval, from, to) of a family in which nothing changes."""
    shape = (n_site, max(n_season - 1, 0), n_state, n_state)
    return np.broadcast_to(np.eye(n_state), shape)
