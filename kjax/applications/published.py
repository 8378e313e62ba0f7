"""The published ImageNet weights: names, addresses and MD5s as keras_applications 1.0.8 has them."""

from __future__ import annotations

WEIGHTS: dict = {}
