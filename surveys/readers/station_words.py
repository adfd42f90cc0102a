"""Tables of cameras under their owner's names: which column tells the station, the days, the name.

Only for a first look: what is found is written into the study file, where it can be corrected.
A column is taken by the words of its name and by what its cells hold, so that "Fecha_retiro" or
"Trap Station Session End Date" is the end of a deployment, and "Notes end" is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

import numpy as np

from surveys import cells, dates
from surveys.ledger import Ledger
from surveys.readers import roles
from surveys.readers.deployments import column_of
from surveys.text_table import Table

START = frozenset(
    {
        *("setup", "set", "start", "begin", "began", "deploy", "deployed", "deployment", "placed"),
        *("install", "installed", "installation", "from", "first"),
        *("colocacion", "instalacion", "inicio", "inicial", "puesta", "instalacao"),
        *("debut", "pose", "installe", "aufbau", "beginn"),
    }
)
END = frozenset(
    {
        *("retrieval", "retrieved", "retrieve", "end", "ended", "stop", "removed", "removal"),
        *("remove", "pickup", "collected", "collection", "recovered", "recovery", "takedown"),
        *("to", "last", "until"),
        *("retiro", "retirada", "recogida", "fin", "final", "fim"),
        *("retrait", "abbau", "ende"),
    }
)
NO_ENDS = frozenset(
    {
        *("problem", "malf", "malfunction", "failure", "fail", "photo", "image", "picture"),
        *("battery", "visit", "visits", "visited", "survey", "surveyed", "seen", "sampled"),
        *("checked", "record", "recorded", "observation", "observed"),
    }
)
STATIONS = re.compile(r"station|estacion|estacao|placename|\bcamera trap( name| id)?$")
SITES = re.compile(r"site|locat|plot|point|punto|sitio|deployment|deploy id|trap|standort|lieu")
CAMERAS = re.compile(r"^(camera|camara|kamera|cam|ct)( ?(id|name|nr|no|code))?$")
NO_IDS = re.compile(
    r"date|time|lat|lon|utm|coord|photo|image|file|path|type|note|comment|sublocation"
)
SPECIES = (
    re.compile(r"^(scientific name|species name|species|especie|espece|art|especies)$"),
    re.compile(r"scientific|species|taxon|especie|espece"),
    re.compile(r"^(common name|animal|nombre comun|vernacular name)$"),
)
LABELS = re.compile(r"^(label|prediction|class|classification|tags?|keywords?)$")
MOMENTS = re.compile(r"date ?time|time ?stamp|begin|start|capture|photo|date|fecha|datum|time|hora")
COUNTS = re.compile(
    r"^(count|counts|number|group size|quantity|individuals|sighting quantity|cantidad|anzahl|"
    r"(number|no|n) (of )?(animals|individuals|objects)|n individuals|.*\bcount( max)?)$"
)
_DAY = re.compile(
    r"\d{4}[-/.:]\d{1,2}[-/.:]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
    r"|\d{1,2}[- .][^\W\d]{3,9}[- .]\d"
)
_HOUR = re.compile(r"\d{1,2}[:h]\d{2}")
_OF_A_CAMERA = re.compile(r"camera|deploy|session|trap|station|setup|set up|retriev")
_ENOUGH = 0.8  # of the cells that hold something

Columns = dict[str, str]


def words(name: str) -> str:
    """The words of a column's name, small, without accents and signs: "Fecha_Retiro" too."""
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    return " ".join(re.findall(r"[a-z]+|\d+", plain.casefold()))


def _share(table: Table, column: str, holds: Callable[[str], object]) -> float:
    """The share of the cells of a column, of those that are not missing, that hold something."""
    told = [v for v in table.text(column)[:2000] if not cells.is_missing(v, cells.MISSING_WORD)]
    return sum(bool(holds(v)) for v in told) / len(told) if told else 0.0


def _days(table: Table, column: str) -> bool:
    """Whether a column holds days, with or without a time of day."""
    return _share(table, column, _DAY.match) >= _ENOUGH


def stations_of(table: Table) -> Columns | None:
    """The columns of a table of stations: start and end, a camera; None where it is none.

    The site is not among them, unless it is called as usual: the records tell which column it is.
    """
    if species_of(table) is not None:
        return None
    return ends_of(table)


