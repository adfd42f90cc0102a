"""How well the chains agree and what their draws are worth, for every quantity of a posterior."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

FEWEST_DRAWS = 8  # halves of a chain need four draws each
TAILS = (0.05, 0.95)
MEASURES = ("rhat", "ess_bulk", "ess_tail", "mcse_mean")


def convergence(posterior: xr.Dataset) -> pd.DataFrame:
    """Rank-normalised split R-hat, effective draws, and the error of the mean.

    Parameters
    ----------
    posterior : xr.Dataset
        Dims chain, draw and at most one more.

    Returns
    -------
    DataFrame with parameter, term, rhat, ess_bulk, ess_tail, mcse_mean
        One row for each number that is sampled; term is "" for a number alone. Infinite R-hat:
        chains that stand still apart from one another. NaN: too few draws to say, a draw that is
        no number, or one value in all draws. One chain is compared with itself, half by half.

    Source: Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Bayesian Analysis 16:667-718.
    """
    import pandas as pd

    rows = []
    for parameter, terms, draws in _quantities(posterior):
        measured = _measure(draws)
        for i, term in enumerate(terms):
            numbers = {k: float(measured[k][i]) for k in MEASURES}
            rows.append({"parameter": parameter, "term": term} | numbers)
    return pd.DataFrame(rows, columns=["parameter", "term", *MEASURES])


def _quantities(posterior: xr.Dataset) -> Iterator[tuple[str, list[str], np.ndarray]]:
    """Name, terms, and draws (term, chain, draw) of every variable."""
    for name, values in posterior.data_vars.items():
        others = [d for d in values.dims if d not in ("chain", "draw")]
        ordered = values.transpose(*others, "chain", "draw")
        draws = np.asarray(ordered.values, dtype=np.float64)
        draws = draws.reshape(-1, *draws.shape[-2:])
        terms = [""] if not others else [str(t) for t in values[others[0]].values]
        yield str(name), terms, draws


def _measure(draws: np.ndarray) -> dict[str, np.ndarray]:
    """Every measure for (term, chain, draw)."""
    out = {k: np.full(len(draws), np.nan) for k in MEASURES}
    if draws.shape[1] == 0 or draws.shape[2] < FEWEST_DRAWS:
        return out
    moves = np.isfinite(draws).all(axis=(1, 2)) & (np.ptp(draws, axis=(1, 2)) > 0)
    if not moves.any():
        return out
    from arviz_stats.base.array import array_stats  # slow to import

    kept = draws[moves]
    compared = kept
    if kept.shape[1] == 1:
        half = kept.shape[2] // 2
        compared = kept[:, :, : 2 * half].reshape(len(kept), 2, half)
    with np.errstate(divide="ignore", invalid="ignore"):  # chains that stand still
        out["rhat"][moves] = array_stats.rhat(compared, method="rank")
        out["ess_bulk"][moves] = array_stats.ess(kept, method="bulk")
        out["ess_tail"][moves] = array_stats.ess(kept, method="tail", prob=TAILS)
        out["mcse_mean"][moves] = array_stats.mcse(kept, method="mean")
    return out
