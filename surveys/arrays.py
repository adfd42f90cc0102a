"""Arrays, tables and DataArrays in memory to the Dataset: `surveys.from_arrays(y)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from surveys.align import Into, by_site, known_dims, unlabelled
from surveys.assemble import assemble
from surveys.columns import find_coordinates
from surveys.ledger import Ledger
from surveys.problems import Problem, SurveyError, listing
from surveys.schema import DIMS, TRAIT_DIMS, VISIT_DIMS
from surveys.surroundings import attach_neighbours
from surveys.values import as_covariate, as_labels, as_numbers, as_seasons


def from_arrays(
    detection: Any = None,
    *,
    count: Any = None,
    score: Any = None,
    time: Any = None,
    site_covariates: Any = None,
    season_covariates: Any = None,
    visit_covariates: Any = None,
    species_covariates: Any = None,
    effort: Any = None,
    coordinates: Any = None,
    crs: Any = None,
    region: Any = None,
    neighbours: Any = None,
    missing: str | Mapping[str, str] = "drop visit",
    effort_units: str = "visits",
    title: str = "",
) -> xr.Dataset:
    """One validated Dataset from what is already in memory.

    Parameters
    ----------
    detection : (site, visit), (site, season, visit) or (species, site, season, visit)
        0, 1 or a state code; None, NaN and pd.NA mean that no such visit was made. A DataFrame is
        (site, visit) and its index labels the sites; columns of two levels are (season, visit).
        A DataArray goes by its dim names, missing dims are added. A dict gives one of these for
        each species. None where counts, scores or times say which visits were made.
    count, score, time : like ``detection``
        Individuals seen; classifier score; time of the first detection of a visit, in the units of
        effort. NaN where no visit was made; a time is infinite (or NaN beside a detection of 0)
        where a visit ended without a detection. Without ``detection`` a count above 0, a finite
        time and every score is a detection.
    site_covariates : {name: (site,)} or DataFrame
        Series and DataFrames with labels are aligned by site label.
    season_covariates : {name: (site, season)}
        (season,) holds for all sites.
    visit_covariates : {name: (site, visit) or (site, season, visit)}
    species_covariates : {name: (species,)} or DataFrame
        Traits, such as body mass; Series, DataFrames and dicts of one value a species are aligned
        by species label.
    effort : as a visit covariate, or one number
        None is 1 for each visit made. Effort 0 makes a non-detection missing; a detection with
        effort 0 is refused.
    coordinates : DataFrame or dict with longitude and latitude, or easting and northing; or (n, 2)
        (longitude, latitude) in WGS 84 unless `crs` says otherwise; always in the order x, y.
    crs
        Such as "EPSG:2056"; needed for metres.
    region : (site,)
        Label of each site.
    neighbours
        Which regions touch, for icar() and bym2(): pairs [(a, b), ...], {region: [its neighbours]}
        or a layer of polygons; see `attach_neighbours`.
    missing
        Where a visit was made and a covariate's value is absent: "drop visit" or "refuse", for
        all covariates or {name: policy}.

    Raises
    ------
    SurveyError
        With everything that is wrong, naming site, season and visit.
    """
    told = {k: v for k, v in (("count", count), ("score", score), ("time", time)) if v is not None}
    y, labels, named, seen = _observed(detection, told)
    tables = (site_covariates, coordinates)
    labels, named = _labels_from_tables(labels, named, tables)
    into = Into(labels, named)
    covariates: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for given, dims, what in (
        (site_covariates, ("site",), "site covariate"),
        (season_covariates, ("site", "season"), "season covariate"),
        (visit_covariates, VISIT_DIMS, "visit covariate"),
        (species_covariates, TRAIT_DIMS, "species covariate"),
    ):
        for name, values in _items(given, what):
            if name in covariates:
                fact = f'Two covariates are called "{name}"'
                raise SurveyError(Problem(code="E216", fact=fact, cure="rename one of them"))
            covariates[name] = into.shape(values, dims, name, f'{what} "{name}"', as_covariate)
    worked = None
    if effort is not None:
        worked = _effort(effort, into, y)
    extra = {name: (DIMS, values.astype(np.float32)) for name, values in seen.items()}
    if region is not None:
        dims, names = into.shape(region, ("site",), "region", "region", _as_region)
        extra["region"] = (dims, names)
    points, crs = _coordinates(coordinates, crs, into)
    ledger = Ledger()
    for what, names in into.unused.items():
        ledger.note("N217", f"{what} has rows that are not in the detections: {listing(names)}")
    ds = assemble(
        labels,
        y,
        worked,
        covariates,
        extra=extra,
        missing=missing,
        effort_units=effort_units,
        coordinates=points,
        crs=crs,
        ledger=ledger,
        title=title,
    )
    return ds if neighbours is None else attach_neighbours(ds, neighbours)


def _observed(detection: Any, told: Mapping[str, Any]):
    """Detections, labels, which dims were labelled, and what else was seen on the visits."""
    read = {name: _detection(given) for name, given in told.items()}
    if detection is not None:
        y, labels, named = _detection(detection)
    elif read:
        name, (values, labels, named) = next(iter(read.items()))
        y = np.where(np.isnan(values), np.nan, DETECTED[name](values))
    else:
        raise SurveyError(
            Problem(
                code="E218",
                fact="There are no detections",
                cure="give detection (site, visit), or count, score or time",
            )
        )
    seen = {}
    for name, (values, own, _) in read.items():
        if values.shape != y.shape or any(not np.array_equal(own[d], labels[d]) for d in DIMS):
            raise SurveyError(
                Problem(
                    code="E218",
                    fact=f"{name} has the shape {values.shape} or labels that are not those of "
                    f"the detections, {y.shape}",
                    cure=f"give {name} for the same species, sites, seasons and visits",
                )
            )
        seen[name] = np.where((y > 0) & np.isfinite(values), values, np.nan)
        if name != "time":
            seen[name] = np.where(np.isnan(y), np.nan, values)
    return y, labels, named, seen


DETECTED = {
    "count": lambda values: values > 0,
    "score": lambda values: np.ones(values.shape),
    "time": np.isfinite,
}


def _detection(given: Any) -> tuple[np.ndarray, dict[str, np.ndarray], set[str]]:
    """The values over all four dims, the labels, and which dims the user labelled."""
    if isinstance(given, Mapping) and not isinstance(given, xr.Dataset):
        return _by_species(given)
    labels: dict[str, np.ndarray] = {}
    if isinstance(given, xr.DataArray):
        array, labels = _from_dataarray(given)
    elif isinstance(given, pd.DataFrame | pd.Series):
        frame = given.to_frame() if isinstance(given, pd.Series) else given
        array, labels = _from_frame(frame, "detection")
    else:
        array = as_numbers(given, "detection")
        before = {1: (0, 2, 3), 2: (0, 2), 3: (0,), 4: ()}.get(array.ndim)
        if before is None:
            raise SurveyError(
                Problem(
                    code="E218",
                    fact=f"detection has {array.ndim} dims",
                    cure="give (site, visit), (site, season, visit) or "
                    "(species, site, season, visit)",
                )
            )
        array = np.expand_dims(array, before)
    named = set(labels)
    return array, _default_labels(labels, array.shape), named


def _default_labels(labels: dict[str, np.ndarray], shape: tuple[int, ...]) -> dict:
    """Number what the user did not label; visits always run from 1."""
    out = {}
    for dim, n in zip(DIMS, shape, strict=True):
        if dim in labels and dim != "visit":
            out[dim] = labels[dim]
        elif dim in ("season", "visit"):
            out[dim] = np.arange(1, n + 1)
        elif dim == "species":
            names = ["species"] if n == 1 else [f"species {i}" for i in range(1, n + 1)]
            out[dim] = np.array(names, dtype=str)
        else:
            out[dim] = as_labels(range(1, n + 1), "site")
    return out


def _by_species(given: Mapping) -> tuple[np.ndarray, dict[str, np.ndarray], set[str]]:
    parts = {str(name): _detection(values) for name, values in given.items()}
    if not parts:
        raise SurveyError(Problem(code="E102", fact="There is no species: detection is empty"))
    first_name, (first, labels, named) = next(iter(parts.items()))
    for name, (part, other, _) in parts.items():
        same = part.shape == first.shape and all(
            np.array_equal(labels[d], other[d]) for d in VISIT_DIMS
        )
        if not same or part.shape[0] != 1:
            raise SurveyError(
                Problem(
                    code="E219",
                    fact=f'The detections of "{name}" and "{first_name}" differ in their '
                    f"sites, seasons or visits: {part.shape[1:]} and {first.shape[1:]}",
                    cure="give every species the same sites, in the same order",
                )
            )
    array = np.concatenate([part for part, _, _ in parts.values()])
    labels = {**labels, "species": as_labels(parts, "species")}
    return array, labels, named | {"species"}


def _from_dataarray(given: xr.DataArray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    known_dims(given, DIMS, "detection")
    array = as_numbers(given.values, "detection")
    dims = [str(d) for d in given.dims]
    order = [dims.index(d) for d in DIMS if d in dims]
    array = np.expand_dims(
        array.transpose(order), tuple(i for i, d in enumerate(DIMS) if d not in dims)
    )
    labels = {}
    for dim in DIMS:
        if dim in given.coords and given[dim].ndim <= 1:
            values = np.atleast_1d(given[dim].values)
            labels[dim] = as_seasons(values) if dim == "season" else as_labels(values, dim)
    return array, labels


def _from_frame(frame: pd.DataFrame, what: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(1, site, season, visit) of a table of sites by visits, or by (season, visit)."""
    frame = by_site(frame)
    labels = {"site": as_labels(frame.index, "site")}
    values = as_numbers(frame, what)
    if frame.columns.nlevels == 1:
        return values[None, :, None, :], labels
    if frame.columns.nlevels > 2:
        fact = f"{what}: columns have {frame.columns.nlevels} levels; give (season, visit)"
        raise SurveyError(Problem(code="E221", fact=fact))
    seasons = list(dict.fromkeys(frame.columns.get_level_values(0)))
    columns = [np.flatnonzero(frame.columns.get_level_values(0) == s) for s in seasons]
    array = np.full((1, len(frame), len(seasons), max(map(len, columns))), np.nan)
    for t, where in enumerate(columns):
        array[0, :, t, : len(where)] = values[:, where]
    return array, {**labels, "season": as_seasons(seasons)}


