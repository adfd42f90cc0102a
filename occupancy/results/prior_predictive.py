"""What the priors expect before any data: naive occupancy, psi and p of surveys drawn from them.

The surveys drawn have the sites, visits and covariates of the real ones, so that the share of
sites with a detection can be set beside the real share.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from occupancy.frames import make_frames
from occupancy.problem import Problem
from occupancy.results import detection
from occupancy.results.draws import Draws, from_posterior
from occupancy.results.occupied import Occupied, Places
from occupancy.results.regions import weights_of
from surveys.problems import ModelError

CELLS_AT_ONCE = 4_000_000  # of detections simulated in one piece


def draws_at_once(problem: Problem) -> int:
    """How many surveys are drawn in one piece, so that memory does not grow with the draws."""
    return max(1, CELLS_AT_ONCE // max(problem.used.size, 1))


def table(problem: Problem, drawn: Iterable[xr.Dataset]) -> xr.Dataset:
    """Naive occupancy, psi and p of every draw; ``drawn`` are pieces as of ``Model.simulate``.

    Returns
    -------
    xr.Dataset
        ``naive`` (draw, species, season), share of the visited sites with a detection;
        ``psi`` (draw, species, season), mean occupancy probability of the sites, and ``p``
        (draw, way), mean chance to detect on a visit as made, both under the draw's coefficients;
        ``observed`` (species, season), the naive occupancy of the surveys. NaN in a season without
        visits. ``way`` names the parameter; ``way_species`` its species.
    """
    if problem.family.observes == "score":
        raise ModelError(
            "Scores are no detections until somebody sets a threshold, so the priors expect no "
            "share of sites with a detection."
        )
    visited = problem.visits_by_season > 0
    naive, psi, p, ways = [], [], [], []
    for piece in drawn:
        seen = (piece["detection"] > 0).any("visit")
        seen = seen.transpose("draw", "species", "site", "season").to_numpy()
        naive.append(_share(seen, visited))
        draws = from_posterior(problem, piece.expand_dims("chain"))
        psi.append(_psi(problem, draws))
        ways = _ways(problem, draws)
        p.append(np.stack([values for *_, values in ways], axis=1) if ways else None)
    dims = ("draw", "species", "season")
    out = xr.Dataset(
        {
            "naive": (dims, np.concatenate(naive)),
            "psi": (dims, np.concatenate(psi)),
            "observed": (dims[1:], _share(problem.detections_by_season > 0, visited)),
        },
        coords={d: problem.data[d] for d in dims[1:]},
    )
    if ways:
        out["p"] = (("draw", "way"), np.concatenate(p))
        out = out.assign_coords(
            way=("way", [name for name, *_ in ways]),
            way_species=("way", [species for _, species, _ in ways]),
        )
    return out


def _share(seen: np.ndarray, visited: np.ndarray) -> np.ndarray:
    """(..., species, season) share of the visited sites where something was seen."""
    n = visited.sum(axis=1)
    found = (seen & visited).sum(axis=-2)
    return np.where(n > 0, found / np.maximum(n, 1), np.nan)


def _psi(problem: Problem, draws: Draws) -> np.ndarray:
    """(draw, species, season) mean over the sites that have their covariates."""
    family = problem.family
    at = make_frames(problem.data, family.observes, family.steps, family.joint)
    places = Places(at.n_chain, at.chains, at.seasons, at.intervals, at.steps.n)
    sizes = problem.data.sizes
    everywhere = np.ones(sizes["site"], bool)
    weights = {str(s): weights_of(problem, s)(everywhere) for s in range(sizes["species"])}
    told = Occupied(problem, draws).weighted_mean(draws, places, weights)
    own = [told[str(s)][:, s if family.joint else 0] for s in range(sizes["species"])]
    values = np.stack(own, axis=1)  # (draw, species, season reported)
    if values.shape[2] == sizes["season"]:
        return values
    # Sites that do not change between seasons have one psi for all of them.
    return np.repeat(values[:, :, :1], sizes["season"], axis=2)


def _ways(problem: Problem, draws: Draws) -> list[tuple[str, str, np.ndarray]]:
    """(parameter, species, (draw,) mean p); none where p is no parameter of the family."""
    try:
        return detection.means(problem, draws)
    except ModelError:
        return []
