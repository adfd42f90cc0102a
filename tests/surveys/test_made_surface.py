"""A surface made of the study's own rasters: cells have what sites at their middles have."""

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from surveys import read
from surveys.places import squares
from surveys.problems import SurveyError
from surveys.readers.made_surface import cells_of
from surveys.study_file import read_study

EAST, NORTH, CELL, N = 4_100_000, 2_750_000, 50.0, 200  # 10 km x 10 km of EPSG:3035
GRADIENT = np.tile(100 + np.arange(N, dtype="float32"), (N, 1))
TOML = """schema = 1
[files.detections]
path = "detections.csv"
[files.sites]
path = "sites.gpkg"
[covariates.elev]
raster = "dem.tif"
stat = "mean"
buffer_m = 200
[covariates.wood]
polygons = "wood.gpkg"
column = "kind"
[regions]
path = "regions.gpkg"
[surface]
from = "covariates"
cell_m = 1000
"""


def box(west, south, east, north):
    return shapely.box(EAST + west, NORTH - 10_000 + south, EAST + east, NORTH - 10_000 + north)


@pytest.fixture
def folder(tmp_path):
    """Two regions of 4 km x 8 km on a raster of 10 km, with two sites."""
    for name, values in (("dem.tif", GRADIENT), ("later.tif", GRADIENT + 1000)):
        with rasterio.open(
            tmp_path / name,
            "w",
            driver="GTiff",
            count=1,
            height=N,
            width=N,
            dtype="float32",
            crs="EPSG:3035",
            transform=from_origin(EAST, NORTH, CELL, CELL),
        ) as raster:
            raster.write(values, 1)
    halves = [box(1000, 1000, 5000, 9000), box(5000, 1000, 9000, 9000)]
    regions = geopandas.GeoDataFrame({"region": ["west", "east"]}, geometry=halves, crs=3035)
    pyogrio.write_dataframe(regions, tmp_path / "regions.gpkg")
    wood = geopandas.GeoDataFrame({"kind": ["oak"]}, geometry=[box(0, 0, 10_000, 5000)], crs=3035)
    pyogrio.write_dataframe(wood, tmp_path / "wood.gpkg")
    places = shapely.get_coordinates([box(2500, 2500, 2500, 2500), box(7500, 6500, 7500, 6500)])[
        ::5
    ]
    sites = geopandas.GeoDataFrame(
        {"site": ["A", "B"]}, geometry=geopandas.points_from_xy(*places.T), crs=3035
    )
    pyogrio.write_dataframe(sites, tmp_path / "sites.gpkg")
    (tmp_path / "detections.csv").write_text("site,y.2019.1,y.2020.1\nA,0,1\nB,1,0\n")
    (tmp_path / "study.toml").write_text(TOML)
    return tmp_path


def test_cells__tile_the_regions_and_know_them(folder):
    cells = cells_of(read_study(folder))
    assert cells["area_km2"].sum() == pytest.approx(64, rel=1e-9)
    assert cells["area_km2"].tolist() == pytest.approx([1.0] * 64)
    assert cells["region"].value_counts().to_dict() == {"west": 32, "east": 32}
    overlap = shapely.area(shapely.union_all(cells.geometry.to_numpy())) / 1e6
    assert overlap == pytest.approx(64, rel=1e-9)


def test_cells__have_what_a_site_at_their_middle_has(folder):
    cells = cells_of(read_study(folder))
    ds = read(folder)
    for i, site in enumerate(ds["site"].values):
        point = shapely.Point(ds["easting"].values[i], ds["northing"].values[i])
        cell = cells[cells.contains(point)].iloc[0]
        assert cell["elev"] == pytest.approx(ds["elev"].sel(site=site).item(), rel=1e-5)
        assert cell["wood"] == ds["wood"].sel(site=site).item()
    middle = cells.geometry.centroid.x.to_numpy() - EAST
    assert cells["elev"].to_numpy() == pytest.approx(99.5 + middle / CELL, abs=1e-3)
    assert set(cells["wood"]) == {"oak", ""}


