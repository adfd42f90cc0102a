"""Checklists and sightings of eBird, filtered and joined out of core, where files exceed memory.

Everything up to the unique checklists happens in a database on disk that lives as long as the
reading does. Words of the user reach it as values, never as part of a query.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from surveys.readers.ebird_files import EbirdFile
from surveys.readers.ebird_settings import Settings

MEMORY = "700MB"
NUMBERS = (
    *("latitude", "longitude", "duration_minutes", "effort_distance_km"),
    "number_observers",
)
NEED = ("id", "date", "latitude", "longitude", "locality_id", "observer_id", "complete")
NOT_COMPLETE = "checklist not complete"
LISTED = 20
MOST_ASIDE = 1000  # rows of one rule that are listed one by one
_LINE = re.compile(r"Line: (\d+)")


class Damaged(Exception):
    """A file that breaks off, or has rows of another length: where, and what is wrong."""

    def __init__(self, file: EbirdFile, row: int | None, fact: str):
        super().__init__(fact)
        self.file, self.row, self.fact = file, row, fact


@dataclass
class Bad:
    """A value that cannot be what its column says."""

    file: EbirdFile
    row: int
    column: str
    value: str
    n: int


@dataclass
class Aside:
    """Rows that one rule keeps out: how many and, where they are few, which."""

    n: int
    rows: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


@dataclass
class Rows:
    """What became of the rows of one file: rule -> rows, beside those still in use."""

    n: int = 0
    aside: dict[str, Aside] = field(default_factory=dict)
    bad: list[Bad] = field(default_factory=list)
    differ: list[tuple[str, int]] = field(default_factory=list)  # ids in rows that differ


@contextmanager
def database() -> Iterator[Any]:
    """A database in a folder that is gone afterwards; no net, no extensions."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="occupancy-") as folder:
        connection = duckdb.connect(
            str(Path(folder) / "checklists.db"),
            config={
                "memory_limit": MEMORY,
                "threads": str(min(4, os.cpu_count() or 1)),
                "temp_directory": str(Path(folder) / "spill"),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        try:
            connection.execute("SET enable_progress_bar = false")
            connection.execute("BEGIN")  # one transaction: nothing is kept, so nothing is synced
            yield connection
        finally:
            connection.close()


def run(connection: Any, file: EbirdFile, query: str, values: Sequence[Any] = ()) -> None:
    """Run a query that reads a file; a row that does not fit the header is told by its number."""
    import duckdb

    try:
        connection.execute(query, list(values))
    except duckdb.Error as error:
        told = str(error)
        at = _LINE.search(told)
        row = int(at[1]) if at else None
        if "Columns" in told:
            fact = "the row has another number of values than the header"
        elif "unicode" in told.lower() or "utf-8" in told.lower():
            fact = "the text is not UTF-8"
        else:
            fact = told.splitlines()[0].split(file.path.parent.as_posix())[0][:160].strip(" '\"")
        raise Damaged(file, row, fact) from None


def source(file: EbirdFile) -> tuple[str, list[Any]]:
    """A file as a table of texts c0, c1, ...: no quotes, no guesses, blanks missing."""
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(file.header)))
    path = re.sub(r"([*?\[])", r"[\1]", file.path.as_posix())
    return (
        "read_csv(?, auto_detect = false, delim = '\t', quote = '', escape = '', header = true, "
        f"columns = {{{columns}}})",
        [path],
    )


def _column(file: EbirdFile, name: str) -> str:
    at = file.columns.get(name)
    return "NULL::VARCHAR" if at is None else f"nullif(trim(c{at}), '')"


# --- checklists --------------------------------------------------------------------------------


