"""SDZERO: the likelihood is highest where the levels of a group do not differ at all."""

from __future__ import annotations

from occupancy.checks.base import Evidence, Verdict
from occupancy.engines.compiled import Slot, slots
from occupancy.problem import Problem
from occupancy.varying import Correlated
from occupancy.varying.group import GroupDesign

CURE = (
    "Report it as no difference found, not as no difference: few levels, or few sites in each, "
    'often end so. Leave the term out, or use engine = "nuts", whose interval of the sd says how '
    "large it may be."
)


def group_of(slot: Slot) -> str:
    """The term as it stands in the formula."""
    return str(slot.term).replace(":", "/")


def _of(slot: Slot) -> str:
    """The term; and which of its effects, where it has several."""
    effect = slot.hyper.removeprefix("sd").strip()
    if not effect:
        return group_of(slot)
    return f"{'the level' if effect == '1' else effect} in {group_of(slot)}"


def _fact(problem: Problem, slot: Slot) -> str:
    terms = {t.name: t for t in problem.predictors[slot.predictor].varying}
    if isinstance(terms[str(slot.term)].design, GroupDesign | Correlated):
        return "its levels differ no more than chance makes them"
    return "the data show nothing of it beyond chance"


def check(evidence: Evidence) -> list[Verdict]:
    from occupancy.engines.marginal import Integrated

    top = evidence.ml
    if evidence.posterior is not None or not isinstance(top, Integrated):
        return []
    hypers = [s for s in slots(evidence.problem) if s.kind == "hyper"]
    return [
        Verdict(
            "SDZERO",
            "warn",
            f"`{s.predictor}`: the sd of {_of(s)} is estimated at 0: "
            f"{_fact(evidence.problem, s)}. It has no standard error, and the other numbers are "
            "those of the model without it; AIC still counts it.",
            {"parameter": s.predictor, "group": group_of(s), "aic": top.aic},
            CURE,
        )
        for s, at_end in zip(hypers, top.at_end, strict=True)
        if at_end
    ]