def test_cells__only_of_covariates_that_a_model_names(folder):
    (folder / "study.toml").write_text(TOML + '[model.main]\npsi = "scale(elev)"\np = "1"\n')
    assert "wood" not in cells_of(read_study(folder))
    (folder / "study.toml").write_text(TOML + '[model.main]\npsi = "elevated"\n')
    with pytest.raises(SurveyError, match="no model uses one of a raster or layer"):
        cells_of(read_study(folder))


def test_cells__of_a_covariate_of_seasons_are_of_the_season_of_the_map(folder):
    toml = TOML + '[season_covariates.ndvi]\nraster = { 2019 = "dem.tif", 2020 = "later.tif" }\n'
    (folder / "study.toml").write_text(toml)
    last = cells_of(read_study(folder))["ndvi"].to_numpy()
    (folder / "study.toml").write_text(toml + "[map]\nseason = 2019\n")
    np.testing.assert_allclose(last - cells_of(read_study(folder))["ndvi"].to_numpy(), 1000)
    (folder / "study.toml").write_text(toml + "[map]\nseason = 2018\n")
    with pytest.raises(SurveyError, match="has no raster of 2018, the season of the map"):
        cells_of(read_study(folder))


def test_cells__within_another_area_than_the_regions(folder):
    area = geopandas.GeoDataFrame(geometry=[box(1500, 1500, 3750, 3500)], crs=3035)
    pyogrio.write_dataframe(area, folder / "area.gpkg")
    (folder / "study.toml").write_text(TOML + 'within = "area.gpkg"\n')
    cells = cells_of(read_study(folder))
    assert cells["area_km2"].sum() == pytest.approx(2.25 * 2.0)
    assert cells["area_km2"].max() == pytest.approx(1.0)
    assert np.isfinite(cells["elev"]).all()


@pytest.mark.parametrize(
    ("old", "new", "told", "cure"),
    [
        (
            "cell_m = 1000",
            "",
            "cell_m, the width of a cell in metres, is not given",
            "cell_m = 1000",
        ),
        ("cell_m = 1000", "cell_m = 0", "is 0", "cell_m = 1000"),
        ('from = "covariates"\n', "", "names neither a layer of cells", 'from = "covariates"'),
        ('[regions]\npath = "regions.gpkg"\n', "", "how far it reaches", "within ="),
        ("cell_m = 1000", "cell_m = 1", "Cells 1 m wide would be 64,000,000 squares", "wider"),
    ],
)
def test_surface__what_is_asked_wrongly_is_told_with_the_cure(folder, old, new, told, cure):
    (folder / "study.toml").write_text(TOML.replace(old, new))
    with pytest.raises(SurveyError) as error:
        cells_of(read_study(folder))
    assert told in error.value.problems[0].fact
    assert cure in error.value.problems[0].cure


def test_surface__none_where_none_is_asked_for(folder):
    (folder / "study.toml").write_text(TOML.split("[surface]")[0])
    assert cells_of(read_study(folder)) is None


def test_squares__a_middle_that_was_cut_away_is_replaced_by_a_point_inside():
    sliver = geopandas.GeoDataFrame(geometry=[box(100, 100, 300, 900)], crs=3035)
    cells = squares(sliver, 1000)
    points = shapely.points(cells["easting"], cells["northing"])
    assert shapely.intersects(cells.geometry.to_numpy(), points).all()
    assert cells["area_km2"].sum() == pytest.approx(0.2 * 0.8)


def test_study__maps_the_surface_it_made(folder):
    from occupancy.study import Study

    (folder / "study.toml").write_text(
        TOML + '[model.main]\nseason = 2020\npsi = "elev"\np = "1"\n'
    )
    study = Study.open(folder)
    assert study.surface() is study.surface()
    assert len(study.surface()) == 64
    assert "wood" not in study.surface()
    assert set(study.inputs) >= {"dem.tif", "wood.gpkg", "regions.gpkg", "sites.gpkg"}
