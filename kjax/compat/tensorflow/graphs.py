"""`tf.Graph`: which variables and collections belong together, and where names begin to count."""

from __future__ import annotations

import contextlib
import gc
import weakref
from collections import Counter, defaultdict

from kjax.backend.naming import exchange_uids, name_scope
from kjax.backend.session import AFTER_CLEAR, clear_session
from kjax.graph import KerasTensor, Variable
from kjax.graph.random import seed_keys
from kjax.graph.tensor import Op, exchange_names
from kjax.graph.variable import living_variables

__all__ = ["Graph", "GraphKeys", "get_default_graph", "reset_default_graph", "set_random_seed"]


class GraphKeys:
    """Names of collections."""

    GLOBAL_VARIABLES = "variables"
    VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    METRIC_VARIABLES = "metric_variables"
    MODEL_VARIABLES = "model_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    SUMMARIES = "summaries"
    UPDATE_OPS = "update_ops"
    LOSSES = "losses"
    REGULARIZATION_LOSSES = "regularization_losses"
    BIASES = "biases"
    WEIGHTS = "weights"
    ACTIVATIONS = "activations"
    QUEUE_RUNNERS = "queue_runners"
    TABLE_INITIALIZERS = "table_initializer"
    INIT_OP = "init_op"
    SAVERS = "savers"
    GLOBAL_STEP = "global_step"
    TRAIN_OP = "train_op"
    SUMMARY_OP = "summary_op"


_OF_VARIABLES = (GraphKeys.GLOBAL_VARIABLES, GraphKeys.TRAINABLE_VARIABLES)


_graphs: weakref.WeakSet[Graph] = weakref.WeakSet()


