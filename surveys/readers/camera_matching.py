"""Records to the visits that hold them, and the account of every row of their table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys.clock import DAY
from surveys.ledger import Ledger
from surveys.occasions import Intervals, locate, union
from surveys.problems import rows_text
from surveys.readers import long_visits
from surveys.readers.camera_effort import Effort
from surveys.readers.camera_records import OUTSIDE, Records
from surveys.readers.camera_settings import Settings
from surveys.readers.deployments import Deployments


def used_records(
    study, settings: Settings, deployments: Deployments, records: Records, effort: Effort, ledger
) -> pd.DataFrame:
    """The records that lie in visits; the rows of all others get their reason."""
    unit_of, unit = _units(deployments, records, effort)
    n = len(effort.names)
    joined, season = _by_unit(effort.stood, unit_of, effort.stood_season, n)
    asked = np.flatnonzero((records.aside == "") & (unit >= 0))
    hit = np.full(len(unit), -1, dtype=np.int64)
    hit[asked] = locate(joined, settings.clock, unit[asked], records.instant[asked])
    outside = asked[hit[asked] < 0]
    records.aside[outside] = OUTSIDE
    stop = study.section("checks").get("detection_without_effort") == "error"
    _tell_outside(settings, deployments, records, joined, unit, hit, outside, stop, ledger)
    inside = asked[hit[asked] >= 0]
    site = unit[inside]
    if records.linked:
        site = effort.sites.get_indexer(pd.Index(deployments.site[site]))
    keys = pd.Index(effort.group_site * n + effort.group_season)
    group = keys.get_indexer(pd.Index(site * n + season[hit[inside]]))
    idle = inside[group < 0]
    records.aside[idle] = "occasion with too little effort"
    inside, group = inside[group >= 0], group[group >= 0]
    cell = np.full(len(unit), -1, dtype=np.int64)
    cell[inside] = effort.occasions.of(group, records.instant[inside])
    before = inside[cell[inside] < 0]
    records.aside[before] = "before the first occasion or after the last"
    held = inside[cell[inside] >= 0]
    worked, _ = _by_unit(effort.pieces, unit_of, effort.season, n)
    _tell_in_failures(settings, deployments, records, worked, unit, inside, ledger)
    thin = held[~effort.occasions.kept[cell[held]]]
    records.aside[thin] = "occasion with too little effort"
    _tell_silence(deployments, records, joined, inside, settings, ledger)
    frame = records.frame
    free = (frame["reason"] == "").to_numpy() & (records.aside[frame["at"]] == "")
    frame = frame[free].reset_index(drop=True)
    at = frame["at"].to_numpy(dtype=np.int64)
    frame["cell"] = cell[at]
    frame["instant"] = records.instant[at]
    found = effort.occasions
    groups = found.group[frame["cell"]]
    frame["site"] = effort.sites.to_numpy()[effort.group_site[groups]]
    frame["unit_site"] = frame["site"]
    frame["season"] = np.array(effort.names, dtype=object)[effort.group_season[groups]]
    frame["visit"] = found.number[frame["cell"]] + 1
    frame["row"] = records.table.rows[at]
    return frame.drop(columns="reason")


def _units(deployments: Deployments, records: Records, effort: Effort):
    """What records are matched by: the site of a deployment, or the deployment itself."""
    if records.linked:
        return np.arange(len(deployments.ids)), deployments.find(records.unit)
    codes = effort.sites.get_indexer(pd.Index(deployments.site))
    return codes, effort.sites.get_indexer(pd.Index(records.unit))


def _by_unit(pieces: Intervals, unit_of: np.ndarray, season: np.ndarray, n: int):
    """Disjoint intervals of each unit in the order of time, and the season of each."""
    joined = union(pieces.owned(unit_of[pieces.owner] * n + season))
    of = joined.owner % n
    joined = joined.owned(joined.owner // n)
    order = np.lexsort((joined.start, joined.owner))
    return joined.take(order), of[order]


def _tell_in_failures(
    settings: Settings, deployments, records: Records, worked, unit, inside, ledger
) -> None:
    """Records on days that a problem period takes whole: the camera did work then."""
    at = locate(worked, settings.clock, unit[inside], records.instant[inside])
    odd = inside[at < 0]
    if len(odd):
        table = records.table
        ledger.warn(
            "W574",
            f"{table.place}: {len(odd)} {'row lies' if len(odd) == 1 else 'rows lie'} in a problem "
            f"period of {deployments.table.file} ({rows_text(table.rows[odd], 3)}); "
            "used where the occasion has effort on other days",
            file=table.file,
            row=int(table.rows[odd[0]]),
            why="a record proves that the camera worked",
            cure="let the problem begin after the last record, with its time of day",
        )


def _tell_outside(
    settings: Settings, deployments, records: Records, joined, unit, hit, outside, stop, ledger
) -> None:
    """Records while no camera worked, and those outside its hours on a day of effort."""
    table = records.table
    at = np.flatnonzero(hit >= 0)
    late = at[  # the last picture often is the end of its deployment
        (records.instant[at] > joined.end[hit[at]]) | (records.instant[at] < joined.start[hit[at]])
    ]
    if len(late):
        n = len(late)
        ledger.warn(
            "W041",
            f"{table.place}: {n} {'row is' if n == 1 else 'rows are'} before or after the hours of "
            f"their deployment in {deployments.table.file}, but on a day of it; they were used",
            file=table.file,
            row=int(table.rows[late[0]]),
        )
    if not len(outside):
        return
    spans = pd.DataFrame({"unit": joined.owner, "start": joined.start, "end": joined.end})
    spans = spans.groupby("unit").agg({"start": "min", "end": "max"})
    mine = spans.reindex(unit[outside])
    when = records.instant[outside]
    off = np.maximum(mine["start"].to_numpy() - when, when - mine["end"].to_numpy()) / DAY
    far = np.nanmax(off) if np.isfinite(off).any() else np.nan
    row = (
        int(table.rows[outside[int(np.nanargmax(off))]])
        if np.isfinite(far)
        else int(table.rows[outside[0]])
    )
    reach = f", up to {_span(far)} off" if np.isfinite(far) and far > 0 else ""
    share = len(outside) / max(int((records.aside == "").sum()) + len(outside), 1)
    tell = ledger.error if stop else ledger.warn
    tell(
        "E049" if stop else "W049",
        f"{table.place}: {len(outside)} {'row' if len(outside) == 1 else 'rows'} "
        f"({rows_text(table.rows[outside], 3)}) {'lies' if len(outside) == 1 else 'lie'} on days "
        f"without effort{reach}" + ("" if stop else "; set aside (listed in dropped.csv)"),
        file=table.file,
        row=row,
        why="a record proves that a camera worked: either its time or the effort is wrong"
        + (f" ({share:.0%} of all rows: are the clocks right?)" if share > 0.2 else ""),
        cure="correct the clock, [clock.SITE] shift, or the deployments",
    )


def _span(days: float) -> str:
    """A stretch of time in the unit that suits it."""
    if days >= 1:
        return f"{days:,.0f} days" if days >= 100 else f"{days:.3g} days"
    hours = 24 * days
    return f"{hours:.2g} hours" if hours >= 2 else f"{max(round(60 * hours), 1)} minutes"


def _tell_silence(deployments, records: Records, joined, inside, settings, ledger) -> None:
    """Effort that goes on long after the last record of anything."""
    if not len(inside):
        return
    last, end = records.instant[inside].max(), joined.end.max()
    span = (end - joined.start.min()) / DAY
    quiet = (end - last) / DAY
    if quiet > max(14, span / 5):
        day = str(settings.clock.local(np.array([last]))[0])[:10]
        ledger.warn(
            "W564",
            f"{records.table.place}: nothing was recorded anywhere in the last {quiet:.0f} of "
            f"{span:.0f} days of effort (the last record is of {day})",
            file=records.table.file,
            why="if the pictures of that time were never looked at, its zeros are no zeros",
            cure="end the deployments with the pictures that were looked at, or add the records",
        )


def account(records: Records, used: np.ndarray, ledger: Ledger) -> np.ndarray:
    """Every row of the records is used or set aside by one rule, which comes back by row."""
    aside = records.aside.copy()
    counts = np.zeros(len(aside), dtype=bool)
    counts[used.astype(np.int64)] = True
    first = records.frame.drop_duplicates("at").set_index("at")["reason"]
    open_rows = np.flatnonzero((aside == "") & ~counts)
    reasons = dict(zip(first.index.tolist(), first.tolist(), strict=True))
    aside[open_rows] = [reasons.get(i, "") or "no record" for i in open_rows.tolist()]
    aside[counts] = ""
    # What is no species is told as such, wherever it lies; what a reader refused keeps its reason.
    no_species = (
        ~counts
        & ~records.refused
        & np.isin(np.arange(len(aside)), first.index[first != ""].to_numpy())
    )
    aside[no_species] = [reasons[i] for i in np.flatnonzero(no_species).tolist()]
    long_visits.account(records.table, records.table.frame, aside, ledger)
    return aside
