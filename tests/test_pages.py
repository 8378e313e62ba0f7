"""The code on the site's pages runs as it stands, each page from its first block to its last."""

import re
from pathlib import Path

import numpy as np
import pytest

from kjax import backend as K
from kjax import distribute, mixed_precision
from kjax.compat.aliases import uninstall_as_keras

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = {
    str(path.relative_to(DOCS)): path
    for folder in ("begin", "guides", "zh")
    for path in sorted((DOCS / folder).glob("*.md"))
    if BLOCK.search(path.read_text(encoding="utf-8"))
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.random.seed(0)
    K.clear_session()
    yield
    uninstall_as_keras()
    distribute.use_devices(1)
    mixed_precision.set_policy("float32")
    K.clear_session()


def test_there_are_pages():
    assert {"begin/start.md", "begin/migration.md", "zh/start.md", "zh/migration.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of(page):
    text = PAGES[page].read_text(encoding="utf-8")
    scope = {"__name__": "page"}
    for block in BLOCK.finditer(text):
        # blank lines in front: an error names the line of the page
        lines_before = text.count("\n", 0, block.start()) + 1
        exec(compile("\n" * lines_before + block.group(1), str(PAGES[page]), "exec"), scope)
