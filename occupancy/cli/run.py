"""`occupancy run`: check, build, fit, map and report in one go."""

from __future__ import annotations

import click

from occupancy.cli.session import Session


@click.command()
@click.option("--engine", type=click.Choice(["nuts", "ml"]), help="How to estimate.")
@click.option("--force", is_flag=True, help="Do everything again, even if nothing changed.")
@click.pass_obj
def command(session: Session, engine: str | None, force: bool) -> int:
    """Check, build, fit, map and report; for a first look, and for the night job.

    What stands already is kept. The exit code is that of the first step that fails, or 4 if a fit
    is not to be trusted: its outputs are written and marked.
    """
    from occupancy.cli import looking, steps
    from occupancy.study import FIGURES

    study = session.study({"engine": engine})
    with session.writing(study):
        if force or not study.data_state().is_finished:
            looking.check(session, study)
        steps.build(session, study, force)
        units = study.units()
        study.refuse_wrong_outputs(units)
        code = steps.fit(session, study, units, force)
        if code == steps.Exit.INTERRUPTED:
            return code
        steps.publish(
            session, study, units, {"maps": FIGURES, "report": study.report_outputs}, force
        )
    return code
