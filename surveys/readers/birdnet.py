"""What a classifier heard in recordings: BirdNET, Raven, Kaleidoscope and Perch tables.

A visit is a recording, or what was recorded in some hours, a day or an occasion. A species was
detected on a visit that holds a row of it at the threshold or above; the highest score of every
visit is kept as `score` for the family `scores`, the number of rows behind a detection as
`n_records`. Which recordings were made is told by a table of them: rows alone prove no zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from surveys import cells
from surveys.guess_lines import quoted
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import listing
from surveys.readers import (
    idle_keys,
    long_visits,
    recordings,
    roles,
    sound_covariates,
    sound_scores,
    sound_tables,
    sound_visits,
)
from surveys.readers.camera_settings import Settings, settings_of
from surveys.readers.deployments import column_of
from surveys.readers.recordings import Recordings
from surveys.readers.site_table import read_sites
from surveys.readers.sound_fieldwork import fieldwork_of
from surveys.readers.sound_tables import Sounds
from surveys.readers.sound_visits import KEY, MINUTES, Visits
from surveys.readers.tidy import Guess, Tidy
from surveys.study_file import StudyFile
from surveys.text_table import Table
from surveys.values import as_seasons, natural

SECTIONS = ("birdnet", "time", "clock", "occasions", "seasons")
LAYOUT = "one row for each detection of a classifier"
MOST_CELLS = 300_000_000
NEAREST_TO_ONE = 5e-5  # scores are written with four digits: 1.0000 is 0.99995 or more


def detect(tables: dict[str, Table]) -> Guess | None:
    """Tables with a time in a recording, a species and a score; and a list of recordings."""
    quiet = Ledger()
    heard = [file for file, table in tables.items() if sound_tables.is_sounds(table)]
    if not heard:
        return None
    extra: dict[str, Any] = {"file": heard[0], "taken": heard}
    if len(heard) > 1:
        extra["path"] = sound_tables.common_folder(heard)
    shown = ["this folder" if h == "." else h for h in heard]
    why = f"{listing(shown, 2)} {'holds' if len(heard) == 1 else 'hold'} detections in recordings"
    for file, table in tables.items():
        if file in heard:
            continue
        if recordings.is_list(table):
            extra["files"] = {"recordings": (file, {})}
            duration = column_of(table, "duration", quiet, recordings.USUAL)
            texts = table.text(duration) if duration else []
            extra["unit"] = bool(
                duration and not recordings.unit_of_name(duration) and ":" not in "".join(texts)
            )
    return Guess("birdnet", 0.96, why, extra=extra)


def ease(guess: Guess, codes: tuple[str, ...]) -> bool:
    """Where no name tells a site, each recording is one; False where that does not help."""
    if "E690" not in codes or guess.extra.get("no_site"):
        return False
    guess.extra["no_site"] = True
    return True


def study_lines(guess: Guess, tables: dict[str, Table]) -> list[str]:
    """Keys of recordings and scores, with what they mean."""
    table = tables[guess.extra["file"]]
    score = column_of(table, "score", Ledger(), sound_tables.USUAL)
    columns = sound_tables.classes_of(table) or ([score] if score else [])
    values = np.concatenate([[0.0], *(cells.numbers(table, c, Ledger()) for c in columns)])
    logits = str(score).casefold().startswith("logit") or (
        score is None and (np.nanmin(values, initial=0) < 0 or np.nanmax(values, initial=0) > 1)
    )
    percent = not logits and np.nanmax(values, initial=0) > 1
    level = "0.0" if logits else "0.5"
    off = "" if columns else "# "
    out = []
    if "files" not in guess.extra:
        out += [
            "# [files.recordings]    # all recordings made: it proves those without detections",
            '# path = "recordings.csv"   # file, site, start, duration_s',
            "",
        ]
    out += [
        "[birdnet]",
        f"{off}threshold = {level}          # a row with this score or more is a detection",
        f"# threshold_by_species = {{ {quoted('Strix aluco')} = 0.8 }}",
        'visits = "recording"     # or "hours" (blocks of hours), "day", "occasions"',
        '# score_scale = "logit"  # for the family scores, which wants scores that look normal',
        '# names = "common"',
    ]
    if guess.extra.get("no_site"):
        out += [
            "# names of the files tell no site, so each recording is taken for a site. Check this:",
            'site = "recording"       # or "name", "folder"; or list them in [files.recordings]',
        ]
    else:
        out.append(
            '# site = "folder"        # where the site is a folder, not the beginning of file names'
        )
    if percent:
        out.append("score_divisor = 100      # scores are per cent")
    if guess.extra.get("unit"):
        out.append('duration_unit = "seconds"   # check this: or "minutes"')
    if "files" not in guess.extra:
        out.append("# recording_minutes = 10 # length of every recording, where all are alike")
    return [*out, ""]


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Visits and records of a study of recordings."""
    settings = settings_of(study, ledger)
    keys = study.section("birdnet")
    _check_keys(study, keys, ledger)
    spec = study.table("files.detections", ledger)
    tables = sound_tables.open_tables(study, spec, ledger) if spec is not None else None
    list_spec = study.table("files.recordings", ledger)
    listed = open_table(list_spec, ledger) if list_spec is not None else None
    if spec is None or tables is None or (list_spec is not None and listed is None):
        read_sites(study, None, ledger)
        return None
    sounds = sound_tables.sounds_of(study, spec, tables, ledger)
    if ledger.of_level("error"):
        return None
    sound_scores.check_scores(study, sounds, keys, ledger)
    frame = sounds.frame
    names = sound_tables.named_as(frame, tables, keys.get("names", ""), ledger)
    found = recordings.recordings_of(study, settings, sounds, listed, ledger)
    if found is None or ledger.of_level("error"):
        return None
    frame["species"], reason = sound_scores.species_of(study, tables[0], names, ledger)
    sites, others = sound_covariates.sites_of(study, found, ledger)
    if sites is None or ledger.of_level("error"):
        return None
    unknown = ~found.frame["site"].isin(sites["site"])
    found.frame.loc[unknown, "aside"] = "unknown site"
    visits = sound_visits.visits_of(study, settings, found, ledger)
    if visits is None or ledger.of_level("error"):
        return None
    aside = _set_aside(sounds, found, reason)
    at = _visit_of_rows(settings, sounds, found, visits, aside, ledger)
    aside[(aside == "") & (at < 0)] = "occasion with too little effort"
    over = sound_scores.over_threshold(study, sounds, keys, ledger)
    kept, species = sound_scores.kept_species(study, frame, over, aside)
    aside[(aside == "") & ~kept] = "species never at its threshold"
    if len(species) * len(visits.frame) > MOST_CELLS:
        ledger.error(
            "E695",
            f"{len(visits.frame)} visits of {len(species)} species are more than can be held",
            file=tables[0].place,
            cure='longer visits: [birdnet] visits = "day"; or a higher threshold',
        )
        return None
    records = _records(sounds, visits, at, over, aside == "", keys)
    field = fieldwork_of(settings, sounds, found, over, aside)
    own, policies = sound_covariates.covariates_of(study, found, visits, ledger)
    told = visits.frame.assign(**own)
    _account(sounds, found, aside, ledger)
    ledger.raise_errors()
    return Tidy(
        visits=told.reset_index(drop=True),
        records=records,
        sites=sites[sites["site"].isin(told["site"])].reset_index(drop=True),
        species=species,
        seasons=list(as_seasons(sorted(set(told["season"]), key=natural))),
        tables=[*tables, *([listed] if listed is not None else []), *others],
        units={
            MINUTES: "minutes",
            sound_visits.HOUR: "hour of the day",
            long_visits.DAY: "day of the year",
        },
        missing=policies,
        has_effort=True,
        effort_units=visits.units,
        clock=settings.clock.name,
        fieldwork=field,
    )


