"""One writer per results folder: a lock file that names its holder and does not outlive it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any


class LockedError(RuntimeError):
    """Another process is writing into the same results folder."""


def alive(pid: int) -> bool:
    """Tell whether a process of this machine still runs."""
    if os.name == "nt":  # os.kill(pid, 0) would end the process there
        import ctypes

        kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
        handle = kernel.OpenProcess(0x1000, False, pid)
        if handle:
            kernel.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _holder(path: Path) -> Mapping[str, Any] | None:
    """Who holds the lock: None if nobody, empty if its maker has not written its name (yet)."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}


def _is_stale(path: Path, holder: Mapping[str, Any]) -> bool:
    if holder:
        return holder["host"] == socket.gethostname() and not alive(int(holder["pid"]))
    try:
        return time.time() - path.stat().st_mtime > 5  # its maker died before it wrote its name
    except FileNotFoundError:
        return False


def _create(path: Path, text: str) -> bool:
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    except FileNotFoundError:  # another process has just removed the empty folder
        path.parent.mkdir(parents=True, exist_ok=True)
        return False
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError:  # the disk is full: a lock without a name would bar the way for nobody
        path.unlink(missing_ok=True)
        raise
    return True


def _take_over(path: Path, stale: Mapping[str, Any]) -> None:
    """Remove a dead writer's lock; only one process at a time, and only if it is still that one."""
    guard = path.with_name(path.name + ".takeover")
    if not _create(guard, str(os.getpid())):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - guard.stat().st_mtime > 10:  # its maker died within these few lines
                guard.unlink()
        time.sleep(0.05)
        return
    try:
        if _holder(path) == stale:
            path.unlink(missing_ok=True)
    finally:
        guard.unlink(missing_ok=True)


@contextlib.contextmanager
def lock(results: Path | str) -> Iterator[str]:
    """Let one process at a time write into a results folder.

    Gives a note for the user: empty, or that a dead writer's lock was taken over.

    Raises
    ------
    LockedError
        Another process holds the folder; the message names its pid, host and start time.
    """
    results = Path(results)
    made = not results.exists()
    results.mkdir(parents=True, exist_ok=True)
    path = results / ".lock"
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    mine = {"pid": os.getpid(), "host": socket.gethostname(), "started": started}
    mine["token"] = os.urandom(8).hex()
    note = ""
    while not _create(path, json.dumps(mine)):
        holder = _holder(path)
        if holder is None:
            continue
        if _is_stale(path, holder):
            _take_over(path, holder)
            who = f"process {holder['pid']} of {holder['started']}" if holder else "an earlier run"
            note = f"Took over {results} from {who}, which ended without closing it."
        elif holder:
            raise LockedError(
                f"{results} is being written by process {holder['pid']} on {holder['host']}, "
                f"started {holder['started']}. "
                f"Wait for it to end. If no such process runs any more, remove {path}."
            )
        else:
            time.sleep(0.05)
    try:
        yield note
    finally:
        if (_holder(path) or {}).get("token") == mine["token"]:
            path.unlink(missing_ok=True)
            if made:  # what failed before it wrote anything leaves nothing behind
                with contextlib.suppress(OSError):
                    results.rmdir()
