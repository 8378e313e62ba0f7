"""Plain Keras 2 scripts, run unmodified: `import keras` in them is kjax."""

import pathlib
import runpy

import pytest

import kjax

SCRIPTS = sorted((pathlib.Path(__file__).parent / "scripts").glob("*.py"))


@pytest.fixture(autouse=True)
def as_keras():
    kjax.install_as_keras()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_script_runs_to_its_end(script):
    assert "kjax" not in script.read_text()
    runpy.run_path(str(script), run_name="__main__")
