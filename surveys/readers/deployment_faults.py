"""Deployments that cannot be true: years mistyped, one camera that stands twice at one time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys.clock import DAY
from surveys.ledger import Ledger
from surveys.problems import rows_text
from surveys.readers.camera_settings import Settings
from surveys.readers.deployments import Deployments

UNION = '; or let time that cameras of a site share count once: [cameras] combine = "union"'
MOST_YEARS, FIRST_YEAR = 15, 1950


def tell_endless(deployments: Deployments, settings: Settings, ledger: Ledger) -> None:
    """A deployment of many years, or of another century, is a year mistyped."""
    table = deployments.table
    years = (deployments.end - deployments.start) / (365.25 * DAY)
    first = settings.clock.local(deployments.start).astype("datetime64[Y]").astype(int) + 1970
    doubtful = (years > MOST_YEARS) | (first < FIRST_YEAR)
    if any(p.code in ("E032", "E033", "E035", "E514", "E521") for p in ledger.of_level("error")):
        doubtful &= (deployments.start != 0) & (deployments.end != 0)  # 0: no date, told already
    for i in np.flatnonzero(doubtful):
        ledger.error(
            "E562",
            f'{table.place}, row {table.rows[i]} (site "{deployments.site[i]}"): the deployment '
            f"starts in {first[i]} and lasts {max(years[i], 0):.1f} years",
            file=table.place,
            row=int(table.rows[i]),
            cure="is a year mistyped? Correct it",
        )


def tell_overlaps(deployments: Deployments, settings: Settings, ledger: Ledger) -> None:
    """One camera that stands twice at one time: effort would count double."""
    table, clock = deployments.table, settings.clock
    at = np.flatnonzero(deployments.aside == "")
    frame = pd.DataFrame(
        {
            "place": pd.factorize(deployments.site[at])[0],
            "camera": pd.factorize(deployments.camera[at])[0],
            "start": deployments.start[at],
            "end": deployments.end[at],
            "at": at,
        }
    )
    if deployments.has_cameras:
        frame = frame[deployments.camera[at] != ""]
    frame = frame.sort_values(["place", "camera", "start", "end"], kind="stable")
    same = frame[["place", "camera"]].to_numpy()[1:] == frame[["place", "camera"]].to_numpy()[:-1]
    reach = frame.groupby(["place", "camera"])["end"].cummax().to_numpy()
    doubled = same.all(axis=1) & (frame["start"].to_numpy()[1:] < reach[:-1])
    order = frame["at"].to_numpy()
    harmless = settings.combine_told == "union" and deployments.has_cameras
    for k in np.flatnonzero(doubled):
        one, other = order[k], order[k + 1]
        shared = np.array([deployments.start[other], min(reach[k], deployments.end[other])])
        first, last = (str(t)[:10] for t in clock.local(shared - np.array([0, 1])))
        days = (shared[1] - shared[0]) / 86400
        camera = deployments.camera[one]
        who = f"camera {camera} stands" if camera else "a camera stands"
        rows = rows_text(table.rows[[one, other]])
        tell = ledger.warn if harmless else ledger.error
        tell(
            "W043" if harmless else "E043",
            f'{table.place}, {rows}: {who} at site "{deployments.site[one]}" twice from {first} to '
            f"{last}; {days:.3g} camera-days would count twice"
            + (", and count once (union)" if harmless else ""),
            file=table.place,
            row=int(table.rows[other]),
            cure="merge the rows, or give the second its own camera"
            + ("" if settings.combine_told else UNION)
            if deployments.has_cameras
            else "merge the rows; if two cameras stood there, name them: "
            f'[{table.spec.section}.columns] camera = "..."',
        )
