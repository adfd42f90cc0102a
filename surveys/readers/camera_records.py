"""Records of cameras: which are of a species, which stand alone, and what each row counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from surveys import taxa
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers import roles
from surveys.readers.camera_settings import Settings
from surveys.readers.long_values import count_cells
from surveys.study_file import StudyFile
from surveys.text_table import Table

OUTSIDE = "outside the time that a camera worked"
# Clocks that have lost their battery begin anew on one of these days.
RESETS = ("1970-01-01", "1980-01-01", "2000-01-01", "2001-01-01", "2010-01-01", "2012-01-01")


@dataclass
class Records:
    """Records as read: `frame` has a row a record (at, species, reason, count).

    `unit`, `instant` and `aside` are by row of the table; `at` says of which row a record is.
    `unit` is a site, or a deployment where `linked`. Rows of one `event` (a picture, a sequence)
    are animals that were seen together: males, females and young often stand in rows of their own.
    """

    table: Table
    unit: np.ndarray
    instant: np.ndarray
    aside: np.ndarray
    frame: pd.DataFrame
    linked: bool = False
    individuals: bool = False  # whether `count` holds numbers of animals
    pictures: bool = False  # whether rows are pictures, so that one animal stands in many
    event: np.ndarray | None = None  # "" where a row tells none
    refused: np.ndarray = field(init=False)  # rows that the reader itself set aside

    def __post_init__(self) -> None:
        self.refused = self.aside != ""


def species_frame(
    study: StudyFile,
    table: Table,
    names: np.ndarray,
    ledger: Ledger,
    *,
    kinds: np.ndarray | None = None,
    ranks: Mapping[str, str] | None = None,
    scientific: bool = False,
    counts: np.ndarray | None = None,
    at: np.ndarray | None = None,
) -> pd.DataFrame:
    """Species of each record, and why a record is of none.

    Parameters
    ----------
    names : as written
    kinds : "" for an animal, else what the source says instead: "blank", "human", "vehicle"
    ranks : rank of each name in small letters, as the source tells it
    scientific : whether names are scientific, so that "Aves" shows by itself that it is no species
    at : row of the table of each record; None: one record a row
    """
    found, reason = roles.species_names(study, table, names, ledger)
    # A blank picture says so; a row without a name is an animal that nobody could tell.
    if kinds is not None:
        reason = np.where(kinds != "", kinds, np.where(reason == "blank", "unknown", reason))
    keep = study.section("taxa").get("keep_ranks", [])
    alias = {
        " ".join(k.split()).casefold(): v for k, v in study.section("taxa").get("alias", {}).items()
    }
    if not (scientific or ranks) and len(names) == len(table):
        roles.tell_doubtful_names(table, names, found, reason, ledger)
    if scientific or ranks:
        judged: dict[str, tuple[str, str]] = {}
        written = pd.Series(names).map(lambda n: " ".join(str(n).split()))
        for name, shown in dict(zip(written, found, strict=True)).items():
            if name.casefold() in alias:
                judged[name] = (shown, "")
                continue
            rank = (ranks or {}).get(name.casefold())
            judged[name] = taxa.of_rank(shown, rank, keep) if scientific or rank else (shown, "")
        animal = reason == ""
        found = np.array(
            [judged[n][0] if a else s for n, s, a in zip(written, found, animal, strict=True)],
            dtype=object,
        )
        reason = np.array(
            [judged[n][1] if a else r for n, r, a in zip(written, reason, animal, strict=True)],
            dtype=object,
        )
    if counts is not None:  # somebody looked, and counted none
        reason = np.where((reason == "") & (np.asarray(counts) == 0), "count of 0", reason)
    frame = pd.DataFrame({"at": np.arange(len(names)) if at is None else at})
    frame["species"] = found
    told = [
        r if r == "" or r.startswith(("rank: ", "excluded")) else f"not a species: {r}"
        for r in reason
    ]
    frame["reason"] = pd.Series(told, dtype="str")  # text where there is no row, too
    frame["count"] = np.nan if counts is None else counts
    return frame


def count_column(table: Table, column: str | None, ledger: Ledger) -> np.ndarray | None:
    """Numbers of animals, NaN where one is present and was not counted."""
    if column is None:
        return None
    counts, present = count_cells(table, column, ledger)
    counts = np.where(present, np.nan, counts)
    return None if np.isnan(counts).all() else counts


def tell_set_aside(records: Records, ledger: Ledger) -> None:
    """One line that counts what is no species, and one for each name of a higher rank."""
    frame = records.frame[~records.refused[records.frame["at"]]]
    what = frame["reason"][frame["reason"].str.startswith("not a species: ")]
    if len(what):
        counted = what.str.removeprefix("not a species: ").value_counts()
        ledger.note(
            "N053",
            f"{records.table.place}: set aside as not a species: "
            + ", ".join(f"{n} {k}" for k, n in counted.items())
            + " (listed in dropped.csv)",
            file=records.table.file,
        )
    ranked = frame[frame["reason"].str.startswith("rank: ")]
    names = zip(ranked["species"], ranked["reason"], strict=True)
    for (name, rank), n in pd.Series(list(names), dtype=object).value_counts().items():  # type: ignore[misc]
        ledger.warn(
            "W053",
            f'{records.table.place}: {n} {"record" if n == 1 else "records"} of "{name}" '
            f"({str(rank).removeprefix('rank: ')}) set aside, "
            "listed in dropped.csv",
            file=records.table.file,
            why="a genus or a class is no species: its absence cannot be told",
            cure=f'to keep such names: [taxa] keep_ranks = ["{_kept_as(str(rank))}"]; to give one '
            "a species: [taxa.alias]",
        )


def _kept_as(reason: str) -> str:
    """The word for `keep_ranks` that keeps names of a rank."""
    rank = reason.removeprefix("rank: ")
    return "genus" if rank == "genus or above" else rank


def shifted(
    records_unit: np.ndarray, wall: np.ndarray, sites: np.ndarray, settings: Settings
) -> np.ndarray:
    """Wall times after the corrections of `[clock.NAME] shift`, by site or deployment."""
    out = wall.copy()
    for name, seconds in settings.shifts.items():
        mine = (records_unit == name) | (sites == name)
        out[mine] = out[mine] + np.timedelta64(seconds, "s")
    return out


def check_shifts(study: StudyFile, settings: Settings, known: set[str], ledger: Ledger) -> None:
    """A shift for a clock that nobody has would be believed to act."""
    for name in settings.shifts:
        if name not in known:
            ledger.error(
                "E404",
                f'{study.name}: [clock."{name}"] is no site or deployment. There are: '
                f"{listing(sorted(known))}",
                file=study.name,
            )


def of_reset_clock(days: np.ndarray) -> np.ndarray:
    """Days at which a camera's clock begins anew when its battery failed, and a month on."""
    since = days[:, None] - np.array(RESETS, "datetime64[D]")[None, :]
    return ((since >= np.timedelta64(0, "D")) & (since < np.timedelta64(31, "D"))).any(axis=1)


