"""Contrasts, and curves at a stated level, against a calculation by hand on draws."""

from __future__ import annotations

import numpy as np
import pytest

import surveys
from occupancy.frames import make_frames
from occupancy.model import Model
from occupancy.results import contrasts, effects
from occupancy.results.draws import Draws
from surveys.problems import ModelError

N, DRAWS = 48, 200


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    region = np.array([f"r{k % 4}" for k in range(N)])
    return surveys.from_arrays(
        (rng.random((N, 3)) < 0.4).astype(float),
        site_covariates={
            "ele": rng.uniform(200, 1400, N),
            "wood": rng.choice(["oak", "oak", "pine"], N),
            "park": np.array([f"k{k % 8}" for k in range(N)]),
        },
        coordinates={
            "easting": 4_000_000 + rng.uniform(0, 5000, N),
            "northing": 3_000_000 + rng.uniform(0, 5000, N),
        },
        crs="EPSG:3035",
        region=region,
    )


def asked(data, formula, **links):
    """A problem, its frames, and draws from a normal distribution of everything."""
    problem = Model(data, psi=formula, **links).problem
    rng = np.random.default_rng(9)
    family = problem.family
    frames = make_frames(data, family.observes, family.steps, family.joint)
    beta = {n: rng.normal(0, 0.4, (DRAWS, len(p.terms))) for n, p in problem.predictors.items()}
    beta["psi"][:, 1:] /= 300.0 if "ele" in formula and "scale" not in formula else 1.0
    hypers, weights = {}, {}
    for t in problem.predictors["psi"].varying:
        hypers["psi", t.name] = rng.uniform(0.3, 0.9, (DRAWS, len(t.priors)))
        weights["psi", t.name] = rng.normal(0, 0.7, (DRAWS, t.design.n_weight))
    return problem, frames, Draws(beta, hypers, weights)


def expit(x):
    return 1 / (1 + np.exp(-x))


def measures(table):
    return table.set_index("measure")


def test_contrasts__two_values_of_a_number_as_by_hand(data):
    problem, frames, draws = asked(data, "scale(ele) + wood + (1 | region)")
    table = contrasts.table(problem, frames, draws, "psi", {"ele": (600, 1200)}, 0.9)
    beta = draws.coefficients["psi"]  # Intercept, scale(ele), wood[pine]; oak is commonest
    ele = data["ele"].values
    low, high = (beta[:, 0] + beta[:, 1] * (v - ele.mean()) / ele.std(ddof=1) for v in (600, 1200))
    p, q = expit(low), expit(high)
    for name, drawn in {
        "from": p,
        "to": q,
        "difference": q - p,
        "ratio": q / p,
        "odds_ratio": np.exp(high - low),
    }.items():
        row = measures(table).loc[name]
        assert row["mean"] == pytest.approx(drawn.mean(), rel=1e-10)
        assert row["sd"] == pytest.approx(drawn.std(ddof=1), rel=1e-10)
        ends = np.quantile(drawn, [0.05, 0.95, 0.25, 0.75])
        told = [row[k] for k in ("lower", "upper", "lower_50", "upper_50")]
        assert told == pytest.approx(ends, rel=1e-10)
    assert table.attrs["held"]["ele"] == {"wood": "oak"}
    assert table.attrs["groups"]["ele"] == ["region"]
    assert not table["extrapolated"].any()
    far = contrasts.table(problem, frames, draws, "psi", {"ele": (600, 4000)}, 0.9)
    assert far["extrapolated"].all()


def test_contrasts__a_stated_level_has_its_own_level_and_slope(data):
    problem, frames, draws = asked(data, "scale(ele) + (1 + scale(ele) | region)")
    at = {"region": "r2"}
    table = contrasts.table(problem, frames, draws, "psi", {"ele": (600, 1200)}, 0.9, at)
    beta, own = draws.coefficients["psi"], draws.effects["psi", "(1 + scale(ele))|region"]
    z = (np.array([600, 1200]) - data["ele"].values.mean()) / data["ele"].values.std(ddof=1)
    eta = (beta[:, [0]] + own[:, [2]]) + (beta[:, [1]] + own[:, [6]]) * z  # 4 levels, 4 slopes
    difference = expit(eta[:, 1]) - expit(eta[:, 0])
    assert measures(table).loc["difference", "mean"] == pytest.approx(difference.mean(), rel=1e-10)
    curve = effects.table(problem, frames, draws, {}, 0.9, "psi", "ele", at=at)
    k = 40
    z = (curve["value"][k] - data["ele"].values.mean()) / data["ele"].values.std(ddof=1)
    by_hand = expit(beta[:, 0] + own[:, 2] + (beta[:, 1] + own[:, 6]) * z)
    assert curve["curve_mean"][k] == pytest.approx(by_hand.mean(), rel=1e-10)
    assert curve.attrs["groups"]["psi"] == []
    typical = effects.table(problem, frames, draws, {}, 0.9, "psi", "ele")
    by_hand = expit(beta[:, 0] + beta[:, 1] * z)
    assert typical["curve_mean"][k] == pytest.approx(by_hand.mean(), rel=1e-10)
    assert typical.attrs["groups"]["psi"] == ["region"]