def read_sampling(
    connection: Any, file: EbirdFile, settings: Settings, more: dict[str, int]
) -> Rows:
    """Table `sampling`: every checklist with the rule that keeps it out, "" where it is used.

    `more` are further columns of the file, by the name under which they are kept.
    """
    texts = {n: _column(file, n) for n in file.columns if n not in NUMBERS}
    numbers = {n: f"TRY_CAST({_column(file, n)} AS DOUBLE)" for n in NUMBERS}
    extra = {f"more{i}": f"nullif(trim(c{at}), '')" for i, at in enumerate(more.values())}
    texts.setdefault("time", "NULL::VARCHAR")
    parts = [f"{value} AS {name}" for name, value in (texts | numbers | extra).items()]
    raw = ", ".join(f"{_column(file, n)} AS raw_{n}" for n in NUMBERS)
    table, values = source(file)
    run(
        connection,
        file,
        f"CREATE TABLE read AS SELECT row_number() OVER () + 1 AS row, {', '.join(parts)}, {raw} "
        f"FROM {table}",
        values,
    )
    rows = Rows(n=_count(connection, "SELECT count(*) FROM read"))
    tests = [(n, f"raw_{n}", f"raw_{n} IS NOT NULL AND {_bad_number(n)}") for n in NUMBERS]
    for name, cast in (("date", "TRY_CAST(date AS DATE)"), ("time", "TRY_CAST(time AS TIME)")):
        tests.append((name, name, f"{name} IS NOT NULL AND {cast} IS NULL"))
    tests.append(("complete", "complete", f"complete IS NOT NULL AND {_complete()} IS NULL"))
    # A number that is none was told above; here blanks count.
    raw_of = {n: f"raw_{n}" if n in NUMBERS else n for n in NEED}
    tests += [(n, "''", f"{raw_of[n]} IS NULL") for n in NEED]
    _note_bad(connection, file, rows, tests, "read")
    if rows.bad:
        return rows
    kept = [n for n in (*texts, *numbers, *extra) if n not in ("date", "time", "complete")]
    rule, told = _rule(connection, settings, more)
    still = "coalesce(regexp_matches(lower(protocol), '^(ebird - )?stationary( count)?$'), FALSE)"
    kept = [
        f"CASE WHEN effort_distance_km IS NULL AND {still} THEN 0.0 ELSE effort_distance_km END "
        "AS effort_distance_km"
        if n == "effort_distance_km"
        else n
        for n in kept
    ]
    connection.execute(
        f"CREATE TABLE typed AS SELECT row, {', '.join(kept)}, CAST(date AS DATE) AS date, "
        f"CAST(time AS TIME) AS time, {_complete()} AS complete FROM read"
    )
    connection.execute("DROP TABLE read")
    connection.execute(f"CREATE TABLE sampling AS SELECT *, {rule} AS rule FROM typed")
    connection.execute("DROP TABLE typed")
    again, rows.differ = _leave_out_doubles(connection)
    rows.aside = {told[c]: a for c, a in _asides(connection, "sampling", "rule > 0").items()}
    if again is not None:
        rows.aside["the same checklist again"] = again
    return rows


def _asides(connection: Any, table: str, where: str) -> dict[Any, Aside]:
    """Rows of a table by their rule; the rows themselves where they are few."""
    counted = connection.execute(
        f"SELECT rule, count(*) FROM {table} WHERE {where} GROUP BY rule ORDER BY rule"
    ).fetchall()
    found = {}
    for rule, n in counted:
        found[rule] = Aside(int(n))
        if n <= MOST_ASIDE:
            listed = connection.execute(
                f"SELECT row, id FROM {table} WHERE {where} AND rule = ? ORDER BY row", [rule]
            ).fetchall()
            found[rule].rows = [int(row) for row, _ in listed]
            found[rule].ids = [str(name) for _, name in listed]
    return found


def _bad_number(name: str) -> str:
    limit = {"latitude": 90, "longitude": 180}.get(name)
    odd = f"abs({name}) > {limit}" if limit else f"{name} < 0"
    return f"({name} IS NULL OR {odd} OR NOT isfinite({name}))"


