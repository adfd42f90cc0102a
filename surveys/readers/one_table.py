"""Records that tell their deployment in every row, as exports of whole projects do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from surveys.text_table import Table


def deployments_of(
    table: Table, site: str, ends: Iterable[str], of_records: Iterable[str]
) -> Table:
    """Each deployment once, with the columns that never change within a site.

    Parameters
    ----------
    site, ends : the column of sites; those of camera, session, first and last day
    of_records : columns that belong to the records, and so are no covariates of a site
    """
    keys = [site, *ends]
    first = ~table.frame.duplicated(keys).to_numpy()
    rest = [c for c in table.names if c not in keys and c not in set(of_records)]
    ids = pd.Series(table.text(site))
    steady = [
        c for c in rest if (pd.Series(table.text(c)).groupby(ids.to_numpy()).nunique() <= 1).all()
    ]
    return replace(table, frame=table.frame.loc[first, [*keys, *steady]])
