"""The surface of prediction made of the study's own rasters and layers, cell by cell.

Every cell has what a site at its middle would have: the same file, statistic and buffer. So a
covariate means on the map what it means in the model.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from surveys.problems import Problem, SurveyError, listing
from surveys.readers import layer_keys
from surveys.readers.layer_keys import Asked
from surveys.readers.place_covariates import cure_in, values_at
from surveys.study_file import StudyFile

if TYPE_CHECKING:
    import geopandas as gpd


def cells_of(study: StudyFile) -> gpd.GeoDataFrame | None:
    """Squares of `[surface] cell_m` over the study area; None where the study asks for none.

    Returns
    -------
    GeoDataFrame
        In an equal-area CRS: the covariates from rasters and layers that a model names (all of
        them where no model does), region, area_km2, geometry. A covariate of the seasons is that
        of `[map] season`, by default the last that has a raster.

    Raises
    ------
    SurveyError
        There is no study area, no width of cells, or no covariate to put into them.
    """
    from surveys import places

    keys = study.section("surface")
    if not keys:
        return None
    _refuse_unready(study, keys)
    asked = [one for one in layer_keys.of_sites(study) if _is_used(study, one.name)]
    if not asked:
        raise _unready(
            study,
            "takes its cells from covariates, and no model uses one of a raster or layer",
            '[covariates.elevation]\n                  raster = "dem.tif"',
        )
    regions = None
    if study.regions_path is not None:
        told = study.section("regions")
        with cure_in("regions"):
            regions = places.read_regions(
                study.regions_path,
                name=told.get("name"),
                crs=told.get("crs"),
                layer=told.get("layer"),
            )
    area = regions
    if "within" in keys:
        with cure_in("surface"):
            path = study.resolve(keys["within"], "surface")
            area = places.read_layer(path, crs=keys.get("crs"), layer=keys.get("layer"))
    cells = places.squares(area, keys["cell_m"])
    longitude, latitude = _degrees(cells)
    values = {
        one.name: values_at(study, one, longitude, latitude, _season(study, one)).values
        for one in asked
    }
    region = {} if regions is None else {"region": places.cell_regions(cells, regions)}
    return type(cells)(
        values | region | {"area_km2": cells["area_km2"].to_numpy()},
        geometry=cells.geometry.to_numpy(),
        crs=cells.crs,
    )


def _refuse_unready(study: StudyFile, keys: dict[str, Any]) -> None:
    if keys.get("from") != "covariates":
        raise _unready(
            study,
            "names neither a layer of cells nor what to make them of",
            'path = "cells.gpkg"; or from = "covariates" and cell_m = 1000',
        )
    width = keys.get("cell_m")
    if not (isinstance(width, int | float) and width > 0):
        told = "is not given" if width is None else f"is {width}"
        raise _unready(study, f"cell_m, the width of a cell in metres, {told}", "cell_m = 1000")
    if study.regions_path is None and "within" not in keys:
        raise _unready(
            study,
            "does not say how far it reaches: there are no regions",
            'within = "study_area.gpkg", or [regions] path = "..."',
        )
    if "columns" in keys:
        raise _unready(study, "columns has no effect on cells that are made", "remove it")


def _unready(study: StudyFile, told: str, cure: str) -> SurveyError:
    fact = f"{study.name}: [surface] {told}"
    return SurveyError(Problem(code="E360", file=study.name, fact=fact, cure=cure))


def _is_used(study: StudyFile, name: str) -> bool:
    """Whether a formula of any model holds this word; without models every covariate counts."""
    formulas = [text for model in study.models.values() for text in _texts(model)]
    word = re.compile(rf"(?<![\w.]){re.escape(name)}(?![\w.])")
    return not formulas or any(word.search(text) for text in formulas)


def _texts(part: Any) -> list[str]:
    if isinstance(part, dict):
        return [text for value in part.values() for text in _texts(value)]
    return [part] if isinstance(part, str) else []


def _season(study: StudyFile, asked: Asked) -> str:
    if not asked.by_season:
        return ""
    told = str(study.map.get("season", sorted(asked.files)[-1]))
    if told not in asked.files:
        raise SurveyError(
            Problem(
                code="E360",
                file=study.name,
                fact=f"{study.name}: [{asked.section}] has no raster of {told}, the season of the "
                f"map. It has: {listing(asked.files)}",
                cure=f'raster = {{ ..., {told} = "..." }}, or another [map] season',
            )
        )
    return told


def _degrees(cells: gpd.GeoDataFrame) -> tuple[np.ndarray, np.ndarray]:
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(cells.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(cells["easting"].to_numpy(), cells["northing"].to_numpy())
    return np.asarray(lon), np.asarray(lat)
