"""Which regions touch, from polygons and from lists, and what the Dataset keeps of it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from shapely.affinity import translate
from shapely.geometry import Polygon, box

import surveys
from surveys import places
from surveys.problems import SurveyError

KM = 1000.0


def layer(shapes: dict, crs="EPSG:3035") -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"region": list(shapes)}, geometry=list(shapes.values()), crs=crs)


def square(column: float, row: float, width: float = 1.0) -> Polygon:
    east, north = 4_000_000 + 10 * KM * column, 3_000_000 + 10 * KM * row
    return box(east, north, east + 10 * KM * width, north + 10 * KM * width)


def pairs(table) -> list[tuple[str, str]]:
    return list(zip(table["region_a"], table["region_b"], strict=True))


BOARD = {f"{c}{r}": square(i, j) for i, c in enumerate("abc") for j, r in enumerate("12")}


def test_neighbours__corners_count_unless_told_otherwise():
    queen = pairs(places.neighbours(layer(BOARD)))
    rook = pairs(places.neighbours(layer(BOARD), corners=False))
    sides = {("a1", "a2"), ("b1", "b2"), ("c1", "c2"), ("a1", "b1"), ("a2", "b2"), ("b1", "c1")}
    sides |= {("b2", "c2")}
    assert set(rook) == sides
    assert set(queen) - sides == {("a1", "b2"), ("a2", "b1"), ("b1", "c2"), ("b2", "c1")}


@pytest.mark.parametrize("gap", [9.0, -9.0, 0.0])
def test_neighbours__gaps_and_overlaps_of_borders_drawn_twice_are_forgiven(gap):
    """Squares of 10 km whose borders miss each other by 9 m; the tolerance is 10 m."""
    apart = layer({"a": square(0, 0), "b": translate(square(1, 0), gap), "c": square(3, 0)})
    for corners in (True, False):
        table = places.neighbours(apart, corners=corners)
        assert pairs(table) == [("a", "b")]
        assert table["border_km"][0] == pytest.approx(10, rel=0.01)
    assert pairs(places.neighbours(apart, tolerance=25 * KM)) == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    strict = places.neighbours(apart, tolerance=0)
    assert pairs(strict) == ([] if gap > 0 else [("a", "b")])


def test_neighbours__in_degrees_with_a_hole_and_one_region_alone():
    ring = square(0, 0, 3).difference(square(1, 1))
    table = layer({"ring": ring, "lake": square(1, 1), "isle": square(9, 9)}).to_crs("EPSG:4326")
    assert pairs(places.neighbours(table)) == [("ring", "lake")]
    assert places.neighbours(layer({"one": square(0, 0)})).empty


def test_neighbours__a_strange_tolerance_is_refused():
    with pytest.raises(SurveyError, match="tolerance of a border is -1"):
        places.neighbours(layer(BOARD), tolerance=-1)


def test_attach__a_layer_is_kept_as_labels_with_regions_that_have_no_sites(tmp_path):
    data = surveys.from_arrays([[1, 0], [0, 0]], region=["b1", "isle"])
    shapes = BOARD | {"isle": square(9, 9)}
    layer(shapes).to_file(tmp_path / "regions.gpkg")
    told = surveys.attach_neighbours(data, tmp_path / "regions.gpkg", corners=False)
    assert told["layer_region"].values.tolist() == ["a1", "a2", "b1", "b2", "c1", "c2", "isle"]
    assert told["neighbours"].dims == ("border", "end")
    assert told["neighbours"].shape == (7, 2)
    surveys.save(told, tmp_path / "s.nc")
    assert surveys.open(tmp_path / "s.nc").identical(told)
    again = surveys.attach_neighbours(told, {"b1": ["isle"]})
    assert again["neighbours"].values.tolist() == [["b1", "isle"]]


def test_attach__pairs_and_mappings_agree_and_duplicates_go():
    data = surveys.from_arrays([[1, 0], [0, 0]], region=["2", "10"])
    one = surveys.attach_neighbours(data, [("2", "3"), ("3", "2"), (10, 3)])
    other = surveys.attach_neighbours(data, {"2": ["3"], "3": ["2", "10"], "10": ["3"]})
    assert one.identical(other)
    assert one["layer_region"].values.tolist() == ["2", "3", "10"]
    assert one["neighbours"].values.tolist() == [["2", "3"], ["3", "10"]]
    alone = surveys.from_arrays([[1, 0], [0, 0]], region=["2", "10"], neighbours=[])
    assert alone["neighbours"].shape == (0, 2)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([("a", "a")], "a is given as its own neighbour"),
        ([("a", "b", "c")], "holds no pairs"),
        (["ab"], "holds no pairs"),
        ({"a": "b"}, "holds no pairs"),
        (7, "holds no pairs"),
        ([("a", "")], "blank"),
    ],
)
def test_attach__what_is_no_graph_is_refused(given, told):
    data = surveys.from_arrays([[1, 0]], region=["a"])
    with pytest.raises(SurveyError, match=told):
        surveys.attach_neighbours(data, given)


def test_validate__a_broken_graph_is_refused():
    data = surveys.from_arrays([[1, 0]], region=["a"], neighbours=[("a", "b")])
    for change, told in (
        ({"neighbours": (("border", "end"), np.array([["a", "z"]]))}, "z, which is not among"),
        ({"neighbours": (("border", "end"), np.array([["a", "a"]]))}, "a is its own neighbour"),
        ({"layer_region": ("polygon", np.array(["a", "a"]))}, "not unique"),
        ({"neighbours": (("border", "end"), np.array([[1, 2]]))}, "must be text"),
    ):
        with pytest.raises(SurveyError, match=told):
            surveys.validate(data.drop_vars(list(change)).assign(change))
    with pytest.raises(SurveyError, match="no layer_region"):
        surveys.validate(data.drop_vars("layer_region"))
