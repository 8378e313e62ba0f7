"""Symbolic tensors, variables, recorded operations and the pure programs they become."""

from kjax.graph.context import Context, resolving
from kjax.graph.operators import absolute_value, elementwise
from kjax.graph.program import Program, build_program
from kjax.graph.record import SubGraph, op, symbolic_leaves
from kjax.graph.shape import TensorShape
from kjax.graph.tensor import KerasTensor, is_symbolic, unique_name
from kjax.graph.update import Update, as_update
from kjax.graph.variable import Variable

__all__ = [
    "Context",
    "KerasTensor",
    "Program",
    "SubGraph",
    "TensorShape",
    "Update",
    "Variable",
    "absolute_value",
    "as_update",
    "build_program",
    "elementwise",
    "is_symbolic",
    "op",
    "resolving",
    "symbolic_leaves",
    "unique_name",
]
