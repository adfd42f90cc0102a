"""Readers that other distributions bring: entry points of the group `occupancy.readers`.

They are looked up by name and imported when a study names them, or when `occupancy init` asks what
some files are. What is wrong with one of them is told with the name of its distribution, and
touches no other.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from surveys.ledger import Ledger
from surveys.problems import Problem, SurveyError, listing, plain
from surveys.readers.tidy import Guess, Tidy

GROUP = "occupancy.readers"
# Words for the values of keys that a reader may name in KEYS; a set of texts is a choice.
VALUES = ("text", "a whole number", "a number", "true or false", "a list of texts")


@dataclass
class OtherReader:
    """A reader of another distribution: what it does is watched, what it says is checked."""

    name: str
    by: str  # "bat-tally 1.2"
    entry: EntryPoint
    failures: list[str] = field(default_factory=list)
    _module: Any = None

    @property
    def module(self) -> Any:
        """The module, imported when first asked for.

        Raises
        ------
        SurveyError
            It cannot be imported, or has no `read`.
        """
        if self._module is None:
            try:
                module = self.entry.load()
            except (Exception, SystemExit) as error:
                self._fail("E412", f"cannot be loaded: {_words(error)}", error)
            if not callable(getattr(module, "read", None)):
                self._fail("E412", f"has no function read(study, ledger) in {self.entry.value}")
            self._check_keys(getattr(module, "KEYS", {}))
            self._module = module
        return self._module

    def _check_keys(self, keys: Any) -> None:
        good = isinstance(keys, Mapping) and all(
            isinstance(key, str)
            and ((isinstance(v, str) and v in VALUES) or (isinstance(v, set | frozenset) and v))
            for key, v in keys.items()
        )
        if not good:
            told = listing([f'"{v}"' for v in VALUES], 9)
            self._fail("E412", f"has KEYS that are no table of keys; a value is a set or {told}")

    @property
    def SECTIONS(self) -> tuple[str, ...]:
        """Sections of the study file that it uses: its own, and those that it names."""
        return (self.name, *getattr(self.module, "SECTIONS", ()))

    @property
    def PACKAGE(self) -> bool:
        """Whether it finds its tables by itself."""
        return bool(getattr(self.module, "PACKAGE", False))

    @property
    def LAYOUT(self) -> str:
        """What its files hold, in a few words."""
        return str(getattr(self.module, "LAYOUT", f"read by {self.by}"))

    @property
    def keys(self) -> dict[str, Any]:
        """The keys of its own section of the study file, and what their values are."""
        told = getattr(self.module, "KEYS", {})
        return {key: v if isinstance(v, str) else set(v) for key, v in told.items()}

    @property
    def files(self) -> dict[str, tuple[str, ...]]:
        """Tables it reads beside those that are known, `[files.NAME]`, and the roles of columns."""
        told = getattr(self.module, "FILES", {})
        return {str(name): tuple(map(str, roles)) for name, roles in dict(told).items()}

    def detect(self, tables: dict[str, Any]) -> Guess | None:
        """Its guess; None where it has none, or fails, which is kept in `failures`."""
        try:
            look: Callable | None = getattr(self.module, "detect", None)
            found = look(tables) if look is not None else None
            if found is not None and not isinstance(found, Guess):
                raise TypeError(f"detect gave {type(found).__name__}, which is no Guess")
            if found is not None and found.extra.get("file") not in tables:
                raise ValueError('detect named no file of the tables: extra={"file": ...}')
        except SurveyError as error:
            self.failures.append(error.problems[0].fact)
            return None
        except Exception as error:
            self.failures.append(f"it failed: {_words(error)}")
            return None
        return found

    def study_lines(self, guess: Guess, tables: dict[str, Any]) -> list[str]:
        """Lines for a study file; none where it has none to give."""
        write = getattr(self.module, "study_lines", None)
        if write is None:
            return []
        try:
            return [str(line) for line in write(guess, tables)]
        except Exception as error:
            return [f"# {self.by} could not write its part: {_words(error)}", ""]

    def read(self, study: Any, ledger: Ledger) -> Tidy | None:
        """Visits, records and sites.

        Raises
        ------
        SurveyError
            What it refuses; and whatever else goes wrong inside it, with its distribution.
        """
        try:
            tidy = self.module.read(study, ledger)
        except SurveyError:
            raise
        except Exception as error:
            self._fail("E414", f"failed while it read the files: {_words(error)}", error)
        if tidy is not None and not isinstance(tidy, Tidy):
            self._fail("E414", f"gave {type(tidy).__name__}, which is no Tidy")
        return tidy

    def _fail(self, code: str, fact: str, cause: BaseException | None = None) -> Any:
        raise SurveyError(
            Problem(
                code=code,
                fact=f'The reader "{self.name}" of {self.by} {fact}',
                cure=f"this is a fault of {self.by}, not of your files: tell its authors, or "
                "install another version of it",
            )
        ) from cause


def _words(error: BaseException) -> str:
    told = plain(" ".join(str(error).split())[:200])
    return f"{type(error).__name__}: {told}" if told else type(error).__name__


@cache
def _installed(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Looked for once in a process: every distribution on the path is opened for it."""
    return tuple(entry_points(group=GROUP))


