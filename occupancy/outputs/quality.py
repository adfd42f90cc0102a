"""The page of the quality of a survey: what the field files hold, before any analysis.

It needs no fit. A page is one HTML file without script or network; the same figures are saved as
pictures on request. Sections that cannot be drawn are left out, with one line that says why.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occupancy.outputs import style, words
from occupancy.outputs.files import write_text
from occupancy.outputs.pictures import as_lines, as_pixels
from occupancy.outputs.quality_sheet import Drawn, Setting, clean

if TYPE_CHECKING:
    import xarray as xr

    from surveys.problems import Problem
    from surveys.quality import Section

TEMPLATES = Path(__file__).parent / "templates"
# The section: the file and function that draw it.
FIGURES: dict[str, tuple[str, str]] = {
    "operation": ("occupancy.outputs.quality_time", "operation"),
    "histories": ("occupancy.outputs.quality_visits", "histories"),
    "effort": ("occupancy.outputs.quality_places", "effort"),
    "accumulation": ("occupancy.outputs.quality_visits", "accumulation"),
    "seasons": ("occupancy.outputs.quality_visits", "seasons"),
    "covariates": ("occupancy.outputs.quality_covariates", "covariates"),
    "near_sites": ("occupancy.outputs.quality_places", "near_sites"),
    "silence": ("occupancy.outputs.quality_time", "silence"),
    "clocks": ("occupancy.outputs.quality_clocks", "clocks"),
    "activity": ("occupancy.outputs.quality_clocks", "activity"),
}
# Tables that a section may hold: what they are called, and the names of their columns.
TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "copies": ("Rows that repeat another", {"row": "row", "first": "repeats row", "text": ""}),
    "pairs": ("Sites less than 10 m apart", {"site": "site", "other": "beside", "metres": "m"}),
    "runs": (
        "Silent stretches",
        {"site": "site", "first": "from", "last": "to", "length": "length"},
    ),
    "outside": (
        "Records outside the time that a camera worked",
        {"site": "site", "n": "records", "days_before": "days before", "days_after": "days after"},
    ),
    "jumps": ("Steps back in time", {"site": "site", "row": "row", "back": "back by"}),
    "shifts": ("Clocks that may be off", {"unit": "place", "hours": "add hours", "n": "events"}),
}
LEVELS = {"warn": "Warning", "repair": "Mended", "note": "Note"}
PIXEL_DPI = 150
MOST_ROWS = 40  # of a table on the page


def draw(section: Section, setting: Setting) -> list[Drawn]:
    """The figures of one section; none where it is left out or has nothing to draw."""
    if section.left_out or section.name not in FIGURES:
        return []
    module, function = FIGURES[section.name]
    with style.drawing():
        return getattr(import_module(module), function)(section, setting)


def write_figures(
    sections: Sequence[Section], ds: xr.Dataset, folder: Path, *, regions: Any = None
) -> list[Path]:
    """Every figure as a PNG with its title and caption, in a folder made if absent."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    setting = Setting(False, caption(ds), _projected(regions, ds), _crs(ds))
    return [
        path
        for section in sections
        for drawn in draw(section, setting)
        for path in style.save(
            drawn.figure, folder, drawn.stem, alt=clean(drawn.alt), title=clean(drawn.title)
        )
    ]


def write(
    sections: Sequence[Section], ds: xr.Dataset, path: Path, *, title: str = "", regions: Any = None
) -> Path:
    """Write the page, whole or not at all."""
    return write_text(Path(path), html(sections, ds, title=title, regions=regions))


