"""eBird: sightings (EBD) and checklists (Sampling Event Data) to repeat visits of sites.

A checklist is a visit. What it did not list is a 0, which only the file of all checklists can
tell; so both files are needed, and checklists must be complete. Comments are never read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from surveys import taxa
from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.readers import ebird_tables as tables
from surveys.readers import ebird_visits as visits
from surveys.readers.ebird_files import (
    COMMENTS,
    SAMPLING,
    SIGHTINGS,
    EbirdFile,
    found_of,
    kind_of,
    open_file,
    plain,
)
from surveys.readers.ebird_settings import EFFORT_UNITS, Settings, settings_of
from surveys.readers.ebird_sites import sites_of
from surveys.readers.tidy import Guess, Tidy
from surveys.study_file import StudyFile
from surveys.text_table import Table
from surveys.values import as_seasons, natural

SECTIONS = ("ebird",)
LAYOUT = "checklists as visits, and what was seen on them"
MOST_TRIED = 500_000_000  # bytes of a file that is read for trial when a study file is written
HIGHER = ("spuh", "slash", "hybrid")
MOST_CELLS = 400_000_000


def detect(tables: dict[str, Table]) -> Guess | None:
    """A table of sightings and one of sampling events, by the column names of eBird."""
    kinds = {file: kind_of(tuple(table.names)) for file, table in tables.items()}
    ebd = [file for file, kind in kinds.items() if kind == "ebd"]
    sampling = [file for file, kind in kinds.items() if kind == "sampling"]
    if not ebd:
        return None
    beside = f" and {sampling[0]}" if sampling else ""
    return Guess(
        "ebird",
        1.0,
        f"{ebd[0]}{beside} {'have' if sampling else 'has'} the columns of eBird",
        extra={
            "file": ebd[0],
            "files": {"sampling": (sampling[0], {})} if sampling else {},
            "site": next(n for n in tables[ebd[0]].names if plain(n) == "LOCALITY ID"),
            "not_in_models": ("observer", "protocol", "year"),
            "large": any(_large(tables[file]) for file in (*ebd, *sampling)),
            "ease": set(),
        },
    )


def _large(table: Table) -> bool:
    path = table.spec.path
    return path.is_file() and path.stat().st_size > MOST_TRIED


def ease(guess: Guess, codes: tuple[str, ...]) -> bool:
    """Make the settings of a guess wider where its files refuse them; False where nothing helps."""
    eased: set[str] = guess.extra["ease"]
    if {"E603", "E604"} & set(codes) and "limits" not in eased:
        eased.add("limits")
    elif "E605" in codes and "observers" not in eased:
        eased.add("observers")
    elif "E605" in codes and "limits" not in eased:
        eased.add("limits")
    elif "E605" in codes and "repeats" not in eased:
        eased.add("repeats")
    else:
        return False
    return True


def study_lines(guess: Guess, tables: dict[str, Table]) -> list[str]:
    """The section [ebird] with the practice that the Cornell Lab recommends, as far as it fits."""
    eased: set[str] = guess.extra.get("ease", set())
    limit = "# " if "limits" in eased else ""
    place = '"locality_id"' if "observers" in eased else '"locality_id", "observer_id"'
    lines = ["[ebird]"]
    if not guess.extra["files"]:
        lines += [
            "# The Sampling Event Data file is not among the files, so that no absence is known.",
            '# Ask eBird for it with the same query, and name it: [files.sampling] path = "..."',
            "detections_only = true",
        ]
    else:
        lines.append('incomplete = "drop"       # checklists that are not complete tell no absence')
    return [
        *lines,
        f'{limit}protocols = ["Stationary", "Traveling"]',
        f"{limit}max_duration_minutes = 360",
        f"{limit}max_distance_km = 10",
        f"{limit}max_observers = 10",
        f"{limit}max_speed_kmh = 100",
        "# years = [2015, 2024]      # first and last",
        '# days = ["05-15", "07-10"]  # of each year: choose a time in which sites are closed',
        f"site = [{place}]    # whose checklists are visits of one site",
        "# grid_km = 3              # joins localities in cells of this width",
        'closure = "year"          # and n_days = 30: blocks of days within the year',
        '# closure_as = "season"    # for families that follow the seasons',
        f"min_obs = {1 if 'repeats' in eased else 2}               # visits that a site must have",
        "max_obs = 10              # more are drawn by lot; 0 keeps all",
        "",
    ]


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Visits and records of a download of eBird."""
    settings = settings_of(study, ledger)
    ebd = open_file(study, "files.detections", SIGHTINGS, ledger)
    if settings.detections_only:
        checklists = open_file(study, "files.detections", SAMPLING, ledger)
    else:
        checklists = open_file(study, "files.sampling", SAMPLING, ledger)
        if not study.section("files.sampling").get("path"):
            _no_sampling(ebd, ledger)
    if ebd is None or checklists is None or ledger.of_level("error"):
        return None
    more = _more(study, settings, checklists, ledger)
    if more is None:
        return None
    try:
        with tables.database() as connection:
            return _read(study, settings, connection, ebd, checklists, more, ledger)
    except tables.Damaged as error:
        at = "" if error.row is None else f", row {error.row}"
        ledger.error(
            "E600",
            f"{error.file.shown}{at}: {error.fact}",
            file=error.file.shown,
            row=error.row,
            cure="was the download cut short? Unpack or fetch it again, and use it as it came",
        )
        return None