def test_contrasts__two_levels_of_factor_and_of_groups(data):
    problem, frames, draws = asked(data, "wood + (1 | region/park)")
    between = {"wood": ("oak", "pine"), "region": ("r0", "r3")}
    table = contrasts.table(problem, frames, draws, "psi", between, 0.9).set_index(
        ["covariate", "measure"]
    )
    beta, region = draws.coefficients["psi"], draws.effects["psi", "region"]
    wood = np.exp(beta[:, 1])
    assert table.loc[("wood", "odds_ratio"), "mean"] == pytest.approx(wood.mean(), rel=1e-10)
    own = expit(beta[:, 0] + region[:, 3]) - expit(beta[:, 0] + region[:, 0])
    assert table.loc[("region", "difference"), "mean"] == pytest.approx(own.mean(), rel=1e-10)
    one = contrasts.table(
        problem, frames, draws, "psi", {"park": ("k0", "k4")}, 0.9, {"region": "r0"}
    )
    park = draws.effects["psi", "region:park"]
    parks = list(problem.predictors["psi"].varying[1].design.levels)
    shift = park[:, parks.index("r0/k4")] - park[:, parks.index("r0/k0")]
    assert measures(one).loc["odds_ratio", "mean"] == pytest.approx(np.exp(shift).mean(), rel=1e-9)


def test_contrasts__a_spline_is_part_of_the_covariate_and_space_of_the_place(data):
    problem, frames, draws = asked(data, "wood + spline(ele) + space(basis=4)")
    table = contrasts.table(problem, frames, draws, "psi", {"ele": (600, 1200)}, 0.9)
    term = problem.predictors["psi"].varying[0]
    x = np.array([600.0, 1200.0])
    curve = draws.effects["psi", term.name] @ term.design.shapes(x).T
    by_hand = np.exp(curve[:, 1] - curve[:, 0])
    assert measures(table).loc["odds_ratio", "mean"] == pytest.approx(by_hand.mean(), rel=1e-9)
    assert table.attrs["groups"]["ele"] == ["space()"]
    place = {k: float(data[k].values[7]) for k in ("easting", "northing")}
    there = contrasts.table(problem, frames, draws, "psi", {"ele": (600, 1200)}, 0.9, place)
    assert there.attrs["groups"]["ele"] == []
    moved = measures(there).loc["from", "mean"] - measures(table).loc["from", "mean"]
    assert abs(moved) > 1e-4
    assert set(effects.rug(problem, frames)["covariate"]) == {"ele"}
    assert len(effects.table(problem, frames, draws, {}, 0.9, "psi", "ele")) > 100


def test_contrasts__what_changes_nothing_is_refused(data):
    problem, frames, draws = asked(data, "scale(ele) + (1 | region/park)")

    def ask(between, at=None, parameter="psi"):
        return contrasts.table(problem, frames, draws, parameter, between, 0.9, at)

    with pytest.raises(ModelError, match="no parameter 'psj'"):
        ask({"ele": (1, 2)}, parameter="psj")
    with pytest.raises(ModelError, match="Give two values"):
        ask({"ele": 800})
    with pytest.raises(ModelError, match="no level 'r9'"):
        ask({"ele": (600, 900)}, {"region": "r9"})
    with pytest.raises(ModelError, match=r"'park' changes nothing .* needs region in `at` too"):
        ask({"ele": (600, 900)}, {"park": "k1"})
    with pytest.raises(ModelError, match="there is no region/park 'r0/k1'"):
        ask({"ele": (600, 900)}, {"region": "r0", "park": "k1"})
    with pytest.raises(ModelError, match="no column 'wood'"):
        ask({"wood": ("oak", "pine")})


def test_contrasts__of_a_maximum_are_told_at_the_maximum():
    rng = np.random.default_rng(12)
    ele = rng.uniform(200, 1400, 120)
    occupied = rng.random(120) < expit((ele - 800) / 400)
    y = (rng.random((120, 4)) < 0.5) & occupied[:, None]
    data = surveys.from_arrays(y.astype(float), site_covariates={"ele": ele})
    fit = Model(data, psi="scale(ele)", link_psi="cloglog").fit("ml")
    row = measures(fit.contrasts("psi", {"ele": (600, 1200)}))
    curve = fit.predict({"ele": [600.0, 1200.0]})["psi_mean"].to_numpy()
    assert row.loc["difference", "mean"] == pytest.approx(curve[1] - curve[0], rel=1e-10)
    odds = curve[1] / (1 - curve[1]) / (curve[0] / (1 - curve[0]))
    assert row.loc["odds_ratio", "mean"] == pytest.approx(odds, rel=1e-10)
    assert row.loc["difference", "lower"] < row.loc["difference", "mean"]
