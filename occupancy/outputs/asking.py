"""How a fit is asked for its answers: every question once, brought into one shape and one CRS."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from occupancy.outputs import OutputError, words
from occupancy.outputs.of_community import (
    ask_community,
    with_richness_of_cells,
    with_richness_of_sites,
)
from occupancy.outputs.results import (
    QUANTILES,
    Histories,
    Notice,
    Results,
    SpatialField,
    has_geometry,
    season_rows,
)
from occupancy.outputs.said import SHARES, family_in_words, parameters
from occupancy.outputs.term_names import covariates, term_names
from occupancy.outputs.varying_words import tell

if TYPE_CHECKING:
    import geopandas as gpd

MOST_SITE_SEASONS_WITH_QUANTILES = 20_000
# Surveys drawn from the priors; fewer where each has many visits, never under the least.
MOST_LEVELS, MOST_POOLINGS = 60, 3  # of groupings set beside no pooling
PRIOR_DRAWS, LEAST_PRIOR_DRAWS, MOST_VISITS_DRAWN = 1000, 100, 20_000_000


def ask(
    fit: Any,
    regions: gpd.GeoDataFrame | None,
    surface: gpd.GeoDataFrame | None,
    title: str | None,
    interval: float,
    provenance: Mapping[str, Any] | None,
    *,
    species: str | None,
    season: Any,
    show_blocked: bool,
    quantiles: bool,
) -> Results:
    """Ask a fit every question that the outputs need; see `Results.from_fit`."""
    sites = fit.sites(interval=interval)
    species = _one_species(sites, species)
    pick = sites["species"] == species if "species" in sites else slice(None)
    sites = _tidy_sites(sites[pick] if "species" in sites else sites)
    seasons = tuple(pd.unique(sites["season"]))
    absent: dict[str, str] = {}

    asked = regions is not None or "region" in getattr(fit, "data", {})
    table = None
    if asked or (surface is not None and "region" in surface):
        answer = fit.regions(layer=regions, surface=surface, interval=interval)
        table = _tidy_regions(_of_species(answer, species))
    community = ask_community(fit, table is not None, regions, interval)
    sites = with_richness_of_sites(sites, community)
    cells = cell_quantiles = None
    if surface is not None:
        if "species" in fit.data and fit.data["species"].size > 1:
            surface = surface.assign(species=species)  # a community's psi asks which species
        cells = _cells(surface, fit.predict(surface, interval=interval))
        cells = with_richness_of_cells(cells, fit, surface, interval)
        if quantiles:
            cell_quantiles = _quantiles(fit, surface)
    site_quantiles = None
    if quantiles and len(sites) <= MOST_SITE_SEASONS_WITH_QUANTILES:
        site_quantiles = _quantiles(fit)[pick]

    def attempt(name: str, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except ValueError as error:  # our typed refusals: the page says why
            absent[name] = str(error)
            return None

    pools = table is not None and community is None and _may_pool(fit)
    if table is None:
        absent["shrinkage"] = "The surveys have no regions, so there is nothing to pool between."
    elif community is not None:
        absent["shrinkage"] = "Species lean on one another here: see the community."
    elif not pools:
        absent["shrinkage"] = (
            "A region on its own is estimated by the single-season model, which is not this one."
        )
    curves = _effects(fit, surface, species, interval)
    results = Results(
        title=words.clean(title or getattr(fit.data, "attrs", {}).get("title", "") or ""),
        species=words.clean(species),
        seasons=seasons,
        season=_one_season(season, seasons),
        sites=sites,
        regions=table,
        overall=_with_inner(
            fit, species, _overall(fit, species, table, sites, surface, interval), len(seasons)
        ),
        cells=cells,
        coefficients=_coefficients(fit, interval),
        groups=fit.groups(interval=interval),
        variances=fit.variances(interval=interval),
        shrinkage=None
        if not pools
        else attempt("shrinkage", lambda: fit.shrinkage(by="region", interval=interval)),
        detection=attempt("detection", lambda: _detection(fit, community, species, interval)),
        warnings=_warnings(fit.warnings),
        provenance=_provenance(fit, provenance),
        interval=interval,
        engine=str(fit.engine),
        model=model_document(getattr(fit, "model", None)),
        histories=_histories(fit.data, species),
        ledger=_ledger(fit.data),
        absent=absent,
        fields=_fields(fit, surface, interval),
        cell_quantiles=cell_quantiles,
        site_quantiles=site_quantiles,
        show_blocked=show_blocked,
        effects=curves,
        rug=None if curves is None else fit.rug(species or None),
        held={} if curves is None else curves.attrs.get("held", {}),
        averaged={} if curves is None else curves.attrs.get("groups", {}),
        terms=_terms(fit),
        covariates=covariates(fit.data),
        parameters=parameters(getattr(fit, "model", None), getattr(fit, "problem", None)),
        turnover=attempt("turnover", lambda: _between(fit, "turnover", species, interval)),
        states=_states(fit),
        components=attempt("components", lambda: _if_told(fit, "variance_components", interval)),
        hyperparameters=attempt(
            "hyperparameters", lambda: _if_told(fit, "hyperparameters", interval)
        ),
        varying=_varying(fit),
        poolings={} if community is not None else _poolings(fit, interval),
        r_squared=attempt("r_squared", lambda: _if_told(fit, "r_squared", interval)),
        abundance=attempt("abundance", lambda: _abundance(fit, species, interval)),
        priors=attempt("priors", lambda: _what_priors_did(fit)),
        prior_predictive=attempt("prior_predictive", lambda: _prior_predictive(fit, species)),
        change=attempt("change", lambda: _between(fit, "change", species, interval)),
        community=community,
    )
    return _one_crs(results)


def _if_told(fit: Any, name: str, interval: float) -> pd.DataFrame | None:
    ask = getattr(fit, name, None)
    return None if ask is None else ask(interval=interval)


def _one_species(sites: pd.DataFrame, species: str | None) -> str:
    if "species" not in sites:
        return species or ""
    known = [str(s) for s in pd.unique(sites["species"])]
    if species is None and len(known) == 1:
        return known[0]
    if species not in known:
        raise OutputError(
            f"These results hold {len(known)} species ({words.listing(known)}). "
            "A page shows one: choose it with species=..."
        )
    return str(species)


def _one_season(season: Any, seasons: tuple) -> Any:
    """The season asked for, by its label as text; the last where none is asked for."""
    if season is None:
        return seasons[-1]
    for known in seasons:
        if str(known) == str(season):
            return known
    raise OutputError(
        f"There is no season '{season}' in these results. Known: {', '.join(map(str, seasons))}."
    )


def _tidy_sites(sites: pd.DataFrame) -> pd.DataFrame:
    sites = sites.reset_index(drop=True).copy()
    if "region" not in sites:
        sites["region"] = ""
    sites["region"] = sites["region"].fillna("").astype(str)
    sites["site"] = sites["site"].astype(str)
    if "season" not in sites:
        sites["season"] = ""
    sites["surveyed"] = sites["visits"] > 0
    sites["detected"] = sites["detections"] > 0
    sites["psi_width"] = sites["psi_upper"] - sites["psi_lower"]
    return sites


def _of_species(table: pd.DataFrame, species: str) -> pd.DataFrame:
    """The rows of one species, where a table has a row for each."""
    return table[table["species"].astype(str) == species] if "species" in table else table


def _tidy_regions(regions: pd.DataFrame) -> pd.DataFrame:
    regions = regions.reset_index(drop=True).copy()
    regions["region"] = regions["region"].astype(str)
    if "season" not in regions:
        regions["season"] = ""
    return regions


def _cells(surface: gpd.GeoDataFrame, predicted: pd.DataFrame) -> gpd.GeoDataFrame:
    """The surface with its predictions; its own covariates are left out."""
    keep = [c for c in ("cell", "region", "area_km2") if c in surface]
    cells = surface[[*keep, surface.geometry.name]].reset_index(drop=True).copy()
    cells = cells.rename_geometry("geometry") if surface.geometry.name != "geometry" else cells
    for name in ("psi_mean", "psi_sd", "psi_lower", "psi_upper", "extrapolated"):
        if name in predicted:
            cells[name] = predicted[name].to_numpy()
    if "extrapolated" not in cells:
        cells["extrapolated"] = False
    cells["extrapolated"] = cells["extrapolated"].fillna(False).astype(bool)
    cells["psi_width"] = cells["psi_upper"] - cells["psi_lower"]
    if "area_km2" not in cells:
        cells["area_km2"] = cells.geometry.area / 1e6
    return cells


def _quantiles(fit: Any, surface: gpd.GeoDataFrame | None = None) -> np.ndarray:
    """(row, quantile) of psi at the cells, or at the sites, never crossing."""
    return np.maximum.accumulate(fit.psi_quantiles(QUANTILES, surface), axis=1)


def _overall(
    fit: Any,
    species: str,
    regions: pd.DataFrame | None,
    sites: pd.DataFrame,
    surface: gpd.GeoDataFrame | None,
    interval: float,
) -> pd.DataFrame:
    """All regions together, one row a season.

    The interval of a total needs the joint posterior, so the fit answers. A fit that cannot gets a
    mean (means add up) and no interval, which is printed as a dash.
    """
    if hasattr(fit, "overall"):
        answer = _of_species(fit.overall(surface=surface, interval=interval), species)
        return _tidy_regions(answer.assign(region="all"))
    rows = []
    for season in pd.unique(sites["season"]):
        here = sites[season_rows(sites, season)]
        row: dict[str, Any] = {"region": "all", "season": season, "sites": len(here)}
        row |= {"surveyed": int(here.surveyed.sum()), "detected": int(here.detected.sum())}
        row["naive"] = row["detected"] / max(row["surveyed"], 1)
        if here.surveyed.any() and here.loc[here.surveyed, "detections"].isna().all():
            row |= {"detected": np.nan, "naive": np.nan}  # scores that nobody has cut
        row["share_mean"] = here.loc[here.surveyed, "present"].mean()
        row["psi_mean"] = here["psi_mean"].mean()
        if regions is not None and "area_psi_mean" in regions:
            of = regions[season_rows(regions, season)]
            area, known = of["area_km2"], of["area_psi_mean"].notna()
            row["area_km2"] = area.sum()
            row["area_psi_mean"] = (of["area_psi_mean"] * area)[known].sum() / area[known].sum()
            if "extrapolated" in of:
                row["extrapolated"] = (of["extrapolated"] * area).sum() / area.sum()
        if regions is not None and (n := season_rows(regions, season)).sum() == 1:
            only = regions[n].iloc[0].drop(["region", "geometry"], errors="ignore")
            row |= {str(k): v for k, v in only.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def _abundance(fit: Any, species: str, interval: float) -> pd.DataFrame:
    """Numbers of individuals at the surveyed sites, all together and by region."""
    ask = getattr(fit, "abundance", None)
    if ask is None:
        raise OutputError("This fit does not count individuals.")
    tables = [ask(interval=interval)]
    if "region" in fit.data:
        tables.append(ask(interval=interval, by="region"))
    return _of_species(pd.concat(tables, ignore_index=True), species).reset_index(drop=True)


def _what_priors_did(fit: Any) -> pd.DataFrame:
    """Every prior in words, and what became of it: columns as in ``fit.sensitivity``, and says."""
    ask = getattr(fit, "sensitivity", None)
    if ask is None:
        raise OutputError("This fit does not tell what its priors did.")
    says = {(row["parameter"], row["term"]): row["says"] for row in fit.model.prior_table()}
    table = ask()
    keys = zip(table["parameter"], table["term"], strict=True)
    table.insert(3, "says", [says.get(key, "") for key in keys])
    return table


def _prior_predictive(fit: Any, species: str) -> Any:
    """Naive occupancy, psi and p as the priors expect them, of one species."""
    ask = getattr(getattr(fit, "model", None), "prior_predictive", None)
    if ask is None or str(fit.engine) == "ml":
        raise OutputError("maximum likelihood uses no prior.")
    work = MOST_VISITS_DRAWN // max(fit.data["detection"].size, 1)
    drawn = ask(draws=int(np.clip(work, LEAST_PRIOR_DRAWS, PRIOR_DRAWS)), seed=fit.seed)
    if "way" in drawn.dims:
        own = drawn["way_species"].astype(str) == species
        drawn = drawn.isel(way=np.flatnonzero(own)) if own.any() else drawn
    names = [str(s) for s in drawn["species"].values]
    return drawn.isel(species=names.index(species) if species in names else 0)


def _detection(fit: Any, community: Any, species: str, interval: float) -> pd.DataFrame:
    """The chance to detect, of the species of the page where each has a row of its own."""
    table = fit.detection(interval=interval)
    if community is None:
        return table
    return _of_species(table, species).reset_index(drop=True)


def _states(fit: Any) -> pd.DataFrame | None:
    """P(state | everything seen), a row for each site and season and a column for each state.

    None where presence says it all, or where states are numbers or pass within the season.
    """
    family = getattr(getattr(fit, "model", None), "family", None)
    if len(getattr(family, "states", ())) < 3 or family.closed or family.steps != "season":
        return None
    told = fit.states
    told = told.isel(species=0) if "species" in told.dims else told
    told = told.transpose("site", "season", "state")
    sites, labels = told["site"].values, told["season"].values
    table = pd.DataFrame(
        {"site": np.repeat(sites, len(labels)), "season": np.tile(labels, len(sites))}
    )
    values = told.to_numpy().reshape(len(table), -1)
    for k, name in enumerate(told["state"].values):
        table[words.clean(name)] = values[:, k]
    visits = fit.data["detection"].notnull().any(["species", "visit"]).any("season")
    table["surveyed"] = np.repeat(visits.sel(site=sites).to_numpy(), len(labels))
    return table


def _fields(fit: Any, surface: Any, interval: float) -> tuple[SpatialField, ...]:
    """Every spatial field, at the sites and at the cells of the surface."""
    out = []
    told = fit.fields(interval=interval) if hasattr(fit, "fields") else ()
    for (parameter, name), rows in told.groupby(["parameter", "field"]) if len(told) else ():
        sites = fit.field(name, parameter, interval)
        cells = None
        if surface is not None:
            cells = fit.field(name, parameter, interval, frame=surface).reset_index(drop=True)
        ends = rows.set_index("name")[["mean", "lower", "upper"]]
        reach, spread = (tuple(map(float, ends.loc[h])) for h in ("range", "sd"))
        column = words.clean(name[len("space(") : -1])
        plain = pd.DataFrame(sites.drop(columns="geometry", errors="ignore"))
        about = sites.attrs["about"]
        out.append(SpatialField(parameter, name, column, plain, cells, reach, spread, about))
    return tuple(out)


def _may_pool(fit: Any) -> bool:
    """Whether a region by itself can be set beside the model: both are of one season."""
    family = getattr(getattr(fit, "model", None), "family", "")
    return getattr(family, "name", family) in ("single_season", "", None)


def _with_inner(fit: Any, species: str, overall: pd.DataFrame, n_season: int) -> pd.DataFrame:
    """The totals with an inner interval of 50 % of the sample's share, where seasons follow."""
    if n_season < 2 or not hasattr(fit, "overall"):
        return overall
    inner = _of_species(fit.overall(interval=0.5), species).reset_index(drop=True)
    at = overall.columns.get_loc("share_upper") + 1
    overall.insert(at, "share_lower_50", inner["share_lower"])
    overall.insert(at + 1, "share_upper_50", inner["share_upper"])
    return overall


