"""`rw()` and `ar1()`: their covariances, their seasons to come, and the order of labels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

import surveys
from occupancy import design
from occupancy.design import Design
from occupancy.model import Model
from surveys.problems import ModelError

YEARS = np.array([2001.0, 2002, 2004, 2005, 2007, 2011])
UNEVEN = YEARS + np.array([0.1, 0.2, 0.7, 0, 0.3, 0.5])
N = 6000  # draws


def term(formula, years=YEARS, groups=("a", "b")):
    n, k = len(years), len(groups)
    frame = {
        "season": np.tile(years, k),
        "g": np.repeat(np.array(groups, dtype=object), n),
    }
    return design.build(formula, frame).groups[0]


def fresh(label):
    return np.random.default_rng([7, *label.encode()]).normal(size=N)


def jacobian(one, natural):
    """(effect, raw) of the effects along the coordinates that are sampled."""
    whole, real = one.arrays()
    columns = []
    for unit in np.eye(one.n_raw):
        effect = np.empty(one.n_effect)
        one.functions.forward(np.array(natural), unit, whole, real, effect)
        columns.append(effect)
    return np.column_stack(columns)


def brownian(t):
    """Covariance of a Wiener process from before all times."""
    t = t - t.min() + 3.0
    return np.minimum(t[:, None], t)


def integrated(t):
    """Covariance of an integrated Wiener process from before all times."""
    t = t - t.min() + 3.0
    low, high = np.minimum(t[:, None], t), np.maximum(t[:, None], t)
    return low**2 * (3 * high - low) / 6.0


def without(cov, t, order):
    """Covariance of what is left when the mean, or the line, is taken out."""
    lines = np.stack([np.ones(t.size), t][:order], axis=1)
    out = np.eye(t.size) - lines @ np.linalg.solve(lines.T @ lines, lines.T)
    return out @ cov @ out.T


# ---------------------------------------------------------------- what the prior is


@pytest.mark.parametrize("years", [YEARS, UNEVEN])
def test_rw__covariance_is_that_of_a_wiener_process_about_its_mean(years):
    j = jacobian(term("rw(season)", years, ("a",)), [0.7])
    expected = without(brownian(years), years, 1)
    expected *= 0.7**2 * years.size / expected.trace()
    np.testing.assert_allclose(j @ j.T, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(j.sum(axis=0), 0.0, atol=1e-12)


def test_rw__on_even_seasons_differences_are_independent():
    years = np.arange(2001.0, 2009.0)
    j = jacobian(term("rw(season)", years, ("a",)), [0.7])
    steps = np.diff(np.eye(8), axis=0) @ j
    cov = steps @ steps.T
    np.testing.assert_allclose(cov, cov[0, 0] * np.eye(7), atol=1e-12)


def test_rw__of_order_two_is_an_integrated_wiener_process_about_its_line():
    j = jacobian(term("rw(season, order=2)", groups=("a",)), [0.7])
    expected = without(integrated(YEARS), YEARS, 2)
    expected *= 0.7**2 * YEARS.size / expected.trace()
    np.testing.assert_allclose(j[:, 1:] @ j[:, 1:].T, expected, rtol=1e-8, atol=1e-12)
    line = 1.5 * (YEARS - YEARS.mean()) / np.std(YEARS, ddof=1)
    np.testing.assert_allclose(j[:, 0], line, rtol=1e-12)


@pytest.mark.parametrize("rho", [0.8, -0.6, 0.0])
def test_ar1__covariance_is_rho_to_the_distance(rho):
    one = term("ar1(season | g)")
    j = jacobian(one, [0.7, rho])
    lag = np.abs(YEARS[:, None] - YEARS)
    expected = 0.49 * np.where(lag == 0, 1.0, rho**lag)
    cov = j @ j.T
    np.testing.assert_allclose(cov[:6, :6], expected, atol=1e-12)
    np.testing.assert_allclose(cov[6:, 6:], expected, atol=1e-12)
    assert not cov[:6, 6:].any()


def test_ar1__on_uneven_times_rho_is_positive_and_of_the_median_gap():
    years = np.array([1.0, 1.5, 2.75, 3.25, 3.75])
    one = term("ar1(season)", years, ("a",))
    assert one.hypers[1].domain == 1
    j = jacobian(one, [1.0, 0.6])
    lag = np.abs(years[:, None] - years) / 0.5
    np.testing.assert_allclose(j @ j.T, 0.6**lag, atol=1e-12)


@pytest.mark.parametrize("formula", ["rw(season | g)", "rw(season, order=2)", "ar1(season | g)"])
@pytest.mark.parametrize("centring", [0.0, 1.0, None])
def test_time__density_is_the_dense_multivariate_normal(formula, centring):
    """log density of the effects, by the coordinates' density and Jacobian, against scipy."""
    from dataclasses import replace

    one = term(formula)
    one = replace(one, centring=centring)
    natural = np.array([0.7, 0.4])[: len(one.hypers)]
    rng = np.random.default_rng(4)
    known = rng.uniform(0, 20, one.n_effect) if centring is None else None
    whole, real = one.arrays(known)
    raw = rng.normal(size=one.n_raw)
    effect = np.empty(one.n_effect)
    value = one.functions.forward(natural, raw, whole, real, effect)
    step = 1e-5
    columns = []
    for unit in step * np.eye(one.n_raw):
        up, down = np.empty(one.n_effect), np.empty(one.n_effect)
        one.functions.forward(natural, raw + unit, whole, real, up)
        one.functions.forward(natural, raw - unit, whole, real, down)
        columns.append((up - down) / (2 * step))
    volume = np.linalg.svd(np.column_stack(columns), compute_uv=False)
    plain = jacobian(one if centring == 0.0 else replace(one, centring=0.0), natural)
    cov = plain @ plain.T
    normal = stats.multivariate_normal(np.zeros(one.n_effect), cov, allow_singular=True)
    np.testing.assert_allclose(value - np.log(volume).sum(), normal.logpdf(effect), rtol=1e-7)


