"""The study file of cameras: which tables a format takes, and the lines that make its visits."""

from __future__ import annotations

import json
from pathlib import Path

from surveys.guess_lines import columns_line, quoted
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers import megadetector, megadetector_results, reader, sections
from surveys.readers.deployments import column_of
from surveys.readers.failures import problem_columns
from surveys.readers.tidy import Guess
from surveys.text_table import Table, TableSpec
from surveys.unpack import read_bytes
from surveys.values import as_seasons, natural

# What the key "type" says of a layer.
GEOJSON = ("FeatureCollection", "Feature", "GeometryCollection", "Topology")
GEOJSON += ("Point", "MultiPoint", "Polygon", "MultiPolygon", "LineString", "MultiLineString")
FAILURES = (
    "it tells when cameras failed: write that beside the stations, as Problem1_from, Problem1_to"
)
PACKAGES = ("camtrapdp", "wildlife_insights")


def json_kind(path: Path) -> str:
    """What a JSON file is: "megadetector", "package", "other"; "" for a layer."""
    try:
        head = read_bytes(path)[: 1 << 26]
        told = json.loads(head.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return ""
    if megadetector_results.is_results(told):
        return "megadetector"
    if not isinstance(told, dict):
        return "other"
    if isinstance(told.get("resources"), list):
        return "package"
    return "" if told.get("type") in GEOJSON else "other"


def results_table(path: Path, name: str, ledger: Ledger) -> Table | None:
    """Results of MegaDetector as a table that readers can look at."""
    return megadetector.table_of(TableSpec(path, name), ledger)


def is_cameras(guess: Guess | None) -> bool:
    """Whether a guess is of a format of cameras."""
    return guess is not None and "cameras" in sections(reader(guess.format))


def taken_files(guess: Guess | None) -> dict[str, tuple[str, dict[str, str]]]:
    """Section -> (file, columns) of the tables that the format takes beside the records."""
    return guess.extra.get("files", {}) if guess is not None else {}


def idle(guess: Guess | None, table: Table) -> str:
    """Why a table is not needed beside those that the format takes; "" where it may be."""
    if guess is None:
        return ""
    if why := guess.extra.get("idle", {}).get(table.spec.shown):
        return str(why)
    if guess.format not in PACKAGES:
        return FAILURES if problem_columns(table) else ""
    of_package = {"deploymentID", "mediaID", "project_id", "camera_id"} & set(table.names)
    return "effort and records are known without it" if of_package else ""


def lines(guess: Guess, tables: dict[str, Table], package: str) -> list[str]:
    """Sections of the deployments, of time, occasions and seasons, with what they mean."""
    out: list[str] = []
    if package:
        out += ["[files.package]", f"path = {quoted(package)}", ""]
    for section, (file, columns) in taken_files(guess).items():
        out.append(f"[files.{section}]")
        if section == "deployments":
            out.append("# one row for each camera and stay: from it comes the effort")
        out.append(f"path = {quoted(file)}")
        if columns:
            out.append(f"columns = {columns_line(columns)}")
        out.append("")
    out += _time_lines(guess)
    out += [
        "[occasions]",
        "# visits are made of the time that cameras worked",
        "length_days = 7",
        'start = "survey"         # or "site": from the first day of each; or a date',
        "# min_effort_days = 1.0  # occasions with less effort are no visits",
        "",
        "[cameras]",
        'combine = "union"        # of cameras at one site: "sum" where each watches its own place',
        "# independence_minutes = 60   # records closer in time count as one (counts only)",
        "",
    ]
    if (number := guess.extra.get("site_folder", 1)) != 1 and "site" not in guess.columns:
        out += [f"[{guess.format}]", f"site_folder = {number}          # folder that is the site"]
        out.append("")
    seasons = seasons_of(guess, tables)
    if seasons:
        out += [
            "[seasons]",
            f"# {len(seasons)} seasons in the table of deployments: {listing(seasons, 6)}",
            'by = "column"            # or "year"',
            "",
        ]
    return out


def _time_lines(guess: Guess) -> list[str]:
    out = ["[time]"]
    if guess.format != "camtrapdp":
        ends = "whole" if guess.format == "wildlife_insights" else "half"
        told = "counts whole" if ends == "whole" else "is from noon, or to noon"
        out.append(f'ends_without_time = "{ends}"   # a first or last day without time {told}')
    else:
        out.append("# each camera keeps the offset of its deploymentStart")
    return [
        *out,
        'day_starts = "00:00"     # "12:00": a night is one day',
        '# zone = "UTC+01:00"     # of the camera clocks; cameras seldom follow summer time',
        "",
    ]


def seasons_of(guess: Guess | None, tables: dict[str, Table]) -> list[str | int]:
    """Seasons that the table of deployments tells, where there are several."""
    if guess is None or "deployments" not in taken_files(guess) or guess.format in PACKAGES:
        return []
    table = tables[taken_files(guess)["deployments"][0]]
    column = column_of(table, "season", Ledger())
    found = sorted({s for s in table.text(column) if s}, key=natural) if column else []
    return as_seasons(found).tolist() if len(found) > 1 else []
