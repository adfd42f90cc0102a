"""Occurrences of an archive: what was present, what absent, and what was looked for at all.

An absence is known where a row says so, or where the taxon is in the scope of an event whose
scope was fully reported (Humboldt). Everywhere else a species without a row is missing, not 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys import taxa
from surveys.ledger import Ledger
from surveys.problems import listing, nearest, rows_text
from surveys.readers import roles
from surveys.readers.dwca_archive import HUMBOLDT, OCCURRENCE, Archive
from surveys.readers.dwca_events import Events
from surveys.study_file import StudyFile
from surveys.text_table import Table

HIGHER = ("kingdom", "phylum", "class", "order", "family", "genus")
# The standard has present and absent; publishers write them in their own languages too.
PRESENT = frozenset(
    {
        *("", "present", "p", "presence", "true", "1", "presente", "présent", "présente"),
        *("presença", "presencia", "anwesend", "vorhanden", "aanwezig", "observed"),
    }
)
ABSENT = frozenset(
    {
        *("absent", "a", "absence", "false", "0", "ausente", "absente", "ausência", "ausencia"),
        *("abwesend", "nicht vorhanden", "afwezig", "not observed"),
    }
)
TRUE = frozenset({"true", "t", "1", "yes", "y"})
_BINOMIAL = re.compile(
    r"(?P<genus>[^\W\d_][\w.-]*)\s+(?:\([^)]*\)\s+)?(?P<epithet>[^\W\d_][\w-]*)(?=$|[\s,(])"
)


@dataclass
class Records:
    """One row an occurrence in use: `event` (row of the events), `species`, `present`, `count`."""

    table: Table
    frame: pd.DataFrame
    aside: np.ndarray
    above: dict[str, set[str]]  # species -> names of the groups that it belongs to
    counted: bool


def records_of(
    study: StudyFile, archive: Archive, events: Events, ledger: Ledger
) -> Records | None:
    """The occurrences of the events; None where a fault forbids it."""
    table = archive.tables.get(OCCURRENCE)
    if table is None or "scientificName" not in table.names:
        ledger.error(
            "E620",
            f"{archive.shown}: the archive has no occurrences with a scientificName",
            file=archive.shown,
            cure="without them no species is known",
        )
        return None
    before = len(ledger.of_level("error"))
    aside = np.full(len(table), "", dtype=object)
    at = pd.Index(events.ids).get_indexer(pd.Index(table.text("id")))
    _tell_stray(table, events, at, ledger)
    at = _of_parts(study, table, events, at, ledger)
    aside[(at >= 0) & (events.aside[at] != "")] = "event set aside"
    for column, values in study.section("dwca").get("where", {}).items():
        found = None if events.table.match(column) else table.match(column)
        if found is not None:
            wanted = [v.strip().casefold() for v in values]
            out = ~np.isin([v.casefold() for v in table.text(found)], wanted)
            aside[out & (aside == "")] = f"[dwca.where] {column}"
    species, reason = _species(study, table, ledger)
    aside = np.where((aside == "") & (reason != ""), reason, aside)
    present = _status(table, aside, ledger)
    count = _counts(table, aside, present, ledger)
    if len(ledger.of_level("error")) > before:
        return None
    _tell_ranks(table, aside, species, ledger)
    used = aside == ""
    frame = pd.DataFrame(
        {
            "event": at[used],
            "species": species[used],
            "present": present[used],
            "count": count[used],
            "row": table.rows[used],
        }
    )
    counted = bool(frame["present"].any()) and bool(frame["count"][frame["present"]].notna().any())
    return Records(table, frame, aside, _groups(table, species, used), counted)


def _of_parts(
    study: StudyFile, table: Table, events: Events, at: np.ndarray, ledger: Ledger
) -> np.ndarray:
    """The event of each row; what stands at an event made of others belongs to its joined parts."""
    whole = (at >= 0) & (events.part[at] >= 0)
    if not whole.any():
        return at
    if study.section("dwca").get("visit") == "parent":
        return np.where(whole, events.part[at], at)
    ids = pd.unique(events.ids[at[whole]])
    ledger.warn(
        "W628",
        f"{table.place}: {int(whole.sum())} of {len(table)} occurrences belong to events that are "
        f"made of others ({listing(ids, 3)}), and were set aside",
        file=table.file,
        why="it is not told on which of the parts a species was found",
        cure='[dwca] visit = "parent" makes one visit of the parts of an event, with all that was '
        "found at it",
    )
    return at


def _tell_stray(table: Table, events: Events, at: np.ndarray, ledger: Ledger) -> None:
    stray = at < 0
    if stray.any():
        first = table.text("id")[stray][0]
        close = nearest(first, events.ids) if len(events.ids) < 5000 else None
        ledger.error(
            "E055",
            f'{table.place}, {rows_text(table.rows[stray])}: "{first}" is no event of the archive'
            + (f" (closest: {close})" if close else ""),
            file=table.place,
            row=int(table.rows[stray].min()),
            why="without its event it is not known where and when it was seen",
            cure="fetch the archive again, or ask the publisher to mend it",
        )


def _species(study: StudyFile, table: Table, ledger: Ledger) -> tuple[np.ndarray, np.ndarray]:
    """The species of each row without its author, and the rule that keeps the row out."""
    written = table.text("scientificName")
    names, why = roles.species_names(study, table, written, ledger)
    ranks = table.text("taxonRank") if "taxonRank" in table.names else np.full(len(names), "")
    section = study.section("taxa")
    keep = section.get("keep_ranks", [])
    mapped = {" ".join(k.split()).casefold() for k in section.get("alias", {})}
    judged: dict[tuple[str, str, str], tuple[str, str]] = {}
    for name, shown, rank in set(zip(written, names, ranks, strict=True)):
        if " ".join(name.split()).casefold() in mapped:
            judged[name, shown, rank] = shown, ""
            continue
        judged[name, shown, rank] = taxa.of_rank(plain(shown), rank or None, keep)
    both = [judged[key] for key in zip(written, names, ranks, strict=True)]
    species = np.array([s for s, _ in both], dtype=object)
    reason = np.array([r for _, r in both], dtype=object)
    other = np.array([w if w.startswith("excl") else f"not a species: {w}" for w in why])
    reason = np.where(why != "", other, reason)
    told = study.section("study").get("species", [])
    wanted = [told] if isinstance(told, str) else list(told)
    if wanted:
        by_fold = {" ".join(w.split()).casefold(): w for w in wanted}
        species = np.array([by_fold.get(s.casefold(), s) for s in species], dtype=object)
        reason = np.where((reason == "") & ~np.isin(species, wanted), "other species", reason)
    return species, reason


def plain(name: str) -> str:
    """A name without author and subgenus: "Aeshna isoceles (Müller, 1767)" is Aeshna isoceles."""
    match = _BINOMIAL.match(name)
    if (
        match is None
        or not match["epithet"][0].islower()
        or taxa.rank_of_name(name)
        not in (
            "species",
            "subspecies",
        )
    ):
        return name
    if match["epithet"] in ("de", "van", "von", "del", "der", "et", "in"):
        return name
    return f"{match['genus']} {match['epithet']}"


def _status(table: Table, aside: np.ndarray, ledger: Ledger) -> np.ndarray:
    """Whether each row is a presence; blank is one, as the standard has it, unless counted 0."""
    if "occurrenceStatus" not in table.names:
        return np.ones(len(table), dtype=bool)
    told = np.array([v.casefold() for v in table.text("occurrenceStatus")], dtype=object)
    odd = ~np.isin(told, [*PRESENT, *ABSENT]) & (aside == "")
    if odd.any():
        ledger.error(
            "E624",
            f'"{told[odd][0]}" is neither present nor absent',
            at=table.at(table.rows[odd], "occurrenceStatus"),
            cure='choose the rows that can be used: [dwca.where] occurrenceStatus = ["present", '
            '"absent"]',
        )
    return ~np.isin(told, list(ABSENT))


def _counts(table: Table, aside: np.ndarray, present: np.ndarray, ledger: Ledger) -> np.ndarray:
    """Individuals of each row, NaN where they were not counted; a 0 without a status is absence."""
    out = np.full(len(table), np.nan)
    column = "individualCount" if "individualCount" in table.names else None
    texts = table.text(column) if column else np.full(len(table), "", dtype=object)
    if {"organismQuantity", "organismQuantityType"} <= set(table.names):
        kinds = [
            k.casefold() in ("individuals", "individual")
            for k in table.text("organismQuantityType")
        ]
        other = np.where(kinds, table.text("organismQuantity"), "")
        texts = np.where(texts == "", other, texts)
    numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(float)
    whole = np.isfinite(numbers) & (numbers >= 0) & (numbers == np.floor(numbers))
    out[whole] = numbers[whole]
    zero = out == 0
    silent = (zero | _nothing_of(table)) & present
    if "occurrenceStatus" in table.names:
        silent &= table.text("occurrenceStatus") == ""
    present[silent] = False
    against = ((zero & present) | (~present & (out > 0))) & (aside == "")
    if against.any():
        ledger.warn(
            "W625",
            f"{int(against.sum())} rows say "
            "present with a count of 0, or absent with a count; the status was taken, the count "
            "is missing",
            at=table.at(table.rows[against]),
            cure="set such rows aside with [dwca.where] if they cannot be trusted",
        )
        out[against & present] = np.nan
    out[~present] = 0
    return out


def _nothing_of(table: Table) -> np.ndarray:
    """Rows whose quantity is 0, of whatever it is: cover, biomass, individuals."""
    if "organismQuantity" not in table.names:
        return np.zeros(len(table), dtype=bool)
    quantity = pd.to_numeric(pd.Series(table.text("organismQuantity")), errors="coerce")
    return (quantity == 0).to_numpy()


def _tell_ranks(table: Table, aside: np.ndarray, species: np.ndarray, ledger: Ledger) -> None:
    ranked = np.array([str(a).startswith("rank: ") for a in aside], dtype=bool)
    if ranked.any():
        names = sorted(set(species[ranked]))
        ledger.warn(
            "W053",
            f"{table.place}: {int(ranked.sum())} records of {len(names)} names above a species "
            f"set aside ({listing(names, 4)})",
            file=table.file,
            cure='to keep such names: [taxa] keep_ranks = ["genus"]; to give one a species: '
            "[taxa.alias]",
        )


def _groups(table: Table, species: np.ndarray, used: np.ndarray) -> dict[str, set[str]]:
    """Names of genus, family and so on of each species, in small letters, with its own."""
    out: dict[str, set[str]] = {}
    columns = [table.text(c) for c in HIGHER if c in table.names]
    keys = pd.DataFrame(dict(enumerate([species, *columns])))[used].drop_duplicates()
    for row in keys.itertuples(index=False):
        name = str(row[0])
        names = out.setdefault(name, {name.casefold(), name.split()[0].casefold()})
        names |= {str(v).casefold() for v in row[1:] if v}
    return out


# --- scope -------------------------------------------------------------------------------------


def scope_of(
    archive: Archive, events: Events, species: list[str], above: dict[str, set[str]], ledger: Ledger
) -> pd.DataFrame:
    """Pairs of event and species that were looked for by the Humboldt extension."""
    empty = pd.DataFrame({"event": np.zeros(0, np.int64), "species": np.zeros(0, object)})
    table = archive.tables.get(HUMBOLDT)
    if table is None:
        return empty
    at = pd.Index(events.ids).get_indexer(pd.Index(table.text("id")))
    ledger.read(table.file, len(table))
    live = (at >= 0) & (events.aside[at] == "")
    ledger.use(table.file, int(live.sum()))
    if not live.all():
        ledger.set_aside("event set aside or unknown", table.file, table.rows[~live])

    def told(name: str) -> np.ndarray:
        column = table.match(name)
        return table.text(column) if column else np.full(len(table), "", dtype=object)

    full = np.array([v.casefold() in TRUE for v in told("isTaxonomicScopeFullyReported")], bool)
    absences = np.array([v.casefold() in TRUE for v in told("isAbsenceReported")], dtype=bool)
    wanted, without, absent = (
        told(n) for n in ("targetTaxonomicScope", "excludedTaxonomicScope", "absentTaxa")
    )
    pairs: list[tuple[int, str]] = []
    seen: dict[tuple[str, str], list[str]] = {}
    blank = 0
    for i in np.flatnonzero(live):
        if full[i]:
            key = (wanted[i], without[i])
            if key not in seen:
                seen[key] = _in_scope(*key, species, above)
            blank += not wanted[i]
            pairs += [(int(at[i]), name) for name in seen[key]]
        if absences[i] and absent[i]:
            pairs += [(int(at[i]), name) for name in _in_scope(absent[i], "", species, above)]
    if blank:
        ledger.warn(
            "W626",
            f"{table.place}: {blank} events are fully reported, but no targetTaxonomicScope says "
            "of what",
            file=table.file,
            why="no absence was taken from them",
            cure='if all species were looked for on every event: [dwca] scope = "all"',
        )
    if not pairs:
        return empty
    return pd.DataFrame(pairs, columns=["event", "species"]).drop_duplicates()


def _in_scope(
    wanted: str, without: str, species: list[str], above: dict[str, set[str]]
) -> list[str]:
    """Species that a list of names (parted by "|", ";" or commas) takes in, or of their groups."""

    def listed(text: str) -> set[str]:
        # Commas part names too; of an author's comma nothing is left but a year.
        parts = [p.strip() for p in (*re.split(r"[|;]", text), *re.split(r"[|;,]", text))]
        parts = [p for p in parts if p]
        return {p.casefold() for p in parts} | {plain(p).casefold() for p in parts}

    into, out = listed(wanted), listed(without)
    found = []
    for name in species:
        own = above.get(name, {name.casefold(), name.split()[0].casefold()})
        if own & into and not own & out:
            found.append(name)
    return found
