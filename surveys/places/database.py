"""Tables and views of a PostGIS database, by name; secrets stay where the database keeps them.

A study file names a service, a host or an environment variable, never a password. What the
driver says is told only after every secret that it could repeat is taken out. Names of schemas,
tables and columns are quoted by the driver, values are parameters: no text of a study is SQL.
sqlalchemy and psycopg are imported here alone, when asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from surveys.problems import Problem, SurveyError, did_you_mean, listing

SECONDS = 10  # to wait for the server
MOST_ROWS = 5_000_000
GEOMETRY = ("geometry", "geography")


@dataclass(frozen=True)
class Relation:
    """Rows of a table or view: attributes as text, shapes as WKB, in no order that means anything.

    Attributes
    ----------
    attributes : DataFrame of str
        "" where the database has NULL.
    numeric
        Names of the columns that the database holds as numbers.
    shapes : (row,) bytes or None, or None for a table without geometry
    crs
        "EPSG:2056" or WKT of the shapes, "" where the database does not tell.
    """

    attributes: pd.DataFrame
    numeric: tuple[str, ...]
    shapes: np.ndarray | None
    crs: str


def read_relation(name: str, connection: Mapping[str, Any], folder: Path) -> Relation:
    """All rows of `schema.table` (or of a table that the search path finds).

    Parameters
    ----------
    connection
        The keys of [postgis]: `environment`, `service`, or `host`, `port`, `database`, `user`,
        with `passfile`.
    folder
        The folder that `passfile` counts from.

    Raises
    ------
    SurveyError
        No way to the server, no such table, no right to read it.
    """
    parts = _parts(name)
    with _connected(connection, folder) as link:
        schema, table = _found(link, parts, name)
        columns = _columns(link, schema, table, name)
        return _rows(link, schema, table, columns, name)


def _parts(name: str) -> tuple[str, str]:
    """Schema and table of "birds.sites"; "" for the schema that the search path gives."""
    pieces = re.findall(r'"(?:[^"]|"")+"|[^."();]+', name)
    if ".".join(pieces) != name or not 1 <= len(pieces) <= 2:
        raise SurveyError(
            Problem(
                code="E355",
                file=name,
                fact=f'table = "{name}" is no name of a table',
                why="only a table or view can be named, no query",
                cure='table = "schema.table"; what a query would choose, make a view of',
            )
        )
    plain = [p[1:-1].replace('""', '"') if p.startswith('"') else p for p in pieces]
    return (plain[0], plain[1]) if len(plain) == 2 else ("", plain[0])


# --- the way to the server -------------------------------------------------------------------


@contextmanager
def _connected(connection: Mapping[str, Any], folder: Path) -> Iterator[Any]:
    """A connection that can only read; its errors are told without secrets."""
    try:
        import psycopg
        import sqlalchemy
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise SurveyError(
            Problem(
                code="E350",
                fact="Tables of PostGIS need the library "
                f"{error.name or 'sqlalchemy'}, which is not installed",
                cure="install it: pip install 'occupancy[postgis]'",
            )
        ) from None
    given, secrets = _parameters(connection, folder)
    reason = ""
    # the parameters go to psycopg alone, so that no address of sqlalchemy ever holds them
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(**given),
        poolclass=sqlalchemy.NullPool,
    )
    try:
        link = engine.connect().execution_options(postgresql_readonly=True)
    except (SQLAlchemyError, psycopg.Error, UnicodeError) as error:
        reason = _without(str(getattr(error, "orig", None) or error), secrets)
    if reason:  # outside the handler: nothing of the driver's error is kept in ours
        raise SurveyError(_no_way(connection, reason))
    problem: SurveyError | None = None
    with link:
        try:
            yield link
        except (SQLAlchemyError, psycopg.Error) as error:
            reason = _without(str(getattr(error, "orig", None) or error), secrets)
            fact = f"The database refused: {reason}"
            cure = "GRANT SELECT on the table to this user" if "permission" in reason else ""
            problem = SurveyError(Problem(code="E353", fact=fact, cure=cure))
    engine.dispose()
    if problem is not None:
        raise problem


def _parameters(connection: Mapping[str, Any], folder: Path) -> tuple[dict[str, Any], list[str]]:
    """What libpq needs, and the texts that no message may repeat."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    ways = [k for k in ("environment", "service") if k in connection]
    plainly = [k for k in ("host", "port", "database", "user") if k in connection]
    if len(ways) + bool(plainly) != 1:
        named = listing([*ways, *plainly]) or "nothing"
        raise SurveyError(
            Problem(
                code="E351",
                fact=f"[postgis] names {named}; one way to the database is needed",
                why="a secret meant for one server must not be sent to another",
                cure='service = "..."; or environment = "..."; or host, port, database, user',
            )
        )
    given: dict[str, Any] = {}
    secrets = []
    variable = connection.get("environment")
    if variable:
        value = os.environ.get(variable, "")
        if not value:
            raise SurveyError(
                Problem(
                    code="E351",
                    fact=f"The environment variable {variable} is not set ([postgis] environment)",
                    cure=f"set it before the program runs: export {variable}="
                    "postgresql://user@host/database",
                )
            )
        secrets.append(value)
        plain = re.sub(r"^(postgis|postgres|postgresql)(\+\w+)?://", "postgresql://", value)
        try:
            given |= conninfo_to_dict(plain)
        except (psycopg.Error, ValueError, UnicodeError):
            given = {}
        if not given:
            raise SurveyError(
                Problem(
                    code="E351",
                    fact=f"The environment variable {variable} holds no address of a database",
                    cure="postgresql://user@host:5432/database, or host=... dbname=... user=...",
                )
            )
        if given.get("password"):
            secrets.append(str(given["password"]))
    names = {"service": "service", "host": "host", "port": "port", "user": "user"}
    given |= {libpq: connection[key] for key, libpq in names.items() if key in connection}
    if "database" in connection:
        given["dbname"] = connection["database"]
    if "passfile" in connection:
        given["passfile"] = str((folder / Path(connection["passfile"]).expanduser()).resolve())
    if os.environ.get("PGPASSWORD"):
        secrets.append(os.environ["PGPASSWORD"])
    given.setdefault("connect_timeout", SECONDS)
    given.setdefault("application_name", "occupancy")
    return given, sorted({s for s in secrets if s}, key=len, reverse=True)


