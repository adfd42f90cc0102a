"""What pooling did to each region: naive, alone, together, and all as one.

"Alone" is a region fitted by itself, with one psi and one p; "complete" is that model for all
sites as one. Both have two parameters, so their posterior is integrated on a grid: exact to the
grid, with the default priors, and no sampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GRID = 161
REACH = 8.0  # logits on either side: priors of sd 1.5 hold nothing beyond
PRIOR_SD = 1.5


@dataclass(frozen=True)
class Alone:
    """Posterior of psi for one set of sites."""

    mean: float
    lower: float
    upper: float


def alone(detections: np.ndarray, visits: np.ndarray, interval: float) -> Alone:
    """psi of one set of sites by themselves, constant psi and p, normal(0, 1.5) on both logits.

    Parameters
    ----------
    detections, visits : (site,) int
        Sites without visits say nothing.
    """
    made = visits > 0
    pairs, count = np.unique(
        np.stack([detections[made], visits[made]], axis=1), axis=0, return_counts=True
    )
    logit = np.linspace(-REACH, REACH, GRID)
    psi = 1 / (1 + np.exp(-logit))
    log_psi, log_empty = -np.log1p(np.exp(-logit)), -np.log1p(np.exp(logit))
    log_p, log_q = log_psi, log_empty
    prior = -0.5 * (logit / PRIOR_SD) ** 2
    log_post = prior[:, None] + prior[None, :]
    for (d, k), times in zip(pairs, count, strict=True):
        seen = log_psi[:, None] + (d * log_p + (k - d) * log_q)[None, :]
        term = seen if d > 0 else np.logaddexp(seen, log_empty[:, None])
        log_post = log_post + times * term
    weight = np.exp(log_post - log_post.max()).sum(axis=1)
    weight /= weight.sum()
    cumulative = np.cumsum(weight) - 0.5 * weight
    low, high = (1 - interval) / 2, (1 + interval) / 2
    return Alone(
        float(weight @ psi),
        float(1 / (1 + np.exp(-np.interp(low, cumulative, logit)))),
        float(1 / (1 + np.exp(-np.interp(high, cumulative, logit)))),
    )
