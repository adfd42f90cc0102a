"""Breeding birds of NEON (DP1.10003.001): point counts of six minutes, and their clusters of birds.

`brd_perpoint` lists the visits, `brd_countdata` the birds. A visit is one count at one point, or,
with `[neon] visits = "minutes"`, one minute of it: a bird is written once, when it is first
detected, so the minutes after the first detection of a species say nothing and are missing
(removal). Without brd_perpoint the visits are those with a row of birds, or of targetTaxaPresent N.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys import cells, dates
from surveys.clock import DAY as SECONDS
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import listing
from surveys.readers import idle_keys, long_visits, neon_birds, roles
from surveys.readers.camera_records import Records, tell_set_aside
from surveys.readers.camera_settings import Settings, settings_of
from surveys.readers.deployments import column_of
from surveys.readers.neon_birds import HOUR, KEY, MINUTES, USUAL
from surveys.readers.season_of_days import season_of
from surveys.readers.site_table import SiteColumns, read_sites
from surveys.readers.tidy import Guess, Tidy
from surveys.study_file import StudyFile
from surveys.text_table import Table
from surveys.values import as_seasons, natural

SECTIONS = ("neon", "time", "seasons")
LAYOUT = "one row for each cluster of birds of a point count"
KEYS_OF_VISITS = ("plot", "point", "datetime")
OF_SITES = ("domainID", "siteID", "plotID", "plotType", "nlcdClass", "elevation")
OF_VISITS = {
    "observer": "measuredBy",
    **{
        name: name
        for name in (
            *("startCloudCoverPercentage", "endCloudCoverPercentage", "startRH", "endRH"),
            *("observedHabitat", "observedAirTemp", "kmPerHourObservedWindSpeed"),
        )
    },
}


def detect(tables: dict[str, Table]) -> Guess | None:
    """Birds by plot, point and minute; and visits by plot and point, where they are there."""
    counts: list[str] = []
    visits: list[str] = []
    for file, table in tables.items():
        have = {role for role in USUAL if column_of(table, role, Ledger(), USUAL)}
        if not set(KEYS_OF_VISITS) <= have:
            continue
        if {"minute", "target", "species"} <= have:
            counts.append(file)
        elif "minute" not in have:
            visits.append(file)
    if not counts:
        return None
    holds = "holds" if len(counts) == 1 else "hold"
    return Guess(
        "neon",
        0.97,
        f"{listing(counts, 2)} {holds} point counts of birds as NEON has them",
        extra={
            "file": counts[0],
            "path": counts
            if len(counts) > 1
            else counts[0],  # a download has a file for each site and month
            "files": {"visits": (visits[0], {})} if visits else {},
            "several": {"visits": visits} if len(visits) > 1 else {},
            "taken": [*counts, *visits],
        },
    )


def study_lines(guess: Guess, tables: dict[str, Table]) -> list[str]:
    """Keys of the counts, with what they mean."""
    return [
        "[neon]",
        'visits = "counts"        # one visit of six minutes; "minutes": six of one, by removal',
        "# max_distance = 125     # metres from the observer; birds further away are set aside",
        '# methods = ["singing", "calling", "visual"]   # how birds were detected; left out: all',
        "",
        "[seasons]",
        'by = "year"',
        "",
        "# [time]",
        '# zone = "UTC-05:00"     # times of NEON are UTC; this makes the covariate hour local',
        "",
    ]


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Visits and records of a study of point counts."""
    settings = settings_of(study, ledger)
    idle_keys.refuse(study, "time", ("zone",), "the times of NEON are UTC", ledger)
    opened: dict[str, Table | None] = {}
    for name in ("detections", "visits"):
        spec = study.table(f"files.{name}", ledger)
        opened[name] = open_table(spec, ledger) if spec is not None else None
        if spec is not None and opened[name] is None:
            read_sites(study, None, ledger)
            return None
    table, listed = opened["detections"], opened["visits"]
    if table is None:
        return None
    base = table if listed is None else listed
    if not len(base):
        ledger.error(
            "E006",
            f"{base.place} has a header and no rows: no count can be read",
            file=base.place,
            cure="was the export cut short? Export it again",
        )
        return None
    asked = [*KEYS_OF_VISITS, "species", "count", "minute", "target"]
    found = {r: column_of(table, r, ledger, USUAL, needed=r in asked) for r in USUAL}
    visits = _counts(study, settings, base, ledger)
    birds = _keys(study, table, ledger) if base is not table else visits
    if visits is None or birds is None or ledger.of_level("error"):
        read_sites(study, None, ledger)
        return None
    return _tidy(study, settings, table, base, found, visits, birds, ledger)


