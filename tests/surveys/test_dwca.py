"""Darwin Core archives: the dragonflies of Flanders, and small archives by hand."""

import csv
import json
import random
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from dwca_samples import EVENTS, HUMBOLDT, OCCURRENCES, STUDY, TABLES, meta, without, write

from surveys import read
from surveys.guess import guess
from surveys.ledger import Ledger
from surveys.problems import SurveyError
from surveys.readers import dwca_archive
from surveys.readers.dwca_records import plain
from surveys.readers.dwca_times import interval

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "dwc_dragonflies"
here = pytest.mark.skipif(not DATA.is_dir(), reason="the samples are not beside the project")
ROWS = without("humboldt.txt")


def ledger(ds):
    return Ledger.from_json(ds.attrs["ledger"])


def sample(folder, more=""):
    (folder / "archive").mkdir()
    for file in DATA.glob("*.[tx]*"):
        (folder / "archive" / file.name).write_bytes(file.read_bytes())
    (folder / "study.toml").write_text(STUDY + more)
    return read(folder)


@pytest.mark.reference
@here
def test_dragonflies__events_species_and_pairs(tmp_path):
    more = '[visit_covariates.transect]\ncolumn = "lenght transect"\nunits = "m"\n'
    ds = sample(tmp_path, more)
    told = json.loads((DATA / "expected.json").read_text())
    assert ds.sizes["site"] == told["n_sites_locationID"]
    assert ds.sizes["species"] == told["n_taxa"]
    assert [str(s) for s in ds["season"].values] == told["seasons"]
    assert int(ds["effort"].notnull().sum()) == told["n_events"]
    assert int(ds["detection"].notnull().sum()) == told["event_x_species_pairs"]
    assert int(ds["target"].sum()) == told["event_x_species_pairs"]
    assert int((ds["detection"] > 0).sum()) == told["event_x_species_pairs_with_count_over_0"]
    account = ledger(ds)
    assert account.n_used("archive/occurrence.txt") == told["n_occurrence_rows"]
    assert int(ds["n_records"].sum()) == told["n_occurrence_rows"]
    transect = ds["transect"].values[~np.isnan(ds["transect"].values)]
    assert (len(transect), transect.min(), transect.max()) == (406 - 196, 3, 1850)
    assert account.n_aside("archive/measurementorfacts.txt", "unknown") == 196


@pytest.mark.reference
@here
@pytest.mark.parametrize("which", [0, 1])
def test_dragonflies__the_species_of_a_project(tmp_path, which):
    told = json.loads((DATA / "expected.json").read_text())["target_species"]
    name, numbers = list(told.items())[which]
    species, _, remark = name.partition(" in ")
    more = f'[study]\nspecies = "{species}"\n[dwca.where]\neventRemarks = ["{remark}"]\n'
    ds = sample(tmp_path, more).squeeze("species")
    seen = ds["detection"]
    assert int(ds["effort"].notnull().sum()) == numbers["events_of_project"]
    assert int(seen.notnull().sum()) == numbers["events_with_a_row_for_it"]
    assert int((seen > 0).sum()) == numbers["events_detected"]
    assert int(ds["count"].sum()) == numbers["individuals"]
    made, found = seen.notnull().any("visit"), (seen > 0).any("visit")
    assert ds.sizes["site"] == numbers["sites"]
    assert int(found.any("season").sum()) == numbers["sites_detected"]
    assert int(made.sum()) == numbers["site_seasons"]
    assert int(found.sum()) == numbers["site_seasons_detected"]
    assert ds.sizes["visit"] == numbers["max_visits_per_site_season"]
    assert float(found.any("season").mean()) == pytest.approx(
        numbers["naive_occupancy_sites"], abs=5e-5
    )


# --- by hand -----------------------------------------------------------------------------------


