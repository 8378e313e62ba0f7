"""Fixtures of this room."""

import pytest

import kjax
from kjax.compat import aliases


@pytest.fixture
def as_keras():
    """`import keras` gives kjax during the test."""
    kjax.install_as_keras()
    yield
    aliases.uninstall_as_keras()
