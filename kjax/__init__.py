"""kjax: Keras 2 on JAX. `import kjax as keras`."""

from kjax.compat import start as _start  # noqa: F401  # isort: skip  # before anything else is imported

from kjax import (
    activations,
    applications,
    backend,
    callbacks,
    constraints,
    datasets,
    distribute,
    engine,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    optimizers,
    preprocessing,
    regularizers,
    utils,
    wrappers,
)
from kjax.compat.aliases import install_as_keras, install_legacy_paths
from kjax.compat.legacy import apply as _accept_older_names
from kjax.distribute.platforms import require_platforms as _require_platforms
from kjax.engine.input_layer import Input
from kjax.host_memory import keep_freed_memory as _keep_freed_memory
from kjax.models import Model, Sequential

# Scripts ask `keras.__version__` which Keras they run on: the API's version; kjax's own is in `kjax.version`.
__version__ = "2.2.4"

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "constraints",
    "datasets",
    "distribute",
    "engine",
    "initializers",
    "install_as_keras",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "optimizers",
    "preprocessing",
    "regularizers",
    "utils",
    "wrappers",
]

_require_platforms()
_keep_freed_memory()
install_legacy_paths()
_accept_older_names()
