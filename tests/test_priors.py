"""Priors: read from text, exactly normalised, drawn, told in words, and set by the design."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from occupancy import design, priors
from occupancy.priors import KINDS, Prior, PriorTable
from surveys.problems import ModelError

X = np.array([-7.5, -1.2, -0.3, 0.4, 1.0, 2.5, 9.0])
POSITIVE_X = np.array([1e-3, 0.2, 1.0, 2.5, 30.0])
SEED = 20240511
# The same densities in scipy 1.16; beta is checked below through its Jacobian.
SCIPY = {
    "normal(0.5, 1.5)": stats.norm(0.5, 1.5),
    "student_t(7, 0.5, 2)": stats.t(7, 0.5, 2),
    "cauchy(1, 2.5)": stats.cauchy(1, 2.5),
    "logistic(-1, 0.7)": stats.logistic(-1, 0.7),
    "laplace(0.2, 3)": stats.laplace(0.2, 3),
    "half_normal(1.5)": stats.halfnorm(0, 1.5),
    "half_cauchy(2.5)": stats.halfcauchy(0, 2.5),
    "exponential(3)": stats.expon(0, 1 / 3),
    "gamma(2.5, 4)": stats.gamma(2.5, 0, 1 / 4),
    "inverse_gamma(3, 2)": stats.invgamma(3, 0, 2),
    "inverse_gamma_variance(3, 2)": stats.gengamma(3, -2, 0, np.sqrt(2)),
    "lognormal(-0.5, 0.8)": stats.lognorm(0.8, 0, np.exp(-0.5)),
    "lkj(2.5)": stats.beta(2.5, 2.5, -1, 2),
    "lkj(0.5)": stats.beta(0.5, 0.5, -1, 2),
    "uniform(-0.5, 1)": stats.uniform(-0.5, 1.5),
    "pc(1.5, 0.05)": stats.expon(0, 1.5 / -np.log(0.05)),
    "pc_range(5, 0.1)": stats.invgamma(1, 0, -5 * np.log(0.1)),
}
KERNEL = [text for text in SCIPY if not text.startswith(("lkj", "uniform"))]
BOUNDED_X = np.array([-0.45, -0.3, 0.1, 0.4, 0.97])
ALL = [*SCIPY, "beta(2, 5)", "uniform()", "half_student_t(4, 1.5)"]


def where_it_lives(prior: Prior) -> np.ndarray:
    if prior.is_bounded:
        return BOUNDED_X
    return POSITIVE_X if prior.is_positive else X


@pytest.mark.parametrize("text", SCIPY)
def test_log_density__equals_scipy(text):
    prior = priors.parse(text)
    x = where_it_lives(prior)
    np.testing.assert_allclose(prior.log_density(x), SCIPY[text].logpdf(x), rtol=1e-12, atol=1e-13)
    q = np.array([0.01, 0.3, 0.5, 0.975])
    np.testing.assert_allclose(prior.quantile(q), SCIPY[text].ppf(q), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("text", ["uniform()", "beta(2, 5)", "beta(0.5, 0.5)"])
def test_log_density__beta_is_that_of_the_probability_with_its_jacobian(text):
    prior = priors.parse(text)
    p = 1 / (1 + np.exp(-X))
    exact = stats.beta(*prior.arguments).logpdf(p) + np.log(p * (1 - p))
    np.testing.assert_allclose(prior.log_density(X), exact, rtol=1e-11)


def test_log_density__uniform_on_p_is_the_standard_logistic():
    np.testing.assert_allclose(
        priors.parse("uniform()").log_density(X),
        priors.parse("logistic(0, 1)").log_density(X),
        rtol=1e-14,
    )


@pytest.mark.parametrize("text", ALL)
def test_log_density__integrates_to_one(text):
    prior = priors.parse(text)
    edges = prior.quantile([0.001, 0.05, 0.5, 0.95, 0.999])
    mass = sum(
        integrate.quad(lambda x: float(np.exp(prior.log_density(x))), a, b, limit=200)[0]
        for a, b in pairwise(edges)
    )
    assert mass == pytest.approx(0.998, abs=1e-6)


@pytest.mark.parametrize("text", ALL)
def test_gradient__is_the_slope_of_the_log_density(text):
    prior = priors.parse(text)
    x = where_it_lives(prior)
    step = 1e-6 * np.maximum(np.abs(x), 1e-3)
    slope = (prior.log_density(x + step) - prior.log_density(x - step)) / (2 * step)
    np.testing.assert_allclose(prior.gradient(x), slope, rtol=2e-6, atol=1e-7)


def test_log_density__stays_finite_far_out_and_knows_its_support():
    for text in ("uniform()", "logistic(0, 1)", "student_t(3, 0, 1)", "normal(0, 1.5)"):
        prior = priors.parse(text)
        assert np.all(np.isfinite(prior.log_density([-800.0, 800.0])))
        assert np.all(np.isfinite(prior.gradient([-800.0, 800.0])))
    for kind in (k for k in KINDS.values() if k.is_positive):
        prior = Prior(kind.name, (1.5,) * len(kind.arguments))
        assert prior.log_density(-0.1) == -np.inf
        assert prior.gradient(-0.1) == 0
        assert not np.isnan(prior.log_density(0.0))
    at_zero = priors.parse("half_normal(1)").log_density(0.0)
    assert at_zero == pytest.approx(np.log(2 / np.sqrt(2 * np.pi)))


@pytest.mark.parametrize("text", ALL)
def test_sample__follows_the_quantiles(text):
    prior = priors.parse(text)
    draws = prior.sample(np.random.default_rng(SEED), 4000)
    for q in (0.1, 0.5, 0.9):
        below = np.mean(draws < prior.quantile(q))
        assert below == pytest.approx(q, abs=4 * np.sqrt(q * (1 - q) / 4000))  # 4 standard errors


def test_sample__tiny_beta_shapes_stay_finite():
    draws = priors.parse("beta(0.01, 0.01)").sample(np.random.default_rng(SEED), (100, 3))
    assert draws.shape == (100, 3)
    assert np.all(np.isfinite(draws))


@pytest.mark.parametrize(
    ("text", "mean"),
    [
        ("normal(0.5, 2)", 0.5),
        ("student_t(3, 1, 2)", 1),
        ("half_normal(2)", 2 * np.sqrt(2 / np.pi)),
        ("half_student_t(3, 1)", 2 * np.sqrt(3) / np.pi),
        ("exponential(4)", 0.25),
        ("gamma(3, 2)", 1.5),
        ("inverse_gamma(3, 2)", 1),
        ("uniform()", 0),
        ("beta(2, 1)", 1),
    ],
)
def test_mean__known_values(text, mean):
    assert priors.parse(text).mean() == pytest.approx(mean, rel=1e-12, abs=1e-15)


def test_mean__is_not_invented_where_there_is_none():
    assert np.isnan(priors.parse("cauchy(0, 1)").mean())
    assert priors.parse("half_cauchy(1)").mean() == np.inf
    assert np.isnan(priors.parse("flat()").mean())
    assert np.isnan(priors.parse("flat()").quantile(0.5))


def test_flat__has_a_density_and_no_draws():
    flat = priors.parse("flat()")
    assert np.all(flat.log_density(X) == 0)
    assert np.all(flat.gradient(X) == 0)
    with pytest.raises(ModelError, match="cannot be drawn from"):
        flat.sample(np.random.default_rng(SEED), 3)


@pytest.mark.parametrize(
    ("text", "kind", "arguments"),
    [
        ("normal(0, 1.5)", "normal", (0, 1.5)),
        (" normal ( sd=1.5 , mu = -2e-1 ) ", "normal", (-0.2, 1.5)),
        ("normal(1, sd=2)", "normal", (1, 2)),
        ("cauchy(0, 2.5)", "student_t", (1, 0, 2.5)),
        ("half_cauchy(1)", "half_student_t", (1, 1)),
        ("uniform()", "beta", (1, 1)),
        ("flat()", "flat", ()),
    ],
)
def test_parse__reads_arguments_by_place_and_by_name(text, kind, arguments):
    prior = priors.parse(text)
    assert (prior.kind, prior.arguments) == (kind, arguments)
    assert priors.parse(prior.to_text()) == prior
    assert priors.parse(prior) is prior


def test_codes__are_those_of_the_compiled_kernel():
    assert {k.name: k.code for k in KINDS.values()} == {
        "flat": 0,
        "normal": 1,
        "student_t": 2,
        "logistic": 3,
        "laplace": 4,
        "beta": 5,
        "half_normal": 10,
        "half_student_t": 11,
        "exponential": 12,
        "gamma": 13,
        "inverse_gamma": 14,
        "lognormal": 15,
        "lkj": 20,
        "uniform": 21,
        "inverse_gamma_variance": 16,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nromal(0, 1)", "Did you mean 'normal'?"),
        ("normal", "is not a prior"),
        ("normal(0)", "lacks sd"),
        ("normal(0, 1, 2)", "does not fit"),
        ("normal(0, -1)", "sd must be above 0"),
        ("normal(1e999, 1)", "mu must be finite"),
        ("normal(x, 1)", "'x' is not a number"),
        ("normal(mu=0, mu=1)", "does not fit"),
        ("normal(0, 1) + 1", "is not a prior"),
        ("normal(0, __import__('os'))", "is not a number"),
        ("__import__('os')", "is not a kind of prior"),
        ("normal(0,,1)", "'' is not a number"),
        ("normal(nan, 1)", "is not a number"),
        ("normal(0, 1)" + " " * 300, "at most 200"),
        ("", "is not a prior"),
        (3, "A prior is a text"),
    ],
)
def test_parse__refuses_in_words(text, words):
    with pytest.raises(ModelError, match=words.replace("(", r"\(").replace("?", r"\?")):
        priors.parse(text)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40) | st.text("normal(0,1.5)e-=_ ", max_size=30))
def test_parse__random_text_gives_a_prior_or_its_own_error(text):
    try:
        prior = priors.parse(text)
    except ModelError:
        return
    assert priors.parse(prior.to_text()) == prior


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.floats(1e-300, 1e300), min_size=3, max_size=3),
)
def test_to_text__keeps_every_digit(kind, numbers):
    if kind == "uniform":  # its ends are in order
        numbers = [min(numbers) / 2, max(numbers)]
    prior = Prior(kind, tuple(numbers[: len(KINDS[kind].arguments)]))
    assert priors.parse(prior.to_text()) == prior


def test_on_probability__says_what_the_default_means():
    assert priors.parse("normal(0, 1.5)").on_probability() == (
        "90 % of the prior for p at average conditions lies between 0.078 and 0.922 (median 0.5)."
    )
    assert "between 0.05 and 0.95 (median 0.5)" in priors.parse("uniform()").on_probability("psi")
    assert "says nothing" in priors.parse("flat()").on_probability()


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_defaults__leave_the_probability_open_on_every_link(link):
    table = priors.resolve(design.build("1", {}, n=4), link=link)
    says = table.table()[0]["says"]
    low, high = (float(w) for w in says.split("between ")[1].split(" (")[0].split(" and "))
    assert 0.05 < low < 0.15
    assert 0.9 < high < 0.98


FRAME = {
    "ele": np.array([250.0, 450.0, 650.0, 850.0, 1050.0, 1250.0]),
    "forest": np.array(["oak", "beech", "oak", "beech", "beech", "pine"]),
    "region": np.array(["n", "n", "s", "s", "s", "n"]),
}
SD = 374.16573867739413  # of ele: 100 sqrt(14)


def test_resolve__default_intercept_acts_at_the_mean_of_the_other_columns():
    table = priors.resolve(design.build("ele + forest", FRAME))
    expected = np.eye(4)
    expected[0, 1:] = [750, 2 / 6, 1 / 6]
    np.testing.assert_allclose(table.functional, expected, rtol=1e-15)
    assert np.linalg.det(table.functional) == pytest.approx(1)
    texts = [p.to_text() for p in table.coefficients]
    assert texts[0] == "normal(0, 1.5)"
    assert table.coefficients[1].arguments == pytest.approx((0, 1.5 / SD), rel=1e-9)
    assert texts[2:] == ["normal(0, 3)", "normal(0, 3)"]


def test_resolve__the_same_prior_whether_scaled_or_raw():
    raw = priors.resolve(design.build("ele", FRAME))
    scaled = priors.resolve(design.build("scale(ele)", FRAME))
    assert [p.to_text() for p in scaled.coefficients] == ["normal(0, 1.5)", "normal(0, 1.5)"]
    on_scaled = np.array([0.3, -0.8])
    on_raw = np.array([0.3 + 0.8 * 750 / SD, -0.8 / SD])
    # The density of the slope changes by the unit of ele, and by nothing else.
    assert raw.log_density(on_raw) - np.log(SD) == pytest.approx(
        scaled.log_density(on_scaled), abs=1e-8
    )


def test_resolve__stated_intercept_acts_where_the_columns_are_zero():
    table = priors.resolve(design.build("ele", FRAME), {"Intercept": "uniform()"})
    np.testing.assert_array_equal(table.functional, np.eye(2))
    row = table.table()[0]
    assert row["prior"] == "uniform()"
    assert row["stated"]
    assert "where every other column is 0" in row["says"]


def test_resolve__without_intercept_each_level_gets_its_prior():
    table = priors.resolve(design.build("0 + forest + ele", FRAME))
    assert table.columns == ("forest[beech]", "forest[oak]", "forest[pine]", "ele")
    expected = np.eye(4)
    expected[:3, 3] = 750
    np.testing.assert_allclose(table.functional, expected)
    assert [p.to_text() for p in table.coefficients[:3]] == ["normal(0, 1.5)"] * 3


def test_resolve__offset_is_part_of_average_conditions():
    frame = FRAME | {"area": np.exp([1.0, 2.0, 3.0, 1.0, 2.0, 3.0])}
    table = priors.resolve(design.build("1 + offset(log(area))", frame))
    assert table.coefficients[0].arguments == pytest.approx((-2, 1.5))
    assert "between 0.078 and 0.922 (median 0.5)" in table.table()[0]["says"]


def test_resolve__narrower_keys_win():
    built = design.build("ele + forest + (1 + ele || region)", FRAME)
    stated = {"slopes": "laplace(0, 1)", "ele": "cauchy(0, 2)", "sd": "exponential(1)"}
    table = priors.resolve(built, stated | {"sd[region]": "gamma(2, 2)"})
    assert [p.to_text() for p in table.coefficients] == [
        "normal(0, 1.5)",
        "student_t(1, 0, 2)",
        "laplace(0, 1)",
        "laplace(0, 1)",
    ]
    assert [p.to_text() for p in table.sds] == ["gamma(2, 2)", "exponential(1)"]
    assert [r["stated"] for r in table.table()] == [False, True, True, True, True, True]
    assert [r["prior"] for r in table.table()][1] == "cauchy(0, 2)"


def test_resolve__default_sds_follow_the_unit_of_the_slope():
    table = priors.resolve(design.build("1 + (1 + ele || region)", FRAME))
    assert table.groups == ("region", "ele|region")
    assert table.sds[0].to_text() == "half_normal(1)"
    assert table.sds[1].arguments == pytest.approx((1 / SD,), rel=1e-9)


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"elle": "normal(0, 1)"}, "`psi` has no 'elle' to set a prior for. Did you mean 'ele'?"),
        ({"ele": "half_normal(1)"}, "allows positive values only"),
        ({"ele": "uniform()"}, "for an intercept only"),
        ({"sd": "normal(0, 1)"}, "Use half_normal"),
        ({"sd[regoin]": "half_normal(1)"}, "Did you mean 'sd[region]'?"),
        ({"ele": "normal(0)"}, "`psi`, prior of 'ele': "),
    ],
)
def test_resolve__refuses_in_the_users_words(stated, words):
    with pytest.raises(ModelError) as caught:
        priors.resolve(design.build("ele + (1 | region)", FRAME), stated)
    assert words in str(caught.value)


def test_resolve__refuses_beta_off_the_logit_link_and_unknown_links():
    built = design.build("1", {}, n=4)
    with pytest.raises(ModelError, match="needs the logit link"):
        priors.resolve(built, {"Intercept": "uniform()"}, "cloglog")
    with pytest.raises(ModelError, match="No link 'loggit'"):
        priors.resolve(built, None, "loggit")


def test_prior_table__survives_json_to_the_last_digit():
    built = design.build("ele + forest + (ele || region)", FRAME)
    table = priors.resolve(built, {"Intercept": "normal(0.1, 1.1)"})
    again = PriorTable.from_dict(json.loads(json.dumps(table.to_dict())))
    np.testing.assert_array_equal(again.functional, table.functional)
    assert again.coefficients == table.coefficients
    assert again.sds == table.sds
    assert again.table() == table.table()


def test_prior_table__draws_have_the_prior_at_average_conditions():
    table = priors.resolve(design.build("ele", FRAME))
    draws = table.sample(np.random.default_rng(SEED), 4000)
    at_mean = draws @ np.array([1.0, 750.0])
    assert np.std(at_mean) == pytest.approx(1.5, rel=4 / np.sqrt(2 * 4000))  # 4 standard errors
    assert np.std(draws[:, 1]) == pytest.approx(1.5 / SD, rel=4 / np.sqrt(2 * 4000))


@pytest.mark.parametrize("text", [*KERNEL, "beta(2, 5)", "half_student_t(4, 1.5)", "flat()"])
def test_log_density__equals_that_of_the_compiled_kernel(text):
    from occupancy.kernel.densities import log_density

    prior = priors.parse(text)
    a, b, c = (*prior.arguments, 0.0, 0.0, 0.0)[:3]
    for x in where_it_lives(prior):
        value, slope = log_density(prior.code, a, b, c, x)
        assert value == pytest.approx(float(prior.log_density(x)), rel=1e-12, abs=1e-12)
        assert slope == pytest.approx(float(prior.gradient(x)), rel=1e-12, abs=1e-12)


def test_pymc__has_the_same_densities_and_draws():
    import pymc as pm
    import pytensor

    texts = [*(t for t in ALL if not t.startswith("lkj")), "flat()"]
    with pm.Model(coords={"term": ["one", "two"]}) as model:
        variables = [priors.parse(t).pymc(f"prior{i}", dims="term") for i, t in enumerate(texts)]
    points = [where_it_lives(priors.parse(t))[2:4] for t in texts]
    # Interpreted, because fifteen small graphs take longer to compile than to run.
    densities = pytensor.function(
        [],
        [pm.logp(v, p) for v, p in zip(variables, points, strict=True)],
        mode="FAST_COMPILE",
    )()
    for text, value, point in zip(texts, densities, points, strict=True):
        prior = priors.parse(text)
        # PyMC 6.4 takes the log of 2 in single precision there: a constant, without effect.
        slack = 5e-9 if prior.kind == "half_student_t" else 1e-12
        np.testing.assert_allclose(value, prior.log_density(point), rtol=1e-12, atol=slack)
    assert [v.name for v in model.free_RVs] == [f"prior{i}" for i in range(len(texts))]
    beta = variables[texts.index("beta(2, 5)")]
    with model:
        draws = pm.draw(beta, 2000, random_seed=SEED, mode="FAST_COMPILE")
    assert draws.shape == (2000, 2)
    p = 1 / (1 + np.exp(-draws))
    assert p.mean() == pytest.approx(2 / 7, abs=0.01)  # 4 standard errors of 4000 draws


def test_pymc__one_correlation_has_the_spread_of_lkj():
    import pymc as pm

    with pm.Model():
        r = priors.parse("lkj(2)").pymc("r")
        draws = pm.draw(r, 4000, random_seed=SEED, mode="FAST_COMPILE")
    assert np.abs(draws).max() < 1
    assert np.var(draws) == pytest.approx(1 / 5, rel=0.08)  # 1 / (2 eta + 1); 4 standard errors
