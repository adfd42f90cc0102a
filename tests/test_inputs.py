"""What a study rests on: any file that changes is noticed."""

from __future__ import annotations

import pytest

from occupancy.inputs import digests
from surveys.study_file import read_study

TOML = """schema = 1
[source]
format = "wide"
path = "field"
[files.detections]
path = "d.csv"
[taxa]
tree = "tree.nwk"
[covariates.elev]
raster = "dem.tif"
[season_covariates.rain]
raster = { 2019 = "a.tif", 2020 = "b.tif" }
[regions]
path = "regions.geojson"
"""
FIELD = ("d.csv", "dem.tif", "a.tif", "b.tif")
NAMES = {"tree.nwk", "regions.geojson", *(f"field/{name}" for name in FIELD)}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "field").mkdir()
    (tmp_path / "study.toml").write_text(TOML)
    for name in NAMES:
        (tmp_path / name).write_text(name)
    return tmp_path


def test_inputs__every_file_that_the_study_names_is_told(folder):
    assert set(digests(read_study(folder))) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_inputs__a_change_of_one_is_noticed(folder, name):
    before = digests(read_study(folder))
    (folder / name).write_text("another")
    after = digests(read_study(folder))
    assert {k for k in NAMES if before[k] != after[k]} == {name}
