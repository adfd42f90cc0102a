"""Covariates from map layers, against areas and distances that can be worked out by hand."""

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import Geod, Transformer

from surveys import read
from surveys.ledger import Ledger
from surveys.places import areas_within, majority_within, metres_to_nearest, value_at
from surveys.problems import SurveyError, render

EAST, NORTH = 4_100_000, 2_750_000  # of EPSG:3035
TO_DEGREES = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True)
GEOD = Geod(ellps="WGS84")


def at(*places):
    """Degrees of places, told in metres east and north of a corner."""
    east, north = np.array(places, float).T
    return TO_DEGREES.transform(EAST + east, NORTH + north)


def layer(*parts, crs="EPSG:3035"):
    """Boxes (west, south, east, north) in metres, each with its class."""
    shapes = [shapely.box(EAST + w, NORTH + s, EAST + e, NORTH + n) for (w, s, e, n), _ in parts]
    told = [c for _, c in parts]
    made = geopandas.GeoDataFrame({"class": told}, geometry=shapes, crs="EPSG:3035")
    return made if crs == "EPSG:3035" else made.to_crs(crs)


HALVES = (((-5000, -5000, 0, 5000), "oak"), ((0, -5000, 5000, 5000), "fir"))


# --- arithmetic ------------------------------------------------------------------------------


@pytest.mark.parametrize("away", [0.0, 120.0, -300.0])
def test_share__of_a_half_plane_is_the_segment_of_the_circle(away):
    table = areas_within(layer(*HALVES), "class", *at((away, 0)), 500)
    share = dict(zip(table["value"], table["share"], strict=True))
    r = 500.0
    west = (r**2 * np.arccos(away / r) - away * np.sqrt(r**2 - away**2)) / (np.pi * r**2)
    assert share["oak"] == pytest.approx(west, abs=2e-4)
    assert share["fir"] == pytest.approx(1 - west, abs=2e-4)


def test_share__of_a_polygon_inside_the_circle_is_its_area():
    wood = layer(((-100, -50, 100, 50), "oak"), crs="EPSG:4326")
    table = areas_within(wood, "class", *at((0, 0)), 500)
    assert table["share"].tolist() == pytest.approx([200 * 100 / (np.pi * 500**2)], rel=1e-4)


def test_share__polygons_of_one_class_that_overlap_count_once():
    twice = layer(*HALVES, ((-5000, -5000, 0, 5000), "oak"), ((-100, -9, -50, 9), "oak"))
    table = areas_within(twice, "class", *at((0, 0)), 500)
    assert table.set_index("value")["share"].loc["oak"] == pytest.approx(0.5, abs=2e-4)


def test_majority__is_the_largest_class_and_none_where_nothing_lies():
    found = majority_within(layer(*HALVES), "class", *at((-10, 0), (10, 0), (9000, 0)), 500)
    assert found.tolist() == ["oak", "fir", None]
    tie = layer(((-5000, -5000, 0, 5000), "b10"), ((0, -5000, 5000, 5000), "b9"))
    tie["geometry"] = [tie.geometry[0], tie.geometry[0]]
    assert majority_within(tie, "class", *at((-1000, 0)), 100).tolist() == ["b9"]


def test_value__on_a_border_the_first_polygon_counts():
    halves = layer(*HALVES)
    assert value_at(halves, "class", *at((-1, 0), (1, 0), (9000, 0))).tolist() == [
        "oak",
        "fir",
        None,
    ]
    both = layer(*HALVES, ((-10, -10, 10, 10), "pond"))
    assert value_at(both, "class", *at((5, 5))).tolist() == ["fir"]


def test_distance__along_the_ground_to_border_line_and_point():
    halves = layer(((-5000, -5000, 0, 5000), "oak"))
    lon, lat = at((-100, 0), (2000, 0), (3000, 9000))
    edge = TO_DEGREES.transform([EAST, EAST], [NORTH, NORTH + 5000])
    truth = [0, GEOD.inv(lon[1], lat[1], edge[0][0], edge[1][0])[2]]
    truth.append(GEOD.inv(lon[2], lat[2], edge[0][1], edge[1][1])[2])
    assert metres_to_nearest(halves, lon, lat) == pytest.approx(truth, rel=1e-5)
    line = geopandas.GeoDataFrame(
        geometry=[shapely.LineString([(EAST, NORTH - 5000), (EAST, NORTH + 5000)])], crs="EPSG:3035"
    )
    assert metres_to_nearest(line, lon[1:2], lat[1:2]) == pytest.approx(truth[1:2], rel=1e-5)


