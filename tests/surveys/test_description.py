"""Claims about the description of a survey."""

import numpy as np
import pandas as pd
import pytest

import surveys

Y = np.array(
    [
        [[1, 0], [0, 0]],
        [[0, 0], [np.nan, np.nan]],
        [[0, np.nan], [1, 1]],
        [[np.nan, np.nan], [np.nan, np.nan]],
    ]
)


@pytest.fixture
def ds():
    return surveys.from_arrays(
        Y,
        region=["n", "n", "s", ""],
        site_covariates={"elev": [1, None, 3, None], "soil": ["a", "b", "a", ""]},
        title="Owls",
    )


def test_describe__naive_occupancy_counts_surveyed_sites_only(ds):
    naive = surveys.describe(ds).naive
    assert naive["surveyed"].tolist() == [3, 2]
    assert naive["detected"].tolist() == [1, 1]
    assert naive["naive"].tolist() == pytest.approx([1 / 3, 1 / 2])


def test_describe__totals_are_sums_of_the_tables(ds):
    d = surveys.describe(ds)
    assert d.totals["visits"] == 9 == d.table["visits"].sum() == d.sites["visits"].sum()
    assert d.totals["detections"] == 3 == d.sites["detections"].sum()
    assert d.totals["effort"] == d.table["effort"].sum() == d.sites["effort"].sum()
    assert (d.visits["visits"] * d.visits["sites and seasons"]).sum() == 9
    assert d.totals["sites visited"] == 3
    assert d.totals["sites without coordinates"] == 4


def test_describe__regions_and_species(ds):
    d = surveys.describe(ds)
    assert d.by_region["region"].tolist() == ["", "n", "s"]
    assert d.by_region["surveyed"].tolist() == [0, 2, 1]
    assert d.by_region["detected"].tolist() == [0, 1, 1]
    assert np.isnan(d.by_region["naive"].iloc[0])
    assert d.by_species["naive"].tolist() == pytest.approx([2 / 3])


def test_describe__missing_covariates_count_only_where_a_visit_was_made(ds):
    table = surveys.describe(ds).covariates.set_index("covariate")
    assert table["missing"].to_dict() == {"elev": 1, "soil": 0}
    assert table["values"].to_dict() == {"elev": "1 to 3", "soil": "a, b"}


def test_describe__first_and_last_by_site(ds):
    d = surveys.describe(ds)
    assert d.sites["first"].tolist() == ["1", "1", "1", ""]
    assert d.sites["last"].tolist() == ["2", "1", "2", ""]
    days = pd.to_datetime(["2020-05-01", "2020-05-03", None])
    visits = pd.DataFrame({"site": ["A", "A", "B"], "visit": [1, 2, 1], "start": days})
    sites = surveys.describe(surveys.from_tables(visits)).sites
    assert sites["last"].iloc[0] == pd.Timestamp("2020-05-03")
    assert sites["last"].isna().iloc[1]


def test_describe__prints_a_tidy_page(ds):
    text = str(surveys.describe(ds))
    assert text.splitlines()[:5] == [
        "Owls",
        "1 species, 4 sites, 2 seasons, up to 2 visits in a season",
        "9 visits made at 3 sites (1 never visited)",
        "effort 9 visits",
        "3 detections at 2 sites",
    ]
    assert "Naive occupancy by region" in text
    assert max(map(len, text.splitlines())) < 100


def test_describe__works_twice_because_no_module_hides_it(ds):
    import surveys.description

    assert callable(surveys.describe)
    assert surveys.description.describe is surveys.describe


def test_covariates_of_one_value_and_of_sentences_are_told_in_few_words():
    habitat = ["oak", "Stream valley with complexes of grassland, poplar and marsh"]
    ds = surveys.from_arrays(np.ones((2, 2)), site_covariates={"habitat": habitat, "year": [7, 7]})
    told = surveys.describe(ds).covariates.set_index("covariate")["values"]
    assert told["habitat"] == "Stream valley with complexes of grassla…, oak"
    assert told["year"] == "7 everywhere"