def find() -> tuple[dict[str, OtherReader], list[Problem]]:
    """The readers of other distributions by name, and those refused for their names.

    A name that two distributions give is refused for both: neither can be meant.
    """
    from surveys.readers import READERS
    from surveys.study_keys import SECTIONS

    by_name: dict[str, list[OtherReader]] = {}
    for entry in _installed(tuple(sys.path)):
        by = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"
        by_name.setdefault(entry.name, []).append(OtherReader(entry.name, by, entry))
    good, refused = {}, []
    for name, readers in sorted(by_name.items()):
        who = " and ".join(sorted({r.by for r in readers}))
        if name in READERS:
            why = f'is called "{name}", which is a format of this program'
        elif len(readers) > 1:
            why = f'are called "{name}" both, and neither can be meant'
        elif not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            why = f'is called "{name}"; a name has small letters, digits and _'
        elif name in SECTIONS or name == "model":
            why = f'is called "{name}", which is a section of the study file'
        else:
            good[name] = readers[0]
            continue
        refused.append(
            Problem(
                code="E413" if len(readers) > 1 else "W413",
                level="error" if len(readers) > 1 else "warn",
                fact=f"{'Readers' if len(readers) > 1 else 'A reader'} of {who} {why}",
                cure="uninstall one of them, or ask its authors for another name",
            )
        )
    return good, refused


def named(name: str) -> OtherReader:
    """The reader of this name.

    Raises
    ------
    SurveyError
        There is none, or more than one.
    """
    good, refused = find()
    if name in good:
        return good[name]
    clash = [p for p in refused if f'"{name}"' in p.fact]
    raise SurveyError(
        clash or Problem(code="E405", fact=f'There is no format "{name}" and no reader of it')
    )


def sections_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a study file may hold beyond the usual, where it names the format of another reader."""
    from surveys.readers import READERS
    from surveys.study_keys import SECTIONS, file_keys

    source = config.get("source", {})
    form = source.get("format") if isinstance(source, Mapping) else None
    if not isinstance(form, str) or form in READERS:
        return {}
    good, refused = find()
    clash = [p for p in refused if p.level == "error" and f'"{form}"' in p.fact]
    if clash:
        raise SurveyError(clash)
    source = {**SECTIONS["source"], "format": {*READERS, *good}}
    if form not in good:
        return {"source": source}
    mine = good[form]
    files = {**SECTIONS["files"]}
    for name, roles in mine.files.items():
        known = files.get(name, {}).get("columns", {})
        files[name] = file_keys((*known, *roles))
    return {"source": source, "files": files, form: mine.keys}


def tell_refused(name: str, ledger: Ledger) -> None:
    """Tell of a reader that has the name of a format of this program, which is the one used."""
    for problem in find()[1]:
        if problem.level == "warn" and f'"{name}"' in problem.fact:
            ledger.add(problem)
