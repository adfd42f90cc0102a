"""The tables of a folder, where one is named in place of a file."""

from __future__ import annotations

from pathlib import Path

from surveys.study_file import STUDY_FILE
from surveys.values import natural

SUFFIXES = (".csv", ".txt", ".tsv", ".xlsx", ".parquet")


def files_in(folder: Path) -> list[Path]:
    """Tables in a folder and the folders in it, in the order of their names.

    Of the study's own folder only the files themselves: those in it hold its results.
    """
    every = folder.glob("*") if (folder / STUDY_FILE).exists() else folder.rglob("*")
    found = [
        p
        for p in every
        if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file()
    ]
    return sorted(found, key=lambda p: natural(p.relative_to(folder).as_posix()))
