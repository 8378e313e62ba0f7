"""The code of the README and of the notebook runs as it stands, block after block."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from kjax import backend as K
from kjax import distribute
from kjax.compat.aliases import uninstall_as_keras
from kjax.engine.training import Model

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit = Model.fit
    monkeypatch.setattr(
        Model, "fit", lambda self, *args, **more: fit(self, *args, **{**more, "epochs": 1, "verbose": 0})
    )
    K.clear_session()
    yield
    uninstall_as_keras()
    distribute.use_devices(1)
    K.clear_session()


def test_the_readme(capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 4
    scope = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), scope)
        if "to_flax" in block:
            assert np.allclose(scope["y"], scope["model"].predict(scope["x"]), atol=1e-6)
    assert "Total params: 1,994" in capsys.readouterr().out


def test_the_notebook(capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    cells = json.loads((ROOT / "notebooks" / "quickstart.ipynb").read_text())["cells"]
    scope = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), scope)
    assert "Total params: 151,306" in capsys.readouterr().out
