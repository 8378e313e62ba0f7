"""The way to plain Flax and back: a model's graph as a linen module with named variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from kjax.graph import Context, Program, build_program

__all__ = ["FlaxBridge", "Graph"]


class Graph(nn.Module):
    """A Keras model as a pure Flax module.

    Attributes:
        program: what is computed: the outputs, then the new values of `updates`.
        paths: for each variable of the program (collection, layer, ..., weight).
        shapes: for each variable (shape, dtype).
        updates: for each new value, the number of the variable it is for.
        outputs: how many outputs there are.
        constants: arrays of the program, as nested tuples would not hash: held by identity.

    `module.apply(variables, *inputs)` is inference. Training: `module.apply(variables, *inputs, training=True,
    mutable=['batch_stats', 'state'], rngs={'dropout': key})`.
    """

    program: Program
    paths: tuple
    shapes: tuple
    updates: tuple
    outputs: int
    constants: tuple = ()

    @nn.compact
    def __call__(self, *inputs, training=False):
        values, holders = self._values()
        key = self.make_rng("dropout") if self.has_rng("dropout") else None
        results = self.program(
            [jnp.asarray(x) for x in inputs], values, [c.array for c in self.constants], Context(training, key)
        )
        outputs, changed = results[: self.outputs], results[self.outputs :]
        if training:
            self._write(holders, dict(zip(self.updates, changed, strict=True)))
        return outputs[0] if len(outputs) == 1 else outputs

    def _groups(self):
        """(collection, top name) -> [(inner path, variable number)]."""
        groups: dict[tuple, list] = {}
        for i, (collection, top, *inner) in enumerate(self.paths):
            groups.setdefault((collection, top), []).append((tuple(inner), i))
        return groups

    def _values(self):
        values: list = [None] * len(self.paths)
        holders = {}
        for (collection, top), members in self._groups().items():

            def make(key=None, members=members):
                tree: dict = {}
                for n, (inner, i) in enumerate(members):
                    own = jax.random.key(0) if key is None else jax.random.fold_in(key, n)
                    _put(tree, inner, _initial(inner[-1], *self.shapes[i], own))
                return tree

            if collection == "params":
                tree = self.param(top, make)
            else:
                holders[collection, top] = self.variable(collection, top, make)
                tree = holders[collection, top].value
            for inner, i in members:
                values[i] = _get(tree, inner)
        return values, holders

    def _write(self, holders, changed):
        groups = self._groups()
        for (collection, top), holder in holders.items():
            mine = [(inner, i) for inner, i in groups[collection, top] if i in changed]
            if not mine or not self.is_mutable_collection(collection):
                continue
            tree = jax.tree.map(lambda x: x, holder.value)
            for inner, i in mine:
                _put(tree, inner, changed[i])
            holder.value = tree


class _Constant:
    """An array held by identity, so that the module hashes."""

    def __init__(self, array):
        self.array = array


def _initial(name, shape, dtype, key):
    """A fresh start for `module.init`: Glorot uniform matrices, ones for scales, zeros for the rest."""
    if name in ("gamma", "moving_variance"):
        return jnp.ones(shape, dtype)
    if len(shape) < 2 or not jnp.issubdtype(jnp.dtype(dtype), jnp.floating):
        return jnp.zeros(shape, dtype)
    return nn.initializers.glorot_uniform()(key, shape, dtype)


def _put(tree, path, value):
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def _get(tree, path):
    for name in path:
        tree = tree[name]
    return tree


def variable_paths(model) -> dict:
    """id(Variable) -> (collection, layer, ..., weight) for all weights of a model, nested models nested."""
    paths: dict[int, tuple] = {}
    taken: set[tuple] = set()

    def visit(layers, prefix):
        for layer in layers:
            if getattr(layer, "_is_graph_network", False):
                visit(layer.layers, (*prefix, layer.name))
                continue
            for w in layer.weights:
                if id(w) in paths:
                    continue
                inner = w.name[:-2].split("/")
                inner = inner[1:] if inner[0] == layer.name and len(inner) > 1 else inner
                collection = layer._collections.get(id(w), (None,))[0] or _collection_of(w)
                path = (collection, *prefix, layer.name, *inner)
                while path in taken:
                    path = (*path[:-1], path[-1] + "_")
                taken.add(path)
                paths[id(w)] = path

    visit(model.layers, ())
    return paths


def _collection_of(variable) -> str:
    if variable.trainable:
        return "params"
    return "batch_stats" if variable.short_name.startswith("moving_") else "state"


class FlaxBridge:
    """Mixin of Model: `to_flax` and `set_flax_variables`."""

    if TYPE_CHECKING:

        def _weights_by_layer(self) -> list: ...

    def to_flax(self):
        """The model as a pure Flax module with its present variables.

        Returns:
            (module, variables): `module.apply(variables, x)` equals `model.predict(x)`; the variables are named by
            collection, layer and weight, e.g. `variables['params']['dense_1']['kernel']`.
        """
        self._require_built("to_flax")
        updates = self.updates
        outputs = [*self.outputs, *[u.value for u in updates]]
        program, variables, constants = build_program(self.inputs, outputs, self._weights_by_layer())
        paths = variable_paths(self)
        named = [paths.get(id(v), ("state", "variables", v.name[:-2].replace("/", "_"))) for v in variables]
        numbers = {id(v): i for i, v in enumerate(variables)}
        extra = [i for i, u in enumerate(updates) if id(u.variable) not in numbers]
        if extra:
            raise ValueError(
                f"the variable {updates[extra[0]].variable.name!r} is updated but belongs to no layer of the model."
            )
        module = Graph(
            program,
            tuple(named),
            tuple((tuple(v.shape), v.dtype) for v in variables),
            tuple(numbers[id(u.variable)] for u in updates),
            len(self.outputs),
            tuple(_Constant(c) for c in constants),
        )
        tree: dict = {}
        for v, path in zip(variables, named, strict=True):
            _put(tree, path, jnp.array(v.value, copy=True))
        return module, tree

    def set_flax_variables(self, variables) -> None:
        """Takes back variables in the form `to_flax` gives, e.g. after training them in a Flax loop.

        Raises:
            ValueError: when a weight is missing or has another shape; nothing is changed then.
        """
        paths = variable_paths(self)
        found = []
        for w in self._weights_by_layer():
            tree, path = variables, paths[id(w)]
            for name in path:
                if not isinstance(tree, Mapping) or name not in tree:
                    raise ValueError(f"set_flax_variables: {'/'.join(path)} is missing.")
                tree = tree[name]
            if tuple(np.shape(tree)) != tuple(w.shape):
                raise ValueError(
                    f"set_flax_variables: {'/'.join(path)} must have shape {tuple(w.shape)}; got {np.shape(tree)}."
                )
            found.append((w, tree))
        for w, value in found:
            w.assign(value)
