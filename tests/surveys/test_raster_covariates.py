"""Covariates from rasters, against areas and means that can be worked out by hand."""

import json

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio.transform import Affine, from_origin

from surveys import read
from surveys.ledger import Ledger
from surveys.places import rasters, sample_raster
from surveys.problems import SurveyError, render

EAST, NORTH, CELL, N = 4_100_000, 2_750_000, 10.0, 400  # 4 km x 4 km of EPSG:3035
COLUMNS = np.arange(N)
GRADIENT = np.tile(100 + 2.0 * COLUMNS, (N, 1)).astype("float32")  # 0.2 a metre to the east
HALF = np.tile(np.where(COLUMNS < N // 2, 3, 7), (N, 1)).astype("uint8")  # west 3, east 7
TO_DEGREES = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True)


def tif(path, values, *, crs="EPSG:3035", grid=None, **more):
    bands = values if values.ndim == 3 else values[None]
    grid = from_origin(EAST, NORTH, CELL, CELL) if grid is None else grid
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(bands),
        height=bands.shape[1],
        width=bands.shape[2],
        dtype=bands.dtype,
        crs=crs,
        transform=grid,
        **more,
    ) as raster:
        raster.write(bands)
    return path


def at(*places):
    """Degrees of places, told in metres east and south of the corner of the raster."""
    east, south = np.array(places, float).T
    return TO_DEGREES.transform(EAST + east, NORTH - south)


# --- arithmetic ------------------------------------------------------------------------------


def test_point__is_the_cell_in_which_the_place_lies(tmp_path):
    path = tif(tmp_path / "dem.tif", GRADIENT)
    got = sample_raster(path, *at((5, 5), (15, 3995), (3999, 2000)))
    assert got.values.tolist() == [100, 102, 898]
    assert got.outside_m.tolist() == [0, 0, 0]


def test_mean__of_a_linear_gradient_is_the_value_of_its_middle(tmp_path):
    path = tif(tmp_path / "dem.tif", GRADIENT)
    places = [(2000, 2000), (1234, 2345), (600, 3000)]
    got = sample_raster(path, *at(*places), stat="mean", buffer_m=500)
    middle = [99 + 0.2 * east for east, _ in places]  # the first cell has 100 at its middle, 5 m
    assert got.values == pytest.approx(middle, abs=1e-3)


def test_sd__of_a_linear_gradient_in_a_circle_is_slope_times_half_the_radius(tmp_path):
    path = tif(tmp_path / "dem.tif", GRADIENT)
    got = sample_raster(path, *at((2000, 2000)), stat="sd", buffer_m=500)
    assert got.values == pytest.approx([0.2 * 500 / 2], rel=1e-3)  # cells are 10 m wide
    ends = [sample_raster(path, *at((2000, 2000)), stat=s, buffer_m=500) for s in ("min", "max")]
    assert [e.values.item() for e in ends] == [398, 600]  # the cells at 1495 and 2505 metres


@pytest.mark.parametrize("away", [0.0, 100.0, -250.0, 400.0])
def test_share__of_a_half_plane_is_the_segment_of_the_circle(tmp_path, away):
    path = tif(tmp_path / "cover.tif", HALF)
    r = 500.0
    got = sample_raster(path, *at((2000 + away, 2000)), stat="share", buffer_m=r, classes=(3,))
    segment = (r**2 * np.arccos(away / r) - away * np.sqrt(r**2 - away**2)) / (np.pi * r**2)
    assert got.values == pytest.approx([segment], abs=2e-4)


def test_share__of_several_classes_and_majority(tmp_path):
    path = tif(tmp_path / "cover.tif", HALF)
    both = sample_raster(path, *at((2000, 2000)), stat="share", buffer_m=300, classes=(3, 7))
    assert both.values == pytest.approx([1.0])
    most = sample_raster(path, *at((1900, 2000), (2100, 2000)), stat="majority", buffer_m=300)
    assert most.values.tolist() == [3, 7]


def test_cells__of_a_buffer_are_its_true_area(tmp_path):
    path = tif(tmp_path / "dem.tif", GRADIENT)
    got = sample_raster(path, *at((2000, 2000)), stat="mean", buffer_m=500)
    assert got.cells == pytest.approx([np.pi * 500**2 / CELL**2], rel=2e-4)  # LAEA keeps areas
    assert got.without.tolist() == [0]


