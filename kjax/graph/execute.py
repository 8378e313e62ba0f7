"""Compiled evaluation of programs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.graph.context import Context
from kjax.graph.interrupts import uninterrupted
from kjax.graph.program import build_program
from kjax.graph.random import key_of, next_key

__all__ = ["compute", "forget_compiled", "run_program", "values_of"]


def _run(program, inputs, variables, constants, training, key, step):
    seeded = None if step is None else jax.random.fold_in(key_of(0), step)
    return program(inputs, variables, constants, Context(training, key, seeded=seeded))


_compiled: dict[tuple, Any] = {}  # `_run` under compiler options, by their (name, value) pairs


def run_program(
    program, inputs, variables, constants, training=False, key=None, step=None, compiler_options=None
) -> list:
    """The outputs of a program, computed by code that is compiled once per program, phase and shapes.

    Where sizes depend on data (`program.counted`), operation by operation instead.

    Args:
        program: from `build_program`.
        inputs, variables, constants: lists of arrays, as many as the program takes.
        training: the phase.
        key: PRNG key; needed where `program.random`.
        step: how often the same program has run before; random operations with a seed of their own draw the
            numbers of that step. None: they follow `key`.
        compiler_options: of `jax.jit`; for calls that are never traced, as only the outermost `jit` may have some.
    """
    if program.counted:
        # NumPy arrays among the values of an operation are sizes
        inputs, variables, constants = jax.tree.map(jnp.asarray, (list(inputs), list(variables), list(constants)))
        with jax.disable_jit():
            return _run(program, inputs, variables, constants, bool(training), key, step)
    options = tuple((compiler_options or {}).items())
    if options not in _compiled:
        _compiled[options] = jax.jit(_run, static_argnames=("program", "training"), compiler_options=compiler_options)
    with uninterrupted():
        return _compiled[options](program, list(inputs), list(variables), list(constants), bool(training), key, step)


def values_of(variables) -> list:
    """The values of Variables as device arrays; a value still in NumPy's memory is moved once."""
    values = []
    for variable in variables:
        value = variable.value
        if isinstance(value, np.ndarray):
            value = jnp.asarray(value)
            variable.replace(value)
        values.append(value)
    return values


def compute(outputs, training=False) -> list:
    """The arrays of symbolic tensors that depend on variables and constants only.

    Raises:
        ValueError: when a placeholder would be needed.
    """
    program, variables, constants = build_program([], list(outputs))
    key = next_key() if program.random else None
    return run_program(program, [], values_of(variables), constants, training, key, 0 if program.random else None)


def forget_compiled() -> None:
    """Drops all compiled programs and the memory they hold."""
    for run in _compiled.values():
        run.clear_cache()
