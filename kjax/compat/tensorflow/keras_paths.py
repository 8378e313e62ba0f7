"""`tensorflow.keras`: the paths of kjax under it, with tf.keras's classes where it has others."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys

__all__ = ["is_path", "listed", "look_up"]

TOPS = ("keras", "python.keras", "contrib.keras.api.keras", "contrib.keras", "python.keras.api.keras")
CLASSES = "kjax.compat.tensorflow.keras_classes"
# names that tf.keras has where Keras has them elsewhere, or under another name: path below keras -> name -> module:name
MORE: dict[str, dict[str, str]] = {
    "": {"Input": "kjax.layers:Input", "__version__": "kjax.compat.tensorflow.about:KERAS_VERSION"},
    "layers": {
        name + rank: f"kjax.layers:{found}{rank}"
        for name, found in (
            ("AvgPool", "AveragePooling"),
            ("Convolution", "Conv"),
            ("GlobalAvgPool", "GlobalAveragePooling"),
            ("GlobalMaxPool", "GlobalMaxPooling"),
            ("MaxPool", "MaxPooling"),
        )
        for rank in ("1D", "2D", "3D")
    },
    "initializers": {
        "GlorotNormal": "kjax.initializers:glorot_normal",
        "GlorotUniform": "kjax.initializers:glorot_uniform",
        "HeNormal": "kjax.initializers:he_normal",
        "HeUniform": "kjax.initializers:he_uniform",
        "LecunNormal": "kjax.initializers:lecun_normal",
        "LecunUniform": "kjax.initializers:lecun_uniform",
    },
    "losses": {
        "huber": "kjax.losses:huber_loss",
        "kl_divergence": "kjax.losses:kullback_leibler_divergence",
        "log_cosh": "kjax.losses:logcosh",
    },
    "metrics": {
        "KLD": "kjax.losses:kullback_leibler_divergence",
        "kl_divergence": "kjax.losses:kullback_leibler_divergence",
        "kld": "kjax.losses:kullback_leibler_divergence",
        "log_cosh": "kjax.losses:logcosh",
    },
    "optimizers.legacy": {
        name: f"kjax.optimizers:{name}"
        for name in ("Adadelta", "Adagrad", "Adam", "Adamax", "Nadam", "Optimizer", "RMSprop", "SGD")
    },
    "utils": {
        "array_to_img": "kjax.preprocessing.image:array_to_img",
        "img_to_array": "kjax.preprocessing.image:img_to_array",
        "load_img": "kjax.preprocessing.image:load_img",
        "pad_sequences": "kjax.preprocessing.sequence:pad_sequences",
        "save_img": "kjax.preprocessing.image:save_img",
    },
    "saving": {
        "custom_object_scope": "kjax.utils:custom_object_scope",
        "deserialize_keras_object": "kjax.utils:deserialize_keras_object",
        "get_custom_objects": "kjax.utils:get_custom_objects",
        "load_model": "kjax.models:load_model",
        "save_model": "kjax.models:save_model",
        "serialize_keras_object": "kjax.utils:serialize_keras_object",
    },
}


# path below keras -> the module of kjax that it is
ELSEWHERE = {"backend_config": "backend.config"}


def below(path: str) -> str | None:
    """The path below `keras`, '' for `keras` itself; None for another one."""
    for top in TOPS:
        if path == top or path.startswith(top + "."):
            return path[len(top) + 1 :]
    return None


def _module(path: str) -> str | None:
    """The module of kjax that a path stands for; None where there is none."""
    inside = below(path)
    if inside is None:
        return None
    full = f"kjax.{ELSEWHERE.get(inside, inside)}" if inside else "kjax"
    if full in sys.modules:
        return full
    try:
        return full if importlib.util.find_spec(full) is not None else None
    except ModuleNotFoundError:  # what is above it is no package
        return None


def is_path(path: str) -> bool:
    """Whether a path below `tensorflow` is one of these, with a module of its own."""
    if any(top.startswith(path + ".") for top in TOPS):
        return True  # on the way to one
    inside = below(path)
    if inside is None or inside.startswith("compat"):
        return False
    if inside in MORE:
        return True
    module = _module(path)
    above, _, name = (module or "").rpartition(".")
    # a function may have the name of a module: `keras.layers.merge` in Keras 1, `kjax.layers.add`
    shown = getattr(sys.modules.get(above), name, None)
    return module is not None and (shown is None or shown is sys.modules.get(module))


def look_up(path: str, name: str) -> tuple[str, str] | None:
    """(name there, full name of the module that has it) of a name that is no path; None where there is none."""
    inside = below(path)
    if inside is None:
        return None
    module = _module(path)
    shown = module is not None and not name.startswith("__")
    value = getattr(importlib.import_module(module or ""), name, None) if shown else None
    if value is not None:
        replaced = importlib.import_module(CLASSES).REPLACED.get(value) if isinstance(value, type) else None
        return (replaced, CLASSES) if replaced else (name, module or "")
    more = MORE.get(inside, {}).get(name)
    if more is None:
        return None
    where, _, found_as = more.partition(":")
    return found_as, where


def listed(path: str) -> set[str]:
    """The public names of a path."""
    module = _module(path)
    if module is None:
        return set()
    found = importlib.import_module(module)
    names = set(getattr(found, "__all__", ())) or {n for n in vars(found) if not n.startswith("_")}
    inside = {m.name for m in pkgutil.iter_modules(getattr(found, "__path__", ()))} - {"compat", "keras1", "cli"}
    return names | inside | set(MORE.get(below(path) or "", {}))
