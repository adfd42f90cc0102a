"""Checksums of content and files, and the versions that a number may depend on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "occupancy",
    "pymc",
    "pytensor",
    "nutpie",
    "numba",
    "numpy",
    "scipy",
    "pandas",
    "xarray",
    "h5netcdf",
    "arviz",
    "geopandas",
    "pyproj",
    "shapely",
    "matplotlib",
)


def _plain(value: Any) -> Any:
    """Stand for an object that JSON does not know: an array by its checksum, a scalar by value."""
    if hasattr(value, "dtype") and hasattr(value, "tobytes"):
        if getattr(value, "ndim", 0) == 0:
            return value.item()
        if value.dtype.hasobject:
            return {"dtype": "text", "shape": list(value.shape), "values": value.tolist()}
        return {
            "dtype": str(value.dtype),
            "shape": list(value.shape),
            "sha256": hashlib.sha256(value.tobytes()).hexdigest(),
        }
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"A {type(value).__name__} has no fixed form to take a checksum of.")


def canonical(obj: Any) -> Any:
    """Reduce to what JSON gives back: text keys, lists, plain numbers."""
    return json.loads(json.dumps(obj, default=_plain))


def digest(obj: Any) -> str:
    """SHA-256 of the canonical JSON of `obj`; equal content, equal digest, on every machine."""
    content = canonical(obj)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a number may depend on; imports none of them."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
