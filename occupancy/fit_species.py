"""Questions about the species of a community that a fit answers, from joint draws."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from occupancy.fit_places import OfPlaces
from occupancy.results import coefficients_of_species as own
from occupancy.results import elsewhere
from occupancy.results import richness as counting
from occupancy.results.draws import Draws, summary
from occupancy.results.regions import season_labels
from surveys.problems import ModelError, listing

MOST_DRAWS = 2000  # of the coefficients of every species


class OfSpecies(OfPlaces):
    """Species side by side, how many there are and how alike places are."""

    def species(self, interval: float = 0.9, slopes: bool = True) -> pd.DataFrame:
        """One row for each species and season.

        Returns
        -------
        DataFrame
            species, season, surveyed (sites visited), detected (sites with a detection),
            detections (visits with one), naive; ``psi_*``: mean probability over the sites;
            ``share_*`` and ``occupied_*``: share and number of the surveyed sites that were
            occupied (finite sample); ``p_*``: on the visits made. With ``slopes`` a species' own
            coefficients, ``psi:elev_*``, on the link scale: the community's mean and the species'
            deviation together.
        """
        table = self.overall(interval=interval).drop(columns=["region", "ml_psi", "sites"])
        seen = self._by_season(len(season_labels(self.problem)))[1].sum(axis=1).ravel()
        table.insert(table.columns.get_loc("naive"), "detections", seen)
        try:
            detection = self.detection(interval)
        except ModelError:  # the family has no such parameter
            detection = None
        names = table["species"].astype(str)
        if detection is not None and detection["species"].is_unique:
            told = detection.set_index("species")
            for k in ("mean", "lower", "upper"):
                table[f"p_{k}"] = told[f"p_{k}"].reindex(names).to_numpy()
        if slopes and self.is_community:
            long = self.species_coefficients(interval)
            for (parameter, term), part in long.groupby(["parameter", "term"], sort=False):
                part = part.set_index("species")
                for k in ("mean", "lower", "upper"):
                    table[f"{parameter}:{term}_{k}"] = part[k].reindex(names).to_numpy()
        table.attrs["interval"] = interval
        return table

    def species_coefficients(self, interval: float = 0.9) -> pd.DataFrame:
        """The coefficients of every species on the link scale, as if the formula were its own.

        Returns
        -------
        DataFrame
            species, parameter, term, mean, sd, lower, upper; ``community``: what species of its
            traits have in common; ``deviation_*``: how far the species is from it. What varies
            within a species, between regions for example, is at the mean of its population.
        """
        names = self.data["species"].values.astype(str)
        rows = []
        for name, told in self._of_species.items():
            whole = summary(told.own, interval)
            apart = summary(told.own - told.shared, interval)
            common = told.shared.mean(axis=0)
            for k, term in enumerate(told.terms):
                for s, species in enumerate(names):
                    row: dict[str, Any] = {"species": species, "parameter": name, "term": term}
                    row |= {q: float(v[s, k]) for q, v in whole.items()}
                    row["community"] = float(common[s, k])
                    row |= {f"deviation_{q}": float(v[s, k]) for q, v in apart.items()}
                    rows.append(row)
        return pd.DataFrame(rows)

    def community(self, interval: float = 0.9) -> pd.DataFrame:
        """The community: mean coefficient of its species, and how much species differ.

        Returns
        -------
        DataFrame
            parameter, term, mean, sd, lower, upper: of the mean of the population that the
            species are drawn from (at the mean of their traits); ``sigma_mean``,
            ``sigma_lower``, ``sigma_upper``: standard deviation of that population (NaN where a
            term does not vary); ``spread_mean``, ``spread_lower``, ``spread_upper``: standard
            deviation between the species surveyed, their traits included. ``attrs["typical"]``
            {parameter: (mean, lower, upper)}: a species at the mean of the community, on the
            natural scale, at average conditions.
        """
        rows, typical = [], {}
        draws = self._own_draws
        for name, told in self._of_species.items():
            p = self.problem.predictors[name]
            typical[name] = own.typical(p, told, interval)
            centre = summary(told.shared.mean(axis=1), interval)
            spread = summary(told.own.std(axis=1, ddof=1), interval)
            sigma = own.sigmas(self.problem, draws, name, told.terms)
            for k, term in enumerate(told.terms):
                row: dict[str, Any] = {"parameter": name, "term": term}
                row |= {q: float(v[k]) for q, v in centre.items()}
                for stem, part in (("sigma", summary(sigma, interval)), ("spread", spread)):
                    row |= {f"{stem}_{q}": float(part[q][k]) for q in ("mean", "lower", "upper")}
                rows.append(row)
        table = pd.DataFrame(rows)
        table.attrs |= {"interval": interval, "typical": typical}
        return table

    def richness(
        self, by: str | None = None, interval: float = 0.9, layer: Any = None
    ) -> pd.DataFrame:
        """How many species there are: all sites together, by a label of the sites, or by site.

        Columns and meaning as in ``occupancy.results.richness``: ``sample_*`` are the species
        present on the surveyed sites, seen or missed; ``population_*`` those expected on as many
        new sites of these conditions. ``layer``, polygons of regions, goes with ``by="region"``.
        """
        self._need_species()
        if by == "site":
            table = counting.richness_of_sites(
                self._occupied, self._state_draws, self._pass, self._places, interval
            )
            table.insert(2, "region", np.repeat(self._labels(), len(table) // self._labels().size))
            return self._on_map(table)
        labels, names = self._kinds_of_sites(by, layer)
        return counting.richness(
            self._occupied,
            self._state_draws,
            self._pass,
            self._places,
            labels,
            names if by else [""],
            by or "region",
            interval,
        )

    def richness_at(self, frame: Any, interval: float = 0.9) -> pd.DataFrame:
        """Species expected at other places, of those surveyed.

        Parameters
        ----------
        frame : DataFrame or GeoDataFrame
            As in ``predict``; every place is told for all species.

        Returns
        -------
        DataFrame
            richness_mean, richness_sd, richness_lower, richness_upper (of the last season) and
            ``extrapolated``, with the index of ``frame``.
        """
        self._need_species()
        given = elsewhere.as_table(frame)
        draws = self.draws.thinned(counting.MOST_DRAWS)
        names = self.data["species"].values.astype(str)
        if self.problem.family.joint:
            names = names[:1]  # one chain answers for all of them
        total = np.zeros((draws.n, len(given)))
        for name in names:
            places = self._elsewhere(given.assign(species=name))
            for rows, values in self._occupied.pieces(draws, places):
                total[:, rows] += values[..., -1].sum(axis=1)
        out = pd.DataFrame(
            {f"richness_{k}": v for k, v in summary(total, interval).items()}, index=given.index
        )
        out["extrapolated"] = self._outside(places)
        return out

    def similarity(
        self,
        by: str = "region",
        index: str = "jaccard",
        season: Any = None,
        interval: float = 0.9,
        among: list[str] | None = None,
        layer: Any = None,
    ) -> pd.DataFrame:
        """How alike the species of two regions (or sites) are, from joint draws of presence.

        Parameters
        ----------
        by : "region", "site", or another label of the sites
        index : "jaccard" or "sorensen"
        season : optional
            The last by default.
        among : list of str, optional
            Which labels to compare; all by default.
        layer : GeoDataFrame[region, geometry], optional
            Polygons of regions.

        Returns
        -------
        DataFrame
            first, second, observed, mean, sd, lower, upper, shared_mean.
        """
        self._need_species()
        if by == "site":
            labels = self.data["site"].values.astype(str).astype(object)
            names = list(labels)
        else:
            labels, names = self._kinds_of_sites(by, layer)
        for name in among or ():
            if name not in names:
                raise ModelError(f"There is no {by} '{name}'; there are {listing(names)}.")
        seasons = season_labels(self.problem)
        if season is not None and season not in seasons:
            raise ModelError(f"There is no season {season!r}; there are {listing(seasons)}.")
        at = len(seasons) - 1 if season is None else seasons.index(season)
        return counting.similarity(
            self.problem, self._pass, labels, list(among or names), index, at, interval
        )

    # ------------------------------------------------------------ inside

    @property
    def is_community(self) -> bool:
        """Whether several species share one model and each has its own coefficients."""
        return self.data.sizes["species"] > 1 and not self.problem.family.joint

    @cached_property
    def _of_species(self) -> dict[str, own.Coefficients]:
        if not self.is_community:
            raise ModelError(
                "The species of this model are no community: its coefficients say all there is."
            )
        problem, draws = self.problem, self._own_draws
        return {n: own.of_parameter(problem, self._frames, draws, n) for n in problem.predictors}

    @cached_property
    def _own_draws(self) -> Draws:
        return self.draws.thinned(MOST_DRAWS)

    def _kinds_of_sites(self, by: str | None, layer: Any) -> tuple[np.ndarray, list[str]]:
        """Label of each site and the labels to tell of, from the surveys or from polygons."""
        if layer is None:
            return self._grouped(by)
        labels = self._labels(layer)
        return labels, [v for v in sorted(set(labels)) if v]

    def _need_species(self) -> None:
        if self.data.sizes["species"] < 2:
            raise ModelError("The surveys hold one species, so there is no number of species.")

    def _on_map(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table, on points where sites have coordinates."""
        if "easting" not in self.data and "longitude" not in self.data:
            return table
        from surveys import places as geography

        points = geography.site_points(self.data)[["geometry"]]
        rows = np.repeat(np.arange(len(points)), len(table) // len(points))
        out = points.iloc[rows].reset_index(drop=True)
        for name in table.columns:
            out[name] = table[name]
        return out[[*table.columns, "geometry"]]
