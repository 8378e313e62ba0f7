"""Diagrams of models: laid out by graphviz's `dot` where it is installed, else drawn with matplotlib."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass

RANKDIRS = ('TB', 'BT', 'LR', 'RL')
ROW = 0.26  # height of one line of text, in inches
CHAR = 0.088  # width of one character
GAP = 0.42  # between boxes


@dataclass(frozen=True)
class Box:
    """One layer as it is drawn. `frames` are the names of the expanded models around it, outermost first."""

    key: str
    title: str
    shapes: tuple[str, str] | None
    frames: tuple[str, ...]


def model_to_dot(
    model,
    show_shapes=False,
    show_layer_names=True,
    rankdir='TB',
    expand_nested=False,
    dpi=96,
    subgraph=False,
):
    """The model as a `pydot.Dot` graph, one record per layer, one edge per connection.

    Args:
        show_shapes: adds each layer's input and output shapes.
        show_layer_names: 'name: Class' instead of 'Class'.
        rankdir: 'TB' (top to bottom), 'BT', 'LR' or 'RL'.
        expand_nested: draws a nested model's layers inside a frame instead of one box.
        dpi: pixels per inch of a picture made from the graph.
        subgraph: gives a `pydot.Cluster` instead, to put inside another graph.
    Raises:
        ImportError: pydot is not installed.
    """
    pydot = _require('pydot')
    boxes, edges = _diagram(model, show_shapes, show_layer_names, rankdir, expand_nested)
    if subgraph:
        top = pydot.Cluster(style='dashed', graph_name=model.name, label=model.name)
    else:
        top = pydot.Dot()
        top.set('rankdir', rankdir)
        top.set('concentrate', True)
        top.set('dpi', dpi)
        top.set_node_defaults(shape='record')
    graphs = {(): top}
    for box in boxes:
        for depth in range(1, len(box.frames) + 1):
            path = box.frames[:depth]
            if path not in graphs:
                graphs[path] = pydot.Cluster(
                    style='dashed', graph_name='_'.join(path).replace('/', '_'), label=_quote(path[-1])
                )
                graphs[path[:-1]].add_subgraph(graphs[path])
        # a Cluster is written where it is added, so its nodes go in afterwards through the same object
        graphs[box.frames].add_node(pydot.Node(box.key, label=_record(box)))
    for source, target in edges:
        top.add_edge(pydot.Edge(source, target))
    return top


def plot_model(
    model,
    to_file='model.png',
    show_shapes=False,
    show_layer_names=True,
    rankdir='TB',
    expand_nested=False,
    dpi=96,
):
    """Draws the model into a picture file.

    Args:
        to_file: where to; the extension chooses the format (png, svg, pdf; png without one).
        show_shapes, show_layer_names, rankdir, expand_nested, dpi: see `model_to_dot`.
    Differs: without graphviz's `dot` program Keras fails; here matplotlib draws the same boxes and one line says so.
    Raises:
        ImportError: pydot (with `dot`) or matplotlib (without) is not installed.
    """
    to_file = os.fspath(to_file)
    extension = os.path.splitext(to_file)[1][1:].lower() or 'png'
    if shutil.which('dot') is not None:
        dot = model_to_dot(model, show_shapes, show_layer_names, rankdir, expand_nested, dpi)
        dot.write(to_file, format=extension)
        return
    figure = _require('matplotlib.figure')
    boxes, edges = _diagram(model, show_shapes, show_layer_names, rankdir, expand_nested)
    _draw(figure.Figure(), boxes, edges, rankdir).savefig(to_file, format=extension, dpi=dpi)
    print(f"plot_model: graphviz's `dot` is not installed, so {to_file} was drawn with matplotlib.", file=sys.stderr)


def _require(name):
    """An optional package, or an ImportError that says which extra brings it."""
    try:
        __import__(name)
    except ImportError as error:
        package = name.partition('.')[0]
        raise ImportError(f'Drawing a model needs {package}: pip install kjax[viz]') from error
    return sys.modules[name]


# ---- what is drawn: boxes and edges


def _diagram(model, show_shapes, show_layer_names, rankdir, expand_nested):
    if rankdir not in RANKDIRS:
        raise ValueError(f'rankdir must be one of {RANKDIRS}, received {rankdir!r}.')
    if not hasattr(model, 'layers'):
        raise TypeError(f'model must be a Model; received {type(model).__name__} {model!r:.100}.')
    if not model.built:
        raise ValueError(
            f'Model {model.name!r} is not built yet, so it has no graph to draw: '
            'give its first layer an input_shape or call model.build(input_shape).'
        )
    boxes: list[Box] = []
    edges: dict[tuple[str, str], None] = {}  # ordered, and each pair once
    _collect(model, (), boxes, edges, show_shapes, show_layer_names, expand_nested)
    return boxes, list(edges)


def _collect(model, frames, boxes, edges, show_shapes, show_layer_names, expand_nested):
    layers = _layers(model)
    for layer in layers:
        if expand_nested and _is_model(layer):
            _collect(layer, (*frames, layer.name), boxes, edges, show_shapes, show_layer_names, expand_nested)
        else:
            shapes = (_shape(layer, 'input_shape'), _shape(layer, 'output_shape')) if show_shapes else None
            boxes.append(Box(str(id(layer)), _title(layer, show_layer_names), shapes, frames))
    here = {id(layer) for layer in layers}
    for node in model._nodes:  # a shared layer has calls elsewhere, too
        targets = _ends(node.outbound_layer, 'inputs', expand_nested)
        for inbound in node.inbound_layers:
            if id(inbound) in here:  # what lies before the model's inputs is not part of it
                for source in _ends(inbound, 'outputs', expand_nested):
                    edges.update(dict.fromkeys((source, target) for target in targets))


def _layers(model):
    """All layers of the model; `Sequential.layers` leaves out the input layer, `_layers` does not."""
    return list(model._layers or model.layers)


def _is_model(layer):
    return hasattr(layer, 'layers') and hasattr(layer, 'outputs')


def _ends(layer, side, expand_nested):
    """Keys of the boxes where edges into (`inputs`) or out of (`outputs`) the layer are attached."""
    if not (expand_nested and _is_model(layer)):
        return [str(id(layer))]
    ends = []
    for tensor in getattr(layer, side):
        ends += _ends(tensor._keras_history[0], side, expand_nested)
    return ends


def _title(layer, show_layer_names):
    name, kind = layer.name, type(layer).__name__
    inner = getattr(layer, 'layer', None)
    if hasattr(inner, 'name') and hasattr(inner, 'get_config'):  # a wrapper: TimeDistributed, Bidirectional
        name, kind = f'{name}({inner.name})', f'{kind}({type(inner).__name__})'
    return f'{name}: {kind}' if show_layer_names else kind


def _shape(layer, attribute):
    """The shape as text, or 'multiple' for a layer that was called on tensors of different shapes."""
    try:
        return str(getattr(layer, attribute))
    except AttributeError:
        return 'multiple'


def _quote(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def _record(box):
    """The label of a graphviz record."""

    def plain(text):
        return ''.join('\\' + c if c in '\\{}|<>"' else c for c in text)

    if box.shapes is None:
        return f'"{plain(box.title)}"'
    return f'"{plain(box.title)}|{{input:|output:}}|{{{{{plain(box.shapes[0])}}}|{{{plain(box.shapes[1])}}}}}"'


# ---- drawing without graphviz: ranks by longest path, long edges through the gaps, barycentre order


def _ranks(boxes, edges):
    """`(rows, chains)`: keys of each rank in drawing order, and per edge the keys it passes, bends included."""
    before: dict[str, list[str]] = {box.key: [] for box in boxes}
    for source, target in edges:
        before[target].append(source)
    rank: dict[str, int] = {}
    waiting = list(before)
    while waiting:
        ready = [k for k in waiting if all(s in rank for s in before[k])]
        if not ready:  # a layer that feeds itself through another call: drawn where it was made
            ready = waiting[:1]
        for key in ready:
            rank[key] = 1 + max((rank[s] for s in before[key] if s in rank), default=-1)
        waiting = [k for k in waiting if k not in rank]
    rows: list[list[str]] = [[] for _ in range(1 + max(rank.values(), default=0))]
    for key, r in rank.items():
        rows[r].append(key)
    chains, above = [], {key: list(sources) for key, sources in before.items()}
    for source, target in edges:
        chain = [source]
        for r in range(rank[source] + 1, rank[target]):
            bend = f'{source}>{target}@{r}'
            rows[r].append(bend)
            above[bend] = [chain[-1]]
            chain.append(bend)
        if len(chain) > 1:
            above[target][above[target].index(source)] = chain[-1]
        chains.append([*chain, target])
    place = {}
    for row in rows:
        order = {k: i for i, k in enumerate(row)}
        centre = {k: [place[s] for s in above[k] if s in place] for k in row}
        row.sort(key=lambda k: sum(centre[k]) / len(centre[k]) if centre[k] else order[k])
        place.update((k, i - (len(row) - 1) / 2) for i, k in enumerate(row))
    return rows, chains


def _draw(figure, boxes, edges, rankdir):
    """Draws on a matplotlib figure, in inches, and fits the figure to the drawing."""
    rows, chains = _ranks(boxes, edges)
    box_of = {box.key: box for box in boxes}
    text = {box.key: _lines(box) for box in boxes}
    width = {k: CHAR * max(map(len, lines)) + 0.25 for k, lines in text.items()}
    height = {k: ROW * len(lines) + 0.14 for k, lines in text.items()}
    across = rankdir in ('LR', 'RL')
    along, wide = (width, height) if across else (height, width)  # sizes along the flow and across it

    centre, start = {}, 0.0
    for row in rows:
        thick = max(along.get(k, 0.0) for k in row)
        side = -(sum(wide.get(k, 0.1) for k in row) + GAP * (len(row) - 1)) / 2
        for key in row:
            half = wide.get(key, 0.1) / 2
            u, v = side + half, start + thick / 2
            side += 2 * half + GAP
            along.setdefault(key, thick)  # a bend goes straight through its rank, beside the boxes
            centre[key] = (v, -u) if across else (u, -v)
            if rankdir in ('BT', 'RL'):
                centre[key] = (-centre[key][0], centre[key][1]) if across else (centre[key][0], -centre[key][1])
        start += thick + GAP

    corners = [
        (x + s * width.get(k, 0.1) / 2, y + s * height.get(k, 0.1) / 2) for k, (x, y) in centre.items() for s in (-1, 1)
    ]
    depth = max((len(box.frames) for box in boxes), default=0)
    margin = 0.15 + 0.2 * depth
    (left, right), (low, high) = ((min(c) - margin, max(c) + margin) for c in zip(*corners, strict=True))
    figure.set_size_inches(right - left, high - low)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(low, high))
    axes.set_axis_off()
    for chain in chains:
        _arrow(axes, chain, centre, along, rankdir)
    for key, (x, y) in centre.items():
        if key in box_of:
            _box(axes, x, y, width[key], height[key], text[key])
    for frame in dict.fromkeys(box.frames[:d] for box in boxes for d in range(1, len(box.frames) + 1)):
        keys = [box.key for box in boxes if box.frames[: len(frame)] == frame]
        pad = 0.2 * (1 + depth - len(frame))
        xs = [centre[k][0] + s * (width[k] / 2 + pad) for k in keys for s in (-1, 1)]
        ys = [centre[k][1] + s * (height[k] / 2 + pad * 0.8) for k in keys for s in (-1, 1)]
        axes.plot(
            [min(xs), max(xs), max(xs), min(xs), min(xs)],
            [min(ys), min(ys), max(ys), max(ys), min(ys)],
            color='0.45', linestyle='--', linewidth=0.8,
        )  # fmt: skip
        axes.text(max(xs) - 0.05, min(ys) + 0.04, frame[-1], ha='right', va='bottom', size=8, color='0.35')
    return figure


def _lines(box):
    return [box.title] if box.shapes is None else [box.title, f'input:  {box.shapes[0]}', f'output: {box.shapes[1]}']


def _box(axes, x, y, width, height, lines):
    left, top = x - width / 2, y + height / 2
    axes.add_artist(
        _require('matplotlib.patches').Rectangle((left, top - height), width, height, fc='white', ec='black', zorder=3)
    )
    row = height / len(lines)
    for i, line in enumerate(lines):
        size = 10 if i == 0 else 9
        where = (x, 'center') if i == 0 else (left + 0.1, 'left')
        axes.text(where[0], top - row * (i + 0.5), line, ha=where[1], va='center_baseline', size=size, zorder=4)
    if len(lines) > 1:
        axes.plot([left, left + width], [top - row] * 2, color='black', linewidth=0.6, zorder=4)


def _arrow(axes, chain, centre, along, rankdir):
    """A line through the chain's centres, cut at the borders of its first and last box, with a head at the end."""
    step = {'TB': (0, -1), 'BT': (0, 1), 'LR': (1, 0), 'RL': (-1, 0)}[rankdir]
    points = [
        (centre[k][0] + s * step[0] * along[k] / 2, centre[k][1] + s * step[1] * along[k] / 2)
        for k in chain
        for s in (-1, 1)
    ][1:-1]
    axes.plot(*zip(*points, strict=True), color='black', linewidth=0.9, zorder=2)
    axes.annotate(
        '', xy=points[-1], xytext=points[-2], zorder=2,
        arrowprops={'arrowstyle': '-|>', 'facecolor': 'black', 'linewidth': 0.9, 'shrinkA': 0, 'shrinkB': 0},
    )  # fmt: skip
