"""A study's units of work: made once, kept while nothing changed, never half, never damaged."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from occupancy import cli, store
from occupancy.study import Study
from occupancy.units import folder_name, folder_names

STUDY = """
schema = 1
[study]
title = "Owls"
species = "Strix aluco"
[source]
format = "wide"
[files.detections]
path = "detections.csv"
columns = { site = "site" }
[wide]
visits = ["v1", "v2"]
[model.plain]
psi = "1"
p = "1"
[model.second]
family = "single_season"
psi = "1"
p = "1"
engine = "ml"
[model.second.priors.psi]
Intercept = "normal(0, 1.5)"
[sample]
seed = 5
draws = 20
"""


@dataclass
class Verdict:
    """A check's answer, as fits give it."""

    code: str
    level: str
    message: str = "as the check says"


@dataclass
class StandIn:
    """Stands for a model and its fit, and keeps what it was asked."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[Verdict] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    fails: BaseException | None = None

    def model(self, data: Any, **spec: Any) -> StandIn:
        self.spec = {"species": [str(name) for name in data["species"].values], **spec}
        return self

    def fit(self, progress: Any, **settings: Any) -> StandIn:
        self.calls.append({**self.spec, **settings})
        if self.fails:
            raise self.fails
        return self

    def save(self, folder: Path) -> None:
        with store.new_folder(folder) as inner:
            (inner / "draws.json").write_text(json.dumps(len(self.calls)), encoding="utf-8")
            store.finish(inner, store.Manifest("fit"))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    made = StandIn()
    module = ModuleType("occupancy.model")
    module.Model = made.model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "occupancy.model", module)
    monkeypatch.setattr(Study, "results_of", lambda self, unit, show_blocked=False: unit)

    def write(name: str, results: Any, folder: Path) -> list[Path]:
        from occupancy.outputs import OutputError

        if name == "paired-map":
            raise OutputError("The sites have no coordinates, so there is no map.")
        path = folder / f"{name}.txt"
        path.write_text(results.name, encoding="utf-8")
        return [path]

    monkeypatch.setattr("occupancy.outputs.write", write)
    return made


@pytest.fixture
def folder(tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "detections.csv").write_text("site,v1,v2\nA,0,1\nB,0,0\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def states(folder: Path) -> list[str]:
    study = Study.open(folder)
    return [study.state(unit).word for unit in study.units()]


def test_fit__units_with_their_settings_and_a_second_time_nothing_to_do(
    folder: Path, stand_in: StandIn, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer(["fit", "--chains", "2"]) == 0
    plain, second = stand_in.calls
    assert plain["species"] == ["Strix aluco"]
    assert (plain["engine"], plain["seed"], plain["draws"], plain["chains"]) == ("nuts", 5, 20, 2)
    assert second["engine"] == "ml"
    assert second["priors"] == {"psi": {"Intercept": "normal(0, 1.5)"}}
    assert "draws" not in second
    assert (folder / "results" / "plain" / "Strix_aluco" / "fit" / "manifest.json").exists()
    capsys.readouterr()
    assert cli.answer(["fit", "--chains", "2"]) == 0
    assert capsys.readouterr().out.count("nothing to do") == 2
    assert len(stand_in.calls) == 2


def test_fit__manifest_tells_what_the_unit_rests_on(folder: Path):
    assert cli.answer(["fit", "plain"]) == 0
    manifest = store.verify(folder / "results" / "plain" / "Strix_aluco" / "fit")
    assert manifest.seed == 5
    assert manifest.inputs == {"detections.csv": store.digest_file(folder / "detections.csv")}
    assert manifest.settings["spec"] == {"psi": "1", "p": "1"}
    assert manifest.versions["numpy"]


def test_fit__changed_data_model_or_settings_make_a_unit_stale_and_nothing_else_does(
    folder: Path, stand_in: StandIn
):
    assert cli.answer(["fit"]) == 0
    text = (folder / "study.toml").read_text(encoding="utf-8")
    (folder / "study.toml").write_text(
        text + "[report]\ninterval = 0.5\n[map]\nseason = 1\n", encoding="utf-8"
    )
    assert states(folder) == ["finished", "finished"]
    (folder / "study.toml").write_text(text.replace("seed = 5", "seed = 6"), encoding="utf-8")
    assert states(folder) == ["stale", "finished"]  # maximum likelihood draws nothing
    changed = text.replace(
        'psi = "1"\np = "1"\n[model.second]', 'psi = "0"\np = "1"\n[model.second]'
    )
    (folder / "study.toml").write_text(changed, encoding="utf-8")
    assert states(folder) == ["stale", "finished"]
    (folder / "study.toml").write_text(text, encoding="utf-8")
    assert states(folder) == ["finished", "finished"]
    (folder / "detections.csv").write_text("site,v1,v2\nA,1,1\nB,0,0\n", encoding="utf-8")
    assert states(folder) == ["stale", "stale"]


def test_fit__damaged_unit_is_noticed_and_made_again(
    folder: Path, stand_in: StandIn, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer(["fit", "plain"]) == 0
    draws = folder / "results" / "plain" / "Strix_aluco" / "fit" / "posterior" / "draws.json"
    draws.write_text("2", encoding="utf-8")
    assert states(folder)[0] == "damaged"
    capsys.readouterr()
    assert cli.answer(["fit", "plain"]) == 0
    assert "is damaged" in capsys.readouterr().err
    assert states(folder)[0] == "finished"


def test_report__of_a_damaged_unit_shows_no_number(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer(["fit", "plain"]) == 0
    unit = Study.open(folder).units(["plain"])[0]
    (unit.fit_folder / "posterior" / "draws.json").write_text("9", encoding="utf-8")
    with pytest.raises(store.StoreError, match="is damaged"):
        Study.open(folder).load(unit)


def test_fit__interrupted_unit_leaves_what_stood_and_exits_130(folder: Path, stand_in: StandIn):
    assert cli.answer(["fit", "plain"]) == 0
    stand_in.fails = KeyboardInterrupt()
    assert cli.answer(["fit", "plain", "--force"]) == 130
    assert states(folder)[0] == "finished"
    assert not (folder / "results" / ".lock").exists()


def test_fit__cut_off_draws_are_kept_as_partial_and_fitted_again(
    folder: Path, stand_in: StandIn, capsys: pytest.CaptureFixture[str]
):
    stand_in.warnings = [Verdict("PARTIAL", "block")]
    assert cli.answer(["fit"]) == 130
    assert len(stand_in.calls) == 1  # the second unit is not begun
    assert states(folder) == ["partial", "absent"]
    stand_in.warnings = []
    assert cli.answer(["fit"]) == 0
    assert states(folder) == ["finished", "finished"]


def test_fit__blocked_result_exits_4_each_time(
    folder: Path, stand_in: StandIn, capsys: pytest.CaptureFixture[str]
):
    stand_in.warnings = [Verdict("RHAT", "block"), Verdict("PSTAR", "note")]
    assert cli.answer(["fit", "plain"]) == 4
    assert cli.answer(["-q", "fit", "plain"]) == 4
    assert capsys.readouterr().err.count("✗ RHAT") == 2


def test_fit__dry_run_says_what_would_be_done_and_does_nothing(
    folder: Path, stand_in: StandIn, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer(["fit", "--dry-run", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(event["model"], event["would"]) for event in events] == [
        ("plain", "fit"),
        ("second", "fit"),
    ]
    assert stand_in.calls == []
    assert not (folder / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "plane"], 'no model "plane". Did you mean "plain"?'),
        (["fit", "--species", "Strix alucco"], 'Did you mean "Strix aluco"?'),
        (["map", "paired-mop"], "Did you mean 'paired-map'?"),
    ],
)
def test_names__that_do_not_exist_exit_2_with_the_nearest(
    folder: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer(arguments) == 2
    assert words in capsys.readouterr().err


def test_run__from_files_to_report_and_again_nothing_to_do(
    folder: Path, stand_in: StandIn, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer(["run"]) == 0
    told = capsys.readouterr()
    assert "no paired-map: The sites have no coordinates" in told.err
    unit = folder / "results" / "plain" / "Strix_aluco"
    assert (unit / "maps" / "forest.txt").read_text(encoding="utf-8") == "plain · Strix aluco"
    assert (unit / "report" / "report.txt").exists()
    assert not (unit / "maps" / "paired-map.txt").exists()
    written = {path: path.stat().st_mtime_ns for path in unit.rglob("*") if path.is_file()}
    assert cli.answer(["run"]) == 0
    assert capsys.readouterr().out.count("nothing to do") == 7  # data, two fits, maps and reports
    assert {path: path.stat().st_mtime_ns for path in unit.rglob("*") if path.is_file()} == written


def test_report__stands_until_its_settings_change(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.answer(["run"]) == 0
    with (folder / "study.toml").open("a", encoding="utf-8") as stream:
        stream.write("[report]\ninterval = 0.5\n")
    capsys.readouterr()
    assert cli.answer(["report", "plain"]) == 0
    assert "report, 3 files" in capsys.readouterr().out


def test_show__tells_state_outputs_and_warnings(
    folder: Path, stand_in: StandIn, capsys: pytest.CaptureFixture[str]
):
    stand_in.warnings = [Verdict("PSTAR", "note")]
    assert cli.answer(["run"]) == 0
    capsys.readouterr()
    assert cli.answer(["show"]) == 0
    out = capsys.readouterr().out
    assert "Owls" in out
    assert "maps, report" in out
    assert "PSTAR" in out
    assert "nothing to do" in out


def test_setting_without_effect__is_refused(folder: Path, capsys: pytest.CaptureFixture[str]):
    with (folder / "study.toml").open("a", encoding="utf-8") as stream:
        stream.write('[privacy]\nblur = "10km"\n')
    assert cli.answer(["fit"]) == 2
    error = capsys.readouterr().err
    assert "E408" in error
    assert "round the coordinates" in error


def test_report__formats_are_what_is_written(folder: Path):
    with (folder / "study.toml").open("a", encoding="utf-8") as stream:
        stream.write('[report]\nformats = ["tables"]\n')
    assert cli.answer(["fit", "plain"]) == 0
    assert cli.answer(["report", "plain"]) == 0
    report = folder / "results" / "plain" / "Strix_aluco" / "report"
    assert sorted(path.name for path in report.iterdir()) == ["manifest.json", "tables.txt"]


def test_map__named_figures_join_those_made_before(folder: Path):
    assert cli.answer(["-q", "fit", "plain"]) == 0
    one = ["--model", "plain"]
    assert cli.answer(["map", "forest", *one]) == 0
    assert cli.answer(["map", "detection", *one]) == 0
    maps = next(folder.glob("results/plain/*/maps"))
    assert {"forest.txt", "detection.txt"} <= {path.name for path in maps.iterdir()}


def test_report__before_the_fit_says_what_comes_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer(["report"]) == 2
    assert "not fitted yet. First: occupancy fit" in capsys.readouterr().err


def test_report__of_data_that_changed_since_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer(["-q", "fit"]) == 0
    (folder / "detections.csv").write_text("site,v1,v2\nA,0,1\nB,1,0\n", encoding="utf-8")
    capsys.readouterr()
    assert cli.answer(["-q", "report"]) == 0
    assert "rests on the fit of before" in capsys.readouterr().err
    assert cli.answer(["-q", "fit", "--draws", "7"]) == 0  # a flag is no change of the study
    assert cli.answer(["-q", "report"]) == 0
    assert "rests on" not in capsys.readouterr().err


def test_json__a_finished_unit_repeats_its_warnings(
    folder: Path, stand_in: StandIn, capsys: pytest.CaptureFixture[str]
):
    stand_in.warnings = [Verdict("RHAT", "block")]
    assert cli.answer(["--json", "fit"]) == 4
    capsys.readouterr()
    assert cli.answer(["--json", "fit"]) == 4
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(event["warnings"][0]["code"] == "RHAT" for event in events)


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ('[report]\nformats = ["pdf"]\n', "no output 'pdf'"),
        ("[map]\nseason = 2004\n", "[map] season = 2004"),
        ('[model.bad]\noptions = { data = "x" }\n', "[model.bad] options"),
    ],
)
def test_check__finds_what_would_fail_after_the_fit(
    folder: Path, section: str, told: str, capsys: pytest.CaptureFixture[str]
):
    (folder / "study.toml").write_text(STUDY + section, encoding="utf-8")
    assert cli.answer(["check"]) == 2
    assert told in capsys.readouterr().err


def test_inputs__count_from_the_folder_of_the_source(folder: Path):
    (folder / "field").mkdir()
    (folder / "detections.csv").rename(folder / "field" / "detections.csv")
    text = (folder / "study.toml").read_text(encoding="utf-8")
    text = text.replace("[source]\n", '[source]\npath = "field"\n')
    (folder / "study.toml").write_text(text, encoding="utf-8")
    assert list(Study.open(folder).inputs) == ["field/detections.csv"]
    assert cli.answer(["fit"]) == 0


def test_folder_names__are_safe_and_differ():
    assert folder_name("Marsh wildcat (simulated)") == "Marsh_wildcat_simulated"
    assert folder_name("Größe") == "Größe"
    names = ["../../etc", "con", "COM1", "", "...", "a" * 300, "a" * 299, "x/y", "x\\y:z", "..."]
    for name in names:
        made = folder_name(name)
        assert made not in ("", ".", "..")
        assert not set(made) & set('/\\:*?"<>|.')
        assert len(made) <= 60
        assert made.casefold() not in ("con", "com1")
    assert folder_name("a" * 300) != folder_name("a" * 299)
    assert folder_names(["Parus", "parus", "Strix"])["Strix"] == "Strix"
    assert len({name.casefold() for name in folder_names(["a b", "a_b", "A b"]).values()}) == 3
