"""`tf.Variable`, `tf.get_variable` and scopes of variables; their initial values."""

from __future__ import annotations

import contextlib
import functools

import numpy as np

from kjax import initializers
from kjax.backend.config import dtype_name, floatx
from kjax.backend.naming import name_scope as keras_name_scope
from kjax.backend.naming import scoped_name
from kjax.backend.variables import as_tensor, constant, identity, is_symbolic
from kjax.backend.variables import eval as value_now
from kjax.compat.tensorflow.effects import Operation, group
from kjax.compat.tensorflow.graphs import GraphKeys, get_default_graph
from kjax.graph import KerasTensor
from kjax.graph import Variable as Handle
from kjax.graph.names import scoped

__all__ = [
    "AUTO_REUSE", "Variable", "VariableScope", "get_variable", "get_variable_scope", "global_variables",
    "global_variables_initializer", "local_variables", "name_scope", "trainable_variables", "variable_scope",
    "variables_initializer",
]  # fmt: skip

AUTO_REUSE = "auto"


# ---------------------------------------------------------------- making


def _initial_of(value, dtype):
    """(a first value, the function that gives it again) of an array, a tensor, or a function that gives either."""

    def now():
        given = value() if callable(value) else value
        return np.asarray(value_now(given) if isinstance(given, (KerasTensor, Handle)) else given, dtype)

    if callable(value) or isinstance(value, (KerasTensor, Handle)):
        return now(), now  # an array, not a function: other variables may change before it is needed
    first = np.array(value, dtype)
    return first, functools.partial(np.array, first.copy())


def _dtype(value, dtype) -> str:
    if dtype is not None:
        return dtype_name(str(getattr(dtype, "name", dtype)).replace("_ref", ""), "Variable")
    if callable(value):
        value = value()
    found = str(value.dtype) if hasattr(value, "dtype") and is_symbolic(value) else np.asarray(value).dtype
    kind = np.dtype(found).kind if str(found) != "bfloat16" else "V"
    return floatx() if kind == "f" and not hasattr(value, "dtype") else dtype_name(str(found), "Variable")


def make_variable(
    initial_value=None,
    trainable=True,
    collections=None,
    validate_shape=True,
    caching_device=None,
    name=None,
    variable_def=None,
    dtype=None,
    expected_shape=None,
    import_scope=None,
    constraint=None,
    **kwargs,
) -> Handle:
    """What `tf.Variable(...)` makes; see `Variable`."""
    if initial_value is None:
        raise ValueError("Variable: initial_value must be given.")
    dtype = _dtype(initial_value, dtype)
    first, again = _initial_of(initial_value, dtype)
    made = Handle(first, scoped_name(name or "Variable"), None, None, bool(trainable), constraint)
    made.initial = again
    _collect(made, collections)
    return made


class _Kind(type):
    """Makes `tf.Variable(...)` and `isinstance(x, tf.Variable)` mean kjax's variables."""

    def __call__(cls, *args, **kwargs):
        return make_variable(*args, **kwargs)

    def __instancecheck__(cls, instance):
        return isinstance(instance, Handle)

    def __subclasscheck__(cls, subclass):
        return issubclass(subclass, Handle)


class Variable(metaclass=_Kind):
    """A variable: `tf.Variable(initial_value, trainable=True, collections=None, name=None, dtype=None)`.

    Args:
        initial_value: number, array, tensor, or a function without arguments that gives one.
        trainable: whether optimizers change it.
        collections: names of further collections it is put into; LOCAL_VARIABLES keeps it out of the global ones.
    Differs: it has its initial value at once, and one value for all sessions.
    """


def _collect(made, collections):
    for name in [collections] if isinstance(collections, str) else collections or ():
        if name not in (GraphKeys.GLOBAL_VARIABLES, GraphKeys.TRAINABLE_VARIABLES):
            get_default_graph().add_to_collection(name, made)


class VariableScope:
    """The scope that `tf.get_variable` makes variables in.

    Attributes:
        name: 'outer/inner', without a slash at the end.
        reuse: None, True, or AUTO_REUSE.
        initializer, regularizer: defaults of `tf.get_variable`.
    """

    def __init__(self, name="", reuse=None, initializer=None, regularizer=None, dtype=None):
        self.name, self.reuse = name, reuse
        self.initializer, self.regularizer, self.dtype = initializer, regularizer, dtype
        self.original_name_scope = f"{name}/" if name else ""

    def reuse_variables(self) -> None:
        """From now on names in this scope mean the variables that there are."""
        self.reuse = True

    def set_initializer(self, initializer) -> None:
        """Sets the default initializer."""
        self.initializer = initializer

    def global_variables(self) -> list:
        """The variables of this scope."""
        return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, f"{self.name}/" if self.name else None)

    def trainable_variables(self) -> list:
        """The trainable variables of this scope."""
        return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, f"{self.name}/" if self.name else None)


