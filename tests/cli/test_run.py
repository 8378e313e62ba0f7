"""`python -m kjax program`: everything but `import keras` is as plain Python has it.

Most tests run a package with kjax's own runner and nothing else in it, which starts in no time.
"""

import os
import py_compile
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FACTS = """
import sys
print(sys.argv, sys.path[0], __name__, globals().get('__file__'), __spec__, __package__, __loader__, __doc__)
print(sorted(globals()), sys.modules['__main__'].__dict__ is globals())
if 'fail' in sys.argv: 1 / 0
"""

SCRIPTS = {
    "facts.py": FACTS,
    "interrupt.py": "raise KeyboardInterrupt",
    "exit.py": "import sys; sys.exit(eval(sys.argv[1]))",
    "chain.py": """
def f():
    try: 1 / 0
    except ZeroDivisionError as err: raise KeyError('x') from err
try: f()
except KeyError: raise ValueError('last')
""",
    "hook.py": """
import sys
def hook(kind, value, tb): print('hook', kind.__name__, value, tb.tb_frame.f_code.co_name)
sys.excepthook = hook
1 / 0
""",
    "bad_hook.py": "import sys\ndef hook(*args): raise KeyError('h')\nsys.excepthook = hook\n1 / 0\n",
    "exit_hook.py": "import sys\ndef hook(*args): sys.exit(7)\nsys.excepthook = hook\n1 / 0\n",
    "syntax.py": "x = (\n",
    "latin.py": b"# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))\n",
    "future.py": "'Doc.'\nfrom __future__ import annotations\ndef f(x: int): pass\nprint(__doc__, f.__annotations__)\n",
    "no_future.py": "def f(x: int): pass\nprint(f.__annotations__)\n",
    "deprecated.py": "import warnings\nwarnings.warn('old', DeprecationWarning)\n",
    "pickled.py": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A, A.__module__)\n",
    "at_exit.py": """
import atexit, sys
def f(): print('bye', sys.modules['__main__'].f is f)
atexit.register(f)
raise KeyError
""",
    "thread.py": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='T')\nt.start(); t.join()\n",
    "package/__init__.py": "",
    "package/__main__.py": FACTS,
    "package/inner.py": FACTS,
    "folder/__main__.py": FACTS,
    "deeper/real.py": FACTS,
}

CASES = [
    "facts.py one --two -m",
    "./facts.py fail",
    "../{here}/facts.py",
    "link.py",
    "compiled.pyc",
    "folder fail",
    "program.zip a",
    "package",
    "-m facts fail",
    "-m package a b",
    "-m package.inner fail",
    "-m nothing",
    "-m package.nothing",
    "missing.py",
    "missing.pyc",
    "interrupt.py",
    "-m interrupt",
    "exit.py 3",
    "exit.py None",
    "exit.py \"'text'\"",
    "exit.py 263",
    "chain.py",
    "hook.py",
    "bad_hook.py",
    "exit_hook.py",
    "syntax.py",
    "latin.py",
    "future.py",
    "no_future.py",
    "deprecated.py",
    "pickled.py",
    "at_exit.py",
    "thread.py",
]


def light_package(folder):
    """A package `kjax` with the command line, the aliases and three small modules."""
    package = folder / "kjax"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "kjax" / "compat", package / "compat", ignore=ignored)
    shutil.copy(ROOT / "kjax" / "__main__.py", package)
    (package / "version.py").write_text("__version__ = '0.0.7'\n")
    (package / "layers").mkdir()
    (package / "layers" / "__init__.py").write_text("from kjax.layers.core import Dense\n")
    (package / "layers" / "core.py").write_text("class Dense: pass\n")
    shutil.copytree(ROOT / "kjax" / "cli", package / "cli", ignore=ignored)
    (package / "cli" / "files.py").write_text("def main(argv):\n    print(argv)\n    return 3\n")
    (package / "__init__.py").write_text(
        "from kjax.compat import start\n"
        "__version__ = '2.2.4'\n"
        "from kjax.compat.aliases import install_as_keras, install_legacy_paths\n"
        "install_legacy_paths()\n"
        "from kjax import layers\n"
    )
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of programs, and the light package's folder."""
    here = tmp_path_factory.mktemp("programs")
    for name, text in SCRIPTS.items():
        path = here / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with zipfile.ZipFile(here / "program.zip", "w") as z:
        z.writestr("__main__.py", FACTS)
    (here / "link.py").symlink_to(here / "deeper" / "real.py")
    py_compile.compile(str(here / "facts.py"), str(here / "compiled.pyc"))
    return here, light_package(tmp_path_factory.mktemp("light"))


