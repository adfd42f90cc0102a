"""The marginal likelihood of a model with group effects, against integrals in many digits."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

import surveys
from occupancy.engines import quadrature
from occupancy.engines.laplace import find_mode
from occupancy.engines.latent import Latent
from occupancy.model import Model

LEVELS = np.array(["a", "a", "b", "b", "b", "c"], dtype=object)


def logistic(x):
    return 1 / (1 + mp.exp(-mpf(x)))


def integral(log_sd, levels, of_site, digits=25):
    """log of the product over levels of the integral over N(0, sd) of prod of_site(i, effect).

    The trapezoidal rule on a function that decays like a normal density is exact in practice.
    """
    with mp.workdps(digits):
        sd, h = mp.exp(mpf(log_sd)), mpf("0.2")
        grid = [h * k for k in range(-50, 51)]
        total = mpf(0)
        for level in sorted(set(levels)):
            sites = np.flatnonzero(levels == level)
            part = mpf(0)
            for u in grid:
                value = mp.exp(-u * u / 2)
                for i in sites:
                    value *= of_site(i, sd * u)
                part += value
            total += mp.log(h * part / mp.sqrt(2 * mp.pi))
        return float(total)


def outer_of(latent, values, hyper):
    """The outer vector of natural coefficients {parameter: [..]} and hyper-parameters."""
    beta = np.concatenate([np.atleast_1d(values[p]) for p in latent.problem.predictors])
    return np.concatenate([np.linalg.solve(latent.fixed.transform(), beta), np.atleast_1d(hyper)])


def by_quadrature(latent, outer, n):
    members = quadrature.parts(latent)
    assert members is not None
    mode = find_mode(latent, outer)
    return quadrature.nodes_about(mode, members, n).value_gradient(outer)


@pytest.fixture(scope="module")
def ele():
    return np.array([0.3, -1.0, 0.8, 0.1, -0.4, 1.2])


@pytest.fixture(scope="module")
def single(ele):
    y = np.array([[1, 0, 1], [0, 0, 0], [0, 1, np.nan], [0, 0, 0], [1, 1, 1], [0, 0, np.nan]])
    return surveys.from_arrays(y, site_covariates={"ele": ele}, region=LEVELS)


def test_single_season__quadrature_is_the_integral(single, ele):
    model = Model(single, psi="ele + (1 | region)", p="1")
    latent = Latent(model.problem)
    outer = outer_of(latent, {"psi": [0.4, -0.7], "p": [0.2]}, 0.3)
    y = single["detection"].values[0, :, 0]

    def of_site(i, effect):
        psi, p = logistic(mpf("0.4") - mpf("0.7") * mpf(float(ele[i])) + effect), logistic("0.2")
        seen = [v for v in y[i] if not np.isnan(v)]
        value = psi
        for v in seen:
            value *= p if v else 1 - p
        return value + (0 if any(seen) else 1 - psi)

    exact = integral(0.3, LEVELS, of_site)
    assert by_quadrature(latent, outer, 25)[0] == pytest.approx(exact, abs=1e-9)
    assert find_mode(latent, outer).log_marginal == pytest.approx(exact, abs=0.1)


def test_single_season__an_effect_of_detection_is_the_integral(single):
    """The sign of the visits is in the columns of p, and must be in its effects."""
    latent = Latent(Model(single, psi="1", p="(1 | region)").problem)
    outer = outer_of(latent, {"psi": [0.4], "p": [-0.3]}, 0.1)
    y = single["detection"].values[0, :, 0]

    def of_site(i, effect):
        psi, p = logistic("0.4"), logistic(mpf("-0.3") + effect)
        seen = [v for v in y[i] if not np.isnan(v)]
        value = psi
        for v in seen:
            value *= p if v else 1 - p
        return value + (0 if any(seen) else 1 - psi)

    exact = integral(0.1, LEVELS, of_site)
    assert by_quadrature(latent, outer, 25)[0] == pytest.approx(exact, abs=1e-9)


def test_dynamic__quadrature_is_the_integral():
    y = np.array(
        [
            [[1, 0], [0, 0], [1, 1]],
            [[0, 0], [0, 1], [0, 0]],
            [[0, 0], [0, 0], [0, 0]],
            [[1, 1], [np.nan, np.nan], [0, 1]],
            [[0, 0], [1, 0], [0, 0]],
            [[0, 0], [0, 0], [0, 1]],
        ]
    )
    data = surveys.from_arrays(y, region=LEVELS)
    latent = Latent(Model(data, family="dynamic", gamma="(1 | region)").problem)
    values = {"psi": [0.1], "gamma": [-0.8], "epsilon": [-0.5], "p": [0.4]}
    outer = outer_of(latent, values, 0.2)

    def of_site(i, effect):
        psi, p = logistic("0.1"), logistic("0.4")
        gamma, epsilon = logistic(mpf("-0.8") + effect), logistic("-0.5")
        state = [1 - psi, psi]
        for t in range(3):
            if t:
                state = [
                    state[0] * (1 - gamma) + state[1] * epsilon,
                    state[0] * gamma + state[1] * (1 - epsilon),
                ]
            for v in y[i, t]:
                if not np.isnan(v):
                    state = [state[0] * (0 if v else 1), state[1] * (p if v else 1 - p)]
        return state[0] + state[1]

    exact = integral(0.2, LEVELS, of_site)
    assert by_quadrature(latent, outer, 25)[0] == pytest.approx(exact, abs=1e-9)


def test_royle_nichols__quadrature_is_the_integral(single):
    latent = Latent(Model(single, family="royle_nichols", lam="(1 | region)").problem)
    outer = outer_of(latent, {"lam": [0.2], "r": [-0.4]}, -0.3)
    y = single["detection"].values[0, :, 0]

    def of_site(i, effect):
        lam, q = mp.exp(mpf("0.2") + effect), 1 - logistic("-0.4")
        seen = [v for v in y[i] if not np.isnan(v)]
        d = sum(v == 1 for v in seen)
        # sum over N of Poisson(N) (1 - q^N)^d q^(N (J - d)), the binomial written out
        return sum(
            mp.binomial(d, k) * (-1) ** k * mp.exp(-lam * (1 - q ** (len(seen) - d + k)))
            for k in range(d + 1)
        )

    exact = integral(-0.3, LEVELS, of_site)
    assert by_quadrature(latent, outer, 25)[0] == pytest.approx(exact, abs=1e-9)


# ---------------------------------------------------------------- gradients

FORMULAS = [
    {"psi": "ele + (1 | region)", "p": "1"},
    {"psi": "(1 + ele || region)", "p": "1"},
    {"psi": "(1 + ele | region)", "p": "1"},
    {"psi": "(1 | region)", "p": "(1 | region)"},
    {"psi": "(1 | region) + (1 | park)", "p": "(1 | observer)"},  # chains that share effects
]


@pytest.fixture(scope="module")
def larger():
    rng = np.random.default_rng(3)
    n, j = 60, 3
    region, park = np.arange(n) % 6, rng.integers(5, size=n)
    observer = rng.integers(4, size=(n, j))
    ele = rng.normal(size=n)
    eta = 0.3 + 0.8 * ele + rng.normal(size=6)[region] + rng.normal(size=5)[park]
    z = rng.random(n) < 1 / (1 + np.exp(-eta))
    p = 1 / (1 + np.exp(-rng.normal(size=4)[observer]))
    y = ((rng.random((n, j)) < p) & z[:, None]).astype(float)
    return surveys.from_arrays(
        y,
        site_covariates={"ele": ele, "park": np.array([f"k{k}" for k in park], dtype=object)},
        visit_covariates={"observer": np.char.add("o", observer.astype(str)).astype(object)},
        region=np.array([f"r{k}" for k in region], dtype=object),
    )


@pytest.mark.parametrize("formulas", FORMULAS)
def test_laplace__gradient_is_that_of_the_value(larger, formulas):
    latent = Latent(Model(larger, **formulas).problem)
    rng = np.random.default_rng(1)
    outer = np.concatenate([rng.normal(size=latent.n_coefficient) / 3, latent.hyper_of_start])
    mode = find_mode(latent, outer)
    assert mode.settled
    h = 1e-4
    numeric = [
        (
            find_mode(latent, outer + h * e, mode.raw).log_marginal
            - find_mode(latent, outer - h * e, mode.raw).log_marginal
        )
        / (2 * h)
        for e in np.eye(outer.size)
    ]
    np.testing.assert_allclose(mode.gradient(), numeric, atol=3e-6)


@pytest.mark.parametrize("formulas", FORMULAS[:4])
def test_quadrature__gradient_is_that_of_the_value_at_fixed_nodes(larger, formulas):
    latent = Latent(Model(larger, **formulas).problem)
    outer = np.concatenate([np.full(latent.n_coefficient, 0.1), latent.hyper_of_start])
    members = quadrature.parts(latent)
    assert members is not None
    nodes = quadrature.nodes_about(find_mode(latent, outer), members, 7)
    h = 1e-4
    numeric = [
        (nodes.value_gradient(outer + h * e)[0] - nodes.value_gradient(outer - h * e)[0]) / (2 * h)
        for e in np.eye(outer.size)
    ]
    np.testing.assert_allclose(nodes.value_gradient(outer)[1], numeric, atol=1e-6)


def test_quadrature__one_node_is_laplace(larger):
    latent = Latent(Model(larger, psi="(1 | region)", p="(1 | region)").problem)
    outer = np.concatenate([np.full(latent.n_coefficient, 0.1), latent.hyper_of_start])
    value, _ = by_quadrature(latent, outer, 1)
    assert value == pytest.approx(find_mode(latent, outer).log_marginal, abs=1e-9)


def test_quadrature__does_not_apply_to_crossed_groups(larger):
    crossed = Model(larger, psi="(1 | region) + (1 | park)")
    assert quadrature.parts(Latent(crossed.problem)) is None
