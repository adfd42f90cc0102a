"""What eBird's files are refused for, in words: blanks, doubles, strays, incomplete lists."""

from __future__ import annotations

from typing import Any

import pandas as pd

from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.readers import ebird_database as db
from surveys.readers import ebird_sightings as sightings_of
from surveys.readers import ebird_tables as tables
from surveys.readers import ebird_visits as visits
from surveys.readers.ebird_files import EbirdFile
from surveys.readers.ebird_settings import Settings
from surveys.study_file import StudyFile

MOST_CELLS = 400_000_000


def no_sampling(ebd: EbirdFile | None, ledger: Ledger) -> None:
    shown = ebd.shown if ebd else "eBird"
    ledger.error(
        "E058",
        f"{shown}: zero-filling needs the Sampling Event Data file (ask eBird for it with the "
        "same query); without it no absence is known",
        file=shown,
        cure='name it: [files.sampling] path = "..._sampling.txt"; [ebird] detections_only = true '
        "reads the sightings alone",
    )


def tell_bad(bad: list[db.Bad], ledger: Ledger) -> None:
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
            more=f"{one.n} such rows" if one.n > db.LISTED else "",
        )


def tell_no_rows(file: EbirdFile, what: str, cure: str, ledger: Ledger) -> None:
    """A header alone: nothing was read, which is not the same as nothing was seen."""
    ledger.error(
        "E006",
        f"{file.shown} has a header and no rows: no {what} can be read",
        file=file.shown,
        cure=cure,
    )


def tell_twice(file: EbirdFile, sampling: db.Rows, ledger: Ledger) -> None:
    for name, row in sampling.differ:
        ledger.error(
            "E021",
            f"{file.shown}, row {row}: checklist {name} stands there twice, and the rows differ",
            file=file.shown,
            row=row,
            why="of two releases of eBird joined to one file the older rows are out of date",
            cure="use one release",
        )


def tell_incomplete(
    study: StudyFile, settings: Settings, file: EbirdFile, sampling: db.Rows, ledger: Ledger
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


def tell_protocols(
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


def tell_unknown(connection: Any, ebd: EbirdFile, file: EbirdFile, ledger: Ledger) -> None:
    n, first = sightings_of.unknown_checklists(connection)
    for name, row in first:
        ledger.error(
            "E059",
            f"{ebd.shown}, row {row}: checklist {name} is not in {file.shown}",
            file=ebd.shown,
            row=row,
            cure="were both files filtered alike, from the same release?",
            more=f"{n} checklists in all",
        )


def nothing_left(file: EbirdFile, sampling: db.Rows, ledger: Ledger) -> None:
    told = [f"{aside.n} {rule}" for rule, aside in sampling.aside.items()]
    ledger.error(
        "E604",
        f"{file.shown}: of {sampling.n} checklists none is left ({listing(told, 9) or 'no rows'})",
        file=file.shown,
        cure="widen the limits in [ebird]",
    )


def tell_no_repeats(
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


def fits(
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
