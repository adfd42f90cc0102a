"""The text of a study file, commented, from what was recognised in the files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from surveys import guess_cameras, guess_layers
from surveys.guess_lines import columns_line, key, path_line, quoted
from surveys.problems import listing
from surveys.readers import reader, roles, species_columns
from surveys.readers.tidy import Guess
from surveys.readers.visit_columns import VisitColumn
from surveys.text_table import Table
from surveys.unpack import archive_of
from surveys.values import natural

SET_THIS = "<-- SET THIS"


@dataclass
class Parts:
    """What was recognised so far."""

    detections: str = ""
    guess: Guess | None = None
    columns: dict[str, str] = field(default_factory=dict)
    sites: str = ""
    site_columns: dict[str, str] = field(default_factory=dict)
    visits: str = ""
    visit_columns: dict[str, str] = field(default_factory=dict)  # of that table, by their role
    covariate_sites: dict[str, str] = field(default_factory=dict)  # file -> its column of ids
    covariates: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> file, column
    # name -> file, column, columns of sites ("": none) and seasons
    season_covariates: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    visit_covariates: dict[str, str] = field(default_factory=dict)  # name -> file
    regions: str = ""
    surface: str = ""
    one_visit: str = ""  # of every site: "time" where it tells times to detection, else "alone"
    one_species: str = ""  # of the first model, where not all were looked for in its season
    n_looked_for: tuple[int, int] = (0, 0)  # so many of so many species
    site_layer: str = ""  # the column of ids, where the sites are a map layer
    raster_files: list[str] = field(default_factory=list)
    rasters: guess_layers.Rasters = field(default_factory=guess_layers.Rasters)
    package: str = ""  # datapackage.json
    seasons: list[str | int] = field(default_factory=list)  # told by a table of deployments
    notes: list[str] = field(default_factory=list)  # on readers that could not be asked
    renamed: dict[str, str] = field(default_factory=dict)  # covariate of visits -> columns' start
    of_no_visit: list[str] = field(default_factory=list)  # columns that only look so
    unused: dict[str, str] = field(default_factory=dict)  # file -> why
    header_rows: dict[str, int] = field(default_factory=dict)
    metres: tuple[str, str] | None = None
    drop: list[str] = field(default_factory=list)  # visit covariates missing on visits made
    refused: tuple[str, ...] = ()  # codes of the errors when it was read for trial
    of_sites: list[str] = field(default_factory=list)  # covariates that a formula can name
    of_visits: list[str] = field(default_factory=list)


def text(
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
        f"title = {quoted(title or home.name.replace('_', ' '))}",
    ]
    cameras = guess_cameras.is_cameras(found)
    own_lines = getattr(reader(found.format), "study_lines", None)
    by_species = found.extra.get("species_columns")
    of_one = found.format in ("wide", "long") and "species" not in parts.columns
    of_one = of_one and not by_species
    if species or of_one:
        lines.append(f"species = {quoted(species or _species_of(parts))}")
    outside = sorted(
        {Path(n).parent.as_posix() for n in shown if n.startswith("..") or Path(n).is_absolute()}
    )
    if outside:
        told = ", ".join(quoted(f) for f in outside)
        lines += ["# folders outside this one that may be read", f"folders = [{told}]"]
    lines += [
        '# region = "CH"          # country of the sites: their coordinates are checked against it',
        "",
        "[source]",
        f"# {found.why}: {_layout_words(found)}",
        f"format = {quoted(found.format)}",
        "",
        f"[{found.extra.get('section', 'files.detections')}]",
        f"# {table.found.get('look') or f'{_rows_in(table)}; {_how_read(table)}'}",
        f"path = {path_line(found.extra.get('path', parts.detections))}",
    ]
    lines += _header_lines(parts, parts.detections)
    if parts.columns:
        lines.append(f"columns = {columns_line(parts.columns)}")
    if by_species:
        lines += [
            "# each of these columns seems to be a species; one that is none (rain, night) belongs "
            "out of the list",
            f"species_columns = [{', '.join(map(quoted, by_species))}]",
        ]
    if not parts.columns and found.format == "wide":
        lines.append("# no column of site ids was recognised: the rows become sites 1, 2, 3 ...")
        lines.append('# columns = { site = "..." }')
    lines.append("")
    if alike := found.extra.get("alike"):
        several = "hold" if len(alike) > 1 else "holds"
        lines[-1:] = [
            f"# {listing(alike, 6)} {several} 0 and 1 too: covariates of visits here. Species?",
            "# Then write a row for each visit and species, with columns species and detection.",
            "",
        ]
    if found.format == "wide":
        lines += _wide_lines(found)
    if found.format == "mark":
        lines += _mark_lines(found)
    if cameras:
        lines += guess_cameras.lines(found, tables, parts.package)
    elif own_lines is not None:
        for section, (file, columns) in guess_cameras.taken_files(found).items():
            several = found.extra.get("several", {}).get(section, file)
            lines += [f"[files.{section}]", f"path = {path_line(several)}"]
            lines += [f"columns = {columns_line(columns)}", ""] if columns else [""]
        lines += own_lines(found, tables)
    lines += _site_lines(parts, tables, crs)
    if parts.visits:
        lines += [
            "[files.visits]",
            "# one row for each visit made, seen or not: from it come the zeros",
            f"path = {quoted(parts.visits)}",
            *_header_lines(parts, parts.visits),
            *([f"columns = {columns_line(parts.visit_columns)}"] if parts.visit_columns else []),
            "",
        ]
    lines += _covariate_lines(parts)
    lines += guess_layers.lines(parts.rasters, shown)
    lines += _layer_lines(parts, shown)
    lines += [f"# not used: {name} ({why})" for name, why in parts.unused.items()]
    lines += [f"# {note}" for note in parts.notes]
    lines += _model_lines(parts, shown)
    notes = (" ".join(x.splitlines()) if x.startswith("#") else x for x in lines)
    return "\n".join(notes).rstrip() + "\n"


def _header_lines(parts: Parts, file: str) -> list[str]:
    """Where the names of a table's columns stand, if not in its first row."""
    row = parts.header_rows.get(file)
    if row is None:
        return []
    return [f"header_row = {row}" if row else "header = false    # row 1 holds values"]


