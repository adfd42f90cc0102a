"""Maximum likelihood with group effects: what a fit tells, and what it warns of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import occupancy
import surveys
from occupancy.engines import accuracy, laplace, marginal, quadrature
from occupancy.engines.conditional import conditional
from occupancy.engines.laplace import find_mode
from occupancy.engines.latent import Latent
from occupancy.model import Model
from surveys.problems import ModelError


def labels(letter, numbers):
    return np.array([f"{letter}{k:03d}" for k in numbers], dtype=object)


def make(seed, n_site, n_visit, n_region, sd, p=0.4, **more):
    """Surveys with a covariate and regions whose psi differs by ``sd``."""
    rng = np.random.default_rng(seed)
    region, ele = np.arange(n_site) % n_region, rng.normal(size=n_site)
    eta = 0.3 + 0.8 * ele + sd * rng.normal(size=n_region)[region]
    z = rng.random(n_site) < 1 / (1 + np.exp(-eta))
    y = ((rng.random((n_site, n_visit)) < p) & z[:, None]).astype(float)
    park = labels("k", rng.integers(8, size=n_site))
    return surveys.from_arrays(
        y, site_covariates={"ele": ele, "park": park}, region=labels("r", region), **more
    )


def codes(fit):
    return {w.code: w for w in fit.warnings}


@pytest.fixture(scope="module")
def data():
    return make(5, 400, 4, 20, 0.9)


@pytest.fixture(scope="module")
def fit(data):
    return Model(data, psi="ele + (1 | region)").fit(engine="ml")


# ---------------------------------------------------------------- the maximum


def test_maximum__no_neighbour_is_higher(fit):
    """A nearby fit, its integral made anew, is lower in every direction, as the errors say."""
    top = fit.ml
    latent = Latent(fit.problem)
    engine = marginal.Marginal(latent, "quadrature", top.nodes)
    beta = np.concatenate(list(top.coefficients.values()))
    outer = np.concatenate([np.linalg.solve(latent.fixed.transform(), beta), top.hyper])
    assert engine.value(outer) == pytest.approx(top.log_likelihood, abs=1e-9)
    turn = np.eye(outer.size)
    turn[:3, :3] = np.linalg.inv(latent.fixed.transform())
    scale, along = np.linalg.eigh(turn @ top.whole @ turn.T)
    for s, v in zip(scale, along.T, strict=True):
        step = 0.02 * np.sqrt(s) * v
        falls = [top.log_likelihood - engine.value(outer + k * step) for k in (-1, 1)]
        # half a squared standard error, up to the skewness that cancels between both sides
        assert np.mean(falls) == pytest.approx(0.5 * 0.02**2, rel=0.01)


def test_maximum__does_not_depend_on_units_or_labels(data, fit):
    moved = data.assign(ele=1000 + 250 * data["ele"])
    other = dict(zip(np.unique(data["region"]), np.unique(data["region"])[::-1], strict=True))
    moved["region"] = ("site", np.array([other[r] for r in data["region"].values], dtype=object))
    again = Model(moved, psi="ele + (1 | region)").fit(engine="ml")
    assert again.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-6)
    assert again.ml.coefficients["psi"][1] * 250 == pytest.approx(
        fit.ml.coefficients["psi"][1], rel=1e-4
    )
    assert again.ml.hyper == pytest.approx(fit.ml.hyper, abs=1e-4)
    assert again.ml.hyper_errors == pytest.approx(fit.ml.hyper_errors, rel=1e-3)
    first, second = (f.groups().set_index("level")["mean"] for f in (fit, again))
    assert second.rename(index=other).sort_index().to_numpy() == pytest.approx(
        first.sort_index().to_numpy(), abs=1e-4
    )


def test_maximum__methods_meet_where_levels_hold_much():
    """Effects are then normal given the data: Laplace's approximation is the integral."""
    gap = []
    for n_site in (240, 4800):
        latent = Latent(Model(make(2, n_site, 6, 6, 0.7, p=0.7), psi="(1 | region)").problem)
        outer = np.array([0.0, 0.8, np.log(0.7)])
        mode, members = find_mode(latent, outer), quadrature.parts(latent)
        assert members is not None
        value, _ = quadrature.nodes_about(mode, members, 25).value_gradient(outer)
        gap.append(abs(value - mode.log_marginal))
    assert gap[1] < 0.2 * gap[0]  # one over the sites of a level


