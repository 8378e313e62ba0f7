"""Writes the pages of the API reference: one per module, a table of its names and then each name's docstring."""

from __future__ import annotations

import importlib
import inspect
from collections import defaultdict
from pathlib import Path

# page -> (module, what it is)
PAGES = {
    "layers": ("kjax.layers", "Layers."),
    "models": ("kjax.models", "Models: `Sequential` and `Model`, loading and cloning."),
    "losses": ("kjax.losses", "Losses, as functions and (from Keras 2.3) as classes."),
    "metrics": ("kjax.metrics", "Metrics, as functions and (from Keras 2.3) as classes."),
    "optimizers": ("kjax.optimizers", "Optimizers. `optimizer=` of `compile` also takes any Optax transformation."),
    "activations": ("kjax.activations", "Activations."),
    "initializers": ("kjax.initializers", "Initializers of weights."),
    "regularizers": ("kjax.regularizers", "Regularizers."),
    "constraints": ("kjax.constraints", "Constraints of weights."),
    "callbacks": ("kjax.callbacks", "Callbacks."),
    "backend": ("kjax.backend", "`K.*`: on arrays these compute, on symbolic tensors they record."),
    "image": ("kjax.preprocessing.image", "Images: loading, augmentation, generators."),
    "text": ("kjax.preprocessing.text", "Text."),
    "sequence": ("kjax.preprocessing.sequence", "Sequences."),
    "datasets": ("kjax.datasets", "Data sets; each module has `load_data`."),
    "applications": ("kjax.applications", "Well-known networks."),
    "scikit_learn": ("kjax.wrappers.scikit_learn", "Models as scikit-learn estimators."),
    "utils": ("kjax.utils", "Utilities."),
    "distribute": ("kjax.distribute", "Many devices."),
    "mixed_precision": ("kjax.mixed_precision", "Mixed precision."),
    "saving": ("kjax.saving", "Files."),
    "kjax": ("kjax", "The package itself."),
}
METHODS = (
    "Layer",
    "Model",
    "Sequential",
    "Callback",
    "ImageDataGenerator",
    "Tokenizer",
    "Sequence",
    "Metric",
    "Function",
)


def setup(app):
    """Called by Sphinx."""
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / "api"))
    return {"version": "1", "parallel_read_safe": True}


def write_pages(folder: Path) -> None:
    """Writes the pages; what has not changed keeps its date, so that Sphinx does not read it again."""
    folder.mkdir(exist_ok=True)
    described: set[int] = set()  # a class is described on one page, the first that shows it
    for page, (module, about) in PAGES.items():
        found = [row for row in public(module) if not (inspect.isclass(row[1]) and id(row[1]) in described)]
        described |= {id(row[1]) for row in found}
        _write(folder / f"{page}.md", page_of(module, about, found))
    listed = "\n".join(PAGES)
    _write(
        folder / "index.md",
        f"# API reference\n\nFrom the docstrings, one page per module.\n\n```{{toctree}}\n{listed}\n```\n",
    )


def page_of(module: str, about: str, found: list) -> str:
    """The Markdown of a module's page; `found`: what `public` gives of it."""
    names = [name for name, *_ in found]
    rst = [".. py:currentmodule:: " + module, ""]
    if names:
        rst += [".. autosummary::", "   :nosignatures:", "", *(f"   {name}" for name in names), ""]
    for name, obj, others in found:
        if inspect.ismodule(obj):
            members = ", ".join(name for name in ("load_data", "get_word_index") if hasattr(obj, name))
            rst += [f".. automodule:: {obj.__name__}", f"   :members: {members}", ""]
            continue
        kind = "autoclass" if inspect.isclass(obj) else "autofunction" if callable(obj) else "autodata"
        rst += [f".. {kind}:: {module}.{name}"]
        if name in METHODS:
            rst += ["   :members:", "   :inherited-members: dict, list, object"]
        rst += [""]
        if others:
            rst += ["   Other names: " + ", ".join(f"``{other}``" for other in others) + ".", ""]
    return f"# {module}\n\n{about}\n\n```{{eval-rst}}\n" + "\n".join(rst) + "\n```\n"


def public(module: str) -> list:
    """(name, object, further names of it) for what the module makes public and the project has written."""
    room = importlib.import_module(module)
    under: dict[int, list[str]] = defaultdict(list)
    objects = {}
    for name in room.__all__:
        obj = getattr(room, name)
        if _ours(obj, module):
            under[id(obj)].append(name)
            objects[id(obj)] = obj
    rows = []
    for key, names in under.items():
        own = getattr(objects[key], "__name__", names[0])
        first = own if own in names else names[0]
        rows.append((first, objects[key], sorted(set(names) - {first})))
    return sorted(rows, key=lambda row: (inspect.isroutine(row[1]), row[0].lower()))


def _ours(obj, module):
    if inspect.ismodule(obj):
        return module == "kjax.datasets" and hasattr(obj, "load_data")
    return callable(obj) and getattr(obj, "__module__", "").startswith("kjax") and bool(inspect.getdoc(obj))


def _write(path, text):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
