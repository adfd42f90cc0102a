"""What the prior did: exact where prior and posterior are normal, and the warning about it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import surveys
from occupancy.model import Model
from occupancy.priors import Prior, parse
from occupancy.results import power_scaling
from occupancy.results import sensitivity as judging
from occupancy.results.sensitivity import Judged, contraction, overlap
from surveys.problems import ModelError

N = 4000
# Evenly spaced normal quantiles in a random order: a sample without sampling error.
Z = np.random.default_rng(1).permutation(stats.norm.ppf((np.arange(N) + 0.5) / N))


def exact_distance(mu, sd, other_mu, other_sd) -> float:
    """Cumulative Jensen-Shannon distance of two normals, by quadrature; the larger direction.

    It is relative to the area under both, over the range of the draws.
    """
    low, high = mu + sd * Z.min(), mu + sd * Z.max()

    def of(p, q):
        def half(a, b):
            def inside(x):
                u, v = a(x), b(x)
                return u * np.log2(2 * u / (u + v)) if u > 0 else 0.0

            gap = integrate.quad(lambda x: b(x) - a(x), low, high, limit=200)[0]
            return integrate.quad(inside, low, high, limit=200)[0] + 0.5 / np.log(2) * gap

        bound = sum(integrate.quad(f, low, high, limit=200)[0] for f in (p, q))
        return np.sqrt((half(p, q) + half(q, p)) / bound)

    p, q = stats.norm(mu, sd), stats.norm(other_mu, other_sd)
    return max(of(p.cdf, q.cdf), of(p.sf, q.sf))


@pytest.mark.parametrize(("sd", "lik_mean"), [(0.3, 1.0), (0.5, 0.0), (0.8, 2.0)])
def test_power_scaling__of_a_normal_prior_is_exact(sd, lik_mean):
    precision = 1 / sd**2 - 1  # of the likelihood; the prior is normal(0, 1)
    mu = precision * lik_mean * sd**2
    draws = mu + sd * Z
    got = power_scaling.sensitivity(draws[None], -0.5 * draws**2)
    expected = 0.0
    for power in power_scaling.POWERS:
        scaled = 1 / (power + precision)
        moved = exact_distance(mu, sd, scaled * precision * lik_mean, scaled**0.5)
        expected += 0.5 * moved / abs(np.log2(power))
    # Steps between 4000 draws, and weights that are smoothed at their end.
    assert got[0] == pytest.approx(expected, rel=0.03, abs=5e-4)


def test_power_scaling__says_nothing_where_it_cannot_tell():
    draws = Z[None]
    assert np.isnan(power_scaling.sensitivity(draws[:, :50], draws[0, :50])[0])
    assert np.isnan(power_scaling.sensitivity(draws, np.where(Z > 3, np.nan, Z))[0])
    assert power_scaling.sensitivity(draws, np.zeros(N))[0] == 0  # nothing to scale
    heavy = -np.abs(stats.cauchy.ppf(stats.norm.cdf(Z))) * 20
    assert np.isnan(power_scaling.sensitivity(draws, heavy)[0])  # a few draws have all the weight


@pytest.mark.parametrize(("mu", "sd"), [(0, 0.5), (1, 0.3), (-2, 0.8)])
def test_overlap_and_contraction__of_two_normals_are_exact(mu, sd):
    prior = Prior("normal", (0, 1.5))
    lower = lambda x: min(stats.norm.pdf(x, 0, 1.5), stats.norm.pdf(x, mu, sd))  # noqa: E731
    exact = integrate.quad(lower, -12, 12, limit=400)[0]
    # Smoothing widens 4000 draws by 2 %.
    assert overlap(prior, mu + sd * Z) == pytest.approx(exact, abs=0.012)
    assert contraction(prior, mu + sd * Z) == pytest.approx(1 - (sd / 1.5) ** 2, abs=2e-3)


def test_overlap__of_a_posterior_that_is_the_prior_is_whole():
    u = stats.norm.cdf(Z)
    for text in ("normal(0, 1.5)", "uniform()", "half_normal(1)", "pc(1, 0.05)", "lognormal(0, 1)"):
        prior = parse(text)
        assert overlap(prior, prior.quantile(u)) > 0.96
        assert contraction(prior, prior.quantile(u)) == pytest.approx(0, abs=0.01)
    assert np.isnan(overlap(parse("flat()"), Z))
    assert np.isnan(contraction(parse("flat()"), Z))


@pytest.mark.parametrize(
    ("overlap", "contraction", "prior", "likelihood", "outside", "verdict"),
    [
        (0.9, 0.1, 0.08, 0.01, False, "prior"),
        (0.9, 0.5, 0.01, 0.08, False, "data"),  # overlap alone cries wolf
        (0.9, 0.5, 0.06, 0.08, False, "prior"),
        (0.5, 0.8, 0.06, 0.08, False, "both"),
        (0.5, 0.8, 0.04, 0.08, False, "data"),
        (0.05, 0.9, 0.2, 0.3, True, "conflict"),
        (0.05, 0.9, 0.2, 0.3, False, "data"),
        (0.05, 0.99, 0.01, 0.3, True, "data"),
        (0.9, np.nan, np.nan, np.nan, False, "data"),
    ],
)
def test_verdict__by_the_rules_that_users_are_told(
    overlap, contraction, prior, likelihood, outside, verdict
):
    one = Judged("psi", "x", parse("normal(0, 1)"), False, overlap, contraction, prior, likelihood, outside)  # fmt: skip # noqa: E501
    assert one.verdict == verdict
    assert one.row()["verdict"] == judging.IN_WORDS[verdict]


def survey(n, visits, psi, p, seed=2):
    rng = np.random.default_rng(seed)
    seen = (rng.random((n, 1)) < psi) & (rng.random((n, visits)) < p)
    return surveys.from_arrays(seen.astype(float), site_covariates={"x": rng.normal(size=n)})


def fitted(data, **keys):
    return Model(data, psi="x", p="1", **keys).fit(draws=400, chains=2, seed=1)


def told(fit):
    return [w for w in fit.warnings if w.code == "PRIOR"]


@pytest.fixture(scope="module")
def few():
    return fitted(survey(12, 2, 0.5, 0.3))


def test_prior__is_told_of_a_dozen_sites(few):
    warned = [w for w in told(few) if w.level == "warn"]
    assert len(warned) == 1
    assert "rest in large part on the prior" in warned[0].message
    assert "psi: x" in warned[0].numbers["terms"]
    assert warned[0].numbers["psi: x: overlap"] > 0.65
    json.dumps(warned[0].to_dict())


def test_prior__is_silent_of_many_sites_well_visited():
    fit = fitted(survey(200, 4, 0.5, 0.5))
    assert told(fit) == []
    table = fit.sensitivity()
    assert (table["contraction"] > 0.9).all()
    assert (table["prior_sensitivity"] < 0.05).all()
    assert set(table["verdict"]) == {"set by the data"}


def test_prior__a_statement_that_the_data_contradict_is_told():
    priors = {"p": {"Intercept": "between 0.02 and 0.1"}}
    fit = fitted(survey(40, 4, 0.6, 0.6), priors=priors)
    warned = [w for w in told(fit) if w.level == "warn"]
    assert "p: Intercept: the stated prior and the data disagree" in warned[0].message
    row = fit.sensitivity().set_index(["parameter", "term"]).loc["p", "Intercept"]
    assert "disagree" in row["verdict"]


def test_sensitivity__has_a_row_for_every_prior(few):
    table = few.sensitivity()
    assert list(table.columns) == [
        *("parameter", "term", "prior", "overlap", "contraction"),
        *("prior_sensitivity", "likelihood_sensitivity", "verdict"),
    ]
    keys = [(row["parameter"], row["term"]) for row in few.model.prior_table()]
    assert list(zip(table["parameter"], table["term"], strict=True)) == keys
    assert isinstance(table, pd.DataFrame)
    ml = Model(survey(30, 4, 0.5, 0.5), psi="1", p="1").fit("ml")
    with pytest.raises(ModelError, match="uses no prior"):
        ml.sensitivity()


def test_log_parts__are_those_of_the_model(few):
    """Prior and likelihood of a draw, against the table's own density and Model.evaluate."""
    draws, problem = few.draws, few.problem
    prior = judging.log_prior(problem, draws)
    likelihood = judging.log_likelihood(problem, draws.thinned(5))
    thin = draws.thinned(5)
    for d in range(5):
        values = {
            name: dict(zip(p.terms, thin.coefficients[name][d], strict=True))
            for name, p in problem.predictors.items()
        }
        total = float(few.model.evaluate(values)["log_likelihood"].sum())
        assert likelihood[d] == pytest.approx(total, rel=1e-12)
    by_table = sum(p.table.log_density(draws.coefficients[n][3]) for n, p in problem.predictors.items())  # fmt: skip # noqa: E501
    assert prior[3] == pytest.approx(by_table, rel=1e-12)


def test_prior__thresholds_are_those_that_users_are_told():
    text = Path(__file__).parent.parent / "occupancy/cli/data/warnings.toml"
    when = tomllib.loads(text.read_text(encoding="utf-8"))["PRIOR"]["when"]
    for value in (judging.SOME_OVERLAP, judging.MOST_OVERLAP, judging.MOVES):
        assert f"{value:g}" in when
    assert f"{100 * judging.LITTLE_NARROWED:.0f} %" in when
    assert f"{100 * (1 - 2 * judging.ENDS[0]):.0f} %" in when


def test_report__tells_every_prior_in_words_and_what_became_of_it(few):
    from occupancy.outputs import report, tables
    from occupancy.outputs.results import Results

    results = Results.from_fit(few, quantiles=False)
    table = tables.frames(results)["priors"]
    assert list(table["term"]) == ["Intercept", "x", "Intercept"]
    assert table["says"].str.startswith("90 % of the prior").all()
    page = report.html(results)
    assert "one sd more of x multiplies the odds of psi by" in page
    assert "rests on its prior in large part" in page
    assert results.prior_predictive.sizes["draw"] == 1000