METHODS = ("laplace", "quadrature")


def test_penalised__priors_of_coefficients_and_sds_are_added(data):
    """Its top is where the slopes of both together are 0, and lies below the other's."""
    stated = {"psi": {"slopes": "normal(0, 0.1)", "sd": "half_normal(0.2)"}}
    problem = Model(data, psi="ele + (1 | region)", priors=stated).problem
    free, held = (marginal.maximise(problem, penalised=k) for k in (False, True))
    assert held.log_likelihood < free.log_likelihood
    assert abs(held.coefficients["psi"][1]) < 0.5 * abs(free.coefficients["psi"][1])
    assert held.hyper[0] < free.hyper[0]
    latent = Latent(problem)
    engine = marginal.Marginal(latent, "quadrature", held.nodes, penalised=True)
    beta = np.concatenate(list(held.coefficients.values()))
    outer = np.concatenate([np.linalg.solve(latent.fixed.transform(), beta), held.hyper])
    for e in np.eye(outer.size):
        slope = (engine.value(outer + 1e-4 * e) - engine.value(outer - 1e-4 * e)) / 2e-4
        assert slope == pytest.approx(0, abs=1e-3)
    sd = np.exp(held.hyper[0])
    added = problem.predictors["psi"].table.coefficients[1].log_density(held.coefficients["psi"][1])
    added += problem.predictors["psi"].groups[0].prior.log_density(sd)
    added += sum(
        problem.predictors[p].table.coefficients[0].log_density(v)
        for p, v in _intercepts_at_means(problem, held).items()
    )
    assert engine.value(outer) == pytest.approx(held.log_likelihood + added, abs=1e-8)


def _intercepts_at_means(problem, top):
    """{parameter: intercept at the mean of the other columns}, which its prior acts on."""
    return {
        name: float(p.table.functional[0] @ top.coefficients[name])
        for name, p in problem.predictors.items()
    }


# ---------------------------------------------------------------- what is told


def test_fit__sd_and_its_interval(fit):
    told = fit.variances(interval=0.95).iloc[0]
    log_sd, error = fit.ml.hyper[0], fit.ml.hyper_errors[0]
    assert told["mean"] == pytest.approx(np.exp(log_sd))
    assert told["sd"] == pytest.approx(np.exp(log_sd) * error)
    assert told["lower"] == pytest.approx(np.exp(log_sd - 1.959964 * error), rel=1e-5)
    assert told["icc_mean"] == pytest.approx(told["mean"] ** 2 / (told["mean"] ** 2 + np.pi**2 / 3))
    assert told["icc_lower"] < told["icc_mean"] < told["icc_upper"]
    assert fit.aic == pytest.approx(-2 * fit.log_likelihood + 2 * 4)  # three, and the sd


def test_fit__effects_have_the_errors_of_everything(fit):
    """Against differences of the modes along every outer parameter."""
    about = conditional(fit.problem, fit.ml)
    latent = about.latent
    k = latent.n_coefficient
    turn = np.eye(about.centre.size)
    turn[:k, :k] = np.linalg.inv(latent.fixed.transform())

    def modes(centre):
        outer = turn @ centre
        return latent.kept(outer[k:]) @ find_mode(latent, outer).raw

    h = 1e-4
    moved = np.stack(
        [
            (modes(about.centre + h * e) - modes(about.centre - h * e)) / (2 * h)
            for e in np.eye(about.centre.size)
        ],
        axis=1,
    )
    np.testing.assert_allclose(about.moved, moved, atol=1e-5)
    told = fit.groups()
    np.testing.assert_allclose(told["mean"], about.weights)
    drawn = fit.draws.effects["psi", "region"]
    # 2,000 draws: an sd to 5 %, a mean to a twentieth of it
    np.testing.assert_allclose(drawn.std(axis=0), told["sd"], rtol=0.08)
    assert np.abs((drawn.mean(axis=0) - told["mean"]) / told["sd"]).max() < 0.1