def test_absence_is_what_a_row_says(tmp_path):
    ds = read(write(tmp_path, tables=ROWS))
    assert ds["species"].values.tolist() == ["Aeshna isoceles", "Lestes viridis"]
    assert ds["season"].values.tolist() == [2021, 2022]
    hawker = ds["detection"].sel(species="Aeshna isoceles")
    assert hawker.sel(site="A", season=2021).values.tolist() == [1, 0]
    assert np.isnan(hawker.sel(site="B", season=2021).values).all()
    assert hawker.sel(site="B", season=2022).values[0] == 1
    assert ds["count"].sel(species="Aeshna isoceles", site="A", season=2021).values.tolist() == [
        5,
        0,
    ]
    damsel = ds.sel(species="Lestes viridis", site="B", season=2021)
    assert damsel["detection"].values[0] == 1
    assert np.isnan(damsel["count"].values[0])
    assert ds["effort"].notnull().sum("visit").values.tolist() == [[2, 0], [1, 1]]


def test_every_row_is_accounted_for(tmp_path):
    ds = read(write(tmp_path))
    account = ledger(ds)
    assert account.n_used("archive/event.txt") == 4
    assert account.n_used("archive/occurrence.txt") == 6
    assert account.n_aside("archive/occurrence.txt", "rank: order") == 1
    assert account.n_aside("archive/facts.txt", "no covariate of the study") == 4
    assert account.n_used("archive/humboldt.txt") == 4
    files = {i["file"]: i["rows"] for i in json.loads(ds.attrs["provenance"])["inputs"]}
    assert files["archive/event.txt"] == 4
    assert "archive/meta.xml" in files
    assert str(tmp_path) not in json.dumps(ds.attrs)


def test_absence_is_what_the_scope_of_an_event_takes_in(tmp_path):
    header, *rows = OCCURRENCES.rstrip("\n").split("\n")
    occurrences = "\n".join([f"{header},order", *(f"{row},Odonata" for row in rows)])
    ds = read(write(tmp_path, tables=without(occurrence=occurrences)))
    hawker, damsel = (ds["detection"].sel(species=s) for s in ds["species"].values)
    assert damsel.sel(site="A", season=2021).values.tolist() == [0, 0]  # scope; absentTaxa
    assert np.isnan(hawker.sel(site="B", season=2021).values[0])  # excluded from the scope
    assert np.isnan(damsel.sel(site="B", season=2022).values[0])  # not fully reported
    assert int(ds["target"].sum()) == 6
    assert "W629" not in {p.code for p in ledger(ds).problems}


def test_all_species_were_looked_for_where_the_study_says_so(tmp_path):
    ds = read(write(tmp_path, '[dwca]\nscope = "all"\n', tables=ROWS))
    assert "target" not in ds
    assert int(ds["detection"].notnull().sum()) == 8
    assert int((ds["detection"] > 0).sum()) == 3


def test_species_without_any_absence_are_told(tmp_path):
    (told,) = (p for p in ledger(read(write(tmp_path, tables=ROWS))).problems if p.code == "W629")
    assert "1 of 2 species are never told absent (Lestes viridis)" in told.fact


def test_times_and_covariates(tmp_path):
    more = """[visit_covariates.cloud]\nunits = "%"
[visit_covariates.minutes]\ncolumn = "samplingEffortValue"\n[covariates.spot]\ncolumn = "locationID"
"""
    ds = read(write(tmp_path, more))
    at = ds.sel(site="A", season=2021)
    assert at["time_of_day"].values[0] == 6.5
    assert np.isnan(at["time_of_day"].values[1])
    assert at["day_of_year"].values.tolist() == [121, 140]
    assert str(at["visit_end"].values[0])[:16] == "2021-05-01T07:30"
    assert str(ds["visit_end"].sel(site="B", season=2021).values[0])[:10] == "2021-05-04"
    assert at["cloud"].values[0] == 30
    assert np.isnan(at["cloud"].values[1])  # the word unknown
    assert at["minutes"].values.tolist() == [30, 20]
    assert set(np.unique(ds["samplingProtocol"].values)) == {"", "net", "walk"}
    assert ds["spot"].values.tolist() == ["A", "B"]
    assert ds["longitude"].values.tolist() == [8.1, 8.2]


