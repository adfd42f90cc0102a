"""Reads of environmental DNA: site x sample x replicate x taxon, with blanks and controls.

A visit is a library: one PCR replicate of one sample, with its sample as a covariate. With
`[edna] units = "samples"` the samples of a site stand where seasons stand, as the family
`multi_scale` wants them: site, sample, replicate are then its three levels. Reads under `min_reads`
are no detection; the others are kept as `count`. A library that has no row is missing, never 0.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing, rows_text
from surveys.readers import edna_libraries, edna_reads, edna_taxa, long_visits, roles
from surveys.readers.deployments import column_of
from surveys.readers.edna_guess import detect, study_lines
from surveys.readers.edna_reads import Reads
from surveys.readers.site_table import SiteColumns, read_sites
from surveys.readers.tidy import Tidy
from surveys.study_file import StudyFile
from surveys.text_table import Table
from surveys.values import as_seasons, natural

__all__ = ["detect", "read", "study_lines"]
SECTIONS = ("edna",)
TOTAL = "total_reads"
LAYOUT = "reads of each library of DNA"
KEY = ["site", "season", "visit"]
MOST_REPLICATES = 12  # whose names are worth a covariate


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Visits and records of a study of eDNA."""
    opened = {}
    beside = bool(study.section("files.samples").get("path"))
    for name in ("detections", "samples"):
        spec = study.table(f"files.{name}", ledger)
        opened[name] = None
        if spec is not None:
            reads_alone = beside and name == "detections"
            opened[name] = edna_taxa.opened(spec, ledger, libraries=reads_alone)
        if spec is not None and opened[name] is not None and not len(opened[name]):
            _no_rows(opened[name], ledger)
    table, listed = opened["detections"], opened["samples"]
    base = listed if listed is not None else table
    if table is None or base is None or ledger.of_level("error"):
        read_sites(study, None, ledger)
        return None
    rows = edna_libraries.libraries_of(study, base, ledger)
    libraries = _listed_libraries(base, rows, ledger) if listed is not None else set()
    reads = None
    if rows is not None and libraries is not None:
        used = {*rows.attrs["columns"].values()}
        reads = edna_reads.reads_of(study, table, used, libraries, ledger)
    if rows is None or reads is None or ledger.of_level("error"):
        read_sites(study, None, ledger)
        return None
    return _tidy(study, table, base, rows, reads, ledger)


def _no_rows(table: Table, ledger: Ledger) -> None:
    ledger.error(
        "E006",
        f"{table.place} has a header and no rows: no reads can be read",
        file=table.place,
        cure="was the export cut short? Export it again",
    )


def _listed_libraries(base: Table, rows: pd.DataFrame | None, ledger: Ledger) -> set[str] | None:
    """Names of the libraries that the table of samples lists; each once."""
    if rows is None:
        return None
    column = rows.attrs["columns"].get("library")
    if column is None:
        column_of(base, "library", ledger, edna_libraries.USUAL, needed=True)
        return None
    doubled = rows["library"].duplicated(keep=False) | (rows["library"] == "")
    if doubled.any():
        bad = rows[doubled]
        ledger.error(
            "E021",
            f'{base.place}: library "{bad["library"].iloc[0]}" is in {rows_text(bad["row"])}',
            file=base.place,
            row=int(bad["row"].iloc[-1]),
            column=column,
            cure="one row a library, each with its own name",
        )
        return None
    return set(rows["library"])


