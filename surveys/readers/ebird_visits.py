"""Repeat visits from checklists: places, sites, periods of closure, and which visits are kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys.readers.ebird_settings import Settings
from surveys.readers.ebird_tables import Aside

KM_OF_A_DEGREE = 111.195
COVARIATES = {
    "duration_minutes": "minutes",
    "effort_distance_km": "km",
    "number_observers": "",
    "time_of_day": "hours",
    "day_of_year": "day of the year",
    "protocol": "",
    "observer": "",
}


@dataclass
class Layout:
    """Where each checklist stands; `used` are those kept, in the order of their ids."""

    visits: pd.DataFrame  # number (of the checklist), site, place, season, visit
    site_labels: np.ndarray
    place_labels: np.ndarray
    sites: pd.DataFrame  # site, place, longitude, latitude, year, observer: one row a site
    aside: dict[str, Aside]


def lay_out(frame: pd.DataFrame, settings: Settings) -> Layout | None:
    """Sites, seasons and visit numbers of unique checklists; None where no site has enough."""
    places, place_labels, lon, lat = _places(frame, settings)
    closure, closure_labels = _closure(frame["date"].to_numpy(), settings)
    words = [places if w in settings.place else _codes(frame, w) for w in settings.site]
    labels = [place_labels if w in settings.place else _texts(frame, w) for w in settings.site]
    first = next(i for i, w in enumerate(settings.site) if w in settings.place)
    parts = [(i, w) for i, w in enumerate(words) if settings.site[i] not in settings.place]
    parts = sorted([*parts, (first, words[first])], key=lambda part: part[0])
    keys = [codes for _, codes in parts]
    texts = [labels[i] for i, _ in parts]
    if settings.closure_as == "site":
        keys, texts = [*keys, closure], [*texts, closure_labels]
    site, rows = _numbered(keys)
    period = _numbered([site, closure])[0]
    size = np.bincount(period)[period]
    enough = size >= settings.min_obs
    aside = _some(frame, ~enough, f"fewer than {settings.min_obs} visits to the site")
    kept = enough.copy()
    if settings.max_obs is not None:
        chosen = _chosen(frame, period, enough & (size > settings.max_obs), settings)
        kept &= chosen
        aside |= _some(
            frame, enough & ~chosen, f"more than {settings.max_obs} visits to the site: not kept"
        )
    if not kept.any():
        return None
    names = np.array(
        ["_".join(str(t[k[i]]) for t, k in zip(texts, keys, strict=True)) for i in rows],
        dtype=object,
    )
    at = np.flatnonzero(kept)
    season = closure[at] if settings.closure_as == "season" else np.zeros(len(at), np.int64)
    visits = pd.DataFrame({"number": at, "site": site[at], "place": places[at], "season": season})
    seconds = frame["seconds"].to_numpy(float)[at]
    visits["visit"] = _visit_numbers(visits, frame["date"].to_numpy()[at], seconds)
    visits["closure"] = closure[at]
    one = visits.drop_duplicates("site").sort_values("site", kind="stable")
    sites = pd.DataFrame(
        {
            "site": one["site"].to_numpy(),
            "place": one["place"].to_numpy(),
            "longitude": lon[one["place"]],
            "latitude": lat[one["place"]],
        }
    )
    number = one["number"].to_numpy()
    for word, name in (("observer_id", "observer"), ("protocol", "protocol")):
        if word in settings.site:
            sites[name] = _texts(frame, word)[_codes(frame, word)[number]].astype(str)
    if settings.closure == "year" and settings.closure_as == "site":
        years = frame["date"].to_numpy()[number].astype("datetime64[Y]").astype(int) + 1970
        sites["year"] = years.astype(float)
    layout = Layout(visits, names, place_labels, sites, aside)
    if settings.closure_as == "season":
        layout.visits["season"] = closure_labels[visits["season"]]
    else:
        layout.visits["season"] = "1"
    return layout


def _some(frame: pd.DataFrame, mask: np.ndarray, rule: str) -> dict[str, Aside]:
    """The checklists of a mask as rows set aside."""
    if not mask.any():
        return {}
    part = frame[mask]
    few = len(part) <= 1000
    rows = part["row"].tolist() if few else []
    return {rule: Aside(len(part), rows, part["id"].tolist() if few else [])}


def _codes(frame: pd.DataFrame, word: str) -> np.ndarray:
    return frame[_column(word)].cat.codes.to_numpy().astype(np.int64)


def _texts(frame: pd.DataFrame, word: str) -> np.ndarray:
    """The texts behind the codes; the last stands for the code -1, a blank."""
    found = frame[_column(word)].cat.categories.to_numpy(dtype=object)
    return np.append(found, "")


def _column(word: str) -> str:
    return "observers" if word == "observer_id" else word


def _numbered(keys: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The number of each different row of keys, and the first row of each number."""
    total = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        inner = pd.factorize(key)[0]
        total = pd.factorize(total * (int(inner.max(initial=0)) + 1) + inner)[0]
    return total, np.unique(total, return_index=True)[1]


