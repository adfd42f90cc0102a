"""Records and deployments of cameras become the visits that the study file means."""

import json

import numpy as np
import pytest
import xarray as xr
from camera_samples import CAMERA_RECORDS as RECORDS
from camera_samples import CAMERA_STATIONS as STATIONS
from camera_samples import SESSIONS, TOP
from spoilt_studies import codes_of, ledger_of, put, refusal, tables

from surveys import read
from surveys.taxa import of_rank, rank_of_name

HEAD = """schema = 1
[source]
format = "camtrapr"
[files.detections]
path = "records.csv"
[files.deployments]
path = "stations.csv"
"""


def laid(folder, more="", head=HEAD, **files):
    """Tables given as text; `more` is added to the study file."""
    return put(folder, head + more, tables({"stations": STATIONS, "records": RECORDS} | files))


def load(*args, **changes):
    return read(laid(*args, **changes))


def refused(*args, **changes):
    return refusal(laid(*args, **changes))


def effort_of(ds, site, season=None):
    values = ds["effort"].sel(site=site)
    return (values.isel(season=0) if season is None else values.sel(season=season)).values.tolist()


# --- occasions ---------------------------------------------------------------------------------


def test_effort_and_detections_by_hand(tmp_path):
    ds = load(tmp_path, "[occasions]\nlength_days = 5\n")
    # From noon of the first day to noon of the last, less 6, 7 and 8 May at B.
    assert effort_of(ds, "A") == [4.5, 5, 4.5]
    assert effort_of(ds, "B") == [2.5, 2, 1.5]
    fox = ds["detection"].sel(species="fox").isel(season=0)
    assert fox.sel(site="A").values.tolist() == [1, 0, 0]
    assert fox.sel(site="B").values.tolist() == [0, 1, 0]
    assert ds["detection"].sel(species="hare", site="A").values[0].tolist() == [0, 1, 0]
    assert ds["n_records"].sel(species="fox", site="A").values[0].tolist() == [2, 0, 0]
    assert ds["elev"].values.tolist() == [100, 200]
    assert ds["effort"].attrs["units"] == "days"
    assert ds["camera_days"].attrs["role"] == "covariate"
    assert str(ds["visit_start"].values[0, 0, 1])[:10] == "2021-05-06"
    assert str(ds["visit_end"].values[0, 0, 0])[:10] == "2021-05-06"
    assert ds["visit_start"].attrs["clock"] == "camera clock"


def test_midnight_belongs_to_the_day_that_begins(tmp_path):
    ds = load(tmp_path, "[occasions]\nlength_days = 1\n")
    fox = ds["detection"].sel(species="fox", site="B").isel(season=0)
    day = np.flatnonzero(fox.values > 0)
    assert [str(ds["visit_start"].values[1, 0, k])[:10] for k in day] == ["2021-05-10"]
    hare = ds["detection"].sel(species="hare", site="A").isel(season=0)
    assert np.flatnonzero(hare.values > 0).tolist() == [8]  # 9 May, a second before midnight
    idle = ds["detection"].sel(species="fox", site="B").isel(season=0).values[5:8]
    assert np.isnan(idle).all()  # a day without effort is no visit


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ('[time]\nends_without_time = "whole"\n', [5, 5, 5]),
        ('[time]\nends_without_time = "half"\n', [4.5, 5, 4.5]),
        ('[effort]\nunit = "hours"\n', [108, 120, 108]),
    ],
)
def test_days_without_time_and_units_of_effort(tmp_path, more, wanted):
    ds = load(tmp_path, "[occasions]\nlength_days = 5\n" + more)
    assert effort_of(ds, "A") == wanted
    assert ds["camera_days"].sel(site="A").values[0].tolist() == pytest.approx(
        [w / 24 for w in wanted] if "hours" in more else wanted
    )


def test_times_of_day_are_exact(tmp_path):
    stations = "Station,Setup_date,Retrieval_date\nA,2021-05-01 18:00,2021-05-03 06:00\n"
    records = TOP + "A,fox,2021-05-01 19:00:00\n"
    ds = load(tmp_path, "[occasions]\nlength_days = 1\n", stations=stations, records=records)
    assert effort_of(ds, "A") == [0.25, 1, 0.25]


def test_least_effort__thin_occasions_are_no_visits_and_their_records_told(tmp_path):
    more = "[occasions]\nlength_days = 5\nmin_effort_days = 2.2\n"
    ds = load(tmp_path, more)
    assert np.isnan(effort_of(ds, "B")[1:]).all()
    assert ledger_of(ds).n_aside("records.csv", "occasion with too little effort") == 1
    (note,) = ledger_of(ds).cell_notes
    assert note["n"] == 2
    assert 'site "B", visit 2' in note["places"]


