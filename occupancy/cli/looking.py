"""Looking at the field files before any analysis: every row, every problem, and the page of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from occupancy.cli.failures import Exit
from occupancy.cli.steps import counted, shown
from surveys.problems import ModelError, render

if TYPE_CHECKING:
    import xarray as xr

    from occupancy.cli.session import Session
    from occupancy.study import Study
    from surveys.quality import Section


@dataclass(frozen=True)
class Wanted:
    """What to write; nothing unless it is asked for."""

    page: Path | None = None
    figures: Path | None = None
    dropped: Path | None = None
    species: tuple[str, ...] = ()

    @property
    def files(self) -> list[Path]:
        return [path for path in (self.page, self.dropped) if path is not None]


def check(
    session: Session, study: Study, strict: bool = False, wanted: Wanted | None = None
) -> int:
    """Read everything and say what was found; write only what is wanted.

    Raises
    ------
    SurveyError, ModelError
        With all that must be mended first.
    """
    import surveys
    from surveys import quality
    from surveys.readers.into_dataset import surveyed

    asked, wanted = wanted is not None, wanted or Wanted()
    data, tidy = surveyed(study.file)
    _refuse_field_files(study, wanted, [table.spec.path for table in tidy.tables])
    study.use(data)
    regions = study.regions()
    try:
        sections = quality.examine(
            data,
            tidy.fieldwork,
            tables=tidy.tables,
            species=wanted.species,
            package=tidy.package,
        )
    except ValueError as error:
        raise ModelError(str(error)) from None
    description = surveys.describe(data)
    session.say(str(description))
    _tell(session, sections)
    written = _write(session, study, data, sections, wanted, regions)
    study.surface()
    units = study.units() if study.file.models else []
    study.refuse_wrong_models(units)
    study.refuse_wrong_outputs(units)
    session.say(f"✓ {study.title}: the files can be used, {counted(len(units), 'model')} fit them.")
    if asked and wanted.page is None:
        session.note("  To look at all this on a page: occupancy check --page qc.html")
    told = [p for p in description.ledger.problems if p.level != "error"]
    told += [problem for section in sections for problem in section.problems]
    session.emit(
        "check",
        title=study.title,
        sites=data.sizes["site"],
        problems=[problem.to_dict() for problem in told],
        quality=[section.to_dict() for section in sections],
        units=[unit.name for unit in units],
        files=[str(path) for path in written],
    )
    serious = [problem for problem in told if problem.level in ("warn", "repair")]
    return Exit.DATA if strict and serious else Exit.DONE


def _refuse_field_files(study: Study, wanted: Wanted, tables: list[Path]) -> None:
    """A page or list that would take the place of a file of the study, or has no folder."""
    own = {study.file.path.resolve(), *(path.resolve() for path in tables)}
    own |= {(study.folder / name).resolve() for name in study.inputs if wanted.files}
    for path in wanted.files:
        if path.resolve() in own:
            raise ModelError(
                f"{shown(path)} is a file of the study, and field files are never written. "
                "Choose another name."
            )
        if not path.resolve().parent.is_dir():
            raise ModelError(f"{shown(path)}: there is no folder {shown(path.resolve().parent)}.")


def _tell(session: Session, sections: tuple[Section, ...]) -> None:
    """A line for each section, then what it found."""
    session.say("\nQuality")
    for section in sections:
        if section.left_out and not section.problems:
            continue
        sign = "!" if section.asks else "✓"
        session.say(f"  {sign} {section.title}")
    found = [problem for section in sections for problem in section.problems]
    if found:
        session.say("\n" + render(found) + "\n")


def _write(
    session: Session,
    study: Study,
    data: xr.Dataset,
    sections: tuple[Section, ...],
    wanted: Wanted,
    regions,
) -> list[Path]:
    written: list[Path] = []
    if wanted.dropped is not None:
        from surveys.ledger import Ledger

        n = Ledger.from_json(data.attrs["ledger"]).write_dropped(wanted.dropped)
        session.say(f"✓ {counted(n, 'row')} set aside\n  {shown(wanted.dropped)}")
        written.append(wanted.dropped)
    if wanted.page is not None or wanted.figures is not None:
        from occupancy.outputs import quality

        if wanted.page is not None:
            quality.write(sections, data, wanted.page, title=study.title, regions=regions)
            session.say(f"✓ page of the survey's quality\n  {shown(wanted.page)}")
            written.append(wanted.page)
        if wanted.figures is not None:
            files = quality.write_figures(sections, data, wanted.figures, regions=regions)
            session.say(f"✓ {counted(len(files), 'figure')}\n  {shown(wanted.figures)}")
            written += files
    return written
