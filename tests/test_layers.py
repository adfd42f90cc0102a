"""The precompiled density against the PyMC model, which is the definition of record."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import surveys
from occupancy import graph
from occupancy.engines.compiled import CompiledDensity
from occupancy.engines.coordinates import coordinates_of
from occupancy.engines.joined import density_of
from occupancy.model import Model

N, J = 70, 4
POINTS = 20


@cache
def fields():
    """70 sites in 5 regions and 12 parks, ragged visits by 5 observers; site 0 never visited."""
    rng = np.random.default_rng(20)
    y = (rng.random((N, J)) < 0.3).astype(float)
    y[rng.random((N, J)) < 0.25] = np.nan
    y[0] = np.nan
    region = rng.integers(0, 5, N)
    park = np.array([f"park{r}{k}" for r, k in zip(region, rng.integers(0, 3, N), strict=True)])
    date = rng.normal(120, 20, (N, J))
    date[np.isnan(y)] = np.nan
    return surveys.from_arrays(
        y,
        site_covariates={
            "ele": rng.normal(1200, 400, N),
            "forest": rng.normal(40, 25, N),
            "park": park,
            "habitat": np.array(["oak", "pine", "scrub"])[rng.integers(0, 3, N)],
            "area": rng.uniform(0.5, 2, N),
        },
        visit_covariates={
            "date": date,
            "observer": np.array([f"o{k}" for k in range(5)])[rng.integers(0, 5, (N, J))],
            "minutes": rng.uniform(10, 60, (N, J)),
        },
        region=np.array([f"r{k}" for k in region]),
    )


@cache
def two_hundred():
    rng = np.random.default_rng(21)
    y = (rng.random((20, 200)) < rng.uniform(0, 0.2, (20, 1))).astype(float)
    y[0] = 0.0
    return surveys.from_arrays(
        y,
        site_covariates={"ele": rng.normal(size=20)},
        visit_covariates={"date": rng.normal(size=(20, 200))},
    )


@cache
def one_in_a_million():
    rng = np.random.default_rng(22)
    y = np.zeros((40, 5))
    y[3, 2] = 1.0
    return surveys.from_arrays(y, visit_covariates={"logit_p": rng.normal(-13.8, 0.3, (40, 5))})


@cache
def seasons():
    """40 sites in 4 regions, seasons 2001 to 2011 unevenly spaced; years with fractions."""
    rng = np.random.default_rng(24)
    years = np.array([2001, 2002, 2004, 2005, 2007, 2011])
    y = (rng.random((40, 6, 3)) < 0.4).astype(float)
    y[rng.random(y.shape) < 0.3] = np.nan
    part = np.array([0.1, 0.3, 0.2, 0.9, 0.4, 0.5])
    data = surveys.from_arrays(
        y,
        site_covariates={"x": rng.normal(size=40)},
        season_covariates={"year": np.tile(years + part, (40, 1))},
        region=np.array([f"r{k % 4}" for k in range(40)]),
    )
    return data.assign_coords(season=years)


MODELS = {
    "no groups": lambda: Model(fields(), psi="ele + I(ele^2) + forest", p="date"),
    "nested groups": lambda: Model(fields(), psi="forest + (1 | region/park)", p="date"),
    "crossed": lambda: Model(
        fields(), psi="scale(ele) + (1 | park)", p="date + (1 | observer) + (1 | region)"
    ),
    "slopes": lambda: Model(
        fields(),
        psi="scale(ele) + (1 + scale(ele) || region)",
        p="scale(date) + (1 + scale(date) || observer)",
    ),
    "correlated slopes": lambda: Model(
        fields(),
        psi="scale(ele) + (1 + scale(ele) + scale(forest) | region)",
        p="date",
    ),
    "correlated detection": lambda: Model(
        fields(),
        psi="forest",
        p="date + (0 + scale(date) + scale(minutes) | park)",
    ),
    "splines": lambda: Model(
        fields(),
        psi="spline(ele) + (1 | region)",
        p="spline(date, basis=6) + scale(minutes) + spline(minutes | observer, basis=5)",
    ),
    "cycles": lambda: Model(
        fields(),
        psi="forest",
        p="cyclic(date, period=365) + cyclic(minutes | observer, period=60, harmonics=2)",
    ),
    "walks": lambda: Model(
        seasons(), "dynamic", gamma="rw(season) + rw(year | region, order=2)", p="rw(season)"
    ),
    "autoregression": lambda: Model(
        seasons(),
        "dynamic",
        epsilon="ar1(season)",
        gamma="ar1(year) + x",
        p="ar1(year | region) + (1 | region)",
    ),
    "offset": lambda: Model(
        fields(), psi="forest + offset(log(area))", p="scale(date) + offset(log(minutes))"
    ),
    "factors": lambda: Model(
        fields(), psi="habitat * scale(ele)", p="observer + date", link_psi="cloglog"
    ),
    "priors": lambda: Model(
        fields(),
        psi="scale(ele) + (1 | region)",
        p="scale(date)",
        priors={
            "psi": {"Intercept": "uniform()", "slopes": "student_t(4, 0, 1)", "sd": "gamma(2, 1)"},
            "p": {"Intercept": "logistic(0, 1)", "slopes": "laplace(0, 2)"},
        },
    ),
    "no intercept": lambda: Model(fields(), psi="0 + habitat + scale(ele)", p="0 + scale(date)"),
    "200 visits": lambda: Model(two_hundred(), psi="ele", p="date"),
    "one in a million": lambda: Model(one_in_a_million(), p="logit_p"),
}


def compare(problem, model, points=POINTS):
    """Value to one constant at 1e-10, gradient at 1e-8, at random points."""
    density = density_of(problem)
    both = model.compile_fn([model.logp(), model.dlogp()], mode="FAST_COMPILE")
    names = [v.name for v in model.continuous_value_vars]

    def flat(x):
        values = graph.free_values(problem, density, x)
        return np.concatenate([np.ravel(values[name]) for name in names])

    def jacobian(x, h=1e-3):
        """Free values by x; five-point differences are exact but for h**4 in a log sd."""
        columns = []
        for step in h * np.eye(density.size):
            near, far = flat(x + step) - flat(x - step), flat(x + 2 * step) - flat(x - 2 * step)
            columns.append((8 * near - far) / (12 * h))
        return np.column_stack(columns)

    assert flat(np.zeros(density.size)).size == density.size
    rng = np.random.default_rng(23)
    gaps, sizes = [], []
    for _ in range(points):
        x = density.start(rng) + rng.normal(size=density.size)
        value, gradient = density(x)
        free = graph.free_values(problem, density, x)
        log_p, slope = both({name: np.asarray(value) for name, value in free.items()})
        gaps.append(value - float(log_p))
        sizes.append(abs(value))
        expected = jacobian(x).T @ slope
        np.testing.assert_allclose(gradient, expected, rtol=1e-8, atol=1e-8 * abs(expected).max())
    assert np.ptp(gaps) <= 1e-10 * max(1.0, max(sizes))


@pytest.mark.parametrize("name", MODELS)
def test_layers__precompiled_density_is_the_pymc_model(name):
    model = MODELS[name]()
    compare(model.problem, graph.build(model.problem))


def _centred(term):
    return replace(term, design=replace(term.design, centring=1.0))


@pytest.mark.parametrize("name", ["crossed", "correlated slopes", "splines", "autoregression"])
def test_layers__centred_form_is_the_same_model(name):
    """Effects sampled as themselves; forced, since data choose something between."""
    problem = MODELS[name]().problem
    centred = {
        name: replace(p, varying=tuple(_centred(g) for g in p.varying))
        for name, p in problem.predictors.items()
    }
    problem = replace(problem, predictors=centred)
    found = coordinates_of(problem).arrays
    for p in problem.predictors.values():
        for term in p.varying:
            some = np.ones(term.design.n_effect)
            told = term.design.arrays(some)
            never = replace(term.design, centring=0.0).arrays(some)
            for of_problem, centred in zip(found[p.name, term.name], told, strict=True):
                np.testing.assert_array_equal(of_problem, centred)
            assert any(not np.array_equal(a, b) for a, b in zip(told, never, strict=True))
    compare(problem, graph.build(problem))


@pytest.mark.slow  # compiles the whole graph: half a minute
def test_layers__compiled_graph_is_the_interpreted_one():
    """The numba route of the family's Op, which the sampler uses, against its plain call."""
    model = MODELS["nested groups"]()
    built = graph.build(model.problem)
    density = CompiledDensity(model.problem)
    x = density.start(np.random.default_rng(1))
    point = {k: np.asarray(v) for k, v in graph.free_values(model.problem, density, x).items()}
    plain, fast = built.compile_logp(mode="FAST_COMPILE"), built.compile_logp(mode="NUMBA")
    np.testing.assert_allclose(fast(point), plain(point), rtol=1e-12)


