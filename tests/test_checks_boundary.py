"""BOUND: the boundary law against maximum likelihood, and what the verdict says of it."""

import numpy as np
import pytest
from scipy.special import expit
from test_checks import build, simulate

import surveys
from occupancy.checks import Evidence
from occupancy.checks.boundary import boundary, check
from occupancy.engines import ml


def histories(*counts):
    """Sites with these many detections in three visits."""
    return surveys.from_arrays(np.array([[1.0] * k + [0.0] * (3 - k) for k in counts]))


def test_law__calls_every_boundary_fit_and_no_other():
    rng = np.random.default_rng(7)
    called = 0
    for _ in range(200):
        made = build(simulate(rng, 20, 3, psi=0.7, p=0.2))
        top = ml.maximise(made, starts=2)
        at_one = expit(top.coefficients["psi"][0]) > 0.9999
        assert boundary(made).at_one == at_one
        called += at_one
    assert 50 < called < 110  # 153 of 400 in a larger study of the same design


def test_law__by_hand():
    # 20 sites, 3 visits, 6 detections at 6 sites: 14/20 = .700 < (1 - 6/60)^3 = .729
    found = boundary(build(histories(*[1] * 6, *[0] * 14)))
    assert found.at_one
    assert found.undetected == pytest.approx(0.7)
    assert found.by_chance == pytest.approx(0.729)
    assert found.p == pytest.approx(0.1)
    # the same detections at 3 sites: 17/20 = .85 > .729
    assert not boundary(build(histories(2, 2, 2, *[0] * 17))).at_one


def test_law__unequal_visits_and_a_varying_p_agree_with_maximum_likelihood():
    rng = np.random.default_rng(11)
    called = 0
    for _ in range(40):
        date = rng.normal(size=(25, 4))
        y = (rng.random((25, 4)) < expit(-1.5 + 0.7 * date)) & (rng.random(25) < 0.7)[:, None]
        y = np.where(rng.random((25, 4)) < 0.3, np.nan, y)
        data = surveys.from_arrays(y, visit_covariates={"date": date})
        made = build(data, "1", "date")
        if not (made.y > 0).any():
            continue
        at_one = expit(ml.maximise(made, starts=2).coefficients["psi"][0]) > 0.9999
        assert boundary(made).at_one == at_one
        called += at_one
    assert 5 < called < 35


def test_law__one_visit_everywhere_is_a_ridge_and_no_boundary():
    rng = np.random.default_rng(2)
    assert not boundary(build(simulate(rng, 50, 1))).at_one


def test_law__no_detection_points_nowhere():
    assert not boundary(build(histories(*[0] * 20))).at_one


def test_check__blocks_a_boundary_with_small_p():
    (found,) = check(Evidence(build(histories(*[1] * 6, *[0] * 14))))
    assert found.level == "block"
    assert "70 %" in found.message
    assert "73 %" in found.message
    assert found.numbers["p_at_psi_1"] == pytest.approx(0.1)


def test_check__only_warns_where_the_species_is_nearly_everywhere():
    # 59 of 60 sites with 3 detections in 3 visits but for a few: p near .9, p* above .99
    data = histories(*[3] * 40, *[2] * 19, 0)
    made = build(data)
    assert not boundary(made).at_one  # 1/60 is more than chance leaves
    rng = np.random.default_rng(5)
    made = build(simulate(rng, 400, 8, psi=1.0, p=0.42))
    assert boundary(made).at_one
    assert boundary(made).undetected > 0
    (found,) = check(Evidence(made, ml.maximise(made)))
    assert found.level == "warn"


def test_check__silent_on_ordinary_data():
    made = build(simulate(np.random.default_rng(1)))
    assert check(Evidence(made, ml.maximise(made))) == []


def test_check__silent_where_covariates_explain_the_sites_without_detections():
    # Half the sites are unfit for the species: psi has a covariate and is not 1 everywhere.
    rng = np.random.default_rng(8)
    fit = np.repeat([-1.0, 1.0], 40)
    psi = expit(-1 + 2 * fit)
    y = (rng.random((80, 4)) < 0.5) & (rng.random(80) < psi)[:, None]
    made = build(surveys.from_arrays(y * 1.0, site_covariates={"fit": fit}), "fit")
    assert check(Evidence(made, ml.maximise(made))) == []


def test_check__blocks_a_posterior_near_one_with_small_p(posterior_of):
    made = build(simulate(np.random.default_rng(4), 60, 3, psi=0.3, p=0.4))
    near_one = posterior_of(made, {"psi": [3.5], "p": [-2.2]}, sd=1.0)
    (found,) = check(Evidence(made, posterior=near_one))
    assert found.level == "block"
    assert found.numbers["probability_psi_above_0.99"] > 0.05
    assert check(Evidence(made, posterior=posterior_of(made, {"psi": [3.5], "p": [0.5]}))) == []


@pytest.fixture
def posterior_of():
    from test_checks_draws import make_posterior

    return make_posterior