def _species_of(parts: Parts) -> str:
    """The name in detections_OVEN.csv, or the column of detections when it is no usual word."""
    column = parts.columns.get("detection", "")
    usual = column.casefold() in roles.USUAL["detection"]
    if column and not usual and not species_columns.OF_ONE.fullmatch(column):
        return column
    match = re.match(r"(\w+?)__detection_history", Path(parts.detections).stem)  # of camtrapR
    if match is not None:
        return match.group(1)
    match = re.search(r"(?:detections?|history|y)[_-]+(\w+)$", Path(parts.detections).stem, re.I)
    return match.group(1) if match else "species"


def _layout_words(found: Guess) -> str:
    if guess_cameras.is_cameras(found):
        return "the time that cameras worked, and their records"
    told = {
        "wide": "one column for each visit",
        "long": "one row for each visit",
        "mark": "a line for each site, or for several that are alike",
    }
    return told.get(found.format) or getattr(reader(found.format), "LAYOUT", found.format)


def _rows_in(table: Table) -> str:
    if table.found.get("mark"):
        return f"{table.found['rows']} lines"
    if archive_of(table.spec.path)[1]:
        return f"{len(table)} rows"
    if table.spec.path.is_file() and table.spec.path.name == Path(table.file).name:
        return f"{len(table)} rows"
    return f"a folder of tables; the first that holds anything has {len(table)} rows"


def _how_read(table: Table) -> str:
    if table.found.get("mark"):
        return "each a history"
    if table.types:
        return "typed columns"
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
    if listed := found.extra.get("listed"):
        columns = ", ".join(quoted(v.name) for v in visits)
        return ["[wide]", f"# {told}: {listed}", f"visits = [{columns}]", ""]
    return ["[wide]", f"# {told}", "# visits = [...]        # to name the columns yourself", ""]


def _mark_lines(found: Guess) -> list[str]:
    lines = ["[mark]"]
    if found.extra["lines"]:
        lines += [
            "# by the look of the numbers behind the histories: name them",
            *found.extra["lines"],
        ]
    seasons = {v.season for v in found.extra["visits"]}
    if len(seasons) == 1:
        n = len(found.extra["visits"])
        lines.append(f"# seasons = [{n}]      # visits of each season, where several are joined")
    lines.append(
        "# years = [...]        # whole numbers of the seasons, where they are not 1, 2, 3"
    )
    lines.append('# states = ["1", "2"]  # signs of the histories that are states')
    return [*lines, ""]


def _site_lines(parts: Parts, tables: dict[str, Table], crs: str | None) -> list[str]:
    if not parts.sites:
        own = {"position", "zone"} & set(parts.site_columns) and not parts.metres
        return _crs_lines(parts, crs) if parts.site_columns and not own else []
    table = tables[parts.sites]
    no_covariates = {*parts.site_columns.values(), *(table.points or ())}
    rest = [c for c in table.names if c not in no_covariates]
    lines = ["[files.sites]"]
    if rest:
        lines.append(f"# covariates of the site: {listing(rest, 8)}")
    lines += [f"path = {quoted(parts.sites)}", *_header_lines(parts, parts.sites)]
    lines += [f"columns = {columns_line(parts.site_columns)}", ""]
    placed = any(r in parts.site_columns for r in ("longitude", "easting")) or parts.metres
    if not placed or "zone" in parts.site_columns:
        return lines  # no places, or those that tell their own CRS, as layers do
    return [*lines, *_crs_lines(parts, crs)]


