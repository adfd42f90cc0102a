"""The steps from field files to report, as the verbs take them and `run` strings them together."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occupancy.cli.failures import Exit
from occupancy.units import was_cut_off
from surveys.problems import ModelError

if TYPE_CHECKING:
    from occupancy.cli.session import Session
    from occupancy.study import Study
    from occupancy.units import Unit

SIGNS = {"block": "✗", "warn": "!", "note": "·"}


def build(session: Session, study: Study, force: bool = False) -> int:
    """Make the dataset, unless it stands."""
    from surveys.schema import DIMS

    begun = time.perf_counter()
    made = study.build(force)
    path = study.results / "data" / "data.nc"
    if made:
        sizes = {dim: study.data.sizes[dim] for dim in DIMS}
        text = f"✓ dataset: {', '.join(f'{n:,} {_plural(name, n)}' for name, n in sizes.items())}"
        session.say(f"{text} ({_took(begun)})\n  {shown(path)}")
    else:
        session.say(f"✓ dataset: nothing to do\n  {shown(path)}")
    session.emit("build", made=made, path=str(path))
    return Exit.DONE


def fit(session: Session, study: Study, units: Sequence[Unit], force: bool = False) -> int:
    """Fit every unit that is not finished; stop at once when interrupted."""
    worst = Exit.DONE
    stand = {unit.name: study.state(unit) for unit in units}
    asked = [unit for unit in units if force or not stand[unit.name].is_finished]
    if len(asked) > 1:  # hours of one model are not spent before a slip in the next is told
        study.refuse_wrong_models(asked)
    for unit in units:
        state = stand[unit.name]
        if state.is_finished and not force:
            assert state.manifest is not None
            verdicts = state.manifest.warnings
            session.say(f"✓ {unit.name}: nothing to do")
            session.emit(
                "fit", unit=unit.name, made=False, path=str(unit.fit_folder), warnings=verdicts
            )
        else:
            if state.reason:
                session.note(f"· {unit.name}: fitting again, {state.reason}")
            begun = time.perf_counter()
            progress = session.progress()
            progress.title = unit.name
            fitted = study.fit(unit, progress)
            verdicts = [_plain(verdict) for verdict in fitted.warnings]
            session.say(f"✓ {unit.name}: fitted ({_took(begun)})\n  {shown(unit.fit_folder)}")
            session.emit(
                "fit", unit=unit.name, made=True, path=str(unit.fit_folder), warnings=verdicts
            )
            if was_cut_off(fitted):
                _tell(session, verdicts)
                session.warn("Interrupted: the draws so far are kept and marked PARTIAL.")
                return Exit.INTERRUPTED
        _tell(session, verdicts)
        if any(verdict["level"] == "block" for verdict in verdicts):
            worst = Exit.NOT_TRUSTED
    return worst


def publish(
    session: Session,
    study: Study,
    units: Sequence[Unit],
    kinds: Mapping[str, Sequence[str]],
    force: bool = False,
    show_blocked: bool = False,
    add: bool = False,
) -> list[Path]:
    """Write figures ("maps") and pages ("report") of every unit, unless they stand.

    With `add`, the outputs join those that were made before.
    """
    written: list[Path] = []
    for unit in units:
        state = study.state(unit)
        if state.word == "absent":
            raise ModelError(f"{unit.name} is not fitted yet. First: occupancy fit")
        if study.was_outrun(unit):
            session.warn(
                f"! {unit.name}: the data or the model changed since; what is shown rests on the "
                "fit of before. Anew: occupancy fit"
            )
        for page in unit.pages:
            written += _publish(session, study, page, kinds, force, show_blocked, add)
    return written


def _publish(
    session: Session,
    study: Study,
    page: Unit,
    kinds: Mapping[str, Sequence[str]],
    force: bool,
    show_blocked: bool,
    add: bool,
) -> list[Path]:
    """Write the figures and pages of one species, unless they stand."""
    written: list[Path] = []
    results = None  # one for all kinds: it is asked of the fit's files, and takes seconds
    for kind, outputs in kinds.items():
        folder = page.page_folder / kind
        outputs = study.with_those_made(page, kind, outputs) if add else outputs
        if not force and study.outputs_stand(page, kind, outputs, show_blocked):
            session.say(f"✓ {page.name}: {kind} stands, nothing to do\n  {shown(folder)}")
            session.emit(kind, unit=page.name, made=False, path=str(folder))
            written += sorted(path for path in folder.rglob("*") if path.is_file())
            continue
        begun = time.perf_counter()
        results = results or study.results_of(page, show_blocked)
        files, refused = study.write(page, kind, outputs, results, show_blocked)
        session.say(
            f"✓ {page.name}: {kind}, {counted(len(files), 'file')} ({_took(begun)})"
            f"\n  {shown(folder)}"
        )
        for name, reason in refused.items():
            session.note(f"  · no {name}: {reason}")
        session.emit(
            kind,
            unit=page.name,
            made=True,
            path=str(folder),
            files=[str(path) for path in files],
            refused=refused,
        )
        written += files
    return written


def shown(path: Path) -> str:
    """Write a path as short as it can be from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _plain(verdict: Any) -> dict[str, Any]:
    return {"code": verdict.code, "level": verdict.level, "message": verdict.message}


def _tell(session: Session, verdicts: Sequence[dict[str, Any]]) -> None:
    for verdict in verdicts:
        line = f"  {SIGNS[verdict['level']]} {verdict['code']} {verdict['message']}"
        if verdict["level"] == "note":
            session.note(line)
        elif not session.json:
            session.warn(line)
    if verdicts:
        session.note(f"  More: occupancy explain {verdicts[0]['code']}")


def _took(begun: float) -> str:
    from occupancy.progress import clock_time

    seconds = time.perf_counter() - begun
    return f"{seconds:.1f} s" if seconds < 10 else clock_time(seconds)


def _plural(word: str, count: int) -> str:
    return word if count == 1 or word == "species" else f"{word}s"


def counted(count: int, word: str) -> str:
    return f"{count} {_plural(word, count)}"
