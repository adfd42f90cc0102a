"""One warning per file; the table below names them all.

A new check is one file with a function ``check(evidence) -> list[Verdict]`` and one line here.
Its text for `occupancy explain` stands in ``occupancy/cli/data/warnings.toml``.
"""

from __future__ import annotations

from importlib import import_module

from occupancy.checks.base import SEVERITY, Evidence, Verdict

# In this order among verdicts of one level.
CHECKS: dict[str, str] = {
    "PARTIAL": "occupancy.checks.partial",
    "DIV": "occupancy.checks.divergences",
    "RHAT": "occupancy.checks.rhat",
    "ESS": "occupancy.checks.ess",
    "EBFMI": "occupancy.checks.energy",
    "ONEVISIT": "occupancy.checks.repeated_visits",
    "BOUND": "occupancy.checks.boundary",
    "LABEL": "occupancy.checks.mirrored_labels",
    "KTRUNC": "occupancy.checks.no_upper_limit",
    "AUGMENT": "occupancy.checks.augmentation",
    "NODET": "occupancy.checks.never_detected",
    "ALLDET": "occupancy.checks.always_detected",
    "CONFOUND": "occupancy.checks.confounding",
    "SEP": "occupancy.checks.separation",
    "FLAT": "occupancy.checks.top",
    "PRIOR": "occupancy.checks.prior_sets_it",
    "LAPLACE": "occupancy.checks.laplace",
    "SDZERO": "occupancy.checks.no_spread",
    "RELEV": "occupancy.checks.few_levels",
    "BASIS": "occupancy.checks.resolution",
    "PSTAR": "occupancy.checks.cumulative_detection",
    "FP": "occupancy.checks.single_detections",
    "NMIX": "occupancy.checks.abundance_index",
    "GAP": "occupancy.checks.season_gaps",
    "MISS": "occupancy.checks.set_aside",
    "COLLIN": "occupancy.checks.collinearity",
    "TREE": "occupancy.checks.depth",
}

__all__ = ["CHECKS", "Evidence", "Verdict", "run"]


def run(evidence: Evidence) -> list[Verdict]:
    """All verdicts on a fit, most serious first.

    A check that does not apply is silent. One that fails says so in a verdict of its own: hours
    of sampling must not be lost to it, nor may its silence pass for a clean bill.
    """
    verdicts: list[Verdict] = []
    for code, place in CHECKS.items():
        try:
            verdicts += import_module(place).check(evidence)
        except Exception as error:
            verdicts.append(_not_made(code, error))
    return sorted(verdicts, key=lambda v: SEVERITY[v.level])


def _not_made(code: str, error: Exception) -> Verdict:
    reason = f"{type(error).__name__}: {error}"
    return Verdict(
        code,
        "warn",
        f"The check {code} could not be made ({reason}), so nothing is known about it here.",
        {"error": reason},
        f"Read what it looks for (occupancy explain {code}) and judge by eye; please report the "
        "error with the study file.",
    )
