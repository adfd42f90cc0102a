"""Places of events: of one site they differ a little where somebody took a GPS on every visit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys.ledger import Ledger
from surveys.problems import listing, rows_text
from surveys.text_table import Table

MOST_METRES = 1000.0  # within which coordinates of one site are taken for one place
METRES_OF_A_DEGREE = 111_195.0
PAIR = ["decimalLongitude", "decimalLatitude"]


def places_joined(
    table: Table, part: pd.DataFrame, site: np.ndarray, ledger: Ledger
) -> pd.DataFrame | None:
    """The events with one place a site, the middle of its own; None where they lie far apart."""
    degrees = part[PAIR].apply(pd.to_numeric, errors="coerce")
    groups = degrees.groupby(site)
    wide = groups.max() - groups.min()
    middle = groups.median()
    east = wide["decimalLongitude"] * np.cos(np.radians(middle["decimalLatitude"]))
    metres = pd.Series(METRES_OF_A_DEGREE * np.hypot(east, wide["decimalLatitude"]))
    far = metres[metres > MOST_METRES].sort_values(ascending=False)
    if len(far):
        name = str(far.index[0])
        rows = part.index[(site == name) & degrees.notna().all(axis=1).to_numpy()]
        told = [f"{a:g}, {b:g}" for b, a in degrees.loc[rows].drop_duplicates().to_numpy()]
        ledger.error(
            "E513",
            f'{table.place}: coordinates of site "{name}" lie up to {far.iloc[0] / 1000:.3g} km '
            f"apart ({rows_text(rows)}: {listing(told, 3)})",
            file=table.place,
            row=int(rows.min()),
            column=PAIR[1],
            why="a site is one place",
            cure='name the term that tells your sites apart: [dwca] site = "..."; or ask the '
            "publisher to correct the coordinates",
            more=f"{len(far)} such sites" if len(far) > 1 else "",
        )
        return None
    moved = metres[metres > 0]
    if not len(moved):
        return part
    ledger.warn(
        "W624",
        f"{table.place}: the coordinates of {len(moved)} "
        f"{'site differs' if len(moved) == 1 else 'sites differ'} between their events, by up to "
        f"{moved.max():.3g} m; their middle was taken",
        file=table.file,
        column=PAIR[1],
    )
    out = part.copy()
    of = np.isin(site, moved.index.to_numpy(dtype=object))
    for name in PAIR:
        told = degrees[name].notna().to_numpy() & of
        out.loc[told, name] = [repr(float(v)) for v in middle[name].loc[site[told]]]
    return out
