# ruff: noqa: E501  a line of the table is a claim
"""Damaged stations and records: read where the meaning is plain, else refused with the place."""

import numpy as np
import pytest
import xarray as xr
from spoilt_studies import codes_of, ledger_of, put, refusal, tables

from surveys import read
from surveys.ledger import Ledger
from surveys.problems import SurveyError

STUDY = """schema = 1
[source]
format = "camtrapr"
[files.detections]
path = "records.csv"
[files.deployments]
path = "stations.csv"
"""
STATIONS = """Station,Setup_date,Retrieval_date,Problem1_from,Problem1_to,slope,elev
A,2021-05-01,2021-05-15,,,8.5,46.5
B,2021-05-03,2021-05-12,2021-05-06,2021-05-08,8.6,46.6
"""
PLACED = STATIONS.replace("slope,elev", "lon,lat")
RECORDS = """Station,Species,DateTimeOriginal,n
A,fox,2021-05-02 01:00:00,1
B,hare,2021-05-10 02:00:00,2
"""


def laid(folder, stations=STATIONS, records=RECORDS, more=""):
    return put(folder, STUDY + more, tables({"stations": stations, "records": records}))


def refused(*args, **changes):
    return refusal(laid(*args, **changes))


def same_but_for_attrs(one, other):
    xr.testing.assert_equal(one, other)


# --- what is read all the same -----------------------------------------------------------------


def semicolons(text):
    return text.replace(",", ";")


@pytest.mark.parametrize(
    "change",
    [
        lambda t: "\ufeff" + t,
        lambda t: t.replace("\n", "\r\n"),
        semicolons,
        lambda t: t.replace(",", "\t"),
        lambda t: t.encode("utf-16"),
        lambda t: t + "\n\n",
        lambda t: t.replace("Station,", " STATION ,", 1),
    ],
    ids=["BOM", "CRLF", "semicolons", "tabs", "UTF-16", "blank rows", "capitals"],
)
def test_other_dress_of_the_same_tables(tmp_path, change):
    plain = read(laid(tmp_path))
    same_but_for_attrs(plain, read(laid(tmp_path, change(STATIONS), change(RECORDS))))


def test_decimal_commas(tmp_path):
    plain = read(laid(tmp_path))
    stations = semicolons(STATIONS)
    for number in ("8.5", "46.5", "8.6", "46.6"):
        stations = stations.replace(number, number.replace(".", ","))
    ds = read(laid(tmp_path, stations, semicolons(RECORDS)))
    same_but_for_attrs(plain, ds)
    assert "R001" in codes_of(ds)


