"""Parquet, open-document and packed tables: the same surveys as in plain text, types kept."""

import datetime
import gzip
import io
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr
from ods_samples import ods

from surveys import read
from surveys.guess import guess
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import SurveyError
from surveys.text_table import TableSpec

STUDY = """schema = 1
[files.detections]
path = "d.{end}"
[files.sites]
path = "s.{end}"
"""
DETECTIONS = {"site": ["007", "7", "B"], "v1": [0, 1, None], "v2": [1.0, None, 0.0]}
SITES = {
    "site": ["007", "7", "B"],
    "lat": [46.81, 46.9, 46.5],
    "lon": [8.21, 8.4, 8.3],
    "forest": ["oak", "fir", "oak"],
    "elev": [1203.5, None, 987.0],
}


def parquet(columns, **types):
    table = pa.table({k: pa.array(v, type=types.get(k)) for k, v in columns.items()})
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def text(columns):
    return pd.DataFrame(columns).to_csv(index=False).encode()


def spreadsheet(columns):
    rows = zip(*columns.values(), strict=True)
    return ods([list(columns), *([None if v is None else v for v in row] for row in rows)])


def zipped(content, name="inside.csv"):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        archive.writestr("__MACOSX/._inside.csv", b"x")
    return stream.getvalue()


def put(folder, end, write):
    (folder / "study.toml").write_text(STUDY.format(end=end))
    (folder / f"d.{end}").write_bytes(write(DETECTIONS))
    (folder / f"s.{end}").write_bytes(write(SITES))
    return folder


WAYS = {
    "parquet": parquet,
    "ods": spreadsheet,
    "csv.gz": lambda c: gzip.compress(text(c)),
    "zip": lambda c: zipped(text(c)),
    "parquet.zip": lambda c: zipped(parquet(c), "inside.parquet"),
}


@pytest.mark.parametrize("end", WAYS)
def test_other_files_of_the_same_tables(tmp_path, end):
    (tmp_path / "plain").mkdir()
    plain = read(put(tmp_path / "plain", "csv", text))
    ds = read(put(tmp_path, end, WAYS[end]))
    xr.testing.assert_equal(plain, ds)
    assert ds["site"].values.tolist() == ["007", "7", "B"]
    assert np.isnan(ds["elev"].sel(site="7"))


def opened(tmp_path, raw, **keys):
    path = tmp_path / "t.parquet"
    path.write_bytes(raw)
    ledger = Ledger()
    return open_table(TableSpec(path, "t.parquet", **keys), ledger), ledger


def test_parquet__each_type_is_told_as_it_stands(tmp_path):
    raw = parquet(
        {
            "id": ["1E5", " A ", None],
            "big": [2**60 + 1, None, -1],
            "narrow": np.array([0.1, np.nan, 7], dtype="float32"),
            "kind": pa.array(["oak", None, "oak"]).dictionary_encode(),
            "day": [datetime.date(2021, 5, 1), None, datetime.date(1999, 12, 31)],
            "when": [datetime.datetime(2021, 5, 1, 6), None, datetime.datetime(2021, 5, 2)],
            "midnight": [datetime.datetime(2021, 5, 1), None, datetime.datetime(2021, 5, 2)],
            "far": pa.array(
                [datetime.datetime(2021, 5, 1, 22, 30), None, None],
                type=pa.timestamp("ns", tz="Europe/Zurich"),
            ),
            "hour": [datetime.time(6, 30), None, datetime.time(0)],
            "seen": [True, None, False],
            "price": pa.array(["1.50", None, "2.00"]).cast(pa.decimal128(6, 2)),
            "void": pa.nulls(3),
        }
    )
    table, _ = opened(tmp_path, raw)
    told = {name: table.text(name).tolist() for name in table.names}
    assert told == {
        "id": ["1E5", "A", ""],
        "big": ["1152921504606846977", "", "-1"],
        "narrow": ["0.1", "", "7"],
        "kind": ["oak", "", "oak"],
        "day": ["2021-05-01", "", "1999-12-31"],
        "when": ["2021-05-01 06:00:00", "", "2021-05-02 00:00:00"],
        "midnight": ["2021-05-01", "", "2021-05-02"],
        "far": ["2021-05-02T00:30:00+02:00", "", ""],
        "hour": ["06:30:00", "", "00:00:00"],
        "seen": ["1", "", "0"],
        "price": ["1.50", "", "2.00"],
        "void": ["", "", ""],
    }
    assert table.types["kind"] == "category"
    assert table.types["big"] == table.types["seen"] == "number"
    assert table.rows.tolist() == [2, 3, 4]


def test_parquet__numbers_held_as_text_stay_names_and_are_noted(tmp_path):
    sites = {"site": ["A", "B"], "soil": ["1", "2"], "sand": [1, 2]}
    (tmp_path / "study.toml").write_text(STUDY.format(end="parquet"))
    (tmp_path / "d.parquet").write_bytes(parquet({"site": ["A", "B"], "v1": [0, 1]}))
    (tmp_path / "s.parquet").write_bytes(parquet(sites))
    ds = read(tmp_path)
    assert ds["soil"].values.tolist() == ["1", "2"]
    assert ds["sand"].values.tolist() == [1.0, 2.0]
    (note,) = [p for p in Ledger.from_json(ds.attrs["ledger"]).problems if p.code == "N508"]
    assert (note.file, note.column) == ("s.parquet", "soil")


