"""Claims about the account of input rows."""

import csv

import pytest

from surveys.ledger import Ledger
from surveys.problems import Problem, SurveyError


def filled():
    ledger = Ledger()
    ledger.read("images.csv", 5)
    ledger.use("images.csv", 3)
    ledger.set_aside("blank image", "images.csv", [4], ["D1,2021-05-01,blank"])
    ledger.set_aside("human", "images.csv", [2], ["D1,2021-05-01,human"])
    ledger.cells("blank elevation", "sites.csv", 30, (f"row {r}" for r in range(2, 32)))
    ledger.repair("R02", "the byte order mark was removed", file="images.csv")
    ledger.warn("W14", "16 rows are hidden by a filter", file="survey.xlsx")
    return ledger


def test_ledger__balances_when_every_row_is_used_or_set_aside():
    ledger = filled().balance()
    assert (ledger.n_read(), ledger.n_used(), ledger.n_aside()) == (5, 3, 2)
    assert ledger.n_aside(rule="human") == 1


def test_ledger__a_row_unaccounted_for_is_refused_with_its_file():
    ledger = filled()
    ledger.read("images.csv", 1)
    with pytest.raises(SurveyError, match=r"images.csv: 6 rows were read, but 3 used and 2"):
        ledger.balance()


def test_ledger__a_row_set_aside_twice_is_refused():
    ledger = filled()
    ledger.set_aside("unknown", "images.csv", [4], ["again"])
    ledger.read("images.csv", 1)
    with pytest.raises(SurveyError, match="set aside twice"):
        ledger.balance()


def test_ledger__json_round_trip_keeps_everything():
    ledger = filled()
    again = Ledger.from_json(ledger.to_json())
    assert again.to_json() == ledger.to_json()
    assert again.dropped() == ledger.dropped()
    assert again.of_level("warn") == ledger.of_level("warn")
    assert Ledger.from_json("").files == ()


def test_ledger__dropped_csv_has_each_row_in_order_with_its_rule(tmp_path):
    ledger = filled()
    assert ledger.write_dropped(tmp_path / "dropped.csv") == 2
    with (tmp_path / "dropped.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["file", "row", "rule", "text"],
        ["images.csv", "2", "human", "D1,2021-05-01,human"],
        ["images.csv", "4", "blank image", "D1,2021-05-01,blank"],
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["dropped.csv"]


def test_ledger__keeps_the_count_of_cells_and_the_first_places():
    (note,) = filled().cell_notes
    assert note["n"] == 30
    assert len(note["places"]) == 20
    assert note["places"][0] == "row 2"


def test_ledger__gathers_errors_and_raises_them_in_one_go():
    ledger = filled()
    ledger.raise_errors()
    ledger.error("E1", "one", file="a.csv")
    ledger.error("E2", "two", file="a.csv")
    with pytest.raises(SurveyError) as caught:
        ledger.raise_errors()
    assert [p.code for p in caught.value.problems] == ["E1", "E2"]


def test_ledger__merge_adds_accounts():
    ledger = filled().merge(filled_elsewhere())
    assert ledger.n_read("other.csv") == 1
    assert ledger.n_read() == 6
    assert Problem(code="W1", fact="look", level="warn") in ledger.problems


def filled_elsewhere():
    other = Ledger()
    other.read("other.csv", 1)
    other.use("other.csv", 1)
    other.warn("W1", "look")
    return other


def test_ledger__rows_too_many_to_list_are_counted_and_balance():
    ledger = Ledger()
    ledger.read("big.txt", 100)
    ledger.use("big.txt", 30)
    ledger.set_aside("blank", "big.txt", [2])
    ledger.count_aside("other years", "big.txt", 60)
    ledger.count_aside("other years", "big.txt", 9)
    again = Ledger().merge(Ledger.from_json(ledger.to_json())).balance()
    assert again.aside_notes == [("big.txt", "blank", 1), ("big.txt", "other years", 69)]
    assert again.n_aside("big.txt", "other years") == 69
    assert len(again.dropped()) == 1
    assert "69 other years" in str(again)
