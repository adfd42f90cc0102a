"""The recordings of a survey: site, start and length, from a table of them or from their names."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from surveys import cells, dates
from surveys.ledger import Ledger
from surveys.problems import first_of, listing, nearest, rows_text
from surveys.readers import recording_names, roles
from surveys.readers.camera_records import check_shifts
from surveys.readers.camera_settings import Settings
from surveys.readers.deployments import column_of
from surveys.readers.sound_tables import LONGEST, Sounds
from surveys.study_file import StudyFile
from surveys.text_table import Table
from surveys.values import natural

USUAL: dict[str, tuple[str, ...]] = {
    "file": ("file", "filename", "file_name", "filepath", "path", "recording"),
    "site": ("site", "station", "location", "recorder", "plot", "point"),
    "start": ("start", "datetime", "start_time", "timestamp", "date_time", "recorded"),
    "season": ("season", "session", "year"),
    "duration": (
        *("duration_s", "duration_sec", "duration_seconds", "seconds", "duration (s)"),
        *("duration_min", "duration_minutes", "minutes", "duration (min)", "duration", "length"),
    ),
}
UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0}
_UNIT_OF_NAME = {
    "seconds": re.compile(r"(?:.*[_ (])?s(?:ec(?:onds)?)?\)?", re.IGNORECASE),
    "minutes": re.compile(r"(?:.*[_ (])?min(?:utes)?\)?", re.IGNORECASE),
}
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):([0-5]\d(?:\.\d+)?)")


@dataclass
class Recordings:
    """One recording a row of `frame`: name, site, season, start (wall time), seconds, aside."""

    frame: pd.DataFrame
    table: Table | None  # where the recordings are listed
    places: Table  # site by recording, with what may be covariates of the site
    used_columns: set[str]

    @property
    def timed(self) -> bool:
        """Whether the length of the recordings is known."""
        return bool(self.frame["seconds"].notna().all()) and len(self.frame) > 0


def is_list(table: Table) -> bool:
    """Whether a table lists recordings: their files, with site, start or length."""
    quiet = Ledger()
    have = {role for role in USUAL if column_of(table, role, quiet, USUAL)}
    return "file" in have and bool(have & {"site", "start", "duration"})


def unit_of_name(column: str) -> str:
    """The unit that the name of a column of durations tells, "" where it does not."""
    return next((u for u, form in _UNIT_OF_NAME.items() if form.fullmatch(column)), "")


def recordings_of(
    study: StudyFile, settings: Settings, sounds: Sounds, table: Table | None, ledger: Ledger
) -> Recordings | None:
    """The recordings, listed or heard; `sounds.frame` learns the position of each of its rows."""
    if table is None:
        found = _heard(study, sounds, ledger)
    else:
        found = _listed(study, table, sounds, ledger)
    if found is None or ledger.of_level("error"):
        return None
    frame = found.frame
    minutes = study.section("birdnet").get("recording_minutes")
    if minutes is not None and minutes <= 0:
        ledger.error("E405", f"{study.name}: [birdnet] recording_minutes is {minutes}")
    elif minutes is not None:
        frame["seconds"] = frame["seconds"].fillna(60.0 * minutes)
    known = frame["seconds"].notna()
    if known.any() and not known.all():
        names = frame["recording"][~known]
        ledger.error(
            "E688",
            f"{found.places.place}: the length of {len(names)} recordings is not known "
            f"({listing(names, 3)})",
            file=found.places.place,
            cure="write it; or [birdnet] recording_minutes = 10 for all that are not told",
        )
    _sites(study, found, ledger)
    check_shifts(study, settings, set(frame["site"]), ledger)
    start = frame["start"].to_numpy().copy()
    for name, seconds in settings.shifts.items():
        mine = (frame["site"] == name).to_numpy()
        start[mine] = start[mine] + np.timedelta64(seconds, "s")
    frame["start"] = start
    if settings.drop_before is not None:
        early = (frame["start"] < settings.drop_before).to_numpy()
        frame.loc[early, "aside"] = f"before {settings.drop_before}"
    return None if ledger.of_level("error") else found


# --- as they were heard ------------------------------------------------------------------------


def _heard(study: StudyFile, sounds: Sounds, ledger: Ledger) -> Recordings:
    """Those that the tables of detections name, and those that have a table of their own."""
    names = list(dict.fromkeys([*sounds.frame["recording"], *sounds.heard]))
    same = recording_names.joined(names)
    sounds.frame["recording"] = sounds.frame["recording"].map(same)
    every = sorted(set(same.values()), key=natural)
    frame = pd.DataFrame({"recording": every, "season": ""})
    frame["start"] = np.array([recording_names.start_of(n) for n in every], dtype="datetime64[s]")
    frame["seconds"] = np.nan
    frame["aside"] = ""
    at = {name: i for i, name in enumerate(every)}
    sounds.frame["of"] = sounds.frame["recording"].map(at).astype(int)
    told = sounds.frame.groupby("of")["site"].first().reindex(range(len(every))).fillna("")
    frame["site"] = told.to_numpy(dtype=object)
    first = sounds.tables[0]
    if not set(every) <= {same.get(n, n) for n in sounds.heard}:
        ledger.warn(
            "W687",
            f"{first.place}: the recordings are those with a detection of something; one in which "
            "nothing was detected is not known",
            file=first.file,
            why="a recording without detections is a visit without them: left out, detection "
            "comes out too high",
            cure="list all recordings: [files.recordings] path (file, site, start, duration); or "
            "name a folder with a table for each recording",
        )
    places = sounds.frame.groupby("of")[["longitude", "latitude"]].median()
    places = places.reindex(range(len(every)))
    text = places.map(lambda v: "" if pd.isna(v) else repr(float(v)))
    text.index = pd.RangeIndex(2, len(text) + 2)
    if (text == "").any().any():
        text = text[[]]
    return Recordings(frame, None, Table(replace(first.spec, columns={}), text, first.found), set())


# --- as they are listed ------------------------------------------------------------------------


def _listed(study: StudyFile, table: Table, sounds: Sounds, ledger: Ledger) -> Recordings | None:
    found = {role: column_of(table, role, ledger, USUAL, needed=role == "file") for role in USUAL}
    if found["file"] is None:
        return None
    if not len(table):
        ledger.error(
            "E006",
            f"{table.place} has a header and no rows: no recording was made",
            file=table.place,
            cure="was the export cut short? Export it again",
        )
        return None
    files = cells.ids(table, found["file"], ledger)
    names = np.array([recording_names.recording(f) for f in files], dtype=object)
    doubled = pd.Series(names).duplicated(keep=False).to_numpy() & (names != "")
    for name, others in first_of(pd.unique(names[doubled])):
        rows = table.rows[names == name]
        ledger.error(
            "E021",
            f'{table.place}: recording "{name}" is in {rows_text(rows)}',
            file=table.place,
            row=int(rows[1]),
            column=found["file"],
            cure="one row a recording; where two recorders wrote files of one name, write their "
            "folders too",
            others=others,
        )
    frame = pd.DataFrame({"recording": names, "aside": ""})
    site = found["site"]
    frame["site"] = roles.same_sites(study, cells.ids(table, site, ledger)) if site else ""
    frame["season"] = table.text(found["season"]) if found["season"] else ""
    start = np.array([recording_names.start_of(n) for n in names], dtype="datetime64[s]")
    if found["start"]:
        told = dates.dates(table, found["start"], ledger)
        start = np.where(np.isnat(told), start, told)
    frame["start"] = start
    frame["seconds"] = _durations(study, table, found["duration"], ledger)
    at = recording_names.find(list(sounds.frame["recording"]), list(names))
    unknown = at < 0
    if unknown.any() and study.section("checks").get("unknown_site") != "drop":
        _tell_unknown(table, sounds, at, names, ledger)
    sounds.frame["of"] = at
    used = {c for c in found.values() if c}
    return Recordings(frame, table, table, used)


def _durations(study: StudyFile, table: Table, column: str | None, ledger: Ledger) -> np.ndarray:
    """Seconds of each recording, NaN where not told."""
    if column is None:
        return np.full(len(table), np.nan)
    texts = table.text(column)
    clocks = {t: _CLOCK.fullmatch(t) for t in pd.unique(texts) if t}
    if clocks and all(clocks.values()):
        seconds = {"": np.nan}
        for text, m in clocks.items():
            hours = int(m[1] or 0)  # type: ignore[index]
            seconds[text] = hours * 3600 + int(m[2]) * 60 + float(m[3])  # type: ignore[index]
        return np.array([seconds[t] for t in texts], dtype=float)  # at most 42 days
    unit = study.section("birdnet").get("duration_unit") or unit_of_name(column)
    values = cells.numbers(table, column, ledger)
    if not unit:
        ledger.error(
            "E688",
            f'{table.place}, column {column}: is "{texts[0]}" a number of seconds or of minutes?',
            file=table.place,
            column=column,
            cure='[birdnet] duration_unit = "seconds" or "minutes"; or call the column duration_s',
        )
        return values
    bad = (values <= 0) | (values * UNITS[unit] > LONGEST)
    if bad.any():
        ledger.error(
            "E688",
            f"{values[bad][0]:g} {unit} is no length of a recording",
            at=table.at(table.rows[bad], column),
        )
    return values * UNITS[unit]


def _tell_unknown(table: Table, sounds: Sounds, at, names: np.ndarray, ledger: Ledger) -> None:
    frame = sounds.frame[at < 0]
    for name, part in list(frame.groupby("recording")):
        source = sounds.tables[int(part["table"].iloc[0])]
        rows = source.rows[part["at"].to_numpy(dtype=int)]
        several = bool((at[part.index] == -2).any())
        close = nearest(name, list(names))
        fact = "fits several rows of" if several else "is not in"
        ledger.error(
            "E686",
            f'{source.place}, {rows_text(rows)}: recording "{name}" {fact} {table.file}'
            + (f'. Closest: "{close}"' if close and not several else ""),
            file=source.place,
            row=int(rows[0]),
            cure="write the folders of the files in both tables"
            if several
            else f"add it to {table.file}, with its site; or set such rows aside: [checks] "
            'unknown_site = "drop"',
        )


# --- sites -------------------------------------------------------------------------------------


def _sites(study: StudyFile, found: Recordings, ledger: Ledger) -> None:
    """Sites that no column tells: from the names of the files, or from a folder."""
    frame, keys = found.frame, study.section("birdnet")
    if (frame["site"] != "").all():
        return
    names = list(frame["recording"])
    prefix = [recording_names.prefix_of(n) for n in names]
    folder = [recording_names.folder_of(n, keys.get("site_folder", -1)) for n in names]
    how = keys.get("site") or ("folder" if "site_folder" in keys else "")
    if not how:
        how = (
            "name" if all(prefix) and not _at_one_time(frame, prefix, folder, ledger) else "folder"
        )
    told = {"name": prefix, "folder": folder, "recording": names}[how]
    pairs = zip(names, told, frame["site"], strict=True)
    lost = [name for name, site, given in pairs if not site and not given]
    if lost:
        what = "no letters beside its date" if how == "name" else "no such folder"
        ledger.error(
            "E690",
            f'{found.places.place}: the site of recording "{lost[0]}" cannot be told: {what}'
            + (f" ({len(lost)} such recordings)" if len(lost) > 1 else ""),
            file=found.places.place,
            cure="list the recordings with their sites: [files.recordings]; or [birdnet] site = "
            '"name", "folder" with site_folder = 1 (from 1; -1 is the innermost), or "recording"',
        )
        return
    sites = roles.same_sites(study, told)
    frame["site"] = np.where(frame["site"] == "", sites, frame["site"])


def _at_one_time(frame: pd.DataFrame, prefix: list[str], folder: list[str], ledger: Ledger) -> bool:
    """Whether recorders of one name ran at one time, and their folders tell them apart."""
    known = frame["start"].notna().to_numpy()
    both = pd.DataFrame({"name": prefix, "folder": folder, "start": frame["start"]})[known]
    twice = both[both.duplicated(["name", "start"], keep=False)]
    several = twice.groupby(["name", "start"])["folder"].nunique()
    if not (several > 1).any() or not all(folder):
        return False
    name, start = several[several > 1].index[0]
    places = sorted(set(twice[(twice["name"] == name) & (twice["start"] == start)]["folder"]))
    ledger.note(
        "N689",
        f'recordings named "{name}" began at {start} in {len(places)} folders '
        f"({listing(places, 3)}), so that folders were taken for sites, not names",
        cure='where that is wrong: [birdnet] site = "name", or site_folder = 1',
    )
    return True
