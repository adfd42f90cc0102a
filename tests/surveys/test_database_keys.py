"""What a study file may say of a database, and what it must never say: no server is asked."""

import sys

import pytest

from surveys import read
from surveys.places.database import _parameters, _without, read_relation
from surveys.problems import SurveyError
from surveys.study_file import read_study
from surveys.study_secrets import hidden

WORD = "hunter2-very-secret"
TOML = """schema = 1
[files.detections]
path = "detections.csv"
[files.sites]
table = "birds.sites"
"""


@pytest.mark.parametrize(
    ("more", "place"),
    [
        (f'[postgis]\nservice = "x"\npassword = "{WORD}"\n', "[postgis] password"),
        (f'[postgis]\nenvironment = "postgresql://me:{WORD}@host/db"\n', "[postgis] environment"),
        (f'[postgis]\nhost = "h password={WORD}"\n', "[postgis] host"),
        (f'[covariates.a]\npath = "postgresql://me:{WORD}@h/d"\n', "[covariates.a] path"),
        (f'[study]\npassword = "{WORD}"\n', "[study] password"),
        (f'[postgis]\nmisspelt = "postgresql://me:{WORD}@h/d"\n', "[postgis] misspelt"),
    ],
)
def test_password__in_a_study_file_is_refused_and_not_repeated(tmp_path, more, place):
    (tmp_path / "study.toml").write_text(TOML + more)
    with pytest.raises(SurveyError) as error:
        read_study(tmp_path)
    (problem,) = error.value.problems
    assert problem.code == "E357"
    assert problem.fact == f"study.toml: {place} holds a password"
    assert "~/.pgpass" in problem.cure
    assert WORD not in str(error.value)


@pytest.mark.parametrize("line", ['password = "{}', 'url = "postgresql://me:{}@host/db'])
def test_password__in_a_line_that_is_no_toml_is_not_shown(tmp_path, line):
    (tmp_path / "study.toml").write_text(TOML + "[postgis]\n" + line.format(WORD) + "\n")
    with pytest.raises(SurveyError) as error:
        read_study(tmp_path)
    assert WORD not in str(error.value)
    assert "seems to hold a password" in str(error.value)


def test_hidden__leaves_other_lines_alone():
    assert hidden('path = "https://example.org/a@b"') == 'path = "https://example.org/a@b"'


def test_driver__what_it_says_is_told_without_secrets():
    said = f"\ncould not parse 'postgresql://me:{WORD}@h/d' password={WORD}\nsecond line"
    assert WORD not in _without(said, [WORD])
    assert _without("a postgres://me:other@h", []) == "a postgres://***@h"
    assert _without("", []) == "no reason given"


@pytest.mark.parametrize(
    "connection",
    [
        {},
        {"environment": "X", "host": "evil.example"},
        {"service": "x", "host": "evil.example"},
        {"service": "x", "environment": "X"},
        {"service": "x", "user": "me"},
    ],
)
def test_connection__one_way_and_no_secret_sent_elsewhere(tmp_path, connection):
    with pytest.raises(SurveyError, match="one way to the database is needed"):
        _parameters(connection, tmp_path)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgis", "postgresql+psycopg"])
def test_connection__addresses_of_every_kind_are_understood(tmp_path, monkeypatch, scheme):
    monkeypatch.setenv("A_DATABASE", f"{scheme}://me:{WORD}@host:5433/birds")
    given, secrets = _parameters({"environment": "A_DATABASE"}, tmp_path)
    assert (given["host"], given["port"], given["dbname"]) == ("host", "5433", "birds")
    assert WORD in secrets


@pytest.mark.parametrize(
    ("value", "told"),
    [("", "is not set"), (f"nonsense {WORD}", "holds no address"), (WORD, "holds no address")],
)
def test_connection__variable_that_is_no_address(tmp_path, monkeypatch, value, told):
    monkeypatch.setenv("A_DATABASE", value)
    with pytest.raises(SurveyError, match=told) as error:
        _parameters({"environment": "A_DATABASE"}, tmp_path)
    assert WORD not in str(error.value)


def test_server__that_is_not_there_is_told_with_the_way(tmp_path):
    way = {"host": "127.0.0.1", "port": 9, "database": "birds", "user": "me"}
    with pytest.raises(SurveyError) as error:
        read_relation("birds.sites", way, tmp_path)
    (problem,) = error.value.problems
    assert problem.code == "E352"
    assert problem.fact.startswith("No way to the database (host 127.0.0.1, port 9, database birds")
    assert "is the server running" in problem.cure


def test_study__table_without_a_database_says_how_to_name_one(tmp_path):
    (tmp_path / "study.toml").write_text(TOML)
    (tmp_path / "detections.csv").write_text("site,v1\nA,1\nB,0\n")
    with pytest.raises(SurveyError) as error:
        read(tmp_path)
    (problem,) = error.value.problems
    assert problem.code == "E351"
    assert 'service = "..."' in problem.cure


@pytest.mark.parametrize("library", ["sqlalchemy", "psycopg"])
def test_library__that_is_not_installed_is_named_with_the_command(tmp_path, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SurveyError, match=f"need the library {library}") as error:
        read_relation("birds.sites", {"service": "x"}, tmp_path)
    assert "pip install 'occupancy[postgis]'" in str(error.value)
