"""A community recovers the truth: ranks from its priors, and rare species pulled more."""

from __future__ import annotations

import numpy as np
import pytest
import ranks
import xarray as xr
from scipy.special import expit

import surveys
from occupancy import Model

SEED = 31


def nothing_seen(n_species=8, n_site=25, n_visit=3):
    """Surveys of a community in which nothing was seen yet, a third of the visits not made."""
    rng = np.random.default_rng(SEED)
    made = rng.random((n_site, 1, n_visit)) >= 0.3
    made[9::10] = False
    seen = np.broadcast_to(np.where(made, 0.0, np.nan), (n_species, n_site, 1, n_visit))
    return surveys.from_arrays(
        {f"species {k + 1}": seen[k] for k in range(n_species)},
        site_covariates={"x": rng.normal(size=n_site)},
        species_covariates={"mass": rng.normal(size=n_species)},
    )


@pytest.mark.slow
def test_ranks__truth_of_a_community_ranks_uniformly():
    setting = ranks.Setting(
        nothing_seen(),
        {"psi": "x + mass", "p": "1", "community": "species"},
        {"x": 1.5, "species": "species 2"},
        draws=120,
        tune=250,
        most=63,
    )
    verdict = ranks.judge(setting, 100, SEED)
    assert verdict, "\n".join(f"{k}: {v}" for k, v in verdict.problems.items())
    assert {"psi sd species", "psi sd center(x)|species", "p sd species"} <= set(
        verdict.first.ranks
    )
    assert "psi mass" in verdict.first.ranks


@pytest.fixture(scope="module")
def truth():
    """30 species, from everywhere to nearly nowhere, whose detection varies independently."""
    rng = np.random.default_rng(SEED)
    n_species, n_site, n_visit = 30, 80, 4
    level, seen = np.linspace(2.5, -3.5, n_species), rng.normal(-0.4, 0.7, n_species)
    z = rng.random((n_species, n_site)) < expit(level)[:, None]
    y = (rng.random((n_species, n_site, n_visit)) < expit(seen)[:, None, None]) & z[:, :, None]
    data = surveys.from_arrays(
        xr.DataArray(
            y[:, :, None].astype(float),
            dims=("species", "site", "season", "visit"),
            coords={"species": [f"s{k:02d}" for k in range(n_species)]},
        )
    )
    return data, level, seen, z, y


@pytest.fixture(scope="module")
def fit(truth):
    return Model(truth[0], community=True).fit(seed=SEED, draws=500, tune=500, chains=2)


def test_community__recovers_means_sds_and_species(truth, fit):
    _, level, seen, z, _ = truth
    means = fit.community(interval=0.99).set_index("parameter")
    for name, true in (("psi", level), ("p", seen)):
        assert means.loc[name, "lower"] < true.mean() < means.loc[name, "upper"]
        assert means.loc[name, "sigma_lower"] < true.std(ddof=1) < means.loc[name, "sigma_upper"]
        own = fit.species_coefficients(interval=0.9).query(f"parameter == '{name}'")
        inside = (own["lower"].to_numpy() < true) & (true < own["upper"].to_numpy())
        # 30 intervals of 90 %: fewer than 22 inside has a chance below 1 in 1000.
        assert inside.sum() >= 22
    rich = fit.richness(interval=0.99).iloc[0]
    assert rich["observed"] <= rich["sample_mean"] <= 30
    assert rich["sample_lower"] <= z.any(axis=1).sum() <= rich["sample_upper"]
    assert rich["at_a_site_lower"] < z.sum(axis=0).mean() < rich["at_a_site_upper"]


def test_community__pulls_rare_species_to_the_mean_more_than_common_ones(truth, fit):
    data, _, seen, _, y = truth
    mean = fit.community().set_index("parameter").loc["p", "mean"]
    own = fit.species_coefficients().query("parameter == 'p'")["mean"].to_numpy()
    alone = np.full(own.size, np.nan)
    for s in range(own.size):
        if y[s].sum(axis=1).max() > 1:  # else p alone is at an end of the scale
            told = Model(data.isel(species=[s])).fit("ml").ml.coefficients["p"][0]
            alone[s] = told if abs(told) < 4 else np.nan
    times = y.sum(axis=(1, 2))
    known = np.isfinite(alone)
    common, rare = known & (times >= 40), known & (times < 25)
    assert common.sum() >= 8
    assert rare.sum() >= 5

    def kept(which):
        """Which part of its distance from the mean a species keeps: a slope through zero."""
        x, y = alone[which] - mean, own[which] - mean
        return (x @ y) / (x @ x)

    assert kept(common) > 0.85
    assert kept(rare) < 0.75
    assert kept(rare) < kept(common) - 0.15
    # and it pays: errors of the rare are smaller than by themselves
    apart, together = (np.abs(v[rare] - seen[rare]).mean() for v in (alone, own))
    assert together < apart
