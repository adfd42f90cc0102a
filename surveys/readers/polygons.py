"""Site covariates from polygons: the value of the polygon in which the site lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from surveys.problems import Problem, SurveyError, did_you_mean, listing
from surveys.readers.site_table import is_layer
from surveys.study_file import StudyFile


def attach(study: StudyFile, ds: xr.Dataset) -> xr.Dataset:
    """The Dataset with the covariates that `[covariates.NAME] path` takes from polygons.

    A site outside every polygon has the value missing; on a border the first polygon counts.
    """
    for name, keys in study.section("covariates").items():
        path = keys.get("path")
        if path and is_layer(path):
            ds = _one(study, ds, name, keys)
    return ds


def _one(study: StudyFile, ds: xr.Dataset, name: str, keys: dict[str, Any]) -> xr.Dataset:
    from surveys.places import read_layer, site_points

    shown = keys["path"]
    if "longitude" not in ds and "easting" not in ds:
        raise SurveyError(
            Problem(
                code="E530",
                file=study.name,
                fact=f"{study.name}: [covariates.{name}] takes its values from {shown}, but the "
                "sites have no coordinates",
                cure="name them: [files.sites.columns] longitude, latitude",
            )
        )
    path = study.resolve(shown, f"covariates.{name}")
    with cure_in(f"covariates.{name}"):
        layer = read_layer(path, crs=keys.get("crs"))
    column = _column(layer, name, keys.get("column"), shown)
    points = site_points(ds).to_crs(layer.crs).reset_index(drop=True)
    found = points[["geometry"]].sjoin(
        layer[[column, "geometry"]], how="left", predicate="intersects"
    )
    values = found[~found.index.duplicated()][column].reindex(range(len(points)))
    numeric = pd.api.types.is_numeric_dtype(values) and keys.get("type") != "factor"
    array = (
        values.to_numpy(dtype=np.float64)
        if numeric
        else np.array(["" if pd.isna(v) else str(v) for v in values], dtype=str)
    )
    ds = ds.assign({name: ("site", array)})
    ds[name].attrs.update(role="covariate", missing="drop visit")
    if "units" in keys:
        ds[name].attrs["units"] = keys["units"]
    return ds


@contextmanager
def cure_in(section: str) -> Iterator[None]:
    """Tell in which section of the study file a layer's CRS is to be written."""
    try:
        yield
    except SurveyError as error:
        raise SurveyError(
            replace(p, cure=p.cure.replace("give crs =", f"set [{section}] crs ="))
            for p in error.problems
        ) from None


def _column(layer: Any, name: str, asked: str | None, shown: str) -> str:
    names = [str(c) for c in layer.columns if c != layer.geometry.name]
    wanted = asked or name
    if wanted in names:
        return wanted
    if asked is None and len(names) == 1:
        return names[0]
    raise SurveyError(
        Problem(
            code="E015",
            file=shown,
            fact=f'{shown} has no column "{wanted}" (study file: [covariates.{name}] column). '
            f"It has: {listing(names, 12)}.{did_you_mean(wanted, names)}",
            cure=f'[covariates.{name}] column = "..."',
        )
    )
