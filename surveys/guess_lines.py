"""Texts, keys and tables of columns as a study file writes them."""

from __future__ import annotations

import re


def quoted(text: str) -> str:
    """A text between double quotes, every sign of it safe."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def key(name: str) -> str:
    """A name as a key, in quotes where it must be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


def columns_line(columns: dict[str, str]) -> str:
    """Roles and their columns as an inline table."""
    return "{ " + ", ".join(f"{r} = {quoted(c)}" for r, c in columns.items()) + " }"


def path_line(path: str | list[str]) -> str:
    """One path, or a list of those that make one table."""
    return quoted(path) if isinstance(path, str) else f"[{', '.join(map(quoted, path))}]"
