"""Sites from map layers: joined by id, their attributes covariates, their faults told by row."""

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from surveys import read
from surveys.ledger import Ledger
from surveys.places import read_layer
from surveys.places.shapefile import encoding_of
from surveys.problems import SurveyError, render

TOML = """schema = 1
[files.detections]
path = "detections.csv"
[files.sites]
path = "{file}"
"""
SITES = ["S10", "S9", "S1"]
EAST, NORTH = [2_600_000.0, 2_610_000.0, 2_620_000.0], [1_200_000.0, 1_205_000.0, 1_210_000.0]


def points(**columns):
    given = {"site": SITES, "elevation": [510.5, 498.0, 1203.0], **columns}
    return geopandas.GeoDataFrame(
        given, geometry=geopandas.points_from_xy(EAST, NORTH), crs="EPSG:2056"
    )


def write(folder, frame, file):
    if file.endswith(".geojson"):
        frame = frame.to_crs("EPSG:4326")
    pyogrio.write_dataframe(frame, folder / file)


@pytest.fixture
def study(tmp_path):
    """Read the study of a layer: (Dataset or None, problems)."""

    def run(file, *, more="", layer=None, sites=SITES):
        if layer is not None:
            write(tmp_path, layer, file)
        rows = "".join(f"{site},{i % 2},0\n" for i, site in enumerate(sites))
        (tmp_path / "detections.csv").write_text("site,v1,v2\n" + rows)
        (tmp_path / "study.toml").write_text(TOML.format(file=file) + more)
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


@pytest.mark.parametrize("file", ["sites.gpkg", "sites.shp", "sites.geojson", "sites.fgb"])
def test_layer__every_format_gives_the_same_sites(study, file):
    ds, problems = study(file, layer=points(kind=["oak", "fir", None]))
    assert ds["site"].values.tolist() == ["S1", "S9", "S10"]
    assert ds["elevation"].values.tolist() == [1203.0, 498.0, 510.5]
    assert ds["kind"].values.tolist() == ["", "fir", "oak"]
    assert ds["longitude"].values == pytest.approx([7.7017, 7.5700, 7.4386], abs=1e-3)
    assert problems == []


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 2, 0]])
def test_layer__order_of_features_changes_nothing(study, order):
    straight, _ = study("sites.gpkg", layer=points())
    turned, _ = study("turned.gpkg", layer=points().iloc[order])
    for name in ("elevation", "longitude", "latitude", "detection"):
        np.testing.assert_array_equal(straight[name].values, turned[name].values)


def test_layer__its_equal_area_crs_is_kept_for_metres(study):
    ds, _ = study("sites.gpkg", layer=points().to_crs("EPSG:3035"))
    assert ds["spatial_ref"].attrs["crs_name"] == "ETRS89-extended / LAEA Europe"
    east = points().to_crs("EPSG:3035").geometry.x.to_numpy()
    assert ds["easting"].values == pytest.approx(east[::-1], abs=1e-6)


def test_layer__degrees_of_another_datum_are_degrees(study):
    _, problems = study("sites.gpkg", layer=points().to_crs("EPSG:4258"))
    assert problems == []


def test_layer__shape_holds_against_columns_of_coordinates(study):
    ds, _ = study("sites.gpkg", layer=points(longitude=[0.0, 0.0, 0.0], latitude=[9.0, 9.0, 9.0]))
    assert ds["latitude"].values.min() > 46
    assert ds["latitude"].dims == ("site",)


def test_layer__polygons_give_a_point_inside_and_their_area(study):
    u = shapely.Polygon([(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)])
    shapes = [shapely.affinity.translate(u, 4.1e6 + 10 * i, 2.7e6) for i in range(3)]
    shapes = [shapely.affinity.scale(s, 1000, 1000, origin=(4.1e6, 2.7e6)) for s in shapes]
    layer = geopandas.GeoDataFrame({"site": SITES}, geometry=shapes, crs="EPSG:3035")
    ds, _ = study("sites.gpkg", layer=layer)
    assert ds["area_km2"].values == pytest.approx([7.0, 7.0, 7.0])
    assert ds["area_km2"].attrs["units"] == "km2"
    at = shapely.points(ds["easting"].values, ds["northing"].values)
    assert shapely.contains(shapes[::-1], at).all()


# --- files -----------------------------------------------------------------------------------


def test_layers__several_must_be_named(study, tmp_path):
    write(tmp_path, points(), "sites.gpkg")
    pyogrio.write_dataframe(points(), tmp_path / "sites.gpkg", layer="others")
    _, problems = study("sites.gpkg")
    problem = one(problems, "E304")
    assert "sites.gpkg has 2 layers: sites, others" in problem.fact
    assert problem.cure == 'name one: [files.sites] layer = "sites"'
    ds, _ = study("sites.gpkg", more='layer = "others"\n')
    assert ds.sizes["site"] == 3


