"""Older names: the module paths, arguments, layers and functions of Keras 1 and of earlier Keras 2 versions."""
