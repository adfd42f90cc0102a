"""The likelihood of one season held to enumeration over the true states in many digits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from mpmath import mp, mpf
from oracle import MANY_DIGITS, joint, sites, through
from scipy.special import expit

from occupancy.families.single_season import FAMILY, kernel, kernel_on_core

KERNELS = {"fast": kernel, "core": kernel_on_core}
LINKS = ("logit", "cloglog")
both = pytest.mark.parametrize("which", KERNELS)
links = pytest.mark.parametrize("link", LINKS)


def draw(rng, n=14, j=5, missing=0.3, spread=2.0, chance=0.3):
    """Random predictors and ragged detections; site 0 seen at every visit, site 1 never visited."""
    y = (rng.random((n, j)) < chance).astype(float)
    y[rng.random((n, j)) < missing] = np.nan
    y[0], y[1] = 1.0, np.nan
    return rng.normal(0, spread, n), rng.normal(0, spread, (n, j)), y


def compare(which, eta_psi, eta_p, y, link, *, digits=60, near_zero=1e-100):
    """Value 1e-10 and slopes 1e-8, relative; the core subtracts, so it keeps 1e-14 absolute."""
    near_zero = near_zero if which == "fast" else 2e-14
    value, states, slope, slopes = through(KERNELS[which], FAMILY, eta_psi, eta_p, y, link)
    expected = sites(eta_psi, eta_p, y, link, digits)
    np.testing.assert_allclose(value, expected[0], rtol=1e-10, atol=near_zero)
    np.testing.assert_allclose(states[1], expected[1], rtol=1e-10, atol=1e-300)
    np.testing.assert_allclose(states[0], 1 - expected[1], atol=1e-15)
    np.testing.assert_allclose(slope, expected[2], rtol=1e-8, atol=near_zero)
    np.testing.assert_allclose(slopes, expected[3], rtol=1e-8, atol=near_zero)
    assert (states >= 0).all()
    assert (states <= 1).all()


@both
@links
@pytest.mark.parametrize("seed", [1, 2])
def test_kernel__equals_enumeration(which, link, seed):
    compare(which, *draw(np.random.default_rng(seed)), link)


@both
@links
def test_kernel__one_visit_per_site(which, link):
    eta_psi, eta_p, y = draw(np.random.default_rng(4), j=1, missing=0)
    compare(which, eta_psi, eta_p, y, link)


@both
@links
def test_kernel__at_forty_logits(which, link):
    """Every combination of psi and p at -40, 0 and 40, seen and not seen."""
    rows = list(itertools.product((-40.0, 0.0, 40.0), repeat=3))
    histories = [[0, 0], [1, 0], [0, 1], [1, 1], [0, np.nan]]
    eta_psi = np.array([r[0] for r in rows for _ in histories])
    eta_p = np.array([r[1:] for r in rows for _ in histories])
    y = np.array([h for _ in rows for h in histories], float)
    if link == "cloglog":  # exp(40) is no hazard on earth; 1 - psi = exp(-exp(4)) is hard enough
        eta_psi = np.where(eta_psi > 0, 4.0, eta_psi)
    compare(which, eta_psi, eta_p, y, link, digits=100)


@both
@links
@pytest.mark.parametrize("size", [650.0, 800.0])
def test_kernel__at_eight_hundred_logits(which, link, size):
    """Blocks that underflow are done again in logarithms: absolute 1e-13 where the answer is 0."""
    rows = list(itertools.product((-size, 1.0, size), repeat=2))
    histories = [[0.0], [1.0]]
    eta_psi = np.array([r[0] for r in rows for _ in histories])
    eta_p = np.array([[r[1]] for r in rows for _ in histories])
    y = np.array([h for _ in rows for h in histories])
    if link == "cloglog":
        eta_psi = np.minimum(eta_psi, 5.0)
    compare(which, eta_psi, eta_p, y, link, digits=MANY_DIGITS, near_zero=1e-13)


@links
def test_kernel__certain_presence_is_certain_at_any_predictor(link):
    """With psi = 1 to the last digit p alone is left; no NaN, no infinity."""
    eta_psi = np.array([40.0, 300.0, 700.0, 800.0, 1e4])
    eta_p, y = np.zeros((5, 2)), np.tile([0.0, 0.0], (5, 1))
    value, states, slope, slopes = through(kernel, FAMILY, eta_psi, eta_p, y, link)
    np.testing.assert_allclose(value, 2 * np.log(0.5), rtol=1e-14)
    np.testing.assert_allclose(states[1], 1.0, rtol=1e-14)
    np.testing.assert_allclose(slope, 0.0, atol=1e-15)
    np.testing.assert_allclose(slopes, -0.5, rtol=1e-14)


@both
@links
def test_kernel__two_hundred_visits(which, link):
    rng = np.random.default_rng(5)
    y = (rng.random((3, 200)) < [[0.5], [0.0], [0.01]]).astype(float)
    eta_p = rng.normal([[0.0], [-4.0], [-4.0]], 0.5, (3, 200))
    value, states, slope, slopes = through(
        KERNELS[which], FAMILY, np.array([0.3, 1.0, -1.0]), eta_p, y, link
    )
    some = (0, 77, 199)  # the oracle is slow
    with mp.workdps(80):
        for i, eta in enumerate((0.3, 1.0, -1.0)):
            visits = [(int(a), mpf(float(b))) for a, b in zip(y[i], eta_p[i], strict=True)]
            absent, present = joint(mpf(eta), visits, link)
            np.testing.assert_allclose(value[i], float(mp.log(absent + present)), rtol=1e-10)
            share = float(present / (absent + present))
            np.testing.assert_allclose(states[1, i], share, rtol=1e-10)
            h = mpf(10) ** -30
            for j in some:
                moved = [
                    mp.log(
                        sum(
                            joint(
                                mpf(eta),
                                [
                                    (a, b + (s * h if k == j else 0))
                                    for k, (a, b) in enumerate(visits)
                                ],
                                link,
                            )
                        )
                    )
                    for s in (1, -1)
                ]
                expected = float((moved[0] - moved[1]) / (2 * h))
                np.testing.assert_allclose(slopes[i, j], expected, rtol=1e-8)
            up, down = (mp.log(sum(joint(mpf(eta) + s * h, visits, link))) for s in (1, -1))
            np.testing.assert_allclose(
                slope[i], float((up - down) / (2 * h)), rtol=1e-8, atol=2e-14
            )


@both
@links
def test_kernel__detection_of_one_in_a_million(which, link):
    """Sites never seen at p = 1e-6 have log-likelihoods near -1e-6, and keep their digits."""
    rng = np.random.default_rng(6)
    eta_psi, _, y = draw(rng, n=8, j=4, chance=0.1)
    compare(which, eta_psi, np.log(1e-6) + rng.normal(0, 0.5, (8, 4)), y, link)


@both
@links
def test_kernel__sites_never_visited_say_nothing(which, link):
    eta_psi = np.array([-800.0, -3.0, 0.0, 3.0, 800.0])
    y = np.full((5, 2), np.nan)
    value, states, slope, _ = through(KERNELS[which], FAMILY, eta_psi, np.zeros((5, 2)), y, link)
    np.testing.assert_allclose(value, 0, atol=1e-15)
    np.testing.assert_allclose(slope, 0, atol=1e-15)
    psi = expit(eta_psi) if link == "logit" else -np.expm1(-np.exp(np.minimum(eta_psi, 600)))
    np.testing.assert_allclose(states[1], psi, rtol=1e-13, atol=1e-300)


@both
@links
@pytest.mark.parametrize("j", [1, 2, 4, 7])
def test_kernel__all_histories_add_to_one(which, link, j):
    """O4: probabilities of every possible data set of one site."""
    rng = np.random.default_rng(7)
    y = np.array(list(itertools.product((0.0, 1.0), repeat=j)))
    eta_psi = np.full(len(y), rng.normal())
    eta_p = np.tile(rng.normal(0, 2, j), (len(y), 1))
    value, *_ = through(KERNELS[which], FAMILY, eta_psi, eta_p, y, link)
    assert abs(np.exp(value).sum() - 1) < 1e-12


@both
@links
def test_kernel__order_of_sites_and_visits_changes_nothing(which, link):
    """O5, with more sites than one block holds."""
    rng = np.random.default_rng(8)
    eta_psi, eta_p, y = draw(rng, n=900, j=6)
    first = through(KERNELS[which], FAMILY, eta_psi, eta_p, y, link)
    order = rng.permutation(900)
    moved = through(KERNELS[which], FAMILY, eta_psi[order], eta_p[order], y[order], link)
    np.testing.assert_allclose(moved[0], first[0][order], rtol=1e-12)
    np.testing.assert_allclose(moved[3], first[3][order], rtol=1e-12, atol=1e-15)
    turn = rng.permuted(np.tile(np.arange(6), (900, 1)), axis=1)
    take = lambda x: np.take_along_axis(x, turn, axis=1)  # noqa: E731
    turned = through(KERNELS[which], FAMILY, eta_psi, take(eta_p), take(y), link)
    np.testing.assert_allclose(turned[0], first[0], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(turned[2], first[2], rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(turned[3], take(first[3]), rtol=1e-11, atol=1e-14)


@both
@links
def test_kernel__empty_visits_and_sites_change_nothing(which, link):
    """O6: exact, for a visit and a site that were not there."""
    rng = np.random.default_rng(9)
    eta_psi, eta_p, y = draw(rng)
    first = through(KERNELS[which], FAMILY, eta_psi, eta_p, y, link)
    wide = np.column_stack([y, np.full(len(y), np.nan)])
    tall = np.vstack([wide, np.full((1, wide.shape[1]), np.nan)])
    eta_wide = np.column_stack([eta_p, np.full(len(y), np.nan)])  # its predictor is not known
    eta_tall = np.vstack([eta_wide, np.full((1, wide.shape[1]), np.nan)])
    more = through(KERNELS[which], FAMILY, np.append(eta_psi, 0.7), eta_tall, tall, link)
    assert more[0][-1] == pytest.approx(0, abs=1e-15)
    assert np.array_equal(more[0][:-1], first[0])
    assert np.array_equal(more[1][:, :-1], first[1])
    assert np.array_equal(more[2][:-1], first[2])
    assert np.array_equal(more[3][:-1, :-1], first[3])


@both
def test_kernel__perfect_detection_is_logistic_regression(which):
    """O8: p -> 1 leaves log psi where seen and log (1 - psi) where not."""
    rng = np.random.default_rng(10)
    eta_psi = rng.normal(0, 2, 40)
    seen = rng.random(40) < 0.5
    y = np.repeat(seen[:, None], 3, axis=1).astype(float)
    value, _, slope, _ = through(KERNELS[which], FAMILY, eta_psi, np.full((40, 3), 45.0), y)
    logistic = -np.logaddexp(0, np.where(seen, -eta_psi, eta_psi))
    np.testing.assert_allclose(value, logistic, rtol=1e-12)
    np.testing.assert_allclose(slope, seen - expit(eta_psi), rtol=1e-12)


@both
def test_kernel__certain_presence_is_logistic_regression_of_visits(which):
    """O8: psi -> 1 leaves independent visits."""
    rng = np.random.default_rng(11)
    eta_p = rng.normal(0, 1.5, (30, 4))
    y = (rng.random((30, 4)) < expit(eta_p)).astype(float)
    value, _, _, slopes = through(KERNELS[which], FAMILY, np.full(30, 60.0), eta_p, y)
    np.testing.assert_allclose(
        value, -np.logaddexp(0, np.where(y > 0, -eta_p, eta_p)).sum(axis=1), rtol=1e-12
    )
    np.testing.assert_allclose(slopes, y - expit(eta_p), rtol=1e-11)


@both
def test_kernel__one_visit_knows_only_the_product(which):
    """O8: with J = 1 the likelihood is flat along psi p = constant."""
    y = np.array([[0.0], [1.0]])
    product = 0.2
    values = []
    for psi in (0.25, 0.5, 0.9):
        eta = np.full(2, np.log(psi / (1 - psi)))
        p = product / psi
        values.append(
            through(KERNELS[which], FAMILY, eta, np.full((2, 1), np.log(p / (1 - p))), y)[0]
        )
    np.testing.assert_allclose(values, [[np.log(0.8), np.log(0.2)]] * 3, rtol=1e-13)


@pytest.mark.parametrize("bad", ["psi", "p"])
def test_kernel__not_a_number_stays_not_a_number(bad):
    """A NaN predictor must never come out as a finite likelihood."""
    eta_psi, eta_p = np.zeros(3), np.zeros((3, 2))
    y = np.array([[0.0, 0], [0, 1], [0, 0]])
    if bad == "psi":
        eta_psi[0] = np.nan
    else:
        eta_p[0, 0] = np.nan
    value, *_ = through(kernel, FAMILY, eta_psi, eta_p, y)
    assert np.isnan(value[0])
    assert np.isfinite(value[1:]).all()
