"""What a release must pass: `make release-check`.

Builds the sdist and, from it, the wheel; has twine read both; looks into them; compares version and changelog; and
runs a small program on the wheel, outside of the checkout.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IN_WHEEL = ("kjax/__init__.py", "kjax/py.typed", "kjax/compat/drop_in/keras/__init__.py")
IN_SDIST = (
    "kjax/__init__.py",
    "tests/conftest.py",
    "tests/data/",
    "docs/conf.py",
    "notebooks/",
    "Makefile",
    "README.md",
    "LICENSE",
)
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, kjax
assert kjax.__file__.startswith(sys.argv[1]), kjax.__file__
kjax.install_as_keras()
from keras.models import Sequential, load_model
from keras.layers import Dense
model = Sequential([Dense(2, input_shape=(3,))])
model.compile("sgd", "mse")
model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
model.save("model.h5")
assert np.allclose(load_model("model.h5").predict(np.ones((1, 3))), model.predict(np.ones((1, 3))))
"""


def main() -> None:
    """Runs the checks one after the other; the first that fails ends it with its reason."""
    version = re.search(r'__version__ = "([^"]+)"', (ROOT / "kjax/version.py").read_text()).group(1)
    with tempfile.TemporaryDirectory() as folder:
        python("-m", "build", "--no-isolation", "--outdir", folder, str(ROOT))
        (sdist,), (wheel,) = Path(folder).glob("*.tar.gz"), Path(folder).glob("*.whl")
        python("-m", "twine", "check", "--strict", str(sdist), str(wheel))
        check_wheel(wheel, version)
        check_sdist(sdist, version)
        check_changelog(version)
        run_from(wheel, Path(folder))
    print(f"kjax {version}: sdist, wheel, changelog and a program on the wheel are right.")


def python(*args: str, cwd: str | Path | None = None) -> None:
    """Runs this Python with these arguments; ends where it fails."""
    if subprocess.run([sys.executable, *args], cwd=cwd).returncode:
        raise SystemExit(f"release-check: python {' '.join(args[:4])} failed")


def check_wheel(wheel: Path, version: str) -> None:
    """The wheel holds the package, all of it and nothing else."""
    names = set(zipfile.ZipFile(wheel).namelist())
    require(wheel, names, IN_WHEEL)
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "kjax").rglob("*.py")}
    lost = sorted(sources - names)
    if lost:
        raise SystemExit(f"release-check: {wheel.name} lacks {', '.join(lost[:5])}")
    strange = sorted(name for name in names if not name.startswith(("kjax/", f"kjax-{version}.dist-info/")))
    if strange:
        raise SystemExit(f"release-check: {wheel.name} holds {', '.join(strange[:5])}, which is not the package's")


def check_sdist(sdist: Path, version: str) -> None:
    """The sdist holds what its tests and its documentation need."""
    top = f"kjax-{version}/"
    require(sdist, {name.removeprefix(top) for name in tarfile.open(sdist).getnames()}, IN_SDIST)


def require(archive: Path, names: set, wanted: tuple) -> None:
    """Ends where the archive lacks one of the names; a name that ends in a slash: a folder."""
    for name in wanted:
        if name not in names and not (name.endswith("/") and any(other.startswith(name) for other in names)):
            raise SystemExit(f"release-check: {archive.name} lacks {name}")


def check_changelog(version: str) -> None:
    """The version has a section, or there is an open one for what comes next."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if f"## [{version}]" not in text and "## [Unreleased]" not in text:
        raise SystemExit(f"release-check: CHANGELOG.md has no section [{version}]")


def run_from(wheel: Path, folder: Path) -> None:
    """A small program runs on what the wheel holds; the dependencies are those of this environment."""
    unpacked = folder / "unpacked"
    zipfile.ZipFile(wheel).extractall(unpacked)
    program = folder / "program.py"
    program.write_text(PROGRAM)
    python("-P", str(program), str(unpacked), cwd=folder)


if __name__ == "__main__":
    main()