def test_effort_has_its_unit_and_must_be_known(tmp_path):
    with pytest.raises(SurveyError, match="1 of 4 events is unknown or 0"):
        read(write(tmp_path, '[dwca]\neffort = "sampleSizeValue"\n'))
    more = '[dwca]\neffort = "sampleSizeValue"\nblank_effort = "drop"\n'
    ds = read(write(tmp_path, more))
    assert ds["effort"].attrs["units"] == "metre"
    assert ds["effort"].sel(site="B").values[:, 0].tolist() == [250, 300]
    assert ledger(ds).n_aside("archive/event.txt", "effort unknown") == 1
    minutes = read(write(tmp_path, '[dwca]\neffort = "samplingEffortValue"\n'))
    assert minutes["effort"].attrs["units"] == "minutes"
    written = EVENTS.replace("sampleSizeValue,sampleSizeUnit", "samplingEffort,x")
    for old, new in (
        ("100,", "30 minutes,"),
        ("unknown,", '"12,5 minutes",'),
        ("250,", "1 minutes,"),
    ):
        written = written.replace(old, new)
    written = written.replace("300,metre", "2 hours,metre")
    with pytest.raises(SurveyError, match=r"2 units \(hours, minutes\)"):
        read(write(tmp_path, '[dwca]\neffort = "samplingEffort"\n', tables=without(event=written)))
    with pytest.raises(SurveyError, match='Did you mean "cloud"'):
        read(write(tmp_path, '[dwca]\neffort = "clouds"\n'))


HIERARCHY = """id,parentEventID,locationID,eventDate,decimalLatitude,decimalLongitude
year1,,,2021,,
year2,,,2022,,
v1,year1,A,2021-05-01,46.1,8.1
v1a,v1,,,,
v1b,v1,,,,
v2,year2,A,2022-05-01,46.1,8.1
v3,year2,B,2022-05-02,46.2,8.2
"""
PARTS = """id,scientificName,occurrenceStatus
v1a,Lestes viridis,absent
v1b,Lestes viridis,present
v2,Lestes viridis,absent
v3,Lestes viridis,present
"""


def test_parts_of_events_have_what_the_whole_says(tmp_path):
    tables = without("facts.txt", "humboldt.txt", event=HIERARCHY, occurrence=PARTS)
    ds = read(write(tmp_path, tables=tables))
    assert ds["season"].values.tolist() == [2021, 2022]
    assert ds["detection"].sel(site="A", season=2021).values.ravel().tolist() == [0, 1]
    assert ledger(ds).n_aside("archive/event.txt", "an event made of others") == 3
    joined = read(write(tmp_path, '[dwca]\nvisit = "parent"\n', tables=tables))
    assert joined["detection"].sel(site="A", season=2021).values.ravel().tolist() == [1]
    flat = HIERARCHY.replace("v1a,v1,,,,\nv1b,v1,,,,\n", "")
    one = PARTS.replace("v1a", "v1").replace("v1b,Lestes viridis,present\n", "")
    tables = without("facts.txt", "humboldt.txt", event=flat, occurrence=one)
    seasons = read(write(tmp_path, '[dwca]\nseason = "parent"\n', tables=tables))
    assert seasons["season"].values.tolist() == ["year1", "year2"]
    none = read(write(tmp_path, '[dwca]\nseason = "none"\n', tables=tables))
    assert none["effort"].notnull().sum("visit").values.tolist() == [[2], [1]]
    tables["event.txt"] = (*TABLES["event.txt"][:2], flat.replace("year1,,", "year1,v1,"))
    with pytest.raises(SurveyError, match="part of themselves"):
        read(write(tmp_path, tables=tables))


def test_an_event_whose_parts_only_measure_is_the_visit(tmp_path):
    event = HIERARCHY.replace("v1b,v1,,,,\n", "")
    found = PARTS.replace("v1a,", "v1,").replace("v1b,", "v1,")
    ds = read(
        write(tmp_path, tables=without("facts.txt", "humboldt.txt", event=event, occurrence=found))
    )
    assert ds["detection"].sel(site="A", season=2021).values.ravel().tolist() == [1]
    account = ledger(ds)
    rule = "a part of a visit, without occurrences"
    assert account.n_aside("archive/event.txt", rule) == 1
    assert account.n_used("archive/occurrence.txt") == 4