def test_a_night_is_one_occasion_from_noon_to_noon(tmp_path):
    records = TOP + "A,fox,2021-05-04 20:19:00\nA,fox,2021-05-05 00:07:00\n"
    by = {}
    for hour in ("00:00", "12:00"):
        more = f'[time]\nday_starts = "{hour}"\n[occasions]\nlength_days = 1\n'
        ds = load(tmp_path, more, records=records)
        by[hour] = int(ds["detection"].sum())
    assert by == {"00:00": 2, "12:00": 1}


def test_summer_time__days_follow_the_calendar_of_the_zone(tmp_path):
    stations = "Station,Setup_date,Retrieval_date\nA,2021-03-26 00:00:01,2021-03-31 00:00:01\n"
    records = TOP + "A,fox,2021-03-29 00:30:00\n"
    more = '[time]\nzone = "Europe/Brussels"\n[occasions]\nlength_days = 1\n'
    ds = load(tmp_path, more, stations=stations, records=records)
    hours = np.array(effort_of(ds, "A")) * 24
    assert hours.round(2).tolist() == [24, 24, 23, 24, 24, 0]
    assert np.flatnonzero(ds["detection"].values.ravel() > 0).tolist() == [3]
    records = TOP + "A,fox,2021-03-28 02:30:00\n"
    error = refused(tmp_path, more, stations=stations, records=records)
    assert error.codes == ("E038",)
    assert "row 2, column DateTimeOriginal: 2021-03-28 02:30:00 does not exist" in str(error)
    fixed = more.replace("Europe/Brussels", "UTC+01:00")
    ds = load(tmp_path, fixed, stations=stations, records=records)
    assert np.flatnonzero(ds["detection"].values.ravel() > 0).tolist() == [2]
    assert ds["visit_start"].attrs["clock"] == "UTC+01:00"


# --- cameras and seasons -----------------------------------------------------------------------

PAIR = """Station,Camera,Setup_date,Retrieval_date
A,1,2021-05-01,2021-05-11
A,2,2021-05-04,2021-05-11
"""
ONE = TOP + "A,fox,2021-05-05 20:00:00\n"


def test_cameras_of_a_site_by_union_or_sum(tmp_path):
    total = {}
    for how in ("union", "sum"):
        ds = load(tmp_path, f'[cameras]\ncombine = "{how}"\n', stations=PAIR, records=ONE)
        total[how] = float(ds["effort"].sum())
    assert total == {"union": 10, "sum": 17}


def test_one_camera_twice__told_under_union_and_refused_otherwise(tmp_path):
    twice = PAIR.replace("A,2,", "A,1,")
    assert refused(tmp_path, stations=twice, records=ONE).codes == ("E043",)
    ds = load(tmp_path, '[cameras]\ncombine = "union"\n', stations=twice, records=ONE)
    assert "W043" in codes_of(ds)
    error = refused(tmp_path, '[cameras]\ncombine = "sum"\n', stations=twice, records=ONE)
    assert error.codes == ("E043",)
    assert "rows 2-3: camera 1 stands at site" in str(error)
    assert "7 camera-days" in str(error)


def test_a_station_twice_without_cameras_is_refused(tmp_path):
    stations = (
        "Station,Setup_date,Retrieval_date\nA,2021-05-01,2021-05-11\nA,2021-05-04,2021-05-11\n"
    )
    error = refused(tmp_path, stations=stations, records=ONE)
    assert error.codes == ("E043",)
    assert 'camera = "..."' in str(error)


LONG_STAY = """Station,Setup_date,Retrieval_date
A,2020-12-28,2021-01-10
B,2021-01-01,2021-01-10
"""
NEW_YEAR = TOP + "A,fox,2020-12-31 23:59:59\nB,fox,2021-01-02 00:00:00\n"


def test_seasons_by_year__a_deployment_is_cut_at_midnight(tmp_path):
    ds = load(tmp_path, '[seasons]\nby = "year"\n', stations=LONG_STAY, records=NEW_YEAR)
    assert ds["season"].values.tolist() == [2020, 2021]
    assert float(ds["effort"].sel(season=2020).sum()) == 3.5
    assert float(ds["effort"].sel(season=2021, site="A").sum()) == 9.5
    seen = ds["detection"].sel(species="fox") > 0
    assert seen.any("visit").values.tolist() == [[True, False], [False, True]]


