"""Spatial fields: the compiled density is the PyMC model, and places are where they are."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from test_layers import compare

import surveys
from occupancy import graph
from occupancy.engines.compiled import CompiledDensity
from occupancy.engines.coordinates import coordinates_of, varying_terms
from occupancy.frames import make_frames
from occupancy.model import Model
from occupancy.varying import situated
from occupancy.varying.base import SETTLED
from surveys.problems import ModelError

N, J = 40, 3
CRS = "EPSG:3035"


def coordinates(n: int, rng: np.random.Generator, width: float = 5000.0) -> dict:
    at = rng.uniform(0, width, (n, 2)).round(2)
    at[6] = at[5]  # one place under two names
    return {"easting": 4_000_000 + at[:, 0], "northing": 3_000_000 + at[:, 1]}


@cache
def fields():
    """40 sites within 5 km, two of them at one place; site 0 never visited."""
    rng = np.random.default_rng(60)
    y = (rng.random((N, J)) < 0.4).astype(float)
    y[rng.random((N, J)) < 0.2] = np.nan
    y[0] = np.nan
    date = rng.normal(size=(N, J))
    date[np.isnan(y)] = np.nan
    return surveys.from_arrays(
        y,
        site_covariates={"ele": rng.normal(1200, 400, N)},
        visit_covariates={"date": date},
        coordinates=coordinates(N, rng),
        crs=CRS,
    )


@cache
def three_years():
    rng = np.random.default_rng(61)
    y = (rng.random((N, 3, 2)) < 0.4).astype(float)
    return surveys.from_arrays(y, coordinates=coordinates(N, rng), crs=CRS)


MODELS = {
    "waves": lambda: Model(fields(), psi="scale(ele) + space(basis=6)", p="date"),
    "slope in space": lambda: Model(
        fields(),
        psi="scale(ele) + space(basis=4) + space(ele, basis=4, smoothness='gaussian')",
        p="date",
    ),
    "two parameters": lambda: Model(
        fields(),
        psi="scale(ele) + space(basis=4)",
        p="date + space(basis=4, smoothness='matern52', boundary=1.2)",
        priors={"psi": {"range[space()]": "lognormal(0.5, 0.5)", "sd": "exponential(1)"}},
    ),
    "neighbours": lambda: Model(
        fields(), psi="scale(ele) + space(neighbours=4) + space(ele, neighbours=3)", p="date"
    ),
    "rough": lambda: Model(
        fields(),
        psi="scale(ele) + space(smoothness='exponential')",
        p="date + space(kind='nngp', smoothness='matern52')",
    ),
    "colonisation": lambda: Model(three_years(), "dynamic", psi="1", gamma="space(basis=4)"),
}


def first_term(model: Model):
    return next(term for _, term in varying_terms(model.problem))


QUICK = ("waves", "neighbours")


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in MODELS]
)
def test_space__precompiled_density_is_the_pymc_model(name):
    model = MODELS[name]()
    compare(model.problem, graph.build(model.problem), points=4)


def test_space__coordinates_do_not_change_the_model():
    """Waves sampled in units of their sd, as they are, or between: one posterior."""
    problem = MODELS["waves"]().problem
    psi = problem.predictors["psi"]
    values = {}
    for w in (0.0, 1e-4, 1.0):
        (term,) = psi.varying
        term = replace(term, design=replace(term.design, centring=w))
        predictors = problem.predictors | {"psi": replace(psi, varying=(term,))}
        other = replace(problem, predictors=predictors)
        density = CompiledDensity(other)
        found = coordinates_of(other).arrays["psi", term.name]
        natural = np.array([0.8, 2.0])
        weights = np.random.default_rng(3).normal(size=term.design.n_weight)
        x = density.start(np.random.default_rng(1))
        k, scale = density.n_coefficient, term.design.scales(natural[None])[0]
        x[k : k + 2] = np.log(natural)
        more = 1.0 + w * SETTLED * scale**2
        x[k + 2 :] = weights * np.sqrt(more)
        mean = density.mean_effects(x)[0]
        assert found[1].size > 1
        x[2:k] = 0.1, 0.2
        x[:2] = np.linalg.solve(density.transforms[0], [0.3 + mean, 0.5])
        values[w] = density(x)[0] + 0.5 * np.log(more).sum()
    np.testing.assert_allclose(list(values.values()), values[0.0], rtol=1e-12)


@pytest.mark.parametrize("name", QUICK)
def test_space__gradient_is_the_slope_of_the_value(name):
    density = CompiledDensity(MODELS[name]().problem)
    x = density.start(np.random.default_rng(4))
    _, gradient = density(x)
    for i in range(density.size):
        step = np.zeros(density.size)
        step[i] = 1e-6
        up, down = density(x + step)[0], density(x - step)[0]
        np.testing.assert_allclose(gradient[i], (up - down) / 2e-6, rtol=1e-5, atol=2e-5)


# ---------------------------------------------------------------- what a field is


def covariance(term, places: np.ndarray, sd: float, reach: float, draws: int) -> np.ndarray:
    """(place, place) covariance of effects drawn from the prior."""
    rng = np.random.default_rng(9)
    natural = np.array([sd, reach])
    weights = np.stack([term.design.draw(natural, rng) for _ in range(draws)])
    effects = term.design.at_levels(np.tile(natural, (draws, 1)), weights)
    return effects.T @ effects / draws


@pytest.mark.parametrize("kind", ["hsgp", "nngp"])
@pytest.mark.parametrize("smoothness", ["matern32", "matern52"])
def test_space__effects_have_the_correlation_they_are_said_to_have(kind, smoothness):
    """Drawn fields against the exact correlation; 5 % at the range, by definition."""
    basis = ", basis=24" if kind == "hsgp" else ", neighbours=20"
    model = Model(fields(), psi=f"space(kind='{kind}', smoothness='{smoothness}'{basis})", p="1")
    term = first_term(model)
    field = term.design.field
    apart = np.sqrt(((field.places[:, None] - field.places[None]) ** 2).sum(axis=-1))
    exact, _ = situated.correlation(apart, 2.0 * field.length_per_range, field.code)
    found = covariance(term, field.places, 1.5, 2.0, 4000) / 1.5**2
    # Monte Carlo sd of a correlation from 4,000 draws is .016-.022; 3 % of the variance may lack
    assert np.abs(found - exact).max() < 0.12
    assert abs((found - exact).mean()) < 0.02
    at_range, _ = situated.correlation(np.array([3.0]), 3.0 * field.length_per_range, field.code)
    np.testing.assert_allclose(at_range, 0.05, rtol=1e-9)


def test_space__all_neighbours_are_the_exact_process():
    """With every earlier place a neighbour the density is the multivariate normal's."""
    from scipy.stats import multivariate_normal

    model = Model(fields(), psi="space(neighbours=30)", p="1")
    design = replace(first_term(model).design, n_near=38)
    field = design.field
    apart = np.sqrt(((field.places[:, None] - field.places[None]) ** 2).sum(axis=-1))
    whole, real = design.arrays()
    for reach in (0.7, 2.0, 4.0):
        exact, _ = situated.correlation(apart, reach * field.length_per_range, field.code)
        raw = np.random.default_rng(2).normal(size=design.n_raw)
        effect, natural = np.empty(design.n_effect), np.array([1.3, reach])
        log_raw = design.functions.forward(natural, raw, whole, real, effect)
        # the change from raw to effect has the determinant of the Cholesky factor
        expected = multivariate_normal(np.zeros(len(apart)), 1.69 * exact).logpdf(effect)
        _, log_determinant = np.linalg.slogdet(1.69 * exact)
        np.testing.assert_allclose(log_raw - 0.5 * log_determinant, expected, atol=0.02)


