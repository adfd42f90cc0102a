"""Places in one column, and UTM zones row by row."""

import json
import tomllib

import numpy as np
import pytest
from pyproj import Transformer
from spoilt_studies import put, read_files

from surveys import read
from surveys.guess import guess
from surveys.position_text import parse, utm_crs

HISTORIES = "site,y.1,y.2\nA,0,1\nB,1,0\n"
STUDY = """schema = 1
[files.detections]
path = "d.csv"
[files.sites]
path = "s.csv"
"""


def looked_at(folder, sites):
    put(folder, "", {"d.csv": HISTORIES, "s.csv": sites})
    text = guess([folder / "d.csv", folder / "s.csv"], folder=folder)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return text, read(folder)


def at(place):
    to_degrees = Transformer.from_crs(place.crs, "EPSG:4326", always_xy=True)
    return to_degrees.transform(place.x, place.y)


@pytest.mark.parametrize(
    ("text", "lon", "lat"),
    [
        ("46.81, 8.23", 8.23, 46.81),
        ("(46.81 8.23)", 8.23, 46.81),
        ("46,81; 8,23", 8.23, 46.81),
        ("POINT (8.23 46.81)", 8.23, 46.81),
        ("point z(8.23 46.81 500)", 8.23, 46.81),
        ("46°48'36\"N 8°13'48\"E", 8.23, 46.81),
        ("W 8 13 48, N 46 48 36", -8.23, 46.81),
        ("46°48'36\", 8°13'48\"", 8.23, 46.81),
        ("18S UJ 23480 06470", -77.03527, 38.88939),  # the monument of Washington
        ("33UXP0500444997", 16.41451, 48.24949),  # a church of Vienna
        ("56HLH3455", 151.2116, -33.8278),  # Sydney
    ],
)
def test_a_place_in_one_text(text, lon, lat):
    np.testing.assert_allclose(at(parse(text)), (lon, lat), atol=2e-5)


@pytest.mark.parametrize(
    ("text", "x", "y", "crs", "square"),
    [
        ("SK 123 456", 412350, 345650, "EPSG:27700", 100),
        ("SV00", 5000, 5000, "EPSG:27700", 10_000),
        ("HP6213", 462500, 1213500, "EPSG:27700", 1000),  # the north of Shetland
        ("SK12A", 411000, 321000, "EPSG:27700", 2000),
        ("SK12Z", 419000, 329000, "EPSG:27700", 2000),
        ("O 15 34", 315500, 234500, "EPSG:29903", 1000),
        ("32T 456789 5186543", 456789, 5186543, "EPSG:32632", 0),
        ("19 south 456789 5186543", 456789, 5186543, "EPSG:32719", 0),
        ("SRID=2056;POINT(2600000 1200000)", 2600000, 1200000, "EPSG:2056", 0),
        ("600100/200100", 600100, 200100, "", 0),
    ],
)
def test_squares_and_metres(text, x, y, crs, square):
    place = parse(text)
    assert (place.x, place.y, place.crs, place.square) == (x, y, crs, square)


@pytest.mark.parametrize(
    "text", ["46,812", "46,8", "46.8", "near the mill", "19S 456789 5186543", "SK 12 345", "A 1"]
)
def test_what_may_be_something_else_is_no_place(text):
    assert parse(text) is None


def test_zones_tell_their_half_of_the_earth():
    told = {z: utm_crs(z) for z in ("32T", "32 N", "33 south", "UTM 19H", "32", "19S", "61N")}
    assert told == {
        **{"32T": "EPSG:32632", "32 N": "EPSG:32632", "33 south": "EPSG:32733"},
        **{"UTM 19H": "EPSG:32719", "32": None, "19S": None, "61N": None},
    }


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("Coordinates", '"46.81, 8.23"', '"46.9, 8.4"'),
        ("lon_lat", '"8.23, 46.81"', '"8.4, 46.9"'),
        ("WKT", "POINT (8.23 46.81)", "POINT (8.4 46.9)"),
        ("where", "8.23E 46.81N", "8.4E 46.9N"),
    ],
)
def test_a_first_look_finds_the_column_of_places(tmp_path, name, one, other):
    text, ds = looked_at(tmp_path, f"site,{name},elev\nA,{one},5\nB,{other},6\n")
    assert f'position = "{name}"' in text
    np.testing.assert_allclose(ds["longitude"], [8.23, 8.4])
    np.testing.assert_allclose(ds["latitude"], [46.81, 46.9])
    assert {n for n in ds.data_vars if ds[n].attrs.get("role") == "covariate"} == {"elev"}
    told = [p for p in json.loads(ds.attrs["ledger"])["problems"] if p["code"] == "R028"]
    assert len(told) == 1
    assert told[0]["row"] == 2


def test_a_known_column_of_places_needs_no_key(tmp_path):
    sites = "site,Grid ref,elev\nA,SK 123 456,5\nB,SK 124 457,6\n"
    ds, problems = read_files(tmp_path, STUDY, d__csv=HISTORIES, s__csv=sites)
    np.testing.assert_allclose(ds["latitude"], [53.00802, 53.00892], atol=1e-5)
    assert "square (up to 100 m)" in next(p for p in problems if p.code == "R028").fact


def test_squares_by_letters_and_numbers_may_be_labels(tmp_path):
    text, ds = looked_at(tmp_path, "site,block,elev\nA,B12,5\nB,B34,6\n")
    assert "position" not in text
    assert ds["block"].values.tolist() == ["B12", "B34"]


