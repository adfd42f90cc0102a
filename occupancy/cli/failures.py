"""How a command fails: what is said, and the exit code that scripts can rely on."""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from occupancy.cli.session import Session


class Exit(IntEnum):
    """Exit codes; `docs/commands.md` explains them to users."""

    DONE = 0
    BUG = 1
    USAGE = 2
    DATA = 3
    NOT_TRUSTED = 4
    MACHINE = 6
    INTERRUPTED = 130


# A study file that is wrong is a wrong setting, not wrong data.
STUDY_FILE_CODES = "E4"


def tell(error: BaseException, session: Session) -> int:
    """Say what happened and return the exit code."""
    code, text = describe(error, session)
    if session.verbose > 1 and code != Exit.DONE:
        traceback.print_exception(error)
    if text:
        if session.json:
            session.emit("error", exit=int(code), text=text, **_details(error))
        else:
            click.echo(text, err=True)
    return int(code)


def describe(error: BaseException, session: Session) -> tuple[int, str]:
    """Find the exit code of an error and its words for the user."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code, ""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else Exit.BUG, ""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return Exit.INTERRUPTED, (
            "Interrupted. What was finished is kept; the same command goes on from there."
        )
    if isinstance(error, BrokenPipeError):
        return Exit.DONE, ""
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "occupancy"
        return Exit.USAGE, f"✗ {error.format_message()}\n  Help: {path} --help"
    if isinstance(error, click.ClickException):
        return Exit.USAGE, f"✗ {error.format_message()}"
    return _describe_ours(error, session)


def _describe_ours(error: BaseException, session: Session) -> tuple[int, str]:
    from occupancy.store import DiskFullError, LockedError, StoreError, disk_is_full
    from surveys.problems import ModelError, SurveyError, plain, render

    text = f"✗ {plain(str(error))}"
    if isinstance(error, DiskFullError):
        return Exit.MACHINE, text
    full = next((e for e in (error, error.__context__) if isinstance(e, OSError)), None)
    if full is not None and disk_is_full(full):
        at = f" ({full.filename})" if full.filename else ""
        return Exit.MACHINE, (
            f"✗ The disk, or its quota, is full{at}. Results finished before are as they were. "
            "Make room, and run the command again."
        )
    if isinstance(error, SurveyError):
        of_file = all(code.startswith(STUDY_FILE_CODES) for code in error.codes)
        more = "\n".join(f"  More            occupancy explain {code}" for code in error.codes)
        beside = f"\n\n{render(error.beside)}" if error.beside else ""
        return Exit.USAGE if of_file else Exit.DATA, f"{error}\n{more}{beside}"
    if isinstance(error, LockedError):
        return Exit.USAGE, text
    if isinstance(error, StoreError):
        return Exit.DATA, text
    if isinstance(error, ModelError) or type(error).__name__ == "OutputError":
        return Exit.USAGE, text
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] not in (
        "occupancy",
        "surveys",
    ):
        return Exit.MACHINE, (
            f"✗ The package {error.name} is missing. Install the project again: "
            "pip install -c constraints.txt ."
        )
    if isinstance(error, MemoryError):
        return Exit.MACHINE, (
            "✗ The memory of the machine was not enough. What was finished is kept. Close other "
            "programs, or take fewer chains at once: --cores 1."
        )
    if isinstance(error, FileExistsError | NotADirectoryError) and error.filename:
        return Exit.MACHINE, (
            f"✗ {error.filename} is a file or a broken link, where a folder is needed. "
            "Remove or rename it."
        )
    if isinstance(error, OSError) and error.strerror:
        return Exit.MACHINE, f"✗ {error.filename or 'A file'}: {error.strerror}."
    return Exit.BUG, _crash(error, session)


def _details(error: BaseException) -> dict[str, object]:
    problems = getattr(error, "problems", None)
    if not problems:
        return {}
    told = [problem.to_dict() for problem in (*problems, *getattr(error, "beside", ()))]
    return {"problems": told}


def _crash(error: BaseException, session: Session) -> str:
    """Write where the program failed, without any value of the user's data, and say so."""
    from occupancy.checksums import versions

    frames = traceback.extract_tb(error.__traceback__)
    lines = [
        f"time: {datetime.now().astimezone().isoformat(timespec='seconds')}",
        f"system: {platform.platform()}",
        *(f"{name}: {version}" for name, version in versions().items()),
        f"verb: {_verb()}",
        # The message may quote a cell of somebody's table, so only the kind of error is kept.
        f"error: {type(error).__name__}",
        *(f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames),
    ]
    cause = error.__cause__ or error.__context__
    if cause is not None:
        lines.append(f"after: {type(cause).__name__}")
    text = (
        f"✗ This is a fault of the program, not of your data: {type(error).__name__}"
        f"{' (' + str(error)[:200] + ')' if session.verbose else ''}."
    )
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="occupancy-crash-", suffix=".txt", delete=False, encoding="utf-8"
        ) as stream:
            stream.write("\n".join(lines) + "\n")
        text += f"\n  What happened is written, without any of your data, to {stream.name}"
    except OSError:
        text += "\n" + "\n".join(lines)
    return text + "\n  Please send it in. With -vv the whole story is shown here."


def _verb() -> str:
    from occupancy.cli import VERBS

    return next((word for word in sys.argv[1:] if word in VERBS), "")


def _short(filename: str) -> str:
    """Keep the end of a path, which names the code and not somebody's home."""
    return "/".join(Path(filename).parts[-3:])
