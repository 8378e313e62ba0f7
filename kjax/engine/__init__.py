"""Symbolic layers and models, the pure steps they are compiled to, and the loops that run them."""
