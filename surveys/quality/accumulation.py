"""How fast sites with a detection were found, visit by visit: were the visits enough?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surveys.quality.base import Evidence, Section, left_out
from surveys.quality.said import many, percent

NAME, TITLE = "accumulation", "Were the visits enough?"


@dataclass(frozen=True)
class Curve:
    """Share of sites with a detection after so many visits: as they came, and in any order.

    `expected` is the mean over all orders of the visits, known exactly: a site with d detections on
    n visits shows none of them on k of these with probability C(n - d, k) / C(n, k).
    """

    species: str
    observed: np.ndarray  # after visit 1, 2, ...
    expected: np.ndarray
    surveyed: int  # sites and seasons


@dataclass(frozen=True, kw_only=True)
class Accumulation(Section):
    curves: tuple[Curve, ...] = ()
    with_visit: np.ndarray | None = None  # sites and seasons with at least so many visits
    effort: np.ndarray | None = None  # mean effort of a site and season up to that visit
    effort_units: str = ""


def look(evidence: Evidence) -> Section:
    """Curves of the most widespread species."""
    made = evidence.made
    n_visit = made.sum(axis=2)
    most = int(n_visit.max()) if n_visit.size else 0
    if most < 2:
        return left_out(
            NAME,
            TITLE,
            "No site has a second visit in a season, so that a missed species cannot be told from "
            "an absent one (occupancy explain ONEVISIT).",
        )
    if not evidence.has_zeros:
        return left_out(NAME, TITLE, "Scores are no detections before somebody sets a threshold.")
    curves = tuple(c for k in evidence.shown if (c := _curve(evidence, k)) is not None)
    if not curves:
        return left_out(NAME, TITLE, "No species was detected.")
    effort = np.where(made, np.nan_to_num(evidence.ds["effort"].values), 0.0)
    flat, rank = effort[made], (np.cumsum(made, axis=2) - 1)[made]
    surveyed = int((n_visit > 0).sum())
    mean_effort = np.cumsum(np.bincount(rank, flat, minlength=most)) / surveyed
    with_visit = np.array([(n_visit >= k).sum() for k in range(1, most + 1)])
    first = curves[0]
    last = len(first.observed)  # a species that was not always looked for has fewer visits
    end = first.observed[-1]
    needed = int(np.argmax(first.observed >= 0.9 * end)) + 1
    # The last quarter of the visits tells whether the curve still rises.
    before = first.observed[max(round(0.75 * last), 1) - 1]
    gain = end - before
    rising = gain > 0.1 * end and gain * first.surveyed >= 2
    half = max(last // 2, 1) - 1
    early = first.observed[half] - first.expected[half]
    ordered = abs(early) * first.surveyed >= max(3, 0.1 * end * first.surveyed)
    told = (
        f"After the first visit {first.species} was known from {first.observed[0]:.0%} of the "
        f"surveyed sites, after {many(last, 'visit')} from {end:.0%}. "
        f"{many(needed, 'visit')} gave nine tenths of that. "
    )
    told += (
        f"Detections came {'earlier' if early > 0 else 'later'} than if the order of visits "
        "did not matter (dashed): detection changes within the season, or animals "
        f"{'leave' if early > 0 else 'arrive'}."
        if ordered
        else "The order of the visits makes no difference (dashed: the mean of all orders)."
    )
    do = []
    if rising:
        do.append(
            "The curve still rises, so present animals were missed at further sites: the naive "
            "share is too low, and an estimate leans on the model. More visits would help."
        )
    if ordered:
        do.append(
            "Let p follow the date or the number of the visit; ask whether animals come or go."
        )
    return Accumulation(
        name=NAME,
        title=f"Naive occupancy of {first.species} "
        + ("still rises at the last visits" if rising else "levels off"),
        told=told,
        do=" ".join(do)
        or "Nothing: more visits would find few new sites. A species with few detections can "
        "level off too; look at each panel.",
        numbers={
            "visits": most,
            "nine_tenths_after": needed,
            "still_rises": bool(rising),
            "species": {
                c.species: {
                    "after_first_visit": round(float(c.observed[0]), 4),
                    "after_last_visit": round(float(c.observed[-1]), 4),
                }
                for c in curves
            },
            "sites_with_a_second_visit": percent(with_visit[1], with_visit[0]),
        },
        curves=curves,
        with_visit=with_visit,
        effort=mean_effort,
        effort_units=evidence.effort_units,
    )


def _curve(evidence: Evidence, k: int) -> Curve | None:
    y = evidence.ds["detection"].values[k]
    y = y.reshape(-1, y.shape[-1])
    known = ~np.isnan(y)
    n, d = known.sum(axis=1), (y > 0).sum(axis=1)
    surveyed, most = int((n > 0).sum()), int(n.max())
    if not d.any():
        return None
    # The first detection stands at this visit of those that were made.
    first = (np.cumsum(known, axis=1) - 1)[np.arange(len(y)), (y > 0).argmax(axis=1)][d > 0]
    observed = np.cumsum(np.bincount(first, minlength=most)) / surveyed
    pairs, times = np.unique(np.c_[n, d][n > 0], axis=0, return_counts=True)
    return Curve(evidence.species_name(k), observed, _expected(pairs, times, most), surveyed)


def _expected(pairs: np.ndarray, times: np.ndarray, most: int) -> np.ndarray:
    """Mean share detected on k visits taken at random, k = 1 .. most."""
    n, d = pairs.T.astype(float)[:, :, None]
    j = np.arange(most)[None, :]
    left = np.where(j < n, np.maximum(n - d - j, 0) / np.maximum(n - j, 1), 1.0)
    missed = np.cumprod(left, axis=1)  # C(n - d, k) / C(n, k)
    return 1 - (times[:, None] * missed).sum(axis=0) / times.sum()