def check_clocks(records: Records, earliest: int, settings: Settings, ledger: Ledger) -> None:
    """Set aside what is before `drop_before`; tell clocks that began anew."""
    if settings.drop_before is not None:
        limit = settings.clock.edges(np.array([settings.drop_before.astype(int)]))[0]
        early = (records.aside == "") & (records.instant < limit)
        records.aside[early] = f"before {settings.drop_before}"
    days = settings.clock.days(records.instant).astype("datetime64[D]")
    odd = of_reset_clock(days) & (
        days < settings.clock.days(np.array([earliest]))[0].astype("M8[D]")
    )
    odd &= (records.aside == "") & ((records.instant != 0) | (not ledger.of_level("error")))
    for unit in list(pd.unique(records.unit[odd])):
        mine = odd & (records.unit == unit)
        rows = records.table.rows[mine]
        n = int(mine.sum())
        first, last = str(days[mine].min()), str(days[mine].max())
        ledger.error(
            "E037",
            f"{n} {'record' if n == 1 else 'records'} of "
            f"{unit} on {first}{f' to {last}' if last > first else ''}, before any camera stood: "
            "the camera clock was reset",
            at=records.table.at(rows),
            cure=f'correct it: [clock."{unit}"] shift = "3650 days 02:00" (what to add); or set '
            f"such records aside: [time] drop_before = {last[:4]}-12-31",
        )


