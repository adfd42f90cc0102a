"""What a classifier heard: tables of every kind become visits of recordings, with their effort."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from recorder_samples import COMBINED, RECORDINGS, tables_of_recordings
from spoilt_studies import ledger_of, put, refusal, reordered

from surveys import read
from surveys.guess import guess
from surveys.readers import recording_names
from surveys.study_file import read_study

HEAD = 'schema = 1\n[source]\nformat = "birdnet"\n[files.detections]\npath = "heard.csv"\n'
LISTED = '[files.recordings]\npath = "recordings.csv"\n'
HALF = "[birdnet]\nthreshold = 0.5\n"
FOLDER = HEAD.replace("heard.csv", "results")
PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "birdnet"


def laid(folder, more=LISTED + HALF, head=HEAD, heard=COMBINED, recordings=RECORDINGS, **files):
    return put(folder, head + more, {"heard.csv": heard, "recordings.csv": recordings} | files)


def load(*args, **changes):
    return read(laid(*args, **changes))


def refused(*args, **changes):
    return refusal(laid(*args, **changes))


def seen(ds, species, site, name="detection"):
    return ds[name].sel(species=species, site=site).isel(season=0).values.tolist()


def same(actual, wanted):
    np.testing.assert_allclose(actual, wanted, rtol=1e-6)


# --- names of recordings -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "start", "prefix"),
    [
        ("20210623_113602.WAV", "2021-06-23T11:36:02", ""),
        ("Rivendell_20210623_113602.wav", "2021-06-23T11:36:02", "Rivendell"),
        ("test_audio\\14_01_20210213_210000.WAV", "2021-02-13T21:00:00", "14_01"),
        ("D:\\x\\S4A12345_20220622_170000-0500.wav", "2022-06-22T17:00:00", "S4A12345"),
        ("20220601T053000+1000_creek.flac", "2022-06-01T05:30:00", "creek"),
        ("20220601T053000+1000_creek bed_[-27.5,153.1].flac", "2022-06-01T05:30:00", "creek bed"),
        ("20220601T053000+1000_REC.flac", "2022-06-01T05:30:00", ""),
        ("A/20210623_113602T.WAV", "2021-06-23T11:36:02", ""),
        ("20210623_113602T_SYNC.WAV", "2021-06-23T11:36:02", ""),
        ("20210623_113602_001.WAV", "2021-06-23T11:36:02", ""),
        ("20210623_113602_12.WAV", "2021-06-23T11:36:02", "12"),
        ("A_20240229_235900_20240301_000000.wav", "2024-02-29T23:59:00", "A"),
        ("A 2024-02-29 23.59.00.wav", "2024-02-29T23:59:00", "A"),
        ("MARSH1_20150601$053000.wav", "2015-06-01T05:30:00", "MARSH1"),
        ("a/2022-06-01T05-30-00.wav", "2022-06-01T05:30:00", ""),
        ("5B2F6A40.WAV", "2018-06-24T09:54:08", ""),
        ("A_20211341_250000.wav", "NaT", ""),
        ("random_sample.wav", "NaT", ""),
    ],
)
def test_names__tell_start_and_site(path, start, prefix):
    name = recording_names.recording(path)
    assert str(recording_names.start_of(name)) == start
    assert recording_names.prefix_of(name) == prefix


def test_names__of_one_recording_are_joined_and_of_two_are_not():
    joined = recording_names.joined(["x", "audio/x", "A/y", "B/y", "y"])
    assert joined == {"x": "audio/x", "audio/x": "audio/x", "A/y": "A/y", "B/y": "B/y", "y": "y"}
    assert recording_names.find(["data/A/y", "y", "z"], ["A/y", "B/y"]).tolist() == [0, -2, -1]


# --- visits ------------------------------------------------------------------------------------


def test_a_recording_is_a_visit(tmp_path):
    ds = load(tmp_path)
    assert ds["species"].values.tolist() == ["Strix aluco", "Turdus merula"]
    same(seen(ds, "Turdus merula", "A"), [1, 0, 0])
    same(seen(ds, "Turdus merula", "A", "score"), [0.91, 0.22, np.nan])
    same(seen(ds, "Turdus merula", "A", "n_records"), [2, 0, 0])
    same(seen(ds, "Strix aluco", "A", "score"), [0.31, np.nan, np.nan])
    same(seen(ds, "Strix aluco", "B"), [0, 1, np.nan])
    same(ds["effort"].sel(site="A").values.ravel(), [10, 10, 10])
    assert ds["effort"].attrs["units"] == "minutes"
    same(ds["hour"].sel(site="B").values.ravel()[:2], [5, 23 + 55 / 60])
    assert str(ds["visit_end"].values[1, 0, 1])[:19] == "2021-06-24T00:05:00"
    assert ds["elev"].dims == ("site",)
    same(ds["moon"].sel(site="A").values.ravel(), [0.1, 0.2, 0.3])
    ledger = ledger_of(ds)
    assert ledger.n_aside("heard.csv", "not a species: human") == 1
    assert ledger.n_aside("heard.csv", "species never at its threshold") == 1
    assert ledger.n_used("recordings.csv") == 5


def test_blocks_of_hours(tmp_path):
    ds = load(tmp_path, LISTED + HALF + 'visits = "hours"\nhours = 12\n')
    assert ds.sizes["visit"] == 3
    same(ds["effort"].sel(site="A").values.ravel(), [20, 10, np.nan])
    same(ds["effort"].sel(site="B").values.ravel(), [10, 5, 5])
    same(seen(ds, "Strix aluco", "B"), [0, 1, 1])  # the second owl is after midnight
    same(seen(ds, "Strix aluco", "B", "score"), [np.nan, 0.77, 0.97])
    same(ds["recorded_minutes"].sel(site="B").values.ravel(), [10, 5, 5])


def test_days__that_begin_at_noon_hold_a_night(tmp_path):
    ds = load(tmp_path, LISTED + HALF + 'visits = "day"\n[time]\nday_starts = "12:00"\n')
    same(ds["effort"].sel(site="B").values.ravel(), [10, 10])
    same(seen(ds, "Strix aluco", "B", "n_records"), [0, 2])


def test_occasions__as_those_of_cameras(tmp_path):
    more = LISTED + HALF + '[occasions]\nlength_days = 1\nstart = "survey"\n'
    ds = load(tmp_path, more + '[effort]\nunit = "hours"\n')
    same(ds["effort"].sel(site="A").values.ravel() * 60, [20, 10])
    same(ds["effort"].sel(site="B").values.ravel() * 60, [15, 5])
    same(seen(ds, "Strix aluco", "B"), [1, 1])
    assert ds["effort"].attrs["units"] == "hours"
    ds = load(tmp_path, more + "min_effort_days = 0.007\n")  # ten minutes and some seconds
    same(ds["effort"].sel(site="B").values.ravel(), [15])
    assert ledger_of(ds).n_aside("heard.csv", "occasion with too little effort") == 1


def test_recordings_without_a_known_length_are_counted(tmp_path):
    recordings = RECORDINGS.replace("duration_s", "gain")
    ds = load(tmp_path, LISTED + HALF + 'visits = "day"\n', recordings=recordings)
    assert ds["effort"].attrs["units"] == "recordings"
    same(ds["effort"].sel(site="A").values.ravel(), [2, 1])


def test_seasons__by_year_and_by_a_column(tmp_path):
    recordings = RECORDINGS.replace("20210624", "20220624")
    ds = load(tmp_path, LISTED + HALF + '[seasons]\nby = "year"\n', recordings=recordings)
    assert ds["season"].values.tolist() == [2021, 2022]
    same(ds["effort"].sel(site="A", season=2022).values, [10, np.nan])
    column = RECORDINGS.replace("start,", "season,").replace(",,", ",wet,")
    ds = load(tmp_path, LISTED + HALF + '[seasons]\nby = "column"\n', recordings=column)
    assert ds["season"].values.tolist() == ["wet"]


# --- layouts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "r", "raven", "kaleidoscope"])
def test_a_folder_with_a_table_for_each_recording_proves_them_all(tmp_path, form):
    tables = {f"results/{name}": text for name, text in tables_of_recordings(form).items()}
    tables["results/BirdNET_analysis_params.csv"] = "File splitting duration,Overlap\n600,0\n"
    more = '[birdnet]\nthreshold = 0.5\nrecording_minutes = 10\nnames = "common"\n'
    ds = load(tmp_path, more, FOLDER, **tables)
    listed = load(tmp_path, LISTED + HALF + 'names = "common"\n')
    # Kaleidoscope and r tables without rows do not name their recording; their own names do.
    for name in ("detection", "score", "n_records", "effort", "visit_start"):
        xr.testing.assert_equal(ds[name].drop_attrs(), listed[name].drop_attrs())
    assert "longitude" not in ds
    assert not [p for p in ledger_of(ds).problems if p.code == "W687"]


def test_two_formats_of_one_recording_count_once(tmp_path):
    tables = {f"results/{n}": t for n, t in tables_of_recordings("csv").items()}
    tables |= {f"results/{n}": t for n, t in tables_of_recordings("r").items()}
    ds = load(tmp_path, HALF + "recording_minutes = 10\n", FOLDER, **tables)
    same(seen(ds, "Turdus merula", "A", "n_records"), [2, 0, 0])
    repeated = [
        ledger_of(ds).n_aside(file, "same detection in another table")
        for file in ledger_of(ds).files
    ]
    assert sum(repeated) == 7  # all but the human voice
    assert ds.sizes["visit"] == 3


def test_a_table_alone__warns_that_silent_recordings_are_unknown(tmp_path):
    ds = load(tmp_path, HALF)
    assert "W687" in {p.code for p in ledger_of(ds).problems}
    assert ds["effort"].attrs["units"] == "recordings"
    same(ds["effort"].sel(site="A").values.ravel(), [1, 1])  # the third is not known


@pytest.mark.parametrize(
    ("heard", "wanted"),
    [
        ("filename,offset,class,logit\n{a},3,Turdus merula,1.5\n{a},9,Turdus merula,-2\n", [1.5]),
        (
            "input,start_time,end_time,species_name,confidence\n"
            "{a},00:00:03.00,00:00:06.00,Turdus merula_Eurasian Blackbird,0.8\n",
            [0.8],
        ),
        (
            "Start (s),End (s),Scientific name,Common name,Confidence,File\n"
            "2021-06-23 05:00:03,2021-06-23 05:00:06,Turdus merula,Blackbird,0.9,{a}\n",
            [0.9],
        ),
    ],
)
def test_other_layouts(tmp_path, heard, wanted):
    heard = heard.replace("{a}", "A_20210623_050000.wav")
    ds = load(tmp_path, LISTED + "[birdnet]\nthreshold = 0\n", heard=heard)
    assert ds["species"].values.tolist() == ["Turdus merula"]
    same(seen(ds, "Turdus merula", "A", "score")[:1], wanted)
    hours = LISTED + '[birdnet]\nthreshold = 0\nvisits = "hours"\nhours = 1\n'
    same(seen(load(tmp_path, hours, heard=heard), "Turdus merula", "A")[:2], [1, 0])


def test_combined_raven__times_are_those_in_the_file(tmp_path):
    lines = ["Begin Time (s)\tEnd Time (s)\tCommon Name\tConfidence\tBegin Path\tFile Offset (s)"]
    total = 0
    for row in COMBINED.splitlines()[1:]:
        start, _, _, name, score, file = row.split(",")
        lines.append(f"{total + float(start)}\t0\t{name}\t{score}\t{file}\t{start}")
        total += 600
    raven = "\n".join(lines) + "\n"
    more = LISTED + HALF + 'names = "common"\nvisits = "hours"\nhours = 12\n'
    ds = load(tmp_path, more, heard=raven)
    same(seen(ds, "Tawny Owl", "B"), [0, 1, 1])
    error = refused(tmp_path, more, heard=raven.replace("File Offset (s)", "Other"))
    assert error.codes == ("E691",)


def test_sites__may_be_folders(tmp_path):
    heard = COMBINED.replace("rec/A_", "rec/A/").replace("rec/B_", "rec/B/")
    ds = load(tmp_path, HALF, heard=heard)
    assert ds["site"].values.tolist() == ["A", "B"]
    ds = load(tmp_path, HALF + "site_folder = 1\n", heard=heard)
    assert ds["site"].values.tolist() == ["rec"]
    error = refused(tmp_path, HALF + "site_folder = 3\n", heard=heard)
    assert error.codes == ("E690",)


def test_sites__of_recorders_of_one_name_are_their_folders(tmp_path):
    """Recorders that were never named write one name, and triggered ones a T behind the date."""
    for end in ("T", ""):
        start = "" if end else "REC_"
        rows = "".join(
            f"{site}/{start}20210623_050000{end}.WAV,3,6,Strix aluco,Tawny Owl,0.9\n"
            for site in ("wood", "moor")
        )
        heard = "File,Start (s),End (s),Scientific name,Common name,Confidence\n" + rows
        ds = load(tmp_path, HALF, heard=heard)
        assert ds["site"].values.tolist() == ["moor", "wood"]
        assert ("N689" in {p.code for p in ledger_of(ds).problems}) == (end == "")


# --- scores ------------------------------------------------------------------------------------


def test_thresholds__by_species_and_names_without_capitals(tmp_path):
    more = LISTED + HALF + 'threshold_by_species = { "strix  aluco" = 0.9, "Bubo bubo" = 0.5 }\n'
    ds = load(tmp_path, more)
    same(seen(ds, "Strix aluco", "B", "n_records"), [0, 1, np.nan])
    assert "Bubo bubo" in next(p.fact for p in ledger_of(ds).problems if p.code == "N687")
    ds = load(tmp_path, LISTED)
    assert "from a score of 0.12 on" in next(
        p.fact for p in ledger_of(ds).problems if p.code == "W689"
    )
    assert ds.sizes["species"] == 3


def test_scores__can_be_logits_and_counts_can_be_kept(tmp_path):
    ds = load(tmp_path, LISTED + HALF + 'score_scale = "logit"\ncount = "records"\n')
    same(seen(ds, "Turdus merula", "A", "score")[:1], [np.log(0.91 / 0.09)])
    same(seen(ds, "Turdus merula", "A", "count"), [2, 0, 0])
    ones = COMBINED.replace("0.91", "1.0")
    ds = load(tmp_path, LISTED + HALF + 'score_scale = "logit"\n', heard=ones)
    assert 9 < seen(ds, "Turdus merula", "A", "score")[0] < 11


def test_per_cent__is_asked_for(tmp_path):
    percent = COMBINED.replace(",0.", ",").replace(",99,", ",9.9,")
    error = refused(tmp_path, heard=percent)
    assert error.codes == ("E054",)
    assert "heard.csv, row 2, column Confidence: 91 is over 1" in str(error)
    assert "score_divisor = 100" in str(error)
    ds = load(tmp_path, LISTED + HALF + "score_divisor = 100\n", heard=percent)
    same(seen(ds, "Turdus merula", "A", "score")[:2], [0.91, 0.22])


# --- damage ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "old", "new", "code", "told"),
    [
        ("heard", "Start (s)", "Beginning", "E015", 'no column for "offset"'),
        ("heard", "0.91", "high", "E046", '"high" is not a number'),
        ("heard", "9.0,12.0,Turdus", "-9.0,12.0,Turdus", "E694", "row 3, column Start (s): -9"),
        ("heard", "9.0,12.0,Turdus", "9e9,12.0,Turdus", "E694", "9e+09 seconds are a year behind"),
        ("heard", "9.0,12.0,Turdus", "9e300,12.0,Turdus", "E046", '"9e300" is beyond all measure'),
        ("heard", "A_20210623_06", "A_20210623_07", "E686", "row 5: recording"),
        ("recordings", "A_20210623_06", "A_20210623_05", "E021", "is in rows 2-3"),
        ("recordings", "duration_s", "duration", "E688", "seconds or of minutes"),
        ("recordings", ",600,100,0.2", ",0,100,0.2", "E688", "row 3, column duration_s: 0"),
        ("recordings", ",600,100,0.2", ",4e7,100,0.2", "E688", "row 3, column duration_s: 4e+07"),
        ("recordings", ",600,100,0.2", ",,100,0.2", "E688", "of 1 recordings is not known"),
        ("recordings", "_20210623_0600", "_x_0600", "E686", "A_20210623_0600"),
    ],
)
def test_damage(tmp_path, table, old, new, code, told):
    text = {"heard": COMBINED, "recordings": RECORDINGS}[table]
    assert old in text
    error = refused(tmp_path, **{table: text.replace(old, new)})
    assert code in error.codes
    assert told in str(error)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ('[time]\nends_without_time = "whole"\n', "E408"),
        ('[birdnet]\nvisits = "day"\n[occasions]\nlength_days = 2\n', "E408"),
        ('[birdnet]\nvisits = "hours"\nhours = 5\n', "E405"),
        ("[birdnet]\nhours = 6\n", "E405"),
        ("[birdnet]\nscore_divisor = 0\n", "E405"),
        ('[birdnet]\nsite = "name"\nsite_folder = 2\n', "E408"),
        ("[visit_covariates.wind]\n", "E517"),
        ('[cameras]\ncombine = "sum"\n', "E408"),
    ],
)
def test_keys_without_effect_or_sense_are_refused(tmp_path, more, code):
    assert refused(tmp_path, LISTED + more).codes == (code,)


def test_a_start_that_is_not_told_is_asked_for(tmp_path):
    heard = COMBINED.replace("_20210623_050000", "_first")
    recordings = RECORDINGS.replace("_20210623_050000", "_first")
    load(tmp_path, heard=heard, recordings=recordings)
    error = refused(
        tmp_path, LISTED + HALF + 'visits = "day"\n', heard=heard, recordings=recordings
    )
    assert error.codes == ("E689",)
    told = recordings.replace("A_first.wav,A,", "A_first.wav,A,2021-06-23 05:00:00")
    told = told.replace("B_first.wav,B,", "B_first.wav,B,2021-06-23 05:00:00")
    ds = load(tmp_path, LISTED + HALF + 'visits = "day"\n', heard=heard, recordings=told)
    same(seen(ds, "Turdus merula", "A"), [1, 0])


def test_detections_after_the_end_and_recordings_at_one_time_are_told(tmp_path):
    short = RECORDINGS.replace(",600,200,0.5", ",300,200,0.5")
    ds = load(tmp_path, recordings=short)
    assert "W686" in {p.code for p in ledger_of(ds).problems}
    twice = RECORDINGS + "A_20210623_050500.wav,A,,600,100,0.2\n"
    ds = load(tmp_path, LISTED + HALF + 'visits = "day"\n', recordings=twice)
    assert "W688" in {p.code for p in ledger_of(ds).problems}
    same(ds["effort"].sel(site="A").values.ravel(), [25, 10])


def test_a_folder_without_detections_is_refused(tmp_path):
    files = {"results/notes.csv": "a,b\n1,2\n"}
    assert refused(tmp_path, HALF, FOLDER, **files).codes == ("E692",)


# --- order, guess, published -------------------------------------------------------------------


@pytest.mark.parametrize("visits", ["recording", "hours", "day", "occasions"])
def test_order_of_rows_and_columns_changes_nothing(tmp_path, visits):
    more = LISTED + HALF + f'visits = "{visits}"\n'
    first = load(tmp_path, more).drop_attrs()
    for seed in range(2):
        again = load(
            tmp_path,
            more,
            heard=reordered(COMBINED, seed),
            recordings=reordered(RECORDINGS, seed),
        ).drop_attrs()
        xr.testing.assert_identical(first, again[list(first.variables)])


def written(folder, files, names):
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text, encoding="utf-8")
    text = guess([folder / name for name in names], folder=folder)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return tomllib.loads(text)


def test_guess__is_read_without_edits(tmp_path):
    files = {"heard.csv": COMBINED, "recordings.csv": RECORDINGS}
    study = written(tmp_path, files, ["recordings.csv", "heard.csv"])
    assert study["source"]["format"] == "birdnet"
    assert study["files"]["recordings"]["path"] == "recordings.csv"
    assert int((read(tmp_path)["detection"] > 0).sum()) == 2


@pytest.mark.parametrize("form", ["csv", "raven"])
def test_guess__knows_folders_and_many_files(tmp_path, form):
    tables = {f"results/{n}": t for n, t in tables_of_recordings(form).items()}
    study = written(tmp_path, tables, ["results"])
    assert study["files"]["detections"]["path"] == "results"
    first = read(tmp_path).drop_attrs()
    heard = [name for name, text in tables.items() if len(text.splitlines()) > 1]
    assert written(tmp_path, tables, heard)["files"]["detections"]["path"] == "results"
    xr.testing.assert_identical(read(tmp_path).drop_attrs(), first)


@pytest.mark.parametrize("place", ["", "results/"])
def test_guess__a_folder_finds_the_list_of_recordings_beside_what_was_heard(tmp_path, place):
    heard = {place + "heard.csv": COMBINED, "recordings.csv": RECORDINGS}
    study = written(tmp_path, heard | {place + "log.txt": "## init\na, b\na, b, c\n"}, ["."])
    assert study["files"]["recordings"]["path"] == "recordings.csv"
    ds = read(tmp_path)
    assert int(ds["effort"].notnull().sum()) == 5
    assert not ledger_of(ds).of_level("warn")


def test_a_damaged_result_in_a_folder_is_an_error_and_a_log_is_not(tmp_path):
    tables = {f"results/{n}": t for n, t in tables_of_recordings("csv").items()}
    log = {"results/log.txt": "## started\nread a, b\nread a, b, c\n"}
    ds = load(tmp_path, HALF, FOLDER, **tables, **log)
    (note,) = [p for p in ledger_of(ds).problems if p.code == "N688"]
    assert "log.txt" in note.fact
    first = next(iter(tables))
    spoilt = {first: tables[first].splitlines()[0] + '\n3.0,6.0,"Turdus\n'}
    assert refused(tmp_path, HALF, FOLDER, **tables | spoilt).codes


def test_guess__files_beside_the_study_file_and_not_its_results(tmp_path):
    tables = tables_of_recordings("csv")
    heard = [name for name, text in tables.items() if len(text.splitlines()) > 1]
    assert written(tmp_path, tables, heard)["files"]["detections"]["path"] == "."
    first = read(tmp_path)
    assert first.sizes["visit"] == 3
    (tmp_path / "results" / "main").mkdir(parents=True)
    (tmp_path / "results" / "main" / "copy.csv").write_text(COMBINED)
    xr.testing.assert_identical(read(tmp_path).drop_attrs(), first.drop_attrs())


def test_inputs__a_table_more_in_a_folder_is_noticed(tmp_path):
    from occupancy.inputs import digests

    tables = {f"results/{n}": t for n, t in tables_of_recordings().items()}
    load(tmp_path, HALF, FOLDER, **tables)
    first = digests(read_study(tmp_path))
    assert set(first) == set(tables)
    (tmp_path / "results" / "A_20210625_050000.BirdNET.results.csv").write_text("x")
    assert len(digests(read_study(tmp_path))) == len(first) + 1


def test_guess__a_length_without_a_unit_is_to_be_checked(tmp_path):
    recordings = RECORDINGS.replace("duration_s", "duration")
    files = {"heard.csv": COMBINED.replace(",0.", ","), "recordings.csv": recordings}
    study = written(tmp_path, files, list(files))
    assert study["birdnet"]["duration_unit"] == "seconds"
    assert study["birdnet"]["score_divisor"] == 100
    assert read(tmp_path).sizes["visit"] == 3


@pytest.mark.reference
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published data are not here")
def test_published__r_tables(tmp_path):
    expected = json.loads((PUBLISHED / "expected.json").read_text())["r_format"]
    tables = {f"results/{f.name}": f.read_text() for f in (PUBLISHED / "r_format").iterdir()}
    assert len(tables) == expected["files"]
    names = 'names = "common"\nrecording_minutes = 10\n'

    def at(level):
        ds = load(tmp_path, f"[birdnet]\nthreshold = {level}\n{names}", FOLDER, **tables)
        return ds, ledger_of(ds)

    ds, ledger = at(0.0)
    assert sum(ledger.n_read(f) for f in ledger.files) == expected["rows"]
    assert ds.sizes["species"] == expected["species"]
    assert ds["site"].values.tolist() == [expected["site_from_file_name"]]
    starts = [str(t)[:19].replace("T", " ") for t in ds["visit_start"].values.ravel()]
    assert starts == expected["recordings_start_local"]
    thrush = ds["n_records"].sel(species="Swainson's Thrush")
    assert float(thrush.sum()) == expected["swainsons_thrush_rows"]
    assert float(at(0.5)[0]["n_records"].sum()) == expected["rows_over_0.5"]
    ds = at(0.9)[0]
    assert float(ds["n_records"].sum()) == expected["rows_over_0.9"]
    assert ds["species"].values.tolist() == expected["species_over_0.9"]
    assert float(ds["latitude"].values[0]) == pytest.approx(46.1346)


@pytest.mark.reference
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published data are not here")
def test_published__raven_table(tmp_path):
    expected = json.loads((PUBLISHED / "expected.json").read_text())["raven"]
    (file,) = (PUBLISHED / "raven").iterdir()
    (tmp_path / file.name).write_bytes(file.read_bytes())
    head = HEAD.replace("heard.csv", file.name)
    recordings = "file,site\nrandom_sample.wav,X\n"

    def at(level):
        more = f"{LISTED}[birdnet]\nthreshold = {level}\n"
        return load(tmp_path, more, head, recordings=recordings)

    ds = at(0.0)
    assert ledger_of(ds).n_read(file.name) == expected["rows"]
    assert ds.sizes["species"] == expected["species"]
    assert float(at(0.5)["n_records"].sum()) == expected["rows_over_0.5"]
    assert at(0.9)["species"].values.tolist() == expected["species_over_0.9"]
