"""Links: their inverses, slopes and logs, as far out as a sampler can wander."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from occupancy.links import LINKS

ETA = np.array([-800.0, -300.0, -40.0, -5.0, -1.0, 0.0, 0.5, 3.0, 5.0, 40.0, 300.0, 800.0])


def test_links__known_values():
    assert LINKS["logit"].inverse(0.0) == 0.5
    assert LINKS["logit"].inverse(math.log(3)) == pytest.approx(0.75, rel=1e-15)
    assert LINKS["probit"].inverse(1.959963984540054) == pytest.approx(0.975, rel=1e-14)
    assert LINKS["cloglog"].inverse(0.0) == pytest.approx(1 - math.exp(-1), rel=1e-15)
    assert LINKS["log"].inverse(2.0) == pytest.approx(math.exp(2), rel=1e-15)


@pytest.mark.parametrize("name", LINKS)
def test_links__forward_undoes_inverse(name):
    link = LINKS[name]
    eta = np.linspace(-3, 1.5, 10)  # beyond, 1 - p of a cloglog has lost its digits
    np.testing.assert_allclose(link.forward(link.inverse(eta)), eta, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", LINKS)
def test_links__derivative_is_the_slope_of_the_inverse(name):
    link, eta, step = LINKS[name], np.linspace(-3, 1.5, 10), 1e-6
    slope = (link.inverse(eta + step) - link.inverse(eta - step)) / (2 * step)
    np.testing.assert_allclose(link.derivative(eta), slope, rtol=1e-7)  # differences lose half


@pytest.mark.parametrize("name", [n for n in LINKS if LINKS[n].is_probability])
def test_links__stay_finite_and_ordered_far_out(name):
    link = LINKS[name]
    p = link.inverse(ETA)
    assert np.all((p >= 0) & (p <= 1))
    assert np.all(np.diff(p) >= 0)
    assert np.all(np.isfinite(link.derivative(ETA)))
    assert np.all(link.derivative(ETA) >= 0)
    assert np.all(np.diff(link.log_inverse(ETA)) >= 0)
    inner = np.abs(ETA) <= 5
    np.testing.assert_allclose(
        link.log_inverse(ETA)[inner], np.log(p[inner]), rtol=1e-12, atol=1e-16
    )
    near = np.abs(ETA) <= 1
    np.testing.assert_allclose(link.log_complement(ETA)[near], np.log1p(-p[near]), rtol=1e-12)


def test_links__logs_keep_their_digits_where_p_has_rounded():
    assert LINKS["logit"].log_inverse(-800.0) == -800.0
    assert LINKS["logit"].log_complement(800.0) == -800.0
    assert LINKS["logit"].log_inverse(800.0) == 0.0
    assert LINKS["logit"].log_inverse(40.0) == pytest.approx(-math.exp(-40), rel=1e-14)
    assert LINKS["cloglog"].log_inverse(-800.0) == -800.0
    assert LINKS["cloglog"].log_inverse(-35.0) == pytest.approx(-35 - math.exp(-35) / 2, rel=1e-15)
    assert LINKS["cloglog"].log_complement(5.0) == pytest.approx(-math.exp(5), rel=1e-15)
    # log Phi(-800) by its asymptotic series, exact to 1 / 800^4
    series = -0.5 * 800**2 - math.log(800 * math.sqrt(2 * math.pi)) + math.log1p(-1 / 800**2)
    assert LINKS["probit"].log_inverse(-800.0) == pytest.approx(series, rel=1e-14)
    assert LINKS["probit"].log_complement(3.0) == pytest.approx(stats.norm.logsf(3.0), rel=1e-13)


def test_links__cloglog_is_smooth_across_its_two_forms():
    eta = np.array([-37.0, -36.5, -36.0 - 1e-9, -36.0 + 1e-9, -35.5, -30.0])
    exact = eta - np.exp(eta) / 2  # log(1 - exp(-h)) = log h - h/2 + ...
    np.testing.assert_allclose(LINKS["cloglog"].log_inverse(eta), exact, rtol=1e-15)


def test_links__accept_numbers_lists_and_arrays_of_any_shape():
    assert LINKS["logit"].inverse([[0, 0], [0, 0]]).shape == (2, 2)
    assert LINKS["log"].inverse(800.0) == np.inf
    assert not LINKS["log"].is_probability
