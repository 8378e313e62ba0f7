"""What `fit` shows on a terminal, in a log and in a notebook, recorded on a pseudo-terminal.

As a program (python tests/training/test_terminal.py) it draws docs/progress_bar.txt and docs/progress_bar.png.
"""

import os
import re
import subprocess
import sys
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PROGRAM = """
import time
import numpy as np
import kjax as keras
from kjax.layers import Dense
from kjax.models import Sequential

np.random.seed(0)
x = np.random.rand(1000, 20)
y = np.eye(3)[x[:, :3].argmax(-1)]
model = Sequential([Dense(32, activation="relu", input_shape=(20,)), Dense(3, activation="softmax")])
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
slow = keras.callbacks.LambdaCallback(on_batch_end=lambda batch, logs: time.sleep(0.04))
model.fit(x, y, batch_size=40, epochs=2, callbacks=[slow], validation_split=0.2)
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals of POSIX")


def environment():
    return dict(os.environ, PYTHONPATH=ROOT, JAX_PLATFORMS="cpu", XLA_FLAGS="", COLUMNS="100")


def on_a_terminal() -> list:
    """(seconds, text) of everything the program writes to its terminal."""
    import pty

    mine, its = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=its, stdout=its, stderr=subprocess.DEVNULL, env=environment()
    ) as process:
        os.close(its)
        written = []
        while True:
            try:
                text = os.read(mine, 65536)
            except OSError:  # the program has ended and nobody holds the terminal's other end
                break
            if not text:
                break
            written.append((time.monotonic(), text.decode()))
        os.close(mine)
        assert process.wait() == 0
    return written


def screen(written) -> list:
    """The lines that stand on the terminal in the end."""
    lines = []
    for line in "".join(text for _, text in written).replace("\r\n", "\n").split("\n"):
        shown = ""
        for piece in line.split("\r"):
            shown = piece + shown[len(piece) :]
        lines.append(shown.rstrip())
    return lines


FULL = re.compile(
    r"800/800 \[={30}\] - \ds \d+ms/step - loss: \d\.\d{4} - acc: \d\.\d{4} - val_loss: \d\.\d{4} - val_acc: \d\.\d{4}"
)
PARTLY = re.compile(r" *\d+/800 \[=*>\.*\] - ETA: [\d:]+s?( - loss: \d\.\d{4} - acc: \d\.\d{4})? *")


@pytest.mark.slow
def test_a_terminal_shows_one_line_redrawn_at_most_five_times_a_second():
    written = on_a_terminal()
    redraws = [piece for piece in re.split(r"[\r\n]+", "".join(text for _, text in written)) if "ETA" in piece]
    assert len(redraws) >= 6, "two epochs of 0.8 s and more"
    assert all(PARTLY.fullmatch(text) for text in redraws), redraws
    moments = [at for at, text in written if "ETA" in text]
    assert len(redraws) <= 5 * (moments[-1] - moments[0]) + 2, "a redraw every 0.2 s, and the first of each epoch"
    shown = screen(written)
    assert shown[:2] == ["Train on 800 samples, validate on 200 samples", "Epoch 1/2"] and shown[3] == "Epoch 2/2"
    assert FULL.fullmatch(shown[2]) and FULL.fullmatch(shown[4]) and shown[5:] == [""]


@pytest.mark.slow
def test_a_log_gets_one_line_per_epoch():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment(), check=True
    )
    lines = done.stdout.splitlines()
    assert "\r" not in done.stdout and len(lines) == 5
    assert FULL.fullmatch(lines[2]) and FULL.fullmatch(lines[4])


def draw() -> None:
    """Writes the recording to docs/."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    written = on_a_terminal()
    begun = written[0][0]
    moments = [
        f"{at - begun:5.2f} s  {piece.rstrip()}"
        for at, text in written
        for piece in re.split(r"[\r\n]+", text)
        if piece.strip()
    ]
    text = "\n".join(moments)
    picture = "\n".join(line for line in screen(written) if line)
    with open(os.path.join(ROOT, "docs", "progress_bar.txt"), "w", encoding="ascii") as file:
        file.write(
            f"Every redraw, with the moment it reached the terminal:\n\n{text}\n\nThe screen in the end:\n\n{picture}\n"
        )
    figure = pyplot.figure(figsize=(11, 0.15 * (len(moments) + 2)), facecolor="#1e1e1e")
    figure.text(0.01, 0.98, text, family="monospace", size=8, color="#d8d8d8", va="top")
    figure.savefig(os.path.join(ROOT, "docs", "progress_bar.png"), dpi=110)


if __name__ == "__main__":
    draw()
