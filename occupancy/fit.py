"""A fit: one set of draws or one maximum, and the questions asked of it.

Every answer is computed from joint draws of the parameters. Draws of psi over sites are made when
they are asked for and are not kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from occupancy import checks
from occupancy.engines import ml as maximum
from occupancy.engines import profile as profiles
from occupancy.engines.ml import Maximum
from occupancy.frames import make_frames
from occupancy.problem import Problem
from occupancy.results import (
    detection,
    effects,
    elsewhere,
    parameters,
    passes,
    pooling,
    predicted,
    regions,
    seasons,
)
from occupancy.results.draws import (
    Draws,
    from_maximum,
    from_posterior,
    interval_ends,
    summary,
)
from occupancy.results.occupied import Occupied, Places
from occupancy.results.passes import Pass
from occupancy.results.places import outside_sampled
from surveys.problems import ModelError, listing

if TYPE_CHECKING:
    from occupancy.model import Model

SCHEMA = 1
# States are sampled for so many draws; fewer where the visits are many, never under the least.
MOST_STATE_DRAWS, LEAST_STATE_DRAWS, MOST_VISITS_EVALUATED = 4000, 200, 400_000_000
ALL = regions.ALL


class Fit:
    """Answers of one model on one set of surveys.

    Attributes
    ----------
    model : Model
    engine : "nuts" or "ml"
    ml : Maximum or None
        Maximum likelihood without group effects, beside which the posterior is shown.
    posterior, sample_stats : xr.Dataset or None
        Draws of the sampler.
    warnings : list of Verdict
    """

    def __init__(
        self,
        model: Model,
        engine: str,
        seed: int,
        *,
        ml: Maximum | None,
        posterior: xr.Dataset | None = None,
        sample_stats: xr.Dataset | None = None,
        about: Mapping[str, Any] | None = None,
        warnings: list[checks.Verdict] | None = None,
    ):
        self.model, self.engine, self.seed = model, engine, seed
        self.ml, self.posterior, self.sample_stats = ml, posterior, sample_stats
        self.about = dict(about or {})
        self.warnings = warnings if warnings is not None else checks.run(self._evidence)

    @cached_property
    def _evidence(self) -> checks.Evidence:
        asked = self.about.get("asked")
        return checks.Evidence(
            problem=self.problem,
            ml=self.ml,
            posterior=self.posterior,
            sample_stats=self.sample_stats,
            asked=tuple(asked) if asked else None,
            got=self.about.get("got"),
            interrupted=bool(self.about.get("interrupted", False)),
        )

    def __repr__(self) -> str:
        formulas = ", ".join(f"{k} ~ {v}" for k, v in self.model.formulas.items())
        codes = ", ".join(w.code for w in self.warnings)
        return f"<occupancy.Fit by {self.engine}: {formulas}" + (f"; {codes}>" if codes else ">")

    @property
    def data(self) -> xr.Dataset:
        return self.model.data

    @property
    def problem(self) -> Problem:
        return self.model.problem

    # ------------------------------------------------------------ draws

    @cached_property
    def draws(self) -> Draws:
        """Draws of every parameter, chains joined."""
        if self.posterior is not None:
            return from_posterior(self.problem, self.posterior)
        return from_maximum(self.problem, self._maximum, self.seed)

    @property
    def _maximum(self) -> Maximum:
        if self.ml is None:
            raise ModelError("This fit has no maximum of the likelihood.")
        return self.ml

    @cached_property
    def _state_draws(self) -> Draws:
        """Draws for which states are sampled."""
        work = MOST_VISITS_EVALUATED // max(self.problem.y.size, self.problem.n_chain, 1)
        return self.draws.thinned(int(np.clip(work, LEAST_STATE_DRAWS, MOST_STATE_DRAWS)))

    @cached_property
    def _drawn(self) -> Pass:
        """States sampled for every draw."""
        draws = self._state_draws
        usable = all(np.isfinite(b).all() for b in draws.coefficients.values())
        return passes.run(self.problem, draws if usable else draws.centre, self.seed)

    @cached_property
    def _at_centre(self) -> Pass:
        """State probabilities: over the draws, or at the maximum of the likelihood."""
        if self.draws.point is None:
            return self._drawn
        return passes.run(self.problem, self.draws.point, self.seed)

    @property
    def _pass(self) -> Pass:
        """Probabilities from the centre, sampled states from the draws."""
        return replace(self._at_centre, log_lik=None, occupied=self._drawn.occupied)

    @cached_property
    def _frames(self):
        family = self.problem.family
        return make_frames(self.data, family.observes, family.steps, family.joint)

    @cached_property
    def _places(self) -> Places:
        """The chains of the surveys as places."""
        at = self._frames
        return Places(at.n_chain, at.chains, at.seasons, at.intervals, at.steps.n)

    @cached_property
    def _occupied(self) -> Occupied:
        """Occupancy under all the draws."""
        covariance = None if self.posterior is not None else self._maximum.covariance
        return Occupied(self.problem, self.draws, covariance, self.seed)

    @cached_property
    def _own_covariance(self) -> dict[str, np.ndarray]:
        """{parameter: covariance of its coefficients} at a maximum; empty of a sampled fit."""
        covariances, at = {}, 0
        for name, p in self.problem.predictors.items() if self.posterior is None else ():
            rows = slice(at, at := at + len(p.terms))
            covariances[name] = self._maximum.covariance[rows, rows]
        return covariances

    # ------------------------------------------------------------ likelihood

    @property
    def log_likelihood(self) -> float | xr.DataArray:
        """Maximum likelihood: the total. Sampled: (chain, draw, species, site), states summed out.

        The site is the unit: its visits share one unknown state.
        """
        if self.posterior is None:
            return float(self._maximum.log_likelihood)
        n = self.problem.n_chain
        values = passes.run(self.problem, self.draws, self.seed, pointwise=True).log_lik
        if values is None:
            raise ModelError(
                f"{self.draws.n} draws at {n} sites do not fit in memory; ask a fit of fewer draws."
            )
        sizes = self.posterior.sizes
        dims, coords = self.model.chain_dims
        shape = (sizes["chain"], sizes["draw"], *(self.data.sizes[d] for d in dims))
        return xr.DataArray(values.reshape(shape), dims=("chain", "draw", *dims), coords=coords)

    @property
    def aic(self) -> float:
        """Akaike's criterion at the maximum; for a sampled fit NaN, which has no maximum."""
        return self._maximum.aic if self.engine == "ml" else float("nan")

    @cached_property
    def states(self) -> xr.DataArray:
        """(species, site, season, state) P(state | whole history), NaN where a covariate is
        missing; (site, season, state) where species share a chain, and visits instead of seasons
        where the family runs over visits.
        """
        dims, coords = self.model.chain_dims
        over, problem = self.problem.steps.over, self.problem
        told = self._at_centre.states
        if over == "season":
            told = told[:, problem.steps.of_season]
        return xr.DataArray(
            told.reshape(*(self.data.sizes[d] for d in dims), *told.shape[1:]),
            dims=(*dims, over, "state"),
            coords={**coords, over: self.data[over], "state": self.model.state_names},
        )

    # ------------------------------------------------------------ parameters

    def coefficients(self, interval: float = 0.9) -> pd.DataFrame:
        """Coefficients of every parameter on the link scale.

        Returns
        -------
        DataFrame
            parameter, term, mean, sd, lower, upper; ``rhat`` and ``ess_bulk`` of a sampled fit,
            ``se`` and ``z`` of a maximum; then ``ml`` and ``ml_se`` (maximum likelihood without
            group effects) and ``naive`` (logistic regression of "ever detected", psi only).
        """
        found = None if self.posterior is None else self._evidence.convergence
        ml = self.ml if found is not None else self._maximum
        return parameters.coefficients(self.problem, self.draws, ml, found, interval)

    def profile(self, interval: float = 0.9) -> pd.DataFrame:
        """Profile-likelihood intervals of a maximum-likelihood fit: parameter, term, lower, upper.

        They need no symmetry and are infinite on the side where the likelihood never falls.
        """
        if self.engine != "ml":
            raise ModelError('Profile intervals belong to a fit by engine="ml".')
        low, high = interval_ends(interval)
        bounds = profiles.profile(self.problem, self._maximum, high - low)
        return parameters.profiles(self.problem, self._maximum, bounds)

    def groups(self, interval: float = 0.9) -> pd.DataFrame:
        """Effects of every level on the link scale."""
        return parameters.groups(self.problem, self.draws, interval)

    def variances(self, interval: float = 0.9) -> pd.DataFrame:
        """Standard deviations between the levels of each group, with the latent share (ICC).

        icc = sd^2 / (sum of the predictor's group variances + variance of the link's own noise),
        pi^2 / 3 for logit and pi^2 / 6 for cloglog.
        """
        return parameters.variances(self.problem, self.draws, interval)

    # ------------------------------------------------------------ places

    def sites(self, interval: float = 0.9) -> pd.DataFrame:
        """One row for each species, site and season; a GeoDataFrame where sites have places.

        Returns
        -------
        DataFrame
            naive (1 seen, 0 not seen, NaN not surveyed); psi_mean, psi_sd, psi_lower, psi_upper:
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
        columns: dict[str, Any] = {
            "species": np.repeat(data["species"].values.astype(object), n_site * n_season),
            "site": np.tile(np.repeat(data["site"].values.astype(object), n_season), n_species),
            "season": np.tile(np.array(labels), n_species * n_site),
            "naive": np.where(visits > 0, (seen > 0).astype(float), np.nan).ravel(),
        }
        known = self._known.reshape(-1, n_season)
        for k in ("mean", "sd", "lower", "upper"):
            columns[f"psi_{k}"] = np.where(known, told[k], np.nan).reshape(shape).ravel()
        columns["present"] = self._at_centre.present.ravel()
        columns["detections"], columns["visits"] = seen.ravel(), visits.ravel()
        columns["effort"] = effort.ravel()
        columns["region"] = np.tile(np.repeat(self._labels(), n_season), n_species)
        return _with_places(data, columns, n_species, n_season)

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

        Returns
        -------
        DataFrame
            In the order and with the index of ``frame``: psi_mean, psi_sd, psi_lower, psi_upper
            (NaN where a covariate is missing), and ``extrapolated``: a covariate lies outside its
            surveyed range. Group levels never surveyed are drawn from their population.
        """
        given = elsewhere.as_table(frame)
        if parameter is not None:
            return predicted.predict(
                self.problem,
                self._frames,
                self.draws,
                self._own_covariance.get(parameter),
                parameter,
                given,
                interval,
                self.seed,
                season,
            )
        places = self._elsewhere(given)
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
        visited = self.problem.visits_per_chain > 0
        visited = visited if visited.any() else np.ones_like(visited)
        for p in self._occupied.predictors:
            own, new = self._frames.at(p.level), places.at(p.level)
            n_row = own.n // visited.size
            at = np.repeat(visited, n_row)
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
        if self.draws.point is not None and len(table):
            point = table_of(self.draws.point)
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
        if self.ml is None:
            return np.full(shape, np.nan)
        pooled = self.problem.without_groups()
        point = Draws({k: b[None, :] for k, b in self.ml.coefficients.items()})
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
        if by not in self._frames.chains:
            known = sorted(self._frames.chains)
            raise ModelError(f"The sites have no label '{by}'; they have {listing(known)}.")
        labels = np.asarray(self._frames.chains[by])[:n_site].astype(str).astype(object)
        return labels, [v for v in sorted(set(labels)) if v]

    def shrinkage(self, by: str = "region", interval: float = 0.9) -> pd.DataFrame:
        """What pooling did to every level of a label of the sites.

        Returns
        -------
        DataFrame
            region, sites (surveyed), naive; ``alone_*``: the level fitted by itself with one psi
            and one p; ``partial_*``: mean psi of its sites in this fit; ``complete_mean``: all
            sites as one.
        """
        chains = self._frames.chains
        if by not in chains:
            raise ModelError(
                f"The sites have no label '{by}'; they have {listing(sorted(chains))}."
            )
        labels = np.asarray(chains[by]).astype(str)
        visits, seen = self.problem.visits_per_chain, self.problem.detections_per_chain
        names = [v for v in dict.fromkeys(sorted(labels)) if v]
        weights = {v: (labels == v) * self.problem.usable * 1.0 for v in names}
        psi = self._occupied.weighted_mean(self.draws, self._places, weights)
        whole = pooling.alone(seen, visits, interval)
        rows = []
        for v in names:
            at = (labels == v) & (visits > 0)
            own = pooling.alone(seen[at], visits[at], interval)
            told = summary(psi[v][:, :1, -1], interval)
            row = {by: v, "sites": int(at.sum())}
            row["naive"] = float((seen[at] > 0).mean()) if at.any() else np.nan
            row |= {"alone_mean": own.mean, "alone_lower": own.lower, "alone_upper": own.upper}
            row |= {f"partial_{k}": float(told[k][0]) for k in ("mean", "lower", "upper")}
            rows.append(row | {"complete_mean": whole.mean})
        return pd.DataFrame(rows)

    def detection(self, interval: float = 0.9) -> pd.DataFrame:
        """Per species: p on a visit as made, p* of a site's visits, visits for 95 %."""
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
        point = self.draws.point
        expected = None if point is None else passes.expected_numbers(self.problem, point)
        return regions.abundance(self.problem, drawn, expected, labels, names, interval)

    def effects(
        self,
        parameter: str | None = None,
        covariate: str | None = None,
        interval: float = 0.9,
        *,
        reach: Mapping[str, tuple[float, float]] | None = None,
        species: str | None = None,
    ) -> pd.DataFrame:
        """Curve of a parameter along one covariate, in the units of the surveys; all by default.

        Returns
        -------
        DataFrame
            parameter, covariate, value, ``curve_mean``, ``curve_sd``, ``curve_lower``,
            ``curve_upper``, and ``extrapolated``: beyond the surveyed range, which ``reach``
            {covariate: (low, high)} widens. ``attrs`` tell where the others are ``held`` and
            which ``groups`` are at the mean of their population.
        """
        return effects.table(
            self.problem,
            self._frames,
            self.draws,
            self._own_covariance,
            interval,
            parameter,
            covariate,
            reach,
            species,
        )

    def rug(self, species: str | None = None) -> pd.DataFrame:
        """Surveyed values along each curve: parameter, covariate, value, detected."""
        return effects.rug(self.problem, self._frames, species)

    # ------------------------------------------------------------ keep

    @property
    def tree(self) -> xr.DataTree:
        """Everything as one DataTree: surveys, posterior, sample_stats, states."""
        parts: dict[str, xr.Dataset] = {"/surveys": self.data}
        if self.posterior is not None:
            parts["/posterior"] = self.posterior
        if self.sample_stats is not None:
            parts["/sample_stats"] = self.sample_stats
        parts["/states"] = self.states.to_dataset(name="probability")
        tree = xr.DataTree.from_dict(parts)
        tree.attrs.update(model=json.dumps(self.model.to_dict()), seed=self.seed)
        return tree

    def save(self, folder: Path | str, replace: bool = False) -> Path:
        """Write the fit as a folder that is whole or absent, with checksums."""
        from occupancy import keeping

        return keeping.save(self, Path(folder), replace)


