"""A first study file for files of eBird: what they are, and the practice that fits them."""

from __future__ import annotations

from surveys.problems import listing
from surveys.readers.ebird_files import kind_of, plain
from surveys.readers.tidy import Guess
from surveys.text_table import Table
from surveys.unpack import archive_of

ROWS = 5000  # of a file that a first look takes
MOST_TRIED = 500_000_000  # bytes of a file that is read for trial when a study file is written


def detect(tables: dict[str, Table]) -> Guess | None:
    """A table of sightings and one of sampling events, by the column names of eBird."""
    looked_at = {file: table for file, table in tables.items() if "ebird" in table.found}
    kinds = {file: kind_of(tuple(table.names)) for file, table in looked_at.items()}
    ebd = [file for file, kind in kinds.items() if kind == "ebd"]
    sampling = [file for file, kind in kinds.items() if kind == "sampling"]
    if not ebd:
        return None
    kept = _together(tables, ebd, sampling)
    idle = dict.fromkeys(ebd + sampling, "further files of eBird, which share no checklist")
    ebd, sampling = [f for f in ebd if f in kept], [f for f in sampling if f in kept]
    idle = {f: why for f, why in idle.items() if f not in kept}
    both = [*ebd, *sampling]
    return Guess(
        "ebird",
        1.0,
        f"{listing(both, 4)} {'have' if len(both) > 1 else 'has'} the columns of eBird",
        extra={
            "file": ebd[0],
            "path": ebd if len(ebd) > 1 else ebd[0],
            "several": {"sampling": sampling} if len(sampling) > 1 else {},
            "taken": both,
            "files": {"sampling": (sampling[0], {})} if sampling else {},
            "site": next(n for n in tables[ebd[0]].names if plain(n) == "LOCALITY ID"),
            "not_in_models": ("observer", "protocol", "year"),
            "large": any(_large(tables[file]) for file in (*ebd, *sampling)),
            "ease": set(),
            "idle": idle,
        },
    )


def _together(tables: dict[str, Table], ebd: list[str], sampling: list[str]) -> tuple[str, ...]:
    """The files of one download or more: those whose checklists are those of the others.

    Only their first rows are known here, so that large files are taken on trust.
    """
    if len(ebd) < 2 and len(sampling) < 2:
        return (*ebd, *sampling)
    if not sampling:
        return tuple(ebd)

    def lists(file: str) -> set[str]:
        names = [n for n in tables[file].names if plain(n) == "SAMPLING EVENT IDENTIFIER"]
        return set(tables[file].text(names[0])) if names else set()

    known = {file: lists(file) for file in (*ebd, *sampling)}

    def shared(one: str, other: str) -> float:
        part = len(known[one] & known[other])
        cut = max(len(tables[one]), len(tables[other])) >= ROWS
        return part + (0.5 if cut else 0)

    first, listed = max(
        ((e, s) for e in ebd for s in sampling), key=lambda pair: shared(pair[0], pair[1])
    )
    more = [e for e in ebd if e != first and shared(e, listed)]
    others = [s for s in sampling if s != listed and any(shared(e, s) for e in (first, *more))]
    kept = {first, listed, *more, *others}
    return tuple(file for file in (*ebd, *sampling) if file in kept)


def _large(table: Table) -> bool:
    path = archive_of(table.spec.path)[0]
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
