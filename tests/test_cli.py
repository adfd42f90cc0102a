"""The command: what it says when something is wrong, and the exit codes that scripts rely on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from occupancy import cli
from occupancy.cli.explain import catalogue, find

ROOT = Path(__file__).parent.parent
STUDY = """
schema = 1
[source]
format = "wide"
[files.detections]
path = "detections.csv"
columns = { site = "site" }
[wide]
visits = ["v1", "v2"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "detections.csv").write_text("site,v1,v2\nA,0,1\nB,0,0\nC,1,\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help__groups_the_verbs_by_task(capsys: pytest.CaptureFixture[str]):
    assert cli.answer(["--help"]) == 0
    text = capsys.readouterr().out
    places = [text.index(f"\n{group}:") for group in ("Start", "Analyse", "Report", "Look")]
    assert places == sorted(places)
    for verb in cli.VERBS:
        assert re.search(rf"^  {verb} ", text, re.MULTILINE)


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_help__of_every_verb_tells_its_own_and_the_shared_options(
    verb: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer([verb, "-h"]) == 0
    text = capsys.readouterr().out
    assert f"Usage: occupancy {verb}" in text
    for option in ("-C, --folder", "--json", "-q", "-v", "--seed", "--no-color"):
        assert option in text


def test_typo__is_answered_with_the_nearest_verb_and_exit_2(capsys: pytest.CaptureFixture[str]):
    assert cli.answer(["fti"]) == 2
    assert 'No command "fti". Did you mean "occupancy fit"?' in capsys.readouterr().err


def test_typo__of_an_option_too(capsys: pytest.CaptureFixture[str]):
    assert cli.answer(["fit", "--drwas", "3"]) == 2
    assert "--draws" in capsys.readouterr().err


def test_version_and_cite(capsys: pytest.CaptureFixture[str]):
    assert cli.answer(["--version"]) == 0
    assert capsys.readouterr().out == "occupancy 0.1.0\n"
    assert cli.answer(["--cite"]) == 0
    assert capsys.readouterr().out.count("@") >= 4


@pytest.mark.parametrize("asked", [["--json", "--version"], ["--version", "--json"]])
def test_version__in_json_too(asked, capsys: pytest.CaptureFixture[str]):
    import json

    from occupancy import __version__

    assert cli.answer(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"event": "version", "occupancy": __version__}
    assert cli.answer(["--json", "--cite"]) == 0
    assert json.loads(capsys.readouterr().out)["bibtex"].count("@") >= 4


def test_folder_without_study__exit_2_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer(["-C", str(tmp_path), "show"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("✗ E401")
    assert "occupancy init" in error
    assert "occupancy explain E401" in error


def test_study_file_with_an_unknown_key__exit_2_with_the_nearest(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    (folder / "study.toml").write_text(STUDY + "\n[raport]\n", encoding="utf-8")
    assert cli.answer(["check"]) == 2
    assert 'Did you mean "report"?' in capsys.readouterr().err


def test_check__wrong_data_exit_3_with_place_and_cure_and_nothing_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    (folder / "detections.csv").write_text("site,v1,v2\nA,0,many\nB,0,0\n", encoding="utf-8")
    before = sorted(path.name for path in folder.iterdir())
    assert cli.answer(["check"]) == 3
    error = capsys.readouterr().err
    assert "detections.csv" in error
    assert "row 2" in error
    assert "To mend" in error
    assert "Traceback" not in error
    assert sorted(path.name for path in folder.iterdir()) == before


def test_check__good_data_exit_0_and_nothing_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer(["check"]) == 0
    out = capsys.readouterr().out
    assert "3 sites" in out
    assert "the files can be used" in out
    assert not (folder / "results").exists()


def test_build__second_time_nothing_to_do_and_new_data_are_built(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer(["build"]) == 0
    assert "3 sites" in capsys.readouterr().out
    assert cli.answer(["build"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    with (folder / "detections.csv").open("a", encoding="utf-8") as stream:
        stream.write("D,0,0\n")
    assert cli.answer(["build"]) == 0
    assert "4 sites" in capsys.readouterr().out


def test_build__rows_set_aside_are_listed_beside_the_dataset(folder: Path):
    assert cli.answer(["build"]) == 0
    assert not (folder / "results" / "data" / "dropped.csv").exists()
    study = STUDY + '[files.sites]\npath = "sites.csv"\n[checks]\nunknown_site = "drop"\n'
    (folder / "study.toml").write_text(study, encoding="utf-8")
    (folder / "sites.csv").write_text("site,elev\nA,1\nB,2\n", encoding="utf-8")
    assert cli.answer(["build"]) == 0
    listed = (folder / "results" / "data" / "dropped.csv").read_text(encoding="utf-8")
    assert listed == "file,row,rule,text\ndetections.csv,4,unknown site,C\n"


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("frogs.inp", "0110 2 1 3.5;\n01.1 1 0 -2.25;\n0000 3 4 .;\n", "11 sites"),
        ("states.inp", "012 1;\n2.0 1;\n010 4;\n000 3;\n121 1;\n", "10 sites"),
        ("weta.pao", "2\t3\n0\t1\t-\n1\t0\t0\n0\n0\n3\nweta\nA\nB\n", "2 sites"),
    ],
)
def test_init__histories_of_other_programs_need_no_edits(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    text: str,
    told: str,
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert cli.answer(["init", file]) == 0
    assert cli.answer(["check"]) == 0
    assert cli.answer(["build"]) == 0
    assert told in capsys.readouterr().out


def test_build__a_changed_part_of_a_table_is_built_again(folder: Path):
    study = STUDY.replace('"detections.csv"', '["detections.csv", "more.csv"]')
    (folder / "study.toml").write_text(study, encoding="utf-8")
    (folder / "more.csv").write_text("site,v1,v2\nX,0,1\n", encoding="utf-8")
    assert cli.answer(["build"]) == 0
    first = (folder / "results" / "data" / "data.nc").read_bytes()
    assert cli.answer(["build"]) == 0
    assert (folder / "results" / "data" / "data.nc").read_bytes() == first
    (folder / "more.csv").write_text("site,v1,v2\nX,0,1\nY,0,0\n", encoding="utf-8")
    assert cli.answer(["build"]) == 0
    assert (folder / "results" / "data" / "data.nc").read_bytes() != first


def test_json__answers_are_one_object_a_line_and_options_work_on_either_side(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.answer(["--json", "build"]) == 0
    assert cli.answer(["build", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["made"] for event in events] == [True, False]


def test_json__an_error_is_an_object_with_its_problems(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    (folder / "detections.csv").write_text("site,v1,v2\nA,0,many\n", encoding="utf-8")
    assert cli.answer(["check", "--json"]) == 3
    event = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert event["event"] == "error"
    assert event["exit"] == 3
    assert event["problems"][0]["code"] == "E047"
    assert event["problems"][0]["row"] == 2


def test_show__without_model_says_how_to_go_on(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.answer(["show"]) == 0
    assert "add a [model.NAME] section" in capsys.readouterr().out


def test_show_config__names_who_set_each_value(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    (folder / "study.toml").write_text(STUDY + "\n[sample]\ndraws = 50\n", encoding="utf-8")
    monkeypatch.setenv("OCCUPANCY_CHAINS", "2")
    assert cli.answer(["--seed", "9", "--json", "show", "--config"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {event["name"]: (event["value"], event["origin"]) for event in events}
    assert found["seed"] == (9, "--seed")
    assert found["chains"] == (2, "OCCUPANCY_CHAINS")
    assert found["draws"] == (50, "study.toml [sample]")
    assert found["interval"] == (0.9, "default")


def test_setting_of_no_use__is_refused_with_its_origin(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OCCUPANCY_DRAWS", "many")
    assert cli.answer(["show"]) == 2
    assert "draws is 'many' (OCCUPANCY_DRAWS)" in capsys.readouterr().err


def test_locked_results__exit_2_and_who_holds_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    from occupancy import store

    with store.lock(folder / "results"):
        assert cli.answer(["build"]) == 2
    assert "is being written by process" in capsys.readouterr().err


def test_bug__exit_1_with_a_crash_file_that_holds_no_data(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object, **__: object) -> None:
        secret = "nest at 46.81234"
        raise RuntimeError(secret)

    monkeypatch.setattr("occupancy.cli.steps.build", fail)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert cli.answer(["build"]) == 1
    error = capsys.readouterr().err
    assert "fault of the program" in error
    assert "Traceback" not in error
    written = next(folder.glob("occupancy-crash-*.txt")).read_text(encoding="utf-8")
    assert "RuntimeError" in written
    assert "46.81234" not in written + error
    assert cli.answer(["-vv", "build"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_interrupt__exit_130_and_how_to_go_on(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("occupancy.cli.steps.build", interrupted)
    assert cli.answer(["build"]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not (folder / "results" / ".lock").exists()


@pytest.mark.skipif(find_spec("occupancy.model") is None, reason="without the model")
def test_init__writes_a_study_file_that_check_accepts(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    (folder / "study.toml").unlink()
    assert cli.answer(["init", "detections.csv"]) == 0
    assert cli.answer(["check"]) == 0
    assert "3 sites" in capsys.readouterr().out
    assert cli.answer(["init", "detections.csv"]) == 2
    assert "exists already" in capsys.readouterr().err


def test_init__names_files_from_the_folder_of_the_study(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    (folder / "study.toml").rename(folder / "other.toml")
    assert cli.answer(["-C", "new", "init", "detections.csv", "--print"]) == 0
    assert 'path = "../detections.csv"' in capsys.readouterr().out


def test_terminal__gets_no_escapes_from_names_in_files(capsys: pytest.CaptureFixture[str]):
    from occupancy.cli.session import Session

    session = Session()
    session._has_color = lambda stream: True  # type: ignore[method-assign]  a terminal
    hostile = "Lynx\x1b]0;owned\x07\x1b[31m"
    session.say(hostile, bold=True)
    session.note(hostile)
    session.warn(hostile)
    session.table(("species",), [(hostile,)])
    told = capsys.readouterr()
    for line in (told.out + told.err).splitlines():
        assert "\x1b]" not in line
        assert "\x07" not in line
        assert "\x1b[31m" not in line


def test_folder__that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.answer(["-C", str(tmp_path / "nowhere"), "show"]) == 2
    assert f"There is no folder {tmp_path / 'nowhere'}" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_pipe__that_closes_early_is_no_fault():
    """Like `occupancy explain | head -1`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "occupancy", "explain"],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert told == b""


def test_explain__code_term_and_other_names(capsys: pytest.CaptureFixture[str]):
    for subject, words in (("rhat", "Chains"), ("E023", "two names"), ("ψ", "Occupancy")):
        assert cli.answer(["explain", subject]) == 0
        assert words in capsys.readouterr().out
    assert cli.answer(["explain", "closur"]) == 2
    assert "Did you mean closure" in capsys.readouterr().err


def test_explain__knows_every_code_that_the_surveys_raise():
    entries = catalogue()
    used = {
        code
        for path in (ROOT / "surveys").rglob("*.py")
        for code in re.findall(r'"([ERWN]\d{3})"', path.read_text(encoding="utf-8"))
    }
    assert len(used) > 50
    unknown = []
    for code in sorted(used):
        try:
            find(code, entries)
        except Exception:
            unknown.append(code)
    assert unknown == []
    others = ",".join([*entries, *(entry.get("also", "") for entry in entries.values())])
    assert set(re.findall(r"\b[ERWN]\d{3}\b", others)) <= used


def test_explain__knows_every_warning_of_the_checks():
    wanted = (
        "DIV RHAT ESS PARTIAL BOUND PSTAR ONEVISIT RELEV NODET ALLDET MISS EBFMI TREE SEP EXTRAP"
    )
    entries = catalogue()
    from occupancy.checks import CHECKS

    for code in {*wanted.split(), *CHECKS}:
        assert {"title", "text", "when", "cure"} <= set(entries[code]), code


def test_explain__every_entry_fits_half_a_screen(capsys: pytest.CaptureFixture[str]):
    for name in catalogue():
        assert cli.answer(["explain", name]) == 0
        assert len(capsys.readouterr().out.splitlines()) <= 18, name


@pytest.mark.parametrize("what", ["file", "link"])
def test_build__something_else_where_the_results_belong(tmp_path, capsys, what):
    (tmp_path / "d.csv").write_text("site,y.1,y.2\nA,0,1\nB,1,0\n", encoding="utf-8")
    study = 'schema = 1\n[files.detections]\npath = "d.csv"\n'
    (tmp_path / "study.toml").write_text(study, encoding="utf-8")
    if what == "file":
        (tmp_path / "results").write_text("mine", encoding="utf-8")
    else:
        (tmp_path / "results").symlink_to(tmp_path / "nowhere")
    assert cli.answer(["-C", str(tmp_path), "build"]) == 6
    told = capsys.readouterr().err
    assert "results is a file or a broken link, where a folder is needed" in told
    assert "fault of the program" not in told
