"""`python -m kjax inspect FILE` and `python -m kjax convert OLD NEW`."""

from __future__ import annotations

import argparse
import json
import os
import sys

from kjax.saving.atomic import may_write
from kjax.saving.build import model_from_json, model_from_yaml
from kjax.saving.checkpoint_store import CheckpointStore
from kjax.saving.errors import ModelFileError, shown
from kjax.saving.inspect_file import describe_file, try_loading
from kjax.saving.isolate import SECONDS, open_isolated
from kjax.saving.load import load_weights
from kjax.saving.manifest import NAME as MANIFEST
from kjax.saving.manifest import check_manifest
from kjax.saving.notes import Collected
from kjax.saving.save import save_model
from kjax.saving.variables import save_variables

__all__ = ["main"]

FAILED, USAGE = 1, 2
INTERRUPTED, NOBODY_READS = 128 + 2, 128 + 13  # what a shell says of a program ended by SIGINT or SIGPIPE
_WEIGHTS_ONLY = """\
{path} holds weights only; they need the architecture they belong to. One of:
  --architecture model.json    the text of model.to_json() (or to_yaml()) of the program that built it
  run that program on kjax:    python -m kjax old_script.py, with model.load_weights({path!r}) and model.save('new.h5')
Keras 1 and 2 programs both run; `python -m kjax inspect {path}` lists the layers and shapes the program must make."""


class _Failed(Exception):
    """A message for people; the command ends with status 1."""