@pytest.mark.parametrize("smoothness", ["exponential", "matern32", "matern52"])
def test_space__numbers_between_two_ranges_are_those_of_the_range(smoothness):
    """Interpolated against solved, anywhere between the prior's ends."""
    model = Model(fields(), psi=f"space(kind='nngp', smoothness='{smoothness}')", p="1")
    design = first_term(model).design
    order, near = design._ordered
    at = design.field.places[order]
    table = design._table(at, near)
    low, high = np.log(design.field.shortest), np.log(design.field.extent)
    for reach in np.exp(np.random.default_rng(4).uniform(low, high, 20)):
        node, (a, b, c, d) = design._cubics(reach)
        told = a * table[node, :, 0] + b * table[node, :, 1]
        told += c * table[node + 1, :, 0] + d * table[node + 1, :, 1]
        exact = design._conditional(at, near, reach)[:, 0]
        np.testing.assert_allclose(told, exact, atol=3e-5)


def test_space__prior_of_the_range_leaves_one_per_cent_on_either_side():
    prior = situated.range_prior(0.3, 12.0)
    np.testing.assert_allclose(prior.quantile([0.01, 0.99]), [0.3, 12.0], rtol=1e-4)


# ---------------------------------------------------------------- places


def test_space__one_place_has_one_effect():
    model = MODELS["waves"]()
    term = first_term(model)
    index = term.design.faces(make_frames(model.data).chains, N)[0].index
    assert term.design.n_effect == N - 1
    assert index[5] == index[6]
    assert np.unique(index).size == N - 1


