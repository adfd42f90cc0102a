"""Claims about how problems are told."""

import copy

import pytest

from surveys.problems import Problem, SurveyError, did_you_mean, listing, nearest, plain, render


def test_survey_error__tells_sign_code_fact_place_reason_and_cure():
    text = str(
        SurveyError(
            Problem(
                code="E25",
                fact="468.12 is not between -90 and 90",
                file="sites.csv",
                row=7,
                column="lat",
                why="the site cannot be put on a map",
                cure='[sites] crs = "EPSG:2056"',
            )
        )
    )
    assert text.splitlines() == [
        "✗ E25 468.12 is not between -90 and 90",
        "    sites.csv, row 7, column lat",
        "  Why it matters  the site cannot be put on a map",
        '  To mend         [sites] crs = "EPSG:2056"',
    ]


def test_survey_error__shows_twenty_of_a_kind_and_counts_the_others():
    problems = [Problem(code="E1", fact="bad", file="a.csv", row=r) for r in range(2, 52)]
    problems.append(Problem(code="E2", fact="worse"))
    error = SurveyError(problems)
    text = str(error)
    assert len(error.problems) == 50 + 1
    assert error.codes == ("E1", "E2")
    assert text.count("a.csv, row") == 20
    assert "and 30 more" in text
    assert "✗ E2 worse" in text


def test_survey_error__is_a_value_error_and_survives_a_copy():
    error = SurveyError([Problem(code="E1", fact="bad")])
    with pytest.raises(ValueError, match="bad"):
        raise error
    assert copy.copy(error).problems == error.problems


def test_render__same_cure_is_told_once():
    problems = [Problem(code="E1", fact=f"row {r} bad", cure="delete it") for r in (2, 3)]
    assert render(problems).count("delete it") == 1
    assert "row 3 bad" in render(problems)


def test_plain__terminal_escapes_and_direction_marks_become_visible():
    assert plain("a\x1b[31mred\u202eb") == "a\\u001b[31mred\\u202eb"
    assert plain("Château\n\tA") == "Château\n\tA"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("A 1", "A1"), ("forrest", "forest"), ("STATIONa", "stationA"), ("zebra", None)],
)
def test_nearest__minds_no_capitals_or_blanks(name, expected):
    assert nearest(name, ["A1", "forest", "stationA"]) == expected


def test_did_you_mean__is_silent_when_nothing_is_near():
    assert did_you_mean("elev", ["elevation"]) == ' Did you mean "elevation"?'
    assert did_you_mean("q", ["elevation"]) == ""


def test_listing__counts_what_it_leaves_out():
    assert listing("ABC", most=2) == "A, B and 1 more"
    assert listing("AB", most=2) == "A, B"
