"""The command `occupancy`: one thin file per verb, loaded only when the verb is used.

To add a verb: write `occupancy/cli/VERB.py` with a click command named `command`, and add its line
to `VERBS`. The summaries stand here as text, so that `occupancy --help` imports no verb.
"""

from __future__ import annotations

import importlib
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from occupancy.cli.session import Session, shared_options

# Verb: the group it stands in, and its summary.
VERBS: dict[str, tuple[str, str]] = {
    "demo": ("Start", "Invent a small study, run all of it, compare with the truth."),
    "init": ("Start", "Look at your files and write a commented study.toml."),
    "check": ("Start", "Read the field files and tell every problem; changes nothing."),
    "build": ("Analyse", "Join the field files into one dataset."),
    "fit": ("Analyse", "Estimate the models of the study; finished units are kept."),
    "run": ("Analyse", "check, build, fit, map and report in one go."),
    "map": ("Report", "Draw the maps and figures."),
    "report": ("Report", "Write the report, the tables and the GIS layers."),
    "show": ("Look", "Tell the state of the study, and what `fit` would do."),
    "explain": ("Look", "Explain a code or a term in half a screen."),
    "doctor": ("Look", "Look at the machine: versions, kernel, map data, disk."),
}


class Verbs(click.Group):
    """The verbs, grouped by task; each module is imported when its verb is called."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--json" in args:  # --version answers before the other options are read
            ctx.ensure_object(Session).json = True
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"occupancy.cli.{cmd_name}").command
        command.name = cmd_name
        own = {parameter.name for parameter in command.params}
        command.params += [option for option in shared_options() if option.name not in own]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in VERBS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, VERBS, n=1, cutoff=0.5)
            hint = f' Did you mean "occupancy {near[0]}"?' if near else ""
            raise click.UsageError(f'No command "{name}".{hint}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for group in dict.fromkeys(group for group, _ in VERBS.values()):
            with formatter.section(group):
                formatter.write_dl(
                    [(verb, text) for verb, (its, text) in VERBS.items() if its == group]
                )


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from occupancy import __version__

        session = ctx.ensure_object(Session)
        session.say(f"occupancy {__version__}")
        session.emit("version", occupancy=__version__)
        ctx.exit()


def _cite(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        bibtex = (Path(__file__).parent / "data" / "citations.bib").read_text(encoding="utf-8")
        session = ctx.ensure_object(Session)
        session.say(bibtex)
        session.emit("citations", bibtex=bibtex)
        ctx.exit()


@click.group(
    cls=Verbs,
    params=shared_options(),
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "OCCUPANCY",
        "max_content_width": 100,
    },
    epilog="First time here?  occupancy demo",
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version)
@click.option(
    "--cite",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_cite,
    help="Show how to cite the program and its methods (BibTeX).",
)
def group() -> None:
    """Where is the species, really? From field files to maps and reports that can be trusted."""


def answer(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; nothing is raised."""
    session = Session()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console without our signs shows "?", and goes on
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        code: Any = group.main(arguments, prog_name="occupancy", standalone_mode=False, obj=session)
    except BaseException as error:
        from occupancy.cli import failures

        return failures.tell(error, session)
    return code if isinstance(code, int) else 0


def main() -> NoReturn:
    """Be the command on the terminal."""
    # A shell that starts a job in the background hands down a deaf ear for Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(answer())