def test_buffer__in_degrees_is_as_wide_as_on_the_ground(tmp_path):
    """At 60 north a degree of longitude is half as long: a circle of metres is an ellipse."""
    step = 1 / 2400
    grid = from_origin(10.0, 60.2, step, step)
    columns = np.tile(np.arange(960, dtype="float32"), (960, 1))
    path = tif(tmp_path / "degrees.tif", columns, crs="EPSG:4326", grid=grid)
    ends = [
        sample_raster(path, [10.2], [60.0], stat=s, buffer_m=2000).values.item()
        for s in ("min", "max")
    ]
    metres = (ends[1] - ends[0] + 1) * step * 55_800  # of a degree of longitude at 60 north
    assert metres == pytest.approx(4000, abs=50)  # cells of 23 m
    rows = tif(tmp_path / "rows.tif", columns.T.copy(), crs="EPSG:4326", grid=grid)
    ends = [
        sample_raster(rows, [10.2], [60.0], stat=s, buffer_m=2000).values.item()
        for s in ("min", "max")
    ]
    assert (ends[1] - ends[0] + 1) * step * 111_400 == pytest.approx(4000, abs=100)


def test_mean__in_degrees_weighs_cells_by_their_area(tmp_path):
    """Two cells of one degree, 0-1 and 59-60 wide apart in area only when far apart in latitude."""
    grid = from_origin(0.0, 70.0, 1.0, 1.0)
    values = np.tile(np.arange(40, dtype="float64")[:, None], (1, 40))
    path = tif(tmp_path / "degrees.tif", values, crs="EPSG:4326", grid=grid)
    got = sample_raster(path, [20.0], [50.0], stat="mean", buffer_m=1_000_000)
    # the mean latitude of a spherical cap of 9 degrees round 50 north, rows being 69.5 - latitude
    cap = np.radians(1_000_000 / 111_195)
    u, t = np.meshgrid(np.linspace(0, cap, 400), np.linspace(0, 2 * np.pi, 400, endpoint=False))
    lat = np.arcsin(
        np.sin(np.radians(50)) * np.cos(u) + np.cos(np.radians(50)) * np.sin(u) * np.cos(t)
    )
    mean = np.average(np.degrees(lat), weights=np.sin(u))
    assert got.values == pytest.approx([69.5 - mean], abs=0.03)
    flat = 69.5 - 50.0  # what degrees taken for a plane would tell
    assert abs(flat - (69.5 - mean)) > 0.1


def test_values__do_not_depend_on_how_they_are_read(tmp_path, monkeypatch):
    random = np.random.default_rng(1)
    path = tif(
        tmp_path / "dem.tif", random.normal(size=(N, N)), tiled=True, blockxsize=64, blockysize=64
    )
    places = at(*random.uniform(300, 3700, size=(40, 2)))
    whole = [sample_raster(path, *places, stat="mean", buffer_m=200).values]
    whole.append(sample_raster(path, *places).values)
    monkeypatch.setattr(rasters, "TILE", 37)
    parts = [sample_raster(path, *places, stat="mean", buffer_m=200).values]
    parts.append(sample_raster(path, *places).values)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
    monkeypatch.setattr(rasters, "TILE", 10_000)
    monkeypatch.setattr(rasters, "MOST_CELLS", 50 * 50)  # windows one by one
    one_by_one = sample_raster(path, *places, stat="mean", buffer_m=200).values
    np.testing.assert_allclose(one_by_one, whole[0], rtol=1e-12)


def test_reading__never_more_cells_than_allowed(tmp_path, monkeypatch):
    path = tif(tmp_path / "dem.tif", GRADIENT)
    monkeypatch.setattr(rasters, "MOST_CELLS", 900)
    read = []
    first = rasters._Reader.__call__

    def watched(self, left, top, right, bottom):
        read.append((right - left) * (bottom - top))
        return first(self, left, top, right, bottom)

    monkeypatch.setattr(rasters._Reader, "__call__", watched)
    places = at((500, 500), (3500, 3500), (520, 520))
    sample_raster(path, *places)
    sample_raster(path, *places, stat="mean", buffer_m=100)
    assert max(read) <= 900
    with pytest.raises(SurveyError, match="one buffer holds 40,400 cells, more than 900"):
        sample_raster(path, *at((2000, 2000)), stat="mean", buffer_m=1000)


def test_band__scale_offset_and_nodata_are_applied(tmp_path):
    stored = np.stack([np.full((N, N), 9), np.tile(COLUMNS, (N, 1))]).astype("int16")
    stored[1, :, 7] = -1
    path = tif(tmp_path / "two.tif", stored, nodata=-1)
    with rasterio.open(path, "r+") as raster:
        raster.scales, raster.offsets = (1.0, 0.1), (0.0, -20.0)
    got = sample_raster(path, *at((55, 5), (75, 5), (105, 5)), band=2)
    assert got.values == pytest.approx([-19.5, np.nan, -19.0], nan_ok=True)
    mean = sample_raster(path, *at((2000, 2000)), band=2, stat="mean", buffer_m=500)
    assert mean.values == pytest.approx([-20 + 0.1 * 199.5], abs=1e-3)
    with pytest.raises(SurveyError, match=r"two.tif has no band 3. It has: 1, 2"):
        sample_raster(path, *at((5, 5)), band=3)


