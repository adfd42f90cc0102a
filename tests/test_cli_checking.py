"""`occupancy check` on a survey with faults: what it says, shows and writes, and what it leaves."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from occupancy import cli

STUDY = """
schema = 1
[study]
title = "Vales"
[source]
format = "camtrapr"
[files.detections]
path = "records.csv"
[files.deployments]
path = "stations.csv"
[files.sites]
path = "sites.csv"
columns = { site = "Station" }
[model.main]
engine = "ml"
psi = "elevation"
p = "1"
"""


def survey(folder: Path, n: int = 12) -> Path:
    """Cameras of forty days: one dies, one has a failure, one record has no camera."""
    rng = np.random.default_rng(2)
    start = pd.Timestamp("2021-05-01 12:00")
    stations, records = ["Station,Setup,Retrieval,Problem1_from,Problem1_to"], []
    sites = ["Station,longitude,latitude,elevation"]
    for i in range(n):
        name = f"S{i + 1:02}"
        broken = "2021-05-10 12:00:00,2021-05-14 12:00:00" if i == 1 else ","
        stations.append(f"{name},{start},{start + pd.Timedelta('40D')},{broken}")
        sites.append(f"{name},{8 + 0.01 * i:.3f},{47 + 0.02 * (i % 4):.3f},{300 + 50 * i}")
        for day in range(18 if i == 0 else 40):
            if i == 1 and 9 <= day < 14:
                continue
            for species, hour in (("fox", 22), ("roe deer", 6)):
                if rng.random() < 0.55:
                    when = start.normalize() + pd.Timedelta(day + 1, "D")
                    when += pd.Timedelta(hour * 60 + int(rng.integers(0, 90)), "m")
                    records.append(f"{name},{species},{when},{name}/{len(records) + 1:05}.JPG")
    records.append("S03,fox,2021-08-01 01:00:00,S03/99999.JPG")
    lines = ["Station,Species,DateTimeOriginal,FileName", *records, records[3]]
    for file, rows in (("stations", stations), ("sites", sites), ("records", lines)):
        (folder / f"{file}.csv").write_text("\n".join(rows) + "\n")
    study = STUDY.replace('path = "stations.csv"', 'path = "stations.csv"\n' + COLUMNS)
    (folder / "study.toml").write_text(study)
    return folder


COLUMNS = 'columns = { start = "Setup", end = "Retrieval" }'


class Page(HTMLParser):
    """Pictures, links and anchors of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.tags.append(tag)
        if tag == "img":
            self.images.append(told)
        if tag == "a":
            self.links.append(told["href"] or "")
        if "id" in told:
            self.ids.add(told["id"] or "")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(survey(tmp_path))
    return tmp_path


def test_check__says_what_it_found_and_how_to_get_the_page_and_writes_nothing(folder, capsys):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert cli.answer(["check"]) == 0
    told = capsys.readouterr()
    assert "! 1 stretch of effort is silent for longer than chance allows" in told.out
    assert "S01 2021-05-20 to 2021-06-10 (22 days, to its end)" in told.out
    assert "W661" in told.out
    assert "occupancy check --page qc.html" in told.err
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_check__page_figures_and_dropped_rows_on_request(folder, capsys):
    wanted = ["--page", "qc.html", "--figures", "figures", "--dropped", "dropped.csv"]
    assert cli.answer(["check", *wanted]) == 0
    text = (folder / "qc.html").read_text(encoding="utf-8")
    page = Page(text)
    assert {"account", "operation", "histories", "effort", "silence", "clocks"} <= page.ids
    assert all(image["src"].startswith("data:image/") for image in page.images)
    assert all(len(image["alt"] or "") > 40 for image in page.images)
    assert {link.lstrip("#") for link in page.links} <= page.ids
    assert "script" not in page.tags
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text)
    assert "There is one season." in text  # what is left out says why
    names = {path.name for path in (folder / "figures").iterdir()}
    assert {"operation.png", "effort-map.png", "accumulation.png", "histories-fox.png"} <= names
    dropped = pd.read_csv(folder / "dropped.csv")
    assert dropped["rule"].tolist() == ["outside the time that a camera worked"]
    assert dropped["file"].tolist() == ["records.csv"]


def test_check__json_has_the_sections_with_numbers_that_add_up(folder, capsys):
    assert cli.answer(["check", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    sections = {section["name"]: section for section in told["quality"]}
    account = sections["account"]["numbers"]
    assert account["read"] == account["used"] + account["aside"]
    assert account["files"]["records.csv"]["aside"] == {"outside the time that a camera worked": 1}
    assert sections["operation"]["numbers"]["days_lost"] == 4
    assert sections["seasons"]["left_out"] == "There is one season."
    assert {"W661", "W664"} <= {problem["code"] for problem in told["problems"]}


def test_check__species_asked_for_are_shown_and_unknown_ones_refused(folder, capsys):
    assert cli.answer(["check", "--json", "--species", "roe deer"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    (histories,) = [s for s in told["quality"] if s["name"] == "histories"]
    assert list(histories["numbers"]["species"]) == ["roe deer"]
    assert cli.answer(["check", "--species", "roe dear"]) == 2
    assert 'Did you mean "roe deer"?' in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--page", "--dropped"])
@pytest.mark.parametrize("name", ["records.csv", "study.toml", "../{here}/stations.csv"])
def test_check__never_writes_over_a_file_of_the_study(folder, option, name, capsys):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert cli.answer(["check", option, name.format(here=folder.name)]) == 2
    assert "field files are never written" in capsys.readouterr().err
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_check__no_path_of_this_machine_in_anything_written(folder, capsys):
    wanted = ["--page", "qc.html", "--figures", "figures", "--dropped", "dropped.csv", "--json"]
    assert cli.answer(["check", *wanted]) == 0
    assert cli.answer(["build"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[0])
    told.pop("files")  # the place of what was written is an answer, not a record
    assert str(folder) not in json.dumps(told)
    for path in [p for p in folder.rglob("*") if p.is_file()]:
        assert str(folder).encode() not in path.read_bytes(), path.name


def test_check__names_from_files_are_text_on_the_page(folder, capsys):
    records = (folder / "records.csv").read_text()
    evil = '<img src=x onerror=alert(1)>"'
    (folder / "records.csv").write_text(records.replace("fox", evil.replace('"', '""').join('""')))
    assert cli.answer(["check", "--page", "qc.html"]) == 0
    text = (folder / "qc.html").read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text
