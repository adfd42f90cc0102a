"""Which column plays which role, and which ids of two tables mean the same site or species."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from surveys.columns import EASTING, LATITUDE, LONGITUDE, NORTHING
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import did_you_mean, first_of, listing, nearest, rows_text
from surveys.study_file import StudyFile
from surveys.text_table import Table

# Names that are taken for a role when the study file names no column for it.
USUAL: dict[str, tuple[str, ...]] = {
    "longitude": LONGITUDE,
    "latitude": LATITUDE,
    "easting": EASTING,
    "northing": NORTHING,
    "detection": ("detection", "detected", "present", "presence"),
    "count": ("count", "n", "individuals"),
    "date": ("date",),
    "datetime": ("datetime",),
    "effort": ("effort",),
    "region": ("region",),
    "season": ("season",),
    "visit": ("visit",),
    "species": ("species",),
    "observer": ("observer",),
    "area": ("area",),
    "site": ("site",),
}
_DOUBTFUL = re.compile(
    r"\b(?:spp?|cf|aff|ssp|indet|unid)\.(?=\s|$)|\bspp?$|\?$|\w\s*/\s*\w"
    r"|\b(?:unknown|unidentified|unidentifiable|undetermined|no id|false trigger)\b",
    re.IGNORECASE,
)
PLACES = ("longitude", "latitude", "easting", "northing")
# Not species, whatever the taxonomist says: they prove effort.
NOT_SPECIES: dict[str, str] = {
    **dict.fromkeys(("", "blank", "empty", "none", "no animal", "nothing", "ghost"), "blank"),
    **dict.fromkeys(("aucun", "aucune", "néant", "rien", "keine", "kein", "nichts"), "blank"),
    **dict.fromkeys(("ninguno", "ninguna", "nada", "nenhum", "nenhuma", "nessuno"), "blank"),
    **dict.fromkeys(("nessuna", "niente", "geen", "brak", "ingen", "inga", "无"), "blank"),
    **dict.fromkeys(("leer", "vide", "vacío", "vacio", "vazio", "vuoto", "leeg"), "blank"),
    **dict.fromkeys(("mensch", "humain", "humano", "persona", "uomo", "mens"), "human"),
    **dict.fromkeys(("fahrzeug", "véhicule", "vehículo", "veículo", "veicolo"), "vehicle"),
    **dict.fromkeys(("unbekannt", "unbestimmt", "inconnu", "indéterminé"), "unknown"),
    **dict.fromkeys(("desconocido", "desconhecido", "indeterminado", "sconosciuto"), "unknown"),
    **dict.fromkeys(("human", "homo sapiens", "person", "people", "staff", "setup"), "human"),
    **dict.fromkeys(("homo sapiens sapiens", "humans"), "human"),
    **dict.fromkeys(("false trigger", "misfire", "test"), "blank"),
    **dict.fromkeys(("vehicle", "car", "bicycle"), "vehicle"),
    **dict.fromkeys(("unknown", "unidentified", "unidentifiable", "unclassified", "?"), "unknown"),
    **dict.fromkeys(("no id", "noid", "unid", "indet", "indet.", "undetermined"), "unknown"),
    **dict.fromkeys(("nothing here", "nothinghere", "noanimal", "no animals"), "blank"),
    **dict.fromkeys(("empty frame", "empty image", "blank image", "false positive"), "blank"),
    **dict.fromkeys(("time lapse", "timelapse", "setup pickup", "calibration photos"), "blank"),
    **dict.fromkeys(("camera trapper", "research team", "researcher", "hiker", "hikers"), "human"),
    **dict.fromkeys(("vehicles", "motorcycle", "motorbike", "atv", "truck", "cars"), "vehicle"),
    **dict.fromkeys(("unknown animal", "unknown species", "no cv result", "undefined"), "unknown"),
    **dict.fromkeys(("vacio", "vacía", "vacío", "vide", "vazio", "vuoto", "leeg", "leer"), "blank"),
    **dict.fromkeys(("humano", "humain", "mensch", "mens", "persona", "personne"), "human"),
    **dict.fromkeys(("pessoa", "uomo", "homme"), "human"),
    **dict.fromkeys(
        ("vehiculo", "vehículo", "véhicule", "vehicule", "fahrzeug", "veiculo"), "vehicle"
    ),
    **dict.fromkeys(("desconocido", "inconnu", "unbekannt", "onbekend"), "unknown"),
}


def named(table: Table, role: str, ledger: Ledger) -> str | None:
    """The column of a role; a column that the study file names and the table lacks is an error."""
    asked = table.spec.columns.get(role)
    if asked is not None:
        found = table.column(role)
        if found is None:
            ledger.error(
                "E015",
                f'{table.place} has no column "{asked}" (study file: '
                f"[{table.spec.section}.columns] {role}). It has: {listing(table.names, 12)}."
                f"{did_you_mean(asked, table.names)}",
                file=table.place,
                column="",
                cure="correct the name in the study file or in the header",
            )
        return found
    for name in USUAL.get(role, (role,)):
        found = table.match_but_unit(name) if role in PLACES else table.match(name)
        if found is not None and found not in table.spec.columns.values():
            table.column(role, default=name if table.match(name) else found)
            return found
    return None


def tell_loose_names(table: Table, ledger: Ledger) -> None:
    """Tell which columns were recognised though blanks or capitals differ."""
    if table.taken:
        told = ", ".join(
            f'"{table.written.get(found, found)}" for "{asked}"'
            for found, asked in table.taken.items()
        )
        ledger.repair(
            "R012",
            f"{table.place}: column {told.replace(' for ', ' was taken for ', 1)} "
            "(blanks and capitals ignored)",
            file=table.file,
        )
        table.taken.clear()


def same_sites(study: StudyFile, sites: Iterable[str]) -> np.ndarray:
    """Site ids after `[sites] alias`, and with the capitals of the sites table if asked for."""
    keys = study.section("sites")
    alias = keys.get("alias", {})
    ids = [alias.get(s, s) for s in sites]
    if keys.get("ignore_case", False):
        listed = _folded_sites(study)
        ids = [s if s in listed.values() else listed.get(s.casefold(), s) for s in ids]
    return np.array(ids, dtype=object)


def _folded_sites(study: StudyFile) -> dict[str, str]:
    """Ids of the sites table by their small letters; its faults are told where it is read."""
    if study.folded_sites is None:
        quiet = Ledger()
        spec = study.table("files.sites", quiet)
        table = open_table(spec, quiet) if spec is not None else None
        column = named(table, "site", quiet) if table is not None else None
        names = table.text(column) if table is not None and column is not None else []
        study.folded_sites = {}
        for name in names:
            study.folded_sites.setdefault(name.casefold(), name)
    return study.folded_sites


def known_sites(
    study: StudyFile,
    table: Table,
    sites: np.ndarray,
    known: Iterable[str],
    known_file: str,
    ledger: Ledger,
) -> np.ndarray:
    """True for rows whose site is in the list of sites.

    A site that is not in the list is an error that proposes the nearest; with
    `[checks] unknown_site = "drop"` its rows are left out.
    """
    names = list(dict.fromkeys(known))
    have = set(names)
    folded: dict[str, list[str]] = {}
    for name in names:
        folded.setdefault(name.casefold(), []).append(name)
    keep = np.ones(len(sites), dtype=bool)
    drop = study.section("checks").get("unknown_site") == "drop"
    found = [site for site in pd.unique(sites) if site]
    strange = len(found) > 1 and names and not {s.casefold() for s in found} & set(folded)
    if strange and not any(nearest(site, names, 0.9) for site in found[:200]):
        ledger.error(
            "E022",
            f'{table.place}: none of its {len(found)} sites ("{found[0]}", "{found[1]}" ...) is in '
            f'{known_file} ("{names[0]}" ...)',
            file=table.place,
            cure="name the right column of ids in both files, or write the ids alike",
        )
        return keep
    lost = [site for site in found if site not in have]
    for site, others in first_of(s for s in lost if s.casefold() in folded):
        rows = table.rows[sites == site]
        ledger.error(
            "E023",
            f'{table.place}: site "{site}" ({rows_text(rows)}) differs from '
            f'"{folded[site.casefold()][0]}" in {known_file} only by capitals',
            file=table.place,
            row=int(rows[0]),
            cure="set [sites] ignore_case = true to join them",
            others=others,
        )
    lost = [site for site in lost if site.casefold() not in folded]
    if drop:
        return keep & ~pd.Series(sites).isin(lost).to_numpy()
    for site, others in first_of(lost):
        rows = table.rows[sites == site]
        n = f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}, {rows_text(rows)}"
        close = nearest(site, names)
        closest = f'. Closest: "{close}"' if close else ""
        mend = f'map it: [sites.alias] "{site}" = "{close}"' if close else "add it there"
        ledger.error(
            "E022",
            f'{table.place}: site "{site}" ({n}) is not in {known_file}{closest}',
            file=table.place,
            row=int(rows[0]),
            cure=f'correct it, or {mend}; or set it aside: [checks] unknown_site = "drop"',
            others=others,
        )
    return keep


def join_capitals(study: StudyFile, table: Table, sites: np.ndarray, ledger: Ledger) -> None:
    """Within one table: ids that differ only by capitals are joined or told, never kept apart."""
    first: dict[str, str] = {}
    twins = {s: first.setdefault(str(s).casefold(), str(s)) for s in pd.unique(sites)}
    if study.section("sites").get("ignore_case", False):
        sites[:] = [twins[s] for s in sites]
        return
    for (site, twin), others in first_of((s, t) for s, t in twins.items() if s != t):
        rows = table.rows[sites == site]
        ledger.error(
            "E023",
            f'{table.place}: site "{site}" ({rows_text(rows)}) differs from "{twin}" only by '
            "capitals",
            file=table.place,
            row=int(rows[0]),
            cure="set [sites] ignore_case = true to join them",
            others=others,
        )


def species_names(
    study: StudyFile, table: Table, names: np.ndarray, ledger: Ledger
) -> tuple[np.ndarray, np.ndarray]:
    """Species after joining capitals and blanks and after `[taxa] alias`; and why a row is none.

    Returns
    -------
    names, reason : the reason is "" for a species, else "blank", "human", "unknown", "excluded".
    """
    taxa = study.section("taxa")
    alias: Mapping[str, str] = {plain_name(k): v for k, v in taxa.get("alias", {}).items()}
    exclude = {plain_name(v) for v in taxa.get("exclude", [])}
    counted = pd.Series(names).value_counts(sort=False)
    spellings: dict[str, list[str]] = {}
    for name in counted.index:
        spellings.setdefault(plain_name(name), []).append(name)
    shown: dict[str, str] = {}
    reason: dict[str, str] = {}
    for plain, written in spellings.items():
        best = max(written, key=lambda w: (counted[w], " " in w and w[0].isupper(), w))
        best = " ".join(best.split())
        target = alias.get(plain, best)
        told = plain_name(target) if plain in alias else plain
        why = NOT_SPECIES.get(told.replace("_", " ").replace("-", " "), "")
        if plain in exclude or plain_name(target) in exclude:
            why = "excluded by [taxa] exclude"
        for name in written:
            shown[name], reason[name] = target, why
        if len(written) > 1 and not why:
            told = ", ".join(f'"{w}" ({counted[w]} {_rows(counted[w])})' for w in written)
            under = ", underscores" if any("_" in w for w in written) else ""
            ledger.warn(
                "W052",
                f"{table.place}: species {told} joined (capitals, blanks{under})",
                file=table.place,
            )
    _tell_short_names(table, names, counted, shown, reason, ledger)
    return (
        np.array([shown[n] for n in names], dtype=object),
        np.array([reason[n] for n in names], dtype=object),
    )


def _tell_short_names(
    table: Table,
    names: np.ndarray,
    counted: pd.Series,
    shown: Mapping[str, str],
    reason: Mapping[str, str],
    ledger: Ledger,
) -> None:
    """Tell "V. vulpes" beside "Vulpes vulpes": likely the same, and never joined unasked."""
    full: dict[tuple[str, str], set[str]] = {}  # by the letter of the genus and the species
    for name in {shown[n] for n in counted.index if not reason[n]}:
        whole = re.fullmatch(r"(\w)\w+\s+([\w-]+)", name)
        if whole is not None:
            full.setdefault((whole[1].casefold(), whole[2].casefold()), set()).add(name)
    for name in counted.index:
        short = re.fullmatch(r"(\w)\.?\s+([\w-]+)", name)
        if short is None or reason[name] or shown[name] != name:
            continue
        same = sorted(full.get((short[1].casefold(), short[2].casefold()), ()))
        if len(same) == 1:
            rows = table.rows[np.asarray(names, dtype=object) == name]
            ledger.warn(
                "W052",
                f'species "{name}" was not joined with "{same[0]}"',
                at=table.at(rows),
                cure=f'if they are the same, map it: [taxa.alias] "{name}" = "{same[0]}"',
            )


def tell_doubtful_names(
    table: Table, names: np.ndarray, shown: np.ndarray, reason: np.ndarray, ledger: Ledger
) -> None:
    """Names that say themselves that the species is not known: sp., cf., a slash, a "?".

    For formats that tell no rank; where there is one, it decides.
    """
    kept = {
        str(n): str(s)
        for n, s, why in zip(names, shown, reason, strict=True)
        if not why and _DOUBTFUL.search(str(n))
    }
    doubtful = [n for n, s in kept.items() if plain_name(s) == plain_name(n)]  # no alias was told
    if not doubtful:
        return
    rows = table.rows[np.isin(np.asarray(names, dtype=str), doubtful)]
    told = listing([f'"{n}"' for n in doubtful])
    ledger.warn(
        "W051",
        f"{told} {'is' if len(doubtful) == 1 else 'are'} read as species",
        at=table.at(rows),
        why="the name says that nobody knew which species it was: its absence cannot be told",
        cure=f'set such records aside: [taxa] exclude = ["{doubtful[0]}"]; or give them a species: '
        f'[taxa.alias] "{doubtful[0]}" = "..."',
    )


def only_species(study: StudyFile, table: Table, ledger: Ledger) -> str:
    """The species of a table without a column of species: the one that the study names."""
    told = study.section("study").get("species", "species")
    names = [told] if isinstance(told, str) else list(told)
    if len(names) > 1:
        ledger.error(
            "E536",
            f"{table.place} has no column of species, and the study names {len(names)}: "
            f"{listing(names)}",
            file=table.place,
            cure=f'name the column: [{table.spec.section}.columns] species = "..."; or one '
            "species: [study] species",
        )
    return names[0] if names and names[0].strip() else "species"


def _rows(n: int) -> str:
    return "row" if n == 1 else "rows"


def plain_name(name: str) -> str:
    return " ".join(str(name).replace("_", " ").split()).casefold()
