"""A community against spOccupancy 0.8.0 (R 4.2.2): msPGOcc on the 12 species of `hbef2015`.

The stored posterior has 3000 draws of a Polya-Gamma sampler. Its priors are ours here: community
means normal(0, sqrt(2.72)), community variances inverse-gamma(0.1, 0.1). Posterior means are held
to 0.1 posterior sd, or to 4 Monte Carlo errors of both samplers together where these are wider.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import stored
import xarray as xr

import surveys
from occupancy.model import Model

pytestmark = [*stored.marks, pytest.mark.slow]
VISITS = ["v1", "v2", "v3"]
PRIORS = {
    "Intercept": f"normal(0, {2.72**0.5})",
    "slopes": f"normal(0, {2.72**0.5})",
    "sd": "inverse_gamma_variance(0.1, 0.1)",
}
# Chains of the stored run that had not mixed, by its README: ovenbird's neighbours in the list.
UNMIXED = ("psi:elev-sp1", "psi:elev-sp2")


@pytest.fixture(scope="module")
def data():
    table = stored.read("hbef2015/detections.csv")
    species = list(dict.fromkeys(table["species"]))
    y = np.stack([table.loc[table["species"] == s, VISITS].to_numpy(float) for s in species])
    sites = table.loc[table["species"] == species[0], "site"].astype(str).to_list()
    y = xr.DataArray(
        y[:, :, None, :],
        dims=("species", "site", "season", "visit"),
        coords={"species": species, "site": sites},
    )
    elevation = stored.read("hbef2015/site_covariates.csv")["elevation"]
    return surveys.from_arrays(
        y,
        site_covariates={"elev": stored.standardised("hbef2015", "elevation", elevation)},
        visit_covariates={
            name: stored.standardised("hbef2015", name, stored.wide(f"hbef2015/visit_{name}.csv"))
            for name in ("day", "tod")
        },
    )


@pytest.fixture(scope="module")
def fit(data):
    model = Model(
        data,
        psi="elev + I(elev^2) + (1 + elev + I(elev^2) || species)",
        p="day + I(day^2) + tod + (1 + day + I(day^2) + tod || species)",
        priors={"psi": PRIORS, "p": PRIORS},
    )
    return model.fit(seed=2015, draws=1000, tune=800, chains=4)


def ess(draws):
    """Effective number of (chain, draw) values."""
    import arviz

    return float(arviz.ess(np.asarray(draws)[None].transpose(1, 2, 0)[..., 0]))


def by_chain(fit, values):
    """(chain, draw) of (chain * draw) values."""
    return np.asarray(values).reshape(fit.posterior.sizes["chain"], -1)


def assert_same_mean(name, draws, expected):
    off = draws.mean() - expected["mean"]
    error = np.hypot(draws.std() / ess(draws) ** 0.5, expected["sd"] / expected["ess"] ** 0.5)
    allowed = max(0.1 * expected["sd"], 4 * error)
    assert abs(off) < allowed, f"{name}: {draws.mean():.3f}, stored {expected['mean']:.3f}"


def test_community__means_and_variances_are_those_of_mspgocc(fit):
    expected = stored.read("hbef2015/msPGOcc_12species_posterior.csv", index_col="parameter")
    for name in ("psi", "p"):
        for term in fit.posterior[f"{name}_term"].values:
            draws = fit.posterior[name].sel({f"{name}_term": term}).values
            shown = "(Intercept)" if term == "Intercept" else term
            assert_same_mean(shown, draws, expected.loc[f"community {name} mean:{shown}"])
            group = "species" if term == "Intercept" else f"{term}|species"
            variance = fit.posterior[f"{name}_sd[{group}]"].values ** 2
            assert_same_mean(shown, variance, expected.loc[f"community {name} variance:{shown}"])


def test_community__coefficients_of_every_species_are_those_of_mspgocc(fit):
    expected = stored.read("hbef2015/msPGOcc_12species_species_posterior.csv")
    expected = expected.set_index("parameter").drop(index=list(UNMIXED))
    compared = 0
    for name, told in fit._of_species.items():
        draws = fit.draws.thinned(told.own.shape[0])
        assert draws.n == told.own.shape[0]
        for k, term in enumerate(told.terms):
            shown = "(Intercept)" if term == "Intercept" else term
            for s in range(told.own.shape[1]):
                key = f"{name}:{shown}-sp{s + 1}"
                if key in expected.index:
                    assert_same_mean(key, by_chain(fit, told.own[:, s, k]), expected.loc[key])
                    compared += 1
    assert compared == 84 - len(UNMIXED)


def test_community__richness_of_every_site_is_that_of_mspgocc(fit):
    expected = stored.read("hbef2015/msPGOcc_12species_richness.csv")
    mine = fit.richness("site")
    assert mine["observed"].tolist() == expected["naive_richness"].tolist()
    off = mine["sample_mean"] - expected["richness_mean"]
    assert np.abs(off / expected["richness_sd"].clip(lower=0.3)).max() < 0.25
    assert abs(off.mean()) < 0.05
    np.testing.assert_allclose(mine["sample_sd"], expected["richness_sd"], atol=0.15)


def test_community__occupancy_of_every_species_and_site_is_that_of_mspgocc(fit):
    expected = stored.read("hbef2015/msPGOcc_12species_site_species.csv")
    mine = pd.DataFrame(fit.sites().drop(columns="geometry", errors="ignore"))
    mine["site"] = mine["site"].astype(int)
    both = expected.merge(mine, on=["species", "site"], suffixes=("", "_mine"))
    assert len(both) == 12 * 373
    # The rarest bird, seen four times, has a psi of sd 0.27: its mean is known to 0.03.
    assert np.abs(both["psi_mean_mine"] - both["psi_mean"]).max() < 0.06
    assert np.abs(both["present"] - both["z_mean"]).max() < 0.08


def test_community__the_rarest_bird_leans_most_on_the_others(fit):
    table = fit.shrinkage(by="species").set_index("species")
    width = table["partial_upper"] - table["partial_lower"]
    assert width["AMRE"] > 3 * width["OVEN"]
    assert table.loc["OVEN", "partial_mean"] == pytest.approx(0.77, abs=0.02)
