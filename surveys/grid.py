"""Where visits stand among sites, seasons and visit numbers; tables are matched to them here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from surveys.problems import Problem, SurveyError, did_you_mean, listing
from surveys.schema import VISIT_DIMS
from surveys.values import as_labels, as_numbers, as_seasons, natural

PLACE = ("file", "row")  # where a row of a table came from; used in messages only


class Grid:
    """Where each row of the visits stands among sites, seasons and visit numbers."""

    def __init__(self, visits: pd.DataFrame, sites: pd.DataFrame | None, seasons):
        self.visits = visits.reset_index(drop=True)
        need(self.visits, "visits", ("site",))
        site_labels = text_labels(self.visits["site"], "site")
        if sites is None:
            self.sites = pd.DataFrame({"site": sorted(set(site_labels), key=natural)})
        else:
            need(sites, "sites", ("site",))
            self.sites = _one_row_a_site(sites)
        self.site_index = pd.Index(self.sites["site"])
        self.site = self.site_index.get_indexer(pd.Index(site_labels))
        unknown = self.site < 0
        if unknown.any():
            raise SurveyError(
                row_problems(
                    self.visits,
                    unknown,
                    "E022",
                    lambda i: (
                        f'Site "{site_labels[i]}" of the visits is not among the sites.'
                        + did_you_mean(site_labels[i], self.site_index)
                    ),
                    cure='correct it, or map it: [sites.alias] "as written" = "as meant"',
                )
            )
        self._seasons(seasons)
        self._numbers()
        self.shape = (len(self.site_index), len(self.season_index), int(self.visit.max()) + 1)
        self.labels = {
            "site": self.site_index.to_numpy().astype(str),
            "season": self.season_index.to_numpy(),
            "visit": np.arange(1, self.shape[2] + 1),
        }
        if self.labels["season"].dtype.kind == "O":
            self.labels["season"] = self.labels["season"].astype(str)
        self.effort = (
            as_numbers(self.visits["effort"], "effort")
            if "effort" in self.visits
            else np.ones(len(self.visits))
        )

    def _seasons(self, seasons) -> None:
        if "season" not in self.visits:
            self.visits = self.visits.assign(season=1 if seasons is None else next(iter(seasons)))
        texts = text_labels(self.visits["season"], "season")
        ordered = as_seasons(set(texts) if seasons is None else seasons)
        if seasons is None:
            ordered = np.sort(ordered) if ordered.dtype.kind == "i" else _sorted(ordered)
        self.season_index = pd.Index(ordered)
        self.season = self.season_of(texts)
        if (self.season < 0).any():
            raise SurveyError(
                row_problems(
                    self.visits,
                    self.season < 0,
                    "E207",
                    lambda i: f'Season "{texts[i]}" of the visits is not among the seasons',
                )
            )

    def season_of(self, texts: np.ndarray) -> np.ndarray:
        """Position of each season's text; -1 for an unknown one."""
        return pd.Index([str(s) for s in self.season_index]).get_indexer(pd.Index(texts))

    def _numbers(self) -> None:
        if "visit" in self.visits:
            number = as_numbers(self.visits["visit"], "visit")
            bad = ~(number >= 1) | (number != np.floor(number)) | (number > 100_000)
            if bad.any():
                raise SurveyError(
                    row_problems(
                        self.visits,
                        bad,
                        "E208",
                        lambda i: f"Visit number {self.visits['visit'].iloc[i]} is not 1, 2, 3 ...",
                    )
                )
            self.visit = number.astype(np.int64) - 1
        else:
            self.visit = self._numbered_by_start()
        if not len(self.visits):
            raise SurveyError(Problem(code="E121", fact="No visit was made: the table is empty"))
        key = np.stack([self.site, self.season, self.visit])
        self.keys = pd.MultiIndex.from_arrays(list(key))
        twice = self.keys.duplicated(keep=False)
        if twice.any():
            raise SurveyError(
                row_problems(
                    self.visits,
                    twice,
                    "E209",
                    lambda i: f"{self.name(i)} is listed more than once",
                    why="one visit cannot have two efforts",
                    cure="join the rows, or give each visit its own number",
                )
            )

    def _numbered_by_start(self) -> np.ndarray:
        """Visits of a site and season in the order of start; ties by content, never by row."""
        table = self.visits.drop(columns=[c for c in PLACE if c in self.visits])
        order = pd.DataFrame({"site": self.site, "season": self.season})
        if "start" in table:
            order["start"] = pd.to_datetime(table["start"])
        for i, column in enumerate(c for c in sorted(map(str, table.columns)) if c != "start"):
            order[f"tie{i}"] = table[column].astype(str)
        order = order.sort_values(list(order.columns), kind="stable")
        number = order.groupby(["site", "season"]).cumcount()
        return number.sort_index().to_numpy()

    def name(self, i: int) -> str:
        """Row i of the visits in words, for messages."""
        season = f" of {self.season_index[self.season[i]]}" if len(self.season_index) > 1 else ""
        return f'Site "{self.site_index[self.site[i]]}", visit {self.visit[i] + 1}{season}'

    def fill(self, values: np.ndarray, dims: tuple[str, ...]) -> np.ndarray:
        """One value a row of the visits to an array over `dims`, missing where no row is."""
        empty: Any = {"M": np.datetime64("NaT", "ns"), "U": ""}.get(values.dtype.kind, np.nan)
        where = {"site": self.site, "season": self.season, "visit": self.visit}
        shape = tuple(n for d, n in zip(VISIT_DIMS, self.shape, strict=True) if d in dims)
        out = np.full(shape, empty, dtype=values.dtype)
        out[tuple(where[d] for d in dims)] = values
        return out

    def find(self, table: pd.DataFrame, what: str) -> np.ndarray:
        """Row of the visits that each row of `table` belongs to; -1 where there is none."""
        if "visit_id" in table and "visit_id" in self.visits:
            ids = pd.Index(text_labels(self.visits["visit_id"], "visit_id"))
            if not ids.is_unique:
                raise SurveyError(
                    row_problems(
                        self.visits,
                        ids.duplicated(keep=False),
                        "E210",
                        lambda i: f'visit_id "{ids[i]}" stands for several visits',
                    )
                )
            return ids.get_indexer(pd.Index(text_labels(table["visit_id"], "visit_id")))
        need(table, what, ("site",))
        site = self.site_index.get_indexer(pd.Index(text_labels(table["site"], "site")))
        season, visit = np.zeros(len(table), np.int64), np.zeros(len(table), np.int64)
        if "season" in table:
            season = self.season_of(text_labels(table["season"], "season"))
        elif len(self.season_index) > 1:
            need(table, what, ("season",))
        if "visit" in table:
            number = as_numbers(table["visit"], "visit")
            visit = np.where(np.isnan(number), 0, number).astype(np.int64) - 1
        elif self.shape[2] > 1:
            need(table, what, ("visit",))
        return self.keys.get_indexer(pd.MultiIndex.from_arrays([site, season, visit]))