def html(
    sections: Sequence[Section], ds: xr.Dataset, *, title: str = "", regions: Any = None
) -> str:
    """The page as text."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = "".join(
        (TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "quality.css")
    )
    setting = Setting(True, "", _projected(regions, ds), _crs(ds))
    shown = [s for s in sections if not s.left_out]
    serious, notes = problems(sections, ds)
    return environment.get_template("quality.html.j2").render(
        policy=_policy(css),
        css=Markup(css),
        title=words.clean(title or ds.attrs.get("title", "") or "Survey"),
        head=clean(headline(ds, len(serious))),
        chips=chips(sections, ds, len(serious)),
        serious=serious,
        notes=notes,
        sections=[
            {
                "id": s.name.replace("_", "-"),
                "title": clean(s.title),
                "told": clean(s.told),
                "do": clean(s.do),
                "warns": s.asks,
                "pictures": [_picture(d) for d in draw(s, setting)],
                "tables": tables(s),
                "files": _files(s),
            }
            for s in shown
        ],
        left_out=[(_name(s), clean(s.left_out)) for s in sections if s.left_out],
        provenance=provenance(ds),
        repairs=_repairs(ds),
        caption=caption(ds),
    )


def headline(ds: xr.Dataset, n_serious: int) -> str:
    """What there is, and how much of it asks for a look."""
    n = {name: ds.sizes[name] for name in ("site", "season", "species")}
    what = [words.counted(n["site"], "site")]
    if n["season"] > 1:
        what.append(words.counted(n["season"], "season"))
    what.append(
        words.counted(n["species"], "species", "species")
        if n["species"] > 1
        else _species(ds["species"].values[0])
    )
    asks = (
        "nothing asks for a look"
        if not n_serious
        else f"{words.counted(n_serious, 'thing')} to look at before modelling"
    )
    return f"{', '.join(what)}: {asks}"


def _species(name: object) -> str:
    text = words.clean(name)
    return "one species" if text == "species" else text


def chips(sections: Sequence[Section], ds: xr.Dataset, n_serious: int) -> list[dict[str, str]]:
    """Short facts under the headline."""
    from surveys.schema import visit_made

    made = visit_made(ds)
    detections = int((ds["detection"] > 0).sum())
    units = words.clean(ds["effort"].attrs.get("units", ""))
    out = [
        {"number": words.count(int(made.sum())), "text": "visits made", "to": "histories"},
        {"number": words.count(detections), "text": "detections", "to": "histories"},
    ]
    if units and units != "visits":
        total = float(ds["effort"].where(made).sum())
        out.append({"number": words.count(total), "text": f"{units} of effort", "to": "effort"})
    account = next((s for s in sections if s.name == "account" and not s.left_out), None)
    if account is not None:
        rows = f"{words.count(account.numbers['used'])} of {words.count(account.numbers['read'])}"
        out.append({"number": rows, "text": "rows used", "to": "account"})
    out.append(
        {"text": words.counted(n_serious, "warning"), "kind": "warn", "to": "warnings"}
        if n_serious
        else {"text": "no warnings", "kind": "ok"}
    )
    return [{"number": "", "kind": "", "to": ""} | chip for chip in out]


def problems(
    sections: Sequence[Section], ds: xr.Dataset
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What was found in reading and in looking: warnings, then notes and repairs, by kind."""
    from surveys.ledger import Ledger

    found = [(p, "") for p in Ledger.from_json(str(ds.attrs.get("ledger", ""))).problems]
    found += [(p, s.name.replace("_", "-")) for s in sections for p in s.problems]
    kinds: dict[tuple[str, str], list[tuple[Problem, str]]] = {}
    for problem, section in found:
        kinds.setdefault((problem.level, problem.code), []).append((problem, section))
    blocks = [_block(kind) for kind in kinds.values()]
    serious = [b for b in blocks if b["level"] in ("warn", "error")]
    return serious, [b for b in blocks if b["level"] not in ("warn", "error")]


def _block(kind: list[tuple[Problem, str]]) -> dict[str, Any]:
    first, section = kind[0]
    facts = list(dict.fromkeys(clean(p.fact) for p, _ in kind))
    return {
        "code": first.code,
        "level": first.level,
        "name": LEVELS.get(first.level, "Warning"),
        "facts": facts[:8],
        "more": len(facts) - 8,
        "why": clean(first.why),
        "cure": clean(first.cure),
        "to": section if section and first.level == "warn" else "",
    }


def _name(section: Section) -> str:
    return clean(section.title)


