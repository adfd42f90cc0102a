"""Records beside a table of visits: the zeros come from the visits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.readers import long_visits, roles, visit_numbers
from surveys.readers.camera_records import of_reset_clock
from surveys.readers.long_values import measured, result_columns, results, species_list, species_of
from surveys.readers.site_table import SiteColumns, read_sites
from surveys.readers.tidy import Tidy
from surveys.study_file import StudyFile
from surveys.text_table import Table


def records_with_visits(
    study: StudyFile,
    visit_table: Table,
    frame: pd.DataFrame,
    table: Table | None,
    ledger: Ledger,
) -> Tidy | None:
    frame = visit_numbers.numbered(visit_table, frame, False, ledger)
    used = {*frame.attrs["columns"].values(), *result_columns(visit_table, ledger)}
    covariates = long_visits.covariates_of(study, visit_table, frame, used, ledger)
    constant = long_visits.site_constant(study, covariates, frame)
    sites, site_tables = read_sites(
        study,
        SiteColumns(visit_table, None, constant, frame["site"].to_numpy(dtype=object)),
        ledger,
    )
    records = match_records(study, table, frame, visit_table, ledger) if table is not None else None
    effort = long_visits.effort_of(visit_table, ledger)
    if sites is None or ledger.of_level("error"):
        return None
    names = [c for c in covariates if c not in constant]
    known = frame["site"].isin(sites["site"]).to_numpy()
    drop = long_visits.rows_to_drop(study, visit_table, frame, covariates, names, known, ledger)
    aside = np.full(len(frame), "", dtype=object)
    aside[drop] = "visit covariate missing"
    aside[~known] = "unknown site"
    long_visits.account(visit_table, frame, aside, ledger)
    own = {n: covariates[n] for n in names}
    if effort is not None:
        own["effort"] = effort
    visits = long_visits.with_covariates(frame[aside == ""], own, visit_table)
    if effort is not None:
        long_visits.check_effort(visit_table, visits, ledger)
    lost = frame[aside != ""]
    if records is None:
        records = pd.DataFrame(
            {"site": [], "season": [], "visit": [], "species": [], "row": [], "value": []}
        )
        counts = None
    else:
        records, counts = _enter(study, table, records, visits, lost, effort, ledger)
    species = species_list(study, records["species"])
    ledger.raise_errors()
    tidy = long_visits.tidy_of(
        study, visit_table, visits, records, counts, sites, species, site_tables, effort, ledger
    )
    if table is not None:
        tidy.records["file"] = table.file
        tidy.tables.insert(0, table)
        cells.tell_decimals(table, ledger)
        roles.tell_loose_names(table, ledger)
    return tidy


def match_records(
    study: StudyFile, table: Table, visits: pd.DataFrame, visit_table: Table, ledger: Ledger
) -> pd.DataFrame | None:
    """Records with the visit each belongs to (0 where none was made)."""
    rows = long_visits.visit_keys(study, table, ledger)
    if rows is None:
        return None
    names, reason, _ = species_of(study, table, ledger)
    values, counts = results(study, table, ledger)
    values, told = measured(table, values, ledger)
    for name, measures in told.items():
        rows[name] = measures
    rows["species"], rows["reason"] = names, reason
    rows["value"] = np.ones(len(rows)) if values is None else np.nan_to_num(values, nan=1.0)
    rows["count"] = np.nan if counts is None else counts
    rows.attrs["counted"] = counts is not None
    sites = rows["site"].to_numpy(dtype=object)
    keep = roles.known_sites(
        study, table, sites, pd.unique(visits["site"]), visit_table.file, ledger
    )
    rows["site"] = sites
    rows.loc[~keep, "reason"] = "unknown site"
    has_season = "season" in rows.attrs["columns"] or visits["season"].nunique() == 1
    key = ["site", "season"] if has_season else ["site"]
    attrs = rows.attrs
    if "visit" in attrs["columns"] and "visit" in visits.attrs["columns"]:
        written = visit_table.text(visits.attrs["columns"]["visit"])
        target = visits.assign(label=written)
        rows = rows.assign(label=rows["visit"])
    elif rows["moment"].notna().any() and visits["moment"].notna().any():
        target = visits.assign(label=visits["moment"].astype("datetime64[s]").dt.floor("D"))
        rows = rows.assign(label=rows["moment"].astype("datetime64[s]").dt.floor("D"))
    elif not len(rows):
        return rows
    elif {"date", "datetime", "visit"} & set(rows.attrs["columns"]) and ledger.of_level("error"):
        return None  # its dates are told to be none
    else:
        ledger.error(
            "E519",
            f"{table.place} and {visit_table.place} have no column in common that tells the visit",
            file=table.place,
            cure="give both a date, or both a visit number: [files.detections.columns] date, "
            "[files.visits.columns] date",
        )
        return None
    two = target[target.duplicated([*key, "label"], keep=False)]
    touched = two.merge(rows[[*key, "label"]].drop_duplicates(), on=[*key, "label"])
    if len(touched):
        ledger.error(
            "E520",
            "several visits of site "
            f'"{touched["site"].iloc[0]}" on one day, so its records cannot be told apart',
            at=visit_table.at(touched["row"]),
            cure="number the visits and write the number in both tables: columns visit",
        )
        return None
    target = target.assign(at_season=target["season"], at_visit=target["visit"])
    lookup = target.set_index([*key, "label"])[["at_season", "at_visit"]]
    lookup = lookup[~lookup.index.duplicated()]
    found = rows.join(lookup, on=[*key, "label"])
    rows = rows.assign(
        visit=found["at_visit"].fillna(0).astype(int).to_numpy(),
        season=found["at_season"].fillna("").to_numpy(dtype=object),
    )
    rows.attrs = attrs
    return rows


def _enter(
    study: StudyFile,
    table: Table,
    rows: pd.DataFrame,
    visits: pd.DataFrame,
    lost: pd.DataFrame,
    effort: np.ndarray | None,
    ledger: Ledger,
) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Account for each record: used, no species, on a visit never made or set aside."""
    aside = rows["reason"].to_numpy(dtype=object).copy()
    aside = np.array(
        [
            r if r in ("", "unknown site") or r.startswith("excl") else f"not a species: {r}"
            for r in aside
        ],
        dtype=object,
    )
    key = ["site", "season", "visit"]
    made = pd.MultiIndex.from_frame(visits[key])
    dropped = pd.MultiIndex.from_frame(lost[key])
    at = pd.MultiIndex.from_frame(rows[key])
    free = aside == ""
    aside[free & at.isin(dropped)] = "visit set aside"
    nowhere = (aside == "") & ~at.isin(made)
    idle = np.zeros(len(rows), dtype=bool)
    if effort is not None:
        worked = visits.loc[visits["effort"] > 0, key]
        idle = (aside == "") & ~nowhere & ~at.isin(pd.MultiIndex.from_frame(worked))
    without = nowhere | idle
    if without.any():
        if study.section("checks").get("detection_without_effort") == "drop":
            aside[without] = "detection without effort"
        else:
            anew = without & _reset_clock(table, rows, without, ledger)
            for i in np.flatnonzero(without & ~anew):
                row = rows.iloc[i]
                when = "" if pd.isna(row["moment"]) else f" on {str(row['moment'])[:10]}"
                what = "no such visit was made" if nowhere[i] else "the effort of that visit is 0"
                ledger.error(
                    "E049",
                    f'{table.place}, row {row["row"]}: a record at site "{row["site"]}"{when}, '
                    f"but {what}",
                    file=table.place,
                    row=int(row["row"]),
                    why="a record with no effort behind it cannot enter the detection model",
                    cure="correct the record or the visits; or set such records aside: [checks] "
                    'detection_without_effort = "drop"',
                )
    long_visits.account(table, rows, aside, ledger)
    kept = rows[aside == ""].reset_index(drop=True)
    return kept, kept["count"].to_numpy(float) if rows.attrs["counted"] else None


def _reset_clock(
    table: Table, rows: pd.DataFrame, without: np.ndarray, ledger: Ledger
) -> np.ndarray:
    """Records on days at which cameras begin to count anew, when nobody was there; told."""
    moments = rows["moment"].to_numpy(dtype="datetime64[s]")
    anew = without & ~np.isnat(moments)
    anew[anew] = of_reset_clock(moments[anew].astype("datetime64[D]"))
    for site, mine in rows[anew].groupby("site", sort=False):
        days = sorted({str(m)[:10] for m in mine["moment"]})
        n = len(mine)
        ledger.error(
            "E037",
            f"{n} {'record' if n == 1 else 'records'} of "
            f'site "{site}" on {days[0]}{f" to {days[-1]}" if len(days) > 1 else ""}, when no '
            "visit was made: the camera clock was reset",
            at=table.at(mine["row"]),
            cure="correct the dates; or set such records aside: [checks] "
            'detection_without_effort = "drop"',
        )
    return anew