def ends_of(table: Table, of: re.Pattern[str] | None = None) -> Columns | None:
    """First and last day of each camera, and the camera; `of`: what their names must hold."""
    quiet = Ledger()
    found: Columns = {}
    dated = [c for c in table.names if _days(table, c)]
    for role, told in (("start", START), ("end", END)):
        usual = column_of(table, role, quiet)
        if usual in dated and of is None:
            found[role] = str(usual)
            continue
        for column in dated:
            mine = set(words(column).split())
            if not mine & told or mine & NO_ENDS or column in found.values():
                continue
            if of is None or of.search(words(column)):
                found[role] = column
                break
    if not found and of is None and len(dated) == 2:
        found = _by_order(table, dated)
    if set(found) != {"start", "end"} or _are_visits(table, found):
        return None
    camera = column_of(table, "camera", quiet)
    camera = camera or next((c for c in table.names if CAMERAS.match(words(c))), None)
    return found | ({"camera": camera} if camera else {}) | unusual_places(table)


def _are_visits(table: Table, ends: Columns) -> bool:
    """Stays of minutes or hours are those of people who looked, and of no camera."""
    quiet, pair = Ledger(), [ends["start"], ends["end"]]
    start, end = (dates.dates(table, c, quiet, beside=pair, offsets=True) for c in pair)
    known = ~np.isnat(start) & ~np.isnat(end) & (end > start)
    if quiet.of_level("error") or not known.any():
        return False
    return bool(np.median((end - start)[known]) < np.timedelta64(12, "h"))


def sure_of(records: Table, stations: Columns, columns: Columns) -> float:
    """How sure it is that a table of stations is of cameras, against visits that people made."""
    named = set(words(stations["start"]).split()) & START
    seen = {v for r in ("count", "detection") if r in columns for v in records.text(columns[r])}
    seen |= {v for c in records.names if c.casefold() == "detection" for v in records.text(c)}
    return 0.8 if named and "0" not in seen else 0.5


def _by_order(table: Table, pair: list[str]) -> Columns:
    """Two columns of days of which one is never before the other: "date out" and "date in"."""
    quiet = Ledger()
    one, other = (dates.dates(table, c, quiet, beside=pair) for c in pair)
    known = ~np.isnat(one) & ~np.isnat(other)
    if quiet.of_level("error") or not known.any() or (one[known] == other[known]).all():
        return {}
    for first, last, columns in ((one, other, pair), (other, one, pair[::-1])):
        if (first[known] <= last[known]).all():
            return dict(zip(("start", "end"), columns, strict=True))
    return {}


def species_of(table: Table) -> str | None:
    """The column of names of animals."""
    for pattern in SPECIES:
        for column in table.names:
            if pattern.search(words(column)) and _share(table, column, _is_name) >= _ENOUGH:
                return column
    return None


def _is_name(text: str) -> bool:
    return bool(re.search(r"[^\W\d_]", text)) and not _DAY.match(text)


def moment_of(table: Table, but: Iterable[str] = ()) -> Columns | None:
    """The time of each record: one column, or one of days and one of times of day."""
    taken = set(but)
    open_ = [c for c in table.names if c not in taken and MOMENTS.search(words(c))]
    days = [c for c in open_ if _days(table, c)]
    full = [c for c in days if _share(table, c, lambda v: _HOUR.search(v)) >= _ENOUGH]
    if full:
        return {"datetime": min(full, key=lambda c: _rank_of_moment(c))}
    hours = [c for c in open_ if c not in days and _share(table, c, _HOUR.match) >= _ENOUGH]
    if days and hours:
        return {"date": days[0], "time": hours[0]}
    return {"datetime": days[0]} if days else None


def _rank_of_moment(column: str) -> int:
    """The first of two times is when the animal came; others are when somebody wrote it down."""
    name = words(column)
    for rank, word in enumerate(
        ("original", "date time", "datetime", "timestamp", "begin", "start")
    ):
        if word in name:
            return rank
    return 9 if re.search(r"end|classif|upload|creat|modif|edit", name) else 8


