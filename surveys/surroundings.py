"""What lies around the sites: which regions touch; kept in the Dataset as plain labels.

| name | dims | dtype | meaning |
|---|---|---|---|
| layer_region | polygon | text | every region of the layer, surveyed or not |
| neighbours | border, end | text | the two regions of each border, each border once |
| species_covariance | species, species2 | float64 | how related two species are |

`species2` has the labels of all species of the covariance; `species` may be some of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from surveys.problems import Problem, SurveyError, listing
from surveys.values import as_labels, natural

ENDS = 2
TOUCH = "pairs of regions [(a, b), ...], {region: [its neighbours]}, or a layer of polygons"
ROUNDING = 1e-9  # of the largest variance: eigenvalues below it are rounding


def attach_neighbours(
    ds: xr.Dataset, regions: Any, *, corners: bool = True, tolerance: float | None = None
) -> xr.Dataset:
    """The Dataset with the regions that touch, which `icar(region)` and `bym2(region)` need.

    Parameters
    ----------
    regions : GeoDataFrame[region, geometry], path, pairs or mapping
        A layer of polygons; or [("north", "east"), ...]; or {"north": ["east"], "isle": []}, which
        can name regions without neighbours.
    corners, tolerance
        Of a layer, see `surveys.places.neighbours`.

    Raises
    ------
    SurveyError
        It is none of these, a region is its own neighbour or a name is blank.
    """
    from surveys.schema import validate

    if isinstance(regions, str | Path) or hasattr(regions, "geometry"):
        from surveys import places

        layer = places.as_regions(regions)
        touching = places.neighbours(layer, corners=corners, tolerance=tolerance)
        names = layer["region"].tolist()
        pairs = list(zip(touching["region_a"], touching["region_b"], strict=True))
    else:
        names, pairs = _pairs(regions)
    own = [str(r) for r in np.unique(ds["region"].values) if r] if "region" in ds else []
    if not isinstance(regions, str | Path) and not hasattr(regions, "geometry"):
        names = [*names, *own]
    known = sorted(dict.fromkeys(names), key=natural)
    place = {name: k for k, name in enumerate(known)}
    once = sorted({tuple(sorted((place[a], place[b]))) for a, b in pairs})
    out = ds.drop_vars(["neighbours", "layer_region"], errors="ignore")
    table = np.array([[known[a], known[b]] for a, b in once], dtype=str).reshape(-1, ENDS)
    out["layer_region"] = ("polygon", np.array(known, dtype=str))
    out["layer_region"].attrs["long_name"] = "every region of the layer"
    out["neighbours"] = (("border", "end"), table)
    out["neighbours"].attrs["long_name"] = "the two regions of each border"
    return validate(out)


def _pairs(given: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """Names and pairs from what a user listed."""
    if isinstance(given, Mapping):
        rows = [(a, b) for a, others in given.items() for b in _each(others)]
        names = _names([*given, *(b for _, b in rows)])
    else:
        rows = [tuple(_each(pair)) for pair in _each(given)]
        if any(len(row) != ENDS for row in rows):
            raise _not_pairs(given)
        names = _names([name for row in rows for name in row])
    pairs = [(_names([a])[0], _names([b])[0]) for a, b in rows]
    alone = sorted({a for a, b in pairs if a == b}, key=natural)
    if alone:
        fact = f"{listing(alone)} is given as its own neighbour"
        raise SurveyError(Problem(code="E163", fact=fact, cure="leave that pair out"))
    return names, pairs


def _each(given: Any) -> list[Any]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise _not_pairs(given)
    return list(given)


def _names(given: list[Any]) -> list[str]:
    return [str(name) for name in as_labels(given, "region")] if given else []


def _not_pairs(given: Any) -> SurveyError:
    fact = f"The neighbours are a {type(given).__name__} that holds no pairs of regions"
    return SurveyError(Problem(code="E163", fact=fact, cure=f"give {TOUCH}"))


# ---------------------------------------------------------------- the contract


def problems(ds: xr.Dataset) -> Iterator[Problem]:
    """What breaks the contract of this file's table; names and dims were judged before."""
    if "neighbours" in ds:
        yield from _graph(ds)
    if "species_covariance" in ds:
        yield from _covariance(ds)


def _graph(ds: xr.Dataset) -> Iterator[Problem]:
    cure = "attach them with surveys.attach_neighbours"
    if "layer_region" not in ds:
        fact = "There are neighbours, but no layer_region that names all regions"
        yield Problem(code="E160", fact=fact, cure=cure)
        return
    known = [str(r) for r in ds["layer_region"].values]
    if len(set(known)) < len(known) or any(not name.strip() for name in known):
        fact = "The labels of layer_region are not unique, or one is blank"
        yield Problem(code="E160", fact=fact, cure=cure)
    if ds.sizes["end"] != ENDS:
        fact = f"neighbours has {ds.sizes['end']} ends of each border; there are two"
        yield Problem(code="E160", fact=fact, cure=cure)
        return
    pairs = [(str(a), str(b)) for a, b in ds["neighbours"].values]
    strange = sorted({name for pair in pairs for name in pair} - set(known), key=natural)
    if strange:
        fact = f"neighbours has {listing(strange)}, which is not among layer_region"
        yield Problem(code="E161", fact=fact, cure=cure)
    alone = sorted({a for a, b in pairs if a == b}, key=natural)
    if alone:
        fact = f"{listing(alone)} is its own neighbour"
        yield Problem(code="E161", fact=fact, cure=cure)


def _covariance(ds: xr.Dataset) -> Iterator[Problem]:
    cure = "attach it with surveys.attach_phylogeny"
    if "species2" not in ds.coords:
        fact = "species_covariance has no labels species2"
        yield Problem(code="E162", fact=fact, cure=cure)
        return
    own, others = ([str(s) for s in ds[d].values] for d in ("species", "species2"))
    missing = [s for s in own if s not in others]
    if missing or len(set(others)) < len(others):
        what = f"lacks {listing(missing)}" if missing else "has a species twice"
        yield Problem(code="E162", fact=f"species2 of species_covariance {what}", cure=cure)
        return
    c = ds["species_covariance"].values[:, [others.index(s) for s in own]]
    if not np.isfinite(c).all() or (np.diag(c) <= 0).any():
        fact = "species_covariance has a missing value, or a variance that is not above 0"
        yield Problem(code="E162", fact=fact, cure=cure)
        return
    largest = np.diag(c).max()
    symmetric = np.abs(c - c.T).max() <= ROUNDING * largest
    if not symmetric or np.linalg.eigvalsh(c).min() < -ROUNDING * largest * len(c):
        what = "has a negative eigenvalue" if symmetric else "is not symmetric"
        fact = f"species_covariance {what}, so that it is the covariance of nothing"
        yield Problem(code="E162", fact=fact, cure=cure)