def load(folder: Path | str) -> Fit:
    """Read a fit that was saved; a damaged file is told before any number is shown.

    Raises
    ------
    StoreError
        The folder is damaged or no fit.
    """
    from occupancy import keeping

    return keeping.load(Path(folder))


def by_ml(model: Model, seed: int) -> Fit:
    """Fit by maximum likelihood."""
    return Fit(model, "ml", seed, ml=maximum.maximise(model.problem, seed))


def by_nuts(model: Model, seed: int, **settings: Any) -> Fit:
    """Sample the posterior; maximum likelihood goes first, for its early warnings."""
    from occupancy.engines import nuts

    problem = model.problem
    top = maximum.maximise(problem.without_groups(), seed) if problem.y.size else None
    got = nuts.sample(problem, seed=seed, graph=lambda: model.pymc, **settings)
    about = {
        "asked": list(got.asked),
        "got": got.got,
        "route": got.route,
        "seconds": got.seconds,
        "interrupted": got.interrupted,
        "tune": settings.get("tune"),
    }
    return Fit(
        model,
        "nuts",
        seed,
        ml=top,
        posterior=got.posterior,
        sample_stats=got.sample_stats,
        about=about,
    )


def _effort(data: xr.Dataset) -> np.ndarray:
    if "effort" not in data:
        return np.ones(1)
    effort = data["effort"].transpose("site", "season", "visit").values
    return np.nan_to_num(effort)[None]


def _with_places(
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
