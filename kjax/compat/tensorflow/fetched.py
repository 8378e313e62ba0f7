"""What a session gives an object for that is made of values."""

from __future__ import annotations

from kjax.compat.tensorflow.graphs import GraphKeys, get_default_graph

__all__ = ["Fetched"]


class Fetched:
    """A summary in the graph: a session gives the Summary for it.

    Attributes:
        tensors: what it is computed from, in any nested structure.
        finish: function of their values that gives the Summary.
    """

    def __init__(self, tensors, finish, name, collections=None):
        self.tensors, self.finish, self.name = tensors, finish, name
        for collection in collections or [GraphKeys.SUMMARIES]:
            get_default_graph().add_to_collection(collection, self)
