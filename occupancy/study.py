"""A study is a folder: study.toml and the user's files, only read, and results/, which is ours.

results/
  data/                        the dataset, with the account of every row read
  MODEL/SPECIES/fit/           one finished unit of work: the posterior and all that it rests on
  MODEL/SPECIES/maps/          the figures
  MODEL/SPECIES/report/        the page, the tables, the GIS layers

Species estimated together are one unit, MODEL/FOX_COYOTE/fit/, with figures and report of each in
MODEL/FOX_COYOTE/FOX/ and so on; a community, however large, in MODEL/community/.

Every one of these folders is written whole or not at all (`store`), and carries a key: a checksum
of everything that went into it. While the key stands, nothing is computed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occupancy import inputs, store
from occupancy.settings import Setting, refuse_idle_keys, settings
from occupancy.units import NOT_FORMULAS, State, Unit, folder_names, state_of, was_cut_off
from surveys.problems import ModelError, did_you_mean, listing
from surveys.study_file import StudyFile, read_study

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from occupancy.fit import Fit
    from occupancy.outputs.results import Results

RESULTS = "results"
COMPARED = "pooling.csv"  # in the folder of a fit
# Sections that say how to estimate or show, and leave the dataset as it is.
NOT_DATA = ("model", "sample", "compare", "report", "map", "privacy", "surface")
ONLY_SHOWN = ("title", "authors", "organisation")
COMMUNITY = "community"  # folder of species that vary around one mean
OPTIONS = ("links", "known_occupied")  # of any model, beside those of its family
FIGURES = (
    *("paired-map", "site-map", "field-map", "trend", "effects", "forest", "shrinkage"),
    *("variance", "detection", "histories", "prior-predictive"),
)
OF_A_COMMUNITY = ("community", "richness-map")
REPORT = ("report", "tables", "geopackage")


@dataclass
class Study:
    """The study in a folder, and the steps from its files to its report."""

    file: StudyFile
    settings: dict[str, Setting]
    _data: Any = field(default=None, repr=False)
    _cells: Any = field(default=None, repr=False)

    @classmethod
    def open(cls, folder: Path | str = ".", flags: Mapping[str, Any] | None = None) -> Study:
        """Open the study in `folder`; `flags` override settings of the study file.

        Raises
        ------
        SurveyError
            The study file is missing or wrong.
        """
        file = read_study(Path(folder))
        refuse_idle_keys(file.config)
        return cls(file, settings(file.config, flags))

    @property
    def folder(self) -> Path:
        return self.file.folder

    @property
    def results(self) -> Path:
        return self.folder / RESULTS

    @property
    def title(self) -> str:
        return self.file.title or self.folder.resolve().name

    def setting(self, name: str) -> Any:
        return self.settings[name].value

    @property
    def report_outputs(self) -> tuple[str, ...]:
        """What a report consists of: `[report] formats`, or page, tables and GeoPackage."""
        return tuple(self.file.report.get("formats", REPORT))

    # ------------------------------------------------------------ data

    @cached_property
    def inputs(self) -> dict[str, str]:
        """Every file that the study file names, with its checksum."""
        return inputs.digests(self.file)

    @cached_property
    def data_key(self) -> str:
        """Checksum of all that the dataset is made of."""
        config = {key: part for key, part in self.file.config.items() if key not in NOT_DATA}
        files = inputs.digests(self.file, tuple(config))
        study = self.file.section("study").items()
        config["study"] = {key: part for key, part in study if key not in ONLY_SHOWN}
        version = store.versions().get("occupancy", "")
        return store.digest({"config": config, "inputs": files, "version": version})

    def data_state(self) -> State:
        """Tell whether the dataset stands."""
        return state_of(self.results / "data", self.data_key, "the field files or their settings")

    def build(self, force: bool = False) -> bool:
        """Join the field files into `results/data/`; False if that was done already.

        Raises
        ------
        SurveyError
            With every problem in the files.
        """
        if self.data_state().is_finished and not force:
            return False
        import surveys
        from surveys.ledger import Ledger

        data = surveys.read(self.file.path) if self._data is None else self._data
        manifest = store.Manifest("data", settings={"key": self.data_key}, inputs=dict(self.inputs))
        with store.new_folder(self.results / "data", replace=True) as folder:
            surveys.save(data, folder / "data.nc")
            ledger = Ledger.from_json(data.attrs.get("ledger", ""))
            if ledger.n_aside():
                ledger.write_dropped(folder / "dropped.csv")
            store.finish(folder, manifest)
        self._data = data
        return True

    @property
    def data(self) -> xr.Dataset:
        """The dataset, built first if need be."""
        if self._data is None and not self.build():
            import surveys

            self._data = surveys.open(self.results / "data" / "data.nc")
        return self._data

    def use(self, data: xr.Dataset) -> None:
        """Take over a dataset that was read already, without writing it."""
        self._data = data

    def regions(self) -> gpd.GeoDataFrame | None:
        """The polygons to report by, if the study has any."""
        if self.file.regions_path is None:
            return None
        from surveys import places

        keys = self.file.section("regions")
        return places.read_regions(
            self.file.regions_path,
            name=keys.get("name"),
            crs=keys.get("crs"),
            layer=keys.get("layer"),
        )

    def surface(self) -> gpd.GeoDataFrame | None:
        """The cells to predict to, if the study has any; made but once where they are made."""
        if self.file.surface_path is None:
            if self._cells is None:
                from surveys.readers import made_surface

                self._cells = made_surface.cells_of(self.file)
            return self._cells
        from surveys import places

        keys = self.file.section("surface")
        return places.read_surface(
            self.file.surface_path,
            crs=keys.get("crs"),
            columns=keys.get("columns"),
            layer=keys.get("layer"),
        )

    # ------------------------------------------------------------ units

    def species(self) -> list[str]:
        """The species that the study is about, as the study file or the records name them."""
        named = self.file.section("study").get("species")
        if isinstance(named, str):
            return [named]
        return list(named) if named else [str(name) for name in self.data["species"].values]

    def units(self, models: Sequence[str] = (), species: Sequence[str] = ()) -> list[Unit]:
        """The units of work, all or those asked for.

        Raises
        ------
        ModelError
            A model or species that the study does not have.
        """
        known = self.file.models
        if not known:
            raise ModelError(
                f"{self.file.name} has no model. Add one:\n"
                '  [model.main]\n  family = "single_season"\n  psi = "1"\n  p = "1"'
            )
        for name in models:
            if name not in known:
                raise ModelError(
                    f'The study has no model "{name}".{did_you_mean(name, known)} '
                    f"It has: {listing(known)}."
                )
        chosen = [
            (model, spec, members)
            for model, spec in known.items()
            if not models or model in models
            for members in self._species_of(spec)
        ]
        every = dict.fromkeys(one for _, _, members in chosen for one in members)
        for name in species:
            if name not in every:
                raise ModelError(
                    f'The study has no species "{name}".{did_you_mean(name, every)} '
                    f"It has: {listing(every)}."
                )
        folders = folder_names(" + ".join(members) for _, _, members in chosen)
        units = []
        for model, spec, members in chosen:
            if species and not set(members) & set(species):
                continue
            told = " + ".join(members)
            folder = self.results / model / folders[told]
            together, shown = members if len(members) > 1 else (), ()
            if _is_community(spec, members):
                folder = self.results / model / COMMUNITY
                told = f"community of {len(members)} species"
                shown = tuple(name for name in members if name in species)
            units.append(Unit(model, told, spec, folder, together, shown=shown))
        return units

    def _species_of(self, spec: Mapping[str, Any]) -> list[tuple[str, ...]]:
        """The species of each unit of a model: one, or all where they are estimated together."""
        from occupancy import families

        named = spec.get("species")
        names = [named] if isinstance(named, str) else list(named) if named else self.species()
        together = families.is_joint(str(spec.get("family", "single_season")))
        if together or _is_community(spec, names):
            return [tuple(names)]
        return [(name,) for name in names]

    def engine(self, unit: Unit) -> str:
        """Which engine a unit uses: a flag or variable, else the model's own, else the study's."""
        chosen = self.settings["engine"]
        is_asked = chosen.origin.startswith(("--", "OCCUPANCY_"))
        return chosen.value if is_asked else unit.spec.get("engine", chosen.value)

    def content_key(self, unit: Unit) -> str:
        """Checksum of what a unit is about: data, model and species, however it is estimated."""
        spec = {key: part for key, part in unit.spec.items() if key not in ("title", "engine")}
        named = " + ".join(unit.members)
        return store.digest({"data": self.data_key, "model": spec, "species": named})

    def unit_key(self, unit: Unit) -> str:
        """Checksum of all that a unit's fit rests on: data, model, settings."""
        sampled = ("draws", "tune", "chains", "seed", "target_accept")
        sampling = {name: self.setting(name) for name in sampled}
        engine = self.engine(unit)
        rests_on = {
            "content": self.content_key(unit),
            "engine": engine,
            "sampling": sampling if engine == "nuts" else {},
        }
        if engine == "ml" and (chosen := self._integration()):
            rests_on["integration"] = chosen
        if comparing := self.file.section("compare"):
            rests_on["compare"] = dict(comparing)
        return store.digest(rests_on)

    def _integration(self) -> dict[str, Any]:
        """How maximum likelihood integrates effects, as far as the study says."""
        chosen: dict[str, Any] = {}
        if self.setting("integrate") != "auto":
            chosen["integrate"] = self.setting("integrate")
        if self.setting("nodes"):
            chosen["nodes"] = self.setting("nodes")
        return chosen

    def was_outrun(self, unit: Unit) -> bool:
        """Tell whether data or model changed since the fit; how it was sampled does not count."""
        manifest = self.state(unit).manifest
        return manifest is not None and manifest.settings.get("content") != self.content_key(unit)

    def state(self, unit: Unit) -> State:
        """Tell how a unit stands; reads the whole folder, so damage does not stay hidden."""
        return state_of(unit.fit_folder, self.unit_key(unit), "the data, the model or the settings")

    def dataset(self, unit: Unit) -> xr.Dataset:
        """The part of the dataset that a unit is about."""
        data = self.data
        names = [str(name) for name in data["species"].values]
        for name in unit.members:
            if name not in names:
                raise ModelError(
                    f'The records have no species "{name}".{did_you_mean(name, names)} '
                    f"They have: {listing(names)}."
                )
        data = data.sel(species=list(unit.members))
        season = unit.spec.get("season")
        if season is not None:
            seasons = list(data["season"].values)
            wanted = season if isinstance(season, list) else [season]
            by_text = {str(label): label for label in seasons}
            for label in wanted:
                if str(label) not in by_text:
                    raise ModelError(f"season {label}: the surveys have {listing(seasons)}.")
            data = data.sel(season=[by_text[str(label)] for label in wanted])
        return data

    def model(self, unit: Unit) -> Any:
        """Make a unit's model; what does not fit the data is refused here, before any sampling.

        Raises
        ------
        ModelError
            With the section of the study file that asks for it.
        """
        from occupancy import families
        from occupancy.model import Model

        spec = unit.spec
        family = unit.family
        given = dict(spec.get("options", {}))
        # The species of a unit are said by `species` of the model.
        own = [name for name in families.options_of(family) if name != "species"]
        known = [*own, *OPTIONS]
        for name in given:
            if name not in known and family in families.FAMILIES:
                raise ModelError(
                    f'[model.{unit.model}] options: there is no option "{name}".'
                    f"{did_you_mean(name, known)} It may hold: {listing(known)}."
                )
        try:
            return Model(
                self.dataset(unit),
                family=family,
                priors=spec.get("priors"),
                **{name: given.pop(name) for name in OPTIONS if name in given},
                options=given,
                community=spec.get("community", ""),
                centring=spec.get("centring"),
                augment=spec.get("augment", 0),
                **unit.formulas,
            )
        except ModelError as error:
            raise ModelError(f"[model.{unit.model}] {error}") from None

    def refuse_wrong_models(self, units: Sequence[Unit]) -> None:
        """Make every model once, so that none is fitted before all are known to be right.

        Raises
        ------
        ModelError
            With the faults of all models; a fault that several species share is told once.
        """
        told: dict[str, None] = {}
        for unit in units:
            try:
                self.model(unit)
            except ModelError as error:
                told[str(error)] = None
        if told:
            raise ModelError("\n✗ ".join(told))

    def refuse_wrong_outputs(self, units: Sequence[Unit]) -> None:
        """Refuse reports and maps that could not be made, before anything is estimated.

        Raises
        ------
        OutputError
            `[report] formats` names no output, or `[map] season` no season.
        """
        from occupancy.outputs import OutputError, refuse_unknown

        for name in self.report_outputs:
            refuse_unknown(name)
        season = self.file.map.get("season")
        for unit in units if season is not None else ():
            seasons = [str(label) for label in self.dataset(unit)["season"].values]
            if str(season) not in seasons:
                raise OutputError(
                    f"[map] season = {season}: model {unit.model} has {listing(seasons)}."
                )

    def fit(self, unit: Unit, progress: Any = None) -> Fit:
        """Fit one unit and keep it; whoever calls holds the lock."""
        engine = self.engine(unit)
        keys = {"engine": engine, "seed": self.setting("seed"), "progress": progress}
        if engine == "nuts":
            keys |= {name: self.setting(name) for name in ("draws", "chains")}
            keys |= {
                name: self.setting(name) or None for name in ("tune", "cores", "target_accept")
            }
        else:
            keys |= self._integration()
        model = self.model(unit)
        fit = model.fit(**keys)
        self.keep(unit, fit, self._compared(model, keys))
        return fit

    def _compared(self, model: Any, keys: Mapping[str, Any]) -> Any:
        """Complete, partial and no pooling beside each other, if the study asks for it.

        None of a model without effects of the grouping. Folds are fitted with 500 draws of two
        chains at most, since there are fifteen of them.
        """
        asked = self.file.section("compare")
        by = asked.get("pooling")
        if by is None or not any(p.varying for p in model.problem.predictors.values()):
            return None
        if not any(by in t.design.by for p in model.problem.predictors.values() for t in p.varying):
            return None
        from occupancy.comparison import FOLDS, compare_pooling

        own = {name: value for name, value in keys.items() if name not in ("progress", "seed")}
        if "draws" in own:
            own |= {"draws": min(own["draws"], 500), "chains": min(own["chains"], 2)}
        folds, hold = asked.get("folds", FOLDS), asked.get("hold", "groups")
        return compare_pooling(model, by, folds, keys["seed"], hold=hold, **own)

    def keep(self, unit: Unit, fit: Fit, compared: Any = None) -> None:
        """Write a fit into its unit's folder, with how kinds of pooling compare."""
        verdicts = [{"code": v.code, "level": v.level, "message": v.message} for v in fit.warnings]
        manifest = store.Manifest(
            "unit",
            settings={
                "key": self.unit_key(unit),
                "content": self.content_key(unit),
                "model": unit.model,
                "species": unit.species,
                "interrupted": was_cut_off(fit),
                "spec": dict(unit.spec),
                **{name: setting.value for name, setting in self.settings.items()},
                "engine": self.engine(unit),
            },
            inputs=dict(self.inputs),
            seed=self.setting("seed"),
            warnings=verdicts,
        )
        with store.new_folder(unit.fit_folder, replace=True) as folder:
            fit.save(folder / "posterior")
            if compared is not None:
                compared.to_csv(folder / COMPARED, index=False)
            store.finish(folder, manifest)

    def load(self, unit: Unit) -> Fit:
        """Read a finished unit from its files.

        Raises
        ------
        StoreError
            There is none, or it is damaged.
        """
        import occupancy

        store.verify(unit.fit_folder)
        return occupancy.load(unit.fit_folder / "posterior")

    # ------------------------------------------------------------ outputs

    def output_key(self, unit: Unit, kind: str) -> str:
        """Checksum of all that a unit's figures or report rest on."""
        sections = ("study", "report", "map", "privacy", "regions", "surface")
        return store.digest(
            {
                "kind": f"{kind} {unit.page}".rstrip(),
                "fit": store.read_manifest(unit.fit_folder).files,
                "layers": inputs.digests(self.file, inputs.LAYERS),
                "config": {name: self.file.section(name) for name in sections},
                "interval": self.setting("interval"),
                "version": store.versions().get("occupancy", ""),
            }
        )

    def results_of(self, unit: Unit, show_blocked: bool = False) -> Results:
        """Everything that a page needs, recomputed from the unit's files."""
        from occupancy.outputs.results import Results

        fit = self.load(unit)
        manifest = store.read_manifest(unit.fit_folder)
        report = self.file.report
        compared = unit.fit_folder / COMPARED
        results = Results.from_fit(
            fit,
            regions=self.regions() if _has_places(fit.data) else None,
            surface=self.surface() if _has_places(fit.data) else None,
            title=report.get("title") or unit.spec.get("title") or self.title,
            interval=self.setting("interval"),
            provenance={
                "study": self.title,
                "authors": self.file.section("study").get("authors", ""),
                "organisation": self.file.section("study").get("organisation", ""),
                "model": unit.model,
                "seed": manifest.seed,
                "fitted": manifest.created,
                "inputs": manifest.inputs,
                "versions": manifest.versions,
                "draws": manifest.settings["draws"],
                "chains": manifest.settings["chains"],
            },
            species=unit.page or unit.species,
            season=self.file.map.get("season"),
            show_blocked=show_blocked,
        )
        if compared.exists():
            import pandas as pd

            results = replace(results, compared=pd.read_csv(compared))
        return results

    def outputs_stand(
        self, unit: Unit, kind: str, outputs: Sequence[str], show_blocked: bool = False
    ) -> bool:
        """Tell whether a unit's figures or report were made of its fit as it is now."""
        target = unit.page_folder / kind
        if not self.state(unit).is_finished or not store.is_complete(target):
            return False
        settings_ = store.read_manifest(target).settings
        made = (settings_["key"], settings_["outputs"], settings_["show_blocked"])
        wanted = list(self.outputs_of(unit, kind, outputs))
        return made == (self.output_key(unit, kind), wanted, show_blocked)

    @staticmethod
    def outputs_of(unit: Unit, kind: str, outputs: Sequence[str]) -> list[str]:
        """The outputs of a unit: those of a community join its figures."""
        whole = kind == "maps" and tuple(outputs) == FIGURES and unit.is_community
        return [*outputs, *(OF_A_COMMUNITY if whole else ())]

    def with_those_made(self, unit: Unit, kind: str, asked: Sequence[str]) -> list[str]:
        """What a folder has to hold so that those asked for join those made before."""
        from occupancy.outputs import OUTPUTS

        target = unit.page_folder / kind
        made: list[str] = []
        if store.is_complete(target):
            made = [n for n in store.read_manifest(target).settings["outputs"] if n in OUTPUTS]
        return list(dict.fromkeys([*made, *asked]))

    def write(
        self,
        unit: Unit,
        kind: str,
        outputs: Sequence[str],
        results: Results,
        show_blocked: bool = False,
    ) -> tuple[list[Path], dict[str, str]]:
        """Write outputs into the unit's folder `kind`; gives the files, and what could not be made.

        The folder is replaced as a whole: it never holds a map of one fit and a table of another.
        """
        from occupancy import outputs as room

        outputs = self.outputs_of(unit, kind, outputs)
        target = unit.page_folder / kind
        refused: dict[str, str] = {}
        with store.new_folder(target, replace=True) as folder:
            for name in outputs:
                try:
                    room.write(name, results, folder)
                except room.OutputError as error:
                    refused[name] = str(error)
            settings_ = {"key": self.output_key(unit, kind), "outputs": list(outputs)}
            settings_ |= {"refused": refused, "show_blocked": show_blocked}
            store.finish(folder, store.Manifest(kind, settings=settings_))
        files = sorted(path for path in target.rglob("*") if path.is_file())
        return [path for path in files if path.name != store.MANIFEST], refused


def _is_community(spec: Mapping[str, Any], species: Sequence[str]) -> bool:
    """Whether the species of a model vary around one mean."""
    from occupancy import community

    formulas = {key: text for key, text in spec.items() if key not in NOT_FORMULAS}
    return len(species) > 1 and community.is_asked(spec, formulas)


def _has_places(data: Any) -> bool:
    return "longitude" in data or "easting" in data
