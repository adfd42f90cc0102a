"""Claims about building a Dataset from tidy tables."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from surveys.build import from_tables
from surveys.problems import SurveyError

VISITS = pd.DataFrame(
    {
        "site": ["A10", "A2", "A2", "B"],
        "season": [2020, 2020, 2021, 2020],
        "visit": [1, 1, 2, 1],
        "effort": [1.0, 2.0, 3.0, 0.0],
        "temp": [1, None, 3, 4],
        "rain": [5, 6, 7, 8],
    }
)
RECORDS = pd.DataFrame(
    {
        "site": ["A2", "A2", "A10"],
        "season": [2020, 2020, 2020],
        "visit": [1, 1, 1],
        "species": ["fox", "fox", "owl"],
        "count": [2, 3, None],
        "file": "records.csv",
        "row": [2, 3, 4],
    }
)
SITES = pd.DataFrame(
    {"site": ["B", "A10", "C", "A2"], "elev": [3, 2, 4, 1], "region": ["n", "s", None, "n"]}
)


def test_from_tables__zeros_come_from_visits_and_holes_stay_missing():
    ds = from_tables(VISITS, RECORDS, SITES, effort_units="days")
    assert ds["site"].values.tolist() == ["A2", "A10", "B", "C"]
    fox = ds["detection"].sel(species="fox")
    assert fox.sel(site="A2", season=2020).values[0] == 1
    assert fox.sel(site="A10", season=2020).values[0] == 0
    assert np.isnan(fox.sel(site="A2", season=2021).values[0])
    assert fox.sel(site="A2", season=2021).values[1] == 0
    assert np.isnan(fox.sel(site=["B", "C"])).all()
    assert ds["effort"].sel(site="B", season=2020).values[0] == 0


def test_from_tables__counts_of_a_cell_add_up_and_an_unknown_count_stays_unknown():
    ds = from_tables(VISITS, RECORDS, SITES)
    assert ds["count"].sel(species="fox", site="A2", season=2020).values[0] == 5
    owl = ds.sel(species="owl", site="A10", season=2020)
    assert owl["detection"].values[0] == 1
    assert np.isnan(owl["count"].values[0])


def test_from_tables__columns_become_covariates_of_their_own_table():
    ds = from_tables(VISITS, RECORDS, SITES, season_covariates=["rain"], missing="refuse")
    assert ds["elev"].dims == ("site",)
    assert ds["elev"].values.tolist() == [1, 2, 3, 4]
    assert ds["temp"].dims == ("site", "season", "visit")
    assert ds["rain"].dims == ("site", "season")
    assert ds["temp"].attrs["missing"] == "refuse"
    assert ds["region"].values.tolist() == ["n", "s", "n", ""]


def test_from_tables__season_covariate_that_changes_within_the_season_is_refused():
    visits = pd.DataFrame({"site": ["A", "A"], "visit": [1, 2], "rain": [1.0, 2.0]})
    with pytest.raises(SurveyError, match='"rain" changes within the season'):
        from_tables(visits, season_covariates=["rain"])


def test_from_tables__season_table_holds_for_all_sites_or_by_site():
    table = pd.DataFrame({"season": [2020, 2021, 1999], "snow": [1.0, 2.0, 9.0]})
    ds = from_tables(VISITS, RECORDS, SITES, season_covariates=table)
    assert ds["snow"].values.tolist() == [[1.0, 2.0]] * 4


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"visits": VISITS.assign(site=["A10", "A 2", "A2", "B"])}, "E022", 'Did you mean "A2"'),
        ({"records": RECORDS.assign(site=["A2", "A22", "A10"])}, "E022", "records.csv, row 3"),
        ({"records": RECORDS.assign(visit=[1, 2, 1])}, "E211", "no such visit was made"),
        ({"records": RECORDS.assign(site="B")}, "E049", 'Site "B", visit 1 of 2020 has a det'),
        ({"visits": pd.concat([VISITS, VISITS])}, "E209", "listed more than once"),
        ({"sites": pd.concat([SITES, SITES])}, "E021", "more than one row"),
        ({"species": ["owl"]}, "E212", 'Species "fox" was recorded'),
        ({"visits": VISITS.assign(visit=[0, 1, 2, 1])}, "E208", "Visit number 0"),
        ({"records": RECORDS.drop(columns="season")}, "E015", 'no column "season"'),
        ({"visits": VISITS.assign(effort=[1, None, 1, 1])}, "E049", "its effort is missing"),
    ],
)
def test_from_tables__contradictions_are_refused_with_their_place(change, code, told):
    with pytest.raises(SurveyError) as caught:
        from_tables(**{"visits": VISITS, "records": RECORDS, "sites": SITES, **change})
    assert caught.value.codes == (code,)
    assert told in str(caught.value)


def test_from_tables__visits_are_numbered_by_start_and_found_by_their_id():
    visits = pd.DataFrame(
        {
            "visit_id": ["S3", "S1", "S2"],
            "site": ["A", "A", "B"],
            "start": pd.to_datetime(["2020-05-02", "2020-05-01", "2020-05-09"]),
        }
    )
    records = pd.DataFrame({"visit_id": ["S3"], "species": ["fox"]})
    ds = from_tables(visits, records)
    np.testing.assert_array_equal(ds["detection"].values[0, :, 0], [[0, 1], [0, np.nan]])
    assert ds["visit_start"].values[0, 0, 1] == np.datetime64("2020-05-02")
    assert np.isnat(ds["visit_start"].values[1, 0, 1])


@pytest.mark.parametrize("odd", [np.datetime64("9202-01-01", "s"), "soon"])
def test_from_tables__a_moment_that_cannot_be_held_is_told_by_its_row(odd):
    visits = VISITS.assign(
        start=["2020-05-01", odd, None, "2020-05-02"], file="v.csv", row=range(2, 6)
    )
    with pytest.raises(SurveyError) as caught:
        from_tables(visits, RECORDS, SITES)
    (problem,) = caught.value.problems
    assert (problem.code, problem.file, problem.row) == ("E035", "v.csv", 3)
    assert "is no moment from 1678 to 2261" in problem.fact


def test_from_tables__species_not_looked_for_is_missing_and_not_absent():
    target = pd.DataFrame({"species": ["fox", "owl", "fox"], "site": ["A2", "A10", "A10"]})
    ds = from_tables(VISITS, RECORDS, SITES, target=target)
    assert np.isnan(ds["detection"].sel(species="owl", site="A2")).all()
    assert ds["target"].sel(species="fox", site="A2").all()


def test_from_tables__a_lost_result_is_missing_for_its_species_only():
    records = RECORDS.drop(columns="count").assign(detection=[None, None, 1])
    ds = from_tables(VISITS, records, SITES)
    assert np.isnan(ds["detection"].sel(species="fox", site="A2", season=2020).values[0])
    assert ds["detection"].sel(species="owl", site="A2", season=2020).values[0] == 0


def test_from_tables__no_record_at_all_is_a_survey_of_zeros():
    ds = from_tables(VISITS, None, SITES, species=["fox"])
    assert float(ds["detection"].sum()) == 0
    assert int(ds["detection"].notnull().sum()) == 3


def test_from_tables__coordinates_of_the_sites_are_attached():
    sites = SITES.assign(longitude=[8.0, 8.1, None, 8.3], latitude=[46.0, 46.1, None, 46.3])
    ds = from_tables(VISITS, RECORDS, sites)
    assert ds["longitude"].sel(site="A2").item() == 8.3
    assert np.isnan(ds["easting"].sel(site="C").item())
    assert ds["spatial_ref"].attrs["crs_name"] == "ETRS89-extended / LAEA Europe"


@st.composite
def tables(draw):
    cells = [(s, t, j) for s in ("A1", "A2", "A10") for t in (1, 2) for j in (1, 2, 3)]
    made = draw(st.lists(st.sampled_from(cells), min_size=1, unique=True))
    effort = draw(st.lists(st.sampled_from([0.5, 1.0, 7.0]), min_size=18, max_size=18))
    visits = pd.DataFrame(made, columns=["site", "season", "visit"])
    visits["effort"] = effort[: len(made)]
    visits["temp"] = [draw(st.sampled_from([1.5, -2.0, None])) for _ in made]
    seen = draw(st.lists(st.tuples(st.sampled_from(made), st.sampled_from("xyz")), max_size=25))
    records = pd.DataFrame(
        [(*cell, species, 1 + i % 4) for i, (cell, species) in enumerate(seen)],
        columns=["site", "season", "visit", "species", "count"],
    )
    return visits, records


@settings(max_examples=50, deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_from_tables__order_of_rows_changes_nothing(given_tables, random):
    visits, records = given_tables
    order, other = list(range(len(visits))), list(range(len(records)))
    random.shuffle(order)
    random.shuffle(other)
    species = ["x", "y", "z"]
    one = from_tables(visits, records, species=species)
    two = from_tables(visits.iloc[order], records.iloc[other], species=species)
    xr.testing.assert_identical(one, two)


@settings(max_examples=50, deadline=None)
@given(tables())
def test_from_tables__counts_and_visits_add_up_again(given_tables):
    visits, records = given_tables
    ds = from_tables(visits, records, species=["x", "y", "z"])
    cells = records.drop_duplicates(["site", "season", "visit", "species"])
    assert int((ds["detection"] > 0).sum()) == len(cells)
    assert int(ds["detection"].notnull().sum()) == 3 * len(visits)
    assert float(ds["effort"].sum()) == pytest.approx(visits["effort"].sum(), abs=1e-12)
    if len(records):
        assert float(ds["count"].sum()) == records["count"].sum()
