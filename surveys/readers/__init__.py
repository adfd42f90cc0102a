"""One survey format a file: `detect(tables)` says whether it fits, `read(study, ledger)` reads it.

A new format is one new file here and one line in READERS; study files may then name it.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

READERS = {
    "wide": "surveys.readers.wide",
    "long": "surveys.readers.long",
    "camtrapr": "surveys.readers.camtrapr",
    "camtrapdp": "surveys.readers.camtrapdp",
    "wildlife_insights": "surveys.readers.wildlife_insights",
    "timelapse": "surveys.readers.timelapse",
    "megadetector": "surveys.readers.megadetector",
    "ebird": "surveys.readers.ebird",
}


def reader(name: str) -> ModuleType:
    """The module that reads a format of READERS; imported when first asked for."""
    return import_module(READERS[name])


def sections(module: ModuleType) -> tuple[str, ...]:
    """Sections of the study file that a reader uses beside those that speak to all formats.

    A reader names them in `SECTIONS`; with "occasions" among them its visits are made of effort.
    """
    return getattr(module, "SECTIONS", ())
