import io

import pytest

from simstac.cli.progress import drawn_progress
from simstac.progress import Progress


@pytest.fixture
def told(monkeypatch):
    """The numbers that a log shows of a stage of ``events`` steps."""

    def tell(events, total):
        log = io.StringIO()
        monkeypatch.setattr("sys.stderr", log)
        with drawn_progress() as draw:
            for done in range(1, events + 1):
                draw(Progress("read", done, total, "x"))
        return [line.split()[1] for line in log.getvalue().splitlines()]

    return tell


def test_a_stage_takes_about_ten_lines_and_its_end_is_told(told):
    assert told(3, 3) == ["1/3", "2/3", "3/3"]
    shown = told(1234, 1234)
    assert 10 <= len(shown) <= 12
    assert shown[-1] == "1234/1234"


def test_a_stage_without_a_known_end_takes_few_lines_too(told):
    assert told(1000, None) == [str(2**power) for power in range(10)]


def test_a_slow_stage_tells_its_rate_and_the_time_left(monkeypatch):
    log, clock = io.StringIO(), iter([0.0, 10.0, 20.0, 5000.0])
    monkeypatch.setattr("sys.stderr", log)
    monkeypatch.setattr("simstac.cli.progress.monotonic", lambda: next(clock))
    with drawn_progress() as draw:
        for done in (10, 30, 50, 60):
            draw(Progress("read runs", done, 100, f"run-{done}"))
    assert log.getvalue().splitlines() == [
        "read runs: 10/100 run-10",
        "read runs: 30/100 run-30 (2/s, 35 s left)",
        "read runs: 50/100 run-50 (2/s, 25 s left)",
        "read runs: 60/100 run-60 (0.6/min, 1 h 7 min left)",
    ]


def test_a_stage_that_comes_again_is_told_anew(monkeypatch):
    """A second target is published to after the first."""
    log, clock = io.StringIO(), iter([0.0, 10.0, 20.0, 100.0, 110.0, 120.0])
    monkeypatch.setattr("sys.stderr", log)
    monkeypatch.setattr("simstac.cli.progress.monotonic", lambda: next(clock))
    with drawn_progress() as draw:
        for done in (10, 30, 100, 10, 30, 50):
            draw(Progress("publish", done, 100, "x"))
    assert log.getvalue().splitlines() == [
        "publish: 10/100 x",
        "publish: 30/100 x (2/s, 35 s left)",
        "publish: 100/100 x (4.5/s)",
        "publish: 10/100 x",
        "publish: 30/100 x (2/s, 35 s left)",
        "publish: 50/100 x (2/s, 25 s left)",
    ]
