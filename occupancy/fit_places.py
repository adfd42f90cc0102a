"""Questions about places and seasons that a fit answers, from joint draws."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from occupancy import arguments
from occupancy.comparison import unpooled
from occupancy.fit_draws import Drawn
from occupancy.frames import traits
from occupancy.results import (
    detection,
    elsewhere,
    passes,
    predicted,
    regions,
    seasons,
    shrinkage,
)
from occupancy.results.draws import Draws
from occupancy.results.occupied import Occupied, Places
from occupancy.results.places import outside_sampled, surveyed_rows
from surveys.problems import ModelError, listing

ALL = regions.ALL


class OfPlaces(Drawn):
    """Sites, regions, seasons, other places."""

    def sites(self, interval: float = 0.9) -> pd.DataFrame:
        """One row for each species, site and season; a GeoDataFrame where sites have places.

        Returns
        -------
        DataFrame
            naive (1 seen, 0 not seen, NaN not surveyed, or nothing but scores, of which nobody
            said which are detections); psi_mean, psi_sd, psi_lower, psi_upper:
            the probability that such a site is occupied (projected: before it is looked at);
            present: P(occupied | everything seen here in any season) (smoothed); detections,
            visits, effort, region, geometry. psi is NaN where a covariate of the site is missing.
        """
        problem, data = self.problem, self.data
        told = self._occupied.summarise(self._places, interval)
        labels = regions.season_labels(problem)
        n_species, n_site, n_season = data.sizes["species"], data.sizes["site"], len(labels)
        shape = (n_species, n_site, n_season)
        visits, seen, effort = self._by_season(n_season)
        told_seen = problem.tells_detections
        columns: dict[str, Any] = {
            "species": np.repeat(data["species"].values.astype(object), n_site * n_season),
            "site": np.tile(np.repeat(data["site"].values.astype(object), n_season), n_species),
            "season": np.tile(np.array(labels), n_species * n_site),
            "naive": np.where((visits > 0) & told_seen, (seen > 0).astype(float), np.nan).ravel(),
        }
        known = self._known.reshape(-1, n_season)
        for k in ("mean", "sd", "lower", "upper"):
            columns[f"psi_{k}"] = np.where(known, told[k], np.nan).reshape(shape).ravel()
        columns["present"] = self._at_centre.present.ravel()
        columns["detections"] = seen.ravel() if told_seen else np.full(seen.size, np.nan)
        columns["visits"] = visits.ravel()
        columns["effort"] = effort.ravel()
        columns["region"] = np.tile(np.repeat(self._labels(), n_season), n_species)
        return with_places(data, columns, n_species, n_season)

    @property
    def _known(self) -> np.ndarray:
        """(chain, season) bool: every covariate that occupancy there depends on is known."""
        at = self._occupied.seasons
        return self.problem.usable[:, None] & self.problem.reach[:, at]

    def _by_season(self, n_season: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Visits, detections and effort: (species, site, season) each."""
        problem = self.problem
        effort = np.where(problem.used, _effort(self.data), 0.0).sum(axis=3)
        parts = (problem.visits_by_season, problem.detections_by_season, effort)
        if n_season < parts[0].shape[2]:  # units of one closed period
            parts = tuple(p.sum(axis=2, keepdims=True) for p in parts)
        return parts

    def _labels(self, layer: Any = None) -> np.ndarray:
        data = self.data
        if layer is not None:
            from surveys import places as geography

            data = geography.assign_regions(data, layer)
        if "region" not in data:
            return np.full(data.sizes["site"], "", dtype=object)
        return data["region"].values.astype(str).astype(object)

    def predict(
        self,
        frame: Any,
        interval: float = 0.9,
        season: Any = None,
        parameter: str | None = None,
        new_levels: Literal["draw", "refuse"] = "draw",
    ) -> pd.DataFrame:
        """Occupancy, or any one parameter, at other places.

        Parameters
        ----------
        frame : DataFrame or GeoDataFrame
            One row for each place, one column for each covariate that occupancy depends on, raw
            units. What varies by season alone is taken from the surveys where it is no column.
        season : optional
            Label of the season; the last by default.
        parameter : str, optional
            A parameter of the family, such as ``"gamma"`` or ``"p"``, in place of occupancy; the
            columns are then named by it, and ``frame`` holds the covariates of its formula.
        new_levels : "draw" or "refuse"
            A region, park or observer never surveyed is drawn from the population of them, or is
            an error.

        Returns
        -------
        DataFrame
            In the order and with the index of ``frame``: psi_mean, psi_sd, psi_lower, psi_upper
            (NaN where a covariate is missing), and ``extrapolated``: a covariate lies outside its
            surveyed range, or a label was never surveyed.
        """
        given = elsewhere.as_table(frame)
        refuses = arguments.choice("new_levels", new_levels, ("draw", "refuse")) == "refuse"
        if parameter is not None:
            return predicted.predict(
                self.problem,
                self._frames,
                self.draws,
                self._wald_covariance(parameter),
                parameter,
                given,
                interval,
                self.seed,
                season,
                refuses,
            )
        places = self._elsewhere(given)
        if refuses:
            for p in self._occupied.predictors:
                elsewhere.refuse_new_levels(p, places.at(p.level))
        kind, at = self._asked(given, season)
        told = self._occupied.summarise(places, interval)
        out = pd.DataFrame({f"psi_{k}": v[kind, :, at] for k, v in told.items()}, index=given.index)
        out["extrapolated"] = self._outside(places)
        return out

    def psi_quantiles(self, at: tuple[float, ...], frame: Any = None) -> np.ndarray:
        """(place, quantile) of psi: rows as in ``sites``, or the places of ``frame``."""
        if frame is None:
            told = self._occupied.quantiles(self._places, tuple(at))
            known = self._known.reshape(-1, told.shape[2])
            told = np.where(known[None, :, :, None], told, np.nan)
            return told.reshape(-1, len(at))
        given = elsewhere.as_table(frame)
        kind, season = self._asked(given, None)
        return self._occupied.quantiles(self._elsewhere(given), tuple(at))[kind, :, season]

    def _asked(self, given: pd.DataFrame, season: Any) -> tuple[int, int]:
        """Place of the species and of the season that a table of places is asked for."""
        labels = regions.season_labels(self.problem)
        if season is not None and season not in labels:
            raise ModelError(f"There is no season {season!r}; there are {listing(labels)}.")
        at = len(labels) - 1 if season is None else labels.index(season)
        kind = 0
        if self.problem.family.joint and "species" in given and len(given):
            names = self.data["species"].values.tolist()
            kind = names.index(given["species"].iloc[0])
        return kind, at

    def _elsewhere(self, table: pd.DataFrame) -> Places:
        """The places of a table that somebody brings."""
        needed = self._occupied.predictors
        return elsewhere.places_of(table, self.problem, self._frames, needed)

    def _outside(self, places: Places) -> np.ndarray:
        """(place,) bool: a covariate lies outside what was surveyed."""
        out = np.zeros(places.n, bool)
        for p in self._occupied.predictors:
            own, new = self._frames.at(p.level), places.at(p.level)
            n_row = own.n // self.problem.n_chain
            at = surveyed_rows(self.problem, p.level, own.n)
            surveyed = {v: np.asarray(own[v])[at] for v in p.design.variables}
            beyond = outside_sampled(p, surveyed, new, places.n * n_row)
            out |= beyond.reshape(places.n, n_row).any(axis=1)
        return out

    # ------------------------------------------------------------ regions

    def regions(
        self, layer: Any = None, surface: Any = None, interval: float = 0.9
    ) -> pd.DataFrame:
        """One row for each species and region.

        Parameters
        ----------
        layer : GeoDataFrame[region, geometry] or path, optional
            Polygons; otherwise the labels of the surveys. A site in two regions counts in the
            first of them in natural order.
        surface : GeoDataFrame of cells or path, optional
            Covariates, area_km2 and geometry: adds the mean of psi over the cells that have all
            covariates. Without a layer the cells need a column region.

        Returns
        -------
        DataFrame
            ``share_*``: finite-sample share of the surveyed sites that were occupied;
            ``occupied_*``: their number; ``psi_*``: mean psi of the region's sites; ``ml_psi``
            by maximum likelihood; with a surface ``area_psi_*``, ``area_km2`` (of the cells with
            every covariate), ``area_unknown_km2`` (of the others, which have no psi),
            ``extrapolated`` (share of the area outside the surveyed conditions).
        """
        if layer is not None:
            from surveys import places as geography

            layer = geography.as_regions(layer)
        names = None if layer is None else layer["region"].tolist()
        table = self._regional(self._labels(layer), surface, layer, interval, names)
        if layer is None:
            return table
        shapes = layer.set_index("region").loc[table["region"], ["geometry"]].reset_index(drop=True)
        for name in table.columns:
            shapes[name] = table[name].to_numpy()
        shapes = shapes[[*table.columns, "geometry"]]
        shapes.attrs["interval"] = interval
        return shapes

    def overall(self, surface: Any = None, interval: float = 0.9) -> pd.DataFrame:
        """All sites, and all the area, as one region: columns as in ``regions``."""
        return self._regional(self._labels(), surface, None, interval, [ALL])

    def _regional(self, labels, surface, layer, interval, names) -> pd.DataFrame:
        cells = None if surface is None else self._surface(surface, layer)

        def table_of(draws: Draws) -> pd.DataFrame:
            return regions.table(
                self._occupied,
                draws,
                self._pass,
                labels,
                self._places,
                self._ml_psi,
                interval,
                cells,
                names,
            )

        table = table_of(self._state_draws)
        if self.draws.told_at is not None and len(table):
            point = table_of(self.draws.told_at)
            for name in ("psi_mean", "area_psi_mean"):
                if name in table:
                    table[name] = point[name]
        table.attrs["interval"] = interval
        return table

    def _surface(self, surface: Any, layer: Any) -> regions.Surface:
        cells = elsewhere.as_cells(surface)
        found = self._elsewhere(cells)
        known = np.ones(len(cells), bool)
        for p in self._occupied.predictors:
            frame = found.at(p.level)
            n_row = 1 if p.level == "site" else found.n_step - (p.level == "interval")
            missing = p.design.missing(frame, n=len(cells) * n_row)
            known &= ~missing.reshape(len(cells), n_row).any(axis=1)
        return elsewhere.as_surface(cells, found, layer, self._outside(found), known)

    @cached_property
    def _ml_psi(self) -> np.ndarray:
        """(species, site, season) occupancy at the maximum without group effects."""
        n_season = self._occupied.seasons.size
        shape = (self.data.sizes["species"], self.data.sizes["site"], n_season)
        top = self._pooled
        if top is None:
            return np.full(shape, np.nan)
        pooled = self.problem.without_groups()
        point = Draws({k: b[None, :] for k, b in top.coefficients.items()})
        plain = Occupied(pooled, point)
        told = np.empty((plain.n_kind, self._places.n, n_season))
        for rows, values in plain.pieces(point, self._places):
            told[:, rows] = values[0]
        return np.where(self._known, told, np.nan).reshape(shape)

    # ------------------------------------------------------------ seasons

    def turnover(self, interval: float = 0.9, by: str | None = None) -> pd.DataFrame:
        """Colonisation, extinction, turnover and growth between neighbouring seasons.

        Columns and meaning as in ``occupancy.results.seasons.turnover``; ``by="region"`` tells
        them by region.
        """
        labels, names = self._grouped(by)
        return seasons.turnover(
            self._occupied, self._state_draws, self._pass, self._places, labels, interval, names
        )

    def change(
        self,
        first: Any = None,
        last: Any = None,
        declines: Sequence[float] = (0, 10, 20, 30, 50),
        interval: float = 0.9,
        by: str | None = None,
    ) -> pd.DataFrame:
        """Change between two seasons (the first and the last by default), and P(decline >= x %).

        Columns and meaning as in ``occupancy.results.seasons.change``.
        """
        seasons.need_seasons(self.problem)
        known = regions.season_labels(self.problem)
        between = (known[0] if first is None else first, known[-1] if last is None else last)
        labels, names = self._grouped(by)
        return seasons.change(
            self._occupied,
            self._state_draws,
            self._pass,
            self._places,
            labels,
            between,
            declines,
            interval,
            names,
        )

    def _grouped(self, by: str | None) -> tuple[np.ndarray, list[str]]:
        """Label of each site and the labels to tell of; all sites as one where none is asked."""
        n_site = self.data.sizes["site"]
        if by is None:
            return np.full(n_site, "", dtype=object), [ALL]
        if by not in self._frames.chains or by in (*traits(self.data), "species"):
            known = sorted(set(self._frames.chains) - {*traits(self.data), "species"})
            raise ModelError(f"The sites have no label '{by}'; they have {listing(known)}.")
        labels = np.asarray(self._frames.chains[by])[:n_site].astype(str).astype(object)
        return labels, [v for v in sorted(set(labels)) if v]

    def shrinkage(
        self,
        by: str = "region",
        interval: float = 0.9,
        parameter: str | None = None,
        scale: str = "link",
    ) -> pd.DataFrame:
        """What pooling did to every level of a label of the sites, or of any grouping.

        Parameters
        ----------
        by : str
            A label of the sites ("region", "park"); with ``parameter``, the column of a grouping
            of that parameter ("observer" of ``p``).
        parameter : str, optional
            Without it psi of the sites of each level is told. With it the parameter at average
            conditions; a grouping that is no label of the sites needs none where one parameter
            has it.
        scale : "link" or "natural"
            Of a parameter.

        Returns
        -------
        DataFrame
            Of sites: the label, sites (surveyed), naive; ``alone_*``: the level fitted by itself
            with one psi and one p; ``partial_*``: mean psi of its sites in this fit;
            ``complete_mean``: all sites as one. Of scores without a threshold ``partial_*`` alone.
            Of a parameter: as in ``occupancy.results.shrinkage.of_parameter``.
        """
        chains = self._frames.chains
        if parameter is None and by not in chains:
            own = shrinkage.grouped_parameters(self.problem, by)
            if len(own) != 1:
                many = f" Say of which parameter: {listing(own)}." if own else ""
                raise ModelError(
                    f"The sites have no label '{by}'; they have {listing(sorted(chains))}.{many}"
                )
            parameter = own[0]
        if parameter is not None:
            return shrinkage.of_parameter(
                self.problem,
                partial(unpooled, self.model, by, parameter),
                self._frames,
                self.draws,
                parameter,
                by,
                interval,
                scale,
            )
        labels = np.asarray(chains[by]).astype(str)
        return shrinkage.of_sites(
            self.problem, self._occupied, self._places, self.draws, labels, by, interval
        )

    def detection(self, interval: float = 0.9) -> pd.DataFrame:
        """Per species: p on a visit as made, p* of a site's visits, visits for 95 %.

        p and the visits for 95 % suppose a visit that finds the species there; p* supposes that
        the site is occupied, and sums over where the species was at each visit.
        """
        return pd.DataFrame(detection.table(self.problem, self.draws, interval))

    def abundance(self, interval: float = 0.9, by: str | None = None) -> pd.DataFrame:
        """Number of individuals at the surveyed sites, of families that count them.

        Returns
        -------
        DataFrame
            species, region, sites (surveyed); ``number_*``: their total, mean, lower and upper,
            from numbers sampled jointly given what was seen; ``per_site_*``.
        """
        drawn = self._drawn.numbers
        if drawn is None:
            raise ModelError(
                f"Family '{self.problem.family.name}' tells whether a site is occupied, not by how "
                "many. Use royle_nichols or n_mixture."
            )
        labels, names = self._grouped(by)
        point = self.draws.told_at
        expected = None if point is None else passes.expected_numbers(self.problem, point)
        return regions.abundance(self.problem, drawn, expected, labels, names, interval)


def _effort(data: xr.Dataset) -> np.ndarray:
    if "effort" not in data:
        return np.ones(1)
    effort = data["effort"].transpose("site", "season", "visit").values
    return np.nan_to_num(effort)[None]


def with_places(
    data: xr.Dataset, columns: dict[str, Any], n_species: int, n_season: int
) -> pd.DataFrame:
    """The table, on points where sites have coordinates."""
    if "easting" not in data and "longitude" not in data:
        return pd.DataFrame(columns)
    from surveys import places as geography

    points = geography.site_points(data)[["geometry"]]
    rows = np.tile(np.repeat(np.arange(len(points)), n_season), n_species)
    table = points.iloc[rows].reset_index(drop=True)
    for name, values in columns.items():
        table[name] = values
    return table[[*columns, "geometry"]]