def _between(fit: Any, question: str, species: str, interval: float) -> pd.DataFrame:
    """What happened between seasons, of one species, all sites together."""
    ask = getattr(fit, question, None)
    if ask is None:
        raise OutputError("This fit does not tell what happens between seasons.")
    return _of_species(ask(interval=interval), species).reset_index(drop=True)


def _coefficients(fit: Any, interval: float) -> pd.DataFrame:
    """Coefficients with a second, inner interval of 50 %."""
    table = fit.coefficients(interval=interval).reset_index(drop=True)
    inner = fit.coefficients(interval=0.5).reset_index(drop=True)
    return table.assign(lower_50=inner["lower"], upper_50=inner["upper"])


def _effects(fit: Any, surface: Any, species: str, interval: float) -> pd.DataFrame | None:
    """Curves along every numeric covariate, out to what the surface holds."""
    if not hasattr(fit, "effects"):
        return None
    reach = {}
    columns = {} if surface is None else {str(c): surface[c] for c in surface.columns}
    for name, values in columns.items():
        if pd.api.types.is_numeric_dtype(values) and values.notna().any():
            reach[name] = (float(values.min()), float(values.max()))
    asked: dict[str, Any] = {"reach": reach, "species": species or None}
    table = fit.effects(interval=interval, **asked)
    if not len(table):
        return None
    inner = fit.effects(interval=0.5, **asked)
    table["curve_lower_50"], table["curve_upper_50"] = inner["curve_lower"], inner["curve_upper"]
    return table


