"""`occupancy report`: write the page, the tables and the GIS layers."""

from __future__ import annotations

import click

from occupancy.cli.session import Session


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--species", multiple=True, metavar="NAME", help="Only this species.")
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
@click.option("--show-blocked", is_flag=True, help="Show numbers that a check withholds, stamped.")
@click.option("--force", is_flag=True, help="Write again, even if nothing changed.")
@click.pass_obj
def command(
    session: Session,
    models: tuple[str, ...],
    species: tuple[str, ...],
    show: bool,
    show_blocked: bool,
    force: bool,
) -> int:
    """Write the page, the tables and the GIS layers into results/MODEL/SPECIES/report.

    Every number is computed anew from the files of the finished fit.
    """
    from occupancy.cli import steps

    study = session.study()
    with session.writing(study):
        units = study.units(models, species)
        files = steps.publish(
            session, study, units, {"report": study.report_outputs}, force, show_blocked
        )
    if show:
        for page in (path for path in files if path.suffix == ".html"):
            click.launch(str(page.resolve()))
    return 0
