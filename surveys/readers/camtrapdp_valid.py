"""A Camtrap DP package held against the schemas of the standard, by frictionless, offline.

The only file that imports frictionless. A package is data of strangers: frictionless is given
bytes and schemas cut to the words it needs, never a path or an address, so that nothing outside
the folder is opened and nothing is fetched. Columns are matched by name, in any order.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Any

from surveys import unpack
from surveys.problems import Problem, listing, rows_text
from surveys.readers.data_package import PackageFiles

TABLES = ("deployments", "media", "observations")
PROFILE = "camtrap-dp-profile.json"
MOST_ROWS = 10_000  # of a table; some five thousand are checked in a second
MOST_BYTES = 1 << 22  # of a schema
MOST_KINDS = 30
INSTALL = "pip install 'occupancy[camtrapdp]'"
OURS = "the package was checked by the rules of this program alone"
TYPES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "date": "a date",
    "time": "a time",
    "datetime": "a date and time as 2021-05-01T12:00:00+02:00",
}
CONSTRAINTS = (
    *("required", "unique", "enum", "minimum", "maximum", "minLength", "maxLength"),
    "pattern",
)
# Patterns are programs of a kind: those of the standard, and those that cannot run long.
PATTERNS = (r"^(?=^[^./~])(^((?!\.{2}).)*$).*$", r"^(image|video|audio)\/.*$")
_PLAIN = re.compile(r"\^?[\w\\. :/-]*\$?")
NAMES_OF_LANGUAGES = "^[a-z]{3}$"


@dataclass(frozen=True)
class Held:
    """What was held against the standard, and what does not agree; `lost` where none could be."""

    tables: dict[str, int]  # file -> rows that were looked at
    schemas: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    lost: str = ""
    program: str = ""


def hold(package: PackageFiles) -> Held:
    """Every table whose schema lies in the package, and the package's own description."""
    jobs = [job for name in TABLES if (job := _job(package, name)) is not None]
    if not jobs:
        gone = [f"{name}-table-schema.json" for name in TABLES if package.resource(name)]
        why = (
            f"{package.shown} names the schemas of {package.version} by address, and no copy of "
            f"{listing(gone, 3)} lies in the folder"
        )
        cure = "nothing is fetched; put the schemas of the standard beside the package to use them"
        return Held({}, lost=why, problems=(_note(package, f"{why}: {OURS}", cure),))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of a library are no news of the field
            return _held(package, jobs)
    except ImportError:
        why = "frictionless, which knows the schemas of Camtrap DP, is not installed"
        problem = Problem(
            code="N585",
            level="note",
            fact=f"{package.shown}: {why}: {OURS}",
            file=package.shown,
            cure=INSTALL,
        )
        return Held({}, lost=why, problems=(problem,))


def _note(package: PackageFiles, fact: str, cure: str) -> Problem:
    return Problem(code="N584", level="note", fact=fact, file=package.shown, cure=cure)


# --- the parts of a package --------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    """A table in one file, with its schema."""

    name: str
    file: str
    raw: bytes
    schema: dict[str, Any]
    schema_file: str
    encoding: str
    dialect: dict[str, Any]

    @property
    def rows(self) -> int:
        """Rows below the header, as lines; a broken cell makes a few too many."""
        text = self.raw.rstrip(b"\r\n")
        return max(text.count(b"\n") or text.count(b"\r"), 0)


def _job(package: PackageFiles, name: str) -> _Job | None:
    """A table that lies in one file of the package, where its schema lies there too."""
    resource, inside = package.resource(name), package.file_of(name)
    path = None if inside is None else package.find(inside)
    schema, schema_file = _schema(package, name, resource.get("schema"))
    if inside is None or path is None or schema is None:
        return None
    encoding, dialect = resource.get("encoding"), resource.get("dialect")
    return _Job(
        name,
        inside,
        unpack.read_bytes(path),
        schema,
        schema_file,
        encoding if isinstance(encoding, str) else "utf-8",
        _dialect(dialect if isinstance(dialect, dict) else {}),
    )


def _dialect(told: dict[str, Any]) -> dict[str, Any]:
    known = ("delimiter", "quoteChar", "lineTerminator", "escapeChar")
    signs = {k: v for k, v in told.items() if k in known and isinstance(v, str) and len(v) < 3}
    return {"csv": signs} if signs else {}


def _schema(package: PackageFiles, name: str, told: Any) -> tuple[dict[str, Any] | None, str]:
    """The schema of a table as it lies in the package; of several, that of the same version."""
    if isinstance(told, dict):
        return _cut_schema(told), package.shown
    files = []
    if isinstance(told, str) and "://" not in told:
        files.append(told)
    last = PurePosixPath(str(told or "")).name
    number = package.version.rpartition(" ")[2]
    for wanted in dict.fromkeys([last, f"{name}-table-schema.json"]):
        if wanted.endswith(".json"):
            files += sorted(package.beside(wanted), key=lambda f: (number not in f, f))
    for file in files:
        told = _json(package, file)
        if told is not None and (schema := _cut_schema(told)) is not None:
            return schema, file
    return None, ""