@pytest.mark.parametrize("name", ["waves", "neighbours", "colonisation", "rough"])
def test_space__predictions_at_surveyed_sites_are_the_fitted_effects(name):
    model = MODELS[name]()
    rng = np.random.default_rng(5)
    for predictor, term in varying_terms(model.problem):
        design = term.design
        natural = np.exp(rng.normal(size=(3, len(design.hypers))))
        weights = rng.normal(size=(3, design.n_weight))
        frame = make_frames(model.data).at(predictor.level)
        (face,) = design.faces(frame, frame.n)
        fitted = design.at_levels(natural, weights)[:, face.index]
        fitted = fitted if face.value is None else fitted * face.value
        own = {v: frame[v] for v in predictor.design.variables}
        told = design.predict(natural, weights, own, frame.n, no_noise)
        np.testing.assert_allclose(told, fitted, rtol=0, atol=1e-12 * np.abs(fitted).max())


def no_noise(label):
    raise AssertionError("a surveyed place needs nothing drawn")


@pytest.mark.parametrize("name", ["waves", "neighbours"])
def test_space__far_away_the_field_is_its_population(name):
    """100 ranges from every site: mean 0 and the sd, whatever the weights."""
    design = first_term(MODELS[name]()).design
    rng = np.random.default_rng(6)
    natural = np.tile([1.7, 0.5], (3000, 1))
    weights = design.scales(natural) if name == "waves" else np.ones((3000, design.n_weight))
    far = {"easting": np.array([4_060_000.0]), "northing": np.array([3_060_000.0])}
    told = design.predict(natural, weights * 3, far, 1, lambda label: rng.normal(size=3000))
    assert abs(told.mean()) < 0.1  # Monte Carlo sd .03
    assert abs(told.std() - 1.7) < 0.1


@pytest.mark.parametrize("name", MODELS)
def test_space__design_is_remembered(name):
    from occupancy.design import Design

    for predictor in MODELS[name]().problem.predictors.values():
        again = Design.from_dict(json.loads(json.dumps(predictor.design.to_dict())))
        for own, kept in zip(predictor.design.groups, again.groups, strict=True):
            assert own.hypers == kept.hypers
            assert own.labels == kept.labels
            for a, b in zip(own.arrays(), kept.arrays(), strict=True):
                np.testing.assert_array_equal(a, b)


def test_space__site_without_coordinates_is_set_aside_and_told():
    data = fields().copy(deep=True)
    data["easting"][3] = data["northing"][3] = np.nan
    problem = Model(data, psi="space(basis=4)", p="1").problem
    assert problem.left_out.sites == {"easting": ["4"], "northing": ["4"]}
    assert not problem.usable[3]


def test_space__surveys_without_coordinates_are_refused():
    data = surveys.from_arrays(np.eye(4))
    with pytest.raises(ModelError, match="coordinates of the sites with their CRS"):
        Model(data, psi="space()").problem  # noqa: B018


def test_space__degrees_are_not_metres():
    data = fields().copy(deep=True)
    data["easting"].values[:] = np.linspace(8.1, 8.3, N)
    data["northing"].values[:] = np.linspace(47.1, 47.3, N)
    with pytest.raises(ModelError, match="look like degrees"):
        Model(data, psi="space()").problem  # noqa: B018
    design = first_term(MODELS["waves"]()).design
    here = {"easting": np.array([8.1]), "northing": np.array([47.1])}
    with pytest.raises(ModelError, match="look like degrees"):
        design.predict(np.ones((1, 2)), np.zeros((1, design.n_weight)), here, 1, no_noise)


@pytest.mark.parametrize(
    ("term", "told"),
    [
        ("space(kind='hsgp', neighbours=5)", 'neighbours= belongs to kind="nngp"'),
        ("space(kind='nngp', basis=5)", 'basis= belongs to kind="hsgp"'),
        ("space(kind='hsgp', smoothness='exponential')", "cannot have smoothness"),
        ("space(kind='nngp', smoothness='gaussian')", "cannot have smoothness"),
    ],
)
def test_space__options_of_the_other_kind_are_refused(term, told):
    with pytest.raises(ModelError, match=told):
        Model(fields(), psi=term).problem  # noqa: B018


