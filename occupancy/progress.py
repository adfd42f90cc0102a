"""What a long fit tells while it runs: bars in a terminal, a line now and then in a pipe.

An engine calls `start`, then `update` as often as it likes, then `finish`; it never prints.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

EVERY = 30.0
SHORTEST = 0.2


@dataclass
class Chain:
    """How far one chain has come."""

    drawn: int = 0
    divergences: int = 0
    tuning: bool = True
    seconds: float = 0.0


@dataclass
class Progress:
    """Keeps count and shows nothing; the other forms show the same counts."""

    clock: Callable[[], float] = time.monotonic
    chains: list[Chain] = field(default_factory=list)
    draws: int = 0
    tune: int = 0
    begun: float = 0.0
    title: str = ""

    def start(self, chains: int, draws: int, tune: int) -> None:
        """Begin a fit of so many chains, each with `tune` steps of adaptation and `draws` draws."""
        self.chains = [Chain() for _ in range(chains)]
        self.draws, self.tune = draws, tune
        self.begun = self.clock()
        self.show(first=True)

    def update(
        self, chain: int, drawn: int, divergences: int, tuning: bool, seconds: float
    ) -> None:
        """Tell where a chain is: `drawn` counts the draws made after adaptation."""
        if 0 <= chain < len(self.chains):
            self.chains[chain] = Chain(int(drawn), int(divergences), bool(tuning), float(seconds))
            self.show()

    def finish(self) -> None:
        """End the fit, whether it came to its end or was cut off."""
        self.show(last=True)

    def note(self, text: str) -> None:
        """Tell one sentence that is no number."""

    def show(self, first: bool = False, last: bool = False) -> None:
        """Bring the display up to date."""

    @property
    def total(self) -> int:
        """Draws asked for, over all chains."""
        return len(self.chains) * self.draws

    @property
    def done(self) -> int:
        """Draws made so far, over all chains."""
        return sum(chain.drawn for chain in self.chains)

    @property
    def divergences(self) -> int:
        return sum(chain.divergences for chain in self.chains)

    @property
    def elapsed(self) -> float:
        return self.clock() - self.begun

    @property
    def left(self) -> float | None:
        """Seconds left at the pace so far; None where nothing is known yet."""
        if not 0 < self.done <= self.total:
            return None
        return self.elapsed * (self.total - self.done) / self.done

    def line(self) -> str:
        """Say the state in one line."""
        share = 100 * self.done // self.total if self.total else 0
        text = f"{share:3d} %  {self.done:,} of {self.total:,} draws, {len(self.chains)} chains"
        adapting = sum(chain.tuning for chain in self.chains)
        if adapting:
            text += f" ({adapting} adapting)"
        if self.divergences:
            text += f", {self.divergences} divergent"
        text += f", {clock_time(self.elapsed)} gone"
        if self.left is not None and self.done < self.total:
            text += f", {clock_time(self.left)} left"
        return text


def clock_time(seconds: float) -> str:
    """Write a duration as people say it: 48 s, 3 min 05 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@dataclass
class Silent(Progress):
    """Shows nothing at all: under `-q`."""


@dataclass
class Lines(Progress):
    """One line every half minute, for a log file or a pipe."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    every: float = EVERY
    told: float = 0.0

    def show(self, first: bool = False, last: bool = False) -> None:
        if first:
            self.told = self.clock()
        elif last or self.clock() - self.told >= self.every:
            self.told = self.clock()
            self.note(f"{self.title}: {self.line()}" if self.title else self.line())

    def note(self, text: str) -> None:
        print(text, file=self.stream, flush=True)


@dataclass
class Events(Progress):
    """One JSON object a line, for other programs."""

    stream: TextIO = field(default_factory=lambda: sys.stdout)
    every: float = 1.0
    told: float = 0.0

    def show(self, first: bool = False, last: bool = False) -> None:
        if first or last or self.clock() - self.told >= self.every:
            self.told = self.clock()
            self.emit(
                "start" if first else "finish" if last else "progress",
                unit=self.title,
                draws=self.done,
                of=self.total,
                chains=len(self.chains),
                divergences=self.divergences,
                seconds=round(self.elapsed, 3),
            )

    def note(self, text: str) -> None:
        self.emit("note", text=text)

    def emit(self, event: str, **content: Any) -> None:
        print(json.dumps({"event": event, **content}), file=self.stream, flush=True)


@dataclass
class Bars(Progress):
    """A live bar per chain, for people at a terminal."""

    told: float = 0.0
    display: Any = None
    tasks: list[Any] = field(default_factory=list)

    def show(self, first: bool = False, last: bool = False) -> None:
        if first:
            self._open()
        if self.display is None or not (last or self.clock() - self.told >= SHORTEST):
            return
        self.told = self.clock()
        for task, chain in zip(self.tasks, self.chains, strict=True):
            words = "adapting" if chain.tuning else "drawing"
            if chain.drawn >= self.draws:
                words = "done"
            if chain.divergences:
                words += f", {chain.divergences} divergent"
            self.display.update(task, completed=chain.drawn, words=words)
        if last:
            self.display.stop()
            self.display = None

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Display

        self.display = Display(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[words]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self.tasks = [
            self.display.add_task(f"chain {i}", total=self.draws, words="adapting")
            for i in range(1, len(self.chains) + 1)
        ]
        self.display.start()

    def note(self, text: str) -> None:
        if self.display is not None:
            self.display.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)


def choose(quiet: bool = False, json: bool = False) -> Progress:
    """Pick the form that fits whoever is listening."""
    if json:
        return Events()
    if quiet:
        return Silent()
    return Bars() if sys.stderr.isatty() else Lines()
