"""The notebooks run from their first cell to their last, at their small size."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kjax import backend as K
from kjax.compat.aliases import uninstall_as_keras

FOLDER = Path(__file__).parents[1] / "notebooks"
CHAPTERS = sorted(path.stem for path in FOLDER.glob("[0-9]*.ipynb"))
FIRST = "import kjax\nkjax.install_as_keras()"


def code_of(name):
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.fixture(autouse=True)
def in_a_folder_with_the_data(tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    shutil.copytree(FOLDER / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pyplot, "show", lambda: pyplot.gcf().canvas.draw())
    monkeypatch.setenv("KJAX_NOTEBOOK_SIZE", "small")
    np.random.seed(0)
    K.clear_session()
    yield
    pyplot.close("all")
    uninstall_as_keras()
    K.clear_session()


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_runs(name):
    scope = {"__name__": "__main__"}
    for cell in code_of(name):
        exec(compile("".join(cell["source"]), f"{name}, {cell['id']}", "exec"), scope)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_is_stored_as_it_ran_from_first_to_last(name):
    cells = code_of(name)
    assert "".join(cells[0]["source"]).startswith(FIRST)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])
