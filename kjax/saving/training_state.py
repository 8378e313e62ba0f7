"""Everything a training run consists of, out of a model and back into one."""

from __future__ import annotations

import random

import jax
import jax.numpy as jnp
import numpy as np

from kjax.engine.flax_bridge import variable_paths
from kjax.graph.random import IMPLEMENTATION

__all__ = [
    "arrays_of",
    "check_fits",
    "figures_state",
    "host_copy",
    "put_arrays",
    "put_figures",
    "put_random",
    "put_sizes",
    "random_state",
    "sizes_state",
    "variables_of",
]


def _optimizer_variables(model) -> list:
    optimizer = model.optimizer
    if optimizer is None:
        return []
    if optimizer.defines_updates:
        return list(optimizer.weights)
    return [*optimizer.slot_variables, *optimizer.loss_scale_variables]


def _other_variables(model, known) -> list:
    """Variables that a step replaces and that belong to no layer's weights: RNN states, metrics' counters."""
    groups = [model.updates, model.state_updates, model.metrics_updates if model.optimizer is not None else []]
    found = {id(u.variable): u.variable for group in groups for u in group}
    return [v for i, v in found.items() if i not in known]


def variables_of(model) -> dict:
    """Variable by its path, e.g. ('params', 'dense_1', 'kernel'), ('optimizer', '3'), ('rates', 'lr')."""
    if model.optimizer is not None and not model.optimizer.defines_updates:
        model._compiled_executor("train")  # now the optimizer's state exists
    paths = variable_paths(model)
    found = {paths[id(w)]: w for w in model._weights_by_layer()}
    slots = _optimizer_variables(model)
    known = {id(w) for w in found.values()} | {id(v) for v in slots}
    for i, v in enumerate(slots):
        found["optimizer", f"{i:05d}"] = v
    for name, v in getattr(model.optimizer, "hyper", {}).items():
        if id(v) not in known:
            found["rates", name] = v
            known.add(id(v))
    for i, v in enumerate(_other_variables(model, known)):
        found["other", f"{i:05d}"] = v
    return found


def host_copy(value) -> np.ndarray:
    """The array's numbers, held apart from buffers that the next step gives away."""
    if isinstance(value, jax.Array) and not value.is_fully_addressable:
        raise NotImplementedError("checkpoints of arrays that are spread over several processes are not supported yet.")
    return np.array(value)


def arrays_of(model) -> dict:
    """Nested dict of host copies of all variables of a model in training."""
    tree: dict = {}
    for path, variable in variables_of(model).items():
        _put(tree, path, host_copy(variable.value))
    return tree


def check_fits(model, shapes) -> dict:
    """The variables by path, when the model has those of a checkpoint.

    Args:
        shapes: dict ('a', 'b', 'c') -> (shape, dtype) of the checkpoint.

    Raises:
        ValueError: with the differences.
    """
    mine = variables_of(model)
    have = {p: (list(map(int, v.shape)), str(v.dtype)) for p, v in mine.items()}
    wanted = {p: (list(s), d) for p, (s, d) in shapes.items()}
    if have == wanted:
        return mine
    lines = [f"- {'/'.join(p)} {v}" for p, v in wanted.items() if p not in have]
    lines += [f"+ {'/'.join(p)} {v}" for p, v in have.items() if p not in wanted]
    lines += [
        f"! {'/'.join(p)} {wanted[p]} in the checkpoint, {have[p]} in the model"
        for p in wanted
        if p in have and wanted[p] != have[p]
    ]
    raise ValueError(
        "the model is not the one of the checkpoint (- missing here, + new here, ! different):\n"
        + "\n".join(lines[:40])
    )


def put_arrays(variables, tree) -> None:
    """Gives variables (by path) the arrays of a nested dict."""
    for path, variable in variables.items():
        value = tree
        for name in path:
            value = value[name]
        variable.assign(np.asarray(value))


def _put(tree, path, value):
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def random_state(model) -> dict:
    """NumPy's and Python's global generators and the model's key, as plain data."""
    name, keys, position, has_gauss, gauss = np.random.get_state()
    version, numbers, normal = random.getstate()
    return {
        "numpy": [name, [int(k) for k in keys], int(position), int(has_gauss), float(gauss)],
        "python": [version, list(numbers), normal],
        "key": None if model._key is None else [int(k) for k in np.ravel(jax.random.key_data(model._key))],
        "count": int(model._count),
    }


def put_random(model, state) -> None:
    """Sets the generators and the model's key as `random_state` found them."""
    name, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, np.asarray(keys, np.uint32), position, has_gauss, gauss))
    version, numbers, normal = state["python"]
    random.setstate((version, tuple(numbers), normal))
    model._key = (
        None
        if state["key"] is None
        else jax.random.wrap_key_data(jnp.asarray(state["key"], jnp.uint32), impl=IMPLEMENTATION)
    )
    model._count = int(state["count"])


def figures_state(figures) -> list:
    """The figures of an epoch so far, as values for `pack`."""
    figures.settle()
    return [figures.total, figures.seen, figures.largest, figures.last]


def put_figures(figures, state) -> None:
    """Gives an epoch the figures that `figures_state` found."""
    figures.total, figures.seen, figures.largest, figures.last = state


def sizes_state(model) -> dict:
    """Which sizes of batches and sequences have programs of their own, as values for `pack`."""
    return {kind: executor.sizes.seen() for kind, executor in model._executors.items()}


def put_sizes(model, state) -> None:
    """Gives a model the sizes that `sizes_state` found."""
    for kind, seen in state.items():
        model._executor(kind).sizes.remember(seen)
