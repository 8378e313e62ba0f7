"""Programs on several devices and in several processes, from the command line."""

import os
import subprocess
import sys
import time

import pytest

from kjax import distribute
from kjax.cli.run import main

SCRIPT = """
import sys, time
import numpy as np
import keras
from keras.layers import Dense
from kjax import distribute

rank = distribute.rank()
np.random.seed(rank)
x = np.full((4, 3), rank + 1.)
model = keras.models.Sequential([Dense(1, input_shape=(3,), kernel_initializer='zeros')])
model.compile('sgd', 'mse')
model.fit(x, x[:, :1], verbose=0)
print(sys.argv[1], rank, distribute.size(), model.get_weights()[0].ravel())
if rank == 1:
    sys.exit(3)
time.sleep(100)  # is ended by the launcher
"""


def test_processes_train_together_and_end_with_the_one_that_fails(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    begun = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "kjax", "--processes", "2", str(tmp_path / "script.py"), "--argument"],
        env={**os.environ, "XLA_FLAGS": "", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert run.returncode == 3, run.stderr[-3000:]
    lines = sorted(line for line in run.stdout.splitlines() if "--argument" in line)
    # the mean of both processes' gradients: 0.01 * 2 * (1 * 1 + 2 * 2) / 2
    assert lines == [f"[{i}] --argument {i} 2 [0.05 0.05 0.05]" for i in (0, 1)]
    assert time.monotonic() - begun < 100


@pytest.mark.parametrize(
    "argv", [["--devices"], ["--devices", "0", "x.py"], ["--processes", "2"], ["--devices", "999"]]
)
def test_what_cannot_be_is_refused(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2 and f"kjax: {argv[0]}" in capsys.readouterr().err


def test_devices_of_the_command_line_are_those_of_the_program(tmp_path, monkeypatch):
    used = []
    monkeypatch.setattr("kjax.cli.run._run", lambda start: used.append(distribute.current().size))
    try:
        main(["--devices", "2", "script.py"])
    finally:
        distribute.use_devices(1)
    assert used == [2]