def _labels_from_tables(labels: dict, named: set[str], tables) -> tuple[dict, set[str]]:
    """Take site labels from a labelled table, where the detections have none."""
    if "site" in named:
        return labels, named
    for table in tables:
        if isinstance(table, pd.DataFrame):
            index = by_site(table).index
            if not unlabelled(index) and index.is_unique and len(index) == len(labels["site"]):
                return {**labels, "site": as_labels(index, "site")}, named | {"site"}
    return labels, named


def _items(given: Any, what: str) -> list[tuple[str, Any]]:
    """(name, values) of a dict, a DataFrame of columns, or a Dataset of variables."""
    if given is None:
        return []
    if isinstance(given, pd.DataFrame):
        table = by_site(given, "species" if what.startswith("species") else "site")
        return [(str(name), table[name]) for name in table.columns]
    if isinstance(given, xr.Dataset):
        return [(str(name), given[name]) for name in given.data_vars]
    if isinstance(given, Mapping):
        return [(str(name), values) for name, values in given.items()]
    raise SurveyError(
        Problem(
            code="E222",
            fact=f"The {what}s are a {type(given).__name__}, so they have no names",
            cure=f'give {what.replace(" ", "_")}s={{"name": values}}',
        )
    )


def _as_region(values: Any, name: str) -> np.ndarray:
    array = as_covariate(values, name)
    if array.dtype.kind == "U":
        return np.char.strip(array)
    return np.array(["" if np.isnan(v) else str(as_labels([v], name)[0]) for v in array], dtype=str)


