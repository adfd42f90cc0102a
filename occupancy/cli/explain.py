"""`occupancy explain`: half a screen on a code, a term or a family, without a network."""

from __future__ import annotations

import difflib
import textwrap
import tomllib
from pathlib import Path

import click

from occupancy import families
from occupancy.cli.session import Session
from occupancy.families.catalogue import about

CATALOGUE = Path(__file__).parent / "data"
WIDTH = 88
NOT_ALSO = ("false positive",)  # a term of its own


@click.command()
@click.argument("subject", required=False, metavar="[CODE|TERM]")
@click.pass_obj
def command(session: Session, subject: str | None) -> int:
    """Explain a code, a term or a model family in half a screen; without a subject, list them."""
    entries = catalogue()
    if subject is None:
        session.table(("subject", "in a line"), [(n, e["title"]) for n, e in entries.items()])
        session.emit("catalogue", entries={name: entry["title"] for name, entry in entries.items()})
        return 0
    name = find(subject, entries)
    entry = entries[name]
    session.say(f"{name}  {entry['title']}", bold=True)
    for label, key in (("", "text"), ("When", "when"), ("What to do", "cure"), ("See", "source")):
        if key in entry:
            session.say()
            session.say(_laid_out(entry[key], label))
    session.emit("explain", subject=name, **entry)
    return 0


def catalogue() -> dict[str, dict[str, str]]:
    """Every entry by its name: warnings, errors, terms, families."""
    entries: dict[str, dict[str, str]] = {}
    for part in ("warnings", "errors", "terms"):
        text = (CATALOGUE / f"{part}.toml").read_text(encoding="utf-8")
        entries |= tomllib.loads(text)
    return entries | {name: _family(name) for name in families.FAMILIES}


def _family(name: str) -> dict[str, str]:
    """A model family in half a screen."""
    said = about(name)
    plain = name.replace("_", " ")
    return {
        "title": f"Model family: {said.use}",
        "also": "" if plain == name or plain in NOT_ALSO else plain,
        "text": "  ".join([f"Data: {said.data}", *said.story]),
    }


def find(subject: str, entries: dict[str, dict[str, str]]) -> str:
    """Name of the entry that is meant, whatever its capitals; by another of its names too."""
    names = {name.casefold(): name for name in entries}
    for name, entry in entries.items():
        for other in entry.get("also", "").split(","):
            if other.strip():
                names.setdefault(other.strip().casefold(), name)
    wanted = subject.strip().casefold()
    if wanted in names:
        return names[wanted]
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    meant = dict.fromkeys(names[n] for n in near)
    hint = f" Did you mean {' or '.join(meant)}?" if near else ""
    raise click.UsageError(f'Nothing is known of "{subject}".{hint} All: occupancy explain')


def _laid_out(text: str, label: str) -> str:
    parts = [
        textwrap.fill(part, WIDTH, initial_indent="  ", subsequent_indent="  ")
        for part in " ".join(text.split("\n")).split("  ")
        if part.strip()
    ]
    return "\n".join([f"  {label}:", *parts] if label else parts)
