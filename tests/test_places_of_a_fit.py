"""What callers bring to a fit (tables, cells, layers) is taken in any sound form, or refused."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import surveys
from occupancy import Model
from surveys.problems import ModelError, SurveyError

RNG = np.random.default_rng(5)
N = 60
X, LONGITUDE, LATITUDE = RNG.normal(size=N), RNG.uniform(7, 8, N), RNG.uniform(46, 47, N)
PRESENT = RNG.random(N) < 0.6
DATA = surveys.from_arrays(
    PRESENT[:, None] * (RNG.random((N, 3)) < 0.6),
    site_covariates={"x": X, "kind": np.array(list("ab"))[np.arange(N) % 2]},
    coordinates={"lon": LONGITUDE, "lat": LATITUDE},
)
FIT = Model(DATA, psi="x + kind").fit("ml")
LAYER = gpd.GeoDataFrame(
    {"region": ["west", "east"]},
    geometry=[shapely.box(7, 46, 7.5, 47), shapely.box(7.5, 46, 8, 47)],
    crs="EPSG:4326",
)
CELLS = gpd.GeoDataFrame(
    {"x": [0.0, 1.0, 2.0], "kind": ["a", "b", "a"]},
    geometry=[shapely.box(w, 46.2, w + 0.1, 46.3) for w in (7.1, 7.3, 7.7)],
    crs="EPSG:4326",
)


def test_regions__layer_in_any_crs_or_as_a_path_gives_the_same(tmp_path: Path):
    LAYER.to_file(tmp_path / "regions.gpkg")
    expected = FIT.regions(LAYER).drop(columns="geometry")
    assert expected["sites"].sum() == N
    for layer in (LAYER.to_crs(3035), LAYER.rename_geometry("shape")):
        found = FIT.regions(layer)
        assert found.crs == layer.crs
        pd.testing.assert_frame_equal(found.drop(columns="geometry"), expected)
    by_path = FIT.regions(tmp_path / "regions.gpkg").drop(columns="geometry")
    ordered = expected.iloc[::-1].reset_index(drop=True)  # of a file in natural order
    pd.testing.assert_frame_equal(by_path, ordered)


def test_regions__parts_of_one_name_are_one_region():
    found = FIT.regions(LAYER.assign(region="both"))
    assert found["sites"].tolist() == [N]


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (LAYER.set_crs(None, allow_override=True), "no CRS"),
        (LAYER.rename(columns={"region": "name"}), 'no column "region"'),
        (LAYER.assign(region=["west", None]), "no name"),
        (LAYER.iloc[:0], "no polygon"),
        (pd.DataFrame({"region": ["west"]}), "not a layer"),
        (3, "not a layer"),
    ],
)
def test_regions__unsound_layers_are_refused(layer, told: str):
    with pytest.raises(SurveyError, match=told):
        FIT.regions(layer)


def test_regions__without_labels_or_layer_is_empty_with_its_columns():
    found = FIT.regions()
    assert len(found) == 0
    assert {"region", "share_mean", "psi_upper", "ml_psi"} <= set(found.columns)


def test_surface__area_is_true_whatever_the_crs():
    found = FIT.regions(LAYER, surface=CELLS).set_index("region")
    truth = CELLS.to_crs(3035).area / 1e6
    assert found.loc["west", "area_km2"] == pytest.approx(truth[:2].sum(), rel=1e-3)
    assert found.loc["east", "area_km2"] == pytest.approx(truth[2], rel=1e-3)
    assert FIT.overall(surface=CELLS)["area_km2"].item() == pytest.approx(truth.sum(), rel=1e-3)


def test_surface__region_without_cells_has_no_area_answer():
    found = FIT.regions(LAYER, surface=CELLS.iloc[:2]).set_index("region")
    assert found.loc["east", ["area_psi_mean", "area_km2", "extrapolated"]].isna().all()
    assert FIT.regions(LAYER, surface=CELLS.iloc[:0])["area_km2"].isna().all()


def test_surface__cells_without_shapes_or_covariates_are_refused():
    table = pd.DataFrame(CELLS.drop(columns="geometry"))
    with pytest.raises(ModelError, match="area_km2"):
        FIT.overall(surface=table)
    with pytest.raises(ModelError, match="need shapes"):
        FIT.regions(LAYER, surface=table.assign(area_km2=1.0))
    with pytest.raises(ModelError, match="no column x"):
        FIT.overall(surface=CELLS.drop(columns="x"))
    assert FIT.overall(surface=table.assign(area_km2=1.0))["area_km2"].item() == 3.0


def test_predict__keeps_the_index_and_takes_what_holds_columns():
    table = pd.DataFrame({"x": [0.0, 1.0], "kind": ["a", "b"]}, index=["p", "q"])
    found = FIT.predict(table)
    assert found.index.tolist() == ["p", "q"]
    for other in (table.to_dict("list"), table.to_xarray(), table.astype({"kind": "category"})):
        np.testing.assert_array_equal(FIT.predict(other)["psi_mean"], found["psi_mean"])
    assert FIT.predict(table.iloc[:0]).shape == (0, 5)


def test_predict__missing_values_give_no_answer_and_no_mark():
    found = FIT.predict(pd.DataFrame({"x": [0.0, np.nan, 0.0], "kind": ["a", "a", None]}))
    assert found["psi_mean"].isna().tolist() == [False, True, True]
    assert not found["extrapolated"].any()


@pytest.mark.parametrize("table", [np.zeros((2, 2)), {"x": 0.0, "kind": "a"}, "cells.csv", None])
def test_predict__what_is_no_table_is_refused(table):
    with pytest.raises(ModelError, match="give a DataFrame"):
        FIT.predict(table)
