"""SDZERO: the likelihood is highest where the levels of a group do not differ at all."""

from __future__ import annotations

from occupancy.checks.base import Evidence, Verdict
from occupancy.engines.compiled import Slot, slots

CURE = (
    "Report it as no difference found, not as no difference: few levels, or few sites in each, "
    'often end so. Leave the group out, or use engine = "nuts", whose interval of the sd says how '
    "large it may be."
)


def group_of(slot: Slot) -> str:
    """The group as it stands in the formula."""
    return str(slot.term).replace(":", "/")


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
            f"`{s.predictor}`: the sd of {group_of(s)} is estimated at 0: its levels differ no "
            "more than chance makes them. It has no standard error, and the other numbers are "
            "those of the model without it; AIC still counts it.",
            {"parameter": s.predictor, "group": group_of(s), "aic": top.aic},
            CURE,
        )
        for s, at_end in zip(hypers, top.at_end, strict=True)
        if at_end
    ]
