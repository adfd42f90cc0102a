"""Wildlife Insights downloads: the Cajambre sample, counted by hand."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from surveys import read
from surveys.ledger import Ledger

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "wildlife_insights_cajambre"
here = pytest.mark.skipif(not DATA.is_dir(), reason="the samples are not beside the project")


def sample(folder, more=""):
    shutil.copytree(DATA, folder / "wi")
    text = 'schema = 1\n[source]\nformat = "wildlife_insights"\npath = "wi"\n'
    text += '[cameras]\ncombine = "union"\n' + more  # one camera stands twice in the tables
    (folder / "study.toml").write_text(text)
    return read(folder)


@pytest.mark.reference
@here
def test_cajambre__effort_sites_and_naive_occupancy(tmp_path):
    ds = sample(tmp_path, "[occasions]\nlength_days = 1\n")
    told = json.loads((DATA / "expected.json").read_text())
    assert ds.sizes["site"] == told["n_sites_placename"]
    assert float(ds["effort"].sum()) == told["camera_days_by_site_union"]
    images = pd.read_csv(DATA / "images.csv", dtype=str, keep_default_na=False)
    places = pd.read_csv(DATA / "deployments.csv", dtype=str).set_index("deployment_id")
    images["site"] = places["placename"].reindex(images["deployment_id"]).to_numpy()
    images["name"] = images["genus"] + " " + images["species"]
    for species, numbers in told["species_with_60_images_or_more"].items():
        if species == "Homo sapiens":
            assert species not in ds["species"].values
            continue
        mine = ds.sel(species=species)
        seen = mine["detection"] > 0
        assert float(seen.any(("season", "visit")).mean()) == pytest.approx(
            numbers["naive_occupancy_placename"], abs=5e-5
        )
        rows = images[(images["name"] == species) & (images["species"] != "")]
        days = rows["site"] + rows["timestamp"].str[:10]
        assert int(seen.sum()) == days.nunique()
        assert int(mine["n_records"].sum()) == numbers["images"]
    ledger = Ledger.from_json(ds.attrs["ledger"])
    assert ledger.n_read("wi/images.csv") == told["n_images"]
    assert ledger.n_aside("wi/images.csv", "not a species: blank") == told["blank_images"]
    assert ledger.n_aside("wi/images.csv", "not a species: human") == told["images_of_people"]
    used = told["images_identified_to_species"] - told["images_of_people"]
    assert ledger.n_used("wi/images.csv") == used
    (last_day,) = [p for p in ledger.problems if p.code == "R041"]
    assert f"{told['images_after_end_date_midnight_same_day']} rows" in last_day.fact
    (double,) = [p for p in ledger.problems if p.code == "W043"]
    assert "2005240" in double.fact
    assert "CTCAJ14" in double.fact
    assert "46 camera-days" in double.fact


@pytest.mark.reference
@here
def test_cajambre__weeks_as_wiutils_has_them(tmp_path):
    ds = sample(tmp_path)
    theirs = pd.read_csv(DATA / "wiutils_history_7days.csv").set_index(["taxon", "deployment_id"])
    places = pd.read_csv(DATA / "deployments.csv", dtype=str).set_index("deployment_id")
    for (taxon, deployment), row in theirs.iterrows():
        site = places.loc[deployment, "placename"]
        if site == "CTCAJ14":
            continue  # two deployments, which they keep apart
        ours = ds["detection"].sel(species=taxon, site=site).values[0]
        for k, value in enumerate(row.to_numpy()):
            if value > 0:
                assert ours[k] == 1
            elif value == 0 and k < len(ours):
                assert ours[k] == 0
