"""Progress counts what the engines tell, and shows it in the form that fits the listener."""

from __future__ import annotations

import io
import json

import pytest

from occupancy import progress


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(shown: progress.Progress, clock: Clock) -> None:
    shown.start(chains=2, draws=100, tune=50)
    clock.now = 10
    shown.update(0, 0, 0, True, 10.0)
    clock.now = 40
    shown.update(0, 50, 1, False, 40.0)
    shown.update(1, 30, 0, False, 40.0)
    clock.now = 100
    shown.update(0, 100, 1, False, 100.0)
    shown.update(1, 100, 2, False, 100.0)
    shown.finish()


def test_lines__one_every_half_minute_and_one_at_the_end():
    clock, stream = Clock(), io.StringIO()
    told(progress.Lines(clock=clock, stream=stream), clock)
    lines = stream.getvalue().splitlines()
    assert lines[0] == (
        " 25 %  50 of 200 draws, 2 chains (1 adapting), 1 divergent, 40 s gone, 2 min 00 s left"
    )
    assert lines[-1] == "100 %  200 of 200 draws, 2 chains, 3 divergent, 1 min 40 s gone"
    assert len(lines) == 3


def test_events__are_json_objects_that_end_with_all_draws():
    clock, stream = Clock(), io.StringIO()
    shown = progress.Events(clock=clock, stream=stream)
    shown.title = "main · fox"
    told(shown, clock)
    shown.note("a note")
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert events[0]["event"] == "start"
    assert events[-2]["event"] == "finish"
    assert events[-2]["draws"] == events[-2]["of"] == 200
    assert events[-2]["divergences"] == 3
    assert events[-1] == {"event": "note", "text": "a note"}


def test_silent__says_nothing(capsys: pytest.CaptureFixture[str]):
    clock = Clock()
    shown = progress.Silent(clock=clock)
    told(shown, clock)
    shown.note("a note")
    assert shown.done == 200
    assert capsys.readouterr() == ("", "")


def test_bars__show_chains_and_close(monkeypatch: pytest.MonkeyPatch):
    clock = Clock()
    shown = progress.Bars(clock=clock)
    told(shown, clock)
    assert shown.display is None
    assert [chain.drawn for chain in shown.chains] == [100, 100]


def test_choose__by_who_listens(monkeypatch: pytest.MonkeyPatch):
    assert isinstance(progress.choose(json=True, quiet=True), progress.Events)
    assert isinstance(progress.choose(quiet=True), progress.Silent)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert isinstance(progress.choose(), progress.Lines)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_clock_time__as_people_say_it(seconds: float, text: str):
    assert progress.clock_time(seconds) == text
