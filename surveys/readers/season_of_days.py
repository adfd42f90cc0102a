"""The season of each day: by the year, by listed stretches of days, or one for all."""

from __future__ import annotations

import numpy as np

from surveys.readers.camera_settings import Settings


def season_of(settings: Settings, days: np.ndarray, *, default: str = "") -> np.ndarray:
    """The name of the season of each day (days since 1970), "" outside all seasons.

    `default` is used where the study file has no [seasons]: "" is one season, "1"; "year".
    """
    how = settings.seasons or default
    if how == "list":
        out = np.full(len(days), "", dtype=object)
        for window in settings.windows:
            out[(days >= window.first_day) & (days < window.end_day)] = window.name
        return out
    if how == "year":
        years = np.asarray(days).astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
        return years.astype(str).astype(object)
    return np.full(len(days), "1", dtype=object)
