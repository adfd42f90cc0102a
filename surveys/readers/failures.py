"""Problem periods of cameras: pairs of Problem1_from and Problem1_to beside each deployment."""

from __future__ import annotations

import re

import numpy as np

from surveys import dates
from surveys.clock import Clock
from surveys.occasions import Intervals
from surveys.readers.camera_settings import Settings
from surveys.readers.camera_times import (
    instants_of,
    only_dates,
    tell_bare_days,
    without_time,
)
from surveys.text_table import Table

# Problem1_from as camtrapR has it, and what others write: malf2_start, Failure_end_3, Fallo1_fin.
_WHAT = (
    r"(?:problem[ae]?s?|malf|malfunctions?|failures?|fail|outages?|fallos?|fallas?|panne|ausfall)"
)
_FROM, _TO = r"(?:from|start|begin|desde|inicio|debut|von)", r"(?:to|end|stop|until|hasta|fin|bis)"
_PROBLEM = re.compile(
    rf"(?P<what>{_WHAT})[ _.]*(?P<one>\d*)[ _.]*(?:date[ _.]*)?(?:(?P<from>{_FROM})|(?P<to>{_TO}))"
    r"(?:[ _.]*date)?[ _.]*(?P<two>\d*)",
    re.IGNORECASE,
)


def problem_columns(table: Table) -> list[tuple[str | None, str | None]]:
    """Pairs of Problem1_from and Problem1_to; half a pair has None."""
    found: dict[str, dict[str, str]] = {}
    for name in table.names:
        match = _PROBLEM.fullmatch(name.strip())
        if match:
            number = f"{match['what'].casefold()} {match['one'] or match['two']}"
            found.setdefault(number, {})["from" if match["from"] else "to"] = name
    return [(pair.get("from"), pair.get("to")) for pair in found.values()]


def failures(table, deployments, problems, settings: Settings, ledger) -> Intervals:
    """Problem periods as intervals owned by deployments; dates count as whole days."""
    owner, opens, closes = [], [], []
    beside = [c for p in problems for c in p if c]
    beside += [c for c in deployments.used_columns if c in table.names and c not in beside]
    for pair in problems:
        if None in pair:
            present = next(c for c in pair if c)
            ledger.error(
                "E015",
                f'{table.place} has a column "{present}" and no column for its other end',
                file=table.place,
                column=str(present),
                cure="problem periods need both: Problem1_from and Problem1_to",
            )
            continue
        told = [dates.dates(table, c, ledger, beside=beside) for c in pair]
        all_bare = only_dates(*told)
        bare = [all_bare | without_time(table, c, w) for c, w in zip(pair, told, strict=True)]
        if not all_bare:
            tell_bare_days(table, str(pair[1]), bare[1], "that whole day is a failure", ledger)
        known = [~np.isnat(w) for w in told]
        half = known[0] != known[1]
        for i in np.flatnonzero(half):
            has = 0 if known[0][i] else 1
            ledger.error(
                "E045",
                f'{table.place}, row {table.rows[i]} (site "{deployments.site[i]}"): {pair[has]} '
                f"{table.text(pair[has])[i]} has no {pair[1 - has]}",
                file=table.place,
                row=int(table.rows[i]),
                column=str(pair[1 - has]),
                cure="write it; if the camera stayed dead, write the day of retrieval",
            )
        at = np.flatnonzero(known[0] & known[1])
        first, last = (w[at] for w in told)
        whole = [b[at] for b in bare]
        edge = np.where(whole[1], last + np.timedelta64(86400, "s"), last)
        one = instants_of(table, str(pair[0]), _at(told[0], at), settings.clock, ledger)[at]
        other = settings.clock.instants(edge)[0]
        _tell_outside(table, deployments, pair, at, one, other, whole, settings, ledger)
        owner.append(at)
        opens.append(one)
        closes.append(np.where(other > one, other, one))
        wrong = at[last < first]
        for i in wrong:
            ledger.error(
                "E042",
                f'{table.place}, row {table.rows[i]} (site "{deployments.site[i]}"): {pair[1]} '
                f"{table.text(pair[1])[i]} is before {pair[0]} {table.text(pair[0])[i]}",
                file=table.place,
                row=int(table.rows[i]),
                column=str(pair[1]),
                cure="swap or correct them",
            )
    if not owner:
        return Intervals.of([], [], [])
    return Intervals.of(*(np.concatenate(a) for a in (owner, opens, closes)))


def _at(wall: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Only some of the times, in the places of all, so that messages find their rows."""
    out = np.full(len(wall), np.datetime64("NaT", "s"))
    out[at] = wall[at]
    return out


def _tell_outside(table, deployments, pair, at, one, other, whole, settings, ledger) -> None:
    start, end = deployments.start[at], deployments.end[at]
    clock = Clock(zone=settings.clock.zone)  # days are compared with days
    start = np.where(whole[0], clock.edges(clock.days(start)), start)
    end = np.where(whole[1], clock.edges(clock.days(end - 1) + 1), end)
    bound, told = (
        (deployments.start[at], deployments.end[at] - 1),
        ("before set-up", "after retrieval"),
    )
    sound = deployments.start[at] < deployments.end[at]  # the others are told as they are
    sound &= (deployments.start[at] != 0) & (deployments.end[at] != 0)
    for i in np.flatnonzero(sound & ((one < start) | (other > end))):
        early = one[i] < start[i]
        k = 0 if early else 1
        what = "starts" if early else "ends"
        ledger.error(
            "E044",
            f'{table.place}, row {table.rows[at[i]]} (site "{deployments.site[at[i]]}"): the '
            f"problem {what} {table.text(pair[k])[at[i]]}, "
            f"{told[k]} {str(settings.clock.local(bound[k][i : i + 1])[0])[:10]}",
            file=table.place,
            row=int(table.rows[at[i]]),
            column=str(pair[k]),
            cure=f"{'start' if early else 'end'} it with the {'set-up' if early else 'retrieval'}, "
            "or correct the deployment",
        )
