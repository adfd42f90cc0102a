"""GAP: seasons that are not evenly spaced, or in which no site was visited."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.species import changes
from occupancy.checks.words import counted
from surveys.problems import listing

CURE = (
    "Read colonisation and extinction as rates of one step. A covariate that changes over time is "
    "taken from the season before where a season was left out."
)
CURE_EMPTY = " Leave out a season without visits at the end, which the rates alone fill in."


def check(evidence: Evidence) -> list[Verdict]:
    problem = evidence.problem
    if not changes(problem):
        return []
    labels = problem.data["season"].values
    skipped = problem.n_step - labels.size
    empty = [labels[t] for t in np.flatnonzero(problem.visits_by_season.sum(axis=(0, 1)) == 0)]
    facts, cure = [], CURE
    if skipped:
        apart = np.diff(problem.steps.of_season)
        at = int(np.argmax(apart))
        facts.append(
            f"The seasons are not evenly spaced: {labels[at]} and {labels[at + 1]} are "
            f"{apart[at]} steps apart. {counted(skipped, 'season')} without surveys "
            f"{'stands' if skipped == 1 else 'stand'} between, so that every rate is of one step."
        )
    if empty:
        facts.append(
            f"No visit was made in {counted(len(empty), 'season')} ({listing(empty)}): "
            "occupancy there follows from the rates alone."
        )
        cure += CURE_EMPTY
    if not facts:
        return []
    numbers = {"steps_without_surveys": skipped, "seasons_without_visits": empty}
    return [Verdict("GAP", "warn", " ".join(facts), numbers, cure)]