def _json(package: PackageFiles, inside: str) -> dict[str, Any] | None:
    path = package.find(inside)
    if path is None:
        return None
    try:
        raw = unpack.read_bytes(path)
        told = json.loads(raw.decode("utf-8-sig")) if len(raw) <= MOST_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _cut_schema(told: dict[str, Any]) -> dict[str, Any] | None:
    """The words of a schema that are checked; None where it is none."""
    listed = told.get("fields")
    fields = (
        [_cut_field(f) for f in listed if isinstance(f, dict) and isinstance(f.get("name"), str)]
        if isinstance(listed, list)
        else []
    )
    if not fields:
        return None
    out: dict[str, Any] = {"fields": fields, "fieldsMatch": "partial"}
    missing = told.get("missingValues")
    if isinstance(missing, list) and all(isinstance(m, str) for m in missing):
        out["missingValues"] = missing
    names = {f["name"] for f in fields}
    key = told.get("primaryKey")
    if isinstance(key, str) and key in names:
        out["primaryKey"] = [key]
    keys = told.get("foreignKeys")
    out["foreignKeys"] = [k for k in keys if _is_key(k, names)] if isinstance(keys, list) else []
    return out


def _is_key(key: Any, names: set[str]) -> bool:
    reference = key.get("reference") if isinstance(key, dict) else None
    return (
        isinstance(reference, dict)
        and isinstance(key.get("fields"), str)
        and key["fields"] in names
        and isinstance(reference.get("fields"), str)
        and reference.get("resource") in TABLES
    )


def _cut_field(told: dict[str, Any]) -> dict[str, Any]:
    kind = told.get("type")
    out: dict[str, Any] = {"name": told["name"], "type": kind if kind in TYPES else "any"}
    form = told.get("format")
    if isinstance(form, str) and "%" in form and kind in ("date", "time", "datetime"):
        out["format"] = form[:40]
    rules = told.get("constraints")
    kept = {k: rules[k] for k in CONSTRAINTS if k in rules} if isinstance(rules, dict) else {}
    if not _is_safe(kept.get("pattern", "")):
        del kept["pattern"]
    return out | ({"constraints": kept} if kept else {})


def _is_safe(pattern: Any) -> bool:
    return isinstance(pattern, str) and (pattern in PATTERNS or bool(_PLAIN.fullmatch(pattern)))


# --- held against it ---------------------------------------------------------------------------


def _held(package: PackageFiles, jobs: list[_Job]) -> Held:
    import frictionless  # noqa: F401  its absence is told by whoever called

    problems: list[Problem] = []
    try:
        by_name = {job.name: job for job in jobs}
        for task in _package_of(jobs).validate(limit_rows=MOST_ROWS).tasks:
            problems += _told(package, by_name[task.name], task.errors)
    except Exception as error:  # a library must not keep a user from his survey
        why = f"frictionless could not read the package ({type(error).__name__})"
        return Held({}, lost=why, problems=(_note(package, f"{why}: {OURS}", ""),))
    problems += _of_profile(package)
    cut = [job.file for job in jobs if job.rows > MOST_ROWS]
    if cut:
        fact = (
            f"only the first {MOST_ROWS:,} rows of {listing(cut, 3)} were held against the schema"
        )
        problems.append(_note(package, fact, "the whole: frictionless validate datapackage.json"))
    return Held(
        {job.file: min(job.rows, MOST_ROWS) for job in jobs},
        tuple(dict.fromkeys(job.schema_file for job in jobs)),
        tuple(problems),
        program=f"frictionless {version('frictionless')}",
    )


def _package_of(jobs: list[_Job]) -> Any:
    """The tables as frictionless takes them; keys into tables too long to look up are left out."""
    import frictionless

    small = {job.name for job in jobs if job.rows <= MOST_ROWS}
    resources = []
    for job in jobs:
        keys = [k for k in job.schema["foreignKeys"] if k["reference"]["resource"] in small]
        resources.append(
            frictionless.Resource(
                data=job.raw,
                name=job.name,
                format="csv",
                encoding=job.encoding,
                dialect=frictionless.Dialect.from_descriptor(job.dialect),
                schema=frictionless.Schema.from_descriptor(job.schema | {"foreignKeys": keys}),
            )
        )
    return frictionless.Package(resources=resources)


