"""Results of MegaDetector in its dialects: batches, lists of words, species, SpeciesNet."""

import json

from test_camera_formats import MD, load, refused

from surveys.guess import guess

STATIONS = "Station,Setup_date,Retrieval_date\nA,2021-05-01,2021-05-15\nB,2021-05-01,2021-05-15\n"
CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}
FOX = "a1;mammalia;carnivora;canidae;vulpes;vulpes;red fox"
NO_RESULT = ";".join(["b2", *["no cv result"] * 6])


def box(category, confidence, *classes, **more):
    told = {"category": category, "conf": confidence, "bbox": [0, 0, 1, 1]} | more
    return told | ({"classifications": [list(c) for c in classes]} if classes else {})


def picture(file, *boxes, day=2):
    return {"file": file, "datetime": f"2021:05:{day:02d} 01:00:00", "detections": list(boxes)}


def batch(*pictures, **more):
    return json.dumps({"detection_categories": CATEGORIES, "images": list(pictures)} | more)


def species(ds):
    return {
        str(name): int(ds["detection"].sel(species=name).fillna(0).sum())
        for name in ds["species"].values
    }


def test_megadetector__a_confidence_below_the_threshold_is_not_rounded_up(tmp_path):
    text = batch(picture("A/1.jpg", box("1", 0.19996)), picture("B/1.jpg", box("1", 0.2)))
    ds = load(tmp_path, MD, md_json=text, stations=STATIONS)
    assert ds["detection"].sel(species="animal", visit=1).values.ravel().tolist() == [0, 1]


def test_megadetector__names_may_hold_any_sign(tmp_path):
    names = {"0": "deer: roe; Capreolus capreolus", "1": "fox 0.5"}
    text = batch(
        picture("A/1.jpg", box("1", 0.9, ("0", 0.99))),
        picture("B/1.jpg", box("1", 0.9, ("1", 0.99)), box("1", 0.8, ("0", 0.9))),
        classification_categories=names,
    )
    ds = load(tmp_path, MD, md_json=text, stations=STATIONS)
    assert species(ds) == {"deer: roe; Capreolus capreolus": 2, "fox 0.5": 1}


def test_megadetector__a_category_of_the_detector_may_be_a_species(tmp_path):
    text = batch(
        picture("A/1.jpg", box("1", 0.9)),
        picture("A/2.jpg", box("4", 0.9), day=9),
        picture("B/1.jpg", box("3", 0.9)),
        picture("B/2.jpg", box("5", 0.9)),
        detection_categories={"1": "red fox", "3": "human", "4": "badger", "5": "empty"},
    )
    ds = load(tmp_path, MD, md_json=text, stations=STATIONS)
    assert species(ds) == {"badger": 1, "red fox": 1}
    told = json.loads(ds.attrs["ledger"])["aside"]
    assert {a["rule"] for a in told} == {"not a species: human", "not a species: blank"}


def test_megadetector__classes_above_a_species_are_none(tmp_path):
    names = ["red fox", "vulpes species", "canidae family", "no cv result", "blank", "bird"]
    described = [FOX, "c;mammalia;carnivora;canidae;vulpes;;", "d;mammalia;carnivora;canidae;;;"]
    described += [NO_RESULT, "e;;;;;;blank", "f;aves;;;;;bird"]
    pictures = [
        picture(f"A/{k}.jpg", box("1", 0.9, (str(k), 0.9)), day=k + 1) for k in range(len(names))
    ]
    whole = {
        "classification_categories": {str(k): n for k, n in enumerate(names)},
        "classification_category_descriptions": {str(k): d for k, d in enumerate(described)},
    }
    ds = load(tmp_path, MD, md_json=batch(*pictures, **whole), stations=STATIONS)
    assert species(ds) == {"red fox": 1}
    rules = {a["rule"] for a in json.loads(ds.attrs["ledger"])["aside"]}
    assert rules == {
        *("rank: genus", "rank: family", "rank: class"),
        *("not a species: unknown", "not a species: blank"),
    }
    del whole["classification_category_descriptions"]  # the last word tells as much, but of birds
    ds = load(tmp_path, MD, md_json=batch(*pictures, **whole))
    assert species(ds) == {"red fox": 1, "bird": 1}


