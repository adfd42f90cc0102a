"""Which sites were surveyed in which season: comparisons rest on the sites in both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surveys.problems import Problem
from surveys.quality.base import Evidence, Section, left_out
from surveys.quality.said import many, percent

NAME, TITLE = "seasons", "Sites in each season"


@dataclass(frozen=True, kw_only=True)
class Seasons(Section):
    visits: np.ndarray | None = None  # (site, season), sites in the order drawn
    sites: tuple[str, ...] = ()
    seasons: tuple[str, ...] = ()


def look(evidence: Evidence) -> Section:
    """Count visits by site and season."""
    ds = evidence.ds
    names = tuple(str(s) for s in ds["season"].values)
    if len(names) < 2:
        return left_out(NAME, TITLE, "There is one season.")
    visits = evidence.made.sum(axis=2)
    there = visits > 0
    n = there.sum(axis=1)
    last = there.shape[1] - there[:, ::-1].argmax(axis=1)
    order = np.lexsort((np.arange(len(n)), -last, there.argmax(axis=1), -n))
    every, once, visited = (
        int(v) for v in ((n == len(names)).sum(), (n == 1).sum(), (n > 0).sum())
    )
    by_season = there.sum(axis=0)
    low, high = int(by_season.argmin()), int(by_season.argmax())
    follow = (there[:, 1:] & there[:, :-1]).sum(axis=0)
    weak = int(follow.argmin())
    problems: tuple[Problem, ...] = ()
    if follow.min() == 0:
        problems = (
            Problem(
                code="N669",
                level="note",
                fact=f"No site was surveyed both in {names[weak]} and in {names[weak + 1]}",
                why="change between two seasons is learned from sites surveyed in both",
                cure="do not read a change between these two seasons as a change of occupancy",
            ),
        )
    return Seasons(
        name=NAME,
        title=f"{many(every, 'site')} of {visited:,} "
        f"{'was' if every == 1 else 'were'} surveyed in "
        + ("both seasons" if len(names) == 2 else f"all {len(names)} seasons"),
        told=f"{many(once, 'site')} ({percent(once, visited)}) "
        f"{'was' if once == 1 else 'were'} surveyed in one season only. "
        f"{names[high]} has most sites ({by_season[high]:,}), {names[low]} fewest "
        f"({by_season[low]:,}). Fewest sites link {names[weak]} and {names[weak + 1]}: "
        f"{follow[weak]:,}.",
        do="Nothing: seasons are compared on the same sites."
        if every == visited
        else "Ask why sites were added or given up. If it was because of the species, or of a "
        "place becoming worse, the seasons are not comparable; a covariate of that reason in psi "
        "helps.",
        numbers={
            "seasons": len(names),
            "sites_in_all": every,
            "sites_in_one": once,
            "sites_by_season": dict(zip(names, by_season.tolist(), strict=True)),
            "sites_linking": {
                f"{a} to {b}": int(f) for a, b, f in zip(names[:-1], names[1:], follow, strict=True)
            },
        },
        problems=problems,
        visits=visits[order],
        sites=tuple(ds["site"].values[order].astype(str).tolist()),
        seasons=names,
    )
