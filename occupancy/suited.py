"""Whether a family can have the surveys: refused before anything is sampled, with the place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from occupancy.families.base import Family
from occupancy.frames import detections
from surveys.problems import ModelError, listing

WANTED = {
    "count": "from_arrays(..., count=...), or a column `count` of the records",
    "score": "from_arrays(..., score=...), or a column `score` of the records",
    "time": "from_arrays(..., time=...): the time of the first detection on each visit",
}


def check_data(data: xr.Dataset, family: Family) -> None:
    """Refuse data that the family cannot have, naming site, season and visit.

    Raises
    ------
    ModelError
        Too many or too few seasons; a variable that is absent; a value that no visit could have.
    """
    _check_seasons(data, family)
    if family.observes != "detection" and family.observes not in data:
        raise ModelError(
            f"Family '{family.name}' reads '{family.observes}', which is not in the surveys. Give "
            f"it as {WANTED[family.observes]}."
        )
    y = detections(data)
    for strange, told in _strange(data, family, y):
        if strange.any():
            s, i, t, j = (int(k[0]) for k in np.nonzero(strange))
            raise ModelError(
                f"Site '{data['site'].values[i]}' has {told((s, i, t, j))} on visit "
                f"{data['visit'].values[j]} of season {data['season'].values[t]} "
                f"(species '{data['species'].values[s]}'; {int(strange.sum())} such in all). "
                f"Family '{family.name}' knows {_known(family)}."
            )


def _check_seasons(data: xr.Dataset, family: Family) -> None:
    n = data.sizes["season"]
    if family.max_seasons is not None and n > family.max_seasons:
        first, last = data["season"].values[[0, -1]].tolist()
        raise ModelError(
            f"Family '{family.name}' got {n} seasons ({first}-{last}). Select one, for example "
            f"data.sel(season=[{last!r}]), or use a family for several seasons."
        )
    if n < family.min_seasons:
        raise ModelError(
            f"Family '{family.name}' needs {family.min_seasons} seasons or more, and the surveys "
            f"have {n}. Use a family of one season, such as single_season."
        )


def _known(family: Family) -> str:
    return {
        "detection": listing([f"{v:g}" for v in family.detections]),
        "count": "whole numbers from 0",
        "score": "finite numbers",
        "time": "times above 0 and not beyond the effort of the visit",
    }[family.observes]


def _strange(data: xr.Dataset, family: Family, y: np.ndarray) -> Iterator[tuple]:
    """(cells that the family cannot have, words for one of them)."""
    made = ~np.isnan(y)
    if family.observes == "detection":
        yield made & ~np.isin(y, family.detections), lambda at: f"detection {y[at]:g}"
        return
    name = family.observes
    values = data[name].transpose("species", "site", "season", "visit").values
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        if name == "count":
            bad = made & ~np.isnan(values) & ((values < 0) | (values != np.floor(values)))
        elif name == "score":
            bad = made & np.isinf(values)
        else:
            bad = made & (y > 0) & ~((values > 0) & np.isfinite(values))
            if "effort" in data:
                effort = data["effort"].transpose("site", "season", "visit").values[None]
                bad |= made & (y > 0) & (values > effort * (1 + 1e-6))
    yield bad, lambda at: f"{name} {values[at]:g}"
