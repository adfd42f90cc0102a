"""What the study file asks of rasters and map layers, checked before any is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surveys.ledger import Ledger
from surveys.places import RASTER_SUFFIXES
from surveys.problems import listing
from surveys.readers.layer_table import is_layer
from surveys.study_file import StudyFile

SHARE = ("share", "share of class")
OF_RASTERS = ("point", "mean", "sd", "min", "max", "share", "share of class", "majority")
OF_LAYERS = ("value", "majority", "share", "share of class", "distance")
ONLY_HERE = ("stat", "buffer_m", "class", "band")


@dataclass(frozen=True)
class Asked:
    """One covariate of places: from which files, and what of them."""

    section: str  # covariates.elev
    name: str
    kind: str  # "raster" or "layer"
    stat: str
    files: dict[str, str] = field(default_factory=dict)  # season -> file; "" of all seasons
    relation: str = ""
    column: str = ""
    buffer_m: float | None = None
    classes: tuple[Any, ...] = ()
    band: int = 1
    crs: str | None = None
    layer: str | None = None
    encoding: str | None = None
    missing: tuple[float, ...] = ()
    type: str = ""
    units: str = ""

    @property
    def by_season(self) -> bool:
        """Whether every season has a file of its own."""
        return "" not in self.files and not self.relation

    @property
    def words(self) -> str:
        """What the values are: "mean of dem.tif within 100 m"."""
        of = self.relation or listing(dict.fromkeys(self.files.values()), 3)
        told = f" of {listing(self.classes)}" if self.classes else ""
        within = f" within {self.buffer_m:g} m" if self.buffer_m else ""
        if self.stat == "distance":
            return f"metres to the nearest feature{told} of {of}"
        stat = {"point": "cell", "value": "polygon"}.get(self.stat, self.stat)
        return f"{stat}{told} of {of}{within}" if not told else f"{stat}{told} in {of}{within}"


def of_sites(study: StudyFile) -> list[Asked]:
    """The covariates that come from rasters and layers, as they were checked."""
    return _all(study, Ledger())


def check(study: StudyFile, ledger: Ledger) -> None:
    """Tell what the study file asks wrongly of rasters and layers, or says without effect."""
    _all(study, ledger)


def _all(study: StudyFile, ledger: Ledger) -> list[Asked]:
    found = []
    for section in ("covariates", "season_covariates"):
        for name, keys in study.section(section).items():
            if isinstance(keys, Mapping):
                one = _asked(study, f"{section}.{name}", name, dict(keys), ledger)
                if one is not None:
                    found.append(one)
    return found


def is_of_places(keys: Mapping[str, Any]) -> bool:
    """Whether a covariate comes from a raster or a layer, by where the sites lie."""
    path = keys.get("path")
    by_table = "table" in keys and "stat" in keys
    return "raster" in keys or "polygons" in keys or by_table or bool(path and is_layer(path))


def _asked(
    study: StudyFile, section: str, name: str, keys: dict[str, Any], ledger: Ledger
) -> Asked | None:
    by_season = section.startswith("season_")
    if not is_of_places(keys) or (by_season and "raster" not in keys):
        _refuse_idle(study, section, keys, ONLY_HERE, "needs a raster or polygons", ledger)
        _refuse_raster_as_table(study, section, keys, ledger)
        return None
    before = len(ledger.of_level("error"))
    sources = [k for k in ("raster", "polygons", "path", "table") if k in keys]
    if len(sources) > 1:
        _wrong(study, section, f"has {' and '.join(sources)}", "keep one of them", ledger)
        return None
    kind = "raster" if "raster" in keys else "layer"
    shown: Any = keys.get(sources[0]) if sources[0] != "table" else {}
    files = {str(k): v for k, v in shown.items()} if isinstance(shown, Mapping) else {"": shown}
    known = OF_RASTERS if kind == "raster" else OF_LAYERS
    stat = keys.get("stat", known[0])
    if stat not in known:
        has = " or ".join(f'"{s}"' for s in known)
        told = f'stat = "{stat}" is no statistic of {"rasters" if kind == "raster" else "layers"}'
        _wrong(study, section, told, f"stat = {has}", ledger)
        return None
    stat = "share" if stat in SHARE else stat
    _needs(study, section, keys, stat, kind, ledger)
    if kind == "raster":
        idle = [k for k in ("column", "layer", "encoding", "site", "season") if k in keys]
    else:
        idle = [k for k in ("band",) if k in keys]
    _refuse_idle(study, section, keys, idle, f"has no effect on a {kind}", ledger)
    if len(ledger.of_level("error")) > before:
        return None
    classes = keys.get("class", ())
    numbers = []
    for word in keys.get("missing", ()):
        try:
            numbers.append(float(word))
        except ValueError:
            told = f'missing = ["{word}"] is no number'
            _wrong(study, section, told, 'missing = ["-9999"]', ledger)
    return Asked(
        section=section,
        name=name,
        kind=kind,
        stat=stat,
        files={k: study.from_source(v) for k, v in files.items() if v},
        relation=keys.get("table", ""),
        column=keys.get("column", ""),
        buffer_m=float(keys["buffer_m"]) if "buffer_m" in keys else None,
        classes=tuple(classes) if isinstance(classes, list | tuple) else (classes,),
        band=keys.get("band", 1),
        crs=keys.get("crs"),
        layer=keys.get("layer"),
        encoding=keys.get("encoding"),
        missing=tuple(numbers),
        type=keys.get("type", ""),
        units=keys.get("units", "m" if stat == "distance" else ""),
    )


def _needs(
    study: StudyFile, section: str, keys: dict[str, Any], stat: str, kind: str, ledger: Ledger
) -> None:
    """Buffer and class where the statistic has them, and only there."""
    wide = stat not in ("point", "value", "distance")
    buffer = keys.get("buffer_m")
    if wide and not (isinstance(buffer, int | float) and buffer > 0):
        told = f'stat = "{keys["stat"]}" is of a circle round the site'
        said = "and buffer_m is not given" if buffer is None else f"and buffer_m is {buffer}"
        _wrong(study, section, f"{told}, {said}", "buffer_m = 500 (metres, above 0)", ledger)
    if not wide and buffer is not None:
        of = "the cell at the site" if kind == "raster" else "the site itself"
        told = f'stat = "{stat}" is of {of}, so buffer_m has no effect'
        other = '"mean"' if kind == "raster" else '"majority"'
        _wrong(study, section, told, f"stat = {other}, or remove buffer_m", ledger)
    classes = keys.get("class")
    if stat == "share" and classes in (None, []):
        cure = "class = 3" if kind == "raster" else 'class = "oak"'
        _wrong(study, section, "stat asks for a share, and no class is named", cure, ledger)
    if stat not in ("share", "distance") and classes is not None:
        told = f'class has no effect with stat = "{stat}"'
        _wrong(study, section, told, 'stat = "share", or remove class', ledger)
    listed = classes if isinstance(classes, list) else [classes]
    good = (int, float) if kind == "raster" else (int, float, str)
    if classes is not None and not all(
        isinstance(c, good) and not isinstance(c, bool) for c in listed
    ):
        what = "a number, or a list of numbers" if kind == "raster" else "a text, or a list"
        _wrong(study, section, f"class must be {what}", "class = [1, 2]", ledger)


def _wrong(study: StudyFile, section: str, told: str, cure: str, ledger: Ledger) -> None:
    ledger.error("E345", f"{study.name}: [{section}] {told}", file=study.name, cure=cure)


def _refuse_idle(
    study: StudyFile, section: str, keys: dict[str, Any], idle: Any, why: str, ledger: Ledger
) -> None:
    for key in idle:
        if key in keys:
            ledger.error(
                "E408",
                f"{study.name}: [{section}] {key} {why}",
                file=study.name,
                cure=f'remove it, or name the file: [{section}] raster = "dem.tif"'
                if key in ONLY_HERE
                else "remove it",
            )


def _refuse_raster_as_table(
    study: StudyFile, section: str, keys: dict[str, Any], ledger: Ledger
) -> None:
    path = keys.get("path")
    if path and Path(path).suffix.lower() in RASTER_SUFFIXES:
        told = f'path = "{path}" is a raster, not a table'
        _wrong(study, section, told, f'raster = "{path}"', ledger)