def _no_sampling(ebd: EbirdFile | None, ledger: Ledger) -> None:
    shown = ebd.shown if ebd else "eBird"
    ledger.error(
        "E058",
        f"{shown}: zero-filling needs the Sampling Event Data file (ask eBird for it with the "
        "same query); without it no absence is known",
        file=shown,
        cure='name it: [files.sampling] path = "..._sampling.txt"; [ebird] detections_only = true '
        "reads the sightings alone",
    )


def _more(
    study: StudyFile, settings: Settings, file: EbirdFile, ledger: Ledger
) -> dict[str, int] | None:
    """Further columns that the study names: filters of [ebird.where], visit covariates."""
    before = len(ledger.of_level("error"))
    asked = {tables.where_name(n): (n, f"[ebird.where] {n}") for n in settings.where}
    for name, keys in study.section("visit_covariates").items():
        if "path" in keys:
            ledger.error(
                "E517",
                f"{study.name}: [visit_covariates.{name}] path: a covariate of a checklist is a "
                "column of the sampling file",
                file=study.name,
                cure=f'[visit_covariates.{name}] column = "EFFORT AREA HA"',
            )
        elif "column" in keys:
            asked[name] = (keys["column"], f"[visit_covariates.{name}] column")
        elif name not in (*visits.COVARIATES, "year"):
            ledger.error(
                "E015",
                f"{study.name}: [visit_covariates.{name}] names no column."
                + did_you_mean(name, visits.COVARIATES),
                file=study.name,
                cure=f"checklists have {listing(visits.COVARIATES, 9)}; any other needs "
                'column = "..."',
            )
    found = {}
    for name, (column, where) in asked.items():
        at = file.at(column)
        if at is None or COMMENTS.search(column.upper()):
            private = at is not None
            ledger.error(
                "E015",
                f"{study.name}: {where} names a column of "
                + ("remarks, which are never read" if private else f"{file.shown} that is not ")
                + ("" if private else f"there.{did_you_mean(column, file.header)}"),
                file=study.name,
                cure=f"it has: {listing([h for h in file.header if h], 40)}",
            )
        else:
            found[name] = at
    return found if len(ledger.of_level("error")) == before else None


