"""When cameras stood, when they failed, and when something was recorded, site by site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys.fieldwork import RECORDER, Fieldwork
from surveys.quality.base import Evidence, Section, left_out
from surveys.quality.said import amount, day, many, percent

NAME, TITLE = "operation", "When the sites were surveyed"
OUTSIDE = "outside the time that a camera worked"  # the ledger's rule


@dataclass(frozen=True, kw_only=True)
class Operation(Section):
    """`site` numbers are positions in `sites`; times are datetime64[s]."""

    sites: tuple[str, ...] = ()  # in the order of their first day
    worked: pd.DataFrame | None = None  # site, start, end
    failed: pd.DataFrame | None = None  # site, start, end
    ticks: pd.DataFrame | None = None  # site, time, kind: "species", "other", "outside"
    cameras: bool = False
    recorders: bool = False


def look(evidence: Evidence) -> Section:
    """From deployments and records; else from the beginnings and ends of visits."""
    if evidence.fieldwork is not None and len(evidence.fieldwork.deployments):
        of = _of_recorders if evidence.fieldwork.instrument == RECORDER else _of_cameras
        return of(evidence.fieldwork)
    if "visit_start" in evidence.ds and bool(evidence.ds["visit_start"].notnull().any()):
        return _of_visits(evidence)
    return left_out(
        NAME, TITLE, "The visits have numbers and no dates, so they cannot be laid along a year."
    )


def _of_cameras(field: Fieldwork) -> Section:
    sites, place, worked = _stood(field)
    failures = field.failures
    of = field.deployments["site"].to_numpy(dtype=object)[failures["deployment"].astype(int)]
    failed = pd.DataFrame(
        {
            "site": pd.Series(of, dtype=object).map(place).to_numpy(),
            "start": failures["start"].to_numpy(),
            "end": failures["end"].to_numpy(),
        }
    ).dropna()
    ticks = _ticks(field, place)
    days = _days(worked)
    lost = min(_days(failed), days)
    outside = int((ticks["kind"] == "outside").sum())
    first, last = worked["start"].min(), worked["end"].max()
    told = (
        f"{many(len(worked), 'deployment')} at {many(len(sites), 'site')} from {day(first)} to "
        f"{day(last)}: {amount(days)} camera-days, of which "
        + (
            f"{amount(lost)} ({percent(lost, days)}) were lost in "
            f"{many(len(failed), 'problem period')}. "
            if len(failed)
            else "none were reported lost. "
        )
        + f"{many(len(ticks), 'record')} of animals, people and blanks are drawn as ticks. Sites "
        "stand in the order of their first day."
    )
    if outside:
        told += f" {many(outside, 'record')} lie outside the time that a camera worked."
    return Operation(
        name=NAME,
        title=f"Cameras worked {percent(days - lost, days)} of the {amount(days)} days they stood"
        if len(failed)
        else f"Cameras stood for {amount(days)} camera-days, and no failure was reported",
        told=told,
        do="Records outside their bar mean a wrong clock or a wrong date of set-up or retrieval: "
        "see Clocks below. A long bar without ticks may be a camera that failed: give it a "
        "problem period, or its blank days become zeros.",
        numbers={
            "sites": len(sites),
            "deployments": len(worked),
            "camera_days": round(days, 4),
            "days_lost": round(lost, 4),
            "failures": len(failed),
            "records": len(ticks),
            "records_outside": outside,
            "first_day": day(first),
            "last_day": day(last),
        },
        sites=sites,
        worked=worked.reset_index(drop=True),
        failed=failed.reset_index(drop=True),
        ticks=ticks.reset_index(drop=True),
        cameras=True,
    )


def _stood(field: Fieldwork) -> tuple[tuple[str, ...], dict[str, int], pd.DataFrame]:
    """Sites in order, their places in it, and the spans of what was used."""
    stood = field.deployments[field.deployments["aside"] == ""]
    sites = _by_first(stood["site"], stood["start"])
    place = {site: i for i, site in enumerate(sites)}
    worked = pd.DataFrame(
        {"site": stood["site"].map(place), "start": stood["start"], "end": stood["end"]}
    )
    return sites, place, worked


def _ticks(field: Fieldwork, place: dict[str, int]) -> pd.DataFrame:
    records = field.records[field.records["time"].notna()]
    return pd.DataFrame(
        {
            "site": records["site"].map(place).to_numpy(),
            "time": records["time"].to_numpy(),
            "kind": np.select(
                [(records["aside"] == OUTSIDE).to_numpy(), (records["species"] != "").to_numpy()],
                ["outside", "species"],
                "other",
            ),
        }
    ).dropna()


def _of_recorders(field: Fieldwork) -> Section:
    sites, place, worked = _stood(field)
    if not len(worked):
        return left_out(NAME, TITLE, "Every recording was set aside.")
    ticks = _ticks(field, place)
    heard = int((ticks["kind"] == "species").sum())
    hours = _days(worked) * 24
    first, last = worked["start"].min(), worked["end"].max()
    silent = len(worked) - field.records.loc[field.records["species"] != "", "deployment"].nunique()
    some = f"{many(len(worked), 'recording')} at {many(len(sites), 'site')}"
    return Operation(
        name=NAME,
        title=f"Recorders ran for {amount(hours)} hours: {some}"
        if field.timed
        else f"{some} from {day(first)} to {day(last)}",
        told=f"{some} from {day(first)} to {day(last)}"
        + (f", {amount(hours)} hours in all. " if field.timed else "; their length is not told. ")
        + f"Dark ticks are the {many(heard, 'detection')} at the threshold of the species; "
        f"{many(silent, 'recording')} {'holds' if silent == 1 else 'hold'} none. Sites stand "
        "in the order of their first day.",
        do="Look for recorders that stopped early, for gaps, and for hours at which some sites "
        "were not recorded: detection differs with them. A recording in which nothing was heard "
        "must stand here too, or detection comes out too high.",
        numbers={
            "sites": len(sites),
            "recordings": len(worked),
            "hours": round(hours, 4) if field.timed else None,
            "detections": heard,
            "recordings_without": silent,
            "first_day": day(first),
            "last_day": day(last),
        },
        sites=sites,
        worked=worked.reset_index(drop=True),
        failed=pd.DataFrame({"site": [], "start": [], "end": []}),
        ticks=ticks.reset_index(drop=True),
        recorders=True,
    )


def _of_visits(evidence: Evidence) -> Section:
    ds = evidence.ds
    start = ds["visit_start"].transpose("site", "season", "visit").values
    at = np.nonzero(evidence.made & ~np.isnat(start))
    begins = start[at].astype("datetime64[s]")
    if "visit_end" in ds:
        ends = ds["visit_end"].transpose("site", "season", "visit").values[at]
        ends = np.where(np.isnat(ends), begins, ends.astype("datetime64[s]"))
    else:
        ends = begins
    names = ds["site"].values.astype(object)[at[0]]
    sites = _by_first(pd.Series(names), pd.Series(begins))
    place = {site: i for i, site in enumerate(sites)}
    row = pd.Series(names).map(place).to_numpy()
    seen = evidence.seen.any(axis=0)[at]
    ticks = pd.DataFrame({"site": row, "time": begins, "kind": np.where(seen, "species", "other")})
    n = len(begins)
    hit = int(seen.sum())
    some = "the species" if ds.sizes["species"] == 1 else "any species"
    first, last = begins.min(), ends.max()
    return Operation(
        name=NAME,
        title=f"{many(n, 'visit')} at {many(len(sites), 'site')} from {day(first)} to {day(last)}",
        told=f"Each mark is a visit; dark marks are the {many(hit, 'visit')} with a detection of "
        f"{some} ({percent(hit, n)}). A site had {n / len(sites):.1f} visits on average.",
        do="Look for sites visited only at one end of the season, and for visits on a wrong date. "
        "Where dates differ between sites, let p follow the date.",
        numbers={
            "sites": len(sites),
            "visits": n,
            "visits_with_a_detection": hit,
            "first_day": day(first),
            "last_day": day(last),
        },
        sites=sites,
        worked=pd.DataFrame({"site": row, "start": begins, "end": ends}),
        failed=pd.DataFrame({"site": [], "start": [], "end": []}),
        ticks=ticks,
    )


def _by_first(site: pd.Series, start: pd.Series) -> tuple[str, ...]:
    """Sites in the order of their first day, then of their names."""
    first = pd.DataFrame({"site": site.to_numpy(), "start": start.to_numpy()})
    first = first.groupby("site")["start"].min().reset_index()
    return tuple(first.sort_values(["start", "site"])["site"].astype(str))


def _days(spans: pd.DataFrame) -> float:
    if not len(spans):
        return 0.0
    return float((spans["end"] - spans["start"]).dt.total_seconds().sum() / 86_400)