# --- visits ------------------------------------------------------------------------------------


def _keys(study: StudyFile, table: Table, ledger: Ledger) -> pd.DataFrame | None:
    """Site (plot and point) and moment of each row."""
    found = {r: column_of(table, r, ledger, USUAL, needed=True) for r in KEYS_OF_VISITS}
    if None in found.values():
        return None
    plot, point = (cells.ids(table, str(found[r]), ledger) for r in ("plot", "point"))
    joined = [f"{a}_{b}" for a, b in zip(plot, point, strict=True)]
    frame = pd.DataFrame({"site": roles.same_sites(study, joined), "row": table.rows})
    when = str(found["datetime"])
    frame["moment"] = dates.dates(table, when, ledger)
    gone = frame["moment"].isna().to_numpy()
    if gone.any() and not ledger.of_level("error"):
        rows = table.rows[gone]
        ledger.error(
            "E514",
            "blank",
            at=table.at(rows, when),
            cure="write when the count began",
        )
    return frame


def _counts(
    study: StudyFile, settings: Settings, base: Table, ledger: Ledger
) -> pd.DataFrame | None:
    """Season, number and reason to be set aside of each row of the table that lists visits."""
    frame = _keys(study, base, ledger)
    if frame is None or ledger.of_level("error"):
        return None
    seconds = frame["moment"].to_numpy().astype("datetime64[s]").astype(np.int64)
    local = settings.clock.local(settings.clock.from_utc(seconds, 0))
    frame["start"] = local
    frame[HOUR] = (local.astype(np.int64) % SECONDS) / 3600
    frame[long_visits.DAY] = dates.day_of_year(local)
    days = local.astype("datetime64[D]").astype(np.int64)
    frame["season"] = season_of(settings, days, default="year")
    frame["aside"] = np.where(frame["season"] == "", "outside all seasons", "")
    impractical = base.match("samplingImpractical")
    if impractical is not None:
        told = pd.Series(base.text(impractical), dtype="str").str.casefold()
        frame.loc[~told.isin({"", "na", "ok"}).to_numpy(), "aside"] = "sampling impractical"
    number = frame[frame["aside"] == ""].groupby(["site", "season"])["moment"].rank("dense")
    frame["visit"] = number.reindex(frame.index).fillna(0).astype(int)
    return frame


def _tell_twice(base: Table, visits: pd.DataFrame, ledger: Ledger) -> None:
    made = visits[visits["aside"] == ""]
    doubled = made.duplicated(["site", "moment"], keep=False)
    for (site, moment), group in list(made[doubled].groupby(["site", "moment"])):
        ledger.error(
            "E516",
            f'the count at "{site}" of {moment} stands in {len(group)} rows',
            at=base.at(group["row"]),
            row=int(group["row"].iloc[1]),
            cure="delete the copy",
        )


# --- both --------------------------------------------------------------------------------------