def _without(text: str, secrets: list[str]) -> str:
    """The first line of what the driver said, with every secret taken out."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = re.sub(r"://[^\s/@]*@", "://***@", text)
    text = re.sub(r"(password\s*=\s*)\S+", r"\1***", text, flags=re.IGNORECASE)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:300] if lines else "no reason given"


def _no_way(connection: Mapping[str, Any], reason: str) -> Problem:
    told = ", ".join(f"{k} {connection[k]}" for k in ("environment", "service") if k in connection)
    told = told or ", ".join(f"{k} {v}" for k, v in connection.items())
    cure = "is the server running, and does its name resolve here?"
    if "password" in reason:
        cure = (
            "write the password into ~/.pgpass (host:port:database:user:password, readable by you "
            'alone), or into a file that [postgis] passfile = "..." names'
        )
    elif "service" in reason:
        cure = "write the service into ~/.pg_service.conf: [name], host=..., dbname=..., user=..."
    elif "does not exist" in reason:
        cure = "correct its name, or ask whoever keeps the database"
    return Problem(code="E352", fact=f"No way to the database ({told}): {reason}", cure=cure)


# --- what it holds ---------------------------------------------------------------------------


def _found(link: Any, parts: tuple[str, str], name: str) -> tuple[str, str]:
    """Schema and table as the database has them, found by the names as written."""
    from sqlalchemy import text

    rows = link.execute(
        text(
            "SELECT n.nspname, c.relname, pg_table_is_visible(c.oid) FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','v','m','p','f')"
            " AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
        )
    ).all()
    schema, table = parts
    for told in (lambda v: v, str.casefold):  # SQL writes names without quotes in small letters
        for has_schema, has_table, visible in rows:
            is_there = told(has_schema) == told(schema) if schema else visible
            if is_there and told(has_table) == told(table):
                return has_schema, has_table
    known = sorted(f"{s}.{t}" for s, t, _ in rows if t != "spatial_ref_sys")
    near = did_you_mean(name, known)
    raise SurveyError(
        Problem(
            code="E354",
            file=name,
            fact=f"The database has no table or view {name}.{near}",
            why=f"it has {listing(known, 12)}" if known else "this user can see no table at all",
            cure='table = "schema.table"',
        )
    )


def _columns(link: Any, schema: str, table: str, name: str) -> list[tuple[str, str]]:
    """(column, type) in the order of the table."""
    from sqlalchemy import text

    rows = link.execute(
        text(
            "SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
            "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = :schema AND c.relname = :table AND a.attnum > 0 "
            "AND NOT a.attisdropped ORDER BY a.attnum"
        ),
        {"schema": schema, "table": table},
    ).all()
    columns = [(str(column), str(kind)) for column, kind in rows]
    shapes = [c for c, kind in columns if kind in GEOMETRY]
    if len(shapes) > 1:
        raise SurveyError(
            Problem(
                code="E356",
                file=name,
                fact=f"{name} has {len(shapes)} columns of shapes: {listing(shapes)}",
                cure="make a view with one of them",
            )
        )
    return columns


NUMBERS = ("int2", "int4", "int8", "float4", "float8", "numeric")


def _rows(
    link: Any, schema: str, table: str, columns: list[tuple[str, str]], name: str
) -> Relation:
    """The rows; names are quoted by sqlalchemy, which sees them as names and never as SQL."""
    import sqlalchemy as sql
    from sqlalchemy.sql.elements import quoted_name

    def called(word: str) -> Any:
        return quoted_name(word, quote=True)

    where = sql.table(called(table), schema=called(schema))
    shape = next((c for c, kind in columns if kind in GEOMETRY), None)
    chosen: list[Any] = []
    for column, kind in columns:
        one = sql.column(called(column))
        if column == shape:
            continue
        as_text: Any = sql.cast(one, sql.Text)
        if kind == "bool":  # 1 and 0, as in every other table
            as_text = sql.cast(sql.cast(one, sql.Integer), sql.Text)
        chosen.append(as_text.label(None))
    if shape is not None:
        home = _schema_of_postgis(link)
        maker = getattr(sql.func, home)

        class Geometry(sql.types.UserDefinedType):
            """The type of PostGIS, in whatever schema it was installed; geography becomes it."""

            cache_ok = True

            def get_col_spec(self, **_: Any) -> str:
                return f"{link.dialect.identifier_preparer.quote(home)}.geometry"

        plain = maker.ST_CurveToLine(sql.cast(sql.column(called(shape)), Geometry()))
        chosen += [maker.ST_AsBinary(plain), maker.ST_SRID(plain)]
    query = sql.select(*chosen).select_from(where).limit(MOST_ROWS + 1)
    rows = link.execute(query).all()
    if not rows:
        fact = f"{name} has no rows"
        raise SurveyError(Problem(code="E006", file=name, fact=fact, cure="name another table"))
    if len(rows) > MOST_ROWS:
        fact = f"{name} has more than {MOST_ROWS:,} rows"
        raise SurveyError(
            Problem(code="E356", file=name, fact=fact, cure="make a view of what the study needs")
        )
    names = [c for c, _ in columns if c != shape]
    cells = [["" if v is None else str(v).strip() for v in row[: len(names)]] for row in rows]
    # rows of a table have no order of their own; this one is the same in every run
    drawn = [b"" if shape is None else bytes(row[-2] or b"") for row in rows]
    order = sorted(range(len(rows)), key=lambda i: (cells[i], drawn[i]))
    frame = pd.DataFrame([cells[i] for i in order], columns=names, dtype=object)
    shapes, crs = None, ""
    if shape is not None:
        shapes = np.array([drawn[i] or None for i in order], dtype=object)
        crs = _crs(link, {int(row[-1]) for row in rows if row[-1] is not None}, name)
    numeric = tuple(c for c, kind in columns if kind in NUMBERS)
    return Relation(frame, numeric, shapes, crs)


def _schema_of_postgis(link: Any) -> str:
    """The schema that holds the functions of PostGIS, which the search path may leave out."""
    from sqlalchemy import text

    found = link.execute(
        text(
            "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
            "WHERE e.extname = 'postgis'"
        )
    ).scalar()
    return str(found or "public")


def _crs(link: Any, numbers: set[int], name: str) -> str:
    """The CRS of the shapes as the database tells it; "" where it does not."""
    from sqlalchemy import column, select, table

    if len(numbers) > 1:
        fact = f"{name} mixes shapes of {len(numbers)} CRS (SRID {listing(sorted(numbers))})"
        cure = "make a view that brings them to one: ST_Transform(geom, 2056)"
        raise SurveyError(Problem(code="E356", file=name, fact=fact, cure=cure))
    number = next(iter(numbers), 0)
    if number == 0:
        return ""
    systems = table("spatial_ref_sys", schema=_schema_of_postgis(link))
    names = ("auth_name", "auth_srid", "srtext")
    asked = select(*(column(n) for n in names)).select_from(systems)
    told = link.execute(asked.where(column("srid") == number)).first()
    if told is None:
        return f"EPSG:{number}"
    by_number = f"{told[0]}:{told[1]}"
    return by_number if str(told[0]).upper() in ("EPSG", "ESRI") else str(told[2])
