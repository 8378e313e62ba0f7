"""Layers (being assembled)."""
from kjax.engine.base_layer import InputSpec, Layer
from kjax.engine.input_layer import Input, InputLayer
from kjax.engine.registry import deserialize_layer, register_layers, serialize_layer
import importlib
for _m in "core embeddings noise advanced_activations merge normalization convolutional pooling local recurrent convolutional_recurrent cudnn_recurrent wrappers".split():
    try:
        _mod = importlib.import_module("kjax.layers."+_m)
    except ImportError as _e:
        print("missing", _m, _e); continue
    for _n in _mod.__all__: globals()[_n] = getattr(_mod,_n)
deserialize, serialize = deserialize_layer, serialize_layer
register_layers({name: value for name, value in list(vars().items()) if isinstance(value, type) and issubclass(value, Layer)})
