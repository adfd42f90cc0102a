"""The files that a study file names: under which keys, and what lies behind each name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from surveys.readers.folders import files_in

KEYS = ("path", "tree", "raster", "polygons", "within")


def named(config: Any) -> Iterator[str]:
    """Every file that a part of the study file names: one, a list of them, or one a season."""
    if not isinstance(config, Mapping):
        return
    for key, value in config.items():
        if key in KEYS and isinstance(value, str):
            yield value
        elif key in KEYS and isinstance(value, list):
            yield from (shown for shown in value if isinstance(shown, str))
        elif key in KEYS and isinstance(value, Mapping):
            yield from (shown for shown in value.values() if isinstance(shown, str))
        else:
            yield from named(value)


def members(path: Path) -> list[Path]:
    """The files behind one name: of a shapefile all its parts, of a folder its tables."""
    if path.is_dir():
        return files_in(path)
    if path.suffix.lower() == ".shp":
        stem = re.sub(r"([*?\[])", r"[\1]", path.stem)
        return sorted(member for member in path.parent.glob(f"{stem}.*") if member.is_file())
    return [path] if path.is_file() else []
