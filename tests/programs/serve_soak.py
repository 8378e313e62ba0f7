"""By hand: clients ask examples/serve.py without pause; every answer is compared, memory and rate are told.

python -m tests.programs.serve_soak --clients 16 --seconds 60
"""

import argparse
import http.client
import importlib.util
import json
import pathlib
import threading
import time

import numpy as np

import kjax
from tests.conftest import resident

EXAMPLE = pathlib.Path(__file__).parents[2] / 'examples' / 'serve.py'


def example():
    """The module examples/serve.py, its `keras` being kjax."""
    kjax.install_as_keras()
    spec = importlib.util.spec_from_file_location('serve', EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def small_model():
    layers = kjax.layers
    return kjax.models.Sequential(
        [layers.Dense(64, activation='relu', input_shape=(20,)), layers.Dense(10, activation='softmax')]
    )


class Client(threading.Thread):
    """Asks for predictions of rows it knows the answers to.

    Args:
        port: the server's.
        x, y: rows and what the model makes of them.
        stop: Event that ends it.
        most: requests, or None.
    """

    def __init__(self, port, x, y, stop, seed, most=None):
        super().__init__(daemon=True)
        self.port, self.x, self.y, self.stop, self.most = port, x, y, stop, most
        self.draw = np.random.RandomState(seed)
        self.asked, self.wrong, self.failed = 0, 0, None

    def run(self):
        try:
            connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
            while not self.stop.is_set() and (self.most is None or self.asked < self.most):
                rows = self.draw.randint(0, len(self.x), self.draw.randint(1, 9))
                connection.request('POST', '/predict', json.dumps({'x': self.x[rows].tolist()}))
                answer = connection.getresponse()
                got = json.loads(answer.read())
                self.asked += 1
                self.wrong += answer.status != 200 or not np.allclose(got['y'], self.y[rows], rtol=1e-5, atol=1e-6)
            connection.close()
        except (OSError, http.client.HTTPException, KeyError, ValueError) as error:
            self.failed = error


def soak(clients, seconds, most=None):
    """(requests, wrong answers, failures, seconds, bytes of memory at a fifth and at the end)."""
    model = small_model()
    x = np.random.rand(256, 20).astype('f4')
    y = model.predict(x)
    server = example().make_server(model, port=0)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    stop = threading.Event()
    askers = [Client(server.server_address[1], x, y, stop, i, most) for i in range(clients)]
    start = time.monotonic()
    for asker in askers:
        asker.start()
    if most is None:
        time.sleep(seconds / 5)
        early = resident()
        time.sleep(seconds * 4 / 5)
        stop.set()
    else:
        early = resident()
    for asker in askers:
        asker.join(60)
    took, late = time.monotonic() - start, resident()
    server.shutdown()
    server.server_close()
    failures = [a.failed for a in askers if a.failed is not None]
    return sum(a.asked for a in askers), sum(a.wrong for a in askers), failures, took, early, late


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--clients', type=int, default=16)
    parser.add_argument('--seconds', type=float, default=60)
    options = parser.parse_args()
    asked, wrong, failures, took, early, late = soak(options.clients, options.seconds)
    print(f'{asked} requests of {options.clients} clients in {took:.1f} s: {asked / took:.0f} per second')
    print(f'wrong answers {wrong}, failures {failures}')
    print(f'memory {early / 2**20:.1f} MB after a fifth of the time, {late / 2**20:.1f} MB at the end')
