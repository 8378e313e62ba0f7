"""How Sphinx builds the site: `make docs` writes it into site/, and every warning is an error."""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE / "_ext"), str(ROOT)]

from kjax.version import __version__  # noqa: E402

project = "kjax"
author = "The kjax authors"
copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "myst_nb",
    "house_docstrings",
    "api_pages",
]

# Markdown and notebooks; the notebooks show the outputs that are stored in them, nothing is executed here
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure", "mystnb.unknown_mime_type"]

# the reference: one page per module, from docstrings
autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
add_module_names = False

exclude_patterns = ["_ext", "_build"]
html_theme = "furo"
html_title = f"kjax {__version__}"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"


def _bring_notebooks():
    """The notebooks lie in notebooks/ at the top, where readers of the repository look for them."""
    target = HERE / "notebooks"
    target.mkdir(exist_ok=True)
    fresh = {path.name: path for path in (ROOT / "notebooks").glob("*.ipynb")}
    for old in target.glob("*.ipynb"):
        if old.name not in fresh:
            old.unlink()
    for name, path in fresh.items():
        copy = target / name
        if not copy.exists() or copy.read_bytes() != path.read_bytes():
            shutil.copyfile(path, copy)


_bring_notebooks()