def _read(
    study: StudyFile,
    settings: Settings,
    connection: Any,
    ebd: EbirdFile,
    file: EbirdFile,
    more: dict[str, int],
    ledger: Ledger,
) -> Tidy | None:
    sampling = tables.read_sampling(connection, file, settings, more)
    sightings = tables.read_sightings(connection, ebd, settings)
    _tell_bad([*sampling.bad, *sightings.bad], ledger)
    if ledger.of_level("error"):
        return None
    _tell_twice(file, sampling, ledger)
    _tell_incomplete(study, settings, file, sampling, ledger)
    _tell_protocols(study, settings, connection, file, ledger)
    if not settings.detections_only:
        _tell_unknown(connection, ebd, file, ledger)
    species, names = _species(study, settings, tables.names_of(connection), ebd, ledger)
    if ledger.of_level("error"):
        return None
    tables.enter_names(connection, names)
    copies = tables.make_unique(connection, settings)
    if copies is not None:
        sampling.aside["shared checklist"] = copies
    sightings.aside = tables.join_sightings(connection, settings)
    frame = tables.checklists(connection, more)
    seen = tables.seen(connection)
    if not len(frame):
        _nothing_left(file, sampling, ledger)
        return None
    layout = visits.lay_out(frame, settings)
    if layout is None:
        _tell_no_repeats(settings, file, frame, ledger)
        return None
    if not _fits(settings, layout, species, ebd, ledger):
        return None
    position = np.full(len(frame), -1, dtype=np.int64)
    position[layout.visits["number"].to_numpy()] = np.arange(len(layout.visits))
    used = position[seen["at"]] >= 0
    _account(settings, file, ebd, sampling, sightings, layout, seen, used, ledger)
    sites = sites_of(study, layout, file, ledger)
    if sites is None or ledger.of_level("error"):
        return None
    table, units = _visits(study, settings, frame, layout, file, more, ledger)
    records = _records(layout, seen, position, used, species, ebd)
    inputs = [found_of(ebd, sightings.n)]
    if file.path != ebd.path:
        inputs.append(found_of(file, sampling.n))
    told = study.section("visit_covariates")
    own = [c for c in table if c not in ("site", "season", "visit", "effort", "start", "end")]
    frame_of_sites, tables_of_sites = sites
    return Tidy(
        visits=table,
        records=records,
        sites=frame_of_sites,
        species=species,
        seasons=list(as_seasons(sorted(set(table["season"].unique()), key=natural))),
        tables=tables_of_sites,
        units=units,
        missing={n: told.get(n, {}).get("missing", "drop visit") for n in own},
        has_effort=settings.effort != "checklists",
        effort_units=EFFORT_UNITS.get(settings.effort, "checklists"),
        inputs=inputs,
        clock="local time",
        target=_looked_for(records) if settings.detections_only else None,
    )


# --- what is told ------------------------------------------------------------------------------


def _tell_bad(bad: list[tables.Bad], ledger: Ledger) -> None:
    for one in bad:
        what = "is blank" if not one.value else f'cannot be "{one.value}"'
        ledger.error(
            "E601",
            f"{one.file.shown}, row {one.row}, column {one.column}: it {what}",
            file=one.file.shown,
            row=one.row,
            column=one.column,
            why="eBird never writes it so: the file was changed on the way",
            cure="use the file as eBird sent it",
            more=f"{one.n} such rows" if one.n > tables.LISTED else "",
        )


def _tell_twice(file: EbirdFile, sampling: tables.Rows, ledger: Ledger) -> None:
    for name, row in sampling.differ:
        ledger.error(
            "E021",
            f"{file.shown}, row {row}: checklist {name} stands there twice, and the rows differ",
            file=file.shown,
            row=row,
            why="of two releases of eBird joined to one file the older rows are out of date",
            cure="use one release",
        )


