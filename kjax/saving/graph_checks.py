"""Checks of a model config's graph, in time proportional to its size."""

from __future__ import annotations

__all__ = ["calls_of", "checked_layers"]

_MODELS = ("Model", "Sequential")


_SMALL = 200  # so many layers may stand in any order without taking long to connect


def checked_layers(layers, fail) -> list:
    """The layers of a functional config, checked to be callable one after the other; many are put in such an order.

    Args:
        layers: list of {'name', 'class_name', 'inbound_nodes', ...}.
        fail: called with the reason when names are missing, twice there, or refer to one another in a circle.
    """
    by_name: dict[str, dict] = {}
    for data in layers:
        if data["name"] in by_name:
            fail(f"two layers are called {data['name'][:80]!r}.")
        by_name[data["name"]] = data
    first = {d["name"]: int(d["class_name"] in _MODELS) for d in layers}
    waiting: dict[tuple, int] = {}
    users: dict[tuple, list] = {}
    done: set[tuple] = set()
    ordered = True
    for data in layers:
        name = data["name"]
        for i, call in enumerate(data["inbound_nodes"]):
            node = (name, first[name] + i)
            needs = {(name, first[name] + i - 1)} if i else set()
            for source, index, *_ in call:
                if source not in by_name:
                    fail(f"layer {name[:80]!r} takes its input from {source[:80]!r}, which is not there.")
                if index >= first[source] and (by_name[source]["inbound_nodes"] or index):
                    needs.add((source, index))
            ordered = ordered and needs <= done
            done.add(node)
            waiting[node] = len(needs)
            for place in needs:
                users.setdefault(place, []).append(node)
    if ordered:
        return layers
    order = _resolved(waiting, users, fail)
    if len(layers) <= _SMALL:
        return layers
    rank = {name: i for i, (name, _) in reversed(list(enumerate(order)))}
    return sorted(layers, key=lambda data: rank.get(data["name"], -1))


def _resolved(waiting, users, fail):
    """The calls in an order in which each has its inputs."""
    ready = [node for node, count in waiting.items() if count == 0]
    done = []
    while ready:
        node = ready.pop()
        done.append(node)
        for user in users.get(node, ()):
            waiting[user] -= 1
            if waiting[user] == 0:
                ready.append(user)
    if len(done) != len(waiting):
        stuck = sorted({name for (name, _), count in waiting.items() if count})[:5]
        fail(
            f"the inputs of layers {[n[:80] for n in stuck]} refer to one another in a circle, or to calls that "
            f"are not there."
        )
    return done


def calls_of(data) -> int:
    """How many layer calls it takes to build a config: a model inside costs its own calls each time it is called."""
    config = data.get("config")
    if not isinstance(config, dict):
        return 1
    inner = config.get("layers")
    if data.get("class_name") in _MODELS and isinstance(inner, list):
        return 1 + sum(calls_of(d) * max(1, len(d.get("inbound_nodes", ()) or ())) for d in inner)
    cost = 1
    for key in ("layer", "backward_layer", "cell"):
        if isinstance(config.get(key), dict):
            cost += 2 * calls_of(config[key])
    if isinstance(config.get("cells"), list):
        cost += sum(calls_of(c) for c in config["cells"])
    return cost
