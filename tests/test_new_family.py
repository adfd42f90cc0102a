"""The page that adds a family, run as it stands: one file and one line, everything else follows."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import occupancy
import surveys
from occupancy import families

PAGE = Path(__file__).parent.parent / "docs" / "a-family-of-your-own.md"
PRIORS = {"p1": {"Intercept": "normal(-2, 0.7)"}, "p2": {"Intercept": "normal(1, 0.7)"}}


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The one file, where Python finds it."""
    folder = tmp_path_factory.mktemp("family")
    (folder / "two_classes.py").write_text(blocks()[0], encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    sys.modules.pop("two_classes", None)


@pytest.fixture(autouse=True)
def line(file, monkeypatch):
    """The one line."""
    monkeypatch.setitem(families.FAMILIES, "two_classes", "two_classes")


def simulated(n=400, visits=6, seed=5):
    rng = np.random.default_rng(seed)
    kind = np.where(rng.random(n) < 0.6, 1 + (rng.random(n) < 0.4), 0)
    y = (rng.random((n, visits)) < np.array([0.0, 0.1, 0.7])[kind][:, None]).astype(float)
    y[rng.random(y.shape) < 0.1] = np.nan
    y[0] = np.nan
    region = np.array([f"r{i % 12:02d}" for i in range(n)])
    return surveys.from_arrays(y, site_covariates={"ele": rng.normal(size=n)}, region=region)


AT = {
    "psi": {"Intercept": 0.4, "ele": 0.3},
    "s": {"Intercept": -0.2},
    "p1": {"Intercept": -2.0},
    "p2": {"Intercept": 0.9},
}


def test_page__runs_as_it_stands(capsys):
    """The second block: a fit of the family that the first block wrote."""
    told: dict = {}
    exec(compile(blocks()[1], str(PAGE), "exec"), told)
    table = told["fit"].coefficients().set_index(["parameter", "term"])
    truth = {"psi": 0.6, "s": 0.4, "p1": 0.1, "p2": 0.7}
    for name, value in truth.items():
        row = table.loc[(name, "Intercept")]
        assert abs(row["mean"] - np.log(value / (1 - value))) < 4 * row["se"]
    assert told["fit"].states.sizes["state"] == 3
    assert "p2" in capsys.readouterr().out


def test_new_family__likelihood_is_the_sum_over_states():
    data = simulated()
    got = occupancy.Model(data, family="two_classes", psi="ele").evaluate(AT)
    y = data["detection"].values[0, :, 0]
    psi = 1 / (1 + np.exp(-0.4 - 0.3 * data["ele"].values))
    s, p1, p2 = (1 / (1 + np.exp(-v)) for v in (-0.2, -2.0, 0.9))
    seen, made = np.nansum(y, axis=1), (~np.isnan(y)).sum(axis=1)
    parts = [(1 - psi) * (seen == 0)]
    parts += [psi * w * p**seen * (1 - p) ** (made - seen) for w, p in ((1 - s, p1), (s, p2))]
    total = np.sum(parts, axis=0)
    np.testing.assert_allclose(got["log_likelihood"][0], np.log(total), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(
        got["state_probability"][0, :, 0].T, np.array(parts) / total, rtol=1e-10, atol=1e-14
    )


def test_new_family__gradient_is_the_slope_of_the_likelihood():
    own = occupancy.Model(simulated(), family="two_classes", psi="ele")
    got = own.evaluate(AT)
    for name in AT:
        ends = []
        for h in (1e-5, -1e-5):
            moved = {k: dict(v) for k, v in AT.items()}
            moved[name]["Intercept"] += h
            ends.append(float(own.evaluate(moved)["log_likelihood"].sum()))
        slope = (ends[0] - ends[1]) / 2e-5
        assert float(got[f"gradient_{name}"][0]) == pytest.approx(slope, rel=1e-6)


def test_new_family__simulates_from_its_tables():
    data = simulated()
    drawn = occupancy.Model(data, family="two_classes", priors=PRIORS).simulate(seed=3, draws=40)
    made = ~np.isnan(data["detection"].values)
    assert (np.isnan(drawn["detection"].values) == ~made).all()
    state = drawn["state"].values[..., None]
    seen = [float(drawn["detection"].where(state == k).mean()) for k in range(3)]
    assert seen[0] == 0.0
    assert seen[1] < 0.35 < 0.5 < seen[2]


@pytest.mark.slow
def test_new_family__is_sampled_with_groups():
    data = simulated()
    model = occupancy.Model(data, family="two_classes", psi="ele + (1 | region)", priors=PRIORS)
    fit = model.fit(seed=2, draws=300, tune=300, chains=2)
    table = fit.coefficients().set_index(["parameter", "term"])
    for name, truth in (("p1", 0.1), ("p2", 0.7)):
        row = table.loc[(name, "Intercept")]
        assert abs(row["mean"] - np.log(truth / (1 - truth))) < 4 * row["sd"]
    assert len(fit.regions()) == 12
