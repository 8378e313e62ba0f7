"""Runs the notebooks from their first cell to their last and stores what they show: `make notebooks`.

    python tools/notebooks.py [name ...] [--check]

All run in this one process, in IPython, each in a fresh scope and in a folder that holds
nothing but a copy of notebooks/data. With --check nothing is stored.
KJAX_NOTEBOOK_SIZE=small makes each a matter of seconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import matplotlib
import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib_inline.backend_inline import configure_inline_support
from matplotlib_inline.config import InlineBackend

INLINE = "module://matplotlib_inline.backend_inline"
FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


def main() -> None:
    """Runs what the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="file names without .ipynb; default: all")
    parser.add_argument("--check", action="store_true", help="store nothing")
    options = parser.parse_args()
    paths = [FOLDER / f"{name}.ipynb" for name in options.names] or sorted(FOLDER.glob("*.ipynb"))
    matplotlib.use(INLINE)
    shell = InteractiveShell.instance()
    InlineBackend.instance(parent=shell).print_figure_kwargs = {"bbox_inches": "tight", "dpi": 80}
    configure_inline_support(shell, INLINE)
    home, failed = os.getcwd(), []
    for path in paths:
        began = time.time()
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(FOLDER / "data", Path(folder, "data"))
            os.chdir(folder)
            whole = run(shell, notebook)
            os.chdir(home)
        if not whole:
            failed.append(path.name)
        elif not options.check:
            nbformat.write(notebook, path)
        print(f"{path.name}: {time.time() - began:.1f} s", flush=True)
    if failed:
        raise SystemExit(f"These notebooks failed: {', '.join(failed)}")


def run(shell: InteractiveShell, notebook) -> bool:
    """Runs the cells and puts what they show into them; False where one raises, which ends it and is shown."""
    shell.reset(new_session=True)
    for cell in (c for c in notebook.cells if c.cell_type == "code"):
        with capture_output() as shown:
            result = shell.run_cell(cell.source, store_history=True)
        if not result.success:
            print(shown.stdout, shown.stderr, sep="\n", flush=True)
            return False
        cell.execution_count = result.execution_count
        cell.outputs = outputs(shown, result)
    return True


def outputs(shown, result) -> list:
    """The cell's outputs in the notebook format: what was printed, what was displayed, and the last value."""
    found = []
    for stream in ("stdout", "stderr"):
        if getattr(shown, stream):
            found.append(nbformat.v4.new_output("stream", name=stream, text=getattr(shown, stream)))
    for displayed in shown.outputs:
        kind = "execute_result" if displayed.data.get("text/plain") == repr(result.result) else "display_data"
        more = {"execution_count": result.execution_count} if kind == "execute_result" else {}
        found.append(nbformat.v4.new_output(kind, data=displayed.data, **more))
    return found


if __name__ == "__main__":
    main()
