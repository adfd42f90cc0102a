"""Files are written whole or not at all: a temporary sibling first, then one rename."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling of `path` (same ending) that takes its place when the block succeeds."""
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    part.unlink(missing_ok=True)
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        if error.filename == str(part):  # nobody asked for a file of that name
            error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text with plain line ends, whole or not at all."""
    with replacing(path) as part:
        part.write_bytes(text.encode("utf-8"))
    return path


def file_stem(text: str) -> str:
    """A file name from a label of the user's, safe on every system."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()[:60] or "output"
