"""Measures the house: how its rooms hang together, how typed it is, what it patches and sniffs, which tests mirror it.

    python tools/house.py [--package kjax] [--json]

Figures are counted from the syntax trees and, for what only shows at run time, from the imported package.
"""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
SNIFFING = {"getattr", "hasattr", "isinstance"}


def sources(package: Path) -> dict[Path, ast.Module]:
    """Path below the package -> syntax tree; without what stands for `keras` on the path of programs."""
    paths = [p for p in sorted(package.rglob("*.py")) if "drop_in" not in p.parts]
    return {path.relative_to(package): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def room_of(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def code_lines(package: Path, path: Path) -> int:
    """Lines that are neither empty nor comments only."""
    lines = (package / path).read_text(encoding="utf-8").splitlines()
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)


def imports(trees: dict[Path, ast.Module], name: str) -> dict[str, set[str]]:
    """Room -> rooms it imports."""
    rooms = {room_of(path) for path in trees}
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                targets = [alias.name.split(".") for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module == name:
                targets = [[name, alias.name] for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                targets = [node.module.split(".")]
            else:
                continue
            for target in targets:
                if target[0] == name:
                    found[room_of(path)].add(target[1] if len(target) > 1 and target[1] in rooms else "__init__")
    return found


def in_cycles(graph: dict[str, set[str]]) -> list[str]:
    """The rooms that reach themselves."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        stack = list(graph[start] - {start})
        while stack:
            room = stack.pop()
            if room not in seen:
                seen.add(room)
                stack.extend(graph[room])
        return seen

    return sorted(room for room in graph if room in reached(room))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def annotated(tree: ast.Module) -> tuple[int, int]:
    """(annotated arguments, all arguments) without self and cls."""
    with_type = total = 0
    for function in functions(tree):
        spec = function.args
        for argument in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]:
            if argument.arg not in ("self", "cls"):
                total += 1
                with_type += argument.annotation is not None
    return with_type, total


def reach_ins(tree: ast.Module) -> int:
    """Uses of another object's private attributes: `other._x` where `other` is neither self nor cls."""
    return sum(
        isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
        and not (isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "super")
        for node in ast.walk(tree)
    )


def sniffs(tree: ast.Module) -> int:
    return sum(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SNIFFING
        for node in ast.walk(tree)
    )


def mirrored(tests: Path, package: Path) -> tuple[int, int]:
    """(test files that stand where their source file stands, all test files)."""
    found = total = 0
    for test in sorted(tests.rglob("test_*.py")):
        total += 1
        source = package / test.relative_to(tests).with_name(test.name.removeprefix("test_"))
        found += source.exists() or source.with_suffix("").is_dir()
    return found, total


def measure(package: Path, tests: Path) -> dict[str, object]:
    trees = sources(package)
    lines = {path: code_lines(package, path) for path in trees}
    graph = imports(trees, package.name)
    rooms: dict[str, dict[str, float]] = {}
    for room in sorted(graph):
        paths = [path for path in trees if room_of(path) == room]
        size = sum(lines[path] for path in paths) or 1
        types = [annotated(trees[path]) for path in paths]
        rooms[room] = {
            "lines": size,
            "annotated %": round(100 * sum(a for a, _ in types) / max(1, sum(n for _, n in types))),
            "sniffs per 1000": round(1000 * sum(sniffs(trees[path]) for path in paths) / size),
            "reach-ins per 1000": round(1000 * sum(reach_ins(trees[path]) for path in paths) / size, 1),
        }
    total = sum(lines.values())
    types = [annotated(tree) for tree in trees.values()]
    found, of = mirrored(tests, package)
    return {
        "code lines": total,
        "files over 600 lines": [str(path) for path in trees if lines[path] > 600],
        "rooms": len(graph),
        "rooms in a cycle": in_cycles(graph),
        "annotated arguments %": round(100 * sum(a for a, _ in types) / sum(n for _, n in types)),
        "sniffs per 1000 lines": round(1000 * sum(map(sniffs, trees.values())) / total),
        "reach-ins per 1000 lines": round(1000 * sum(map(reach_ins, trees.values())) / total, 1),
        "tests that mirror their source": f"{found} of {of}",
        "by room": rooms,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--package", type=Path, default=HERE / "kjax", help="folder of the package")
    parser.add_argument("--tests", type=Path, default=HERE / "tests", help="folder of its tests")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = measure(args.package.resolve(), args.tests.resolve())
    if args.json:
        print(json.dumps(figures, indent=1))
        return
    rooms = figures.pop("by room")
    for name, value in figures.items():
        print(f"{name}: {value}")
    assert isinstance(rooms, dict)
    columns = list(next(iter(rooms.values())))
    print("| room | " + " | ".join(columns) + " |\n| --- |" + " ---: |" * len(columns))
    for room, row in rooms.items():
        print(f"| {room} | " + " | ".join(f"{row[c]:g}" for c in columns) + " |")


if __name__ == "__main__":
    main()