def test_layers__posterior_of_the_model_is_likelihood_and_priors():
    """The PyMC model itself: Model.evaluate, the priors and the effects' densities, summed."""
    model = MODELS["nested groups"]()
    problem, density = model.problem, CompiledDensity(model.problem)
    built, found = graph.build(problem), coordinates_of(problem).arrays
    log_p = built.compile_logp(mode="FAST_COMPILE")
    x = density.start(np.random.default_rng(2))
    named = density.expand(x)
    given, expected = {}, 0.0
    for name, p in problem.predictors.items():
        given[name] = dict(zip(p.terms, named[name], strict=True))
        expected += p.table.log_density(named[name])
        for g in p.groups:
            effect, sd = named[f"{name}_effect[{g.name}]"], named[f"{name}_sd[{g.name}]"][0]
            given[name][g.design.name] = dict(zip(g.design.levels, effect, strict=True))
            expected += float(g.prior.log_density(sd)) + np.log(sd)  # sampled as log sd
            expected += (-0.5 * (effect / sd) ** 2 - 0.5 * np.log(2 * np.pi)).sum()
            told = found[name, g.name][1][: effect.size]
            expected -= 0.5 * np.log1p(told * sd**2).sum()  # as effect sqrt(1 / sd^2 + told)
    expected += float(model.evaluate(given)["log_likelihood"].sum())
    point = {k: np.asarray(v) for k, v in graph.free_values(problem, density, x).items()}
    np.testing.assert_allclose(float(log_p(point)), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["nested groups", "slopes", "correlated slopes", "200 visits"])
