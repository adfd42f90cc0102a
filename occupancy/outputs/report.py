"""The report: one HTML file that needs no network, no library and, for its numbers, no script.

Warnings stand before the findings. A strict content security policy names the page's one style and
one script by hash; data of the user travel as JSON text and reach the page as text nodes only.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occupancy.outputs import (
    OutputError,
    community,
    detection_figure,
    effects,
    forest,
    histories,
    notices,
    paired_map,
    report_blocks,
    report_community,
    report_data,
    report_regions,
    richness_map,
    shrinkage,
    style,
    trend,
    variance_figure,
    words,
)
from occupancy.outputs.files import write_text
from occupancy.outputs.headline import caption, headline
from occupancy.outputs.pictures import address, as_lines
from occupancy.outputs.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATES = Path(__file__).parent / "templates"
STILL_DPI = 115


def write(results: Results, folder: Path, *, stem: str = "report") -> list[Path]:
    """Write `report.html`, whole or not at all."""
    return [write_text(Path(folder) / f"{stem}.html", html(results))]


def html(results: Results) -> str:
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
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    data = report_data.page_data(results)
    still = _small(paired_map.figure, results)
    return environment.get_template("report.html.j2").render(
        policy=policy(css, script),
        css=Markup(css),
        script=Markup(script),
        data=Markup(report_data.as_json(data)),
        title=results.title or f"{results.species_name}: occupancy report",
        head=headline(results),
        caption=caption(results),
        chips=report_blocks.chips(results),
        warnings=notices.warnings(results),
        still=still,
        seen={"src": "", "why": ""} if still["src"] else _small(histories.figure, results),
        two=report_regions.two_occupancies(results),
        regions=report_regions.regions(results),
        trends=report_blocks.trends(results),
        trend=_picture(trend.figure, results) if len(results.seasons) > 1 else None,
        changed=_or_why(trend.sentence, results) if len(results.seasons) > 1 else "",
        turnover=report_blocks.turnover(results),
        states=report_blocks.states(results),
        individuals=report_blocks.individuals(results),
        community=report_community.community(results),
        leaning=_picture(community.figure, results),
        leaning_title=community.TITLE,
        leans=_or_why(community.sentence, results),
        richness=_small(richness_map.figure, results) if results.community else {"src": ""},
        forest=_picture(forest.figure, results),
        curves=_curves(results),
        curve_note=_or_why(effects.note, results),
        coefficients=report_blocks.coefficients(results),
        pooling=shrinkage.title(results),
        shrinkage=_picture(shrinkage.figure, results, 5.4),
        moved=shrinkage.sentence(results) if results.shrinkage is not None else "",
        others=_other_poolings(results),
        compared=report_blocks.compared(results),
        detection=_picture(detection_figure.figure, results, 5.4),
        sampled=results.engine != "ml",
        seeing=_or_why(detection_figure.sentence, results),
        model=report_blocks.model(results),
        ledger=report_blocks.ledger(results),
        diagnostics=report_blocks.diagnostics(results),
        hypers=report_blocks.hyperparameters(results),
        differ=_picture(variance_figure.figure, results),
        differing=_sentences(results),
        provenance=report_blocks.provenance(results),
        citation=report_blocks.citation(results),
        interval=words.interval_name(results.interval, results.engine),
        has_cells=results.cells is not None,
        with_regions=results.shrinkage is not None,
    )


def _other_poolings(results: Results) -> list[dict[str, str]]:
    """Pictures of the groupings beside the regions: parks, observers."""
    return [
        _picture(partial(shrinkage.figure, by=by), results, 5.4)
        | {"title": shrinkage.title(results, by)}
        for by in results.poolings
    ]


def policy(css: str, script: str) -> str:
    """A content security policy that allows this page's own style and script, and nothing else."""
    style_hash, script_hash = (
        base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
        for text in (css, script)
    )
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'; "
        f"script-src 'sha256-{script_hash}'; base-uri 'none'; form-action 'none'"
    )


def _sentences(results: Results) -> list[str]:
    try:
        return variance_figure.sentences(results)
    except OutputError:
        return []


def _or_why(ask: Callable[[Results], str], results: Results) -> str:
    try:
        return ask(results)
    except OutputError as error:
        return str(error)


def _picture(
    draw: Callable[..., tuple[Figure, str]], results: Results, width: float = 7.4
) -> dict[str, Any]:
    """A figure as a data address with its alternative text, or the reason why there is none."""
    try:
        figure, alt = draw(results, bare=True, width=width)
    except OutputError as error:
        return {"src": "", "why": str(error)}
    return as_lines(figure, alt)


def _curves(results: Results) -> list[dict[str, Any]]:
    """Every curve as a picture of its own, so that the page can lay them out in its width."""
    try:
        drawn = effects.curves(results)[: effects.MOST]
    except OutputError:
        return []
    with style.drawing():
        return [as_lines(effects.panel(c), effects.sentence(c)) for c in drawn]


def _small(draw: Callable[..., tuple[Figure, str]], results: Results) -> dict[str, Any]:
    """A figure as a small picture, for readers without scripts."""
    from PIL import Image

    try:
        figure, alt = draw(results)
    except OutputError as error:
        return {"src": "", "why": str(error)}
    out = io.BytesIO()
    with style.drawing():
        figure.savefig(out, format="png", dpi=STILL_DPI)
    small = io.BytesIO()
    Image.open(out).convert("RGB").save(small, "webp", quality=72, method=4)
    width, height = (round(v * STILL_DPI) for v in figure.get_size_inches())
    return {
        "src": address(small.getvalue(), "image/webp"),
        "alt": alt,
        "width": width,
        "height": height,
    }
