"""LAPLACE: effects of groups were integrated out too roughly, so the sd leans to one side.

Laplace's approximation takes the effect of a level to be normal given the data. Few visits to a
level, each a yes or no, leave it far from normal, and the sd comes out too small. What is told is
the log-likelihood that the approximation is off by, and by how many standard errors estimates move
without it: by quadrature where that applies, else by draws weighted by the model.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import quantity
from occupancy.engines.accuracy import HIGHEST_K
from occupancy.engines.compiled import Slot, slots
from surveys.problems import listing

if TYPE_CHECKING:
    from occupancy.engines.marginal import Integrated

LARGEST_SHIFT = 0.25  # standard errors
LARGEST_DIFFERENCE = 1.0  # log-likelihood units: two of AIC
LARGEST_CHANGE = 0.01  # that more nodes may make
BY_QUADRATURE = 'Leave integrate at "auto", which takes quadrature here: the shift is then gone.'
BY_SAMPLER = 'Use engine = "nuts": the sampler approximates nothing.'


def check(evidence: Evidence) -> list[Verdict]:
    from occupancy.engines.marginal import Integrated

    top = evidence.ml
    if evidence.posterior is not None or not isinstance(top, Integrated):
        return []
    if top.method == "quadrature":
        return _few_nodes(top)
    found = top.accuracy
    if found["by"] == "sampling" and found["pareto_k"] > HIGHEST_K:
        return [_unknown(found)]
    names = [quantity(p, t) for p, own in evidence.problem.predictors.items() for t in own.terms]
    names += [quantity(s.name) for s in _hypers(evidence)]
    shifts = {n: s for n, s in zip(names, found["shift"], strict=True) if math.isfinite(s)}
    moved = {n: s for n, s in shifts.items() if abs(s) > LARGEST_SHIFT}
    difference = found["difference"]
    if not moved and abs(difference) <= LARGEST_DIFFERENCE:
        return []
    return [_far(evidence, top, found, moved, difference)]


def _hypers(evidence: Evidence) -> list[Slot]:
    return [s for s in slots(evidence.problem) if s.kind == "hyper"]


def _far(evidence, top: Integrated, found, moved: dict[str, float], difference: float) -> Verdict:
    fact = (
        "Effects of groups are integrated out by Laplace's approximation, whose log-likelihood is "
        f"off by {difference:+.2f} here"
    )
    if moved:
        largest = sorted(moved, key=lambda n: -abs(moved[n]))
        told = [f"{n} {moved[n]:+.2f}" for n in largest]
        fact += f"; without the approximation estimates move by (standard errors) {listing(told)}"
    numbers: dict[str, Any] = {
        "by": found["by"],
        "log_likelihood_difference": difference,
        "monte_carlo_error": found["error"],
        "shift_in_standard_errors": moved,
    }
    if found["by"] == "sampling":
        numbers["pareto_k"] = found["pareto_k"]
        return Verdict("LAPLACE", "warn", f"{fact}.", numbers, BY_SAMPLER)
    sds = {
        quantity(s.name): (math.exp(a), math.exp(b))
        for s, a, b in zip(_hypers(evidence), top.hyper, found["hyper"], strict=True)
        if s.hyper.startswith("sd")
    }
    told = [f"{name} {a:.3g} in place of {b:.3g}" for name, (a, b) in sds.items()]
    aic = -2 * found["log_likelihood"] + 2 * top.n_parameter
    fact += f"; {listing(told)}, and AIC {top.aic:.2f} in place of {aic:.2f}"
    numbers |= {"sd_by_quadrature": {n: b for n, (_, b) in sds.items()}, "aic_by_quadrature": aic}
    return Verdict("LAPLACE", "warn", f"{fact}.", numbers, BY_QUADRATURE)


def _unknown(found: dict[str, Any]) -> Verdict:
    fact = (
        "Effects of groups are integrated out by Laplace's approximation, and the model gives them "
        f"so different a distribution (Pareto k {found['pareto_k']:.2f}) that how far the "
        "estimates are off cannot be told."
    )
    return Verdict("LAPLACE", "warn", fact, {"pareto_k": found["pareto_k"]}, BY_SAMPLER)


def _few_nodes(top: Integrated) -> list[Verdict]:
    if abs(top.nodes_change) <= LARGEST_CHANGE:
        return []
    fact = (
        f"Effects of groups are integrated out with {top.nodes} nodes for each, and more nodes "
        f"change the log-likelihood by {top.nodes_change:+.3f}."
    )
    numbers = {"nodes": top.nodes, "log_likelihood_change": top.nodes_change}
    cure = 'Leave nodes out, and as many are taken as it needs; or use engine = "nuts".'
    return [Verdict("LAPLACE", "warn", fact, numbers, cure)]
