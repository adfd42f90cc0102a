"""What every reader hands over: visits made, records, sites, in tidy tables of one meaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from surveys.fieldwork import Fieldwork
from surveys.text_table import Table

if TYPE_CHECKING:
    from surveys.readers.data_package import PackageFiles


@dataclass(frozen=True)
class Guess:
    """A reader's view of some tables: how sure it is (0 to 1), and what it saw."""

    format: str
    sure: float
    why: str
    columns: dict[str, str] = field(default_factory=dict)  # role -> column of the detections
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Tidy:
    """Tables for `surveys.from_tables`, and what it needs to know of them.

    `visits`: site, season, visit, effort, start, end, file, row and the visit covariates.
    `records`: species, site, season, visit, detection, count, n_records, time, score, file, row.
    `sites`: site, coordinates, region and the site covariates.
    """

    visits: pd.DataFrame
    records: pd.DataFrame
    sites: pd.DataFrame
    species: list[str]
    seasons: list[object]
    tables: list[Table] = field(default_factory=list)
    season_covariates: pd.DataFrame | None = None
    species_covariates: pd.DataFrame | None = None
    units: dict[str, str] = field(default_factory=dict)
    long_names: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)  # covariate -> policy
    has_effort: bool = False
    effort_units: str = ""  # "" where the study file alone knows them
    inputs: list[dict[str, Any]] = field(default_factory=list)  # files that are no tables
    clock: str = ""  # of the times of visits
    target: pd.DataFrame | None = None  # species looked for, where not every one was
    fieldwork: Fieldwork | None = None  # where the format knows deployments or times of records
    package: PackageFiles | None = None  # where a standard can be held against the files
