"""Every program starts with a fresh session, as scripts do."""

import pytest

from kjax import backend as K


@pytest.fixture(autouse=True)
def fresh_session():
    K.clear_session()
    yield
    K.clear_session()
