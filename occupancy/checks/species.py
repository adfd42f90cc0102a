"""Visits and detections of each species at its visited sites, as the checks count them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupancy.problem import Problem


@dataclass(frozen=True)
class SpeciesCounts:
    """One species: visits and detections at (visited site,)."""

    name: str
    visits: np.ndarray
    detections: np.ndarray

    @property
    def detected(self) -> np.ndarray:
        """(visited site,) whether there was a detection."""
        return self.detections > 0


def by_species(problem: Problem) -> list[SpeciesCounts]:
    """Counts of every species, in the order of the surveys."""
    names = [str(s) for s in problem.data["species"].values]
    visits = problem.visits_per_chain.reshape(len(names), -1)
    detections = problem.detections_per_chain.reshape(len(names), -1)
    return [
        SpeciesCounts(name, v[v > 0], d[v > 0])
        for name, v, d in zip(names, visits, detections, strict=True)
    ]
