"""What all verbs share: the options that hold everywhere, and how they speak to the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surveys.problems import plain

if TYPE_CHECKING:
    from occupancy.study import Study


@dataclass
class Session:
    """The shared options of one command, and its voice.

    Answers go to standard output; progress, notes and problems to standard error, so that a pipe
    gets answers alone. With `--json` every answer is one JSON object on a line of its own.
    """

    folder: Path = field(default_factory=Path)
    json: bool = False
    quiet: bool = False
    verbose: int = 0
    seed: int | None = None
    color: bool = True

    def say(self, text: str = "", **style: Any) -> None:
        """Print an answer for people."""
        if not self.json:
            self._answer(self._styled(text, style))

    def note(self, text: str, **style: Any) -> None:
        """Print what people may want to know and programs need not."""
        if not self.quiet and not self.json:
            click.echo(self._styled(text, style), err=True, color=self._has_color(sys.stderr))

    def warn(self, text: str) -> None:
        """Print what must not be missed, even under `-q`."""
        if self.json:
            self.emit("warning", text=text)
        else:
            click.echo(
                self._styled(text, {"fg": "yellow"}), err=True, color=self._has_color(sys.stderr)
            )

    def emit(self, event: str, **content: Any) -> None:
        """Print one JSON object, under `--json` only."""
        if self.json:
            import json

            self._answer(json.dumps({"event": event, **content}, default=str, ensure_ascii=False))

    def _answer(self, text: str) -> None:
        try:
            click.echo(text, color=self._has_color(sys.stdout))
        except BrokenPipeError:  # a reader such as `head` has seen enough; the work goes on
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def table(self, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print a table with its numbers aligned to the right."""
        texts = [[str(cell) for cell in row] for row in rows]
        widths = [max(len(row[i]) for row in [list(header), *texts]) for i in range(len(header))]
        right = [all(_is_numeric(row[i]) for row in texts) for i in range(len(header))]

        def line(cells: Sequence[str]) -> str:
            parts = [
                cell.rjust(width) if is_right else cell.ljust(width)
                for cell, width, is_right in zip(cells, widths, right, strict=True)
            ]
            return "  " + "  ".join(parts).rstrip()

        self.say(line(header), bold=True)
        for row in texts:
            self.say(line(row))

    def progress(self) -> Any:
        """Give an engine the form of progress that fits whoever listens."""
        from occupancy import progress

        return progress.choose(quiet=self.quiet, json=self.json)

    def study(self, flags: Mapping[str, Any] | None = None) -> Study:
        """Open the study in the session's folder; flags override its settings."""
        from occupancy.study import Study

        return Study.open(self.folder, flags={**(flags or {}), "seed": self.seed})

    @contextlib.contextmanager
    def writing(self, study: Study) -> Iterator[None]:
        """Hold the lock of the study's results, and say so if a dead run had left it behind."""
        from occupancy import store

        with store.lock(study.results) as note:
            if note:
                self.note(f"· {note}")
            yield

    def _styled(self, text: str, style: dict[str, Any]) -> str:
        """The text with our colours, and without escapes that a name in somebody's file carries."""
        text = plain(text)
        return click.style(text, **style) if style else text

    def _has_color(self, stream: Any) -> bool:
        return self.color and not os.environ.get("NO_COLOR") and bool(stream.isatty())


def _is_numeric(text: str) -> bool:
    return not text or text[0].isdigit() or text[0] in "-−+<>—"


def _store(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    session = ctx.ensure_object(Session)
    if value not in (None, False, 0) and parameter.name is not None:
        setattr(session, {"no_color": "color"}.get(parameter.name, parameter.name), value)
    if parameter.name == "no_color" and value:
        session.color = False
        ctx.color = False


def shared_options() -> list[click.Parameter]:
    """Make the options that every verb takes, before the verb or after it."""
    keep: dict[str, Any] = {"expose_value": False, "callback": _store}
    return [
        click.Option(
            ["-C", "--folder", "folder"],
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="Work on the study in DIR instead of here.",
            **keep,
        ),
        click.Option(["--json"], is_flag=True, help="Answer in JSON, one object a line.", **keep),
        click.Option(["-q", "--quiet"], is_flag=True, help="Only answers and problems.", **keep),
        click.Option(["-v", "--verbose"], count=True, help="Tell more; -vv for bugs.", **keep),
        click.Option(["--seed"], type=int, metavar="N", help="Seed of all chance.", **keep),
        click.Option(["--no-color"], is_flag=True, help="No colours (or set NO_COLOR).", **keep),
    ]
