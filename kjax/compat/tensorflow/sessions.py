"""`tf.Session`: runs the recorded graph, as `K.function` does."""

from __future__ import annotations

import contextlib
from collections import OrderedDict

from kjax.backend.session import AFTER_CLEAR
from kjax.compat.tensorflow.current import get_session, makers, opened, session_of, set_session
from kjax.compat.tensorflow.devices import list_local_devices
from kjax.compat.tensorflow.effects import Operation, forget_scopes
from kjax.compat.tensorflow.fetched import Fetched
from kjax.compat.tensorflow.graphs import get_default_graph
from kjax.compat.tensorflow.plan import Plan
from kjax.graph import KerasTensor, Update, Variable

__all__ = ["InteractiveSession", "Session", "evaluate", "get_session", "set_session"]

_MOST_PLANS = 512


class Session:
    """Computes what was recorded.

    Args:
        target: must be empty: there is no other machine to run on.
        graph: Graph that is the default within `with session:`; default the present one.
        config: ConfigProto; read, never needed.
    Differs: where it runs is XLA's choice. Variables always have a value, and one for all sessions.
    """

    def __init__(self, target="", graph=None, config=None):
        if target:
            raise ValueError(f"Session: target must be '', as there are no servers to run on; got {target!r}.")
        self.graph = graph if graph is not None else get_default_graph()
        self.config, self.sess_str = config, target
        self._plans: OrderedDict[tuple, Plan] = OrderedDict()
        self.closed = False
        self._contexts: list = []

    # ------------------------------------------------------------ running

    def run(self, fetches, feed_dict=None, options=None, run_metadata=None):
        """The values of `fetches`, after the changes they ask for.

        Args:
            fetches: a tensor, Variable, update, operation or name, or nested lists, tuples and dicts of them.
            feed_dict: dict tensor or name -> value; any tensor, `K.learning_phase()` among them, may be fed.

        Returns:
            NumPy arrays in the structure of `fetches`; None for operations.

        Raises:
            RuntimeError: when the session is closed.
            InvalidArgumentError: when a placeholder is needed that is not fed.
        Differs: all values are those before the run, but for what is ordered by `tf.control_dependencies`.
        """
        if self.closed:
            raise RuntimeError("Attempted to use a closed Session.")
        leaves: list = []
        rebuild = self._flatten(fetches, leaves)
        feeds = {self._fed(x): value for x, value in (feed_dict or {}).items()}
        return rebuild(self._plan(leaves, list(feeds))(list(feeds.values())))

    def _plan(self, fetches, feeds):
        """The plan for these very objects, made once."""
        key = (tuple(map(id, fetches)), tuple(map(id, feeds)))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = Plan(fetches, feeds)
            if len(self._plans) > _MOST_PLANS:
                self._plans.popitem(last=False)
        else:
            self._plans.move_to_end(key)
        return plan

    def _flatten(self, fetches, leaves):
        """Appends the fetches to `leaves`; returns the function that puts their values into the structure."""
        if isinstance(fetches, (list, tuple)) and not isinstance(fetches, Update):
            parts = [self._flatten(x, leaves) for x in fetches]
            kind = type(fetches)
            if hasattr(fetches, "_fields"):
                return lambda values: kind(*[part(values) for part in parts])
            return lambda values: kind(part(values) for part in parts)
        if isinstance(fetches, dict):
            parts = {k: self._flatten(x, leaves) for k, x in fetches.items()}
            return lambda values: type(fetches)((k, part(values)) for k, part in parts.items())
        if isinstance(fetches, Fetched):
            inner = self._flatten(fetches.tensors, leaves)
            return lambda values: fetches.finish(inner(values))
        x = self.graph.as_graph_element(fetches)
        if not isinstance(x, (KerasTensor, Variable, Update, Operation)):
            outputs = getattr(x, "outputs", None)  # a recorded operation: carried out for what it does
            if not isinstance(outputs, tuple) or not outputs:
                raise TypeError(
                    f"Session.run: fetches must be tensors, variables, updates, operations or their names; got "
                    f"{fetches!r:.120} of type {type(fetches).__name__}."
                )
            x = Operation([outputs[0]])
        leaves.append(x)
        place = len(leaves) - 1
        return lambda values: values[place]

    def _fed(self, x):
        found = self.graph.as_graph_element(x)
        if not isinstance(found, (KerasTensor, Variable)):
            cure = " After K.set_learning_phase, K.learning_phase() is a number: leave it out." if x in (0, 1) else ""
            raise TypeError(
                f"Session.run: the keys of feed_dict must be tensors or names; got {x!r:.120} of type "
                f"{type(x).__name__}.{cure}"
            )
        return found

    def make_callable(self, fetches, feed_list=None, accept_options=False):
        """A function of the values of `feed_list` that gives those of `fetches`."""
        feeds = list(feed_list or [])
        return lambda *values: self.run(fetches, dict(zip(feeds, values, strict=True)))

    def partial_run(self, *args, **kwargs):
        """Raises NotImplementedError."""
        raise NotImplementedError("Session.partial_run: fetch all that is wanted in one Session.run.")

    partial_run_setup = partial_run

    # ------------------------------------------------------------ being the default

    @contextlib.contextmanager
    def as_default(self):
        """Within it, `tensor.eval()` and `op.run()` use this session."""
        opened.append(self)
        try:
            yield self
        finally:
            opened.remove(self)

    def __enter__(self):
        context = contextlib.ExitStack()
        context.enter_context(self.graph.as_default())
        context.enter_context(self.as_default())
        self._contexts.append(context)
        return self

    def __exit__(self, *error):
        self._contexts.pop().close()
        self.close()

    def close(self) -> None:
        """Ends the session; variables keep their values."""
        self.closed = True
        self._plans.clear()

    def list_devices(self) -> list:
        """The devices of JAX."""
        return list_local_devices()

    @property
    def graph_def(self):
        return self.graph.graph_def


class InteractiveSession(Session):
    """A Session that is the default from its making until it is closed; arguments as for `Session`."""

    def __init__(self, target="", graph=None, config=None):
        super().__init__(target, graph, config)
        self._always = self.as_default()
        self._always.__enter__()

    def close(self):
        if not self.closed:
            self._always.__exit__(None, None, None)
        super().close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def evaluate(tensor, feed_dict=None, session=None):
    """`tensor.eval()`: its value in a session.

    Args:
        feed_dict, session: as for `Session.run`.
    Differs: without a default session it is that of `K.get_session()`.
    """
    return session_of(session).run(tensor, feed_dict)


def _forget():
    set_session(None)
    forget_scopes()


makers.append(Session)
AFTER_CLEAR.append(_forget)
