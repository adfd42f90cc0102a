"""The files that a study rests on, and their checksums: what tells whether anything changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from occupancy.checksums import digest_file
from surveys.study_file import StudyFile


def paths(config: Any) -> Iterator[str]:
    """Every `path` that a part of the study file names."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            if key == "path" and isinstance(value, str):
                yield value
            else:
                yield from paths(value)


def digests(file: StudyFile) -> dict[str, str]:
    """Checksum of every file that the study file names, by its name there."""
    found = {}
    for shown in sorted(set(paths(file.config))):
        path = file.resolve(shown)
        for member in _members(path):
            name = Path(shown) if member == path else Path(shown).parent / member.name
            found[name.as_posix()] = digest_file(member)
    return found


def _members(path: Path) -> list[Path]:
    """The files behind one name: of a folder all, of a shapefile all its parts."""
    if path.is_dir():
        return sorted(member for member in path.rglob("*") if member.is_file())
    if path.suffix.lower() == ".shp":
        stem = re.sub(r"([*?\[])", r"[\1]", path.stem)
        return sorted(member for member in path.parent.glob(f"{stem}.*") if member.is_file())
    return [path] if path.is_file() else []
