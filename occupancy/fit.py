"""A fit: one set of draws or one maximum, and the questions asked of it.

Every answer is computed from joint draws of the parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from occupancy.engines import marginal
from occupancy.engines import ml as maximum
from occupancy.engines import profile as profiles
from occupancy.fit_variation import OfVariation
from occupancy.results import (
    contrasts,
    effects,
    goodness,
    number_occupied,
    parameters,
    residuals,
    sensitivity,
)
from occupancy.results.draws import Draws, interval_ends
from surveys.problems import ModelError

if TYPE_CHECKING:
    from occupancy.model import Model

SCHEMA = 1


class Fit(OfVariation):
    """Answers of one model on one set of surveys.

    Its state is told by ``occupancy.fit_draws.Drawn``; questions about sites, regions, seasons and
    other places stand in ``occupancy.fit_places``, about species in ``occupancy.fit_species``,
    about what varies in ``occupancy.fit_variation``.
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
            {} if self.problem.has_groups else self._own_covariance,
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
