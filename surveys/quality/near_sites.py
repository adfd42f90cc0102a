"""Sites so close together that they may be one place under two names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys.problems import Problem
from surveys.quality.base import Evidence, Section, left_out
from surveys.quality.said import many
from surveys.shared_places import SAME_METRES, seem_shared, shared

NAME, TITLE = "near_sites", "Sites beside each other"
CLOSE_METRES = 10.0
MOST_PAIRS = 200


@dataclass(frozen=True, kw_only=True)
class NearSites(Section):
    pairs: pd.DataFrame | None = None  # site, other, metres
    nearest: np.ndarray | None = None  # metres to the nearest site, of each site with a place


def look(evidence: Evidence) -> Section:
    """Distances in the metres of the equal-area projection."""
    ds = evidence.ds
    if "easting" not in ds:
        return left_out(NAME, TITLE, "The sites have no coordinates.")
    xy = np.c_[ds["easting"].values, ds["northing"].values]
    known = np.flatnonzero(np.isfinite(xy).all(axis=1))
    if len(known) < 2:
        return left_out(NAME, TITLE, "Fewer than two sites have coordinates.")
    from scipy.spatial import cKDTree

    tree = cKDTree(xy[known])
    nearest = tree.query(xy[known], k=2)[0][:, 1]
    close = tree.query_pairs(CLOSE_METRES, output_type="ndarray") if nearest.min() < 10 else []
    names = ds["site"].values.astype(str)[known]
    rows = [(names[i], names[j], float(np.hypot(*(xy[known[i]] - xy[known[j]])))) for i, j in close]
    pairs = pd.DataFrame(rows, columns=["site", "other", "metres"])
    pairs = pairs.sort_values(["metres", "site", "other"], ignore_index=True)
    problems: tuple[Problem, ...] = ()
    codes = {p.code for p in evidence.ledger.problems}
    told_already = bool(codes & {"W029", "N029", "N686"})
    n_shared = int((nearest < SAME_METRES).sum())
    if seem_shared(n_shared, len(known)) and not told_already:
        example = (str(pairs["site"].iloc[0]), str(pairs["other"].iloc[0]))
        problems = (shared(n_shared, len(known), example),)
    elif len(pairs) and not told_already:
        a, b, metres = pairs.iloc[0]
        problems = (
            Problem(
                code="W029",
                level="warn",
                fact=f'"{a}" and "{b}" are {metres:.0f} m apart'
                + (f", and {many(len(pairs) - 1, 'further pair')}" if len(pairs) > 1 else ""),
                why="one place under two names counts as two sites",
                cure="if it is one place, give both rows one site id",
            ),
        )
    middle = float(np.median(nearest))
    return NearSites(
        name=NAME,
        title=f"{many(len(pairs), 'pair')} of sites {'is' if len(pairs) == 1 else 'are'} less "
        f"than {CLOSE_METRES:.0f} m apart"
        if len(pairs)
        else "No two sites are at one place",
        told=f"Half of {many(len(known), 'site')} have their nearest neighbour within "
        f"{_distance(middle)}; the two nearest are {_distance(float(nearest.min()))} apart.",
        do='One place in two seasons, or two cameras of one place: [sites.alias] "as written" = '
        '"as meant" makes them one site. Two true sites so near see the same animals and are '
        "not independent."
        if len(pairs)
        else "Compare the distance between neighbours with the home range of the species: where "
        "one animal uses several sites, occupancy means use.",
        numbers={
            "pairs_under_10_m": len(pairs),
            "nearest_metres": round(float(nearest.min()), 1),
            "median_metres": round(middle, 1),
            "pairs": [[a, b, round(float(m), 1)] for a, b, m in pairs[:20].itertuples(index=False)],
        },
        problems=problems,
        told_before="W029" in codes and len(pairs) > 0,
        pairs=pairs[:MOST_PAIRS],
        nearest=nearest,
    )


def _distance(metres: float) -> str:
    return f"{metres:.0f} m" if metres < 1000 else f"{metres / 1000:.3g} km"
