"""Recordings to visits: each recording, blocks of hours, days, or occasions; with their effort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys import dates
from surveys.clock import DAY, Clock
from surveys.ledger import Ledger
from surveys.occasions import Intervals, build, spread, union
from surveys.problems import listing
from surveys.readers import long_visits
from surveys.readers.camera_settings import UNITS, Settings
from surveys.readers.recordings import Recordings
from surveys.readers.season_of_days import season_of
from surveys.study_file import StudyFile
from surveys.values import natural

KEY = ["site", "season", "visit"]
MINUTES = "recorded_minutes"
HOUR = "hour"


@dataclass
class Visits:
    """The visits, and where each recording's moments fall.

    `of(recording, instant)` gives the position of the visit, -1 where there is none.
    """

    frame: pd.DataFrame
    of: object
    units: str


def way_of(study: StudyFile) -> str:
    """How recordings become visits: "recording", "hours", "day" or "occasions"."""
    told = study.section("birdnet").get("visits")
    return told or ("occasions" if study.section("occasions") else "recording")


def visits_of(
    study: StudyFile, settings: Settings, recordings: Recordings, ledger: Ledger
) -> Visits | None:
    """Visits with effort, season and number; None where a fault forbids it."""
    way = way_of(study)
    frame = recordings.frame
    asks = way != "recording" or settings.seasons in ("year", "list")
    if asks and not _all_started(recordings, ledger):
        return None
    start = _instants(settings, recordings, ledger)
    if ledger.of_level("error"):
        return None
    known = ~np.isnat(frame["start"].to_numpy().astype("datetime64[s]"))
    days = np.where(known, settings.clock.days(start), 0)
    if settings.seasons == "column":
        season = frame["season"].to_numpy(dtype=object)
        if (season == "").any():
            ledger.error(
                "E514",
                f"{recordings.places.place}: no season is told of "
                f"{listing(frame['recording'][season == ''], 3)}",
                file=recordings.places.place,
                cure='[files.recordings.columns] season; or [seasons] by = "year"',
            )
            return None
    else:
        season = season_of(settings, days)
    frame["season"] = season
    frame.loc[(season == "") & (frame["aside"] == "").to_numpy(), "aside"] = "outside all seasons"
    if (frame["aside"] != "").all():
        ledger.error(
            "E121",
            f"{recordings.places.place}: no recording lies in any season of the survey",
            file=recordings.places.place,
        )
        return None
    seconds = np.round(frame["seconds"].fillna(1.0).to_numpy(dtype=float)).astype(np.int64)
    frame["begins"], frame["ends"] = start, start + np.maximum(seconds, 1)
    if way == "recording":
        found = _one_each(settings, recordings, known)
    elif way == "occasions":
        found = _occasions(settings, recordings, ledger)
    else:
        hours = 24 if way == "day" else study.section("birdnet").get("hours", 1)
        found = _blocks(settings.clock, recordings, hours)
    if found is None:
        return None
    units = "recordings"
    if recordings.timed:
        units = study.section("effort").get("unit", "minutes")
        if units.casefold() not in UNITS:
            return None  # told where the settings are read
        minutes = found.frame["seconds"].to_numpy(dtype=float) / 60
        found.frame["effort"] = minutes / (UNITS[units.casefold()] * 1440)
        found.frame[MINUTES] = minutes
        if way != "recording":
            _tell_overlaps(recordings, minutes, ledger)
    found.units = units
    found.frame = found.frame.drop(columns="seconds")
    if "start" in found.frame and found.frame["start"].notna().all():
        moments = found.frame["start"].to_numpy().astype("datetime64[s]")
        found.frame[long_visits.DAY] = dates.day_of_year(moments)
        if way in ("recording", "hours"):
            found.frame[HOUR] = (moments.astype(np.int64) % DAY) / 3600
    return found


def _all_started(recordings: Recordings, ledger: Ledger) -> bool:
    lost = recordings.frame["recording"][recordings.frame["start"].isna()]
    if len(lost):
        ledger.error(
            "E689",
            f'{recordings.places.place}: when recording "{lost.iloc[0]}" began is not known'
            + (f" ({len(lost)} such recordings)" if len(lost) > 1 else ""),
            file=recordings.places.place,
            why="the name of a file tells it as 20210623_113602; here it does not",
            cure='a column start in [files.recordings]; or [birdnet] visits = "recording"',
        )
    return not len(lost)


def _instants(settings: Settings, recordings: Recordings, ledger: Ledger) -> np.ndarray:
    """Starts as instants of the study's clock; 0 where not known."""
    wall = recordings.frame["start"].to_numpy().astype("datetime64[s]")
    known = ~np.isnat(wall)
    out = np.zeros(len(wall), dtype=np.int64)
    out[known], skipped, _ = settings.clock.instants(wall[known])
    if skipped.any():
        name = recordings.frame["recording"].to_numpy()[known][skipped][0]
        ledger.error(
            "E038",
            f'{recordings.places.place}: recording "{name}" begins at a time that does not exist '
            f"in {settings.clock.name} (the clocks were put forward over it)",
            file=recordings.places.place,
            why="recorders seldom follow summer time",
            cure='set the fixed offset of the recorder: [time] zone = "UTC+01:00"',
        )
    return out