def _check_keys(study: StudyFile, keys: dict[str, Any], ledger: Ledger) -> None:
    way = sound_visits.way_of(study)
    if way != "occasions":
        idle_keys.refuse(study, "occasions", (), f'[birdnet] visits = "{way}"', ledger)
    time = ("zone", "day_starts", "drop_before")
    idle_keys.refuse(study, "time", time, "recordings have their times", ledger)
    if "hours" in keys and (way != "hours" or keys["hours"] not in (1, 2, 3, 4, 6, 8, 12)):
        ledger.error(
            "E405",
            f"{study.name}: [birdnet] hours is {keys['hours']}"
            + (f', and visits are made by "{way}"' if way != "hours" else ""),
            file=study.name,
            cure='visits = "hours" and hours = 1, 2, 3, 4, 6, 8 or 12, so that days hold whole '
            "blocks",
        )
    if keys.get("score_divisor", 1) <= 0:
        ledger.error("E405", f"{study.name}: [birdnet] score_divisor must be above 0")
    if "site_folder" in keys and keys.get("site", "folder") != "folder":
        ledger.error(
            "E408",
            f'{study.name}: [birdnet] site_folder has no effect with site = "{keys["site"]}"',
            file=study.name,
            cure='site = "folder"',
        )


# --- rows to visits ----------------------------------------------------------------------------


def _set_aside(sounds: Sounds, found: Recordings, reason: np.ndarray) -> np.ndarray:
    """Why rows are not used; what is no species is told as such, wherever it lies."""
    frame = sounds.frame
    of = frame["of"].to_numpy(dtype=np.int64)
    aside = np.full(len(frame), "", dtype=object)
    lost = of < 0
    state = found.frame["aside"].to_numpy(dtype=object)
    aside[~lost] = state[of[~lost]]
    aside[lost] = "unknown recording"
    aside[(aside == "") & sound_tables.same_twice(frame)] = "same detection in another table"
    nothing = (aside == "") & frame["score"].isna().to_numpy()
    if frame["score"].notna().any():
        aside[nothing] = "no score"
    return np.where(reason != "", reason, aside)


