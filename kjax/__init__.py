"""kjax: Keras 2 on JAX. `import kjax as keras`."""
from __future__ import annotations

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
from kjax.compat import install, install_as_keras
from kjax.engine.input_layer import Input
from kjax.models import Model, Sequential

__version__ = "0.1.0"

install()

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
