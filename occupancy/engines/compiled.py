"""The precompiled density of a problem: its parameter vector, and its data bound by pointer.

The third layer. It serves models whose predictors are columns and group effects, with priors
that have a code; the PyMC model serves every other. The two are equal, and a test holds them so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from occupancy.engines.newton import Objective, Top, climb, three
from occupancy.kernel import fused
from occupancy.problem import GroupTerm, Predictor, Problem

START_SD = 0.5


@dataclass(frozen=True)
class Slot:
    """One named quantity of the posterior: coefficients, an sd, or the effects of a group."""

    name: str
    kind: str  # "coefficients" | "sd" | "effects"
    predictor: str
    group: str | None
    size: int


def group_terms(problem: Problem) -> Iterator[tuple[Predictor, GroupTerm]]:
    """Every group of every predictor, in the order of the parameter vector."""
    for predictor in problem.predictors.values():
        for group in predictor.groups:
            yield predictor, group


def slots(problem: Problem) -> list[Slot]:
    """Names and sizes of what is kept of every draw, in order."""
    out = [
        Slot(name, "coefficients", name, None, len(p.terms))
        for name, p in problem.predictors.items()
    ]
    out += [
        Slot(f"{p.name}_sd[{g.name}]", "sd", p.name, g.name, 1) for p, g in group_terms(problem)
    ]
    out += [
        Slot(f"{p.name}_effect[{g.name}]", "effects", p.name, g.name, g.n_level)
        for p, g in group_terms(problem)
    ]
    return out


def serves(problem: Problem) -> bool:
    """Whether the density fused for single-season occupancy can stand for this problem."""
    return problem.fast


class CompiledDensity:
    """Log posterior of a problem on one flat vector.

    The vector holds, for every predictor, coefficients in coordinates in which their posterior
    is close to independent with unit variance (beta = transform @ x, from the Hessian of the
    fixed effects at their mode), then log sds, then effects (divided by the sd unless centred).
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        self.predictors = tuple(problem.predictors.values())
        self.groups = list(group_terms(problem))
        self.mode, self.transforms = _coordinates(problem)
        self.arrays = self._arrays()

    @property
    def psi(self) -> Predictor:
        return self.predictors[0]

    @property
    def p(self) -> Predictor:
        return self.predictors[1]

    @property
    def n_coefficient(self) -> int:
        return sum(len(p.terms) for p in self.predictors)

    @cached_property
    def n_effect(self) -> int:
        return sum(g.n_level for _, g in self.groups)

    @property
    def size(self) -> int:
        return self.n_coefficient + len(self.groups) + self.n_effect

    def _arrays(self) -> dict[str, np.ndarray]:
        site_start, visit_start, diagonal_start, diagonal_size = self.problem.blocks
        a_psi, a_p = self.transforms
        first = np.cumsum([0, *[g.n_level for _, g in self.groups]]).astype(np.int64)
        level_psi, value_psi, valued_psi = _stack(self.psi, first[: len(self.psi.groups)])
        level_p, value_p, _ = _stack(self.p, first[len(self.psi.groups) : -1])
        table = [q for t in (self.psi.table, self.p.table) for q in t.coefficients]
        sds = [g.prior for _, g in self.groups]
        contiguous = np.ascontiguousarray
        return {
            "columns_psi": contiguous(a_psi.T @ self.psi.columns),
            "columns_p": contiguous(a_p.T @ self.p.columns),
            "offset_psi": self.psi.offset,
            "offset_p": self.p.offset,
            "unseen": np.ascontiguousarray(self.problem.family_data[1][0]),
            "site_start": site_start,
            "visit_start": visit_start,
            "diagonal_start": diagonal_start,
            "diagonal_size": diagonal_size,
            "level_psi": level_psi,
            "value_psi": value_psi,
            "valued_psi": valued_psi,
            "level_p": level_p,
            "value_p": value_p if self.p.sign is None else value_p * self.p.sign,
            "first": first,
            "centred": np.array([g.centred for _, g in self.groups], np.int64),
            "share": self._shares(),
            "functional_psi": contiguous(self.psi.table.functional @ a_psi),
            "functional_p": contiguous(self.p.table.functional @ a_p),
            "base_psi": base_of(self.psi),
            "base_p": base_of(self.p),
            "prior_code": np.array([q.code for q in table], np.int64),
            "prior_arguments": np.array([three(q.arguments) for q in table]).reshape(-1, 3),
            "sd_code": np.array([q.code for q in sds], np.int64),
            "sd_arguments": np.array([three(q.arguments) for q in sds]).reshape(-1, 3),
        }

    def _shares(self) -> np.ndarray:
        """Share of the rows at each level; 0 where a group has no intercept to lean on."""
        parts = [np.zeros(0)]
        for p, g in self.groups:
            share = np.bincount(g.level, minlength=g.n_level) / max(g.level.size, 1)
            leans = g.value is None and p.terms[:1] == ("Intercept",)
            parts.append(share if leans else np.zeros(g.n_level))
        return np.concatenate(parts)

    def mean_effects(self, x: np.ndarray) -> Sequence[float]:
        """Mean effects at a point, over the groups of psi and those of p."""
        effect = np.empty(self.n_effect)
        a = self.arrays
        fused.effects_of(x, self.n_coefficient, a["first"], a["centred"], effect)
        return fused.take_out_means(effect, a["share"], a["first"], len(self.psi.groups))

    def coefficients(self, x: np.ndarray) -> list[np.ndarray]:
        """Coefficients of every parameter at a point."""
        ends = np.cumsum([len(p.terms) for p in self.predictors])
        parts = np.split(x[: ends[-1]], ends[:-1])
        out = [a @ part for a, part in zip(self.transforms, parts, strict=True)]
        for beta, mean in zip(out, self.mean_effects(x), strict=True):
            if mean != 0.0:
                beta[0] -= mean
        return out

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Log posterior and its gradient."""
        gradient = np.zeros(self.size)
        link = int(self.problem.links[0])
        value = fused.density(x, gradient, link, *self.arrays.values())
        return value, gradient

    def expand(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """The quantities of ``slots`` at a point."""
        k = self.n_coefficient
        effect = np.empty(self.n_effect)
        fused.effects_of(x, k, self.arrays["first"], self.arrays["centred"], effect)
        parts = self.coefficients(x)
        parts += [np.exp(x[k + r : k + r + 1]) for r in range(len(self.groups))]
        parts += np.split(effect, self.arrays["first"][1:-1]) if self.groups else []
        return {s.name: v for s, v in zip(slots(self.problem), parts, strict=True)}

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """A point near the mode of the fixed effects, scattered by about one posterior sd."""
        x = np.empty(self.size)
        k = self.n_coefficient
        x[:k] = self.mode + rng.normal(size=k)
        x[k : k + len(self.groups)] = np.log(START_SD) + 0.3 * rng.normal(size=len(self.groups))
        x[k + len(self.groups) :] = 0.2 * rng.normal(size=self.n_effect)
        return x

    def header(self) -> np.ndarray:
        """Sizes and addresses for the native functions; keep this object alive beside it."""
        from occupancy.kernel.native import ARRAYS, HEADER, SIZES

        if tuple(self.arrays) != ARRAYS:
            raise RuntimeError("arrays and header are out of step")
        h = np.zeros(HEADER, np.int64)
        a = self.arrays
        h[:12] = [
            len(self.psi.terms),
            len(self.p.terms),
            self.problem.n_chain,
            self.problem.y.size,
            a["site_start"].size - 1,
            a["diagonal_size"].size,
            len(self.psi.groups),
            len(self.p.groups),
            self.problem.links[0],
            a["offset_psi"].size,
            a["offset_p"].size,
            self.n_effect,
        ]
        addresses = [v.ctypes.data for v in (*a.values(), *self.transforms)]
        h[SIZES : SIZES + len(addresses)] = addresses
        return h

    def native(self):
        """The density and the expansion as C functions."""
        from occupancy.kernel.native import native_density, native_expand

        return native_density, native_expand


def base_of(predictor: Predictor) -> np.ndarray:
    """What one unit of the intercept adds to every phi; zeros without an intercept."""
    if predictor.terms[:1] != ("Intercept",):
        return np.zeros(len(predictor.terms))
    return np.ascontiguousarray(predictor.table.functional[:, 0])


def _stack(predictor: Predictor, first: np.ndarray):
    """Levels numbered among all effects, values, and which groups have values."""
    n = predictor.columns.shape[1]
    groups = predictor.groups
    level = np.empty((len(groups), n), np.int64)
    value = np.ones((len(groups), n))
    for r, group in enumerate(groups):
        level[r] = group.level + first[r]
        if group.value is not None:
            value[r] = group.value
    return level, value, np.array([g.value is not None for g in groups], np.int64)


def _coordinates(problem: Problem) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Mode and transforms: one block for each predictor, whitened at the mode."""
    objective = Objective(problem.without_groups(), penalised=True)
    top: Top = climb(objective, np.zeros(objective.size))
    curvature, along = np.linalg.eigh(-top.hessian)
    spread = (along / np.maximum(curvature, 1e-4)) @ along.T
    transforms, mode, o = [], [], 0
    for a in objective.a:
        part = slice(o, o + len(a))
        half = np.linalg.cholesky(spread[part, part])
        transforms.append(np.ascontiguousarray(a @ half))
        mode.append(np.linalg.solve(half, top.theta[part]))
        o += len(a)
    return np.concatenate(mode), tuple(transforms)
