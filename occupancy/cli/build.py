"""`occupancy build`: join the field files into one dataset."""

from __future__ import annotations

import click

from occupancy.cli.session import Session


@click.command()
@click.option("--force", is_flag=True, help="Build again, even if nothing changed.")
@click.pass_obj
def command(session: Session, force: bool) -> int:
    """Join the field files into results/data/data.nc, with the account of every row read."""
    from occupancy.cli import steps

    study = session.study()
    with session.writing(study):
        return steps.build(session, study, force)
