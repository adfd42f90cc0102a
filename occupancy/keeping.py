"""A fit as a folder: surveys, draws, document, warnings; nothing that could run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

import surveys
from occupancy import store
from occupancy.checks import Verdict
from occupancy.engines.marginal import Integrated
from occupancy.engines.ml import Maximum
from occupancy.model import Model

if TYPE_CHECKING:
    from occupancy.fit import Fit

KIND = "fit"


def save(fit: Fit, folder: Path, replace: bool = False) -> Path:
    """Write the fit; see ``occupancy.store`` for what is promised.

    Raises
    ------
    StoreError
        The folder exists; or it is to be replaced and holds anything but a saved fit.
    """
    if replace and folder.is_dir() and any(folder.iterdir()) and not store.is_result(folder):
        raise store.StoreError(
            f"{folder} holds files that are no saved fit, and would be lost. Nothing was written; "
            "choose another folder, or empty this one."
        )
    with store.new_folder(folder, replace=replace) as place:
        surveys.save(fit.data, place / "surveys.nc")
        for name in ("posterior", "sample_stats"):
            part = getattr(fit, name)
            if part is not None:
                _write(part, place / f"{name}.nc")
        document = {
            "model": fit.model.to_dict(),
            "engine": fit.engine,
            "seed": fit.seed,
            "about": fit.about,
            "ml": None if fit.ml is None else _plain(asdict(fit.ml)),
            "warnings": [w.to_dict() for w in fit.warnings],
        }
        (place / "fit.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
        store.finish(
            place,
            store.Manifest(
                KIND,
                settings={"engine": fit.engine, "digest": fit.model.digest},
                seed=fit.seed,
                warnings=[{"code": w.code, "level": w.level} for w in fit.warnings],
            ),
        )
    return folder


def load(folder: Path) -> Fit:
    """Read a fit back, every file checked first."""
    from occupancy.fit import Fit

    manifest = store.verify(folder)
    if manifest.kind != KIND:
        raise store.StoreError(f"{folder} holds a {manifest.kind}, not a fit.")
    document = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
    model = document["model"]
    parts = {
        name: _read(folder / f"{name}.nc")
        for name in ("posterior", "sample_stats")
        if (folder / f"{name}.nc").exists()
    }
    stored = document["ml"]
    return Fit(
        Model.from_dict(surveys.open(folder / "surveys.nc"), model),
        document["engine"],
        document["seed"],
        ml=None if stored is None else _maximum(stored),
        about=document["about"],
        warnings=[Verdict.from_dict(w) for w in document["warnings"]],
        **parts,
    )


def _maximum(stored: dict[str, Any]) -> Maximum:
    """A maximum from its fields; one with group effects has a ``pooled`` one inside."""
    fields = dict(stored)
    for name in set(fields) & {"covariance", "theta", "hyper", "whole"}:
        fields[name] = np.array(fields[name], dtype=float)
    for name in set(fields) & {"coefficients", "varying"}:
        fields[name] = {k: np.array(v, dtype=float) for k, v in fields[name].items()}
    if "pooled" not in fields:
        return Maximum(**fields)
    return Integrated(**{**fields, "pooled": _maximum(fields["pooled"])})


def _write(part: xr.Dataset, path: Path) -> None:
    checked = {name: {"fletcher32": True} for name, v in part.data_vars.items() if v.ndim}
    plain = part.drop_attrs()
    for name, values in plain.data_vars.items():
        if values.dtype == bool:
            plain[name] = values.astype(np.int8)
    plain.to_netcdf(path, engine="h5netcdf", encoding=checked)


def _read(path: Path) -> xr.Dataset:
    with xr.open_dataset(path, engine="h5netcdf") as part:
        return part.load()


def _plain(value):
    """Arrays as lists, for JSON."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    return value
