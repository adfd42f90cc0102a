"""The files that a study rests on, and their checksums: what tells whether anything changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from occupancy.checksums import digest_file
from surveys.study_file import StudyFile

# Layers, which lie where the study file says; tables count from [source] path.
LAYERS = ("regions", "surface")
FILES = ("path", "raster", "polygons", "within")  # keys that name one


def digests(file: StudyFile, sections: tuple[str, ...] = ()) -> dict[str, str]:
    """Checksum of every file that the study file names, or those sections of it, by its name."""
    base = file.section("source").get("path", "")
    found = {}
    for section, part in file.config.items():
        if section == "source" or (sections and section not in sections):
            continue
        for shown in _paths(part):
            name = shown if section in LAYERS else (Path(base) / shown).as_posix()
            path = file.resolve(name, section)
            for member in _members(path):
                own = Path(name) if member == path else Path(name).parent / member.name
                found[own.as_posix()] = digest_file(member)
    return dict(sorted(found.items()))


def _paths(config: Any) -> Iterator[str]:
    """Every file that a part of the study file names."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            if key in FILES and isinstance(value, str):
                yield value
            elif key == "raster" and isinstance(value, Mapping):  # one for each season
                yield from (shown for shown in value.values() if isinstance(shown, str))
            else:
                yield from _paths(value)


def _members(path: Path) -> list[Path]:
    """The files behind one name: of a shapefile all its parts."""
    if path.suffix.lower() == ".shp":
        stem = re.sub(r"([*?\[])", r"[\1]", path.stem)
        return sorted(member for member in path.parent.glob(f"{stem}.*") if member.is_file())
    return [path] if path.is_file() else []
