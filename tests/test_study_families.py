"""Families through the application: study file, command, tables and page, on simulated twins."""

from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import occupancy
import surveys
from occupancy import cli
from occupancy.outputs import OutputError, effects, report, tables, trend
from occupancy.outputs.results import Results
from occupancy.study import Study
from surveys.problems import ModelError

REPORT = '\n[sample]\nengine = "ml"\n[report]\nformats = ["report", "tables"]\n'


def write(folder: Path, study: str, **files: pd.DataFrame) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "study.toml").write_text("schema = 1\n" + study + REPORT, encoding="utf-8")
    for name, table in files.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def wide(y: np.ndarray, columns: list[str], **more) -> pd.DataFrame:
    """A row for each site, a column for each visit, blank where there was none."""
    table = pd.DataFrame(y.reshape(len(y), -1), columns=columns).astype("Int64")
    table.insert(0, "site", [f"s{i:02d}" for i in range(len(y))])
    for name, values in more.items():
        table.insert(1, name, values)
    return table


# ---------------------------------------------------------------- several seasons


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """Occupancy that falls by about a third over four seasons, one of them left out."""
    rng = np.random.default_rng(8)
    n, years = 70, (2001, 2002, 2003, 2005)
    z = rng.random(n) < 0.75
    y = np.full((n, len(years), 3), np.nan)
    for t in range(len(years)):
        if t:
            z = np.where(z, rng.random(n) > 0.25, rng.random(n) < 0.1)
        y[:, t] = (rng.random((n, 3)) < 0.6) & z[:, None]
    y[:4] = np.nan  # sites that nobody has visited yet
    y[4:8, 1] = np.nan
    names = [f"s{year}v{v}" for year in years for v in (1, 2, 3)]
    folder = write(
        tmp_path_factory.mktemp("moving"),
        '[study]\ntitle = "Falling"\nspecies = "Alauda arvensis"\n[files.detections]\n'
        'path = "detections.csv"\n[model.change]\nfamily = "dynamic"\ngamma = "1"\n',
        detections=wide(y, names),
    )
    assert cli.answer(["-C", str(folder), "run"]) == 0
    return folder


@pytest.fixture(scope="module")
def seasons(moving) -> Results:
    study = Study.open(moving)
    return study.results_of(study.units()[0])


def test_seasons__tables_tell_turnover_and_change_and_what_every_column_means(moving):
    made = moving / "results" / "change" / "Alauda_arvensis" / "report"
    turnover, change = (pd.read_csv(made / f"{name}.csv") for name in ("turnover", "change"))
    assert turnover["season"].tolist() == [2001, 2002, 2003]
    assert turnover["next_season"].tolist() == [2002, 2003, 2005]
    row = change.iloc[0]
    assert (row["from_season"], row["to_season"]) == (2001, 2005)
    assert row["sample_difference_upper"] < 0
    assert row["sample_p_decline"] > 0.95
    meanings = pd.read_csv(made / "_columns.csv")
    ours = meanings[meanings["file"].isin(["turnover.csv", "change.csv", "overall.csv"])]
    assert ours["meaning"].notna().all()


def test_seasons__the_sample_is_every_site_ever_surveyed(seasons):
    assert seasons.ever_surveyed == 66
    page = report.html(seasons)
    assert "of the 66 surveyed sites in 2005" in page
    assert "share of the 66 surveyed sites that held it in 2005" in page


def test_trend__the_sentence_tells_the_change_and_the_chance_of_a_decline(seasons):
    first, last = seasons.overall["share_mean"].iloc[[0, -1]]
    told = trend.sentence(seasons)
    assert told.startswith(
        f"Between 2001 and 2005 occupancy of the surveyed sites fell from {first:.0%} to {last:.0%}"
    )
    assert re.search(
        r"Probability of any decline: >99%; of a decline of 30% or more: >?\d\d%\.", told
    )
    assert html.escape(told, quote=False) in report.html(seasons)


def test_trend__bands_lie_in_one_another_and_years_stand_at_their_distance(seasons):
    table = trend.seasons(seasons)
    inner, outer = (
        table["share_upper_50"] - table["share_lower_50"],
        (table["share_upper"] - table["share_lower"]),
    )
    assert (inner <= outer).all()
    assert (outer > 0).all()
    fig, alt = trend.figure(seasons)
    years, surveyed = fig.axes
    assert years.get_xticks().tolist() == [2001, 2002, 2003, 2005]
    assert [t.get_text() for t in surveyed.texts] == ["66", "62", "66", "66"]
    assert "2003: " in alt


