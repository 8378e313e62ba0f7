"""`import tensorflow`: who gets the stand-in, and who does not."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from pathlib import Path
from types import FrameType, ModuleType

TOP = "tensorflow"
MODULES = "kjax.compat.tensorflow.modules"
DROP_IN = Path(__file__).parent / "drop_in"

# Libraries that look for TensorFlow only to serve it too, in its version 2, and know their way without it.
ASKS_FOR_ITSELF = frozenset(
    """
    array_api_compat chex clu cv2 dask einops etils flax grain h5py jax jaxlib jsonpickle lightning matplotlib
    ml_dtypes mlflow numba numpy opt_einsum optax orbax pandas PIL plotly psutil pyarrow pytorch_lightning scipy seaborn
    skimage sklearn tensorboard tensorboardX tensorstore torch torchvision transformers treescope wandb xarray
    """.split()
)
# What tensorboard looks for to know that TensorFlow is not to be used, whatever `import tensorflow` gives.
NO_TENSORFLOW = "tensorboard.compat.notf"


class TensorFlowFinder(importlib.abc.MetaPathFinder):
    """Finds `tensorflow` and what is below it in kjax, for programs; not for libraries that only probe for it."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname == NO_TENSORFLOW:
            return importlib.machinery.ModuleSpec(fullname, _EmptyLoader(), origin=MODULES)
        if fullname != TOP and not fullname.startswith(TOP + "."):
            return None
        asker, looks_only = _asker()
        if asker in ASKS_FOR_ITSELF:
            if looks_only:
                return None
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return importlib.import_module(MODULES).spec_of(fullname)


class _EmptyLoader(importlib.abc.Loader):
    def exec_module(self, module):
        """There is nothing in it."""


class _Blind:
    """Finds nothing in the folder that is meant for worker processes."""

    def find_spec(self, fullname, target=None):
        return None


_finder = TensorFlowFinder()
_blind = _Blind()


def _asker() -> tuple[str, bool]:
    """The top-level package that imports or looks for a module, and whether it looks without importing."""
    frame: FrameType | None = sys._getframe(2)
    looks_only = False
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name != __name__ and name.partition(".")[0] != "importlib" and name != "_frozen_importlib":
            return name.partition(".")[0], looks_only
        looks_only = looks_only or name == "importlib.util"
        frame = frame.f_back
    return "", looks_only


def is_stand_in(module: ModuleType | None) -> bool:
    """Whether the module is part of the stand-in."""
    return type(module).__module__ == MODULES


def install() -> None:
    """From now on `import tensorflow` gives the stand-in, unless a TensorFlow is imported already."""
    present = sys.modules.get(TOP)
    if present is not None and not is_stand_in(present) and not is_drop_in(present):
        return
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    if str(DROP_IN) not in sys.path:
        sys.path.insert(1, str(DROP_IN))
    # worker processes find the folder on their `sys.path`; here it would show the stand-in to everyone
    sys.path_importer_cache[str(DROP_IN)] = _blind


def installed() -> bool:
    """Whether `import tensorflow` gives the stand-in."""
    return _finder in sys.meta_path


def uninstall() -> None:
    """Undo `install`: names that were imported stay usable."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name, module in list(sys.modules.items()):
        if (name == TOP or name.startswith(TOP + ".")) and is_stand_in(module):
            del sys.modules[name]
    sys.modules.pop(NO_TENSORFLOW, None)
    if str(DROP_IN) in sys.path:
        sys.path.remove(str(DROP_IN))
    sys.path_importer_cache.pop(str(DROP_IN), None)


def is_drop_in(module: ModuleType) -> bool:
    """Whether the module is the one that worker processes find first."""
    return str(DROP_IN / TOP) in list(getattr(module, "__path__", ()))