def run(place, words, runner, **kwargs):
    here, light = place
    if isinstance(words, str):
        words = shlex.split(words.format(here=here.name))
    env = {**os.environ, "PYTHONPATH": str(light), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *(["-m", "kjax"] if runner else []), *words]
    done = subprocess.run(command, cwd=here, env=env, capture_output=True, text=True, timeout=120, **kwargs)
    return done.returncode, _plain(done.stdout), _plain(done.stderr)


def _plain(text):
    return re.sub(r"0x[0-9a-f]+", "0x", text)


@pytest.mark.parametrize("words", CASES)
def test_is_as_plain_python(place, words):
    kjax, python = (run(place, words, runner, stdin=subprocess.DEVNULL) for runner in (True, False))
    assert kjax == python


@pytest.mark.parametrize("code", ["import sys; print(sys.argv, sys.path[0], sorted(globals()))", "raise SystemExit(5)"])
def test_code_argument_is_as_plain_python(place, code):
    assert run(place, ["-c", code, "a", "-b"], runner=True) == run(place, ["-c", code, "a", "-b"], runner=False)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="3.13 shows the source lines of -c")
def test_traceback_of_code_argument(place):
    assert run(place, ["-c", "1 / 0"], runner=True) == run(place, ["-c", "1 / 0"], runner=False)


@pytest.mark.parametrize("program", [FACTS, "x = (\n", "print(input())\n"])
def test_standard_input_is_as_plain_python(place, program):
    runs = [run(place, ["-", "fail"], runner=runner, input=program) for runner in (True, False)]
    assert runs[0] == runs[1]


def test_closed_pipe_is_as_plain_python(place):
    here, light = place
    results = []
    for runner in ("", "-m kjax"):
        line = f"{sys.executable} {runner} -c 'for i in range(10**5): print(i)' | head -1; echo ${{PIPESTATUS[0]}}"
        env = {**os.environ, "PYTHONPATH": str(light)}
        done = subprocess.run(["bash", "-c", line], env=env, cwd=here, capture_output=True, text=True, timeout=120)
        results.append((done.stdout, done.stderr.splitlines()[-1:]))
    assert results[0] == results[1]


PROGRAM_WITH_WORKERS = """
import multiprocessing, sys
import keras
from keras.layers.core import Dense

class Own: pass

def work(x):
    import keras, kjax, keras.layers
    return keras is kjax, keras.layers.Dense is Dense, type(x).__name__

if __name__ == '__main__':
    for method in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(pool.map(work, [Own(), Dense()]))
"""


@pytest.mark.parametrize("form", ["script", "module"])
def test_workers_of_every_start_method_see_kjax(place, form):
    here, _ = place
    (here / "workers.py").write_text(PROGRAM_WITH_WORKERS)
    words = ["workers.py"] if form == "script" else ["-m", "workers"]
    code, out, err = run(place, words, runner=True)
    assert (code, err) == (0, "")
    assert set(out.splitlines()) == {"[(True, True, 'Own'), (True, True, 'Dense')]"}


def test_workers_find_kjax_when_it_lies_in_the_working_folder_only(place):
    here, light = place
    (here / "workers.py").write_text(PROGRAM_WITH_WORKERS)
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    # -S: without site-packages, where kjax may be installed; the children are started with the same flag
    command = [sys.executable, "-S", "-m", "kjax", str(here / "workers.py")]
    done = subprocess.run(command, cwd=light, env=env, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_installed_keras_is_not_used(place, tmp_path):
    here, light = place
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "__init__.py").write_text("raise RuntimeError('the real one')")
    env = {**os.environ, "PYTHONPATH": f"{light}{os.pathsep}{tmp_path}"}
    (here / "workers.py").write_text(PROGRAM_WITH_WORKERS)
    done = subprocess.run(
        [sys.executable, "-m", "kjax", "workers.py"], cwd=here, env=env, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_version_and_wrong_use(place):
    assert run(place, "--version", runner=True) == (0, "kjax 0.0.7\n", "")
    code, out, err = run(place, "--help", runner=True)
    assert (code, err) == (0, "") and out.startswith("usage: python -m kjax script.py")
    for words, text in (
        ("--what", "unknown option --what"),
        ("-m", "Argument expected for the -m"),
        ("", "no program"),
    ):
        code, out, err = run(place, words, runner=True)
        assert (code, out) == (2, "") and text in err


def test_commands_go_to_the_saving_room_unless_a_script_has_the_name(place, tmp_path):
    assert run(place, "inspect model.h5", runner=True) == (3, "['inspect', 'model.h5']\n", "")
    (tmp_path / "convert").write_text("print('mine')")
    assert run((tmp_path, place[1]), "convert a b", runner=True) == (0, "mine\n", "")
