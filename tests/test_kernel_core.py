"""The chain of any states and seasons, second derivatives, priors' densities, simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from oracle import chain, through
from scipy.stats import chi2

from occupancy import priors
from occupancy.families.single_season import FAMILY, kernel
from occupancy.kernel.core import forward_backward, forward_backward_in_logs
from occupancy.kernel.densities import log_density
from occupancy.kernel.hessian import value_gradient_hessian
from occupancy.kernel.layout import BLOCK_SITES, BLOCK_VISITS, make_layout

SIZES = [(k, t) for k in (1, 2, 3) for t in (1, 2, 3, 4)]


def random_tables(rng, n_state, n_season, n):
    """Random chains of ``n`` sites, site last; a few emissions and transitions are 0."""
    initial = rng.dirichlet(np.ones(n_state), n).T
    moves = rng.dirichlet(np.ones(n_state), (max(n_season - 1, 0), n_state, n))
    transition = np.ascontiguousarray(np.moveaxis(moves, -1, 2))
    emission = rng.random((n_season, n_state, n)) ** 4
    emission[rng.random(emission.shape) < 0.1] = 0.0
    emission[:, 0] += 1e-3  # every history stays possible ...
    if n_season > 1:
        transition[:, -1, 0] += 1e-12  # ... and rows need not add to 1 to be multiplied
    return np.ascontiguousarray(initial), transition, emission


def run(tables, n_state, n_season, n, in_logs):
    smoothed = np.empty((n_season, n_state, n))
    pairs = np.empty((max(n_season - 1, 0), n_state, n_state, n))
    log_lik = np.empty(n)
    if in_logs:
        with np.errstate(divide="ignore"):
            tables = [np.log(t) for t in tables]
        forward_backward_in_logs(*tables, n, smoothed, pairs, log_lik)
    else:
        scratch = [np.empty((n_season, n_state, n)), np.empty((n_state, n))]
        scratch.append(np.empty((n_state + 1, n)))
        assert forward_backward(*tables, n, *scratch, smoothed, pairs, log_lik)
    return log_lik, smoothed, pairs


@pytest.mark.parametrize("in_logs", [False, True])
@pytest.mark.parametrize(("n_state", "n_season"), SIZES)
def test_core__equals_the_sum_over_all_paths(n_state, n_season, in_logs):
    """O1, O3: value, smoothed states and pairs."""
    n = 6
    tables = random_tables(np.random.default_rng(10 * n_state + n_season), n_state, n_season, n)
    log_lik, smoothed, pairs = run(tables, n_state, n_season, n, in_logs)
    for i in range(n):
        value, states, moves = chain(*(t[..., i] for t in tables))
        np.testing.assert_allclose(log_lik[i], value, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(smoothed[..., i], states, rtol=1e-10, atol=1e-15)
        np.testing.assert_allclose(pairs[..., i], moves, rtol=1e-10, atol=1e-15)


def test_core__season_without_visits_still_moves():
    """Smoothed states after an empty season are those before it, moved once."""
    rng = np.random.default_rng(5)
    initial, transition, emission = random_tables(rng, 2, 2, 1)
    emission[1] = 1.0
    transition /= transition.sum(axis=2, keepdims=True)
    log_lik, smoothed, pairs = run((initial, transition, emission), 2, 2, 1, False)
    first = initial[:, 0] * emission[0, :, 0]
    np.testing.assert_allclose(log_lik[0], np.log(first.sum()), rtol=1e-13)
    np.testing.assert_allclose(
        smoothed[1, :, 0], first / first.sum() @ transition[0, :, :, 0], rtol=1e-12
    )
    np.testing.assert_allclose(pairs[0, ..., 0].sum(axis=0), smoothed[1, :, 0], rtol=1e-12)


def test_core__underflow_is_told():
    """A likelihood of 1e-300 is not quietly wrong: the block asks to be done in logarithms."""
    emission = np.full((1, 2, 1), 1e-300)
    args = [np.full((2, 1), 0.5), np.empty((0, 2, 2, 1)), emission, 1]
    scratch = [np.empty((1, 2, 1)), np.empty((2, 1)), np.empty((3, 1))]
    out = [np.empty((1, 2, 1)), np.empty((0, 2, 2, 1)), np.empty(1)]
    assert not forward_backward(*args, *scratch, *out)


# ---------------------------------------------------------------- second derivatives


def blocks(rng, link, scale, n=60, j=5):
    """Columns, signs and layout of a ragged problem with offsets."""
    counts = rng.integers(0, j + 1, n)
    layout = make_layout(counts)
    m = layout.n_visit
    seen = rng.random(m) < 0.3
    sign = np.where(seen, -1.0, 1.0)
    site_of_visit = np.repeat(np.arange(n), counts)[layout.visit_order]
    unseen = np.ones(n)
    unseen[layout.site_place()[site_of_visit[seen]]] = 0.0
    columns = np.vstack([np.ones(n), rng.normal(size=(2, n))])
    visit_columns = np.vstack([np.ones(m), rng.normal(size=(1, m))]) * sign
    arrays = (columns, visit_columns, rng.normal(size=n), rng.normal(size=m) * sign, unseen)
    at = (layout.site_start, layout.visit_start, layout.diagonal_start, layout.diagonal_size)
    code = {"logit": 0, "cloglog": 1}[link]
    beta = scale * rng.normal(size=5)

    def evaluate(b):
        gradient, hessian = np.empty(5), np.empty((5, 5))
        value = value_gradient_hessian(code, b[:3], b[3:], *arrays, *at, gradient, hessian)
        return value, gradient, hessian

    return evaluate, beta


@pytest.mark.parametrize("link", ["logit", "cloglog"])
@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_hessian__equals_differences_of_the_gradient(link, scale):
    evaluate, beta = blocks(np.random.default_rng(3), link, scale)
    value, gradient, hessian = evaluate(beta)
    h = 1e-5
    for i in range(5):
        step = np.zeros(5)
        step[i] = h
        up, down = evaluate(beta + step), evaluate(beta - step)
        size = np.abs(gradient).max() + 1
        np.testing.assert_allclose(gradient[i], (up[0] - down[0]) / (2 * h), atol=1e-7 * size)
        rough = (up[1] - down[1]) / (2 * h)
        np.testing.assert_allclose(hessian[i], rough, rtol=1e-5, atol=1e-7 * np.abs(hessian).max())
    np.testing.assert_array_equal(hessian, hessian.T)
    assert np.isfinite(value)


@pytest.mark.parametrize("link", ["logit", "cloglog"])
@pytest.mark.parametrize("eta", [-40.0, -10.0, 2.7, 3.3, 20.0, 40.0])
def test_hessian__of_one_site_far_from_zero(link, eta):
    """1 - P(present) made by a subtraction would be blown up by the slope of cloglog."""
    layout = make_layout(np.array([2]))
    at = (layout.site_start, layout.visit_start, layout.diagonal_start, layout.diagonal_size)
    code = {"logit": 0, "cloglog": 1}[link]
    gradient, hessian = np.empty(2), np.empty((2, 2))
    value_gradient_hessian(
        code,
        np.array([eta]),
        np.array([0.4]),
        np.ones((1, 1)),
        np.ones((1, 2)),
        np.empty(0),
        np.empty(0),
        np.ones(1),
        *at,
        gradient,
        hessian,
    )
    from mpmath import mp, mpf
    from oracle import joint

    with mp.workdps(120):

        def log_lik(a, b):
            return mp.log(sum(joint(mpf(eta) + a, [(0, mpf(0.4) + b)] * 2, link)))

        h = mpf(10) ** -30
        second = np.array(
            [
                [
                    (log_lik(h, 0) - 2 * log_lik(0, 0) + log_lik(-h, 0)) / h**2,
                    (log_lik(h, h) - log_lik(h, -h) - log_lik(-h, h) + log_lik(-h, -h))
                    / (4 * h**2),
                ],
                [0, (log_lik(0, h) - 2 * log_lik(0, 0) + log_lik(0, -h)) / h**2],
            ],
            dtype=float,
        )
    second[1, 0] = second[0, 1]
    np.testing.assert_allclose(hessian, second, rtol=1e-8, atol=1e-14)


# ---------------------------------------------------------------- priors

TEXTS = (
    "flat()", "normal(0.3, 1.5)", "student_t(3, -1, 2)", "cauchy(0, 2.5)", "logistic(0.2, 0.7)",
    "laplace(0.1, 2)", "beta(2, 5)", "uniform()", "half_normal(1.2)", "half_student_t(3, 2)",
    "half_cauchy(1)", "exponential(1.7)", "gamma(2, 3)", "inverse_gamma(0.1, 0.1)",
    "lognormal(-0.5, 0.8)", "inverse_gamma_variance(0.1, 0.1)",
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_densities__equal_the_priors(text):
    prior = priors.parse(text)
    arguments = (*prior.arguments, 0.0, 0.0, 0.0)[:3]
    points = [1e-3, 0.2, 1.0, 3.7, 40.0] if prior.is_positive else [-40.0, -2.0, 0.15, 1.0, 40.0]
    for x in points:
        value, slope = log_density(prior.code, *arguments, x)
        np.testing.assert_allclose(value, prior.log_density(x), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(slope, prior.gradient(x), rtol=1e-12, atol=1e-14)
        h = 1e-6 * max(abs(x), 1e-2)
        up, down = (log_density(prior.code, *arguments, x + s * h)[0] for s in (1, -1))
        np.testing.assert_allclose(slope, (up - down) / (2 * h), rtol=1e-6, atol=1e-7)


def test_densities__every_kind_is_tested():
    of_kernel = {k.name for k in priors.KINDS.values() if not k.is_bounded}
    assert {priors.parse(text).kind for text in TEXTS} == of_kernel


# ---------------------------------------------------------------- layout, simulation


@pytest.mark.parametrize("counts", [[], [0], [0, 3, 1], [1] * 700, [5000, 0, 2, 5000], [90] * 300])
def test_layout__every_visit_lies_in_one_place(counts):
    counts = np.array(counts, int)
    at = make_layout(counts)
    assert sorted(at.site_order) == list(range(counts.size))
    assert sorted(at.visit_order) == list(range(counts.sum()))
    first = np.concatenate([[0], np.cumsum(counts)])
    for b in range(at.site_start.size - 1):
        s0, s1 = at.site_start[b], at.site_start[b + 1]
        assert s1 - s0 <= BLOCK_SITES
        here = at.site_order[s0:s1]
        place = at.visit_start[b]
        for j, size in enumerate(at.diagonal_size[at.diagonal_start[b] : at.diagonal_start[b + 1]]):
            assert (counts[here[:size]] > j).all()
            assert (counts[here[size:]] <= j).all()
            np.testing.assert_array_equal(
                at.visit_order[place : place + size], first[here[:size]] + j
            )
            place += size
        assert place == at.visit_start[b + 1]
        assert place - at.visit_start[b] <= max(BLOCK_VISITS, 16 * counts.max())


def test_simulate__histories_follow_the_likelihood():
    """O14: 20,000 sites in three cohorts of visits made, chi-square against exp(log P)."""
    rng = np.random.default_rng(14)
    n, psi, p = 20_000, 0.63, np.array([0.2, 0.5, 0.35, 0.7])
    cohorts = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 1, 1, 1]], bool)
    made = cohorts[np.arange(n) % 3]
    values = {"psi": np.full(n, psi), "p": np.tile(p, (n, 1, 1))}
    z, y = (a[:, 0] for a in FAMILY.simulate(values, made[:, None], rng))
    assert ((~np.isnan(y)) == made).all()
    assert (np.nansum(y, axis=1)[z == 0] == 0).all()
    statistic, freedom = 0.0, 0
    for c, cohort in enumerate(cohorts):
        histories = list(itertools.product((0.0, 1.0), repeat=cohort.sum()))
        table = np.full((len(histories), 4), np.nan)
        table[:, cohort] = histories
        eta = np.tile(np.log(p / (1 - p)), (len(table), 1))
        log_p, *_ = through(
            kernel, FAMILY, np.full(len(table), np.log(psi / (1 - psi))), eta, table
        )
        own = y[c::3][:, cohort]
        seen = [(own == h).all(axis=1).sum() for h in histories]
        expected = len(own) * np.exp(log_p)
        statistic += ((seen - expected) ** 2 / expected).sum()
        freedom += len(histories) - 1
    assert chi2.sf(statistic, freedom) > 1e-4
