"""The pictures, tables and report section of a community."""

import numpy as np
import pandas as pd
import pytest
import surveyed_community as made

from occupancy.outputs import OutputError, community, report, richness_map, tables, write
from occupancy.outputs.results import Results


@pytest.fixture(scope="module")
def fit():
    return made.fit()


@pytest.fixture(scope="module")
def results(fit):
    return Results.from_fit(fit, species=made.RAREST, quantiles=False)


def test_results__hold_what_species_say_together(results, fit):
    told = results.community
    assert told.species["species"].tolist() == made.SPECIES
    assert set(told.richness["region"]) == {"all", "east", "west"}
    assert len(told.similarity) == 1
    rich = fit.richness("site")
    np.testing.assert_allclose(results.sites["richness_mean"], rich["sample_mean"])
    # Regions of one species are not pooled over all of them.
    assert results.shrinkage is None
    assert "lean on one another" in results.absent["shrinkage"]
    assert results.detection["species"].tolist() == [made.RAREST]


def test_cells__hold_the_species_expected_there(fit):
    surface = made.surface(fit)
    told = Results.from_fit(fit, surface=surface, species=made.RAREST, quantiles=False).cells
    np.testing.assert_allclose(told["richness_mean"], fit.richness_at(surface)["richness_mean"])
    figure, alt = richness_map.figure(
        Results.from_fit(fit, surface=surface, species=made.RAREST, quantiles=False)
    )
    assert "species expected" in " ".join(t.get_text() for t in figure.texts)
    assert "Two maps" in alt


def test_community__rows_run_from_the_commonest_to_the_rarest(results):
    figure, alt = community.figure(results)
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()][::-1]
    seen = results.community.species.set_index("species")["detected"]
    assert seen[labels].is_monotonic_decreasing
    bold = [t.get_text() for t in figure.axes[0].get_yticklabels() if t.get_weight() == "bold"]
    assert bold == [made.RAREST]
    told = [t.get_text() for t in figure.axes[0].texts]
    assert any(t.startswith("typical species: ") for t in told)
    row = results.community.pooling.set_index("species")
    name = (row["partial_mean"] - row["alone_mean"]).abs().idxmax()
    assert f"{name}, seen at {seen[name]} sites, moved most" in alt


def test_community__a_hundred_species_fit_on_a_page(results):
    many = pd.concat([results.community.pooling] * 20, ignore_index=True)
    many["species"] = [f"{s} {i}" for i, s in enumerate(many["species"])]
    many["detected"] = np.arange(len(many))
    many["detections"] = many["detected"]
    kept = community._drawn(many, many["species"].iloc[50])
    assert len(kept) <= community.MOST + 1
    assert many["species"].iloc[50] in set(kept["species"])


def test_richness_map__classes_are_round_and_hold_every_number(results):
    figure, _ = richness_map.figure(results)
    assert len(figure.axes) == 4
    values = [np.array([2.3, 7.9, np.nan])]
    assert richness_map._breaks(values) == (2, 3, 4, 5, 6, 7, 8)
    assert richness_map._breaks([np.array([0.2, 0.9])])[0] <= 0.2
    assert richness_map._breaks([np.array([3.0, 61.0])]) == tuple(range(0, 71, 10))
    assert richness_map._breaks([np.array([1.0, 4.0])]) == (1, 2, 3, 4, 5)
    assert "species were present on average" in richness_map.sentence(results)


def test_tables__every_column_of_a_community_is_explained(results, tmp_path):
    written = {p.name for p in tables.write(results, tmp_path)}
    assert {"species.csv", "species_coefficients.csv", "community.csv"} <= written
    assert {"richness.csv", "similarity.csv", "species_pooling.csv"} <= written
    columns = pd.read_csv(tmp_path / "_columns.csv")
    own = columns[columns["file"].isin(written)]
    assert own["meaning"].notna().all()
    assert (own["meaning"].str.len() > 3).all()


def test_report__has_a_section_on_the_community(results):
    page = report.html(results)
    assert f"Among {len(made.SPECIES)} species" in page
    assert "This species beside the others" in page
    assert "Jaccard" in page
    assert page.count("<td>") > 20


def test_outputs__of_one_species_say_that_there_is_no_community(tmp_path):
    alone = Results.from_fit(made.alone(), quantiles=False)
    assert alone.community is None
    with pytest.raises(OutputError, match="community = true"):
        write("community", alone, tmp_path)
    with pytest.raises(OutputError, match="community = true"):
        write("richness-map", alone, tmp_path)
    assert "Among" not in report.html(alone)


def test_figures__are_the_same_bytes_twice(results, tmp_path):
    for name in ("community", "richness-map"):
        first = write(name, results, tmp_path / "a")[0].read_bytes()
        assert first == write(name, results, tmp_path / "b")[0].read_bytes()
