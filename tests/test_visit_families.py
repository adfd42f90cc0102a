"""Counts, times to detection, scores and false positives: limits, units, mirrors, simulation."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy import stats
from scipy.special import expit, gammaln, logit

from occupancy import families
from occupancy.families import counts, padded
from occupancy.families.base import Observed
from surveys.problems import ModelError

NAMES = ("counts", "time_to_detection", "scores", "false_positive")


def rng(seed=11):
    return np.random.default_rng(seed)


def visits(seed=11, n=40, j=4, share=0.8):
    """A generator, and which of n sites' visits were made, (site, 1, visit)."""
    r = rng(seed)
    return r, r.random((n, 1, j)) < share


def assert_same(a, b, parameters, rtol=1e-12, constant=0.0):
    """Equal log-likelihoods but for a constant per site, equal slopes of these parameters."""
    np.testing.assert_allclose(a.log_lik + constant, b.log_lik, rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(a.states, b.states, rtol=rtol, atol=1e-12)
    for name in parameters:
        np.testing.assert_allclose(
            a.gradients[name], b.gradients[name], rtol=rtol, atol=1e-12, err_msg=name
        )


# ---------------------------------------------------------------- all four


@pytest.mark.parametrize("name", NAMES)
def test_visit_families__seasons_without_change_are_one_season(name):
    """gamma = epsilon = 0: two seasons are one with the visits of both."""
    r = rng(3)
    shape = (12, 2, 2)
    closed, moving = families.get(name), families.get(name, seasons="dynamic")
    y = (r.random(shape) < 0.4).astype(float)
    if name == "time_to_detection":
        y = np.where(y > 0, 0.7, np.inf)
    y[r.random(shape) < 0.2] = np.nan
    at_visits = {p.name: r.normal(size=shape) for p in closed.parameters if p.level == "visit"}
    at_sites = {p.name: r.normal(size=12) for p in closed.parameters if p.level == "site"}
    labels = np.broadcast_to(2, shape) if name == "false_positive" else None
    never = np.full((12, 1), -800.0)
    two = padded.evaluate(
        moving, at_sites | at_visits | {"gamma": never, "epsilon": never}, y, labels=labels
    )
    flat = {k: v.reshape(12, 1, 4) for k, v in at_visits.items()}
    kinds = None if labels is None else labels.reshape(12, 1, 4)
    one = padded.evaluate(closed, at_sites | flat, y.reshape(12, 1, 4), labels=kinds)
    np.testing.assert_allclose(two.log_lik, one.log_lik, rtol=1e-12)
    for k in at_sites:
        np.testing.assert_allclose(two.gradients[k], one.gradients[k], rtol=1e-10, atol=1e-12)
    for k in at_visits:
        got = two.gradients[k].reshape(12, 1, 4)
        np.testing.assert_allclose(got, one.gradients[k], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_visit_families__options_that_are_not_theirs_are_refused(name):
    with pytest.raises(ModelError, match="season"):
        families.get(name, season="dynamic")
    with pytest.raises(ModelError, match=r'seasons = "?\'?open'):
        families.get(name, seasons="open")


@pytest.mark.parametrize("name", NAMES)
def test_visit_families__tell_their_seasons(name):
    closed, moving = families.get(name), families.get(name, seasons="dynamic")
    assert (closed.min_seasons, closed.max_seasons, dict(closed.options)) == (1, 1, {})
    assert (moving.min_seasons, moving.max_seasons) == (2, None)
    assert dict(moving.options) == {"seasons": "dynamic"}
    assert [p.name for p in moving.parameters[:3]] == ["psi", "gamma", "epsilon"]


TRUTH = {
    "counts": {"psi": 0.4, "rate": 0.8},
    "time_to_detection": {"psi": 0.4, "rate": 0.8},
    "scores": {"psi": 0.5, "p": 0.5, "mu0": -1.0, "gap": 4.0, "sigma0": 1.0, "sigma1": 0.7},
    "false_positive": {"psi": 0.4, "p11": 0.6, "p10": 0.05, "b": 0.4},
}


@pytest.mark.parametrize("name", NAMES)
def test_visit_families__first_guess_is_near_the_truth(name):
    """Where maximum likelihood starts: within a factor of 2, from 400 sites with 5 visits."""
    family, r, n = families.get(name), rng(8), 400
    shape = (n, 1, 5)
    values = {
        p.name: np.full(shape if p.level == "visit" else n, TRUTH[name][p.name])
        for p in family.parameters
    }
    label = r.integers(0, 3, shape)
    _, y = family.simulate(values | {"label": label}, np.ones(shape, bool), r)
    y = y.ravel()
    chain = np.repeat(np.arange(n), 5)
    seen = (y > 0) & np.isfinite(y)
    every = np.zeros(y.size, np.int64)
    told = Observed(
        y, seen, np.ones(y.size), chain, every, label.ravel(), np.zeros(n, bool), n_step=1
    )
    assert family.guess is not None
    guess = family.guess(told)
    assert set(guess) <= {p.name for p in family.parameters} | {"q"}
    for parameter, value in guess.items():
        if parameter != "q":
            assert 0.5 < value / TRUTH[name][parameter] < 2.0, parameter


# ---------------------------------------------------------------- counts


COUNTS = families.get("counts")


def count_survey(seed=11, j=4):
    r, made = visits(seed, j=j)
    effort = r.uniform(0.5, 3.0, made.shape)
    rate = np.broadcast_to(r.normal(-0.5, 0.5, (40, 1, 1)), made.shape)  # per site
    psi = r.normal(size=40)
    z = r.random(40) < expit(psi)
    y = np.where(made, r.poisson(np.exp(rate) * effort) * z[:, None, None], np.nan)
    return y, effort, psi, rate


def test_counts__effort_may_be_merged():
    """k visits are one of their whole effort, but for who counted what: a multinomial."""
    y, effort, psi, rate = count_survey()
    effort = np.where(np.isnan(y), 0.0, effort)
    whole, total = effort.sum(axis=2), np.nansum(y, axis=2)
    visited = whole[:, 0] > 0
    with np.errstate(divide="ignore"):
        apart = padded.evaluate(COUNTS, {"psi": psi, "rate": rate + np.log(effort)}, y)
        merged_eta = rate[:, :, :1] + np.log(whole)[..., None]
    merged = padded.evaluate(
        COUNTS,
        {"psi": psi, "rate": merged_eta},
        np.where(visited[:, None], total, np.nan)[..., None],
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(effort > 0, np.log(effort / whole[..., None]), 0.0)
    among = gammaln(total + 1) - np.nansum(gammaln(y + 1), axis=2)
    among = (among + np.nansum(np.nan_to_num(y) * share, axis=2))[:, 0]
    assert visited.sum() > 30
    np.testing.assert_allclose(merged.log_lik + among, apart.log_lik, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(merged.gradients["psi"], apart.gradients["psi"], atol=1e-12)


def test_counts__total_alone_knows_nothing_of_a_covariate_of_visits():
    """The form that occuCOP computes differs by more than a constant once rates differ by visit.

    unmarked 1.5.0 documents N_ij ~ Poisson(lambda_ij L_ij) and computes Poisson(sum N; sum
    lambda L). Moving the rate between two visits of a site, mean of both kept, leaves the second
    as it is and must not leave the first.
    """
    y = np.array([[[4.0, 1.0]]])
    psi = np.array([0.3])

    def ours(first):
        mean = np.array([[[first, 5.0 - first]]])
        return padded.evaluate(COUNTS, {"psi": psi, "rate": np.log(mean)}, y).total

    total_form = np.log(expit(0.3)) + stats.poisson.logpmf(5, 5.0)
    for first in (1.0, 2.5, 4.0):
        which = stats.binom.logpmf(4, 5, first / 5.0)
        assert ours(first) == pytest.approx(total_form + which, rel=1e-12)
    assert ours(4.0) - ours(1.0) == pytest.approx(3 * np.log(4.0), rel=1e-12)


def test_counts__unit_of_effort_moves_the_rate_alone():
    """O11: hours to minutes: log-rate less log 60, log-likelihood as it was."""
    y, effort, psi, rate = count_survey(12)
    a = padded.evaluate(COUNTS, {"psi": psi, "rate": rate + np.log(effort)}, y)
    minutes = (rate - np.log(60.0)) + np.log(60.0 * effort)
    b = padded.evaluate(COUNTS, {"psi": psi, "rate": minutes}, y)
    assert_same(a, b, ("psi", "rate"), rtol=1e-11)


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 500, 10**6, 10**9])
def test_counts__chance_at_the_mean_keeps_its_digits(n):
    with mp.workdps(60):
        exact = n * mp.log(n) - n - mp.loggamma(n + 1)
    assert float(counts.largest_log_chance(np.array([n]))[0]) == pytest.approx(
        float(exact), rel=1e-14
    )


@pytest.mark.parametrize(
    ("n", "log_rate", "effort"),
    [(500, -3.0, 1e4), (500, -40.0, 1e4), (500, 40.0, 1e4), (10**6, 4.6, 1e4), (0, -30.0, 1e4)],
)
def test_counts__many_individuals_and_much_effort(n, log_rate, effort):
    """O9, beside a site that is certainly occupied: the value is the visit's."""
    eta = log_rate + np.log(effort)
    got = padded.evaluate(
        COUNTS, {"psi": np.array([800.0]), "rate": np.full((1, 1, 1), eta)}, np.full((1, 1, 1), n)
    )
    with mp.workdps(60):
        mean = mp.exp(mpf(float(eta)))
        exact = n * mpf(float(eta)) - mean - mp.loggamma(n + 1)
        slope = n - mean
    assert got.total == pytest.approx(float(exact), rel=1e-10, abs=1e-15)
    assert got.gradients["rate"].item() == pytest.approx(float(slope), rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("wrong", [1.5, -1.0, np.inf])
def test_counts__what_is_no_count_is_refused(wrong):
    y = np.array([[[0.0, wrong]]])
    with pytest.raises(ModelError, match="whole numbers"):
        padded.evaluate(COUNTS, {"psi": np.zeros(1), "rate": np.zeros(y.shape)}, y)


# ---------------------------------------------------------------- time to detection


EXPONENTIAL = families.get("time_to_detection")
WEIBULL = families.get("time_to_detection", times="weibull")


def time_survey(seed=21, shape=1.0):
    r, made = visits(seed)
    effort = r.uniform(1.0, 5.0, made.shape)
    eta = {"psi": r.normal(size=40), "rate": r.normal(-1.0, 0.6, made.shape)}
    values = padded.natural(EXPONENTIAL, eta) | {"shape": np.full(40, shape)}
    _, y = WEIBULL.simulate(values, made, r, effort)
    return eta, y, effort


def test_times__weibull_of_shape_one_is_exponential():
    eta, y, effort = time_survey()
    assert np.isfinite(y).sum() > 20
    assert np.isinf(y).sum() > 20
    a = padded.evaluate(EXPONENTIAL, eta, y, effort=effort)
    b = padded.evaluate(WEIBULL, eta | {"shape": np.zeros(40)}, y, effort=effort)
    assert_same(a, b, ("psi", "rate"))


@pytest.mark.parametrize("log_shape", [None, -0.4, 0.7])
def test_times__unit_of_time_moves_the_rate_and_a_known_constant(log_shape):
    """O11: minutes to seconds: log-rate less log 60; each detection's density over 60."""
    eta, y, effort = time_survey(22)
    family = EXPONENTIAL if log_shape is None else WEIBULL
    if log_shape is not None:
        eta = eta | {"shape": np.full(40, log_shape)}
    a = padded.evaluate(family, eta, y, effort=effort)
    slower = eta | {"rate": eta["rate"] - np.log(60.0)}
    b = padded.evaluate(family, slower, 60.0 * y, effort=60.0 * effort)
    constant = -np.log(60.0) * np.isfinite(y).sum(axis=(1, 2))
    assert_same(a, b, eta, rtol=1e-10, constant=constant)


def test_times__detected_or_not_is_the_exposure_model_but_for_when():
    """P(detect before the end) = 1 - exp(-r e): what single_season has with effort."""
    eta, y, effort = time_survey(23)
    seen = np.where(np.isnan(y), np.nan, np.isfinite(y))
    hazard = eta["rate"] + np.log(effort)
    exposure = padded.evaluate(
        families.get("single_season", effort="exposure"), {"psi": eta["psi"], "p": hazard}, seen
    )
    timed = padded.evaluate(EXPONENTIAL, eta, y, effort=effort)
    with np.errstate(invalid="ignore"):
        until = np.where(seen == 1, y, 0.0)
    log_density = eta["rate"] - np.exp(eta["rate"]) * until
    when = np.where(seen == 1, log_density - np.log(-np.expm1(-np.exp(hazard))), 0.0)
    assert_same(exposure, timed, ("psi",), constant=when.sum(axis=(1, 2)))


@pytest.mark.parametrize("log_shape", [-1.0, 0.0, 1.0])
def test_times__density_adds_to_the_chance_to_detect(log_shape):
    """Integral of f to the end of the visit, and S there, make 1."""
    with mp.workdps(30):

        def chance(t, detected):
            y = np.array([[[float(t) if detected else np.inf]]])
            eta = {
                "psi": np.array([800.0]),
                "rate": np.full((1, 1, 1), 0.3),
                "shape": np.array([log_shape]),
            }
            return mp.exp(padded.evaluate(WEIBULL, eta, y, effort=np.full((1, 1, 1), 2.0)).total)

        # u = t^k takes out the pole at 0
        k = np.exp(log_shape)
        seen = mp.quad(
            lambda u: chance(u ** (1 / k), True) * u ** (1 / k - 1) / k, [0, 2.0**k], maxdegree=4
        )
        assert float(seen + chance(None, False)) == pytest.approx(1.0, abs=1e-9)


def test_times__a_time_of_a_billionth_is_a_time():
    """O9, with a shape at which the density there is huge."""
    y, log_rate, log_shape = 1e-9, 1.3, -0.7
    got = padded.evaluate(
        WEIBULL,
        {
            "psi": np.array([0.2]),
            "rate": np.full((1, 1, 1), log_rate),
            "shape": np.array([log_shape]),
        },
        np.full((1, 1, 1), y),
    )
    with mp.workdps(60):
        k, rate = mp.exp(mpf(log_shape)), mp.exp(mpf(log_rate))
        u = rate * mpf(y)
        exact = mp.log(k * rate * u ** (k - 1) * mp.exp(-(u**k)) / (1 + mp.exp(-mpf(0.2))))
    assert got.total == pytest.approx(float(exact), rel=1e-12)


def test_times__what_no_visit_could_have_is_refused():
    eta = {"psi": np.zeros(1), "rate": np.zeros((1, 1, 2))}
    with pytest.raises(ModelError, match="positive"):
        padded.evaluate(
            EXPONENTIAL, eta, np.array([[[0.0, 1.0]]]), detected=np.array([[[True, False]]])
        )
    with pytest.raises(ModelError, match="same unit"):
        padded.evaluate(EXPONENTIAL, eta, np.array([[[30.0, np.inf]]]))


@pytest.mark.parametrize("k", [0.6, 1.0, 2.0])
def test_times__simulated_times_follow_their_distribution(k):
    n = 20_000
    values = {"psi": np.full(n, 0.7), "rate": np.full((n, 1, 1), 0.4), "shape": np.full(n, k)}
    made = np.ones((n, 1, 1), bool)
    z, y = WEIBULL.simulate(values, made, rng(5), np.full(made.shape, 2.0))
    assert np.isinf(y[z == 0]).all()
    t = y[z == 1]
    gone = 1 - np.exp(-(0.8**k))
    assert abs(np.isfinite(t).mean() - gone) < 4 * np.sqrt(gone * (1 - gone) / t.size)
    seen = t[np.isfinite(t)]
    assert stats.kstest(seen, lambda x: -np.expm1(-((0.4 * x) ** k)) / gone).pvalue > 1e-4


# ---------------------------------------------------------------- scores


SCORES = families.get("scores")


def score_eta(n, made, **over):
    eta = {"psi": 0.2, "p": -0.5, "mu0": -1.0, "gap": 1.0, "sigma0": 0.1, "sigma1": -0.2} | over
    shape = {"p": made.shape}
    return {k: np.full(shape.get(k, (n,)), v) for k, v in eta.items()}


def test_scores__wide_apart_they_are_a_detection():
    """No file can be mistaken: single_season with the same p, but for the densities."""
    r, made = visits(31)
    held = r.random(made.shape) < 0.3
    held[::3] = False
    noise = r.normal(size=made.shape)
    y = np.where(made, np.where(held, 1000.0 + noise, noise), np.nan)
    eta = score_eta(40, made, mu0=0.0, gap=np.log(1000.0), sigma0=0.0, sigma1=0.0)
    got = padded.evaluate(SCORES, eta, y)
    plain = padded.evaluate(
        families.get("single_season"),
        {"psi": eta["psi"], "p": eta["p"]},
        np.where(made, held, np.nan),
    )
    density = np.where(made, stats.norm.logpdf(noise), 0.0).sum(axis=(1, 2))
    assert_same(plain, got, ("psi", "p"), constant=density, rtol=1e-9)


def test_scores__all_alike_teach_nothing_of_occupancy():
    """Where p is 0 no file holds the species, and the score says nothing."""
    r, made = visits(32)
    y = np.where(made, r.normal(size=made.shape), np.nan)
    eta = score_eta(40, made, p=-800.0)
    got = padded.evaluate(SCORES, eta, y)
    density = np.where(made, stats.norm.logpdf(y, -1.0, np.exp(0.1)), 0.0).sum(axis=(1, 2))
    np.testing.assert_allclose(got.log_lik, density, rtol=1e-12)
    np.testing.assert_allclose(got.gradients["psi"], 0.0, atol=1e-13)


def test_scores__unit_of_the_score_is_a_known_constant():
    """O11: scores x c: means and gap x c, sigmas x c, log c less for each score."""
    r, made = visits(33)
    y = np.where(made, r.normal(size=made.shape), np.nan)
    eta = score_eta(40, made)
    a = padded.evaluate(SCORES, eta, y)
    c = 7.0
    wider = {k: eta[k] + np.log(c) for k in ("gap", "sigma0", "sigma1")} | {"mu0": eta["mu0"] * c}
    b = padded.evaluate(SCORES, eta | wider, y * c)
    constant = -np.log(c) * made.sum(axis=(1, 2))
    assert_same(a, b, ("psi", "p", "gap", "sigma0", "sigma1"), rtol=1e-10, constant=constant)
    np.testing.assert_allclose(a.gradients["mu0"], c * b.gradients["mu0"], rtol=1e-10, atol=1e-12)


def test_scores__simulated_scores_follow_the_mixture():
    n = 20_000
    made = np.ones((n, 1, 1), bool)
    values = padded.natural(SCORES, score_eta(n, made))
    z, y = SCORES.simulate(values, made, rng(6))
    p, gap, s0, s1 = expit(-0.5), np.exp(1.0), np.exp(0.1), np.exp(-0.2)

    def present(x):
        return p * stats.norm.cdf(x, gap - 1.0, s1) + (1 - p) * stats.norm.cdf(x, -1.0, s0)

    assert stats.kstest(y[z == 1], present).pvalue > 1e-4
    assert stats.kstest(y[z == 0], stats.norm(-1.0, s0).cdf).pvalue > 1e-4


def test_scores__without_a_number_are_refused():
    made = np.ones((1, 1, 1), bool)
    with pytest.raises(ModelError, match="infinite score"):
        padded.evaluate(SCORES, score_eta(1, made), np.full((1, 1, 1), -np.inf))


# ---------------------------------------------------------------- false positives


PLAIN = families.get("false_positive")
BELOW = families.get("false_positive", mirror="below")
SINGLE = families.get("single_season")


def false_survey(seed=41, label=None):
    r, made = visits(seed)
    labels = r.integers(0, 3, made.shape) if label is None else np.full(made.shape, label)
    y = np.where(made, np.floor(r.random(made.shape) * np.where(labels == 2, 3, 2)), np.nan)
    y[::3] = np.where(made[::3], 0.0, np.nan)
    eta = {"psi": r.normal(size=40)}
    eta |= {name: r.normal(size=made.shape) for name in ("p11", "p10", "b")}
    return eta, y, labels


@pytest.mark.parametrize("label", [1, 2])
def test_false_positive__none_is_single_season(label):
    """O8: p10 -> 0 and, of confirmed visits, b -> 1: every detection is a certain one."""
    eta, y, labels = false_survey(label=label)
    y = np.where(y > 0, float(label), y)
    eta |= {"p10": np.full(y.shape, -800.0), "b": np.full(y.shape, 800.0)}
    got = padded.evaluate(PLAIN, eta, y, labels=labels)
    plain = padded.evaluate(
        SINGLE, {"psi": eta["psi"], "p": eta["p11"]}, np.where(np.isnan(y), y, y > 0)
    )
    np.testing.assert_allclose(got.log_lik, plain.log_lik, rtol=1e-12)
    np.testing.assert_allclose(got.gradients["p11"], plain.gradients["p"], rtol=1e-10, atol=1e-12)


def test_false_positive__standard_visits_alone_are_single_season():
    eta, y, labels = false_survey(42, label=0)
    got = padded.evaluate(PLAIN, eta, y, labels=labels)
    plain = padded.evaluate(SINGLE, {"psi": eta["psi"], "p": eta["p11"]}, y)
    np.testing.assert_allclose(got.log_lik, plain.log_lik, rtol=1e-12)
    np.testing.assert_allclose(got.gradients["psi"], plain.gradients["psi"], atol=1e-12)
    assert (got.gradients["p10"] == 0).all()
    assert (got.gradients["b"] == 0).all()


def test_false_positive__the_mirror_of_unconfirmed_visits_is_as_likely():
    """O12, and why a constraint or a prior is needed."""
    eta, y, labels = false_survey(43, label=1)
    swapped = eta | {"psi": -eta["psi"], "p11": eta["p10"], "p10": eta["p11"]}
    a = padded.evaluate(PLAIN, eta, y, labels=labels)
    b = padded.evaluate(PLAIN, swapped, y, labels=labels)
    np.testing.assert_allclose(a.log_lik, b.log_lik, rtol=1e-12)
    np.testing.assert_allclose(a.states, b.states[..., ::-1], rtol=1e-12)
    np.testing.assert_allclose(a.gradients["psi"], -b.gradients["psi"], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(a.gradients["p11"], b.gradients["p10"], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("label", [0, 2])
def test_false_positive__a_certain_detection_breaks_the_mirror(label):
    eta, y, labels = false_survey(43, label=1)
    labels[1, 0, 0], y[1, 0, 0] = label, 1.0 if label == 0 else 2.0
    swapped = eta | {"psi": -eta["psi"], "p11": eta["p10"], "p10": eta["p11"]}
    a = padded.evaluate(PLAIN, eta, y, labels=labels).total
    b = padded.evaluate(PLAIN, swapped, y, labels=labels).total
    assert abs(a - b) > 0.01


def test_false_positive__below_is_the_same_at_the_same_probabilities():
    """q = p10 / p11 of the plain one, and the chain rule between their slopes."""
    eta, y, labels = false_survey(44)
    p11, p10 = expit(eta["p11"]), 0.8 * expit(eta["p11"]) * expit(eta["p10"])
    plain = padded.evaluate(PLAIN, eta | {"p10": logit(p10)}, y, labels=labels)
    q = {"q": logit(p10 / p11)}
    below = padded.evaluate(BELOW, {k: eta[k] for k in ("psi", "p11", "b")} | q, y, labels=labels)
    assert_same(plain, below, ("psi", "b"), rtol=1e-11)
    by_p10 = plain.gradients["p10"]  # d logit p10 = (1 - q) / (1 - p10) d logit q, and of p11
    ratio = p10 / p11
    np.testing.assert_allclose(
        below.gradients["q"], by_p10 * (1 - ratio) / (1 - p10), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(
        below.gradients["p11"],
        plain.gradients["p11"] + by_p10 * (1 - p11) / (1 - p10),
        rtol=1e-9,
        atol=1e-12,
    )


def test_false_positive__certain_on_a_visit_that_cannot_be_is_refused():
    eta, y, labels = false_survey(45, label=1)
    y[2, 0, 0] = 2.0
    with pytest.raises(ModelError, match="confirmed"):
        padded.evaluate(PLAIN, eta, y, labels=labels)
    y[2, 0, 0] = 3.0
    with pytest.raises(ModelError, match="certain"):
        padded.evaluate(PLAIN, eta, y, labels=labels)


def test_false_positive__simulates_only_what_a_type_of_visit_can_see():
    eta, y, labels = false_survey(46)
    values = padded.natural(PLAIN, eta) | {"label": labels}
    z, drawn = PLAIN.simulate(values, ~np.isnan(y), rng(7))
    assert (drawn[(labels < 2) & ~np.isnan(y)] < 2).all()
    assert (drawn == 2).any()
    empty = (z == 0)[..., None] & ~np.isnan(y)
    assert (drawn[empty & (labels == 0)] == 0).all()
    assert (drawn[empty & (labels == 1)] == 1).any()
