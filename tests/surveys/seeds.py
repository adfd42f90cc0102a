"""One small sound study or more for every format that is read: what spoiling and shuffling need.

A new format adds its seed here; a test fails until it does.
"""

import gzip
import io
from dataclasses import dataclass

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
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
from ods_samples import ods
from recorder_samples import (
    COMBINED,
    COUNT_DATA,
    LIBRARIES,
    PER_POINT,
    READS_MATRIX,
    READS_WIDE,
    RECORDINGS,
)


@dataclass(frozen=True)
class Seed:
    """A study: the text of its study.toml and its files."""

    toml: str
    files: dict[str, bytes]
    # Files that are plain CSV, whose rows and columns may stand in any order.
    tables: tuple[str, ...] = ()


WIDE = """schema = 1
[files.detections]
path = "d.csv"
[files.sites]
path = "s.csv"
[visit_covariates.wind]
missing = "drop visit"
"""
HISTORIES = b"""site,v1,v2,wind.v1,wind.v2
A,0,1,3.5,2
B,0,,1,
C,1,1,0,7
D,1,0,,2
"""
SITES = b"""site,lat,lon,elev,kind
A,46.81,8.21,1203,oak
B,46.9,8.4,987,fir
C,46.5,8.3,,oak
D,46.6,8.31,800,oak
"""
EUROPEAN = b"site;lat;lon;kind\nA;46,81;8,21;oak\nB;46,9;8,4;fir\nC;46,5;8,3;oak\nD;46,1;8,1;oak\n"
SEASONS = b"""species,site,year,y.1,y.2
fox,A,2001,0,1
fox,B,2001,0,
hare,A,2001,1,3
hare,B,2001,0,
fox,A,2002,0,0
hare,A,2002,0,2
"""
LONG = """schema = 1
[source]
format = "long"
[files.detections]
path = "d.csv"
[files.visits]
path = "v.csv"
[checks]
detection_without_effort = "drop"
[taxa]
exclude = ["cat"]
"""
RECORDS = b"""site,date,species,count
A,2021-05-01,fox,2
B,2021-05-02,Fox,X
B,2021-05-02,hare,1
B,2021-05-02,unknown,1
A,2021-05-13,cat,1
B,2021-05-20,fox,1
"""
VISITS = b"site,date,effort\nA,2021-05-01,1\nA,2021-05-13,2\nB,2021-05-02,1\nB,2021-05-09,0\n"
GERMAN = "site\tdate\teffort\nA\t1.5.2021\t1\nA\t13.5.2021\t2\nB\t2.5.2021\t1\n"
ONE_TABLE = b"""site,visit,species,detection,observer
A,1,fox,1,x
A,1,hare,0,x
A,2,fox,0,y
A,2,hare,0,y
B,1,fox,0,x
B,1,hare,1,x
"""
HISTORIES_OF_MARK = b"""/* frogs */ 0110 2 1 3.5;
01.1 1 0 -2.25;
0000 3 4 .; 1011
0 1 7;
"""
MARK = """schema = 1
[source]
format = "mark"
[files.detections]
path = "{file}"
"""
GROUPS = '[mark]\nseasons = [2, 2]\ngroups = ["pond", "ditch"]\ncovariates = ["depth"]\n'
PAO = b"""3\t4
0\t1\t-\t.\t
1\t0\t0\t0\t
-\t-\t0\t1\t
2
elev
100
-
300.5
forest
1
0
1
1
wind
1\t2\t-\t-
3\t4\t5\t6
-\t-\t7\t8
2,2;1
Weta
site 1
site 2
the third
1-1
1-2
2-1
2-2
0
"""
CAMERAS = """schema = 1
[source]
format = "{form}"
[files.detections]
path = "d.csv"
[files.deployments]
path = "s.csv"
[cameras]
independence_minutes = 10
"""


def cameras(form, records, deployments):
    tables = ("s.csv",) if form == "megadetector" else ("d.csv", "s.csv")
    files = {"d.csv": records.encode(), "s.csv": deployments.encode()}
    return Seed(CAMERAS.format(form=form), files, tables)


def other(form, records, section="", table="", more=""):
    """A format with a table of records and perhaps one beside it."""
    toml = f'schema = 1\n[source]\nformat = "{form}"\n[files.detections]\npath = "d.csv"\n{more}'
    files = {"d.csv": records.encode()}
    if section:
        toml += f'[files.{section}]\npath = "s.csv"\n'
        files["s.csv"] = table.encode()
    return Seed(toml, files, tuple(files))


def workbook(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def parquet(**columns):
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def one_file(name, content):
    return Seed(f'schema = 1\n[files.detections]\npath = "{name}"\n', {name: content})


SEEDS = {
    "wide": [
        Seed(WIDE, {"d.csv": HISTORIES, "s.csv": SITES}, ("d.csv", "s.csv")),
        Seed(WIDE, {"d.csv": HISTORIES, "s.csv": EUROPEAN}),
        Seed(
            'schema = 1\n[files.detections]\npath = "d.csv"\n'
            'columns = { season = "year", species = "species" }\n',
            {"d.csv": SEASONS},
            ("d.csv",),
        ),
    ],
    "long": [
        Seed(LONG, {"d.csv": RECORDS, "v.csv": VISITS}, ("d.csv", "v.csv")),
        Seed(LONG, {"d.csv": RECORDS.decode().encode("utf-16"), "v.csv": GERMAN.encode()}),
        Seed(LONG.partition("[files.visits]")[0], {"d.csv": ONE_TABLE}, ("d.csv",)),
    ],
    "mark": [
        Seed(MARK.format(file="h.inp") + GROUPS, {"h.inp": HISTORIES_OF_MARK}),
        Seed(MARK.format(file="h.pao"), {"h.pao": PAO}),
    ],
    "camtrapr": [cameras("camtrapr", CAMERA_RECORDS, CAMERA_STATIONS)],
    "camtrapdp": [cameras("camtrapdp", OBSERVATIONS, DEPLOYMENTS)],
    "wildlife_insights": [cameras("wildlife_insights", WI_IMAGES, WI_DEPLOYMENTS)],
    "timelapse": [cameras("timelapse", IMAGES, STATIONS)],
    "megadetector": [cameras("megadetector", results(), STATIONS)],
    "birdnet": [
        other(
            *("birdnet", COMBINED, "recordings", RECORDINGS),
            '[birdnet]\nthreshold = 0.5\nvisits = "day"\n',
        )
    ],
    "neon": [other("neon", COUNT_DATA, "visits", PER_POINT)],
    "edna": [
        other("edna", READS_MATRIX, "samples", LIBRARIES),
        other("edna", READS_WIDE, "sites", "site,ph\nA,7\nB,6\n"),
    ],
    "ebird": [
        Seed(
            EBIRD,
            {
                "ebd.txt": ebird_text(EBD_HEADER, SEEN).encode(),
                "ebd_sampling.txt": ebird_text(SAMPLING_HEADER, LISTS).encode(),
            },
        )
    ],
}
# The same kinds of table in other files.
FILES = {
    "xlsx": one_file("d.xlsx", workbook(["site", "v1", "v2"], ["A", 0, 1], ["B", None, 0])),
    "ods": one_file("d.ods", ods([["site", "v1", "v2"], ["A", 0, 1], ["B", None, 0]])),
    "parquet": one_file("d.parquet", parquet(site=["A", "B"], v1=[0, None], v2=[1.0, 0.0])),
    "gz": one_file("d.csv.gz", gzip.compress(b"site,v1,v2\nA,0,1\nB,,0\n", mtime=0)),
}
