"""The CIFAR-10 augmentation (rotation 10, shifts 0.2, flip): images per second beside keras_preprocessing 1.1.2.

    python benchmarks/augmentation.py [--genuine PYTHON] [--rounds N] [--images N] [--workers N] [--json FILE]

PYTHON is an interpreter that has keras-preprocessing 1.1.2; without it a temporary environment is made with pip. The
two run by turns in processes of their own, on the same cores; the best round of each counts, since other work on the
machine only ever slows one down. Each is asked from one thread and from several (`--workers`), as `fit_generator` does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

WANTED = 3.0  # times the genuine speed

# Run in both interpreters: MODULE is the image module's name.
MEASURE = """
import importlib, json, sys, threading, time
import numpy as np
module, images, batch, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
ImageDataGenerator = importlib.import_module(module).ImageDataGenerator
x = np.random.RandomState(0).randint(0, 256, (2048, 32, 32, 3)).astype('float32')
y = np.arange(len(x)) % 10
generator = ImageDataGenerator(rotation_range=10, width_shift_range=0.2, height_shift_range=0.2, horizontal_flip=True)
source = generator.flow(x, y, batch_size=batch, seed=1)
first = next(source)[0]

def speed(threads):
    def work(batches):
        for _ in range(batches):
            next(source)
    share = max(1, images // batch // threads)
    crew = [threading.Thread(target=work, args=(share,)) for _ in range(threads)]
    start = time.perf_counter()
    for t in crew:
        t.start()
    for t in crew:
        t.join()
    return share * threads * batch / (time.perf_counter() - start)

print(json.dumps({'1': speed(1), str(workers): speed(workers), 'sum': float(first.astype('float64').sum())}))
"""


def genuine_python(folder: str) -> str:
    """An interpreter with keras-preprocessing 1.1.2 in a fresh environment."""
    venv.create(folder, with_pip=True)
    python = str(Path(folder) / ("Scripts" if os.name == "nt" else "bin") / "python")
    packages = ["keras-preprocessing==1.1.2", "numpy<2", "scipy", "pillow", "setuptools"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def measure(python: str, module: str, arguments) -> dict:
    command = [python, "-c", MEASURE, module, str(arguments.images), str(arguments.batch), str(arguments.workers)]
    environment = dict(os.environ, JAX_PLATFORMS="cpu")
    environment["PYTHONPATH"] = str(Path(__file__).parents[1]) if module.startswith("kjax") else ""
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--genuine", help="interpreter that has keras-preprocessing 1.1.2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=6400)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=max(2, os.cpu_count() or 2))
    parser.add_argument("--json", help="file for the figures")
    arguments = parser.parse_args(argv)

    with tempfile.TemporaryDirectory() as folder:
        genuine = arguments.genuine or genuine_python(folder)
        sides = {
            "keras_preprocessing 1.1.2": (genuine, "keras_preprocessing.image"),
            "kjax": (sys.executable, "kjax.preprocessing.image"),
        }
        rounds = [{name: measure(*side, arguments) for name, side in sides.items()} for _ in range(arguments.rounds)]

    sums = {name: rounds[0][name]["sum"] for name in sides}
    assert abs(sums["kjax"] - sums["keras_preprocessing 1.1.2"]) < 1e-6 * sums["kjax"], f"different images: {sums}"
    figures = {}
    for threads in ("1", str(arguments.workers)):
        best = {name: max(r[name][threads] for r in rounds) for name in sides}
        ratio = best["kjax"] / best["keras_preprocessing 1.1.2"]
        figures[threads] = {**best, "ratio": ratio}
        print(
            f"{threads} thread(s):", *(f"{name} {speed:.0f} images/s" for name, speed in best.items()), sep="  ", end=""
        )
        print(f"  ratio {ratio:.1f} (wanted {WANTED})")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=1))
    return 0 if all(figure["ratio"] >= WANTED for figure in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
