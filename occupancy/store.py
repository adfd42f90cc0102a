"""Result folders that are whole or absent: written aside, checked, then moved into place.

A folder is complete only when its `manifest.json`, written last, names every file with its size
and SHA-256. Nobody sees a half-written result, and no number is read from a folder that was
damaged later.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from occupancy.checksums import canonical, digest, digest_file, versions
from occupancy.lock import LockedError, alive, lock

__all__ = [
    "DiskFullError",
    "LockedError",
    "Manifest",
    "StoreError",
    "digest",
    "digest_file",
    "finish",
    "is_complete",
    "is_result",
    "lock",
    "new_folder",
    "read_manifest",
    "settle",
    "verify",
    "versions",
]

MANIFEST = "manifest.json"
SCHEMA = 1
# What file browsers leave behind; not ours, and no sign of damage.
LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
DISK_FULL = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})


class StoreError(RuntimeError):
    """A result folder cannot be written or must not be read; says why and what to do."""


class DiskFullError(StoreError):
    """The disk, or the quota, has no room for the result."""


@dataclass
class Manifest:
    """What a finished folder says about itself."""

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    seed: int | None = None
    versions: dict[str, str] = field(default_factory=dict)
    warnings: list[Any] = field(default_factory=list)
    arrays: dict[str, list[int]] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: str = ""
    schema: int = SCHEMA

    def to_bytes(self) -> bytes:
        """Render in the one form that `verify` accepts: sorted keys, a digest over the rest."""
        content = canonical(asdict(self))
        content["digest"] = digest(content)
        text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False)
        return (text + "\n").encode()


def _array_shapes(folder: Path) -> dict[str, list[int]]:
    """Shape of every array in the folder's NetCDF files."""
    shapes: dict[str, list[int]] = {}
    paths = sorted(folder.rglob("*.nc"))
    if not paths:
        return shapes
    import h5py

    for path in paths:
        with h5py.File(path, "r") as file:

            def note(name: str, item: Any, of: str = path.relative_to(folder).as_posix()) -> None:
                if isinstance(item, h5py.Dataset):
                    shapes[f"{of}:/{name}"] = list(item.shape or ())

            file.visititems(note)
    return shapes


def _listing(folder: Path) -> list[Path]:
    """Every file below the folder but its manifest, in a fixed order."""
    return sorted(
        path
        for path in folder.rglob("*")
        if (path.is_symlink() or not path.is_dir())
        and path.name not in LITTER
        and path != folder / MANIFEST
    )


# ---------------------------------------------------------------- writing


def _sync(path: Path) -> None:
    """Ask the disk to keep a file, or the names in a folder, through a loss of power."""
    if path.is_dir() and os.name == "nt":  # Windows has no such call for folders
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() or os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def finish(folder: Path, manifest: Manifest) -> Manifest:
    """Sync every file, then write the manifest, the mark of a complete folder."""
    folder = Path(folder)
    manifest.files = {}
    for path in _listing(folder):
        _sync(path)
        manifest.files[path.relative_to(folder).as_posix()] = {
            "sha256": digest_file(path),
            "size": path.stat().st_size,
        }
    manifest.arrays = manifest.arrays or _array_shapes(folder)
    manifest.versions = {**versions(), **manifest.versions}
    manifest.created = manifest.created or datetime.now(UTC).isoformat(timespec="seconds")
    with (folder / MANIFEST).open("xb") as stream:
        stream.write(manifest.to_bytes())
    _sync(folder / MANIFEST)
    for inner in sorted(path for path in folder.rglob("*") if path.is_dir()):
        _sync(inner)
    _sync(folder)
    return manifest


def _stem(target: Path) -> str:
    """Start of the hidden names that belong to `target`; short, whatever the length of its name."""
    return f".{target.name[:40]}.{hashlib.sha256(target.name.encode()).hexdigest()[:8]}"


def _sibling(target: Path, role: str) -> Path:
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    return target.parent / f"{_stem(target)}.{host}-{os.getpid()}-{os.urandom(3).hex()}.{role}"


def _writer_is_gone(sibling: Path) -> bool:
    """Tell whether the maker of a hidden folder has died, as far as this machine can know."""
    host, pid, _ = sibling.name.rsplit(".", 2)[1].split("-")
    here = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    return host == here and not alive(int(pid))


def settle(target: Path) -> None:
    """Bring back the old result where a replacement was cut off between its two renames."""
    target = Path(target)
    if target.exists() or not target.parent.is_dir():
        return
    for _ in range(100):  # another process may be between the renames right now: wait for it
        kept = sorted(target.parent.glob(f"{_escaped(_stem(target))}.*.old"))
        if target.exists() or not kept:
            return
        if _writer_is_gone(kept[-1]):
            with contextlib.suppress(OSError):  # another reader was quicker
                kept[-1].rename(target)
            return
        time.sleep(0.02)


def _escaped(text: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in text)


def _sweep(target: Path) -> None:
    """Remove what killed runs left beside `target`."""
    for role in ("new", "old"):
        for left in target.parent.glob(f"{_escaped(_stem(target))}.*.{role}"):
            if _writer_is_gone(left):
                if role == "old":
                    _save_strangers(left, target)
                shutil.rmtree(left, ignore_errors=True)


