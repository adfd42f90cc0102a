"""What the name of a sound file tells: when its recording began, and at which site.

Recorders write the start into the name: AudioMoth 20210623_113602.WAV, Song Meter and SwiftOne
SITE_20210623_113602.wav, BAR 20210623T113602+1000_SITE.flac. What an AudioMoth or a program that
cuts recordings adds behind the start (T, SYNC, 001) is no site. An old AudioMoth wrote seconds
since 1970 as eight hexadecimal digits. The clock is that of the recorder; the name does not say
which.
"""

from __future__ import annotations

import datetime as dt
import re

import numpy as np

_START = re.compile(
    r"(?<!\d)((?:19|20)\d{2})-?(\d{2})-?(\d{2})[T_$ -]?(\d{2})[-:h.]?(\d{2})[-:m.]?(\d{2})(?!\d)"
    r"(?:_?(?:Z|[+-]\d{4}))?"
)
# Behind the start: triggered, synchronised, a part of a recording, a place in brackets.
_NO_SITE = re.compile(r"(?:T|SYNC|REC|0\d+|\[[^\]]*\]?)?", re.IGNORECASE)
_HEX = re.compile(r"[45678][0-9A-F]{7}", re.IGNORECASE)
_SOUND = re.compile(
    r"\.(?:wav|wave|flac|mp3|ogg|oga|opus|w4v|wac|aiff?|m4a|wma|aac)$", re.IGNORECASE
)
_TABLE = re.compile(r"(?:\.BirdNET\..*|\.(?:csv|tsv|txt|xlsx|parquet))$", re.IGNORECASE)


def parts(path: str) -> list[str]:
    """Folders and file of a path written with / or backslashes; the drive left out."""
    return [p for p in re.split(r"[/\\]+", path.strip()) if p not in ("", ".") and p[-1] != ":"]


def recording(path: str) -> str:
    """A sound file as one name: folders and stem, with / between them."""
    found = parts(path)
    return "/".join([*found[:-1], _SOUND.sub("", found[-1])]) if found else ""


def recording_of_table(path: str) -> str:
    """The recording that a table of detections is of, by the name of the table."""
    found = parts(path)
    return recording("/".join([*found[:-1], _TABLE.sub("", found[-1])])) if found else ""


def _start(stem: str) -> tuple[re.Match[str], np.datetime64, int] | None:
    """The match of the start, the moment, and where what tells times begins.

    Of several times the last is the start, or that before where the last is the end of it.
    """
    found = []
    for match in _START.finditer(stem):
        try:
            moment = dt.datetime(*map(int, match.groups()))  # clock of the recorder
        except ValueError:
            continue
        found.append((match, moment))
    if not found:
        return None
    match, moment = found[-1]
    if len(found) > 1 and dt.timedelta(0) <= moment - found[-2][1] <= dt.timedelta(days=1):
        first = found[-2][0]
        return match, np.datetime64(found[-2][1], "s"), first.start()
    return match, np.datetime64(moment, "s"), match.start()


def start_of(name: str) -> np.datetime64:
    """When the recording of this name began; NaT where the name does not tell."""
    stem = name.rsplit("/", 1)[-1]
    found = _start(stem)
    if found is not None:
        return found[1]
    if _HEX.fullmatch(stem):
        return np.datetime64(int(stem, 16), "s")
    return np.datetime64("NaT", "s")


def prefix_of(name: str) -> str:
    """What stands in the name beside the start: the site, as most recorders are told."""
    stem = name.rsplit("/", 1)[-1]
    found = _start(stem)
    if found is None:
        return ""
    match, _, begin = found
    before = stem[:begin].strip("_-. ")
    after = stem[match.end() :].strip("_-. ").split("_")
    return before or "_".join(p for p in after if not _NO_SITE.fullmatch(p.strip("-. ")))


def folder_of(name: str, number: int) -> str:
    """Folder `number` of a recording, from 1; -1 is the innermost; "" where there is none."""
    folders = name.split("/")[:-1]
    at = number - 1 if number > 0 else number
    return folders[at] if number and -len(folders) <= at < len(folders) else ""


def joined(names: list[str]) -> dict[str, str]:
    """Names of one recording that differ by their folders alone: the shorter to the longer.

    Two recorders may write files of one name, so folders tell them apart; but one program writes
    them and another leaves them out. A name is taken for a longer one where only one ends in it.
    """
    by_stem: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        by_stem.setdefault(name.rsplit("/", 1)[-1], []).append(name)
    out = {}
    for group in by_stem.values():
        for name in group:
            longer = [o for o in group if o != name and o.endswith("/" + name)]
            longest = [o for o in longer if not any(p.endswith("/" + o) for p in longer)]
            out[name] = longest[0] if len(longest) == 1 else name
    return out


def find(names: list[str], listed: list[str]) -> np.ndarray:
    """The position in `listed` of each name, by its whole path or its end; -1 none, -2 several."""
    whole = {name: i for i, name in enumerate(listed)}
    by_stem: dict[str, list[int]] = {}
    for i, name in enumerate(listed):
        by_stem.setdefault(name.rsplit("/", 1)[-1], []).append(i)
    out = []
    for name in names:
        if name in whole:
            out.append(whole[name])
            continue
        near = by_stem.get(name.rsplit("/", 1)[-1], [])
        ends = [i for i in near if name.endswith("/" + listed[i]) or listed[i].endswith("/" + name)]
        out.append(ends[0] if len(ends) == 1 else -2 if len(ends) > 1 else -1)
    return np.array(out, dtype=np.int64)