def _tidy(
    study: StudyFile, table: Table, base: Table, rows: pd.DataFrame, reads: Reads, ledger: Ledger
) -> Tidy | None:
    has = rows.attrs["columns"]
    control = rows["control"].to_numpy(dtype=bool)
    if control.all():
        ledger.error(
            "E682",
            f"{base.place}: all {len(rows)} rows are controls",
            file=base.place,
            cure='[edna] controls = ["NTC*"]: patterns of the names of controls',
        )
        return None
    real = edna_libraries.numbered(study, base, rows[~control], ledger)
    if real is None:
        return None
    if base is not table or reads.layout == "taxa in columns":
        edna_libraries.tell_twice(base, real, has, ledger)
    if not edna_taxa.assign(study, table, reads, ledger):
        return None
    edna_reads.named(study, table, reads, ledger)
    of_row = _library_of_rows(rows, real)
    lost = _libraries_of_reads(table, base, rows, reads, of_row, ledger)
    least = edna_reads.thresholds(study, table, reads.taxa, ledger)
    if ledger.of_level("error"):
        return None
    joined, totals = _joined(reads, least)
    of_controls = joined["library"].isin(of_row[control])
    samples = joined[~of_controls]
    edna_reads.tell_controls(
        table, joined[of_controls], samples, len(pd.unique(of_row[control])), ledger
    )
    rest = replace(base, frame=base.frame[~control])
    frame = edna_libraries.covariate_frame(real).reset_index(drop=True)
    frame.attrs = real.attrs
    library = of_row[~control]
    used = {*has.values(), *(reads.columns if base is table else [])}
    covariates = long_visits.covariates_of(study, rest, frame, used, ledger)
    constant = long_visits.site_constant(study, covariates, frame)
    ids = frame["site"].to_numpy(dtype=object)
    sites, site_tables = read_sites(study, SiteColumns(rest, None, constant, ids), ledger)
    if sites is None or ledger.of_level("error"):
        return None
    total = pd.Series(library).map(totals).to_numpy(dtype=float)
    silent = ~(total > 0)
    aside = np.full(len(rest), "", dtype=object)
    own = {n: v for n, v in covariates.items() if n not in constant}
    made = ~np.isnan(total) & frame["site"].isin(sites["site"]).to_numpy()
    drop = long_visits.rows_to_drop(study, rest, frame, covariates, list(own), made, ledger)
    aside[drop] = "visit covariate missing"
    first = ~pd.Series(library).duplicated().to_numpy()
    empty = (total == 0) & made & ~drop
    edna_reads.tell_silent(study, base, frame[first], empty[first], ledger)
    if study.section("edna").get("without_reads") == "drop":
        aside[empty] = "no read of any taxon"
    aside[np.isnan(total)] = "no result" if base is table else f"no reads in {table.file}"
    aside[~frame["site"].isin(sites["site"]).to_numpy()] = "unknown site"
    for role in ("sample", "replicate"):
        names = real[role].to_numpy(dtype=object)
        if (role == "sample" and role in has) or 1 < len(set(names)) <= MOST_REPLICATES:
            own[role] = names
    own[TOTAL] = np.where(silent, 0.0, total)
    long_visits.agree_within_visits(
        rest, frame, {k: own[k] for k in covariates if k in own}, ledger
    )
    kept = frame[aside == ""]
    visits = long_visits.with_covariates(kept.drop_duplicates(KEY), own, rest)
    records = _records(table, rows, samples, library, visits, frame, ledger)
    edna_reads.tell_under(table, rows.assign(library=of_row), samples, ledger)
    _account(study, table, base, rows, reads, control, aside, lost, ledger)
    species = sorted({*reads.taxa, *_told(study)}) or ["species"]
    seasonal = _of_units(study, visits, own)
    names = [c for c in visits if c not in (*KEY, "row", "file", "start")]
    roles.tell_loose_names(table, ledger)
    cells.tell_decimals(table, ledger)
    return Tidy(
        visits=visits.drop(columns=[] if seasonal is None else list(seasonal.columns[2:])),
        records=records,
        sites=_visited(base, sites, visits, ledger),
        species=species,
        seasons=list(as_seasons(sorted(set(visits["season"]), key=natural))) or [1],
        tables=[table, *([base] if base is not table else []), *site_tables],
        season_covariates=seasonal,
        units={
            TOTAL: "reads",
            **({long_visits.DAY: "day of the year"} if "start" in visits else {}),
        },
        missing={n: study.section(f"visit_covariates.{n}").get("missing", "refuse") for n in names},
    )


def _visited(base: Table, sites: pd.DataFrame, visits: pd.DataFrame, ledger: Ledger):
    """Sites with a library; those of which every library failed are told and stay out."""
    lost = sites["site"][~sites["site"].isin(visits["site"])]
    if len(lost):
        told = "site has no library with a result and stays"
        told = told if len(lost) == 1 else "sites have no library with a result and stay"
        ledger.warn(
            "W563",
            f"{base.place}: {len(lost)} {told} out ({listing(lost, 3)})",
            file=base.file,
        )
    return sites.drop(index=lost.index).reset_index(drop=True)


def _told(study: StudyFile) -> list[str]:
    told = study.section("study").get("species", [])
    return [told] if isinstance(told, str) else list(told)


def _library_of_rows(rows: pd.DataFrame, real: pd.DataFrame) -> np.ndarray:
    """A name for the library of each row of the base; those of controls are apart."""
    names = rows["site"].astype(str)
    for part in ("season", "sample", "replicate", "library"):
        names = names + "\x1f" + rows[part]
    names = "control\x1f" + names
    names[real.index] = real["site"] + "\x1f" + real["season"] + "\x1f" + real["visit"].astype(str)
    return names.to_numpy(dtype=object)


