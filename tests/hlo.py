"""What a compiled program computes and sends, read from its text; a loop's body counts as often as it runs."""

import math
import re
from typing import NamedTuple

_SIZES = {"pred": 1, "bf16": 2, "f16": 2, "c64": 8}
_SHAPE = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\]")
_LINE = re.compile(r"^\s*(?:ROOT )?%?([\w.\-]+) = (\([^=]*?\)|\S+) ([\w\-]+)\((.*)$")
_SENDS = ("all-reduce", "all-gather", "all-to-all", "collective-permute", "reduce-scatter")


class Cost(NamedTuple):
    """Attributes: flops (of products and convolutions, a multiplication and an addition each); sent: kind -> bytes."""

    flops: int
    sent: dict


def cost(text) -> Cost:
    """The cost of an optimised HLO module."""
    computations, entry = {}, None
    lines = None
    for line in re.sub(r"/\*.*?\*/", "", text).splitlines():
        header = re.match(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$", line)
        if header:
            lines = computations.setdefault(header[2], [])
            entry = header[2] if header[1] else entry
        elif lines is not None and (found := _LINE.match(line)):
            lines.append(found.groups())
    done = {}

    def of(name):
        if name not in done:
            done[name] = _cost(computations[name], of)
        return done[name]

    return of(entry)


def _shapes(text):
    return [(kind, [int(d) for d in dims.split(",") if d]) for kind, dims in _SHAPE.findall(text)]


def _bytes(text):
    width = lambda kind: _SIZES.get(kind) or int(re.sub(r"\D", "", kind)) // 8
    return sum(width(kind) * math.prod(dims) for kind, dims in _shapes(text))


def _cost(lines, of):
    known = {name: shape for name, shape, _, _ in lines}
    flops, sent = 0, {}
    for _, shape, kind, rest in lines:
        times, inner = 1, []
        operands = re.findall(r"%([\w.\-]+)", rest.split("), ")[0])
        if kind == "dot":
            axes = [int(d) for d in re.search(r"lhs_contracting_dims=\{([\d,]*)\}", rest)[1].split(",") if d]
            left = _shapes(known[operands[0]])[0][1]
            flops += 2 * math.prod(_shapes(shape)[0][1]) * math.prod(left[a] for a in axes)
        elif kind == "convolution":
            order = re.search(r"dim_labels=\w+_(\w+)->(\w+)", rest)
            kernel = _shapes(known[operands[1]])[0][1]
            taps = math.prod(d for d, letter in zip(kernel, order[1], strict=True) if letter != "o")
            flops += 2 * math.prod(_shapes(shape)[0][1]) * taps
        elif kind == "while":
            count = re.search(r'known_trip_count"?:\s*\{"?n"?:\s*"?(\d+)', rest)
            times, inner = int(count[1]) if count else 1, [re.search(r"body=%?([\w.\-]+)", rest)[1]]
        elif kind.removesuffix("-start") in _SENDS:
            name = kind.removesuffix("-start")
            sent[name] = sent.get(name, 0) + _bytes(shape)
        elif kind == "conditional":
            branches = re.search(r"branch_computations=\{([^}]*)\}", rest)
            inner = re.findall(r"[\w.\-]+", branches[1]) if branches else re.findall(r"_computation=%?([\w.\-]+)", rest)
        else:
            inner = re.findall(r"(?:calls|to_apply)=%?([\w.\-]+)", rest) if kind not in ("reduce", "sort") else []
        for name in inner:
            part = of(name)
            flops += times * part.flops
            for key, size in part.sent.items():
                sent[key] = sent.get(key, 0) + times * size
    return Cost(flops, sent)
