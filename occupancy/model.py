"""A model: family, formulas and priors on a Dataset of surveys.

``Model`` is the document and the surveys together; it makes the ``Problem`` for the engines, the
PyMC model for whoever wants to look inside, prior predictive data, and the ``Fit``.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from occupancy import arguments, augmentation, evaluation, families, posing, prior_surveys
from occupancy import community as communities
from occupancy.families import AUGMENT
from occupancy.families.base import Family
from occupancy.formula import parse
from occupancy.problem import Problem
from occupancy.results import prior_predictive
from surveys.problems import ModelError, did_you_mean
from surveys.schema import DIMS

if TYPE_CHECKING:
    import pymc as pm

    from occupancy.fit import Fit

Engine = Literal["nuts", "ml"]
MOST_NODES = 61
TERM_CENTRING = '{"region": "centred"}'
CENTRING = f'{{"psi": {TERM_CENTRING}}}'
PRIORS = '{"Intercept": "normal(0, 1.5)"}'


class Model:
    """Occupancy kept apart from detection, on one Dataset.

    Parameters
    ----------
    data : xr.Dataset
        Surveys that follow the contract of ``surveys.schema``.
    family : str
        Name of a family, for example ``"single_season"``.
    psi, p, ... : str
        One formula for each parameter of the family; ``"1"`` where none is given.
    priors : {parameter: {term: text}}, optional
        ``{"psi": {"Intercept": "between 0.05 and 0.4", "slopes": "normal(0, 1)"}}``: a sentence
        about the parameter at average conditions, or a prior of the coefficient; what is not
        named keeps its default.
    links : {parameter: link}, optional
    known_occupied : str, optional
        Name of a site covariate that is 1 where the site is known to be occupied.
    options : mapping, optional
        What the family can be told, for example ``{"start": "equilibrium"}``; an option may also
        be given by its name, as ``start="equilibrium"``.
    community : str or bool, optional
        ``"species"`` (or True) lets every coefficient of every formula vary between species:
        ``elev`` becomes ``elev + (1 + center(elev) || species)``, as ``formulas`` then shows;
        ``"guild/species"`` adds the guild in between. ``p="1 + (1 | species)"``, written by hand,
        says the same of one coefficient.
    centring : {parameter: {term: word}}, optional
        ``{"psi": {"region": "centred"}}``: in which coordinates the effects of a term are sampled,
        "centred", "non-centred" or "auto", by which the data choose. The model is the same.
    augment : int, optional
        So many species that nobody detected are added to a community, of which each belongs to it
        with probability `Omega`: the fit then tells the number N of its species, those missed
        everywhere among them. Enough is where N stays away from the species detected + `augment`.
        ``priors={"Omega": "beta(0.001, 1)"}`` is even on the logarithm of N; the default is even
        on `Omega`, and so on N.

    Raises
    ------
    ModelError
        The family cannot have these data, a formula does not fit them, a prior is unknown: all
        before anything is sampled.

    Examples
    --------
    >>> import numpy as np, surveys
    >>> data = surveys.from_arrays(np.array([[1, 0], [0, 0], [1, 1]]))
    >>> Model(data, psi="1", p="1").evaluate({"psi": {"Intercept": 0.3}, "p": {"Intercept": 0.0}})[
    ...     "log_likelihood"
    ... ].sizes
    Frozen({'species': 1, 'site': 3})
    """

    def __init__(
        self,
        data: xr.Dataset,
        family: str = "single_season",
        priors: Mapping[str, Mapping[str, str]] | None = None,
        links: Mapping[str, str] | None = None,
        known_occupied: str = "",
        options: Mapping[str, Any] | None = None,
        community: str | bool = "",
        centring: Mapping[str, Mapping[str, str]] | None = None,
        augment: int = 0,
        **formulas: Any,
    ):
        self.data = _surveys(data)
        self.known_occupied = known_occupied
        told = dict(options or {})
        if augment := arguments.whole("augment", told.pop(AUGMENT, augment), 0, augmentation.MOST):
            told[AUGMENT] = augment
        self.family = self._family(family, told, formulas)
        self.data = augmentation.augment(data, augment) if augment else augmentation.without(data)
        short = {
            name.removeprefix("link_"): formulas.pop(name)
            for name in list(formulas)
            if name.startswith("link_")
        }
        self.links = {**arguments.mapping("links", links, '{"psi": "cloglog"}'), **short}
        self.priors = {
            name: {
                str(term): str(prior)
                for term, prior in arguments.mapping(f"priors of `{name}`", own, PRIORS).items()
            }
            for name, own in self._priors(priors).items()
        }
        self.formulas = self._formulas(formulas)
        if steps := communities.grouping(community):
            self._refuse_lone_species()
            self.formulas = {
                name: text
                if self.family.parameter(name).level == "community"
                else communities.expand(text, steps, self.data)
                for name, text in self.formulas.items()
            }
        names = {p.short: p.name for p in self.family.parameters if p.short}
        for given in (self.links, self.priors):
            for name in set(names) & set(given):
                own = given.pop(name)
                given |= {p.name: own for p in self.family.parameters if p.short == name}
        self.centring = {
            name: dict(arguments.mapping(f"centring of `{name}`", own, TERM_CENTRING))
            for name, own in arguments.mapping("centring", centring, CENTRING).items()
        }
        self.problem: Problem = posing.build(
            self.data,
            self.family,
            self.formulas,
            self.priors,
            self.links,
            known_occupied,
            centring=self.centring,
        )

    def _priors(self, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """Priors by parameter; one that is a number has one prior, which needs no name."""
        told = dict(arguments.mapping("priors", given, f'{{"psi": {PRIORS}}}'))
        for p in self.family.parameters:
            if p.level == "community" and isinstance(told.get(p.name), str):
                told[p.name] = {"Intercept": told[p.name]}
        return told

    def _family(self, family: str | Family, options: dict[str, Any], given: dict) -> Family:
        """The family with its options, those given among the formulas taken out of them."""
        if isinstance(family, Family):
            if AUGMENT in options and family.within is None:
                return families.with_undetected(family, options[AUGMENT])
            return family
        for name in families.options_of(str(family)):
            if name in given:
                options[name] = given.pop(name)
        return families.get(str(family), augmentation.without(self.data), **options)

    def _formulas(self, given: dict[str, str]) -> dict[str, str]:
        """One formula for each parameter; a short name stands for several."""
        wide = {p.short for p in self.family.parameters if p.short}
        shared = {name: given.pop(name) for name in wide & set(given)}
        out = {
            p.name: _formula_text(p.name, given.pop(p.name, shared.get(p.short, "1")))
            for p in self.family.parameters
        }
        if given:
            name = next(iter(given))
            known = [*out, *sorted(wide), *families.options_of(self.family.name)]
            raise ModelError(
                f"Family '{self.family.name}' has no parameter '{name}'."
                f"{did_you_mean(name, known)} It has {', '.join(out)}."
            )
        return out

    def _refuse_lone_species(self) -> None:
        if self.family.joint:
            raise ModelError(
                f"Family '{self.family.name}' estimates its species together by parameters of "
                "their own, so they are no community: leave `community` out."
            )
        if self.data.sizes["species"] < 2:
            raise ModelError("A community needs two species or more, and the surveys hold one.")

    def with_formulas(self, formulas: Mapping[str, str], priors: bool = True) -> Model:
        """The same family on the same surveys with other formulas.

        Priors of terms gone are left out; with ``priors=False`` all are the default. Coordinates
        of terms are chosen anew.
        """
        own = (
            {}
            if not priors
            else {
                name: {
                    key: text for key, text in given.items() if _still_there(key, formulas[name])
                }
                for name, given in self.priors.items()
            }
        )
        links, known = self.links, self.known_occupied
        options = {k: v for k, v in self.family.options.items() if k == AUGMENT}
        return Model(self.data, self.family, own, links, known, options, "", **formulas)

    def without_sites(self, held: np.ndarray) -> Model:
        """The same model with the visits to some sites (site,) taken out, scales and levels kept.

        The sites stay and are predicted.
        """
        data = self.data.copy()
        keep = xr.DataArray(~np.asarray(held, bool), dims="site")
        data["detection"] = self.data["detection"].where(keep)
        if "effort" in data:
            data["effort"] = self.data["effort"].where(keep)
        out = copy.copy(self)
        for name in ("pymc",):
            out.__dict__.pop(name, None)
        out.data = data
        out.problem = posing.build(
            data,
            self.family,
            self.formulas,
            self.priors,
            self.links,
            self.known_occupied,
            {name: p.design for name, p in self.problem.predictors.items()},
        )
        return out

    def __repr__(self) -> str:
        formulas = ", ".join(f"{k}: {v}" for k, v in self.formulas.items())
        return f"<occupancy.Model {self.family.name} ({formulas}), {self.problem.n_chain} sites>"

    def to_dict(self) -> dict[str, Any]:
        """The document: plain data that makes the same model again on the same surveys."""
        told: dict[str, Any] = {
            "family": self.family.name,
            "formulas": dict(self.formulas),
            "links": {p.name: p.link for p in self.problem.predictors.values()},
            "priors": {k: dict(v) for k, v in self.priors.items()},
        }
        if self.family.options:
            told["options"] = dict(self.family.options)
        if self.centring:
            told["centring"] = {k: dict(v) for k, v in self.centring.items()}
        if self.known_occupied:
            told["known_occupied"] = self.known_occupied
        return told

    @staticmethod
    def from_dict(data: xr.Dataset, told: Mapping[str, Any]) -> Model:
        """The model that ``to_dict`` told, on these surveys."""
        return Model(
            data,
            told["family"],
            told["priors"],
            told["links"],
            told.get("known_occupied", ""),
            told.get("options"),
            centring=told.get("centring"),
            **told["formulas"],
        )

    @property
    def digest(self) -> str:
        """Checksum of the document."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    @cached_property
    def pymc(self) -> pm.Model:
        """The PyMC model: the definition of record, with named dims."""
        from occupancy import graph

        return graph.build(self.problem)

    def prior_table(self) -> list[dict[str, Any]]:
        """Every prior, what it acts on, and what it says on the probability scale."""
        return [row for p in self.problem.predictors.values() for row in p.table.table()]

    # ------------------------------------------------------------ evaluate

    def evaluate(self, parameters: Mapping[str, Mapping[str, Any]]) -> xr.Dataset:
        """Likelihood, states and gradient at given coefficients.

        Parameters
        ----------
        parameters : {parameter: {term: value}}
            Every coefficient; group effects as ``{"region": {level: effect}}`` on the link
            scale, zero where not given.

        Returns
        -------
        xr.Dataset
            ``log_likelihood`` (species, site), states summed out, 0 at a site without visits;
            ``state_probability`` (species, site, season, state) given the whole history, NaN where
            a covariate of the site is missing; ``pair_probability`` (..., interval, state,
            next_state) of two steps, for families that run over steps;
            ``gradient_<parameter>`` (<parameter>_term) of the total log-likelihood.
        """
        return evaluation.evaluate(self, parameters)

    @property
    def chain_dims(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Dims of the chains, with their labels: species and site, or site alone."""
        dims = ("site",) if self.family.joint else ("species", "site")
        return dims, {d: self.data[d] for d in dims}

    @property
    def state_names(self) -> list[str]:
        """Names of the true states; numbers of individuals as text."""
        last = self.problem.n_shown - 1
        numbers = [str(k) for k in range(last)] + [f"{last} or more"]
        return list(self.family.states) or numbers

    # ------------------------------------------------------------ simulate

    def simulate(self, seed: int = 1, draws: int = 1) -> xr.Dataset:
        """Prior predictive data: surveys as the model expects them before it sees any.

        Returns
        -------
        xr.Dataset
            ``detection`` (draw, species, site, season, visit), NaN where no visit was made;
            ``state`` (draw, species, site, season); ``<parameter>`` (draw, <parameter>_term),
            ``<parameter>_sd[<group>]`` (draw,) and ``<parameter>_effect[<group>]`` (draw,
            <parameter>_level[<group>]): the truth behind each draw, named as in a posterior.
        """
        return prior_surveys.simulate(self, seed, draws)

    def prior_predictive(self, draws: int = 400, seed: int = 1) -> xr.Dataset:
        """What the priors expect of these surveys, before any detection is looked at.

        Returns
        -------
        xr.Dataset
            ``naive`` (draw, species, season), the share of visited sites with a detection, and
            ``observed`` (species, season), that of the surveys themselves; ``psi`` (draw,
            species, season) and ``p`` (draw, way), means over sites and visits.

        Raises
        ------
        ModelError
            A prior is flat, so that nothing can be drawn from it, or the family sees scores.
        """
        draws = arguments.whole("draws", draws, 1)
        seed = arguments.whole("seed", seed, 0, arguments.MOST_SEED)
        most = prior_predictive.draws_at_once(self.problem)
        sizes = [min(most, draws - start) for start in range(0, draws, most)]
        seeds = [seed]
        if len(sizes) > 1:
            seeds = np.random.default_rng(seed).integers(2**31, size=len(sizes)).tolist()
        pieces = (self.simulate(int(s), n) for s, n in zip(seeds, sizes, strict=True))
        return prior_predictive.table(self.problem, pieces)

    # ------------------------------------------------------------ fit

    def fit(
        self,
        engine: Engine = "nuts",
        seed: int = 1,
        *,
        draws: int = 1000,
        tune: int | None = None,
        chains: int = 4,
        cores: int | None = None,
        target_accept: float | None = None,
        progress: Any = None,
        route: str | None = None,
        integrate: str = "auto",
        nodes: int | None = None,
    ) -> Fit:
        """Fit the model.

        Parameters
        ----------
        engine : "nuts" or "ml"
            Posterior by the No-U-Turn sampler, or maximum likelihood, effects of groups
            integrated out.
        seed : int
            Same seed, same draws on one machine.
        tune : int, optional
            Draws of adaptation; by default 400, or 600 with group effects.
        target_accept : float, optional
            Higher means smaller steps and fewer divergences; by default 0.8, 0.9 where a group has
            twelve levels or fewer or effects follow a curve or the seasons, and 0.7 where all that
            varies is a field of a hundred waves or more.
        progress : bool or Progress, optional
            Whether it tells how far it is; by default it is silent.
        route : "precompiled" or "pymc", optional
            How the sampler finds its density; the fit records the route taken.
        integrate : "auto", "laplace" or "quadrature"
            How maximum likelihood integrates effects of groups: by default by adaptive
            quadrature where levels are independent and have one or two effects each, and by
            Laplace's approximation where they share sites or visits with others.
        nodes : int, optional
            Of the quadrature, for each effect; by default 15, and more until the log-likelihood
            changes by less than 1e-4.
        """
        from occupancy import fit as fits

        seed = arguments.whole("seed", seed, 0, arguments.MOST_SEED)
        if engine == "ml" and self.problem.if_member is not None:
            raise ModelError(
                "How many species were missed is told by a distribution, and likelihood at its "
                'maximum has none: use engine="nuts" with `augment`.'
            )
        if engine == "ml":
            known = ("auto", "laplace", "quadrature")
            if integrate not in known:
                told = did_you_mean(str(integrate), list(known))
                raise ModelError(
                    f"There is no integrate = {integrate!r}.{told} "
                    'Give "auto", "laplace" or "quadrature".'
                )
            nodes = arguments.whole("nodes", nodes, 1, MOST_NODES) if nodes is not None else None
            return fits.by_ml(self, seed, integrate=integrate, nodes=nodes)
        if engine != "nuts":
            raise ModelError(
                f"There is no engine '{engine}'.{did_you_mean(engine, ['nuts', 'ml'])} "
                'Engines: "nuts", "ml".'
            )
        if route not in (None, "precompiled", "pymc"):
            raise ModelError(f'route = {route!r}: give "precompiled", "pymc" or None.')
        if isinstance(progress, bool):
            from occupancy.progress import choose

            progress = choose() if progress else None
        tune = arguments.whole("tune", tune or 0, 0)
        return fits.by_nuts(
            self,
            seed,
            draws=arguments.whole("draws", draws, 1),
            tune=tune or (600 if self.problem.has_groups else 400),
            chains=arguments.whole("chains", chains, 1),
            cores=arguments.whole("cores", cores or 0, 0) or None,
            target_accept=target_accept and arguments.share("target_accept", target_accept, "0.95"),
            progress=progress,
            route=route,
        )


def _surveys(data: Any) -> xr.Dataset:
    """The Dataset, or what to do to have one."""
    if not isinstance(data, xr.Dataset) or "detection" not in data or set(DIMS) - set(data.dims):
        what = "a Dataset without the surveys' dims" if isinstance(data, xr.Dataset) else ""
        raise ModelError(
            f"The surveys are {what or type(data).__name__}. Make them with "
            "surveys.from_arrays(detection, ...) or surveys.read('study.toml')."
        )
    return data


def _formula_text(name: str, formula: Any) -> str:
    if isinstance(formula, str) or (isinstance(formula, int) and not isinstance(formula, bool)):
        return str(formula)
    raise ModelError(f'`{name}` = {formula!r}: a formula is text, such as "scale(elevation)".')


def _still_there(key: str, formula: str) -> bool:
    """Whether a prior's key still has something to act on."""
    name, _, inside = key.partition("[")
    if name not in ("sd", "range", "rho", "share", "correlation", "partial_correlation"):
        return True
    tree = parse(formula)
    names = [g.name for g in tree.groups] + [v.name for v in tree.varying]
    term = inside.removesuffix("]")
    return any(term.endswith(n) for n in names) if inside else bool(names)