def test_layers__a_table_of_styles_is_no_choice(study, tmp_path):
    write(tmp_path, points(), "sites.gpkg")
    styles = points().drop(columns="geometry")
    pyogrio.write_dataframe(styles, tmp_path / "sites.gpkg", layer="layer_styles")
    ds, _ = study("sites.gpkg")
    assert ds.sizes["site"] == 3


@pytest.mark.filterwarnings("ignore:Column names longer than 10:UserWarning")
@pytest.mark.filterwarnings("ignore:Normalized/laundered:RuntimeWarning")
def test_shapefile__names_cut_to_ten_letters_are_found_by_their_full_name(study, tmp_path):
    layer = points(elevation_above_sea=[1.0, 2.0, 3.0])
    layer = layer.drop(columns="elevation").rename(columns={"site": "monitoring_site"})
    pyogrio.write_dataframe(layer, tmp_path / "sites.shp")
    more = 'columns = { site = "monitoring_site" }\n[covariates.elevation_above_sea]\nunits = "m"\n'
    ds, problems = study("sites.shp", more=more)
    assert ds["elevation_above_sea"].values.tolist() == [3.0, 2.0, 1.0]
    assert 'column "elevation_" was taken for "elevation_above_sea"' in one(problems, "R338").fact


@pytest.mark.parametrize("encoding", ["UTF-8", "CP1252"])
def test_shapefile__encoding_it_does_not_tell_is_found(study, tmp_path, encoding):
    layer = points(name=["Château", "Größe", "x"])
    pyogrio.write_dataframe(layer, tmp_path / "sites.shp", encoding=encoding)
    for told in tmp_path.glob("sites.c[ps][gt]"):
        told.unlink()
    raw = bytearray((tmp_path / "sites.dbf").read_bytes())
    raw[29] = 0  # the byte of the code page
    (tmp_path / "sites.dbf").write_bytes(bytes(raw))
    assert encoding_of(tmp_path / "sites.shp") == encoding
    ds, _ = study("sites.shp")
    assert ds["name"].values.tolist() == ["x", "Größe", "Château"]