# --- places ------------------------------------------------------------------------------------


def _places(
    frame: pd.DataFrame, settings: Settings
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The place of each checklist, the names of the places, their longitude and latitude."""
    lon, lat = frame["longitude"].to_numpy(float), frame["latitude"].to_numpy(float)
    if settings.grid_km is not None:
        row, column, east, north = grid_cells(lon, lat, settings.grid_km)
        codes, first = _numbered([row, column])
        labels = [f"r{r}c{c}" for r, c in zip(row[first], column[first], strict=True)]
        return codes, np.array(labels, dtype=object), east[first], north[first]
    keys, texts = [], []
    for word in settings.place:
        if word == "locality_id":
            keys.append(_codes(frame, word))
            texts.append(_texts(frame, word)[keys[-1]])
        else:
            rounded = np.round(lon if word == "longitude" else lat, 6)
            keys.append(pd.factorize(rounded)[0].astype(np.int64))
            texts.append(rounded)
    codes, first = _numbered(keys)
    labels = ["_".join(_plain(t[i]) for t in texts) for i in first]
    # The middle value, so that one moved pin cannot draw a place into the sea.
    middle = pd.DataFrame({"lon": lon, "lat": lat}).groupby(codes).median()
    return codes, np.array(labels, dtype=object), middle["lon"].to_numpy(), middle["lat"].to_numpy()


def _plain(value: object) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def grid_cells(
    lon: np.ndarray, lat: np.ndarray, km: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Row and column of each point in a grid of nearly square cells of one size, and their centres.

    Rows are bands of latitude; each has as many columns as fit round the Earth there. The grid is
    fixed to the Earth, so that a cell keeps its name when surveys are added.
    """
    n_rows = max(1, round(180 * KM_OF_A_DEGREE / km))
    height = 180 / n_rows
    row = np.clip(np.floor((lat + 90) / height).astype(np.int64), 0, n_rows - 1)
    north = -90 + (row + 0.5) * height
    around = 360 * KM_OF_A_DEGREE * np.cos(np.radians(north))
    n_columns = np.maximum(1, np.round(around / km)).astype(np.int64)
    width = 360 / n_columns
    column = np.floor((lon + 180) / width).astype(np.int64) % n_columns
    return row, column, -180 + (column + 0.5) * width, north


# --- closure and visits ------------------------------------------------------------------------


def _closure(date: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """The period of closure of each date, and the names of the periods in their order."""
    days = date.astype("datetime64[D]")
    years = days.astype("datetime64[Y]")
    year = years.astype(np.int64) + 1970
    if settings.closure == "year" and settings.n_days is None:
        names, codes = np.unique(year, return_inverse=True)
        return codes, np.array([str(n) for n in names], dtype=object)
    day = days.astype(np.int64)
    if settings.closure == "year":
        day = (days - years.astype("datetime64[D]")).astype(np.int64) + 1
    # With auk's own blocks the first is a day short.
    since = day - day.min() + (1 if settings.blocks == "auk" else 0)
    block = since // int(settings.n_days or 1)
    if settings.closure == "days":
        names, codes = np.unique(block, return_inverse=True)
        return codes, np.array([str(n) for n in names], dtype=object)
    most = int(block.max()) + 1
    names, codes = np.unique(year * most + block, return_inverse=True)
    return codes, np.array([f"{n // most}-{n % most}" for n in names], dtype=object)


def _chosen(
    frame: pd.DataFrame, period: np.ndarray, crowded: np.ndarray, settings: Settings
) -> np.ndarray:
    """Which checklists stay where a site has more than `max_obs`: the first, or some by lot.

    The lot of a checklist depends on its id and the seed alone, not on the other rows.
    """
    keep = ~crowded
    at = np.flatnonzero(crowded)
    if not len(at):
        return keep
    part = pd.DataFrame({"period": period[at], "at": at})
    if settings.draw == "first":
        part["date"] = frame["date"].to_numpy()[at]
        part["lot"] = np.nan_to_num(frame["seconds"].to_numpy(float)[at], nan=86400.0)
        order = part.sort_values(["period", "date", "lot", "at"])
    else:
        names = frame["checklist"].to_numpy(dtype=object)[at]
        part["lot"] = [_lot(f"{settings.seed}:{name}") for name in names]
        order = part.sort_values(["period", "lot", "at"])
    place = order.groupby("period").cumcount().to_numpy()
    keep[order["at"].to_numpy()[place < settings.max_obs]] = True
    return keep


def _lot(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def _visit_numbers(visits: pd.DataFrame, date: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Visits of a site and season counted from 1 by date, time (unknown last) and id."""
    order = np.lexsort(
        (
            visits["number"].to_numpy(),
            np.nan_to_num(seconds, nan=86400.0),
            date,
            visits["season"].to_numpy(),
            visits["site"].to_numpy(),
        )
    )
    part = visits.iloc[order]
    out = np.zeros(len(visits), dtype=np.int64)
    out[order] = part.groupby(["site", "season"]).cumcount().to_numpy() + 1
    return out


def covariates_of(frame: pd.DataFrame, at: np.ndarray, settings: Settings) -> pd.DataFrame:
    """What each visit was like: effort, hour, day, protocol, observer; NaN or "" where not told."""
    part = frame.iloc[at]
    days = part["date"].to_numpy().astype("datetime64[D]")
    first = days.astype("datetime64[Y]").astype("datetime64[D]")
    out = {
        name: part[name].to_numpy(float)
        for name in ("duration_minutes", "effort_distance_km", "number_observers")
    }
    out["time_of_day"] = part["seconds"].to_numpy(float) / 3600
    out["day_of_year"] = (days - first).astype(float) + 1
    for name, column in (("protocol", "protocol"), ("observer", "observer_id")):
        if column not in settings.site:
            out[name] = part[column].cat.add_categories([""]).fillna("").to_numpy()  # type: ignore[assignment]
    if settings.closure == "days":
        out["year"] = days.astype("datetime64[Y]").astype(float) + 1970
    kept = pd.DataFrame(out)
    empty = [c for c in kept if kept[c].dtype.kind == "f" and kept[c].isna().all()]
    return kept.drop(columns=empty)


def moments_of(frame: pd.DataFrame, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of each visit; the start of the day and NaT where they are not told."""
    part = frame.iloc[at]
    seconds = part["seconds"].to_numpy(float)
    start = part["date"].to_numpy().astype("datetime64[s]")
    start = start + np.nan_to_num(seconds).astype("timedelta64[s]")
    minutes = part["duration_minutes"].to_numpy(float)
    known = ~np.isnan(seconds) & ~np.isnan(minutes)
    end = np.full(len(start), np.datetime64("NaT", "s"))
    end[known] = start[known] + (minutes[known] * 60).round().astype("timedelta64[s]")
    return start, end