def _told(package: PackageFiles, job: _Job, errors: list[Any]) -> Iterator[Problem]:
    """One problem for each kind of error and column, with its rows."""
    kinds: dict[tuple[str, str, str], list[Any]] = {}
    fields = {f["name"]: f for f in job.schema["fields"]}
    doubled = {e.row_number for e in errors if e.type == "unique-error"}
    for error in errors:
        if error.type == "primary-key" and error.row_number in doubled:
            continue  # told as not unique
        column = str(getattr(error, "field_name", "") or "")
        fact = _fact(error, fields.get(column, {}))
        kinds.setdefault((error.type, column, fact), []).append(error)
    for (_, column, fact), found in list(kinds.items())[:MOST_KINDS]:
        rows = sorted({n for e in found if (n := getattr(e, "row_number", None)) is not None})
        shown = [str(c) for c in dict.fromkeys(getattr(e, "cell", "") for e in found) if c]
        place = f"{job.file}, {rows_text(rows)}" if rows else job.file
        place += f", column {column}" if column and rows else ""
        told = f"{listing([f'"{s[:40]}"' for s in shown], 3)} " if shown else ""
        yield Problem(
            code="W584",
            level="warn",
            fact=f"{place}: {told}{fact}",
            file=job.file,
            row=rows[0] if rows else None,
            column=column,
            why=f"{package.version} asks for it; a program that trusts the standard may fail here",
            cure="correct it where the package was made, and export it again",
        )
    if len(kinds) > MOST_KINDS:
        yield _note(package, f"{job.file}: {len(kinds) - MOST_KINDS} further kinds of errors", "")


def _fact(error: Any, field: dict[str, Any]) -> str:
    """What is wrong, in the words of somebody who looks at the table."""
    rules = field.get("constraints", {})
    if error.type == "type-error":
        return f"is not {TYPES.get(field.get('type', ''), 'of its type')}"
    if error.type == "constraint-error":
        rule = next((r for r in CONSTRAINTS if f'constraint "{r}"' in error.note), "")
        return {
            "required": "blank, and the standard requires it",
            "unique": "stands in several rows",
            "enum": f"is none of {listing(map(str, rules.get('enum', [])), 13)}",
            "minimum": f"is below {rules.get('minimum')}",
            "maximum": f"is above {rules.get('maximum')}",
            "pattern": "is not written as the standard asks",
        }.get(rule, error.note[:120])
    if error.type == "foreign-key":
        column = re.match(r'for "(\w+)"', error.note)
        table = re.search(r'lookup table "(\w+)"', error.note)
        if column and table:
            return f"{column[1]} is not in {table[1]}"
    return {
        "unique-error": "stands in several rows",
        "primary-key": "the id of the row is blank or stands twice",
        "missing-label": "this column, which the standard requires, is not there",
        "extra-cell": "has more cells than the header",
        "missing-cell": "has fewer cells than the header",
        "blank-row": "is blank",
        "encoding-error": "is not written in the encoding that datapackage.json tells",
    }.get(error.type, error.message[:160])


# --- the description of the package ------------------------------------------------------------


def _of_profile(package: PackageFiles) -> list[Problem]:
    """What datapackage.json lacks, where the profile of the standard lies in the package."""
    from jsonschema.validators import validator_for

    number = package.version.rpartition(" ")[2]
    files = sorted(package.beside(PROFILE), key=lambda f: (number not in f, f))
    profile = _json(package, files[0]) if files else None
    if profile is None:
        return []
    out = []
    try:
        checker = validator_for(profile)(_cut_profile(profile))
        errors = sorted(checker.iter_errors(package.told), key=lambda e: list(map(str, e.path)))
    except Exception:  # a profile of somebody's own making is no reason to stop
        return []
    for error in errors[:MOST_KINDS]:
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.path).lstrip(".")
        fact = error.message if len(error.message) < 160 else f"does not follow {PROFILE}"
        out.append(
            Problem(
                code="W585",
                level="warn",
                fact=f"{package.shown}{f', {place}' if place else ''}: {fact}",
                file=package.shown,
                why=f"{package.version} asks for it; the surveys are read all the same",
                cure="complete it where the package was made, and export it again",
            )
        )
    return out


def _cut_profile(node: Any) -> Any:
    """A profile without addresses to fetch and without patterns that could run long."""
    if isinstance(node, list):
        return [_cut_profile(n) for n in node]
    if not isinstance(node, dict):
        return node
    out = {}
    for key, value in node.items():
        if key == "$ref" and not str(value).startswith("#/"):
            continue
        if key == "pattern" and isinstance(value, str) and not _is_safe(value):
            continue
        if key == "patternProperties" and isinstance(value, dict):
            value = {k: v for k, v in value.items() if k == NAMES_OF_LANGUAGES or _is_safe(k)}
        out[key] = _cut_profile(value)
    return out
