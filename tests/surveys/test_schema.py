"""Claims about what the contract refuses."""

import numpy as np
import pytest

import surveys
from surveys.problems import SurveyError


@pytest.fixture
def ds():
    return surveys.from_arrays(
        np.array([[1.0, 0.0, np.nan], [0.0, 0.0, 0.0]]),
        site_covariates={"elev": [1.0, 2.0]},
        coordinates=[[8.0, 46.0], [8.1, 46.1]],
    )


def test_validate__returns_a_good_dataset_unchanged(ds):
    assert surveys.validate(ds) is ds


def no_species(ds):
    return ds.isel(species=0, drop=True)


def twice(ds):
    return ds.assign_coords(site=["A", "A"])


def blank(ds):
    return ds.assign_coords(site=["A", " "])


def from_zero(ds):
    return ds.assign_coords(visit=[0, 1, 2])


def integers(ds):
    return ds.assign(detection=ds["detection"].fillna(0).astype(int))


def turned(ds):
    return ds.assign(effort=ds["effort"].transpose("visit", "season", "site"))


def no_role(ds):
    return ds.assign(slope=("site", [1.0, 2.0]))


def no_units(ds):
    del ds["effort"].attrs["units"]
    return ds


def effort_without_detection(ds):
    ds["effort"].values[0, 0, 2] = 1
    return ds


def negative_effort(ds):
    ds["effort"].values[0, 0, 0] = -1
    return ds


def half_a_place(ds):
    ds["longitude"].values[0] = np.nan
    return ds


def beyond_the_pole(ds):
    ds["latitude"].values[0] = 468.12
    return ds


def other_schema(ds):
    return ds.assign_attrs(schema=99)


def by_species(ds):
    ds["elev"] = (
        ("species", "site"),
        [[1.0] * ds.sizes["site"]],
        {"role": "covariate", "missing": "refuse"},
    )
    return ds


def count_without_visit(ds):
    return ds.assign(count=ds["detection"].fillna(1))


def ends_first(ds):
    day = np.datetime64("2020-01-02", "ns")
    shape = ds["effort"].shape
    dims = ds["effort"].dims
    one = np.timedelta64(1, "D")
    return ds.assign(
        visit_start=(dims, np.full(shape, day)), visit_end=(dims, np.full(shape, day - one))
    )


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (no_species, "E101"),
        (twice, "E105"),
        (blank, "E106"),
        (from_zero, "E107"),
        (integers, "E113"),
        (turned, "E112"),
        (no_role, "E116"),
        (no_units, "E130"),
        (effort_without_detection, "E133"),
        (negative_effort, "E131"),
        (half_a_place, "E141"),
        (beyond_the_pole, "E025"),
        (other_schema, "E111"),
        (by_species, "E114"),
        (count_without_visit, "E122"),
        (ends_first, "E134"),
    ],
)
def test_validate__refuses_each_breach_by_its_code(ds, spoil, code):
    with pytest.raises(SurveyError) as caught:
        surveys.validate(spoil(ds.copy(deep=True)))
    assert code in caught.value.codes


def test_validate__tells_everything_at_once(ds):
    bad = beyond_the_pole(negative_effort(ds.copy(deep=True)))
    with pytest.raises(SurveyError) as caught:
        surveys.validate(bad)
    assert {"E131", "E025"} <= set(caught.value.codes)


def test_validate__a_thousand_bad_cells_make_a_short_message():
    with pytest.raises(SurveyError, match="1000 such places") as caught:
        surveys.from_arrays(np.full((100, 10), -1))
    assert len(str(caught.value).splitlines()) < 30