# ---------------------------------------------------------------- seasons that were not surveyed


def predicted(one, natural, years, weights=None, group="a"):
    """(draw, year) of one level, effects drawn from the prior where none are given."""
    hyper = np.tile(natural, (N, 1))
    if weights is None:
        j = jacobian(one, natural)
        weights = np.random.default_rng(5).normal(size=(N, one.n_raw)) @ j.T
    frame = {"season": np.array(years, float), "g": np.array([group] * len(years), dtype=object)}
    return one.predict(hyper, weights, frame, len(years), fresh)


ALL = np.array([1998.0, 1999, 2000, 2001, 2002, 2003, 2004, 2006, 2009, 2011, 2012, 2014])


@pytest.mark.parametrize("group", ["a", "new"])
@pytest.mark.parametrize("rho", [0.8, -0.7])
def test_ar1__drawn_seasons_belong_to_the_same_process(rho, group):
    """Covariance of fitted and new seasons together, over draws of the whole prior."""
    told = predicted(term("ar1(season | g)"), [0.7, rho], ALL, group=group)
    lag = np.abs(ALL[:, None] - ALL)
    np.testing.assert_allclose(np.cov(told.T), 0.49 * rho**lag, atol=0.05)


@pytest.mark.parametrize("group", ["a", "new"])
def test_rw__differences_to_drawn_seasons_are_those_of_the_walk(group):
    one = term("rw(season | g)")
    told = predicted(one, [0.7], ALL, group=group)
    step = np.cov((told[:, 1:] - told[:, :-1]).T)
    variance = 0.49 * YEARS.size / without(brownian(YEARS), YEARS, 1).trace()
    expected = np.diag(variance * np.diff(ALL))
    np.testing.assert_allclose(step, expected, atol=0.06 * variance * np.diff(ALL).max())


def test_rw__of_order_two_goes_on_as_the_integrated_process():
    """Second differences: what neither mean nor line touches, before, between and after."""
    years = np.arange(2001.0, 2007.0)
    one = term("rw(season, order=2)", years, ("a",))
    for asked in (np.arange(2001.0, 2010.0), np.arange(1998.0, 2007.0)):
        told = np.diff(predicted(one, [0.7], asked), 2, axis=1)
        cov = without(integrated(years), years, 2)
        variance = 0.49 * years.size / cov.trace()
        second = np.diff(np.eye(asked.size), 2, axis=0)
        expected = variance * second @ integrated(asked) @ second.T
        np.testing.assert_allclose(np.cov(told.T), expected, atol=0.07 * expected.max())


