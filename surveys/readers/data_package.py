"""datapackage.json: the version of the standard, where the tables lie, and the ranks of taxa."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import is_zipfile

from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.study_file import StudyFile
from surveys.text_table import TableSpec
from surveys.unpack import archive_of, contents, read_bytes

FILE = "datapackage.json"
MOST_BYTES = 1 << 28
_VERSION = re.compile(
    r"camtrap-?dp(?:[^0-9]*?(\d+\.\d+(?:\.\d+)?(?:-[\w.]+)?)|/(main|dev)/)", re.IGNORECASE
)
READ = re.compile(r"1\.0(\.\d+)?|0\.1\.6")
ALIKE = re.compile(r"1\.\d+(\.\d+)?(-[\w.]+)?|main|dev")  # of the columns of 1.0, or nearly so


@dataclass
class Package:
    """What a package says of itself; without a file, the usual names of its tables."""

    folder: str = ""  # as the study file names it
    paths: dict[str, str | list[str]] = field(default_factory=dict)  # a table may be in several
    ranks: dict[str, str] = field(default_factory=dict)  # name in small letters -> rank
    found: dict[str, Any] = field(default_factory=dict)  # for the provenance
    told: dict[str, Any] = field(default_factory=dict)  # datapackage.json itself


@dataclass(frozen=True)
class PackageFiles:
    """A package as it lies on the disk, for whoever holds it against the standard.

    `find` gives the real path of a file of the package; None where it is not there, or where its
    path leads out of the study.
    """

    shown: str  # datapackage.json, as messages name it
    version: str  # "Camtrap DP 1.0.2"
    told: dict[str, Any]
    find: Callable[[str], Path | None]
    beside: Callable[[str], list[str]]  # where files of a name lie in the package

    def resource(self, name: str) -> dict[str, Any]:
        """What the package tells of a table; empty where it has none."""
        listed = self.told.get("resources")
        every = listed if isinstance(listed, list) else []
        return next((r for r in every if isinstance(r, dict) and r.get("name") == name), {})

    def file_of(self, name: str) -> str | None:
        """Where a table lies in the package; None where not in one file of it."""
        path = self.resource(name).get("path")
        path = path[0] if isinstance(path, list) and len(path) == 1 else path
        return path if isinstance(path, str) and self.find(path) is not None else None


def open_package(study: StudyFile, ledger: Ledger) -> Package | None:
    """The package that the study names; None where it cannot be read."""
    shown = study.section("files.package").get("path")
    folder = study.section("source").get("path", "").rstrip("/")
    named = all(
        study.section(f"files.{name}").get("path") for name in ("deployments", "detections")
    )
    if shown is None:
        shown = FILE
        if named:
            own = study.section("files.detections")["path"]
            own = PurePosixPath(own if isinstance(own, str) else own[0]).parent
            shown = (own / FILE).as_posix()
        elif folder.lower().endswith(".zip"):
            shown = ""  # the archive itself
    shown = f"{folder}/{shown}".rstrip("/") if folder else shown
    before = len(ledger.of_level("error"))
    path = study.resolve(shown, "files.package", ledger)
    if len(ledger.of_level("error")) > before:
        return None
    home = PurePosixPath(shown).parent.as_posix()
    if path.is_dir():
        home, path = shown, path / FILE
        shown = f"{shown}/{FILE}"
    elif path.is_file() and is_zipfile(path):
        inside = min(
            (n for n in contents(path) if n.rpartition("/")[2] == FILE), key=len, default=FILE
        )
        path, shown = path / inside, f"{shown}/{inside}"
        home = PurePosixPath(shown).parent.as_posix()
    archive, inside = archive_of(path)
    if not path.is_file() and inside not in contents(archive):
        if named and "path" not in study.section("files.package"):
            return Package()
        ledger.error(
            "E401",
            f"{shown} is not there",
            file=shown,
            cure='name the archive or the folder it was unpacked in, [source] path = "...", or the '
            'file itself, [files.package] path = ".../datapackage.json"',
        )
        return None
    return _parsed(path, shown, home, ledger)


def _parsed(path, shown: str, home: str, ledger: Ledger) -> Package | None:
    try:
        if archive_of(path)[0].stat().st_size > MOST_BYTES and not archive_of(path)[1]:
            raise ValueError("it is larger than 256 MB")
        raw = read_bytes(path)
        told = json.loads(raw.decode("utf-8-sig"))
        if not isinstance(told, dict) or not isinstance(told.get("resources"), list):
            raise ValueError('it has no list of "resources"')
    except (OSError, ValueError, RecursionError) as error:
        ledger.error(
            "E578",
            f"{shown} is no data package: {str(error)[:160]}",
            file=shown,
            cure="export it again, or unpack the archive again",
        )
        return None
    version = _version(told)
    alike = version is not None and not READ.fullmatch(version) and ALIKE.fullmatch(version)
    if version is None or not (READ.fullmatch(version) or alike):
        what = f"Camtrap DP {version}" if version else "no Camtrap DP (by its profile)"
        ledger.error(
            "E056",
            f"{shown}: {what}. Versions 1.0, 1.0.1, 1.0.2 and 0.1.6 are read",
            file=shown,
            cure="export it again as version 1.0",
        )
        return None
    if alike:
        ledger.note("N056", f"{shown}: Camtrap DP {version}, read as 1.0", file=shown)
    if version.startswith("0."):
        ledger.note("N056", f"{shown}: Camtrap DP {version}, an older version", file=shown)
    found = {"file": shown, "sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
    found |= {"version": f"Camtrap DP {version}", "rows": 0}
    home = "" if home == "." else home
    return Package(home, _paths(told, shown, ledger), _ranks(told), found, told)


def files_of_package(study: StudyFile, package: Package) -> PackageFiles | None:
    """The package on the disk; None where the tables stand without a datapackage.json."""
    if not package.told:
        return None

    def find(inside: str) -> Path | None:
        quiet = Ledger()
        if "://" in inside or PurePosixPath(inside).is_absolute():
            return None
        path = study.resolve(f"{package.folder}/{inside}".lstrip("/"), "", quiet)
        if quiet.of_level("error"):
            return None
        archive, member = archive_of(path)
        return path if path.is_file() or (member and member in contents(archive)) else None

    def beside(name: str) -> list[str]:
        folder = study.resolve(package.folder or ".", "", Ledger())
        archive, member = archive_of(folder)
        if archive.is_file():
            inside = [PurePosixPath(n) for n in contents(archive)]
            inside = [n.relative_to(member) for n in inside if n.is_relative_to(member or ".")]
        else:
            inside = [*folder.glob(name), *folder.glob(f"*/{name}")]
            inside = [PurePosixPath(n.relative_to(folder).as_posix()) for n in inside]
        return sorted(n.as_posix() for n in inside if n.name == name and len(n.parts) <= 2)

    return PackageFiles(package.found["file"], package.found["version"], package.told, find, beside)


def _version(told: dict[str, Any]) -> str | None:
    match = _VERSION.search(str(told.get("profile", "")))
    return match[1] or match[2] if match else None


def _paths(told: dict[str, Any], shown: str, ledger: Ledger) -> dict[str, str | list[str]]:
    paths: dict[str, str | list[str]] = {}
    for resource in told["resources"]:
        if not isinstance(resource, dict):
            continue
        name, path = resource.get("name"), resource.get("path")
        listed = isinstance(path, list) and path and all(isinstance(p, str) for p in path)
        if isinstance(name, str) and (isinstance(path, str) or listed):
            paths[name] = path
        elif name in ("deployments", "observations"):
            ledger.error(
                "E578",
                f"{shown}: the table {name} lies in no file",
                file=shown,
                cure="export the package again",
            )
    for name in ("deployments", "observations"):
        if name not in paths and not ledger.of_level("error"):
            ledger.error(
                "E578",
                f"{shown} names no table of {name}. It has: {listing(paths, 6)}",
                file=shown,
                cure="export the package again",
            )
    return paths


def _ranks(told: dict[str, Any]) -> dict[str, str]:
    listed = told.get("taxonomic")
    out = {}
    for taxon in listed if isinstance(listed, list) else []:
        name, rank = (taxon.get(k) if isinstance(taxon, dict) else None for k in NAME_AND_RANK)
        if isinstance(name, str) and isinstance(rank, str) and rank.strip():
            out[" ".join(name.split()).casefold()] = rank.strip().casefold()
    return out


NAME_AND_RANK = ("scientificName", "taxonRank")


def package_table(
    study: StudyFile, package: Package, name: str, section: str, ledger: Ledger
) -> TableSpec | None:
    """How a table of the package is to be read: what the study names goes first."""
    if study.section(section).get("path"):
        return study.table(section, ledger)
    if name not in package.paths:
        return None
    paths = package.paths[name]
    paths = [paths] if isinstance(paths, str) else paths
    home = package.folder
    shown = [f"{home}/{path}" if home and "://" not in path else path for path in paths]
    return study.spec_of(section, shown, ledger, based=False)