def test_what_was_found_at_an_event_and_at_its_parts_is_told(tmp_path):
    found = PARTS + "v1,Lestes viridis,present\n"
    tables = without("facts.txt", "humboldt.txt", event=HIERARCHY, occurrence=found)
    apart = read(write(tmp_path, tables=tables))
    (told,) = (p for p in ledger(apart).problems if p.code == "W628")
    assert "1 of 5 occurrences" in told.fact
    joined = read(write(tmp_path, '[dwca]\nvisit = "parent"\n', tables=tables))
    assert ledger(joined).n_used("archive/occurrence.txt") == 5
    assert int(joined["n_records"].sel(site="A", season=2021).sum()) == 3


def test_a_date_may_stand_in_three_columns(tmp_path):
    event = """id,locationID,year,month,day
e1,A,2021,5,1
e2,A,2021,5,
e3,B,2022,,
"""
    found = "id,scientificName,occurrenceStatus\ne1,Lestes viridis,present\n"
    found += "e2,Lestes viridis,absent\ne3,Lestes viridis,Ausente\n"
    tables = without("facts.txt", "humboldt.txt", event=event, occurrence=found)
    ds = read(write(tmp_path, tables=tables))
    assert ds["season"].values.tolist() == [2021, 2022]
    at = ds.sel(site="A", season=2021)
    assert [str(t)[:10] for t in at["visit_start"].values] == ["2021-05-01", "2021-05-01"]
    assert [str(t)[:10] for t in at["visit_end"].values] == ["2021-05-02", "2021-06-01"]
    assert ds["detection"].sel(site="B", season=2022).values.ravel()[0] == 0


def test_coordinates_that_differ_by_metres_are_one_place(tmp_path):
    moved = EVENTS.replace("2021-05-20,,46.1,8.1", "2021-05-20,,46.1002,8.1")
    ds = read(write(tmp_path, tables=without(event=moved)))
    assert float(ds["latitude"].sel(site="A")) == pytest.approx(46.1001)
    (told,) = (p for p in ledger(ds).problems if p.code == "W624")
    assert "by up to 22.2 m" in told.fact
    far = EVENTS.replace("2021-05-20,,46.1,8.1", "2021-05-20,,46.9,8.1")
    error = refusal(tmp_path, tables=without(event=far))
    assert error.codes == ("E513",)
    assert "89 km apart (rows 2-3" in str(error)


def test_an_archive_of_occurrences_is_told_clearly(tmp_path):
    tables = {"occurrence.txt": ("core", TABLES["occurrence.txt"][1], OCCURRENCES)}
    folder = write(tmp_path, tables=tables, packed=True)
    for look in (lambda: read(folder), lambda: guess([folder / "archive.zip"], folder=folder)):
        with pytest.raises(SurveyError, match="hold sightings alone"):
            look()


def test_a_species_that_is_not_certain_is_none(tmp_path):
    odd = OCCURRENCES.replace("e3,Lestes viridis", "e3,Lestes cf. viridis")
    ds = read(write(tmp_path, tables=without("humboldt.txt", occurrence=odd)))
    assert ds["species"].values.tolist() == ["Aeshna isoceles"]


@pytest.mark.parametrize("rank", ["Especie", "SPECIES", "espèce", "sp."])
def test_ranks_in_the_words_of_the_publisher(tmp_path, rank):
    told = OCCURRENCES.replace(",species,", f",{rank},").replace(",order,", ",Orden,")
    ds = read(write(tmp_path, tables=without("humboldt.txt", occurrence=told)))
    assert ds["species"].values.tolist() == ["Aeshna isoceles", "Lestes viridis"]
    below = OCCURRENCES.replace("Lestes viridis,species", "Lestes viridis fallax,ssp.")
    ds = read(write(tmp_path, tables=without("humboldt.txt", occurrence=below)))
    assert ds["species"].values.tolist() == ["Aeshna isoceles", "Lestes viridis"]