def test_megadetector__boxes_of_one_frame_are_counted(tmp_path):
    frames = [box("1", 0.9, frame_number=k) for k in (0, 20, 20, 40)]
    text = batch(picture("A/1.mp4", *frames) | {"frame_rate": 20})
    ds = load(tmp_path, MD, md_json=text, stations=STATIONS)
    assert float(ds["count"].sum()) == 2


def test_megadetector__a_list_of_pictures_in_words(tmp_path):
    told = [
        {"file": "A/1.jpg", "detections": [{"category": "animal", "confidence": 0.9}]},
        {"file": "B/1.jpg", "detections": []},
    ]
    times = "file,datetime\nA/1.jpg,2021-05-02 01:00\nB/1.jpg,2021-05-02 01:00\n"
    more = '[files.times]\npath = "times.csv"\n'
    ds = load(tmp_path, MD + more, md_json=json.dumps(told), times=times, stations=STATIONS)
    assert ds["detection"].sel(species="animal", visit=1).values.ravel().tolist() == [1, 0]


def test_megadetector__predictions_of_speciesnet(tmp_path):
    def predicted(file, name, score, *confidences):
        boxes = [{"category": "1", "label": "animal", "conf": c} for c in confidences]
        return {
            "filepath": file,
            "detections": boxes,
            "prediction": name,
            "prediction_score": score,
        }

    told = [
        predicted("A/1.jpg", FOX, 0.99, 0.9, 0.8, 0.1),
        predicted("A/2.jpg", "c;mammalia;carnivora;canidae;vulpes;;fox genus", 0.9, 0.9),
        predicted("A/3.jpg", NO_RESULT, 0.9, 0.9),
        predicted("B/1.jpg", "d;mammalia;primates;hominidae;homo;sapiens;human", 0.9, 0.9),
        predicted("B/2.jpg", "e;;;;;;blank", 0.9),
        {"filepath": "B/3.jpg", "failures": ["CLASSIFIER", "DETECTOR"]},
    ]
    files = [t["filepath"] for t in told]
    times = "file,datetime\n" + "".join(f"{f},2021-05-02 01:00:00\n" for f in files)
    more = '[files.times]\npath = "times.csv"\n'
    text = json.dumps({"predictions": told})
    ds = load(tmp_path, MD + more, md_json=text, times=times, stations=STATIONS)
    assert species(ds) == {"Vulpes vulpes": 1}
    assert float(ds["count"].sum()) == 2
    aside = {a["rule"]: len(a["rows"]) for a in json.loads(ds.attrs["ledger"])["aside"]}
    assert aside == {
        **{"rank: genus": 1, "not a species: unknown": 1, "not a species: human": 1},
        **{"not a species: blank": 1, "picture could not be read": 1},
    }
    assert 'format = "megadetector"' in guess(
        [tmp_path / n for n in ("md.json", "times.csv", "stations.csv")]
    )


def test_megadetector__results_of_several_runs_are_one_table(tmp_path):
    study = MD.replace('"md.json"', '["md.json", "more.json"]')
    (tmp_path / "more.json").write_text(batch(picture("B/1.jpg", box("1", 0.9))))
    text = batch(picture("A/1.jpg", box("1", 0.9)))
    ds = load(tmp_path, study, md_json=text, stations=STATIONS)
    assert ds["detection"].sel(species="animal", visit=1).values.ravel().tolist() == [1, 1]


def test_megadetector__labels_of_the_coco_format_are_no_results(tmp_path):
    told = {"images": [{"id": "1", "file_name": "A/1.jpg"}], "annotations": [], "categories": []}
    error = refused(tmp_path, MD, md_json=json.dumps(told), stations=STATIONS)
    assert error.codes == ("E578",)
    assert "COCO" in str(error)
