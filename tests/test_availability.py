"""Where a species comes and goes within a site: p* sums over where it was at each visit."""

from __future__ import annotations

import numpy as np
import pytest
import rank_settings
import ranks
from good_surveys import simulate

import surveys
from occupancy import Model
from occupancy.checks import Evidence
from occupancy.results import availability
from occupancy.results.passes import predictors_at

LOCAL = ("correlated", "phenology", "multi_scale")
by_family = pytest.mark.parametrize("family", LOCAL)


def small(family):
    """Twelve sites, 40 % of the visits not made, and a maximum of the likelihood."""
    setting = rank_settings.setting(family)
    one = setting.on(setting.surveys).simulate(seed=5).isel(draw=0)
    data = ranks.observed(setting.surveys, one).isel(site=slice(30))
    return setting.on(data)


def chance(model, values, y):
    """(site,) likelihood of these detections on the visits made."""
    made = np.isfinite(model.data["detection"].values)
    data = model.data.assign(
        detection=(model.data["detection"].dims, np.where(made, y, np.nan).astype(np.float32))
    )
    told = model.to_dict()
    return np.exp(Model.from_dict(data, told).evaluate(values)["log_likelihood"].values[0])


@by_family
def test_p_star__is_the_likelihood_of_seeing_something_at_an_occupied_site(family):
    """P(no detection) = 1 - psi + psi (1 - p*); of one, the sum over the visits that see it."""
    model = small(family)
    fit = model.fit("ml", seed=1)
    point = fit.draws.point
    values = {
        name: dict(zip(p.terms, point.coefficients[name][0], strict=True))
        for name, p in model.problem.predictors.items()
    }
    none, one = availability.few_detections(model.problem, predictors_at(model.problem, point, 0))
    psi = fit.sites().groupby("site", sort=False)["psi_mean"].first().to_numpy()
    zeros = np.zeros(model.data["detection"].shape)
    nothing = chance(model, values, zeros)
    np.testing.assert_allclose(1 - psi + psi * none, nothing, rtol=1e-10)
    single = np.zeros(nothing.size)
    for season in range(zeros.shape[2]):
        for visit in range(zeros.shape[3]):
            seen = zeros.copy()
            seen[:, :, season, visit] = 1.0
            made = np.isfinite(model.data["detection"].values[0, :, season, visit])
            single += np.where(made, chance(model, values, seen), 0.0)
    np.testing.assert_allclose(psi * one, single, rtol=1e-10, atol=1e-14)
    row = fit.detection().iloc[0]
    visited = model.problem.visits_per_chain > 0
    assert row["p_star_mean"] == pytest.approx(1 - none[visited].mean(), rel=1e-12)
    assert row["visits"] == np.median(model.problem.visits_per_chain[visited])


@by_family
def test_p_star__is_below_that_of_a_species_always_there(family):
    """What was told before: 1 - prod(1 - p), as if it never left."""
    data, options = simulate(family, n_site=120)
    fit = Model(data, family, **options).fit("ml", seed=1)
    row = fit.detection().iloc[0]
    always = 1 - (1 - row["p_mean"]) ** fit.problem.visits_per_chain.mean()
    assert row["p_star_mean"] < always - 0.005
    assert row["p_star_lower"] < row["p_star_mean"] < row["p_star_upper"]


def test_p_star__is_the_share_of_occupied_sites_that_were_seen():
    """20,000 sites by hand: eight visits to a species that comes and goes."""
    rng = np.random.default_rng(4)
    n, visits = 20_000, 8
    here = np.empty((n, visits), bool)
    here[:, 0] = rng.random(n) < 0.3
    for j in range(1, visits):
        here[:, j] = rng.random(n) < np.where(here[:, j - 1], 0.8, 0.1)
    seen = (here & (rng.random((n, visits)) < 0.4)).any(axis=1).mean()
    values = {"pi": 0.3, "theta0": 0.1, "theta1": 0.8, "p": 0.4, "psi": 0.5}
    problem = Model(surveys.from_arrays(np.zeros((3, visits))), "correlated").problem
    eta = tuple(
        np.full(p.columns.shape[1], np.log(values[name] / (1 - values[name])))
        for name, p in problem.predictors.items()
    )
    none, _ = availability.few_detections(problem, eta)
    assert abs(1 - none[0] - seen) < 4 * np.sqrt(seen * (1 - seen) / n)


@by_family
def test_pstar__warns_by_the_chance_to_see_an_occupied_site(family):
    """PSTAR once supposed the species at every visit, or said nothing of these families."""
    data, options = simulate(family, n_site=120)
    model = Model(data, family, **options)
    fit = model.fit("ml", seed=1)
    told = Evidence(model.problem, ml=fit.ml).predicted
    assert told.p_star.mean() == pytest.approx(fit.detection()["p_star_mean"].iloc[0], rel=1e-9)
    assert (told.visits == model.problem.visits_per_chain[model.problem.visits_per_chain > 0]).all()
    assert ((told.single > 0) & (told.single < 1)).all()


def test_detection__sentence_tells_the_chance_at_an_occupied_site():
    from occupancy.outputs import detection_figure, words
    from occupancy.outputs.results import Results

    data, options = simulate("multi_scale", n_site=120)
    fit = Model(data, "multi_scale", **options).fit("ml", seed=1)
    star = fit.detection()["p_star_mean"].iloc[0]
    told = detection_figure.sentence(Results.from_fit(fit))
    assert "visits to an occupied site see it at least once" in told
    assert f"with a chance of {words.percent(star)}, wherever it was" in told
