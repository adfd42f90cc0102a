"""Covariates from rasters and map layers: what they tell where the sites lie."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from surveys.ledger import Ledger
from surveys.problems import Problem, SurveyError, did_you_mean, listing
from surveys.readers import layer_keys, layer_table
from surveys.readers.layer_keys import Asked
from surveys.readers.place_telling import Found, Telling
from surveys.schema import RESERVED
from surveys.study_file import StudyFile


def attach(study: StudyFile, ds: xr.Dataset) -> xr.Dataset:
    """The Dataset with the covariates that the study file takes from rasters and map layers.

    Raises
    ------
    SurveyError
        With the faults of all rasters and layers.
    """
    asked = layer_keys.of_sites(study)
    if not asked:
        return ds
    ledger = Ledger.from_json(ds.attrs.get("ledger", ""))
    inputs: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for one in asked:
        try:
            ds = _attach(study, ds, one, ledger, inputs)
        except SurveyError as error:
            problems += error.problems
    if problems:
        raise SurveyError(problems)
    ds.attrs["ledger"] = ledger.to_json()
    provenance = json.loads(ds.attrs.get("provenance") or "{}")
    listed = provenance.setdefault("inputs", [])
    listed += [i for i in inputs if i not in listed]
    ds.attrs["provenance"] = json.dumps(provenance, ensure_ascii=False)
    return ds


def _attach(
    study: StudyFile, ds: xr.Dataset, asked: Asked, ledger: Ledger, inputs: list[dict[str, Any]]
) -> xr.Dataset:
    _refuse_name(study, ds, asked)
    if "longitude" not in ds:
        raise SurveyError(
            Problem(
                code="E530",
                file=study.name,
                fact=f"{study.name}: [{asked.section}] takes its values from "
                f"{asked.relation or listing(asked.files.values(), 3)}, but the sites have no "
                "coordinates",
                cure="name them: [files.sites.columns] longitude, latitude",
            )
        )
    lon, lat = ds["longitude"].values, ds["latitude"].values
    sites = ds["site"].values.astype(str)
    told = Telling(study, asked, sites, ledger)
    dims: tuple[str, ...] = ("site",)
    if asked.by_season:
        seasons = [str(s) for s in ds["season"].values]
        told.seasons(seasons)
        columns = []
        for season in seasons:
            if season not in asked.files:
                gone = "" if asked.type == "factor" else np.nan
                columns.append(np.full(len(sites), gone))
                continue
            found = values_at(study, asked, lon, lat, season)
            told.found(found, np.isfinite(lon))
            inputs += found.inputs
            columns.append(found.values)
        values, dims = np.stack(columns, axis=1), ("site", "season")
    else:
        found = values_at(study, asked, lon, lat)
        told.found(found, np.isfinite(lon))
        inputs += found.inputs
        values = found.values
    ds = ds.assign({asked.name: (dims, values)})
    ds[asked.name].attrs.update(role="covariate", missing="drop visit", source=asked.words)
    if asked.units:
        ds[asked.name].attrs["units"] = asked.units
    return ds


def _refuse_name(study: StudyFile, ds: xr.Dataset, asked: Asked) -> None:
    name = asked.name
    if name in RESERVED:
        fact = (
            f'{study.name}: a covariate cannot be called "{name}", which has a meaning of its own'
        )
        cure = f"[{asked.section}_here], or another name"
        raise SurveyError(Problem(code="E553", file=study.name, fact=fact, cure=cure))
    if name in ds.variables:
        fact = (
            f'{study.name}: [{asked.section}] is "{asked.words}", and "{name}" is a column of a '
            "table too"
        )
        raise SurveyError(
            Problem(
                code="E346",
                file=study.name,
                fact=fact,
                why="one of the two would be lost in silence",
                cure=f"give one another name: [{asked.section}_of_map]",
            )
        )


def values_at(
    study: StudyFile, asked: Asked, longitude: Any, latitude: Any, season: str = ""
) -> Found:
    """The values of a covariate at places in degrees; the same at sites and at cells of a surface.

    Raises
    ------
    SurveyError
        The raster or layer cannot be read or lacks what is asked.
    """
    lon = np.atleast_1d(np.asarray(longitude, np.float64))
    lat = np.atleast_1d(np.asarray(latitude, np.float64))
    if asked.kind == "raster":
        return _of_raster(study, asked, asked.files[season], lon, lat)
    return _of_layer(study, asked, lon, lat)


def _of_raster(study: StudyFile, asked: Asked, shown: str, lon, lat) -> Found:
    from surveys import places
    from surveys.places import rasters

    path = study.resolve(shown, asked.section)
    if not path.is_file():
        near = rasters.names_like(path) if path.parent.is_dir() else ""
        fact = f"{shown} is not there ([{asked.section}] raster).{near}"
        cure = "paths count from the folder of the study file"
        raise SurveyError(Problem(code="E401", file=shown, fact=fact, cure=cure))
    with cure_in(asked.section):
        got = places.sample_raster(
            path,
            lon,
            lat,
            stat=asked.stat,
            buffer_m=asked.buffer_m,
            classes=asked.classes,
            band=asked.band,
            crs=asked.crs,
            missing=asked.missing,
        )
    values = got.values
    if asked.type == "factor":
        values = layer_table.as_text(pd.Series(values)).astype(str)
    told = {
        "file": shown,
        "sha256": layer_table.digest(path),
        "bytes": path.stat().st_size,
        "crs": got.crs_name,
        "band": asked.band,
    }
    return Found(values, shown, got.outside_m, got.cells, got.without, got.sentinel, [told])


def _of_layer(study: StudyFile, asked: Asked, lon, lat) -> Found:
    from surveys.places import polygon_values as of

    layer, shown, inputs = _layer(study, asked)
    column = _column(layer, asked, shown) if asked.stat != "distance" or asked.classes else ""
    if asked.classes:
        layer, column = _of_classes(layer, column, asked, shown)
    if asked.stat == "distance":
        return Found(of.metres_to_nearest(layer, lon, lat), shown, inputs=inputs)
    _refuse_no_polygons(layer, asked, shown)
    if asked.stat == "share":
        values = np.where(np.isfinite(lon), 0.0, np.nan)
        covered = of.areas_within(layer, column, lon, lat, asked.buffer_m or 0.0)
        values[covered["place"].to_numpy(int)] = covered["share"].clip(upper=1.0)
        return Found(values, shown, inputs=inputs)
    numeric = pd.api.types.is_numeric_dtype(layer[column]) and asked.type != "factor"
    if asked.stat == "majority":
        found = of.majority_within(layer, column, lon, lat, asked.buffer_m or 0.0)
    else:
        found = of.value_at(layer, column, lon, lat)
    if numeric:
        values = np.array([np.nan if v is None else v for v in found], dtype=np.float64)
    else:
        values = layer_table.as_text(pd.Series(found, dtype=object)).astype(str)
    return Found(values, shown, inputs=inputs)


def _layer(study: StudyFile, asked: Asked) -> tuple[Any, str, list[dict[str, Any]]]:
    """The layer, what the user calls it, and what provenance tells of it."""
    from surveys import places

    if asked.relation:
        from surveys.readers import relation_table

        layer, told = relation_table.layer_of(study, asked.relation, asked.crs)
        return layer, asked.relation, [told]
    shown = asked.files[""]
    path = study.resolve(shown, asked.section)
    with cure_in(asked.section):
        layer = places.read_layer(path, crs=asked.crs, layer=asked.layer, encoding=asked.encoding)
    told = {
        "file": shown,
        "sha256": layer_table.digest(path),
        "bytes": path.stat().st_size,
        "crs": layer.crs.name,
    }
    return layer, shown, [told]


def _of_classes(layer: Any, column: str, asked: Asked, shown: str) -> tuple[Any, str]:
    """The features of the classes asked for, as one class in a column of its own."""
    wanted = [str(w) for w in layer_table.as_text(pd.Series(list(asked.classes), dtype=object))]
    texts = layer_table.as_text(layer[column])
    for word in wanted:
        if word not in set(texts):
            has = list(dict.fromkeys(t for t in texts if t))
            fact = (
                f'{shown}, column {column}: no feature is "{word}". There are: {listing(has, 12)}'
            )
            near = did_you_mean(word, has)
            raise SurveyError(
                Problem(
                    code="E347",
                    file=shown,
                    column=column,
                    fact=f"{fact}.{near}",
                    cure=f"[{asked.section}] class = ...",
                )
            )
    chosen = layer[np.isin(texts.astype(str), wanted)]
    name = "class asked for"
    return chosen.assign(**{name: "1"}), name


def _refuse_no_polygons(layer: Any, asked: Asked, shown: str) -> None:
    kinds = set(layer.geometry.geom_type.dropna())
    if not kinds & {"Polygon", "MultiPolygon"}:
        fact = f"{shown} holds {listing(sorted(kinds))}, no polygons"
        cure = f'[{asked.section}] stat = "distance", or a layer of polygons'
        raise SurveyError(Problem(code="E311", file=shown, fact=fact, cure=cure))


@contextmanager
def cure_in(section: str) -> Iterator[None]:
    """Tell in which section of the study file a key of a layer is to be written."""
    try:
        yield
    except SurveyError as error:
        raise SurveyError(_in_section(error.problems, section)) from None


def _in_section(problems: Iterable[Problem], section: str) -> Iterator[Problem]:
    for p in problems:
        cure = p.cure.replace("give crs =", f"set [{section}] crs =")
        cure = cure.replace("name one: layer =", f"name one: [{section}] layer =")
        if cure.startswith("band ="):
            cure = f"[{section}] {cure}"
        yield replace(p, cure=cure)


def _column(layer: Any, asked: Asked, shown: str) -> str:
    names = [str(c) for c in layer.columns if c != layer.geometry.name]
    wanted = asked.column or asked.name
    if wanted in names:
        return wanted
    if not asked.column and len(names) == 1:
        return names[0]
    if shown.lower().endswith(".shp") and wanted[:10] in names:
        return wanted[:10]  # a Shapefile keeps ten letters of a name
    raise SurveyError(
        Problem(
            code="E015",
            file=shown,
            fact=f'{shown} has no column "{wanted}" (study file: [{asked.section}] column). '
            f"It has: {listing(names, 12)}.{did_you_mean(wanted, names)}",
            cure=f'[{asked.section}] column = "..."',
        )
    )
