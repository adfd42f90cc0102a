"""How related the species are: a tree or a table of covariances, kept in the Dataset as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from surveys import newick
from surveys.problems import Problem, SurveyError, listing

GIVE = "a Newick text or file, or a square table with the species as labels of rows and columns"


def attach_phylogeny(ds: xr.Dataset, tree: Any) -> xr.Dataset:
    """The Dataset with `species_covariance`, which `phylo(species)` needs.

    Parameters
    ----------
    tree : Newick text, path of a Newick file, square DataFrame or DataArray
        A table holds covariances or correlations; a tree gives the length of the way from the
        root that two species have in common. Tips that were not surveyed are left out.

    Raises
    ------
    SurveyError
        It is none of these, or a surveyed species is not in it.
    """
    from surveys.schema import validate

    species = [str(s) for s in ds["species"].values]
    if isinstance(tree, pd.DataFrame | xr.DataArray):
        values = _table(tree, species)
    elif isinstance(tree, str | Path):
        text, file = _text(tree)
        values = newick.shared_lengths(newick.parse(text, file), species, file)
    else:
        fact = f"The phylogeny is a {type(tree).__name__}"
        raise SurveyError(Problem(code="E165", fact=fact, cure=f"give {GIVE}"))
    out = ds.drop_vars(["species_covariance", "species2"], errors="ignore")
    out = out.assign_coords(species2=np.array(species, dtype=str))
    out["species_covariance"] = (("species", "species2"), values)
    out["species_covariance"].attrs["long_name"] = "way from the root that species have in common"
    return validate(out)


def _text(tree: str | Path) -> tuple[str, str]:
    """Text of a tree, and how messages call it."""
    if isinstance(tree, str) and tree.rstrip().endswith(";"):
        return tree, "the tree"
    from surveys.places.layers import safe_path

    path = safe_path(tree)
    try:
        if path.stat().st_size > newick.LONGEST:
            raise OSError("it is larger than any tree")
        return path.read_text(encoding="utf-8-sig"), path.name
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or error  # without the path on somebody's disk
        fact = f"{path.name} cannot be read: {told}"
        raise SurveyError(Problem(code="E165", file=path.name, fact=fact)) from None


def _table(given: pd.DataFrame | xr.DataArray, species: list[str]) -> np.ndarray:
    """(species, species) of a labelled square table."""
    table = given
    if isinstance(given, xr.DataArray):
        if given.ndim != 2:
            fact = f"The covariance of the species has {given.ndim} dims"
            raise SurveyError(Problem(code="E165", fact=fact, cure=f"give {GIVE}"))
        table = pd.DataFrame(
            given.values, given.indexes[given.dims[0]], given.indexes[given.dims[1]]
        )
    labels = [[str(label).strip() for label in axis] for axis in (table.index, table.columns)]
    for own in labels:
        missing = [s for s in species if s not in own]
        if missing or len(set(own)) < len(own):
            what = f"lacks {listing(missing)}" if missing else "has a species twice"
            fact = f"The covariance of the species {what}"
            raise SurveyError(Problem(code="E166", fact=fact, cure=f"give {GIVE}"))
    rows, columns = ([own.index(s) for s in species] for own in labels)
    try:
        return table.to_numpy(dtype=np.float64)[np.ix_(rows, columns)]
    except (TypeError, ValueError):
        fact = "The covariance of the species holds something that is no number"
        raise SurveyError(Problem(code="E165", fact=fact, cure=f"give {GIVE}")) from None
