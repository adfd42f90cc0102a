"""Field files to one labelled Dataset: `surveys.read("study.toml")`, `surveys.from_arrays(y)`.

Everything is imported when first used, so that `import surveys` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surveys.arrays import from_arrays
    from surveys.build import from_tables
    from surveys.description import describe
    from surveys.files import open, save
    from surveys.readers.into_dataset import read
    from surveys.relatives import attach_phylogeny
    from surveys.schema import validate
    from surveys.surroundings import attach_neighbours

__all__ = [
    "attach_neighbours",
    "attach_phylogeny",
    "describe",
    "from_arrays",
    "from_tables",
    "open",
    "read",
    "save",
    "validate",
]

_HOME = {
    "attach_phylogeny": "relatives",
    "attach_neighbours": "surroundings",
    "from_arrays": "arrays",
    "from_tables": "build",
    "validate": "schema",
    "describe": "description",
    "open": "files",
    "save": "files",
    "read": "readers.into_dataset",
}
_ROOMS = ("clock", "ledger", "occasions", "places", "problems", "schema")


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"surveys.{_HOME[name]}"), name)
    if name in _ROOMS:
        return importlib.import_module(f"surveys.{name}")
    raise AttributeError(f"module 'surveys' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS})
