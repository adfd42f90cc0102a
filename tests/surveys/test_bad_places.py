"""Places as they come from the field, spoilt in every usual way: file, row, column, cure."""

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from surveys import read
from surveys.ledger import Ledger
from surveys.problems import SurveyError, render

TOML = """schema = 1
[files.detections]
path = "detections.csv"
[files.sites]
path = "sites.csv"
"""


@pytest.fixture
def study(tmp_path):
    """Read sites told as (id, latitude, longitude): (Dataset or None, problems)."""

    def run(rows, *, more="", header="site,lat,lon"):
        ids = [str(row[0]) for row in rows]
        lines = [",".join(map(str, row)) for row in rows]
        (tmp_path / "sites.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        detections = "".join(f"{i},{k % 2},0\n" for k, i in enumerate(ids))
        (tmp_path / "detections.csv").write_text("site,v1,v2\n" + detections)
        (tmp_path / "study.toml").write_text(TOML + more)
        try:
            ds = read(tmp_path)
        except SurveyError as error:
            return None, list(error.problems)
        return ds, Ledger.from_json(ds.attrs["ledger"]).problems

    return run


def one(problems, code):
    """Give the one problem of a code, and the text a user reads of it."""
    found = [p for p in problems if p.code == code]
    assert len(found) == 1, render(problems)
    return found[0], render(found)


def test_24__latitude_and_longitude_swapped(study):
    swapped = [("A", 8.234, 46.812), ("B", 8.512, 46.955), ("C", 8.3, 46.9)]
    _, problems = study(swapped, more='[study]\nregion = "CH"\n')
    problem, text = one(problems, "E024")
    assert problem.level == "error"
    assert problem.file == "sites.csv"
    assert (problem.row, problem.column) == (2, "lat")
    assert "column lat 8.234 to 8.512, lon 46.812 to 46.955" in text
    assert "swapped all 3 lie in CH" in text
    assert '[files.sites.columns] latitude = "lon"; longitude = "lat"' in problem.cure


def test_24__a_layer_tells_its_own_order(study, tmp_path):
    """In a layer x is the longitude whatever its columns are called, so nothing can be swapped."""
    points = geopandas.GeoDataFrame(
        {"site": ["A", "B"], "lat": [8.2, 8.5], "lon": [46.8, 46.9]},
        geometry=geopandas.points_from_xy([8.2, 8.5], [46.8, 46.9]),
        crs="EPSG:4326",
    )
    pyogrio.write_dataframe(points, tmp_path / "sites.gpkg")
    study([("A", 0, 0), ("B", 0, 0)])
    (tmp_path / "study.toml").write_text(
        TOML.replace("sites.csv", "sites.gpkg") + '[study]\nregion = "CH"\n'
    )
    ds = read(tmp_path)
    assert ds["latitude"].values.tolist() == [46.8, 46.9]


def test_25__latitude_out_of_range(study):
    rows = [("A", 46.8, 8.2), ("B", 468.12, 8.2), ("C", 46.9, 1808.3), ("D", 46.7, 8.1)]
    _, problems = study(rows)
    found = [p for p in problems if p.code == "E025"]
    assert [(p.file, p.row, p.column) for p in found] == [
        ("sites.csv", 3, "lat"),
        ("sites.csv", 4, "lon"),
    ]
    assert "468.12 is not between -90 and 90" in found[0].fact
    assert "1808.3 is not between -180 and 180" in found[1].fact
    assert "a lost decimal point (46.812)?" in found[0].cure
    assert '[sites] crs = "EPSG:..."' in found[0].cure


def test_26__metres_without_crs(study):
    rows = [("A", 526000, 604000), ("B", 526100, 604000)]
    _, problems = study(rows, header="site,x,y")
    problem, _ = one(problems, "E026")
    assert (problem.file, problem.column) == ("sites.csv", "x")
    assert "columns x, y hold metres (526000, 604000 ...) and no CRS is given" in problem.fact
    assert "set [sites] crs" in problem.cure
    ds, _ = study(rows, header="site,x,y", more='[sites]\ncrs = "EPSG:32650"\n')
    assert ds["longitude"].values == pytest.approx([117.23, 117.24], abs=0.01)


def test_27__degrees_minutes_seconds(study):
    rows = [("A", "46°48'43\"N", "8°14'2\"E"), ("B", "46.9", "8.3")]
    rows = [(s, *(f'"{v.replace(chr(34), chr(34) * 2)}"' for v in pair)) for s, *pair in rows]
    ds, problems = study(rows)
    found = {p.column: p for p in problems if p.code == "R027"}
    assert set(found) == {"lat", "lon"}
    assert {p.level for p in found.values()} == {"repair"}
    assert (found["lat"].file, found["lat"].row) == ("sites.csv", 2)
    assert "row 2 46°48'43\"N = 46.811944" in found["lat"].fact
    assert ds["latitude"].values == pytest.approx([46.811944, 46.9], abs=1e-6)


def test_28__null_island(study, tmp_path):
    rows = [("A", 46.8, 8.2), ("B", 0, 0), ("C", 46.9, 8.3), ("D", 0, 0)]
    _, problems = study(rows)
    problem, text = one(problems, "E028")
    assert (problem.file, problem.row) == ("sites.csv", 3)
    assert problem.column in ("lat", "lon")
    assert "rows 3, 5" in text
    assert "a point in the Gulf of Guinea" in text
    assert problem.cure == "leave them blank if unknown"
    ds, _ = study([r if r[1] else (r[0], "", "") for r in rows])
    assert np.isnan(ds["latitude"].values).tolist() == [False, True, False, True]


def test_28__null_island_in_a_layer(study, tmp_path):
    points = geopandas.GeoDataFrame(
        {"site": ["A", "B"]}, geometry=geopandas.points_from_xy([8.2, 0], [46.8, 0]), crs=4326
    )
    pyogrio.write_dataframe(points, tmp_path / "sites.gpkg")
    study([("A", 1, 1), ("B", 1, 1)])
    (tmp_path / "study.toml").write_text(TOML.replace("sites.csv", "sites.gpkg"))
    with pytest.raises(SurveyError) as error:
        read(tmp_path)
    problem, _ = one(error.value.problems, "E028")
    assert (problem.file, problem.row) == ("sites.gpkg", 2)


def test_29__two_sites_a_few_metres_apart(study):
    rows = [("j8_C03", 39.830639, -2.957701), ("j8_C10", 39.830652, -2.957695), ("x", 39.9, -2.9)]
    ds, problems = study(rows)
    problem, _ = one(problems, "W029")
    assert problem.level == "warn"
    assert (problem.file, problem.row) == ("sites.csv", 3)
    assert '"j8_C03" and "j8_C10" are 2 m apart (rows 2-3)' in problem.fact
    assert '[sites.alias] "j8_C10" = "j8_C03"' in problem.cure
    assert ds.sizes["site"] == 3


def test_29__one_coordinate_for_many_sites_is_that_of_their_square(study):
    rows = [(f"{k}{i}", 46.8 + k / 10, 8.2) for k in range(3) for i in range(3)]
    ds, problems = study(rows)
    problem, _ = one(problems, "N029")
    assert problem.level == "note"
    assert '9 of 9 sites have the coordinates of another ("00" and "0' in problem.fact
    assert "W029" not in {p.code for p in problems}
    assert ds.sizes["site"] == 9


def test_29__in_degrees_of_another_datum_metres_are_metres(study):
    rows = [("A", 46.8, 8.2), ("B", 46.9, 8.3), ("C", 46.80001, 8.2)]
    _, problems = study(rows, more='[sites]\ncrs = "EPSG:4258"\n')
    problem, _ = one(problems, "W029")
    assert '"A" and "C" are 1 m apart' in problem.fact


def test_30__polygon_layer_without_crs(study, tmp_path):
    wood = geopandas.GeoDataFrame(
        {"kind": ["oak"]}, geometry=[shapely.box(8, 46, 9, 47)], crs="EPSG:4326"
    )
    pyogrio.write_dataframe(wood, tmp_path / "forest.shp")
    (tmp_path / "forest.prj").unlink()
    rows = [("A", 46.81, 8.21), ("B", 47.80, 8.20)]
    for key in ("path", "polygons"):
        more = f'[covariates.forest]\n{key} = "forest.shp"\ncolumn = "kind"\n'
        _, problems = study(rows, more=more)
        problem, _ = one(problems, "E030")
        assert problem.level == "error"
        assert problem.file == "forest.shp"
        assert problem.fact == "forest.shp has no .prj file: its CRS is not known"
        assert "put forest.prj beside it" in problem.cure
        assert 'set [covariates.forest] crs = "EPSG:2056"' in problem.cure
        ds, _ = study(rows, more=more + 'crs = "EPSG:4326"\n')
        assert ds["forest"].values.tolist() == ["oak", ""]


def test_31__site_outside_the_raster(study, tmp_path):
    """A raster from 8 to 9 east: 0.04 degrees of longitude at 46.8 north are 3.05 km."""
    values = np.full((100, 100), 500.0)
    grid = from_origin(8.0, 47.0, 0.01, 0.01)
    with rasterio.open(
        tmp_path / "elevation.tif",
        "w",
        driver="GTiff",
        count=1,
        height=100,
        width=100,
        dtype="float64",
        crs="EPSG:4326",
        transform=grid,
    ) as raster:
        raster.write(values, 1)
    more = '[covariates.elevation]\nraster = "elevation.tif"\n'
    ds, problems = study([("A", 46.8, 8.2), ("Y", 46.8, 8.1), ("Z", 46.8, 7.96)], more=more)
    problem, _ = one(problems, "W031")
    assert problem.level == "warn"
    assert (problem.file, problem.row) == ("elevation.tif", 4)
    assert problem.fact == (
        'elevation.tif: site "Z" (sites.csv row 4) lies outside the raster by 3.1 km: '
        "elevation is missing there"
    )
    assert problem.why == "the site will be left out of models that use it"
    assert "check its coordinates" in problem.cure
    assert ds["elevation"].values.tolist()[:2] == [500.0, 500.0]
    assert np.isnan(ds["elevation"].values[2])
