"""What a classifier heard in recordings: BirdNET, Raven, Kaleidoscope and Perch tables.

A visit is a recording, or what was recorded in some hours, a day or an occasion. A species was
detected on a visit that holds a row of it at the threshold or above; the highest score of every
visit is kept as `score` for the family `scores`, the number of rows behind a detection as
`n_records`. Which recordings were made is told by a table of them: rows alone prove no zeros.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from surveys import cells
from surveys.guess_lines import quoted
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import listing
from surveys.readers import idle_keys, long_visits, recordings, roles, sound_tables, sound_visits
from surveys.readers.camera_settings import Settings, settings_of
from surveys.readers.deployments import column_of
from surveys.readers.recordings import Recordings
from surveys.readers.site_table import SiteColumns, read_sites
from surveys.readers.sound_tables import Sounds
from surveys.readers.sound_visits import KEY, MINUTES, Visits
from surveys.readers.tidy import Guess, Tidy
from surveys.study_file import StudyFile
from surveys.text_table import Table, rows_text
from surveys.values import as_seasons, natural

SECTIONS = ("birdnet", "time", "clock", "occasions", "seasons")
LAYOUT = "one row for each detection of a classifier"
MOST_CELLS = 300_000_000
# Labels of BirdNET that are no animal of the survey.
LABELS = {
    "nocall": "blank",
    **dict.fromkeys(("human vocal", "human non-vocal", "human whistle"), "human"),
    **dict.fromkeys(("dog", "engine", "environmental", "fireworks", "gun", "noise"), "noise"),
    **dict.fromkeys(("power tools", "siren", "gunshot", "background"), "noise"),
}
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
    why = f"{listing(heard, 2)} {'holds' if len(heard) == 1 else 'hold'} detections in recordings"
    for file, table in tables.items():
        if file in heard:
            continue
        have = {r: column_of(table, r, quiet, recordings.USUAL) for r in recordings.USUAL}
        if have["file"] and (have["site"] or have["duration"] or have["start"]):
            extra["files"] = {"recordings": (file, {})}
            duration = have["duration"]
            texts = table.text(duration) if duration else []
            extra["unit"] = bool(
                duration and not recordings.unit_of_name(duration) and ":" not in "".join(texts)
            )
    return Guess("birdnet", 0.96, why, extra=extra)


def study_lines(guess: Guess, tables: dict[str, Table]) -> list[str]:
    """Keys of recordings and scores, with what they mean."""
    table = tables[guess.extra["file"]]
    score = column_of(table, "score", Ledger(), sound_tables.USUAL)
    values = cells.numbers(table, str(score), Ledger())
    percent = not str(score).casefold().startswith("logit") and np.nanmax(values, initial=0) > 1
    level = "0.0" if str(score).casefold().startswith("logit") else "0.5"
    out = []
    if "files" not in guess.extra:
        out += [
            "# [files.recordings]    # all recordings made: it proves those without detections",
            '# path = "recordings.csv"   # file, site, start, duration_s',
            "",
        ]
    out += [
        "[birdnet]",
        f"threshold = {level}          # a row with this score or more is a detection",
        f"# threshold_by_species = {{ {quoted('Strix aluco')} = 0.8 }}",
        'visits = "recording"     # or "hours" (blocks of hours), "day", "occasions"',
        '# score_scale = "logit"  # for the family scores, which wants scores that look normal',
        '# names = "common"',
        '# site = "folder"        # where the site is a folder, not the beginning of file names',
    ]
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
    _check_scores(study, sounds, keys, ledger)
    frame = sounds.frame
    names = sound_tables.named_as(frame, tables, keys.get("names", ""), ledger)
    found = recordings.recordings_of(study, settings, sounds, listed, ledger)
    if found is None or ledger.of_level("error"):
        return None
    frame["species"], reason = _species(study, tables[0], names, ledger)
    sites, others = _sites(study, found, ledger)
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
    over = _over(study, sounds, keys, ledger)
    kept, species = _kept(study, frame, over, aside)
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
    own, policies = _covariates(study, found, visits, ledger)
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


# --- scores and species ------------------------------------------------------------------------


def _check_scores(study: StudyFile, sounds: Sounds, keys: dict, ledger: Ledger) -> None:
    """Scores on their scale: after the divisor confidences lie between 0 and 1."""
    frame = sounds.frame
    frame["score"] = frame["score"] / float(keys.get("score_divisor", 1))
    if sounds.logits:
        return
    with np.errstate(invalid="ignore"):
        bad = (frame["score"] > 1) | (frame["score"] < 0)
    if bad.any():
        first = frame[bad].iloc[0]
        table = sounds.tables[int(first["table"])]
        row = int(table.rows[int(first["at"])])
        column = column_of(table, "score", Ledger(), sound_tables.USUAL)
        value = first["score"] * float(keys.get("score_divisor", 1))
        over = first["score"] > 1
        ledger.error(
            "E054",
            f"{table.place}, row {row}, column {column}: {value:g} is "
            + (f"over {keys.get('score_divisor', 1):g}" if over else "below 0")
            + "; scores run from 0 to 1",
            file=table.place,
            row=row,
            column=str(column),
            cure="if these are per cent, set [birdnet] score_divisor = 100"
            if over
            else "if these are logits, call the column logit",
            more=f"{int(bad.sum())} such rows" if bad.sum() > 1 else "",
        )


def _species(
    study: StudyFile, table: Table, names: np.ndarray, ledger: Ledger
) -> tuple[np.ndarray, np.ndarray]:
    """Species of each row, and why a row is of none."""
    shown, reason = roles.species_names(study, table, names, ledger)
    plain = {n: LABELS.get(roles.plain_name(n), "") for n in set(names)}
    label = np.array([plain[n] for n in names], dtype=object)
    reason = np.where(label != "", label, reason)
    what = pd.Series(reason[reason != ""])
    told = np.array(
        [r if r == "" or r.startswith("excluded") else f"not a species: {r}" for r in reason],
        dtype=object,
    )
    if len(what):
        counted = ", ".join(f"{n} {k}" for k, n in what.value_counts().sort_index().items())
        ledger.note(
            "N053", f"{table.place}: set aside as not a species: {counted}", file=table.file
        )
    return shown, told


def _over(study: StudyFile, sounds: Sounds, keys: dict, ledger: Ledger) -> np.ndarray:
    """Rows that are detections: at the threshold of their species, or above."""
    frame = sounds.frame
    by_species = keys.get("threshold_by_species", {})
    if "threshold" not in keys and not by_species and frame["score"].notna().any():
        ledger.warn(
            "W689",
            f"{sounds.tables[0].place}: no threshold was told, so that all rows are detections, "
            f"from a score of {frame['score'].min():g} on",
            file=sounds.tables[0].file,
            why="most rows of low scores are mistakes",
            cure="[birdnet] threshold = 0.5; or leave the scores as they are: family scores",
        )
    least = np.full(len(frame), float(keys.get("threshold", -np.inf)))
    plain = frame["species"].map(roles.plain_name).to_numpy(dtype=object)
    unknown = []
    for name, level in by_species.items():
        mine = plain == roles.plain_name(name)
        least[mine] = float(level)
        if not mine.any():
            unknown.append(name)
    if unknown:
        ledger.note(
            "N687",
            f"{study.name}: [birdnet] threshold_by_species: {listing(unknown)} "
            f"{'was' if len(unknown) == 1 else 'were'} not heard by that name",
            file=study.name,
        )
    score = frame["score"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        return np.isnan(score) | (score >= least)


def _kept(
    study: StudyFile, frame: pd.DataFrame, over: np.ndarray, aside: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """Rows of species that were detected somewhere, or that the study names; and the species."""
    told = study.section("study").get("species", [])
    told = [told] if isinstance(told, str) else list(told)
    seen = set(frame["species"][(aside == "") & over])
    species = sorted({*seen, *told}) or ["species"]
    return frame["species"].isin(species).to_numpy(), species


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
        f"{table.place}, {rows_text(table.rows[mine['at'].to_numpy(dtype=int)])}: detections after "
        f'the end of their recording ("{row["recording"]}" has {seconds:g} seconds); they were '
        "counted at its end",
        file=table.file,
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
    out["row"] = [
        int(sounds.tables[int(i)].rows[int(j)])
        for i, j in zip(grouped["table"], grouped["at"], strict=True)
    ]
    return out


# --- sites, covariates, account ----------------------------------------------------------------


def _others(found: Recordings) -> list[str]:
    """Columns of the list of recordings that have no role."""
    if found.table is None:
        return []
    places = {"longitude", "latitude", "easting", "northing", "region"}
    taken = set(found.used_columns)
    taken |= {c for r in places for n in roles.USUAL[r] if (c := found.table.match(n))}
    return [c for c in found.table.names if c not in taken]


def _sites(study: StudyFile, found: Recordings, ledger: Ledger):
    """Sites, with the columns of the list of recordings that never change within one."""
    site = found.frame["site"].to_numpy(dtype=object)
    constant = []
    for column in _others(found):
        values = pd.Series(found.places.text(column))
        if not pd.Series(site).is_unique and (values.groupby(site).nunique() <= 1).all():
            constant.append(column)
    constant = [c for c in constant if c not in study.section("visit_covariates")]
    places = found.places
    if found.table is None and len(places.names):
        # Places by recording, as the classifier was told them: their first of each site.
        numbers = pd.DataFrame({c: places.text(c).astype(float) for c in places.names})
        spread = numbers.groupby(site).agg(lambda v: v.max() - v.min())
        if (spread > 1e-3).any().any():
            places = replace(places, frame=places.frame[[]])
        else:
            means = numbers.groupby(site).transform("median")
            text = means.map(lambda v: repr(float(v)))
            places = replace(places, frame=text.set_axis(places.frame.index))
    return read_sites(study, SiteColumns(places, None, constant, site), ledger)


def _covariates(
    study: StudyFile, found: Recordings, visits: Visits, ledger: Ledger
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Columns of the list that change within a site, where each recording is a visit."""
    sections = study.section("visit_covariates")
    made = {MINUTES, sound_visits.HOUR, long_visits.DAY}
    policies = dict.fromkeys(made & set(visits.frame), "refuse")
    single = sound_visits.way_of(study) == "recording"
    others = _others(found) if single and found.table is not None else []
    by_column = {k["column"]: n for n, k in sections.items() if "column" in k}
    have = {by_column.get(c, c) for c in others}
    for name in sections:
        if name not in have | made:
            ledger.error(
                "E517",
                f"{study.name}: [visit_covariates.{name}]: visits of recordings have "
                f"{listing(sorted(made), 3)}; where each recording is a visit, also the columns of "
                "[files.recordings]",
                file=study.name,
                cure='[birdnet] visits = "recording", and a column of that name in the list of '
                "recordings",
            )
    if not others or found.table is None:
        return {}, policies
    site = found.frame["site"].to_numpy(dtype=object)
    rows = np.flatnonzero(found.frame["aside"] == "")
    out = {}
    for column in others:
        name = by_column.get(column, column)
        values = pd.Series(found.table.text(column))
        constant = not pd.Series(site).is_unique
        constant &= bool((values.groupby(site).nunique() <= 1).all())
        if constant and name not in sections:
            continue
        kind = sections.get(name, {}).get("type")
        kind = kind or ("number" if cells.is_numeric(found.table, column) else "factor")
        read_as = cells.numbers if kind == "number" else cells.words
        told = read_as(found.table, column, ledger)[rows]
        out[name] = told if kind == "number" else told.astype(str)
        policies[name] = sections.get(name, {}).get("missing", "drop visit")
    return out, policies


def _account(sounds: Sounds, found: Recordings, aside: np.ndarray, ledger: Ledger) -> None:
    """Every row of every table is used, or set aside by one rule."""
    of_table = sounds.frame["table"].to_numpy()
    for i, table in enumerate(sounds.tables):
        long_visits.account(table, table.frame, aside[of_table == i], ledger)
        cells.tell_decimals(table, ledger)
    if found.table is not None:
        state = found.frame["aside"].to_numpy(dtype=object)
        long_visits.account(found.table, found.table.frame, state, ledger)
        roles.tell_loose_names(found.table, ledger)
