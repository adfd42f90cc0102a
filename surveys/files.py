"""The Dataset on disk: NetCDF that is written whole or not at all, and checked when read.

Each block of numbers carries a checksum of HDF5 (fletcher32), and the whole content one of its
own (SHA-256), because HDF5 checks neither attributes nor text. A damaged file is refused before
any number of it is shown.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from surveys.places.layers import safe_path
from surveys.problems import Problem, SurveyError
from surveys.schema import validate

DIGEST = "content_sha256"
ORDER = "variable_order"
_UNIT = "ns"


def save(ds: xr.Dataset, path: str | Path) -> Path:
    """Write a valid Dataset to `path` and tell the path.

    Written to a hidden file beside it, brought to the disk, read again and compared; only then
    does it take the name. Whatever happens, `path` holds the old file or the new one.

    Raises
    ------
    SurveyError
        The Dataset breaks the contract, or the disk refuses it.
    """
    validate(ds)
    target = Path(path)
    out = _plain(ds)
    out.attrs[DIGEST] = digest(ds)
    out.attrs[ORDER] = json.dumps([str(name) for name in ds.data_vars])
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        # made in memory, because HDF5 does not survive a disk that fills up under it
        content = out.to_netcdf(None, engine="h5netcdf", encoding=_encoding(out))
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        open(part)
        part.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        fact = f"{target.name} could not be written: {reason}"
        cure = "check that the folder exists, may be written, and has room"
        raise SurveyError(Problem(code="E401", file=str(target), fact=fact, cure=cure)) from None
    finally:
        part.unlink(missing_ok=True)
    return target


def open(path: str | Path) -> xr.Dataset:  # the name of xarray's own, hence not the builtin here
    """Read a Dataset that `save` wrote, into memory, and check that nothing in it changed.

    Raises
    ------
    SurveyError
        There is no such file, it is damaged, or it breaks the contract.
    """
    real = safe_path(path)
    name = real.name
    try:
        import h5py

        h5py.File(real, "r").close()  # complains more cleanly than the layers above it
        with xr.open_dataset(real, engine="h5netcdf", decode_timedelta=False) as lazy:
            ds = lazy.load()
    except (
        Exception
    ) as error:  # HDF5 and its wrappers raise a dozen kinds of error on damaged files
        raise SurveyError(
            _damaged(name, str(error).splitlines()[0][:160] if str(error) else "")
        ) from None
    told, order = ds.attrs.pop(DIGEST, None), ds.attrs.pop(ORDER, "[]")
    try:
        ds = _restored(ds)
        ds = ds[json.loads(order) or list(ds.data_vars)]  # HDF5 sorts them by name
        found = digest(ds)
    except (TypeError, ValueError, KeyError) as error:
        raise SurveyError(_damaged(name, str(error)[:160])) from None
    if told is None:
        fact = f"{name} was not written by surveys.save"
        cure = "build the Dataset again from the field files"
        raise SurveyError(Problem(code="E403", file=name, fact=fact, cure=cure))
    if told != found:
        raise SurveyError(_damaged(name, "its content no longer agrees with its checksum"))
    return validate(ds)


def _damaged(name: str, reason: str) -> Problem:
    return Problem(
        code="E402",
        file=name,
        fact=f"{name} is damaged or incomplete" + (f" ({reason})" if reason else ""),
        why="a number from a damaged file may be any number",
        cure="take it from a backup, or build it again from the field files",
    )


def digest(ds: xr.Dataset) -> str:
    """SHA-256 of all labels, values and attributes, whatever the order of variables or the file."""
    sha = hashlib.sha256()
    sha.update(json.dumps(_attributes(ds.attrs), sort_keys=True).encode())
    for name in sorted(map(str, ds.variables)):
        variable = ds[name].variable
        values = np.ascontiguousarray(variable.values)
        text = variable.dtype.kind in "OUT"
        if text:
            words = json.dumps([str(v) for v in values.ravel()])
            content, kind = words.encode(), "text"
        else:
            if values.dtype.kind == "M":
                values = values.astype(f"datetime64[{_UNIT}]")
            content, kind = values.tobytes(), values.dtype.str
        head = [name, list(map(str, variable.dims)), list(values.shape), kind]
        sha.update(json.dumps([head, _attributes(variable.attrs)], sort_keys=True).encode())
        sha.update(content)
    return sha.hexdigest()


def _attributes(attrs: dict) -> dict[str, Any]:
    """Attributes as plain text and numbers; anything else cannot be kept and is refused."""
    out: dict[str, Any] = {}
    for name, value in attrs.items():
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise SurveyError(
                Problem(
                    code="E404",
                    fact=f'Attribute "{name}" is a {type(value).__name__}, '
                    "but only text and numbers are kept",
                    cure="store it as JSON text",
                )
            )
        out[str(name)] = value
    return out


def _plain(ds: xr.Dataset) -> xr.Dataset:
    """The Dataset as it goes to disk: no leftovers of another file's encoding, bool as int8."""
    out = ds.copy().drop_encoding()
    out.attrs = _attributes(ds.attrs)
    for name in list(out.variables):
        variable = out[name]
        variable.attrs = _attributes(variable.attrs)
        kind = variable.dtype.kind
        if kind == "b":
            out[name] = variable.astype(np.int8).assign_attrs(variable.attrs, stored_as="bool")
        elif kind in "OT":
            out[name] = variable.astype(str).assign_attrs(variable.attrs)
        if kind in "OUT":
            _refuse_nul(str(name), out[name].values)
    return out


def _refuse_nul(name: str, values: np.ndarray) -> None:
    for value in values.ravel():
        if "\0" in value or any(0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise SurveyError(
                Problem(code="E405", fact=f"A text of {name} holds a character that is none")
            )


def _encoding(ds: xr.Dataset) -> dict:
    """Checksums on everything; text as characters of fixed width, which can carry one."""
    encoding: dict = {}
    for name in ds.variables:
        variable = ds[name]
        told: dict[str, Any] = {}
        if variable.dtype.kind == "U":
            told["dtype"] = "S1"
        elif variable.dtype.kind == "M":
            told.update(dtype="int64", units="nanoseconds since 1970-01-01")
        elif variable.dtype.kind == "f":
            told["_FillValue"] = None  # NaN is missing already
        if variable.ndim:
            told.update(fletcher32=True)
            if variable.size > 1000:
                told.update(zlib=True, complevel=4, shuffle=True)
        encoding[name] = told
    return encoding


def _restored(ds: xr.Dataset) -> xr.Dataset:
    """The Dataset as it was before saving: text, bool, times and plain attributes."""
    ds = ds.drop_encoding()
    ds.attrs = _attributes(ds.attrs)
    for name in list(ds.variables):
        variable = ds[name]
        attrs = _attributes(variable.attrs)
        if attrs.pop("stored_as", "") == "bool":
            variable = variable.astype(bool)
        elif variable.dtype.kind in "OST":
            variable = variable.astype(str)
        elif variable.dtype.kind == "M":
            variable = variable.astype(f"datetime64[{_UNIT}]")
        variable.attrs = attrs
        ds[name] = variable
    return ds


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk too, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
