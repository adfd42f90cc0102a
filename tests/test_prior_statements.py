"""Statements: read by a closed grammar, and the prior has exactly the mass that they say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import surveys
from occupancy import design, links, priors
from occupancy.model import Model
from occupancy.priors import Prior
from occupancy.priors.in_words import number
from occupancy.priors.of_hypers import for_hyper
from occupancy.priors.stated import Target
from occupancy.priors.statements import Statement, is_statement, read
from occupancy.varying.base import POSITIVE, SHARE, Hyper
from surveys.problems import ModelError

FRAME = {
    "ele": np.array([250.0, 450.0, 650.0, 850.0, 1050.0, 1250.0]),
    "forest": np.array(["oak", "beech", "oak", "beech", "beech", "pine"]),
    "region": np.array(["n", "n", "s", "s", "s", "n"]),
    "area": np.exp([1.0, 2.0, 3.0, 1.0, 2.0, 3.0]),
}
SD = 374.16573867739413  # of ele: 100 sqrt(14)


def resolve(formula="1", link="logit", parameter="p", **stated):
    built = design.build(formula, FRAME, parameter, n=6)
    return priors.resolve(built, stated, link)


def mass(prior: Prior, low: float, high: float) -> float:
    """Integral of the density between two values of the coefficient, by quadrature."""
    density = lambda x: float(np.exp(prior.log_density(x)))  # noqa: E731
    return integrate.quad(density, low, high, epsabs=1e-12, epsrel=1e-11, limit=300)[0]


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("link", "low", "high"),
    [
        ("logit", 0.05, 0.4),
        ("probit", 0.05, 0.4),
        ("cloglog", 0.05, 0.4),
        ("log", 0.5, 12),
        ("identity", -1, 2.5),
        ("logit", 1e-9, 1 - 1e-9),
    ],
)
def test_between__has_nine_tenths_of_the_natural_scale_inside(link, low, high):
    prior = resolve(link=link, Intercept=f"between {low!r} and {high!r}").coefficients[0]
    forward = links.LINKS[link].forward
    a, b = float(forward(low)), float(forward(high))
    assert mass(prior, a, b) == pytest.approx(0.9, abs=1e-9)
    far = a - 40 * prior.arguments[1]
    assert mass(prior, far, a) == pytest.approx(0.05, abs=1e-9)  # equal tails
    # On the natural scale itself, with the Jacobian, where that scale can be integrated over.
    if low > 0.01 and link != "identity":
        value = links.LINKS[link]
        grid = np.linspace(low, high, 20001)
        eta = value.forward(grid)
        density = np.exp(prior.log_density(eta)) / value.derivative(eta)
        assert integrate.simpson(density, x=grid) == pytest.approx(0.9, abs=1e-7)


def test_between__by_hand():
    prior = resolve(Intercept="between 0.05 and 0.4").coefficients[0]
    low, high = np.log(0.05 / 0.95), np.log(0.4 / 0.6)
    assert prior.kind == "normal"
    assert prior.arguments == pytest.approx(
        ((low + high) / 2, (high - low) / 2 / 1.6448536269514722), rel=1e-14
    )


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_about__has_its_median_and_nine_tenths_around_it(link):
    prior = resolve(link=link, Intercept="about 0.3, give or take 0.2").coefficients[0]
    forward = links.LINKS[link].forward
    assert float(links.LINKS[link].inverse(prior.quantile(0.5))) == pytest.approx(0.3, rel=1e-12)
    assert mass(prior, float(forward(0.1)), float(forward(0.5))) == pytest.approx(0.9, abs=1e-9)


def test_about__within_a_factor_is_for_numbers_without_an_upper_end():
    prior = resolve(link="log", Intercept="about 6 within a factor of 3").coefficients[0]
    assert np.exp(prior.quantile([0.05, 0.5, 0.95])) == pytest.approx([2, 6, 18], rel=1e-12)


def test_about__worth_sites_is_the_beta_of_so_many():
    prior = resolve(Intercept="about 0.3, worth 20 sites").coefficients[0]
    assert (prior.kind, prior.arguments) == ("beta", pytest.approx((6, 14), rel=1e-14))
    p = stats.beta(6, 14)
    assert p.mean() == pytest.approx(0.3)
    assert mass(prior, -60, float(links.LINKS["logit"].forward(0.3))) == pytest.approx(
        p.cdf(0.3), abs=1e-9
    )


@pytest.mark.parametrize(("text", "end"), [("below 0.4", 0.4), ("above 0.7", 0.7)])
def test_one_end__leaves_a_twentieth_beyond(text, end):
    prior = resolve(Intercept=text).coefficients[0]
    below = mass(prior, -80, float(links.LINKS["logit"].forward(end)))
    assert below == pytest.approx(0.95 if text.startswith("below") else 0.05, abs=1e-9)


def test_percent__is_a_hundredth():
    plain = resolve(Intercept="between 0.05 and 0.4").coefficients
    assert resolve(Intercept="between 5 and 40 %").coefficients == plain
    assert resolve(Intercept="between 5% and 40%").coefficients == plain


def test_intercept__acts_at_average_conditions_and_with_the_mean_of_the_offset():
    table = resolve("ele + forest + offset(log(area))", Intercept="between 0.05 and 0.4")
    np.testing.assert_allclose(table.functional[0], [1, 750, 2 / 6, 1 / 6], rtol=1e-14)
    plain = resolve(Intercept="between 0.05 and 0.4").coefficients[0]
    assert table.coefficients[0].arguments == pytest.approx(
        (plain.arguments[0] - 2, plain.arguments[1]), rel=1e-12
    )
    row = table.table()[0]
    assert row["says"] == (
        "90 % of the prior for p at average conditions lies between 0.05 and 0.4 (median 0.158)."
    )
    assert row["acts_on"] == "the mean of the other columns"
    assert row["stated"]
    # The draws have it too: p at the mean of the columns.
    beta = table.sample(np.random.default_rng(3), 4000)
    at_mean = 1 / (1 + np.exp(-(beta @ [1, 750, 2 / 6, 1 / 6] + 2)))
    assert np.mean((at_mean > 0.05) & (at_mean < 0.4)) == pytest.approx(0.9, abs=0.019)  # 4 se


def test_level__without_intercept_takes_a_statement_of_its_own():
    table = resolve("0 + forest + ele", **{"forest[oak]": "between 0.1 and 0.2"})
    np.testing.assert_allclose(table.functional[1], [0, 1, 0, 750])
    assert "between 0.1 and 0.2" in table.table()[1]["says"]


# ---------------------------------------------------------------- effects


@pytest.mark.parametrize("link", ["logit", "cloglog", "log"])
def test_effect__is_a_factor_for_one_sd_or_for_one_unit(link):
    for text, step in [
        ("between 0.5 and 2 times", SD),
        ("between 0.5 and 2 times per sd", SD),
        ("between 0.5 and 2 times per unit", 1.0),
    ]:
        prior = resolve("ele", link, ele=text).coefficients[1]
        low, high = np.log(0.5) / step, np.log(2) / step
        assert mass(prior, low, high) == pytest.approx(0.9, abs=1e-9)
        assert prior.quantile(0.05) == pytest.approx(low, rel=1e-12)


def test_effect__of_a_level_is_against_its_reference():
    table = resolve("ele + forest", slopes="about 2 times, within a factor of 1.5 per sd")
    assert np.exp(table.coefficients[1].quantile([0.05, 0.5]) * SD) == pytest.approx([2 / 1.5, 2])
    assert np.exp(table.coefficients[2].quantile([0.05, 0.95])) == pytest.approx([2 / 1.5, 3])
    assert table.table()[1]["says"] == (
        "90 % of the prior: one sd more of ele multiplies the odds of p by 1.3 to 3 (median 2)."
    )
    assert table.table()[2]["says"].startswith("90 % of the prior: forest[oak] against its ref")


# ---------------------------------------------------------------- standard deviations


def test_sd__below_is_the_prior_that_penalises_complexity():
    table = resolve("1 + (1 | region)", sd="below 1.5")
    assert table.sds == resolve("1 + (1 | region)", sd="pc(1.5, 0.05)").sds
    assert mass(table.sds[0], 1.5, np.inf) == pytest.approx(0.05, abs=1e-9)
    assert "95 % below 1.5." in table.table()[1]["says"]
    # half of the prior lies below ln 2 / rate; nine in ten groups within e^(1.645 sd)
    half = np.log(2) * 1.5 / -np.log(0.05)
    assert f"within {number(np.exp(1.6448536 * half))} times the mean" in table.table()[1]["says"]


def test_sd__two_ends_or_a_middle():
    prior = resolve("1 + (1 | region)", sd="between 0.2 and 1").sds[0]
    assert mass(prior, 0.2, 1) == pytest.approx(0.9, abs=1e-9)
    prior = resolve("1 + (1 | region)", sd="about 0.5, within a factor of 2").sds[0]
    assert prior.quantile([0.05, 0.5, 0.95]) == pytest.approx([0.25, 0.5, 1], rel=1e-12)


def test_sd__of_slopes_counts_one_sd_of_the_covariate():
    table = resolve("1 + (1 + ele || region)", sd="below 1")
    assert mass(table.sds[0], 1, np.inf) == pytest.approx(0.05, abs=1e-9)
    assert table.sds[1].quantile(0.95) == pytest.approx(1 / SD, rel=1e-12)


def test_pc_range__has_its_tail_below():
    prior = priors.parse("pc_range(5, 0.1)")
    assert mass(prior, 0, 5) == pytest.approx(0.1, abs=1e-9)
    # Fuglstad et al. (2019), Theorem 2.6 in two dimensions: lambda r^-2 exp(-lambda / r)
    rate = -np.log(0.1) * 5
    r = np.array([0.5, 3.0, 40.0])
    np.testing.assert_allclose(np.exp(prior.log_density(r)), rate / r**2 * np.exp(-rate / r))


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("formula", "link", "key", "text", "words"),
    [
        ("1", "logit", "Intercept", "between 0.4 and 0.05", 'smaller end first: "between 0.05 and'),
        ("1", "logit", "Intercept", "between 0.4 and 0.4", "Give two different ends"),
        ("1", "logit", "Intercept", "between -0.1 and 0.4", "is a probability, between 0 and 1"),
        ("1", "logit", "Intercept", "between 5 and 40", "for 5 % write 5 % or 0.05"),
        ("1", "logit", "Intercept", "between 0 and 0.4", "infinitely far on the logit scale"),
        ("1", "log", "Intercept", "between 0 and 4", "p is above 0"),
        ("1", "cloglog", "Intercept", "below 0.4", "needs the logit link"),
        ("1 + offset(log(area))", "logit", "Intercept", "below 0.4", "without an offset"),
        ("1", "logit", "Intercept", "about 0.3", "does not say how sure you are"),
        ("1", "logit", "Intercept", "about 0.3, give or take 0.4", "read as between -0.1 and 0.7"),
        ("1", "logit", "Intercept", "about 0.3, give or take 0", "must be above 0"),
        ("1", "logit", "Intercept", "about 0.3, within a factor of 2", "without an upper end"),
        ("1", "logit", "Intercept", "about 0.3, worth 20", 'write "worth 20 sites"'),
        ("1", "logit", "Intercept", "about 0.3, worth -20 sites", "is no knowledge"),
        ("1", "logit", "Intercept", "between 0.5 and 2 times", "is said of an effect"),
        ("1", "logit", "Intercept", "between 0,05 and 0,4", "decimals with a point"),
        ("1", "logit", "Intercept", "between \u22120.1 and 0.4", "no minus sign"),
        ("1", "logit", "Intercept", "between ٠.١ and 0.4", "not a statement that is known"),
        ("1", "logit", "Intercept", "between 5 % and 0.4", "write both alike"),
        ("1", "logit", "Intercept", "between 0.1 and 0.4; import os", "not a statement"),
        ("1", "logit", "Intercept", "between __import__('os') and 1", "not a statement"),
        ("1", "logit", "Intercept", "between 1e999 and 0.4", "is not a statement|too large"),
        ("1", "logit", "Intercept", "between " + "9" * 300 + " and 1", "at most 200"),
        ("1", "logit", "Intercept", "uniform(0, 1)", "Write uniform()"),
        ("1", "logit", "Intercept", "lkj(2)", "for correlations and shares"),
        ("ele", "logit", "ele", "between 0.5 and 2", "is a factor"),
        ("ele", "logit", "ele", "between -1 and 2 times", "a factor is above 0"),
        ("ele", "logit", "ele", "between 2 and 0.5 times per sd", "and 2 times per sd"),
        ("ele", "logit", "ele", "below 2 times", "leaves an end of the effect open"),
        ("ele", "logit", "ele", "between 50 % and 200 % times", "without %"),
        ("ele", "probit", "ele", "between 0.5 and 2 times", "effects are no factors"),
        ("forest", "logit", "forest[oak]", "between 0.5 and 2 times per sd", 'Leave "per sd" out'),
        ("ele", "logit", "ele", "uniform(0, 1)", "for correlations and shares"),
        ("1 + (1 | region)", "logit", "sd", "below -1", "a standard deviation is above 0"),
        ("1 + (1 | region)", "logit", "sd", "below 2 times", 'says "times"'),
        ("1 + (1 | region)", "logit", "sd", "above 1", "leaves an end"),
        ("1 + (1 | region)", "logit", "sd", "below 1 per sd", 'says "per sd"'),
        ("1 + (1 | region)", "logit", "sd", "lkj(2)", "does not fit a standard deviation"),
        ("1 + (1 | region)", "logit", "sd", "pc(1, 2)", "a is a probability"),
        ("1 + (1 | region)", "logit", "sd", "pc(-1, 0.05)", "u must be above 0"),
        ("1 + (1 | region)", "logit", "sd", "pc_range(5)", "lacks a"),
        ("1 + (1 | region)", "logit", "sd", "uniform(2, 1)", "low must be below high"),
    ],
)  # fmt: skip
def test_resolve__refuses_with_parameter_key_and_cure(formula, link, key, text, words):
    with pytest.raises(ModelError) as caught:
        resolve(formula, link, **{key: text})
    message = str(caught.value)
    assert f"`p`, prior of '{key}'" in message
    assert any(word in message for word in words.split("|")), message
    assert len(message) < 700


# ---------------------------------------------------------------- reading

finite = st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: float(f"{v:.12g}"))
between = st.builds(
    lambda a, b, times, per: Statement("between", a, b, "", times, per),
    finite,
    finite,
    st.booleans(),
    st.sampled_from(["", "sd", "unit"]),
)
about = st.builds(
    lambda a, b, how, times, per: Statement("about", a, b, how, times, per),
    finite,
    finite,
    st.sampled_from(["take", "factor", "worth"]),
    st.booleans(),
    st.sampled_from(["", "sd", "unit"]),
)
one_end = st.builds(lambda form, a: Statement(form, a), st.sampled_from(["below", "above"]), finite)


@settings(max_examples=80, deadline=None)
@given(between | about | one_end)
def test_read__reads_what_to_text_writes(said):
    assert read(said.to_text()) == said
    assert hash(read(f"  {said.to_text()} ")) == hash(said)


@settings(max_examples=80, deadline=None)
@given(
    st.text(max_size=40).map(lambda t: "between " + t)
    | st.text("about betwn 0.5%,gitakefcor", max_size=40).map(lambda t: "about " + t)
)
def test_read__any_text_gives_a_statement_or_its_own_error(text):
    try:
        said = read(text)
    except ModelError:
        return
    assert read(said.to_text()) == said


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-6, 0.999), st.floats(1e-6, 0.999), st.sampled_from(["logit", "cloglog"]))
def test_between__any_two_probabilities_keep_their_mass(a, b, link):
    low, high = sorted((a, b))
    if low == high:
        return
    prior = resolve(link=link, Intercept=f"between {low!r} and {high!r}").coefficients[0]
    ends = links.LINKS[link].inverse(prior.quantile([0.05, 0.95]))
    np.testing.assert_allclose(ends, [low, high], rtol=1e-9)


def test_is_statement__knows_its_own_words_from_kinds():
    assert is_statement("between 1 and 2")
    assert not is_statement("beta(1, 2)")
    assert not is_statement("betweenness(1)")
    assert not is_statement(3)


def test_number__is_said_in_two_digits():
    assert [number(v) for v in (0, 0.0784, 12.3, 345.6, 1e-9, 1e9, -1e9)] == [
        *("0", "0.078", "12", "346", "almost 0"),
        *("more than a million", "less than minus a million"),
    ]


# ---------------------------------------------------------------- the page

PAGE = Path(__file__).parent.parent / "docs" / "study-file.md"


def test_page__its_example_is_a_model():
    section = PAGE.read_text(encoding="utf-8").split("### Priors")[1]
    told = tomllib.loads(section.split("```toml")[1].split("```")[0])["model"]["main"]["priors"]
    rng = np.random.default_rng(5)
    data = surveys.from_arrays(
        (rng.random((12, 3)) < 0.4).astype(float),
        site_covariates={"elevation": np.arange(12.0)},
        region=list("aabbccddeeff"),
    )
    model = Model(data, psi="scale(elevation) + (1 | region)", p="1", priors=told)
    says = {f"{row['parameter']} {row['term']}": row["says"] for row in model.prior_table()}
    assert "lies between 0.05 and 0.4" in says["p Intercept"]
    assert "multiplies the odds of psi by 0.5 to 2" in says["psi scale(elevation)"]
    assert "95 % below 1." in says["psi sd[region]"]
    again = Model.from_dict(data, model.to_dict())
    assert again.prior_table() == model.prior_table()


def test_page__every_sentence_of_its_table_is_read():
    table = PAGE.read_text(encoding="utf-8").split("### Priors")[1].split("## `[sample]`")[0]
    said = [s for s in re.findall(r'`"([a-z][^"]*)"`', table) if is_statement(s)]
    assert len(said) >= 11
    for sentence in said:
        assert read(read(sentence).to_text()) == read(sentence)


# ---------------------------------------------------------------- effects that vary together


def test_lkj__is_the_beta_of_the_partial_correlation():
    table = resolve("1 + (1 + ele | region)", correlation="lkj(3)", sd="below 1")
    by_key = dict(zip((key for _, key in table.varying), table.hypers, strict=True))
    assert by_key["correlation 1 ele"] == Prior("beta", (3, 3))  # (1 + r) / 2, two effects
    assert by_key["sd 1"].quantile(0.95) == pytest.approx(1, rel=1e-12)
    assert by_key["sd ele"].quantile(0.95) == pytest.approx(1 / SD, rel=1e-12)
    says = {row["term"]: row["says"] for row in table.table()}
    assert all(says.values())
    r = 2 * stats.beta(3, 3).ppf(0.95) - 1
    assert f"between -{r:.2g} and {r:.2g}" in says["correlation[1 ele, (1 + ele)|region]"]
    assert (
        "nine in ten levels of region have an effect of ele on the odds of p"
        in says["sd[ele, (1 + ele)|region]"]
    )


def test_correlation__between_two_ends_is_a_beta_with_both():
    table = resolve("1 + (1 + ele | region)", correlation="between -0.2 and 0.7")
    prior = table.hypers[-1]
    ends = 2 / (1 + np.exp(-prior.quantile([0.05, 0.95]))) - 1
    np.testing.assert_allclose(ends, [-0.2, 0.7], atol=1e-8)
    flat = resolve("1 + (1 + ele | region)", correlation="uniform(-1, 1)").hypers[-1]
    assert flat == Prior("beta", (1, 1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("uniform(0, 1)", "Use uniform(-1, 1), beta(a, b) of (1 + x) / 2, lkj(eta)"),
        ("between -2 and 0.5", "lies between -1 and 1"),
        ("between 0.5 and 0.1", "smaller end first"),
        ("about 0.3, give or take 0.1", "cannot be said of the correlation"),
        ("about 0.3, worth 0 sites", "no knowledge"),
        ("half_normal(1)", "does not fit the correlation"),
    ],
)
def test_correlation__refuses_in_words(text, words):
    with pytest.raises(ModelError) as caught:
        resolve("1 + (1 + ele | region)", correlation=text)
    assert words in str(caught.value)
    assert "`p`, prior of 'correlation'" in str(caught.value)


def test_range__above_is_the_prior_that_penalises_complexity():
    hyper = Hyper("range", POSITIVE, Prior("exponential", (1,)))
    on = Target("psi", "range", "space", "logit")
    assert for_hyper(read("above 5"), on, hyper) == priors.parse("pc_range(5, 0.05)")
    two = for_hyper(read("between 2 and 20"), on, hyper)
    assert two.quantile([0.05, 0.95]) == pytest.approx([2, 20], rel=1e-12)
    with pytest.raises(ModelError, match="finer than the sites"):
        for_hyper(read("below 5"), on, hyper)
    share = Hyper("share", SHARE, Prior("beta", (1, 1)))
    assert for_hyper(priors.parse("uniform(0, 1)"), on, share) == Prior("beta", (1, 1))
    below = for_hyper(read("below 0.5"), on, share)
    assert mass(below, -80, 0.0) == pytest.approx(0.95, abs=1e-9)