def _tidy(
    study: StudyFile,
    settings: Settings,
    table: Table,
    base: Table,
    found: dict[str, str | None],
    visits: pd.DataFrame,
    birds: pd.DataFrame,
    ledger: Ledger,
) -> Tidy | None:
    keys = study.section("neon")
    length = keys.get("minutes", MINUTES)
    if base is not table:
        _tell_twice(base, visits, ledger)
    records = neon_birds.birds_of(study, table, found, ledger)
    at = _visit_of_birds(table, base, visits, birds, records, ledger)
    own, policies = _covariates(study, base, visits, ledger)
    sites, others = _sites(study, base, visits, ledger)
    if sites is None or ledger.of_level("error"):
        return None
    known = visits["site"].isin(sites["site"]).to_numpy()
    visits.loc[~known, "aside"] = "unknown site"
    whole = visits["aside"].to_numpy(dtype=object)
    lost = whole[at] != ""
    records.aside[lost] = whole[at[lost]]
    tell_set_aside(records, ledger)
    frame = records.frame
    frame = frame[(frame["reason"] == "") & (records.aside[frame["at"]] == "")].copy()
    made = visits[visits["aside"] == ""].drop_duplicates(KEY)
    rows = frame["at"].to_numpy(dtype=np.int64)
    for name in KEY:
        frame[name] = visits[name].to_numpy(dtype=object)[at[rows]]
    frame["row"] = table.rows[rows]
    frame["file"] = table.file
    told = made[[*KEY, "row", "start", HOUR, long_visits.DAY]].assign(file=base.file)
    for name, values in own.items():
        told[name] = values[made.index]
    if keys.get("visits", "counts") == "minutes":
        told, cells_of = neon_birds.by_minute(told, frame, length, records)
    else:
        told = told.assign(effort=float(length))
        told["end"] = told["start"] + np.timedelta64(60 * length, "s")
        cells_of = frame.assign(detection=1.0)
        if not frame["minute"].isna().any():
            # A bird of the first minute was detected somewhere in it: its middle is the time.
            cells_of["time"] = frame["minute"] - 0.5
    used = frame["at"].to_numpy(dtype=np.int64)
    _account(table, base, visits, records, used, ledger)
    species = sorted({*frame["species"], *_named(study)}) or ["species"]
    hour = settings.clock.name if settings.clock.zone or settings.clock.offset else "UTC"
    policies |= dict.fromkeys((HOUR, long_visits.DAY, "minute"), "refuse")
    keep = ["species", *KEY, "detection", "count", "time", "row", "file"]
    return Tidy(
        visits=told.reset_index(drop=True),
        records=cells_of[[c for c in keep if c in cells_of]].reset_index(drop=True),
        sites=sites[sites["site"].isin(told["site"])].reset_index(drop=True),
        species=species,
        seasons=list(as_seasons(sorted(set(told["season"]), key=natural))) or [1],
        tables=[table, *([base] if base is not table else []), *others],
        units={HOUR: f"hour of the day ({hour})", long_visits.DAY: "day of the year"},
        missing=policies,
        has_effort=True,
        effort_units="minutes",
        clock=hour,
    )


def _named(study: StudyFile) -> list[str]:
    told = study.section("study").get("species", [])
    return [told] if isinstance(told, str) else list(told)


def _visit_of_birds(
    table: Table,
    base: Table,
    visits: pd.DataFrame,
    birds: pd.DataFrame,
    records: Records,
    ledger: Ledger,
) -> np.ndarray:
    """The row of the visits that each row of birds belongs to."""
    if base is table:
        target = table.match("targetTaxaPresent")
        told = set() if target is None else {v.casefold() for v in table.text(target)}
        if not told & {"n", "no"}:
            ledger.note(
                "N684",
                f"{table.place}: the counts are those with a row of birds; one on which nobody "
                "noted a bird is not known",
                file=table.file,
                cure='name the table of all counts: [files.visits] path = "brd_perpoint.csv"',
            )
        return np.arange(len(table))
    first = visits.drop_duplicates(["site", "moment"])
    index = pd.MultiIndex.from_frame(first[["site", "moment"]])
    at = index.get_indexer(pd.MultiIndex.from_frame(birds[["site", "moment"]]))
    lost = at < 0
    if lost.any():
        i = int(np.flatnonzero(lost)[0])
        ledger.error(
            "E685",
            f"no row of {base.file} has the count at "
            f'"{birds["site"].iloc[i]}" of {birds["moment"].iloc[i]}',
            at=table.at(table.rows[lost]),
            row=int(table.rows[i]),
            cure="take both tables from one release, and of the same sites and months",
        )
        return np.zeros(len(table), dtype=np.int64)
    silent = int((~first.index.isin(first.index[at]) & (first["aside"] == "")).sum())
    if silent:
        ledger.note(
            "N685",
            f"{base.place}: {silent} {'count has' if silent == 1 else 'counts have'} no row in "
            f"{table.file}; taken as made, without birds",
            file=base.file,
        )
    return first.index.to_numpy()[at]