@pytest.mark.parametrize("file", ["sites.gpkg", "sites.fgb"])
def test_layer__cut_short_is_told_plainly(study, tmp_path, file):
    write(tmp_path, points(), file)
    raw = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(raw[: len(raw) * 3 // 5])
    _, problems = study(file)
    problem = one(problems, "E305")
    assert problem.file == file
    assert problem.fact.startswith(f"{file} cannot be read: ")
    assert "export it again" in problem.cure


def test_shapefile__cut_short_has_features_without_place(study, tmp_path):
    write(tmp_path, points(), "sites.shp")
    raw = (tmp_path / "sites.shp").read_bytes()
    (tmp_path / "sites.shp").write_bytes(raw[:130])
    _, problems = study("sites.shp")
    problem = one(problems, "E331")
    assert problem.fact == ("sites.shp, rows 2-3: no geometry, so 2 of 3 features have no place")
    assert "cut short" in problem.why


def test_layer__that_is_not_there_is_told_like_any_table(study):
    _, problems = study("sites.gpkg")
    assert "sites.gpkg is not there ([files.sites] path)" in one(problems, "E401").fact


# --- shapes and ids --------------------------------------------------------------------------


def test_layer__a_site_twice_is_refused_though_only_its_place_differs(study):
    layer = points(elevation=[1.0, 1.0, 2.0])
    layer["site"] = ["S1", "S1", "S9"]
    _, problems = study("sites.gpkg", layer=layer, sites=["S1", "S9"])
    problem = one(problems, "E021")
    assert 'site "S1" is in rows 1 and 2 with different x of the geometry' in problem.fact
    assert problem.row == 2


def test_layer__unknown_site_is_told_with_the_nearest(study):
    _, problems = study("sites.gpkg", layer=points(), sites=["S10", "S9", "S-1"])
    assert 'site "S-1" (1 row, row 4) is not in sites.gpkg' in one(problems, "E022").fact


def test_layer__without_the_column_of_ids_lists_what_it_has(study):
    layer = points().rename(columns={"site": "plot"})
    _, problems = study("sites.gpkg", layer=layer)
    problem = one(problems, "E015")
    assert 'sites.gpkg has no column "site". It has: plot, elevation' in problem.fact
    assert problem.cure == 'name the column of site ids: [files.sites.columns] site = "..."'


def test_layer__points_and_polygons_mixed_are_refused(study):
    layer = points()
    layer.loc[1, "geometry"] = layer.geometry[1].buffer(10)
    _, problems = study("sites.gpkg", layer=layer)
    problem = one(problems, "E332")
    assert "sites.gpkg holds points (rows 1 and 3), polygons (row 2)" in problem.fact.replace(
        "rows 1, 3", "rows 1 and 3"
    )
    assert problem.row == 2


def test_layer__empty_shapes_are_told_by_row(study):
    layer = points()
    layer.loc[1, "geometry"] = None
    _, problems = study("sites.gpkg", layer=layer)
    assert one(problems, "E331").row == 2


def test_layer__heights_are_left_and_told(study):
    layer = points()
    layer["geometry"] = shapely.force_3d(layer.geometry.to_numpy(), 500.0)
    ds, problems = study("sites.gpkg", layer=layer)
    assert "heights (z)" in one(problems, "N333").fact
    assert ds["longitude"].values == pytest.approx([7.7017, 7.5700, 7.4386], abs=1e-3)


def test_layer__site_of_several_points_is_refused(study):
    layer = points()
    layer["geometry"] = [shapely.MultiPoint([(e, 1.2e6), (e + 5, 1.2e6)]) for e in EAST]
    _, problems = study("sites.gpkg", layer=layer)
    assert "a site of several points (2 in row 1)" in one(problems, "E334").fact


def test_layer__longitudes_to_360_are_turned_and_told(study):
    layer = geopandas.GeoDataFrame(
        {"site": SITES},
        geometry=geopandas.points_from_xy([178.0, 180.5, 182.0], [-17.0, -17.0, -17.0]),
        crs="EPSG:4326",
    )
    ds, problems = study("sites.gpkg", layer=layer)
    assert ds["longitude"].values == pytest.approx([-178.0, -179.5, 178.0])
    assert "row 2 180.5 = -179.5" in one(problems, "R336").fact
    assert np.ptp(ds["easting"].values) == pytest.approx(425e3, rel=0.01)  # 4 degrees at 17 south


def test_layer__polygon_drawn_across_the_date_line_is_refused(study):
    across = shapely.Polygon([(179, -17), (-179, -17), (-179, -16), (179, -16)])
    layer = geopandas.GeoDataFrame({"site": ["S1"]}, geometry=[across], crs="EPSG:4326")
    _, problems = study("sites.gpkg", layer=layer, sites=["S1"])
    problem = one(problems, "E335")
    assert "358 degrees wide" in problem.fact
    assert "cut it at 180" in problem.cure
    parts = shapely.MultiPolygon(
        [shapely.box(179, -17, 180, -16), shapely.box(-180, -17, -179, -16)]
    )
    layer = geopandas.GeoDataFrame({"site": ["S1"]}, geometry=[parts], crs="EPSG:4326")
    ds, _ = study("cut.gpkg", layer=layer, sites=["S1"])
    assert ds["area_km2"].item() == pytest.approx(23_548, rel=0.01)  # 2 x 106.6 x 110.7 km


def test_layer__crs_told_twice_and_differently_is_refused(study):
    more = '[sites]\ncrs = "EPSG:4326"\n'
    _, problems = study("sites.gpkg", layer=points(), more=more)
    problem = one(problems, "E337")
    assert "sites.gpkg is in CH1903+ / LV95" in problem.fact
    assert problem.cure == "remove [sites] crs: the layer tells its own"


def test_layer__without_crs_takes_that_of_the_sites(study, tmp_path):
    write(tmp_path, points(), "sites.shp")
    (tmp_path / "sites.prj").unlink()
    _, problems = study("sites.shp")
    problem = one(problems, "E030")
    assert problem.fact == "sites.shp has no .prj file: its CRS is not known"
    assert 'set [sites] crs = "EPSG:2056"' in problem.cure
    ds, _ = study("sites.shp", more='[sites]\ncrs = "EPSG:2056"\n')
    assert ds["longitude"].values == pytest.approx([7.7017, 7.5700, 7.4386], abs=1e-3)


def test_provenance__layer_with_checksum_and_crs(study):
    ds, _ = study("sites.gpkg", layer=points())
    assert '"file": "sites.gpkg"' in ds.attrs["provenance"]
    assert "CH1903+ / LV95" in ds.attrs["provenance"]


def test_read_layer__flatgeobuf_is_known_by_its_first_bytes(tmp_path):
    pyogrio.write_dataframe(points(), tmp_path / "a.fgb")
    (tmp_path / "a.fgb").rename(tmp_path / "a.gpkg")
    with pytest.raises(SurveyError, match="FlatGeobuf file under another name"):
        read_layer(tmp_path / "a.gpkg")
