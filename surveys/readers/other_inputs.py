"""Files behind a Dataset that are no tables: layers, polygons, trees; for the provenance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from surveys.named_files import members, named
from surveys.problems import SurveyError
from surveys.study_file import StudyFile

# Sections that leave the Dataset as it is.
NOT_DATA = ("model", "sample", "compare", "report", "map", "privacy", "surface", "source", "study")


def other_inputs(study: StudyFile, known: Iterable[Path]) -> list[dict[str, Any]]:
    """Name, checksum and size of every file that the study names and nobody told of yet."""
    seen = {Path(path).resolve() for path in known}
    out = []
    for section, part in study.config.items():
        if section in NOT_DATA:
            continue
        for shown in named(part):
            path = _file(study, shown, section)
            if path is None or path.resolve() in seen:
                continue
            seen.add(path.resolve())
            for member in members(path):
                with member.open("rb") as file:
                    sha = hashlib.file_digest(file, "sha256").hexdigest()
                name = Path(shown).with_name(member.name).as_posix()
                out.append({"file": name, "sha256": sha, "bytes": member.stat().st_size})
    return out


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
