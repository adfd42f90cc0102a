"""Small files of eBird, by hand, in the form of its downloads: tabs, no quotes, a last tab."""

SAMPLING_HEADER = (
    "LAST EDITED DATE",
    "COUNTRY CODE",
    "STATE CODE",
    "COUNTY",
    "LOCALITY",
    "LOCALITY ID",
    "LATITUDE",
    "LONGITUDE",
    "OBSERVATION DATE",
    "TIME OBSERVATIONS STARTED",
    "OBSERVER ID",
    "SAMPLING EVENT IDENTIFIER",
    "PROTOCOL NAME",
    "DURATION MINUTES",
    "EFFORT DISTANCE KM",
    "NUMBER OBSERVERS",
    "ALL SPECIES REPORTED",
    "GROUP IDENTIFIER",
    "CHECKLIST COMMENTS",
    "",
)
OLD_WORDS = {"PROTOCOL NAME": "PROTOCOL TYPE", "CHECKLIST COMMENTS": "TRIP COMMENTS"}
EBD_HEADER = (
    "GLOBAL UNIQUE IDENTIFIER",
    "CATEGORY",
    "COMMON NAME",
    "SCIENTIFIC NAME",
    "SUBSPECIES SCIENTIFIC NAME",
    "OBSERVATION COUNT",
    *SAMPLING_HEADER[:-2],
    "APPROVED",
    "SPECIES COMMENTS",
    "",
)
REMARK = 'a "quote never closed, and a back\\slash'


def checklist(name, *, place="L1", day="2021-05-01", time="06:30:00", observer="obsr1", **more):
    """A row of the sampling file as {column: text}."""
    at = {"L1": ("46.1000", "8.1000"), "L2": ("46.2000", "8.2000")}.get(place, ("46.3", "8.3"))
    row = dict.fromkeys(SAMPLING_HEADER, "")
    row |= {
        "LAST EDITED DATE": "2024-01-01 00:00:00",
        "COUNTRY CODE": "CH",
        "STATE CODE": "CH-TI",
        "COUNTY": "Locarno",
        "LOCALITY": "Bosco",
        "LOCALITY ID": place,
        "LATITUDE": at[0],
        "LONGITUDE": at[1],
        "OBSERVATION DATE": day,
        "TIME OBSERVATIONS STARTED": time,
        "OBSERVER ID": observer,
        "SAMPLING EVENT IDENTIFIER": name,
        "PROTOCOL NAME": "Traveling",
        "DURATION MINUTES": "60",
        "EFFORT DISTANCE KM": "1.5",
        "NUMBER OBSERVERS": "1",
        "ALL SPECIES REPORTED": "1",
        "CHECKLIST COMMENTS": REMARK,
    }
    return row | {key.replace("_", " "): value for key, value in more.items()}


def sighting(of, number, species="Turdus merula", count="1", **more):
    """A row of the EBD for a checklist."""
    common = {"Turdus merula": "Eurasian Blackbird", "Parus major": "Great Tit"}
    row = {name: of[name] for name in SAMPLING_HEADER[:-2]}
    row |= {
        "GLOBAL UNIQUE IDENTIFIER": f"URN:OBS{number}",
        "CATEGORY": "species",
        "COMMON NAME": common.get(species, species),
        "SCIENTIFIC NAME": species,
        "SUBSPECIES SCIENTIFIC NAME": "",
        "OBSERVATION COUNT": count,
        "APPROVED": "1",
        "SPECIES COMMENTS": REMARK,
        "": "",
    }
    return row | {key.replace("_", " "): value for key, value in more.items()}


def text(header, rows, *, words=None):
    """A file: header, rows, tabs; `words` are other names of columns."""
    words = words or {}
    lines = ["\t".join(words.get(name, name) for name in header)]
    lines += ["\t".join(row.get(name, "") for name in header) for row in rows]
    return "\n".join(lines) + "\n"


LISTS = [
    checklist("S1"),
    checklist("S2", day="2021-05-08", EFFORT_DISTANCE_KM="", PROTOCOL_NAME="Stationary"),
    checklist("S9", day="2021-05-15", GROUP_IDENTIFIER="G1"),
    checklist("S10", day="2021-05-15", observer="obsr0", GROUP_IDENTIFIER="G1"),
    checklist("S11", day="2021-05-20", time="", DURATION_MINUTES="", EFFORT_DISTANCE_KM=""),
    checklist("S12", place="L2", observer="obsr2"),
    checklist("S13", place="L2", observer="obsr2", day="2021-06-01"),
    checklist("S14", place="L2", observer="obsr2", day="2022-06-01"),
]
SEEN = [
    sighting(LISTS[0], 1, count="2"),
    sighting(
        LISTS[0], 2, count="3", CATEGORY="issf", SUBSPECIES_SCIENTIFIC_NAME="Turdus merula merula"
    ),
    sighting(LISTS[1], 3, count="X"),
    sighting(LISTS[2], 4, count="4"),
    sighting(LISTS[3], 5, count="5"),
    sighting(LISTS[5], 6, "Parus major", "7"),
    sighting(LISTS[6], 7, "Parus major/ater", "7", CATEGORY="slash"),
]
STUDY = """schema = 1
[source]
format = "ebird"
[files.detections]
path = "ebd.txt"
[files.sampling]
path = "ebd_sampling.txt"
"""


def write(folder, more="", *, lists=None, seen=None, words=None):
    """A study of eBird in a folder."""
    lists = LISTS if lists is None else lists
    names = {row["SAMPLING EVENT IDENTIFIER"] for row in lists}
    if seen is None:
        seen = [row for row in SEEN if row["SAMPLING EVENT IDENTIFIER"] in names]
    (folder / "ebd.txt").write_text(text(EBD_HEADER, seen, words=words), encoding="utf-8")
    (folder / "ebd_sampling.txt").write_text(
        text(SAMPLING_HEADER, lists, words=words), encoding="utf-8"
    )
    (folder / "study.toml").write_text(STUDY + more, encoding="utf-8")
    return folder
