"""Labels and arrays to a validated Dataset: the last step of every way in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from surveys.ledger import Ledger
from surveys.problems import Problem, SurveyError, did_you_mean
from surveys.schema import DIMS, RESERVED, SCHEMA, VISIT_DIMS, cell_name, validate

Covariates = Mapping[str, tuple[tuple[str, ...], np.ndarray]]


def assemble(
    labels: Mapping[str, np.ndarray],
    detection: np.ndarray,
    effort: np.ndarray | None,
    covariates: Covariates,
    *,
    extra: Covariates | None = None,
    missing: str | Mapping[str, str] = "drop visit",
    units: Mapping[str, str] | None = None,
    effort_units: str = "visits",
    coordinates: tuple[np.ndarray, np.ndarray] | None = None,
    crs: str | None = None,
    ledger: Ledger | None = None,
    provenance: Mapping[str, Any] | None = None,
    title: str = "",
) -> xr.Dataset:
    """Put everything into one Dataset, agree effort with detections, and validate it.

    Parameters
    ----------
    detection : (species, site, season, visit)
    effort : (site, season, visit)
        None is 1 for each visit made.
    covariates : name -> (dims, values)
    extra : name -> (dims, values)
        Further variables of the contract: count, score, target, visit_start, region, ...
    """
    ledger = Ledger() if ledger is None else ledger
    ds = xr.Dataset(coords={dim: np.asarray(labels[dim]) for dim in DIMS})
    ds["detection"] = (DIMS, detection.astype(np.float32))
    ds["detection"].attrs["long_name"] = "detection (0, 1 or a state; missing: no visit)"
    if effort is None:
        effort = np.where(np.isnan(detection).all(axis=0), np.nan, 1.0)
    ds["effort"] = (VISIT_DIMS, effort.astype(np.float64))
    ds["effort"].attrs.update(units=effort_units, long_name="survey effort")
    for name, (dims, values) in (extra or {}).items():
        ds[name] = (dims, values)
    agree(ds, ledger)
    _add_covariates(ds, covariates, missing, units or {})
    ds.attrs.update(
        schema=SCHEMA,
        title=title,
        ledger=ledger.to_json(),
        provenance=json.dumps(dict(provenance or {}), ensure_ascii=False),
    )
    if coordinates is not None:
        from surveys.places import attach_coordinates

        ds = attach_coordinates(ds, *coordinates, crs=crs)
    return validate(ds)


def agree(ds: xr.Dataset, ledger: Ledger) -> None:
    """Make effort and detections missing in the same cells, and note in the ledger what changed.

    Effort without any result is no visit; so is a non-detection with effort 0. A detection with
    effort 0 is a contradiction and stays, for `validate` to refuse.
    """
    y, effort = ds["detection"].values, ds["effort"].values
    made = ~np.isnan(y).all(axis=0)
    seen = (np.nan_to_num(y) > 0).any(axis=0)
    for rule, cells, change in (
        ("effort without a result: no visit", (effort > 0) & ~made, effort),
        ("non-detection with effort 0: no visit", made & ~seen & (effort == 0), y),
    ):
        if not cells.any():
            continue
        places = (
            cell_name(ds, dict(zip(VISIT_DIMS, (int(i) for i in cell), strict=True)))
            for cell in np.argwhere(cells)
        )
        ledger.cells(rule, "", int(cells.sum()), places)
        change[..., cells] = np.nan
        if change is y:
            for name in {"count", "score", "time"} & set(ds.variables):
                ds[name].values[..., cells] = np.nan


def _add_covariates(
    ds: xr.Dataset,
    covariates: Covariates,
    missing: str | Mapping[str, str],
    units: Mapping[str, str],
) -> None:
    """Covariates into the Dataset, each with its role, its policy for missing values, its units."""
    problems = []
    policies = {} if isinstance(missing, str) else dict(missing)
    default = missing if isinstance(missing, str) else "drop visit"
    for option, told in (("missing", policies), ("units", units)):
        for name in told:
            if name not in covariates:
                problems.append(
                    Problem(
                        code="E206",
                        fact=f'{option} names "{name}", which is no covariate.'
                        + did_you_mean(name, covariates),
                    )
                )
    added = {}
    for name, (dims, values) in covariates.items():
        if name in RESERVED or name in ds.variables:
            problems.append(
                Problem(
                    code="E151",
                    fact=f'A covariate is called "{name}", which has a meaning of its own here',
                    cure=f'rename it, for example "{name}_of_site"',
                )
            )
            continue
        told = {"role": "covariate", "missing": policies.get(name, default)}
        if name in units:
            told["units"] = units[name]
        added[name] = (dims, values, told)
    if problems:
        raise SurveyError(problems)
    ds.update(added)  # all at once: one by one, each takes the longer the more there are
