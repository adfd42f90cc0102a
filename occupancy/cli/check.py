"""`occupancy check`: read the field files and tell every problem; changes nothing."""

from __future__ import annotations

from pathlib import Path

import click

from occupancy.cli.session import Session

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("--strict", is_flag=True, help="Exit with code 3 on warnings too.")
@click.option("--page", type=FILE, metavar="FILE", help="Write the page of quality (HTML).")
@click.option("--figures", type=FOLDER, metavar="DIR", help="Write its figures (PNG).")
@click.option("--dropped", type=FILE, metavar="FILE", help="Write the rows set aside (CSV).")
@click.option(
    "--species", multiple=True, metavar="NAME", help="Show this species; may be given again."
)
@click.pass_obj
def command(
    session: Session,
    strict: bool,
    page: Path | None,
    figures: Path | None,
    dropped: Path | None,
    species: tuple[str, ...],
) -> int:
    """Read the field files and tell every problem at once, with its place and its cure.

    Accounts for every row, looks at effort, gaps, clocks, hours and covariates, and checks the
    models of study.toml. Writes only what --page, --figures and --dropped ask for:

      occupancy check --page qc.html
    """
    from occupancy.cli import looking

    wanted = looking.Wanted(page, figures, dropped, species)
    return looking.check(session, session.study(), strict, wanted)
