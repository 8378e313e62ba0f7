"""The stand-in for TensorFlow 1: what programs of the Keras 2 years import as `tensorflow`, on JAX.

Nothing here is loaded before a program asks for it. `finder` makes `import tensorflow` find it, `tree` is the table of
paths and names, `modules` makes modules of it; the other files hold the functions, by theme.
"""
