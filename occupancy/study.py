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
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occupancy import inputs, store
from occupancy.study_units import StudyUnits
from occupancy.units import Unit, was_cut_off
from surveys.problems import listing

if TYPE_CHECKING:
    from occupancy.fit import Fit
    from occupancy.outputs.results import Results

COMPARED = "pooling.csv"  # in the folder of a fit
FIGURES = (
    *("paired-map", "site-map", "field-map", "trend", "effects", "forest", "shrinkage"),
    *("variance", "detection", "histories", "prior-predictive"),
)
OF_A_COMMUNITY = ("community", "richness-map")
REPORT = ("report", "tables", "geopackage")


class Study(StudyUnits):
    """The study in a folder, and the steps from its files to its report.

    Its files and dataset are told by ``occupancy.study_data``, its units, their keys and their
    models by ``occupancy.study_units``; here every unit is fitted, kept and shown.
    """

    # ------------------------------------------------------------ fits

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

    @property
    def report_outputs(self) -> tuple[str, ...]:
        """What a report consists of: `[report] formats`, or page, tables and GeoPackage."""
        return tuple(self.file.report.get("formats", REPORT))

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


def _has_places(data: Any) -> bool:
    return "longitude" in data or "easting" in data
