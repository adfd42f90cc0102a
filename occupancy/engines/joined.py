"""The precompiled density of any family: the layer under the sampler where none is fused."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from occupancy.engines.compiled import (
    CompiledDensity,
    how_to_read,
    levels_to_read,
    serves,
    signed_values,
    slots,
    three,
)
from occupancy.kernel import joined
from occupancy.problem import Problem


class JoinedDensity(CompiledDensity):
    """Log posterior of a problem of any family on one flat vector, as ``CompiledDensity``."""

    @property
    def n_coefficient(self) -> int:
        return sum(len(p.terms) for p in self.predictors)

    def _arrays(self) -> dict[str, np.ndarray]:
        problem, predictors = self.problem, self.predictors
        by_visit, by_chain = problem.family_data
        table = [q for p in predictors for q in p.table.coefficients]
        varying = self._varying_arrays()
        faces = [
            (p, face, first)
            for (p, t), first in zip(self.terms, self.effect_first, strict=False)
            for face in t.faces
        ]
        how = [how_to_read(p, face) for p, face, _ in faces]
        levels = [
            levels_to_read(face.index + first, read)
            for (_, face, first), read in zip(faces, how, strict=True)
        ]
        whole = {
            "links": problem.links,
            "coefficient_first": _first([len(p.terms) for p in predictors]),
            "row_first": problem.start,
            "face_first": _first([sum(len(t.faces) for t in p.varying) for p in predictors]),
            "blocks": varying["blocks"].ravel(),
            "domain": varying["domain"],
            "lean": varying["lean"].ravel(),
            "prior_code": np.array([q.code for q in table], np.int64),
            "hyper_code": varying["hyper_code"],
            "level_first": _first([face.index.size for _, face, _ in faces]),
            "level": _joined(levels, np.int64),
            "how": np.array(how, np.int64),
        }
        names = joined.ARRAYS[len(whole) : joined.N_WHOLE]
        whole |= dict(zip(names, problem.layout.arrays, strict=True))
        real = {
            "columns": [
                (a.T @ p.columns).ravel() for a, p in zip(self.transforms, predictors, strict=True)
            ],
            "offset": [
                p.offset if p.offset.size else np.zeros(p.columns.shape[1]) for p in predictors
            ],
            "value": [signed_values(p, face) for p, face, _ in faces],
            "share": [varying["share"]],
            "onto": [varying["onto"].ravel()],
            "functional": [
                (p.table.functional @ a).ravel()
                for a, p in zip(self.transforms, predictors, strict=True)
            ],
            "base": [p.table.functional.ravel() for p in predictors],
            "transform": [a.ravel() for a in self.transforms],
            "prior_arguments": [np.array(three(q.arguments)) for q in table],
            "hyper_arguments": [varying["hyper_arguments"].ravel()],
            "by_visit": [by_visit.ravel()],
            "by_chain": [by_chain.ravel()],
        }
        return whole | {name: _joined(parts, np.float64) for name, parts in real.items()}

    @cached_property
    def _header(self) -> np.ndarray:
        if tuple(self.arrays) != joined.ARRAYS:
            raise RuntimeError("arrays and header are out of step")
        problem = self.problem
        by_visit, by_chain = problem.family_data
        kernel = joined.native_kernel(problem.family.kernel)
        h = np.zeros(joined.HEADER, np.int64)
        h[:3] = problem.n_step, problem.n_state, problem.n_chain
        h[3 : joined.SIZES] = len(by_visit), len(by_chain), problem.n_told, kernel.address
        h[joined.SIZES :: 2] = [v.ctypes.data for v in self.arrays.values()]
        h[joined.SIZES + 1 :: 2] = [v.size for v in self.arrays.values()]
        return h

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Log posterior and its gradient."""
        gradient = np.zeros(self.size)
        return joined.density(x, gradient, self._header), gradient

    def header(self) -> np.ndarray:
        """Sizes and addresses for the native functions; keep this object alive beside it."""
        return self._header.copy()

    def native(self):
        """The density and the expansion as C functions."""
        return joined.native_density, joined.native_expand


def density_of(problem: Problem) -> CompiledDensity:
    """The precompiled density of a problem: the fused one where it serves."""
    return CompiledDensity(problem) if serves(problem) else JoinedDensity(problem)


def _first(sizes: list[int]) -> np.ndarray:
    return np.cumsum([0, *sizes]).astype(np.int64)


def _joined(parts: list[np.ndarray], kind: type) -> np.ndarray:
    """The parts one after the other, contiguous."""
    if not parts:
        return np.zeros(0, kind)
    return np.ascontiguousarray(np.concatenate(parts).astype(kind, copy=False))


__all__ = ["JoinedDensity", "density_of", "slots"]