@pytest.mark.parametrize("formula", ["rw(season | g)", "rw(season, order=2)", "ar1(season | g)"])
def test_time__a_season_is_the_same_whatever_is_asked_beside_it(formula):
    one = term(formula)
    rng = np.random.default_rng(6)
    natural = [0.7, 0.5][: len(one.hypers)]
    weights = rng.normal(size=(N, one.n_weight))
    asked = [1990.0, 1999.0, 2003.0, 2006.0, 2009.0, 2002.0, 2020.0, 2013.0]
    together = predicted(one, natural, asked, weights)
    for k, year in enumerate(asked):
        alone = predicted(one, natural, [year], weights)[:, 0]
        np.testing.assert_allclose(alone, together[:, k], rtol=1e-9, atol=1e-9)
    if formula.startswith("rw"):
        halves = [2002.5, 2012.25, 1997.75]
        both = predicted(one, natural, [*halves, 2030.0, 1980.0], weights)
        for k, year in enumerate(halves):
            alone = predicted(one, natural, [year], weights)[:, 0]
            np.testing.assert_allclose(alone, both[:, k], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("formula", ["rw(season | g)", "rw(season | g, order=2)", "ar1(season)"])
def test_time__predicted_at_the_surveyed_seasons_are_the_same_numbers(formula):
    frame = {"season": np.tile(YEARS, 2), "g": np.repeat(np.array(["a", "b"], object), 6)}
    made = design.build(formula, frame)
    one, again = made.groups[0], Design.from_dict(json.loads(json.dumps(made.to_dict()))).groups[0]
    rng = np.random.default_rng(3)
    natural = np.exp(-rng.random(size=(N, len(one.hypers))))
    weights = rng.normal(size=(N, one.n_weight))
    expected = weights[:, one.faces(frame)[0].index]
    for each in (one, again):
        np.testing.assert_array_equal(each.predict(natural, weights, frame, 12, fresh), expected)
        for a, b in zip(each.arrays(), one.arrays(), strict=True):
            np.testing.assert_array_equal(a, b)
    missing = frame | {"season": np.array([np.nan, *frame["season"][1:]])}
    told = one.predict(natural, weights, missing, 12, fresh)
    assert np.isnan(told[:, 0]).all()
    np.testing.assert_array_equal(told[:, 1:], expected[:, 1:])


# ---------------------------------------------------------------- labels, and what cannot be

WORDS = ["winter", "spring", "summer", "autumn"]


def in_words():
    """Seasons in words; the first site was surveyed in the last two alone."""
    rng = np.random.default_rng(8)
    y = (rng.random((30, 4, 3)) < 0.4).astype(float)
    y[0, :2] = np.nan
    data = surveys.from_arrays(y, site_covariates={"x": rng.normal(size=30)})
    return data.assign_coords(season=np.array(WORDS, dtype=object))


def test_time__labels_have_the_order_of_the_surveys():
    model = Model(in_words(), "dynamic", gamma="ar1(season)", p="rw(season)")
    gamma, p = (model.problem.predictors[n].varying[0].design for n in ("gamma", "p"))
    assert list(p.labels) == WORDS
    assert list(gamma.labels) == WORDS[:3]  # an interval has the label of the season left
    with pytest.raises(ModelError, match="monsoon here, which has no place"):
        p.predict(
            np.ones((2, 1)),
            np.zeros((2, 4)),
            {"season": np.array(["monsoon"], dtype=object)},
            1,
            fresh,
        )


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("rw(one)", "'one' is the same in every survey"),
        ("rw(two, order=2)", "needs three seasons"),
        ("rw(season, line=2)", "has no line"),
        ("rw(season | g, order=2, line=2)", "population with an sd"),
        ("rw(season, order=3)", "from 1 to 2"),
        ("ar1(season, order=1)", "no option 'order'"),
        ("ar1()", "needs a column"),
    ],
)
def test_time__what_cannot_be_is_told(formula, says):
    frame = {"season": np.tile(YEARS, 2), "one": np.ones(12), "two": np.arange(12.0) % 2}
    frame |= {"g": np.repeat(np.array(["a", "b"], object), 6)}
    with pytest.raises(ModelError, match=says):
        design.build(formula, frame)


def test_time__what_lies_too_far_or_between_is_told():
    one = term("ar1(season)", groups=("a",))
    with pytest.raises(ModelError, match=r"steps of 1, and 2003[.]5 lies between"):
        predicted(one, [1.0, 0.5], [2003.5], np.zeros((N, 6)))
    with pytest.raises(ModelError, match="more than 1000 steps"):
        predicted(term("rw(season)", groups=("a",)), [1.0], [9999.0], np.zeros((N, 6)))
