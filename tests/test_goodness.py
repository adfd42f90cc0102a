"""Goodness of fit: chi-square of histories, residuals, and the number of occupied sites."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pandas as pd
import pytest
import rank_settings
import ranks
import salamanders
from mpmath import mp, mpf
from scipy import stats
from scipy.optimize import brentq

import surveys
from occupancy import Model, simulation
from occupancy.evaluation import given_values, linear_predictor
from occupancy.results import goodness, replicates, residuals
from occupancy.results.number_occupied import poisson_binomial
from occupancy.results.passes import predictors_at
from occupancy.results.seasons_seen import blocks_of, chances, seen_values
from surveys.problems import ModelError

HISTORIES = tuple(
    n for n in rank_settings.ENTRIES if rank_settings.ENTRIES[n].observed == "detection"
)
by_family = pytest.mark.parametrize("family", HISTORIES)
LAST = 18  # a site with visits, which keeps what it saw


@functools.cache
def drawn(family: str):
    """Twenty sites, 40 % of the visits not made, and coefficients of their own."""
    setting = rank_settings.setting(family)
    one = setting.on(setting.surveys).simulate(seed=3).isel(draw=0)
    model = setting.on(ranks.observed(setting.surveys, one).isel(site=slice(20)))
    rng = np.random.default_rng(7)
    values = {
        name: {term: 0.4 * rng.normal() for term in p.terms}
        for name, p in model.problem.predictors.items()
    }
    given = given_values(model.problem, values)
    eta = tuple(linear_predictor(p, *given[n]) for n, p in model.problem.predictors.items())
    return model, values, eta


@functools.cache
def fitted(family: str):
    return drawn(family)[0].fit("ml", seed=1)


def likelihood(model, values, y):
    """(chain,) of other detections; visits where y is NaN were not made."""
    data = model.data.assign(detection=(model.data["detection"].dims, y.astype(np.float32)))
    again = Model.from_dict(data, model.to_dict())
    return np.exp(again.evaluate(values)["log_likelihood"].values.ravel())


@pytest.fixture(scope="module")
def ridge():
    return Model(salamanders.data()).fit("ml", seed=1)


@functools.cache
def at_maximum(psi: float, p: float):
    """{history: P} of five visits in 50 digits."""
    with mp.workdps(50):
        psi, p = mpf(psi), mpf(p)
        return {
            h: psi * p ** sum(h) * (1 - p) ** (5 - sum(h)) + (0 if any(h) else 1 - psi)
            for h in itertools.product((0, 1), repeat=5)
        }


def natural(fit) -> tuple[float, float]:
    with mp.workdps(50):
        b = [fit.draws.point.coefficients[n][0, 0] for n in ("psi", "p")]
        return tuple(1 / (1 + mp.exp(-mpf(float(v)))) for v in b)


# ---------------------------------------------------------------- chances of histories


@by_family
def test_histories__have_the_likelihood_of_a_survey_of_that_block_alone(family):
    """The kernels, which are held to enumeration in 60 digits, say the same."""
    model, values, eta = drawn(family)
    problem = model.problem
    blocks = blocks_of(problem)
    told = chances(problem, blocks, eta)
    seen = np.append(seen_values(problem), -1)
    cells = np.argwhere(problem.used)[problem.field_rank]
    levels = np.array([*problem.family.detections, np.nan])
    rng = np.random.default_rng(1)
    for kind, own in enumerate(blocks.chains):
        visit = blocks.visit[kind]
        made = visit >= 0
        chain, slot = np.nonzero(made)
        row = seen[visit]
        for new in (row, np.where(made, 0, -1), np.where(made, rng.integers(0, 2, made.shape), -1)):
            y = np.full(model.data["detection"].shape, np.nan)
            y[tuple(cells[visit[chain, slot]].T)] = levels[new[chain, slot]]
            if model.family.joint:  # it refuses a species without visits
                y[:, LAST] = model.data["detection"].values[:, LAST]
            wanted = likelihood(model, values, y)
            for i in own[made[own].any(axis=1) & (own != LAST)]:
                got = told.of_histories(kind, np.array([i]), new[i][None])[0, 0]
                assert got == pytest.approx(wanted[i], rel=1e-10, abs=1e-300)


@by_family
def test_histories__add_up_to_one_and_to_the_chances_of_numbers(family):
    model, _, eta = drawn(family)
    problem = model.problem
    blocks = blocks_of(problem)
    told = chances(problem, blocks, eta)
    n_value = len(problem.family.detections)
    for kind, own in enumerate(blocks.chains):
        numbers = told.of_numbers(kind, own)
        np.testing.assert_allclose(numbers.sum(axis=1), 1.0, rtol=1e-12)
        made = blocks.visit[kind] >= 0
        few = [i for i in own if 0 < made[i].sum() <= 5]
        for i in few[:4]:
            at = np.flatnonzero(made[i])
            every = np.array(list(itertools.product(range(n_value), repeat=at.size)))
            histories = np.full((len(every), made.shape[1]), -1)
            histories[:, at] = every
            chance = told.of_histories(kind, np.array([i]), histories)[0]
            by_number = np.bincount((every > 0).sum(axis=1), weights=chance)
            np.testing.assert_allclose(
                by_number, numbers[i][: by_number.size], rtol=1e-10, atol=1e-15
            )


def test_histories__of_a_later_season_have_the_projected_occupancy():
    """Two seasons by hand in 50 digits: psi_2 = psi (1 - epsilon) + (1 - psi) gamma."""
    y = np.zeros((4, 2, 2))
    model = Model(surveys.from_arrays(y), "dynamic")
    given = {"psi": 0.3, "gamma": -0.7, "epsilon": -1.1, "p": 0.2}
    made = given_values(model.problem, {k: {"Intercept": v} for k, v in given.items()})
    eta = tuple(linear_predictor(p, *made[n]) for n, p in model.problem.predictors.items())
    told = chances(model.problem, blocks_of(model.problem), eta)
    got = told.of_histories(1, np.arange(4), np.array([[0, 0], [0, 1], [1, 1]]))
    with mp.workdps(50):
        psi, gamma, epsilon, p = (1 / (1 + mp.exp(-mpf(v))) for v in given.values())
        later = psi * (1 - epsilon) + (1 - psi) * gamma
        wanted = [
            float(v)
            for v in ((1 - later) + later * (1 - p) ** 2, later * p * (1 - p), later * p**2)
        ]
    np.testing.assert_allclose(got, np.tile(wanted, (4, 1)), rtol=1e-14)


def test_histories__of_counts_are_refused():
    data = surveys.from_arrays(count=np.array([[1.0, 0.0], [2.0, 3.0]]))
    with pytest.raises(ModelError, match=r"reads a count on each visit.*histories"):
        Model(data, "n_mixture").fit("ml").goodness()


# ---------------------------------------------------------------- chi-square


def test_goodness__blue_ridge_salamanders(ridge):
    """X2 44.7261: AICcmodavg 2.3 on unmarked 1.2 (MacKenzie et al. 2006, p. 99)."""
    got = goodness.statistics(
        ridge.problem, blocks_of(ridge.problem), predictors_at(ridge.problem, ridge.draws.point, 0)
    )
    assert got.sum() == pytest.approx(44.7261, abs=5e-5)
    with mp.workdps(50):
        seen = [tuple(int(c) for c in h) for h in salamanders.HISTORIES]
        wanted = sum(
            (seen.count(h) - 39 * chance) ** 2 / (39 * chance)
            for h, chance in at_maximum(*natural(ridge)).items()
        )
    assert got.sum() == pytest.approx(float(wanted), rel=1e-10)


def test_goodness__bootstrap_of_the_salamanders(ridge):
    """p 0.051 and c-hat 1.59 by 1500 replicates of AICcmodavg, within chance of both."""
    n = 300
    told = ridge.goodness(replicates=n, seed=4).iloc[0]
    assert told["x2"] == pytest.approx(44.7261, abs=5e-5)
    assert abs(told["p"] - 0.051) < 3 * np.sqrt(0.051 * 0.949 * (1 / n + 1 / 1500))
    assert told["c_hat"] == pytest.approx(1.59, abs=0.15)
    assert told["c_hat"] == pytest.approx(told["x2"] / told["x2_expected"])
    again = ridge.goodness(replicates=20, seed=4)
    pd.testing.assert_frame_equal(again, ridge.goodness(replicates=20, seed=4))
    assert again.attrs["failed"] == 0


def closed_form(y) -> float:
    """X2 of psi(.)p(.): p solves detections per site detected, psi follows, at most 1."""
    n_site, n_visit = y.shape
    found, per_site = y.any(axis=1).sum(), y.sum() / y.any(axis=1).sum()
    p = 1e-9
    if per_site > 1:
        p = brentq(lambda q: n_visit * q / (1 - (1 - q) ** n_visit) - per_site, 1e-9, 1 - 1e-9)
    psi = found / (n_site * (1 - (1 - p) ** n_visit))
    if psi > 1:
        psi, p = 1.0, y.mean()
    every = np.array(list(itertools.product((0, 1), repeat=n_visit)))
    k = every.sum(axis=1)
    e = n_site * (psi * p**k * (1 - p) ** (n_visit - k) + (k == 0) * (1 - psi))
    o = (y[:, None] == every).all(axis=2).sum(axis=0)
    return float(((o - e) ** 2 / e).sum())


def test_goodness__replicates_are_fitted_to_their_own_maximum(ridge):
    """Fifty replicates, some of them with psi-hat at 1, against the maximum in closed form."""
    problem, point = ridge.problem, ridge.draws.point
    blocks, rng, ends = blocks_of(problem), np.random.default_rng(5), 0
    for r in range(50):
        made = replicates.replicate(problem, point, 0, rng)
        own = replicates.refit(made, point, r)
        y = np.empty(made.observed.y.size)
        y[made.field_rank] = made.observed.y
        got = goodness.statistics(made, blocks, predictors_at(made, own, 0)).sum()
        assert got == pytest.approx(closed_form(y.reshape(39, 5)), rel=1e-5)
        ends += own.coefficients["psi"][0, 0] > 8
    assert ends > 0


def test_goodness__cohorts_have_the_same_visits_and_unseen_cells_count():
    """Missing visits and a covariate of p, all 2^3 histories of each cohort in 50 digits."""
    rng = np.random.default_rng(5)
    y = (rng.random((30, 3)) < 0.4).astype(float) * (rng.random((30, 1)) < 0.6)
    y[:10, 1] = np.nan
    y[10:14, 0] = np.nan
    y[29] = np.nan
    wind = rng.normal(size=y.shape)
    fit = Model(surveys.from_arrays(y, visit_covariates={"wind": wind}), p="wind").fit("ml", seed=1)
    point = fit.draws.point
    eta = predictors_at(fit.problem, point, 0)
    got = goodness.statistics(fit.problem, blocks_of(fit.problem), eta).sum()
    a, b = point.coefficients["p"][0]
    wanted = mpf(0)
    with mp.workdps(50):
        psi = 1 / (1 + mp.exp(-mpf(float(point.coefficients["psi"][0, 0]))))
        for pattern in {tuple(row) for row in ~np.isnan(y) if row.any()}:
            sites = [i for i in range(30) if tuple(~np.isnan(y[i])) == pattern]
            at = np.flatnonzero(pattern)
            for h in itertools.product((0, 1), repeat=at.size):
                expected = mpf(0)
                for i in sites:
                    chance = psi
                    for j, seen in zip(at, h, strict=True):
                        p = 1 / (1 + mp.exp(-(mpf(float(a)) + mpf(float(b)) * mpf(wind[i, j]))))
                        chance *= p if seen else 1 - p
                    expected += chance + (0 if any(h) else 1 - psi)
                observed = sum(tuple(y[i, at]) == h for i in sites)
                wanted += (observed - expected) ** 2 / expected
    assert got == pytest.approx(float(wanted), rel=1e-10)
    table = fit.history_frequencies()
    assert table["x2"].sum() == pytest.approx(got)
    assert table["observed"].sum() == table["expected"].sum() == pytest.approx(29)
    assert set(table["visits"]) == {"111", "101", "011"}
    told = table[table["visits"] == "101"]["history"]
    assert all(h[1] == "-" and len(h) == 3 for h in told if h != "others")


def test_goodness__long_histories_are_counted_by_their_detections():
    rng = np.random.default_rng(4)
    z = rng.random((150, 1)) < 0.5
    y = (z & (rng.random((150, 12)) < 0.2)).astype(float)
    fit = Model(surveys.from_arrays(y)).fit("ml", seed=1)
    row = fit.goodness(replicates=40).iloc[0]
    assert row["cells"] == "numbers"
    assert row["p"] > 0.02
    table = fit.history_frequencies()
    k = np.array([int(v) for v in table["history"] if v != "others"])
    psi, p = (float(v) for v in natural(fit))
    expected = 150 * (psi * stats.binom.pmf(k, 12, p) + (1 - psi) * (k == 0))
    np.testing.assert_allclose(table["expected"].to_numpy()[:-1], expected, rtol=1e-10)


def test_goodness__finds_sites_that_differ_in_how_easily_they_show_it():
    """Detection by abundance, fitted as if all occupied sites were alike."""
    rng = np.random.default_rng(3)
    number = rng.negative_binomial(0.6, 0.6 / 3.6, 250)
    p = 1 - 0.85 ** number[:, None]
    wrong = Model(surveys.from_arrays((rng.random((250, 6)) < p).astype(float))).fit("ml", seed=1)
    assert wrong.goodness(replicates=60).iloc[0]["p"] < 0.03
    z = rng.random((250, 1)) < 0.5
    right = Model(surveys.from_arrays((z & (rng.random((250, 6)) < 0.4)).astype(float)))
    assert right.fit("ml", seed=1).goodness(replicates=60).iloc[0]["p"] > 0.03


LIGHT = ("single_season", "royle_nichols", "dynamic")


@pytest.mark.parametrize(
    "family",
    [pytest.param(n, marks=() if n in LIGHT else pytest.mark.slow) for n in HISTORIES],
)
def test_goodness__answers_for_every_family_with_detections(family):
    model, fit = drawn(family)[0], fitted(family)
    told = fit.goodness(replicates=2)
    assert (told["x2"] > 0).all()
    assert told["p"].between(0, 1).all()
    n_season = 1 if model.family.closed else model.data.sizes["season"]
    per_species = n_season + (n_season > 1)
    assert len(told) == per_species * model.data.sizes["species"]
    if n_season > 1:
        one = told[told["species"] == told["species"].iloc[0]]
        assert one["x2"].iloc[:-1].sum() == pytest.approx(one["x2"].iloc[-1])
        assert one["season"].iloc[-1] == "all"
    assert fit.history_frequencies()["x2"].sum() == pytest.approx(
        told.loc[told["season"] != "all", "x2"].sum()
    )


def test_goodness__of_a_posterior_is_replicated_at_its_draws():
    fit = Model(salamanders.data()).fit("nuts", seed=3, draws=100, tune=150, chains=2)
    told = fit.goodness(replicates=80)
    assert told.attrs["method"] == "replicated data of draws"
    assert told.attrs["replicates"] == 80
    row = told.iloc[0]
    assert 0.005 < row["p"] < 0.3  # the fit is poor here too
    assert row["x2"] > 35
    with pytest.raises(ModelError, match="no number"):
        fit.goodness(replicates="many")


# ---------------------------------------------------------------- replicates


@by_family
def test_replicates__are_the_problem_of_the_surveys_they_stand_for(family):
    """New detections in the arrays, or in the surveys from the start: the same likelihood."""
    model, values, eta = drawn(family)
    problem = model.problem
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, problem.y.size).astype(float)
    full = np.full(problem.used.shape, np.nan)
    full[problem.used] = y
    data = model.data.assign(detection=(model.data["detection"].dims, full.astype(np.float32)))
    wanted = Model.from_dict(data, model.to_dict())
    made = replicates.saw(problem, y)
    for name, p in wanted.problem.predictors.items():
        np.testing.assert_array_equal(made.predictors[name].columns, p.columns)
    np.testing.assert_array_equal(made.observed.y, wanted.problem.observed.y)
    np.testing.assert_array_equal(made.seen, wanted.problem.seen)
    given = given_values(wanted.problem, values)
    eta = tuple(linear_predictor(p, *given[n]) for n, p in wanted.problem.predictors.items())
    assert made.evaluate(eta)[0] == wanted.problem.evaluate(eta)[0]


def test_replicates__known_sites_are_occupied_as_in_the_likelihood():
    """psi near 0, yet a third of the sites is known to be occupied, with p = 1/2."""
    known = (np.arange(90) % 3 == 0).astype(float)
    data = surveys.from_arrays(np.zeros((90, 40)), site_covariates={"known": known})
    problem = Model(data, known_occupied="known").problem
    seen = problem.predictors["p"].columns.shape[1]
    eta = (np.full(90, -30.0), np.zeros(seen))
    state, y = simulation.draw(problem, eta, np.random.default_rng(1))
    np.testing.assert_array_equal(state[:, 0], known)
    np.testing.assert_array_equal(y.reshape(90, 40).any(axis=1), known > 0)
    told = chances(problem, blocks_of(problem), eta).of_numbers(0, np.arange(90))
    np.testing.assert_allclose(told[:, 0], np.where(known > 0, 0.5**40, 1.0), rtol=1e-10)


# ---------------------------------------------------------------- residuals


def test_residuals__bounds_are_those_of_the_definition(ridge):
    """Salamanders in 50 digits: P(none), and P(number | at least one)."""
    table = ridge.residuals()
    with mp.workdps(50):
        number = [mpf(0)] * 6
        for h, chance in at_maximum(*natural(ridge)).items():
            number[sum(h)] += chance
        none, some = number[0], 1 - number[0]
        below = [sum(number[1:k], mpf(0)) / some for k in range(1, 8)]
    found = table["detections"].to_numpy()
    np.testing.assert_array_equal(found, salamanders.Y.sum(axis=1))
    none = float(none)
    np.testing.assert_allclose(table["occupancy_lower"], np.where(found > 0, none, 0), rtol=1e-10)
    np.testing.assert_allclose(table["occupancy_upper"], np.where(found > 0, 1, none), rtol=1e-10)
    seen = table[found > 0]
    k = found[found > 0]
    low = np.array([float(below[v - 1]) for v in k])
    high = np.array([float(below[v]) for v in k])
    np.testing.assert_allclose(seen["detection_lower"], low, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(seen["detection_upper"], high, rtol=1e-10)
    assert table.loc[found == 0, "detection"].isna().all()
    for kind in ("occupancy", "detection"):
        u = stats.norm.cdf(seen[kind])
        assert ((u >= seen[f"{kind}_lower"]) & (u <= seen[f"{kind}_upper"])).all()
    pd.testing.assert_frame_equal(table, ridge.residuals())
    assert not table["occupancy"].equals(ridge.residuals(seed=9)["occupancy"])


def test_residuals__are_normal_of_the_right_model_and_trend_with_what_is_left_out():
    rng = np.random.default_rng(6)
    n = 600
    ele, wind = rng.normal(size=n), rng.normal(size=(n, 5))
    z = rng.random(n) < 1 / (1 + np.exp(-1.2 * ele))
    p = 1 / (1 + np.exp(-(wind.mean(axis=1, keepdims=True) * 2 - 0.3)))
    y = (z[:, None] & (rng.random((n, 5)) < p)).astype(float)
    shade = np.repeat(wind.mean(axis=1)[:, None], 5, axis=1)
    data = surveys.from_arrays(y, site_covariates={"ele": ele}, visit_covariates={"shade": shade})
    right = Model(data, psi="ele", p="shade").fit("ml", seed=1).residuals()
    wrong = Model(data).fit("ml", seed=1).residuals()
    for kind, by in (("occupancy", ele), ("detection", shade[:, 0])):
        values = right[kind].to_numpy()
        known = np.isfinite(values)
        assert stats.kstest(values[known], "norm").pvalue > 1e-3
        assert abs(stats.pearsonr(values[known], by[known]).statistic) < 0.15
        left_out = wrong[kind].to_numpy()
        assert stats.pearsonr(left_out[known], by[known]).statistic > 0.25


@by_family
def test_residuals__have_a_row_for_every_site_and_season_visited(family):
    model, table = drawn(family)[0], fitted(family).residuals()
    problem = model.problem
    made = problem.visits_by_season
    made = made.sum(axis=2, keepdims=True) if model.family.closed else made
    assert len(table) == (made > 0).sum()
    assert table["visits"].sum() == problem.used.sum()
    assert table["detections"].sum() == problem.seen.sum()
    for kind in ("occupancy", "detection"):
        known = table[kind].notna()
        assert (table.loc[known, f"{kind}_lower"] <= table.loc[known, f"{kind}_upper"]).all()
    assert np.isfinite(table["occupancy"]).all()


def test_limits__of_a_certain_number_are_zero_and_one():
    got = residuals.limits(np.array([[0.25, 0.75]]), np.array([1]))
    assert [float(v[0]) for v in got["occupancy"]] == [0.25, 1.0]
    assert [float(v[0]) for v in got["detection"]] == [0.0, 1.0]


# ---------------------------------------------------------------- the number of occupied sites


@pytest.mark.parametrize("n", [1, 9, 40, 75])
def test_poisson_binomial__is_the_sum_over_subsets(n):
    p = np.random.default_rng(n).beta(0.3, 0.3, n)
    p[::7] = 1.0
    with mp.workdps(50):
        pmf = [mpf(1)]
        for v in map(float, p):
            v = mpf(v)
            pmf = [
                (pmf[k] * (1 - v) if k < len(pmf) else 0) + (pmf[k - 1] * v if k else 0)
                for k in range(len(pmf) + 1)
            ]
        wanted = [float(v) for v in pmf]
    np.testing.assert_allclose(poisson_binomial(p), wanted, rtol=1e-10)
    if n == 9:  # the recursion itself, by all 2^9 subsets
        by_hand = np.zeros(n + 1)
        for subset in itertools.product((0, 1), repeat=n):
            by_hand[sum(subset)] += np.prod(np.where(subset, p, 1 - p))
        np.testing.assert_allclose(wanted, by_hand, rtol=1e-10)


def test_poisson_binomial__of_many_sites_is_the_binomial():
    got = poisson_binomial(np.full(3000, 0.3))
    np.testing.assert_allclose(got, stats.binom.pmf(np.arange(3001), 3000, 0.3), atol=1e-13)
    assert got.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.isnan(poisson_binomial(np.array([0.2, np.nan]))).all()


def test_occupied_pmf__of_the_salamanders(ridge):
    """18 seen; each of the other 21 occupied with 0.2472 (PRESENCE), so the mean is 23.19."""
    table = ridge.occupied_pmf()
    psi, p = natural(ridge)
    with mp.workdps(50):
        missed = psi * (1 - p) ** 5
        w = missed / (1 - psi + missed)
        wanted = [
            float(mp.binomial(21, k - 18) * w ** (k - 18) * (1 - w) ** (39 - k)) if k >= 18 else 0.0
            for k in range(40)
        ]
    np.testing.assert_allclose(table["probability"], wanted, rtol=1e-10, atol=1e-300)
    assert (table["number"] * table["probability"]).sum() == pytest.approx(23.190, abs=5e-4)
    assert table["joint"].sum() == pytest.approx(1.0)
    assert (table["joint"][:18] == 0).all()


def test_occupied_pmf__of_a_posterior_is_that_of_its_joint_draws():
    fit = Model(salamanders.data()).fit("nuts", seed=3, draws=400, tune=300, chains=2)
    table = fit.occupied_pmf()
    assert table["probability"].sum() == pytest.approx(1.0, abs=1e-12)
    apart = np.abs(table["probability"].cumsum() - table["joint"].cumsum()).max()
    assert apart < 0.05  # 800 histories, half of them beside other draws
    mean = (table["number"] * table["probability"]).sum()
    assert mean == pytest.approx(fit.overall()["occupied_mean"].iloc[0], abs=0.3)
