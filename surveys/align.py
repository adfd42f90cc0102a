"""Values into the shape of the Dataset: by labels where they have any, else by order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from surveys.problems import Problem, SurveyError, did_you_mean, listing
from surveys.schema import TRAIT_DIMS, VISIT_DIMS
from surveys.values import as_labels, as_seasons


class Into:
    """Brings values into the shape of the Dataset: by labels where they have any, else by order."""

    def __init__(self, labels: dict[str, np.ndarray], named: set[str]):
        self.labels = labels
        self.named = named
        self.unused: dict[str, list[str]] = {}

    def shape(self, values, dims: tuple[str, ...], name: str, what: str, convert):
        """(dims, array) over a subset of `dims`, or a SurveyError that tells what does not fit."""
        if isinstance(values, xr.DataArray):
            return self._dataarray(values, dims, name, what, convert)
        if isinstance(values, Mapping) and dims == TRAIT_DIMS:
            values = pd.Series(dict(values))
        if isinstance(values, pd.Series) and dims in (("site",), TRAIT_DIMS):
            values = self._align(values, what, dims[0])
        if isinstance(values, pd.DataFrame):
            values = by_site(values)
            if dims == VISIT_DIMS and values.columns.nlevels == 2:
                return self._two_levels(values, name, what, convert)
            table = self._align(values, what)
            values = self._align_seasons(table, what) if dims == ("site", "season") else table
        if isinstance(values, pd.Series) and dims == ("site", "season"):
            values = self._align_seasons(values.to_frame().T, what).iloc[0]
        array = convert(values, name)
        return self._by_order(array, dims, what)

    def _by_order(self, array: np.ndarray, dims: tuple[str, ...], what: str):
        sizes = {d: len(self.labels[d]) for d in dims}
        full = tuple(sizes.values())
        if array.shape == full:
            return dims, array
        if dims == ("site", "season") and array.shape == (sizes["season"],):
            return dims, np.broadcast_to(array, full).copy()
        if dims == VISIT_DIMS:
            if array.shape == (sizes["site"], sizes["visit"]) and sizes["season"] == 1:
                return dims, array[:, None, :]
            if array.shape == (sizes["visit"],):
                return dims, np.broadcast_to(array, full).copy()
        if dims == ("site",) and array.shape == (sizes["site"], 1):
            return dims, array[:, 0]
        raise SurveyError(
            Problem(
                code="E223",
                fact=f"{what[:1].upper() + what[1:]} has shape {array.shape}, but there are "
                + ", ".join(
                    f"{n} {d}{'' if n == 1 or d == 'species' else 's'}" for d, n in sizes.items()
                ),
                cure=f"give ({', '.join(dims)}) = {full}",
            )
        )

    def _align(self, table: Any, what: str, dim: str = "site") -> Any:
        """Rows in the order of the sites, by label; a table without labels goes by order."""
        labels = self.labels[dim]
        if dim not in self.named or (
            unlabelled(table.index)
            and len(table) == len(labels)
            and not set(as_labels(table.index, dim)) <= set(labels)
        ):
            return table
        index = pd.Index(as_labels(table.index, dim))
        twice = index[index.duplicated()]
        if len(twice):
            raise SurveyError(
                Problem(code="E021", fact=f'{what}: {dim} "{twice[0]}" has more than one row')
            )
        where = index.get_indexer(pd.Index(labels))
        gone = list(labels[where < 0])
        if gone:
            raise SurveyError(
                Problem(
                    code="E224",
                    fact=f"{what[:1].upper() + what[1:]} has no value for {len(gone)} of "
                    f"{len(where)} {dim if dim == 'species' else 'sites'}: {listing(gone)}. "
                    f"Its labels are {listing(index)}."
                    + did_you_mean(gone[0], set(index) - set(labels)),
                    cure="use the labels of the detections, or give values without labels "
                    "(.to_numpy()) in their order",
                )
            )
        unused = sorted(set(index) - set(labels))
        if unused:
            self.unused[what] = unused
        return table.iloc[where]

    def _align_seasons(self, table: pd.DataFrame, what: str) -> pd.DataFrame:
        if "season" not in self.named or (
            unlabelled(table.columns) and len(table.columns) == len(self.labels["season"])
        ):
            return table
        columns = pd.Index([str(s) for s in as_seasons(table.columns)])
        where = columns.get_indexer(pd.Index([str(s) for s in self.labels["season"]]))
        gone = list(self.labels["season"][where < 0])
        if gone:
            raise SurveyError(
                Problem(
                    code="E225",
                    fact=f"{what[:1].upper() + what[1:]} has no value for season "
                    f"{listing(gone)}. It has {listing(columns)}",
                )
            )
        return table.iloc[:, where]

    def _two_levels(self, table: pd.DataFrame, name: str, what: str, convert):
        table = self._align(table, what)
        levels = table.columns.get_level_values(0)
        array = convert(table, name)
        empty: Any = "" if array.dtype.kind == "U" else np.nan
        out = np.full(tuple(len(self.labels[d]) for d in VISIT_DIMS), empty, dtype=array.dtype)
        season_of = pd.Index([str(s) for s in self.labels["season"]])
        for season in dict.fromkeys(levels):
            t = season_of.get_indexer([str(as_seasons([season])[0])])[0]
            where = np.flatnonzero(levels == season)
            if t < 0 or len(where) > out.shape[2]:
                raise SurveyError(
                    Problem(
                        code="E225",
                        fact=f"{what}: season {season} with {len(where)} visits does not fit "
                        f"the detections ({listing(season_of)}; {out.shape[2]} visits)",
                    )
                )
            out[:, t, : len(where)] = array[:, where]
        return VISIT_DIMS, out

    def _dataarray(self, given: xr.DataArray, dims, name: str, what: str, convert):
        known_dims(given, dims, what)
        order = tuple(d for d in dims if d in given.dims)
        given = given.transpose(*order)
        for dim in order:
            if dim not in given.coords or dim == "visit" or dim not in self.named:
                if given.sizes[dim] != len(self.labels[dim]):
                    fact = (
                        f"{what} has {given.sizes[dim]} labels of {dim}; the detections have "
                        f"{len(self.labels[dim])}"
                    )
                    raise SurveyError(Problem(code="E223", fact=fact))
                continue
            texts = pd.Index([str(v) for v in as_labels(given[dim].values, dim)])
            where = texts.get_indexer(pd.Index([str(v) for v in self.labels[dim]]))
            if (where < 0).any():
                gone = self.labels[dim][where < 0]
                fact = f"{what} has no value for {dim} {listing(gone)}"
                raise SurveyError(Problem(code="E224", fact=fact))
            given = given.isel({dim: where})
        array = convert(given.values, name)
        if not order:
            return dims, np.full(tuple(len(self.labels[d]) for d in dims), array)
        return order, array


def by_site(frame: pd.DataFrame, dim: str = "site") -> pd.DataFrame:
    """The table with its column "site" (or "species") as index, where it has one."""
    return frame.set_index(dim) if dim in frame.columns else frame


def unlabelled(index: pd.Index) -> bool:
    """Whether an index is only the 0, 1, 2, ... that pandas makes by itself."""
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def known_dims(given: xr.DataArray, dims: tuple[str, ...], what: str) -> None:
    for dim in given.dims:
        if dim not in dims:
            raise SurveyError(
                Problem(
                    code="E220",
                    fact=f'{what} has a dim "{dim}"; it may have {", ".join(dims)}.'
                    + did_you_mean(dim, dims),
                    cure=f'rename it: .rename({{"{dim}": "site"}})',
                )
            )