def test_distance__nearest_on_the_ground_and_not_on_the_map():
    """Far north a map of the whole world stretches east and squeezes north."""
    there = geopandas.points_from_xy([10.0, 11.0, -60.0], [70.0, 69.6, -30.0], crs="EPSG:4326")
    huts = geopandas.GeoDataFrame(geometry=there)
    north = GEOD.inv(10.2, 69.7, 11.0, 69.6)[2]
    assert metres_to_nearest(huts, [10.2], [69.7]) == pytest.approx([north], rel=1e-9)
    # with a place on every side of the earth the map is one of the whole world
    assert metres_to_nearest(huts, [10.2, -150.0], [69.7, -60.0])[0] == pytest.approx(north)


def test_distance__across_the_date_line():
    there = geopandas.points_from_xy([-179.0, 150.0, 10.0], [-17.0, -17.0, 50.0], crs="EPSG:4326")
    found = metres_to_nearest(geopandas.GeoDataFrame(geometry=there), [179.0], [-17.0])
    assert found == pytest.approx([GEOD.inv(179.0, -17.0, -179.0, -17.0)[2]], rel=1e-9)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_distance__equals_a_search_over_all_points(seed):
    random = np.random.default_rng(seed)
    points = shapely.points(random.uniform([-20, 35], [40, 70], size=(300, 2)))
    where = geopandas.GeoDataFrame(geometry=points, crs="EPSG:4326")
    lon, lat = random.uniform([-20, 35], [40, 70], size=(10, 2)).T
    xy = shapely.get_coordinates(points)
    truth = [
        GEOD.inv(np.full(300, a), np.full(300, b), xy[:, 0], xy[:, 1])[2].min()
        for a, b in zip(lon, lat, strict=True)
    ]
    assert metres_to_nearest(where, lon, lat) == pytest.approx(truth, rel=1e-9)


def test_places_without_coordinates_have_no_value():
    halves = layer(*HALVES)
    lon, lat = np.array([np.nan]), np.array([np.nan])
    assert np.isnan(metres_to_nearest(halves, lon, lat)).all()
    assert value_at(halves, "class", lon, lat).tolist() == [None]
    assert majority_within(halves, "class", lon, lat, 10).tolist() == [None]


# --- in a study ------------------------------------------------------------------------------

TOML = """schema = 1
[files.detections]
path = "detections.csv"
[files.sites]
path = "sites.csv"
"""
PLACES = {"A": (-1000, 0), "B": (100, 0), "C": (9000, 0)}


@pytest.fixture
def study(tmp_path):
    """Read a study of three sites beside halves.gpkg: (Dataset or None, problems)."""

    def run(more, made=None):
        made = layer(*HALVES) if made is None else made
        (tmp_path / "halves.gpkg").unlink(missing_ok=True)
        pyogrio.write_dataframe(made, tmp_path / "halves.gpkg")
        rows = [
            f"{s},{x:.8f},{y:.8f}" for s, x, y in zip(PLACES, *at(*PLACES.values()), strict=True)
        ]
        (tmp_path / "sites.csv").write_text("site,lon,lat\n" + "\n".join(rows) + "\n")
        (tmp_path / "detections.csv").write_text("site,v1,v2\nA,0,1\nB,0,0\nC,1,0\n")
        (tmp_path / "study.toml").write_text(TOML + more)
        try:
            ds = read(tmp_path)
        except SurveyError as error:
            return None, list(error.problems)
        return ds, Ledger.from_json(ds.attrs["ledger"]).problems

    return run


def one(problems, code):
    found = [p for p in problems if p.code == code]
    assert len(found) == 1, render(problems)
    return found[0]


