"""Coordinates as GPS devices, GIS exports and people write them."""

import numpy as np
import pytest
from spoilt_studies import put, read_files

from surveys import read
from surveys.guess import guess

HISTORIES = "site,y.1,y.2\nA,0,1\nB,1,0\n"
STUDY = """schema = 1
[files.detections]
path = "d.csv"
[files.sites]
path = "s.csv"
"""


def first_look(folder, sites):
    put(folder, "", {"d.csv": HISTORIES, "s.csv": sites})
    text = guess([folder / "d.csv", folder / "s.csv"], folder=folder)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return text, read(folder)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("Long (°E)", "Lat (°N)"),
        ("Longitude [WGS84]", "Latitude [WGS84]"),
        ("lon_dd", "lat_dd"),
        ("Longitud", "Latitud"),
        ("Längengrad", "Breitengrad"),
        ("POINT_X", "POINT_Y"),
        ("X", "Y"),
    ],
)
def test_columns_of_degrees_are_known_by_many_names(tmp_path, x, y):
    text, ds = first_look(tmp_path, f"site,{y},{x},elev\nA,46.8,8.2,5\nB,46.9,8.4,6\n")
    np.testing.assert_allclose(ds["longitude"], [8.2, 8.4])
    np.testing.assert_allclose(ds["latitude"], [46.8, 46.9])
    assert 'crs = "EPSG:4326"' in text
    assert {n for n in ds.data_vars if ds[n].attrs.get("role") == "covariate"} == {"elev"}


def test_x_and_y_that_may_be_metres_are_asked(tmp_path):
    text, ds = first_look(tmp_path, "site,x,y\nA,526000,604000\nB,8.2,46.8\n")
    assert "SET THIS" in text
    assert "longitude" not in ds


@pytest.mark.parametrize(
    ("y", "x", "at"),
    [
        ("46.8N", "108.2W", (-108.2, 46.8)),
        ("S46.8", "E8.2", (8.2, -46.8)),
        ("46 48 0", "8 12 0", (8.2, 46.8)),
        ("-46 48", "-8 12.0", (-8.2, -46.8)),
        ("\u201346.8", "\u22128.2", (-8.2, -46.8)),
        ("46.8°", "8.2°", (8.2, 46.8)),
    ],
)
def test_degrees_are_read_as_they_are_written(tmp_path, y, x, at):
    sites = f"site,lat,lon\nA,{y},{x}\nB,{y},{x}1\n"
    ds, _ = read_files(tmp_path, STUDY, d__csv=HISTORIES, s__csv=sites.replace(f"{x}1", x))
    np.testing.assert_allclose([ds["longitude"][0], ds["latitude"][0]], at)


def test_letters_of_the_other_axis_tell_swapped_columns(tmp_path):
    sites = "site,lat,lon\nA,8.2E,46.8N\nB,8.4E,46.9N\n"
    _, problems = read_files(tmp_path, STUDY, d__csv=HISTORIES, s__csv=sites)
    found = [p for p in problems if p.code == "E024"]
    assert [p.column for p in found] == ["lon", "lat"]
    assert '"46.8N" is a latitude, and the column is read as longitude' in found[0].fact


def test_a_letter_that_can_be_east_or_west_is_refused(tmp_path):
    sites = "site,lat,lon\nA,46.8N,8.2O\nB,46.9N,8.4O\n"
    _, problems = read_files(tmp_path, STUDY, d__csv=HISTORIES, s__csv=sites)
    assert {p.code for p in problems if p.level == "error"} == {"E046"}


def test_names_that_need_backquotes_stand_in_a_first_formula(tmp_path):
    sites = "site,Elevation (m),place\nA,100,Hut\nB,200,Rock\nC,300,Tree\n"
    histories = HISTORIES + "C,0,1\n"
    put(tmp_path, "", {"d.csv": histories, "s.csv": sites})
    text = guess([tmp_path / "d.csv", tmp_path / "s.csv"], folder=tmp_path)
    assert 'psi = "scale(`Elevation (m)`)"' in text  # and no name of a place
