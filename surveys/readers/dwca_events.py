"""Events of an archive: which are visits, of which site and season, when, with what effort."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys import cells
from surveys.dates import day_of_year
from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.readers.dwca_archive import HUMBOLDT, MEASUREMENT, Archive
from surveys.readers.dwca_hierarchy import dates_in_parts, inherit, made_of_others, parents
from surveys.readers.dwca_times import interval
from surveys.study_file import StudyFile
from surveys.text_table import Table

UNKNOWN = frozenset({*cells.MISSING_NUMBER, "unknown", "not recorded", "not reported", "none"})
EFFORTS = {
    "sampleSizeValue": "sampleSizeUnit",
    "samplingEffortValue": "samplingEffortUnit",
}
_AMOUNT = re.compile(r"([0-9]+(?:[.,][0-9]+)?)\s*([^0-9\s].*)?")


@dataclass
class Events:
    """The rows of the core, in the order of their ids; `aside` says why a row is no visit."""

    table: Table
    ids: np.ndarray
    aside: np.ndarray
    site: np.ndarray
    season: np.ndarray
    group: np.ndarray  # events of one group are one visit
    start: np.ndarray
    end: np.ndarray
    timed: np.ndarray  # whether the hour is known
    part: np.ndarray  # of an event made of others the first part that is a visit; else -1
    effort: np.ndarray | None = None
    effort_unit: str = ""


def events_of(study: StudyFile, archive: Archive, ledger: Ledger) -> Events | None:
    """Sites, seasons, times and efforts of the events; None where a fault forbids it."""
    table = archive.tables["event"]
    before = len(ledger.of_level("error"))
    order = np.argsort(table.text("id").astype(str), kind="stable")
    table.frame = table.frame.iloc[order]
    ids = table.text("id")
    _check_ids(table, ids, ledger)
    if len(ledger.of_level("error")) > before:
        return None
    parent = parents(table, ids, ledger)
    if len(ledger.of_level("error")) > before:
        return None
    dates_in_parts(table)
    inherit(table, parent)
    aside = made_of_others(archive, ids, parent)
    _filter(study, table, aside, ledger)
    keys = study.section("dwca")
    start, end, timed = _times(table, aside, ledger)
    site = _sites(study, table, aside, ledger)
    season = _seasons(keys.get("season", "year"), table, ids, parent, start, aside, ledger)
    group = np.arange(len(ids))
    if keys.get("visit") == "parent":
        group = pd.factorize(np.where(parent >= 0, _named(table, parent), ids))[0]
    part = np.full(len(ids), -1)
    of = np.flatnonzero((parent >= 0) & (aside == ""))[::-1]
    part[parent[of]] = of
    found = Events(table, ids, aside, site, season, group, start, end, timed, part)
    told = keys.get("effort")
    if told:
        _effort(study, archive, found, told, keys, ledger)
    return found if len(ledger.of_level("error")) == before else None


def _check_ids(table: Table, ids: np.ndarray, ledger: Ledger) -> None:
    blank, twice = ids == "", pd.Series(ids).duplicated(keep=False).to_numpy()
    for bad, what in ((blank, "has no id"), (twice & ~blank, "has the id of another")):
        if bad.any():
            shown = "" if what == "has no id" else f' ("{ids[bad][0]}")'
            ledger.error(
                "E621",
                f"an event {what}{shown}",
                at=table.at(table.rows[bad]),
                why="its occurrences cannot be told from those of others",
                cure="ask the publisher to mend the archive",
            )


def _named(table: Table, parent: np.ndarray) -> np.ndarray:
    names = table.text("id").astype(object)
    return np.where(parent >= 0, names[parent], "")


def _filter(study: StudyFile, table: Table, aside: np.ndarray, ledger: Ledger) -> None:
    """Events that [dwca.where] keeps out."""
    for column, values in study.section("dwca").get("where", {}).items():
        found = table.match(column)
        if found is not None:
            wanted = {v.strip().casefold() for v in values}
            out = ~np.isin([v.casefold() for v in table.text(found)], list(wanted))
            aside[out & (aside == "")] = f"[dwca.where] {column}"


def _times(
    table: Table, aside: np.ndarray, ledger: Ledger
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start and end of each event as its clock showed them, and whether an hour is told."""
    nat = np.datetime64("NaT", "s")
    start, end = np.full(len(table), nat), np.full(len(table), nat)
    timed = np.zeros(len(table), dtype=bool)
    if "eventDate" not in table.names:
        return start, end, timed
    days = table.text("eventDate")
    hours = table.text("eventTime") if "eventTime" in table.names else np.full(len(table), "")
    bad: list[int] = []
    for i in np.flatnonzero((days != "") & (aside == "")):
        found = interval(str(days[i]), str(hours[i]))
        if found is None:
            bad.append(int(i))
        else:
            start[i], end[i], timed[i] = found
    if bad:
        ledger.error(
            "E622",
            f'"{days[bad[0]]}" is no date or interval of dates',
            at=table.at(table.rows[bad], "eventDate"),
            cure="a date is 2021-05-01, an interval 2021-05-01/2021-05-03",
        )
    return start, end, timed


