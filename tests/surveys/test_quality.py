"""Quality of a survey before any analysis: what each check finds in data made by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

import surveys
from surveys import quality
from surveys.fieldwork import DEPLOYMENTS, FAILURES, RECORDS, Fieldwork
from surveys.quality.accumulation import _expected
from surveys.quality.activity import shifted_clocks
from surveys.quality.silence import _chance

NAN = np.nan


def section(name, ds, fieldwork=None, **more):
    found = {s.name: s for s in quality.examine(ds, fieldwork, **more)}[name]
    assert "could not be looked at" not in found.left_out, found.left_out
    return found


def fieldwork(deployments, records, failures=()):
    return Fieldwork(
        deployments=times(pd.DataFrame(deployments, columns=list(DEPLOYMENTS)), "start", "end"),
        failures=times(pd.DataFrame(failures, columns=list(FAILURES)), "start", "end"),
        records=times(pd.DataFrame(records, columns=list(RECORDS)), "time"),
        record_file="records.csv",
    )


def times(frame, *columns):
    for column in columns:
        frame[column] = pd.to_datetime(frame[column], format="ISO8601").astype("datetime64[s]")
    return frame


def record(site, time, species="fox", *, aside="", picture="", row=2, reason=""):
    return (site, site, "", species, reason, time, aside, picture, row)


ONE = surveys.from_arrays(np.array([[1.0, 0.0], [0.0, NAN]]))


def test_accumulation__the_mean_of_all_orders_is_that_of_every_order_counted():
    # Three visits with one detection; two with none; two with two.
    shares = _expected(np.array([[3, 1], [2, 0], [2, 2]]), np.array([1, 1, 1]), 3)
    assert shares == pytest.approx([(1 / 3 + 0 + 1) / 3, (2 / 3 + 0 + 1) / 3, 2 / 3])


def test_accumulation__visits_not_made_are_jumped_over():
    y = np.array([[NAN, 0, 1, 0], [0, 1, NAN, NAN], [0, 0, 0, 0]])
    found = section("accumulation", surveys.from_arrays(y))
    (curve,) = found.curves
    assert curve.observed == pytest.approx([0, 2 / 3, 2 / 3, 2 / 3])
    assert found.with_visit.tolist() == [3, 3, 2, 1]


def test_accumulation__one_visit_each_is_left_out_and_says_why():
    found = section("accumulation", surveys.from_arrays(np.array([[1.0], [0.0]])))
    assert "second visit" in found.left_out


def test_silence__a_camera_that_dies_is_told_and_one_that_is_quiet_is_not():
    days = pd.date_range("2021-05-01", periods=60)
    heard = [record("A", d + pd.Timedelta("3h"), row=i) for i, d in enumerate(days[:30])]
    heard += [record("B", d + pd.Timedelta("3h"), row=99 + i) for i, d in enumerate(days[::4])]
    stood = [
        (s, s, "", "2021-05-01", "2021-06-30", "", 2 + i) for i, s in enumerate(["A", "B", "C"])
    ]
    found = section("silence", ONE, fieldwork(stood, heard))
    (run,) = found.runs.itertuples()
    assert (run.site, run.first, run.last, run.length) == ("A", "2021-05-31", "2021-06-29", 30)
    assert run.at_end
    assert found.numbers["sites_never_heard"] == ["C"]
    assert [p.code for p in found.problems] == ["W664"]


def test_silence__chance_is_that_of_all_ways_counted():
    def longest(days, heard):
        edges = [-1, *heard, days]
        return [b - a - 1 for a, b in itertools.pairwise(edges)]

    days, heard, gap = 9, 3, 5
    ways = list(itertools.combinations(range(days), heard))
    counted = sum(length >= gap for way in ways for length in longest(days, way)) / len(ways)
    (found,) = _chance(np.array([days]), np.array([heard]), np.array([gap]))
    assert found == pytest.approx(counted)


def test_silence__days_of_a_problem_period_are_no_silence():
    days = pd.date_range("2021-05-01", periods=30)
    heard = [record("A", d, row=i) for i, d in enumerate(days)]
    stood = [("A", "A", "", "2021-05-01", "2021-06-30", "", 2)]
    broken = [(0, "2021-05-31", "2021-06-30")]
    assert not len(section("silence", ONE, fieldwork(stood, heard, broken)).runs)


def test_silence__one_species_and_no_other_records_say_nothing():
    assert "one species" in section("silence", ONE).left_out


def test_clocks__time_that_goes_back_while_numbers_go_on():
    stood = [("A", "A", "", "2021-05-01", "2021-06-30", "", 2)]
    clock = [*pd.date_range("2021-05-02", periods=12, freq="1D")]
    clock[8:] = [t - pd.Timedelta("36h") for t in clock[8:]]
    records = [record("A", t, picture=f"A/IMG_{i:04}.JPG", row=i + 2) for i, t in enumerate(clock)]
    found = section("clocks", ONE, fieldwork(stood, records[::-1]))
    (jump,) = found.jumps.itertuples()
    assert (jump.row, jump.number, jump.back) == (10, 8, 12 * 3600)
    assert found.numbers["sequences_judged"] == 1


def test_clocks__numbers_that_do_not_follow_time_are_not_judged():
    stood = [("A", "A", "", "2021-05-01", "2021-06-30", "", 2)]
    rng = np.random.default_rng(1)
    when = pd.Timestamp("2021-05-02") + pd.to_timedelta(rng.integers(0, 20 * 86400, 40), "s")
    records = [record("A", t, picture=f"{i}.jpg", row=i + 2) for i, t in enumerate(when)]
    found = section("clocks", ONE, fieldwork(stood, records))
    assert found.numbers["sequences_judged"] == 0
    assert "say nothing of the clock" in found.told


def test_clocks__records_outside_and_dates_of_a_reset_clock():
    outside = "outside the time that a camera worked"
    stood = [("A", "A", "", "2021-05-01", "2021-05-11", "", 2)]
    records = [
        record("A", "2021-05-02"),
        record("A", "2021-05-14", aside=outside, row=3),
        record("A", "2000-01-01 00:03", aside=outside, row=4),
    ]
    found = section("clocks", ONE, fieldwork(stood, records))
    (site,) = found.outside.itertuples()
    assert (site.n, site.days_after) == (2, 3)
    assert site.days_before == pytest.approx(7791, abs=1)
    assert found.impossible[["site", "n", "row"]].to_numpy().tolist() == [["A", 1, 4]]
    assert [p.code for p in found.problems] == ["W666"]


def test_activity__a_clock_twelve_hours_off_is_found_with_its_sign():
    rng = np.random.default_rng(3)
    parts = []
    for unit, off in (("A", 0), ("B", 0), ("E", 0), ("F", 0), ("C", 12), ("D", 5)):
        hours = np.clip(rng.normal(9, 2, 60).round(), 6, 15).astype(int)
        parts.append(pd.DataFrame({"unit": unit, "species": "robin", "hour": (hours + off) % 24}))
    found = shifted_clocks(pd.concat(parts)).set_index("unit")["hours"]
    assert sorted(found.index) == ["C", "D"]
    assert abs(found["C"]) >= 11
    assert found["D"] == -5


def test_activity__few_events_and_other_habits_are_no_wrong_clock():
    rng = np.random.default_rng(4)
    parts = [
        pd.DataFrame({"unit": u, "species": "fox", "hour": rng.integers(0, 24, n)})
        for u, n in (("A", 80), ("B", 60), ("C", 19))
    ]
    assert not len(shifted_clocks(pd.concat(parts)))


def test_duplicates__whole_rows_and_bursts_are_told_apart(tmp_path):
    from surveys.readers.into_dataset import surveyed
    from surveys.study_file import read_study

    (tmp_path / "stations.csv").write_text("site,start,end\nA,2021-05-01,2021-05-11\n")
    (tmp_path / "records.csv").write_text(
        "Station,Species,DateTimeOriginal,n\n"
        "A,fox,2021-05-02 01:00:00,1\n"
        "A,fox,2021-05-02 01:00:00,1\n"
        "A,fox,2021-05-03 01:00:00,1\n"
        "A,fox,2021-05-03 01:00:00,2\n"
        "A,hare,2021-05-03 01:00:00,1\n"
    )
    (tmp_path / "study.toml").write_text(
        'schema = 1\n[source]\nformat = "camtrapr"\n[files.detections]\npath = "records.csv"\n'
        '[files.deployments]\npath = "stations.csv"\n'
    )
    ds, tidy = surveyed(read_study(tmp_path))
    found = section("duplicates", ds, tidy.fieldwork, tables=tidy.tables)
    assert found.copies[["row", "first"]].to_numpy().tolist() == [[3, 2]]
    assert found.moments["rows"].tolist() == [[4, 5]]
    assert [p.code for p in found.problems] == ["W661"]


def test_near_sites__a_pair_under_ten_metres_by_hand():
    ds = surveys.from_arrays(
        np.ones((3, 2)),
        coordinates={"easting": [0.0, 6.0, 500.0], "northing": [0.0, 8.0 - 1e-6, 0.0]},
        crs="EPSG:3035",
    )
    found = section("near_sites", ds)
    assert found.pairs["metres"].tolist() == pytest.approx([10.0])
    assert [p.code for p in found.problems] == ["W029"]


def test_near_sites__many_with_one_coordinate_are_those_of_a_plot():
    ds = surveys.from_arrays(
        np.ones((7, 2)),
        coordinates={"easting": [0.0] * 3 + [900.0] * 3 + [5e3], "northing": [0.0] * 7},
        crs="EPSG:3035",
    )
    found = section("near_sites", ds)
    assert [(p.code, p.level) for p in found.problems] == [("N029", "note")]
    assert "6 of 7 sites" in found.problems[0].fact
    assert not found.asks


def test_covariates__gaps_and_pairs_beyond_a_correlation_of_seven_tenths():
    elevation = np.arange(20.0)
    data = surveys.from_arrays(
        np.ones((20, 2)),
        site_covariates={
            "elevation": elevation,
            "forest": -elevation + np.tile([0, 3], 10),
            "soil": ["a", ""] * 10,
            "slope": np.where(elevation < 3, NAN, np.tile([1.0, 5, 2, 4], 5)),
        },
        visit_covariates={"date": np.tile([10.0, 20.0], (20, 1))},
    )
    found = section("covariates", data)
    assert [(a, b) for a, b, _ in found.pairs] == [("elevation", "forest")]
    looks = {c.name: c for c in found.looks}
    assert (looks["slope"].missing, looks["slope"].n) == (3, 20)
    assert (looks["soil"].missing, looks["soil"].levels) == (10, ("a",))
    assert (looks["date"].n, looks["date"].over) == (40, "visit")
    assert sorted(p.code for p in found.problems) == ["N670", "N671", "N671"]


def test_seasons__two_seasons_without_a_common_site_are_told():
    y = np.full((3, 3, 2), NAN)
    y[0, 0] = y[1, 1] = y[1, 2] = y[2, 2] = 0
    y[0, 0, 0] = 1
    found = section("seasons", surveys.from_arrays(y))
    assert (found.numbers["sites_in_all"], found.numbers["sites_in_one"]) == (0, 2)
    assert list(found.numbers["sites_linking"].values()) == [0, 1]
    assert [p.code for p in found.problems] == ["N669"]


def test_effort__never_visited_sites_and_little_effort_are_counted():
    y = np.array([[0, 0], [1, 0], [0, NAN], [NAN, NAN]])
    effort = np.where(np.isnan(y), NAN, [[4, 4], [4, 4], [0.5, NAN], [NAN, NAN]])
    found = section("effort", surveys.from_arrays(y, effort=effort, effort_units="hours"))
    assert (found.numbers["total"], found.numbers["sites_never_visited"]) == (16.5, 1)
    assert found.numbers["sites_with_little"] == ["3"]


def test_histories__most_widespread_first_and_blank_is_no_zero():
    y = np.array([[[0, NAN], [0, 0]], [[1, NAN], [0, 1]]])  # species, site, visit
    ds = surveys.from_arrays(y[:, :, None, :], coordinates=None)
    found = section("histories", ds)
    assert [h.detected for h in found.shown] == [2, 0]
    assert found.shown[0].state[:, 0].tolist() == [[0, 1], [1, pytest.approx(NAN, nan_ok=True)]]
    assert (found.numbers["visits"], found.numbers["blank"]) == (3, 1)


def test_examine__a_check_that_fails_says_so(monkeypatch):
    monkeypatch.setattr("surveys.quality.effort.look", lambda evidence: 1 / 0)
    found = next(s for s in quality.examine(ONE) if s.name == "effort")
    assert "could not be looked at" in found.left_out
    assert [p.code for p in found.problems] == ["W660"]


def test_examine__wide_tables_without_dates_lack_some_sections_and_say_why():
    told = {s.name: s.left_out for s in quality.examine(ONE)}
    assert list(told) == [name for name in quality.CHECKS if name != "standard"]
    empty = {name for name, why in told.items() if why}
    assert empty == {
        *("account", "operation", "seasons", "covariates", "duplicates"),
        *("near_sites", "silence", "clocks", "activity"),
    }


def test_examine__a_hundred_thousand_sites_take_seconds():
    import time

    rng = np.random.default_rng(5)
    y = (rng.random((100_000, 4)) < 0.2).astype(float)
    ds = surveys.from_arrays(
        y,
        site_covariates={"elevation": rng.normal(size=100_000)},
        coordinates={"easting": rng.random(100_000) * 1e6, "northing": rng.random(100_000) * 1e6},
        crs="EPSG:3035",
    )
    begun = time.process_time()
    found = quality.examine(ds)
    assert time.process_time() - begun < 10  # about one on the machine where it was written
    assert not [s.left_out for s in found if "could not" in s.left_out]


def test_calendar__names_lose_a_long_common_beginning_and_a_lone_date_is_told_whole():
    import matplotlib.pyplot as plt

    from occupancy.outputs.quality_sheet import dates, without_common_start

    long = ["INBO:MEETNET:LOCATION:013588", "INBO:MEETNET:LOCATION:0135", "INBO:MEETNET:LOCATION:9"]
    assert without_common_start(long) == ["…013588", "…0135", "…9"]
    assert without_common_start(["A_1", "A_2"]) == ["A_1", "A_2"]
    assert without_common_start(["BART_003_long"]) == ["BART_003_long"]
    fig, ax = plt.subplots()
    ax.plot(np.array(["2019-06-20", "2019-07-10"], "datetime64[D]"), [0, 1])
    dates(ax, most=1)
    formatter = ax.xaxis.get_major_formatter()
    july = np.datetime64("2019-07-01", "D").astype(float)
    assert formatter.format_ticks([july]) == ["Jul 2019"]
    assert formatter.format_ticks([july + 4]) == ["05 Jul 2019"]
    assert formatter.get_offset() == ""
    plt.close(fig)


def test_species_shown__are_those_found_at_most_sites():
    y = np.full((2, 4, 1, 1), NAN)
    y[0, 0] = 1.0  # looked for at one site only, and found there
    y[1] = np.array([1.0, 1.0, 1.0, 0.0])[:, None, None]
    found = section("histories", surveys.from_arrays(y))
    assert [h.detected for h in found.shown] == [3, 1]
