"""Everything a page needs, asked of a fit once, so that no two outputs can disagree.

A `Results` holds one species. Tables are tidy: one row per site and season, or region and season.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from occupancy.outputs import words
from occupancy.outputs.said import Said, said
from occupancy.outputs.term_names import Covariate
from occupancy.outputs.varying_words import Told

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

# The quantiles of psi that the page carries for its threshold slider: both ends of six intervals.
QUANTILE_INTERVALS = (0.95, 0.9, 0.8, 0.6, 0.4, 0.2)
QUANTILES = tuple(
    sorted(round(q, 4) for i in QUANTILE_INTERVALS for q in ((1 - i) / 2, (1 + i) / 2))
)
NAMELESS_SPECIES = ("", "species", "nan", "none")
NAMELESS_SEASONS = ("", "nan", "None", "NaT", "all", "season", "1", "0")


@dataclass(frozen=True)
class Notice:
    """One verdict of the checks, as pages show it."""

    code: str
    level: str  # "note", "warn" or "block"
    message: str
    numbers: Mapping[str, Any]
    cure: str


@dataclass(frozen=True)
class Histories:
    """What was seen: 1 detected, 0 not detected, NaN no visit."""

    sites: tuple[str, ...]
    seasons: tuple
    detection: np.ndarray  # (site, season, visit)
    effort: np.ndarray | None  # (site, season, visit)
    effort_units: str = ""


@dataclass(frozen=True)
class Community:
    """What the species of one fit say together; the same on the page of every species.

    The number of species at each site and cell stands in ``Results.sites`` and ``.cells``, as
    ``richness_mean``, ``richness_lower``, ``richness_upper``.

    Attributes
    ----------
    species : one row for each species and season
    coefficients : of every species, its own
    means : of the population of species
    typical : {parameter: (mean, lower, upper)}, natural scale, of a species at that mean
    pooling : one row for each species: naive, alone, in the community
    richness : all sites together, then by region
    site_richness : one row for each site and season
    similarity : of regions, or None
    """

    species: pd.DataFrame
    coefficients: pd.DataFrame
    means: pd.DataFrame
    typical: Mapping[str, tuple[float, float, float]]
    pooling: pd.DataFrame
    richness: pd.DataFrame
    site_richness: pd.DataFrame
    similarity: pd.DataFrame | None = None


@dataclass(frozen=True)
class SpatialField:
    """One spatial field against the mean of the sites: mean, sd, lower, upper on the link scale.

    `sites` has a row and the label of each site, `cells` a row for each cell of the surface.
    `reach` and `spread` are (mean, lower, upper) of the range in km and of the field's sd.
    """

    parameter: str
    name: str
    column: str  # whose slope it is; "" where it is added as it is
    sites: pd.DataFrame
    cells: pd.DataFrame | None
    reach: tuple[float, float, float]
    spread: tuple[float, float, float]
    about: str


@dataclass(frozen=True)
class Results:
    """One species' answers, with the warnings and the provenance that belong to them."""

    title: str
    species: str
    seasons: tuple
    season: Any  # the season that maps and headline speak of; the last unless chosen
    sites: pd.DataFrame  # a GeoDataFrame where sites have coordinates
    regions: pd.DataFrame | None
    overall: pd.DataFrame  # one row per season, columns as in regions
    cells: gpd.GeoDataFrame | None
    coefficients: pd.DataFrame
    groups: pd.DataFrame
    variances: pd.DataFrame
    shrinkage: pd.DataFrame | None
    detection: pd.DataFrame | None
    warnings: tuple[Notice, ...]
    provenance: Mapping[str, Any]
    interval: float
    engine: str
    model: Mapping[str, Any] = field(default_factory=dict)
    histories: Histories | None = None
    ledger: Any = None
    absent: Mapping[str, str] = field(default_factory=dict)  # what could not be made, and why
    cell_quantiles: np.ndarray | None = None  # (cell, quantile), quantiles as in QUANTILES
    site_quantiles: np.ndarray | None = None  # (row of sites, quantile)
    show_blocked: bool = False
    effects: pd.DataFrame | None = None  # curves, with an inner interval of 50 %
    rug: pd.DataFrame | None = None
    held: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # others along a curve
    averaged: Mapping[str, list[str]] = field(default_factory=dict)  # groups at their mean
    terms: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    covariates: Mapping[str, Covariate] = field(default_factory=dict)
    parameters: Mapping[str, Said] = field(default_factory=dict)
    turnover: pd.DataFrame | None = None  # between neighbouring seasons
    change: pd.DataFrame | None = None  # from the first season to the last
    states: pd.DataFrame | None = None  # P(state) of each site and season, given what was seen
    abundance: pd.DataFrame | None = None  # individuals at the surveyed sites
    components: pd.DataFrame | None = None  # of the latent variance, by parameter
    r_squared: pd.DataFrame | None = None
    priors: pd.DataFrame | None = None  # what each prior says, and what it did to the answer
    prior_predictive: xr.Dataset | None = None  # naive, psi, p as the priors expect them
    community: Community | None = None
    hyperparameters: pd.DataFrame | None = None  # of everything that varies
    compared: pd.DataFrame | None = None  # kinds of pooling, by what they predict of folds
    poolings: Mapping[str, pd.DataFrame] = field(default_factory=dict)  # of other groupings
    varying: Mapping[tuple[str, str], Told] = field(default_factory=dict)  # the same in words
    fields: tuple[SpatialField, ...] = ()

    def parameter(self, name: str) -> Said:
        """A parameter's name, meaning and scale."""
        return said(name, dict(self.parameters))

    def term_name(self, parameter: str, term: str) -> tuple[str, str]:
        """A coefficient's name for people, and what one unit of it is ("" where unknown)."""
        return self.terms.get((parameter, term), (words.clean(term), ""))

    def varying_name(self, parameter: str, term: str) -> str:
        """A term that varies, as people call it: "park in region", "curve along elevation"."""
        told = self.varying.get((parameter, term))
        return told.name if told else " in ".join(reversed(words.clean(term).split("/")))

    def covariate(self, name: str) -> Covariate:
        return self.covariates.get(name, Covariate(words.clean(name)))

    @property
    def crs(self) -> Any:
        """The study's projected CRS, or None where nothing has a place."""
        for table in (self.cells, self.sites, self.regions):
            if getattr(table, "crs", None) is not None and has_geometry(table):
                return table.crs  # type: ignore[union-attr]
        return None

    @property
    def tells_detections(self) -> bool:
        """Whether the surveys say where the species was detected; scores alone do not."""
        return bool(self.sites.loc[self.sites["surveyed"], "detections"].notna().any()) or not bool(
            self.sites["surveyed"].any()
        )

    @property
    def seen_here(self) -> str:
        """At how many of the surveyed sites of the season the species was detected."""
        here = self.here
        n = int(here["surveyed"].sum())
        if not self.tells_detections:
            return words.DASH
        return words.share(int(here["detected"].sum()), n, "surveyed sites")

    @property
    def blocks(self) -> tuple[Notice, ...]:
        return tuple(w for w in self.warnings if w.level == "block")

    @property
    def withheld(self) -> bool:
        """A check forbids the headline number, and nobody said to show it anyway."""
        return bool(self.blocks) and not self.show_blocked

    @property
    def species_name(self) -> str:
        """The species as a sentence begins with it; a placeholder of the surveys is no name."""
        return self.species if self.species.lower() not in NAMELESS_SPECIES else "The species"

    @property
    def ever_surveyed(self) -> int:
        """Sites visited in any season: those that the sample's share is about."""
        return int(self.sites.loc[self.sites["surveyed"], "site"].nunique())

    @property
    def hierarchical(self) -> bool:
        """Whether the model has group effects, so that groups lean on one another."""
        return len(self.variances) > 0 or bool(self.varying)

    @property
    def season_name(self) -> str:
        """The season as text, or "" where the study has one season without a name of its own."""
        return season_name(self.season, self.seasons)

    @property
    def here(self) -> pd.DataFrame:
        """The sites in the season shown, one row a site."""
        return self.sites[season_rows(self.sites, self.season)]

    @property
    def regions_here(self) -> pd.DataFrame | None:
        if self.regions is None:
            return None
        return self.regions[season_rows(self.regions, self.season)]

    def overall_here(self) -> pd.Series:
        return self.overall[season_rows(self.overall, self.season)].iloc[0]

    def in_season(self, season: Any) -> Results:
        """The same results, seen in another season."""
        return replace(self, season=season)

    @classmethod
    def from_fit(
        cls,
        fit: Any,
        regions: gpd.GeoDataFrame | None = None,
        surface: gpd.GeoDataFrame | None = None,
        title: str | None = None,
        interval: float = 0.9,
        provenance: Mapping[str, Any] | None = None,
        *,
        species: str | None = None,
        season: Any = None,
        show_blocked: bool = False,
        quantiles: bool = True,
    ) -> Results:
        """Ask a fit every question that the outputs need.

        Parameters
        ----------
        fit : Fit
            See the design page on what a fit answers.
        regions : GeoDataFrame[region, geometry], optional
            Polygons to report by; otherwise the regions of the surveys.
        surface : GeoDataFrame of cells, optional
            Covariates, region, area_km2 and geometry: where to predict. Without it maps show sites.
        quantiles : bool
            Whether to ask also for the quantiles behind the threshold slider (six more questions).
        """
        from occupancy.outputs.asking import ask

        return ask(
            fit,
            regions,
            surface,
            title,
            interval,
            provenance,
            species=species,
            season=season,
            show_blocked=show_blocked,
            quantiles=quantiles,
        )


def has_geometry(table: Any) -> bool:
    """Whether a table has places to draw: a geometry column with something in it."""
    if table is None or getattr(table, "_geometry_column_name", None) not in table:
        return False
    shapes = table.geometry
    return bool((shapes.notna() & ~shapes.is_empty).any())


def season_rows(table: pd.DataFrame, season: Any) -> np.ndarray:
    """Mask of a table's rows in one season; a missing label is a season of its own."""
    if "season" not in table:
        return np.ones(len(table), dtype=bool)
    if words.is_missing(season):
        return table["season"].isna().to_numpy()
    return (table["season"] == season).to_numpy()


def season_name(season: Any, seasons: tuple) -> str:
    nameless = words.is_missing(season) or str(season) in NAMELESS_SEASONS
    if not nameless:
        return words.clean(season)
    if len(seasons) < 2:
        return ""
    places = [i for i, s in enumerate(seasons) if s is season or s == season]
    return f"season {places[0] + 1}" if places else "season without a name"
