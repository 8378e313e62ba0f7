"""The table of the stand-in: which paths `tensorflow` has, and which names of kjax are there.

A table is path (without `tensorflow.`, "" for the top) -> {source: names}. A source is a module of kjax (without
`kjax.`), or one of this room (with a leading dot); names are blank-separated, `new=old` renames.
"""

from __future__ import annotations

from kjax.compat.tensorflow import tree_ops, tree_session

Table = dict[str, dict[str, str]]


def tables() -> list[Table]:
    """All tables; of equal names in one path the later one counts."""
    return [tree_ops.NAMES, tree_session.NAMES]


# path -> full name of the module that is there; so are all paths below it
ALIASES: dict[str, str] = {**tree_ops.ALIASES, **tree_session.ALIASES}

# path -> the paths where a name is looked for that it has not got itself
ALSO: dict[str, tuple[str, ...]] = {**tree_ops.ALSO, **tree_session.ALSO}

# beginning of a path -> what does the job; the longest that fits counts
INSTEAD: dict[str, str] = {
    "": "a function of keras.backend, or jax.numpy inside of an operation made with kjax.graph.op",
    **tree_ops.INSTEAD,
    **tree_session.INSTEAD,
}


def instead(path: str, name: str) -> str:
    """What to use in place of a missing name."""
    full = f"{path}.{name}" if path else name
    fits = [p for p in INSTEAD if not p or full == p or full.startswith(p + ".")]
    return INSTEAD[max(fits, key=len)]
