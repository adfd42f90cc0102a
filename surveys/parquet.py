"""Parquet tables as text cells that keep what their types say: ids, numbers, dates, categories."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

START = b"PAR1"
MOST_CELLS = 500_000_000
PANDAS_INDEX = re.compile(r"__index_level_[0-9]+__")


class NotParquet(Exception):
    """The bytes are no Parquet table that can be read, with the reason in the user's words."""


@dataclass
class Columns:
    """Cells by column, as text, with what each column is."""

    names: list[str]
    cells: list[list[str]]  # one list a column
    # "number", "text", "category" or "date"
    types: list[str]
    left_out: list[str] = field(default_factory=list)  # index columns of pandas


def read_parquet(raw: bytes, wanted: frozenset[str] = frozenset()) -> Columns:
    """Every column of a Parquet file as text; a missing value is "".

    `wanted` are columns that the study file names, which are read even if they look like the
    index that pandas adds by itself.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(raw), page_checksum_verification=True)
        told = file.metadata
        rows = sum(told.row_group(i).num_rows for i in range(told.num_row_groups))
        if not 0 <= rows == told.num_rows or rows * max(1, told.num_columns) > MOST_CELLS:
            raise NotParquet(f"it tells of {told.num_rows:,} rows, which it cannot hold")
        schema = file.schema_arrow
        _refuse_nested(schema)
        table = file.read(use_threads=False)
        table.validate(full=True)
        found = [(f.name, *_as_text(c, f.type)) for f, c in zip(schema, table.columns, strict=True)]
    except (NotParquet, MemoryError):
        raise
    except Exception as error:  # Arrow raises a dozen kinds of error on damaged files
        reason = " ".join(str(error).split())[:120]
        raise NotParquet(f"it is damaged ({reason})") from None
    out = Columns([], [], [])
    for name, cells, kind in found:
        if PANDAS_INDEX.fullmatch(name) and name not in wanted:
            out.left_out.append(name)
            continue
        out.names.append(name)
        out.cells.append(cells)
        out.types.append(kind)
    return out


def _refuse_nested(schema: Any) -> None:
    """Columns whose cells are no single value have no place in a table."""
    import pyarrow as pa

    kinds = pa.types
    bad = []
    for column in schema:
        kind = _plain_type(column.type)
        if kinds.is_nested(kind) or kinds.is_duration(kind) or kinds.is_interval(kind):
            bad.append(f'"{column.name}" ({kind})')
    if bad:
        several = len(bad) > 1
        raise NotParquet(
            f"{'columns' if several else 'column'} {', '.join(bad[:5])} "
            f"{'hold' if several else 'holds'} lists, structures or durations, not single values"
        )


def _plain_type(kind: Any) -> Any:
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _as_text(column: Any, kind: Any) -> tuple[list[str], str]:
    """The cells of a column as text, and what the column is."""
    import pyarrow as pa

    kinds = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        column, kind = column.cast(kind.storage_type), kind.storage_type
    category = kinds.is_dictionary(kind)
    if category:
        kind = kind.value_type
        column = column.cast(kind)
    if kinds.is_boolean(kind):
        return _spelt(column, {True: "1", False: "0"}.__getitem__), "number"
    if kinds.is_integer(kind):
        return _spelt(column, str), "category" if category else "number"
    if kinds.is_decimal(kind):
        return _spelt(column, str), "number"
    if kinds.is_floating(kind):
        return _floats(column, kind), "number"
    if kinds.is_date(kind) or kinds.is_timestamp(kind):
        return _moments(column, kind), "date"
    if kinds.is_time(kind):
        return _spelt(column.cast(pa.time64("us"), safe=False), str), "text"
    if kinds.is_null(kind):
        return [""] * len(column), "text"
    if not (kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind)):
        return _spelt(column, _from_bytes), "text"
    return _spelt(column, str.strip), "category" if category else "text"


def _spelt(column: Any, spell: Any) -> list[str]:
    return ["" if value is None else spell(value) for value in column.to_pylist()]


def _from_bytes(value: bytes) -> str:
    """Text that an old writer kept as bytes."""
    try:
        return bytes(value).decode("utf-8").strip()
    except UnicodeDecodeError:
        raise NotParquet("a column holds bytes (pictures or shapes), not text") from None


def _floats(column: Any, kind: Any) -> list[str]:
    """Shortest digits that give the number back in its own precision; 7.0 as 7, NaN as blank."""
    import pyarrow as pa

    narrow = pa.types.is_float32(kind) or pa.types.is_float16(kind)
    values = column.to_numpy().astype(np.float32 if narrow else np.float64, copy=False)
    out = []
    for value in values:
        if np.isnan(value):
            out.append("")
        elif abs(value) < 1e15 and value == int(value):
            out.append(str(int(value)))
        else:
            out.append(str(value))
    return out


def _moments(column: Any, kind: Any) -> list[str]:
    """Days as 2021-05-01, times as 2021-05-01 06:00:00, with the offset where the type has a zone.

    A column of times that are all midnight is one of days: pandas knows no other kind.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    zone = pa.types.is_timestamp(kind) and kind.tz is not None
    local = pc.local_timestamp(column) if zone else column
    moments = local.to_numpy().astype("datetime64[s]")
    gone = np.isnat(moments)
    text = np.datetime_as_string(moments, unit="s")
    if zone:
        offset = (moments - column.to_numpy().astype("datetime64[s]")).astype("int64") // 60
        ends = [f"{'-' if o < 0 else '+'}{abs(o) // 60:02d}:{abs(o) % 60:02d}" for o in offset]
        return ["" if g else t + e for t, e, g in zip(text, ends, gone, strict=True)]
    if (moments[~gone] == moments[~gone].astype("datetime64[D]")).all():
        return ["" if g else t[: t.rindex("T")] for t, g in zip(text, gone, strict=True)]
    return ["" if g else t.replace("T", " ") for t, g in zip(text, gone, strict=True)]