def _crs_lines(parts: Parts, crs: str | None) -> list[str]:
    lines = ["[sites]"]
    if crs:
        lines.append(f"crs = {quoted(crs)}")
    elif parts.metres and not (parts.raster_files or parts.regions or parts.surface):
        lines += [
            f"# {' and '.join(dict.fromkeys(parts.metres))}: metres. Which CRS? Whoever made the "
            "table or the map knows it.",
            "# Models need no places; maps, distances and rasters do.",
            f'crs = "unknown"          # {SET_THIS}, for example "EPSG:32632" (UTM zone 32N)',
        ]
    elif parts.metres:
        lines += [
            f"# {' and '.join(dict.fromkeys(parts.metres))}: metres. Which CRS? Whoever made the "
            "table or the map knows it.",
            f'# crs = "EPSG:....."     # {SET_THIS}, for example "EPSG:32632" (UTM zone 32N)',
        ]
    else:
        lines.append('crs = "EPSG:4326"        # degrees: longitude and latitude')
    return [*lines, ""]


def _covariate_lines(parts: Parts) -> list[str]:
    lines: list[str] = []
    for name, (file, column) in parts.covariates.items():
        lines += [f"[covariates.{key(name)}]", f"path = {quoted(file)}"]
        lines += _header_lines(parts, file)
        if file in parts.covariate_sites:
            lines.append(f"site = {quoted(parts.covariate_sites[file])}")
        lines += [f"column = {quoted(column)}", '# units = "..."', ""]
    for name, (file, column, site, season) in parts.season_covariates.items():
        lines += [f"[season_covariates.{key(name)}]", f"path = {quoted(file)}"]
        lines += _header_lines(parts, file)
        lines += [f"column = {quoted(column)}", f"season = {quoted(season)}"]
        lines += [f"site = {quoted(site)}", ""] if site else [""]
    for name, file in parts.visit_covariates.items():
        lines += [
            f"[visit_covariates.{key(name)}]",
            "# columns named like those of the detections",
            f"path = {quoted(file)}",
            *_header_lines(parts, file),
        ]
        lines += [*_drop_lines(name, parts), ""]
    for name, start in parts.renamed.items():
        lines += [f"[visit_covariates.{key(name)}]"]
        lines += [f"# {start} has a meaning of its own", f"column = {quoted(start)}"]
        lines += [*_drop_lines(name, parts), ""]
    for name in parts.of_no_visit:
        lines += [f"[covariates.{key(name)}]"]
        lines += ["# a number at its end, and no column for each visit: of the site?"]
        lines += [f"column = {quoted(name)}", ""]
    for name in parts.drop:
        if name in parts.renamed:
            continue
        if name not in parts.visit_covariates:
            lines += [f"[visit_covariates.{key(name)}]", *_drop_lines(name, parts), ""]
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
        lines += ["[regions]", f"path = {quoted(parts.regions)}"]
        fields = _fields(shown[parts.regions])
        names = [f for f in fields if re.search(r"name|region|label|district", f, re.I)] or fields
        if names:
            lines.append(f"name = {quoted(names[0])}    # its columns: {listing(fields, 8)}")
        lines.append("")
    if parts.surface:
        lines += [
            "[surface]",
            "# cells to predict to; their columns are matched to the covariates by name",
            f"path = {quoted(parts.surface)}",
            "",
        ]
    elif parts.regions and parts.rasters.plain:
        lines += guess_layers.surface_lines(shown[parts.regions])
    return lines


def _fields(path: Path) -> list[str]:
    try:
        import pyogrio

        return [str(f) for f in pyogrio.read_info(path)["fields"]]
    except Exception:  # the layer is read, and its faults told, when the study is
        return []


def _model_lines(parts: Parts, shown: dict[str, Path]) -> list[str]:
    """A first model from the covariates found; to be thought over, and said so."""
    terms = parts.of_sites
    if parts.rasters.plain:  # of rasters alone, so that the map of them can be drawn
        terms = [
            f"scale({name})" if guess_layers.is_numbers(shown[file]) else name
            for name, file in parts.rasters.plain.items()
        ]
    psi = " + ".join(terms[:2]) or "1"
    p = " + ".join(parts.of_visits[:2]) or "1"
    found = parts.guess
    seasons = {v.season for v in found.extra.get("visits", [])} if found else set()
    seasons = (seasons | set(parts.seasons)) - {None}
    lines = ["[model.main]", "# a first model from the covariates found: think it over"]
    states = found is not None and bool(found.extra.get("states"))
    timed = parts.one_visit == "time" and not states
    if timed:
        lines.append(
            "# one visit to each site: the time to the first detection tells what a second would"
        )
    elif parts.one_visit and not states:
        lines.append(
            "# one visit to each site cannot tell absence from a miss: psi is then psi times p"
        )
    family = "multi_state" if states else "time_to_detection" if timed else "single_season"
    lines.append(f'family = "{family}"')
    if len(seasons) > 1:
        last = max(seasons, key=lambda s: (not isinstance(s, int), natural(str(s))))
        told = last if isinstance(last, int) else quoted(str(last))
        lines.append(f"season = {told}        # one season at a time; here the last")
    if parts.one_species:
        some, of = parts.n_looked_for
        lines += [
            f"# {some} of {of} species were looked for in that season; here the one of most visits",
            f"species = {quoted(parts.one_species)}",
        ]
    if not states:
        lines += [f"psi = {quoted(psi)}", f"{'rate' if timed else 'p'} = {quoted(p)}"]
    return lines