@pytest.mark.parametrize(
    "write",
    [
        lambda d: f"{d[8:]}/{d[5:7]}/{d[:4]}",
        lambda d: f"{d[8:]}.{d[5:7]}.{d[:4]}",
        lambda d: f"{d[5:7]}/{d[8:]}/{d[:4]}",
        lambda d: f"{d[8:]}-May-{d[:4]}",
        lambda d: f"{d[:4]}{d[5:7]}{d[8:]}",
        lambda d: str(int((np.datetime64(d) - np.datetime64("1899-12-30")).astype(int))),
    ],
    ids=["d/m/y", "d.m.y", "m/d/y", "month by name", "compact", "Excel"],
)
def test_dates_in_other_notations__one_column_decides_for_its_neighbours(tmp_path, write):
    plain = read(laid(tmp_path))
    stations = STATIONS
    for day in ("01", "15", "03", "12", "06", "08"):
        stations = stations.replace(f"2021-05-{day}", write(f"2021-05-{day}"))
    same_but_for_attrs(plain, read(laid(tmp_path, stations)))


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("Station,", "Name,", "E015", 'stations.csv has no column for "site"'),
        ("Setup_date", "Begun", "E015", 'stations.csv has no column for "start"'),
        ("Retrieval_date", "Over", "E015", 'stations.csv has no column for "end"'),
        ("Problem1_to", "until", "E015", '"Problem1_from" and no column for its other end'),
        ("2021-05-15", "2021-04-15", "E042", 'row 2 (site "A"): Retrieval_date 2021-04-15 is before Setup_date'),
        ("2021-05-15", "2021-05-01", "E042", "is the same as Setup_date 2021-05-01"),
        ("2021-05-15", "", "E514", "row 2, column Retrieval_date: blank"),
        ("2021-05-15", "soon", "E521", 'row 2, column Retrieval_date: "soon" is not a date'),
        ("2021-05-15", "2021-02-30", "E035", '"2021-02-30" does not exist'),
        ("2021-05-15", "15.5.21", "E033", "column Retrieval_date"),
        ("2021-05-08", "2021-05-18", "E044", 'row 3 (site "B"): the problem ends 2021-05-18'),
        ("2021-05-06", "2021-05-02", "E044", "the problem starts 2021-05-02, before set-up"),
        ("2021-05-08", "", "E045", "Problem1_from 2021-05-06 has no Problem1_to"),
        ("2021-05-08", "2021-05-05", "E042", "Problem1_to 2021-05-05 is before Problem1_from"),
        ("B,2021", "A,2021", "E043", "stands at site \"A\" twice"),
        ("B,2021", "a,2021", "E023", "only by capitals"),
        ("B,2021", ",2021", "E013", "row 3, column Station: blank"),
        ("46.6", "0\nC,2021-05-03,2021-05-12,,,0,0", "E028", "Gulf of Guinea"),
        ("46.6", "466", "E025", "466 is not between -90 and 90"),
        ("46.6", "46.6,7", "E009", "row 3: 8 values, header has 7"),
    ],
)  # fmt: skip
def test_damaged_stations(tmp_path, old, new, code, told):
    assert old in PLACED
    error = refused(tmp_path, stations=PLACED.replace(old, new))
    assert code in error.codes
    assert told in str(error)


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("Station,", "Name,", "E015", 'records.csv has no column for "site"'),
        ("DateTimeOriginal", "When", "E015", 'records.csv has no column for "datetime"'),
        ("B,hare", "B1,hare", "E022", 'site "B1" (1 row, row 3) is not in stations.csv. Closest: "B"'),
        ("B,hare", "b,hare", "E023", "only by capitals"),
        ("2021-05-10 02:00:00,2", "2021-05-10 02:00:00,many", "E046", '"many" is not a number'),
        ("2021-05-10 02:00:00,2", "2021-05-10 02:00:00,-2", "E048", "-2 is below 0"),
        ("2021-05-10 02:00:00", "at night", "E521", 'row 3, column DateTimeOriginal: "at night"'),
        ("2021-05-10 02:00:00", "2021-05-32 02:00:00", "E035", "does not exist"),
    ],
)  # fmt: skip
def test_damaged_records(tmp_path, old, new, code, told):
    assert old in RECORDS
    error = refused(tmp_path, records=RECORDS.replace(old, new))
    assert code in error.codes
    assert told in str(error)


def test_unknown_stations_can_be_set_aside(tmp_path):
    records = RECORDS + "Z,fox,2021-05-02 01:00:00,1\n"
    ds = read(laid(tmp_path, records=records, more='[checks]\nunknown_site = "drop"\n'))
    assert Ledger.from_json(ds.attrs["ledger"]).n_aside("records.csv", "unknown site") == 1


@pytest.mark.parametrize("which", ["stations", "records"])
@pytest.mark.parametrize(("text", "code"), [("", "E005"), ("PK\x03\x04", "E504"), (None, "E006")])
def test_empty_tables_and_workbooks_that_are_none(tmp_path, which, text, code):
    if text is None:
        text = {"stations": STATIONS, "records": RECORDS}[which].splitlines()[0] + "\n"
    error = refused(tmp_path, **{which: text})
    assert error.codes[0] in (code, "E505", "E007")
    assert f"{which}.csv" in str(error)


def test_a_record_without_time_is_told(tmp_path):
    ds = read(laid(tmp_path, records=RECORDS + "A,fox,,1\n"))
    assert Ledger.from_json(ds.attrs["ledger"]).n_aside("records.csv", "no time") == 1
    assert "W573" in codes_of(ds)


