"""A study file to its Dataset: reader, regions, provenance."""

from __future__ import annotations

import datetime as dt
import os
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import xarray as xr

from surveys.build import from_tables
from surveys.ledger import Ledger
from surveys.problems import Problem, SurveyError
from surveys.readers import (
    READERS,
    layer_keys,
    levels,
    place_covariates,
    plugged,
    reader,
    sections,
)
from surveys.readers.coordinates import UNKNOWN_CRS
from surveys.readers.layer_table import AREA
from surveys.readers.mark import is_history
from surveys.readers.other_inputs import other_inputs
from surveys.readers.season_table import read_seasons
from surveys.readers.tidy import Tidy
from surveys.readers.trait_table import read_traits
from surveys.relatives import attach_phylogeny
from surveys.study_file import StudyFile, read_study
from surveys.study_keys import OF_SOME_FORMATS
from surveys.surroundings import attach_neighbours


def read(path: str | Path) -> xr.Dataset:
    """The Dataset of a study: its tables read, checked and joined as study.toml says.

    Raises
    ------
    SurveyError
        With every problem found in the study file or in the tables.
    """
    return dataset(read_study(path))


def dataset(study: StudyFile) -> xr.Dataset:
    """The Dataset of a study, with its ledger and provenance in the attributes."""
    return surveyed(study)[0]


def surveyed(study: StudyFile) -> tuple[xr.Dataset, Tidy]:
    """The Dataset of a study, and the tidy tables of which it was made."""
    ledger = study.ledger = Ledger()
    tidy = tables(study, ledger)
    regions = _regions(study)
    try:
        ds = _dataset_of(study, tidy, ledger)
    except SurveyError as error:
        raise SurveyError(ledger.named(p) for p in error.problems) from None
    for name in ("visit_start", "visit_end"):
        if tidy.clock and name in ds:
            ds[name].attrs["clock"] = tidy.clock
    if regions is not None and ("longitude" in ds or "easting" in ds):
        from surveys.places import assign_regions

        ds = assign_regions(ds, regions)
    if regions is not None:
        ds = attach_neighbours(ds, regions)
    tree = study.section("taxa").get("tree")
    if tree:
        ds = attach_phylogeny(ds, study.resolve(tree, "taxa"))
    ds = place_covariates.attach(study, ds)
    for name, section in study.config.items():
        if name.endswith("covariates"):
            for covariate, keys in section.items():
                if keys.get("long_name") and covariate in ds:
                    ds[covariate].attrs["long_name"] = keys["long_name"]
    return ds, tidy


def _dataset_of(study: StudyFile, tidy: Tidy, ledger: Ledger) -> xr.Dataset:
    return from_tables(
        tidy.visits,
        tidy.records,
        tidy.sites,
        species=tidy.species,
        target=tidy.target,
        seasons=tidy.seasons,
        season_covariates=() if tidy.season_covariates is None else tidy.season_covariates,
        species_covariates=tidy.species_covariates,
        missing=_policies(tidy),
        units=_units(study, tidy),
        effort_units=_effort_units(study, tidy),
        crs=None if study.crs == UNKNOWN_CRS else study.crs,
        ledger=ledger.balance(),
        provenance=provenance(study, tidy),
        title=study.title,
    )


def tables(study: StudyFile, ledger: Ledger) -> Tidy:
    """The tidy tables of a study; every problem found is raised at once.

    Raises
    ------
    SurveyError
        With all errors in the ledger.
    """
    form = study.format or _guess_format(study)
    module = reader(form)
    plugged.tell_refused(form, ledger)
    _refuse_idle_sections(study, form, sections(module), ledger)
    layer_keys.check(study, ledger)
    detections = study.section("files.detections")
    if not (detections.get("path") or detections.get("table")) and not getattr(
        module, "PACKAGE", False
    ):
        ledger.error(
            "E409",
            f"{study.name} names no detections",
            file=study.name,
            cure='[files.detections]\n                  path = "detections.csv"',
        )
        ledger.raise_errors()
    tidy = module.read(study, ledger)
    if tidy is not None:
        read_seasons(study, tidy, ledger)
        levels.settle(study, tidy, ledger)
        read_traits(study, tidy, ledger)
        levels.tell_twins(tidy, ledger)
    ledger.raise_errors()
    if tidy is None:
        raise SurveyError(
            Problem(code="E903", file=study.name, fact=f"{study.name}: nothing could be read")
        )
    if not len(tidy.visits):
        raise SurveyError(
            Problem(
                code="E121",
                file=tidy.tables[0].file,
                fact=f"{tidy.tables[0].file}: no visit was made: every detection is missing",
                cure="0 where somebody looked and found nothing, blank only where nobody went",
            )
        )
    return tidy


