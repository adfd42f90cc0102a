"""A study file for files as they come: what each table seems to be, with the reasons."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from surveys import cells
from surveys.build import SITE_COLUMNS, VISIT_COLUMNS
from surveys.ledger import Ledger
from surveys.problems import Problem, SurveyError, listing
from surveys.readers import READERS, roles
from surveys.readers.site_table import is_layer
from surveys.readers.tidy import Guess
from surveys.readers.visit_columns import VisitColumn
from surveys.study_file import StudyFile
from surveys.text_table import Table, TableSpec, open_table

SET_THIS = "<-- SET THIS"
SITE_NAME = re.compile(r"site|station|locat|plot|point|square|quadrat|transect|cell|id$", re.I)
SPECIES_NAME = re.compile(r"species|taxon|^sp$|scientific", re.I)
SEASON_NAME = re.compile(r"^(season|year|yr|primary|period)$", re.I)
SURFACE_NAME = re.compile(r"surface|landscape|predict|grid|cells|newdata", re.I)


@dataclass
class Parts:
    """What was recognised so far."""

    detections: str = ""
    guess: Guess | None = None
    columns: dict[str, str] = field(default_factory=dict)
    sites: str = ""
    site_columns: dict[str, str] = field(default_factory=dict)
    visits: str = ""
    covariates: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> file, column
    visit_covariates: dict[str, str] = field(default_factory=dict)  # name -> file
    regions: str = ""
    surface: str = ""
    unused: dict[str, str] = field(default_factory=dict)  # file -> why
    header_rows: dict[str, int] = field(default_factory=dict)
    metres: tuple[str, str] | None = None
    drop: list[str] = field(default_factory=list)  # visit covariates missing on visits made
    of_sites: list[str] = field(default_factory=list)  # covariates that a formula can name
    of_visits: list[str] = field(default_factory=list)


def guess(
    files: Sequence[str | Path],
    *,
    folder: str | Path | None = None,
    crs: str | None = None,
    title: str = "",
    species: str = "",
) -> str:
    """The text of a commented study.toml for these files.

    Parameters
    ----------
    files : tables (CSV, TSV, XLSX, ODS) and layers (GPKG, GeoJSON, SHP)
    folder
        Where the study file will stand; None: the folder that all files share.
    crs
        CRS of the coordinates. Metres without it leave a line marked "SET THIS".

    Raises
    ------
    SurveyError
        A file cannot be read, or none holds detections.
    """
    paths = [Path(f).absolute() for f in files]
    if not paths:
        raise SurveyError(
            Problem(
                code="E410",
                fact="No files were given, so no study file can be written",
                cure="name them: occupancy init detections.csv sites.csv",
            )
        )
    home = (
        Path(folder).absolute() if folder else Path(os.path.commonpath([p.parent for p in paths]))
    )
    shown = {_shown(p, home): p for p in paths}
    ledger = Ledger()
    parts = Parts()
    tables = _open(shown, parts, ledger)
    ledger.raise_errors()
    _detections(tables, parts)
    _others(tables, shown, parts)
    _name_columns(tables, parts)
    text = _text(parts, tables, shown, home, crs=crs, title=title, species=species)
    parts.drop = _missing_somewhere(text, home, parts)
    text = _text(parts, tables, shown, home, crs=crs, title=title, species=species)
    if parts.drop:
        _missing_somewhere(text, home, parts)  # reads now, and so tells the covariates
        text = _text(parts, tables, shown, home, crs=crs, title=title, species=species)
    return text


def _shown(path: Path, home: Path) -> str:
    real, base = path.resolve(), home.resolve()
    try:
        return Path(os.path.relpath(real, base)).as_posix()
    except ValueError:  # another drive
        return real.as_posix()


def _open(shown: dict[str, Path], parts: Parts, ledger: Ledger) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for name, path in shown.items():
        if is_layer(name):
            if not path.is_file():
                ledger.error("E401", f"{name} is not there", file=name)
            continue
        quiet = Ledger()
        table = open_table(TableSpec(path, name), quiet)
        later = [p for p in quiet.of_level("error") if p.code == "E008" and (p.row or 0) > 1]
        if table is None and later:
            parts.header_rows[name] = int(later[0].row or 1)
            quiet = Ledger()
            table = open_table(TableSpec(path, name, header_row=parts.header_rows[name]), quiet)
        for problem in quiet.of_level("error"):
            ledger.add(problem)
        if table is not None:
            tables[name] = table
    return tables


def _detections(tables: dict[str, Table], parts: Parts) -> None:
    guesses = [g for reader in READERS.values() if (g := reader.detect(tables)) is not None]
    if not guesses:
        raise SurveyError(
            Problem(
                code="E411",
                fact=f"None of {listing(tables, 6)} looks like detections",
                why="wanted: one column for each visit (v1, v2, ...) with 0, 1 and blanks; or one "
                "row for each visit with a column of 0 and 1",
                cure="write the study file by hand: [files.detections] path, [wide] visits",
            )
        )
    best = max(guesses, key=lambda g: g.sure)
    parts.guess = best
    parts.detections = best.extra["file"]
    parts.columns = dict(best.columns)


def _visit_names(parts: Parts) -> list[str]:
    visits: list[VisitColumn] = parts.guess.extra.get("visits", []) if parts.guess else []
    return [v.name for v in visits]


def _others(tables: dict[str, Table], shown: dict[str, Path], parts: Parts) -> None:
    """What every file but the detections is."""
    visits = _visit_names(parts)
    spare: list[str] = []
    for name in shown:
        if name == parts.detections:
            continue
        if is_layer(name):
            is_surface = SURFACE_NAME.search(Path(name).stem) or parts.regions
            if is_surface and not parts.surface:
                parts.surface = name
            elif not parts.regions:
                parts.regions = name
            else:
                parts.unused[name] = "a further layer"
            continue
        table = tables[name]
        if visits and set(visits) <= set(table.names):
            told = {v for c in visits for v in pd.unique(table.text(c))}
            same = _site_column(table, parts) or ""
            if _species_column(table) or (
                same
                and told <= {"0", "1", "", "NA"}
                and re.search(r"detect|histor", Path(name).stem, re.I)
            ):
                parts.unused[name] = "further detections: only one table of them is read"
            else:
                parts.visit_covariates[_covariate_name(name)] = name
        elif parts.guess and parts.guess.format == "long" and _is_visits(table, parts):
            parts.visits = name
        elif SURFACE_NAME.search(Path(name).stem) and not parts.surface:
            parts.surface = name
        elif _site_column(table, parts) is not None:
            spare.append(name)
        else:
            parts.unused[name] = "no column of site ids was recognised"
    with_place = [n for n in spare if _coordinate_columns(tables[n])]
    parts.sites = (with_place or spare or [""])[0]
    for name in spare:
        if name == parts.sites:
            continue
        site = _site_column(tables[name], parts)
        for column in tables[name].names:
            if column != site and column not in parts.covariates:
                parts.covariates[column] = (name, column)


def _is_visits(table: Table, parts: Parts) -> bool:
    has = {
        r for r in ("date", "datetime", "visit", "effort") for n in roles.USUAL[r] if table.match(n)
    }
    site = _site_column(table, parts)
    if site is None or not has:
        return False
    response = any(table.match(n) for r in ("count", "detection") for n in roles.USUAL[r])
    return not response and not _species_column(table)


def _covariate_name(file: str) -> str:
    stem = Path(file).stem
    bare = re.sub(
        r"^(visit|visits|obs|survey|det|y)[_ .-]+|[_ .-]+(visit|visits)$", "", stem, flags=re.I
    )
    return re.sub(r"\W+", "_", bare or stem)


def _species_column(table: Table) -> str | None:
    return next((c for c in table.names if SPECIES_NAME.search(c)), None)


def _site_column(table: Table, parts: Parts, *, first: bool = True) -> str | None:
    """The column of site ids: named so, or the first column when its values are ids."""
    known = parts.columns.get("site") or "site"
    if table.match(known):
        return table.match(known)
    named = next((c for c in table.names if SITE_NAME.search(c)), None)
    if named or not first or not table.names:
        return named
    column = table.names[0]
    values = table.text(column)
    ids = all(re.fullmatch(r"[0-9]+", v) or not re.fullmatch(r"[-+.,0-9eE]+", v) for v in values)
    unique = len(pd.unique(values)) == len(values)
    return column if ids and unique and column not in _visit_names(parts) else None


def _coordinate_columns(table: Table) -> dict[str, str]:
    for pair in (("longitude", "latitude"), ("easting", "northing")):
        found = {
            r: next((table.match(n) for n in roles.USUAL[r] if table.match(n)), None) for r in pair
        }
        if all(found.values()):
            return {r: c for r, c in found.items() if c}
    return {}


def _name_columns(tables: dict[str, Table], parts: Parts) -> None:
    table = tables[parts.detections]
    if parts.guess and parts.guess.format == "wide":
        site = _site_column(table, parts)
        parts.columns = {"site": site} if site else {}
        species = _species_column(table)
        if species and species not in _visit_names(parts) and species != site:
            parts.columns["species"] = species
        season = next((c for c in table.names if SEASON_NAME.search(c)), None)
        if season and len(pd.unique(table.text(parts.columns.get("site", season)))) < len(table):
            parts.columns["season"] = season
    if parts.sites:
        place = tables[parts.sites]
        site = _site_column(place, parts)
        parts.site_columns = {"site": site} if site else {}
        parts.site_columns |= _coordinate_columns(place)
        region = place.match("region")
        if region:
            parts.site_columns["region"] = region
        pair = [c for r, c in parts.site_columns.items() if r not in ("site", "region")]
        if pair:
            quiet = Ledger()
            values = np.concatenate([cells.numbers(place, c, quiet) for c in pair])
            named_metres = "easting" in parts.site_columns
            if named_metres or np.nanmax(np.abs(values), initial=0) > 180:
                parts.metres = (pair[0], pair[1])


def _formula_names(frame: pd.DataFrame, roles_taken: Sequence[str]) -> list[str]:
    """Columns that can stand in a formula and vary."""
    names = [c for c in frame if c not in roles_taken and re.fullmatch(r"[A-Za-z]\w*", str(c))]
    return [str(c) for c in names if frame[c].nunique() > 1]


def _missing_somewhere(text: str, home: Path, parts: Parts) -> list[str]:
    """Visit covariates that are missing on visits made: found by reading as the text says."""
    from surveys.readers.into_dataset import tables

    study = StudyFile(home / "study.toml", tomllib.loads(text), "")
    try:
        tidy = tables(study, Ledger())
        parts.of_sites = _formula_names(tidy.sites, SITE_COLUMNS)
        parts.of_visits = _formula_names(tidy.visits, VISIT_COLUMNS)
    except SurveyError as error:
        facts = [p.fact for p in error.problems if p.code == "E552"]
        found = []
        for fact in facts:
            match = re.search(r': "(.+)" is missing on|column (.+): missing on', fact)
            if match:
                found.append(match.group(1) or match.group(2))
        return found
    return []


# --- the text --------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _columns(columns: dict[str, str]) -> str:
    return "{ " + ", ".join(f"{r} = {_quoted(c)}" for r, c in columns.items()) + " }"


def _text(
    parts: Parts,
    tables: dict[str, Table],
    shown: dict[str, Path],
    home: Path,
    *,
    crs: str | None,
    title: str,
    species: str,
) -> str:
    found = parts.guess
    assert found is not None  # _detections raises otherwise
    table = tables[parts.detections]
    lines = [
        "# What this study reads and fits. Lines that start with # are notes or are switched off.",
        "schema = 1",
        "",
        "[study]",
        f"title = {_quoted(title or home.name.replace('_', ' '))}",
    ]
    if species or "species" not in parts.columns:
        lines.append(f"species = {_quoted(species or _species_of(parts))}")
    outside = sorted(
        {Path(n).parent.as_posix() for n in shown if n.startswith("..") or Path(n).is_absolute()}
    )
    if outside:
        told = ", ".join(_quoted(f) for f in outside)
        lines += ["# folders outside this one that may be read", f"folders = [{told}]"]
    lines += [
        '# region = "CH"          # country of the sites: their coordinates are checked against it',
        "",
        "[source]",
        f"# {found.why}: {_layout_words(found)}",
        f"format = {_quoted(found.format)}",
        "",
        "[files.detections]",
        f"# {len(table)} rows; {_how_read(table)}",
        f"path = {_quoted(parts.detections)}",
    ]
    if parts.detections in parts.header_rows:
        lines.append(f"header_row = {parts.header_rows[parts.detections]}")
    if parts.columns:
        lines.append(f"columns = {_columns(parts.columns)}")
    elif found.format == "wide":
        lines.append("# no column of site ids was recognised: the rows become sites 1, 2, 3 ...")
        lines.append('# columns = { site = "..." }')
    lines.append("")
    if found.format == "wide":
        lines += _wide_lines(found)
    lines += _site_lines(parts, tables, crs)
    if parts.visits:
        lines += [
            "[files.visits]",
            "# one row for each visit made, seen or not: from it come the zeros",
            f"path = {_quoted(parts.visits)}",
            "",
        ]
    lines += _covariate_lines(parts)
    lines += _layer_lines(parts, shown)
    lines += [f"# not used: {name} ({why})" for name, why in parts.unused.items()]
    lines += _model_lines(parts)
    return "\n".join(lines).rstrip() + "\n"


def _species_of(parts: Parts) -> str:
    """The name in detections_OVEN.csv, or the column of detections when it is no usual word."""
    column = parts.columns.get("detection", "")
    if column and column.casefold() not in (*roles.USUAL["detection"], "y"):
        return column
    match = re.search(r"(?:detections?|history|y)[_-]+(\w+)$", Path(parts.detections).stem, re.I)
    return match.group(1) if match else "species"


def _layout_words(found: Guess) -> str:
    return "one column for each visit" if found.format == "wide" else "one row for each visit"


def _how_read(table: Table) -> str:
    if table.workbook:
        return f"sheet {table.sheet}"
    name = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}.get(table.separator, "?")
    return f"values parted by {name}, {table.found.get('encoding', 'text')}"


def _wide_lines(found: Guess) -> list[str]:
    visits: list[VisitColumn] = found.extra["visits"]
    seasons = sorted({v.season for v in visits if v.season is not None})
    told = f"{len(visits)} visits: {listing([v.name for v in visits], 4)}"
    if seasons:
        told = (
            f"{len(seasons)} seasons ({seasons[0]}-{seasons[-1]}), {len(visits)} columns of visits"
        )
    return ["[wide]", f"# {told}", "# visits = [...]        # to name the columns yourself", ""]


def _site_lines(parts: Parts, tables: dict[str, Table], crs: str | None) -> list[str]:
    if not parts.sites:
        return []
    table = tables[parts.sites]
    rest = [c for c in table.names if c not in parts.site_columns.values()]
    lines = ["[files.sites]"]
    if rest:
        lines.append(f"# covariates of the site: {listing(rest, 8)}")
    lines += [f"path = {_quoted(parts.sites)}", f"columns = {_columns(parts.site_columns)}", ""]
    if not any(r in parts.site_columns for r in ("longitude", "easting")):
        return lines
    lines.append("[sites]")
    if crs:
        lines.append(f"crs = {_quoted(crs)}")
    elif parts.metres:
        lines += [
            f"# {parts.metres[0]} and {parts.metres[1]} are metres: which CRS? Whoever made the "
            "table or the map knows it.",
            f'# crs = "EPSG:....."     # {SET_THIS}, for example "EPSG:32632" (UTM zone 32N)',
        ]
    else:
        lines.append('crs = "EPSG:4326"        # degrees: longitude and latitude')
    return [*lines, ""]


def _covariate_lines(parts: Parts) -> list[str]:
    lines: list[str] = []
    for name, (file, column) in parts.covariates.items():
        lines += [f"[covariates.{_key(name)}]", f"path = {_quoted(file)}"]
        lines += [f"column = {_quoted(column)}", '# units = "m"', ""]
    for name, file in parts.visit_covariates.items():
        lines += [
            f"[visit_covariates.{_key(name)}]",
            "# columns named like those of the detections",
            f"path = {_quoted(file)}",
        ]
        lines += [*_drop_lines(name, parts), ""]
    for name in parts.drop:
        if name not in parts.visit_covariates:
            lines += [f"[visit_covariates.{_key(name)}]", *_drop_lines(name, parts), ""]
    return lines


def _drop_lines(name: str, parts: Parts) -> list[str]:
    if name not in parts.drop:
        return []
    return [
        "# missing on some visits that were made; those visits are set aside and counted",
        'missing = "drop visit"',
    ]


def _layer_lines(parts: Parts, shown: dict[str, Path]) -> list[str]:
    lines: list[str] = []
    if parts.regions:
        lines += ["[regions]", f"path = {_quoted(parts.regions)}"]
        fields = _fields(shown[parts.regions])
        names = [f for f in fields if re.search(r"name|region|label|district", f, re.I)] or fields
        if names:
            lines.append(f"name = {_quoted(names[0])}    # its columns: {listing(fields, 8)}")
        lines.append("")
    if parts.surface:
        lines += [
            "[surface]",
            "# cells to predict to; their columns are matched to the covariates by name",
            f"path = {_quoted(parts.surface)}",
            "",
        ]
    return lines


def _fields(path: Path) -> list[str]:
    try:
        import pyogrio

        return [str(f) for f in pyogrio.read_info(path)["fields"]]
    except Exception:  # the layer is read, and its faults told, when the study is
        return []


def _model_lines(parts: Parts) -> list[str]:
    """A first model from the covariates found; to be thought over, and said so."""
    psi = " + ".join(parts.of_sites[:2]) or "1"
    p = " + ".join(parts.of_visits[:2]) or "1"
    found = parts.guess
    seasons = {v.season for v in found.extra.get("visits", [])} if found else set()
    dynamic = len(seasons) > 1
    lines = ["[model]", "# a first model from the covariates found: think it over"]
    lines.append(f"family = {_quoted('dynamic' if dynamic else 'single_season')}")
    lines.append(f"psi = {_quoted(psi)}")
    if dynamic:
        lines += ['gamma = "1"', 'epsilon = "1"']
    lines.append(f"p = {_quoted(p)}")
    return lines