def test_seasons_by_list__what_lies_outside_is_told(tmp_path):
    more = "[[seasons.list]]\nname = 2020\nfrom = 2020-12-01\nto = 2020-12-30\n"
    more += "[[seasons.list]]\nname = 2021\nfrom = 2021-01-01\nto = 2021-06-30\n"
    more += '[occasions]\nstart = "season"\n'
    ds = load(tmp_path, more, stations=LONG_STAY, records=NEW_YEAR)
    assert float(ds["effort"].sum()) == 2.5 + 9.5 + 9
    assert "W571" in codes_of(ds)
    assert ledger_of(ds).n_aside("records.csv", "outside the time that a camera worked") == 1


def test_seasons_by_column__records_find_theirs(tmp_path):
    records = TOP + "A,fox,2021-05-05 20:00:00\n"
    ds = load(tmp_path, '[seasons]\nby = "column"\n', stations=SESSIONS, records=records)
    assert ds["season"].values.tolist() == [2020, 2021]
    assert int(ds["detection"].sel(season=2021, site="A").sum()) == 1
    assert np.isnan(ds["effort"].sel(season=2020, site="B")).all()
    error = refused(tmp_path, stations=SESSIONS, records=records)
    assert error.codes == ("E566",)
    assert 'by = "column"' in str(error)


# --- records -----------------------------------------------------------------------------------


def test_records_within_the_interval_are_one_event(tmp_path):
    records = RECORDS + "A,fox,2021-05-02 01:45:00\nA,fox,2021-05-02 03:00:00\n"
    more = "[cameras]\nindependence_minutes = 60\n"
    ds = load(tmp_path, more, records=records)
    fox = ds.sel(species="fox", site="A").isel(season=0)
    # 01:00, 01:10, 01:45 follow each other within the hour; 03:00 comes 75 minutes later.
    assert fox["count"].values.tolist() == [2, 0, 0][: fox.sizes["visit"]]
    assert fox["n_records"].values[0] == 4
    more += 'independence = "last independent record"\n'
    records = records.replace("01:45:00", "02:00:00")
    ds = load(tmp_path, more, records=records)
    fox = ds.sel(species="fox", site="A").isel(season=0)
    assert fox["count"].values[0] == 3  # 01:00, 02:00, 03:00
    assert fox["detection"].values[0] == 1


def test_counts_stand_beside_detections(tmp_path):
    records = "Station,Species,DateTimeOriginal,n\nA,fox,2021-05-02 01:00:00,3\n"
    records += "A,fox,2021-05-03 01:00:00,2\nB,fox,2021-05-05 01:00:00,X\n"
    ds = load(tmp_path, records=records)
    assert ds["count"].sel(species="fox", site="A").values[0, 0] == 5
    assert np.isnan(ds["count"].sel(species="fox", site="B").values[0, 0])
    assert ds["detection"].sel(species="fox", site="B").values[0, 0] == 1


def test_what_is_no_species_proves_effort_and_is_counted(tmp_path):
    records = RECORDS + "A,blank,2021-05-03 01:00:00\nB,Homo sapiens,2021-05-11 01:00:00\n"
    records += "A,,2021-05-03 01:00:00\nA,wolf,2021-05-03 02:00:00\nB,Fox,2021-05-11 10:00:00\n"
    more = '[taxa]\nexclude = ["wolf"]\n[taxa.alias]\nhare = "Lepus europaeus"\n'
    ds = load(tmp_path, more, records=records)
    assert ds["species"].values.tolist() == ["Lepus europaeus", "fox"]
    ledger = ledger_of(ds)
    assert ledger.n_aside("records.csv", "not a species: blank") == 2
    assert ledger.n_aside("records.csv", "not a species: human") == 1
    assert ledger.n_aside("records.csv", "excluded by [taxa] exclude") == 1
    assert {"N053", "W052"} <= codes_of(ds)


def test_records_outside_effort_are_set_aside_and_told(tmp_path):
    records = RECORDS + "A,fox,2021-05-17 01:00:00\nB,fox,2021-05-07 01:00:00\n"
    ds = load(tmp_path, records=records)
    assert ledger_of(ds).n_aside("records.csv", "outside the time that a camera worked") == 1
    told = {p.code: p for p in ledger_of(ds).problems}
    assert "row 6" in told["W049"].fact
    assert "up to 1.54 days off" in told["W049"].fact
    assert "row 7" in told["W574"].fact


def test_records_outside_effort_can_be_refused(tmp_path):
    records = RECORDS + "A,fox,2021-05-17 01:00:00\n"
    error = refused(tmp_path, '[checks]\ndetection_without_effort = "error"\n', records=records)
    assert error.codes == ("E049",)
    assert "row 6" in str(error)


def test_capitals_are_joined_where_the_study_says_so(tmp_path):
    records = RECORDS.replace("B,fox", "b,fox")
    assert refused(tmp_path, records=records).codes == ("E023",)
    ds = load(tmp_path, "[sites]\nignore_case = true\n", records=records)
    assert int((ds["detection"].sel(species="fox", site="B") > 0).sum()) == 1


