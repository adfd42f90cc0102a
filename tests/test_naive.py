"""Naive answers: what the surveys say without a model, and that scores alone say nothing."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import occupancy
import surveys
from occupancy import outputs
from occupancy.outputs import trend
from occupancy.outputs.headline import headline
from occupancy.outputs.results import Results

N, FILES = 30, 5


@pytest.fixture(scope="module")
def scores():
    """(site, file) scores: files with the species around 3, the others around 0."""
    rng = np.random.default_rng(1)
    called = (rng.random((N, FILES)) < 0.5) & (np.arange(N)[:, None] % 2 > 0)
    return np.where(called, 3.0, 0.0) + rng.normal(size=(N, FILES))


def fitted(scores, **told):
    region = np.where(np.arange(N) < N // 2, "east", "west")
    place = np.stack([np.linspace(7, 8, N), np.linspace(46, 46.4, N)], axis=1)
    data = surveys.from_arrays(score=scores, region=region, coordinates=place, **told)
    return occupancy.Model(data, "scores").fit("ml", seed=1)


@pytest.fixture(scope="module")
def uncut(scores):
    return fitted(scores)


@pytest.fixture(scope="module")
def cut(scores):
    """The same scores with a threshold of 2 set by somebody."""
    return fitted(scores, detection=(scores > 2).astype(float))


def test_scores__without_a_threshold_have_no_naive_answer(uncut):
    """Every file has a score, which is no detection: 1 everywhere would be a claim."""
    sites, regions = uncut.sites(), uncut.regions()
    assert sites["naive"].isna().all()
    assert sites["detections"].isna().all()
    assert (sites["visits"] == FILES).all()
    assert regions[["detected", "naive"]].isna().all(axis=None)
    assert (regions["surveyed"] == N // 2).all()
    assert regions["share_mean"].between(0.2, 0.8).all()
    assert uncut.coefficients()["naive"].isna().all()
    pooled = uncut.shrinkage()
    assert pooled.filter(regex="naive|alone|complete").isna().all(axis=None)
    assert pooled["partial_mean"].notna().all()
    assert surveys.describe(uncut.data).naive["naive"].isna().all()


def test_scores__naive_is_that_of_the_threshold_somebody_set(cut, uncut, scores):
    sites = cut.sites()
    np.testing.assert_array_equal(sites["naive"], (scores > 2).any(axis=1))
    np.testing.assert_array_equal(sites["detections"], (scores > 2).sum(axis=1))
    np.testing.assert_allclose(
        cut.regions()["naive"], (scores > 2).any(axis=1).reshape(2, -1).mean(axis=1)
    )
    assert surveys.describe(cut.data).naive["naive"].iloc[0] == (scores > 2).any(axis=1).mean()
    # the model reads the scores, not the threshold
    np.testing.assert_array_equal(sites["psi_mean"], uncut.sites()["psi_mean"])


def test_scores__no_output_calls_a_score_a_detection(uncut, cut, tmp_path):
    results = Results.from_fit(uncut)
    line = headline(results)
    assert f"Scores of {N} surveyed sites, without a threshold" in line.support
    assert "Detected" not in line.support
    for name in ("report", "paired-map", "site-map", "histories", "tables", "geojson"):
        assert outputs.write(name, results, tmp_path / name)
    page = next((tmp_path / "report").glob("*.html")).read_text(encoding="utf-8")
    assert "Detected at 30" not in page
    assert '"unseen": "surveyed"' in page or '"unseen":"surveyed"' in page
    assert "Detected at" in headline(Results.from_fit(cut)).support


@pytest.mark.parametrize("missing", ["psi_mean", "naive", None])
def test_trend__legend_names_what_is_drawn(missing):
    table = pd.DataFrame(
        {"share_mean": [0.4, 0.5], "share_lower": 0.3, "psi_mean": 0.45, "naive": [0.3, 0.35]}
    )
    if missing:
        table[missing] = np.nan
    results = Results.from_fit(fit_of_two_seasons())
    figure = plt.figure()
    trend._legend(figure, results, table, 0.1)
    told = {text.get_text() for text in figure.legends[0].get_texts()}
    plt.close(figure)
    assert ("expected: ψ" in told) == (missing != "psi_mean")
    assert ("naive: seen that season" in told) == (missing != "naive")
    assert "50%" not in told  # the table has no inner band


def fit_of_two_seasons():
    rng = np.random.default_rng(2)
    return occupancy.Model(
        surveys.from_arrays((rng.random((20, 2, 3)) < 0.3).astype(float)), "dynamic"
    ).fit("ml", seed=1)