_scopes: list[VariableScope] = [VariableScope()]
_defaults: dict[tuple[int, str], int] = {}  # (graph, scope) -> how often a default name was given


def get_variable_scope() -> VariableScope:
    """The innermost scope."""
    return _scopes[-1]


@contextlib.contextmanager
def variable_scope(
    name_or_scope,
    default_name=None,
    values=None,
    initializer=None,
    regularizer=None,
    caching_device=None,
    partitioner=None,
    custom_getter=None,
    reuse=None,
    dtype=None,
    use_resource=None,
    constraint=None,
    auxiliary_name_scope=True,
):
    """Within it, `tf.get_variable` and Keras layers name their variables 'scope/...'.

    Args:
        name_or_scope: str, or a VariableScope to enter again; None: `default_name`, numbered.
        initializer, regularizer, dtype: defaults of `tf.get_variable`.
        reuse: True: variables must be there; AUTO_REUSE: they are made where missing; None: as outside.
    """
    if custom_getter is not None or partitioner is not None:
        raise NotImplementedError("variable_scope: custom_getter and partitioner are not supported.")
    outer = _scopes[-1]
    if isinstance(name_or_scope, VariableScope):
        name, inherits = name_or_scope.name, name_or_scope
    else:
        inner = name_or_scope if name_or_scope is not None else _numbered(outer.name, default_name)
        name, inherits = (f"{outer.name}/{inner}" if outer.name else inner), outer
    made = VariableScope(
        name,
        reuse if reuse else inherits.reuse or outer.reuse,
        initializer or inherits.initializer,
        regularizer or inherits.regularizer,
        dtype or inherits.dtype,
    )
    _scopes.append(made)
    within = name.removeprefix(f"{outer.name}/") if outer.name else name
    try:
        with keras_name_scope(within) if auxiliary_name_scope and within else contextlib.nullcontext():
            yield made
    finally:
        _scopes.remove(made)


def _numbered(outer, default_name):
    if not default_name:
        raise TypeError("variable_scope: name_or_scope or default_name must be given.")
    key = (id(get_default_graph()), f"{outer}/{default_name}")
    _defaults[key] = _defaults.get(key, -1) + 1
    return f"{default_name}_{_defaults[key]}" if _defaults[key] else default_name


def get_variable(
    name,
    shape=None,
    dtype=None,
    initializer=None,
    regularizer=None,
    trainable=True,
    collections=None,
    caching_device=None,
    partitioner=None,
    validate_shape=True,
    use_resource=None,
    custom_getter=None,
    constraint=None,
    **kwargs,
):
    """The variable of a name in the present scope, made where it is new.

    Args:
        name: str.
        shape: list of int; not needed where `initializer` is a tensor or an array.
        dtype: type; default `floatx()`.
        initializer: an initializer of Keras or TensorFlow, a tensor or an array; default Glorot uniform.
        regularizer: function of the variable, whose value goes into REGULARIZATION_LOSSES.
        trainable, collections, constraint: as for `tf.Variable`.

    Raises:
        ValueError: when it exists and reuse is not asked for, or does not exist and reuse is, or has another shape.
    """
    scope, graph = get_variable_scope(), get_default_graph()
    full = f"{scope.name}/{name}" if scope.name else name
    shape = None if shape is None else _sizes(shape)
    found = graph.named.get(full)
    if found is not None:
        if not scope.reuse:
            raise ValueError(
                f"Variable {full} already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in "
                "variable_scope?"
            )
        if shape is not None and tuple(found.shape) != shape:
            raise ValueError(f"get_variable: {full!r} has shape {tuple(found.shape)}; shape {shape} was asked for.")
        return found
    if scope.reuse is True:
        raise ValueError(f"Variable {full} does not exist, or was not created with tf.get_variable().")
    initializer = initializer if initializer is not None else scope.initializer
    kind = dtype_name(str(getattr(dtype or scope.dtype or floatx(), "name", dtype or scope.dtype or floatx())), full)
    if isinstance(initializer, type):
        initializer = initializer()
    if initializer is not None and not callable(initializer):
        first, again = _initial_of(initializer, kind if dtype is not None else _dtype(initializer, None))
    else:
        if shape is None:
            raise ValueError(f"Shape of a new variable ({full}) must be fully defined, but instead was <unknown>.")
        initializer = initializer or (
            initializers.glorot_uniform() if np.dtype(kind).kind in "fV" else initializers.Zeros()
        )
        again = functools.partial(initializers.value_of, initializer, shape, kind)
        first = np.asarray(again(), kind)
    made = Handle(first, full, trainable=bool(trainable), constraint=constraint)
    made.initial = again
    graph.named[full] = made
    _collect(made, collections)
    regularizer = regularizer or scope.regularizer
    if regularizer is not None:
        graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, regularizer(made))
    return made


