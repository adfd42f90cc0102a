"""The files that a study rests on, and their checksums: what tells whether anything changed."""

from __future__ import annotations

from pathlib import Path

from occupancy.checksums import digest_file
from surveys.named_files import members, named
from surveys.study_file import StudyFile

# Maps, which are drawn and never estimated from.
LAYERS = ("regions", "surface")
PACKAGES = ("camtrapdp", "wildlife_insights")
TABLES = (".csv", ".json")
# Sections whose paths count from the study file, not from [source] path.
BESIDE = (*LAYERS, "taxa")


def digests(file: StudyFile, sections: tuple[str, ...] = ()) -> dict[str, str]:
    """Checksum of every file that the study file names, or those sections of it, by its name."""
    base = file.section("source").get("path", "")
    found = {}
    for section, part in file.config.items():
        if section == "source" or (sections and section not in sections):
            continue
        for shown in named(part):
            name = shown if section in BESIDE else (Path(base) / shown).as_posix()
            paths = file.paths(section, shown, based=section not in BESIDE)
            for path in paths:
                for member in members(path):
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
