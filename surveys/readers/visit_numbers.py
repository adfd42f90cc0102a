"""Visits in their order: 1, 2, ... in each site and season, as written, by date, or by row."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from surveys.ledger import Ledger
from surveys.problems import first_of
from surveys.readers.camera_records import of_reset_clock
from surveys.text_table import Table
from surveys.values import natural

APART = 1000  # days without a visit after one of a clock that began anew
DAY_NAME = re.compile(r"julian(date|day)?|jday|yday|doy|day(of)?year|date", re.IGNORECASE)


def is_day_number(table: Table, column: str) -> bool:
    told = [v for v in pd.unique(table.text(column)) if v]
    return bool(told) and all(v.isdecimal() and len(v) <= 3 for v in told)


def tell_lone_days(table: Table, frame: pd.DataFrame, ledger: Ledger) -> None:
    """Visits on a day at which clocks begin anew, years before all others."""
    moments = frame["moment"].to_numpy(dtype="datetime64[s]")
    days = moments[~np.isnat(moments)].astype("datetime64[D]")
    reset = of_reset_clock(days)
    if not reset.any() or reset.all() or 2 * int(reset.sum()) > len(days):
        return
    others = days[~reset]
    if others.min() - days[reset].max() < np.timedelta64(APART, "D"):
        return
    rows = frame["row"].to_numpy()[~np.isnat(moments)][reset]
    ledger.warn(
        "W037",
        f"{days[reset].min()} is years before all other visits ({others.min()} to {others.max()})",
        at=table.at(rows),
        column=str(frame.attrs.get("when", "")),
        why="clocks begin anew on such days when their battery was empty",
        cure="correct the date, if nobody was there on that day",
    )


def numbered(table: Table, frame: pd.DataFrame, several: bool, ledger: Ledger) -> pd.DataFrame:
    """Visit numbers 1, 2, ... in each site and season: as written, by date, or by row."""
    columns = frame.attrs
    by = ["site", "season"]
    undated = np.zeros(len(frame), dtype=bool)  # told already, and of no visit
    if "visit" in frame.attrs["columns"]:
        written = frame["visit"]
        whole = written.str.fullmatch(r"[0-9]{1,6}").all()
        per_site = int(frame.groupby(by)["visit"].nunique().max())
        if whole and written.astype(int).between(1, max(20, 2 * per_site)).all():
            number = written.astype(int)
        else:
            order = {v: i for i, v in enumerate(sorted(set(written), key=natural))}
            number = frame.assign(o=written.map(order)).groupby(by)["o"].rank("dense").astype(int)
            ledger.note(
                "N515",
                f"{table.place}: visits were numbered within each site in the order of column "
                f"{frame.attrs['columns']['visit']}",
                file=table.file,
            )
    elif frame["moment"].notna().any():
        gone = frame["moment"].isna()
        if gone.any() and not ledger.of_level("error"):
            rows = frame["row"][gone]
            ledger.error(
                "E514",
                "no date, so the visit cannot be told",
                at=table.at(rows, str(frame.attrs["when"])),
                cure="write the date, or number the visits in a column: "
                f'[{table.spec.section}.columns] visit = "..."',
            )
        undated = gone.to_numpy()
        frame = frame.assign(moment=frame["moment"].fillna(frame["moment"].min()))
        number = frame.groupby(by)["moment"].rank("dense").astype(int)
        if not several:  # two rows of one date are two visits
            tie = _ties(table, frame.assign(n=number), [*by, "n"])
            number = (
                frame.assign(n=number, t=tie)
                .sort_values(["n", "t"])
                .groupby(by)
                .cumcount()
                .sort_index()
                + 1
            )
    elif (day := _day_of_year(table)) is not None:
        number = frame.assign(d=frame["row"].map(day[1])).groupby(by)["d"].rank("dense").astype(int)
        if not several:
            tie = _ties(table, frame.assign(n=number), [*by, "n"])
            order = frame.assign(n=number, t=tie).sort_values(["n", "t"])
            number = order.groupby(by).cumcount().sort_index() + 1
        ledger.note(
            "N515",
            f"{table.place}: visits were numbered within each site in the order of column {day[0]}",
            file=table.file,
        )
    else:
        within = [*by, "species"] if several else by
        number = frame.groupby(within).cumcount() + 1
        ledger.note(
            "N515",
            f"{table.place}: visits were numbered within each site in the order of the rows",
            file=table.file,
            cure=f'to number them yourself: [{table.spec.section}.columns] visit = "..." or '
            'date = "..."',
        )
    out = frame.assign(visit=number.to_numpy())
    out.attrs = columns
    key = [*by, "visit", "species"] if "species" in out else [*by, "visit"]
    doubled = out.duplicated(key, keep=False) & (out["species"] != "" if "species" in out else True)
    twice = out[doubled & ~undated]
    for at, others in first_of(twice.groupby(key).indices.values()):
        group = twice.iloc[np.sort(at)]
        first = group.iloc[0]
        ledger.error(
            "E516",
            f'visit {first["visit"]} of site "{first["site"]}" stands in {len(group)} rows',
            at=table.at(group["row"]),
            row=int(group["row"].iloc[1]),
            cure="join the rows, or give each visit its own number",
            others=others,
        )
    return out


def _day_of_year(table: Table) -> tuple[str, pd.Series] | None:
    """A column called julian date or the like that holds a number in every row, by row."""
    for name in table.names:
        if DAY_NAME.fullmatch(re.sub(r"[\W_]", "", name)):
            told = pd.to_numeric(pd.Series(table.text(name), index=table.rows), errors="coerce")
            if told.notna().all():
                return name, told
    return None


def _ties(table: Table, frame: pd.DataFrame, by: list[str]) -> np.ndarray:
    """Numbers 0, 1, ... of rows alike in `by`, by what they hold: their place means nothing."""
    tie = np.zeros(len(frame), dtype=int)
    at = np.flatnonzero(frame.duplicated(by, keep=False))
    if not len(at):
        return tie
    plain = {"0", "1", "X", ""}  # results come last, so that they order visits only if all is alike
    names = sorted(table.names, key=lambda n: (set(pd.unique(table.text(n))) <= plain, n))
    rows = table.frame.loc[frame["row"].to_numpy()[at], names].reset_index(drop=True)
    order = rows.sort_values(names, kind="stable").index.to_numpy()
    number = frame.iloc[at[order]].groupby(by).cumcount()
    tie[at[order]] = number.to_numpy()
    return tie
