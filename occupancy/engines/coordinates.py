"""The coordinates in which a problem is sampled: found once, used by every layer.

Coefficients are whitened at the mode of the fixed effects. There each row also tells how much it
knows about its predictor, from which every term that varies chooses its own coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from occupancy.engines.newton import Objective, Top, climb
from occupancy.kernel.varying import WIDTH, addresses
from occupancy.problem import Predictor, Problem, VaryingTerm

Key = tuple[str, str]


@dataclass(frozen=True)
class Coordinates:
    """Where a problem's fixed effects have their mode, and what follows from it.

    Attributes
    ----------
    mode : (coefficient,)
    transforms : one (coefficient, coefficient) for each predictor
        beta = transform @ x
    arrays : {(parameter, term): (whole, real)}
        What the functions of each term that varies need.
    """

    mode: np.ndarray
    transforms: tuple[np.ndarray, ...]
    arrays: dict[Key, tuple[np.ndarray, np.ndarray]]


def coordinates_of(problem: Problem) -> Coordinates:
    """The coordinates of a problem, found at the first call."""
    if "coordinates" not in problem.memo:
        problem.memo["coordinates"] = _find(problem)
    return problem.memo["coordinates"]


def varying_terms(problem: Problem) -> Iterator[tuple[Predictor, VaryingTerm]]:
    """Every term that varies of every predictor, in the order of the parameter vector."""
    for predictor in problem.predictors.values():
        for term in predictor.varying:
            yield predictor, term


def _find(problem: Problem) -> Coordinates:
    fixed = problem.without_groups()
    objective = Objective(fixed, penalised=True)
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
    arrays = {}
    if any(True for _ in varying_terms(problem)):
        known = _information(fixed, objective, top.theta)
        for p, term in varying_terms(problem):
            whole, real = term.design.arrays(_by_effect(term, known[p.name]))
            contiguous = np.ascontiguousarray
            arrays[p.name, term.name] = contiguous(whole, np.int64), contiguous(real, np.float64)
    return Coordinates(np.concatenate(mode), tuple(transforms), arrays)


def _information(problem: Problem, objective: Objective, theta: np.ndarray) -> dict:
    """{parameter: (row,)} squared slope of the log-likelihood along each row's predictor.

    Its mean is the information that a row holds.
    """
    predictors = []
    parts = np.split(theta, np.cumsum(objective.sizes)[:-1])
    for b, x, p in zip(parts, objective.columns, objective.predictors, strict=True):
        predictors.append(b @ x + (p.offset if p.offset.size else 0.0))
    slopes = problem.evaluate(tuple(predictors))[4]
    return {name: g**2 for name, g in zip(problem.predictors, slopes, strict=True)}


def _by_effect(term: VaryingTerm, known: np.ndarray) -> np.ndarray:
    out = np.zeros(term.design.n_effect)
    for face in term.faces:
        value = known if face.value is None else known * face.value**2
        out += np.bincount(face.index, value, minlength=out.size)
    return out


def table_of_blocks(problem: Problem) -> np.ndarray:
    """(term, column) of the kernel's table of blocks."""
    found = coordinates_of(problem).arrays
    rows = []
    for p, term in varying_terms(problem):
        design, (whole, real) = term.design, found[p.name, term.name]
        sizes = (len(design.hypers), design.n_raw, design.n_effect, design.n_weight)
        row = [*addresses(design.functions), *sizes]
        rows.append([*row, whole.ctypes.data, real.ctypes.data, whole.size, real.size])
    return np.array(rows, np.int64).reshape(-1, WIDTH)
