"""`spline()` and `cyclic()`: what their shapes, priors and predictions are."""

from __future__ import annotations

import json

import numpy as np
import pytest

from occupancy import design
from occupancy.design import Design
from surveys.problems import ModelError


def surveyed(n=60, seed=1):
    rng = np.random.default_rng(seed)
    return {
        "x": np.round(rng.gamma(2.0, 300.0, n)),
        "day": rng.integers(90, 200, n).astype(float),
        "g": np.array(["a", "b", "c"], dtype=object)[rng.integers(0, 3, n)],
    }


def term(formula, frame, **changed):
    return design.build(formula, frame, **changed).groups[0]


def fresh(label):
    return np.random.default_rng([7, *label.encode()]).normal(size=5)


def effects(one, natural, weights, frame):
    """(draw, row) by the faces, as the sampler sees them."""
    (face,) = one.faces(frame)
    return one.at_levels(natural, weights)[:, face.index]


def jacobian(one, natural):
    """(effect, raw) of the effects along the coordinates that are sampled."""
    whole, real = one.arrays()
    columns = []
    for unit in np.eye(one.n_raw):
        effect = np.empty(one.n_effect)
        one.functions.forward(np.array(natural), unit, whole, real, effect)
        columns.append(effect)
    return np.column_stack(columns)


def test_spline__shapes_have_no_mean_no_slope_and_one_size_over_the_rows():
    frame = surveyed()
    one = term("spline(x)", frame)
    shapes = one.shapes(frame["x"])
    gram = shapes.T @ shapes / len(frame["x"])
    expected = np.eye(shapes.shape[1])
    expected[0, 0] = 1 - 1 / len(frame["x"])  # the line is scaled by the sd of n - 1
    np.testing.assert_allclose(gram, expected, atol=1e-10)
    np.testing.assert_allclose(shapes.mean(axis=0), 0.0, atol=1e-10)


def test_spline__sd_is_the_root_mean_square_of_the_wiggle():
    """E[mean square over the rows] = sd^2, from the covariance of the effects itself."""
    frame = surveyed()
    one = term("spline(x, basis=7)", frame)
    (face,) = one.faces(frame)
    j = jacobian(one, [0.8])[face.index]
    variance = (j[:, 1:] @ j[:, 1:].T).diagonal()
    np.testing.assert_allclose(variance.mean(), 0.8**2, rtol=1e-10)
    slope = j[:, 0] / (frame["x"] - frame["x"].mean())
    np.testing.assert_allclose(slope, 1.5 / np.std(frame["x"], ddof=1), rtol=1e-9)


def test_spline__a_weight_is_as_likely_as_its_curve_is_smooth():
    """log density of the bends = -1/2 (integral of f''^2) * const: by quadrature of f''."""
    frame = surveyed()
    one = term("spline(x)", frame)
    rng = np.random.default_rng(2)
    grid = np.linspace(frame["x"].min(), frame["x"].max(), 200_001)
    step = grid[1] - grid[0]
    ratios = []
    for _ in range(3):
        b = rng.normal(size=one.size.size)
        f = one.shapes(grid)[:, 1:] @ b
        rough = np.sum(np.diff(f, 2) ** 2) / step**3
        ratios.append(np.sum((b / one.size) ** 2) / rough)
    np.testing.assert_allclose(ratios, ratios[0], rtol=2e-3)  # of the quadrature


