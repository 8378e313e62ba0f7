"""Logs: dictionaries of figures that answer to 'acc' and 'accuracy', and fetch numbers only when read."""

from __future__ import annotations

import numpy as np

__all__ = ["BatchLogs", "Logs"]


def _other_spelling(key):
    """'val_acc' for 'val_accuracy' and the reverse; None where there is none."""
    if not isinstance(key, str):
        return None
    if key.endswith("accuracy") and not key.endswith(
        ("binary_accuracy", "categorical_accuracy", "top_k_categorical_accuracy")
    ):
        return key[: -len("uracy")]
    return key + "uracy" if key.endswith("acc") else None


class Logs(dict):
    """A dict in which `acc` is also found as `accuracy`, and the reverse."""

    def __missing__(self, key):
        other = _other_spelling(key)
        if other is not None and dict.__contains__(self, other):
            return dict.__getitem__(self, other)
        raise KeyError(key)

    def __contains__(self, key):
        return dict.__contains__(self, key) or dict.__contains__(self, _other_spelling(key))

    def get(self, key, default=None):
        return self[key] if key in self else default

    def copy(self):
        return type(self)(self)


class BatchLogs(Logs):
    """The logs of one batch: figures stay on the device until somebody reads them.

    Args:
        names: of the figures.
        values: device array with one number per name.
        further: plain entries, known at once.
    """

    def __init__(self, names, values, **further):
        super().__init__(further)
        self._names, self._values = names, values

    def _fetch(self):
        if self._values is not None:
            values, self._values = np.asarray(self._values), None
            for name, value in dict(zip(self._names, values, strict=True)).items():
                dict.setdefault(self, name, value.item())

    def __getitem__(self, key):
        if not dict.__contains__(self, key):
            self._fetch()
        return super().__getitem__(key)

    def __contains__(self, key):
        return super().__contains__(key) or key in self._names or _other_spelling(key) in self._names

    def __iter__(self):
        self._fetch()
        return super().__iter__()

    def __len__(self):
        self._fetch()
        return super().__len__()

    def keys(self):
        self._fetch()
        return super().keys()

    def values(self):
        self._fetch()
        return super().values()

    def items(self):
        self._fetch()
        return super().items()

    def __repr__(self):
        self._fetch()
        return super().__repr__()

    def copy(self):
        self._fetch()
        return Logs(self)
