"""The table of module paths: each row says what a path of some Keras version stands for in kjax."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Alias:
    """The path is another name of the module `target` (written without `kjax.`)."""

    target: str


@dataclass(frozen=True)
class Namespace:
    """The path is a module of its own that holds names of other modules.

    Attributes:
        doc: its docstring.
        names: source module (without `kjax.`) -> the names taken from it, blank-separated; `new=old` renames.
        package: it has submodules.
    """

    doc: str
    names: Mapping[str, str] = field(default_factory=dict)
    package: bool = False

    def entries(self) -> Iterator[tuple[str, str, str]]:
        """(source module, name here, name there) for every name."""
        for source, names in self.names.items():
            for item in names.split():
                name, _, found_as = item.partition('=')
                yield source, name, found_as or name


MODULES: dict[str, Alias | Namespace] = {
    'legacy.interfaces': Alias('compat.interfaces'),
}
