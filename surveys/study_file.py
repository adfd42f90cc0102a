"""The study file: study.toml read strictly, its paths held inside the study folder."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from surveys import study_check, study_secrets
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.split_tables import as_one
from surveys.text_table import TableSpec
from surveys.unpack import archive_of
from surveys.values import natural

STUDY_FILE = "study.toml"
MOST_CONFIG_BYTES = 1 << 20


@dataclass
class StudyFile:
    """A study file: its parsed keys as plain data, and where it stands."""

    path: Path
    config: dict[str, Any]
    digest: str
    ledger: Ledger = field(default_factory=Ledger, repr=False)
    folded_sites: dict[str, str] | None = field(default=None, repr=False)  # kept by the readers
    layer_crs: str = ""  # kept by the readers: of the map layer that the sites come from
    site_rows: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False)  # file, row

    @property
    def folder(self) -> Path:
        """The folder that all paths count from."""
        return self.path.parent

    @property
    def name(self) -> str:
        """How messages call the file: study.toml."""
        return self.path.name

    @property
    def title(self) -> str:
        """The title of the study, "" when it has none."""
        return self.section("study").get("title", "")

    @property
    def format(self) -> str:
        """The reader to use, a name of `surveys.readers.READERS`; guessed when not given."""
        return self.section("source").get("format", "")

    def section(self, name: str) -> dict[str, Any]:
        """A section as plain data: `section("sites")`, `section("files.detections")`."""
        found: Any = self.config
        for part in name.split("."):
            found = found.get(part, {}) if isinstance(found, Mapping) else {}
        return dict(found) if isinstance(found, Mapping) else {}

    @property
    def crs(self) -> str | None:
        """The CRS of the sites: that of their layer, else the one that the study file tells."""
        return self.layer_crs or self.section("sites").get("crs")

    @property
    def models(self) -> dict[str, dict[str, Any]]:
        """Models by name; a plain `[model]` is called "model"."""
        section = self.section("model")
        if not section:
            return {}
        if study_check.is_one_model(section):
            return {"model": section}
        return {name: dict(model) for name, model in section.items()}

    @property
    def sampling(self) -> dict[str, Any]:
        """The keys of [sample]."""
        return self.section("sample")

    @property
    def report(self) -> dict[str, Any]:
        """The keys of [report]."""
        return self.section("report")

    @property
    def map(self) -> dict[str, Any]:
        """The keys of [map]."""
        return self.section("map")

    @property
    def regions_path(self) -> Path | None:
        """The polygon layer of the regions, if there is one."""
        return self._layer("regions")

    @property
    def surface_path(self) -> Path | None:
        """The cells to predict to, if there are any."""
        return self._layer("surface")

    def _layer(self, section: str) -> Path | None:
        shown = self.section(section).get("path")
        return self.resolve(shown, section) if shown else None

    @property
    def allowed(self) -> list[Path]:
        """The folders that files may lie in."""
        listed = self.section("study").get("folders", [])
        return [self.folder.resolve(), *((self.folder / f).resolve() for f in listed)]

    def resolve(self, shown: str, section: str = "", ledger: Ledger | None = None) -> Path:
        """The real path of a file that the study names; a path that leads elsewhere is refused.

        Raises
        ------
        SurveyError
            The path is a link to the net, or lies outside the study folder and the folders
            listed in `[study] folders`. With a `ledger` the problem is only noted there.
        """
        kept = Ledger() if ledger is None else ledger
        where = f"[{section}] " if section else ""
        blamed = {"file": self.name}
        if "://" in shown or shown.lower().startswith(("/vsi", "http:", "https:", "\\\\")):
            kept.error(
                "E406",
                f'{self.name}: {where}path = "{shown}" is not a file of this computer',
                cure="fetch the file yourself, put it beside the study file and name it here",
                **blamed,
            )
        elif "\0" in shown or not shown.strip():
            kept.error("E406", f"{self.name}: {where}path is blank or no path", **blamed)
        else:
            try:
                real = (self.folder / shown).resolve()
            except (OSError, RuntimeError, ValueError) as error:
                kept.error(
                    "E406", f'{self.name}: {where}path = "{shown}" is no path ({error})', **blamed
                )
            else:
                if any(real.is_relative_to(folder) for folder in self.allowed):
                    if ledger is None:
                        kept.raise_errors()
                    return real
                outside = Path(shown).parent.as_posix()
                kept.error(
                    "E406",
                    f'{self.name}: {where}path = "{shown}" leads out of the study folder',
                    why="a study that somebody mailed could otherwise read any file of yours",
                    cure="copy the file here, or allow its folder: "
                    f'[study] folders = ["{outside}"]',
                    **blamed,
                )
        if ledger is None:
            kept.raise_errors()
        return self.folder

    def table(self, section: str, ledger: Ledger) -> TableSpec | None:
        """How a table named in the study file is to be read; None where none is named.

        `[source] path` is the folder that the paths of tables count from.
        """
        keys = self.section(section)
        if keys.get("table"):
            spec = TableSpec.of(section, self.folder, keys["table"], keys)
            return replace(spec, database=self.section("postgis"), crs=self._crs_of(section))
        named = keys.get("path")
        return self.spec_of(section, named, ledger) if named else None

    def spec_of(
        self, section: str, named: str | Sequence[str], ledger: Ledger, *, based: bool = True
    ) -> TableSpec | None:
        """How the table at a path is to be read, or at several: a list, or detections-*.csv.

        `based`: the path counts from [source] path.
        """
        names = [named] if isinstance(named, str) else list(named)
        told = ", ".join(names) if len(names) < 4 else f"{names[0]} and {len(names) - 1} more"
        before = len(ledger.of_level("error"))
        found = self._located(section, names, ledger, based)
        if len(ledger.of_level("error")) > before or not found:
            return None
        paths = [path for _, path in found]
        twice = [shown for i, (shown, path) in enumerate(found) if path in paths[:i]]
        if twice:
            ledger.error(
                "E405",
                f"{self.name}: [{section}] path names {twice[0]} twice",
                file=self.name,
                cure="its rows would count double: name each file once",
            )
            return None
        keys = self.section(section)
        spec = as_one([TableSpec.of(section, path, shown, keys) for shown, path in found], told)
        return replace(spec, crs=self._crs_of(section))

    def _located(
        self, section: str, names: Sequence[str], ledger: Ledger, based: bool
    ) -> list[tuple[str, Path]]:
        """Each file that paths and patterns stand for: as messages tell it, and where it is."""
        base = self.section("source").get("path", "").rstrip("/") if based else ""
        found = []
        for name in names:
            shown = f"{base}/{name}" if base and not Path(name).is_absolute() else name
            for one in self._matching(shown, section, ledger):
                path = self.resolve(one, section, ledger)
                found.append((self._as_shown(one, path), path))
        return found

    def paths(self, section: str, named: str | Sequence[str], *, based: bool = True) -> list[Path]:
        """The files behind a path of the study file; an archive for what lies in it.

        Raises
        ------
        SurveyError
            A path leads out of the study folder.
        """
        ledger = Ledger()
        names = [named] if isinstance(named, str) else list(named)
        found = self._located(section, names, ledger, based)
        if any(problem.code == "E406" for problem in ledger.of_level("error")):
            ledger.raise_errors()
        return [archive_of(path)[0] for _, path in found]

    def _matching(self, shown: str, section: str, ledger: Ledger) -> list[str]:
        """The paths that a pattern stands for, as the study file would name each; or the path."""
        pattern = Path(shown)
        if not re.search(r"[*?\[]", pattern.name) or "://" in shown or "\0" in shown:
            return [shown]
        before = len(ledger.of_level("error"))
        folder = self.resolve(pattern.parent.as_posix() or ".", section, ledger)
        if len(ledger.of_level("error")) > before:
            return []
        if not folder.is_dir() or (folder / pattern.name).is_file():
            return [shown]
        found = sorted((p.name for p in folder.glob(pattern.name) if p.is_file()), key=natural)
        if not found:
            beside = listing(sorted(p.name for p in folder.iterdir() if p.is_file()), 8)
            ledger.error(
                "E401",
                f"no file is like {shown} ([{section}] path). There are: {beside}",
                file=shown,
                cure="paths count from the folder of the study file",
            )
        return [(pattern.parent / name).as_posix() for name in found]

    def from_source(self, shown: str) -> str:
        """A path that counts from [source] path, as one that counts from the study folder."""
        base = self.section("source").get("path")
        return f"{base.rstrip('/')}/{shown}" if base and not Path(shown).is_absolute() else shown

    def _crs_of(self, section: str) -> str | None:
        """The CRS that the study file tells for the places of a table."""
        return self.section("sites" if section == "files.sites" else section).get("crs")

    def _as_shown(self, shown: str, path: Path) -> str:
        """The path as messages and provenance tell it: counted from the study folder."""
        if not Path(shown).is_absolute():
            return Path(shown).as_posix()
        try:
            return Path(os.path.relpath(path, self.folder.resolve())).as_posix()
        except ValueError:  # another drive
            return path.name


def read_study(path: str | Path) -> StudyFile:
    """Parse and check a study file, or the study.toml of a folder; every fault is told at once.

    Raises
    ------
    SurveyError
        The file is missing, is no TOML, has keys that are not known or values of a wrong type.
    """
    ledger = Ledger()
    path = Path(path)
    if path.is_dir():
        path = path / STUDY_FILE
    raw = _bytes(path, ledger)
    ledger.raise_errors()
    config = _parse(raw, path.name, ledger)
    ledger.raise_errors()
    study_secrets.refuse(config, path.name, ledger)
    ledger.raise_errors()
    study_check.check(config, path.name, ledger)
    study = StudyFile(path.absolute(), config, hashlib.sha256(raw).hexdigest())
    ledger.raise_errors()
    for section in ("regions", "surface"):
        shown = study.section(section).get("path")
        if shown:
            study.resolve(shown, section, ledger)
    ledger.raise_errors()
    return study


def _bytes(path: Path, ledger: Ledger) -> bytes:
    try:
        if path.stat().st_size > MOST_CONFIG_BYTES:
            raise OSError("it is larger than 1 MB, which no study file is")
        return path.read_bytes()
    except FileNotFoundError:
        ledger.error(
            "E401",
            f"There is no study file {path}" if path.suffix else f"There is no folder {path}",
            file=path.name,
            cure="let it be written: occupancy init detections.csv sites.csv",
        )
    except (OSError, ValueError) as error:
        ledger.error("E401", f"{path.name} cannot be opened: {error}", file=path.name)
    return b""


def _parse(raw: bytes, name: str, ledger: Ledger) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        ledger.error(
            "E407",
            f"{name} row {row} is not UTF-8 (byte 0x{raw[error.start]:02X})",
            file=name,
            row=row,
            cure="save the study file as UTF-8",
        )
        return {}
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        at = re.search(r"\(at line (\d+), column \d+\)", str(error))
        row = int(at.group(1)) if at else None
        line = text.splitlines()[row - 1].strip() if row and row <= len(text.splitlines()) else ""
        told = re.sub(r" \(at (line|end).*\)$", "", str(error))
        ledger.error(
            "E407",
            f"{name}{f' row {row}' if row else ''} cannot be read: {told}",
            file=name,
            row=row,
            why=f"the row is: {study_secrets.hidden(line[:120])}" if line else "",
            cure="texts stand in double quotes; write paths with / instead of \\"
            if "\\" in line
            else "texts stand in double quotes, lists in [ ], and each key once in a section",
        )
    return {}