def test_fit__draws_carry_coefficients_and_effects_together(fit):
    """The sum of intercept and effect is known better than either."""
    b, e = fit.draws.coefficients["psi"][:, 0], fit.draws.effects["psi", "region"]
    assert np.mean([np.corrcoef(b, own)[0, 1] for own in e.T]) < -0.2
    assert fit.draws.sds["psi", "region"].min() > 0


def test_fit__new_levels_come_from_the_population(fit):
    known, new = (
        fit.predict({"ele": [0.0], "region": [r]}).iloc[0] for r in ("r000", "never seen")
    )
    assert new["psi_sd"] > 1.3 * known["psi_sd"]
    assert new["extrapolated"]
    sites = fit.sites()
    assert sites["psi_mean"].between(0, 1).all()
    assert (sites.loc[sites["naive"] == 1, "present"] == 1).all()
    regions = fit.regions()
    assert regions["psi_mean"].std() > 0.5 * regions["naive"].std()


def test_fit__is_kept_whole(fit, tmp_path: Path):
    fit.save(tmp_path / "kept")
    again = occupancy.load(tmp_path / "kept")
    assert again.aic == fit.aic
    assert again.ml.pooled.log_likelihood == fit.ml.pooled.log_likelihood
    for table in ("coefficients", "groups", "variances", "sites", "regions"):
        got, wanted = getattr(again, table)(), getattr(fit, table)()
        assert got.select_dtypes("number").equals(wanted.select_dtypes("number"))


def test_fit__pooled_maximum_stands_beside(fit, data):
    plain = Model(data, psi="ele").fit(engine="ml")
    np.testing.assert_allclose(fit.coefficients()["ml"], plain.coefficients()["mean"], atol=1e-8)
    assert fit.log_likelihood > plain.log_likelihood


def test_fit__refuses_what_it_cannot_do(data, fit):
    with pytest.raises(ModelError, match="levels of this model share sites"):
        Model(data, psi="(1 | region) + (1 | park)").fit(engine="ml", integrate="quadrature")
    with pytest.raises(ModelError, match=r"There is no integrate = .exact"):
        Model(data, psi="(1 | region)").fit(engine="ml", integrate="exact")
    with pytest.raises(ModelError, match="nodes = 0"):
        Model(data, psi="(1 | region)").fit(engine="ml", nodes=0)
    with pytest.raises(ModelError, match="Profile intervals are not made"):
        fit.profile()


# ---------------------------------------------------------------- warnings


def test_laplace__a_fit_with_much_in_each_level_is_not_warned_of(data):
    fit = Model(data, psi="ele + (1 | region)").fit(engine="ml", integrate="laplace")
    assert "LAPLACE" not in codes(fit)
    assert fit.ml.accuracy["by"] == "quadrature"


def test_laplace__few_visits_to_each_level_are_warned_of():
    """Three site-years for each site, three visits each: a yes or no, three times."""
    data = make(11, 300, 3, 100, 2.0, p=0.5)
    model = Model(data, psi="ele + (1 | region)")
    rough, exact = (model.fit(engine="ml", integrate=k) for k in METHODS)
    told = codes(rough)["LAPLACE"]
    assert told.numbers["sd_by_quadrature"]["psi: sd of region"] == pytest.approx(
        np.exp(exact.ml.hyper[0]), rel=1e-3
    )
    assert told.numbers["aic_by_quadrature"] == pytest.approx(exact.aic, abs=1e-2)
    assert told.numbers["shift_in_standard_errors"]["psi: sd of region"] > 0.25
    assert np.exp(rough.ml.hyper[0]) < np.exp(exact.ml.hyper[0])
    assert "LAPLACE" not in codes(exact)


