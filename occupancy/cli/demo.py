"""`occupancy demo`: invent a study, run all of it, and compare with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from occupancy.cli.session import Session

if TYPE_CHECKING:
    from occupancy.fit import Fit
    from occupancy.landscape import Truth

SEED = 2026


@click.command()
@click.argument(
    "target", default="demo", required=False, type=click.Path(file_okay=False, path_type=Path)
)
@click.option("--sites", default=240, show_default=True, type=click.IntRange(30, 5000))
@click.option("--open", "show", is_flag=True, help="Open the report in the browser.")
@click.pass_obj
def command(session: Session, target: Path, sites: int, show: bool) -> int:
    """Invent a landscape with a known truth, survey it, run the whole study in TARGET (demo/).

    Ends with the truth beside the estimates, and the place of the report.
    """
    import time

    from occupancy.cli import looking, steps
    from occupancy.landscape import simulate_study
    from occupancy.study import FIGURES

    begun = time.perf_counter()
    folder = session.folder / target
    if folder.exists() and any(folder.iterdir()) and not (folder / "truth.json").exists():
        raise click.UsageError(f"{folder} holds other files. Choose another: occupancy demo DIR")
    session.say(f"A made-up landscape, surveyed at {sites} sites: {steps.shown(folder)}")
    truth = simulate_study(folder, seed=session.seed or SEED, sites=sites)
    session.folder, session.seed = folder, None
    study = session.study()
    with session.writing(study):
        looking.check(session, study)
        steps.build(session, study)
        units = study.units()
        code = steps.fit(session, study, units)
        if code == steps.Exit.INTERRUPTED:
            return code
        kinds = {"maps": FIGURES, "report": study.report_outputs}
        files = steps.publish(session, study, units, kinds)
    rows = compare(truth, study.load(units[0]), study)
    inside = sum(row[-1] == "yes" for row in rows)
    session.say(f"\nThe truth beside the estimate, with {study.setting('interval'):.0%} intervals")
    session.table(("quantity", "truth", "estimate", "interval", "inside?"), rows)
    session.say(f"  {inside} of {len(rows)} inside; chance alone leaves some out.\n")
    pages = [path for path in files if path.suffix == ".html"]
    for page in pages:
        session.say(f"The report: {steps.shown(page)}", bold=True)
    session.say(f"From files to report in {time.perf_counter() - begun:.0f} s.")
    session.emit("demo", inside=inside, of=len(rows), rows=rows, report=[str(p) for p in pages])
    if show:
        for page in pages:
            click.launch(str(page.resolve()))
    return code


def compare(truth: Truth, fit: Fit, study) -> list[tuple[str, str, str, str, str]]:
    """Every quantity whose truth is known: coefficients, spreads, regions, occupied sites."""
    interval = study.setting("interval")
    rows = []

    def add(name: str, true: float, row, stem: str = "", digits: int = 2) -> None:
        mean, low, high = (row[f"{stem}{part}"] for part in ("mean", "lower", "upper"))
        rows.append(
            (
                name,
                f"{true:.{digits}f}",
                f"{mean:.{digits}f}",
                f"{low:.{digits}f} to {high:.{digits}f}",
                "yes" if low <= true <= high else "no",
            )
        )

    table = fit.coefficients(interval=interval)
    for parameter, terms in truth.coefficients.items():
        for term, value in terms.items():
            found = table[(table["parameter"] == parameter) & (table["term"] == term)]
            add(f"{parameter}: {term}", value, found.iloc[0])
    spreads = fit.variances(interval=interval)
    for parameter, groups in truth.sds.items():
        for group, value in groups.items():
            found = spreads[(spreads["parameter"] == parameter) & (spreads["group"] == group)]
            add(f"{parameter}: sd between {group}s", value, found.iloc[0])
    regions = fit.regions(layer=study.regions(), surface=study.surface(), interval=interval)
    for name, answer in truth.regions.items():
        row = regions[regions["region"] == name].iloc[0]
        add(f"{name}: psi over its area", answer["area_psi"], row, "area_psi_")
    for name, answer in truth.regions.items():
        row = regions[regions["region"] == name].iloc[0]
        add(f"{name}: sites occupied", answer["occupied"], row, "occupied_", digits=0)
    return rows
