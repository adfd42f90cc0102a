"""`occupancy fit`: estimate the models of the study."""

from __future__ import annotations

from typing import Any

import click

from occupancy.cli.session import Session


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--species", multiple=True, metavar="NAME", help="Only this species; repeatable.")
@click.option("--engine", type=click.Choice(["nuts", "ml"]), help="How to estimate.")
@click.option("--draws", type=click.IntRange(1), metavar="N", help="Draws kept of each chain.")
@click.option("--tune", type=click.IntRange(0), metavar="N", help="Steps of adaptation; 0 = auto.")
@click.option("--chains", type=click.IntRange(1), metavar="N", help="Independent chains.")
@click.option("--cores", type=click.IntRange(0), metavar="N", help="Chains at a time; 0 = all.")
@click.option("--dry-run", is_flag=True, help="Say what would be fitted, and fit nothing.")
@click.option("--force", is_flag=True, help="Fit again, even if nothing changed.")
@click.pass_obj
def command(
    session: Session,
    models: tuple[str, ...],
    species: tuple[str, ...],
    dry_run: bool,
    force: bool,
    **flags: Any,
) -> int:
    """Estimate the models of the study: all, or those named.

    A unit of work is one model and one species, or the species that it estimates together. A
    finished unit is kept, and fitted again only if its data, its model or its settings changed.
    Ctrl-C stops within seconds and keeps the draws.
    """
    from occupancy.cli import steps

    study = session.study(flags)
    if dry_run:
        from occupancy.cli.show import tell_units

        return tell_units(session, study, study.units(models, species))
    with session.writing(study):
        units = study.units(models, species)
        return steps.fit(session, study, units, force)