def _terms(fit: Any) -> dict[tuple[str, str], tuple[str, str]]:
    """Names of all coefficients, where the fit knows its designs."""
    problem = getattr(fit, "problem", None)
    known = covariates(fit.data)
    return {
        (parameter, term): name
        for parameter, p in (problem.predictors.items() if problem is not None else ())
        for term, name in term_names(p.design, known).items()
    }


def _varying(fit: Any) -> dict:
    """Words for everything that varies, where the fit knows its designs."""
    problem = getattr(fit, "problem", None)
    return {} if problem is None else tell(problem, covariates(fit.data))


def _poolings(fit: Any, interval: float) -> dict[str, pd.DataFrame]:
    """What pooling did to groupings other than the regions: parks, observers; natural scale.

    One table a grouping, of the first parameter that has it, where that is a probability.
    """
    problem = getattr(fit, "problem", None)
    out: dict[str, pd.DataFrame] = {}
    for name, p in problem.predictors.items() if problem is not None else ():
        for term in p.varying:
            by = term.design.by
            levels = len(getattr(term.design, "levels", ()))
            few = len(by) == 1 and levels <= MOST_LEVELS and len(out) < MOST_POOLINGS
            if not few or by[0] in ("region", "species", *out) or p.link not in SHARES:
                continue
            try:
                table = fit.shrinkage(by[0], interval, parameter=name, scale="natural")
            except ValueError:  # no such model without pooling: nothing to set beside it
                continue
            table.attrs["level"] = p.level
            out[by[0]] = table
    return out


