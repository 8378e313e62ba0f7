"""kjax: Keras 2 on JAX. `import kjax as keras`."""

from __future__ import annotations

from kjax import (
    activations,
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
    models,
    optimizers,
    preprocessing,
    regularizers,
    utils,
    wrappers,
)
from kjax.compat import legacy
from kjax.compat.aliases import install_as_keras, install_legacy_paths
from kjax.engine.input_layer import Input
from kjax.models import Model, Sequential

__version__ = "0.1.0"

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "activations",
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
    "models",
    "optimizers",
    "preprocessing",
    "regularizers",
    "utils",
    "wrappers",
]

install_legacy_paths()
legacy.apply()
