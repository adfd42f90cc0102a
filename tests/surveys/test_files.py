"""Claims about the Dataset on disk."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import surveys
from surveys.build import from_tables
from surveys.problems import SurveyError


@pytest.fixture
def ds():
    visits = pd.DataFrame(
        {
            "site": ["Château", "B", "C"],
            "season": ["a", "b", "b"],
            "visit": [1, 1, 2],
            "start": pd.to_datetime(
                ["2020-01-01 03:04:05.123456789", "2020-01-01", None], format="ISO8601"
            ),
            "end": pd.to_datetime(["2020-01-02", "2020-01-02", None]),
            "observer": ["日本", None, " x "],
            "temp": [0.1, np.nan, -3.0],
        }
    )
    records = pd.DataFrame(
        {"site": ["B"], "season": ["b"], "visit": [1], "species": ["fox"], "count": [2]}
    )
    target = pd.DataFrame({"species": ["fox", "fox", "owl"], "site": ["Château", "B", "C"]})
    return from_tables(
        visits, records, target=target, provenance={"files": ["é"]}, units={"temp": "°C"}
    )


def test_save_open__gives_back_the_same_dataset(ds, tmp_path):
    path = surveys.save(ds, tmp_path / "data.nc")
    again = surveys.open(path)
    xr.testing.assert_identical(again, ds)
    assert list(again.data_vars) == list(ds.data_vars)
    for name in ds.variables:
        assert again[name].dtype.kind == ds[name].dtype.kind, name
        assert again[name].attrs == ds[name].attrs, name
    assert [p.name for p in tmp_path.iterdir()] == ["data.nc"]


def test_save__replaces_the_old_file_whole(ds, tmp_path):
    path = tmp_path / "data.nc"
    surveys.save(ds, path)
    surveys.save(ds.assign_attrs(title="new"), path)
    assert surveys.open(path).attrs["title"] == "new"


def test_save__an_invalid_dataset_leaves_no_file(ds, tmp_path):
    with pytest.raises(SurveyError):
        surveys.save(ds.drop_vars("effort"), tmp_path / "data.nc")
    with pytest.raises(SurveyError, match='Attribute "history" is a list'):
        surveys.save(ds.assign_attrs(history=[1]), tmp_path / "data.nc")
    assert list(tmp_path.iterdir()) == []


def test_save__a_folder_that_is_not_there_is_told_plainly(ds, tmp_path):
    with pytest.raises(SurveyError, match="could not be written"):
        surveys.save(ds, tmp_path / "none" / "data.nc")


def test_save__a_full_disk_leaves_the_old_file_and_nothing_else(ds, tmp_path):
    resource = pytest.importorskip("resource")
    path = surveys.save(ds, tmp_path / "data.nc")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    try:
        with pytest.raises(SurveyError, match="could not be written"):
            surveys.save(ds.assign_attrs(title="new"), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert surveys.open(path).attrs["title"] == ""
    assert [p.name for p in tmp_path.iterdir()] == ["data.nc"]


def test_open__every_damage_is_refused_or_harmless(ds, tmp_path):
    path = surveys.save(ds, tmp_path / "data.nc")
    good = path.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for bit in rng.integers(0, 8 * len(good), 15):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(bad)
        try:
            harmless = surveys.open(path).identical(ds)  # a bit that nothing reads
        except SurveyError as error:
            refused += error.codes == ("E402",)
        else:
            assert harmless
    assert refused > 1


@pytest.mark.parametrize("kept", [0, 10, 3000, -5])
def test_open__a_truncated_file_is_refused(ds, tmp_path, kept):
    path = surveys.save(ds, tmp_path / "data.nc")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SurveyError, match=r"data\.nc is damaged or incomplete"):
        surveys.open(path)


def test_open__changed_value_or_attribute_is_noticed(ds, tmp_path):
    import h5py

    path = surveys.save(ds, tmp_path / "data.nc")
    with h5py.File(path, "r+") as file:
        file["temp"][...] = 1.0
    with pytest.raises(SurveyError, match="no longer agrees with its checksum"):
        surveys.open(path)
    surveys.save(ds, path)
    with h5py.File(path, "r+") as file:
        file.attrs["title"] = "other"
    with pytest.raises(SurveyError, match="no longer agrees with its checksum"):
        surveys.open(path)


@pytest.mark.parametrize("path", ["https://x.org/a.nc", "/vsicurl/x", "none.nc", "NETCDF:a.nc"])
def test_open__addresses_and_missing_files_are_refused(path):
    with pytest.raises(SurveyError) as caught:
        surveys.open(path)
    assert caught.value.codes == ("E301",)


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda w: w.strip() == w
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(words, min_size=6, max_size=6, unique=True),
    st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=17, max_size=17),
    st.lists(st.one_of(st.just(""), words), min_size=6, max_size=6),
    st.lists(st.floats(allow_infinity=False), min_size=6, max_size=6),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
)
def test_save_open__round_trip_of_any_text_and_number(tmp_path, sites, y, text, numbers, title):
    frame = pd.DataFrame(np.reshape([*y, 1.0], (6, 3)), index=sites)
    made = surveys.from_arrays(
        frame, site_covariates={"text": text, "number": numbers}, title=title
    )
    again = surveys.open(surveys.save(made, tmp_path / "t.nc"))
    xr.testing.assert_identical(again, made)
