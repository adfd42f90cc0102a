"""A fit: one set of draws or one maximum, and the questions asked of it.

Every answer is computed from joint draws of the parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from occupancy.engines import marginal
from occupancy.engines import ml as maximum
from occupancy.engines import profile as profiles
from occupancy.engines.conditional import Conditional, conditional
from occupancy.engines.marginal import Integrated
from occupancy.results import (
    contrasts,
    effects,
    elsewhere,
    goodness,
    hyperparameters,
    number_occupied,
    over_time,
    parameters,
    residuals,
    sensitivity,
    together,
    variance,
)
from occupancy.results import fields as spatial
from occupancy.results.draws import (
    Draws,
    interval_ends,
)
from occupancy.varying.situated import COORDINATES
from surveys.problems import ModelError

if TYPE_CHECKING:
    from occupancy.model import Model
from occupancy.fit_places import with_places
from occupancy.fit_species import OfSpecies

SCHEMA = 1
MOST_TJUR = 1000  # draws of psi and states compared


class Fit(OfSpecies):
    """Answers of one model on one set of surveys.

    Its state is told by ``occupancy.fit_draws.Drawn``; questions about sites, regions, seasons and
    other places stand in ``occupancy.fit_places``, about species in ``occupancy.fit_species``.
    """

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
        top = None if found is not None else self._maximum
        return parameters.coefficients(self.problem, self.draws, top, self._pooled, found, interval)

    def profile(self, interval: float = 0.9) -> pd.DataFrame:
        """Profile-likelihood intervals of a maximum-likelihood fit: parameter, term, lower, upper.

        They need no symmetry and are infinite on the side where the likelihood never falls.
        """
        if self.engine != "ml":
            raise ModelError('Profile intervals belong to a fit by engine="ml".')
        if self.problem.has_groups:
            raise ModelError(
                "Profile intervals are not made of a model with effects of groups. Take those of "
                'coefficients() and variances(), or engine="nuts".'
            )
        low, high = interval_ends(interval)
        bounds = profiles.profile(self.problem, self._maximum, high - low)
        return parameters.profiles(self.problem, self._maximum, bounds)

    def groups(self, interval: float = 0.9) -> pd.DataFrame:
        """Effects of every level on the link scale.

        Of a maximum: their modes given the data, with standard errors that hold the uncertainty of
        coefficients and sds too.
        """
        return parameters.groups(self.problem, self.draws, interval, self._conditional)

    @cached_property
    def _conditional(self) -> Conditional | None:
        """Effects given the maximum, of a fit by maximum likelihood with groups."""
        if self.posterior is not None or not isinstance(self.ml, Integrated):
            return None
        return conditional(self.problem, self.ml)

    def variances(self, interval: float = 0.9) -> pd.DataFrame:
        """Standard deviations between the levels of each group, with the latent share (ICC).

        icc = sd^2 / (sum of the predictor's group variances + variance of the link's own noise),
        pi^2 / 3 for logit and pi^2 / 6 for cloglog. Of a maximum: the estimate, its standard error,
        and Wald's interval on the logarithm; an sd of 0 has neither.
        """
        top = self.ml if isinstance(self.ml, Integrated) and self.posterior is None else None
        return parameters.variances(self.problem, self.draws, interval, top)

    def hyperparameters(self, interval: float = 0.9) -> pd.DataFrame:
        """Every standard deviation, correlation, range and share of everything that varies.

        Returns
        -------
        DataFrame
            parameter, term, ``hyper`` (sd, correlation, range, rho, share), ``label`` (which of
            several; "1" is the level itself), ``unit`` (of an sd the link scale, of a range km),
            mean, sd, lower, upper. Of a maximum: the estimate, its standard error, and Wald's
            interval on the logarithm (of shares and correlations on the logit).
        """
        top = self.ml if isinstance(self.ml, Integrated) and self.posterior is None else None
        return hyperparameters.table(self.problem, self.draws, interval, top)

    def variance_components(self, interval: float = 0.9) -> pd.DataFrame:
        """What makes places differ, level by level, on the scale of the predictor.

        Returns
        -------
        DataFrame
            parameter, component, kind, levels; then mean, lower and upper of ``sd``, ``variance``,
            ``share`` of the whole variance, ``icc`` (share of what is left when covariates are
            held) and ``alike`` (correlation of two rows of one level, higher levels included).
            The definitions stand in ``occupancy.results.variance``.
        """
        return variance.ledger(self.problem, self.draws, interval)

    def r_squared(self, interval: float = 0.9) -> pd.DataFrame:
        """How much is explained: parameter, measure, mean, lower, upper.

        ``marginal`` is the share of the latent variance that covariates explain, ``conditional``
        that of covariates and everything that varies (Nakagawa and Schielzeth 2013); ``tjur`` is
        the mean psi of the occupied sites less that of the empty ones, over joint draws of both.
        """
        table = variance.explained(self.problem, self.draws, interval)
        first = next(iter(self.problem.predictors))
        rows = [{"parameter": first, "measure": "tjur", **self._tjur(interval)}]
        return pd.concat([table, pd.DataFrame(rows)], ignore_index=True)

    def _tjur(self, interval: float) -> dict[str, float]:
        draws = self._state_draws
        state = self._drawn.occupied  # (draw, species, site, season)
        keep = np.linspace(0, len(state) - 1, min(len(state), MOST_TJUR)).astype(int)
        psi = np.concatenate(
            [values for _, values in self._occupied.pieces(draws.thinned(MOST_TJUR), self._places)],
            axis=2,
        )
        if len(psi) != len(keep):  # a maximum that is flat has one draw of states
            keep = np.zeros(len(psi), int)
        visited = self.problem.visits_by_season.sum(axis=2) > 0
        surveyed = np.broadcast_to(visited[..., None], state.shape[1:]) & np.isfinite(
            psi.reshape(len(psi), *state.shape[1:])
        ).all(axis=0)
        return variance.tjur(
            psi.reshape(len(psi), -1), state[keep].reshape(len(psi), -1), surveyed.ravel(), interval
        )

    def sensitivity(self) -> pd.DataFrame:
        """What the priors did to the answer of a sampled fit, one row for each prior.

        Returns
        -------
        DataFrame
            parameter, term, prior; ``overlap``, the area that prior and posterior share;
            ``contraction``, the share of the prior's variance that the data took away;
            ``prior_sensitivity`` and ``likelihood_sensitivity``, how far the posterior moves when
            either counts more (above 0.05 matters); ``verdict`` in plain words. An intercept is
            judged where its prior acts, at average conditions unless stated for the coefficient.

        Raises
        ------
        ModelError
            A fit by maximum likelihood, which uses no prior.
        """
        if self.posterior is None:
            raise ModelError('A fit by engine="ml" uses no prior; fit with engine="nuts".')
        return pd.DataFrame([j.row() for j in sensitivity.judge(self.problem, self.draws)])

    def trends(self, interval: float = 0.9) -> pd.DataFrame:
        """Effects of seasons that follow each other: every `rw(...)` and `ar1(...)`.

        Returns
        -------
        DataFrame
            parameter, term, group ("" where all share one line), season; mean, sd, lower, upper of
            the effect on the link scale; ``curve_...`` the parameter itself in that season, where
            everything else is held as ``attrs["held"]`` tells.
        """
        return over_time.table(self.problem, self._frames, self.draws, interval)

    def residual_correlation(
        self, parameter: str | None = None, interval: float = 0.9
    ) -> pd.DataFrame:
        """Which species occur together beyond what the covariates explain, of a model with factors.

        Returns
        -------
        DataFrame
            parameter, species, other, mean, sd, lower, upper of the correlation of their effects,
            every pair in both orders; ``sure`` where the interval leaves out 0. It does not depend
            on how the factors are turned, or on their signs. Of one factor each draw is 1 or -1,
            and the mean tells how sure the sign is.
        """
        if self.posterior is None:
            raise ModelError('Maximum likelihood has no factors; fit with engine="nuts".')
        return together.residual_correlation(self.problem, self.draws, interval, parameter)

    def effects(
        self,
        parameter: str | None = None,
        covariate: str | None = None,
        interval: float = 0.9,
        *,
        reach: Mapping[str, tuple[float, float]] | None = None,
        species: str | None = None,
        at: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Curve of a parameter along one covariate, in the units of the surveys; all by default.

        Parameters
        ----------
        at : {column: value}, optional
            A level of a group whose own curve is told, ``{"region": "north"}``, a season or a
            place, or where another covariate is held.

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
            at,
        )

    def contrasts(
        self,
        parameter: str,
        between: Mapping[str, Any],
        interval: float = 0.9,
        *,
        at: Mapping[str, Any] | None = None,
        species: str | None = None,
    ) -> pd.DataFrame:
        """A parameter at two values of a covariate, or two levels, everything else held still.

        Parameters
        ----------
        between : {covariate: (value, value)}
            ``{"ele": (800, 1200)}``, ``{"region": ("north", "south")}``; each changes by itself.
        at : {column: value}, optional
            Where the others are: a level of a group, a season, a place (``easting`` and
            ``northing``), a covariate. By default covariates are at their mean or commonest
            level, and groups, seasons and places at the mean of their population.

        Returns
        -------
        DataFrame
            parameter, covariate, from_value, to_value, ``measure``: the parameter ``from`` and
            ``to`` (natural scale), their ``difference``, ``ratio`` and ``odds_ratio`` (of
            probabilities); mean, sd, lower, upper, and the 50 % interval, lower_50 and upper_50;
            ``extrapolated``: a value lies beyond those surveyed. ``attrs`` tell what is ``held``
            and which ``groups`` are at the mean of their population.
        """
        return contrasts.table(
            self.problem, self._frames, self.draws, parameter, between, interval, at, species
        )

    def field(
        self,
        term: str | None = None,
        parameter: str | None = None,
        interval: float = 0.9,
        *,
        frame: Any = None,
    ) -> pd.DataFrame:
        """A spatial field on the link scale, against the mean of the surveyed sites.

        Parameters
        ----------
        term, parameter : str, optional
            "space()" or "space(ele)", and the parameter it is on; the first field by default.
        frame : DataFrame or GeoDataFrame, optional
            Other places: shapes with a CRS, longitude and latitude, or easting and northing.

        Returns
        -------
        DataFrame
            site, mean, sd, lower, upper and geometry, or a row for each place of ``frame``;
            ``attrs`` tell the ``parameter``, the ``field`` and how it was computed (``about``).
        """
        p, t = spatial.choose(self.problem, term, parameter)
        sites = {v: self.data[v].values for v in COORDINATES}
        if frame is None:
            table = spatial.table(p, t, self.draws, sites, sites, interval, self.seed)
            named = {"site": self.data["site"].values.astype(object)}
            table = with_places(
                self.data, named | {k: v.to_numpy() for k, v in table.items()}, 1, 1
            )
        else:
            given = elsewhere.as_table(frame)
            told = elsewhere.located(given, self.data, COORDINATES)
            at = elsewhere.columns(told, COORDINATES, self.data, t.design.name)
            table = spatial.table(p, t, self.draws, sites, at, interval, self.seed)
            table.index = given.index
        about = t.design.describe()
        table.attrs |= {"parameter": p.name, "field": t.design.name, "about": about}
        return table

    def fields(self, interval: float = 0.9) -> pd.DataFrame:
        """Standard deviation and range of every spatial field: parameter, field, name, mean, ...

        The range is the distance in kilometres at which the correlation has fallen to 5 %.
        """
        parts = [
            spatial.hypers(p, t, self.draws, interval) for p, t in spatial.fields_of(self.problem)
        ]
        names = ["parameter", "field", "name", "mean", "sd", "lower", "upper"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)

    def rug(self, species: str | None = None) -> pd.DataFrame:
        """Surveyed values along each curve: parameter, covariate, value, detected."""
        return effects.rug(self.problem, self._frames, species)

    # ------------------------------------------------------------ does it fit

    def goodness(self, replicates: int | None = None, seed: int | None = None) -> pd.DataFrame:
        """Detection histories seen and expected: MacKenzie and Bailey's X2, c-hat and p.

        Parameters
        ----------
        replicates : int, optional
            Data sets made by the model itself: 999 of a maximum, each fitted again; 400 of a
            posterior, each at a draw.

        Returns
        -------
        DataFrame
            Columns and meaning as in ``occupancy.results.goodness.goodness``: species, season,
            cells, sites, x2, x2_expected, c_hat, p. A small p says that the model could hardly
            have made these data.
        """
        seed = self.seed if seed is None else seed
        return goodness.goodness(self.problem, self.draws, self.engine, replicates, seed)

    def history_frequencies(self) -> pd.DataFrame:
        """Every detection history seen, with the sites that showed it and those expected to.

        At the maximum of the likelihood, or at the posterior mean of the coefficients. Columns as
        in ``occupancy.results.goodness.frequencies``.
        """
        return goodness.frequencies(self.problem, self._centre_point)

    def residuals(self, seed: int | None = None) -> pd.DataFrame:
        """Dunn-Smyth residuals of occupancy and detection: species, site, season, ...

        Columns and meaning as in ``occupancy.results.residuals.residuals``. Another seed is
        another randomisation.
        """
        return residuals.residuals(self.problem, self.draws, self.seed if seed is None else seed)

    def occupied_pmf(self) -> pd.DataFrame:
        """Distribution of the number of surveyed sites that were occupied.

        Columns as in ``occupancy.results.number_occupied.occupied_pmf``: species, season, number,
        probability, joint.
        """
        return number_occupied.occupied_pmf(
            self.problem, self.draws, self._drawn.occupied, self.seed
        )

    @property
    def _centre_point(self) -> Draws:
        """One set of parameters: the maximum, or the mean of the draws."""
        if self.draws.point is not None:
            return self.draws.point
        d = self.draws
        mean = [
            {k: v.mean(axis=0, keepdims=True) for k, v in part.items()}
            for part in (d.coefficients, d.sds, d.effects)
        ]
        return Draws(*mean)

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


def by_ml(model: Model, seed: int, **settings: Any) -> Fit:
    """Fit by maximum likelihood; effects of groups are integrated out."""
    if model.problem.has_groups:
        top = marginal.maximise(model.problem, seed, **settings)
        about = {"method": top.method, "nodes": top.nodes}
        return Fit(model, "ml", seed, ml=top, about=about)
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