def _libraries_of_reads(
    table: Table,
    base: Table,
    rows: pd.DataFrame,
    reads: Reads,
    of_row: np.ndarray,
    ledger: Ledger,
) -> np.ndarray:
    """Put the library of each number into `reads`; true for rows of libraries that nobody lists."""
    frame = reads.frame
    lost = np.zeros(len(table), dtype=bool)
    if base is table:
        frame["library"] = of_row[frame["at"]]
        return lost
    known = dict(zip(rows["library"], of_row, strict=True))
    if reads.layout == "taxa in rows":
        frame["library"] = frame["library"].map(known)
        return lost
    column = column_of(table, "library", ledger, edna_libraries.USUAL, needed=True)
    if column is None:
        return lost
    written = table.text(column)
    lost = ~np.isin(written.astype(str), np.array(list(known), dtype=str))
    if lost.any():
        name = str(written[lost][0])
        ledger.error(
            "E683",
            f'library "{name}" is not in {base.file}.{did_you_mean(name, known)}',
            at=table.at(table.rows[lost], column),
            cure=f"add it to {base.file}, with its site",
        )
    frame["library"] = pd.Series(written[frame["at"]], index=frame.index).map(known)
    return lost


def _joined(reads: Reads, least: pd.Series) -> tuple[pd.DataFrame, dict[str, float]]:
    """Reads of each library and taxon, whether they are enough, and all reads of each library."""
    frame = reads.frame
    totals = frame.groupby("library")["reads"].sum(min_count=1).to_dict()
    mine = frame[frame["reason"] == ""]
    joined = mine.groupby(["library", "taxon"], as_index=False)["reads"].sum(min_count=1)
    enough = joined["taxon"].map(least).to_numpy(dtype=float)
    joined["over"] = joined["reads"].to_numpy() >= enough
    return joined, totals


def _records(
    table: Table,
    rows: pd.DataFrame,
    samples: pd.DataFrame,
    library: np.ndarray,
    visits: pd.DataFrame,
    frame: pd.DataFrame,
    ledger: Ledger,
) -> pd.DataFrame:
    """Detections and numbers that are missing; every other cell of a visit is a 0."""
    at = frame.assign(library=library).loc[visits.index]
    told = samples[samples["over"] | samples["reads"].isna()]
    out = told.merge(at[["library", *KEY, "row"]], on="library").rename(
        columns={"taxon": "species", "reads": "count"}
    )
    out["detection"] = np.where(out["count"].isna(), np.nan, 1.0)
    out["file"] = table.file
    return out[["species", *KEY, "detection", "count", "row", "file"]]


def _of_units(study: StudyFile, visits: pd.DataFrame, own: dict) -> pd.DataFrame | None:
    """Covariates that belong to the units of a site, where samples are units: for theta."""
    if study.section("edna").get("units") != "samples":
        return None
    asked = set(study.section("visit_covariates"))
    pair = ["site", "season"]
    names = [n for n in own if n in visits and n not in asked and n != TOTAL]
    names = [n for n in names if (visits.groupby(pair)[n].nunique(dropna=False) <= 1).all()]
    return visits.drop_duplicates(pair)[[*pair, *names]].reset_index(drop=True)


def _account(study, table, base, rows, reads: Reads, control, aside, lost, ledger: Ledger) -> None:
    """Every row of the reads, and of the samples, is used or set aside by one rule."""
    whole = np.full(len(base), "", dtype=object)
    whole[control] = "control"
    whole[~control] = aside
    if base is not table:
        long_visits.account(base, base.frame, whole, ledger)
        whole = np.full(len(table), "", dtype=object)
        frame = reads.frame
        if reads.layout != "taxa in rows":
            column = str(column_of(table, "library", Ledger(), edna_libraries.USUAL))
            state = np.full(len(base), "", dtype=object)
            state[control] = "control"
            state[~control] = aside
            of_library = dict(zip(rows["library"], state, strict=True))
            whole = np.array([of_library.get(v, "") for v in table.text(column)], dtype=object)
    if reads.layout != "taxa in columns":
        frame = reads.frame
        reason = frame.groupby("at")["reason"].first().reindex(range(len(table))).to_numpy()
        gone = frame.groupby("at")["reads"].apply(lambda r: r.isna().all())
        gone = gone.reindex(range(len(table))).to_numpy(dtype=bool)
        whole[(whole == "") & gone] = "no result"
        open_rows = (whole == "") & (reason != "")
        whole[open_rows] = reason[open_rows]
    long_visits.account(table, table.frame, whole, ledger)