def test_names_of_a_scope_may_be_parted_by_commas(tmp_path):
    listed = HUMBOLDT.replace(
        "Aeshnidae | Lestidae", '"Aeshna isoceles (Müller, 1767), Lestes viridis"'
    )
    first = read(write(tmp_path))
    second = read(write(tmp_path, tables=without(humboldt=listed)))
    xr.testing.assert_equal(first["detection"], second["detection"])


def test_a_quantity_of_nothing_is_an_absence(tmp_path):
    found = "id,scientificName,organismQuantity,organismQuantityType\n"
    found += "e1,Lestes viridis,0,percentage cover\ne2,Lestes viridis,12.5,percentage cover\n"
    ds = read(write(tmp_path, tables=without("humboldt.txt", occurrence=found)))
    assert ds["detection"].sel(site="A", season=2021).values.ravel().tolist() == [0, 1]
    assert "count" not in ds


def test_measurements_of_animals_are_no_covariates_of_events(tmp_path):
    facts = "id,occurrenceID,measurementType,measurementValue\ne1,,cloud,30\ne1,o1,mass,3\n"
    folder = write(tmp_path, tables=without(facts=facts))
    (folder / "study.toml").unlink()
    text = guess([folder / "archive"], folder=folder)
    assert list(tomllib.loads(text)["visit_covariates"]) == ["cloud"]


def test_rows_are_chosen_by_any_term(tmp_path):
    ds = read(write(tmp_path, '[dwca.where]\nlifeStage = ["Adult"]\n'))
    assert float(ds["count"].max()) == 2
    assert ledger(ds).n_aside("archive/occurrence.txt", "[dwca.where] lifeStage") == 2
    walks = read(write(tmp_path, '[dwca.where]\nsamplingProtocol = ["walk"]\n'))
    assert int(walks["effort"].notnull().sum()) == 3
    assert ledger(walks).n_aside("archive/occurrence.txt", "event set aside") == 2
    with pytest.raises(SurveyError, match='Did you mean "lifeStage"'):
        read(write(tmp_path, '[dwca.where]\nlifestages = ["x"]\n'))


def test_sites_go_by_another_term_or_by_coordinates(tmp_path):
    one = without(event=EVENTS.replace("net", "walk").replace("46.2,8.2", "46.1,8.1"))
    ds = read(write(tmp_path, '[dwca]\nsite = "samplingProtocol"\nseason = "none"\n', tables=one))
    assert ds["site"].values.tolist() == ["walk"]
    blank = EVENTS.replace(",A,", ",,").replace(",B,", ",,")
    at = read(write(tmp_path, tables=without(event=blank)))
    assert at["site"].values.tolist() == ["46.1,8.1", "46.2,8.2"]


@pytest.mark.parametrize(
    ("day", "hour", "start", "end"),
    [
        ("2021-05-01", "", "2021-05-01T00:00", "2021-05-02T00:00"),
        ("2021-05-01/03", "", "2021-05-01T00:00", "2021-05-04T00:00"),
        ("2021-05-01/2021-06-02", "", "2021-05-01T00:00", "2021-06-03T00:00"),
        ("2021-05", "", "2021-05-01T00:00", "2021-06-01T00:00"),
        ("2021", "", "2021-01-01T00:00", "2022-01-01T00:00"),
        ("2021-05-01", "22:00/02:00", "2021-05-01T22:00", "2021-05-02T02:00"),
        ("2021-05-01T10:15Z/2021-05-01T11:00Z", "", "2021-05-01T10:15", "2021-05-01T11:00"),
        ("2021-05-01T10:15+02", "", "2021-05-01T10:15", "2021-05-01T10:15"),
        ("20210501/20210503", "", "2021-05-01T00:00", "2021-05-04T00:00"),
        ("2021-05-01T00:00:00", "06:30", "2021-05-01T06:30", "2021-05-02T00:00"),
        ("2021-05-01 00:00:00Z", "22:00+02/23:00+02", "2021-05-01T22:00", "2021-05-01T23:00"),
        ("2021-02-30", "", None, None),
        ("2021-05-03/2021-05-01", "", None, None),
        ("May", "", None, None),
    ],
)
def test_dates_and_intervals(day, hour, start, end):
    found = interval(day, hour)
    if start is None:
        assert found is None
    else:
        assert found is not None
        assert [str(t)[:16] for t in found[:2]] == [start, end]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Aeshna isoceles (Müller, 1767)", "Aeshna isoceles"),
        ("Parus major Linnaeus, 1758", "Parus major"),
        ("Carabus (Oreocarabus) hortensis Linnaeus", "Carabus hortensis"),
        ("Aeshna sp.", "Aeshna sp."),
        ("Odonata", "Odonata"),
        ("Anax x parthenope", "Anax x parthenope"),
    ],
)
def test_names_go_without_their_authors(written, name):
    assert plain(written) == name


