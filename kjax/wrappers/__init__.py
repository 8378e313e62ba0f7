"""Wrappers that make models look like other libraries' objects."""

from kjax.wrappers import scikit_learn

__all__ = ["scikit_learn"]
