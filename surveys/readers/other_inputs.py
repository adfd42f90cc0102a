"""Files behind a Dataset that are no tables: layers, polygons, trees; for the provenance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from surveys.problems import SurveyError
from surveys.study_file import StudyFile

FILES = ("path", "tree", "raster", "polygons", "within")  # keys that name a file
# Sections that leave the Dataset as it is.
NOT_DATA = ("model", "sample", "compare", "report", "map", "privacy", "surface", "source", "study")


def other_inputs(study: StudyFile, known: Iterable[Path]) -> list[dict[str, Any]]:
    """Name, checksum and size of every file that the study names and nobody told of yet."""
    seen = {Path(path).resolve() for path in known}
    out = []
    for section, part in study.config.items():
        if section in NOT_DATA:
            continue
        for shown in _named(part):
            path = _file(study, shown, section)
            if path is None or path.resolve() in seen:
                continue
            seen.add(path.resolve())
            for member in _members(path):
                with member.open("rb") as file:
                    sha = hashlib.file_digest(file, "sha256").hexdigest()
                name = Path(shown).with_name(member.name).as_posix()
                out.append({"file": name, "sha256": sha, "bytes": member.stat().st_size})
    return out


def _named(config: Any) -> Iterator[str]:
    if isinstance(config, Mapping):
        for key, value in config.items():
            if key in FILES and isinstance(value, str):
                yield value
            elif key in FILES and isinstance(value, Mapping):  # one for each season
                yield from (shown for shown in value.values() if isinstance(shown, str))
            else:
                yield from _named(value)


def _file(study: StudyFile, shown: str, section: str) -> Path | None:
    """The file, counted from the study's folder or from that of its source."""
    base = study.section("source").get("path", "")
    for name in (shown, f"{base.rstrip('/')}/{shown}" if base else ""):
        try:
            path = study.resolve(name, section) if name else None
        except SurveyError:
            continue
        if path is not None and path.is_file():
            return path
    return None


def _members(path: Path) -> list[Path]:
    """A shapefile has several files; all are told."""
    if path.suffix.lower() != ".shp":
        return [path]
    return sorted(p for p in path.parent.iterdir() if p.stem == path.stem and p.is_file())
