"""Keys of a section that a format makes nothing of: refused, since in silence they are believed."""

from __future__ import annotations

from collections.abc import Iterable

from surveys.ledger import Ledger
from surveys.study_file import StudyFile


def refuse(study: StudyFile, section: str, used: Iterable[str], why: str, ledger: Ledger) -> None:
    """Tell each key of a section that is not among those used."""
    for key in study.section(section):
        if key not in set(used):
            ledger.error(
                "E408",
                f"{study.name}: [{section}] {key} has no effect here: {why}",
                file=study.name,
                cure="remove it",
            )
