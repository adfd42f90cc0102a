"""What a caller may get wrong is told in words, before anything is computed."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import surveys
from occupancy import Model
from surveys.problems import ModelError

DATA = surveys.from_arrays(
    [[1, 0], [0, 0], [1, 1], [0, 1]],
    site_covariates={"x": [0.1, 0.4, 0.2, 0.9]},
    region=list("aabb"),
)
MODEL = Model(DATA, psi="(1 | region)")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"seed": "x"}, "seed = 'x'"),
        ({"seed": -1}, "seed = -1"),
        ({"seed": None}, "seed = None"),
        ({"seed": 1.5}, "seed = 1.5"),
        ({"seed": 2**70}, "whole number"),
        ({"draws": 0}, "draws = 0"),
        ({"draws": 1.5}, "draws = 1.5"),
        ({"draws": "many"}, "draws = 'many'"),
        ({"chains": True}, "chains = True"),
        ({"tune": -5}, "tune = -5"),
        ({"cores": -1}, "cores = -1"),
        ({"target_accept": 2}, "target_accept = 2"),
        ({"route": "fast"}, "route = 'fast'"),
        ({"engine": "nut"}, 'Did you mean "nuts"'),
    ],
)
def test_fit__wrong_settings_are_refused(wrong: dict, told: str):
    with pytest.raises(ModelError, match=told):
        MODEL.fit(**wrong)


@pytest.mark.filterwarnings("ignore")
def test_fit__progress_is_yes_or_no_too(capsys):
    assert MODEL.fit(draws=5, tune=10, chains=1, progress=False).draws.n == 5
    assert not capsys.readouterr().err
    assert MODEL.fit(draws=5, tune=10, chains=1, progress=True).draws.n == 5


@pytest.mark.parametrize(
    "data", [None, np.zeros((3, 2)), xr.Dataset({"detection": (("site", "visit"), np.eye(2))})]
)
def test_model__what_is_no_survey_is_refused_with_the_way_to_one(data):
    with pytest.raises(ModelError, match="from_arrays"):
        Model(data)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"priors": "normal(0, 1)"}, "priors: got 'normal"),
        ({"priors": {"psi": "normal(0, 1)"}}, "priors of `psi`"),
        ({"links": "logit"}, "links: got 'logit'"),
        ({"family": None}, "no family 'None'"),
        ({"psi": None}, "`psi` = None: a formula is text"),
        ({"psi": ["x"]}, "a formula is text"),
    ],
)
def test_model__wrong_kinds_of_arguments_are_refused(wrong: dict, told: str):
    with pytest.raises(ModelError, match=told):
        Model(DATA, **wrong)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"psi": [1, 2]}, "values of `psi`"),
        ({"psi": {"Intercept": "a"}}, "`psi`: the value of Intercept is 'a'"),
        ({"psi": {"Intercept": [0.0, 1.0]}}, "give a number"),
        ({"psi": {"Intercept": 0.0, "region": 3}}, "Group 'region' of `psi`"),
        ({"psi": {"Intercept": 0.0, "region": {"a": "b"}}}, "region a is 'b'"),
        (None, "needs a value for Intercept"),
    ],
)
def test_evaluate__wrong_values_are_refused(values, told: str):
    with pytest.raises(ModelError, match=told):
        MODEL.evaluate(values)


@pytest.mark.parametrize("interval", [90, 0, 1, "0.9", np.nan])
def test_interval__is_a_share(interval):
    with pytest.raises(ModelError, match="interval"):
        Model(DATA).fit("ml").coefficients(interval)
