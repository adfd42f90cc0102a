"""Clocks that are wrong: records outside their deployment, impossible dates, jumps back in time."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys.fieldwork import RECORDER, Fieldwork
from surveys.problems import Problem, listing, rows_text
from surveys.quality.base import Evidence, Section, left_out
from surveys.quality.operation import OUTSIDE
from surveys.quality.said import day, many, span

NAME, TITLE = "clocks", "Clocks"
FIRST_YEAR = 1990  # no camera of a survey is older
RESET_DAYS = np.array(["1970-01-01", "1980-01-01", "2000-01-01"], "datetime64[D]")
BACK = 60  # seconds back in time between neighbouring numbers that are a jump
FEWEST = 5  # pictures that make a sequence
# Some platforms set the moment of upload before the name that the camera gave.
_UPLOADED = re.compile(r"^(.*/)?\d{14}-(?=[^/]*\d)")
_NUMBER = re.compile(r"(.*?)(\d{1,9})\D*\.?[A-Za-z0-9]*$")


@dataclass(frozen=True, kw_only=True)
class Clocks(Section):
    """`outside`: site, n, days_before, days_after; `jumps`: sequence, row, number, back (seconds).

    `sequences`: sequence, number, time, row of every sequence that jumps.
    """

    outside: pd.DataFrame | None = None
    impossible: pd.DataFrame | None = None  # site, n, first
    jumps: pd.DataFrame | None = None
    sequences: pd.DataFrame | None = None


def look(evidence: Evidence) -> Section:
    """Compare the times of records with deployments, with the calendar, with file numbers."""
    field = evidence.fieldwork
    if field is None or not field.records["time"].notna().any():
        return left_out(NAME, TITLE, "The records have no times of their own.")
    if field.instrument == RECORDER:
        return _of_recorders(field)
    records = field.records[field.records["time"].notna()]
    outside = _outside(records, field.deployments)
    impossible = _impossible(records)
    named, named_in = records, field.record_file
    if field.pictures is not None and len(pictures := field.pictures()):
        named, named_in = pictures, field.picture_file
    jumps, sequences, judged = _jumps(named)
    n_out = int(outside["n"].sum())
    parts, problems = [], []
    parts.append(
        f"{many(n_out, 'record')} at {many(len(outside), 'site')} lie outside the time that a "
        f"camera worked there, most at {outside['site'].iloc[0]} ({outside['n'].iloc[0]:,}, "
        f"{_reach(outside.iloc[0])})."
        if n_out
        else f"All {len(records):,} records lie on days on which a camera stood at their site."
    )
    if len(impossible):
        fact = (
            f"{field.record_file}: {many(int(impossible['n'].sum()), 'record')} with dates of a "
            f"clock that began anew, or of the future ({listing(impossible['site'], 4)}; "
            f"{rows_text(impossible['row'], 3)})"
        )
        parts.append(f"{many(int(impossible['n'].sum()), 'date')} cannot be true.")
        problems.append(
            Problem(
                code="W666",
                level="warn",
                fact=fact,
                file=field.record_file,
                row=int(impossible["row"].iloc[0]),
                why="a reset clock puts every later picture on a wrong day",
                cure='[clock."SITE"] shift = "3650 days 02:00" (what to add), or [time] '
                "drop_before = 2010-01-01",
            )
        )
    else:
        parts.append("No date is of 1970, 1980, 2000 or the future.")
    if judged == 0:
        parts.append(
            "File names hold no running numbers that follow time, so they say nothing of the clock."
        )
    elif len(jumps):
        worst = jumps.loc[jumps["back"].idxmax()]
        parts.append(
            f"File numbers go on while time goes back {many(len(jumps), 'time')} in "
            f"{many(jumps['sequence'].nunique(), 'sequence')} of {judged:,}; the widest step is "
            f"{span(worst['back'])} at {worst['site']} (row {worst['row']})."
        )
        problems.append(
            Problem(
                code="W665",
                level="warn",
                fact=f"{named_in}: time goes back while file numbers go on, at "
                + listing(
                    [f"{j.site} (row {j.row}: {span(j.back)} back)" for j in jumps.itertuples()], 4
                ),
                file=named_in,
                row=int(worst["row"]),
                why="the clock was set anew there: times before or after the step are wrong",
                cure="find which side is right from the first and last picture; correct it in the "
                'file, or the whole deployment by [clock."NAME"] shift',
            )
        )
    else:
        parts.append(f"In {many(judged, 'sequence')} of file numbers time never goes back.")
    good = not n_out and not len(impossible) and not len(jumps)
    return Clocks(
        name=NAME,
        title="No sign of a wrong clock"
        if good
        else f"{many(n_out, 'record')} outside deployments, {many(len(jumps), 'jump')} of a clock",
        told=" ".join(parts),
        do="Nothing here; see the hours of activity below, which show a clock that is off by half "
        "a day."
        if good
        else "The first and the last picture of a deployment usually show a person with a watch or "
        'a sheet: read the true time there. [clock."NAME"] shift puts a site or deployment right.',
        numbers={
            "records": len(records),
            "outside": n_out,
            "impossible_dates": int(impossible["n"].sum()) if len(impossible) else 0,
            "sequences_judged": judged,
            "jumps": len(jumps),
            "outside_by_site": dict(
                zip(outside["site"][:50], outside["n"][:50].tolist(), strict=True)
            ),
        },
        problems=tuple(problems),
        told_before=n_out > 0,
        outside=outside,
        impossible=impossible,
        jumps=jumps,
        sequences=sequences,
    )


def _of_recorders(field: Fieldwork) -> Section:
    """Recordings tell their own times: only dates that cannot be true show a wrong clock."""
    stood = field.deployments.rename(columns={"start": "time"})
    odd = _is_odd(stood["time"])
    names = stood["deployment"][odd].tolist()
    n = len(names)
    problems = ()
    if n:
        problems = (
            Problem(
                code="W666",
                level="warn",
                fact=f"{many(n, 'recording')} with dates of a clock that began anew, or of the "
                f"future ({listing(names, 4)})",
                file=field.deployment_file,
                why="a recorder whose battery was changed may begin at 1970 or 2000",
                cure='[clock."SITE"] shift = "3650 days 02:00" (what to add), or [time] '
                "drop_before = 2010-01-01",
            ),
        )
    return Clocks(
        name=NAME,
        title=f"{many(n, 'recording')} with a date that cannot be true"
        if n
        else "No sign of a wrong clock",
        told=f"{many(n, 'date')} of {many(len(stood), 'recording')} cannot be true."
        if n
        else f"No date of {many(len(stood), 'recording')} is of 1970, 1980, 2000 or the future.",
        do="Write down the true time whenever cards or batteries are changed; "
        '[clock."SITE"] shift puts a site right.',
        numbers={"recordings": len(stood), "impossible_dates": n},
        problems=problems,
        outside=pd.DataFrame({"site": [], "n": [], "days_before": [], "days_after": []}),
        jumps=pd.DataFrame({"sequence": [], "site": [], "row": [], "number": [], "back": []}),
        sequences=pd.DataFrame({"sequence": [], "site": [], "number": [], "time": [], "row": []}),
    )


def _is_odd(time: pd.Series) -> np.ndarray:
    """Days on which no survey can have been."""
    days = time.to_numpy().astype("datetime64[D]")
    odd = np.isin(days, RESET_DAYS) | (days < np.datetime64(f"{FIRST_YEAR}-01-01"))
    return odd | (days > np.datetime64("now", "D") + np.timedelta64(1, "D"))


def _outside(records: pd.DataFrame, deployments: pd.DataFrame) -> pd.DataFrame:
    """Records outside by site, and how many days they lie before and after everything there."""
    out = records[records["aside"] == OUTSIDE]
    stood = deployments.groupby("site").agg(start=("start", "min"), end=("end", "max"))
    mine = stood.reindex(out["site"])
    one = pd.Timedelta(1, "D")
    out = out.assign(
        before=((mine["start"].to_numpy() - out["time"]) / one).clip(lower=0),
        after=((out["time"] - mine["end"].to_numpy()) / one).clip(lower=0),
    )
    table = out.groupby("site").agg(
        n=("row", "size"), days_before=("before", "max"), days_after=("after", "max")
    )
    return table.reset_index().sort_values(
        ["n", "site"], ascending=[False, True], ignore_index=True
    )


def _reach(row: pd.Series) -> str:
    told = [
        f"up to {row[name]:.3g} days {word}"
        for name, word in (("days_before", "before set-up"), ("days_after", "after the end"))
        if row[name] > 0
    ]
    return " and ".join(told) or "between two deployments"


def _impossible(records: pd.DataFrame) -> pd.DataFrame:
    odd = _is_odd(records["time"])
    table = records[odd].groupby("site").agg(n=("row", "size"), row=("row", "min"))
    table = table.reset_index()
    table["first"] = [day(d) for d in records[odd].groupby("site")["time"].min()]
    return table


def _jumps(records: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Steps back in time along running file numbers, and how many sequences could be judged."""
    empty = (
        pd.DataFrame({name: [] for name in ("sequence", "site", "row", "number", "back")}),
        pd.DataFrame({name: [] for name in ("sequence", "site", "number", "time", "row")}),
    )
    named = records[records["picture"] != ""]
    if not len(named):
        return (*empty, 0)
    parts = named["picture"].str.replace(_UPLOADED, r"\1", regex=True).str.extract(_NUMBER)
    known = parts[1].notna()
    named, parts = named[known], parts[known]
    frame = pd.DataFrame(
        {
            "site": named["site"].to_numpy(),
            "deployment": named["deployment"].to_numpy(),
            "stem": parts[0].to_numpy(),
            "number": parts[1].astype(np.int64).to_numpy(),
            "time": named["time"].to_numpy(),
            "row": named["row"].to_numpy(),
        }
    )
    by = ["site", "deployment", "stem"]
    frame = frame.drop_duplicates([*by, "number"])
    size = frame.groupby(by)["number"].transform("size")
    frame = frame[size >= FEWEST].sort_values([*by, "number"], ignore_index=True)
    if not len(frame):
        return (*empty, 0)
    frame["sequence"] = frame.groupby(by, sort=False).ngroup()
    same = frame["sequence"].to_numpy()[1:] == frame["sequence"].to_numpy()[:-1]
    step = np.diff(frame["time"].to_numpy()).astype("timedelta64[s]").astype(np.int64)
    back = np.concatenate([[False], same & (step < -BACK)])
    seconds = np.concatenate([[0], -step])
    # Where every tenth step goes back, numbers do not follow time and say nothing of a clock.
    share = pd.Series(back).groupby(frame["sequence"]).transform("mean").to_numpy()
    judged = share <= 0.1
    at = np.flatnonzero(back & judged)
    jumps = frame.iloc[at][["sequence", "site", "row", "number"]].assign(back=seconds[at])
    jumping = frame["sequence"].isin(jumps["sequence"])
    return (
        jumps.reset_index(drop=True),
        frame[jumping][["sequence", "site", "number", "time", "row"]].reset_index(drop=True),
        int(frame["sequence"][judged].nunique()),
    )
