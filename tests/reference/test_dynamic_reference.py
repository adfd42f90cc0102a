"""Crossbills of Switzerland 1999-2007, nine seasons, against unmarked's colext.

Published AICs: models of the vignette of unmarked, on one set of visits for all.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from stored import assert_is_its_maximum, marks, read, standardised, wide

import surveys
from occupancy.model import Model

pytestmark = marks
YEARS = np.arange(1999, 2008)
YEAR = "0 + factor(season)"
FITS = {
    "null": {},
    "year": {"gamma": YEAR, "epsilon": YEAR, "p": YEAR},
    "cov": {"psi": "ele + I(ele^2) + forest", "epsilon": "ele", "p": "date + I(date^2)"},
}
every_fit = pytest.mark.parametrize("name", FITS)


@cache
def crossbills(dated=False):
    """The surveys; without the visits of unknown date, if ``dated``."""
    shape = (267, 9, 3)
    seen = wide("crossbill/detections.csv").reshape(shape)
    date = standardised("crossbill", "date", wide("crossbill/visit_date.csv").reshape(shape))
    if dated:
        seen = np.where(np.isnan(date), np.nan, seen)
    sites = read("crossbill/site_covariates.csv", index_col="site")
    data = surveys.from_arrays(
        seen,
        site_covariates={k: standardised("crossbill", k, sites[k]) for k in ("ele", "forest")},
        visit_covariates={"date": date},
    )
    return data.assign_coords(season=YEARS)


@cache
def fitted(name):
    return Model(crossbills(), family="dynamic", **FITS[name]).fit(engine="ml")


@every_fit
def test_unmarked__maximum(name):
    assert_is_its_maximum(fitted(name), f"crossbill/colext_{name}")


@every_fit
def test_unmarked__trajectories(name):
    """Mean over the sites: before anything was seen, and given every site's whole history."""
    expected = read(f"crossbill/colext_{name}_trajectory.csv").set_index("season")
    got = fitted(name).sites().groupby("season")[["psi_mean", "present"]].mean()
    np.testing.assert_allclose(got["psi_mean"], expected["projected"], atol=2e-6)
    np.testing.assert_allclose(got["present"], expected["smoothed"], atol=2e-6)


def test_unmarked__smoothed_means_of_the_published_null_model():
    told = [0.311, 0.386, 0.343, 0.390, 0.437, 0.402, 0.400, 0.367, 0.398]
    fit = Model(crossbills(dated=True), family="dynamic").fit(engine="ml")
    got = fit.sites().groupby("season")["present"].mean()
    np.testing.assert_allclose(got, told, atol=5e-4)
    natural = 1 / (1 + np.exp(-fit.coefficients()["mean"]))
    np.testing.assert_allclose(natural, [0.3114, 0.1228, 0.1723, 0.5161], atol=5e-5)


def season_by_season(fit):
    """P(occupied | visits of that season alone): psi projected to it, updated by them."""
    psi = fit.sites()["psi_mean"].to_numpy().reshape(267, 9)
    date = fit.data["date"].values
    flat = {"date": date.ravel(), "season": np.repeat(np.tile(YEARS, 267), 3)}
    p = fit.predict(flat, parameter="p")["p_mean"].to_numpy().reshape(date.shape)
    y = fit.data["detection"].values[0]
    missed = np.where(np.isnan(y) | np.isnan(p), 1.0, 1 - p).prod(axis=2)
    seen = np.nansum(np.where(np.isnan(p), np.nan, y), axis=2) > 0
    return np.where(seen, 1.0, psi * missed / (psi * missed + 1 - psi))


@every_fit
def test_unmarked__states_of_every_site_season_by_season(name):
    """The stored column reads one season's visits and none of the others: so do we, to compare."""
    expected = read(f"crossbill/colext_{name}_site.csv", index_col="site").to_numpy()
    np.testing.assert_allclose(season_by_season(fitted(name)), expected, atol=5e-6)


def test_present__uses_the_whole_history_of_a_site():
    """Square 255 in 2005: 0.172 from its own two visits, 0.970 from nine years.

    It was occupied in years before and seen two years later; a colonisation between is rarer than
    two visits that missed. A map of the season-by-season answer would show an empty square.
    """
    fit = fitted("cov")
    at = fit.sites().set_index(["site", "season"]).loc["255", 2005]
    assert at["detections"] == 0
    assert season_by_season(fit)[254, 6] == pytest.approx(0.1722, abs=1e-4)
    assert at["present"] == pytest.approx(0.9702, abs=1e-4)


PREDICTED = {"psi": "psi", "col": "gamma", "ext": "epsilon", "det": "p"}


@every_fit
@pytest.mark.parametrize("part", PREDICTED)
def test_unmarked__predictions(name, part):
    """Any parameter at new covariates: mean, delta-method sd and Wald's interval."""
    expected = read(f"crossbill/colext_{name}_predict_{part}.csv")
    parameter = PREDICTED[part]
    new = expected.rename(columns={"year": "season"})
    got = fitted(name).predict(new, interval=0.95, parameter=parameter)
    assert not got["extrapolated"].any()
    for mine, theirs in {"mean": "predicted", "lower": "lower95", "upper": "upper95"}.items():
        np.testing.assert_allclose(got[f"{parameter}_{mine}"], expected[theirs], atol=2e-5)
    np.testing.assert_allclose(got[f"{parameter}_sd"], expected["se"], rtol=2e-4)


DATE = "date + I(date^2)"
Y = "factor(season)"
PUBLISHED = {
    5193.50: {},
    5111.31: {"p": Y},
    5170.52: {"gamma": Y, "epsilon": Y},
    5127.61: {"gamma": Y, "epsilon": Y, "p": Y},
    5095.37: {"psi": "forest", "gamma": Y, "epsilon": Y, "p": Y},
    5059.29: {"psi": "forest", "gamma": Y, "epsilon": Y, "p": f"{Y} + {DATE}"},
    4986.36: {"psi": "forest", "gamma": Y, "epsilon": Y, "p": f"{Y} + {DATE} + forest"},
}


@pytest.mark.parametrize("aic", PUBLISHED)
def test_published__aic_on_one_set_of_visits(aic):
    """Visits of unknown date are left out of every model, or the models could not be compared."""
    fit = Model(crossbills(dated=True), family="dynamic", **PUBLISHED[aic]).fit(engine="ml")
    assert fit.aic == pytest.approx(aic, abs=0.0051)


def test_aic__a_model_that_reads_the_date_sets_its_missing_visits_aside():
    """31 visits: models with and without the date are then of different data, and one says so."""
    assert fitted("null").aic == pytest.approx(5197.4354, abs=1e-4)  # the visits without date too
    (warning,) = [w for w in fitted("cov").warnings if w.code == "MISS"]
    assert warning.numbers["visits without date"] == 31
