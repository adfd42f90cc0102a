"""`occupancy show`: the state of the study, and what `fit` would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from occupancy.cli.session import Session

if TYPE_CHECKING:
    from occupancy.study import Study
    from occupancy.units import Unit

WOULD = {
    "absent": "fit",
    "stale": "fit again",
    "partial": "fit again",
    "damaged": "fit again",
    "finished": "nothing to do",
}


@click.command()
@click.option("--config", is_flag=True, help="Every setting, its value and who set it.")
@click.pass_obj
def command(session: Session, config: bool) -> int:
    """Tell the state of the study and of every unit of work, and what `fit` would do."""
    study = session.study()
    if config:
        return _tell_settings(session, study)
    state = study.data_state()
    session.say(f"{study.title}", bold=True)
    session.say(f"  {len(study.inputs)} input files, dataset {state.word} {state.reason}".rstrip())
    session.emit("study", title=study.title, data=state.word, inputs=study.inputs)
    if not study.file.models:
        session.say("  No model yet: add a [model.NAME] section to study.toml.")
        return 0
    return tell_units(session, study, study.units())


def tell_units(session: Session, study: Study, units: Sequence[Unit]) -> int:
    """Say how each unit stands and what `fit` would do with it."""
    rows = []
    for unit in units:
        state = study.state(unit)
        made = [
            kind
            for kind in ("maps", "report")
            if all((page.page_folder / kind).exists() for page in unit.pages)
        ]
        marks = [verdict["code"] for verdict in state.manifest.warnings] if state.manifest else []
        rows.append(
            (
                unit.model,
                unit.species,
                study.engine(unit),
                state.word,
                WOULD[state.word],
                ", ".join(made) or "—",
                ", ".join(marks) or "—",
            )
        )
        session.emit(
            "unit",
            model=unit.model,
            species=unit.species,
            state=state.word,
            reason=state.reason,
            would=WOULD[state.word],
            outputs=made,
            warnings=marks,
            path=str(unit.folder),
        )
    session.table(("model", "species", "engine", "state", "fit would", "outputs", "warnings"), rows)
    return 0


def _tell_settings(session: Session, study: Study) -> int:
    from occupancy.settings import DEFAULTS

    rows = [
        (name, str(setting.value), setting.origin, DEFAULTS[name][2])
        for name, setting in study.settings.items()
    ]
    session.table(("setting", "value", "set by", "meaning"), rows)
    for name, setting in study.settings.items():
        session.emit("setting", name=name, value=setting.value, origin=setting.origin)
    return 0
