"""Trees of species: the Newick grammar, shared ways from the root, and what the Dataset keeps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import surveys
from surveys import newick
from surveys.problems import SurveyError

TREE = "((Parus_major:1,'Parus ater':1)Parus:2[a comment],(Turdus_merula:1.5):1.5,Strix_aluco:3);"


def owls(*species: str):
    return surveys.from_arrays({s: [[1, 0], [0, 1]] for s in species})


def test_newick__labels_lengths_and_parents():
    tree = newick.parse("(a:1,(b_c:2,'d''s e':3e-1)f)root:9;")
    assert [tree.label[t] for t in tree.tips] == ["a", "b c", "d's e"]
    assert tree.label[0] == "root"
    np.testing.assert_array_equal(tree.length[tree.tips], [1, 2, 0.3])
    assert np.isnan(tree.length[tree.label.index("f")])
    assert tree.parent[tree.label.index("b c")] == tree.label.index("f")


@pytest.mark.parametrize(
    "text",
    [
        *("", ";", "a", "(a,b)", "(a,b));", "((a,b);", "(a b);", "(a:x);", "(a:1:2);", "(a,b);c;"),
        *("(a,b)(c);", "(a'b);", "('a);", "(a[b);", "a,b;", "(a:1e);", "(a)b c;", "(a:f());"),
    ],
)
def test_newick__anything_else_is_refused_with_its_place(text):
    with pytest.raises(SurveyError) as caught:
        newick.parse(text)
    assert caught.value.codes == ("E165",)


def test_newick__a_tree_of_a_hundred_thousand_levels_is_read_without_recursion():
    deep = 100_000
    tree = newick.parse("(" * deep + "a:1,b:1" + ",c)" * deep + ";")
    assert len(tree.tips) == deep + 2


def test_shared_ways__are_those_worked_out_by_hand(tmp_path):
    data = owls("Strix aluco", "parus ater", "Parus major")
    (tmp_path / "tree.nwk").write_text(TREE)
    for tree in (TREE, tmp_path / "tree.nwk"):
        told = surveys.attach_phylogeny(data, tree)
        np.testing.assert_array_equal(
            told["species_covariance"].values, [[3, 0, 0], [0, 3, 2], [0, 2, 3]]
        )
    surveys.save(told, tmp_path / "s.nc")
    assert surveys.open(tmp_path / "s.nc").identical(told)
    fewer = surveys.validate(told.isel(species=[2]))
    assert fewer["species_covariance"].shape == (1, 3)


def test_attach__a_table_goes_by_its_labels():
    data = owls("b", "a")
    table = pd.DataFrame([[1, 0.5, 0], [0.5, 2, 0], [0, 0, 1]], list("abc"), list("abc"))
    told = surveys.attach_phylogeny(data, table)
    np.testing.assert_array_equal(told["species_covariance"].values, [[2, 0.5], [0.5, 1]])
    assert told.identical(
        surveys.attach_phylogeny(
            data, table.rename_axis("x").to_xarray().to_array().transpose("x", "variable")
        )
    )


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ("(a:1,c:1);", "has no b"),
        ("(a:1,b);", "no length"),
        ("(a:1,b:-1);", "no length"),
        ("(a:1,b:0);", "no length between it and the root"),
        ("(a:1,b:1,A:2);", "more than once"),
        (pd.DataFrame([[1.0]], ["a"], ["a"]), "lacks b"),
        (pd.DataFrame([[1, 2], [2, 1.0]], ["a", "b"], ["a", "b"]), "negative eigenvalue"),
        (pd.DataFrame([[1, 0], [0.5, 1.0]], ["a", "b"], ["a", "b"]), "not symmetric"),
        (pd.DataFrame([["x", 0], [0.5, 1.0]], ["a", "b"], ["a", "b"]), "no number"),
        (pd.DataFrame([[np.nan, 0], [0.5, 1.0]], ["a", "b"], ["a", "b"]), "missing value"),
        (7, "is a int"),
        ("nowhere.nwk", "does not exist"),
    ],
)
def test_attach__what_is_no_phylogeny_of_these_species_is_refused(tree, told):
    with pytest.raises(SurveyError, match=told):
        surveys.attach_phylogeny(owls("a", "b"), tree)