def _sites(study: StudyFile, table: Table, aside: np.ndarray, ledger: Ledger) -> np.ndarray:
    """locationID, or the term that the study names; where it is blank the coordinates."""
    asked = study.section("dwca").get("site")
    column = table.match(asked or "locationID")
    if asked and column is None:
        ledger.error(
            "E015",
            f'{study.name}: [dwca] site = "{asked}" is no term of {table.place}.'
            f"{did_you_mean(asked, table.names)}",
            file=study.name,
            cure=f"it has: {listing(table.names, 40)}",
        )
        return np.full(len(table), "", dtype=object)
    site = table.text(column).copy() if column else np.full(len(table), "", dtype=object)
    pair = [table.match(n) for n in ("decimalLatitude", "decimalLongitude")]
    if all(pair):
        lat, lon = (table.text(str(n)) for n in pair)
        at = np.array([f"{a},{b}" if a and b else "" for a, b in zip(lat, lon, strict=True)])
        site = np.where(site == "", at, site)
    elif not column and (place := table.match("locality")):
        site = table.text(place).copy()
    aside[(site == "") & (aside == "")] = "no place"
    return np.asarray(site, dtype=object)


def _seasons(
    how: str,
    table: Table,
    ids: np.ndarray,
    parent: np.ndarray,
    start: np.ndarray,
    aside: np.ndarray,
    ledger: Ledger,
) -> np.ndarray:
    if how == "none":
        return np.full(len(ids), "1", dtype=object)
    if how == "parent":
        named = _named(table, parent)
        aside[(named == "") & (aside == "")] = "part of no event, so of no season"
        return np.asarray(named, dtype=object)
    aside[np.isnat(start) & (aside == "")] = "no date, so of no season"
    years = start.astype("datetime64[Y]").astype("datetime64[Y]")
    return np.array(["" if np.isnat(y) else str(y) for y in years], dtype=object)


# --- effort and other numbers ------------------------------------------------------------------