def site_of(stations: Table, records: Table, but: Iterable[str] = ()) -> tuple[str, str] | None:
    """The columns of both tables that hold the ids of the places: the finest that they share."""
    taken = set(but)
    best: tuple[tuple[int, int, bool], tuple[str, str]] | None = None
    for kind, pattern in enumerate((STATIONS, SITES, CAMERAS)):
        pairs = [
            (one, other)
            for one in stations.names
            for other in records.names
            if one not in taken and pattern.search(words(one)) and not NO_IDS.search(words(one))
            if not NO_IDS.search(words(other)) and _alike(one, other, pattern)
        ]
        for one, other in pairs:
            known = {v.casefold() for v in stations.text(one) if v}
            asked = {v.casefold() for v in records.text(other) if v}
            if not known or not asked or 2 * len(asked & known) < len(asked):
                continue
            worth = (-kind, len(known), words(one) == words(other))
            if best is None or worth > best[0]:
                best = worth, (one, other)
        if best is not None:
            return best[1]
    return None


def _alike(one: str, other: str, pattern: re.Pattern[str]) -> bool:
    return words(one) == words(other) or bool(pattern.search(words(other)))


def places_of(table: Table) -> Columns:
    """Columns of degrees, by a word of their names: "Trap Station Longitude", "lon_wgs84"."""
    found: dict[str, dict[str, str]] = {"longitude": {}, "latitude": {}}
    for role, pattern in (
        ("longitude", r"\b(longitude|long?)\b"),
        ("latitude", r"\b(latitude|lat)\b"),
    ):
        for column in table.names:
            rest, n = re.subn(pattern, "", words(column))
            if n and _share(table, column, _is_degree) >= _ENOUGH:
                found[role].setdefault(rest, column)
    for rest, column in found["longitude"].items():
        if rest in found["latitude"]:
            return {"longitude": column, "latitude": found["latitude"][rest]}
    return {}


def unusual_places(table: Table) -> Columns:
    """Columns of degrees that the readers would not find by themselves."""
    usual = [any(map(table.match_but_unit, roles.USUAL[r])) for r in ("longitude", "easting")]
    return {} if any(usual) else places_of(table)


def _is_degree(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d{1,3}[.,]\d+", text))


def sites_in(table: Table) -> list[str]:
    """Columns that may hold the ids of stations, those called as usual first."""
    usual = column_of(table, "site", Ledger())
    found = [usual] if usual else []
    for pattern in (STATIONS, SITES, CAMERAS):
        found += [
            c for c in table.names if pattern.search(words(c)) and not NO_IDS.search(words(c))
        ]
    return list(dict.fromkeys(found))


def records_of(table: Table, but: Iterable[str] = (), *, labels: bool = False) -> Columns | None:
    """The columns of a table of records but for the site: species, time, and count.

    `labels`: whether what a program calls a label or a prediction is a name, too.
    """
    species, moment = species_of(table), moment_of(table, but)
    if species is None and labels:
        species = next((c for c in table.names if LABELS.match(words(c))), None)
    if species is None or moment is None:
        return None
    found = {"species": species} | moment
    for column in table.names:
        if not COUNTS.match(words(column)) or column in found.values():
            continue
        if _share(table, column, lambda v: v.isdecimal()) >= _ENOUGH:
            return found | {"count": column}
    return found


def pair(tables: dict[str, Table]) -> tuple[tuple[str, Columns], tuple[str, Columns]] | None:
    """A table of stations and one of records that share their sites; or one table that is both."""
    best: tuple[int, tuple[tuple[str, Columns], tuple[str, Columns]]] | None = None
    for place, table in tables.items():
        ends = stations_of(table)
        for record, other in tables.items():
            if ends is None or record == place:
                continue
            told = records_of(other)
            found = site_of(table, other, _days_of(ends)) if told else None
            if told is None or found is None:
                continue
            shared = {v.casefold() for v in table.text(found[0])}
            shared &= {v.casefold() for v in other.text(found[1])}
            both = ((place, with_site(found[0], ends)), (record, with_site(found[1], told)))
            if best is None or len(shared) > best[0]:
                best = len(shared), both
    if best is not None:
        return best[1]
    for file, table in tables.items():
        ends = ends_of(table, _OF_A_CAMERA)
        told = records_of(table, _days_of(ends)) if ends else None
        found = site_of(table, table, _days_of(ends)) if ends and told else None
        if ends and told and found:
            return (file, with_site(found[0], ends)), (file, with_site(found[0], told))
    return None


def _days_of(columns: Columns) -> tuple[str, str]:
    return columns["start"], columns["end"]


def with_site(site: str, columns: Columns) -> Columns:
    """The site first; a column that is the site is nothing else besides."""
    return {"site": site} | {r: c for r, c in columns.items() if c != site}
