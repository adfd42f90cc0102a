"""Keys of a study file about hierarchy: how it is integrated, sampled, and compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import surveys
from occupancy import load
from occupancy.model import Model
from occupancy.study import COMPARED, Study
from surveys.problems import ModelError, SurveyError

TOML = """
schema = 1
[source]
format = "wide"
[files.detections]
path = "detections.csv"
[files.sites]
path = "sites.csv"
[model.main]
engine = "ml"
psi = "(1 | region)"
[model.main.centring.psi]
region = "centred"
[model.flat]
engine = "ml"
psi = "1"
[sample]
integrate = "laplace"
[compare]
pooling = "region"
folds = 3
hold = "sites"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hierarchy")
    rng = np.random.default_rng(2)
    rows, sites = ["site,v1,v2,v3"], ["site,region"]
    for i in range(72):  # regions far apart: an sd near 0 is climbed to in hundreds of steps
        z = rng.random() < (0.95, 0.1, 0.8, 0.3, 0.6, 0.4)[i % 6]
        rows.append(f"p{i}," + ",".join(str(int(v)) for v in (rng.random(3) < 0.6) & z))
        sites.append(f"p{i},r{i % 6}")
    (folder / "detections.csv").write_text("\n".join(rows) + "\n")
    (folder / "sites.csv").write_text("\n".join(sites) + "\n")
    (folder / "study.toml").write_text(TOML)
    return folder


def test_study__integration_coordinates_and_pooling_compared(folder):
    study = Study.open(folder)
    main, flat = study.units(["main", "flat"])
    model = study.model(main)
    assert model.problem.predictors["psi"].varying[0].design.centring == 1.0
    fit = study.fit(main)
    assert fit.ml.method == "laplace"
    table = pd.read_csv(main.fit_folder / COMPARED)
    assert set(table["model"]) == {"complete", "partial", "none"}
    assert table["weight"].sum() == pytest.approx(1.0)
    assert table["elpd"].is_monotonic_decreasing
    results = study.results_of(main)
    pd.testing.assert_frame_equal(results.compared, table)
    study.fit(flat)  # nothing is pooled in it, so nothing is compared
    assert not (flat.fit_folder / COMPARED).exists()
    assert study.results_of(flat).compared is None


def test_study__other_settings_are_another_fit(folder):
    study = Study.open(folder)
    unit = study.units(["main"])[0]
    keys = {study.unit_key(unit)}
    for old, new in (('"laplace"', '"auto"'), ("folds = 3", "folds = 4"), ('"centred"', '"auto"')):
        (folder / "study.toml").write_text(TOML.replace(old, new))
        other = Study.open(folder)
        assert other.data_key == study.data_key
        keys.add(other.unit_key(other.units(["main"])[0]))
    (folder / "study.toml").write_text(TOML)
    assert len(keys) == 4


def test_study__wrong_words_are_refused(folder, tmp_path):
    for old, new, told in (
        ('"laplace"', '"laplas"', "laplas"),
        ('region = "centred"', 'region = "middle"', "middle"),
        ('hold = "sites"', 'hold = "site"', "hold"),
        ('integrate = "laplace"', "nodes = -1", "nodes"),
    ):
        (tmp_path / "study.toml").write_text(TOML.replace(old, new))
        for name in ("detections.csv", "sites.csv"):
            (tmp_path / name).write_bytes((folder / name).read_bytes())
        with pytest.raises(SurveyError, match=told):
            Study.open(tmp_path)


def test_centring__is_kept_and_changes_no_likelihood(folder, tmp_path):
    rng = np.random.default_rng(1)
    at, ele = np.arange(80) % 8, np.linspace(-1, 1, 80)
    eta = rng.normal(0.0, 1.5, 8)[at] + rng.normal(0.5, 1.5, 8)[at] * ele
    present = rng.random(80) < 1 / (1 + np.exp(-eta))
    y = ((rng.random((80, 4)) < 0.6) & present[:, None]).astype(float)
    region = np.array([f"r{k}" for k in at])
    data = surveys.from_arrays(y, site_covariates={"ele": ele}, region=region)
    formula = "ele + (1 + ele | region)"
    model = Model(data, psi=formula, centring={"psi": {"region": "non-centred"}})
    assert model.problem.predictors["psi"].varying[0].design.centring == 0.0
    fit = model.fit("ml", integrate="laplace")
    again = load(fit.save(tmp_path / "kept"))
    assert again.model.problem.predictors["psi"].varying[0].design.centring == 0.0
    assert again.model.digest == model.digest
    other = Model(data, psi=formula, centring={"psi": {"(1 + ele)|region": "centred"}})
    assert other.fit("ml", integrate="laplace").log_likelihood == pytest.approx(
        fit.log_likelihood, abs=1e-6
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"psj": {"region": "centred"}}, "no parameter"),
        ({"psi": {"regio": "centred"}}, 'Did you mean "region"'),
        ({"psi": {"region": "half"}}, "'centred', 'non-centred', 'auto'"),
    ],
)
def test_centring__what_is_not_there_is_refused(asked, told):
    data = surveys.from_arrays(np.eye(6), region=np.array(list("aabbcc")))
    with pytest.raises(ModelError, match=told):
        Model(data, psi="(1 | region)", centring=asked)
