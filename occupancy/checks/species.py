"""Visits and detections of each species at its visited sites, as the checks count them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupancy.problem import Problem
from occupancy.results.occupied import reported


@dataclass(frozen=True)
class SpeciesCounts:
    """One species: visits and detections at each visited site, in each season it may change in.

    Attributes
    ----------
    visits, detections : (unit,)
    """

    name: str
    visits: np.ndarray
    detections: np.ndarray

    @property
    def detected(self) -> np.ndarray:
        """(unit,) whether there was a detection."""
        return self.detections > 0


def by_species(problem: Problem) -> list[SpeciesCounts]:
    """Counts of every species, in the order of the surveys."""
    visits, detections = problem.visits_by_season, problem.detections_by_season
    if not changes(problem):
        visits, detections = visits.sum(axis=2), detections.sum(axis=2)
    names = [str(s) for s in problem.data["species"].values]
    return [
        SpeciesCounts(name, v[v > 0], d[v > 0])
        for name, v, d in zip(names, visits, detections, strict=True)
    ]


def changes(problem: Problem) -> bool:
    """Whether sites may be occupied in one season of the surveys and not in another."""
    return reported(problem).size > 1


def settled(problem: Problem) -> bool:
    """Whether no species, or every one at every site, was detected: NODET and ALLDET tell of it."""
    counts = [s for s in by_species(problem) if s.visits.size]
    none = all(not s.detected.any() for s in counts)
    return none or (problem.family.proof and all(s.detected.all() for s in counts))
