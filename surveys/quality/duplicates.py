"""Rows that stand twice in the table of records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys.fieldwork import CAMERA
from surveys.problems import Problem, rows_text
from surveys.quality.base import Evidence, Section, left_out
from surveys.quality.said import many, percent

NAME, TITLE = "duplicates", "Records that stand twice"
MOST_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Duplicates(Section):
    """`copies`: file, row, first (the row it repeats), text; `moments`: one species, one second."""

    copies: pd.DataFrame | None = None
    pictures: pd.DataFrame | None = None  # species, picture, rows
    moments: pd.DataFrame | None = None  # site, species, time, rows


def look(evidence: Evidence) -> Section:
    """Whole rows, pictures and moments that come more than once."""
    if not evidence.tables:
        return left_out(NAME, TITLE, "The rows of the files are not at hand.")
    table = evidence.tables[0]
    copies = _copies(table.frame, table.file)
    pictures = moments = None
    if evidence.fieldwork is not None and evidence.fieldwork.instrument == CAMERA:
        records = evidence.fieldwork.records
        records = records[(records["species"] != "") & (records["aside"] == "")]
        records = records[~records["row"].isin(copies["row"])]
        pictures = _groups(records[records["picture"] != ""], ["deployment", "site", "picture"])
        timed = records[records["time"].notna() & has_hours(records["time"])]
        moments = _groups(timed, ["deployment", "site", "camera", "time"])
        again = {r for rows in pictures["rows"] for r in rows}
        moments = moments[[not again & set(rows) for rows in moments["rows"]]]
    n, read = len(copies), len(table)
    parts, problems = [], []
    if n:
        problems.append(
            Problem(
                code="W661",
                level="warn",
                fact=f"{table.file}: {many(n, 'row')} repeat another row word for word "
                f"({rows_text(copies['row'])})",
                file=table.file,
                row=int(copies["row"].iloc[0]),
                why="a 0 or 1 of a visit stays the same, but counts of individuals double",
                cure="delete the copies; ask whether an export was appended to itself",
            )
        )
        parts.append(f"{n:,} of {many(read, 'row')} repeat another row word for word.")
    else:
        parts.append(f"None of {many(read, 'row')} of {table.file} repeats another word for word.")
    if pictures is not None and len(pictures):
        parts.append(
            f"{many(len(pictures), 'picture')} of one species stand in several rows; they count "
            "once in a history."
        )
    if moments is not None and len(moments):
        more = int(sum(len(rows) - 1 for rows in moments["rows"]))
        parts.append(
            f"{many(more, 'row')} ({percent(more, read)}) have the same site, species and second "
            "as another: a burst of pictures, or several animals."
        )
    return Duplicates(
        name=NAME,
        title=f"{many(n, 'row')} {'repeats another' if n == 1 else 'repeat others'} word for word"
        if n
        else "No row stands twice",
        told=" ".join(parts),
        do="Delete the copies in the file and read it again."
        if n
        else "Nothing for histories of 0 and 1. For counts, set "
        "[cameras] independence_minutes, so that a burst counts once."
        if moments is not None and len(moments)
        else "Nothing.",
        numbers={
            "rows": read,
            "copies": n,
            "pictures_twice": 0 if pictures is None else len(pictures),
            "same_second": 0 if moments is None else len(moments),
        },
        problems=tuple(problems),
        copies=copies,
        pictures=pictures,
        moments=moments,
    )


def _copies(frame: pd.DataFrame, file: str) -> pd.DataFrame:
    """Rows that are in every cell like one before them; blank rows are none."""
    blank = (frame == "").all(axis=1).to_numpy() if len(frame.columns) else np.zeros(0, bool)
    codes = frame.groupby(list(frame.columns), sort=False, dropna=False).ngroup().to_numpy()
    first = pd.Series(frame.index.to_numpy()).groupby(codes).transform("first").to_numpy()
    rows = frame.index.to_numpy()
    at = np.flatnonzero((rows != first) & ~blank)
    texts = [" | ".join(line) for line in frame.iloc[at[:MOST_SHOWN]].to_numpy(dtype=str)]
    return pd.DataFrame(
        {
            "file": file,
            "row": rows[at],
            "first": first[at],
            "text": texts + [""] * (len(at) - len(texts)),
        }
    )


def _groups(records: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Rows of one species that agree in `by`, where there are several."""
    by = ["species", *by]
    several = records[records.duplicated(by, keep=False)]
    if not len(several):
        return pd.DataFrame({name: [] for name in [*by, "rows"]})
    return several.groupby(by, sort=True)["row"].agg(list).rename("rows").reset_index()


def has_hours(time: pd.Series) -> np.ndarray:
    """All true where times have hours, all false where they are dates alone."""
    known = time[time.notna()]
    dated = len(known) == 0 or bool((known == known.dt.normalize()).all())
    return np.full(len(time), not dated)
