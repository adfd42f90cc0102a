"""Passwords have no place in a study file, which is mailed, archived and printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from surveys.ledger import Ledger

KEYS = ("password", "passwd", "pwd", "pgpassword", "passwort", "secret", "token")
_ADDRESS = re.compile(r"://[^\s/@]*:[^\s@]*@")
_ASSIGNED = re.compile(rf"\b({'|'.join(KEYS)})\b\s*[\"']?\s*=\s*\S", re.IGNORECASE)


def refuse(config: Mapping[str, Any], file: str, ledger: Ledger) -> None:
    """An error for every password, told by the name of its key and never by its text."""
    for place in _places(config, ""):
        ledger.error(
            "E357",
            f"{file}: {place} holds a password",
            file=file,
            why="a study file is mailed, archived and printed, and its secrets with it",
            cure="delete it here and change it there. The database finds it in ~/.pgpass, in a "
            'file that [postgis] passfile = "..." names, or in the variable that [postgis] '
            'environment = "DATABASE_URL" names',
        )


def hidden(line: str) -> str:
    """A line of a study file without what may be a password."""
    if _ADDRESS.search(line) or _ASSIGNED.search(line):
        return "(not shown: it seems to hold a password)"
    return line


def _places(part: Any, place: str) -> Iterator[str]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            if str(key).casefold() in KEYS and isinstance(value, str | int):
                yield f"[{place}] {key}" if place else str(key)
            else:
                yield from _places(value, f"{place}.{key}" if place else str(key))
    elif isinstance(part, list):
        for value in part:
            yield from _places(value, place)
    elif isinstance(part, str) and (_ADDRESS.search(part) or _ASSIGNED.search(part)):
        section, _, key = place.rpartition(".")
        yield f"[{section}] {key}" if section else key
