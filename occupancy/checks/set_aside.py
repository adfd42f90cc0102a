"""MISS: what was dropped, joined, filled in or cut on the way from the files to the model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import counted
from surveys.problems import listing
from surveys.table_edges import NOTE_RULE

if TYPE_CHECKING:
    from surveys.ledger import Ledger

# Repairs that changed what the data say; others, such as a decimal comma read as one, did not.
CHANGED = {
    "R013": "blank cells filled from above",
    "R021": "sites listed twice",
    "R051": "words read as presence or absence among counts",
    "R302": "short rows filled with blanks",
    "R311": "counts cut to 0 and 1",
}
CURE = "Read the account of the rows in the report."
CURE_COVARIATE = (
    " A covariate with missing values can be left out of the model, which brings its visits or "
    "sites back."
)


def check(evidence: Evidence) -> list[Verdict]:
    left, problem = evidence.problem.left_out, evidence.problem
    facts: list[str] = []
    numbers: dict[str, int] = {}
    made = int(problem.data["detection"].notnull().sum())
    for name, n in left.visits.items():
        facts.append(f"{counted(n, 'visit')} of {made} set aside for want of {name}")
        numbers[f"visits without {name}"] = n
    for name, sites in left.sites.items():
        facts.append(f"{counted(len(sites), 'site')} left out for want of {name}: {listing(sites)}")
        numbers[f"sites without {name}"] = len(sites)
    cure = CURE + (CURE_COVARIATE if facts else "")
    ledger = _ledger(problem.data.attrs.get("ledger", ""))
    if isinstance(ledger, str):
        facts.append(ledger)
    elif ledger is not None:
        _read_account(ledger, facts, numbers)
    if not facts:
        return []
    return [Verdict("MISS", "warn", "; ".join(facts) + ".", numbers, cure)]


def _ledger(text: str) -> Ledger | str | None:
    """The account kept with the surveys, None without one, or what is wrong with it."""
    from surveys.ledger import Ledger

    if not text:
        return None
    try:
        return Ledger.from_json(text)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
        return "the account of the input rows cannot be read"


def _read_account(ledger: Ledger, facts: list[str], numbers: dict[str, int]) -> None:
    for file, rule, n in ledger.aside_notes:
        if rule == NOTE_RULE:  # no row of the survey
            continue
        facts.append(f"{counted(n, 'row')} of {file} set aside: {rule}")
        numbers[f"rows of {file}: {rule}"] = n
    for note in ledger.cell_notes:
        where = f" of {note['file']}" if note["file"] else ""
        facts.append(f"{counted(note['n'], 'cell')}{where} changed: {note['rule']}")
        numbers[f"cells{where}: {note['rule']}"] = note["n"]
    for problem in ledger.of_level("repair"):
        if problem.code in CHANGED:
            facts.append(problem.fact)
            key = CHANGED[problem.code]
            numbers[key] = numbers.get(key, 0) + 1
