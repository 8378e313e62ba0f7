"""Program: a piece of graph as a pure, hashable function, shared by equal architectures."""

from __future__ import annotations

import weakref

import jax
import jax.numpy as jnp

from kjax.graph.context import Context
from kjax.graph.interrupts import uninterrupted
from kjax.graph.operation import Facts
from kjax.graph.padded import Padded, evaluate_padded
from kjax.graph.record import Body, evaluate, fill, template_key
from kjax.graph.tensor import KerasTensor
from kjax.graph.variable import Variable

__all__ = ["Program", "build_program"]


class _Step:
    """One operation of a program: which slots it reads, which it writes."""

    __slots__ = ("draw", "first", "operation", "reads", "template", "writes")

    def __init__(self, operation, template, reads, first, writes, draw):
        self.operation = operation
        self.template = template
        self.reads = reads
        self.first = first
        self.writes = writes
        self.draw = draw


class _Key:
    """What tells programs apart, hashed once: at the end of the process the modules in it cannot be hashed any more."""

    __slots__ = ("hash", "parts")

    def __init__(self, parts):
        self.parts = parts
        self.hash = hash(parts)

    def __hash__(self):
        return self.hash

    def __eq__(self, other):
        return self is other or (self.hash == other.hash and self.parts == other.parts)


class Program:
    """A pure function `(inputs, variables, constants) -> outputs`, equal to any other of the same structure.

    Slots are numbered: inputs, variables, constants, then the results of the steps in order.

    Attributes:
        inputs, variables, constants: how many of each.
        steps: the operations in topological order.
        outputs: the slots of the results.
        rowwise: whether rows of the batch (axis 0 of the inputs) may be padded: every step that depends on an input
            works row by row, or knows how to leave out rows that the context calls invalid.
        facts: what is known of the steps together, those of loops' bodies among them.
    """

    __slots__ = (
        "__weakref__",
        "_key",
        "constants",
        "facts",
        "inputs",
        "outputs",
        "rowwise",
        "steps",
        "variables",
    )

    def __init__(self, inputs, variables, constants, steps, outputs, rowwise, facts):
        self.inputs = inputs
        self.variables = variables
        self.constants = constants
        self.steps = steps
        self.outputs = outputs
        self.rowwise = rowwise
        self.facts = facts
        self._key = _Key(
            (
                inputs,
                variables,
                constants,
                outputs,
                tuple(
                    (s.operation.name, id(s.operation.fn), template_key(s.template), s.reads, s.writes, s.draw)
                    for s in steps
                ),
            )
        )

    @property
    def random(self) -> bool:
        """Whether a step draws random numbers."""
        return self.facts.draws

    @property
    def counted(self) -> bool:
        """Whether the size of a result depends on data, so that the program cannot be compiled."""
        return self.facts.counted

    def __hash__(self):
        return self._key.hash

    def __eq__(self, other):
        return self is other or (isinstance(other, Program) and self._key == other._key)

    def __call__(self, inputs, variables, constants, context: Context):
        """Evaluates; traceable. Returns the outputs as a list."""
        env = [*inputs, *variables, *constants]
        if len(env) != self.inputs + self.variables + self.constants:
            raise ValueError(
                f"a program of {self.inputs} inputs, {self.variables} variables and {self.constants} constants "
                f"was given {len(inputs)}, {len(variables)} and {len(constants)}."
            )
        for step in self.steps:
            values = [env[i] for i in step.reads]
            context.at(step.draw)
            run = evaluate_padded if any(isinstance(v, Padded) for v in values) else evaluate
            result = run(step.operation, step.template, values, context, body=_bodies(context))
            env.extend(jax.tree.leaves(result))
        return [env[i] for i in self.outputs]


class _SubProgram:
    """A Body inside a program's template: its own program and the leaves it captures."""

    __slots__ = ("captures", "inputs", "program", "variables_first")

    def __init__(self, program, captures):
        self.program = program
        self.captures = captures

    def __hash__(self):
        return hash((self.program, self.captures))

    def __eq__(self, other):
        return isinstance(other, _SubProgram) and (self.program, self.captures) == (other.program, other.captures)


def _bodies(context):
    """Turns the sub-programs of a template into functions of the operation's own values."""

    def make(template, values):
        if not isinstance(template, _SubProgram):
            return None
        captured = [values[i] for i in template.captures]

        def run(*inputs, context=context):
            inner = Context(context.training, context.key, context.rows, context.seeded)
            return template.program([*inputs, *captured], (), (), inner)

        return run

    return make


_interned: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


def _intern(program):
    return _interned.setdefault(program._key, program)


