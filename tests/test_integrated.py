"""Integrated occupancy: what must hold whatever the data, and what the family refuses."""

from __future__ import annotations

import numpy as np
import pytest

import occupancy
import surveys
from occupancy import families
from occupancy.families import padded
from surveys.problems import ModelError

SOURCES = ("camera", "transect")


def survey(seed=2, n_site=60):
    """Sites with cameras, with transects, with both, with neither."""
    rng = np.random.default_rng(seed)
    label = np.broadcast_to([0, 0, 0, 1, 1], (n_site, 1, 5))
    kind = np.arange(n_site) % 4
    here = np.where(label == 0, (kind % 2 == 0)[:, None, None], (kind < 2)[:, None, None])
    made = here & (rng.random(label.shape) < 0.9)
    y = np.where(made, rng.random(label.shape) < 0.3, np.nan)
    eta = {"psi": rng.normal(size=n_site), "p": rng.normal(size=label.shape)}
    return eta, y, label


def by_source(eta):
    return {"psi": eta["psi"], "p[camera]": eta["p"], "p[transect]": eta["p"]}


def test_integrated__sources_of_equal_p_are_one_survey():
    eta, y, label = survey()
    pooled = padded.evaluate(families.get("single_season"), eta, y)
    got = padded.evaluate(
        families.get("integrated", sources=SOURCES), by_source(eta), y, labels=label
    )
    np.testing.assert_allclose(got.log_lik, pooled.log_lik, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(got.states, pooled.states, rtol=1e-12)
    np.testing.assert_allclose(
        got.gradients["psi"], pooled.gradients["psi"], rtol=1e-11, atol=1e-14
    )
    for s, name in enumerate(SOURCES):
        own = np.where(label == s, pooled.gradients["p"], 0.0)
        np.testing.assert_allclose(got.gradients[f"p[{name}]"], own, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("source", [0, 1])
def test_integrated__one_source_alone_is_a_single_season(source):
    eta, y, label = survey()
    only = np.where(label == source, y, np.nan)
    alone = padded.evaluate(families.get("single_season"), eta, only)
    got = padded.evaluate(
        families.get("integrated", sources=SOURCES), by_source(eta), only, labels=label
    )
    np.testing.assert_allclose(got.log_lik, alone.log_lik, rtol=1e-12, atol=1e-14)
    assert not got.gradients[f"p[{SOURCES[1 - source]}]"].any()


def test_integrated__what_one_source_saw_settles_the_other():
    """A camera's detection makes the transect's silence a matter of detection, by hand."""
    family = families.get("integrated", sources=SOURCES)
    eta = {"psi": np.array([-2.0]), "p[camera]": np.full((1, 1, 2), 0.4)}
    eta["p[transect]"] = np.full((1, 1, 2), -0.7)
    y, label = np.array([[[1.0, 0.0]]]), np.array([[[0, 1]]])
    got = padded.evaluate(family, eta, y, labels=label)
    by_hand = -np.log1p(np.exp(2.0)) - np.log1p(np.exp(-0.4)) - np.log1p(np.exp(-0.7))
    np.testing.assert_allclose(got.log_lik, by_hand, rtol=1e-14)
    assert got.states[0, 0, 1] == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs its sources. Give 2 to 20 names"),
        ({"sources": ["camera"]}, r"cannot have sources = \['camera'\]. Give 2 to 20"),
        ({"sources": "camera"}, "cannot have sources = 'camera'"),
        ({"sources": ["camera", "camera"]}, "'camera' twice among its sources"),
        ({"sources": SOURCES, "effort": "hours"}, 'cannot have effort = .hours.: give "exposure"'),
        ({"source": SOURCES}, 'no option .source.. Did you mean "sources"'),
    ],
)
def test_integrated__refuses_options_it_cannot_have(options, message):
    with pytest.raises(ModelError, match=message):
        families.get("integrated", **options)


def by_hours(n_site=300):
    """Cameras for days, transects for hours: hazards 0.1 and 0.6 per hour, psi 0.6."""
    rng = np.random.default_rng(9)
    method = np.broadcast_to(["camera"] * 3 + ["transect"] * 3, (n_site, 6))
    effort = np.where(method == "camera", rng.uniform(1, 8, method.shape), rng.random(method.shape))
    hazard = np.where(method == "camera", 0.1, 0.6)
    present = rng.random((n_site, 1)) < 0.6
    y = np.where(present & (rng.random(method.shape) > np.exp(-hazard * effort)), 1.0, 0.0)
    y[::5, :3] = np.nan
    y[::7, 3:] = np.nan
    effort = np.where(np.isnan(y), 0.0, effort)
    return surveys.from_arrays(y, visit_covariates={"method": method}, effort=effort)


def test_integrated__hazards_of_two_sources_are_found_each_by_its_own_effort():
    fit = occupancy.Model(by_hours(), family="integrated", effort="exposure").fit(engine="ml")
    table = fit.coefficients().set_index("parameter")
    truth = {"psi": np.log(0.6 / 0.4), "p[camera]": np.log(0.1), "p[transect]": np.log(0.6)}
    for name, value in truth.items():
        assert abs(table.loc[name, "mean"] - value) < 3 * table.loc[name, "se"]
    assert list(fit.detection()["parameter"]) == ["p[camera]", "p[transect]"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "observer"}, "from 'observer', which is not in the surveys"),
        ({"by": "effort"}, "from 'effort', which holds numbers"),
        ({"sources": ["camera", "line"]}, "'method' says transect; family 'integrated' knows"),
    ],
)
def test_integrated__refuses_surveys_that_do_not_name_their_sources(options, message):
    with pytest.raises(ModelError, match=message):
        occupancy.Model(by_hours(20), family="integrated", **options)
