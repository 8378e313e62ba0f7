"""The text file `checkpoint` of a folder, which names the latest checkpoint in it."""

from __future__ import annotations

import os
import re

from kjax.saving.atomic import atomic_path

__all__ = ["checkpoint_exists", "latest_checkpoint", "write_state"]

_LINE = re.compile(r'^\s*(model_checkpoint_path|all_model_checkpoint_paths)\s*:\s*"((?:[^"\\]|\\.)*)"\s*$')
_MAX_TEXT = 16 * 1024**2
_NAMED = {"n": "\n", "r": "\r", "t": "\t"}
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))")


def checkpoint_exists(checkpoint_prefix) -> bool:
    """Whether a checkpoint of this path is there."""
    return os.path.isfile(f"{os.fsdecode(checkpoint_prefix)}.index")


def latest_checkpoint(checkpoint_dir, latest_filename=None):
    """The path of the latest checkpoint that a folder's `checkpoint` file names; None where there is none.

    Args:
        checkpoint_dir: the folder.
        latest_filename: name of the file; default 'checkpoint'.
    """
    found = read_state(os.path.join(os.fsdecode(checkpoint_dir), latest_filename or "checkpoint"))
    path = found[0] if found else None
    return path if path is not None and checkpoint_exists(path) else None


def read_state(path) -> list[str]:
    """The paths that a state file names, the latest first, relative ones from its folder; empty: no such file."""
    if not os.path.isfile(path) or os.path.getsize(path) > _MAX_TEXT:
        return []
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        lines = [_LINE.match(line) for line in f]
    named = [(m[1], os.path.join(os.path.dirname(path), _plain(m[2]))) for m in lines if m]
    latest = [p for key, p in named if key == "model_checkpoint_path"][-1:]
    return latest + [p for key, p in named if key == "all_model_checkpoint_paths"] if latest else []


def write_state(folder, latest, others, filename=None) -> None:
    """Writes the state file; paths inside the folder are written relative to it."""
    lines = [f'model_checkpoint_path: "{_quoted(latest, folder)}"']
    lines += [f'all_model_checkpoint_paths: "{_quoted(p, folder)}"' for p in others]
    with atomic_path(os.path.join(folder, filename or "checkpoint")) as temporary:
        with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as f:
            f.write("\n".join([*lines, ""]))


def _plain(text) -> str:
    """Quoted text without its escapes, whose octal and hexadecimal numbers are bytes of UTF-8."""

    def byte(m):
        number = int(m[1], 8) if m[1] else int(m[2], 16) if m[2] else None
        return _NAMED.get(m[3], m[3]).encode() if number is None else bytes([number & 255])

    parts, end = [], 0
    for m in _ESCAPE.finditer(text):
        parts += [text[end : m.start()].encode("utf-8", "surrogateescape"), byte(m)]
        end = m.end()
    parts.append(text[end:].encode("utf-8", "surrogateescape"))
    return os.fsdecode(b"".join(parts))


def _quoted(path, folder) -> str:
    inside = os.path.dirname(os.path.abspath(path)) == os.path.abspath(folder or ".")
    text = os.path.basename(path) if inside else os.fspath(path)
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