def _complete() -> str:
    return (
        "CASE lower(complete::VARCHAR) WHEN '1' THEN TRUE WHEN 'true' THEN TRUE "
        "WHEN '0' THEN FALSE WHEN 'false' THEN FALSE END"
    )


def _note_bad(
    connection: Any, file: EbirdFile, rows: Rows, tests: list[tuple[str, str, str]], table: str
) -> None:
    """Values that cannot be: (column, value, test) each, counted in one pass over the table."""
    counts = ", ".join(f"count(*) FILTER (WHERE {test})" for _, _, test in tests)
    found = connection.execute(f"SELECT {counts} FROM {table}").fetchone()
    for (name, value, test), n in zip(tests, found, strict=True):
        if not n:
            continue
        first = connection.execute(
            f"SELECT row, {value} FROM {table} WHERE {test} ORDER BY row LIMIT {LISTED}"
        ).fetchall()
        column = file.header[file.columns[name]]
        rows.bad += [Bad(file, int(row), column, str(text), int(n)) for row, text in first]


def _rule(connection: Any, settings: Settings, more: dict[str, int]) -> tuple[str, dict[int, str]]:
    """The number of the first rule that keeps a checklist out, as SQL, and the rules in words."""
    tests: list[tuple[str, str]] = []
    names = list(more)
    connection.execute("CREATE TABLE wanted (what VARCHAR, value VARCHAR)")
    lists = {"protocol": [plain_protocol(p) for p in settings.protocols]}
    for name, values in settings.where.items():
        lists[f"more{names.index(where_name(name))}"] = [v.strip().lower() for v in values]
    for what, values in lists.items():
        for value in values:
            connection.execute("INSERT INTO wanted VALUES (?, ?)", [what, value])

    def listed(what: str, column: str) -> str:
        return f"{column} IN (SELECT value FROM wanted WHERE what = '{what}')"

    for name in settings.where:
        own = f"more{names.index(where_name(name))}"
        tests.append((f"NOT {listed(own, f"coalesce(lower({own}), '')")}", f"[ebird.where] {name}"))
    if settings.box:
        west, south, east, north = settings.box
        wide = "AND" if west <= east else "OR"
        inside = (
            f"latitude BETWEEN {south!r} AND {north!r} AND "
            f"(longitude >= {west!r} {wide} longitude <= {east!r})"
        )
        tests.append((f"NOT ({inside})", "outside the box"))
    if settings.years:
        first, last = settings.years
        tests.append((f"year(date) NOT BETWEEN {first} AND {last}", f"not of {first}-{last}"))
    if settings.days:
        first, last = settings.days
        wide = "AND" if first <= last else "OR"
        day = "(month(date) * 100 + day(date))"
        tests.append((f"NOT ({day} >= {first} {wide} {day} <= {last})", "other days of the year"))
    if not settings.detections_only:
        tests.append(("NOT complete", NOT_COMPLETE))
    if settings.protocols:
        column = (
            "coalesce(regexp_replace(regexp_replace(lower(protocol), '^ebird - ', ''), "
            "' count$', ''), '')"
        )
        tests.append((f"NOT {listed('protocol', column)}", "other protocols"))
    tests += _limits(settings)
    told = {i: text for i, (_, text) in enumerate(tests, start=1)}
    cases = " ".join(f"WHEN {test} THEN {i}" for i, (test, _) in enumerate(tests, start=1))
    return (f"CASE {cases} ELSE 0 END" if cases else "0"), told


def where_name(column: str) -> str:
    """The name under which a column of [ebird.where] is kept."""
    return f"where {column}"


def plain_protocol(name: str) -> str:
    """A protocol without its dress of older releases: "eBird - Traveling Count" is traveling."""
    return re.sub(r" count$", "", re.sub(r"^ebird - ", "", name.strip().casefold()))


