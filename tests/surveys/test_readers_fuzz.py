"""Spoilt bytes: whatever a file holds, it is read right or refused in the user's words."""

import io
import random

import numpy as np
import openpyxl
import pytest
from camera_samples import (
    CAMERA_RECORDS,
    CAMERA_STATIONS,
    DEPLOYMENTS,
    IMAGES,
    OBSERVATIONS,
    STATIONS,
    WI_DEPLOYMENTS,
    WI_IMAGES,
    results,
)
from ebird_samples import EBD_HEADER, LISTS, SAMPLING_HEADER, SEEN
from ebird_samples import STUDY as EBIRD
from ebird_samples import text as ebird_text
from recorder_samples import (
    COMBINED,
    COUNT_DATA,
    LIBRARIES,
    PER_POINT,
    READS_MATRIX,
    READS_WIDE,
    RECORDINGS,
)

from surveys.problems import SurveyError
from surveys.readers.into_dataset import tables
from surveys.study_file import read_study

WIDE = """schema = 1
[files.detections]
path = "detections.csv"
[files.sites]
path = "sites.csv"
[visit_covariates.wind]
missing = "drop visit"
"""
LONG = """schema = 1
[source]
format = "long"
[files.detections]
path = "detections.csv"
[files.visits]
path = "sites.csv"
[checks]
detection_without_effort = "drop"
"""
SEEDS = {
    "wide": (
        WIDE,
        b"site,v1,v2,wind.v1,wind.v2\nA,0,1,3.5,2\nB,0,,1,\nC,1,1,0,7\n",
        b"site;lat;lon;kind\nA;46,81;8,21;oak\nB;46,9;8,4;fir\nC;46,5;8,3;oak\n",
    ),
    "long": (
        LONG,
        'site,date,species,count\nA,2021-05-01,fox,2\nB,2021-05-02,"Fox",X\n'.encode("utf-16"),
        b"\xef\xbb\xbfsite\tdate\teffort\nA\t1.5.2021\t1\nA\t13.5.2021\t2\nB\t2.5.2021\t1\n",
    ),
}
CAMERAS = """schema = 1
[source]
format = "{form}"
[files.detections]
path = "detections.csv"
[files.deployments]
path = "sites.csv"
[cameras]
independence_minutes = 10
"""
CAMERA_SEEDS = {
    "camtrapr": (CAMERA_RECORDS, CAMERA_STATIONS),
    "camtrapdp": (OBSERVATIONS, DEPLOYMENTS),
    "wildlife_insights": (WI_IMAGES, WI_DEPLOYMENTS),
    "timelapse": (IMAGES, STATIONS),
    "megadetector": (results(), STATIONS),
}
for form, (records, stays) in CAMERA_SEEDS.items():
    SEEDS[form] = (CAMERAS.format(form=form), records.encode(), stays.encode())
NEON = 'schema = 1\n[source]\nformat = "neon"\n[files.detections]\npath = "detections.csv"\n'
EDNA = 'schema = 1\n[source]\nformat = "edna"\n[files.detections]\npath = "detections.csv"\n'
BIRDNET = NEON.replace("neon", "birdnet") + '[birdnet]\nthreshold = 0.5\nvisits = "day"\n'
RECORDER_SEEDS = {
    "birdnet": (BIRDNET + '[files.recordings]\npath = "sites.csv"\n', COMBINED, RECORDINGS),
    "neon": (NEON + '[files.visits]\npath = "sites.csv"\n', COUNT_DATA, PER_POINT),
    "edna": (EDNA + '[files.samples]\npath = "sites.csv"\n', READS_MATRIX, LIBRARIES),
    "edna wide": (EDNA + '[files.sites]\npath = "sites.csv"\n', READS_WIDE, "site,ph\nA,7\nB,6\n"),
}
for form, (toml, records, others) in RECORDER_SEEDS.items():
    SEEDS[form] = (toml, records.encode(), others.encode())
SEEDS["ebird"] = (
    EBIRD.replace("ebd.txt", "detections.csv").replace("ebd_sampling.txt", "sites.csv"),
    ebird_text(EBD_HEADER, SEEN).encode(),
    ebird_text(SAMPLING_HEADER, LISTS).encode(),
)
BYTES = [b"\x00", b'"', b",", b";", b"\n", b"\r", b"\t", b"\xff", b"9", b"-", b".", b"#REF!", b"PK"]


def spoilt(raw: bytes, rng: random.Random) -> bytes:
    """One to four changes: a byte flipped, put in, cut out, or the end lost."""
    data = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data)) if data else 0
        match rng.randrange(5):
            case 0 if data:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at:at] = rng.choice(BYTES)
            case 2:
                del data[at : at + rng.randint(1, 6)]
            case 3:
                data[at:at] = data[rng.randrange(len(data) + 1) :][:20]
            case _ if rng.random() < 0.3:
                del data[at:]
    return bytes(data)


def read_or_refuse(folder) -> bool:
    """True when read; the rows must then be accounted for and the values fit the contract."""
    try:
        study = read_study(folder)
        tidy = tables(study, study.ledger)
    except SurveyError as error:
        told = error
    else:
        told = None
    if told is not None:
        assert str(told)
        assert all(p.fact and p.code for p in told.problems)
        return False
    study.ledger.balance()
    seen = tidy.records["detection"].dropna()
    assert np.isin(seen, (0, 1)).all()
    assert set(tidy.visits["site"]) <= set(tidy.sites["site"])
    return True


@pytest.mark.parametrize(
    ("seed", "n"),
    [
        ("wide", 120),
        ("long", 40),
        *((form, 30) for form in (*CAMERA_SEEDS, *RECORDER_SEEDS, "ebird")),
    ],
)
def test_spoilt_text_is_read_or_refused(tmp_path, seed, n):
    toml, detections, sites = SEEDS[seed]
    (tmp_path / "study.toml").write_text(toml)
    (tmp_path / "detections.csv").write_bytes(detections)
    (tmp_path / "sites.csv").write_bytes(sites)
    assert read_or_refuse(tmp_path)
    rng = random.Random(20261122)
    outcomes = []
    for _ in range(n):
        which = rng.random() < 0.6
        (tmp_path / "detections.csv").write_bytes(spoilt(detections, rng) if which else detections)
        (tmp_path / "sites.csv").write_bytes(sites if which else spoilt(sites, rng))
        outcomes.append(read_or_refuse(tmp_path))
    assert {True, False} == set(outcomes)


def test_spoilt_workbooks_are_read_or_refused(tmp_path):
    book = openpyxl.Workbook()
    for row in (["site", "v1", "v2"], ["A", 0, 1], ["B", None, 0]):
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    toml = 'schema = 1\n[files.detections]\npath = "d.xlsx"\n'
    (tmp_path / "study.toml").write_text(toml)
    rng = random.Random(7)
    outcomes = []
    for _ in range(40):
        (tmp_path / "d.xlsx").write_bytes(spoilt(stream.getvalue(), rng))
        outcomes.append(read_or_refuse(tmp_path))
    assert False in outcomes


def test_spoilt_study_files_are_read_or_refused(tmp_path):
    toml, detections, sites = SEEDS["wide"]
    (tmp_path / "detections.csv").write_bytes(detections)
    (tmp_path / "sites.csv").write_bytes(sites)
    rng = random.Random(3)
    for _ in range(40):
        (tmp_path / "study.toml").write_bytes(spoilt(toml.encode(), rng))
        read_or_refuse(tmp_path)