def _covariates(
    study: StudyFile, base: Table, visits: pd.DataFrame, ledger: Ledger
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Covariates of visits that the table has, and what a missing one means."""
    sections = study.section("visit_covariates")
    asked = {n: k.get("column", n) for n, k in sections.items() if n not in (HOUR, long_visits.DAY)}
    out, policies = {}, {}
    for name, column in {**OF_VISITS, **asked}.items():
        found = base.match(column)
        if found is None:
            if name in asked:
                ledger.error(
                    "E015",
                    f'{base.place} has no column for the visit covariate "{name}". It has: '
                    f"{listing(base.names, 12)}",
                    file=base.place,
                    cure=f'[visit_covariates.{name}] column = "..."',
                )
            continue
        kind = sections.get(name, {}).get("type")
        if kind is None:
            numeric = name != "observer" and cells.is_numeric(base, found)
            kind = "number" if numeric else "factor"
        read_as = cells.numbers if kind == "number" else cells.words
        values = read_as(base, found, ledger)
        told = pd.Series(values)
        if told.isna().all() or (told == "").all():
            continue
        out[name] = values if kind == "number" else values.astype(str)
        policies[name] = sections.get(name, {}).get("missing", "drop visit")
    rows = visits.assign(visit=visits["moment"])
    long_visits.agree_within_visits(base, rows, out, ledger)
    return out, policies


def _sites(study: StudyFile, base: Table, visits: pd.DataFrame, ledger: Ledger):
    """Sites with the columns of NEON that tell them apart."""
    site = visits["site"].to_numpy(dtype=object)
    columns = []
    for name in OF_SITES:
        column = base.match(name)
        if column is None:
            continue
        values = pd.Series(base.text(column))
        constant = (values.groupby(site).nunique() <= 1).all()
        if column in study.section("covariates") or (constant and values.nunique() > 1):
            columns.append(column)
    inner = Ledger()
    sites, others = read_sites(study, SiteColumns(base, None, columns, site), inner)
    near = [p for p in inner.problems if p.code in ("W029", "N029")]
    inner.problems = [p for p in inner.problems if p not in near]
    if near:
        ledger.note(
            "N686",
            f"{base.place}: points of a plot share the coordinates of its centre",
            file=base.file,
            cure="the places of the points may stand in a table of sites: [files.sites]",
        )
    ledger.merge(inner)
    return sites, others


def _account(table, base, visits, records: Records, used: np.ndarray, ledger: Ledger) -> None:
    """Every row is used, or set aside by one rule; a row that proves a visit is used."""
    reason = records.frame["reason"].to_numpy(dtype=object)
    aside = records.aside.copy()
    open_rows = (aside == "") & ~np.isin(reason, ("", "no bird"))
    aside[open_rows] = reason[open_rows]
    long_visits.account(table, table.frame, aside, ledger)
    if base is not table:
        long_visits.account(base, base.frame, visits["aside"].to_numpy(dtype=object), ledger)
    for each in {id(t): t for t in (table, base)}.values():
        roles.tell_loose_names(each, ledger)
        cells.tell_decimals(each, ledger)
