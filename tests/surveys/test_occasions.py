"""Continuous effort to occasions: exact on intervals of seconds, whatever the order of rows."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveys.clock import DAY, Clock
from surveys.occasions import Intervals, Rules, build, locate, subtract, union

OWN = Clock()


def at(text):
    return int(np.datetime64(text, "s").astype(np.int64))


def spans(*rows):
    return Intervals.of([r[0] for r in rows], [at(r[1]) for r in rows], [at(r[2]) for r in rows])


def seconds_of(intervals):
    """The seconds (of small intervals) that each owner holds, one by one: the definition."""
    held = {}
    for owner, start, end in zip(*intervals, strict=True):
        held.setdefault(int(owner), set()).update(range(int(start), int(end)))
    return {owner: kept for owner, kept in held.items() if kept}


small = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 60), st.integers(0, 25)), min_size=1, max_size=12
)


def small_intervals(rows):
    return Intervals.of([r[0] for r in rows], [r[1] for r in rows], [r[1] + r[2] for r in rows])


@settings(max_examples=50, deadline=None)
@given(small)
def test_union__covers_the_same_seconds_in_disjoint_pieces(rows):
    intervals = small_intervals(rows)
    joined = union(intervals)
    assert seconds_of(joined) == seconds_of(intervals)
    assert joined.length.sum() == sum(map(len, seconds_of(intervals).values()))
    same = joined.owner[1:] == joined.owner[:-1]
    assert (joined.start[1:][same] > joined.end[:-1][same]).all()


@settings(max_examples=50, deadline=None)
@given(small, small)
def test_subtract__leaves_what_no_failure_touches(deployed, failed):
    deployments = small_intervals(deployed).owned(np.arange(len(deployed)))
    failures = small_intervals(failed)
    failures = failures.owned(failures.owner % len(deployed))
    left = subtract(deployments, failures)
    gone = seconds_of(failures)
    wanted = {k: v - gone.get(k, set()) for k, v in seconds_of(deployments).items()}
    assert seconds_of(left) == {k: v for k, v in wanted.items() if v}


deployments = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 20 * 24 * 60),
        st.integers(1, 15 * 24 * 60),
    ),
    min_size=1,
    max_size=8,
)
rules = st.builds(
    Rules,
    length_days=st.integers(1, 9),
    start=st.sampled_from(["survey", "site"]),
    combine=st.sampled_from(["union", "sum"]),
)
clocks = st.sampled_from(
    [OWN, Clock.of("", "12:00"), Clock.of("Europe/Brussels"), Clock.of("America/Havana", "06:30")]
)


SHIFT = at("2021-03-15")


def surveyed(rows, shift=SHIFT):
    owners = {o: i for i, o in enumerate(sorted({r[0] for r in rows}))}
    start = np.array([shift + 60 * r[1] for r in rows])
    end = start + np.array([60 * r[2] for r in rows])
    return Intervals.of([owners[r[0]] for r in rows], start, end)


@settings(max_examples=60, deadline=None)
@given(deployments, rules, clocks)
def test_build__effort_is_conserved(rows, rule, clock):
    worked = surveyed(rows)
    found = build(worked, clock, rule)
    whole = worked if rule.combine == "sum" else union(worked)
    total = np.bincount(whole.owner, whole.length)
    assert np.array_equal(np.bincount(found.group, found.effort), total)
    assert (found.effort >= 0).all()
    if rule.combine == "union":
        assert (found.effort <= found.end - found.start).all()


@settings(max_examples=40, deadline=None)
@given(deployments, rules, clocks, st.randoms(use_true_random=False))
def test_build__the_order_of_rows_is_of_no_account(rows, rule, clock, random):
    mixed = list(rows)
    random.shuffle(mixed)
    one, other = (build(surveyed(r), clock, rule) for r in (rows, mixed))
    for name in ("group", "number", "start", "end", "effort", "kept"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@settings(max_examples=40, deadline=None)
@given(deployments, clocks, st.integers(1, 9))
def test_build__dropping_the_incomplete_asks_for_effort_on_each_day(rows, clock, length):
    worked = surveyed(rows)
    rule = {"length_days": length, "start": "site"}
    found = build(worked, clock, Rules(**rule, incomplete="drop"))
    daily = build(worked, clock, Rules(length_days=1, start="site"))
    every = np.zeros(len(found.group), int)
    np.add.at(every, found.offset[daily.group] + daily.number // length, daily.effort > 0)
    assert np.array_equal(found.kept, every == length)


@settings(max_examples=40, deadline=None)
@given(deployments, rules, clocks, st.lists(st.integers(0, 40 * 24 * 60), max_size=10))
def test_of__a_record_falls_into_the_occasion_that_holds_its_second(rows, rule, clock, minutes):
    worked = surveyed(rows)
    found = build(worked, clock, rule)
    moments = at("2021-03-14") + 60 * np.array(minutes, dtype=np.int64)
    for group in range(int(worked.owner.max()) + 1):
        where = found.of(np.full(len(moments), group), moments)
        for moment, i in zip(moments, where, strict=True):
            inside = (found.group == group) & (found.start <= moment) & (moment < found.end)
            assert i == (np.flatnonzero(inside)[0] if inside.any() else -1)


@settings(max_examples=40, deadline=None)
@given(deployments, clocks, st.lists(st.integers(0, 40 * 24 * 60), max_size=10))
def test_locate__finds_the_interval_or_one_of_the_same_day(rows, clock, minutes):
    worked = union(surveyed(rows))
    moments = at("2021-03-14") + 60 * np.array(minutes, dtype=np.int64)
    for owner in np.unique(worked.owner):
        where = locate(worked, clock, np.full(len(moments), owner), moments)
        mine = worked.owner == owner
        for moment, i in zip(moments, where, strict=True):
            day = clock.days(np.array([moment]))[0]
            holds = mine & (worked.start <= moment) & (moment < worked.end)
            opens, closes = clock.days(worked.start), clock.days(worked.end - 1)
            same_day = mine & (opens <= day) & (day <= closes)
            if holds.any():
                assert holds[i]
            elif same_day.any():
                assert same_day[i]
            else:
                assert i == -1


# --- rules by hand -----------------------------------------------------------------------------


def test_build__noon_to_noon_is_half_a_day_at_both_ends():
    worked = spans((0, "2009-04-02T12:00", "2009-04-05T12:00"))
    found = build(worked, OWN, Rules(length_days=1))
    assert found.effort_days.tolist() == [0.5, 1, 1, 0.5]


def test_build__midnight_begins_a_day_and_ends_none():
    worked = spans((0, "2021-05-01", "2021-05-03"))
    found = build(worked, OWN, Rules(length_days=1))
    assert found.effort_days.tolist() == [1, 1]
    edge = np.array([at("2021-05-02"), at("2021-05-02") - 1, at("2021-05-03")])
    assert found.of(np.zeros(3, int), edge).tolist() == [1, 0, -1]


def test_build__a_night_is_one_occasion_where_days_start_at_noon():
    clock = Clock.of("", "12:00")
    found = build(spans((0, "2021-05-01T12:00", "2021-05-03T12:00")), clock, Rules(length_days=1))
    night = np.array([at("2021-05-01T20:19"), at("2021-05-02T00:07"), at("2021-05-02T12:00")])
    assert found.of(np.zeros(3, int), night).tolist() == [0, 0, 1]


def test_build__start_rules():
    worked = spans((0, "2021-05-01", "2021-05-11"), (1, "2021-05-04", "2021-05-11"))
    by = {}
    for start in ("survey", "site", int(np.datetime64("2021-05-03", "D").astype(int))):
        found = build(worked, OWN, Rules(length_days=5, start=start))
        by[start] = [found.effort_days[found.group == g].tolist() for g in (0, 1)]
    first, site, day = by.values()
    assert first == [[5, 5], [2, 5]]
    assert site == [[5, 5], [5, 2]]
    assert day == [[5, 3], [4, 3]]


def test_build__each_season_starts_with_its_own_survey():
    worked = spans((0, "2020-05-01", "2020-05-03"), (1, "2021-06-01", "2021-06-03"))
    found = build(worked, OWN, Rules(length_days=2), season=np.array([0, 1]))
    assert found.effort_days.tolist() == [2, 2]
    first = np.array(["2020-04-30", "2021-05-31"], "datetime64[D]").astype(int)
    rule = Rules(length_days=2, start="season")
    found = build(worked, OWN, rule, season=np.array([0, 1]), season_first_day=first)
    assert found.effort_days.tolist() == [1, 1, 1, 1]


def test_build__cameras_by_union_or_sum():
    worked = spans((0, "2021-05-01", "2021-05-04"), (0, "2021-05-02", "2021-05-06"))
    for combine, days in (("union", [1, 1, 1, 1, 1]), ("sum", [1, 2, 2, 1, 1])):
        found = build(worked, OWN, Rules(length_days=1, combine=combine))
        assert found.effort_days.tolist() == days


def test_build__least_effort_and_days_left_out():
    worked = spans((0, "2021-05-01T12:00", "2021-05-12T12:00"))
    found = build(worked, OWN, Rules(length_days=4, min_effort_days=3.5))
    assert found.effort_days.tolist() == [3.5, 4, 3.5]
    assert found.kept.all()
    found = build(worked, OWN, Rules(length_days=4, min_effort_days=3.6))
    assert found.kept.tolist() == [False, True, False]
    found = build(worked, OWN, Rules(length_days=4, skip_days=1, max_days=6))
    assert found.effort_days.tolist() == [4, 2]
    found = build(worked, OWN, Rules(length_days=4, skip_days=1, max_days=6, incomplete="drop"))
    assert found.kept.tolist() == [True, False]


@pytest.mark.parametrize(("day", "hours"), [("2021-03-28", 23), ("2021-10-31", 25)])
def test_build__the_day_of_a_clock_change_is_a_day(day, hours):
    clock = Clock.of("Europe/Brussels")
    days = np.datetime64(day, "D") + np.array([-1, 2], "timedelta64[D]")
    (start, end), *_ = clock.instants(days)
    worked = Intervals.of([0], [start], [end])
    found = build(worked, clock, Rules(length_days=1, incomplete="drop"))
    assert (found.effort / 3600).tolist() == [24, hours, 24]
    assert found.kept.all()
    late = np.array([f"{day}T00:30", f"{day}T23:30"], "datetime64[s]")
    instants, *_ = clock.instants(late)
    assert found.of(np.zeros(2, int), instants).tolist() == [1, 1]


def test_clock__times_that_are_skipped_or_occur_twice():
    clock = Clock.of("Europe/Brussels")
    wall = np.array(["2021-03-28T02:30", "2021-10-31T02:15", "2021-06-01T12:00"], "datetime64[s]")
    instants, skipped, twice = clock.instants(wall)
    assert skipped.tolist() == [True, False, False]
    assert twice.tolist() == [False, True, False]
    assert instants[1] == at("2021-10-31T00:15")  # the first of the two: summer time, +02:00
    assert clock.local(instants)[1:].tolist() == wall[1:].tolist()


def test_clock__a_day_begins_at_the_first_instant_that_exists():
    clock = Clock.of("America/Havana")  # the change of 2021-03-14 skips midnight
    edge = clock.edges(np.array([np.datetime64("2021-03-14", "D").astype(int)]))
    assert clock.local(edge)[0] == np.datetime64("2021-03-14T01:00")


@pytest.mark.parametrize(
    ("zone", "offset"), [("UTC-05:00", -18000), ("+5:30", 19800), ("UTC", 0), ("utc+1", 3600)]
)
def test_clock__fixed_offsets(zone, offset):
    clock = Clock.of(zone)
    assert clock.offset == offset
    assert clock.from_utc(np.array([0]), 0).tolist() == [offset]


@pytest.mark.parametrize("wrong", [{"zone": "Mars/Base"}, {"zone": "+25"}, {"day_starts": "24"}])
def test_clock__refuses_what_is_no_zone_or_hour(wrong):
    with pytest.raises(ValueError, match=r"Mars|25|24"):
        Clock.of(**wrong)


def test_build__a_hundred_thousand_deployments_take_seconds():
    rng = np.random.default_rng(1)
    n = 100_000
    start = at("2015-01-01") + rng.integers(0, 5 * 365 * DAY, n)
    worked = Intervals.of(rng.integers(0, 20_000, n), start, start + rng.integers(1, 90 * DAY, n))
    _, owner = np.unique(worked.owner, return_inverse=True)
    worked = worked.owned(owner)
    failed = rng.integers(0, n, 30_000)
    began = start[failed] + rng.integers(0, 40 * DAY, len(failed))
    before = time.perf_counter()
    left = subtract(worked.owned(np.arange(n)), Intervals.of(failed, began, began + 3 * DAY))
    left = left.owned(worked.owner[left.owner])
    found = build(left, OWN, Rules(start="site", incomplete="drop"))
    moments = at("2015-01-01") + rng.integers(0, 5 * 365 * DAY, 200_000)
    owner = rng.integers(0, worked.owner.max() + 1, len(moments))
    joined = union(left)
    hits = locate(joined, OWN, owner, moments)
    assert time.perf_counter() - before < 20  # two seconds on a quiet machine
    assert found.effort.sum() == joined.length.sum()
    assert 0 < (hits >= 0).sum() < len(moments)
