"""The files that a study rests on, and their checksums: what tells whether anything changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from occupancy.checksums import digest_file
from surveys.readers.folders import files_in
from surveys.study_file import StudyFile

# Layers, which lie where the study file says; tables count from [source] path.
LAYERS = ("regions", "surface")


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
                if path.is_dir():
                    own = Path(name) / member.relative_to(path)
                else:
                    own = Path(name) if member == path else Path(name).parent / member.name
                found[own.as_posix()] = digest_file(member)
    return dict(sorted(found.items()))


def _paths(config: Any) -> Iterator[str]:
    """Every `path` that a part of the study file names."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            if key == "path" and isinstance(value, str):
                yield value
            else:
                yield from _paths(value)


def _members(path: Path) -> list[Path]:
    """The files behind one name: of a shapefile all its parts, of a folder its tables."""
    if path.is_dir():
        return files_in(path)
    if path.suffix.lower() == ".shp":
        stem = re.sub(r"([*?\[])", r"[\1]", path.stem)
        return sorted(member for member in path.parent.glob(f"{stem}.*") if member.is_file())
    return [path] if path.is_file() else []
