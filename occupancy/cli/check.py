"""`occupancy check`: read the field files and tell every problem; changes nothing."""

from __future__ import annotations

import click

from occupancy.cli.session import Session


@click.command()
@click.option("--strict", is_flag=True, help="Exit with code 3 on warnings too.")
@click.pass_obj
def command(session: Session, strict: bool) -> int:
    """Read the field files and tell every problem at once, with its place and its cure.

    Reads what study.toml names, checks the models against it, and writes nothing.
    """
    from occupancy.cli import steps

    return steps.check(session, session.study(), strict)