def _tell_incomplete(
    study: StudyFile, settings: Settings, file: EbirdFile, sampling: tables.Rows, ledger: Ledger
) -> None:
    found = sampling.aside.get(tables.NOT_COMPLETE)
    if found is None or settings.incomplete == "drop":
        return
    row = found.rows[0] if found.rows else None
    at = f" (first: row {row})" if row else ""
    ledger.error(
        "E602",
        f"{file.shown}: {found.n} of {sampling.n} checklists are not complete{at}",
        file=file.shown,
        row=row,
        column=file.header[file.columns["complete"]],
        why="what an incomplete checklist leaves out may have been there, and seen",
        cure='set them aside: [ebird] incomplete = "drop"',
    )


def _tell_protocols(
    study: StudyFile, settings: Settings, connection: Any, file: EbirdFile, ledger: Ledger
) -> None:
    if not settings.protocols:
        return
    have = tables.protocols_of(connection)
    plain = {tables.plain_protocol(p) for p in have}
    lost = [p for p in settings.protocols if tables.plain_protocol(p) not in plain]
    if len(lost) == len(settings.protocols):
        ledger.error(
            "E603",
            f"{study.name}: [ebird] protocols: no checklist of {file.shown} is of "
            f"{listing(lost)}.{did_you_mean(lost[0], have)}",
            file=study.name,
            cure=f"there are: {listing(have, 12)}",
        )
    elif lost:
        ledger.warn(
            "W603",
            f"{study.name}: [ebird] protocols: no checklist of {file.shown} is of {listing(lost)}",
            file=study.name,
            cure=f"there are: {listing(have, 12)}",
        )


def _tell_unknown(connection: Any, ebd: EbirdFile, file: EbirdFile, ledger: Ledger) -> None:
    n, first = tables.unknown_checklists(connection)
    for name, row in first:
        ledger.error(
            "E059",
            f"{ebd.shown}, row {row}: checklist {name} is not in {file.shown}",
            file=ebd.shown,
            row=row,
            cure="were both files filtered alike, from the same release?",
            more=f"{n} checklists in all",
        )


def _nothing_left(file: EbirdFile, sampling: tables.Rows, ledger: Ledger) -> None:
    told = [f"{aside.n} {rule}" for rule, aside in sampling.aside.items()]
    ledger.error(
        "E604",
        f"{file.shown}: of {sampling.n} checklists none is left ({listing(told, 9) or 'no rows'})",
        file=file.shown,
        cure="widen the limits in [ebird]",
    )


def _tell_no_repeats(
    settings: Settings, file: EbirdFile, frame: pd.DataFrame, ledger: Ledger
) -> None:
    ledger.error(
        "E605",
        f"{file.shown}: of {len(frame)} checklists no site has {settings.min_obs} in one period of "
        "closure",
        file=file.shown,
        why="without repeat visits detection cannot be told from presence",
        cure='take a wider site ([ebird] site = ["locality_id"], grid_km = 1), a longer closure, '
        "or min_obs = 1 for a family that can use single visits",
    )


def _fits(
    settings: Settings,
    layout: visits.Layout,
    species: list[str],
    ebd: EbirdFile,
    ledger: Ledger,
) -> bool:
    """Whether the Dataset would fit into the memory of a usual machine."""
    seasons = layout.visits["season"].nunique()
    most = int(layout.visits["visit"].max())
    cells = len(species) * len(layout.sites) * seasons * most
    if cells <= MOST_CELLS:
        return True
    ledger.error(
        "E606",
        f"{ebd.shown}: {len(species)} species x {len(layout.sites)} sites x {seasons} seasons x "
        f"{most} visits make {cells} cells, of which {MOST_CELLS} fit into memory",
        file=ebd.shown,
        cure='name the species: [study] species = ["..."]; or fewer visits a site: [ebird] '
        "max_obs = 10",
    )
    return False


# --- species -----------------------------------------------------------------------------------


