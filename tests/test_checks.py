"""Checks as a whole: verdicts are data, the table is complete, right models raise few alarms."""

import json
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import surveys
from occupancy import checks, posing
from occupancy.checks import CHECKS, Evidence, Verdict
from occupancy.engines import ml
from occupancy.settings import DEFAULTS

ROOT = Path(__file__).parents[1]


def simulate(rng, sites=100, visits=5, psi=0.5, p=0.4, **more):
    present = rng.random(sites) < psi
    y = ((rng.random((sites, visits)) < p) & present[:, None]).astype(float)
    return surveys.from_arrays(y, **more)


def build(data, psi="1", p="1", **more):
    return posing.build(data, "single_season", {"psi": psi, "p": p}, **more)


def test_verdict__survives_json_whatever_numbers_it_holds():
    verdict = Verdict(
        "RHAT",
        "warn",
        "told",
        {"a": np.float32(0.5), "b": np.nan, "c": np.arange(2), "d": (np.int64(3), "x"), "e": True},
        "do this",
    )
    assert verdict.numbers == {"a": 0.5, "b": None, "c": [0, 1], "d": [3, "x"], "e": True}
    again = Verdict.from_dict(json.loads(json.dumps(verdict.to_dict(), allow_nan=False)))
    assert again == verdict


def test_verdict__refuses_a_level_that_no_page_knows():
    with pytest.raises(ValueError, match=r"note, warn|block, warn"):
        Verdict("RHAT", "fatal", "told")


def test_run__puts_the_most_serious_first():
    # One visit to 30 sites with a covariate that is its own double: a block, warnings, a note.
    rng = np.random.default_rng(3)
    ele = rng.normal(size=30)
    twin = ele + 0.01 * rng.normal(size=30)
    data = simulate(rng, 30, 1, psi=0, site_covariates={"ele": ele, "twin": twin})
    found = checks.run(Evidence(build(data, "ele + twin")))
    assert [v.code for v in found] == ["ONEVISIT", "NODET", "COLLIN"]
    assert [v.level for v in found] == ["block", "warn", "note"]


def test_run__a_check_that_fails_says_so_and_the_others_go_on(monkeypatch):
    def broken(evidence):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(import_module(CHECKS["ALLDET"]), "check", broken)
    data = simulate(np.random.default_rng(3), psi=0)
    found = {v.code: v for v in checks.run(Evidence(build(data)))}
    assert set(found) == {"ALLDET", "NODET"}
    assert "by nothing" in found["ALLDET"].message


def test_table__every_check_is_explained_to_users():
    text = (ROOT / "occupancy/cli/data/warnings.toml").read_text(encoding="utf-8")
    explained = tomllib.loads(text)
    assert set(CHECKS) <= set(explained)


@pytest.mark.parametrize(
    ("code", "module", "names"),
    [
        ("RHAT", "rhat", {"WARN": "1.01", "BLOCK": "1.05"}),
        ("ESS", "ess", {"WARN_PER_CHAIN": "100 a chain", "BLOCK": "block below 100"}),
        ("EBFMI", "energy", {"WARN": "0.3"}),
        ("DIV", "divergences", {"BLOCK": "1 %"}),
        ("TREE", "depth", {"NOTE": "1 %"}),
        ("BOUND", "boundary", {"HIGH_PSI": "0.99", "LOW_P": "0.15", "ENOUGH": "95 %"}),
        ("PSTAR", "cumulative_detection", {"NOTE": "0.8", "WARN": "0.5"}),
        ("ONEVISIT", "repeated_visits", {"FEWEST_SITES": "20", "SMALLEST_SHARE": "10 %"}),
        ("RELEV", "few_levels", {"FEWEST": "5"}),
        ("SEP", "separation", {"WIDE": "0.9"}),
        ("CONFOUND", "confounding", {"LARGEST": "0.8"}),
        ("COLLIN", "collinearity", {"LARGEST_R": "0.7", "LARGEST_VIF": "5"}),
    ],
)
def test_table__thresholds_are_those_that_users_are_told(code, module, names):
    text = (ROOT / "occupancy/cli/data/warnings.toml").read_text(encoding="utf-8")
    when = tomllib.loads(text)[code]["when"]
    for name, told in names.items():
        value = getattr(import_module(f"occupancy.checks.{module}"), name)
        assert told in when
        number = float("".join(c for c in told if c.isdigit() or c == "."))
        assert value == pytest.approx(number / 100 if "%" in told else number)


def test_cures__name_only_settings_that_a_study_file_may_hold():
    texts = [p.read_text(encoding="utf-8") for p in (ROOT / "occupancy/checks").glob("*.py")]
    named = re.findall(r"\[sample\] (\w+)(?: = \d+, (\w+))?", "".join(texts))
    keys = {key for pair in named for key in pair if key}
    assert {"draws", "tune", "chains"} <= keys
    assert keys <= set(DEFAULTS)


def test_run__false_alarms_on_the_right_model_stay_under_5_percent():
    rng = np.random.default_rng(20260101)
    alarmed = 0
    for _ in range(60):
        ele, date = rng.normal(size=100), rng.normal(size=(100, 5))
        data = simulate(rng, site_covariates={"ele": ele}, visit_covariates={"date": date})
        made = build(data, "scale(ele)", "scale(date)")
        found = checks.run(Evidence(made, ml.maximise(made)))
        alarmed += any(v.level != "note" for v in found)
    assert alarmed < 3  # 5 % of 60


def test_import__stays_light():
    code = (
        "import sys, occupancy.checks; "
        "print(sorted({'arviz_stats', 'scipy', 'numba', 'pymc', 'matplotlib'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"


def test_flat__speaks_for_a_likelihood_without_a_top_and_only_then():
    """One visit a site: psi and p trade places along a ridge."""
    from occupancy.model import Model

    rng = np.random.default_rng(4)
    ridge = surveys.from_arrays((rng.random((60, 1)) < 0.4).astype(float))
    assert "FLAT" in [v.code for v in Model(ridge).fit(engine="ml").warnings]
    sound = (rng.random((60, 1)) < 0.5) & (rng.random((60, 4)) < 0.5)
    fit = Model(surveys.from_arrays(sound.astype(float))).fit(engine="ml")
    assert "FLAT" not in [v.code for v in fit.warnings]
