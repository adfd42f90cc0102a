"""Recordings on the page of a survey's quality: when recorders ran, what was heard, clocks."""

import pytest
from recorder_samples import COMBINED, RECORDINGS

from occupancy.outputs import quality as page
from surveys import quality
from surveys.quality.said import amount
from surveys.readers.into_dataset import surveyed
from surveys.study_file import read_study

STUDY = """schema = 1
[source]
format = "birdnet"
[files.detections]
path = "heard.csv"
[files.recordings]
path = "recordings.csv"
[birdnet]
threshold = 0.5
visits = "day"
"""


def looked(folder, heard=COMBINED, recordings=RECORDINGS):
    (folder / "heard.csv").write_text(heard, encoding="utf-8")
    (folder / "recordings.csv").write_text(recordings, encoding="utf-8")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    ds, tidy = surveyed(read_study(folder / "study.toml"))
    found = quality.examine(ds, tidy.fieldwork, tables=tidy.tables)
    assert not [s for s in found if "could not be looked at" in s.left_out]
    return ds, tidy.fieldwork, {s.name: s for s in found}


def test_every_recording_is_on_the_calendar_and_every_detection_in_it(tmp_path):
    _, field, found = looked(tmp_path)
    stood = field.deployments
    assert stood["deployment"].tolist() == [
        line.split(",")[0].removesuffix(".wav") for line in RECORDINGS.splitlines()[1:]
    ]
    assert str(stood["end"].iloc[4]) == "2021-06-24 00:05:00"
    told = field.records.set_index("row")[["site", "species", "reason", "time"]]
    assert told.loc[3, "species"] == "Turdus merula"
    assert str(told.loc[3, "time"]) == "2021-06-23 05:00:09"
    assert told.loc[4, ["species", "reason"]].tolist() == ["", "below the threshold"]
    assert told.loc[8, ["species", "reason"]].tolist() == ["", "not a species: human"]
    section = found["operation"]
    assert section.title == "Recorders ran for 0.833 hours: 5 recordings at 2 sites"
    assert section.numbers["detections"] == 4
    assert section.numbers["recordings_without"] == 3
    assert found["activity"].left_out
    assert "No date of 5 recordings" in found["clocks"].told
    assert "camera" not in "".join(s.told + s.do + s.title for s in found.values())
    (drawn,) = page.draw(section, page.Setting(True, "", None, None))
    words = [t.get_text() for text in drawn.figure.legends for t in text.get_texts()]
    words += [t.get_text() for t in drawn.figure.texts]
    assert "recorder ran" in " ".join(words)


def test_recordings_of_unknown_length_last_as_long_as_something_was_heard(tmp_path):
    _, field, found = looked(tmp_path, recordings=RECORDINGS.replace("duration_s", "gain"))
    lasted = (field.deployments["end"] - field.deployments["start"]).dt.total_seconds()
    assert lasted.tolist() == [13, 1, 1, 61, 401]
    assert found["operation"].title == "5 recordings at 2 sites from 2021-06-23 to 2021-06-24"
    assert found["operation"].numbers["hours"] is None


def test_a_recorder_whose_clock_began_anew_is_told(tmp_path):
    new = {"B_20210623_235500": "B_19700101_000200", "B_20210623_050000": "B_20210623_050000"}
    heard, recordings = COMBINED, RECORDINGS
    for old, name in new.items():
        heard, recordings = heard.replace(old, name), recordings.replace(old, name)
    _, _, found = looked(tmp_path, heard, recordings)
    (problem,) = found["clocks"].problems
    assert problem.code == "W666"
    assert "B_19700101_000200" in problem.fact
    assert found["clocks"].title == "1 recording with a date that cannot be true"


def test_recordings_without_a_time_leave_the_calendar_out(tmp_path):
    one = "file,site\nfirst.wav,A\nsecond.wav,A\n"
    heard = COMBINED.splitlines()[0] + "\n3.0,6.0,Turdus merula,Eurasian Blackbird,0.91,first.wav\n"
    (tmp_path / "heard.csv").write_text(heard, encoding="utf-8")
    (tmp_path / "recordings.csv").write_text(one, encoding="utf-8")
    (tmp_path / "study.toml").write_text(STUDY.replace('visits = "day"', ""), encoding="utf-8")
    ds, tidy = surveyed(read_study(tmp_path / "study.toml"))
    assert tidy.fieldwork is None
    found = {s.name: s for s in quality.examine(ds, tidy.fieldwork, tables=tidy.tables)}
    assert "numbers and no dates" in found["operation"].left_out


@pytest.mark.parametrize(
    ("value", "units", "told"),
    [(1, "recordings", "1 recording"), (2, "days", "2 days"), (1, "km", "1 km"), (1, "", "1")],
)
def test_one_of_a_unit_has_no_plural(value, units, told):
    assert amount(value, units) == told
