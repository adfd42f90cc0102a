"""The quality of a survey before any analysis: one check a file; the table below names them all.

A new check is one file with `NAME`, `TITLE` and `look(evidence) -> Section`, and one line here. No
check needs a model, and none changes the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from surveys.problems import Problem, did_you_mean
from surveys.quality.base import Evidence, Section

if TYPE_CHECKING:
    import xarray as xr

    from surveys.fieldwork import Fieldwork
    from surveys.readers.data_package import PackageFiles
    from surveys.text_table import Table

# In the order of the page.
CHECKS: dict[str, str] = {
    "account": "surveys.quality.account",
    "standard": "surveys.quality.standard",
    "operation": "surveys.quality.operation",
    "histories": "surveys.quality.histories",
    "effort": "surveys.quality.effort",
    "accumulation": "surveys.quality.accumulation",
    "seasons": "surveys.quality.seasons",
    "covariates": "surveys.quality.covariates",
    "duplicates": "surveys.quality.duplicates",
    "near_sites": "surveys.quality.near_sites",
    "silence": "surveys.quality.silence",
    "clocks": "surveys.quality.clocks",
    "activity": "surveys.quality.activity",
}

__all__ = ["CHECKS", "Evidence", "Section", "examine"]


def examine(
    ds: xr.Dataset,
    fieldwork: Fieldwork | None = None,
    *,
    tables: Sequence[Table] = (),
    species: Sequence[str] = (),
    package: PackageFiles | None = None,
) -> tuple[Section, ...]:
    """Every section of the account, in the order of CHECKS.

    Parameters
    ----------
    fieldwork : deployments and times of records, where the reader knew them
    tables : the field tables, that of the records first
    species : those to show; none: the most widespread
    package : the data package that the tables came in, where they came in one

    Raises
    ------
    ValueError
        A species that the surveys do not have.
    """
    known = [str(name) for name in ds["species"].values]
    for name in species:
        if name not in known:
            raise ValueError(f'There is no species "{name}".{did_you_mean(name, known)}')
    evidence = Evidence(ds, fieldwork, tuple(tables), tuple(species), package)
    looks = [n for n in CHECKS if n != "standard" or package is not None]
    return tuple(_look(name, CHECKS[name], evidence) for name in looks)


def _look(name: str, place: str, evidence: Evidence) -> Section:
    """One section; a check that fails says so, and its silence does not pass for a clean bill."""
    check = import_module(place)
    try:
        return check.look(evidence)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        problem = Problem(
            code="W660",
            level="warn",
            fact=f'"{check.TITLE}" could not be looked at ({reason}), so nothing is known about it',
            cure="look by eye; please report the error with the study file",
        )
        return Section(name=name, title=check.TITLE, left_out=problem.fact, problems=(problem,))