def _refuse_idle_sections(
    study: StudyFile, form: str, used: tuple[str, ...], ledger: Ledger
) -> None:
    """Sections that this format makes nothing of; in silence they would be believed."""
    for name in OF_SOME_FORMATS:
        if name in used or not study.section(name):
            continue
        meant = name if name in READERS else "camtrapr"
        ledger.error(
            "E408",
            f'{study.name}: [{name}] has no effect on files of the format "{form}"',
            file=study.name,
            cure="remove it"
            + (f', or name the format: [source] format = "{meant}"' if meant != form else ""),
        )


def _guess_format(study: StudyFile) -> str:
    """Long where the study file names a role that only long tables have."""
    if study.section("files.package").get("path"):
        return "camtrapdp"
    if is_history(str(study.section("files.detections").get("path", ""))):
        return "mark"
    if study.section("files.deployments").get("path"):
        return "camtrapr"
    columns = study.section("files.detections").get("columns", {})
    long = {"visit", "date", "datetime", "detection", "count", "time", "score"} & set(columns)
    return "long" if long or study.section("files.visits").get("path") else "wide"


def _regions(study: StudyFile) -> Any:
    path = study.regions_path
    if path is None:
        return None
    from surveys.places import read_regions

    keys = study.section("regions")
    with place_covariates.cure_in("regions"):
        return read_regions(
            path,
            name=keys.get("name"),
            crs=keys.get("crs"),
            layer=keys.get("layer"),
            ledger=study.ledger,
        )


def _policies(tidy: Tidy) -> dict[str, str]:
    return {name: policy for name, policy in tidy.missing.items() if name in tidy.visits}


def _units(study: StudyFile, tidy: Tidy) -> dict[str, str]:
    names = {*tidy.visits.columns, *tidy.sites.columns}
    if tidy.season_covariates is not None:
        names |= set(tidy.season_covariates.columns)
    if tidy.species_covariates is not None:
        names |= set(tidy.species_covariates.columns)
    units = {AREA: "km2", **tidy.units}
    for section in ("covariates", "visit_covariates", "season_covariates", "species_covariates"):
        for name, keys in study.section(section).items():
            if "units" in keys:
                units[name] = keys["units"]
    return {name: unit for name, unit in units.items() if name in names}


def _effort_units(study: StudyFile, tidy: Tidy) -> str:
    if tidy.effort_units:
        return tidy.effort_units
    if not tidy.has_effort:
        return "visits"
    return study.section("effort").get("unit", "visits")


def _now() -> str:
    """The time of reading in UTC; that of SOURCE_DATE_EPOCH where a build must be repeatable."""
    told = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = int(told) if told.isdecimal() else int(time.time())
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def provenance(study: StudyFile, tidy: Tidy) -> dict[str, Any]:
    """What was read by which version, with checksums; paths as the study file names them."""
    try:
        program = version("occupancy")
    except PackageNotFoundError:
        program = "unknown"
    inputs = {}
    for table in tidy.tables:
        for found in table.found.get("parts") or [table.found]:
            inputs.setdefault(found["file"], {k: v for k, v in found.items() if k != "mark"})
    for found in tidy.inputs:
        inputs.setdefault(found["file"], found)
    specs = [spec for table in tidy.tables for spec in table.spec.parts or (table.spec,)]
    for found in other_inputs(study, [spec.path for spec in specs]):
        inputs.setdefault(found["file"], found)
    return {
        "program": f"occupancy {program}",
        "read_utc": _now(),
        "study": study.name,
        "study_sha256": study.digest,
        "inputs": list(inputs.values()),
        "repairs": [p.fact for p in study.ledger.of_level("repair")],
    }
