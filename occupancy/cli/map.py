"""`occupancy map`: draw the maps and figures."""

from __future__ import annotations

import click

from occupancy.cli.session import Session


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Only this model.")
@click.option("--species", multiple=True, metavar="NAME", help="Only this species.")
@click.option("--list", "listing", is_flag=True, help="Say which figures there are.")
@click.option("--show-blocked", is_flag=True, help="Show numbers that a check withholds, stamped.")
@click.option("--force", is_flag=True, help="Draw again, even if nothing changed.")
@click.pass_obj
def command(
    session: Session,
    names: tuple[str, ...],
    models: tuple[str, ...],
    species: tuple[str, ...],
    listing: bool,
    show_blocked: bool,
    force: bool,
) -> int:
    """Draw the maps and figures into results/MODEL/SPECIES/maps: all, or those named."""
    from occupancy.cli import steps
    from occupancy.outputs import OUTPUTS, output
    from occupancy.study import FIGURES

    if listing:
        for name in OUTPUTS:
            session.say(name)
        session.emit("outputs", names=list(OUTPUTS))
        return 0
    for name in names:
        output(name)  # an unknown name is refused before any work
    study = session.study()
    with session.writing(study):
        units = study.units(models, species)
        steps.publish(
            session, study, units, {"maps": names or FIGURES}, force, show_blocked, add=bool(names)
        )
    return 0