def test_rows_that_run_north__and_longitudes_to_360_are_read_alike(tmp_path):
    north_up = tif(tmp_path / "a.tif", GRADIENT + np.arange(N, dtype="float32")[:, None])
    grid = Affine(CELL, 0, EAST, 0, CELL, NORTH - N * CELL)
    turned = (GRADIENT + np.arange(N, dtype="float32")[:, None])[::-1]
    south_up = tif(tmp_path / "b.tif", turned.copy(), grid=grid)
    for stat, buffer in (("point", None), ("mean", 333.0)):
        one, other = (
            sample_raster(p, *at((1203, 987), (2500, 3001)), stat=stat, buffer_m=buffer).values
            for p in (north_up, south_up)
        )
        np.testing.assert_allclose(one, other, rtol=1e-9)
    world = np.tile(np.arange(360, dtype="float32"), (180, 1))
    path = tif(tmp_path / "c.tif", world, crs="EPSG:4326", grid=from_origin(0, 90, 1, 1))
    assert sample_raster(path, [-0.5, 10.5], [0.0, 0.0]).values.tolist() == [359, 10]


def test_turned_raster__gives_cells_but_no_buffers(tmp_path):
    grid = Affine(9.4, 3.4, EAST, 3.4, -9.4, NORTH)  # turned by 20 degrees
    path = tif(tmp_path / "turned.tif", GRADIENT, grid=grid)
    column, row = 50.5, 20.5
    east = grid.a * column + grid.b * row + grid.c
    north = grid.d * column + grid.e * row + grid.f
    place = TO_DEGREES.transform([east], [north])
    assert sample_raster(path, *place).values.tolist() == [200]
    with pytest.raises(SurveyError, match="turned against its CRS"):
        sample_raster(path, *place, stat="mean", buffer_m=100)


def test_buffer__less_than_half_on_the_raster_is_missing(tmp_path):
    path = tif(tmp_path / "dem.tif", GRADIENT)
    got = sample_raster(path, *at((100, 2000), (-100, 2000)), stat="mean", buffer_m=500)
    assert np.isfinite(got.values).tolist() == [True, False]
    r, d = 500.0, 100.0
    segment = (r**2 * np.arccos(d / r) - d * np.sqrt(r**2 - d**2)) / CELL**2
    assert got.without[0] == pytest.approx(segment, rel=1e-3)  # cells beyond the western edge
    assert got.outside_m[1] == pytest.approx(100, rel=0.01)  # the map is not quite the ground


# --- files that are none ---------------------------------------------------------------------


def test_files__that_are_no_rasters_are_told(tmp_path):
    (tmp_path / "dem.tif").write_text("no raster")
    (tmp_path / "all.vrt").write_text('<VRTDataset rasterXSize="1" rasterYSize="1"/>')
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        tif(tmp_path / "picture.tif", GRADIENT, crs=None, grid=Affine.identity())
    for name, told in (
        ("dem.tif", "dem.tif cannot be read as a raster"),
        ("all.vrt", "virtual raster, which only points to other files"),
        ("picture.tif", "does not tell where on earth it lies"),
    ):
        with pytest.raises(SurveyError, match=told) as error:
            sample_raster(tmp_path / name, [8.0], [47.0])
        assert error.value.codes == ("E341",)


def test_damaged_raster__is_told_with_its_rows(tmp_path):
    noise = np.random.default_rng(2).normal(size=(N, N))
    path = tif(tmp_path / "dem.tif", noise, compress="deflate")
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(SurveyError, match=r"dem.tif (is damaged: rows|cannot be read)"):
        sample_raster(path, *at((2000, 3900)))


@pytest.mark.parametrize("library", ["rasterio", "exactextract"])
def test_library__that_is_not_installed_is_named_with_the_command(tmp_path, monkeypatch, library):
    path = tif(tmp_path / "dem.tif", GRADIENT)
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(SurveyError, match=f"the library {library}, which is not") as error:
        sample_raster(path, *at((2000, 2000)), stat="mean", buffer_m=100)
    assert "pip install 'occupancy[raster]'" in str(error.value)


# --- in a study ------------------------------------------------------------------------------

