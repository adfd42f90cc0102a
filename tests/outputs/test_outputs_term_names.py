"""Coefficients in the words of the field, from real designs."""

import numpy as np
import pytest

import surveys
from occupancy import Model
from occupancy.outputs.term_names import covariates, quantity, term_names


@pytest.fixture(scope="module")
def named():
    rng = np.random.default_rng(1)
    data = surveys.from_arrays(
        (rng.random((60, 4)) < 0.4).astype(float),
        site_covariates={
            "ele": rng.uniform(200, 1400, 60),
            "wood": rng.choice(["oak", "fir", "ash"], 60),
            "camera_days": rng.uniform(1, 9, 60),
        },
    )
    data["ele"].attrs.update(long_name="elevation", units="m")
    model = Model(
        data,
        psi="scale(ele) * wood + I(scale(ele)^2) + poly(camera_days, 2)",
        p="log(camera_days) + I(ele / 1000) + scale(camera_days)",
    )
    sd = f"{data['ele'].values.std(ddof=1):.3g}"
    known = covariates(data)
    return {n: term_names(p.design, known) for n, p in model.problem.predictors.items()}, sd


def test_term_names__long_name_and_unit_of_the_surveys(named):
    names, sd = named
    assert names["psi"]["scale(ele)"] == ("elevation", f"per {sd} m")
    assert names["psi"]["I(scale(ele)^2)"] == ("elevation, squared", f"per {sd} m")
    assert names["psi"]["wood[oak]"] == ("wood: oak", "compared with ash")
    assert names["psi"]["scale(ele):wood[oak]"] == (
        "elevation × wood: oak",
        f"per {sd} m, compared with ash",
    )
    assert names["psi"]["poly(camera_days, 2)[2]"][0] == "camera days, quadratic part"
    assert names["p"]["log(camera_days)"][0] == "camera days, logarithm"


def test_term_names__arithmetic_without_a_name_keeps_its_formula(named):
    assert named[0]["p"]["I(ele / 1000)"] == ("I(ele / 1000)", "")


def test_term_names__intercept_tells_where_it_stands(named):
    assert named[0]["p"]["Intercept"][1] == "where the other columns are 0"


def test_quantity__three_figures_and_units_as_they_are_written():
    assert quantity(148.7, "m") == "149 m"
    assert quantity(35.28, "%") == "35.3%"
    assert quantity(0.2031, "share") == "0.203"
    assert quantity(168.6, "day of the year") == "169 (day of the year)"
    assert quantity(-2.5, "°C") == "−2.5 °C"
