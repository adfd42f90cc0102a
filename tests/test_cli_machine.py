"""What the machine refuses, a full disk above all, is told as that and leaves nothing half done."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from occupancy import cli

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
TABLE = "site,v1,v2\nA,0,1\nB,0,0\nC,1,\n"
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from occupancy import cli
sys.exit(cli.answer(sys.argv[2:]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "detections.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def run(folder: Path, most: int, *words: str) -> subprocess.CompletedProcess[str]:
    """The command where no file may grow beyond `most` bytes, which it meets as a full disk."""
    command = [sys.executable, "-c", LIMITED, str(most), "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.skipif(find_spec("resource") is None, reason="no such limits on this system")
@pytest.mark.parametrize(
    ("most", "words"),
    [
        (10, ("build",)),
        (3000, ("build",)),
        (3000, ("check", "--page", "quality.html")),
        (10, ("init", "--force", "detections.csv")),
    ],
    ids=["lock", "dataset", "page", "study file"],
)
def test_full_disk__is_told_and_leaves_what_stood(folder: Path, most: int, words: tuple[str, ...]):
    if words[0] == "init":
        words = (*words[:-1], str(folder / words[-1]))
    before = files(folder)
    answer = run(folder, most, *words)
    assert answer.returncode == 6, answer.stderr
    assert "The disk, or its quota, is full" in answer.stderr
    assert "Make room, and run the command again" in answer.stderr
    assert files(folder) == before
    assert (folder / "study.toml").read_text(encoding="utf-8") == STUDY


def test_refused_file__is_named_as_it_was_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def refuse(self, *_, **__):
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    page = folder / "quality.html"
    assert cli.answer(["-C", str(folder), "check", "--page", str(page)]) == 6
    assert f"✗ {page}: Read-only file system." in capsys.readouterr().err


def test_no_memory__is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from surveys.readers import into_dataset

    def refuse(*_, **__):
        raise MemoryError

    monkeypatch.setattr(into_dataset, "surveyed", refuse)
    assert cli.answer(["-C", str(folder), "check"]) == 6
    assert "memory" in capsys.readouterr().err
