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
PACKAGES = ("camtrapdp", "wildlife_insights")
TABLES = (".csv", ".json")
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
            paths = file.paths(section, shown, based=section not in LAYERS)
            for path in paths:
                for member in _members(path):
                    if path.is_dir():
                        own = Path(name) / member.relative_to(path)
                    else:
                        alone = len(paths) == 1 and member == path
                        own = Path(name) if alone else Path(name).parent / member.name
                    found[own.as_posix()] = digest_file(member)
    if base and (not sections or "source" in sections):
        found |= _of_source(file, base)
    return dict(sorted(found.items()))


def _of_source(file: StudyFile, base: str) -> dict[str, str]:
    """Tables of a package or a download, which the study file names by their folder alone."""
    path = file.resolve(base, "source")
    if path.is_file():
        return {base: digest_file(path)}
    listed = sorted(path.iterdir()) if path.is_dir() and file.format in PACKAGES else []
    tables = [p for p in listed if p.suffix.lower() in TABLES and p.is_file()]
    return {(Path(base) / p.name).as_posix(): digest_file(p) for p in tables}


def _paths(config: Any) -> Iterator[str]:
    """Every file that a part of the study file names."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            if key in FILES and isinstance(value, str):
                yield value
            elif key == "path" and isinstance(value, list):
                yield from value
            elif key == "raster" and isinstance(value, Mapping):  # one for each season
                yield from (shown for shown in value.values() if isinstance(shown, str))
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
