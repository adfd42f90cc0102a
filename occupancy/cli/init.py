"""`occupancy init`: look at field files and write a commented study.toml."""

from __future__ import annotations

from pathlib import Path

import click

from occupancy.cli.session import Session


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--force", is_flag=True, help="Write over a study.toml that is there.")
@click.option("--print", "only_print", is_flag=True, help="Show the study file, write nothing.")
@click.pass_obj
def command(session: Session, files: tuple[Path, ...], force: bool, only_print: bool) -> int:
    """Look at your FILES, guess what they are, and write a study.toml to read and correct.

    The files stay where they are and are only read. Paths in the study file count from its folder.
    """
    from occupancy.outputs.files import write_text
    from surveys.guess import guess
    from surveys.study_file import STUDY_FILE

    folder = session.folder
    target = folder / STUDY_FILE
    if target.exists() and not force and not only_print:
        raise click.UsageError(f"{target} exists already. --force writes over it, --print shows.")
    folder.mkdir(parents=True, exist_ok=True)
    text = guess(list(files), folder=folder)
    if only_print:
        session.say(text)
        session.emit("init", text=text)
        return 0
    write_text(target, text)
    session.say(f"✓ {target}\n  Read it, correct what was guessed wrong, then: occupancy check")
    session.emit("init", path=str(target))
    return 0
