"""Detection histories: no visit, nothing seen, seen, of every site and visit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surveys.problems import listing
from surveys.quality.base import Evidence, Section, left_out
from surveys.quality.said import many, percent, start

NAME, TITLE = "histories", "What was seen on each visit"


@dataclass(frozen=True)
class History:
    """One species: `state` (site, season, visit) is NaN, 0 or 1, its sites in the order drawn."""

    species: str
    surveyed: int
    detected: int
    visits: int
    detections: int
    state: np.ndarray
    effort: np.ndarray
    region: np.ndarray  # of each site drawn, "" where there is none

    @property
    def naive(self) -> float:
        return self.detected / self.surveyed if self.surveyed else 0.0


@dataclass(frozen=True, kw_only=True)
class Histories(Section):
    shown: tuple[History, ...] = ()
    seasons: tuple[str, ...] = ()
    effort_units: str = ""


def look(evidence: Evidence) -> Section:
    """Histories of the most widespread species, or of those asked for."""
    ds = evidence.ds
    if not evidence.made.any():
        return left_out(NAME, TITLE, "No visit was made.")
    shown = tuple(_history(evidence, k) for k in evidence.shown)
    n = ds.sizes["species"]
    cells = evidence.made.size
    made = int(evidence.made.sum())
    first = shown[0]
    others = (
        f" Of {n} species, those shown are {listing([h.species for h in shown], 6)}, "
        + ("as asked." if evidence.asked else "the most widespread first.")
        if n > 1
        else ""
    )
    never = int((evidence.naive == 0).sum())
    return Histories(
        name=NAME,
        title=f"{start(first.species)} was detected at {first.detected:,} of "
        f"{many(first.surveyed, 'site')} ({percent(first.detected, first.surveyed)})",
        told=f"{made:,} of {cells:,} possible visits were made ({percent(made, cells)}); the rest "
        f"is blank, which is no zero. {start(first.species)} was detected on "
        f"{first.detections:,} of {many(first.visits, 'visit')} "
        f"({percent(first.detections, first.visits)})." + others,
        do="Look for visits that are zero at every site and were perhaps never made, for sites "
        "that stop early, and for detections in blocks, which mean that visits are not "
        "independent. Leave blank what was not visited."
        + (
            f" {many(never, 'species', 'species')} {'was' if never == 1 else 'were'} never "
            "detected: no model can estimate where they are."
            if never
            else ""
        ),
        numbers={
            "visits": made,
            "blank": cells - made,
            "species": {
                h.species: {
                    "surveyed": h.surveyed,
                    "detected": h.detected,
                    "visits": h.visits,
                    "detections": h.detections,
                    "naive": round(h.naive, 4),
                }
                for h in shown
            },
            "never_detected": never,
        },
        shown=shown,
        seasons=tuple(str(s) for s in ds["season"].values),
        effort_units=evidence.effort_units,
    )


def _history(evidence: Evidence, k: int) -> History:
    ds = evidence.ds
    y = ds["detection"].values[k]
    state = np.where(np.isnan(y), np.nan, (y > 0).astype(np.float32)).astype(np.float32)
    visits, seen = (~np.isnan(state)).sum(axis=(1, 2)), np.nansum(state, axis=(1, 2))
    region = (
        ds["region"].values.astype(object)
        if "region" in ds
        else np.full(ds.sizes["site"], "", dtype=object)
    )
    codes = np.unique(region.astype(str), return_inverse=True)[1]
    order = np.lexsort((-visits, -seen, codes))
    return History(
        species=evidence.species_name(k),
        surveyed=int((visits > 0).sum()),
        detected=int((seen > 0).sum()),
        visits=int(visits.sum()),
        detections=int(seen.sum()),
        state=state[order],
        effort=ds["effort"].values[order],
        region=region[order],
    )
