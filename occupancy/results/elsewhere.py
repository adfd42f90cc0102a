"""Places that a caller brings to a fit: tables, cells and layers of regions, checked on arrival."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from occupancy.columns.frame import read_column
from occupancy.frames import Frames, traits
from occupancy.problem import Predictor, Problem
from occupancy.results.occupied import Places
from occupancy.results.regions import Surface
from occupancy.terms.levels import as_levels
from surveys.problems import ModelError, listing

WANTED = "give a DataFrame with one row for each place and one column for each covariate of psi"


def as_table(given: Any) -> pd.DataFrame:
    """A DataFrame (or GeoDataFrame, as it is), from whatever holds columns of one length.

    Raises
    ------
    ModelError
        It holds none.
    """
    if isinstance(given, pd.DataFrame):
        return given
    if isinstance(given, str | Path):
        raise ModelError(f"The places to predict are a path; {WANTED}.")
    if isinstance(given, xr.Dataset):
        return given.to_dataframe()
    if isinstance(given, Mapping):
        try:
            return pd.DataFrame(dict(given))
        except (ValueError, TypeError):
            pass
    raise ModelError(f"The places to predict are a {type(given).__name__}; {WANTED}.")


def located(table: pd.DataFrame, data: xr.Dataset, needed: Iterable[str]) -> pd.DataFrame:
    """The table with easting and northing in the projection of the surveys, where they are needed.

    Shapes with a CRS say where a place is; columns of the same names may be of another projection.
    """
    if not {"easting", "northing"} & set(needed) or "spatial_ref" not in data:
        return table
    from surveys import places

    at = places.metres_of(data, table)
    return table if at is None else table.assign(easting=at[0], northing=at[1])


def columns(
    table: pd.DataFrame,
    needed: Iterable[str],
    data: xr.Dataset,
    parameter: str = "psi",
) -> dict[str, np.ndarray]:
    """The columns that a parameter uses; the first species, and new sites, where none are given.

    Traits that are no columns are those of the species of each row.

    Raises
    ------
    ModelError
        A column is missing.
    """
    needed = list(needed)
    own = [v for v in needed if v in traits(data) and v not in table]
    if own:
        kinds = data["species"].values.astype(str)
        asked = table["species"].astype(str) if "species" in table else kinds[:1].repeat(len(table))
        at = pd.Index(kinds).get_indexer(pd.Index(asked))
        if (at < 0).any():
            raise ModelError(
                f"Species {listing(sorted(set(np.asarray(asked)[at < 0])))} was not surveyed: give "
                f"its {listing(own)} as a column."
            )
        table = table.assign(**{v: data[v].values[at] for v in own})
    absent = [v for v in needed if v not in table and v not in ("species", "site")]
    if absent:
        raise ModelError(
            f"The places to predict have no column {listing(absent)}, which {parameter} uses. "
            f"They have {listing([str(c) for c in table.columns])}."
        )
    found = {v: np.asarray(table[v]) for v in needed if v in table}
    if "species" in needed and "species" not in found:
        found["species"] = np.full(len(table), str(data["species"].values[0]), dtype=object)
    if "site" in needed and "site" not in found:  # each row is a place of its own, never surveyed
        found["site"] = np.array([f"(place {i + 1})" for i in range(len(table))], dtype=object)
    return found


def refuse_new_levels(predictor: Predictor, frame: Mapping[str, np.ndarray]) -> None:
    """Let nothing pass whose effect would be drawn from the population of levels.

    Raises
    ------
    ModelError
        A row has a level of a group that was never surveyed, or a new pair of nested ones.
    """
    for term in predictor.varying:
        by, levels = term.design.by, getattr(term.design, "levels", ())
        if not by or not levels:
            continue
        told = [as_levels(read_column(frame, b)) for b in by]
        keys = np.unique(np.stack([at for _, at in told], axis=1), axis=0)
        asked = {"/".join(t[i] for (t, _), i in zip(told, key, strict=True)) for key in keys}
        new = sorted(label for label in asked - set(levels) if all(label.split("/")))
        if new:  # what is missing has no answer anyway
            group = "/".join(by)
            raise ModelError(
                f"`{predictor.name}` has no {group} {listing(new)} in the surveys, so its effect "
                f"would be drawn from all that {group} could be. Leave these places out, or allow "
                'it with new_levels="draw".'
            )


def places_of(
    table: pd.DataFrame, problem: Problem, frames: Frames, needed: Iterable[Predictor]
) -> Places:
    """Places of a table, for the predictors that occupancy depends on.

    What varies by season alone (a label, a winter's snow) is that of the surveys; everything else
    must be a column, and is then the same in every season.

    Raises
    ------
    ModelError
        A column is missing.
    """
    needed = list(needed)
    table = located(table, problem.data, [v for p in needed for v in p.design.variables])
    n, n_step = len(table), problem.n_step
    parts: dict[str, Mapping[str, np.ndarray]] = {"site": {}, "season": {}, "interval": {}}
    for p in needed:
        width = {"site": 1, "season": n_step, "interval": n_step - 1}[p.level]
        frame = frames.at(p.level)
        by_season = [v for v in p.design.variables if v not in table and _is_common(problem, v)]
        own = columns(table, [v for v in p.design.variables if v not in by_season], problem.data)
        told = {k: np.repeat(v, width) for k, v in own.items()}
        told |= {v: np.tile(np.asarray(frame[v])[:width], n) for v in by_season}
        parts[p.level] = {**parts[p.level], **told}
    return Places(n, parts["site"], parts["season"], parts["interval"], n_step)


def _is_common(problem: Problem, name: str) -> bool:
    """Whether a covariate is the same at all sites and for all species."""
    known = problem.data.variables
    return name in known and not {"site", "species"} & set(known[name].dims)


def as_cells(given: Any) -> pd.DataFrame:
    """A surface from a path, or as it is; with the area of its cells, measured without distortion.

    Raises
    ------
    ModelError
        The cells have no area that could be known.
    """
    if isinstance(given, str | Path):
        from surveys import places

        return places.read_surface(given)
    cells = as_table(given)
    if "area_km2" in cells:
        return cells
    if not hasattr(cells, "crs"):
        raise ModelError(
            "The cells of the surface have neither shapes nor a column area_km2. Give a "
            "GeoDataFrame, or add area_km2."
        )
    if cells.crs is None:
        raise ModelError("The surface has no CRS. Set it: surface.set_crs('EPSG:...').")
    if not len(cells):
        return cells.assign(area_km2=0.0)
    from surveys import places

    return cells.assign(area_km2=places.in_equal_area(cells.geometry).area.to_numpy() / 1e6)


def as_surface(
    cells: pd.DataFrame,
    found: Places,
    layer: Any,
    outside: np.ndarray,
    known: np.ndarray,
) -> Surface:
    """What the answers by region need of the cells; they lie in regions of `layer`, or say which.

    Raises
    ------
    ModelError
        Regions are given as polygons, and the cells have no shapes.
    """
    if layer is not None:
        if getattr(cells, "crs", None) is None:
            raise ModelError("The cells of the surface need shapes and a CRS to lie in a region.")
        from surveys import places

        label = places.cell_regions(cells, layer)
    elif "region" in cells:
        label = cells["region"].to_numpy(dtype=object)
    else:
        label = np.full(len(cells), "", dtype=object)
    return Surface(found, label, cells["area_km2"].to_numpy(float), outside, known)
