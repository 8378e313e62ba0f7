"""Platforms: whether what `JAX_PLATFORMS` asks for can be there at all."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import pkgutil

import jax

__all__ = ["require_platforms"]

_PLUGINS = {"cuda": ("cuda",), "gpu": ("cuda", "rocm"), "rocm": ("rocm",)}  # platform -> what plugins' names hold


def require_platforms() -> None:
    """Raises a RuntimeError where `JAX_PLATFORMS` names GPUs that JAX has no plugin for; no device is looked for."""
    asked = getattr(jax.config, "jax_platforms")  # noqa: B009  (JAX adds its settings at run time; checkers know none)
    for platform in (asked or "").split(","):
        if platform in _PLUGINS and not any(part in name for name in _plugins() for part in _PLUGINS[platform]):
            raise RuntimeError(
                f"JAX_PLATFORMS={asked} asks for a GPU, but JAX's plugin for it is not installed: "
                "pip install 'kjax[cuda]', or unset JAX_PLATFORMS to run on what is there."
            )


def _plugins() -> list[str]:
    """The names under which plugins of JAX are installed, as JAX finds them."""
    names = [entry.name for entry in importlib.metadata.entry_points(group="jax_plugins")]
    package = importlib.util.find_spec("jax_plugins")
    if package is not None and package.submodule_search_locations:
        names += [module.name for module in pkgutil.iter_modules(package.submodule_search_locations)]
    return names
