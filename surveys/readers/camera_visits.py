"""Deployments and records to visits: occasions with effort, records in them, every row accounted.

Every reader of cameras ends here. A record is used where its occasion is a visit; a record on a
day without effort proves that something is wrong with times or sites, and is set aside and told.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys import cells, dates
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers import long_visits, roles
from surveys.readers.camera_effort import Effort, effort_of
from surveys.readers.camera_fieldwork import fieldwork_of
from surveys.readers.camera_matching import account, used_records
from surveys.readers.camera_records import (
    Records,
    check_clocks,
    counted,
    tell_set_aside,
)
from surveys.readers.camera_settings import Settings
from surveys.readers.camera_sites import sites_of
from surveys.readers.deployment_faults import tell_endless, tell_overlaps
from surveys.readers.deployments import Deployments
from surveys.readers.tidy import Tidy
from surveys.study_file import StudyFile
from surveys.values import as_seasons

CAMERA_DAYS = "camera_days"


def tidy_of(
    study: StudyFile,
    settings: Settings,
    deployments: Deployments,
    records: Records | None,
    ledger: Ledger,
    *,
    covariates: list[str],
) -> Tidy | None:
    """The visits, records and sites of a study of cameras; None where a fault forbids it."""
    _refuse_visit_covariates(study, ledger)
    tell_endless(deployments, settings, ledger)
    tell_overlaps(deployments, settings, ledger)
    sites, site_tables = sites_of(study, deployments, covariates, ledger)
    if sites is None or ledger.of_level("error"):
        begun = deployments.start[deployments.start != 0]  # 0: no date, told already
        if records is not None and len(begun):
            check_clocks(records, int(begun.min()), settings, ledger)
        return None
    effort = effort_of(study, settings, deployments, ledger)
    if effort is None:
        return None
    visits = _visits(settings, deployments, effort, ledger)
    _tell_empty(study, visits, effort, ledger)
    used, aside = np.zeros(0, dtype=int), np.zeros(0, dtype=object)
    frame = pd.DataFrame({"site": [], "season": [], "visit": [], "species": [], "row": []})
    if records is not None:
        check_clocks(records, int(effort.pieces.start.min()), settings, ledger)
        if ledger.of_level("error"):
            return None
        frame = used_records(study, settings, deployments, records, effort, ledger)
        tell_set_aside(records, ledger)
        used = frame["at"].unique()
        values = counted(frame, records, settings, ledger)
        frame = frame.assign(file=records.table.file, n_records=1.0, detection=1.0)
        frame = frame.drop(columns="count")
        if values is not None:
            frame["count"] = values
        aside = account(records, used, ledger)
        for table in (records.table, deployments.table):
            roles.tell_loose_names(table, ledger)
            cells.tell_decimals(table, ledger)
    table = deployments.table
    others = [*site_tables, *([records.table] if records is not None else [])]
    if table.place not in {t.place for t in others}:  # a table in two roles is accounted for once
        long_visits.account(table, table.frame, deployments.aside, ledger)
    sites = _visited(deployments, sites, visits, ledger)
    told = study.section("study").get("species", [])
    told = [told] if isinstance(told, str) else list(told)
    species = sorted({*frame["species"], *told} - {""}) or ["species"]
    seen = visits["season"].unique()
    units = {CAMERA_DAYS: "days", long_visits.DAY: "day of the year"}
    keep = ["at", "unit_site", "cell", "instant"]
    return Tidy(
        visits=visits,
        records=frame.drop(columns=[c for c in keep if c in frame]).reset_index(drop=True),
        sites=sites,
        species=species,
        seasons=list(as_seasons([n for n in effort.names if n in set(seen)])) or [1],
        tables=[*([records.table] if records is not None else []), deployments.table, *site_tables],
        units=units,
        long_names={CAMERA_DAYS: "days that cameras worked"},
        missing={CAMERA_DAYS: "refuse", long_visits.DAY: "refuse"},
        has_effort=True,
        effort_units=settings.unit,
        clock=settings.clock.name,
        fieldwork=fieldwork_of(settings, deployments, records, aside),
    )


def _refuse_visit_covariates(study: StudyFile, ledger: Ledger) -> None:
    for name, keys in study.section("visit_covariates").items():
        if name not in (CAMERA_DAYS, long_visits.DAY) or "path" in keys:
            ledger.error(
                "E517",
                f"{study.name}: [visit_covariates.{name}]: occasions of cameras have the visit "
                f"covariates {CAMERA_DAYS} and {long_visits.DAY}, and no others are read",
                file=study.name,
                cure="what changes between seasons can stand in [season_covariates]",
            )


# --- visits ------------------------------------------------------------------------------------


def _visits(settings: Settings, deployments: Deployments, effort: Effort, ledger) -> pd.DataFrame:
    found = effort.occasions
    site = effort.sites.to_numpy()[effort.group_site]
    season = np.array(effort.names, dtype=object)[effort.group_season]
    lost = np.flatnonzero(~found.kept & (found.effort > 0))
    if len(lost):
        several = len(effort.names) > 1
        places = [
            f'site "{site[found.group[i]]}", visit {found.number[i] + 1}'
            + (f" of {season[found.group[i]]}" if several else "")
            for i in lost[:20]
        ]
        ledger.cells("too little effort: no visit", deployments.table.file, len(lost), places)
    kept = np.flatnonzero(found.kept)
    days = found.effort_days[kept]
    start = settings.clock.local(found.start[kept])
    return pd.DataFrame(
        {
            "site": site[found.group[kept]],
            "season": season[found.group[kept]],
            "visit": found.number[kept] + 1,
            "effort": days / settings.unit_days,
            "start": start,
            "end": settings.clock.local(found.end[kept]),
            CAMERA_DAYS: days,
            long_visits.DAY: dates.day_of_year(start),
        }
    )


def _tell_empty(study: StudyFile, visits: pd.DataFrame, effort: Effort, ledger: Ledger) -> None:
    """Sites that were surveyed at different times make most cells empty, where all begin as one."""
    cells_of_all = len(effort.group_site) * int(visits["visit"].max()) if len(visits) else 0
    if cells_of_all > 4 * max(len(visits), 25):
        ledger.note(
            "N579",
            f"{study.name}: of {cells_of_all} occasions of sites {len(visits)} are visits, because "
            "sites were surveyed at different times",
            file=study.name,
            cure='[occasions] start = "site" counts from the first day of each site and makes a '
            "smaller table",
        )


def _visited(deployments: Deployments, sites: pd.DataFrame, visits, ledger) -> pd.DataFrame:
    """Sites with a visit in some season; the others are told and stay out."""
    have = set(visits["site"])
    lost = [s for s in sites["site"] if s not in have]
    if lost:
        told = "site has no visit and stays" if len(lost) == 1 else "sites have no visit and stay"
        ledger.warn(
            "W563",
            f"{deployments.table.place}: {len(lost)} {told} out ({listing(lost, 3)})",
            file=deployments.table.file,
            why="no camera worked there, or no occasion had enough effort",
        )
    return sites[sites["site"].isin(have)].reset_index(drop=True)
