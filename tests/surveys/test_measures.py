"""Times to detection and scores from long tables: what a row says, and what is refused."""

import numpy as np
import pytest

import surveys
from surveys.problems import SurveyError

STUDY = """schema = 1
[files.detections]
path = "visits.csv"
columns = {{ site = "plot", visit = "v", {roles} }}
"""


def read(folder, text, roles, more=""):
    (folder / "visits.csv").write_text(text, encoding="utf-8")
    (folder / "study.toml").write_text(STUDY.format(roles=roles) + more, encoding="utf-8")
    return surveys.read(folder / "study.toml")


def test_time__a_visit_without_one_has_not_detected(tmp_path):
    data = read(
        tmp_path,
        "plot,v,minutes,length,hour\nA,1,2.5,20,6\nA,2,,30,7\nB,1,,10,6\nB,2,,10,9\n",
        'time = "minutes", effort = "length"',
    )
    np.testing.assert_array_equal(data["detection"].values[0, :, 0], [[1, 0], [0, 0]])
    np.testing.assert_array_equal(data["time"].values[0, :, 0], [[2.5, np.nan], [np.nan] * 2])
    np.testing.assert_array_equal(data["effort"].values[:, 0], [[20, 30], [10, 10]])
    assert "minutes" not in data
    assert data["hour"].attrs["role"] == "covariate"


def test_time__beside_a_zero_it_is_the_length_of_the_visit(tmp_path):
    data = read(
        tmp_path,
        "plot,v,minutes,seen\nA,1,2.5,1\nA,2,30,0\n",
        'time = "minutes", detection = "seen"',
    )
    np.testing.assert_array_equal(data["time"].values.ravel(), [2.5, np.nan])


def test_time__a_detection_without_one_is_told_by_its_row(tmp_path):
    with pytest.raises(SurveyError, match=r"visits\.csv, row 3.*no time above 0"):
        read(
            tmp_path,
            "plot,v,minutes,seen\nA,1,2.5,1\nA,2,,1\nB,1,,0\n",
            'time = "minutes", detection = "seen"',
        )


def test_time__is_the_clock_unless_it_is_named(tmp_path):
    text = "plot,v,time,seen\nA,1,600,1\nA,2,640,0\n"
    with pytest.raises(SurveyError, match=r"\[visit_covariates.time_of_visit\] column"):
        read(tmp_path, text, 'detection = "seen"')
    cured = '[visit_covariates.time_of_visit]\ncolumn = "time"\n'
    data = read(tmp_path, text, 'detection = "seen"', cured)
    np.testing.assert_array_equal(data["time_of_visit"].values.ravel(), [600, 640])
    assert "time" not in data


def test_score__every_file_is_a_visit(tmp_path):
    data = read(tmp_path, "plot,v,logit\nA,1,2.5\nA,2,-1\nB,1,-3.25\nB,2,\n", 'score = "logit"')
    np.testing.assert_array_equal(data["score"].values[0, :, 0], [[2.5, -1], [-3.25, np.nan]])
    assert np.isnan(data["detection"].sel(site="B", visit=2).item())


def test_records__the_earliest_time_of_a_visit_counts(tmp_path):
    (tmp_path / "made.csv").write_text("plot,v,length\nA,1,20\nA,2,30\n", encoding="utf-8")
    data = read(
        tmp_path,
        "plot,v,minutes\nA,1,7\nA,1,3\n",
        'time = "minutes"',
        '[files.visits]\npath = "made.csv"\ncolumns = { site = "plot", visit = "v", '
        'effort = "length" }\n',
    )
    np.testing.assert_array_equal(data["time"].values.ravel(), [3, np.nan])
    np.testing.assert_array_equal(data["detection"].values.ravel(), [1, 0])