def _species(
    study: StudyFile, settings: Settings, names: pd.DataFrame, ebd: EbirdFile, ledger: Ledger
) -> tuple[list[str], pd.DataFrame]:
    """The species of the study, and of each name of the file its species or why it has none."""
    section = study.section("taxa")
    keep = section.get("keep_ranks", [])
    alias = {_plain(k): v for k, v in section.get("alias", {}).items()}
    exclude = {_plain(v) for v in section.get("exclude", [])}
    told = study.section("study").get("species", [])
    told = [told] if isinstance(told, str) else list(told)
    wanted = {_plain(name): name for name in told}
    judged = [
        _judge(r.scientific, r.common, r.category.casefold(), keep, alias)
        for r in names.itertuples()
    ]
    label = np.array([name for name, _ in judged], dtype=object)
    why = np.array([reason for _, reason in judged], dtype=object)
    common = _common(label, names)
    for i, (name, own) in enumerate(zip(label, names["common"], strict=True)):
        if why[i]:
            continue
        called = {_plain(name), _plain(own), _plain(common.get(name, ""))} - {""}
        if called & exclude:
            why[i] = "excluded by [taxa] exclude"
        elif wanted:
            asked = [wanted[c] for c in sorted(called) if c in wanted]
            if asked:
                label[i] = asked[0]
            else:
                why[i] = "other species"
        elif settings.names == "common":
            label[i] = common.get(name) or name
    found = {str(n) for n in label[why == ""]}
    lost = [name for name in told if name not in found]
    for name in lost:
        every = [*names["scientific"], *names["common"]]
        ledger.warn(
            "W601",
            f'{ebd.shown}: no sighting of "{name}".{did_you_mean(name, every)} It was taken as '
            "never seen",
            file=ebd.shown,
            cure="[study] species: names as in the file, scientific or common, without the "
            "subspecies",
        )
    species = sorted({*found, *told}) or ["species"]
    code = {name: i for i, name in enumerate(species)}
    codes = [code.get(n, -1) if not w else -1 for n, w in zip(label, why, strict=True)]
    return species, names.assign(code=codes, why=why)


def _judge(
    scientific: str, common: str, category: str, keep: list[str], alias: dict[str, str]
) -> tuple[str, str]:
    """Species of a name of eBird; below a species it joins it, above it is set aside."""
    for name in (scientific, common):
        if _plain(name) in alias:
            return alias[_plain(name)], ""
    if category in HIGHER:
        kept = {k.casefold() for k in keep}
        return scientific, "" if category in kept else f"rank: {category}"
    bare = scientific.split("(")[0].strip() or scientific
    name, reason = taxa.of_rank(bare, None, [k for k in keep if k.casefold() != "subspecies"])
    if reason and category in ("species", "issf", "form", "domestic", "intergrade"):
        # A form that has no name of its own yet: eBird counts it as no species.
        return name, f"rank: {category}" if category != "species" else ""
    return name, reason


def _common(label: np.ndarray, names: pd.DataFrame) -> dict[str, str]:
    """The common name of each species: the one most rows have."""
    table = pd.DataFrame({"label": label, "common": names["common"], "n": names["n"].astype(int)})
    total = table[table["common"] != ""].groupby(["label", "common"])["n"].sum().reset_index()
    total = total.sort_values(["label", "n", "common"], ascending=[True, False, True])
    return dict(total.drop_duplicates("label")[["label", "common"]].to_numpy().tolist())


def _plain(name: str) -> str:
    return " ".join(str(name).split()).casefold()


# --- account and tables ------------------------------------------------------------------------


