"""Designs: columns and groups from formulas, the same for new data, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from occupancy.design import Design, build
from occupancy.terms import TERMS
from occupancy.terms.levels import natural
from surveys.problems import ModelError

FRAME = {
    "ele": np.array([250.0, 450.0, 650.0, 850.0, 1050.0, 1250.0]),
    "area": np.array([1.0, 2.0, 4.0, 1.0, 8.0, 2.0]),
    "year": np.array([2019, 2019, 2020, 2020, 2021, 2021]),
    "forest": np.array(["oak", "beech", "oak", "beech", "beech", "pine"]),
    "wet": np.array([True, False, True, False, False, True]),
    "region": np.array(["n", "n", "n", "s", "s", "s"]),
    "park": np.array(["p2", "p10", "p2", "p2", "p1", "p1"]),
}
MEAN, SD = 750.0, 374.16573867739413  # of ele: sd 100 sqrt(14), with n - 1
Z = (FRAME["ele"] - MEAN) / SD
OAK, PINE, BEECH = ((FRAME["forest"] == f).astype(float) for f in ("oak", "pine", "beech"))


def columns(formula: str, frame=FRAME, **keywords) -> dict[str, np.ndarray]:
    made = build(formula, frame, **keywords)
    return dict(zip(made.columns, made.matrix(frame).T, strict=True))


# Columns


def test_build__numbers_stand_as_they_are():
    made = columns("ele + I(ele^2) + wet")
    assert list(made) == ["Intercept", "ele", "I(ele^2)", "wet"]
    np.testing.assert_array_equal(made["Intercept"], np.ones(6))
    np.testing.assert_array_equal(made["I(ele^2)"], FRAME["ele"] ** 2)
    np.testing.assert_array_equal(made["wet"], [1, 0, 1, 0, 0, 1])


@pytest.mark.parametrize(
    ("formula", "values"),
    [
        ("scale(ele)", Z),
        ("center(ele)", FRAME["ele"] - 750),
        ("log(area)", np.log(FRAME["area"])),
        ("sqrt(area)", np.sqrt(FRAME["area"])),
        ("exp(area)", np.exp(FRAME["area"])),
        ("I(ele / 100 - 2 * area)", FRAME["ele"] / 100 - 2 * FRAME["area"]),
        ("I(-(area + 1)^2)", -((FRAME["area"] + 1) ** 2)),
        ("I(scale(ele)^2)", Z**2),
        ("scale(log(area))", None),
        ("log(area + 1)", np.log(FRAME["area"] + 1)),
    ],
)
def test_build__functions_of_numbers(formula, values):
    if values is None:
        logs = np.log(FRAME["area"])
        values = (logs - logs.mean()) / logs.std(ddof=1)
    made = columns(formula)
    assert list(made) == ["Intercept", formula]
    np.testing.assert_allclose(made[formula], values, rtol=1e-14)


def test_poly__is_that_of_r():
    # R 4.3: poly(1:5, 2)
    made = columns("poly(x, 2)", {"x": np.arange(1.0, 6.0)})
    assert list(made)[1:] == ["poly(x, 2)[1]", "poly(x, 2)[2]"]
    np.testing.assert_allclose(
        made["poly(x, 2)[1]"], [-0.6324555, -0.3162278, 0, 0.3162278, 0.6324555], atol=5e-8
    )
    np.testing.assert_allclose(
        made["poly(x, 2)[2]"],
        [0.5345225, -0.2672612, -0.5345225, -0.2672612, 0.5345225],
        atol=5e-8,
    )


def test_poly__is_orthogonal_and_spans_the_powers():
    x = np.array([100.0, 105.0, 111.0, 130.0, 180.0, 181.0, 240.0])
    made = build("poly(x, 4)", {"x": x})
    matrix = made.matrix({"x": x})
    np.testing.assert_allclose(matrix[:, 1:].T @ matrix[:, 1:], np.eye(4), atol=1e-12)
    # The same polynomial at new places, though those have another mean.
    new = {"x": np.array([90.0, 150.0, 300.0])}
    z, z_new = (x - 150) / 50, (new["x"] - 150) / 50
    weights = np.linalg.solve(np.vander(z[:5], 5), matrix[:5, 4])
    np.testing.assert_allclose(made.matrix(new)[:, 4], np.vander(z_new, 5) @ weights, rtol=1e-9)


def test_poly__raw_gives_the_powers():
    made = columns("poly(area, 3, raw=1)")
    np.testing.assert_array_equal(made["poly(area, 3, raw=1)[3]"], FRAME["area"] ** 3)


def test_factor__text_is_coded_against_its_first_level():
    made = columns("forest")
    assert list(made) == ["Intercept", "forest[oak]", "forest[pine]"]
    np.testing.assert_array_equal(made["forest[oak]"], OAK)
    np.testing.assert_array_equal(made["forest[pine]"], PINE)


def test_factor__ref_names_the_reference():
    assert list(columns('factor(forest, ref="oak")')) == [
        "Intercept",
        "forest[beech]",
        "forest[pine]",
    ]


def test_factor__makes_levels_of_numbers():
    assert list(columns("factor(year)")) == ["Intercept", "year[2020]", "year[2021]"]


def test_factor__without_intercept_the_first_shows_all_levels_and_the_next_does_not():
    frame = FRAME | {"side": np.array(["e", "w", "w", "e", "w", "e"])}
    assert list(columns("0 + ele + forest + side", frame)) == [
        "ele",
        "forest[beech]",
        "forest[oak]",
        "forest[pine]",
        "side[w]",
    ]


def test_interaction__of_number_and_factor():
    frame = {name: np.tile(values, 2) for name, values in FRAME.items()}
    frame["ele"] = frame["ele"] + np.arange(12.0)
    made = columns("ele*forest", frame)
    assert list(made)[4:] == ["ele:forest[oak]", "ele:forest[pine]"]
    np.testing.assert_array_equal(made["ele:forest[oak]"], frame["ele"] * np.tile(OAK, 2))


def test_interaction__without_main_effect_shows_all_levels():
    frame = {name: np.tile(values, 2) for name, values in FRAME.items()}
    frame["ele"] = frame["ele"] + np.arange(12.0)
    assert list(columns("ele:forest", frame)) == [
        "Intercept",
        "ele:forest[beech]",
        "ele:forest[oak]",
        "ele:forest[pine]",
    ]


def test_interaction__of_two_factors_has_the_first_vary_fastest():
    frame = {"a": np.repeat(["u", "v", "w"], 8), "b": np.tile(np.repeat(["x", "y"], 4), 3)}
    made = columns("a*b", frame)
    assert list(made) == ["Intercept", "a[v]", "a[w]", "b[y]", "a[v]:b[y]", "a[w]:b[y]"]
    np.testing.assert_array_equal(made["a[w]:b[y]"], (frame["a"] == "w") & (frame["b"] == "y"))


def test_offset__is_known_and_has_no_coefficient():
    made = build("ele + offset(log(area)) + offset(area)", FRAME)
    assert made.columns == ("Intercept", "ele")
    np.testing.assert_allclose(made.offset(FRAME), np.log(FRAME["area"]) + FRAME["area"])
    assert build("ele", FRAME).offset(FRAME) is None


def test_labels__of_unusual_names_have_no_backquotes():
    frame = {"canopy height": FRAME["ele"], "2x": FRAME["area"]}
    assert list(columns("`canopy height` + log(`2x`)", frame)) == [
        "Intercept",
        "canopy height",
        "log(2x)",
    ]


# Memory


def test_rows__only_those_that_count_set_centre_and_levels():
    rows = np.array([True, True, True, True, False, False])
    made = build("scale(ele) + forest", FRAME, rows=rows)
    assert made.columns == ("Intercept", "scale(ele)", "forest[oak]")
    state = made.memory.states["scale(ele)"]
    assert state["centre"] == 550
    assert state["sd"] == pytest.approx(258.1988897471611, rel=1e-14)  # 200 sqrt(5/3)
    assert made.rows_counted == 4
    assert made.centres == pytest.approx((1, 0, 0.5))
    assert made.spreads == pytest.approx((0, 1, np.sqrt(1 / 3)))


def test_matrix__new_data_are_scaled_as_the_old_ones_were():
    made = build("scale(ele)", FRAME)
    np.testing.assert_allclose(made.matrix({"ele": [750.0]}), [[1, 0]], atol=1e-15)
    np.testing.assert_allclose(made.matrix({"ele": [750.0 + SD]}), [[1, 1]], rtol=1e-15)


def test_matrix__a_new_level_is_refused_by_name():
    made = build("forest", FRAME, "p")
    with pytest.raises(ModelError) as caught:
        made.matrix({"forest": np.array(["oak", "fen"])})
    assert "`p` cannot use forest: level 'fen'" in str(caught.value)
    assert "Known: beech, oak, pine." in str(caught.value)


def test_matrix__missing_values_are_missing_and_all_else_stands():
    frame = {
        "ele": np.array([250.0, np.nan, 650.0, 850.0, 1050.0]),
        "forest": np.array(["oak", "beech", "", "beech", "oak"]),
    }
    made = build("scale(ele) + forest", frame)
    np.testing.assert_array_equal(made.missing(frame), [False, True, True, False, False])
    by_variable = made.missing_by_variable(frame)
    np.testing.assert_array_equal(by_variable["ele"], [False, True, False, False, False])
    np.testing.assert_array_equal(by_variable["forest"], [False, False, True, False, False])
    lost = np.isnan(made.matrix(frame))
    np.testing.assert_array_equal(lost.any(axis=1), made.missing(frame))
    assert made.rows_counted == 3
    assert made.memory.states["scale(ele)"]["centre"] == pytest.approx((250 + 850 + 1050) / 3)


def test_matrix__a_result_that_does_not_exist_is_missing_in_new_data():
    made = build("log(area)", FRAME)
    np.testing.assert_array_equal(made.matrix({"area": [0.0, 1.0]})[:, 1], [np.nan, 0.0])


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["oak", "beech", None, "oak"]),
        pd.Series(["oak", "beech", pd.NA, "oak"], dtype="string"),
        pd.Categorical(["oak", "beech", None, "oak"]),
        np.array(["oak", "beech", np.nan, "oak"], dtype=object),
        ["oak", "beech", "", "oak"],
    ],
)
def test_frame__text_of_every_make(values):
    made = build("forest", {"forest": values})
    np.testing.assert_array_equal(made.matrix({"forest": values})[:, 1], [1, 0, np.nan, 1])


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1, 2, None, 4]),
        pd.Series([1, 2, pd.NA, 4], dtype="Int64"),
        np.array([1, 2, None, 4], dtype=object),
        np.array([1, 2, np.nan, 4], dtype=np.float32),
        np.ma.masked_array([1.0, 2.0, 9.0, 4.0], [False, False, True, False]),
        np.ma.masked_array([1, 2, 9, 4], [False, False, True, False]),
    ],
)
def test_frame__numbers_of_every_make(values):
    made = build("ele", {"ele": values})
    np.testing.assert_array_equal(made.matrix({"ele": values})[:, 1], [1, 2, np.nan, 4])


def test_frame__a_data_frame_serves_as_well():
    table = pd.DataFrame(FRAME, index=list("abcdef"))
    made = build("scale(ele) + forest + (1 | region/park)", table)
    np.testing.assert_array_equal(made.matrix(table), made.matrix(FRAME))
    np.testing.assert_array_equal(made.groups[1].index(table), made.groups[1].index(FRAME))


def test_frame__without_columns_the_number_of_rows_is_stated():
    made = build("1", {}, n=3)
    np.testing.assert_array_equal(made.matrix({}, n=2), [[1], [1]])
    with pytest.raises(ModelError, match="number of rows is not known"):
        made.matrix({})


# Groups


def test_groups__nested_levels_in_natural_order():
    made = build("1 + (1 | region/park)", FRAME)
    region, park = made.groups
    assert (region.name, region.by, region.effect) == ("region", ("region",), "Intercept")
    assert region.levels == ("n", "s")
    assert (park.name, park.by) == ("region/park", ("region", "park"))
    assert park.levels == ("n/p2", "n/p10", "s/p1", "s/p2")
    index = park.index(FRAME)
    assert index.dtype == np.int64
    np.testing.assert_array_equal(index, [0, 1, 0, 3, 2, 2])
    assert park.value(FRAME) is None


def test_groups__levels_never_seen_or_missing_are_minus_one():
    made = build("1 + (1 | region/park)", FRAME)
    new = {"region": np.array(["n", "x", "", "n"]), "park": np.array(["p1", "p1", "p1", ""])}
    np.testing.assert_array_equal(made.groups[0].index(new), [0, -1, -1, 0])
    np.testing.assert_array_equal(made.groups[1].index(new), [-1, -1, -1, -1])
    np.testing.assert_array_equal(made.missing(new), [False, False, True, True])


def test_groups__a_slash_in_a_name_mixes_no_levels_up():
    frame = {"a": np.array(["x/y", "x", "x", "x/y"]), "b": np.array(["z", "q", "z", "q"])}
    made = build("1 + (1 | a:b)", frame)
    assert sorted(made.groups[0].index(frame)) == [0, 1, 2, 3]


def test_groups__slopes_have_values_and_spreads():
    made = build("ele + (scale(ele) + poly(area, 2) || region)", FRAME)
    assert [g.name for g in made.groups] == [
        "region",
        "scale(ele)|region",
        "poly(area, 2)[1]|region",
        "poly(area, 2)[2]|region",
    ]
    np.testing.assert_allclose(made.groups[1].value(FRAME), Z)
    assert made.groups[1].effect == "scale(ele)"
    assert made.groups[1].spread == pytest.approx(1)
    assert made.groups[0].spread == 1.0


def test_groups__whole_numbers_are_labels():
    made = build("1 + (1 | year)", FRAME)
    assert made.groups[0].levels == ("2019", "2020", "2021")
    new = {"year": np.array([2021.0, 2030.0])}
    np.testing.assert_array_equal(made.groups[0].index(new), [2, -1])


def test_natural__puts_plot_2_before_plot_10():
    assert sorted(["plot10", "Plot 2", "plot2", "b", "10", "9"], key=natural) == [
        "9",
        "10",
        "b",
        "Plot 2",
        "plot2",
        "plot10",
    ]


# Keeping


def test_to_dict__survives_json_to_the_last_digit():
    rng = np.random.default_rng(7)
    frame = {name: rng.permutation(np.tile(values, 10)) for name, values in FRAME.items()}
    frame["ele"] = frame["ele"] + rng.normal(size=60)
    text = (
        "scale(ele)*forest + poly(area, 2) + I(scale(ele)^2) + offset(log(area)) + factor(year)"
        " + (1 + scale(ele) || region/park)"
    )
    made = build(text, frame, "p")
    again = Design.from_dict(json.loads(json.dumps(made.to_dict(), allow_nan=False)))
    assert again.to_dict() == made.to_dict()
    assert (again.parameter, again.columns, again.variables) == (
        "p",
        made.columns,
        made.variables,
    )
    new = {name: values[::-1][:5] for name, values in frame.items()}
    np.testing.assert_array_equal(again.matrix(new), made.matrix(new))
    np.testing.assert_array_equal(again.offset(new), made.offset(new))
    for old_group, new_group in zip(made.groups, again.groups, strict=True):
        assert new_group.name == old_group.name
        assert new_group.levels == old_group.levels
        assert new_group.spread == old_group.spread
        np.testing.assert_array_equal(new_group.index(new), old_group.index(new))
    np.testing.assert_array_equal(again.groups[1].value(new), made.groups[1].value(new))


def test_from_dict__refuses_what_does_not_belong_together():
    stored = build("forest + (1 | region)", FRAME).to_dict()
    with pytest.raises(ModelError, match="do not agree"):
        Design.from_dict(stored | {"formula": "ele + (1 | region)", "kinds": {"ele": "number"}})
    with pytest.raises(ModelError, match="lacks"):
        Design.from_dict({k: v for k, v in stored.items() if k != "states"})
    with pytest.raises(ModelError, match="lacks"):
        Design.from_dict(stored | {"groups": []})


def test_describe__tells_units_of_the_data():
    made = build("scale(ele) + forest + area", FRAME)
    told = {row["column"]: row for row in made.describe()}
    assert list(told) == list(made.columns)
    assert told["scale(ele)"]["centre"] == 750
    assert told["scale(ele)"]["sd"] == pytest.approx(SD)
    assert told["scale(ele)"]["meaning"] == "0 is ele = 750; one unit is 374.166 of ele"
    assert told["forest[oak]"]["meaning"] == "compared with forest[beech]"
    assert told["area"]["meaning"] == "one unit is 1 of area"


# Refusals


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (
            "forrest",
            "`psi` uses 'forrest', which is not in the surveys. Did you mean 'forest'?",
        ),
        (
            "date",
            "`psi` uses 'date', but 'date' varies by visit; "
            "occupancy can only use site covariates.",
        ),
        ("zzz", "which is not in the surveys. The surveys have ele, area"),
        ("(1 | regoin)", "Did you mean 'region'?"),
        ("ele + same", "`psi`: 'same' is the same in every survey that counts (always 3)"),
        ("ele + I(2 * ele)", "tell the same: one follows from the other"),
        ("ele + area + I(ele - area)", "'I(ele - area)' follows exactly from 'ele', 'area'"),
        ("scale(same)", "`psi` cannot use scale(same): it is the same in every survey"),
        ("scale(forest)", "'forest' holds text, where a number is needed"),
        ("log(ele - 450)", "it has no value in 2 of the surveys, where ele is 250, 450"),
        ("poly(year, 3)", "needs more than 3 different values, and there are 3"),
        ("one", "it has only one level ('a') in the surveys that count"),
        ('factor(forest, ref="aok")', "no level 'aok' to refer to. Did you mean 'oak'?"),
        ("(1 | one)", "there is only one level of one ('a')"),
        ("(forest || region)", "Write (1 | region:forest)"),
        ("(same || region)", "same is the same in every survey that counts"),
        ("0 + (1 | region)", "has no coefficient"),
        ("gone", "'gone' is missing in every survey that counts"),
        ("half + other", "no survey has all of 'half', 'other'"),
        ("huge", "'huge' has infinite values"),
        ("day", "'day' holds dates"),
        ("flat2", "2 dimensions"),
        ("ele + short", "'short' has 2 values where 6 are expected"),
        ("Intercept", "two columns have the name 'Intercept'"),
        ("ele*area*year*wet", "16 coefficients"),
        ("factor(forest) + forest", "two columns have the name 'forest[oak]'"),
    ],
)
def test_build__refuses_in_the_users_words(formula, message):
    nan = np.nan
    frame = FRAME | {
        "same": np.full(6, 3.0),
        "one": np.array(["a"] * 6),
        "gone": np.full(6, nan),
        "half": np.array([1, 2, 3, nan, nan, nan]),
        "other": np.array([nan, nan, nan, 1, 2, 3]),
        "huge": np.array([1, 2, 3, 4, 5, np.inf]),
        "day": np.array(["2024-05-01"] * 6, dtype="datetime64[D]"),
        "flat2": np.ones((6, 2)),
        "short": np.ones(2),
        "Intercept": FRAME["ele"],
    }
    with pytest.raises(ModelError) as caught:
        build(formula, frame, elsewhere={"date": "visit"})
    assert message in str(caught.value)


def test_build__refuses_rows_of_another_length():
    with pytest.raises(ModelError, match="`rows` has 2 values where 6"):
        build("ele", FRAME, rows=np.array([True, False]), n=6)


def test_build__season_covariates_in_detection_are_no_matter_of_site():
    with pytest.raises(ModelError, match="`gamma` uses 'date', but 'date' varies by visit"):
        build("date", FRAME, "gamma", elsewhere={"date": "visit"})


def test_build__near_dependence_passes_and_years_far_from_zero_do_too():
    x = np.arange(2001.0, 2021.0)
    assert len(build("year + I(year^2)", {"year": x}).columns) == 3
    noise = np.random.default_rng(3).normal(size=20)
    assert len(build("a + b", {"a": x, "b": x + 1e-3 * noise}).columns) == 3


def test_new_data__of_the_wrong_kind_is_refused():
    made = build("ele + forest", FRAME)
    with pytest.raises(ModelError, match="'ele' holds text here"):
        made.matrix(FRAME | {"ele": FRAME["forest"]})
    with pytest.raises(ModelError, match="'forest', which is not in these data"):
        made.matrix({"ele": FRAME["ele"]})


@pytest.mark.reference
def test_scale__crossbill_has_the_centre_and_sd_that_unmarked_was_given():
    folder = Path(__file__).parents[1] / "../shared/reference/crossbill"
    if not folder.is_dir():
        pytest.skip("the reference results are not beside this project")
    sites = pd.read_csv(folder / "site_covariates.csv")
    visits = pd.read_csv(folder / "visit_date.csv", index_col="site")
    frame = {"date": visits.to_numpy(dtype=float).ravel()}
    built = [build("scale(ele) + scale(forest)", sites), build("scale(date)", frame, "p")]
    states = {key: state for made in built for key, state in made.memory.states.items()}
    # unmarked 1.5.0.9008 on R 4.2.2, standardisation.json beside its fits
    for name, known in json.loads((folder / "standardisation.json").read_text()).items():
        assert states[f"scale({name})"]["centre"] == pytest.approx(known["mean"], rel=1e-13)
        assert states[f"scale({name})"]["sd"] == pytest.approx(known["sd"], rel=1e-13)


# The table of terms


@pytest.mark.parametrize("name", TERMS)
def test_terms__each_keeps_the_protocol(name):
    term = TERMS[name]
    assert term.name == name
    values = FRAME["area"].astype(object) if term.takes == "column" else FRAME["area"]
    options = {o.name: 2 if o.kind == "whole" else o.default for o in term.options}
    state = term.learn(values, options)
    assert json.loads(json.dumps(state)) == state
    made = term.columns(values, state)
    assert made.shape == (6, len(term.labels("f(area)", "area", state)))
    assert made.dtype == np.float64
    assert isinstance(term.meaning("area", state), str)
    if term.nests:
        assert made.shape[1] == 1