def test_study__value_majority_share_and_distance(study):
    ds, problems = study(
        '[covariates.wood]\npolygons = "halves.gpkg"\ncolumn = "class"\n'
        '[covariates.most]\npolygons = "halves.gpkg"\ncolumn = "class"\nstat = "majority"\n'
        "buffer_m = 500\n"
        '[covariates.oak]\npolygons = "halves.gpkg"\ncolumn = "class"\nstat = "share"\n'
        'class = "oak"\nbuffer_m = 500\n'
        '[covariates.all]\npolygons = "halves.gpkg"\ncolumn = "class"\nstat = "share"\n'
        'class = ["oak", "fir"]\nbuffer_m = 500\n'
        '[covariates.to_fir]\npolygons = "halves.gpkg"\ncolumn = "class"\nstat = "distance"\n'
        'class = "fir"\n'
        '[covariates.to_any]\npolygons = "halves.gpkg"\nstat = "distance"\n'
    )
    assert ds["wood"].values.tolist() == ["oak", "fir", ""]
    assert ds["most"].values.tolist() == ["oak", "fir", ""]
    r, d = 500.0, 100.0
    segment = (r**2 * np.arccos(d / r) - d * np.sqrt(r**2 - d**2)) / (np.pi * r**2)
    assert ds["oak"].values == pytest.approx([1, segment, 0], abs=3e-4)
    assert ds["all"].values == pytest.approx([1, 1, 0], abs=3e-4)
    assert ds["to_fir"].values == pytest.approx([1000, 0, 4000], rel=5e-3)
    assert ds["to_any"].values == pytest.approx([0, 0, 4000], rel=5e-3)
    assert ds["to_fir"].attrs["units"] == "m"
    assert ds["oak"].attrs["source"] == "share of oak in halves.gpkg within 500 m"
    told = [p.fact for p in problems if p.code == "W342"]
    assert (
        told[0]
        == 'halves.gpkg: no polygon holds site "C" (sites.csv row 4): wood is missing at 1 site'
    )


def test_study__numbers_of_polygons_are_numbers_and_codes_may_be_factors(study):
    made = layer(((-5000, -5000, 0, 5000), 3), ((0, -5000, 5000, 5000), 7))
    toml = '[covariates.wood]\npolygons = "halves.gpkg"\ncolumn = "class"\n'
    ds, _ = study(toml, made)
    assert ds["wood"].values == pytest.approx([3, 7, np.nan], nan_ok=True)
    ds, _ = study(toml + 'type = "factor"\n', made)
    assert ds["wood"].values.tolist() == ["3", "7", ""]
    share = toml + 'stat = "share"\nclass = 7\nbuffer_m = 50\n'
    ds, _ = study(share, made)
    assert ds["wood"].values == pytest.approx([0, 1, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("toml", "code", "told", "cure"),
    [
        ('column = "clas"', "E015", 'Did you mean "class"?', "[covariates.wood] column"),
        (
            'column = "class"\nstat = "share"\nclass = "ok"\nbuffer_m = 5',
            "E347",
            'Did you mean "oak"?',
            "class",
        ),
        ('stat = "mean"\nbuffer_m = 5', "E345", "no statistic of layers", '"value"'),
        ('stat = "distance"\nbuffer_m = 5', "E345", "so buffer_m has no effect", "remove buffer_m"),
        ('stat = "majority"', "E345", "buffer_m is not given", "buffer_m = 500"),
        ('stat = "majority"\nbuffer_m = 0', "E345", "buffer_m is 0", "buffer_m = 500"),
        ("band = 1", "E408", "band has no effect on a layer", "remove it"),
        ('layer = "x"', "E304", 'has no layer "x"', ""),
    ],
)
def test_study__what_is_asked_wrongly_is_told_with_the_cure(study, toml, code, told, cure):
    _, problems = study(f'[covariates.wood]\npolygons = "halves.gpkg"\n{toml}\n')
    problem = one(problems, code)
    assert told in problem.fact
    assert cure in problem.cure


def test_study__areas_of_points_are_refused(study):
    made = layer(*HALVES)
    made["geometry"] = made.geometry.centroid
    toml = '[covariates.wood]\npolygons = "halves.gpkg"\ncolumn = "class"\n'
    _, problems = study(toml, made)
    problem = one(problems, "E311")
    assert problem.fact == "halves.gpkg holds Point, no polygons"
    assert 'stat = "distance"' in problem.cure


def test_study__polygons_count_from_the_folder_of_the_source(study, tmp_path):
    toml = '[covariates.wood]\npolygons = "halves.gpkg"\ncolumn = "class"\n'
    study(toml)
    (tmp_path / "data").mkdir()
    for name in ("halves.gpkg", "sites.csv", "detections.csv"):
        (tmp_path / name).rename(tmp_path / "data" / name)
    (tmp_path / "study.toml").write_text(TOML + '[source]\npath = "data"\n' + toml)
    assert read(tmp_path)["wood"].values.tolist() == ["oak", "fir", ""]