def test_utm_zones_in_a_column(tmp_path):
    sites = "site,UTM zone,Easting,Northing\nA,32T,456789,5186543\nB,31T,700000,5186543\n"
    text, ds = looked_at(tmp_path, sites)
    assert 'zone = "UTM zone"' in text
    assert "SET THIS" not in text
    np.testing.assert_allclose(ds["longitude"], [8.433409, 5.621103], atol=1e-6)
    assert "UTM zone" not in ds


def test_a_zone_that_may_be_north_or_south_is_asked(tmp_path):
    study = STUDY + 'columns = { easting = "x", northing = "y", zone = "zone" }\n'
    sites = "site,zone,x,y\nA,19S,456789,4186543\nB,19S,456999,4186543\n"
    _, problems = read_files(tmp_path, study, d__csv=HISTORIES, s__csv=sites)
    (problem,) = [p for p in problems if p.code == "E026"]
    assert "rows 2-3, column zone" in problem.fact
    assert "32 south" in problem.cure


def test_several_zones_under_one_crs_are_told(tmp_path):
    study = STUDY + '[sites]\ncrs = "EPSG:32632"\n'
    sites = "site,zone,x,y\nA,32,456789,5186543\nB,31,700000,5186543\n"
    _, problems = read_files(tmp_path, study, d__csv=HISTORIES, s__csv=sites)
    assert "zones 31, 32" in next(p for p in problems if p.code == "W028").fact


@pytest.mark.parametrize(("key", "code"), [("", "W027"), ('position = "gps"', "E046")])
def test_a_cell_that_is_no_place_is_told_by_its_row(tmp_path, key, code):
    study = STUDY + f"columns = {{ {key} }}\n"
    sites = 'site,gps\nA,"46.8, 8.2"\nB,near the mill\nC,"46.9, 8.3"\n'
    histories = HISTORIES + "C,0,0\n"
    _, problems = read_files(tmp_path, study, d__csv=histories, s__csv=sites)
    (problem,) = [p for p in problems if p.code == code]
    assert 'row 3, column gps: "near the mill"' in problem.fact


def test_pairs_of_metres_ask_for_their_crs(tmp_path):
    sites = "site,coords\nA,2600100/1200100\nB,2600200/1200200\n"
    _, problems = read_files(tmp_path, STUDY, d__csv=HISTORIES, s__csv=sites)
    assert [p.code for p in problems if p.level == "error"] == ["E026"]
    study = STUDY + '[sites]\ncrs = "EPSG:2056"\n'
    ds, _ = read_files(tmp_path, study, d__csv=HISTORIES, s__csv=sites)
    np.testing.assert_allclose(ds["longitude"], [7.439946, 7.441260], atol=1e-6)


@pytest.mark.parametrize(
    ("columns", "cells", "roles"),
    [
        ("UTM_E,UTM_N,Zone", ["456789,5186543,32T", "457789,5186543,32T"], {"easting", "zone"}),
        ("Coords", ['"46.83103, 8.43341"', '"46.83109, 8.44652"'], {"position"}),
    ],
)
@pytest.mark.parametrize("wide", [True, False])
def test_places_in_the_table_of_detections(tmp_path, columns, cells, roles, wide):
    one, other = cells
    text = f"Site,{columns},V1,V2\nA,{one},0,1\nB,{other},1,0\n"
    if not wide:
        text = f"Site,{columns},Visit,Detected\nA,{one},1,0\nA,{one},2,1\nB,{other},1,1\n"
    (tmp_path / "d.csv").write_text(text)
    told = guess([tmp_path / "d.csv"], folder=tmp_path)
    (tmp_path / "study.toml").write_text(told)
    assert roles <= set(tomllib.loads(told)["files"]["detections"]["columns"])
    ds = read(tmp_path)
    np.testing.assert_allclose(ds["longitude"], [8.43341, 8.44652], atol=1e-5)
    assert not [n for n in ds.data_vars if ds[n].attrs.get("role") == "covariate"]


def test_metres_in_the_table_of_detections_are_asked_and_no_covariates(tmp_path):
    (tmp_path / "d.csv").write_text(
        "id,coordx,coordy,V1,V2\nA,922942,63276,0,1\nB,928942,79276,1,0\n"
    )
    told = guess([tmp_path / "d.csv"], folder=tmp_path)
    (tmp_path / "study.toml").write_text(told)
    assert "SET THIS" in told
    ds = read(tmp_path)
    assert not [n for n in ds.data_vars if ds[n].attrs.get("role") == "covariate"]


def test_a_second_table_of_sites_with_another_name_of_ids(tmp_path):
    files = {
        "d.csv": HISTORIES,
        "coords.csv": "site,lon,lat\nA,8.2,46.8\nB,8.3,46.9\n",
        "habitat.csv": "Site ID,canopy\nA,10\nB,20\n",
    }
    put(tmp_path, "", files)
    told = guess([tmp_path / n for n in files], folder=tmp_path)
    (tmp_path / "study.toml").write_text(told)
    np.testing.assert_array_equal(read(tmp_path)["canopy"], [10, 20])


def test_metres_that_no_zone_has_are_told(tmp_path):
    study = STUDY + 'columns = { easting = "x", northing = "y", zone = "zone" }\n'
    sites = "site,zone,x,y\nA,32T,456789,5186543\nB,32T,9999999999999,5186543\n"
    _, problems = read_files(tmp_path, study, d__csv=HISTORIES, s__csv=sites)
    (problem,) = [p for p in problems if p.level == "error"]
    assert (problem.code, problem.row) == ("E025", 3)