class Graph:
    """What is recorded while it is the default graph.

    Attributes:
        named: the variables that `tf.get_variable` made, by name.
        seed: of `tf.set_random_seed`, or None.
        collections: name -> list; those of variables know all variables by themselves.
    Differs: tensors of two graphs may meet in one operation; there is one space of values, so that a variable has one
        value in all sessions.
    """

    def __init__(self):
        self.named: dict[str, Variable] = {}
        self.stored: defaultdict[str, list] = defaultdict(list)
        self.seed = None
        self.finalized = False
        self._members: set[int] = set()  # serials of the variables made in it, kept when it is left
        self._since: int | None = None
        self._uids: Counter[str] = Counter()
        self._names: dict[str, int] = {}
        _graphs.add(self)

    # ------------------------------------------------------------ being the default

    @contextlib.contextmanager
    def as_default(self):
        """Within it this is the default graph: names count for themselves, variables belong to it."""
        outer = get_default_graph()
        if outer is self:
            yield self
            return
        outer.leave()
        self.enter()
        _stack.append(self)
        try:
            yield self
        finally:
            _stack.remove(self)
            self.leave()
            outer.enter()

    def enter(self) -> None:
        """From now on what is made belongs to this graph."""
        self._since = _next_serial()
        self._uids, self._names = exchange_uids(self._uids), exchange_names(self._names)

    def end(self) -> None:
        """Variables that are made now belong to another one."""
        self._members = {v.serial for v in self.variables()}
        self._since = None

    def leave(self) -> None:
        """What is made now belongs to another one."""
        self.end()
        self._uids, self._names = exchange_uids(self._uids), exchange_names(self._names)

    def has(self, variable) -> bool:
        """Whether a variable was made in this graph."""
        return variable.serial in self._members or (self._since is not None and variable.serial >= self._since)

    def variables(self) -> list[Variable]:
        """The living variables that were made in this graph, in their order."""
        return [v for v in living_variables() if self.has(v)]

    # ------------------------------------------------------------ collections

    def add_to_collection(self, name, value) -> None:
        """Puts a value into a collection."""
        self.stored[name].append(value)

    def add_to_collections(self, names, value) -> None:
        """Puts a value into several collections."""
        for name in [names] if isinstance(names, str) else names or ():
            self.add_to_collection(name, value)

    def get_collection(self, name, scope=None) -> list:
        """What is in a collection; with `scope` only what has a name that begins so."""
        found = list(self.stored.get(name, ()))
        if name in _OF_VARIABLES:
            elsewhere = {id(v) for v in self.stored.get(GraphKeys.LOCAL_VARIABLES, ())}
            wanted = [v for v in self.variables() if id(v) not in elsewhere and v not in found]
            found = [v for v in wanted if name != GraphKeys.TRAINABLE_VARIABLES or v.trainable] + found
        if scope is None:
            return found
        return [v for v in found if getattr(v, "name", "").startswith(scope)]

    def get_collection_ref(self, name) -> list:
        """The list itself that a collection is; of variables: of those that were put there by hand."""
        return self.stored[name]

    def get_all_collection_keys(self) -> list:
        """The names of the collections that hold something."""
        return [name for name in {*self.stored, *_OF_VARIABLES} if self.get_collection(name)]

    def clear_collection(self, name) -> None:
        """Empties a collection."""
        self.stored.pop(name, None)

    # ------------------------------------------------------------ looking at it

    def finalize(self) -> None:
        """Says that nothing is added any more.

        Differs: it is not held to; a recorded graph never changes what was compiled of it.
        """
        self.finalized = True

    def get_operations(self) -> list:
        """All recorded operations that something still holds, in their order.

        Differs: they are those of all graphs; placeholders and variables are none.
        """
        return sorted((x for x in gc.get_objects() if type(x) is Op), key=lambda node: node.serial)

    def get_tensor_by_name(self, name):
        """The tensor or variable of a name such as 'input_1:0'.

        Raises:
            KeyError: when there is none.
        """
        if not isinstance(name, str) or ":" not in name:
            raise ValueError(f"get_tensor_by_name: the name must be that of an output, as 'x:0' is; got {name!r}.")
        found = [v for v in self.variables() if v.name == name]
        found = found or [x for x in gc.get_objects() if isinstance(x, KerasTensor) and x.name == name]
        if not found:
            raise KeyError(f"The name {name!r} refers to a Tensor which does not exist: no tensor or variable has it.")
        return found[-1]

    def get_operation_by_name(self, name):
        """What computes the tensor `name:0`; for placeholders and variables the tensor itself."""
        found = self.get_tensor_by_name(f"{name}:0")
        return getattr(found, "op", None) or found

    def as_graph_element(self, obj, allow_tensor=True, allow_operation=True):
        """The tensor, variable or operation of a name; anything else as it is."""
        if not isinstance(obj, str):
            return obj
        return self.get_tensor_by_name(obj) if ":" in obj else self.get_operation_by_name(obj)

    def device(self, device_name_or_function):
        """See `tf.device`."""
        return contextlib.nullcontext(device_name_or_function)

    def name_scope(self, name):
        """See `tf.name_scope`."""
        from_here = name.rstrip("/") if isinstance(name, str) else name
        return name_scope(from_here) if from_here else contextlib.nullcontext()

    def as_graph_def(self, *args, **kwargs):
        """Raises NotImplementedError: there is no GraphDef."""
        raise NotImplementedError(
            "Graph.as_graph_def: kjax records JAX operations, which have no GraphDef; export with model.save or "
            "model.to_flax()."
        )

    graph_def = property(as_graph_def)


def _next_serial() -> int:
    alive = living_variables()
    return alive[-1].serial + 1 if alive else 0


_first = Graph()
_first._since = 0
_stack: list[Graph] = [_first]


def get_default_graph() -> Graph:
    """The graph that what is recorded now belongs to."""
    return _stack[-1]


def graph_of(x) -> Graph:
    """The graph of a variable or a tensor.

    Differs: of a tensor it is the default graph; tensors do not know which one they were recorded in.
    """
    found = [g for g in _graphs if isinstance(x, Variable) and g.has(x)]
    return found[0] if found else get_default_graph()


def reset_default_graph() -> None:
    """Starts a new default graph: names begin anew, `set_random_seed` and the learning phase are forgotten.

    Raises:
        RuntimeError: inside of `with graph.as_default()`.
    """
    if len(_stack) > 1:
        raise RuntimeError("reset_default_graph must not be called within a `with graph.as_default():`.")
    clear_session()


def _begin_anew():
    """A new graph in place of the outermost one."""
    _stack[0].end()
    _stack[0] = Graph()
    _stack[0]._since = _next_serial() if len(_stack) == 1 else None


AFTER_CLEAR.append(_begin_anew)


def set_random_seed(seed) -> None:
    """Makes what is random from now on follow `seed`: initial weights, dropout, random tensors.

    Args:
        seed: int, or None for what `numpy.random` says.
    Differs: shuffling follows `numpy.random`, as in Keras; without this call all of it does.
    """
    get_default_graph().seed = seed
    seed_keys(None if seed is None else int(seed))