TOML = """schema = 1
[files.detections]
path = "detections.csv"
[files.sites]
path = "sites.csv"
"""
PLACES = {"A": (2000, 2000), "B": (1005, 1505), "C": (3005, 2505)}


@pytest.fixture
def study(tmp_path):
    """Read a study of three sites on the rasters: (Dataset or None, problems)."""

    def run(more, places=PLACES, detections=None):
        lon, lat = at(*places.values())
        rows = [f"{s},{x:.7f},{y:.7f}" for s, x, y in zip(places, lon, lat, strict=True)]
        (tmp_path / "sites.csv").write_text("site,lon,lat\n" + "\n".join(rows) + "\n")
        if detections is None:
            detections = "site,v1,v2\n" + "".join(f"{s},0,1\n" for s in places)
        (tmp_path / "detections.csv").write_text(detections)
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


def test_study__point_mean_and_share(study, tmp_path):
    tif(tmp_path / "dem.tif", GRADIENT)
    tif(tmp_path / "cover.tif", HALF)
    ds, problems = study(
        '[covariates.elev]\nraster = "dem.tif"\nunits = "m"\n'
        '[covariates.around]\nraster = "dem.tif"\nstat = "mean"\nbuffer_m = 500\n'
        '[covariates.west]\nraster = "cover.tif"\nstat = "share of class"\nclass = 3\n'
        "buffer_m = 500\n"
        '[covariates.cover]\nraster = "cover.tif"\ntype = "factor"\n'
    )
    assert ds["elev"].sel(site=["B", "C"]).values.tolist() == [300, 700]
    assert ds["around"].values == pytest.approx([499, 300, 700], abs=2e-3)
    assert ds["west"].values == pytest.approx([0.5, 1, 0], abs=1e-4)
    assert ds["cover"].sel(site=["B", "C"]).values.tolist() == ["3", "7"]
    assert ds["elev"].attrs["units"] == "m"
    assert ds["around"].attrs["source"] == "mean of dem.tif within 500 m"
    assert problems == []
    told = {i["file"]: i for i in json.loads(ds.attrs["provenance"])["inputs"]}
    assert len(told["dem.tif"]["sha256"]) == 64
    assert str(tmp_path) not in ds.attrs["provenance"]


def test_study__a_raster_for_each_season(study, tmp_path):
    tif(tmp_path / "a.tif", GRADIENT)
    tif(tmp_path / "b.tif", GRADIENT + 1000)
    detections = "site,y.2019.1,y.2019.2,y.2020.1,y.2020.2\n" + "".join(
        f"{s},0,1,0,0\n" for s in PLACES
    )
    toml = (
        '[season_covariates.ndvi]\nraster = { 2019 = "a.tif", 2020 = "b.tif" }\n'
        'stat = "mean"\nbuffer_m = 100\n'
    )
    ds, problems = study(toml, detections=detections)
    assert ds["ndvi"].dims == ("site", "season")
    assert ds["ndvi"].sel(site="A").values == pytest.approx([499, 1499], abs=0.01)
    assert problems == []
    ds, problems = study(toml.replace(', 2020 = "b.tif"', ""), detections=detections)
    assert "no raster of 2020: ndvi is missing" in one(problems, "W349").fact
    assert np.isnan(ds["ndvi"].sel(season=2020)).all()
    _, problems = study(
        toml.replace("2019 =", "1919 =").replace("2020 =", "1920 ="), detections=detections
    )
    assert (
        "raster has 1919, 1920, and the seasons of the detections are 2019, 2020"
        in one(problems, "E533").fact
    )


def test_study__cells_without_value_are_counted_by_site(study, tmp_path):
    holed = GRADIENT.copy()
    holed[190:210, 195:205] = -9999  # 200 m x 100 m round A
    tif(tmp_path / "dem.tif", holed, nodata=-9999)
    toml = '[covariates.elev]\nraster = "dem.tif"\nstat = "mean"\nbuffer_m = 500\n'
    ds, _ = study(toml + '[covariates.here]\nraster = "dem.tif"\n')
    notes = {n["rule"]: n for n in Ledger.from_json(ds.attrs["ledger"]).cell_notes}
    around = notes["elev: cells without a value within 500 m"]
    assert around["n"] == 200
    assert around["places"] == ['site "A" (sites.csv row 2): 200 of 7854 cells']
    assert notes["here: no value at the site"]["places"] == ['site "A" (sites.csv row 2)']
    assert np.isnan(ds["here"].sel(site="A"))
    problem = one(Ledger.from_json(ds.attrs["ledger"]).problems, "W342")
    assert (
        problem.fact == 'dem.tif: no value at site "A" (sites.csv row 2): here is missing at 1 site'
    )
    assert problem.row == 2


