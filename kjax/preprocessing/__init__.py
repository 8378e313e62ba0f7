"""Preparing data, as in `keras.preprocessing`."""

from kjax.preprocessing import image, sequence, text

__all__ = ["image", "sequence", "text"]
