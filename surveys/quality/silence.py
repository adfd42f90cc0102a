"""Stretches of effort without any record: a dead battery, a full card, pictures not looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys.fieldwork import RECORDER, Fieldwork
from surveys.occasions import spread
from surveys.problems import Problem, listing
from surveys.quality.base import Evidence, Section, left_out
from surveys.quality.said import many, percent

NAME, TITLE = "silence", "Effort after the last record"
RARE = 0.05  # chance of any such stretch in the whole survey
SHORTEST = 5  # days, or visits, that are worth telling


@dataclass(frozen=True, kw_only=True)
class Silence(Section):
    """`sites`: site, units, heard, after; `runs`: site, first, last, length, at_end."""

    sites: pd.DataFrame | None = None
    runs: pd.DataFrame | None = None
    unit: str = "day"


def look(evidence: Evidence) -> Section:
    """Stretches longer than chance allows, site by site.

    Of all ways to lay k days with a record among D days of effort, those with a silence of g days
    on end or more number at most (k + 1) C(D - g, k) / C(D, k) of one. What is rarer than 5 % over
    all sites together is told.
    """
    field = evidence.fieldwork
    if field is not None and len(field.deployments):
        if not field.records["time"].notna().any():
            return left_out(NAME, TITLE, "There are no records to lay along the effort.")
        days = _days_of_cameras(field)
        if field.instrument == RECORDER:
            return _told(days, "day", "row of any species, at any score", recorders=True)
        return _told(days, "day", "record of any animal, person or blank")
    if evidence.ds.sizes["species"] < 2:
        return left_out(
            NAME,
            TITLE,
            "The surveys hold one species, and no record of others that would show that somebody "
            "looked.",
        )
    return _told(_visits(evidence), "visit", "detection of any species")


def _days_of_cameras(field: Fieldwork) -> pd.DataFrame:
    """Every day on which a camera of a site worked: site, order (the day), heard."""
    stood = field.deployments[field.deployments["aside"] == ""]
    first = _day(stood["start"])
    last = _day(stood["end"] - pd.Timedelta(1, "s"))
    row, day = spread(first, last)
    frame = pd.DataFrame({"site": stood["site"].to_numpy()[row], "order": day})
    failures = field.failures
    if len(failures):
        position = failures["deployment"].to_numpy(dtype=int)
        of = field.deployments["site"].to_numpy(dtype=object)[position]
        whole_from = _day(failures["start"] + pd.Timedelta(86_399, "s"))
        row, day = spread(whole_from, _day(failures["end"]) - 1)
        off = pd.MultiIndex.from_arrays([of[row], day])
        # A second camera may have worked on that day; one of them is enough to be silent.
        frame = frame[~pd.MultiIndex.from_frame(frame).isin(off)]
    frame = frame.drop_duplicates().sort_values(["site", "order"], ignore_index=True)
    records = field.records[field.records["time"].notna()]
    heard = pd.MultiIndex.from_arrays([records["site"], _day(records["time"])])
    frame["heard"] = pd.MultiIndex.from_frame(frame[["site", "order"]]).isin(heard)
    frame["label"] = frame["order"].to_numpy().astype("datetime64[D]").astype(str)
    return frame


def _day(time: pd.Series) -> np.ndarray:
    return time.to_numpy().astype("datetime64[D]").astype(np.int64)


def _visits(evidence: Evidence) -> pd.DataFrame:
    """Every visit made, in the order of seasons and visits: site, order, heard."""
    at = np.nonzero(evidence.made)
    ds = evidence.ds
    season, visit = ds["season"].values, ds["visit"].values
    several = len(season) > 1
    return pd.DataFrame(
        {
            "site": ds["site"].values.astype(object)[at[0]],
            "order": at[1] * ds.sizes["visit"] + at[2],
            "heard": evidence.seen.any(axis=0)[at],
            "label": [
                f"{season[i]}, visit {visit[j]}" if several else f"visit {visit[j]}"
                for i, j in zip(at[1], at[2], strict=True)
            ],
        }
    )


def _told(frame: pd.DataFrame, unit: str, what: str, recorders: bool = False) -> Section:
    if not len(frame):
        return left_out(NAME, TITLE, "No visit was made.")
    sites, runs = _silent(frame)
    n, heard = len(sites), sites[sites["heard"] > 0]
    never = sites["site"][sites["heard"] == 0].tolist()
    after = heard["after"]
    told = (
        f"The median site had its last {what} {many(float(after.median()), unit)} before its "
        f"effort ended. "
        if len(heard)
        else f"There is no {what} anywhere. "
    )
    if never:
        told += f"{many(len(never), 'site')} {'has' if len(never) == 1 else 'have'} no {what} at "
        told += f"all ({listing(never, 4)}). "
    lost = int(runs["length"].sum())
    total = int(sites["units"].sum())
    told += (
        f"{many(len(runs), 'stretch', 'stretches')} at {many(runs['site'].nunique(), 'site')} "
        f"{'is' if len(runs) == 1 else 'are'} longer than chance allows "
        f"({many(lost, unit)}, {percent(lost, total)} of all), the longest at "
        f"{runs['site'].iloc[0]}: {many(runs['length'].iloc[0], unit)} from "
        f"{runs['first'].iloc[0]} to {runs['last'].iloc[0]}."
        if len(runs)
        else "No site is silent for longer than chance allows."
    )
    problems: tuple[Problem, ...] = ()
    if len(runs):
        at_end = runs[runs["at_end"]]
        problems = (
            Problem(
                code="W664",
                level="warn",
                fact=f"{many(len(runs), 'stretch', 'stretches')} of effort without any {what}, "
                "longer than chance allows: "
                + listing(
                    [
                        f"{r.site} {r.first} to {r.last} ({many(r.length, unit)}"
                        + (", to its end)" if r.at_end else ")")
                        for r in runs.itertuples()
                    ],
                    4,
                ),
                why=f"if nobody looked, or no {'recorder' if recorders else 'camera'} worked, "
                "these zeros are no zeros"
                + (
                    f"; {many(len(at_end), 'site')} {'was' if len(at_end) == 1 else 'were'} never "
                    "heard of again"
                    if len(at_end)
                    else ""
                ),
                cure="listen to a recording of each stretch; a microphone that failed leaves "
                "files: take them out of the list of recordings"
                if recorders
                else "end the deployment with its last picture, give it a problem period, or add "
                "the missing records"
                if unit == "day"
                else "leave blank the visits that were not made",
            ),
        )
    return Silence(
        name=NAME,
        title=f"{many(len(runs), 'stretch', 'stretches')} of effort "
        f"{'is' if len(runs) == 1 else 'are'} silent for longer than chance allows"
        if len(runs)
        else "No site fell silent before its end",
        told=told,
        do="Listen to a recording of each stretch: a microphone that failed leaves files without "
        "any bird. Take them out of the list of recordings."
        if len(runs) and recorders
        else "Look at the last pictures before each stretch. A camera that stopped gets a problem "
        "period or an earlier end; pictures not yet looked at are added."
        if len(runs)
        else "Nothing.",
        numbers={
            "unit": unit,
            "effort": total,
            "sites": n,
            "sites_never_heard": never[:50],
            "median_after_last": float(after.median()) if len(heard) else None,
            "silent_stretches": len(runs),
            "silent": lost,
            "stretches": [
                [r.site, r.first, r.last, int(r.length), bool(r.at_end)]
                for r in runs[:50].itertuples()
            ],
        },
        problems=problems,
        sites=sites,
        runs=runs,
        unit=unit,
    )


def _silent(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counts of each site, and its silent stretches that are longer than chance allows."""
    frame = frame.sort_values(["site", "order"], kind="stable", ignore_index=True)
    site, heard = pd.factorize(frame["site"])[0], frame["heard"].to_numpy()
    names = frame["site"].drop_duplicates().to_numpy()
    units, n_heard = np.bincount(site), np.bincount(site, heard).astype(int)
    ends = np.cumsum(units)
    # A stretch begins after anything heard and where a site begins.
    new = np.concatenate([[True], (site[1:] != site[:-1]) | heard[:-1]])
    run = np.cumsum(new) - 1
    length = np.bincount(run, ~heard)
    first = np.flatnonzero(new)
    of = site[first]
    last = first + length.astype(int) - 1
    after = np.zeros(len(units), dtype=int)
    at_end = last == ends[of] - 1
    after[of[at_end]] = length[at_end]
    chance = _chance(units[of], n_heard[of], length.astype(int))
    told = (length >= SHORTEST) & (n_heard[of] > 0) & (chance * len(units) < RARE)
    keep = np.flatnonzero(told)
    keep = keep[np.lexsort((of[keep], -length[keep]))]
    label = frame["label"].to_numpy()
    runs = pd.DataFrame(
        {
            "site": names[of[keep]],
            "first": label[first[keep]],
            "last": label[last[keep]],
            "length": length[keep].astype(int),
            "at_end": at_end[keep],
        }
    )
    sites = pd.DataFrame({"site": names, "units": units, "heard": n_heard, "after": after})
    return sites, runs


def _chance(days: np.ndarray, heard: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """(k + 1) C(D - g, k) / C(D, k): the number of silences so long to expect by chance."""
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, days.max() + 2)))])
    # The factorials of k cancel; a gap leaves at least the days heard.
    room = np.maximum(days - gap - heard, 0)
    log = log_factorial[days - gap] - log_factorial[room]
    log += log_factorial[days - heard] - log_factorial[days]
    return (heard + 1) * np.exp(log)
