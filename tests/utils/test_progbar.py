"""The progress bar's text, letter by letter as Keras writes it, and when it is written."""

import io
import sys

import pytest

from kjax.utils import Progbar, progbar

LOG = "1000/1000 [==============================] - 700s 700ms/step - loss: 0.0029 - acc: 10.0000 - tiny: 0.0055\n"


class Screen(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(progbar.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def play(monkeypatch, clock, terminal, target, steps, values=True, **options):
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stdout", screen)
    bar = Progbar(target, **options)
    for step, seconds in steps:
        clock.now += seconds
        bar.update(step, [("loss", 1 / (step + 1)), ("acc", step / 100), ("tiny", 1e-5 * step)] if values else None)
    monkeypatch.undo()
    return screen.getvalue()


def test_a_terminal_is_redrawn(monkeypatch, clock):
    text = play(monkeypatch, clock, True, 10, [(i, 0.5) for i in range(1, 11)], stateful_metrics=["acc"])
    lines = text.rstrip("\n").split("\r")[1:]
    assert (
        lines[0] == " 1/10 [==>...........................] - ETA: 4s - loss: 0.5000 - acc: 0.0100 - tiny: 1.0000e-05"
    )
    assert (
        lines[3] == " 4/10 [===========>..................] - ETA: 3s - loss: 0.3208 - acc: 0.0400 - tiny: 2.5000e-05"
    )
    assert (
        lines[9]
        == "10/10 [==============================] - 5s 500ms/step - loss: 0.2020 - acc: 0.1000 - tiny: 5.5000e-05"
    )
    assert text.endswith("\n") and text.count("\n") == 1


def test_times_left(monkeypatch, clock):
    text = play(monkeypatch, clock, True, 3, [(i, 4000.0) for i in range(1, 4)], values=False, width=10)
    assert text.split("\r")[1:] == [
        "1/3 [==>.......] - ETA: 2:13:20",
        "2/3 [=====>....] - ETA: 1:06:40",
        "3/3 [==========] - 12000s 4000s/step\n",
    ]
    text = play(monkeypatch, Clock(monkeypatch), True, 1000, [(100, 70.0), (200, 70.0)], values=False)
    assert "- ETA: 10:30" in text and "- ETA: 9:20" in text


def test_a_shorter_line_wipes_the_longer_one(monkeypatch, clock):
    text = play(monkeypatch, clock, True, 1000, [(100, 70.0), (200, 70.0)])
    assert text.endswith("tiny: 0.0015     ")


def test_a_file_gets_one_line(monkeypatch, clock):
    text = play(monkeypatch, clock, False, 1000, [(i * 100, 70.0) for i in range(1, 11)], stateful_metrics=["acc"])
    assert text == LOG


def test_verbose_2_and_0(monkeypatch, clock):
    text = play(monkeypatch, clock, True, 10, [(5, 1.0), (10, 1.0)], verbose=2)
    assert text == " - 2s - loss: 0.1288 - acc: 0.0750 - tiny: 7.5000e-05\n"
    assert play(monkeypatch, Clock(monkeypatch), True, 10, [(10, 1.0)], verbose=0) == ""


@pytest.mark.parametrize(("verbose", "text"), [(1, "loss: -0.4851 - tiny: -1.0000e-05"), (2, "loss: -4.8510e-01 - ")])
def test_negative_numbers_have_an_exponent_in_verbose_2(monkeypatch, verbose, text):
    monkeypatch.setattr(sys, "stdout", Screen(terminal=False))
    bar = Progbar(1, verbose=verbose)
    bar.update(1, [("loss", -0.4851), ("tiny", -1e-5)])
    assert text in sys.stdout.getvalue()


def test_at_most_five_redraws_a_second(monkeypatch, clock):
    text = play(monkeypatch, clock, True, 10_000, [(i, 0.001) for i in range(1, 10_001)], values=False, interval=0.0)
    assert text.count("\r") <= 5 * 10 + 2


def test_notebooks_are_bounded(monkeypatch, clock):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    day = 24 * 3600
    text = play(monkeypatch, clock, False, 10**6, [(i * 100, day / 10_000) for i in range(1, 10_001)], values=False)
    assert 20 < text.count("\r") < 400 and "\b" not in text


def test_unknown_target(monkeypatch, clock):
    screen = Screen(True)
    monkeypatch.setattr(sys, "stdout", screen)
    bar = Progbar(None)
    clock.now += 2
    bar.update(25_000, [("loss", 3.0)])
    bar.close()
    monkeypatch.undo()
    assert screen.getvalue().split("\r")[1] == "  25000/Unknown - 2s 80us/step - loss: 3.0000"
    assert screen.getvalue().endswith("\n")


def test_values_are_not_read_before_they_are_shown(monkeypatch, clock):
    class Lazy:
        reads = 0

        def __array__(self, dtype=None, copy=None):
            Lazy.reads += 1
            return __import__("numpy").asarray(0.5)

    screen = Screen(False)
    monkeypatch.setattr(sys, "stdout", screen)
    bar = Progbar(3000)
    for _ in range(2999):
        bar.add(1, [("loss", Lazy())])
    assert Lazy.reads == 0
    bar.add(1, [("loss", Lazy())])
    monkeypatch.undo()
    assert Lazy.reads == 3000 and "loss: 0.5000" in screen.getvalue()


def test_waiting_values_are_bounded():
    bar = Progbar(10**6, verbose=2)
    for _ in range(3 * progbar.PENDING_LIMIT):
        bar.add(1, [("loss", 1.0)])
        assert len(bar._values["loss"].pending) <= progbar.PENDING_LIMIT


def test_text_and_nothing():
    bar = Progbar(2, verbose=0)
    bar.update(0)
    bar.update(2, [("note", "fine"), ("loss", float("nan"))])
    assert bar._describe_values() == " - note: fine - loss: nan"
