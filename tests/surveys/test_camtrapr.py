"""camtrapR's own samples give what camtrapR gives, apart from the differences that are meant."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surveys import read
from surveys.ledger import Ledger

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "camtrapr"
EXPECTED = DATA / "expected"
CASES = json.loads((DATA / "expected.json").read_text())["cases"] if DATA.is_dir() else {}
reference = pytest.mark.reference


def study_of(case, folder):
    """The study file of one call of detectionHistory, and its tables beside it."""
    several = "recordTable" in case
    stations = pd.read_csv(
        DATA / ("camtrapsMultiSeason.csv" if several else "camtraps.csv"), dtype=str
    )
    if case["camop"] == "camop_no_problem":
        stations = stations.drop(columns=["Problem1_from", "Problem1_to"])
    stations.to_csv(folder / "stations.csv", index=False)
    records = DATA / f"{case.get('recordTable', 'recordTableSample')}.csv"
    (folder / "records.csv").write_bytes(records.read_bytes())
    day1 = case["day1"]
    start = {"station": '"site"', "survey": '"survey"'}.get(day1, day1)
    lines = [
        "schema = 1",
        '[source]\nformat = "camtrapr"',
        '[files.detections]\npath = "records.csv"',
        '[files.deployments]\npath = "stations.csv"',
        '[sites]\ncrs = "EPSG:32650"',
        f"[occasions]\nlength_days = {case['occasionLength']}\nstart = {start}",
    ]
    if not case["includeEffort"]:
        lines.append('incomplete = "drop"')
    for theirs, ours in (
        ("minActiveDaysPerOccasion", "min_effort_days"),
        ("buffer", "skip_days"),
        ("maxNumberDays", "max_days"),
    ):
        if theirs in case:
            lines.append(f"{ours} = {case[theirs]}")
    if case["camop"].endswith("start12h"):
        lines.append('[time]\nday_starts = "12:00"')
    if several:
        lines.append('[seasons]\nby = "column"')
    (folder / "study.toml").write_text("\n".join(lines) + "\n")
    return folder


def wide(variable):
    """A row for each site and season in which it was surveyed, a column for each visit."""
    table = variable.stack(row=("season", "site")).transpose("row", "visit")
    return pd.DataFrame(table.values, index=[(s, y) for y, s in table["row"].values])


def theirs(name, season=None):
    table = pd.read_csv(EXPECTED / f"{name}.csv", index_col=0)
    table.columns = range(table.shape[1])
    return table.astype(float)


def trimmed(frame):
    """Without columns and rows that hold nothing."""
    kept = frame.dropna(axis=0, how="all")
    last = np.flatnonzero(kept.notna().any(axis=0).to_numpy())[-1] + 1
    return kept.iloc[:, :last]


def rows_of(expected, case, seasons):
    """Their rows as (site, season); side-by-side seasons one under the other."""
    if case.get("unmarkedMultFrameInput"):
        n = expected.shape[1] // len(seasons)
        parts = [expected.iloc[:, i * n : (i + 1) * n] for i in range(len(seasons))]
        for season, part in zip(seasons, parts, strict=True):
            part.columns = range(n)
            part.index = [(s, season) for s in part.index]
        return pd.concat(parts)
    names = [str(r).split("__SESS_") for r in expected.index]
    expected.index = [(p[0], int(p[1]) if len(p) > 1 else seasons[0]) for p in names]
    return expected


@reference
@pytest.mark.skipif(not DATA.is_dir(), reason="the samples are not beside the project")
@pytest.mark.parametrize("name", CASES)
def test_the_calls_of_camtrapr(name, tmp_path):
    case = CASES[name]
    ds = read(study_of(case, tmp_path))
    seasons = [int(s) for s in ds["season"].values]
    what = ds["n_records"] if case["output"] == "count" else ds["detection"]
    ours = trimmed(wide(what.sel(species=case["species"])))
    wanted = trimmed(rows_of(theirs(f"{name}__y"), case, seasons))
    pd.testing.assert_frame_equal(ours.sort_index(), wanted.sort_index(), check_dtype=False)
    if not (EXPECTED / f"{name}__effort.csv").exists():
        return
    effort = rows_of(theirs(f"{name}__effort"), case, seasons)
    if case.get("scaleEffort"):
        centre, sd = theirs_scaling(name)
        effort = effort * sd + centre
    if case["occasionLength"] == 1:
        effort = effort.replace(0.0, np.nan)  # a day without effort is no visit, so it is missing
    ours = trimmed(wide(ds["effort"]))
    wanted = trimmed(effort)
    pd.testing.assert_frame_equal(ours.sort_index(), wanted.sort_index(), check_dtype=False)


def theirs_scaling(name):
    table = pd.read_csv(EXPECTED / f"{name}__scaling.csv")
    return table.iloc[0].tolist()


@reference
@pytest.mark.skipif(not DATA.is_dir(), reason="the samples are not beside the project")
def test_the_sample__numbers_of_the_survey(tmp_path):
    case = CASES["ALL_PBE_7d_survey_effort_problems"]
    ds = read(study_of(case, tmp_path))
    told = json.loads((DATA / "expected.json").read_text())
    assert ds.sizes["site"] == told["n_sites"]
    assert ds.sizes["visit"] == told["n_occasions_7d_survey"]
    assert list(ds["species"].values) == sorted(told["species"])
    days = dict(zip(ds["site"].values, ds["effort"].sum(("season", "visit")).values, strict=True))
    assert days == told["trap_days"]["with_problem"]
    for species, wanted in told["species"].items():
        seen = ds["detection"].sel(species=species)
        assert int(seen.sum()) == wanted["site_occasions_detected"]
        assert int((seen > 0).any(("season", "visit")).sum()) == wanted["sites_detected"]
        assert int(ds["n_records"].sel(species=species).sum()) == wanted["records"]
    ledger = Ledger.from_json(ds.attrs["ledger"])
    assert ledger.n_used("records.csv") == told["n_records"]
    assert ledger.n_aside() == 0
