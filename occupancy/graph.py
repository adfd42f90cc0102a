"""The PyMC model of a problem: the definition of record.

Always constructible and inspectable, priors and dims named; the family's kernel enters as one Op
on linear predictors, so anything that PyTensor can say composes with it.
"""

from __future__ import annotations

import hashlib
import json
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

LAYOUT = ("site_start", "visit_start", "diagonal_start", "diagonal_size", "diagonal_step")
LAYOUT += ("diagonal_first", "place_of_visit")


def _version() -> int:
    """Changes with the source of the kernels: compiled graphs on disk are keyed by it.

    PyTensor's key does not see the code behind an Op; a stale binary would be loaded silently.
    """
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return int(hashlib.sha256((source_digest() + own).encode()).hexdigest()[:12], 16)


class FamilyOp(Op):
    """(eta, start, by_visit, by_chain, layout...) -> (log-likelihood, gradient of eta).

    ``eta`` holds the predictors of all parameters one after the other, in layout order, signed
    where the family wants them signed.
    """

    __props__ = ("family", "options", "links", "n_step", "n_state", "tells")

    def __init__(
        self,
        family: str,
        options: str,
        links: tuple[int, ...],
        n_step: int,
        n_state: int,
        tells: bool,
        kernel=None,
    ):
        self.family, self.options, self.links = family, options, links
        self.n_step, self.n_state, self.tells = n_step, n_state, tells
        self.kernel = kernel if kernel is not None else get(family, **json.loads(options)).kernel

    def make_node(self, *inputs):
        """The predictors and the data as tensors."""
        return Apply(self, [pt.as_tensor(x) for x in inputs], [pt.dscalar(), pt.dvector()])

    def perform(self, node, inputs, outputs):
        """Call the kernel, in modes without numba."""
        eta, start, by_visit, by_chain, *layout = (np.ascontiguousarray(x) for x in inputs)
        gradient = np.empty_like(eta)
        t, k, n = self.n_step, self.n_state, int(layout[0][-1])
        value = self.kernel(
            np.array(self.links, np.int64),
            eta,
            start,
            by_visit,
            by_chain,
            tuple(layout),
            gradient,
            np.empty(n),
            np.empty((t, k, n if self.tells else 0)),
            np.empty((t - 1, k, k, 0)),
        )
        outputs[0][0] = np.asarray(value)
        outputs[1][0] = gradient

    def pullback(self, inputs, outputs, cotangents):
        """The gradient was made with the value."""
        rest = len(inputs) - 1
        return [cotangents[0] * outputs[1]] + [disconnected_type() for _ in range(rest)]

    def connection_pattern(self, node):
        """Only the value depends, and only on the predictors."""
        return [[True, False]] + [[False, False]] * (len(node.inputs) - 1)

    def infer_shape(self, node, shapes):
        """The gradient is as long as the predictors."""
        return [(), shapes[0]]


@register_funcify_default_op_cache_key(FamilyOp)
def _numba_family(op, node=None, **kwargs):
    kernel, t, k, tells = op.kernel, op.n_step, op.n_state, op.tells
    links = tuple(op.links)

    @numba_njit
    def family(eta, start, by_visit, by_chain, a, b, c, d, e, f, g):
        codes = np.empty(len(links), np.int64)
        for i in range(len(links)):
            codes[i] = links[i]
        gradient = np.empty(eta.size)
        n = a[-1]
        value = kernel(
            codes,
            np.ascontiguousarray(eta),
            start,
            by_visit,
            by_chain,
            (a, b, c, d, e, f, g),
            gradient,
            np.empty(n),
            np.empty((t, k, n if tells else 0)),
            np.empty((t - 1, k, k, 0)),
        )
        return np.asarray(value), gradient

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
        by_visit, by_chain = problem.family_data
        data = [pm.Data("start", problem.start), pm.Data("by_visit", by_visit)]
        data.append(pm.Data("by_chain", by_chain))
        layout = [pm.Data(n, x) for n, x in zip(LAYOUT, problem.layout.arrays, strict=True)]
        op = FamilyOp(
            problem.family.name,
            json.dumps(dict(problem.family.options), sort_keys=True),
            tuple(int(c) for c in problem.links),
            problem.n_step,
            problem.n_state,
            problem.n_told > 0,
            problem.family.kernel,
        )
        eta = pt.concatenate(predictors)
        pm.Potential("log_likelihood", op(eta, *data, *layout)[0])
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
