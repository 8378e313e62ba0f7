"""A model's Flax variables as an Orbax checkpoint."""

from __future__ import annotations

import os
import shutil
import uuid

from kjax.engine.flax_bridge import variable_paths
from kjax.saving.atomic import may_write, sync_folder
from kjax.saving.manifest import write_manifest
from kjax.saving.orbax_io import write_arrays, writing
from kjax.saving.training_state import host_copy

__all__ = ["save_variables"]


def save_variables(model, directory, overwrite=True) -> None:
    """Writes a model's variables for Flax: `variables/` is an Orbax checkpoint of the nested dict that `to_flax` gives,
    `architecture.json` the text of `to_json`, `manifest.json` the checksums of all files; see `kjax inspect`.

    Read them with `orbax.checkpoint.StandardCheckpointer().restore(path_of_variables)`.

    Args:
        directory: appears whole or not at all.
        overwrite: False: ask on the terminal before replacing a folder.
    """
    directory = os.path.abspath(os.fspath(directory))
    if not may_write(directory, overwrite):
        return
    tree: dict = {}
    paths = variable_paths(model)
    for w in model._weights_by_layer():
        place = tree
        *scopes, name = paths[id(w)]
        for scope in scopes:
            place = place.setdefault(scope, {})
        place[name] = host_copy(w.value)
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    intact = "What was there before is intact." if os.path.exists(directory) else "Nothing was there before."
    with writing(directory, intact):
        _write_folder(model, tree, directory)


def _write_folder(model, tree, directory):
    temporary = f"{directory}.{uuid.uuid4().hex}.tmp"
    os.mkdir(temporary)
    try:
        write_arrays(os.path.join(temporary, "variables"), tree)
        with open(os.path.join(temporary, "architecture.json"), "w", encoding="utf-8") as f:
            f.write(model.to_json())
        write_manifest(temporary, "variables")
        if os.path.exists(directory):
            old = f"{directory}.{uuid.uuid4().hex}.old"
            os.rename(directory, old)
            os.rename(temporary, directory)
            shutil.rmtree(old) if os.path.isdir(old) else os.unlink(old)
        else:
            os.rename(temporary, directory)
        sync_folder(os.path.dirname(directory))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