def _save_strangers(old: Path, target: Path) -> None:
    """Move what somebody else put into an old result to `NAME-kept` beside it, before it goes.

    A stranger is a file that the old manifest does not name; where that cannot be read, one that
    the new result does not have either.
    """
    try:
        ours = set(read_manifest(old).files)
    except StoreError:
        ours = {path.relative_to(target).as_posix() for path in _listing(target)}
    for path in _listing(old):
        name = path.relative_to(old)
        if name.as_posix() in ours:
            continue
        place = target.with_name(f"{target.name}-kept") / name
        number = 1
        while place.exists():
            number += 1
            place = place.with_name(f"{name.stem}-{number}{name.suffix}")
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)


@contextlib.contextmanager
def new_folder(target: Path | str, replace: bool = False) -> Iterator[Path]:
    """Give a hidden folder to write into, and move it to `target` if all went well.

    The body writes its files and calls `finish`. If it fails or is interrupted, nothing appears at
    `target`, and what stood there before still stands. With `replace`, the old folder is moved
    aside, and removed only after success; files in it that were not ours move to `NAME-kept`.

    Raises
    ------
    StoreError
        Something stands at `target` already, or the files do not read back as written.
    DiskFullError
        No room on the disk.
    """
    target = Path(target)
    settle(target)
    if target.exists() and not replace:
        raise StoreError(
            f"{target} exists already. Nothing was written; choose another folder, or replace=True."
        )
    if target.exists() and not target.is_dir():
        raise StoreError(f"{target} is a file, not a folder. Nothing was written.")
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    folder = _sibling(target, "new")
    try:
        folder.mkdir()
        yield folder
        if not (folder / MANIFEST).exists():
            raise StoreError(f"{target.name} was not finished: its manifest is missing.")
        verify(folder)
        _put_in_place(folder, target)
    except OSError as error:
        if disk_is_full(error):
            raise DiskFullError(_disk_full_text(folder, target)) from error
        raise
    finally:
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(folder: Path, target: Path) -> None:
    kept = None
    if target.exists():
        kept = _sibling(target, "old")
        target.replace(kept)
    try:
        folder.replace(target)
    except BaseException:
        if kept is not None and not target.exists():
            kept.replace(target)
        raise
    _sync(target.parent)
    if kept is not None:
        _save_strangers(kept, target)
        shutil.rmtree(kept, ignore_errors=True)


def disk_is_full(error: OSError) -> bool:
    """Whether it was for want of room that a file could not be written."""
    # HDF5 wraps the cause: it stands in the text, not in the number.
    return error.errno in DISK_FULL or any(f"errno = {code}" in str(error) for code in DISK_FULL)


def _disk_full_text(folder: Path, target: Path) -> str:
    written = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(target.parent).free
    return (
        f"No room to write {target}: {written:,} bytes were written before the disk, or its "
        f"quota, refused more ({free:,} bytes free). The unfinished folder was removed; "
        "earlier results are untouched. "
        "Make room, or choose another folder, and run the command again."
    )


# ---------------------------------------------------------------- reading


def _damaged(folder: Path, facts: list[str]) -> StoreError:
    shown = "; ".join(facts[:5]) + (f"; and {len(facts) - 5} more" if len(facts) > 5 else "")
    return StoreError(
        f"The result in {folder} is damaged and is not read: {shown}. "
        "Remove this folder and run the command again; the field files are not affected."
    )


def read_manifest(folder: Path | str) -> Manifest:
    """Read a folder's manifest and check the manifest itself; the files are left to `verify`."""
    folder = Path(folder)
    try:
        raw = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(
            f"{folder} holds no complete result ({MANIFEST} is missing). Run the command again."
        ) from None
    try:
        content = json.loads(raw)
        schema = content["schema"]
        if isinstance(schema, int) and schema > SCHEMA:
            raise StoreError(
                f"{folder} was written by a newer version (schema {schema}; this one reads "
                f"{SCHEMA}). Update occupancy."
            )
        content.pop("digest")
        manifest = Manifest(**content)
        if manifest.to_bytes() != raw:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(folder, [f"{MANIFEST} was changed"]) from None
    return manifest


def verify(folder: Path | str) -> Manifest:
    """Check every file of a finished folder against its manifest, and return the manifest.

    Raises
    ------
    StoreError
        A file is missing, was added, or differs by as much as one bit.
    """
    folder = Path(folder)
    settle(folder)
    manifest = read_manifest(folder)
    present = {path.relative_to(folder).as_posix(): path for path in _listing(folder)}
    facts = [f"{name} is missing" for name in manifest.files if name not in present]
    facts += [f"{name} does not belong to it" for name in present if name not in manifest.files]
    for name, expected in manifest.files.items():
        path = present.get(name)
        if path is None:
            continue
        size = path.stat().st_size
        if size != expected["size"]:
            facts.append(f"{name} has {size:,} bytes instead of {expected['size']:,}")
        elif digest_file(path) != expected["sha256"]:
            facts.append(f"{name} was changed after it was written")
    if facts:
        raise _damaged(folder, facts)
    return manifest


def is_result(folder: Path | str) -> bool:
    """Tell whether a folder was written by us and holds nothing else, damaged or not."""
    folder = Path(folder)
    try:
        ours = set(read_manifest(folder).files)
    except StoreError:
        return False
    return all(path.relative_to(folder).as_posix() in ours for path in _listing(folder))


def is_complete(folder: Path | str) -> bool:
    """Tell whether a folder is finished and undamaged."""
    try:
        verify(folder)
    except (StoreError, OSError):
        return False
    return True