def main(argv=None) -> int:
    """Runs the command that `argv` gives.

    Returns:
        The exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 141 when nobody reads the output.
    """
    parser = _parser()
    try:
        options = parser.parse_args(sys.argv[1:] if argv is None else argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else USAGE
    try:
        status = options.run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer goes nowhere
        return NOBODY_READS
    except KeyboardInterrupt:
        return INTERRUPTED
    except FileNotFoundError as error:
        return _fail(options, f"no such file: {error.filename}")
    except OSError as error:
        return _fail(options, f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (_Failed, ModelFileError, ValueError, TypeError, NotImplementedError) as error:
        return _fail(options, str(error))


def _fail(options, text):
    if getattr(options, "json", False):
        print(json.dumps({"error": text}))
    print(f"kjax: {shown(text, keep=chr(10))}", file=sys.stderr)
    return FAILED


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m kjax", description="Look into and convert model files of Keras 1.0 to 2.15."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    inspect = commands.add_parser(
        "inspect", help="show what a saved model holds", description="Show what a saved model holds."
    )
    inspect.add_argument("file")
    inspect.add_argument(
        "--quick", action="store_true", help="only read the file; do not try to build and load the model"
    )
    inspect.set_defaults(run=_inspect)
    convert = commands.add_parser(
        "convert",
        help="write a saved model in another format",
        description="Write a saved model in today's HDF5 layout, or as Flax variables.",
    )
    convert.add_argument("old")
    convert.add_argument(
        "new", help="a file name ending in .h5 or .hdf5, or a folder for an Orbax checkpoint of Flax variables"
    )
    convert.add_argument("--to", choices=("h5", "orbax"), help="the format, where the name does not tell")
    convert.add_argument(
        "--architecture", metavar="FILE", help="JSON or YAML of the model, for files that hold weights only"
    )
    convert.add_argument("--force", action="store_true", help="replace NEW without asking")
    convert.add_argument("--no-optimizer", action="store_true", help="leave the training state out")
    convert.set_defaults(run=_convert)
    for command in (inspect, convert):
        command.add_argument("--json", action="store_true", help="one JSON object on standard output, for programs")
        command.add_argument(
            "--producer", metavar="VERSION", help="e.g. 1.2.2-theano, for files that do not say who wrote them"
        )
        command.add_argument("--image-dim-ordering", choices=("th", "tf"), help="of Keras 1 files that do not say it")
    return parser


# ---------------------------------------------------------------- inspect


def _inspect(options) -> int:
    if os.path.isdir(options.file):
        return _inspect_folder(options)
    described = describe_file(options.file, options.producer)
    if described["holds"] == "model" and not options.quick:
        _, described["loading"] = try_loading(options.file, options.producer, options.image_dim_ordering)
    if options.json:
        print(json.dumps(described, indent=1))
    else:
        _print(described)
    return 0


def _inspect_folder(options) -> int:
    """Compares the checkpoints in a folder, or the folder itself, with their checksums."""
    store = CheckpointStore(options.file)
    places = {str(step): store.path(step) for step in store.steps()}
    if os.path.exists(os.path.join(options.file, MANIFEST)):
        folder = os.path.basename(os.path.abspath(options.file))
        places = {folder if folder.startswith("step_") else "variables": options.file}
    if not places:
        raise _Failed(f"{options.file}: a regular file was required, or a folder of checkpoints.")
    found: dict = {}
    for name, path in places.items():
        try:
            check_manifest(path, name)
            found[name] = None
        except ModelFileError as error:
            found[name] = str(error)
    if options.json:
        print(json.dumps({"folder": options.file, "checkpoints": found}, indent=1))
    for name, problem in found.items() if not options.json else ():
        _line(name, "whole: all files are as they were written" if problem is None else f"damaged: {problem}")
    return FAILED if any(found.values()) else 0


def _print(d):
    model = d["model"]
    what = (
        f"{model['class']} {model['name'] or ''}".strip() if model else "weights only: loading needs the architecture"
    )
    print(shown(d["file"]))
    _line("written by", d["producer"])
    _line("holds", what)
    _line("layers", f"{len(d['layers'])}, {sum(bool(x['weights']) for x in d['layers'])} with weights")
    _line("parameters", f"{d['parameters']:,} in {d['arrays']} arrays; file of {d['bytes']:,} bytes")
    if d["training"]:
        training = d["training"]
        _line(
            "training",
            f"{training['optimizer']} with {d['optimizer_arrays']} arrays of state; loss {_short(training['loss'])}; "
            f"metrics {_short(training['metrics'])}",
        )
    if d["unknown_classes"]:
        _line("your own", f"{', '.join(d['unknown_classes'])}: pass by custom_objects")
    loading = d.get("loading")
    if loading:
        _line(
            "loads",
            "yes, compiled"
            if loading["compiled"]
            else "yes, not compiled"
            if loading["loads"]
            else f"no: {loading['error']}",
        )
        for line in loading["conversions"]:
            _line("converts", line)
        for line in loading["warnings"]:
            _line("warning", line)
    print()
    width = max([len(shown(x["name"])) for x in d["layers"]], default=0)
    for layer in d["layers"]:
        arrays = ", ".join(
            f"{w['name'].rpartition('/')[2]} {'x'.join(map(str, w['shape'])) or 'scalar'}" for w in layer["weights"]
        )
        line = f"  {shown(layer['name']):{min(width, 40)}}  {layer['class'] or '':22}  {arrays}"
        print(shown(line)[:200].rstrip())


def _line(name, text):
    print(f"  {name:12} {shown(text)}")


def _short(value):
    text = "none" if value in (None, []) else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 100 else text[:97] + "..."


# ---------------------------------------------------------------- convert


def _convert(options) -> int:
    kind = options.to or _kind_of(options.new)
    if os.path.exists(options.new) and os.path.samefile(options.old, options.new):
        raise _Failed(f"{options.new}: OLD and NEW are the same file.")
    model, told = _load(options)
    if os.path.exists(options.new) and not options.force and not sys.stdin.isatty():
        raise _Failed(f"{options.new}: exists; pass --force to replace it.")
    if not may_write(options.new, options.force):
        raise _Failed(f"{options.new}: exists and is kept.")
    if kind == "h5":
        save_model(model, options.new, overwrite=True, include_optimizer=not options.no_optimizer)
    else:
        save_variables(model, options.new, overwrite=True)
    result = {"old": options.old, "new": options.new, "format": kind, "parameters": int(model.count_params()), **told}
    if options.json:
        print(json.dumps(result, indent=1))
        return 0
    for line in told["conversions"]:
        _line("converts", line)
    for line in told["warnings"]:
        print(f"kjax: warning: {shown(line)}", file=sys.stderr)
    print(shown(f"{options.old} -> {options.new} ({kind}, {result['parameters']:,} parameters)"))
    return 0


def _kind_of(path) -> str:
    if path.endswith((".h5", ".hdf5", ".keras1", ".hdf")):
        return "h5"
    if path.endswith(("/", os.sep)) or os.path.isdir(path) or not os.path.splitext(path)[1]:
        return "orbax"
    raise _Failed(f"{path}: cannot tell the format from the name; pass --to h5 or --to orbax.")


def _load(options) -> tuple:
    """(model, what there was to say)."""
    with open_isolated(options.old, seconds=SECONDS) as gate:
        whole = gate.text("model_config") is not None
    if whole:
        if options.architecture:
            raise _Failed(f"{options.old} holds its architecture; --architecture is for files of weights alone.")
        model, told = try_loading(options.old, options.producer, options.image_dim_ordering)
        if model is None:
            raise _Failed(told["error"])
        return model, {k: told[k] for k in ("conversions", "warnings")}
    if not options.architecture:
        raise _Failed(_WEIGHTS_ONLY.format(path=options.old))
    with open(options.architecture, encoding="utf-8") as f:
        text = f.read()
    with Collected() as lines:
        model = (model_from_json if text.lstrip().startswith("{") else model_from_yaml)(text)
        load_weights(
            model, options.old, producer=options.producer, image_dim_ordering=options.image_dim_ordering, isolate=True
        )
    return model, {"conversions": [line for line in lines if not line.startswith("written by ")], "warnings": []}
