"""Checklists and sightings of eBird, filtered and joined out of core, where files exceed memory.

Everything up to the unique checklists happens in a database on disk that lives as long as the
reading does. Words of the user reach it as values, never as part of a query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from surveys.readers.ebird_database import (
    LISTED,
    Aside,
    Rows,
    asides,
    column_of,
    load,
    note_bad,
)
from surveys.readers.ebird_files import EbirdFile
from surveys.readers.ebird_settings import Settings

NUMBERS = (
    *("latitude", "longitude", "duration_minutes", "effort_distance_km"),
    "number_observers",
)
# Beyond these a number is a slip: a month of minutes, once around the Earth, a town of observers.
MOST = {
    **{"latitude": 90, "longitude": 180, "duration_minutes": 44_640},
    **{"effort_distance_km": 40_000, "number_observers": 100_000},
}
NEED = ("id", "date", "latitude", "longitude", "locality_id", "observer_id", "complete")
NOT_COMPLETE = "checklist not complete"


# --- checklists --------------------------------------------------------------------------------


def read_sampling(
    connection: Any, file: EbirdFile, settings: Settings, more: dict[str, str]
) -> Rows:
    """Table `sampling`: every checklist with the rule that keeps it out, "" where it is used.

    `more` are further columns of the file: the name under which they are kept, and their own.
    """
    texts = [n for n in file.columns if n not in NUMBERS]
    texts += [] if "time" in texts else ["time"]
    extra = [f"more{i}" for i in range(len(more))]

    def values_of(part: EbirdFile) -> list[str]:
        places = [part.at(column) for column in more.values()]
        more_of = ["NULL::VARCHAR" if at is None else f"nullif(trim(c{at}), '')" for at in places]
        return [
            *(f"{column_of(part, n)} AS {n}" for n in texts),
            *(f"TRY_CAST({column_of(part, n)} AS DOUBLE) AS {n}" for n in NUMBERS),
            *(f"{value} AS {name}" for name, value in zip(extra, more_of, strict=True)),
            *(f"{column_of(part, n)} AS raw_{n}" for n in NUMBERS),
        ]

    rows = load(connection, "read", file, values_of)
    tests = [(n, f"raw_{n}", f"raw_{n} IS NOT NULL AND {_bad_number(n)}") for n in NUMBERS]
    day = "TRY_CAST(date AS DATE)"
    odd_day = f"coalesce(year({day}) NOT BETWEEN 1700 AND 2200, TRUE)"
    tests.append(("date", "date", f"date IS NOT NULL AND {odd_day}"))
    tests.append(("time", "time", "time IS NOT NULL AND TRY_CAST(time AS TIME) IS NULL"))
    tests.append(("complete", "complete", f"complete IS NOT NULL AND {_complete()} IS NULL"))
    # A number that is none was told above; here blanks count.
    raw_of = {n: f"raw_{n}" if n in NUMBERS else n for n in NEED}
    tests += [(n, "''", f"{raw_of[n]} IS NULL") for n in NEED]
    note_bad(connection, file, rows, tests, "read")
    if rows.bad:
        return rows
    kept = [n for n in (*texts, *NUMBERS, *extra) if n not in ("date", "time", "complete")]
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
    rows.aside |= {told[c]: a for c, a in asides(connection, "sampling", "rule > 0").items()}
    if again is not None:
        rows.aside["the same checklist again"] = again
    return rows


def _bad_number(name: str) -> str:
    least = -MOST[name] if name in ("latitude", "longitude") else 0
    odd = f"{name} NOT BETWEEN {least} AND {MOST[name]}"
    return f"({name} IS NULL OR {odd} OR NOT isfinite({name}))"


def _complete() -> str:
    return (
        "CASE lower(complete::VARCHAR) WHEN '1' THEN TRUE WHEN 'true' THEN TRUE "
        "WHEN '0' THEN FALSE WHEN 'false' THEN FALSE END"
    )


def _rule(connection: Any, settings: Settings, more: dict[str, str]) -> tuple[str, dict[int, str]]:
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
    aside = asides(connection, "doubles", "TRUE").get(1)
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
    return asides(connection, "copies", "TRUE").get(1)


# --- out of the database -----------------------------------------------------------------------


def checklists(connection: Any, more: dict[str, str]) -> pd.DataFrame:
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
