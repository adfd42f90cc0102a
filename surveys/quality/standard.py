"""Whether a data package keeps to its standard, where the standard's schemas lie in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from surveys.problems import listing
from surveys.quality.base import Evidence, Section
from surveys.quality.said import many

NAME, TITLE = "standard", "The standard of the package"


@dataclass(frozen=True, kw_only=True)
class Standard(Section):
    pass


def look(evidence: Evidence) -> Section:
    """Hold the package against the schemas, without the internet."""
    from surveys.readers.camtrapdp_valid import hold

    assert evidence.package is not None
    held = hold(evidence.package)
    version = evidence.package.version
    if held.lost:
        return Section(name=NAME, title=TITLE, left_out=f"{held.lost}.", problems=held.problems)
    wrong = [p for p in held.problems if p.level == "warn"]
    rows = sum(held.tables.values())
    return Standard(
        name=NAME,
        title=f"The package keeps to {version}"
        if not wrong
        else f"{many(len(wrong), 'thing')} in the package {'does' if len(wrong) == 1 else 'do'} "
        f"not keep to {version}",
        told=f"{many(rows, 'row')} of {listing(held.tables, 3)} were held against "
        f"{_place(held.schemas)} by {held.program}, without the internet.",
        do="Correct these where the package was made, and export it again. What the surveys need "
        "was checked on reading: they can be used as they are."
        if wrong
        else "Nothing.",
        numbers={"rows": rows, "problems": len(wrong), "schemas": list(held.schemas)},
        problems=held.problems,
    )


def _place(schemas: tuple[str, ...]) -> str:
    """Where the schemas lie, in few words."""
    folders = {PurePosixPath(s).parent.as_posix() for s in schemas}
    folder = folders.pop() if len(folders) == 1 else "."
    return f"the schemas in {folder}" if folder != "." else listing(schemas, 3)