class _Builder:
    """Numbers the tensors between given inputs and outputs."""

    def __init__(self, inputs, draws):
        self.draws = draws
        self.inputs = list(inputs)
        self.variables: list[Variable] = []
        self.constants: list = []
        self.steps: list = []

    def order(self, outputs):
        """The operations that `outputs` need, inputs first."""
        given = {id(t) for t in self.inputs}
        done, ops, stack = set(given), [], list(reversed(outputs))
        while stack:
            t = stack[-1]
            if id(t) in done or not isinstance(t, KerasTensor):
                stack.pop()
                continue
            if t.op is None:
                raise ValueError(
                    f"the value of the placeholder {t.name!r} of shape {tuple(t.shape)} is needed but it is not "
                    f"among the "
                    f"inputs {[i.name for i in self.inputs]}: the graph is disconnected, or an input is missing."
                )
            todo = [v for v in t.op.leaves if isinstance(v, KerasTensor) and id(v) not in done]
            if todo:
                stack.extend(todo)
                continue
            ops.append(t.op)
            done.update(id(v) for v in t.op.outputs)
            stack.pop()
        return ops

    def leaves(self, ops, outputs):
        """All variables and constants, in the order of first use."""
        seen = {id(t) for t in self.inputs}
        for v in [v for node in ops for v in node.leaves] + list(outputs):
            if id(v) in seen or isinstance(v, KerasTensor):
                continue
            seen.add(id(v))
            (self.variables if isinstance(v, Variable) else self.constants).append(v)

    def build(self, outputs, first_variables=()):
        ops = self.order(outputs)
        for v in first_variables:
            self.variables.append(v)
        seen = {id(v) for v in first_variables}
        self.leaves(ops, outputs)
        self.variables = [v for i, v in enumerate(self.variables) if i < len(first_variables) or id(v) not in seen]
        known = list(self.inputs) + self.variables + self.constants
        slots = {id(t): i for i, t in enumerate(known)}
        batch = {id(t) for t in self.inputs}
        count, rowwise, facts = len(known), True, []
        for node in ops:
            draw = self.draws.setdefault(id(node), len(self.draws))
            template, inner = self.convert(node.template)
            facts += [node.operation.facts(*node.template), *inner]
            reads = tuple(slots[id(v)] for v in node.leaves)
            depends = any(id(v) in batch for v in node.leaves)
            if depends:
                rowwise = rowwise and _is_rowwise(node, batch)
                batch.update(id(t) for t in node.outputs)
            for t in node.outputs:
                slots[id(t)] = count
                count += 1
            self.steps.append(_Step(node.operation, template, reads, count, len(node.outputs), draw))
        program = Program(
            len(self.inputs),
            len(self.variables),
            len(self.constants),
            tuple(self.steps),
            tuple(slots[id(t)] for t in outputs),
            rowwise,
            Facts.of_all(facts),
        )
        return _intern(program)

    def convert(self, template):
        """The template with programs for the functions that the operation calls, and the facts of these."""
        facts = []

        def walk(x):
            if isinstance(x, Body):
                builder = _Builder([*x.graph.inputs, *x.graph.captures], self.draws)
                program = builder.build(x.graph.outputs)
                if builder.constants or builder.variables:
                    raise AssertionError("a loop body has leaves that were not captured")
                facts.append(program.facts)
                return _SubProgram(program, x.captures)
            if isinstance(x, (list, tuple)):
                parts = [walk(v) for v in x]
                return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
            if isinstance(x, dict):
                return {k: walk(v) for k, v in x.items()}
            return x

        return walk(template), facts


def _is_rowwise(node, batch):
    rule = node.operation.rowwise
    tensors = [v for v in node.leaves if id(v) in batch]
    sized = any(getattr(v, "static", None) is not None for v in tensors)
    if (sized or node.operation.static) and all(t.static is not None for t in node.outputs):
        return True  # arithmetic with sizes; whoever uses them decides
    if callable(rule):
        args, kwargs = fill(node.template, node.leaves)
        return bool(rule(tensors, args, kwargs))
    return bool(rule) and not sized


def build_program(inputs, outputs, variables=()):
    """The program that computes `outputs` from `inputs`.

    Args:
        inputs: KerasTensors (placeholders or intermediate tensors) or Variables that the caller supplies.
        outputs: KerasTensors or Variables.
        variables: Variables to be numbered first, whether used or not.

    Returns:
        (program, variables, constants): the Variables and array constants whose values it takes, in order.

    Raises:
        ValueError: when an output needs a placeholder that is not among the inputs.
    """
    builder = _Builder(inputs, {})
    program = builder.build(list(outputs), list(variables))
    with uninterrupted():
        return program, builder.variables, [jnp.asarray(c) for c in builder.constants]