def _effort(given: Any, into: Into, y: np.ndarray) -> np.ndarray:
    """(site, season, visit); one number stands for every visit made."""
    made = ~np.isnan(y).all(axis=0)
    if np.ndim(given) == 0 and not isinstance(given, xr.DataArray):
        return np.where(made, as_numbers([given], "effort")[0], np.nan)
    dims, array = into.shape(given, VISIT_DIMS, "effort", "effort", as_numbers)
    shape = tuple(len(into.labels[d]) if d in dims else 1 for d in VISIT_DIMS)
    return np.broadcast_to(array.reshape(shape), made.shape).copy()


def _coordinates(given: Any, crs: Any, into: Into):
    """((x, y), crs) by site from a table, a dict or an (n, 2) array; order always x, y."""
    if given is None:
        return None, crs
    if isinstance(given, pd.DataFrame | Mapping):
        table = by_site(given) if isinstance(given, pd.DataFrame) else given
        bare = {str(name).strip().lower(): name for name in table}
        found = find_coordinates(bare)
        if found is not None:
            *pair, degrees = found
            x, y = (
                into.shape(table[n], ("site",), str(n), f"coordinate {n}", as_numbers)[1]
                for n in pair
            )
            return (x, y), "EPSG:4326" if degrees and crs is None else crs
        raise SurveyError(
            Problem(
                code="E226",
                fact=f"The coordinates have {listing(map(str, table))}, "
                "but no longitude and latitude, nor easting and northing",
                cure='name them: coordinates={"longitude": ..., "latitude": ...}',
            )
        )
    array = as_numbers(given, "coordinates")
    if array.shape != (len(into.labels["site"]), 2):
        raise SurveyError(
            Problem(
                code="E223",
                fact=f"The coordinates have shape {array.shape}, but there are "
                f"{len(into.labels['site'])} sites",
                cure="give one (longitude, latitude) for each site",
            )
        )
    return (array[:, 0], array[:, 1]), crs
