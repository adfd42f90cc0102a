"""ESS: too few independent draws for the numbers that are shown."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import counted, quantity

WARN_PER_CHAIN, BLOCK = 100, 100
CURE = (
    "Draw more: [sample] draws = 4000. Until then read no more digits than the column mcse of the "
    "coefficients supports."
)


def check(evidence: Evidence) -> list[Verdict]:
    if evidence.draws is None:
        return []
    table, sizes = evidence.convergence, evidence.draws.sizes
    least = np.fmin(table["ess_bulk"].to_numpy(), table["ess_tail"].to_numpy())
    if not np.isfinite(least).any():
        return []  # RHAT tells of draws that never moved, PARTIAL of too few
    wanted = WARN_PER_CHAIN * sizes["chain"]
    worst = int(np.nanargmin(least))
    if least[worst] >= wanted:
        return []
    where = "bulk" if table["ess_bulk"][worst] <= table["ess_tail"][worst] else "tails"
    name = quantity(table["parameter"][worst], table["term"][worst])
    below = int((least < wanted).sum())
    made = sizes["chain"] * sizes["draw"]
    message = (
        f"The {counted(made, 'draw')} of {name} are worth {least[worst]:.0f} independent ones in "
        f"the {where}; {wanted} are needed ({WARN_PER_CHAIN} a chain). "
        f"{below} of {counted(len(least), 'quantity', 'quantities')} below that."
    )
    numbers = {
        "smallest_ess": least[worst],
        "quantity": name,
        "where": where,
        "needed": wanted,
        "quantities_below": below,
        "draws": made,
    }
    return [Verdict("ESS", "block" if least[worst] < BLOCK else "warn", message, numbers, CURE)]
