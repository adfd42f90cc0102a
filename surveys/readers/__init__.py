"""One survey format a file: `detect(tables)` says whether it fits, `read(study, ledger)` reads it.

A new format is one new file here and one line in READERS; study files may then name it.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

READERS = {
    "wide": "surveys.readers.wide",
    "long": "surveys.readers.long",
    "mark": "surveys.readers.mark",
    "camtrapr": "surveys.readers.camtrapr",
    "camtrapdp": "surveys.readers.camtrapdp",
    "wildlife_insights": "surveys.readers.wildlife_insights",
    "timelapse": "surveys.readers.timelapse",
    "megadetector": "surveys.readers.megadetector",
}
# Records beside the time that cameras worked: visits are made of it by [occasions].
CAMERAS = tuple(name for name in READERS if name not in ("wide", "long", "mark"))


def reader(name: str) -> ModuleType:
    """The module that reads a format of READERS; imported when first asked for."""
    return import_module(READERS[name])