def _warnings(verdicts: Any) -> tuple[Notice, ...]:
    """Verdicts with what forbids first, then what warns, then notes."""
    order = {"block": 0, "warn": 1, "note": 2}
    made = [
        Notice(
            words.clean(v.code),
            v.level,
            words.clean(v.message),
            {words.clean(k): n for k, n in dict(v.numbers or {}).items()},
            words.clean(v.cure),
        )
        for v in verdicts
    ]
    return tuple(sorted(made, key=lambda w: order.get(w.level, 3)))


def model_document(model: Any) -> dict[str, Any]:
    """Family, formulas and priors as plain text, whatever form the model keeps them in."""
    if model is None:
        return {}
    document = model.to_dict() if hasattr(model, "to_dict") else model
    if not isinstance(document, Mapping):
        document = {
            k: getattr(model, k) for k in ("family", "formulas", "priors") if hasattr(model, k)
        }
    family = document.get("family", "")
    return {
        "family": words.clean(getattr(family, "name", family)),
        "formulas": {
            str(k): words.clean(getattr(v, "text", v)) for k, v in _items(document, "formulas")
        },
        "priors": _priors(model, document),
        **family_in_words(model),
    }


def _priors(model: Any, document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Every prior as name, distribution and meaning; what the model can tell of them goes first."""
    if hasattr(model, "prior_table"):
        rows = []
        for row in model.prior_table():
            says = row.get("says") or f"acts on {row.get('acts_on', 'the coefficient')}"
            name = words.clean(f"{row['parameter']}: {row['term']}")
            rows.append(
                {"name": name, "code": words.clean(row["prior"]), "meaning": words.clean(says)}
            )
        return rows
    return [
        {"name": words.clean(k), "code": words.clean(getattr(v, "code", v)), "meaning": ""}
        for k, v in _items(document, "priors")
    ]


def _items(document: Mapping[str, Any], key: str) -> list[tuple[Any, Any]]:
    """The pairs of a mapping, nested ones joined with a dot."""
    pairs: list[tuple[Any, Any]] = []
    for name, value in dict(document.get(key) or {}).items():
        if isinstance(value, Mapping):
            pairs += [(f"{name}.{inner}", v) for inner, v in value.items()]
        else:
            pairs.append((name, value))
    return pairs


def _histories(data: Any, species: str) -> Histories | None:
    if data is None or "detection" not in data:
        return None
    seen = data["detection"]
    if "species" in seen.dims:
        seen = seen.sel(species=species) if species in seen["species"] else seen.isel(species=0)
    order = ("site", "season", "visit")
    effort = data.get("effort")
    return Histories(
        sites=tuple(str(s) for s in seen["site"].to_numpy()),
        seasons=tuple(seen["season"].to_numpy().tolist()),
        detection=seen.transpose(*order).to_numpy(),
        effort=None if effort is None else effort.transpose(*order).to_numpy(),
        effort_units="" if effort is None else words.clean(effort.attrs.get("units", "")),
    )


def _ledger(data: Any) -> Any:
    text = getattr(data, "attrs", {}).get("ledger", "")
    try:
        return json.loads(text) if text else None
    except json.JSONDecodeError:
        return None


def _provenance(fit: Any, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Run, data hash, seed and versions; what the caller knows goes first."""
    from importlib import metadata

    def version(package: str) -> str | None:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return None

    packages = ("occupancy", "pymc", "nutpie", "numba", "numpy", "xarray")
    known: dict[str, Any] = {"engine": str(fit.engine), "seed": getattr(fit, "seed", None)}
    seen = fit.data["detection"] if fit.data is not None and "detection" in fit.data else None
    if seen is not None:
        digest = hashlib.sha256(np.ascontiguousarray(seen.to_numpy(), dtype="<f4").tobytes())
        digest.update("\0".join(map(str, seen["site"].to_numpy())).encode())
        known["data_sha256"] = digest.hexdigest()
        told = model_document(getattr(fit, "model", None))
        stated = {k: told[k] for k in ("family", "formulas", "priors", "options") if told.get(k)}
        document = json.dumps(stated, sort_keys=True)
        text = f"{known['data_sha256']} {document} {known['seed']} {known['engine']}"
        known["run"] = hashlib.sha256(text.encode()).hexdigest()[:7]
    known["versions"] = {p: v for p in packages if (v := version(p))}
    return known | dict(given or {})


def _one_crs(results: Results) -> Results:
    """Bring sites, regions and cells into one projected CRS: the cells', else the sites'."""
    crs = results.crs
    if crs is None:
        return results
    if crs.is_geographic:
        from surveys.places import equal_area_crs

        table = next(t for t in (results.cells, results.sites, results.regions) if has_geometry(t))
        west, south, east, north = table.to_crs(4326).total_bounds  # type: ignore[union-attr]
        crs = equal_area_crs(np.array([west, east]), np.array([south, north]))

    def moved(table: Any) -> Any:
        if not has_geometry(table):
            return table
        if table.crs is None:
            return table.set_crs(crs)
        return table if table.crs == crs else table.to_crs(crs)

    return replace(
        results,
        sites=moved(results.sites),
        regions=moved(results.regions),
        cells=moved(results.cells),
    )
