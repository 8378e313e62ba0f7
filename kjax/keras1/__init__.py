"""What Keras 1 meant: its calls, its gates and its losses, as tables and functions that need no layer.

`compat` puts them to work for programs, `saving` for files.
"""
