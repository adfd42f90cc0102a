"""docs/from-field-to-map.md, done word for word: every command, every line of a study file."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from occupancy import cli

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "from-field-to-map.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def section(letter: str) -> str:
    """One walk of the page, from its heading to the next."""
    return TEXT.split(f"\n## {letter}. ")[1].split("\n## ")[0]


def steps(text: str) -> Iterator[tuple[str, str, str]]:
    """Fences in their order: kind, file, content."""
    yield from FENCE.findall(text)


def with_sections(study: str, added: str) -> str:
    """A study file in which the sections of `added` stand in place of those of their names."""

    def parts(text: str) -> dict[str, str]:
        pieces = re.split(r"(?m)^(?=\[)", text)
        return {piece.split("\n", 1)[0].strip(): piece for piece in pieces}

    return "\n".join((parts(study) | parts(added)).values())


def walk(letter: str, monkeypatch: pytest.MonkeyPatch, capsys) -> list[str]:
    """Do what the page says; the answers of every command."""
    told = []
    for kind, name, content in steps(section(letter)):
        if kind == "toml":
            path = Path("study.toml")
            path.write_text(with_sections(path.read_text(), content))
        elif kind == "csv":
            lines, new = Path(name).read_text().splitlines(), content.strip()
            key = new.split(",")[0] + ","
            assert sum(line.startswith(key) for line in lines) == 1
            lines = [new if line.startswith(key) else line for line in lines]
            Path(name).write_text("\n".join(lines) + "\n")
        for line in content.splitlines() if kind == "sh" else ():
            first, *words = shlex.split(line)
            if first == "cd":
                monkeypatch.chdir(words[0])
                continue
            assert first == "occupancy"
            assert cli.answer(words) == 0, line
            out = capsys.readouterr()
            told.append(out.out + out.err)
    return told


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("field")
    (command,) = [c for k, _, c in steps(TEXT.split("\n## ")[0]) if k == "sh"]
    script, place = command.split()[1:]
    runpy.run_path(str(ROOT / script))["main"]([str(folder / place)])
    return folder


def written() -> set[str]:
    return {path.name for path in Path("results").rglob("*") if path.is_file()}


@pytest.mark.slow
def test_walk__from_camera_traps_to_a_map(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    _, before, after, done = walk("A", monkeypatch, capsys)
    assert "C23 2024-04-28 to 2024-05-27" in before
    assert '[clock."C05"] shift = "12:00"' in before
    assert "W664" not in after
    assert "W667" not in after
    assert Path("qc.html").is_file()
    place = re.search(r"`(results/\S+/paired-map.png)`", section("A"))
    assert place is not None
    assert Path(place[1]).is_file(), done
    assert {"report.html", "paired-map.png", "data.nc"} <= written()


@pytest.mark.slow
def test_walk__from_an_ebird_extract_to_a_map(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    _, checked, _ = walk("B", monkeypatch, capsys)
    assert "checklist not complete" in checked
    assert "duration_minutes and effort_distance_km tell much the same" in checked
    assert {"report.html", "paired-map.png", "data.nc"} <= written()


@pytest.mark.slow
def test_walk__from_a_spreadsheet_to_a_map(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    _, checked, _ = walk("C", monkeypatch, capsys)
    assert 'read with separator ";" and decimal comma' in checked
    assert {"report.html", "paired-map.png", "data.nc"} <= written()


def test_field_files__have_the_faults_that_the_page_speaks_of(files):
    stations = (files / "walk" / "cameras" / "stations.csv").read_text()
    (mended,) = [c.strip() for k, name, c in steps(TEXT) if name == "stations.csv"]
    row = next(line for line in stations.splitlines() if line.startswith("C23,"))
    assert mended.startswith(row.rstrip(","))
    typed = (files / "walk" / "spreadsheet" / "survey.csv").read_text().splitlines()
    assert typed[0].startswith("Site;Date;Minutes;Seen")
