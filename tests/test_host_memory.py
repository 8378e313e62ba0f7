"""Freed buffers stay with the process: steps find their pages there."""

import os
import subprocess
import sys

import pytest

from kjax import host_memory

PROGRAM = """
import resource
import jax, jax.numpy as jnp
import kjax
x = jnp.zeros((40 << 20) // 4)
double = jax.jit(lambda x: x * 2.0)
for i in range(80):
    if i == 60:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    double(x).block_until_ready()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 20 * (40 << 20) // 4096  # of the twenty results counted


@pytest.fixture
def no_own_settings(monkeypatch):
    for name in ("KJAX_KEEP_MEMORY", *host_memory._OWN):
        monkeypatch.delenv(name, raising=False)


def faults():
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    return int(ran.stdout)


@pytest.mark.skipif(
    not host_memory._is_glibc() or host_memory.largest_kept() < 41 << 20, reason="for glibc and 6 GB of memory"
)
def test_steps_do_not_have_their_memory_mapped_anew(no_own_settings, monkeypatch):
    assert faults() < PAGES / 4
    monkeypatch.setenv("KJAX_KEEP_MEMORY", "0")
    assert faults() > PAGES / 2


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_settings_of_the_user_are_left_alone(no_own_settings, monkeypatch, name):
    monkeypatch.setenv(name, "")
    assert not host_memory.keep_freed_memory()


def test_another_c_library_is_left_alone(no_own_settings, monkeypatch):
    monkeypatch.setattr(os, "confstr", lambda name: None)
    assert not host_memory.keep_freed_memory()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not host_memory.keep_freed_memory()


def test_a_container_s_limit_counts(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(host_memory, "_LIMIT_FILES", (str(limit), str(tmp_path / "absent")))
    limit.write_text("max\n")
    unlimited = host_memory.largest_kept()
    limit.write_text(f"{1 << 30}\n")
    assert host_memory.largest_kept() == 1 << 23 < unlimited
