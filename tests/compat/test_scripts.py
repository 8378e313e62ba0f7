"""Plain Keras programs, run by `python -m kjax` as a user would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_script(script, tmp_path):
    assert "kjax" not in script.read_text()
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": root, "JAX_PLATFORMS": "cpu", "KERAS_HOME": str(tmp_path / "home")}
    # Keras 1 programs get advice about Keras 2, and GANs the one about frozen weights; anything else is a fault
    env["PYTHONWARNINGS"] = "ignore:Update your,ignore:fit_generator,ignore:LSTM,ignore:Discrepancy"
    done = subprocess.run(
        [sys.executable, "-m", "kjax", str(script)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
