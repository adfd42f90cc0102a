"""The PyMC model of a problem: the definition of record.

Always constructible and inspectable, priors and dims named; the family's kernel enters as one Op
on linear predictors, so anything that PyTensor can say composes with it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import (
    numba_njit,
    register_funcify_default_op_cache_key,
)

from occupancy.engines.compiled import CompiledDensity
from occupancy.families import get
from occupancy.kernel.caching import source_digest
from occupancy.problem import GroupTerm, Predictor, Problem


def _version() -> int:
    """Changes with the source of the kernels: compiled graphs on disk are keyed by it.

    PyTensor's key does not see the code behind an Op; a stale binary would be loaded silently.
    """
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return int(hashlib.sha256((source_digest() + own).encode()).hexdigest()[:12], 16)


class FamilyOp(Op):
    """(predictors..., data..., layout...) -> (log-likelihood, gradient of every predictor).

    Everything is in layout order; predictors that the family wants signed are signed.
    """

    __props__ = ("family", "links", "n_data", "n_state")

    def __init__(self, family: str, links: tuple[int, ...], n_data: int, n_state: int, kernel=None):
        self.family, self.links, self.n_data, self.n_state = family, links, n_data, n_state
        self.kernel = kernel if kernel is not None else get(family).kernel

    @property
    def n_predictor(self) -> int:
        return len(self.links)

    def make_node(self, *inputs):
        """Predictors and data as tensors."""
        tensors = [pt.as_tensor(x) for x in inputs]
        return Apply(self, tensors, [pt.dscalar(), *[pt.dvector() for _ in self.links]])

    def perform(self, node, inputs, outputs):
        """Call the kernel, in modes without numba."""
        n = self.n_predictor
        predictors = tuple(np.ascontiguousarray(x) for x in inputs[:n])
        data, layout = tuple(inputs[n : n + self.n_data]), tuple(inputs[n + self.n_data :])
        gradients = tuple(np.empty_like(p) for p in predictors)
        n_site = int(layout[0][-1])
        value = self.kernel(
            self.links,
            predictors,
            data,
            layout,
            gradients,
            np.empty(n_site),
            np.empty((self.n_state, n_site)),
        )
        outputs[0][0] = np.asarray(value)
        for place, g in zip(outputs[1:], gradients, strict=True):
            place[0] = g

    def pullback(self, inputs, outputs, cotangents):
        """The gradient was made with the value."""
        c = cotangents[0]
        rest = len(inputs) - self.n_predictor
        return [c * g for g in outputs[1:]] + [disconnected_type() for _ in range(rest)]

    def connection_pattern(self, node):
        """Only the value depends, and only on the predictors."""
        n = self.n_predictor
        return [[True] + [False] * n] * n + [[False] * (n + 1)] * (len(node.inputs) - n)

    def infer_shape(self, node, shapes):
        """Gradients are as long as their predictors."""
        return [(), *shapes[: self.n_predictor]]


# Compiled code cannot make a tuple of a length that it does not see written.
_LIKE = (
    numba_njit(lambda p: (np.empty(p[0].size),)),
    numba_njit(lambda p: (np.empty(p[0].size), np.empty(p[1].size))),
    numba_njit(lambda p: (np.empty(p[0].size), np.empty(p[1].size), np.empty(p[2].size))),
    numba_njit(
        lambda p: (
            np.empty(p[0].size),
            np.empty(p[1].size),
            np.empty(p[2].size),
            np.empty(p[3].size),
        )
    ),
)


@register_funcify_default_op_cache_key(FamilyOp)
def _numba_family(op, node=None, **kwargs):
    kernel, links, n_state = op.kernel, op.links, op.n_state
    n, m = op.n_predictor, op.n_predictor + op.n_data
    like = _LIKE[n - 1]

    @numba_njit
    def family(*inputs):
        predictors, data, layout = inputs[:n], inputs[n:m], inputs[m:]
        gradients = like(predictors)
        n_site = layout[0][-1]
        value = kernel(
            links,
            predictors,
            data,
            layout,
            gradients,
            np.empty(n_site),
            np.empty((n_state, n_site)),
        )
        return (np.asarray(value), *gradients)

    return family, _version()


def build(problem: Problem) -> pm.Model:
    """The PyMC model: ``<parameter>`` are coefficients, ``<parameter>_sd[g]`` and
    ``<parameter>_effect[g]`` belong to the group g.

    Priors act on phi = functional @ coefficients; phi is the free variable
    ``<parameter>_prior``, and differs from the coefficients only in the intercept.
    """
    coords: dict[str, list] = {}
    for p in problem.predictors.values():
        coords[f"{p.name}_term"] = list(p.terms)
        for g in p.groups:
            coords[f"{p.name}_level[{g.name}]"] = list(g.design.levels)
    with pm.Model(coords=coords) as model:
        predictors = [_linear_predictor(p) for p in problem.predictors.values()]
        data = [pm.Data(f"data_{i}", x) for i, x in enumerate(problem.family_data)]
        names = ("site_start", "visit_start", "diagonal_start", "diagonal_size")
        layout = [pm.Data(n, x) for n, x in zip(names, problem.blocks, strict=True)]
        op = FamilyOp(
            problem.family.name,
            problem.links,
            len(data),
            len(problem.family.states),
            problem.family.kernel,
        )
        pm.Potential("log_likelihood", op(*predictors, *data, *layout)[0])
    return model


def _linear_predictor(p: Predictor):
    """Columns, groups and offset of one parameter; signed where the family asks for it."""
    table = p.table
    if all(q.kind == "normal" for q in table.coefficients):
        mu, sigma = np.array([q.arguments for q in table.coefficients]).reshape(-1, 2).T
        phi = pm.Normal(f"{p.name}_prior", mu=mu, sigma=sigma, dims=f"{p.name}_term")
    else:
        named = zip(p.terms, table.coefficients, strict=True)
        phi = pt.stack([q.pymc(f"{p.name}_prior[{term}]") for term, q in named])
    inverse = np.linalg.inv(table.functional)
    beta = pm.Deterministic(p.name, pt.as_tensor(inverse) @ phi, dims=f"{p.name}_term")
    eta = beta @ pm.Data(f"{p.name}_columns", p.columns)
    if p.offset.size:
        eta = eta + pm.Data(f"{p.name}_offset", p.offset)
    sign = None if p.sign is None else pm.Data(f"{p.name}_sign", p.sign)
    for group in p.groups:
        part = _group_effect(p, group)[pm.Data(f"{p.name}_index[{group.name}]", group.level)]
        if group.value is not None:
            part = part * pm.Data(f"{p.name}_value[{group.name}]", group.value)
        eta = eta + (part if sign is None else part * sign)
    return eta


def _group_effect(p: Predictor, group: GroupTerm):
    dims = f"{p.name}_level[{group.name}]"
    sd = group.prior.pymc(f"{p.name}_sd[{group.name}]")
    name = f"{p.name}_effect[{group.name}]"
    if group.centred:
        return pm.Normal(name, 0.0, sd, dims=dims)
    raw = pm.Normal(f"{p.name}_unit[{group.name}]", 0.0, 1.0, dims=dims)
    return pm.Deterministic(name, sd * raw, dims=dims)


def free_values(problem: Problem, density: CompiledDensity, x: np.ndarray) -> dict[str, np.ndarray]:
    """The same point as ``x`` of the precompiled density, for the free variables of the model."""
    point: dict[str, np.ndarray] = {}
    for p, beta in zip(problem.predictors.values(), density.coefficients(x), strict=True):
        point |= _spread_phi(p, p.table.functional @ beta)
    k, first = density.n_coefficient, density.arrays["first"]
    for r, (p, g) in enumerate(density.groups):
        point[f"{p.name}_sd[{g.name}]_log__"] = x[k + r]
        start = k + len(density.groups)
        kind = "effect" if g.centred else "unit"
        point[f"{p.name}_{kind}[{g.name}]"] = x[start + first[r] : start + first[r + 1]]
    return point


def _spread_phi(p: Predictor, phi: np.ndarray) -> dict[str, np.ndarray]:
    if all(q.kind == "normal" for q in p.table.coefficients):
        return {f"{p.name}_prior": phi}
    return {f"{p.name}_prior[{t}]": v for t, v in zip(p.terms, phi, strict=True)}
