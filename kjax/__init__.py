"""kjax: Keras 2 on JAX. `import kjax as keras`."""
from __future__ import annotations

from kjax import (
    activations,
    backend,
    callbacks,
    constraints,
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
from kjax.engine.input_layer import Input
from kjax.models import Model, Sequential

__version__ = "0.1.0"