def test_all_faults_are_told_in_one_go(tmp_path):
    stations = PLACED.replace("2021-05-15", "2021-04-15").replace("46.6", "466")
    error = refused(tmp_path, stations=stations, records=RECORDS.replace("B,hare", "Q,hare"))
    assert {"E042", "E022"} <= set(error.codes)


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        ("[occasions]\nlength_days = 0\n", "E405", "1 or more"),
        ('[occasions]\nstart = "dawn"\n', "E405", "a date"),
        ('[occasions]\nstart = "season"\n', "E561", "no season has a first day"),
        ("[occasions]\nstart = 2022-01-01\n", "E561", "after the last day of the survey, 2021-05-15"),
        ("[occasions]\nstart = 2021-01-01\n", "E561", "120 days before the first set-up"),
        ('[occasions]\nstart = 2021-05-01\n[seasons]\nby = "year"\n', "E561", "several seasons"),
        ("[occasions]\nlenght_days = 7\n", "E404", 'Did you mean "length_days"'),
        ('[time]\nzone = "Europe/Brusels"\n', "E560", "no time zone"),
        ('[time]\nday_starts = "noon"\n', "E560", "no hour"),
        ('[seasons]\nby = "moon"\n', "E405", '"column" or "year"'),
        ('[seasons]\nby = "column"\n', "E015", "no column of seasons"),
        ("[[seasons.list]]\nname = 1\nfrom = 2021-05-01\n", "E561", "lacks to"),
        ('[clock.A]\nshift = "soon"\n', "E405", "such as"),
        ('[effort]\nunit = "km"\n', "E405", "minutes"),
        ('[cameras]\nindependence = "last record"\n', "E408", "no effect"),
        ('[cameras]\nindependence_minutes = -1\n', "E405", "0 or more"),
        ('[visit_covariates.rain]\nmissing = "refuse"\n', "E517", "camera_days"),
        ("[timelapse]\nsite_folder = 2\n", "E408", "no effect"),
        ("[[seasons]]\nname = 1\n", "E405", "a table"),
        ("[seasons]\nlist = 3\n", "E405", "a list of tables"),
    ],
)  # fmt: skip
def test_keys_that_cannot_be_meant(tmp_path, more, code, told):
    error = refused(tmp_path, more=more)
    assert code in error.codes
    assert told in str(error)


def test_sections_of_cameras_are_refused_beside_other_formats(tmp_path):
    text = 'schema = 1\n[files.detections]\npath = "d.csv"\n[occasions]\nlength_days = 7\n'
    (tmp_path / "study.toml").write_text(text)
    (tmp_path / "d.csv").write_text("site,v1,v2\nA,0,1\n")
    with pytest.raises(SurveyError) as error:
        read(tmp_path)
    assert error.value.codes == ("E408",)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [("A,2021", "A,0021", "E035"), ("2021-05-15", "2121-05-15", "E562")],
)
def test_a_year_mistyped_is_told_before_it_makes_an_endless_table(tmp_path, old, new, code):
    error = refused(tmp_path, stations=STATIONS.replace(old, new))
    assert error.codes == (code,)
    assert "row 2" in str(error)


def test_a_record_that_counts_none_is_no_detection(tmp_path):
    stations = (
        "Station,Setup_date,Retrieval_date\nA,2021-05-01,2021-05-20\nB,2021-05-01,2021-05-20\n"
    )
    records = (
        "Station,Species,DateTimeOriginal,Count\nA,fox,2021-05-03 10:00:00,1\n"
        "B,fox,2021-05-04 11:00:00,0\nB,hare,2021-05-05 02:00:00,2\n"
    )
    study = """schema = 1
[source]
format = "camtrapr"
[files.detections]
path = "r.csv"
columns = { site = "Station", species = "Species", datetime = "DateTimeOriginal", count = "Count" }
[files.deployments]
path = "s.csv"
"""
    for name, text in (("r.csv", records), ("s.csv", stations), ("study.toml", study)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    ds = read(tmp_path)
    assert ds["detection"].sel(species="fox", site="B").sum() == 0
    rules = {(row, rule) for _, row, rule, _ in Ledger.from_json(ds.attrs["ledger"]).dropped()}
    assert rules == {(3, "not a species: count of 0")}


def test_a_clock_that_is_years_off_is_told_in_days(tmp_path):
    put(
        tmp_path,
        STUDY,
        tables({"records": RECORDS + "A,fox,2035-05-06 10:00:00,1\n", "stations": STATIONS}),
    )
    (told,) = [p for p in ledger_of(read(tmp_path)).problems if p.code == "W049"]
    assert "up to 5,104 days off" in told.fact
