"""Write docs/families.md from the families themselves, so that the page cannot drift from them.

python scripts/families_page.py
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from occupancy import families
from occupancy.families.base import Family, Parameter
from occupancy.families.catalogue import about

PAGE = Path(__file__).parent.parent / "docs" / "families.md"
# Options that name things of the user's, as the page shows them.
EXAMPLES: dict[str, dict[str, Any]] = {
    "interacting": {"species": ("A", "B", "C")},
    "integrated": {"sources": ("A", "B")},
}
HEAD = """# The families

A family is a model of how the species is where it is and how visits see it. `[model.NAME]
family = "dynamic"` chooses one in a study file, `Model(data, family="dynamic")` in Python. Every
parameter takes a formula of its own; one without a formula is the same everywhere. Options stand in
`options = {{ start = "equilibrium" }}`, or in Python beside the formulas.

Written by `scripts/families_page.py` from the code; a test holds it to the code.

| family | when to use it |
| --- | --- |
{table}
"""
FOOT = """
## Options of every family

| option | meaning |
| --- | --- |
| `links` | link of a parameter, `options = {{ links = {{ psi = "cloglog" }} }}`; the first one listed is the default |
| `known_occupied` | a covariate of the sites, 1 where the species is known to be; families {known} |
"""  # noqa: E501


def variants(name: str) -> Iterator[tuple[dict[str, Any], Family]]:
    """A family with every combination of the values of its options, the defaults first."""
    told = {
        option: [None, *entry["values"]]
        for option, entry in about(name).options.items()
        if entry["values"] != ["..."]
    }
    for values in product(*told.values()):
        chosen = {k: v for k, v in zip(told, values, strict=True) if v is not None}
        yield chosen, families.get(name, **EXAMPLES.get(name, {}), **chosen)


def page() -> str:
    """The page as text."""
    rows = "\n".join(f"| [{n}](#{n}) | {about(n).use} |" for n in families.FAMILIES)
    known = ", ".join(f"`{n}`" for n in families.FAMILIES if next(variants(n))[1].takes_known)
    parts = [HEAD.format(table=rows), *map(section, families.FAMILIES), FOOT.format(known=known)]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def section(name: str) -> str:
    """One family."""
    said = about(name)
    made = list(variants(name))
    plain = made[0][1]
    lines = [f"## {name}", "", f"{plain.title}. {said.use}", ""]
    lines += [f"**Data.** {said.data}", ""]
    lines += [f"{paragraph}\n" for paragraph in said.story]
    lines += [*(f"    {line}" for line in said.maths), ""]
    lines += ["| parameter | meaning | may vary over | links |", "| --- | --- | --- | --- |"]
    lines += [_row(p, plain, "") for p in plain.parameters]
    told = {p.name for p in plain.parameters}
    for chosen, family in made[1:]:
        by = ", ".join(f"`{k} = {_toml(v)}`" for k, v in chosen.items())
        new = [p for p in family.parameters if p.name not in told]
        lines += [_row(p, family, f" (with {by})") for p in new]
        told |= {p.name for p in new}
    shared = dict.fromkeys(p.short for _, f in made for p in f.parameters if p.short)
    if shared:
        names = ", ".join(f"`{name}`" for name in shared)
        lines += ["", f"One formula for all of a kind may be given as {names}."]
    if said.options:
        lines += ["", "| option | values | meaning |", "| --- | --- | --- |"]
        for option, entry in said.options.items():
            values = ", ".join(f"`{_toml(v)}`" if v != "..." else "a name" for v in entry["values"])
            lines.append(f"| `{option}` | {values} | {entry['text']} |")
    lines += ["", f"Source: {plain.source}."]
    return "\n".join(lines)


def _row(p: Parameter, family: Family, only: str) -> str:
    step = "visit" if family.steps == "visit" else "unit" if family.closed else "season"
    varies = {
        "site": "sites",
        "season": f"sites, {step}s",
        "interval": f"sites, intervals between {step}s",
        "visit": "sites, visits" if step == "visit" else f"sites, {step}s, visits",
    }[p.level]
    return f"| `{p.name}`{only} | {p.meaning} | {varies} | {', '.join(p.links)} |"


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
