"""Claims about CRS, regions, cells and countries."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import box

import surveys
from surveys import places
from surveys.ledger import Ledger
from surveys.problems import SurveyError


def at(points, **more):
    return surveys.from_arrays(np.zeros((len(points), 2)), coordinates=points, **more)


# --- CRS ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [
        ([8.2], [46.8], 3035),
        ([-100, -80], [40, 35], 5070),
        ([135], [-25], 3577),
        ([-170, 100, 0], [0, 60, -50], 6933),
    ],
)
def test_equal_area_crs__is_the_one_of_the_agencies_there(lon, lat, epsg):
    crs = places.equal_area_crs(lon, lat)
    assert crs.to_epsg() == epsg
    assert places.is_equal_area(crs)


def test_equal_area_crs__elsewhere_is_centred_on_the_sites_across_the_date_line_too():
    crs = places.equal_area_crs([179.0, -179.0], [-17.0, -18.0])
    assert crs.name == "Lambert azimuthal equal area, centred on 180, -17.5"
    assert places.is_equal_area(crs)
    assert not places.is_equal_area("EPSG:2056")  # conformal
    assert not places.is_equal_area("EPSG:4326")


def test_coordinates__projected_ones_get_degrees_too():
    # Bern, the origin of the Swiss grid: 7.438632 E, 46.951083 N (swisstopo, LV95 / WGS 84)
    ds = at([[2_600_000, 1_200_000], [2_600_000, 1_201_000]], crs="EPSG:2056")
    assert ds["longitude"].values[0] == pytest.approx(7.438632, abs=1e-5)
    assert ds["latitude"].values[0] == pytest.approx(46.951083, abs=1e-5)
    step = np.hypot(np.diff(ds["easting"]), np.diff(ds["northing"]))
    assert step == pytest.approx([1000], rel=0.01)  # equal-area bends lengths a little


def test_coordinates__an_equal_area_crs_of_the_user_is_kept():
    ds = at([[4_321_000, 3_210_000]], crs="EPSG:3035")
    assert ds["easting"].values.tolist() == [4_321_000]
    assert ds["longitude"].values[0] == pytest.approx(10, abs=1e-6)


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ([[526_000, 604_000]], "E026"),
        ([[8.2, 468.12], [8.2, 46.8]], "E025"),
        ([[0, 0], [8, 46]], "E028"),
    ],
)
def test_coordinates__impossible_ones_are_refused(points, code):
    with pytest.raises(SurveyError) as caught:
        at(points)
    assert caught.value.codes == (code,)


def test_coordinates__go_by_name_and_not_by_place():
    ds = surveys.from_arrays([[1, 0]], coordinates={"Lat": [46.8], "lon": [8.2]})
    assert (ds["longitude"].item(), ds["latitude"].item()) == (8.2, 46.8)
    with pytest.raises(SurveyError, match="is not a coordinate reference system"):
        at([[8, 46]], crs="swiss")


def test_site_points__missing_coordinates_give_no_point():
    points = places.site_points(at([[8.2, 46.8], [np.nan, np.nan]], region=["n", "s"]))
    assert points.crs.to_epsg() == 3035
    assert points.geometry.isna().tolist() == [False, True]
    assert points["region"].tolist() == ["n", "s"]


def test_near_pairs__finds_one_place_under_two_names():
    # two deployments 2 m apart, from the Camtrap DP example package
    ds = at([[-2.957701, 39.830639], [-2.957695, 39.830652], [-2.9, 39.8]])
    ((one, other, metres),) = places.near_pairs(ds)
    assert (one, other) == ("1", "2")
    assert metres == pytest.approx(1.5, abs=0.3)


# --- regions --------------------------------------------------------------------------------


def layer(tmp_path, shapes, names, name="regions.gpkg", crs="EPSG:4326", column="name"):
    path = tmp_path / name
    gpd.GeoDataFrame({column: names}, geometry=shapes, crs=crs).to_file(path)
    return path


@pytest.mark.parametrize("file", ["regions.gpkg", "regions.geojson", "regions.shp"])
def test_read_regions__every_format_gives_the_same(tmp_path, file):
    path = layer(tmp_path, [box(1, 0, 2, 1), box(0, 0, 1, 1)], ["R10", "R2"], file)
    regions = places.read_regions(path)
    assert list(regions.columns) == ["region", "geometry"]
    assert regions["region"].tolist() == ["R2", "R10"]
    assert regions.crs.to_epsg() == 4326
    assert shapely.area(regions.geometry.to_numpy()).tolist() == [1, 1]


def test_read_regions__shapefile_without_prj_is_refused_with_the_cure(tmp_path):
    path = layer(tmp_path, [box(0, 0, 1, 1)], ["A"], "forest.shp", "EPSG:3035")
    path.with_suffix(".prj").unlink()
    with pytest.raises(SurveyError, match=r"forest\.shp has no \.prj file") as caught:
        places.read_regions(path)
    assert caught.value.codes == ("E030",)
    assert places.read_regions(path, crs="EPSG:3035").crs.to_epsg() == 3035


def test_read_regions__parts_of_one_name_are_joined_and_overlaps_told(tmp_path):
    shapes = [box(0, 0, 1, 1), box(5, 0, 6, 1), box(0.5, 0, 2, 1)]
    ledger = Ledger()
    regions = places.read_regions(layer(tmp_path, shapes, ["A", "A", "B"]), ledger=ledger)
    assert regions["region"].tolist() == ["A", "B"]
    assert regions.geometry.iloc[0].area == pytest.approx(2)
    assert [p.code for p in ledger.problems] == ["N312", "W316"]
    assert "33.3 % of the smaller" in ledger.problems[1].fact


def test_read_regions__polygons_that_cross_themselves_are_mended(tmp_path):
    bow_tie = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    ledger = Ledger()
    regions = places.read_regions(layer(tmp_path, [bow_tie], ["A"]), ledger=ledger)
    assert regions.geometry.is_valid.all()
    assert shapely.area(regions.geometry.to_numpy()).sum() == pytest.approx(2)
    assert [p.code for p in ledger.problems] == ["R314"]


def test_read_regions__column_of_the_name_is_found_or_asked_for(tmp_path):
    path = layer(tmp_path, [box(0, 0, 1, 1)], ["A"], column="KANTON")
    assert places.read_regions(path)["region"].tolist() == ["A"]
    with pytest.raises(SurveyError, match='Did you mean "KANTON"'):
        places.read_regions(path, name="Kantone")


@pytest.mark.parametrize(
    "path",
    [
        "https://example.org/regions.gpkg",
        "/vsicurl/http://example.org/a.shp",
        "/vsizip/a.zip/b.shp",
        "GPKG:a.gpkg:layer",
        "<OGRVRTDataSource></OGRVRTDataSource>",
    ],
)
def test_read_layer__addresses_and_virtual_paths_are_refused(path):
    with pytest.raises(SurveyError) as caught:
        places.read_layer(path)
    assert caught.value.codes == ("E301",)


def test_read_layer__a_virtual_layer_under_another_name_is_refused(tmp_path):
    for name in ("a.gpkg", "a.shp", "a.geojson", "a.vrt"):
        path = tmp_path / name
        path.write_text("<OGRVRTDataSource><SrcDataSource>/vsicurl/http://x</SrcDataSource>")
        with pytest.raises(SurveyError, match="is not a GeoPackage"):
            places.read_layer(path)


def test_safe_path__must_lie_within_the_folder_after_links_are_followed(tmp_path):
    (tmp_path / "study").mkdir()
    outside = tmp_path / "secret.gpkg"
    outside.write_bytes(b"x")
    link = tmp_path / "study" / "link.gpkg"
    link.symlink_to(outside)
    for path in (link, tmp_path / "study" / ".." / "secret.gpkg"):
        with pytest.raises(SurveyError, match="lies outside"):
            places.safe_path(path, within=tmp_path / "study")


def test_read_layer__damaged_geojson_is_told_plainly(tmp_path):
    path = tmp_path / "a.geojson"
    for text in ("{", '{"type": "FeatureCollection", "features": [{"geometry": 3}]}', '{"a": 1}'):
        path.write_text(text)
        with pytest.raises(SurveyError):
            places.read_layer(path)


def test_assign_regions__sites_get_the_polygon_they_lie_in(tmp_path):
    shapes = [box(8, 46, 9, 47), box(7, 46, 8, 47)]
    regions = places.read_regions(layer(tmp_path, shapes, ["east", "west"]))
    ds = at([[8.5, 46.5], [7.5, 46.5], [8.0, 46.5], [20, 46.5], [np.nan, np.nan]])
    for order in (regions, regions.iloc[::-1], regions.to_crs("EPSG:4258")):
        out = places.assign_regions(ds, order)
        # a site on the border belongs to the first region by name
        assert out["region"].values.tolist() == ["east", "west", "east", "", ""]
    (note,) = Ledger.from_json(out.attrs["ledger"]).of_level("note")
    assert note.fact == "2 of 5 sites lie outside every region: 4, 5"
    away = places.assign_regions(at([[46.5, 8.5], [46.5, 7.5]]), regions)
    (warning,) = Ledger.from_json(away.attrs["ledger"]).of_level("warn")
    assert (warning.code, warning.fact[:4]) == ("W317", "none")
    assert "region" not in ds
    surveys.validate(out)


# --- cells ------------------------------------------------------------------------------------


def test_hexagons__tile_the_land_without_gap_or_overlap():
    land = box(0, 0, 10_000, 8_000).difference(box(2000, 2000, 3000, 3000))
    cells = places.hexagons(land, 900)
    assert cells["area_km2"].sum() == pytest.approx(land.area / 1e6, rel=1e-9)
    assert cells["area_km2"].max() == pytest.approx(np.sqrt(3) / 2 * 0.81, rel=1e-12)
    assert cells.geometry.union_all().area == pytest.approx(land.area, rel=1e-9)
    assert cells["cell"].tolist() == list(range(1, len(cells) + 1))


def test_hexagons__a_layer_in_degrees_is_projected_and_areas_are_true():
    # 1 x 1 degree at the equator is 12308.8 km2 on the WGS 84 ellipsoid
    square = gpd.GeoSeries([box(20, 0, 21, 1)], crs="EPSG:4326").segmentize(0.05)
    cells = places.hexagons(square, 20_000)
    assert places.is_equal_area(cells.crs)
    assert cells["area_km2"].sum() == pytest.approx(12308.8, rel=1e-4)


@pytest.mark.parametrize(("width", "code"), [(0, "E320"), (0.1, "E322")])
def test_hexagons__impossible_widths_are_refused(width, code):
    with pytest.raises(SurveyError) as caught:
        places.hexagons(box(0, 0, 1e6, 1e6), width)
    assert caught.value.codes == (code,)


def write(path, frame):
    frame.to_csv(path, index=False)
    return path


def test_read_surface__centres_in_rows_become_squares(tmp_path):
    x, y = (a.ravel() for a in np.meshgrid(np.arange(5) * 500 + 4e6, np.arange(4) * 500 + 3e6))
    table = pd.DataFrame({"easting": x, "northing": y, "elev": x - 4e6, "habitat": "oak"})
    path = write(tmp_path / "s.csv", table.drop(index=[3, 7]))
    cells = places.read_surface(path, crs="EPSG:3035")
    assert list(cells.columns) == ["elev", "habitat", "area_km2", "geometry"]
    assert cells["area_km2"].tolist() == pytest.approx([0.25] * 18)
    assert cells["elev"].dtype == np.float64
    assert cells.geometry.iloc[0].bounds == pytest.approx(
        (4e6 - 250, 3e6 - 250, 4e6 + 250, 3e6 + 250)
    )


@pytest.mark.parametrize("decimals", [0, 3])
def test_read_surface__centres_in_offset_rows_become_hexagons(tmp_path, decimals):
    grid = places.hexagons(box(4e6, 3e6, 4.02e6, 3.02e6), 1000).round(
        {"easting": decimals, "northing": decimals}
    )
    path = write(tmp_path / "s.csv", grid[["easting", "northing", "cell"]])
    cells = places.read_surface(path, crs="EPSG:3035")
    assert len(cells) == len(grid)
    assert cells["area_km2"].to_numpy() == pytest.approx(np.sqrt(3) / 2, rel=0.005)
    # neighbours touch and do not overlap, but for what the rounding of centres costs
    assert cells.geometry.union_all().area == pytest.approx(cells.geometry.area.sum(), rel=0.002)


def test_read_surface__hexagons_told_in_degrees_are_found_by_their_neighbours(tmp_path):
    grid = places.hexagons(
        gpd.GeoSeries([box(2.6e6, 1.2e6, 2.63e6, 1.23e6)], crs="EPSG:2056"), 2000
    )
    points = gpd.GeoSeries(gpd.points_from_xy(grid.easting, grid.northing), crs=grid.crs)
    swiss = points.to_crs("EPSG:4326")
    table = pd.DataFrame({"lon": swiss.x.round(6), "lat": swiss.y.round(6), "forest": 1.0})
    cells = places.read_surface(write(tmp_path / "s.csv", table))
    assert cells["area_km2"].to_numpy() == pytest.approx(np.sqrt(3) / 2 * 4, rel=0.01)
    assert cells.geometry.union_all().area == pytest.approx(cells.geometry.area.sum(), rel=0.01)


def test_read_surface__lattice_of_degrees_becomes_squares_of_degrees(tmp_path):
    lon, lat = (a.ravel() for a in np.meshgrid(np.arange(4) / 10 + 8, np.arange(3) / 10 + 46))
    table = pd.DataFrame({"longitude": lon, "latitude": lat, "region": ["n"] * 12, "e": lat})
    cells = places.read_surface(write(tmp_path / "s.csv", table))
    assert cells["region"].tolist() == ["n"] * 12
    back = cells.to_crs("EPSG:4326").geometry.iloc[0].bounds
    assert back == pytest.approx((7.95, 45.95, 8.05, 46.05), abs=1e-3)


def test_read_surface__semicolons_decimal_commas_and_renamed_columns(tmp_path):
    path = tmp_path / "s.csv"
    rows = [f"{x};{y};{x / 1000:.1f}".replace(".", ",") for x in (0, 100, 200) for y in (0, 100)]
    path.write_text("X;Y;FOR\n" + "\n".join(rows) + "\n", encoding="utf-8-sig")
    cells = places.read_surface(path, crs="EPSG:3035", columns={"forest": "FOR"})
    assert cells["forest"].tolist() == [0, 0, 0.1, 0.1, 0.2, 0.2]
    with pytest.raises(SurveyError, match='Did you mean "FOR"'):
        places.read_surface(path, crs="EPSG:3035", columns={"forest": "FORR"})


def test_read_surface__polygons_are_the_cells(tmp_path):
    path = tmp_path / "cells.gpkg"
    frame = {"elev": [1, 2], "soil": ["clay", None]}
    shapes = [box(4e6, 3e6, 4.001e6, 3.001e6), box(4.001e6, 3e6, 4.003e6, 3.001e6)]
    gpd.GeoDataFrame(frame, geometry=shapes, crs="EPSG:3035").to_file(path)
    cells = places.read_surface(path)
    assert cells["area_km2"].tolist() == pytest.approx([1, 2])
    assert cells["elev"].tolist() == [1.0, 2.0]
    assert cells["soil"].tolist() == ["clay", ""]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("easting,northing,e\n500000,600000,1\n500100,600000,1\n", "E026"),
        ("a,b\n1,2\n", "E226"),
        ("lon,lat\n8,46\n8,46\n", "E324"),
        ("lon,lat\n8,46\n8,\n", "E046"),
        ("lon,lat,e\n8,46\n", "E009"),
        ("lon,lat\n", "E006"),
        ("", "E005"),
    ],
)
def test_read_surface__bad_tables_are_refused_by_code(tmp_path, text, code):
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(SurveyError) as caught:
        places.read_surface(path)
    assert caught.value.codes == (code,)


def test_read_surface__centres_that_form_no_grid_are_refused(tmp_path):
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.uniform(0, 1e4, (30, 2)), columns=["easting", "northing"])
    with pytest.raises(SurveyError, match="form no grid"):
        places.read_surface(write(tmp_path / "s.csv", table), crs="EPSG:3035")


# --- countries --------------------------------------------------------------------------------


def test_country_of__tells_the_country_and_nothing_at_sea():
    assert places.country_of(8.2, 46.8) == "CH"
    assert places.country_of([-74.0, -40.0, np.nan], [4.6, 0.0, 1.0]).tolist() == ["CO", "", ""]
    assert places.country_of(179.5, -16.5) == "FJ"


def test_inside_country__coarse_borders_get_a_tolerance():
    assert places.inside_country(7.59, 47.56, "CH")  # Basel, on the border
    assert not places.inside_country(2.35, 48.86, "CH")
    assert places.inside_country([8.2, 46.8], [46.8, 8.2], "Switzerland").tolist() == [True, False]
    assert places.inside_country(103.8, 1.35, "SG")  # too small for the atlas: cannot be denied
    with pytest.raises(SurveyError, match="no country code"):
        places.inside_country(8, 46, "Swiss")


def test_country_problem__tells_swapped_columns_from_strays():
    swapped = places.country_problem([46.8, 46.95], [8.23, 8.39], "CH", file="sites.csv")
    assert (swapped.code, swapped.level) == ("E024", "error")
    assert "swapped all 2 lie in CH" in swapped.fact
    stray = places.country_problem([8.2, 46.95], [46.8, 8.5], "CH", sites=["A", "B"])
    assert (stray.code, stray.level) == ("W024", "warn")
    assert stray.fact.endswith("outside CH: B")
    assert places.country_problem([8.2], [46.8], "CH") is None


def test_countries_file__is_small_and_carries_its_licence():
    from importlib import resources

    folder = resources.files("surveys") / "data"
    text = (folder / "countries.geojson").read_text(encoding="utf-8")
    assert len(text.encode()) < 200_000
    assert len(json.loads(text)["features"]) == 177
    assert "Bostock" in (folder / "countries-LICENSE.txt").read_text(encoding="utf-8")