def column_of(archive: Archive, events: Events, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Texts and units that events have under a name: a term of theirs, of Humboldt, a measurement.

    None where the archive has no such name.
    """
    table = events.table
    none = np.full(len(events.ids), "", dtype=object)
    if (own := table.match(name)) is not None:
        unit = table.match(EFFORTS.get(own, ""))
        return table.text(own), table.text(unit) if unit else none
    humboldt = archive.tables.get(HUMBOLDT)
    if humboldt is not None and (own := humboldt.match(name)) is not None:
        unit = humboldt.match(EFFORTS.get(own, ""))
        return _joined(humboldt, own, unit, events, np.ones(len(humboldt), dtype=bool))
    facts = archive.tables.get(MEASUREMENT)
    if facts is not None and {"measurementType", "measurementValue"} <= set(facts.names):
        kinds = np.array([k.casefold() for k in facts.text("measurementType")], dtype=object)
        mine = kinds == name.strip().casefold()
        if "occurrenceID" in facts.names:
            mine &= facts.text("occurrenceID") == ""
        if mine.any():
            unit = facts.match("measurementUnit")
            return _joined(facts, "measurementValue", unit, events, mine)
    return None


def _joined(
    table: Table, value: str, unit: str | None, events: Events, mine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One text an event; of several the first in their order, for want of a better."""
    at = pd.Index(events.ids).get_indexer(pd.Index(table.text("id")))
    frame = pd.DataFrame({"at": at, "value": table.text(value)})
    frame["unit"] = table.text(unit) if unit else ""
    frame = frame[mine & (at >= 0) & (frame["value"] != "").to_numpy()]
    frame = frame.sort_values(["at", "value", "unit"]).drop_duplicates("at")
    out = [np.full(len(events.ids), "", dtype=object) for _ in range(2)]
    out[0][frame["at"]], out[1][frame["at"]] = frame["value"], frame["unit"]
    return out[0], out[1]


def names_of(archive: Archive) -> list[str]:
    """Every name that `column_of` knows."""
    names = list(archive.tables["event"].names[1:])
    if HUMBOLDT in archive.tables:
        names += archive.tables[HUMBOLDT].names[1:]
    facts = archive.tables.get(MEASUREMENT)
    if facts is not None and "measurementType" in facts.names:
        names += sorted(set(facts.text("measurementType")) - {""})
    return names


def amount(text: str) -> tuple[float, str] | None:
    """Number and unit of an effort as people write it: "30 minutes", "2,5 km", "12"."""
    match = _AMOUNT.fullmatch(text.strip())
    return (float(match[1].replace(",", ".")), (match[2] or "").strip()) if match else None


def is_unknown(text: str) -> bool:
    """Whether a cell says that nobody knows."""
    return text.strip().casefold() in UNKNOWN


def _effort(
    study: StudyFile, archive: Archive, events: Events, name: str, keys: dict, ledger: Ledger
) -> None:
    found = column_of(archive, events, name)
    if found is None:
        ledger.error(
            "E623",
            f'{study.name}: [dwca] effort = "{name}" is no term and no measurement of the events.'
            f"{did_you_mean(name, names_of(archive))}",
            file=study.name,
            cure=f"there are: {listing(names_of(archive), 50)}",
        )
        return
    texts, units = found
    live = events.aside == ""
    values, seen, bad = np.full(len(texts), np.nan), set(), []
    for i in np.flatnonzero(live):
        if is_unknown(str(texts[i])):
            continue
        told = amount(str(texts[i]))
        if told is None:
            bad.append(i)
            continue
        values[i] = told[0]
        seen.add(str(units[i]) or told[1])
    table = events.table
    if bad:
        ledger.error(
            "E046",
            f'{name} "{texts[bad[0]]}" is not a number',
            at=table.at(table.rows[bad]),
        )
    if len(seen) > 1:
        ledger.error(
            "E623",
            f"{table.place}: {name} is told in {len(seen)} units ({listing(sorted(seen), 5)})",
            file=table.place,
            cure='choose the events of one: [dwca.where] samplingProtocol = ["..."]',
        )
    lost = live & ~(values > 0)
    if lost.any() and keys.get("blank_effort") != "drop":
        ledger.error(
            "E551",
            f"the effort ({name}) of {int(lost.sum())} of {int(live.sum())} events is unknown or 0",
            at=table.at(table.rows[lost]),
            why="a visit without effort would count as no visit",
            cure=f'set them aside: [dwca] blank_effort = "drop"; or use it as a covariate, which '
            f'may be missing: [visit_covariates.effort_told] column = "{name}"',
        )
    events.aside[lost] = "effort unknown"
    events.effort, events.effort_unit = values, next(iter(seen), "")


def covariates_of(
    study: StudyFile, archive: Archive, events: Events, ledger: Ledger
) -> dict[str, np.ndarray]:
    """Day and hour, the method where there are several, and what the study asks for."""
    out: dict[str, np.ndarray] = {}
    live = events.aside == ""
    if (~np.isnat(events.start[live])).any():
        out["day_of_year"] = day_of_year(events.start)
    if events.timed[live].any():
        seconds = (events.start - events.start.astype("M8[D]")).astype(float)
        out["time_of_day"] = np.where(events.timed, seconds / 3600, np.nan)
    method = events.table.match("samplingProtocol")
    if method and len(set(events.table.text(method)[live])) > 1:
        out["samplingProtocol"] = events.table.text(method)
    for name, keys in study.section("visit_covariates").items():
        if name in out and "column" not in keys:
            continue
        found = column_of(archive, events, keys.get("column", name))
        if found is None or "path" in keys:
            shown = keys.get("column", name)
            ledger.error(
                "E015",
                f'{study.name}: [visit_covariates.{name}]: the events have no "{shown}".'
                f"{did_you_mean(shown, names_of(archive))}",
                file=study.name,
                cure=f'[visit_covariates.{name}] column = "..."; there are: '
                f"{listing(names_of(archive), 50)}",
            )
            continue
        out[name] = _values(name, keys, found[0], events, ledger)
    return out


def _values(name: str, keys: dict, texts: np.ndarray, events: Events, ledger: Ledger) -> np.ndarray:
    live = events.aside == ""
    told = {t: None if is_unknown(t) else amount(t) for t in map(str, texts)}
    wrong = {t for t in map(str, texts[live]) if told[t] is None and not is_unknown(t)}
    kind = keys.get("type") or ("number" if len(wrong) * 2 < len(set(texts[live])) else "factor")
    if kind == "factor":
        return np.array(["" if is_unknown(str(t)) else t for t in texts], dtype=object)
    if wrong:
        first = min(wrong)
        rows = events.table.rows[live & (texts == first)]
        ledger.error(
            "E046",
            f'{name} "{first}" is not a number',
            at=events.table.at(rows),
            cure=f'[visit_covariates.{name}] type = "factor"',
        )
    return np.array([t[0] if (t := told[str(v)]) else np.nan for v in texts], dtype=float)