def test_a_clock_that_was_reset_is_told_and_can_be_mended(tmp_path):
    records = RECORDS + "B,hare,2000-01-01 00:03:11\n"
    error = refused(tmp_path, records=records)
    assert error.codes == ("E037",)
    assert "row 6" in str(error)
    ds = load(tmp_path, "[time]\ndrop_before = 2010-01-01\n", records=records)
    assert ledger_of(ds).n_aside("records.csv", "before 2010-01-01") == 1
    days = int((np.datetime64("2021-05-04") - np.datetime64("2000-01-01")).astype(int))
    more = f'[clock.B]\nshift = "{days} days 02:00"\n'
    late = TOP + "B,hare,2000-01-01 00:03:11\n"
    ds = load(tmp_path, more, records=late)
    assert int(ds["detection"].sel(species="hare", site="B").sum()) == 1
    assert refused(tmp_path, '[clock.Z]\nshift = "01:00"\n').codes == ("E404",)


def test_effort_long_after_the_last_record_is_told(tmp_path):
    stations = "Station,Setup_date,Retrieval_date\nA,2021-05-01,2021-07-20\n"
    assert "W564" in codes_of(load(tmp_path, stations=stations, records=ONE))


def test_no_animal_was_ever_seen(tmp_path):
    empty = TOP
    assert refused(tmp_path, records=empty).codes == ("E006",)
    more = '[study]\nspecies = "lynx"\n[detections]\nnone = true\n'
    ds = load(tmp_path, more, records=empty)
    assert ds["species"].values.tolist() == ["lynx"]
    assert float(ds["detection"].sum()) == 0


def test_the_order_of_rows_is_of_no_account(tmp_path):
    def shuffled(text, seed):
        head, *rows = text.strip().split("\n")
        rng = np.random.default_rng(seed)
        return "\n".join([head, *(rows[i] for i in rng.permutation(len(rows)))]) + "\n"

    more = "[cameras]\nindependence_minutes = 30\n"
    one = load(tmp_path, more)
    for seed in range(3):
        other = load(
            tmp_path, more, stations=shuffled(STATIONS, seed), records=shuffled(RECORDS, seed)
        )
        xr.testing.assert_equal(one, other)


def test_provenance_names_each_input_with_its_checksum_and_no_folder(tmp_path):
    ds = load(tmp_path)
    told = json.loads(ds.attrs["provenance"])["inputs"]
    assert [(i["file"], i["rows"]) for i in told] == [("records.csv", 4), ("stations.csv", 2)]
    assert all(len(i["sha256"]) == 64 for i in told)
    assert str(tmp_path) not in json.dumps(ds.attrs)
    assert ledger_of(ds).balance().n_read() == 6


def test_cameras_a_few_metres_apart_are_one_site(tmp_path):
    stations = PAIR.replace("Retrieval_date", "Retrieval_date,lon,lat")
    near = stations.replace("A,1,2021-05-01,2021-05-11", "A,1,2021-05-01,2021-05-11,8.0,46.0")
    near = near.replace("A,2,2021-05-04,2021-05-11", "A,2,2021-05-04,2021-05-11,8.0002,46.0")
    ds = load(tmp_path, stations=near, records=ONE)
    assert float(ds["longitude"][0]) == pytest.approx(8.0001)
    assert "R570" in codes_of(ds)
    far = near.replace("8.0002", "8.2")
    error = refused(tmp_path, stations=far, records=ONE)
    assert "E513" in error.codes
    assert "m apart" in str(error)


@pytest.mark.parametrize(
    ("name", "rank"),
    [
        ("Sus scrofa", "species"),
        ("Sus scrofa scrofa", "subspecies"),
        ("Sus", "genus or above"),
        ("Canis sp.", "genus or above"),
        ("Anas/Mareca", "several species"),
        ("Canis lupus x Canis aureus", "hybrid"),
        ("Felis (Prionailurus) bengalensis", "species"),
    ],
)
def test_ranks_of_names(name, rank):
    assert rank_of_name(name) == rank


def test_ranks__subspecies_join_their_species_unless_kept():
    assert of_rank("Sus scrofa scrofa", None) == ("Sus scrofa", "")
    assert of_rank("Sus scrofa scrofa", None, ["subspecies"]) == ("Sus scrofa scrofa", "")
    assert of_rank("Ardea", "genus") == ("Ardea", "rank: genus")
    assert of_rank("Ardea", "genus", ["genus"]) == ("Ardea", "")
    assert of_rank("Ardea", None, (), {"ardea": "Ardea cinerea"}) == ("Ardea", "")