def _numbered(frame: pd.DataFrame, by: list[str]) -> np.ndarray:
    """1, 2, ... within site and season in the order of some columns."""
    order = frame.sort_values(by, kind="stable")
    return (order.groupby(["site", "season"]).cumcount() + 1).reindex(frame.index).to_numpy()


def _one_each(settings: Settings, recordings: Recordings, known: np.ndarray) -> Visits:
    """Each recording is a visit, in the order of their starts."""
    frame = recordings.frame
    used = np.flatnonzero(frame["aside"] == "")
    part = frame.iloc[used][["site", "season", "begins", "ends", "recording", "seconds"]]
    part = part.reset_index(drop=True)
    names = {n: i for i, n in enumerate(sorted(part["recording"], key=natural))}
    part["name"] = part["recording"].map(names)
    part["visit"] = _numbered(part, ["begins", "name"])
    out = part[[*KEY, "seconds"]].copy()
    if known[used].any():
        out["start"] = np.where(
            known[used], settings.clock.local(part["begins"].to_numpy()), np.datetime64("NaT", "s")
        )
        if recordings.timed:
            end = settings.clock.local(part["ends"].to_numpy())
            out["end"] = np.where(known[used], end, np.datetime64("NaT", "s"))
    out["effort"] = 1.0
    out["of"] = used
    at = np.full(len(frame), -1, dtype=np.int64)
    at[used] = np.arange(len(used))
    return Visits(out.drop(columns="of"), lambda recording, instant: at[recording], "")


def _pieces(recordings: Recordings) -> tuple[pd.DataFrame, Intervals, np.ndarray]:
    """Groups of site and season, and the time that was recorded in each."""
    frame = recordings.frame
    used = frame[frame["aside"] == ""]
    order = sorted(set(zip(used["site"], used["season"], strict=True)), key=_natural_pair)
    groups = pd.DataFrame(order, columns=["site", "season"])
    index = {pair: i for i, pair in enumerate(order)}
    group = np.full(len(frame), -1, dtype=np.int64)
    group[used.index] = [index[p] for p in zip(used["site"], used["season"], strict=True)]
    pieces = Intervals.of(group[used.index], used["begins"], used["ends"])
    return groups, pieces, group


def _natural_pair(pair: tuple[str, str]) -> tuple:
    return natural(pair[0]), natural(pair[1])


