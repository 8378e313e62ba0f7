"""Golden vectors: numbers recorded from genuine Keras 2.2.4, with their tolerance."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "data" / "vectors"
RTOL = 1e-5  # largest error, relative to the largest expected magnitude of the array
ATOL = 1e-7  # ... plus this much


class Case(dict):
    """One recorded case: its JSON as a dict; `arrays` holds inputs and expected results by part name."""

    @functools.cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        return _arrays(self["family"]).get(self["id"], {})

    def weights(self) -> list[np.ndarray]:
        return self.series("w")

    def series(self, prefix: str) -> list[np.ndarray]:
        """The arrays `<prefix>0`, `<prefix>1`, ..."""
        found = []
        while f"{prefix}{len(found)}" in self.arrays:
            found.append(self.arrays[f"{prefix}{len(found)}"])
        return found

    def check(self, part: str, got) -> None:
        """Fails when `got` is not the recorded array `part` within the case's tolerance."""
        want, got = self.arrays[part], np.asarray(got)
        assert want.shape == got.shape, f"{self['id']} {part}: shape {got.shape}, expected {want.shape}"
        a, b = want.astype("float64"), got.astype("float64")
        finite = np.isfinite(a)
        np.testing.assert_array_equal(a[~finite], b[~finite], err_msg=f"{self['id']} {part}")
        if finite.any():
            tolerance = self.get("tol", {}).get(part, RTOL) * np.abs(a[finite]).max() + ATOL
            error = np.abs(a - b)[finite].max()
            assert error <= tolerance, f"{self['id']} {part}: error {error:.3g}, allowed {tolerance:.3g}"


@functools.cache
def _arrays(family: str) -> dict[str, dict[str, np.ndarray]]:
    found: dict[str, dict[str, np.ndarray]] = {}
    path = FOLDER / f"{family}.npz"
    if path.exists():
        with np.load(path) as data:
            for key in data.files:
                case, part = key.split("/", 1)
                found.setdefault(case, {})[part] = data[key]
    return found


@functools.cache
def cases(family: str) -> list[Case]:
    """All cases of a family."""
    with open(FOLDER / f"{family}.json", encoding="utf8") as file:
        return [Case(case, family=family) for case in json.load(file)["cases"]]


def ids(case: Case) -> str:
    """The `ids=` of pytest.mark.parametrize."""
    return case["id"]


def same_config(want, got) -> bool:
    """Equal plain values; numbers within 1e-6, since Keras reports rates as float32 gave them back."""
    if isinstance(want, dict) and isinstance(got, dict):
        return want.keys() == got.keys() and all(same_config(want[k], got[k]) for k in want)
    if isinstance(want, (list, tuple)) and isinstance(got, (list, tuple)):
        return len(want) == len(got) and all(map(same_config, want, got))
    if isinstance(want, bool) or isinstance(got, bool) or not isinstance(want, (int, float)):
        return want == got
    return isinstance(got, (int, float)) and abs(want - got) <= 1e-6 * max(abs(want), abs(got))
