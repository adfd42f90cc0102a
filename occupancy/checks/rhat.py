"""RHAT: chains that started apart do not tell the same story."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.convergence import FEWEST_DRAWS
from occupancy.checks.words import counted, quantity

WARN, BLOCK = 1.01, 1.05
CURE = (
    "Draw more: [sample] draws = 4000, tune = 2000. If it stays, two explanations may fit equally "
    "well: psi and p with the same covariate, few visits, a group with few levels."
)


def check(evidence: Evidence) -> list[Verdict]:
    draws = evidence.draws
    if draws is None or draws.sizes["draw"] < FEWEST_DRAWS:
        return []
    table = evidence.convergence
    # One value in all draws, or NaN: the sampler never moved there, which is worse than any R-hat.
    rhat = table["rhat"].fillna(np.inf).to_numpy()
    chains = int(draws.sizes["chain"])
    worst = int(rhat.argmax())
    name = quantity(table["parameter"][worst], table["term"][worst])
    above = int((rhat > WARN).sum())
    numbers = {
        "largest_rhat": rhat[worst],
        "quantity": name,
        "quantities_above_1.01": above,
        "quantities": len(rhat),
        "chains": chains,
    }
    if above:
        told = f"R-hat {rhat[worst]:.3f}" if np.isfinite(rhat[worst]) else "a chain stands still"
        who = f"{chains} chains" if chains > 1 else "halves of the only chain"
        message = (
            f"The {who} do not agree on {name} ({told}, 1.00 is agreement); "
            f"{above} of {counted(len(rhat), 'quantity', 'quantities')} above {WARN}."
        )
        level = "block" if rhat[worst] > BLOCK else "warn"
        return [Verdict("RHAT", level, message, numbers, CURE)]
    if chains == 1:
        message = (
            "One chain was drawn. Its halves agree, but nothing tells whether another start would "
            "have ended elsewhere."
        )
        return [Verdict("RHAT", "warn", message, numbers, "Draw several: [sample] chains = 4.")]
    return []