def _limits(settings: Settings) -> Iterator[tuple[str, str]]:
    limits = (
        ("duration_minutes", "<", settings.min_duration_minutes, "duration below {:g} minutes"),
        ("duration_minutes", ">", settings.max_duration_minutes, "duration above {:g} minutes"),
        ("effort_distance_km", ">", settings.max_distance_km, "distance above {:g} km"),
        ("number_observers", ">", settings.max_observers, "more than {:g} observers"),
    )
    for column, sign, limit, told in limits:
        if limit is not None:
            yield f"{column} {sign} {float(limit)!r}", told.format(limit)
    if settings.max_speed_kmh is not None:
        limit = float(settings.max_speed_kmh)
        yield (
            f"effort_distance_km * 60 > {limit!r} * duration_minutes",
            f"faster than {limit:g} km/h",
        )
    if settings.effort != "checklists":
        column = settings.effort
        yield f"NOT coalesce({column} > 0, FALSE)", f"{column.replace('_', ' ')} blank or 0"
    if settings.blank_effort != "drop":
        return
    asked = {column: limit for column, _, limit, _ in limits if limit is not None}
    if settings.max_speed_kmh is not None:
        asked |= dict.fromkeys(("duration_minutes", "effort_distance_km"), 0)
    for column in asked:
        yield f"{column} IS NULL", f"{column.replace('_', ' ')} blank"


def protocols_of(connection: Any) -> list[str]:
    """The protocols that the checklists have."""
    found = connection.execute(
        "SELECT DISTINCT protocol FROM sampling WHERE protocol IS NOT NULL ORDER BY protocol"
    ).fetchall()
    return [str(row[0]) for row in found]


def _leave_out_doubles(connection: Any) -> tuple[Aside | None, list[tuple[str, int]]]:
    """Rows that say again what another row says leave `sampling`; ids of rows that differ."""
    n, ids = connection.execute("SELECT count(*), count(DISTINCT id) FROM sampling").fetchone()
    if n == ids:
        return None, []
    columns = [c[0] for c in connection.execute("DESCRIBE sampling").fetchall() if c[0] != "row"]
    connection.execute(
        f"CREATE TABLE single AS SELECT min(row) AS row, {', '.join(columns)} FROM sampling "
        f"GROUP BY {', '.join(columns)}"
    )
    connection.execute(
        "CREATE TABLE doubles AS SELECT row, id, 1 AS rule FROM sampling ANTI JOIN single "
        "USING (row)"
    )
    connection.execute("DROP TABLE sampling")
    connection.execute("ALTER TABLE single RENAME TO sampling")
    differ = connection.execute(
        "SELECT id, max(row) FROM sampling GROUP BY id HAVING count(*) > 1 ORDER BY 2 "
        f"LIMIT {LISTED}"
    ).fetchall()
    aside = _asides(connection, "doubles", "TRUE").get(1)
    return aside, [(str(i), int(row)) for i, row in differ]


def make_unique(connection: Any, settings: Settings) -> Aside | None:
    """Table `checklists`: one row a checklist, groups joined to their lowest; the other copies.

    The lowest is the shortest id, then the first by its signs: S9 before S10. Observers are
    sorted, so that a party is one whoever entered the list first; auk goes by the ids as texts.
    """
    auk = settings.observers == "auk"
    low, party = ("id", "id") if auk else ("length(id), id", "observer_id")
    connection.execute("""
        CREATE TABLE kept AS SELECT *, coalesce(group_id, id) AS checklist
        FROM sampling WHERE rule = 0
    """)
    connection.execute(f"""
        CREATE TABLE checklists AS
        SELECT *, observer_id AS observers, 1 AS shared FROM kept WHERE group_id IS NULL
        UNION ALL BY NAME
        SELECT k.*, g.observers, g.shared FROM (
            SELECT * FROM kept WHERE group_id IS NOT NULL
            QUALIFY row_number() OVER (PARTITION BY group_id ORDER BY {low}) = 1
        ) k JOIN (
            SELECT group_id, string_agg(observer_id, ',' ORDER BY {party}) AS observers,
                   count(*) AS shared
            FROM kept WHERE group_id IS NOT NULL GROUP BY group_id
        ) g ON k.group_id = g.group_id
    """)
    connection.execute("CREATE TABLE members AS SELECT id, checklist FROM kept")
    connection.execute(
        "CREATE TABLE copies AS SELECT row, id, 1 AS rule FROM kept ANTI JOIN checklists "
        "USING (id) WHERE group_id IS NOT NULL"
    )
    connection.execute("DROP TABLE kept")
    return _asides(connection, "copies", "TRUE").get(1)


