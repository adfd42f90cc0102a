"""Compiled code on disk is keyed by every source that it is made of.

Numba keys what it keeps by the source of the one file that a function stands in. Kernels are
inlined into each other across files, so after an upgrade that changed ``two_state.py`` alone the
old density would be loaded from beside ``fused.py``, silently. Here the key of every function of
this package is a checksum of all kernels and families; a kind of varying effect, which is called
by address and never inlined, has one of the kernels and its own room.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from numba.core import caching

PACKAGE = Path(__file__).parent.parent
DEFAULT = ("kernel", "families")


@cache
def source_digest(*rooms: str) -> str:
    """Checksum of the sources in these rooms; of the kernels' and families' by default."""
    digest = hashlib.sha256()
    for path in sorted(p for room in rooms or DEFAULT for p in PACKAGE.glob(f"{room}/*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _of_this_package(locator: type) -> type:
    """The same place on disk, for files of this package alone and under their common key."""

    class Locator(locator):
        def get_source_stamp(self):
            return source_digest(*(("kernel", "varying") if self._varies else DEFAULT))

        @classmethod
        def from_function(cls, py_func, py_file):
            if not Path(py_file).resolve().is_relative_to(PACKAGE.resolve()):
                return None
            made = super().from_function(py_func, py_file)
            if made is not None:
                made._varies = Path(py_file).resolve().parent.name == "varying"
            return made

    return Locator


def install() -> None:
    """Put these places before numba's own; once."""
    places = caching.CacheImpl._locator_classes
    if any(place.__qualname__.startswith("_of_this_package") for place in places):
        return
    own = (
        caching.UserProvidedCacheLocator,
        caching.InTreeCacheLocator,
        caching.UserWideCacheLocator,
    )
    places[:0] = [_of_this_package(locator) for locator in own]
