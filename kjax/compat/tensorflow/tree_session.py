"""Rows of the stand-in's table: sessions, variables, training, checkpoints, `tf.keras`."""

from __future__ import annotations

NAMES: dict[str, dict[str, str]] = {}
ALIASES: dict[str, str] = {}
ALSO: dict[str, tuple[str, ...]] = {}
INSTEAD: dict[str, str] = {}
