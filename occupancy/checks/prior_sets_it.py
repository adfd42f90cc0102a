"""PRIOR: an answer that its prior set rather than the data, or that the two pull apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from occupancy.checks.base import Evidence, Level, Verdict
from occupancy.checks.words import KINDS, percent, quantity
from occupancy.results.draws import from_posterior
from occupancy.results.sensitivity import BY_BOTH, BY_PRIOR, PULLED, Judged, judge
from surveys.problems import listing

FEWEST_DRAWS = 400  # fewer tell the shape of a posterior too roughly
CURE = (
    "Report it together with its prior, and fit again with another prior that you could defend: "
    "what changes is not known from these surveys. More visits or sites, or knowledge from "
    "elsewhere stated as the prior, would settle it."
)
CURE_CONFLICT = (
    "Look at both: whether the prior is about this species, method and season, and whether the "
    "records are right. Then state a wider prior, or say why this one stands."
)


def check(evidence: Evidence) -> list[Verdict]:
    draws = evidence.draws
    if draws is None or draws.sizes["chain"] * draws.sizes["draw"] < FEWEST_DRAWS:
        return []
    if not all(np.isfinite(draws[name].values).all() for name in draws.data_vars):
        return []  # PARTIAL tells of them
    judged = judge(evidence.problem, from_posterior(evidence.problem, draws))
    of = {kind: [j for j in judged if j.verdict == kind] for kind in (BY_PRIOR, BY_BOTH, PULLED)}
    verdicts = []
    if rests := of[BY_PRIOR]:
        verdicts.append(_tell("warn", "{} rest{s} in large part on the prior", rests))
    if leans := of[BY_BOTH]:
        verdicts.append(_tell("note", "{} lean{s} on the prior beside the data", leans))
    levels: tuple[tuple[Level, bool], ...] = (("warn", True), ("note", False))
    for level, stated in levels:
        # A default prior is nobody's knowledge: that data overrule it is no alarm.
        own = [j for j in of[PULLED] if j.stated == stated]
        if own:
            whose = "the stated prior" if stated else "the default prior"
            verdicts.append(
                _tell(level, f"{{}}: {whose} and the data disagree", own, CURE_CONFLICT)
            )
    return verdicts


def _tell(level: Level, what: str, judged: list[Judged], cure: str = CURE) -> Verdict:
    names = [_name(j) for j in judged]
    numbers: dict[str, Any] = {"terms": names}
    for j, name in zip(judged, names, strict=True):
        numbers |= {
            f"{name}: overlap": j.overlap,
            f"{name}: contraction": j.contraction,
            f"{name}: prior sensitivity": j.prior_sensitivity,
            f"{name}: likelihood sensitivity": j.likelihood_sensitivity,
        }
    if len(judged) == 1:
        message = f"{what.format(names[0], s='s')}: {_detail(judged[0])}."
    else:
        shared = [f"{n} ({percent(j.overlap)})" for n, j in zip(names, judged, strict=True)]
        message = f"{what.format(listing(shared), s='')}; in brackets, what both share."
    return Verdict("PRIOR", level, message, numbers, cure)


def _name(judged: Judged) -> str:
    if judged.term.split("[")[0] in KINDS:
        return quantity(f"{judged.parameter}_{judged.term}")
    return quantity(judged.parameter, judged.term)


def _detail(judged: Judged) -> str:
    shared = f"posterior and prior share {percent(judged.overlap)}"
    if not judged.contraction > 0:
        return f"{shared}, and the data did not narrow it"
    return f"{shared}; the data took away {percent(judged.contraction)} of the prior's variance"