def _account(
    settings: Settings,
    file: EbirdFile,
    ebd: EbirdFile,
    sampling: tables.Rows,
    sightings: tables.Rows,
    layout: visits.Layout,
    seen: dict[str, np.ndarray],
    used: np.ndarray,
    ledger: Ledger,
) -> None:
    """Every row of both files is used or set aside by a rule; only ids are kept of the latter."""
    if not settings.detections_only:
        ledger.read(file.shown, sampling.n)
        ledger.use(file.shown, len(layout.visits))
        _set_aside(file, {**sampling.aside, **layout.aside}, ledger)
    ledger.read(ebd.shown, sightings.n)
    ledger.use(ebd.shown, int(seen["n_records"][used].sum()))
    lost = int(seen["n_records"][~used].sum())
    if lost:
        rule = "checklist set aside"
        before = sightings.aside.pop(rule, tables.Aside(0))
        # Of these it is known how many they are; which, the rows of the checklists tell.
        sightings.aside[rule] = tables.Aside(before.n + lost)
    _set_aside(ebd, sightings.aside, ledger)


def _set_aside(file: EbirdFile, aside: dict[str, tables.Aside], ledger: Ledger) -> None:
    for rule, rows in aside.items():
        if rows.rows:
            ledger.set_aside(rule, file.shown, rows.rows, rows.ids)
        else:
            ledger.count_aside(rule, file.shown, rows.n)


def _visits(
    study: StudyFile,
    settings: Settings,
    frame: pd.DataFrame,
    layout: visits.Layout,
    file: EbirdFile,
    more: dict[str, int],
    ledger: Ledger,
) -> tuple[pd.DataFrame, dict[str, str]]:
    at = layout.visits["number"].to_numpy()
    covariates = visits.covariates_of(frame, at, settings)
    start, end = visits.moments_of(frame, at)
    table = pd.DataFrame(
        {
            "site": pd.Categorical.from_codes(layout.visits["site"], layout.site_labels),
            "season": layout.visits["season"].to_numpy(),
            "visit": layout.visits["visit"].to_numpy(),
            "start": start,
            "end": end,
        }
    )
    if settings.effort != "checklists":
        table["effort"] = covariates[settings.effort]
    for name in covariates:
        table[name] = covariates[name].to_numpy()
    sections = study.section("visit_covariates")
    for name in more:
        if name in sections:
            table[name] = _column(frame[name].iloc[at], sections[name], file, name, ledger)
    units = {n: u for n, u in visits.COVARIATES.items() if u and n in table}
    return table, units


def _column(
    cells: pd.Series, keys: dict[str, Any], file: EbirdFile, name: str, ledger: Ledger
) -> np.ndarray:
    """A further column of the sampling file as numbers or text."""
    texts = cells.cat.categories.to_numpy(dtype=object)
    numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(float)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    codes = cells.cat.codes.to_numpy()
    kind = keys.get("type") or ("factor" if np.isnan(numbers).any() else "number")
    if kind == "factor":
        return np.append(texts, "")[codes].astype(str)
    if np.isnan(numbers).any():
        bad = texts[np.isnan(numbers)]
        ledger.error(
            "E046",
            f'{file.shown}: visit covariate {name}: "{bad[0]}" is not a number',
            file=file.shown,
            column=keys["column"],
            cure=f'[visit_covariates.{name}] type = "factor"',
        )
    return np.append(numbers, np.nan)[codes]


def _records(
    layout: visits.Layout,
    seen: dict[str, np.ndarray],
    position: np.ndarray,
    used: np.ndarray,
    species: list[str],
    ebd: EbirdFile,
) -> pd.DataFrame:
    at = position[seen["at"][used]]
    part = layout.visits.iloc[at]
    return pd.DataFrame(
        {
            "species": pd.Categorical.from_codes(seen["species"][used], species),
            "site": pd.Categorical.from_codes(part["site"], layout.site_labels),
            "season": part["season"].to_numpy(),
            "visit": part["visit"].to_numpy(),
            "detection": 1.0,
            "count": seen["count"][used],
            "n_records": seen["n_records"][used].astype(float),
            "file": ebd.shown,
        }
    )


def _looked_for(records: pd.DataFrame) -> pd.DataFrame:
    """Of sightings alone it is known only what was seen, never what was not."""
    return records[["species", "site", "season", "visit"]]
