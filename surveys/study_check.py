"""The strict check of a study file: an unknown key is an error, as is a value of another kind."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.readers import plugged
from surveys.study_keys import (
    ALIAS,
    ANY,
    DAY,
    MODEL,
    NUMBER,
    OF_A_LABEL,
    OPTIONS,
    SECTIONS,
    TEXT,
    TEXT_OR_TEXTS,
    TEXTS,
    WHOLE,
    WHOLES,
    YES,
    YES_OR_TEXT,
)


def check(config: Mapping[str, Any], file: str, ledger: Ledger) -> None:
    """Tell every unknown key (with the nearest known one) and every value of a wrong type."""
    sections = {**SECTIONS, **plugged.sections_of(config)}
    for key, value in config.items():
        if key == "model":
            _check_models(value, file, ledger)
        elif key not in sections:
            _unknown(key, "", [*sections, "model"], file, ledger)
        else:
            _check(value, sections[key], key, file, ledger)
    if "schema" not in config:
        ledger.error(
            "E402",
            f"{file} does not say which schema it follows",
            file=file,
            cure="write schema = 1 as its first line",
        )
    elif config["schema"] != 1 or isinstance(config["schema"], bool):
        ledger.error(
            "E402",
            f"{file}: schema = {config['schema']!r} is not known; this version reads schema = 1",
            file=file,
            cure="write schema = 1, or install a newer version of the program",
        )


def _check_models(value: Any, file: str, ledger: Ledger) -> None:
    if not isinstance(value, Mapping):
        _wrong(value, "a table", "model", file, ledger)
        return
    if is_one_model(value):
        _check_model(value, "model", file, ledger)
        return
    for name, model in value.items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
            ledger.error(
                "E403",
                f'{file}: "{name}" cannot be the name of a model',
                file=file,
                cure="use letters, digits, _ and - (it names a folder of results)",
            )
        _check_model(model, f"model.{name}", file, ledger)


def _check_model(model: Any, place: str, file: str, ledger: Ledger) -> None:
    """One model: its keys, a formula for each label where the key says so, no option as a key."""
    if not isinstance(model, Mapping):
        _check(model, MODEL, place, file, ledger)
        return
    rest = {}
    for key, value in model.items():
        if OF_A_LABEL.fullmatch(key):
            _check(value, TEXT, f"{place}.{key}", file, ledger)
        elif key in OPTIONS or key.startswith("link_"):
            _told_as_key(key, value, place, file, ledger)
        else:
            rest[key] = value
    _check(rest, MODEL, place, file, ledger)


def _told_as_key(key: str, value: Any, place: str, file: str, ledger: Ledger) -> None:
    """An option of the model that stands among its formulas."""
    shown = _toml(value) if isinstance(value, str | bool | int | float) else OPTIONS.get(key, "...")
    cure = f"options = {{ {key} = {shown} }}"
    if key.startswith("link_"):
        cure = f"options = {{ links = {{ {key.removeprefix('link_')} = {shown} }} }}"
    ledger.error(
        "E404",
        f'{file}: [{place}] has a key "{key}", which is an option of the model',
        file=file,
        why="the keys of a model are the formulas of its parameters",
        cure=f"write {cure}",
    )


def is_one_model(section: Mapping[str, Any]) -> bool:
    """Whether `[model]` is one model itself, not a table of named models."""
    return any(not isinstance(v, Mapping) for v in section.values()) or set(section) <= {
        "priors",
        "options",
        "centring",
    }


def _check(value: Any, wanted: Any, place: str, file: str, ledger: Ledger) -> None:
    if isinstance(wanted, dict):
        if not isinstance(value, Mapping):
            _wrong(value, "a table", place, file, ledger)
            return
        for key, inner in value.items():
            if "*" in wanted:
                _check(inner, wanted["*"], f"{place}.{key}", file, ledger)
            elif key in wanted:
                _check(inner, wanted[key], f"{place}.{key}", file, ledger)
            else:
                _unknown(key, place, list(wanted), file, ledger)
    elif isinstance(wanted, list):
        if not isinstance(value, list):
            _wrong(value, f"a list of tables: [[{place}]]", place, file, ledger)
            return
        for inner in value:
            _check(inner, wanted[0], place, file, ledger)
    elif isinstance(wanted, set):
        kinds = {type(w) for w in wanted}
        if type(value) not in kinds or value not in wanted:
            choices = " or ".join(_toml(w) for w in sorted(wanted, key=str))
            _wrong(value, choices, place, file, ledger)
    elif not _fits(value, wanted):
        _wrong(value, wanted, place, file, ledger)


def _fits(value: Any, wanted: str) -> bool:
    texts = isinstance(value, list) and all(isinstance(v, str) for v in value)
    whole = isinstance(value, list) and all(type(v) is int for v in value)
    return {
        TEXT: isinstance(value, str),
        DAY: isinstance(value, str | dt.date),
        WHOLE: isinstance(value, int) and not isinstance(value, bool),
        NUMBER: isinstance(value, int | float) and not isinstance(value, bool),
        YES: isinstance(value, bool),
        TEXTS: texts,
        WHOLES: whole,
        TEXT_OR_TEXTS: texts or isinstance(value, str),
        YES_OR_TEXT: isinstance(value, bool | str),
        ALIAS: isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values()),
        ANY: True,
    }[wanted]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _parts(place: str) -> tuple[str, str]:
    section, _, key = place.rpartition(".")
    return (f"[{section}]", key) if section else ("", key)


def _unknown(key: str, place: str, known: list[str], file: str, ledger: Ledger) -> None:
    where = f"[{place}] " if place else ""
    has = f"It may hold: {listing(known, 30)}" if known else "It holds no keys yet"
    ledger.error(
        "E404",
        f'{file}: {where}has a key "{key}" that is not known.{did_you_mean(key, known)}'
        if place
        else f'{file} has a section "{key}" that is not known.{did_you_mean(key, known)}',
        file=file,
        why="a misspelt key would leave a setting out in silence",
        cure=has[0].lower() + has[1:],
    )


def _wrong(value: Any, wanted: str, place: str, file: str, ledger: Ledger) -> None:
    section, key = _parts(place)
    shown = _toml(value) if isinstance(value, str | bool | int | float) else type(value).__name__
    shown = {"dict": "a table", "list": "a list"}.get(shown, shown)
    ledger.error(
        "E405",
        f"{file}: {section + ' ' if section else ''}{key} is {shown}; it must be {wanted}",
        file=file,
    )
