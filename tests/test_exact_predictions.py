"""What a fit predicts at the surveyed rows are its fitted values: every kind of term, every column.

The fitted values are the arithmetic of the engines, on rows in the order of the layout; the
predictions are learned again from a table, as for any other place. Draws of a maximum are as good
for that as a posterior's, and quicker to have.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

import occupancy
import surveys
from occupancy import Fit, Model
from occupancy.results.draws import natural, summary
from surveys.problems import ModelError

N = 40
TOLD = ("mean", "sd", "lower", "upper")
SITES = (
    "offset(log(area)) + (1 | region/park) + (1 | forest)",
    "scale(hole) + (1 + scale(hole) || region) + spline(hole, basis=4)",
    "space(basis=4) + bym2(region)",
    'scale(ele) + space(ele, kind="nngp") + spline(ele | region, basis=4)',
    "icar(region) + poly(ele, 2) + log(area) + factor(forest, ref='pine')",
)
VISITS = ("poly(day, 2) + (1 | observer)", "cyclic(day, period=365) + spline(day, basis=4)")
SEASONS = (
    "rw(season) + (1 | season:region)",
    "scale(snow) + ar1(season | region)",
    "space(basis=4) + bym2(region)",
)


@cache
def data(n_season: int, n_species: int = 1):
    """Two sites share a place; some visits, one site and some covariates are missing."""
    rng = np.random.default_rng(11)
    present = rng.random((n_species, N, n_season, 1)) < 0.6
    y = (present & (rng.random((n_species, N, n_season, 3)) < 0.5)).astype(float)
    y[:, 5, 0, 1], y[:, 9] = np.nan, np.nan
    hole, day = rng.uniform(200, 1400, N), rng.uniform(1, 365, (N, n_season, 3))
    hole[11], day[2, 0, 0] = np.nan, np.nan
    east = 4_000_000 + rng.uniform(0, 40_000, N)
    north = 3_000_000 + rng.uniform(0, 40_000, N)
    east[3], north[3] = east[7], north[7]
    observer = np.array(["A", "B", "C"])[np.arange(N * n_season * 3) % 3]
    out = surveys.from_arrays(
        {f"s{k}": y[k] for k in range(n_species)},
        site_covariates={
            "ele": rng.uniform(200, 1400, N),
            "area": rng.uniform(1, 9, N),
            "hole": hole,
            "forest": np.array(["oak", "beech", "pine"])[np.arange(N) % 3],
            "park": np.array([f"P{k % 8}" for k in range(N)]),
        },
        season_covariates={"snow": rng.normal(size=(N, n_season))} if n_season > 1 else None,
        visit_covariates={"day": day, "observer": observer.reshape(N, n_season, 3)},
        coordinates={"easting": east, "northing": north},
        crs="EPSG:3035",
        region=np.array([f"R{k % 4}" for k in range(N)]),
    )
    if n_season > 1:
        out = out.assign_coords(season=[2001, 2002, 2004][:n_season])
    if n_species > 1:
        out = surveys.attach_phylogeny(out, "((s0:1,s1:1):1,s2:2);")
    return surveys.attach_neighbours(out, [("R0", "R1"), ("R1", "R2")])


def fitted(fit: Fit, parameter: str) -> pd.DataFrame:
    """Mean, sd and interval at every row of the parameter's table, from the engine's arithmetic."""
    problem, draws = fit.problem, fit.draws
    p = problem.predictors[parameter]
    weights = {
        t.name: t.design.at_levels(
            draws.hypers[parameter, t.name], draws.effects[parameter, t.name]
        )
        for t in p.varying
    }
    eta = np.empty((draws.n, p.columns.shape[1]))
    for d, beta in enumerate(draws.coefficients[parameter]):
        at = beta @ p.columns + (p.offset if p.offset.size else 0.0)
        eta[d] = p.add_varying(at, {name: w[d] for name, w in weights.items()})
    eta = eta if p.sign is None else eta * p.sign
    order, n = problem.layout.site_order, fit._frames.at(p.level).n
    if p.level == "visit":
        row = np.flatnonzero(problem.used[fit._frames.made])[problem.field_rank]
    else:  # step after step in the layout, site after site in the table
        width = n // order.size
        row = (order[None, :] * width + np.arange(width)[:, None]).ravel()
    out = pd.DataFrame(np.nan, index=range(n), columns=[f"{parameter}_{k}" for k in TOLD])
    for k, values in summary(natural(p, eta), 0.9).items():
        out.loc[row, f"{parameter}_{k}"] = values
    return out


def is_exact(fit: Fit, parameter: str, folder) -> None:
    """Before and after keeping, in any order, rows twice, as psi and as a parameter."""
    p = fit.problem.predictors[parameter]
    rows = fit._frames.at(p.level)
    table = pd.DataFrame({v: np.asarray(rows[v]) for v in p.design.variables}, index=range(rows.n))
    fit.save(folder)
    for own in (fit, occupancy.load(folder)):
        told = own.predict(table, parameter=parameter)
        values = told.drop(columns="extrapolated")
        missing = table.isna().any(axis=1)
        assert values.isna().all(axis=1).equals(missing)
        if own.draws.told_at is None:
            at = fitted(own, parameter)
            at.loc[missing.to_numpy()] = np.nan
            both = at.notna().to_numpy() & values.notna().to_numpy()
            assert both.sum() == at.notna().to_numpy().sum() > 0
            np.testing.assert_allclose(values.to_numpy()[both], at.to_numpy()[both], 1e-12, 1e-13)
        order = np.random.default_rng(1).permutation(rows.n)
        order = np.append(order, order[:7])
        again = own.predict(table.iloc[order], parameter=parameter)
        pd.testing.assert_frame_equal(again, told.iloc[order], rtol=1e-12, atol=1e-13)
        if parameter == "psi":
            pd.testing.assert_frame_equal(own.predict(table), told, rtol=0, atol=0)
            known = own.sites()[list(values)].to_numpy()
            both = ~np.isnan(known)
            np.testing.assert_allclose(known[both], values.to_numpy()[both], 1e-12, 1e-13)


@pytest.mark.parametrize("formula", SITES)
def test_sites__are_predicted_as_they_were_fitted(formula: str, tmp_path):
    is_exact(Model(data(1), psi=formula).fit("ml", integrate="laplace"), "psi", tmp_path / "fit")


@pytest.mark.parametrize("formula", VISITS)
def test_visits__are_predicted_as_they_were_fitted(formula: str, tmp_path):
    is_exact(Model(data(1), p=formula).fit("ml", integrate="laplace"), "p", tmp_path / "fit")


@pytest.mark.parametrize("formula", SEASONS)
def test_rates__are_predicted_as_they_were_fitted(formula: str, tmp_path):
    fit = Model(data(3), "dynamic", gamma=formula).fit("ml", integrate="laplace")
    is_exact(fit, "gamma", tmp_path / "fit")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", ["single_season", "dynamic"])
def test_posterior__of_every_kind_is_predicted_as_it_was_fitted(family: str, tmp_path):
    """What the sampler has found is of no account here, so that a few draws do."""
    if family == "dynamic":
        formulas = {
            "gamma": "ar1(season) + spline(snow, basis=4) + (1 + scale(snow) | region)",
            "p": "rw(season | region) + cyclic(day, period=365) + (1 | observer)",
        }
    else:
        formulas = {
            "psi": "factors(1) + phylo(species) + bym2(region) + space(basis=4) + (1 | park)",
            "p": "spline(day | region, basis=4) + (1 + scale(day) | observer) + (1 | species)",
        }
    surveyed = data(3) if family == "dynamic" else data(1, 3)
    fit = Model(surveyed, family, **formulas).fit(draws=20, tune=30, chains=2)
    for parameter in formulas:
        is_exact(fit, parameter, tmp_path / parameter)


@pytest.mark.parametrize("varying", ["spline(ele, basis=4)", "icar(region)"])
def test_maximum__what_varies_widens_every_interval(varying: str):
    """A smooth has no coefficients, and its doubt is not that of the intercept."""
    fit = Model(data(1), psi=varying).fit("ml", integrate="laplace")
    rows = fit._frames.chains
    table = pd.DataFrame(
        {v: np.asarray(rows[v]) for v in fit.problem.predictors["psi"].design.variables}
    )
    told = fit.predict(table, parameter="psi")
    np.testing.assert_array_equal(told["psi_sd"], fit.predict(table)["psi_sd"])


def test_predict__what_was_surveyed_means_the_same_for_psi_and_for_a_parameter():
    """A site that was never visited shows nothing of what lies beyond its like."""
    given = data(1).copy(deep=True)
    given["ele"][9] = 4000.0
    fit = Model(given, psi="ele").fit("ml")
    table = pd.DataFrame({"ele": [500.0, 3000.0]})
    for told in (fit.predict(table), fit.predict(table, parameter="psi")):
        assert told["extrapolated"].tolist() == [False, True]


def test_factors__have_no_maximum_and_say_so():
    with pytest.raises(ModelError, match=r"products of loadings and scores.*fit\(\"nuts\"\)"):
        Model(data(1, 3), psi="factors(1)", p="(1 | species)").fit("ml")
    with pytest.raises(ModelError, match="there is one species here"):
        _ = Model(data(3), "dynamic", gamma="factors(1)").problem


def test_climb__a_pole_of_laplaces_approximation_is_no_maximum():
    """Where states are not seen, a likelihood may take the effects' own curvature away."""
    from occupancy.engines.marginal import _updated

    hessian = np.diag([-1.0, -2.0])
    np.testing.assert_array_equal(_updated(hessian, np.zeros(2), np.zeros(2)), hessian)
    rng = np.random.default_rng(3)
    n = 24
    region, ele = np.array([f"R{k % 4}" for k in range(n)]), rng.uniform(200, 1400, n)
    y = ((rng.random((n, 1)) < 0.5) & (rng.random((n, 3)) < 0.4)).astype(float)
    few = surveys.from_arrays(y, site_covariates={"ele": ele}, region=region)
    model = Model(few, psi="scale(ele) + (1 + scale(ele) | region)")
    fit = model.fit("ml", integrate="laplace")
    assert np.isfinite(fit.log_likelihood)
    assert fit.log_likelihood > Model(few, psi="scale(ele)").fit("ml").log_likelihood - 1e-6