def test_spline__goes_on_straight_beyond_the_surveyed_range():
    frame = surveyed()
    one = term("spline(x)", frame)
    low, high = frame["x"].min(), frame["x"].max()
    for end, away in ((low, -1.0), (high, 1.0)):
        at = end + away * np.array([-1e-3, 0.0, 1e-3, 400.0, 800.0])
        shapes = one.shapes(at)
        far = (shapes[4] - shapes[3]) / (at[4] - at[3])
        near = (shapes[2] - shapes[1]) / (at[2] - at[1])
        np.testing.assert_allclose(far, near, rtol=1e-6, atol=1e-9)
        inside = (shapes[1] - shapes[0]) / (at[1] - at[0])
        np.testing.assert_allclose(inside, near, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(
    "formula",
    [
        "spline(x)",
        "spline(x | g)",
        "spline(x, basis=4)",
        "cyclic(day, period=365)",
        "cyclic(day | g, period=120.5, harmonics=2)",
    ],
)
def test_curves__predicted_at_the_surveyed_rows_are_the_same_numbers(formula):
    frame = surveyed()
    made = design.build(formula, frame)
    one, again = made.groups[0], Design.from_dict(json.loads(json.dumps(made.to_dict()))).groups[0]
    rng = np.random.default_rng(3)
    natural = np.exp(rng.normal(size=(5, len(one.hypers))))
    weights = rng.normal(size=(5, one.n_weight))
    at = effects(one, natural, weights, frame)
    some = {k: v[7:31] for k, v in frame.items()}
    for each in (one, again):
        told = each.predict(natural, weights, frame, 60, fresh)
        np.testing.assert_array_equal(told, at)
        np.testing.assert_array_equal(each.predict(natural, weights, some, 24, fresh), at[:, 7:31])
        np.testing.assert_array_equal(effects(each, natural, weights, frame), at)
    forward = np.empty(one.n_effect)
    whole, real = one.arrays()
    raw = rng.normal(size=one.n_raw)
    one.functions.forward(natural[0], raw, whole, real, forward)
    kept = np.empty(one.n_weight)
    one.functions.weights(natural[0], raw, whole, real, kept)
    np.testing.assert_allclose(one.at_levels(natural[:1], kept[None])[0], forward, atol=1e-12)


def test_spline__with_groups_each_level_has_a_curve_of_its_own():
    frame = surveyed()
    one = term("spline(x | g)", frame)
    j = jacobian(one, [0.8, 0.3])
    cov = j @ j.T
    group = one.pairs[:, 0]
    assert not cov[group[:, None] != group].any()
    shapes = one.shapes(one.at)[one.pairs[:, 1]]
    sizes = np.concatenate([[0.3], 0.8 * one.size])
    expected = (shapes * sizes**2) @ shapes.T
    same = group[:, None] == group
    np.testing.assert_allclose(cov[same], expected[same], rtol=1e-10, atol=1e-12)


def test_spline__a_new_level_has_one_curve_of_the_population():
    frame = surveyed()
    one = term("spline(x | g)", frame)
    natural = np.abs(np.random.default_rng(1).normal(size=(5, 2)))
    weights = np.zeros((5, one.n_weight))
    x = np.linspace(0, 2000, 9)
    new = {"x": x, "g": np.array(["z"] * 9, dtype=object)}
    drawn = one.predict(natural, weights, new, 9, fresh)
    part = {"x": x[4:5], "g": new["g"][:1]}
    np.testing.assert_array_equal(one.predict(natural, weights, part, 1, fresh), drawn[:, 4:5])
    unit = np.stack([fresh(f"{name} z") for name in one.names], axis=1)
    sizes = np.concatenate([[1.0], one.size]) * natural[:, [1] + [0] * one.size.size]
    np.testing.assert_allclose(drawn, (unit * sizes) @ one.shapes(x).T, rtol=1e-10)


def test_curves__a_missing_value_has_no_effect_that_could_be_told():
    frame = surveyed()
    one = term("spline(x)", frame)
    natural, weights = np.ones((5, 1)), np.ones((5, one.n_weight))
    told = one.predict(natural, weights, {"x": np.array([np.nan, 500.0])}, 2, fresh)
    assert np.isnan(told[:, 0]).all()
    assert np.isfinite(told[:, 1]).all()
    assert one.faces({"x": np.array([np.nan, frame["x"][0]])})[0].index[0] == -1


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("spline(g)", "'g' holds text"),
        ("spline(two)", "Write two"),
        ("spline(one)", "the same in every survey"),
        ("spline(x | g, line=2)", "population with an sd"),
        ("cyclic(day | g, period=365, wave=2)", "population with an sd"),
        ("cyclic(day)", "needs its period: cyclic"),
        ("cyclic(one, period=12)", "the same in every survey"),
        ("cyclic(month, period=1)", "one moment of the cycle, since month runs from 1 to 12"),
        ("cyclic(month, period=100000)", "12 for months"),
        ("spline()", "needs a column"),
        (
            "spline(x, basis=4 | region)",
            "group stands before the options: spline",
        ),
        ("spline(x, basis=2)", "from 3 to 100"),
    ],
)
def test_curves__what_cannot_be_is_told(formula, says):
    frame = surveyed() | {"two": np.arange(60.0) % 2, "one": np.ones(60)}
    frame["month"] = np.arange(60.0) % 12 + 1
    with pytest.raises(ModelError, match=says):
        design.build(formula, frame)


def test_spline__few_values_and_clustered_ones_make_a_curve():
    """Three values; and one value that most rows share, beside a few far away."""
    three = term("spline(x)", {"x": np.arange(9.0) % 3})
    assert three.names == ("line", "bend 1")
    x = np.concatenate([np.zeros(500), 1e-9 * np.arange(20), [5.0, 5.5, 9.0, 1000.0]])
    one = term("spline(x)", {"x": x})
    assert np.isfinite(one.shapes(np.linspace(-10, 2000, 50))).all()
    assert np.isfinite(one.size).all()


def test_cyclic__the_prior_is_the_same_at_every_moment():
    day = np.arange(0.0, 365.0, 5.0)
    one = term("cyclic(day, period=365, harmonics=5)", {"day": day})
    j = jacobian(one, [0.8])
    free, rest = j[:, :2], j[:, 2:]
    np.testing.assert_allclose((free**2).sum(axis=1), 1.5**2, rtol=1e-10)
    np.testing.assert_allclose((rest**2).sum(axis=1), 0.8**2, rtol=1e-10)
    np.testing.assert_allclose(j.mean(axis=0), 0.0, atol=1e-12)  # over the whole cycle


def test_cyclic__weights_are_those_of_the_squared_second_derivative():
    one = term("cyclic(day, period=24, harmonics=4)", {"day": np.arange(24.0)})
    rough = np.repeat(np.arange(2.0, 5.0) ** 4, 2)
    sizes = one.scale[2:]
    np.testing.assert_allclose(sizes**2 * rough, sizes[0] ** 2 * rough[0], rtol=1e-12)


def test_cyclic__the_end_of_the_year_is_its_beginning():
    one = term("cyclic(day, period=365)", surveyed())
    x = np.array([10.0, 375.0, 740.0, -355.0])
    shapes = one.shapes(x)
    np.testing.assert_allclose(shapes, shapes[:1].repeat(4, axis=0), atol=1e-12)
    near = one.shapes(np.array([364.9999, 0.0001]))
    np.testing.assert_allclose(near[0], near[1], atol=1e-4)
