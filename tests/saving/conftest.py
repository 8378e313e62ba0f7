"""What the tests of files share."""

import pytest


@pytest.fixture
def marker(tmp_path):
    """A file that must not be there at the end: code in hostile files writes it."""
    path = tmp_path / 'marker'
    yield path
    assert not path.exists(), 'code from the file was run'