def test_laplace__sampling_tells_what_quadrature_tells():
    """On the same model, both ways of judging agree within the Monte Carlo error."""
    data = make(11, 300, 3, 100, 2.0, p=0.5)
    latent = Latent(Model(data, psi="ele + (1 | region)").problem)
    outer = np.concatenate([np.zeros(latent.n_coefficient), [0.3]])
    mode = find_mode(latent, outer)
    members = quadrature.parts(latent)
    assert members is not None
    exact, slope = quadrature.nodes_about(mode, members, 41).value_gradient(outer)
    value, gradient, _ = accuracy.drawn_nodes(mode, 1).evaluate(outer)
    # a hundred parts with weights of an sd near 0.3, 1,000 draws of each: 0.1
    assert value == pytest.approx(exact, abs=0.3)
    assert value - mode.log_marginal > 1.0
    np.testing.assert_allclose(gradient, slope, atol=0.6)


def test_laplace__crossed_groups_are_judged_by_sampling(data):
    fit = Model(data, psi="ele + (1 | region) + (1 | park)").fit(engine="ml")
    assert fit.ml.method == "laplace"
    assert fit.ml.accuracy["by"] == "sampling"
    assert fit.ml.accuracy["pareto_k"] < 0.7
    assert "LAPLACE" not in codes(fit)


def test_pareto_k__of_known_tails():
    """Weights with a Pareto tail of shape k; normal ones have none."""
    u = np.random.default_rng(1).random(200_000)
    assert accuracy.pareto_k(-0.9 * np.log(u)) == pytest.approx(0.9, abs=0.12)
    assert accuracy.pareto_k(-0.3 * np.log(u)) == pytest.approx(0.3, abs=0.12)
    assert accuracy.pareto_k(np.zeros(1000)) == -np.inf


def test_sd__of_levels_alike_is_zero_and_said_so():
    data = make(3, 300, 4, 10, 0.0)
    fit = Model(data, psi="ele + (1 | region)").fit(engine="ml")
    plain = Model(data, psi="ele").fit(engine="ml")
    assert set(codes(fit)) == {"SDZERO"}
    assert "its levels differ no more than chance" in fit.warnings[0].message
    assert fit.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-4)
    assert fit.aic == pytest.approx(plain.aic + 2, abs=1e-3)  # the sd is counted
    np.testing.assert_allclose(fit.coefficients()["se"], plain.coefficients()["se"], rtol=1e-3)
    told = fit.variances().iloc[0]
    assert told["mean"] == 0
    assert np.isnan(told["lower"])
    assert fit.groups()["mean"].abs().max() < 0.01
    assert fit.sites()["psi_mean"].to_numpy() == pytest.approx(
        plain.sites()["psi_mean"].to_numpy(), abs=0.01
    )


def test_groups__nothing_seen_is_said_once():
    data = make(3, 60, 3, 6, 0.5)
    data["detection"] = data["detection"] * 0
    fit = Model(data, psi="(1 | region)").fit(engine="ml")
    assert set(codes(fit)) == {"NODET"}
    fit.sites()
    fit.groups()


def test_groups__many_levels_take_no_dense_matrix():
    """A site with an effect each, beside eight parks: one sparse factor."""
    data = make(4, 250, 3, 250, 1.0)
    model = Model(data, psi="ele + (1 | region) + (1 | park)")
    latent = Latent(model.problem)
    outer = np.concatenate([np.zeros(latent.n_coefficient), latent.hyper_of_start])
    dense = find_mode(latent, outer)
    most, laplace.MOST_DENSE = laplace.MOST_DENSE, 100
    try:
        thin = find_mode(latent, outer)
        assert thin.factor.lower is None
        assert thin.log_marginal == pytest.approx(dense.log_marginal, abs=1e-8)
        np.testing.assert_allclose(thin.gradient(), dense.gradient(), atol=1e-6)
        z = np.random.default_rng(1).normal(size=(latent.n_raw, 4000))
        drawn = thin.factor.noise(z)
        wanted = dense.factor.solve(np.eye(latent.n_raw)[:, -1:])
        np.testing.assert_allclose(drawn[-1].var(), wanted[-1, 0], rtol=0.1)
        assert np.cov(drawn[-1], drawn[0])[0, 1] == pytest.approx(wanted[0, 0], abs=0.02)
    finally:
        laplace.MOST_DENSE = most
