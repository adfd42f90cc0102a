"""Species that nobody detected, laid beside those of the surveys: what N is learned from.

Data augmentation (Dorazio, Royle, Soderstrom & Glimskar 2006): M species without a detection are
added, looked for on every visit on which all listed species were. Those of them that belong to
the community were missed everywhere; how many these are is what the model tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from occupancy.frames import traits
from surveys.problems import ModelError

if TYPE_CHECKING:
    from occupancy.design import Design

MARK = "undetected"  # attribute of the surveys: how many of their species were added, the last ones
MOST = 1000
NOTHING_SEEN = ("detection", "count")  # 0 on a visit that saw nothing
SPECIES = "species"


def augment(data: xr.Dataset, n: int) -> xr.Dataset:
    """The surveys with ``n`` species without a detection after their own.

    Species that were added before are replaced, so that asking twice gives the same.

    Raises
    ------
    ModelError
        No visit looked for every species of the list, so that none would have recorded another.
    """
    plain = without(data)
    listed = [str(s) for s in plain[SPECIES].values]
    added = names(n)
    if twice := [s for s in added if s in listed]:
        raise ModelError(
            f"A species of the surveys is called '{twice[0]}', as those that `augment` adds. "
            "Call it otherwise."
        )
    seen = plain["detection"]
    looked = seen.notnull().all(SPECIES)
    if not looked.any():
        raise ModelError(
            "No visit looked for every species of the surveys, so that a species which is not in "
            "the list would have been recorded on none: leave `augment` out, or leave out the "
            "species that were not looked for."
        )
    made = {
        str(name): _longer(str(name), variable, looked, n) if SPECIES in variable.dims else variable
        for name, variable in plain.variables.items()
        if name != SPECIES
    }
    labels = np.array([*listed, *added], dtype=object)
    coords = {k: v for k, v in made.items() if k in plain.coords}
    coords[SPECIES] = xr.Variable((SPECIES,), labels, plain[SPECIES].attrs)
    out = xr.Dataset({k: v for k, v in made.items() if k not in coords}, coords, plain.attrs)
    out.attrs[MARK] = n
    return out


def without(data: xr.Dataset) -> xr.Dataset:
    """The surveys without the species that were added."""
    n = added_to(data)
    if not n:
        return data
    out = data.isel({SPECIES: slice(None, data.sizes[SPECIES] - n)})
    out.attrs = {k: v for k, v in data.attrs.items() if k != MARK}
    return out


def added_to(data: xr.Dataset) -> int:
    """How many species of these surveys were added."""
    n = int(data.attrs.get(MARK, 0))
    return n if 0 < n < data.sizes[SPECIES] and _end_is_added(data, n) else 0


def names(n: int) -> list[str]:
    """Names of added species."""
    return [f"undetected {k}" for k in range(1, n + 1)]


def check_augmented(data: xr.Dataset, made: Mapping[str, Design]) -> None:
    """Refuse formulas that could say nothing of a species that nobody saw.

    Raises
    ------
    ModelError
        A trait is used, which a species not detected has none of; or species have coefficients of
        their own that no population ties together.
    """
    for parameter, design in made.items():
        for name in design.variables:
            if name in traits(data):
                raise ModelError(
                    f"`{parameter}` uses '{name}', which is known of the species of the surveys "
                    "and not of one that nobody detected: leave it out, or leave `augment` out."
                )
        if any(SPECIES in column for column in design.columns):
            raise ModelError(
                f"`{parameter}` gives every species a coefficient of its own, and nothing tells "
                "that of a species which nobody detected. Let species come from a population: "
                '(1 | species), or community="species".'
            )
    varying = {p for p, d in made.items() if SPECIES in d.variables}
    if not varying:
        raise ModelError(
            'Species that nobody detected are of a community: give community="species" beside '
            "`augment`, or write (1 | species)."
        )


def _longer(name: str, variable: xr.Variable, looked: xr.DataArray, n: int) -> xr.Variable:
    """A variable with ``n`` species more: not detected where looked for, else not known."""
    shape = tuple(n if d == SPECIES else k for d, k in variable.sizes.items())
    kind = variable.dtype.kind
    blank = np.nan if kind == "f" else "" if kind in "OUT" else 0
    values = np.full(shape, blank, variable.dtype)
    if name in NOTHING_SEEN:
        order = tuple(d for d in variable.dims if d != SPECIES)
        zeros = np.where(looked.transpose(*order).values, 0.0, np.nan)
        values[:] = np.expand_dims(zeros, variable.dims.index(SPECIES))
    at = variable.dims.index(SPECIES)
    both = np.concatenate([variable.values, values], axis=at)
    return xr.Variable(variable.dims, both, variable.attrs)


def _end_is_added(data: xr.Dataset, n: int) -> bool:
    return [str(s) for s in data[SPECIES].values[-n:]] == names(n)
