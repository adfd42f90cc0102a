"""The made-up study: files of a real survey, a truth that fits them, the same for the same seed."""

from __future__ import annotations

import csv
import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

from occupancy.landscape import Truth, simulate_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("study")
    return folder, simulate_study(folder, seed=7, sites=80, regions=4, visits=4)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_truth__is_kept_beside_the_files_and_reads_back(study: tuple[Path, Truth]):
    folder, truth = study
    assert Truth.open(folder / "truth.json") == truth
    assert truth.sites == 80
    assert truth.surveyed == 75
    assert truth.occupied == sum(region["occupied"] for region in truth.regions.values())
    assert truth.surveyed == sum(region["surveyed"] for region in truth.regions.values())


def test_visits__ragged_some_missed_some_sites_never_visited(study: tuple[Path, Truth]):
    folder, truth = study
    tables = {name: rows(folder / f"{name}.csv") for name in ("detections", "date", "camera_days")}
    visits = [f"visit_{i}" for i in range(1, 5)]
    made = np.array([[row[v] != "" for v in visits] for row in tables["detections"]])
    assert (~made.any(axis=1)).sum() == truth.sites - truth.surveyed
    assert len(set(made.sum(axis=1))) > 3
    for table in tables.values():
        assert np.array_equal(made, [[row[v] != "" for v in visits] for row in table])
    assert {row[v] for row in tables["detections"] for v in visits} == {"", "0", "1"}


def test_detections__only_at_occupied_sites(study: tuple[Path, Truth]):
    folder, truth = study
    seen = {row["site"] for row in rows(folder / "detections.csv") if "1" in list(row.values())[1:]}
    region = {row["site"]: row["region"] for row in rows(folder / "sites.csv")}
    for name, answer in truth.regions.items():
        assert sum(region[site] == name for site in seen) <= answer["occupied"]
    assert len(seen) > 10


def test_regions__cover_the_land_without_gap_or_overlap(study: tuple[Path, Truth]):
    import geopandas as gpd
    import shapely

    folder, truth = study
    regions = gpd.read_file(folder / "regions.gpkg")
    cells = gpd.read_file(folder / "cells.gpkg")
    assert regions.crs.to_epsg() == cells.crs.to_epsg() == 3035
    assert list(regions["region"]) == list(truth.regions)
    assert set(regions.geom_type) == {"Polygon"}
    land = shapely.union_all(regions.geometry.values)
    # To a square metre in tens of thousands of square kilometres.
    assert regions.area.sum() == pytest.approx(land.area, abs=1)
    assert land.interiors == [] or len(land.interiors) == 0
    # Slivers of the coast under a thousandth of a cell are left out.
    assert cells["area_km2"].sum() == pytest.approx(land.area / 1e6, rel=1e-4)
    assert list(cells["cell"]) == list(truth.cells)


def test_region_mean__is_the_area_mean_of_the_cells(study: tuple[Path, Truth]):
    import geopandas as gpd

    folder, truth = study
    cells = gpd.read_file(folder / "cells.gpkg")
    psi = np.array([truth.cells[name] for name in cells["cell"]])
    for name, answer in truth.regions.items():
        here = (cells["region"] == name).to_numpy()
        mean = (psi[here] * cells["area_km2"][here]).sum() / cells["area_km2"][here].sum()
        assert mean == pytest.approx(answer["area_psi"], abs=1e-5)  # psi is kept to six decimals


def test_sites__lie_in_their_region_and_carry_its_ground(study: tuple[Path, Truth]):
    import geopandas as gpd

    folder, _ = study
    table = rows(folder / "sites.csv")
    at = gpd.points_from_xy(
        [float(row["longitude"]) for row in table], [float(row["latitude"]) for row in table]
    )
    sites = gpd.GeoDataFrame(table, geometry=at, crs=4326).to_crs(3035)
    found = sites.sjoin(gpd.read_file(folder / "regions.gpkg"), how="left")
    # Five decimals of a degree are a metre: a site on the border itself may fall to either side.
    assert (found["region_left"] == found["region_right"]).mean() > 0.98


def test_study_file__names_files_that_exist(study: tuple[Path, Truth]):
    folder, truth = study
    study_file = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))
    assert study_file["study"]["species"] == truth.species
    assert study_file["wide"]["visits"] == ["visit_1", "visit_2", "visit_3", "visit_4"]
    sections = [*study_file["files"].values(), *study_file["visit_covariates"].values()]
    for section in [*sections, study_file["regions"], study_file["surface"]]:
        assert (folder / section["path"]).is_file()


def test_simulate__same_seed_same_files_other_seed_other_truth(
    study: tuple[Path, Truth], tmp_path: Path
):
    folder, truth = study
    again = simulate_study(tmp_path / "again", seed=7, sites=80, regions=4, visits=4)
    assert again == truth
    for name in ("detections.csv", "sites.csv", "study.toml", "truth.json"):
        first, second = ((at / name).read_bytes() for at in (folder, tmp_path / "again"))
        assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest(), name
    assert simulate_study(tmp_path / "other", seed=8, sites=80).regions != truth.regions


def test_simulate__more_regions_than_names_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="between 2 and 12"):
        simulate_study(tmp_path, regions=13)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("regions", [2, 12])
def test_regions__any_seed_gives_one_whole_piece_each(seed: int, regions: int):
    from occupancy.landscape import _regions

    areas = _regions(np.random.default_rng(seed), regions)
    assert set(areas.geom_type) == {"Polygon"}
    assert areas.area.min() > 1e8  # 100 km2