def _sizes(shape) -> tuple:
    sizes = shape if isinstance(shape, (list, tuple)) or hasattr(shape, "as_list") else [shape]
    return tuple(int(getattr(d, "value", d)) for d in sizes)


@contextlib.contextmanager
def name_scope(name, default_name=None, values=None):
    """Within it, what is named is named 'name/...'; gives 'name/'.

    Args:
        name: str; None: `default_name`; one that ends in '/' is entered as it is.
        default_name, values: as in TensorFlow; `values` is not read.
    """
    name = name if name is not None else default_name
    if not name:
        yield ""
        return
    with keras_name_scope(str(name).rstrip("/")):
        yield scoped("") or f"{name}/"


# ---------------------------------------------------------------- values


def load(self, value, session=None) -> None:
    """Gives a variable a value at once.

    Args:
        value: array or number of its shape.
        session: not needed: variables have one value for all sessions.
    """
    self.assign(np.asarray(value, self.dtype))


def read_value(self):
    """The value of a variable as a tensor."""
    return identity(self)


def initializer_of(self) -> Operation:
    """The operation that gives a variable its initial value again, drawn anew where it is random."""
    return variables_initializer([self])


def _initialize(variables):
    for v in variables:
        if v.initial is not None and v.initialized:
            v.assign(np.asarray(v.initial(), v.dtype))


def variables_initializer(var_list, name="init"):
    """The operation that gives these variables their initial values again.

    Args:
        var_list: list of Variables.
    Differs: variables of more than 1 MB that were made from arrays, and optimizers' slots, keep the value they have.
    """
    variables = list(var_list)
    return Operation(actions=[functools.partial(_initialize, variables)], name=name)


def global_variables_initializer() -> Operation:
    """The operation that gives all variables of the graph their initial values again, as `variables_initializer`."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Operation:
    """The same for the variables in LOCAL_VARIABLES."""
    return variables_initializer(local_variables(), "init_local")


def tables_initializer(name="init_all_tables") -> Operation:
    """An operation that does nothing: there are no tables."""
    return group(name=name)


def global_variables(scope=None) -> list:
    """The variables of the graph, Keras's among them; with `scope` those whose names begin so."""
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def trainable_variables(scope=None) -> list:
    """The trainable variables of the graph; with `scope` those whose names begin so.

    Differs: variables of `K.variable` count as trainable, optimizers' rates and slots do not.
    """
    return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def local_variables(scope=None) -> list:
    """What was put into LOCAL_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def model_variables(scope=None) -> list:
    """What was put into MODEL_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.MODEL_VARIABLES, scope)


def is_variable_initialized(variable):
    """True: variables always have a value."""
    return np.True_


def report_uninitialized_variables(var_list=None, name=None):
    """No names: variables always have a value."""
    return np.zeros(0, object)


def add_to_collection(name, value) -> None:
    """Puts a value into a collection of the default graph."""
    get_default_graph().add_to_collection(name, value)


def get_collection(key, scope=None) -> list:
    """What is in a collection of the default graph."""
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key) -> list:
    """The list of a collection of the default graph."""
    return get_default_graph().get_collection_ref(key)


def placeholder_with_default(input, shape, name=None):
    """A tensor with the value of `input` where it is not fed.

    Args:
        input: tensor, array or number.
        shape: list of int and None, which what is fed must fit.
    """
    made = identity(input) if isinstance(input, (KerasTensor, Handle)) else identity(held(input))
    made._keras_shape = tuple(None if d is None else int(d) for d in (getattr(d, "value", d) for d in shape))
    if name:
        made._name = scoped_name(name) + ":0"
    return made


def held(value):
    """A symbolic tensor that has the value of an array."""
    array = np.asarray(value)
    return as_tensor(constant(array, dtype=str(array.dtype) if array.dtype.kind in "iub" else None))
