"""DIV: places where the posterior bends too sharply for the sampler to follow."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import counted, percent, quantity

BLOCK = 0.01
SMALL = 0.1  # the smallest tenth of the draws of an sd
SURE = 0.01  # chance of a gathering at a small sd by accident, over all groups
CURE = (
    "Take smaller steps: [sample] target_accept = 0.95, or 0.99. If they stay, the "
    "data say too little for this model: drop a group with few levels, or give its sd a tighter "
    'prior, as in [model.NAME.priors.psi] sd = "below 1".'
)


def check(evidence: Evidence) -> list[Verdict]:
    stats = evidence.sample_stats
    if stats is None or "diverging" not in stats:
        return []
    diverging = stats["diverging"].transpose("chain", "draw").values.astype(bool)
    n, draws = int(diverging.sum()), diverging.size
    if not n:
        return []
    share = n / draws
    gathered, at = _gathering(evidence, diverging)
    message = f"{counted(n, 'draw')} of {draws} ({percent(share)}) diverged."
    numbers = {"divergences": n, "draws": draws, "share": share}
    if gathered:
        name = quantity(gathered)
        message += (
            f" {at} of them lie where the {name.partition(': ')[2]} of "
            f"{name.partition(':')[0]} is smallest, so small values of it are missing."
        )
        numbers |= {"gathered_at": name, "of_them_there": at}
    else:
        message += " Draws near such places are missing, so means and intervals may lean."
    level = "block" if share > BLOCK or gathered else "warn"
    return [Verdict("DIV", level, message, numbers, CURE)]


def _gathering(evidence: Evidence, diverging: np.ndarray) -> tuple[str, int]:
    """The sd at whose small values most divergences lie, beyond chance; ("", 0) for none."""
    from scipy.stats import binom

    draws = evidence.draws
    if draws is None:
        return "", 0
    sds = [str(v) for v in draws.data_vars if "_sd[" in str(v)]
    n = int(diverging.sum())
    found, most = "", 0
    for name in sds:
        values = draws[name].transpose("chain", "draw").values
        if values.shape != diverging.shape:
            continue
        at = int((diverging & (values <= np.quantile(values, SMALL))).sum())
        chance = binom.sf(at - 1, n, SMALL)
        if at > n / 2 and at > most and chance < SURE / len(sds):
            found, most = name, at
    return found, most
