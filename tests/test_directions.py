"""Dependencies point one way: a room imports only rooms that stand below it, at the top of its files."""

import ast
import functools
from pathlib import Path

KJAX = Path(__file__).parents[1] / "kjax"

# bottom first; a room is a folder or file directly in kjax/
ORDER = """
    version host_memory graph nn backend distribute utils
    activations losses update_rules loss_scale optimizer_base optimizers mixed_precision initializers regularizers
    constraints engine layers keras1 metric_base metric_confusion metric_functions metrics saving models
    applications callbacks datasets preprocessing wrappers compat __init__ cli __main__
""".split()


def rooms():
    return sorted(p.stem for p in KJAX.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists())


@functools.cache
def sources():
    """(path below kjax/, syntax tree) of every file, without what stands for `keras` on the path of programs."""
    paths = [p for p in sorted(KJAX.rglob("*.py")) if "drop_in" not in p.parts]
    return [(path.relative_to(KJAX), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def imported(tree):
    """(line, first name below kjax, or '__init__' for kjax itself) for every import of kjax in a syntax tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "kjax":
            names = [["kjax", alias.name] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "").split(".")]
        else:
            continue
        for name in names:
            if name[0] == "kjax":
                yield node.lineno, name[1] if len(name) > 1 and name[1] in ORDER else "__init__"


def test_every_room_has_its_place():
    assert sorted(ORDER) == rooms()


def test_rooms_import_downward_only():
    wrong = [
        f"kjax/{path}:{line} imports {there}"
        for path, tree in sources()
        for line, there in imported(tree)
        if ORDER.index(there) > ORDER.index(path.parts[0].removesuffix(".py"))
    ]
    assert not wrong, "\n".join(wrong)


def test_no_function_imports_kjax():
    """An import inside a function is how cycles hide."""
    wrong = [
        f"kjax/{path}:{line}"
        for path, tree in sources()
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for line, _ in imported(function)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_list_of_slow_tests_names_tests():
    listed = (KJAX.parent / "tests" / "slow.txt").read_text(encoding="utf-8").splitlines()[1:]
    missing = []
    for line in listed:
        file, _, name = line.partition("::")
        path = KJAX.parent / file
        if not path.exists() or f"def {name}(" not in path.read_text(encoding="utf-8"):
            missing.append(line)
    assert listed and not missing
