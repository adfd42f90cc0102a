"""Birds of NEON's point counts: which rows count, and minutes as visits by removal."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers.camera_records import Records, species_frame
from surveys.study_file import StudyFile
from surveys.text_table import Table

MINUTES = 6
HOUR = "hour"
USUAL: dict[str, tuple[str, ...]] = {
    "plot": ("plotID",),
    "point": ("pointID",),
    "datetime": ("startDate", "observation_datetime"),
    "species": ("scientificName", "taxon_name"),
    "rank": ("taxonRank", "taxon_rank"),
    "count": ("clusterSize", "value"),
    "minute": ("pointCountMinute",),
    "target": ("targetTaxaPresent",),
    "distance": ("observerDistance",),
    "method": ("detectionMethod",),
}
KEY = ["site", "season", "visit"]


def birds_of(study: StudyFile, table: Table, found: dict, ledger: Ledger) -> Records:
    """Species, number and minute of each row of birds, and why a row is not used."""
    aside = np.full(len(table), "", dtype=object)
    keys = study.section("neon")
    names = cells.words(table, str(found["species"]), ledger)
    ranks = None
    if found["rank"]:
        told = np.char.lower(cells.words(table, found["rank"], ledger).astype(str))
        pairs = zip(names, told, strict=True)
        ranks = {n.casefold(): r for n, r in pairs if n and r}
    counts = cells.numbers(table, str(found["count"]), ledger)
    with np.errstate(invalid="ignore"):
        bad = (counts < 1) | (counts != np.floor(counts)) & ~np.isnan(counts)
    for i in np.flatnonzero(bad):
        ledger.error(
            "E048",
            f"{table.place}, row {table.rows[i]}, column {found['count']}: {counts[i]:g} birds",
            file=table.place,
            row=int(table.rows[i]),
            column=str(found["count"]),
            cure="a cluster has 1 bird or more",
        )
    told = table.text(str(found["target"]))
    absent = np.array([v.casefold() in ("n", "no") for v in told], dtype=bool)
    kinds = np.where(absent, "blank", "").astype(object)
    frame = species_frame(
        study, table, names, ledger, kinds=kinds, ranks=ranks, scientific=True, counts=counts
    )
    frame["minute"] = cells.numbers(table, str(found["minute"]), ledger)
    _set_aside(study, table, found, keys, frame, aside, ledger)
    aside[absent] = ""
    frame.loc[absent, "reason"] = "no bird"
    unit = np.full(len(table), "", dtype=object)
    return Records(table, unit, np.zeros(len(table), dtype=np.int64), aside, frame)


def _set_aside(study, table: Table, found: dict, keys: dict, frame, aside, ledger: Ledger) -> None:
    """Birds beyond the cut-off, detected in other ways, or outside the minutes of the count."""
    last = keys.get("minutes", MINUTES)
    minute = frame["minute"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        aside[(minute < 1) | (minute > last)] = "outside the minutes of the count"
    if keys.get("visits") == "minutes":
        aside[np.isnan(minute)] = "no minute"
    for key, role in (("max_distance", "distance"), ("methods", "method")):
        if key in keys and found[role] is None:
            ledger.error(
                "E015",
                f"{study.name}: [neon] {key}, but {table.place} has no column "
                f"{USUAL[role][0]}. It has: {listing(table.names, 12)}",
                file=table.place,
                cure=f"remove {key}",
            )
            return
    if "max_distance" in keys:
        metres = cells.numbers(table, str(found["distance"]), ledger)
        aside[np.isnan(metres)] = "no distance"
        with np.errstate(invalid="ignore"):
            aside[metres > keys["max_distance"]] = "beyond max_distance"
    if "methods" in keys:
        kept = {m.casefold() for m in keys["methods"]}
        told = cells.words(table, str(found["method"]), ledger)
        have = {str(v).casefold() for v in told}
        if not kept & have:
            ledger.error(
                "E684",
                f"{study.name}: [neon] methods: none of {listing(sorted(kept))} is in {table.place}"
                f", column {found['method']}. It has: {listing(sorted(have - {''}), 12)}",
                file=study.name,
            )
        other = np.array([str(v).casefold() not in kept for v in told], dtype=bool)
        aside[other] = "other detectionMethod"


def by_minute(
    visits: pd.DataFrame, frame: pd.DataFrame, length: int, records: Records
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Minutes as visits: a species is missing from the minute after its first detection on."""
    minutes = pd.DataFrame({"minute": np.arange(1, length + 1)})
    out = visits.merge(minutes, how="cross")
    out["start"] = out["start"] + pd.to_timedelta(60 * (out["minute"] - 1), unit="s")
    out["end"] = out["start"] + np.timedelta64(60, "s")
    out[HOUR] = out[HOUR] + (out["minute"] - 1) / 60
    out["visit"] = (out["visit"].astype(int) - 1) * length + out["minute"]
    out["minute"] = out["minute"].astype(float)
    out["effort"] = 1.0
    first = frame.groupby(["species", *KEY])["minute"].transform("min")
    later = (frame["minute"] > first).to_numpy()
    records.aside[frame["at"].to_numpy(dtype=np.int64)[later]] = "after the first detection"
    seen = frame[~later].assign(detection=1.0)
    rest = seen.drop_duplicates(["species", *KEY]).merge(minutes.add_prefix("next_"), how="cross")
    rest = rest[rest["next_minute"] > rest["minute"]]
    rest = rest.assign(minute=rest["next_minute"], detection=np.nan, count=np.nan)
    told = pd.concat([seen, rest], ignore_index=True)
    told["visit"] = (told["visit"].astype(int) - 1) * length + told["minute"].astype(int)
    return out, told
