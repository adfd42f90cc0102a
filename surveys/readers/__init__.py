"""One survey format a file: `detect(tables)` says whether it fits, `read(study, ledger)` reads it.

A new format is one new file here and one line in READERS; study files may then name it. Other
distributions add readers by entry points (`surveys.readers.plugged`).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

READERS = {
    "wide": "surveys.readers.wide",
    "long": "surveys.readers.long",
    "mark": "surveys.readers.mark",
    "camtrapr": "surveys.readers.camtrapr",
    "camtrapdp": "surveys.readers.camtrapdp",
    "wildlife_insights": "surveys.readers.wildlife_insights",
    "timelapse": "surveys.readers.timelapse",
    "megadetector": "surveys.readers.megadetector",
    "birdnet": "surveys.readers.birdnet",
    "ebird": "surveys.readers.ebird",
    "edna": "surveys.readers.edna",
    "neon": "surveys.readers.neon",
}


def reader(name: str) -> Any:
    """The module that reads a format, imported when first asked for; or the reader of others.

    Raises
    ------
    SurveyError
        There is no such format, or the reader of another distribution cannot be loaded.
    """
    if name in READERS:
        return import_module(READERS[name])
    from surveys.readers import plugged

    return plugged.named(name)


def sections(module: Any) -> tuple[str, ...]:
    """Sections of the study file that a reader uses beside those that speak to all formats.

    A reader names them in `SECTIONS`; with "occasions" among them its visits are made of effort.
    """
    return getattr(module, "SECTIONS", ())