# --- sightings ---------------------------------------------------------------------------------


def read_sightings(connection: Any, file: EbirdFile, settings: Settings) -> Rows:
    """Table `sightings`: every row of the EBD, as text."""
    names = ("id", "scientific", "common", "category", "subspecies", "counted", "approved")
    parts = [f"{_column(file, n)} AS {n}" for n in (*names, "identifier")]
    table, values = source(file)
    run(
        connection,
        file,
        f"CREATE TABLE sightings AS SELECT row_number() OVER () + 1 AS row, {', '.join(parts)} "
        f"FROM {table}",
        values,
    )
    rows = Rows(n=_count(connection, "SELECT count(*) FROM sightings"))
    odd = "NOT (upper(counted) = 'X' OR coalesce(TRY_CAST(counted AS BIGINT) BETWEEN 1 AND "
    odd += "99999999, FALSE))"
    tests = [(n, "''", f"{n} IS NULL") for n in ("id", "scientific", "counted")]
    tests.append(("counted", "counted", f"counted IS NOT NULL AND {odd}"))
    _note_bad(connection, file, rows, tests, "sightings")
    return rows


def names_of(connection: Any) -> pd.DataFrame:
    """The different names of the sightings: scientific, common, category; how many rows each."""
    query = (
        "SELECT scientific, coalesce(common, '') AS common, coalesce(category, '') AS category, "
        "count(*) AS n FROM sightings GROUP BY ALL ORDER BY ALL"
    )
    found = connection.execute(query).fetchall()
    return pd.DataFrame(found, columns=["scientific", "common", "category", "n"], dtype=object)


def enter_names(connection: Any, names: pd.DataFrame) -> None:
    """Table `taxa`: the species of each name, or the rule that keeps it out."""
    connection.execute(
        "CREATE TABLE taxa (scientific VARCHAR, common VARCHAR, category VARCHAR, "
        "species INTEGER, why VARCHAR)"
    )
    for r in names.itertuples():
        row = [str(r.scientific), str(r.common), str(r.category), int(r.code), str(r.why)]  # type: ignore[call-overload]
        connection.execute("INSERT INTO taxa VALUES (?, ?, ?, ?, ?)", row)


def unknown_checklists(connection: Any) -> tuple[int, list[tuple[str, int]]]:
    """Checklists of the sightings that the sampling file does not have: how many, and the first."""
    query = "FROM sightings s ANTI JOIN sampling c ON s.id = c.id"
    n = _count(connection, f"SELECT count(DISTINCT s.id) {query}")
    if not n:
        return 0, []
    first = connection.execute(
        f"SELECT s.id, min(s.row) {query} GROUP BY s.id ORDER BY 2 LIMIT {LISTED}"
    ).fetchall()
    return n, [(str(i), int(row)) for i, row in first]


