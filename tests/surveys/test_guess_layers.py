"""`occupancy init` with layers and rasters: a study file that reads without edits."""

import tomllib

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from surveys import read
from surveys.guess import guess
from surveys.readers.made_surface import cells_of
from surveys.study_file import read_study

EAST, NORTH = 4_100_000, 2_750_000


@pytest.fixture
def folder(tmp_path):
    rasters = {
        "dem.tif": np.tile(np.arange(100, dtype="float32"), (100, 1)),
        "landcover.tif": np.tile(np.arange(100) // 50 + 1, (100, 1)).astype("uint8"),
        "ndvi_2019.tif": np.full((100, 100), 0.25),
        "ndvi_2020.tif": np.full((100, 100), 0.75),
    }
    for name, values in rasters.items():
        with rasterio.open(
            tmp_path / name,
            "w",
            driver="GTiff",
            count=1,
            height=100,
            width=100,
            dtype=values.dtype,
            crs="EPSG:3035",
            transform=from_origin(EAST, NORTH, 100, 100),
        ) as raster:
            raster.write(values, 1)
    points = geopandas.points_from_xy([EAST + 2050, EAST + 7050], [NORTH - 2050, NORTH - 5050])
    sites = geopandas.GeoDataFrame({"plot": ["A", "B"], "age": [3, 4]}, geometry=points, crs=3035)
    pyogrio.write_dataframe(sites, tmp_path / "plots.gpkg")
    halves = [shapely.box(EAST + w, NORTH - 9000, EAST + w + 4000, NORTH) for w in (1000, 5000)]
    regions = geopandas.GeoDataFrame({"name": ["west", "east"]}, geometry=halves, crs=3035)
    pyogrio.write_dataframe(regions, tmp_path / "regions.gpkg")
    (tmp_path / "detections.csv").write_text(
        "plot,y.2019.1,y.2019.2,y.2020.1,y.2020.2\nA,0,1,0,0\nB,1,0,1,1\n"
    )
    return tmp_path


def test_guess__layers_and_rasters_read_without_edits(folder):
    files = ["detections.csv", "regions.gpkg", "plots.gpkg", "dem.tif", "landcover.tif"]
    files += ["ndvi_2019.tif", "ndvi_2020.tif"]
    text = guess([folder / name for name in files])
    assert '[files.sites]\n# covariates of the site: age\npath = "plots.gpkg"' in text
    assert 'columns = { site = "plot" }' in text
    assert "# 1 band of float32, EPSG:3035, cells of 100 x 100\nraster = " in text
    assert 'raster = { 2019 = "ndvi_2019.tif", 2020 = "ndvi_2020.tif" }' in text
    assert "[surface]\n" in text
    assert "cell_m = 100\n" in text  # 72 km2 in about 4000 cells: 134 m
    assert 'psi = "scale(dem) + landcover"' in text
    (folder / "study.toml").write_text(text)
    ds = read(folder)
    assert ds["dem"].values.tolist() == [20, 70]
    assert ds["landcover"].values.tolist() == ["1", "2"]
    assert ds["ndvi"].values.tolist() == [[0.25, 0.75]] * 2
    assert ds["region"].values.tolist() == ["west", "east"]
    cells = cells_of(read_study(folder))
    assert {"dem", "landcover", "region", "area_km2"} <= set(cells)
    assert cells["area_km2"].sum() == pytest.approx(72)


def test_guess__order_of_the_files_changes_nothing(folder):
    files = ["dem.tif", "plots.gpkg", "regions.gpkg", "detections.csv"]
    one = guess([folder / name for name in files])
    other = guess([folder / name for name in files[::-1]])
    assert one == other


def test_guess__a_damaged_raster_leaves_a_note(folder):
    (folder / "dem.tif").write_text("no raster")
    text = guess([folder / "detections.csv", folder / "dem.tif"])
    assert "# dem.tif cannot be read as a raster: save it as GeoTIFF" in text


def test_a_star_names_the_parts_of_a_shapefile_too(tmp_path):
    layer = geopandas.GeoDataFrame(
        {"site": ["A", "B"], "elev": [1, 2]},
        geometry=geopandas.points_from_xy([8.2, 8.3], [46.8, 46.9]),
        crs=4326,
    )
    layer.to_file(tmp_path / "plots.shp")
    (tmp_path / "plots.gpx").write_text("<?xml version='1.0'?><gpx/>")
    (tmp_path / "d.csv").write_text("site,v1,v2\nA,0,1\nB,1,0\n")
    told = guess(sorted(tmp_path.iterdir()), folder=tmp_path)
    assert tomllib.loads(told)["files"]["sites"]["path"] == "plots.shp"
    assert "# not used: plots.gpx (places of a GPS" in told
    assert "plots.dbf" not in told