def test_study__a_number_that_usually_means_missing_is_told(study, tmp_path):
    holed = GRADIENT.copy()
    holed[195:205, 195:205] = -9999
    tif(tmp_path / "dem.tif", holed)
    ds, problems = study('[covariates.elev]\nraster = "dem.tif"\n')
    assert ds["elev"].sel(site="A").item() == -9999
    assert (
        one(problems, "W348").cure == 'if it means missing: [covariates.elev] missing = ["-9999"]'
    )
    ds, problems = study('[covariates.elev]\nraster = "dem.tif"\nmissing = ["-9999"]\n')
    assert np.isnan(ds["elev"].sel(site="A"))
    assert [p.code for p in problems] == ["W342"]


def test_study__all_sites_outside_is_an_error(study, tmp_path):
    tif(tmp_path / "dem.tif", GRADIENT)
    away = {s: (e + 50_000, n) for s, (e, n) in PLACES.items()}
    _, problems = study('[covariates.elev]\nraster = "dem.tif"\n', places=away)
    problem = one(problems, "E344")
    assert "all 3 sites lie outside the raster, the nearest" in problem.fact
    assert 'site "B" (sites.csv row 3)) by 47.0 km' in problem.fact


def test_study__raster_without_crs(study, tmp_path):
    tif(tmp_path / "dem.tif", GRADIENT, crs=None)
    toml = '[covariates.elev]\nraster = "dem.tif"\n'
    _, problems = study(toml)
    problem = one(problems, "E030")
    assert problem.fact == "dem.tif does not tell its CRS"
    assert 'set [covariates.elev] crs = "EPSG:2056"' in problem.cure
    ds, _ = study(toml + 'crs = "EPSG:3035"\n')
    assert ds["elev"].sel(site="B").item() == 300


@pytest.mark.parametrize(
    ("toml", "code", "told", "cure"),
    [
        ('raster = "dem.tif"\nstat = "mean"', "E345", "buffer_m is not given", "buffer_m = 500"),
        (
            'raster = "dem.tif"\nbuffer_m = 100',
            "E345",
            "so buffer_m has no effect",
            'stat = "mean"',
        ),
        ('raster = "dem.tif"\nstat = "share"\nbuffer_m = 9', "E345", "no class", "class = 3"),
        ('raster = "dem.tif"\nclass = 3', "E345", "class has no effect", 'stat = "share"'),
        ('raster = "dem.tif"\nstat = "distance"', "E345", "no statistic of rasters", '"point"'),
        ('raster = "dem.tif"\nstat = "median"', "E405", "it must be", ""),
        (
            'raster = "dem.tif"\nband = 2',
            "E342",
            "dem.tif has no band 2",
            "[covariates.elev] band = 1",
        ),
        ('raster = "demm.tif"', "E401", 'Did you mean "dem.tif"?', "paths count"),
        ('raster = "../dem.tif"', "E406", "leads out of the study folder", "copy the file"),
        ('raster = "dem.tif"\npath = "x.csv"', "E345", "has raster and path", "keep one"),
        ('raster = "dem.tif"\ncolumn = "x"', "E408", "column has no effect on a raster", "remove"),
        ('path = "dem.tif"', "E345", "is a raster, not a table", 'raster = "dem.tif"'),
        ('path = "sites.csv"\nbuffer_m = 3', "E408", "needs a raster or polygons", "raster ="),
    ],
)
def test_study__what_is_asked_wrongly_is_told_with_the_cure(
    study, tmp_path, toml, code, told, cure
):
    tif(tmp_path / "dem.tif", GRADIENT)
    _, problems = study(f"[covariates.elev]\n{toml}\n")
    problem = next((p for p in problems if p.code == code), None)
    assert problem is not None, render(problems)
    assert told in problem.fact
    assert cure in problem.cure


def test_study__name_that_a_table_has_too_is_refused(study, tmp_path):
    tif(tmp_path / "dem.tif", GRADIENT)
    detections = "site,v1,v2,elev\nA,0,1,5\nB,0,0,6\nC,0,0,7\n"
    _, problems = study('[covariates.elev]\nraster = "dem.tif"\n', detections=detections)
    problem = one(problems, "E346")
    assert (
        '[covariates.elev] is "cell of dem.tif", and "elev" is a column of a table' in problem.fact
    )


def test_study__faults_of_all_rasters_come_in_one_go(study, tmp_path):
    _, problems = study('[covariates.a]\nraster = "a.tif"\n[covariates.b]\nraster = "b.tif"\n')
    assert [p.file for p in problems] == ["a.tif", "b.tif"]
