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

from occupancy.engines.compiled import CompiledDensity, hyper_names
from occupancy.engines.coordinates import coordinates_of
from occupancy.families import get
from occupancy.kernel.caching import source_digest
from occupancy.priors import Prior
from occupancy.problem import Predictor, Problem, VaryingTerm
from occupancy.varying import Hyper, raw_name
from occupancy.varying.base import POSITIVE, SHARE, SIGNED

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
    """The PyMC model: ``<parameter>`` are coefficients, ``<parameter>_sd[t]`` and
    ``<parameter>_effect[t]`` belong to the term t that varies, ``<parameter>_raw[t]`` are the
    coordinates in which its effects are sampled.

    Priors act on phi = functional @ coefficients; phi is the free variable
    ``<parameter>_prior``, and differs from the coefficients only in the intercept.
    """
    coords: dict[str, list] = {}
    for p in problem.predictors.values():
        coords[f"{p.name}_term"] = list(p.terms)
        for t in p.varying:
            coords[f"{p.name}_level[{t.name}]"] = list(t.design.labels)
    with pm.Model(coords=coords) as model:
        found = coordinates_of(problem).arrays
        predictors = [_linear_predictor(p, found) for p in problem.predictors.values()]
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


def _linear_predictor(p: Predictor, found):
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
    for term in p.varying:
        effect = _effects(p, term, *found[p.name, term.name])
        for i, face in enumerate(term.faces):
            inside = term.name if len(term.faces) == 1 else f"{term.name}, {i + 1}"
            part = effect[pm.Data(f"{p.name}_index[{inside}]", face.index)]
            if face.value is not None:
                part = part * pm.Data(f"{p.name}_value[{inside}]", face.value)
            eta = eta + (part if sign is None else part * sign)
    return eta


def _effects(p: Predictor, term: VaryingTerm, whole: np.ndarray, real: np.ndarray):
    """Hyper-parameters with their priors, and the effects that rows pick from."""
    named = hyper_names(p.name, term)
    hypers = [
        _hyper(name, hyper, prior)
        for name, hyper, prior in zip(named, term.design.hypers, term.priors, strict=True)
    ]
    effect, kept = term.design.pymc(raw_name(p.name, term.name), hypers, whole, real)
    dims = f"{p.name}_level[{term.name}]"
    pm.Deterministic(f"{p.name}_effect[{term.name}]", kept, dims=dims)
    return effect


def _hyper(name: str, hyper: Hyper, prior: Prior):
    """A hyper-parameter on its own scale, sampled on the line that the kernel uses."""
    if hyper.domain == POSITIVE:
        return prior.pymc(name)
    a, b = prior.arguments
    if hyper.domain == SHARE:
        return pm.Beta(name, a, b)
    return pm.Deterministic(name, 2.0 * pm.Beta(_half(name), a, b) - 1.0)


def _half(name: str) -> str:
    return f"{name}_half"


def free_values(problem: Problem, density: CompiledDensity, x: np.ndarray) -> dict[str, np.ndarray]:
    """The same point as ``x`` of the precompiled density, for the free variables of the model."""
    point: dict[str, np.ndarray] = {}
    for p, beta in zip(problem.predictors.values(), density.coefficients(x), strict=True):
        point |= _spread_phi(p, p.table.functional @ beta)
    k = density.n_coefficient
    h, r = k, k + density.n_hyper
    for p, term in density.terms:
        for name, hyper in zip(hyper_names(p.name, term), term.design.hypers, strict=True):
            free = f"{name}_log__" if hyper.domain == POSITIVE else f"{name}_logodds__"
            if hyper.domain == SIGNED:
                free = f"{_half(name)}_logodds__"
            point[free] = x[h]
            h += 1
        point[raw_name(p.name, term.name)] = x[r : r + term.design.n_raw]
        r += term.design.n_raw
    return point


def _spread_phi(p: Predictor, phi: np.ndarray) -> dict[str, np.ndarray]:
    if all(q.kind == "normal" for q in p.table.coefficients):
        return {f"{p.name}_prior": phi}
    return {f"{p.name}_prior[{t}]": v for t, v in zip(p.terms, phi, strict=True)}
