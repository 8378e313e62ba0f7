import importlib

import pytest

import kjax
from kjax.compat.aliases import uninstall_as_keras


@pytest.fixture
def tensorflow():
    """The stand-in, as a program imports it."""
    kjax.install_as_keras()
    yield importlib.import_module('tensorflow')
    uninstall_as_keras()
    kjax.backend.clear_session()