def _one_row_a_site(sites: pd.DataFrame) -> pd.DataFrame:
    """The sites in natural order of their ids, each once; a second row is refused."""
    table = sites.reset_index(drop=True)
    table = table.assign(site=text_labels(table["site"], "site"))
    twice = table["site"].duplicated(keep=False).to_numpy()
    if twice.any():
        raise SurveyError(
            row_problems(
                table,
                twice,
                "E021",
                lambda i: f'Site "{table["site"].iloc[i]}" has more than one row',
                why="one site cannot have two places or two elevations",
                cure="one row a site; for another season or camera, say so in the visits",
            )
        )
    names = table["site"].tolist()
    return table.iloc[sorted(range(len(table)), key=lambda i: natural(names[i]))]


def text_labels(column: pd.Series, what: str) -> np.ndarray:
    """Labels as text, made once for each distinct value."""
    codes, distinct = pd.factorize(column, use_na_sentinel=False)
    if not len(distinct):
        return np.zeros(0, dtype=object)
    return as_labels(distinct, what).astype(object)[codes]


def _sorted(labels: np.ndarray) -> np.ndarray:
    return np.array(sorted(labels, key=natural), dtype=str)


def need(table: pd.DataFrame, what: str, columns: Iterable[str]) -> None:
    gone = [c for c in columns if c not in table]
    if gone:
        raise SurveyError(
            Problem(
                code="E015",
                fact=f'The table of {what} has no column "{gone[0]}". '
                f"It has: {', '.join(map(str, table.columns))}."
                + did_you_mean(gone[0], table.columns),
            )
        )


MOST_CELLS = 250_000_000  # of detections in a Dataset, a gigabyte


def too_many(species: Sequence[str], **sizes: int) -> list[Problem]:
    """Surveys that no machine holds, most often because a column was taken for the species."""
    cells = len(species) * math.prod(sizes.values())
    if cells <= MOST_CELLS:
        return []
    told = " x ".join(f"{n:,} {name if n != 1 else name[:-1]}" for name, n in sizes.items())
    return [
        Problem(
            code="E227",
            fact=f"{len(species):,} species x {told} would be {cells:,} cells; a Dataset holds "
            f"{MOST_CELLS:,}. The species are {listing(species, 3)}",
            cure="if these are no species, name the right column; else say which to read: "
            '[study] species = ["..."]; or make visits longer, seasons shorter',
        )
    ]


def row_problems(
    table: pd.DataFrame, bad: np.ndarray, code: str, fact: Callable[[int], str], **told: str
) -> list[Problem]:
    """A problem for each bad row, with the file and row where the table knows."""
    where = np.flatnonzero(bad)
    problems = []
    for i in where:
        at: dict[str, Any] = {}
        if "file" in table:
            at["file"] = str(table["file"].iloc[i])
        if "row" in table:
            at["row"] = int(table["row"].iloc[i])
        problems.append(Problem(code=code, fact=fact(int(i)), **at, **told))
    return problems