# --- what is refused ---------------------------------------------------------------------------


def refusal(folder, more="", **changes):
    with pytest.raises(SurveyError) as caught:
        read(write(folder, more, **changes))
    return caught.value


def test_a_packed_archive_is_read_like_a_folder(tmp_path):
    plain_ = read(write(tmp_path))
    packed = read(write(tmp_path, packed=True))
    xr.testing.assert_equal(plain_, packed)
    with zipfile.ZipFile(tmp_path / "archive.zip") as box:
        members = {n: box.read(n) for n in box.namelist()}
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as box:
        for name, raw in members.items():
            box.writestr(f"dwca-v1.2/{name}", raw)
    xr.testing.assert_equal(plain_, read(tmp_path))


HOSTILE = {
    "entities": '<!DOCTYPE a [<!ENTITY x "y">]>',
    "outside": '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_entities_and_document_types_are_refused(tmp_path, kind):
    (problem,) = refusal(tmp_path, xml=meta(top=HOSTILE[kind])).problems
    assert problem.code == "E620"
    assert "declares a document type" in problem.fact


@pytest.mark.parametrize(
    "name", ["../study.toml", "/etc/hostname", "..\\study.toml", "C:x", "", "no.txt"]
)
def test_a_name_that_leads_out_of_the_archive_is_refused(tmp_path, name):
    for packed in (True, False):
        xml = meta().replace("<location>facts.txt", f"<location>{name}")
        (problem,) = refusal(tmp_path, xml=xml, packed=packed).problems
        assert problem.code == "E620"
        assert "inside the archive" in problem.fact or "is not there" in problem.fact


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path):
    folder = write(tmp_path)
    (folder / "archive" / "facts.txt").unlink()
    (folder / "archive" / "facts.txt").symlink_to("/etc/hostname")
    with pytest.raises(SurveyError, match="leads out of the archive"):
        read(folder)


def test_a_zip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(dwca_archive, "MOST_BYTES", 1 << 16)
    bomb = without(facts="id,measurementType\n" + "0" * (1 << 20))
    (problem,) = refusal(tmp_path, tables=bomb, packed=True).problems
    assert problem.code == "E620"
    assert "unpacked it is larger" in problem.fact


@pytest.mark.parametrize(
    ("xml", "told"),
    [
        ("<archive>", "no XML"),
        ("", "no XML"),
        ("<archive/>", "names no core"),
        ("<a>" * 5000, "too deep"),
        (meta().replace("terms/Event", "terms/Taxon", 1), "core is Taxon"),
        (meta().replace('index="3"', 'index="-3"'), "no number of a column"),
        (meta().replace('index="3"', 'index="99999999999"'), "no number of a column"),
        (meta().replace('fieldsTerminatedBy=","', 'fieldsTerminatedBy=";;"', 1), "one sign"),
        (meta().replace('encoding="UTF-8"', 'encoding="klingon"', 1), "klingon"),
    ],
)
def test_a_meta_that_cannot_be_meant_is_refused(tmp_path, xml, told):
    (problem,) = refusal(tmp_path, xml=xml).problems
    assert problem.code == "E620"
    assert told in problem.fact


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"event": EVENTS.replace("e2,e2", "e1,e1")}, "E621"),
        ({"event": EVENTS.replace("2021-05-20", "20 May")}, "E622"),
        ({"occurrence": OCCURRENCES.replace("e4,", "e44,")}, "E055"),
        ({"occurrence": OCCURRENCES.replace(",absent,0,larva", ",rare,0,larva")}, "E624"),
        ({"event": EVENTS.replace("46.1,8.1,walk,unknown", "46.9,8.1,walk,unknown")}, "E513"),
    ],
)
def test_damage_is_told(tmp_path, changes, code):
    assert code in refusal(tmp_path, tables=without(**changes)).codes


