"""Long tables with a column for each species."""

import json
import tomllib

import numpy as np
import pytest
from spoilt_studies import put, read_files

from surveys import read
from surveys.guess import guess

NAN = np.nan
MATRIX = (
    "site,date,Fox,Badger,Red deer,wind\nA,2021-05-01,1,0,0,3\nA,2021-05-10,0,1,NA,2\n"
    "B,2021-05-01,0,0,12,0\nB,2021-05-11,0,0,0,1\n"
)
STUDY = """schema = 1
[source]
format = "long"
[files.detections]
path = "d.csv"
species_columns = ["Fox", "Badger", "Red deer"]
"""


def expected(ds):
    assert ds["species"].values.tolist() == ["Badger", "Fox", "Red deer"]
    found = ds["detection"].values[:, :, 0]
    np.testing.assert_array_equal(found[0], [[0, 1], [0, 0]])
    np.testing.assert_array_equal(found[1], [[1, 0], [0, 0]])
    np.testing.assert_array_equal(found[2], [[0, NAN], [1, 0]])
    np.testing.assert_array_equal(ds["wind"].values[:, 0], [[3, 2], [0, 1]])


def test_every_column_of_a_species_is_read(tmp_path):
    ds, problems = read_files(tmp_path, STUDY, d__csv=MATRIX)
    expected(ds)
    np.testing.assert_array_equal(ds["count"].values[2, :, 0], [[0, NAN], [12, 0]])
    ledger = json.loads(ds.attrs["ledger"])
    assert (ledger["read"], ledger["used"]) == ({"d.csv": 4}, {"d.csv": 4})
    assert "1 of 12 results" in next(p for p in problems if p.code == "N518").fact


def test_a_first_look_knows_them(tmp_path):
    put(tmp_path, "", {"d.csv": MATRIX})
    text = guess([tmp_path / "d.csv"], folder=tmp_path)
    told = tomllib.loads(text)["files"]["detections"]
    assert told["species_columns"] == ["Fox", "Badger", "Red deer"]
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    expected(read(tmp_path))


@pytest.mark.parametrize(
    "header", ["site,visit,y,rain,night", "site,visit,detected,fox,hare", "site,visit,y1,rain,bait"]
)
def test_covariates_of_0_and_1_are_no_species(tmp_path, header):
    rows = "A,1,0,1,0\nA,2,1,0,1\nB,1,0,0,0\nB,2,0,1,1\n"
    put(tmp_path, "", {"d.csv": f"{header}\n{rows}"})
    told = tomllib.loads(guess([tmp_path / "d.csv"], folder=tmp_path))
    assert "species_columns" not in told["files"]["detections"]


def test_rows_of_one_day_stay_visits_of_their_own(tmp_path):
    text = "site,date,Fox,Badger,Red deer\nA,2021-05-01,1,0,0\nA,2021-05-01,0,1,0\n"
    ds, _ = read_files(tmp_path, STUDY, d__csv=text)
    assert ds.sizes["visit"] == 2
    assert float(ds["detection"].sum()) == 2


def test_a_row_without_any_result_is_set_aside_once(tmp_path):
    ds, _ = read_files(tmp_path, STUDY, d__csv=MATRIX + "B,2021-05-12,NA,,NA,1\n")
    ledger = json.loads(ds.attrs["ledger"])
    assert (ledger["read"], ledger["used"]) == ({"d.csv": 5}, {"d.csv": 4})
    assert [a["rows"] for a in ledger["aside"]] == [[6]]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('species_columns = ["Fox", "Bagder"]\n', "E015"),
        ('species_columns = ["Fox", "fox"]\n', "E535"),
        ('species_columns = ["Fox"]\ncolumns = { species = "Badger" }\n', "E536"),
        ('species_columns = ["Fox"]\n[files.visits]\npath = "d.csv"\n', "E536"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path, line, code):
    study = STUDY.rsplit("species_columns", 1)[0] + line
    _, problems = read_files(tmp_path, study, d__csv=MATRIX)
    assert code in [p.code for p in problems if p.level == "error"]


def test_a_column_of_visits_that_begin_at_0_is_no_species(tmp_path):
    rows = "A,0,0,1,0\nA,1,1,0,1\nB,0,0,0,0\nB,1,0,1,1\n"
    put(tmp_path, "", {"d.csv": f"site,visit,fox,hare,deer\n{rows}"})
    told = tomllib.loads(guess([tmp_path / "d.csv"], folder=tmp_path))
    assert told["files"]["detections"]["columns"]["visit"] == "visit"
    assert told["files"]["detections"]["species_columns"] == ["fox", "hare", "deer"]
