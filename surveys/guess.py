"""A study file for files as they come: what each table seems to be, with the reasons."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from surveys import cells, field_words, guess_cameras, guess_layers, guess_sheets
from surveys import guess_visit_terms as visit_terms
from surveys.build import SITE_COLUMNS
from surveys.guess_files import files_of
from surveys.guess_lines import quoted
from surveys.guess_open import open_all
from surveys.guess_places import coordinate_columns, metres, places_in_detections
from surveys.guess_refusal import refusal
from surveys.guess_terms import first_terms
from surveys.guess_text import Parts
from surveys.guess_text import text as text_of
from surveys.ledger import Ledger
from surveys.problems import Problem, SurveyError
from surveys.readers import READERS, mark, plugged, reader, roles, station_words
from surveys.readers.deployments import column_of
from surveys.readers.visit_columns import VisitColumn
from surveys.study_file import StudyFile
from surveys.text_table import Table
from surveys.values import as_seasons

SURFACE_NAME = re.compile(r"surface|landscape|predict|grid|cells|newdata", re.I)


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
    files
        Tables (CSV, TSV, XLSX, ODS, Parquet), archives of them, histories (.inp, .pao), layers
        (GPKG, GeoJSON, SHP, FGB) and rasters (TIF), or a folder of any of these.
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
    shown = {_shown(p, home): p for p in files_of(paths, home)}
    ledger = Ledger()
    parts = Parts()
    tables = open_all(shown, parts, ledger)
    ledger.raise_errors()
    sheets = guess_sheets.open_further(tables, shown, ledger)
    _detections(tables, parts)
    _others(tables, shown, parts)
    _name_columns(tables, parts)

    def written(crs: str | None = crs) -> str:
        told = text_of(parts, tables, shown, home, crs=crs, title=title, species=species)
        return guess_sheets.named(told, sheets)

    # Any CRS of metres lets the tables be read, where the user has yet to say which it is.
    trial = crs or ("EPSG:6933" if parts.metres else None)
    seasons = {v.season for v in (parts.guess.extra.get("visits", []) if parts.guess else [])}
    told = [*parts.seasons, *seasons, *_season_words(tables, parts)]
    parts.rasters = guess_layers.rasters(parts.raster_files, told)
    parts.drop = _missing_somewhere(written(trial), home, parts)
    while parts.refused and (ease := getattr(reader(_format(parts)), "ease", None)):
        if not ease(parts.guess, parts.refused):
            break
        parts.drop = _missing_somewhere(written(trial), home, parts)
    if parts.drop:
        _missing_somewhere(written(trial), home, parts)  # reads now, and so tells the covariates
    return written()


def _season_words(tables: dict[str, Table], parts: Parts) -> list[str]:
    """Seasons that stand in a column of the detections."""
    column = parts.columns.get("season")
    return list(pd.unique(tables[parts.detections].text(column))) if column else []


def _shown(path: Path, home: Path) -> str:
    real, base = path.resolve(), home.resolve()
    try:
        return Path(os.path.relpath(real, base)).as_posix()
    except ValueError:  # another drive
        return real.as_posix()


def _detections(tables: dict[str, Table], parts: Parts) -> None:
    others, refused = plugged.find()
    readers = [*map(reader, READERS), *others.values()]
    guesses = [g for each in readers if (g := each.detect(tables)) is not None]
    for other in others.values():
        for why in other.failures:
            parts.notes.append(f'the reader "{other.name}" of {other.by} was not asked: {why}')
    parts.notes += [problem.fact for problem in refused]
    if not guesses:
        raise SurveyError(refusal(tables))
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
    taken = {file for file, _ in guess_cameras.taken_files(parts.guess).values()}
    taken |= {parts.detections, parts.package}
    taken |= set(parts.guess.extra.get("taken", ())) if parts.guess else set()
    for name, path in shown.items():
        if name in taken or name in parts.raster_files or name in parts.unused:
            continue
        if name not in tables and not parts.site_layer:
            column = _site_column(tables[parts.detections], parts)
            placed = guess_layers.table_of_sites(name, path, tables[parts.detections], column)
            if placed is not None:
                tables[name], parts.site_layer = placed[0], placed[1]
                spare.append(name)
                continue
        if name not in tables:
            is_surface = SURFACE_NAME.search(Path(name).stem) or parts.regions
            if is_surface and not parts.surface:
                parts.surface = name
            elif not parts.regions:
                parts.regions = name
            else:
                parts.unused[name] = "a further layer"
            continue
        table = tables[name]
        if mark.is_history(name):
            parts.unused[name] = "further histories: one file of them is read"
        elif why := guess_cameras.idle(parts.guess, table):
            parts.unused[name] = why
        elif visits and set(visits) <= set(table.names) and _is_survey(table, visits, parts):
            parts.unused[name] = "further detections: only one table of them is read"
        elif visits and set(visits) <= set(table.names) and _lacks_ids(table, tables, parts):
            parts.unused[name] = "it has no column of site ids, by which rows are joined: add one"
        elif visits and set(visits) <= set(table.names):
            told = {v for c in visits for v in pd.unique(table.text(c))}
            same = _site_column(table, parts) or ""
            alike = same and told <= {"0", "1", "", "NA"}
            if _species_column(table) or (
                alike and re.search(r"detect|histor", Path(name).stem, re.I)
            ):
                parts.unused[name] = "further detections: only one table of them is read"
            elif alike and _binary(tables[parts.detections], visits):
                parts.unused[name] = (
                    f"0 and 1 at each visit, as in {parts.detections}. Another species or season? "
                    "Join them in one table, with a column species or season"
                )
                if not table.sheet:
                    parts.unused[name] += (
                        ". A covariate? Then write "
                        f"[visit_covariates.{_covariate_name(name)}] path = {quoted(name)}"
                    )
            else:
                parts.visit_covariates[_covariate_name(name)] = name
        elif parts.guess and parts.guess.format == "long" and _is_visits(table, parts):
            parts.visits = name
        elif SURFACE_NAME.search(Path(name).stem) and not parts.surface:
            parts.surface = name
        elif season := _of_seasons(table, tables, parts):
            site = _site_column(table, parts, first=False)
            for column in table.names:
                if column not in (site, season):
                    parts.season_covariates[column] = (name, column, site or "", season)
        elif (site := _site_column(table, parts)) is not None:
            if 2 * len(pd.unique(table.text(site))) < len(table):
                parts.unused[name] = "several rows for each site: no table of sites"
            elif _shares_sites(table, tables, parts):
                spare.append(name)
            else:
                parts.unused[name] = "its ids are none of the sites of the detections"
        elif _is_more(table):
            parts.unused[name] = "further detections: only one table of them is read"
        else:
            parts.unused[name] = "no column of site ids was recognised"
    with_place = [n for n in spare if tables[n].points or coordinate_columns(tables[n])]
    parts.sites = (with_place or spare or [""])[0]
    for name in spare:
        if name == parts.sites:
            continue
        site = _site_column(tables[name], parts)
        if site and tables[name].match("site") is None and site != parts.columns.get("site"):
            parts.covariate_sites[name] = site
        for column in tables[name].names:
            if column != site and column not in parts.covariates:
                parts.covariates[column] = (name, column)


def _of_seasons(table: Table, tables: dict[str, Table], parts: Parts) -> str:
    """The column of seasons of a table with one row for each season, or each site and season."""
    season = next((c for c in table.names if field_words.SEASON.search(c)), "")
    site = _site_column(table, parts, first=False)
    keys = [c for c in (site, season) if c]
    if not season or table.frame[keys].duplicated().any() or len(table.names) == len(keys):
        return ""
    if site is None:
        return season
    again = table.frame[site].duplicated().any()
    return season if again and _shares_sites(table, tables, parts) else ""


def _lacks_ids(table: Table, tables: dict[str, Table], parts: Parts) -> bool:
    """Whether a table cannot be joined with detections that do tell their sites."""
    ours = _site_column(tables[parts.detections], parts)
    return ours is not None and _site_column(table, parts) is None


def _binary(table: Table, visits: list[str]) -> bool:
    """Whether the columns of visits hold 0 and 1 alone."""
    told = {v for c in visits for v in pd.unique(table.text(c))}
    return told <= {"0", "1", "", "NA"}


def _is_more(table: Table) -> bool:
    """Whether a table that is not used would be read as detections if it were alone."""
    alone = {table.file: table}
    return any(reader(name).detect(alone) is not None for name in ("wide", "long"))


def _is_survey(table: Table, visits: list[str], parts: Parts) -> bool:
    """Whether a table with a column for each visit has others too: a survey of its own."""
    own = {_site_column(table, parts), *visits}
    seasons = {c for c in table.names if field_words.SEASON.search(c)}
    return bool(set(table.names) - own - seasons)


def _is_visits(table: Table, parts: Parts) -> bool:
    told = ("date", "datetime", "visit", "effort")
    has = {r for r in told for n in field_words.names_of(r, roles.USUAL) if table.match(n)}
    site = _site_column(table, parts)
    if site is None or not has:
        return False
    results = ("count", "detection")
    response = any(table.match(n) for r in results for n in field_words.names_of(r, roles.USUAL))
    return not response and not _species_column(table)


def _roles_of_visits(table: Table, parts: Parts) -> dict[str, str]:
    """Columns of a table of visits whose roles no reader would find by their names."""
    site = _site_column(table, parts)
    found = {"site": site} if site and table.match("site") is None else {}
    for role in ("season", "visit", "date", "observer", "effort"):
        if any(table.match(n) for n in roles.USUAL[role]):
            continue
        column = next((c for n in field_words.LONG[role] if (c := table.match(n))), None)
        if column is not None:
            found[role] = column
    return found


def _covariate_name(file: str) -> str:
    stem = Path(file).stem
    if re.search(r"(?:^|_)effort(?:_|$)", stem, re.I):
        return "effort"
    bare = re.sub(
        r"^(visit|visits|obs|survey|det|y)[_ .-]+|[_ .-]+(visit|visits)$", "", stem, flags=re.I
    )
    return re.sub(r"\W+", "_", bare or stem)


def _species_column(table: Table) -> str | None:
    return next((c for c in table.names if field_words.SPECIES.search(c)), None)


def _site_column(table: Table, parts: Parts, *, first: bool = True) -> str | None:
    """The column of site ids: named so, or the first column when its values are ids."""
    known = parts.columns.get("site") or "site"
    if table.match(known):
        return table.match(known)
    named = next((c for c in table.names if field_words.SITE.search(c)), None)
    if named or not first or not table.names:
        return named
    column = table.names[0]
    values = table.text(column)
    ids = all(re.fullmatch(r"[0-9]+", v) or not re.fullmatch(r"[-+.,0-9eE]+", v) for v in values)
    unique = len(pd.unique(values)) == len(values)
    return column if ids and unique and column not in _visit_names(parts) else None


def _shares_sites(table: Table, tables: dict[str, Table], parts: Parts) -> bool:
    """Whether some id of the table is a site of the detections; rows without ids are not asked."""
    detections = tables[parts.detections]
    told = parts.guess.extra.get("site") if parts.guess else None
    ours, theirs = told or _site_column(detections, parts), _site_column(table, parts)
    places = guess_cameras.taken_files(parts.guess).get("deployments")
    if places is not None:
        detections = tables[places[0]]
        ours = column_of(detections, "site", Ledger())
    samples = guess_cameras.taken_files(parts.guess).get("samples")
    if samples is not None:
        detections, ours = tables[samples[0]], samples[1].get("site")
    if ours is None or theirs is None:
        # rows without ids become sites 1, 2, 3 ..., and no table can be joined with them
        return parts.guess is None or parts.guess.format not in ("wide", "long")
    quiet = Ledger()
    known = {v.casefold() for v in cells.ids(detections, ours, quiet)}
    return any(v.casefold() in known for v in cells.ids(table, theirs, quiet) if v)


def _name_columns(tables: dict[str, Table], parts: Parts) -> None:
    table = tables[parts.detections]
    if parts.guess and parts.guess.format == "wide":
        site = _site_column(table, parts)
        parts.columns = {"site": site} if site else {}
        species = _species_column(table)
        if species and species not in _visit_names(parts) and species != site:
            parts.columns["species"] = species
        visit_terms.settle(table, parts)
        season = next((c for c in table.names if field_words.SEASON.search(c)), None)
        if season and len(pd.unique(table.text(parts.columns.get("site", season)))) < len(table):
            parts.columns["season"] = season
    if parts.guess and parts.guess.format in ("wide", "long") and not parts.sites:
        own = places_in_detections(table, parts.columns.get("site", ""), _visit_names(parts))
        parts.columns |= own
        parts.site_columns, parts.metres = own, metres(table, own)
    places = guess_cameras.taken_files(parts.guess).get("deployments")
    parts.seasons = list(guess_cameras.seasons_of(parts.guess, tables))
    if places is not None and not parts.sites:
        table = tables[places[0]]
        parts.site_columns = coordinate_columns(table) or station_words.places_of(table)
        parts.metres = metres(table, parts.site_columns)
    if parts.visits:
        parts.visit_columns = _roles_of_visits(tables[parts.visits], parts)
    if parts.sites:
        place = tables[parts.sites]
        site = parts.site_layer if place.points else _site_column(place, parts)
        parts.site_columns = {"site": site} if site else {}
        parts.site_columns |= {} if place.points else coordinate_columns(place)
        region = place.match("region")
        if region:
            parts.site_columns["region"] = region
        parts.metres = metres(place, parts.site_columns)


def _format(parts: Parts) -> str:
    return parts.guess.format if parts.guess else "long"


def _missing_somewhere(text: str, home: Path, parts: Parts) -> list[str]:
    """Visit covariates that are missing on visits made: found by reading as the text says."""
    from surveys.readers.into_dataset import tables

    study = StudyFile(home / "study.toml", tomllib.loads(text), "")
    parts.refused = ()
    extra = parts.guess.extra if parts.guess else {}
    if extra.get("large"):
        return []  # a first look may not take hours
    try:
        tidy = tables(study, Ledger())
        if len(tidy.seasons) > 1:
            parts.seasons = as_seasons(tidy.seasons).tolist()
        first_terms(tidy, parts, (*SITE_COLUMNS, *extra.get("not_in_models", ())))
    except SurveyError as error:
        parts.refused = error.codes
        facts = [p.fact for p in error.problems if p.code == "E552"]
        found = []
        for fact in facts:
            match = re.search(r': "(.+)" is missing on|column (.+): missing on', fact)
            if match:
                found.append(match.group(1) or match.group(2))
        return found
    return []