def test_a_count_against_the_status_is_told_and_not_believed(tmp_path):
    odd = OCCURRENCES.replace("present,3,exuviae", "present,0,exuviae")
    ds = read(write(tmp_path, tables=without("humboldt.txt", occurrence=odd)))
    assert "W625" in {p.code for p in ledger(ds).problems}
    at = ds.sel(species="Aeshna isoceles", site="A", season=2021)
    assert at["detection"].values[0] == 1
    assert np.isnan(at["count"].values[0])


# --- a first study file, order -----------------------------------------------------------------


@pytest.mark.parametrize("sign", [",", "\t"])
def test_tables_that_nobody_has_packed_are_known_and_read(tmp_path, sign):
    """As they come out of a spreadsheet or a database: terms with their prefix, no meta.xml."""
    more = "[visit_covariates.cloud]\n"
    whole = read(write(tmp_path, more))
    home = tmp_path / "tables"
    home.mkdir()
    names = {
        "facts.txt": "emof.csv",
        "humboldt.txt": "humboldt.csv",
        "occurrence.txt": "occurrence.csv",
    }
    for name, (_, _, text) in TABLES.items():
        rows = list(csv.reader(text.splitlines()))
        rows[0] = [f"dwc:{term}" for term in ["eventID", *rows[0][1:]]]
        if name == "event.txt":
            rows = [[row[0], *row[2:]] for row in rows]
        with (home / names.get(name, "event_core.csv")).open(
            "w", encoding="utf-8", newline=""
        ) as file:
            csv.writer(file, delimiter=sign).writerows(rows)
    text = guess(sorted(home.iterdir()), folder=home)
    study = tomllib.loads(text)
    assert study["files"]["archive"]["path"] == "."
    (home / "study.toml").write_text(text, encoding="utf-8")
    ds = read(home)
    for name in ("detection", "count", "effort", "cloud"):
        xr.testing.assert_equal(
            ds[name].drop_vars(set(ds[name].coords) - {"species", "site", "season", "visit"}),
            whole[name],
        )


@pytest.mark.parametrize("packed", [True, False])
def test_an_archive_is_known_and_read(tmp_path, packed):
    folder = write(tmp_path, packed=packed)
    (folder / "study.toml").unlink()
    files = [folder / "archive.zip"] if packed else sorted((folder / "archive").iterdir())
    text = guess(files, folder=folder)
    (folder / "study.toml").write_text(text)
    study = tomllib.loads(text)
    assert study["source"]["format"] == "dwca"
    assert study["files"]["archive"]["path"] == ("archive.zip" if packed else "archive/meta.xml")
    assert "detections" not in study["files"]
    assert study["visit_covariates"]["cloud"]["column"] == "cloud"
    assert int((read(folder)["detection"] > 0).sum()) == 3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_order_of_rows_and_columns_changes_nothing(tmp_path, seed):
    more = '[visit_covariates.cloud]\n[dwca]\neffort = "samplingEffortValue"\n'
    plain_ = read(write(tmp_path, more))
    rng = random.Random(seed)
    shuffled = {}
    for name, (kind, row_type, text) in TABLES.items():
        header, *rows = text.rstrip("\n").split("\n")
        rng.shuffle(rows)
        order = list(range(1, header.count(",") + 1))
        if "(Müller, 1767)" not in text:  # its comma stands within quotes
            rng.shuffle(order)
        lines = (
            [header, *rows]
            if "(Müller" in text
            else [",".join([line.split(",")[i] for i in (0, *order)]) for line in (header, *rows)]
        )
        shuffled[name] = (kind, row_type, "\n".join(lines) + "\n")
    again = read(write(tmp_path, more, tables=shuffled))
    xr.testing.assert_identical(plain_.drop_attrs(deep=False), again.drop_attrs(deep=False))