def counted(
    frame: pd.DataFrame, records: Records, settings: Settings, ledger: Ledger
) -> np.ndarray | None:
    """What each used record adds to `count` of its cell; None where counts would mislead.

    Records of one species at a site within the interval are one event: its count is the largest of
    its records. An event that runs over the edge of an occasion counts in both, so that a
    detection always has a count.
    """
    what = settings.count or ("individuals" if records.individuals else "records")
    if what == "individuals" and not records.individuals:
        ledger.error(
            "E567",
            f'[cameras] count = "individuals", but {records.table.place} has no column of counts',
            file=records.table.place,
            cure='name it: [files.detections.columns] count = "..."; or count = "records"',
        )
        return None
    minutes = settings.independence_minutes
    if minutes <= 0 and records.pictures:
        if settings.count:
            ledger.error(
                "E567",
                f"[cameras] count: {records.table.place} holds pictures, and one animal stands in "
                "many",
                file=records.table.place,
                cure="[cameras] independence_minutes = 60",
            )
        return None
    value = frame["count"].to_numpy(float) if what == "individuals" else np.ones(len(frame))
    if minutes <= 0 or not len(frame):
        return value
    if what == "individuals":
        value = _together(frame, value, records)
    keys = ["species", "unit_site", "cell"]
    order = frame.sort_values([*keys, "instant", "row"], kind="stable").index.to_numpy()
    part = frame.loc[order]
    group = part.groupby(keys, sort=False).ngroup().to_numpy()
    event = _events(group, part["instant"].to_numpy(), minutes * 60, settings.independence)
    first = np.concatenate([[True], event[1:] != event[:-1]])
    out = np.zeros(len(frame))
    # The largest of an event stands at its first record; one that was not counted makes it missing.
    out[order[first]] = np.maximum.reduceat(value[order], np.flatnonzero(first))
    joined = int((~first).sum())
    if joined:
        ledger.note(
            "N568",
            f"{records.table.place}: {joined} of {len(frame)} records came within {minutes:g} "
            f"minutes of the {settings.independence} of their species at the site and were "
            "counted with it",
            file=records.table.file,
        )
    return out


def _together(frame: pd.DataFrame, value: np.ndarray, records: Records) -> np.ndarray:
    """The animals of one picture or sequence added up, at the first of its rows."""
    if records.event is None:
        return value
    at = frame["at"].to_numpy(dtype=np.int64)
    label = records.event[at].astype(object)
    told = label != ""
    # Rows without a label stand alone; pictures of several cameras may have one name.
    label[~told] = [f"\n{i}" for i in at[~told]]
    keys = [frame["species"], frame["cell"], pd.Series(records.unit[at], frame.index), label]
    group = pd.DataFrame({str(i): k for i, k in enumerate(keys)}).groupby(list("0123"), sort=False)
    number = group.ngroup().to_numpy()
    first = ~pd.Series(number).duplicated().to_numpy()
    total = np.bincount(number, value)
    return np.where(first, total[number], 0.0)


def _events(group: np.ndarray, instant: np.ndarray, gap: float, how: str) -> np.ndarray:
    """Number of the event of each record, sorted by group and time."""
    new_group = np.concatenate([[True], group[1:] != group[:-1]])
    if how == "last record":
        apart = np.concatenate([[True], np.diff(instant) >= gap])
        return np.cumsum(new_group | apart)
    event = np.zeros(len(group), dtype=np.int64)
    number, last = 0, 0
    for i, (fresh, now) in enumerate(zip(new_group.tolist(), instant.tolist(), strict=True)):
        if fresh or now - last >= gap:
            number, last = number + 1, now
        event[i] = number
    return event