def test_trend__one_season_and_a_withheld_estimate_are_refused(seasons):
    from dataclasses import replace

    with pytest.raises(OutputError, match="one season"):
        trend.figure(replace(seasons, seasons=(2005,)))
    notice = replace_level(seasons)
    with pytest.raises(OutputError, match="withheld"):
        trend.figure(notice)
    assert "Gains and losses" not in report.html(notice)


def replace_level(results: Results) -> Results:
    from dataclasses import replace

    from occupancy.outputs.results import Notice

    return replace(results, warnings=(Notice("RHAT", "block", "as the check says", {}, ""),))


def test_turnover__is_absent_with_a_reason_where_there_is_one_season():
    y = np.random.default_rng(1).integers(0, 2, (20, 3))
    fit = occupancy.Model(surveys.from_arrays(y)).fit(engine="ml")
    results = Results.from_fit(fit, quantiles=False)
    assert results.turnover is None
    assert "one season" in results.absent["turnover"]
    assert "turnover" not in tables.frames(results)


# ---------------------------------------------------------------- species together


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """A fox where there are hares, more often than elsewhere."""
    rng = np.random.default_rng(5)
    n = 90
    hare = rng.random(n) < 0.5
    fox = rng.random(n) < np.where(hare, 0.8, 0.3)
    parts = []
    for name, z in (("fox", fox), ("hare", hare)):
        y = (rng.random((n, 4)) < 0.6) & z[:, None]
        parts.append(wide(y.astype(float), ["v1", "v2", "v3", "v4"], species=[name] * n))
    return write(
        tmp_path_factory.mktemp("together"),
        '[files.detections]\npath = "detections.csv"\ncolumns = { site = "site", species = '
        '"species" }\n[model.both]\nfamily = "interacting"\nf = "1"\n"p[hare]" = "1"\n'
        "[model.apart]\n",
        detections=pd.concat(parts),
    )


def test_together__all_species_are_one_unit_with_a_page_for_each(together, capsys):
    study = Study.open(together)
    units = {unit.name: unit for unit in study.units()}
    assert list(units) == ["both · fox + hare", "apart · fox", "apart · hare"]
    assert [unit.name for unit in study.units(["both"], ["hare"])] == ["both · fox + hare"]
    assert cli.answer(["-C", str(together), "fit", "both"]) == 0
    assert cli.answer(["-C", str(together), "report", "both"]) == 0
    folder = together / "results" / "both" / "fox_hare"
    assert sorted(p.name for p in folder.iterdir()) == ["fit", "fox", "hare"]
    shared = [
        pd.read_csv(folder / name / "report" / "coefficients.csv") for name in ("fox", "hare")
    ]
    pd.testing.assert_frame_equal(*shared)
    effect = shared[0].set_index("parameter").loc["f[fox:hare]"]
    assert effect["lower"] > 0
    page = (folder / "hare" / "report" / "report.html").read_text(encoding="utf-8")
    assert "hare occupied about" in page
    assert "Interaction of fox and hare" in page
    assert "Share of the surveyed sites, given everything seen there" in page
    capsys.readouterr()
    assert cli.answer(["-C", str(together), "report", "both"]) == 0
    assert capsys.readouterr().out.count("report stands, nothing to do") == 2


def test_together__only_those_named_and_a_slip_is_told_with_its_section(together, tmp_path):
    text = (together / "study.toml").read_text(encoding="utf-8")
    (tmp_path / "detections.csv").write_bytes((together / "detections.csv").read_bytes())
    wrong = text.replace('f = "1"\n', 'f = "1"\nspecies = ["fox"]\noptions = { ordre = 2 }\n')
    (tmp_path / "study.toml").write_text(wrong, encoding="utf-8")
    study = Study.open(tmp_path)
    unit = study.units(["both"])[0]
    assert unit.members == ("fox",)
    with pytest.raises(ModelError, match=r"\[model.both\] options: .*'?order"):
        study.model(unit)
    right = wrong.replace("ordre", "order")
    (tmp_path / "study.toml").write_text(right, encoding="utf-8")
    study = Study.open(tmp_path)
    with pytest.raises(ModelError, match=r"\[model.both\] .*2 to 5 species"):
        study.model(study.units(["both"])[0])


# ---------------------------------------------------------------- what visits see


