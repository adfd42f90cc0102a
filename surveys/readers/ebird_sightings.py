"""Rows of the EBD: read, judged by name and checklist, summed by species."""

from __future__ import annotations

from typing import Any

import pandas as pd

from surveys.readers.ebird_database import (
    LISTED,
    Aside,
    Rows,
    asides,
    column_of,
    count_of,
    load,
    note_bad,
)
from surveys.readers.ebird_files import EbirdFile
from surveys.readers.ebird_settings import Settings


def read_sightings(connection: Any, file: EbirdFile, settings: Settings) -> Rows:
    """Table `sightings`: every row of the EBD, as text."""
    names = ("id", "scientific", "common", "category", "subspecies", "counted", "approved")
    rows = load(
        connection,
        "sightings",
        file,
        lambda part: [f"{column_of(part, n)} AS {n}" for n in (*names, "identifier")],
    )
    # By its letters: a cast would round 2.5.
    odd = "NOT (upper(counted) = 'X' OR regexp_full_match(counted, '0*[1-9][0-9]{0,7}'))"
    tests = [(n, "''", f"{n} IS NULL") for n in ("id", "scientific", "counted")]
    tests.append(("counted", "counted", f"counted IS NOT NULL AND {odd}"))
    note_bad(connection, file, rows, tests, "sightings")
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
    n = count_of(connection, f"SELECT count(DISTINCT s.id) {query}")
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
    if count_of(connection, f"SELECT count(*) FROM ({doubled})"):
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
    aside = asides(connection, "judged", "rule <> ''")
    connection.execute("DROP TABLE judged")
    return aside
