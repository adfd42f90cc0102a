"""Claims about building a Dataset from arrays in memory."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import surveys
from surveys.ledger import Ledger
from surveys.problems import SurveyError

Y = np.array([[1, 0, np.nan], [0, 0, 0]])
FRAME = pd.DataFrame([[True, None], [pd.NA, False]], index=["B", "A"], columns=["y.1", "y.2"])


def test_from_arrays__two_dims_are_site_and_visit_and_all_four_dims_are_there():
    ds = surveys.from_arrays(Y, title="Foxes")
    assert dict(ds.sizes) == {"species": 1, "site": 2, "season": 1, "visit": 3}
    assert ds["detection"].dims == ("species", "site", "season", "visit")
    assert ds["detection"].dtype == np.float32
    np.testing.assert_array_equal(ds["detection"].values[0, :, 0, :], Y)
    np.testing.assert_array_equal(ds["effort"].values[:, 0, :], [[1, 1, np.nan], [1, 1, 1]])
    assert ds["effort"].attrs["units"] == "visits"
    assert ds.attrs["title"] == "Foxes"
    assert ds.attrs["schema"] == 1


def test_from_arrays__three_dims_have_the_season_in_the_middle_and_four_the_species_first():
    y = np.arange(12).reshape(2, 3, 2) % 2
    ds = surveys.from_arrays(y)
    assert (ds.sizes["site"], ds.sizes["season"], ds.sizes["visit"]) == (2, 3, 2)
    np.testing.assert_array_equal(ds["detection"].values[0], y)
    np.testing.assert_array_equal(surveys.from_arrays(y[None])["detection"].values[0], y)


def test_from_arrays__dataframe_keeps_labels_and_missing_of_every_kind():
    ds = surveys.from_arrays(FRAME)
    assert ds["site"].values.tolist() == ["B", "A"]
    np.testing.assert_array_equal(ds["detection"].values[0, :, 0], [[1, np.nan], [np.nan, 0]])


def test_from_arrays__columns_of_two_levels_are_season_and_visit_padded_at_the_end():
    columns = pd.MultiIndex.from_tuples([(2020, 1), (2021, 1), (2021, 2)])
    ds = surveys.from_arrays(pd.DataFrame([[1, 0, 1]], index=["A"], columns=columns))
    assert ds["season"].values.tolist() == [2020, 2021]
    np.testing.assert_array_equal(ds["detection"].values[0, 0], [[1, np.nan], [0, 1]])


def test_from_arrays__dataarray_goes_by_dim_names_whatever_their_order():
    y = xr.DataArray(Y.T, dims=("visit", "site"), coords={"site": ["A", "B"]})
    ds = surveys.from_arrays(y)
    np.testing.assert_array_equal(ds["detection"].values[0, :, 0], Y)
    with pytest.raises(SurveyError, match=r'dim "sites".*Did you mean "site"'):
        surveys.from_arrays(y.rename(site="sites"))


def test_from_arrays__dict_of_species():
    ds = surveys.from_arrays({"fox": Y, "owl": np.where(np.isnan(Y), np.nan, 0)})
    assert ds["species"].values.tolist() == ["fox", "owl"]
    assert float(ds["detection"].sel(species="owl").sum()) == 0
    with pytest.raises(SurveyError, match='"owl" and "fox" differ'):
        surveys.from_arrays({"fox": Y, "owl": Y[:1]})


def test_from_arrays__series_are_aligned_by_site_label_and_arrays_by_order():
    ds = surveys.from_arrays(
        FRAME,
        site_covariates={"elev": pd.Series([1, 2], index=["A", "B"]), "slope": [5, 6]},
    )
    assert ds["elev"].values.tolist() == [2.0, 1.0]
    assert ds["slope"].values.tolist() == [5.0, 6.0]


def test_from_arrays__labels_that_do_not_match_are_refused_with_the_nearest():
    with pytest.raises(SurveyError, match=r"no value for 1 of 2 sites: A\. .*Did you mean \"a\""):
        surveys.from_arrays(FRAME, site_covariates={"e": pd.Series([1, 2], index=["a", "B"])})


def test_from_arrays__rows_of_other_sites_are_left_out_and_noted():
    e = pd.Series([1, 2, 3], index=["A", "B", "Z"])
    ds = surveys.from_arrays(FRAME, site_covariates={"e": e})
    (note,) = Ledger.from_json(ds.attrs["ledger"]).of_level("note")
    assert "Z" in note.fact


def test_from_arrays__labelled_table_of_covariates_names_the_sites():
    table = pd.DataFrame({"elev": [1, 2]}, index=["north", "south"])
    ds = surveys.from_arrays(Y, site_covariates=table)
    assert ds["site"].values.tolist() == ["north", "south"]


def test_from_arrays__bool_and_int_become_float_text_and_categories_become_text():
    ds = surveys.from_arrays(
        Y,
        site_covariates={
            "wet": [True, False],
            "trees": pd.array([3, None], dtype="Int64"),
            "habitat": pd.Categorical(["oak", None]),
        },
    )
    assert ds["wet"].values.tolist() == [1.0, 0.0]
    assert ds["trees"].dtype == np.float64
    assert np.isnan(ds["trees"].values[1])
    assert ds["habitat"].values.tolist() == ["oak", ""]
    assert ds["habitat"].attrs["role"] == "covariate"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["a", 1.0], "mixes text"),
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), "dates or times"),
        ([1.0, np.inf], 'Site "2": covariate "c" is infinite'),
        ([1.0, 2.0, 3.0], r"shape \(3,\), but there are 2 sites"),
    ],
)
def test_from_arrays__covariates_that_are_none_are_refused(values, told):
    with pytest.raises(SurveyError, match=told):
        surveys.from_arrays(Y, site_covariates={"c": values})


def test_from_arrays__season_and_visit_covariates_by_their_shape():
    y = np.zeros((2, 3, 2))
    ds = surveys.from_arrays(
        y,
        season_covariates={"rain": [1, 2, 3], "snow": [[1, 2, 3], [4, 5, 6]]},
        visit_covariates={"wind": np.arange(12).reshape(2, 3, 2)},
    )
    assert ds["rain"].dims == ("site", "season")
    assert ds["rain"].values.tolist() == [[1, 2, 3], [1, 2, 3]]
    assert ds["snow"].values.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert ds["wind"].dims == ("site", "season", "visit")


def test_from_arrays__one_season_takes_visit_covariates_of_two_dims():
    ds = surveys.from_arrays(Y, visit_covariates={"date": Y * 0 + 5})
    assert ds["date"].dims == ("site", "season", "visit")
    assert np.isnan(ds["date"].values[0, 0, 2])


@pytest.mark.parametrize("bad", [-1, 0.5, np.inf, 9999])
def test_from_arrays__detections_that_are_no_state_are_refused_by_site_and_visit(bad):
    with pytest.raises(SurveyError, match='Site "2", visit 1: detection is') as caught:
        surveys.from_arrays([[1, 0], [bad, 0]])
    assert caught.value.codes == ("E120",)


def test_from_arrays__state_codes_are_kept():
    assert surveys.from_arrays([[0, 1, 2, 3]])["detection"].max() == 3


def test_from_arrays__text_is_no_detection():
    with pytest.raises(SurveyError, match="'many', which is not a number"):
        surveys.from_arrays([["many", 1]])


def test_from_arrays__all_bad_cells_are_told_in_one_go():
    with pytest.raises(SurveyError) as caught:
        surveys.from_arrays([[-1, 0.5]], site_covariates={"c": [np.inf]}, missing="guess")
    assert caught.value.codes == ("E120", "E150", "E152")
    assert len(caught.value.problems) == 4


def test_from_arrays__detection_with_effort_zero_names_site_season_and_visit():
    y = np.zeros((2, 2, 2))
    y[1, 0, 1] = 1
    effort = np.ones((2, 2, 2))
    effort[1, 0, 1] = 0
    with pytest.raises(SurveyError, match='Site "2", visit 2 of 1 has a detection, but its'):
        surveys.from_arrays(y, effort=effort)


def test_from_arrays__non_detection_with_effort_zero_is_no_visit_and_is_noted():
    ds = surveys.from_arrays([[0, 1]], effort=[[0, 3.5]], effort_units="days")
    np.testing.assert_array_equal(ds["detection"].values.ravel(), [np.nan, 1])
    assert ds["effort"].attrs["units"] == "days"
    (note,) = Ledger.from_json(ds.attrs["ledger"]).cell_notes
    assert (note["n"], note["places"]) == (1, ['site "1", visit 1'])


def test_from_arrays__effort_without_result_is_cleared_and_noted():
    ds = surveys.from_arrays(Y, effort=2.0)
    assert np.isnan(ds["effort"].values[0, 0, 2])
    ds = surveys.from_arrays(Y, effort=np.full((2, 3), 2.0))
    np.testing.assert_array_equal(ds["effort"].values[0, 0], [2, 2, np.nan])
    assert Ledger.from_json(ds.attrs["ledger"]).cell_notes[0]["n"] == 1


def test_from_arrays__unknown_effort_of_a_visit_made_is_refused():
    with pytest.raises(SurveyError, match="has a non-detection, but its effort is missing"):
        surveys.from_arrays([[0, 1]], effort=[[np.nan, 1]])


def test_from_arrays__missing_policy_for_all_or_by_covariate():
    cov = {"a": [1, 2], "b": [1, 2]}
    ds = surveys.from_arrays(Y, site_covariates=cov, missing={"b": "refuse"})
    assert (ds["a"].attrs["missing"], ds["b"].attrs["missing"]) == ("drop visit", "refuse")
    with pytest.raises(SurveyError, match='missing names "bb", which is no covariate'):
        surveys.from_arrays(Y, site_covariates=cov, missing={"bb": "refuse"})


def test_from_arrays__site_never_visited_stays():
    ds = surveys.from_arrays([[1, 0], [np.nan, np.nan]])
    assert ds.sizes["site"] == 2
    with pytest.raises(SurveyError, match="No visit was made"):
        surveys.from_arrays([[np.nan]])


def test_from_arrays__covariate_may_not_take_a_name_of_the_contract():
    with pytest.raises(SurveyError, match='called "effort"'):
        surveys.from_arrays(Y, site_covariates={"effort": [1, 2]})


def test_from_arrays__region_labels_are_text():
    ds = surveys.from_arrays(Y, region=[7, None])
    assert ds["region"].values.tolist() == ["7", ""]
    assert "role" not in ds["region"].attrs


def test_import_surveys__costs_no_heavy_library():
    import subprocess
    import sys

    heavy = "{'pandas', 'xarray', 'geopandas', 'pyproj', 'shapely', 'matplotlib', 'occupancy'}"
    code = f"import surveys, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_detection__rows_of_different_lengths_are_refused_in_words():
    with pytest.raises(SurveyError, match="rows differ in length"):
        surveys.from_arrays([[1, 0], [0]])
    with pytest.raises(SurveyError, match="give one variable"):
        surveys.from_arrays(xr.Dataset({"y": (("site", "visit"), np.eye(2))}))


@pytest.mark.parametrize("pair", [("UTM_E", "UTM_N"), ("East", "North"), ("x_coord", "y_coord")])
def test_coordinates__are_known_by_the_names_that_tables_know(pair: tuple[str, str]):
    metres = {pair[0]: [2.6e6, 2.61e6], pair[1]: [1.2e6, 1.21e6]}
    ds = surveys.from_arrays(np.eye(2), coordinates=metres, crs="EPSG:2056")
    assert ds["latitude"].values == pytest.approx([46.95, 47.04], abs=0.05)