def test_parquet__nested_columns_are_refused_by_name(tmp_path):
    raw = parquet({"site": ["A"], "boxes": [[1, 2]], "long": [datetime.timedelta(1)]})
    table, ledger = opened(tmp_path, raw)
    (problem,) = ledger.problems
    assert table is None
    assert 't.parquet cannot be read as a Parquet table: columns "boxes" (list' in problem.fact
    assert '"long" (duration[us]) hold lists, structures or durations' in problem.fact
    assert "one value in each cell" in problem.cure


def test_parquet__bytes_are_no_text(tmp_path):
    table, ledger = opened(tmp_path, parquet({"site": ["A"], "shape": [b"\xff\xfe\x00"]}))
    assert table is None
    assert "bytes (pictures or shapes)" in ledger.problems[0].fact


def test_parquet__row_labels_of_pandas_are_left_out(tmp_path):
    stream = io.BytesIO()
    pd.DataFrame({"site": ["A", "B"], "v1": [0, 1]}, index=[5, 9]).to_parquet(stream)
    table, ledger = opened(tmp_path, stream.getvalue())
    assert table.names == ["site", "v1"]
    assert [p.code for p in ledger.problems] == ["N507"]


@pytest.mark.parametrize("cut", [5, 40, 200, -1, -9])
def test_parquet__cut_short_is_refused(tmp_path, cut):
    table, ledger = opened(tmp_path, parquet(SITES)[:cut])
    assert table is None
    assert ledger.problems[0].code == "E505"
    assert str(tmp_path) not in ledger.problems[0].fact


def test_parquet__two_columns_of_one_name(tmp_path):
    stream = io.BytesIO()
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), stream)
    table, ledger = opened(tmp_path, stream.getvalue())
    assert table is None
    assert ledger.problems[0].code == "E011"


def test_parquet__a_date_is_no_id(tmp_path):
    (tmp_path / "study.toml").write_text('schema = 1\n[files.detections]\npath = "d.parquet"\n')
    raw = parquet({"site": [datetime.date(2021, 9, 1), datetime.date(2021, 9, 2)], "v1": [0, 1]})
    (tmp_path / "d.parquet").write_bytes(raw)
    with pytest.raises(SurveyError) as error:
        read(tmp_path)
    assert error.value.codes == ("E019",)
    assert "row 2, column site: a date (2021-09-01)" in str(error.value)
    assert "Excel" not in str(error.value)


def test_ods__hidden_rows_merged_cells_and_another_name(tmp_path):
    rows = [["site", "species", "visit", "detection"], ["A", "fox", 1, 1], [None, "hare", 1, 0]]
    raw = ods([*rows, ["B", "fox", 1, 0]], hidden=(4,), merged={(2, 1): 2})
    (tmp_path / "d.csv").write_bytes(raw)
    toml = 'schema = 1\n[source]\nformat = "long"\n[files.detections]\npath = "d.csv"\n'
    (tmp_path / "study.toml").write_text(toml)
    with pytest.raises(SurveyError) as error:
        read(tmp_path)
    assert "row 3, column site: blank. The cells A2:A3 are merged" in str(error.value)
    (tmp_path / "study.toml").write_text(toml + 'fill_down = ["site"]\n')
    ds = read(tmp_path)
    problems = {p.code: p for p in Ledger.from_json(ds.attrs["ledger"]).problems}
    assert "open-document spreadsheet" in problems["R007"].fact
    assert problems["R007"].cure == "rename it to d.ods"
    assert "1 row is hidden by a filter or by hand (row 4)" in problems["W014"].fact


def test_archives_of_several_files_are_refused_by_their_names(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.csv", "site\nA\n")
        archive.writestr("b.csv", "site\nA\n")
    table, ledger = opened(tmp_path, stream.getvalue())
    assert table is None
    assert "it holds 2 files (a.csv, b.csv)" in ledger.problems[0].fact


def test_archives_that_unpack_to_far_more_than_they_are(tmp_path):
    for raw in (gzip.compress(bytes(40_000_000)), zipped(bytes(40_000_000))):
        table, ledger = opened(tmp_path, raw)
        assert table is None
        assert "too many for its size" in ledger.problems[0].fact


@pytest.mark.parametrize("cut", [3, 12, -3])
def test_archives_cut_short(tmp_path, cut):
    table, ledger = opened(tmp_path, gzip.compress(text(SITES))[:cut])
    assert table is None
    assert ledger.problems[0].code == "E505"


def test_provenance_tells_what_lay_inside(tmp_path):
    raw = zipped(text(SITES))
    table, _ = opened(tmp_path, raw)
    assert table.found["inside"] == "inside.csv"
    assert table.found["bytes"] == len(raw)


@pytest.mark.parametrize("end", ["parquet", "ods", "csv.gz"])
def test_init_writes_a_study_that_reads(tmp_path, end):
    put(tmp_path, end, WAYS[end])
    toml = guess([tmp_path / f"d.{end}", tmp_path / f"s.{end}"])
    (tmp_path / "study.toml").write_text(toml)
    ds = read(tmp_path)
    assert ds.sizes["site"] == 3
    assert {"elev", "forest", "latitude"} <= set(ds.variables)


def test_surface_of_parquet(tmp_path):
    from surveys.places import read_surface

    cells = {"longitude": [8.0, 8.01, 8.0, 8.01], "latitude": [46.0, 46.0, 46.01, 46.01]}
    (tmp_path / "cells.parquet").write_bytes(parquet(cells | {"elev": [1.0, 2.0, 3.0, 4.0]}))
    (tmp_path / "cells.csv").write_bytes(text(cells | {"elev": [1.0, 2.0, 3.0, 4.0]}))
    one, other = (read_surface(tmp_path / f"cells.{end}") for end in ("parquet", "csv"))
    assert one["elev"].tolist() == other["elev"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert one.geometry.geom_equals(other.geometry).all()