def test_space__sites_in_patches_have_neighbours_and_others_waves():
    rng = np.random.default_rng(8)
    middles = rng.uniform(0, 300, (15, 1, 2))
    patches = (middles + rng.uniform(-0.5, 0.5, (15, 20, 2))).reshape(-1, 2)
    even = rng.uniform(0, 300, (300, 2))
    kinds = {}
    for name, at in (("patches", patches), ("even", even)):
        data = surveys.from_arrays(
            np.zeros((300, 2)),
            coordinates={"easting": 4e6 + 1000 * at[:, 0], "northing": 3e6 + 1000 * at[:, 1]},
            crs=CRS,
        )
        kinds[name] = type(first_term(Model(data, psi="space()")).design).__name__
    assert kinds == {"patches": "Neighbours", "even": "Waves"}


@pytest.mark.parametrize("name", ["waves", "neighbours"])
def test_space__simulates(name):
    model = MODELS[name]()
    told = model.simulate(seed=2, draws=3)
    assert np.isfinite(told["psi_effect[space()]"]).all()
    assert (told["psi_range[space()]"] > 0).all()
    assert set(np.unique(told["state"])) <= {0, 1}


# ---------------------------------------------------------------- a fit and what is asked of it


@cache
def fitted(term: str):
    model = Model(fields(), psi=f"scale(ele) + {term}", p="date")
    return model.fit("nuts", seed=1, draws=40, tune=60, chains=2)


TERMS = ["space(basis=5)", "space(neighbours=5)"]


@pytest.mark.parametrize("term", TERMS)
def test_fit__field_is_told_by_site_and_psi_is_the_same_everywhere(term, tmp_path):
    from occupancy.fit import load

    fit = fitted(term)
    table = fit.field()
    assert list(table.columns) == ["site", "mean", "sd", "lower", "upper", "geometry"]
    assert abs(table["mean"].mean()) < 1e-9  # against the mean of the sites
    assert table["mean"][5] == table["mean"][6]  # one place
    assert not len(fit.groups())
    told = fit.fields().set_index("name")["mean"]
    assert told["sd"] > 0
    assert told["range"] > 0
    sites = fit.sites()
    metres = {v: fit.data[v].values for v in ("ele", "easting", "northing")}
    degrees = {v: fit.data[v].values for v in ("ele", "longitude", "latitude")}
    shapes = sites[["geometry"]].assign(ele=fit.data["ele"].values).to_crs(4326)
    np.testing.assert_allclose(fit.predict(metres)["psi_mean"], sites["psi_mean"], rtol=1e-12)
    # degrees are brought into the surveys' metres: the same to the digits of the projection
    for given in (degrees, shapes):
        np.testing.assert_allclose(fit.predict(given)["psi_mean"], sites["psi_mean"], atol=1e-6)
    np.testing.assert_allclose(fit.field(frame=metres)["mean"], table["mean"], atol=1e-12)
    fit.save(tmp_path / "fit")
    np.testing.assert_array_equal(load(tmp_path / "fit").field()["sd"], table["sd"])


def test_fit__without_a_field_says_how_to_add_one():
    fit = Model(fields(), psi="scale(ele)", p="date").fit("ml")
    assert not len(fit.fields())
    with pytest.raises(ModelError, match="no spatial field"):
        fit.field()


def test_check__a_range_finer_than_the_waves_is_told():
    from occupancy.checks import resolution

    waves = first_term(MODELS["waves"]()).design
    near = waves.resolved / 4
    (verdict,) = resolution._judge("psi", waves, np.full(100, near))
    assert (verdict.code, verdict.level) == ("BASIS", "warn")
    finer = int(verdict.cure.partition("basis=")[2].partition(",")[0])
    design = first_term(Model(fields(), psi=f"space(basis={finer})", p="1")).design
    assert design.lost(near) <= resolution.MUCH
    between = 0.5 * (design.resolved + design.widest)
    assert design.resolved < between < design.widest
    assert resolution._judge("psi", design, np.full(100, between)) == []
    (wide,) = resolution._judge("psi", waves, np.full(100, 5 * waves.widest))
    assert "boundary" in wide.cure


def test_outputs__map_of_the_field_is_drawn(tmp_path):
    from occupancy import outputs
    from occupancy.outputs.results import Results

    results = Results.from_fit(fitted(TERMS[0]), quantiles=False)
    (file,) = outputs.write("field-map", results, tmp_path)
    assert file.name == "field-map.png"
    assert file.stat().st_size > 20_000
    (field,) = results.fields
    alt = outputs.output("field-map").alt_text(results, field)
    assert "correlation falls to 5% over" in alt
    with pytest.raises(outputs.OutputError, match=r"no formula has space\(\)"):
        outputs.write("field-map", replace(results, fields=()), tmp_path)