def _files(section: Section) -> list[dict[str, Any]]:
    """The account of each file, with the rules that set rows aside."""
    return [
        {
            "file": words.clean(f.file),
            "read": words.count(f.read),
            "used": words.count(f.used),
            "aside": words.count(f.aside),
            "share": f"{100 * f.used / f.read:.1f}" if f.read else "0",
            "rules": [
                {
                    "rule": words.clean(r.rule),
                    "n": words.count(r.n),
                    "rows": words.clean(r.rows),
                    "example": words.clean(r.example),
                }
                for r in f.rules
            ],
        }
        for f in getattr(section, "files", ())
    ]


def tables(section: Section) -> list[dict[str, Any]]:
    """Small tables under a figure: the places to go to."""
    out = []
    for name, (head, columns) in TABLES.items():
        table = getattr(section, name, None)
        if table is None or not hasattr(table, "columns") or not len(table):
            continue
        rows = [
            [_cell(key, getattr(row, key)) for key in columns]
            for row in table.head(MOST_ROWS).itertuples()
        ]
        out.append(
            {
                "head": f"{head} ({words.count(len(table))})",
                "columns": list(columns.values()),
                "rows": rows,
                "more": max(len(table) - MOST_ROWS, 0),
            }
        )
    return out


def _cell(key: str, value: Any) -> str:
    from surveys.quality.said import span

    if key == "back":
        return span(float(value))
    if key == "hours":
        return f"{int(value):+d}".replace("-", words.MINUS)
    if isinstance(value, float):
        return words.decimal(value, 1)
    return words.clean(value)


def _picture(drawn: Drawn) -> dict[str, Any]:
    """A figure as a data address with its alternative text."""
    width = drawn.figure.get_size_inches()[0]
    size = "wide" if width > 9 else "half" if width > 5.5 else "slim"
    told = {"label": clean(drawn.label), "size": size, "alt": clean(drawn.alt)}
    if drawn.pixels:
        return as_pixels(drawn.figure, told["alt"], PIXEL_DPI) | told
    return as_lines(drawn.figure, told["alt"]) | told


def provenance(ds: xr.Dataset) -> list[tuple[str, str]]:
    """Version, time, study file and every input with size and checksum."""
    told = _provenance(ds)
    rows = [
        (label, words.clean(told[key]))
        for key, label in (
            ("program", "program"),
            ("read_utc", "read at (UTC)"),
            ("study", "study file"),
            ("study_sha256", "study file (sha256)"),
        )
        if told.get(key)
    ]
    for found in told.get("inputs", []):
        size = found.get("bytes")
        parts = [
            words.counted(found["rows"], "row") if "rows" in found else "",
            f"{words.count(size)} bytes" if size is not None else "",
            str(found.get("encoding") or ""),
            f"separator {found['separator']}" if found.get("separator") else "",
            f"sha256 {found['sha256']}" if found.get("sha256") else "",
        ]
        rows.append(
            (words.clean(found.get("file", "")), words.clean(", ".join(filter(None, parts))))
        )
    return rows


def _repairs(ds: xr.Dataset) -> list[str]:
    return [clean(fact) for fact in _provenance(ds).get("repairs", [])]


def _provenance(ds: xr.Dataset) -> dict[str, Any]:
    text = str(ds.attrs.get("provenance", ""))
    return json.loads(text) if text else {}


def caption(ds: xr.Dataset) -> str:
    """What the page and its figures rest on, in one line."""
    told = _provenance(ds)
    crs = _crs(ds)
    parts = [
        words.clean(ds.attrs.get("title", "")),
        words.clean(told.get("program", "")),
        f"read {told['read_utc']}" if told.get("read_utc") else "",
        f"study file {told['study_sha256'][:12]}" if told.get("study_sha256") else "",
        crs.name if crs is not None else "",
    ]
    return " · ".join(p for p in parts if p)


def _policy(css: str) -> str:
    """A content security policy: this page's own style, pictures inside it, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(css.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )


def _crs(ds: xr.Dataset) -> Any:
    if "spatial_ref" not in ds:
        return None
    from surveys.places import working_crs

    return working_crs(ds)


def _projected(regions: Any, ds: xr.Dataset) -> Any:
    crs = _crs(ds)
    if regions is None or crs is None or not len(regions):
        return None
    return regions.to_crs(crs)
