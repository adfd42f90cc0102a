"""THE CONTRACT: names, dims, dtypes and meaning of a survey Dataset; `validate` refuses the rest.

| name | dims | dtype | meaning; missing |
|---|---|---|---|
| species, site, season, visit | index | text, text, int or text, int 1, 2, ... | unique labels |
| detection | species, site, season, visit | float32 | 0, 1 or a state code; NaN = no such visit |
| count, score | same, optional | float32 | individuals; classifier score |
| time | same, optional | float32 | of a visit's first detection, in units of effort; else NaN |
| effort | site, season, visit | float64 | attrs units; NaN or 0 exactly where no visit was made |
| visit_start, visit_end | site, season, visit | datetime64 | optional, half-open |
| longitude, latitude | site | float64 | WGS 84; optional, NaN where unknown |
| easting, northing, spatial_ref | site; scalar | float64; int | metres, equal-area CRS |
| region | site | text | label; "" outside every region |
| layer_region, neighbours, species_covariance | own | text; float64 | see `surroundings` |
| target, n_records | as detection, optional | bool; float32 | looked for; rows behind a cell |
| any covariate | some of site, season, visit; or species | float64, text | raw; role, units |

A visit was made where any species has a detection value. Ragged visits are padded at the end.
NaN is the only missing number and "" the only missing text.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import numpy as np
import xarray as xr

from surveys import surroundings
from surveys.problems import MOST_OF_A_KIND, Problem, SurveyError, did_you_mean, listing

SCHEMA = 1
DIMS = ("species", "site", "season", "visit")
VISIT_DIMS = ("site", "season", "visit")
TRAIT_DIMS = ("species",)  # a covariate of species: body mass, guild
POLICIES = ("drop visit", "refuse")
# float32 holds whole numbers far beyond this; 9999 is a missing code in many field files.
LARGEST_DETECTION = 9998

# name -> (dims, kinds of dtype); every other variable must be a covariate.
VARIABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "detection": (DIMS, "f"),
    "count": (DIMS, "f"),
    "score": (DIMS, "f"),
    "time": (DIMS, "f"),
    "target": (DIMS, "b"),
    "n_records": (DIMS, "f"),
    "effort": (VISIT_DIMS, "f"),
    "visit_start": (VISIT_DIMS, "M"),
    "visit_end": (VISIT_DIMS, "M"),
    "longitude": (("site",), "f"),
    "latitude": (("site",), "f"),
    "easting": (("site",), "f"),
    "northing": (("site",), "f"),
    "spatial_ref": ((), "i"),
    "region": (("site",), "t"),
    "layer_region": (("polygon",), "t"),
    "neighbours": (("border", "end"), "t"),
    "species2": (("species2",), "t"),
    "species_covariance": (("species", "species2"), "f"),
}
RESERVED = frozenset(VARIABLES) | frozenset(DIMS)


def is_text(array: xr.DataArray | np.ndarray) -> bool:
    """Whether the values are text: fixed width, variable width, or objects that are all str."""
    kind = array.dtype.kind
    if kind in "UT":
        return True
    return kind == "O" and all(isinstance(v, str) for v in np.asarray(array).ravel())


def covariates(ds: xr.Dataset) -> list[str]:
    """Names of the covariates, in the order of the Dataset."""
    return [str(n) for n in ds.variables if ds[n].attrs.get("role") == "covariate"]


def visit_made(ds: xr.Dataset) -> xr.DataArray:
    """Where a visit was made: (site, season, visit) bool."""
    return ds["detection"].notnull().any("species")


def cell_name(ds: xr.Dataset, place: dict[str, int]) -> str:
    """A cell in words: `site "A17", visit 4 of 2021`; dims of length 1 are left unsaid."""
    words = []
    if "species" in place and ds.sizes["species"] > 1:
        words.append(f'species "{ds["species"].values[place["species"]]}"')
    if "site" in place:
        words.append(f'site "{ds["site"].values[place["site"]]}"')
    season = ""
    if "season" in place and ds.sizes["season"] > 1:
        season = f"{ds['season'].values[place['season']]}"
    if "visit" in place:
        words.append(f"visit {ds['visit'].values[place['visit']]}" + (season and f" of {season}"))
    elif season:
        words.append(f"season {season}")
    return ", ".join(words)


def validate(ds: xr.Dataset) -> xr.Dataset:
    """Return the Dataset unchanged, or refuse it and tell everything that breaks the contract.

    Raises
    ------
    SurveyError
        With all problems found, not only the first.
    """
    problems = list(_labels(ds))
    problems += _shapes(ds)
    if not problems:  # values can be judged only where shapes are right
        problems += _detections(ds)
        problems += _efforts(ds)
        problems += _coordinates(ds)
        problems += _covariates(ds)
        problems += surroundings.problems(ds)
    if problems:
        raise SurveyError(problems)
    return ds


def _labels(ds: xr.Dataset) -> Iterator[Problem]:
    for dim in DIMS:
        if dim not in ds.dims:
            yield Problem(
                code="E101",
                fact=f'The Dataset has no dimension "{dim}"',
                cure=f'all of {", ".join(DIMS)} are always present: ds.expand_dims("{dim}")',
            )
            continue
        if ds.sizes[dim] == 0:
            yield Problem(code="E102", fact=f"There is no {dim}: the dimension has length 0")
            continue
        if dim not in ds.coords or ds[dim].dims != (dim,):
            yield Problem(code="E103", fact=f'The dimension "{dim}" has no labels')
            continue
        labels = ds[dim].values
        text = is_text(labels)
        whole = labels.dtype.kind in "iu"
        if not (text if dim in ("species", "site") else whole or (text and dim == "season")):
            wanted = {"visit": "whole numbers", "season": "whole numbers or text"}.get(dim, "text")
            yield Problem(
                code="E104", fact=f"The labels of {dim} are {labels.dtype}; they must be {wanted}"
            )
            continue
        unique, n = np.unique(labels, return_counts=True)
        if (n > 1).any():
            names = listing(f'"{u}"' for u in unique[n > 1])
            yield Problem(
                code="E105",
                fact=f"Labels of {dim} are not unique: {names}",
                why=f"every {dim} needs a label of its own, by which its covariates are found",
            )
        if text and (np.char.strip(labels.astype(str)) == "").any():
            where = int(np.flatnonzero(np.char.strip(labels.astype(str)) == "")[0]) + 1
            yield Problem(code="E106", fact=f"Label {where} of {dim} is blank")
        if dim == "visit" and not np.array_equal(labels, np.arange(1, len(labels) + 1)):
            yield Problem(
                code="E107",
                fact=f"Visits are numbered {listing(labels)}; they must run 1, 2, 3, ...",
                cure="pad ragged visits at the end",
            )


def _shapes(ds: xr.Dataset) -> Iterator[Problem]:
    for name in ("detection", "effort"):
        if name not in ds.variables:
            yield Problem(code="E110", fact=f'The Dataset has no variable "{name}"')
    schema = ds.attrs.get("schema")
    if schema != SCHEMA:
        yield Problem(
            code="E111",
            fact=f'attrs["schema"] is {schema!r}; this version reads {SCHEMA}',
            cure="build the Dataset with surveys.from_arrays or surveys.read",
        )
    for name, variable in ds.variables.items():
        if name in DIMS:
            continue
        if name in VARIABLES:
            dims, kind = VARIABLES[str(name)]
            fits = is_text(variable) if kind == "t" else variable.dtype.kind == kind
            if variable.dims != dims:
                yield _wrong_dims(name, variable.dims, dims)
            if not fits:
                words = {"f": "float", "i": "int", "b": "bool", "M": "datetime64", "t": "text"}
                yield Problem(
                    code="E113", fact=f"{name} is {variable.dtype}; it must be {words[kind]}"
                )
        elif variable.attrs.get("role") == "covariate":
            in_order = tuple(d for d in VISIT_DIMS if d in variable.dims)
            if variable.dims != TRAIT_DIMS and (variable.dims != in_order or not in_order):
                yield Problem(
                    code="E114",
                    fact=f'Covariate "{name}" has dims {variable.dims}; '
                    "it must have some of site, season, visit, in this order, or species alone",
                )
            if variable.dtype != np.float64 and not is_text(variable):
                yield Problem(
                    code="E115",
                    fact=f'Covariate "{name}" is {variable.dtype}; it must be float64 or text',
                )
        else:
            yield Problem(
                code="E116",
                fact=f'"{name}" is neither a variable of the contract nor a covariate.'
                + did_you_mean(name, VARIABLES),
                cure=f'ds["{name}"].attrs["role"] = "covariate"',
            )


def _wrong_dims(name: Hashable, dims: tuple, wanted: tuple) -> Problem:
    return Problem(code="E112", fact=f"{name} has dims {dims}; it must have {wanted}")


def _cells(ds: xr.Dataset, bad: np.ndarray, dims: tuple[str, ...], code: str, fact, **told):
    """One problem a bad cell, worded by `fact(name, index)`; the count is told when many."""
    n = int(bad.sum())
    more = f"{n} such places; the first {MOST_OF_A_KIND} are shown" if n > MOST_OF_A_KIND else ""
    for cell in np.argwhere(bad)[:MOST_OF_A_KIND]:
        index = tuple(int(i) for i in cell)
        name = cell_name(ds, dict(zip(dims, index, strict=True)))
        yield Problem(code=code, fact=fact(name[:1].upper() + name[1:], index), more=more, **told)


def _detections(ds: xr.Dataset) -> Iterator[Problem]:
    y = ds["detection"].values
    cure = "a missing value is NaN; counts belong to `count`, detections are 0 or 1"
    with np.errstate(invalid="ignore"):
        bad = np.isinf(y) | (y < 0) | (y != np.floor(y)) & ~np.isnan(y) | (y > LARGEST_DETECTION)
    yield from _cells(
        ds, bad, DIMS, "E120", lambda name, i: f"{name}: detection is {y[i]:g}", cure=cure
    )
    if np.isnan(y).all():
        yield Problem(code="E121", fact="No visit was made: every detection is missing")
    for name in ("count", "n_records"):
        if name in ds:
            c = ds[name].values
            with np.errstate(invalid="ignore"):
                bad = np.isinf(c) | (c < 0) | (c != np.floor(c)) & ~np.isnan(c)
            yield from _cells(
                ds, bad, DIMS, "E048", lambda at, i, c=c, name=name: f"{at}: {name} is {c[i]:g}"
            )
    if "count" in ds:
        c = ds["count"].values
        yield from _cells(
            ds,
            ~np.isnan(c) & np.isnan(y),
            DIMS,
            "E122",
            lambda name, i: f"{name} has a count of {c[i]:g}, but no such visit was made",
        )
        with np.errstate(invalid="ignore"):
            odd = ~np.isnan(c) & ~np.isnan(y) & ((c > 0) != (y > 0))
        yield from _cells(
            ds,
            odd,
            DIMS,
            "E123",
            lambda name, i: f"{name}: count is {c[i]:g} and detection is {y[i]:g}",
        )
    if "score" in ds:
        bad = np.isinf(ds["score"].values)
        yield from _cells(ds, bad, DIMS, "E124", lambda name, i: f"{name}: score is infinite")
    if "time" in ds:
        t = ds["time"].values
        with np.errstate(invalid="ignore"):
            bad = np.isinf(t) | (t <= 0) | (~np.isnan(t) & ~(y > 0)) | (np.isnan(t) & (y > 0))
        yield from _cells(
            ds,
            bad,
            DIMS,
            "E126",
            lambda name, i: f"{name}: time is {t[i]:g} and detection is {y[i]:g}",
            cure="a visit that detected has the time of it, above 0; any other has none",
        )
    if "target" in ds:
        bad = ~ds["target"].values & (y > 0)
        yield from _cells(
            ds, bad, DIMS, "E125", lambda name, i: f"{name} was detected, but not looked for"
        )


def _efforts(ds: xr.Dataset) -> Iterator[Problem]:
    effort = ds["effort"].values
    y = ds["detection"].values
    if not isinstance(ds["effort"].attrs.get("units"), str):
        yield Problem(
            code="E130",
            fact="effort has no units",
            cure='ds["effort"].attrs["units"] = "days"',
        )
    bad = np.isinf(effort) | (effort < 0)
    yield from _cells(
        ds, bad, VISIT_DIMS, "E131", lambda name, i: f"{name}: effort is {effort[i]:g}"
    )
    worked = (effort > 0) & ~bad
    made = ~np.isnan(y).all(axis=0)
    seen = (np.nan_to_num(y) > 0).any(axis=0)

    def idle(i: tuple[int, ...]) -> str:
        return "missing" if np.isnan(effort[i]) else "0"

    yield from _cells(
        ds,
        seen & ~worked & ~bad,
        VISIT_DIMS,
        "E049",
        lambda name, i: f"{name} has a detection, but its effort is {idle(i)}",
        why="a detection proves that somebody was there",
        cure="correct the effort, or make the detection missing (NaN)",
    )
    yield from _cells(
        ds,
        made & ~seen & ~worked & ~bad,
        VISIT_DIMS,
        "E132",
        lambda name, i: f"{name} has a non-detection, but its effort is {idle(i)}",
        why="where nobody looked, nothing is known: a 0 would pull occupancy down",
        cure="correct the effort, or make the detection missing (NaN)",
    )
    yield from _cells(
        ds,
        worked & ~made,
        VISIT_DIMS,
        "E133",
        lambda name, i: f"{name} has effort {effort[i]:g}, but no detection value",
        why="a visit with effort and no detection is a 0 for every species looked for",
        cure="write 0 where the species was looked for and not found, or make the effort missing",
    )
    if {"visit_start", "visit_end"} <= set(ds.variables):
        start, end = ds["visit_start"].values, ds["visit_end"].values
        yield from _cells(
            ds, end < start, VISIT_DIMS, "E134", lambda name, i: f"{name} ends before it starts"
        )


def _coordinates(ds: xr.Dataset) -> Iterator[Problem]:
    for pair in (("longitude", "latitude"), ("easting", "northing")):
        there = [n for n in pair if n in ds]
        if len(there) == 1:
            yield Problem(code="E140", fact=f"There is {there[0]}, but not the other of {pair}")
        if len(there) == 2:
            one, other = ds[pair[0]].values, ds[pair[1]].values
            yield from _cells(
                ds,
                np.isnan(one) != np.isnan(other),
                ("site",),
                "E141",
                lambda name, i, pair=pair: f"{name} has only one of {pair[0]} and {pair[1]}",
            )
    for axis, limit in (("latitude", 90), ("longitude", 180)):
        if axis in ds:
            values = ds[axis].values
            yield from _cells(
                ds,
                np.abs(values) > limit,
                ("site",),
                "E025",
                lambda name, i, v=values, axis=axis, limit=limit: (
                    f"{name}: {axis} {v[i]:g} is not between -{limit} and {limit}"
                ),
                cure="a lost decimal point? Metres? Then give their crs, such as EPSG:2056",
            )
    if "easting" in ds:
        if "spatial_ref" not in ds or not ds["spatial_ref"].attrs.get("crs_wkt"):
            yield Problem(
                code="E142",
                fact="easting and northing have no CRS",
                cure="attach them with surveys.places.attach_coordinates",
            )
        for axis in ("easting", "northing"):
            bad = np.isinf(ds[axis].values) if axis in ds else np.zeros(0, bool)
            yield from _cells(
                ds, bad, ("site",), "E143", lambda name, i, a=axis: f"{name}: {a} is infinite"
            )


def _covariates(ds: xr.Dataset) -> Iterator[Problem]:
    for name in covariates(ds):
        variable = ds[name]
        policy = variable.attrs.get("missing")
        if policy not in POLICIES:
            yield Problem(
                code="E150",
                fact=f'Covariate "{name}": missing = {policy!r} is no policy',
                cure=f'ds["{name}"].attrs["missing"] = "drop visit", or "refuse"',
            )
        if name in RESERVED:
            yield Problem(code="E151", fact=f'"{name}" is a name of the contract: rename it')
        if variable.dtype.kind == "f":
            dims = tuple(str(d) for d in variable.dims)
            yield from _cells(
                ds,
                np.isinf(variable.values),
                dims,
                "E152",
                lambda at, i, name=name: f'{at}: covariate "{name}" is infinite',
                cure="a missing value is NaN",
            )
