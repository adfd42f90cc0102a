"""Questions about everything that varies, by group, season or place, that a fit answers."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from occupancy.engines.conditional import Conditional, conditional
from occupancy.engines.marginal import Integrated
from occupancy.fit_places import with_places
from occupancy.fit_species import OfSpecies
from occupancy.results import (
    elsewhere,
    hyperparameters,
    over_time,
    parameters,
    together,
    variance,
)
from occupancy.results import fields as spatial
from occupancy.varying.situated import COORDINATES
from surveys.problems import ModelError

MOST_TJUR = 1000  # draws of psi and states compared


class OfVariation(OfSpecies):
    """Questions about effects that differ by level, season, place or species, and how far."""

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
        and Wald's interval, on the logarithm or, where 0 is within one standard error, on the sd
        itself, folded at 0; an sd of 0 has neither.
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
