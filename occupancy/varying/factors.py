"""`factors(2)`: what makes species occur together beyond the covariates, by a few hidden gradients.

    effect[s, i] = sum_f loading[s, f] score[i, f],    score ~ normal(0, 1),  one for each site

Loadings are normal(0, sd), and L L', L the loadings, is the residual covariance of the species. A
rotation of the gradients changes neither. So what is sampled is free of any rule, and what is kept
of a draw is turned: nothing above the diagonal of L, positive numbers on it, which leaves one form
of each L L'. Rules on what is sampled would let a chain settle on the wrong side of one, with the
loading of the species that holds an axis pressed against zero.

A loading is sampled as loading sqrt(1 / sd^2 + told), told from how much the data can tell about
its species, as levels of groups are.

The first k species hold the axes. They are chosen so that where one was seen tells least about
where the others were (a pivoted factorisation of naive occupancy).

Source: Leung and Drton (2016) Bayesian Analysis 11:113; Warton and others (2015) Trends in Ecology
and Evolution 30:766; Tobler and others (2019) Ecology 100:e02754.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit

from occupancy.columns.blocks import Memory, Reader
from occupancy.columns.frame import Frame
from occupancy.formula.tree import Varying as Node
from occupancy.kernel.varying import POSITIVE, Functions
from occupancy.priors.prior import Prior
from occupancy.varying.base import SETTLED, SMALL_STEPS, Face, Fresh, Hyper, State, Varying
from occupancy.varying.group import learn_levels, row_keys
from surveys.problems import ModelError

_HALF_LOG_TWO_PI = 0.9189385332046727
SPECIES, SITE = "species", "site"
# whole: species, factors, sites;  real: told of each species' loadings
# raw: loadings species by species, then scores factor by factor
# kept: loadings factor by factor, from the diagonal down, then scores factor by factor


@njit(error_model="numpy", cache=True, fastmath={"reassoc", "contract"})
def _dot(a, b):
    total = 0.0
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@njit(error_model="numpy", cache=True)
def forward(natural, raw, whole, real, effect):
    n_species, n_factor, n_site = whole[0], whole[1], whole[2]
    sd = natural[0]
    scores = raw[n_species * n_factor :]
    total = -0.5 * _dot(scores, scores) - _HALF_LOG_TWO_PI * raw.size
    for s in range(n_species):
        more = 1.0 + real[s] * sd * sd  # posterior precision in units of the prior's
        row = effect[s * n_site : (s + 1) * n_site]
        row[:] = 0.0
        for f in range(n_factor):
            x = raw[s * n_factor + f]
            total -= 0.5 * (x * x / more + math.log(more))
            own = sd / math.sqrt(more) * x
            score = scores[f * n_site : (f + 1) * n_site]
            for i in range(n_site):
                row[i] += own * score[i]
    return total


@njit(error_model="numpy", cache=True)
def adjoint(natural, raw, effect, slope, whole, real, d_natural, d_raw):
    n_species, n_factor, n_site = whole[0], whole[1], whole[2]
    sd = natural[0]
    first = n_species * n_factor
    scores, d_scores = raw[first:], d_raw[first:]
    for i in range(scores.size):
        d_scores[i] = -scores[i]
    to_log_sd = 0.0
    for s in range(n_species):
        known = real[s] * sd * sd
        share = 1.0 / (1.0 + known)  # of the prior in the posterior precision
        row = slope[s * n_site : (s + 1) * n_site]
        for f in range(n_factor):
            x = raw[s * n_factor + f]
            own = sd * math.sqrt(share) * x
            score = scores[f * n_site : (f + 1) * n_site]
            along = d_scores[f * n_site : (f + 1) * n_site]
            for i in range(n_site):
                along[i] += own * row[i]
            g = _dot(row, score)
            d_raw[s * n_factor + f] = math.sqrt(share) * sd * g - share * x
            to_log_sd += share * (g * own + known * (share * x * x - 1.0))
    d_natural[0] += to_log_sd / sd


@njit(error_model="numpy", cache=True)
def weights(natural, raw, whole, real, out):
    n_species, n_factor, n_site = whole[0], whole[1], whole[2]
    first = n_species * n_factor
    sd = natural[0]
    loading = raw[:first].copy().reshape(n_species, n_factor)
    for s in range(n_species):
        loading[s] *= sd / math.sqrt(1.0 + real[s] * sd * sd)
    axes = np.zeros((n_factor, n_factor))  # of the kept gradients, in those that were sampled
    for f in range(n_factor):
        axes[f] = loading[f]
        for _ in range(2):  # once more, for what rounding left
            for g in range(f):
                axes[f] -= _dot(axes[f], axes[g]) * axes[g]
        norm = math.sqrt(_dot(axes[f], axes[f]))
        if norm > 0.0:
            axes[f] /= norm
        else:  # no loadings at all: any gradients will do
            axes[f, f] = 1.0
    at = 0
    for f in range(n_factor):
        for s in range(f, n_species):
            out[at] = _dot(loading[s], axes[f])
            at += 1
    for f in range(n_factor):
        for i in range(n_site):
            total = 0.0
            for g in range(n_factor):
                total += axes[f, g] * raw[first + g * n_site + i]
            out[at] = total
            at += 1


@dataclass(frozen=True)
class Factors(Varying):
    """Loadings of the species on hidden gradients, and the place of each site along these.

    `species` begin with those that hold the axes.
    """

    node: Node
    n_factor: int
    species: tuple[str, ...]
    sites: tuple[str, ...]
    memory: Memory
    centring: float | None = None

    kind = "factors"
    functions = Functions(forward, adjoint, weights)

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def by(self) -> tuple[str, ...]:
        return ()

    @property
    def hypers(self) -> tuple[Hyper, ...]:
        return (Hyper("sd", POSITIVE, Prior("half_normal", (1.0,))),)

    @cached_property
    def _triangle(self) -> tuple[np.ndarray, np.ndarray]:
        """Species and factor of each loading."""
        pairs = [(s, f) for f in range(self.n_factor) for s in range(f, len(self.species))]
        species, factor = np.array(pairs, np.int64).T
        return species, factor

    @property
    def labels(self) -> tuple[str, ...]:
        pairs = zip(*self._triangle, strict=True)
        loadings = [f"loading {f + 1}, {self.species[s]}" for s, f in pairs]
        scores = [f"score {f + 1}, {i}" for f in range(self.n_factor) for i in self.sites]
        return (*loadings, *scores)

    @property
    def n_weight(self) -> int:
        return self._triangle[0].size + self.n_factor * len(self.sites)

    @property
    def n_raw(self) -> int:
        return self.n_factor * (len(self.species) + len(self.sites))

    @property
    def n_effect(self) -> int:
        return len(self.species) * len(self.sites)

    @property
    def leaning(self) -> tuple[tuple[int, int], ...]:
        return ()

    @property
    def acceptance(self) -> float:
        return SMALL_STEPS

    def _places(self, frame: Frame, n: int | None) -> tuple[np.ndarray, np.ndarray]:
        """(row,) places of the species and of the site; -1 where it was never met."""
        reader = Reader(self.memory, frame, n=n)
        out = []
        for column, known in ((SPECIES, self.species), (SITE, self.sites)):
            place = {label: i for i, label in enumerate(known)}
            keys, of_row = row_keys(reader, (column,))
            out.append(np.array([place.get(k[0], -1) for k in keys] or [-1], np.int64)[of_row])
        return out[0], out[1]

    def faces(self, frame: Frame, n: int | None = None) -> tuple[Face, ...]:
        species, site = self._places(frame, n)
        known = (species >= 0) & (site >= 0)
        return (Face(np.where(known, species * len(self.sites) + site, -1)),)

    def arrays(self, information: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        n_species, n_site = len(self.species), len(self.sites)
        if self.centring is not None:
            told = np.full(n_species, self.centring * SETTLED)
        elif information is None:
            told = np.zeros(n_species)
        else:
            told = information.reshape(n_species, n_site).sum(axis=1)
        return np.array([n_species, self.n_factor, n_site], np.int64), told

    def loadings(self, weights: np.ndarray) -> np.ndarray:
        """(draw, species, factor), species in the order of ``species``."""
        species, factor = self._triangle
        out = np.zeros((len(weights), len(self.species), self.n_factor))
        out[:, species, factor] = weights[:, : species.size]
        return out

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """(draw, factor, site)."""
        own = weights[:, self._triangle[0].size :]
        return own.reshape(len(weights), self.n_factor, len(self.sites))

    def at_levels(self, natural: np.ndarray, weights: np.ndarray) -> np.ndarray:
        out = self.loadings(weights) @ self.scores(weights)
        return out.reshape(len(weights), -1)

    def predict(
        self, natural: np.ndarray, weights: np.ndarray, frame: Frame, n: int, fresh: Fresh
    ) -> np.ndarray:
        species, site = self._places(frame, n)
        loadings = np.moveaxis(self.loadings(weights), 2, 1)  # (draw, factor, species)
        scores = self.scores(weights)
        species, unmet = _number(species, len(self.species), frame, SPECIES)
        if unmet:
            drawn = natural[:, :1, None] * self._fresh("loading", unmet, fresh)
            loadings = np.concatenate([loadings, drawn], axis=2)
        site, unmet = _number(site, len(self.sites), frame, SITE)
        if unmet:
            scores = np.concatenate([scores, self._fresh("score", unmet, fresh)], axis=2)
        return np.einsum("dfr,dfr->dr", loadings[:, :, species], scores[:, :, site])

    def _fresh(self, what: str, labels: list[str], fresh: Fresh) -> np.ndarray:
        """(draw, factor, label) standard normal."""
        each = [
            [fresh(f"{what} {f + 1}, {label}") for label in labels] for f in range(self.n_factor)
        ]
        return np.moveaxis(np.array(each), 2, 0)

    def covariance(self, weights: np.ndarray) -> np.ndarray:
        """(draw, species, species) of the residual effects."""
        loadings = self.loadings(weights)
        return loadings @ loadings.transpose(0, 2, 1)

    def spread_over(
        self, natural: np.ndarray, weights: np.ndarray, faces: tuple[Face, ...]
    ) -> np.ndarray:
        return self.n_factor * natural[:, 0] ** 2  # of a species of the population

    def draw(self, natural: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        species, factor = self._triangle
        loadings = rng.normal(size=species.size)
        axis = species == factor
        loadings[axis] = np.sqrt(rng.chisquare(self.n_factor - factor[axis]))
        scores = rng.normal(size=self.n_factor * len(self.sites))
        return np.concatenate([natural[0] * loadings, scores])

    def pymc(self, name: str, hypers: list[Any], whole: np.ndarray, real: np.ndarray) -> Any:
        import pymc as pm
        import pytensor.tensor as pt
        from pytensor.tensor.linalg import qr

        (sd,) = hypers
        n_species, n_site = len(self.species), len(self.sites)
        raw = pm.Flat(name, shape=self.n_raw)
        x = raw[: n_species * self.n_factor].reshape((n_species, self.n_factor))
        scores = raw[n_species * self.n_factor :].reshape((self.n_factor, n_site))
        wider = (1.0 + real[:, None] * sd**2) ** 0.5
        terms = pm.logp(pm.Normal.dist(0.0, wider), x).sum()
        pm.Potential(f"{name}_density", terms + pm.logp(pm.Normal.dist(), scores).sum())
        loading = sd / wider * x
        effect = (loading @ scores).ravel()
        turned: Any = qr(loading[: self.n_factor].T)
        axes, corner = turned
        axes = axes * pt.sign(pt.diagonal(corner))
        species, factor = self._triangle
        kept = (loading @ axes)[species, factor]
        return effect, pt.concatenate([kept, (axes.T @ scores).ravel()])

    def to_state(self) -> State:
        return {"name": self.name, "species": list(self.species), "sites": list(self.sites)}

    @classmethod
    def learn(cls, node: Node, reader: Reader) -> Factors:
        """Species and sites that were met.

        Raises
        ------
        ModelError
            No fewer factors than species.
        """
        met = [key[0] for key in learn_levels((SPECIES,), reader)]
        sites = [key[0] for key in learn_levels((SITE,), reader)]
        n = int(node.options["k"])
        if n >= len(met):
            raise ModelError(
                f"{n} factors for {len(met)} species would explain nothing by fewer numbers. Use "
                f"at most {len(met) - 1}."
            )
        first = [s for s in reader.surroundings.axes if s in met]
        order = [*first, *(s for s in met if s not in first)]
        return cls(node, n, tuple(order), tuple(sites), reader.memory)

    @classmethod
    def from_state(cls, node: Node, memory: Memory, state: State) -> Factors:
        n = int(node.options["k"])
        return cls(node, n, tuple(state["species"]), tuple(state["sites"]), memory)


def _number(
    place: np.ndarray, known: int, frame: Frame, column: str
) -> tuple[np.ndarray, list[str]]:
    """Places with the labels that were never met numbered after the others, and these labels."""
    new = place < 0
    labels = [str(frame[column][i]) for i in np.flatnonzero(new)]
    unique, inverse = np.unique(np.array(labels, dtype=str), return_inverse=True)
    out = place.copy()
    out[new] = known + inverse
    return out, [str(label) for label in unique]
