"""Tables of recordings that other programs than BirdNET Analyzer write, each in its own layout."""

import tomllib

import numpy as np
import pytest
from spoilt_studies import ledger_of, put

from surveys import read
from surveys.guess import guess
from surveys.problems import SurveyError

HEAD = 'schema = 1\n[source]\nformat = "birdnet"\n[files.detections]\npath = "heard.csv"\n'


def load(folder, more, *, heard):
    return read(put(folder, HEAD + more, {"heard.csv": heard}))


def seen(ds, species, site):
    return ds["detection"].sel(species=species, site=site).isel(season=0).values.tolist()


def same(actual, wanted):
    np.testing.assert_allclose(actual, wanted, rtol=1e-6)


WINDOWS = """file,start_time,end_time,Strix aluco,Turdus merula
rec/A_20210623_050000.wav,0.0,5.0,2.31,-4.5
rec/A_20210623_050000.wav,5.0,10.0,1.31,-3.5
rec/A_20210624_050000.wav,0.0,5.0,-2.31,-4.5
rec/B_20210623_050000.wav,0.0,5.0,-5.31,3.5
"""


def test_windows_with_a_score_for_each_class(tmp_path):
    ds = load(tmp_path, "[birdnet]\nthreshold = 0.0\n", heard=WINDOWS)
    same(seen(ds, "Strix aluco", "A"), [1, 0])
    same(seen(ds, "Turdus merula", "B"), [1, np.nan])
    assert float(ds["n_records"].sel(species="Strix aluco", site="A").max()) == 2
    assert float(ds["score"].sel(species="Turdus merula", site="A").max()) == -3.5
    account = ledger_of(ds)
    assert account.n_used() == 4
    assert "W687" not in {p.code for p in account.problems}  # silent windows are listed too
    shares = WINDOWS
    for logit in ("-2.31", "-4.5", "-3.5", "-5.31", "2.31", "1.31", "3.5"):
        shares = shares.replace(f",{logit}", f",{1 / (1 + np.exp(-float(logit))):.3f}")
    ds = load(
        tmp_path, "[birdnet]\nthreshold = 0.85\n[taxa]\nexclude = ['Turdus merula']\n", heard=shares
    )
    same(seen(ds, "Strix aluco", "A"), [1, 0])
    assert ds.sizes["species"] == 1


def test_labels_of_audacity__have_no_column_names_and_may_be_empty(tmp_path):
    labels = {
        "A_20210623_050000": "0.0\t3.0\tStrix aluco, Tawny Owl\t0.9100\n",
        "A_20210624_050000": "",
        "B_20210623_050000": "0.0\t3.0\tTurdus merula, Eurasian Blackbird\t0.8\n"
        "3.0\t6.0\tStrix aluco, Tawny Owl\t0.4\n",
    }
    for name, text in labels.items():
        path = tmp_path / f"{name}.BirdNET.results.txt"
        path.write_text(text, encoding="utf-8")
    text = guess([tmp_path], folder=tmp_path)
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    ds = read(tmp_path)
    same(seen(ds, "Strix aluco", "A"), [1, 0])
    same(seen(ds, "Turdus merula", "B"), [1, np.nan])
    same(seen(ds, "Strix aluco", "B"), [0, np.nan])
    account = ledger_of(ds)
    assert account.n_read() == 3
    assert "W687" not in {p.code for p in account.problems}


def test_stations_that_listen_all_day__have_days_as_recordings(tmp_path):
    head = "Date;Time;Sci_Name;Com_Name;Confidence;Lat;Lon;Cutoff;Week;Sens;Overlap\n"
    rows = {
        "moor": [("2024-12-31", "23:59:59", 0.9), ("2025-01-01", "00:00:00", 0.8)],
        "wood": [("2024-12-31", "06:00:00", 0.4)],
    }
    for station, told in rows.items():
        lines = [
            f"{day};{time};Strix aluco;Tawny Owl;{score};47.1;8.2;0.7;18;1.25;0.0\n"
            for day, time, score in told
        ]
        (tmp_path / "pi" / station).mkdir(parents=True)
        text = head + "".join(lines)
        (tmp_path / "pi" / station / "BirdDB.txt").write_text(text, encoding="utf-8")
    text = guess([tmp_path / "pi"], folder=tmp_path)
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    ds = read(tmp_path)
    assert ds["site"].values.tolist() == ["moor", "wood"]
    same(seen(ds, "Strix aluco", "moor"), [1, 1])
    same(seen(ds, "Strix aluco", "wood"), [0, np.nan])
    days = ds["visit_start"].sel(site="moor").values.ravel().astype("datetime64[D]")
    assert [str(d) for d in days] == ["2024-12-31", "2025-01-01"]
    assert float(ds["latitude"].sel(site="moor")) == 47.1


TAGS = """location,latitude,longitude,recording_date_time,task_method,aru_task_status,species_code,species_common_name,species_scientific_name,individual_order,detection_time,individual_count
A-1,54.1,-114.1,2024-06-01 05:00:00,1SPT,Transcribed,OVEN,Ovenbird,Seiurus aurocapilla,1,3.2,1
A-1,54.1,-114.1,2024-06-01 05:00:00,1SPT,Transcribed,TEWA,Tennessee Warbler,Leiothlypis peregrina,1,13.2,TMTT
A-1,54.1,-114.1,2024-06-05 05:00:00,1SPT,Transcribed,NONE,NONE,NONE,,,
B-2,54.2,-114.2,2024-06-01 05:00:00,1SPT,Transcribed,OVEN,Ovenbird,Seiurus aurocapilla,1,8,1
"""  # noqa: E501


def test_reports_of_wildtrax__tags_and_scores(tmp_path):
    (tmp_path / "report.csv").write_text(TAGS, encoding="utf-8")
    text = guess([tmp_path / "report.csv"], folder=tmp_path)
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    assert "threshold" not in tomllib.loads(text)["birdnet"]
    ds = read(tmp_path)
    assert ds["site"].values.tolist() == ["A-1", "B-2"]
    same(seen(ds, "Seiurus aurocapilla", "A-1"), [1, 0])
    same(seen(ds, "Leiothlypis peregrina", "B-2"), [0, np.nan])
    assert "score" not in ds
    assert "W687" not in {p.code for p in ledger_of(ds).problems}
    scores = TAGS.replace("individual_order", "version").replace("individual_count", "confidence")
    scores = scores.replace("TMTT", "0.3").replace(
        ",NONE,NONE,NONE,,,", ",OVEN,O,Seiurus aurocapilla,1,5,0.2"
    )
    (tmp_path / "report.csv").write_text(scores, encoding="utf-8")
    (tmp_path / "study.toml").write_text(guess([tmp_path], folder=tmp_path), encoding="utf-8")
    ds = read(tmp_path)
    same(seen(ds, "Seiurus aurocapilla", "A-1"), [1, 0])
    assert ds.sizes["species"] == 1
    # Recordings that nobody has listened to yet are no visits without birds.
    (tmp_path / "report.csv").write_text(
        TAGS.replace("Transcribed,NONE", "New,NONE"), encoding="utf-8"
    )
    with pytest.raises(SurveyError):
        guess([tmp_path / "report.csv"], folder=tmp_path)