def test_layers__native_functions_are_the_python_call(name):
    """The C functions that the sampler calls, through their pointer and header."""
    from occupancy.kernel.native import native_density, native_expand

    density = CompiledDensity(MODELS[name]().problem)
    doubles = ctypes.POINTER(ctypes.c_double)
    header = density.header()
    call = ctypes.CFUNCTYPE(
        ctypes.c_int64, ctypes.c_uint64, doubles, doubles, doubles, ctypes.c_void_p
    )(native_density.address)
    expand = ctypes.CFUNCTYPE(
        ctypes.c_int64, ctypes.c_uint64, ctypes.c_uint64, doubles, doubles, ctypes.c_void_p
    )(native_expand.address)
    rng = np.random.default_rng(3)
    for _ in range(5):
        x = density.start(rng)
        gradient, value = np.full(density.size, np.nan), np.empty(1)
        pointers = [a.ctypes.data_as(doubles) for a in (x, gradient, value)]
        assert call(density.size, *pointers, header.ctypes.data) == 0
        expected = density(x)
        assert value[0] == expected[0]
        np.testing.assert_array_equal(gradient, expected[1])
        named = np.concatenate(list(density.expand(x).values()))
        out = np.full(named.size, np.nan)
        pointers = [a.ctypes.data_as(doubles) for a in (x, out)]
        assert expand(density.size, out.size, *pointers, header.ctypes.data) == 0
        np.testing.assert_allclose(out, named, rtol=1e-14)
    x[:] = np.nan  # no number: told as an error that the sampler counts as a divergence
    pointers = [a.ctypes.data_as(doubles) for a in (x, gradient, value)]
    assert call(density.size, *pointers, header.ctypes.data) > 0


def test_layers__gradient_is_the_slope_of_the_value():
    """Of the density alone, by central differences, groups and all."""
    for name in ("slopes", "priors"):
        density = CompiledDensity(MODELS[name]().problem)
        x = density.start(np.random.default_rng(4))
        _, gradient = density(x)
        for i in range(density.size):
            step = np.zeros(density.size)
            step[i] = 1e-6
            up, down = density(x + step)[0], density(x - step)[0]
            np.testing.assert_allclose(gradient[i], (up - down) / 2e-6, rtol=1e-5, atol=2e-5)