def _visit_of_rows(
    settings: Settings,
    sounds: Sounds,
    found: Recordings,
    visits: Visits,
    aside: np.ndarray,
    ledger: Ledger,
) -> np.ndarray:
    """The visit of each row that is not set aside; -1 where there is none."""
    frame = sounds.frame
    out = np.full(len(frame), -1, dtype=np.int64)
    at = np.flatnonzero(aside == "")
    of = frame["of"].to_numpy(dtype=np.int64)[at]
    begins, ends = (found.frame[c].to_numpy(dtype=np.int64)[of] for c in ("begins", "ends"))
    offset = frame["offset"].to_numpy(dtype=float)[at]
    instant = begins + np.floor(np.nan_to_num(offset)).astype(np.int64)
    moment = frame["moment"].to_numpy().astype("datetime64[s]")[at]
    clocked = ~np.isnat(moment)
    instant[clocked] = settings.clock.instants(moment[clocked])[0]
    late = instant > ends if found.timed else np.zeros(len(at), dtype=bool)
    if late.any():
        _tell_late(sounds, found, at[late], ledger)
    if found.timed:
        instant = np.clip(instant, begins, ends - 1)
    elif sounds.summed is not None:
        _tell_summed(sounds.summed, ledger)
        return out
    out[at] = visits.of(of, instant)  # type: ignore[operator]
    return out


def _tell_late(sounds: Sounds, found: Recordings, at: np.ndarray, ledger: Ledger) -> None:
    row = sounds.frame.iloc[int(at[0])]
    table = sounds.tables[int(row["table"])]
    mine = sounds.frame.iloc[at]
    mine = mine[mine["table"] == row["table"]]
    seconds = found.frame["seconds"].iloc[int(row["of"])]
    if sounds.summed is table:
        _tell_summed(table, ledger)
        return
    ledger.warn(
        "W686",
        "detections after "
        f'the end of their recording ("{row["recording"]}" has {seconds:g} seconds); they were '
        "counted at its end",
        at=table.at(table.rows[mine["at"].to_numpy(dtype=int)]),
        row=int(table.rows[int(row["at"])]),
        why="either the length of the recordings or the times are wrong",
        cure="correct the durations, or [birdnet] recording_minutes and duration_unit",
    )


def _tell_summed(table: Table, ledger: Ledger) -> None:
    ledger.error(
        "E691",
        f"{table.place}: Begin Time (s) is added up over the recordings of a combined table, and "
        "there is no File Offset (s)",
        file=table.place,
        why="when in its recording a bird was heard is then not known",
        cure='export the table with File Offset (s); or [birdnet] visits = "recording", without '
        "recording lengths",
    )


def _records(
    sounds: Sounds, visits: Visits, at: np.ndarray, over: np.ndarray, used: np.ndarray, keys: dict
) -> pd.DataFrame:
    """One record for each visit and species: detection, highest score, rows at the threshold."""
    frame = sounds.frame
    part = frame.loc[used, ["species", "score", "table", "at"]].assign(
        visit_at=at[used], over=over[used]
    )
    grouped = part.groupby(["visit_at", "species"], as_index=False).agg(
        detection=("over", "max"),
        n_records=("over", "sum"),
        score=("score", "max"),
        table=("table", "first"),
        at=("at", "first"),
    )
    where = grouped["visit_at"].to_numpy(dtype=np.int64)
    out = visits.frame.iloc[where][KEY].reset_index(drop=True)
    out["species"] = grouped["species"]
    out["detection"] = grouped["detection"].astype(float)
    out["n_records"] = grouped["n_records"].astype(float)
    score = grouped["score"].to_numpy(dtype=float)
    if keys.get("score_scale") == "logit" and not sounds.logits:
        inside = np.clip(score, NEAREST_TO_ONE, 1 - NEAREST_TO_ONE)
        score = np.log(inside / (1 - inside))
    if not np.isnan(score).all():
        out["score"] = score
    if keys.get("count") == "records":
        out["count"] = out["n_records"]
    out["file"] = [sounds.tables[int(i)].file for i in grouped["table"]]
    rows = [table.rows for table in sounds.tables]
    pairs = zip(grouped["table"], grouped["at"], strict=True)
    out["row"] = [int(rows[int(i)][int(j)]) for i, j in pairs]
    return out


# --- the account ------------------------------------------------------------------------------


def _account(sounds: Sounds, found: Recordings, aside: np.ndarray, ledger: Ledger) -> None:
    """Every row of every table is used, or set aside by one rule."""
    rows = sounds.frame[["table", "at"]].assign(why=aside)
    # A window that has a score for each class is used where one of them is.
    rows = rows.sort_values(["table", "at", "why"]).drop_duplicates(["table", "at"])
    why = rows["why"].to_numpy(dtype=object)
    ends = np.searchsorted(rows["table"].to_numpy(dtype=int), np.arange(len(sounds.tables) + 1))
    for table, first, last in zip(sounds.tables, ends[:-1], ends[1:], strict=True):
        long_visits.account(table, table.frame, why[first:last], ledger)
        cells.tell_decimals(table, ledger)
    if found.table is not None:
        state = found.frame["aside"].to_numpy(dtype=object)
        long_visits.account(found.table, found.table.frame, state, ledger)
        roles.tell_loose_names(found.table, ledger)
