"""`JAX_PLATFORMS` that asks for GPUs without a plugin for them ends in one sentence."""

import jax
import pytest

from kjax.distribute import platforms


@pytest.fixture
def asked(monkeypatch):
    before = jax.config.jax_platforms
    yield lambda names: jax.config.update("jax_platforms", names)
    jax.config.update("jax_platforms", before)


@pytest.mark.parametrize("names", ["cuda", "gpu", "cuda,cpu"])
def test_gpus_without_a_plugin(asked, monkeypatch, names):
    asked(names)
    monkeypatch.setattr(platforms, "_plugins", lambda: ["xla_tpu"])
    with pytest.raises(
        RuntimeError, match=rf"^JAX_PLATFORMS={names} asks for a GPU, .* pip install 'kjax\[cuda\]', or unset"
    ):
        platforms.require_platforms()
    monkeypatch.setattr(platforms, "_plugins", lambda: ["xla_cuda12"])
    platforms.require_platforms()


@pytest.mark.parametrize("names", [None, "", "cpu", "tpu,cpu"])
def test_other_platforms(asked, monkeypatch, names):
    asked(names)
    monkeypatch.setattr(platforms, "_plugins", list)
    platforms.require_platforms()


def test_plugins_are_named():
    assert all(isinstance(name, str) for name in platforms._plugins())
