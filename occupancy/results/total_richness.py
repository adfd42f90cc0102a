"""How many species the community has, those that nobody detected among them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

from occupancy.families.augmented import OMEGA
from occupancy.problem import Problem
from occupancy.results.draws import Draws, summary
from occupancy.results.passes import Pass


def total_richness(problem: Problem, draws: Draws, passed: Pass, interval: float) -> pd.DataFrame:
    """One row: N, the species of the community, present on the surveyed sites or not.

    N counts the species that were detected and, in every draw, those of the others that are
    members of the community given all that was seen.

    Returns
    -------
    DataFrame
        detected; never_detected (listed or added); ``N_*``; ``undetected_*``, N less the species
        detected; ``Omega_*``; at_most, the most that N could be, and share_at_most, the share of
        draws in which it comes within a twentieth of the added species of that. Mean, sd, lower
        and upper. ``attrs["N"]`` {number: probability}.
    """
    if passed.member is None:
        raise ValueError("the species of this model are all members")
    n = passed.member.sum(axis=1)
    never = problem.never_detected
    detected = int((~never).sum())
    row: dict[str, float] = {"detected": detected, "never_detected": int(never.sum())}
    omega = expit(draws.coefficients[OMEGA][:, 0])
    told = {"N": n, "undetected": n - detected, "Omega": omega}
    for name, values in told.items():
        whole = summary(np.asarray(values, float)[:, None], interval)
        row |= {f"{name}_{k}": float(v[0]) for k, v in whole.items()}
    row["at_most"] = never.size
    row["share_at_most"] = float((n >= never.size - never.sum() // 20).mean())
    table = pd.DataFrame([row])
    values, counts = np.unique(n, return_counts=True)
    shares = (counts / n.size).tolist()
    table.attrs |= {"interval": interval, "N": dict(zip(values.tolist(), shares, strict=True))}
    return table