def test_times__a_study_gives_the_likelihood_of_the_arrays(tmp_path):
    rng = np.random.default_rng(2)
    n, length = 40, 30.0
    here = rng.random(n) < 0.7
    time = np.where(here[:, None], rng.exponential(20, (n, 2)), np.inf)
    time[time > length] = np.nan
    rows = pd.DataFrame(
        {
            "site": np.repeat([f"s{i:02d}" for i in range(n)], 2),
            "visit": np.tile([1, 2], n),
            "minutes": time.ravel(),
            "length": length,
        }
    )
    folder = write(
        tmp_path,
        '[files.detections]\npath = "visits.csv"\ncolumns = { site = "site", visit = "visit", '
        'time = "minutes", effort = "length" }\n[model.times]\nfamily = "time_to_detection"\n'
        'options = { times = "weibull", links = { psi = "cloglog" } }\nshape = "1"\n',
        visits=rows,
    )
    study = Study.open(folder)
    model = study.model(study.units()[0])
    assert model.links["psi"] == "cloglog"
    data = surveys.from_arrays(
        np.isfinite(time).astype(float), time=time, effort=np.full(time.shape, length)
    )
    same = occupancy.Model(data, family="time_to_detection", times="weibull")
    given = {"psi": {"Intercept": 0.3}, "rate": {"Intercept": -3.0}, "shape": {"Intercept": 0.1}}
    told = model.evaluate(given)["log_likelihood"].sum()
    given["psi"]["Intercept"] = float(np.log(np.expm1(np.exp(0.3))))  # the same psi by a logit
    assert float(told) == pytest.approx(float(same.evaluate(given)["log_likelihood"].sum()))


def test_false_positives__without_a_confirmed_visit_there_is_no_certainty(tmp_path):
    rng = np.random.default_rng(6)
    y = (rng.random((60, 4)) < 0.5) & (rng.random(60) < 0.5)[:, None]
    detections = wide(y.astype(float), ["v1", "v2", "v3", "v4"])
    types = detections.astype(object)
    types[["v1", "v2"]], types[["v3", "v4"]] = "standard", "unconfirmed"
    folder = write(
        tmp_path,
        '[files.detections]\npath = "detections.csv"\n[visit_covariates.visit_type]\n'
        'path = "types.csv"\ntype = "factor"\n[model.two]\nfamily = "false_positive"\n',
        detections=detections,
        types=types,
    )
    study = Study.open(folder)
    model = study.model(study.units()[0])
    assert list(model.formulas) == ["psi", "p11", "p10"]
    types[["v3", "v4"]] = "confirmed"
    types.to_csv(folder / "types.csv", index=False)
    study = Study.open(folder)
    assert list(study.model(study.units()[0]).formulas) == ["psi", "b", "p11", "p10"]


def test_rates__curves_are_drawn_on_their_own_scale_and_the_page_tells_the_family():
    rng = np.random.default_rng(9)
    n = 60
    x = rng.normal(size=n)
    count = rng.poisson(np.exp(1 + 0.5 * x)[:, None] * (rng.random(n) < 0.7)[:, None], (n, 3))
    data = surveys.from_arrays(
        (count > 0).astype(float), count=count.astype(float), site_covariates={"x": x}
    )
    fit = occupancy.Model(data, family="counts", rate="x").fit(engine="ml")
    results = Results.from_fit(fit, quantiles=False)
    (curve,) = effects.curves(results)
    assert curve.said.name == "Detection rate"
    assert "%" not in effects.sentence(curve)
    top = effects.panel(curve).axes[0].get_ylim()[1]
    assert top > curve.sampled["curve_upper"].max() > 2
    page = report.html(results)
    assert "Family: Occupancy from counts." in page
    assert "at a site that does not, it counts none" in page
    assert "Pautrel et al. (2023)" in page
    p = float(results.detection["p_mean"].iloc[0])
    rates = fit.coefficients().set_index(["parameter", "term"])["mean"]
    expected = 1 - np.exp(-np.exp(rates["rate", "Intercept"] + rates["rate", "x"] * x))
    assert p == pytest.approx(expected.mean(), rel=1e-6)


def test_script__declares_every_name_once():
    script = (report.TEMPLATES / "report.js").read_text(encoding="utf-8")
    names = re.findall(r"^(?:const|let|var|function) (\w+)", script, flags=re.M)
    assert len(names) > 30
    assert len(names) == len(set(names))