def _occasions(settings: Settings, recordings: Recordings, ledger: Ledger) -> Visits | None:
    """Occasions of days, as those of cameras."""
    groups, pieces, group = _pieces(recordings)
    first = None
    if settings.seasons == "list":
        first = np.array([w.first_day for w in settings.windows], dtype=np.int64)
        names = [w.name for w in settings.windows]
    else:
        names = sorted(set(groups["season"]), key=natural)
        if settings.seasons == "year":
            first = np.array([f"{n}-01-01" for n in names], dtype="datetime64[D]").astype(int)
    code = np.array([names.index(s) for s in groups["season"]], dtype=np.int64)
    found = build(
        pieces,
        settings.clock,
        settings.rules,
        n_group=len(groups),
        season=code,
        season_first_day=first,
    )
    kept = np.flatnonzero(found.kept)
    if not len(kept):
        ledger.error(
            "E121",
            f"{recordings.places.place}: no occasion has enough effort to be a visit",
            file=recordings.places.place,
            cure="look at [occasions] min_effort_days (of 24 hours), incomplete and max_days",
        )
        return None
    lost = int((~found.kept & (found.effort > 0)).sum())
    if lost:
        ledger.cells("too little effort: no visit", recordings.places.file, lost, [])
    out = pd.DataFrame(
        {
            "site": groups["site"].to_numpy()[found.group[kept]],
            "season": groups["season"].to_numpy()[found.group[kept]],
            "visit": found.number[kept] + 1,
            "seconds": found.effort[kept].astype(float),
            "start": settings.clock.local(found.start[kept]),
            "end": settings.clock.local(found.end[kept]),
        }
    )
    place = np.full(len(found.group) + 1, -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))

    def of(recording: np.ndarray, instant: np.ndarray) -> np.ndarray:
        hit = np.full(len(recording), -1, dtype=np.int64)
        mine = group[recording] >= 0
        hit[mine] = found.of(group[recording[mine]], instant[mine])
        return place[hit]

    out["effort"] = _files_in(recordings, of, len(out))
    return Visits(out, of, "")


def _blocks(clock: Clock, recordings: Recordings, hours: int) -> Visits:
    """Blocks of hours of the day, those in which something was recorded, in their order."""
    per = -(-24 // hours)
    groups, pieces, group = _pieces(recordings)
    joined = union(pieces)

    def block(instant: np.ndarray) -> np.ndarray:
        day = clock.days(instant)
        edge = clock.edges(day)
        return day * per + np.minimum((instant - edge) // (hours * 3600), per - 1)

    def opens(blocks: np.ndarray) -> np.ndarray:
        return clock.edges(blocks // per) + (blocks % per) * hours * 3600

    row, number = spread(block(joined.start), block(joined.end - 1))
    begin = opens(number)
    end = np.where(number % per == per - 1, clock.edges(number // per + 1), begin + hours * 3600)
    cut = np.minimum(joined.end[row], end) - np.maximum(joined.start[row], begin)
    cells = pd.DataFrame({"group": joined.owner[row], "block": number, "seconds": cut})
    cells["begin"], cells["end"] = begin, end
    cells = cells.groupby(["group", "block"], as_index=False).agg(
        {"seconds": "sum", "begin": "first", "end": "first"}
    )
    out = pd.DataFrame(
        {
            "site": groups["site"].to_numpy()[cells["group"]],
            "season": groups["season"].to_numpy()[cells["group"]],
            "seconds": cells["seconds"].astype(float),
            "start": clock.local(cells["begin"].to_numpy()),
            "end": clock.local(cells["end"].to_numpy()),
        }
    )
    out["visit"] = _numbered(out.assign(block=cells["block"]), ["block"])
    index = pd.MultiIndex.from_frame(cells[["group", "block"]])

    def of(recording: np.ndarray, instant: np.ndarray) -> np.ndarray:
        return index.get_indexer(pd.MultiIndex.from_arrays([group[recording], block(instant)]))

    out["effort"] = _files_in(recordings, of, len(out))
    return Visits(out, of, "")


def _files_in(recordings: Recordings, of, n: int) -> np.ndarray:
    """How many recordings begin in each visit: its effort where their length is not known."""
    frame = recordings.frame
    used = np.flatnonzero(frame["aside"] == "")
    at = of(used, frame["begins"].to_numpy(dtype=np.int64)[used])
    return np.bincount(at[at >= 0], minlength=n).astype(float)


def _tell_overlaps(recordings: Recordings, minutes: np.ndarray, ledger: Ledger) -> None:
    """Two recordings of a site at one time: time counts once."""
    used = recordings.frame[recordings.frame["aside"] == ""]
    order = used.sort_values(["site", "begins", "ends"])
    reach = order.groupby("site")["ends"].cummax().shift(1)
    same = order["site"].eq(order["site"].shift(1))
    meets = order[same & (order["begins"] + 1 < reach)]
    if len(meets):
        first = meets.iloc[0]
        ledger.warn(
            "W688",
            f"{recordings.places.place}: {len(meets)} recordings begin before another of their "
            f'site has ended (the first is "{first["recording"]}"); the time counts once',
            file=recordings.places.file,
            cure="is the length right? Two recorders at one place need site ids of their own, if "
            "each is to count",
        )
