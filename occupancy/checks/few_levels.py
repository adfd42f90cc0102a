"""RELEV: a group whose sd rests on its prior, for it has few levels or hardly anything in each."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import counted, percent
from occupancy.problem import GroupTerm, Predictor, Problem
from surveys.problems import listing

FEWEST, LARGEST_SHARE = 5, 0.5
BY_PRIOR = "How much the levels differ is then set by the prior of their sd."
HARDLY = "How much the levels differ is then hardly known, and its maximum leans towards 0."
UNITS = {"site": "visited site", "visit": "visit", "season": "site and season"}
UNITS["interval"] = UNITS["season"]


def check(evidence: Evidence) -> list[Verdict]:
    verdicts = []
    for predictor in evidence.problem.predictors.values():
        told = set()
        for group in predictor.groups:  # an intercept and its slopes share their levels
            if group.design.by not in told:
                told.add(group.design.by)
                sampled = evidence.posterior is not None
                verdicts += _judge(evidence.problem, predictor, group, sampled)
    return verdicts


def _judge(
    problem: Problem, predictor: Predictor, group: GroupTerm, sampled: bool
) -> list[Verdict]:
    rows = group.level
    if predictor.level == "site":
        visits = np.bincount(problem.chain_of_visit, minlength=problem.n_chain)
        rows = rows[visits > 0]
    held = np.bincount(rows, minlength=group.n_level)
    levels, single = int((held > 0).sum()), int((held == 1).sum())
    few, thin = levels < FEWEST, single > LARGEST_SHARE * max(levels, 1)
    if not few and not thin:
        return []
    by = "/".join(group.design.by)
    rests = "its sd rests on its prior" if sampled else "its sd is hardly known"
    unit = UNITS[predictor.level]
    numbers = {
        "parameter": predictor.name,
        "group": by,
        "levels": levels,
        f"levels_with_one_{unit.split()[-1]}": single,
    }
    if few:
        names = listing([n for n, k in zip(group.design.levels, held, strict=True) if k])
        fact = f"`{predictor.name}`: the group {by} has {counted(levels, 'level')} ({names})."
        cure = f"Use {by} as a factor, {by} instead of (1 | {by}), or keep it and say in the report"
        cure += f" that {rests}."
        if by == "species":
            cure = "Estimate each species by itself, without a community, or keep them together and"
            cure += f" say in the report that {rests}."
    else:
        fact = (
            f"`{predictor.name}`: {single} of {levels} levels of {by} "
            f"({percent(single / levels)}) hold one {unit} only."
        )
        cure = f"Use larger groups in place of {by}, or keep it and say in the report that {rests}."
    message = f"{fact} {HARDLY if not sampled else BY_PRIOR}"
    return [Verdict("RELEV", "warn", message, numbers, cure)]