def join_sightings(connection: Any, settings: Settings) -> dict[str, Aside]:
    """Table `seen`: species of checklists, counts summed, any X makes the sum X; rows set aside.

    Of a shared checklist the lowest copy that has the species tells all of it.
    """
    unapproved = "coalesce(s.approved, '1') NOT IN ('1', 'TRUE', 'true')"
    connection.execute(f"""
        CREATE TABLE judged AS
        SELECT s.row, s.id, s.identifier, m.checklist, t.species, s.counted,
               CASE WHEN t.why <> '' THEN t.why
                    WHEN {"TRUE" if settings.approved_only else "FALSE"} AND {unapproved}
                    THEN 'not approved'
                    WHEN m.checklist IS NULL THEN 'checklist set aside' ELSE '' END AS rule
        FROM sightings s
        JOIN taxa t ON s.scientific = t.scientific AND coalesce(s.common, '') = t.common
                       AND coalesce(s.category, '') = t.category
        LEFT JOIN members m ON s.id = m.id
    """)
    connection.execute("DROP TABLE sightings")
    doubled = "SELECT identifier FROM judged WHERE identifier IS NOT NULL AND rule = '' "
    doubled += "GROUP BY identifier HAVING count(*) > 1"
    if _count(connection, f"SELECT count(*) FROM ({doubled})"):
        connection.execute(f"""
            UPDATE judged SET rule = 'the same sighting again'
            WHERE row IN (
                SELECT row FROM judged WHERE rule = '' AND identifier IN ({doubled})
                QUALIFY row_number() OVER (PARTITION BY identifier ORDER BY id, counted, row) > 1
            )
        """)
    connection.execute("""
        UPDATE judged SET rule = 'shared checklist'
        FROM (SELECT checklist, species, min_by(id, (length(id), id)) AS lowest
              FROM judged WHERE rule = '' GROUP BY checklist, species HAVING min(id) <> max(id)) l
        WHERE rule = '' AND judged.checklist = l.checklist AND judged.species = l.species
              AND judged.id <> l.lowest
    """)
    connection.execute("""
        CREATE TABLE seen AS
        SELECT checklist, species, count(*) AS n_records,
               CASE WHEN bool_or(upper(counted) = 'X') THEN NULL
                    ELSE sum(TRY_CAST(counted AS BIGINT)) END AS count
        FROM judged WHERE rule = '' GROUP BY checklist, species
    """)
    aside = _asides(connection, "judged", "rule <> ''")
    connection.execute("DROP TABLE judged")
    return aside


# --- out of the database -----------------------------------------------------------------------


def checklists(connection: Any, more: dict[str, int]) -> pd.DataFrame:
    """The unique checklists in the order of their ids; texts as categories, to save memory."""
    texts = ["checklist", "locality_id", "observer_id", "observers", "protocol"]
    extra = [f"more{i}" for i in range(len(more))]
    # Seconds of the day: pandas knows no times without a date.
    query = f"""
        SELECT row_number() OVER (ORDER BY length(checklist), checklist) - 1 AS number,
               row, shared, {", ".join(texts + extra)}, {", ".join(NUMBERS)},
               date, epoch(time) AS seconds, length(id) AS long, id
        FROM checklists ORDER BY number
    """
    table = connection.sql(query).to_arrow_table()
    frame = {}
    for name in table.column_names:
        column = table.column(name)
        if name in (*texts, *extra) and name != "checklist":
            column = column.dictionary_encode()
        frame[name] = column.to_pandas()
    out = pd.DataFrame(frame)
    out["date"] = out["date"].to_numpy().astype("datetime64[s]")
    names = dict(zip(extra, more, strict=True))
    return out.rename(columns=names)


def seen(connection: Any) -> dict[str, np.ndarray]:
    """Number of the checklist, of the species, count (NaN where X) and rows of each sighting."""
    query = """
        WITH numbered AS (
            SELECT checklist, row_number() OVER (ORDER BY length(checklist), checklist) - 1 AS at
            FROM checklists
        )
        SELECT n.at, s.species, CAST(s.count AS DOUBLE) AS count, s.n_records
        FROM seen s JOIN numbered n ON s.checklist = n.checklist ORDER BY n.at, s.species
    """
    found = connection.sql(query).fetchnumpy()
    count = np.ma.filled(np.ma.asarray(found["count"]).astype(float), np.nan)
    whole: Callable[[str], np.ndarray] = lambda name: np.asarray(found[name]).astype(np.int64)  # noqa: E731
    return {
        "at": whole("at"),
        "species": whole("species"),
        "count": count,
        "n_records": whole("n_records"),
    }


def _count(connection: Any, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
