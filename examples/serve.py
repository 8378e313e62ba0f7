"""Serves a saved model's predictions over HTTP, with threads, from the standard library alone.

    python -m kjax examples/serve.py model.h5 --port 8000
    curl -d '{"x": [[0.1, 0.2, 0.3]]}' http://127.0.0.1:8000/predict

POST /predict takes {"x": array} (a list of arrays where the model has several inputs) and gives {"y": array or arrays}.
GET /health gives the shapes of inputs and outputs. What is wrong with a request is answered 400 with {"error": text}.
"""
import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from keras.models import load_model

MOST_BYTES = 16 << 20  # of one request
MOST_ROWS = 4096


class Handler(BaseHTTPRequestHandler):
    """One connection; connections are kept open between requests."""

    protocol_version = 'HTTP/1.1'
    timeout = 60  # seconds without a request
    disable_nagle_algorithm = True
    model = None

    def do_GET(self):
        if self.path != '/health':
            return self.answer(404, {'error': 'GET /health or POST /predict'})
        shapes = [[list(t.shape) for t in tensors] for tensors in (self.model.inputs, self.model.outputs)]
        self.answer(200, {'inputs': shapes[0], 'outputs': shapes[1]})

    def do_POST(self):
        length = self.headers.get('Content-Length', '')
        if self.path != '/predict' or not length.isdigit() or int(length) > MOST_BYTES:
            self.close_connection = True  # its body is not read
            return self.answer(400, {'error': f'POST /predict with at most {MOST_BYTES} bytes'})
        try:
            x = self.inputs(json.loads(self.rfile.read(int(length))))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            return self.answer(400, {'error': f'{type(error).__name__}: {error}'})
        y = self.model.predict(x, batch_size=len(x[0]))
        self.answer(200, {'y': [a.tolist() for a in y] if isinstance(y, list) else y.tolist()})

    def inputs(self, request):
        """The arrays of a request, in the shapes that the model takes."""
        tensors = self.model.inputs
        x = [request['x']] if len(tensors) == 1 else request['x']
        if len(x) != len(tensors):
            raise ValueError(f'{len(tensors)} inputs are required, got {len(x)}')
        x = [np.asarray(values, dtype=t.dtype) for values, t in zip(x, tensors)]
        for values, t in zip(x, tensors):
            wanted = tuple(t.shape)[1:]
            if values.ndim != len(wanted) + 1 or any(w not in (None, g) for w, g in zip(wanted, values.shape[1:])):
                raise ValueError(f'an input of shape {tuple(t.shape)} is required, got {values.shape}')
        rows = {len(values) for values in x}
        if len(rows) != 1 or not 1 <= rows.pop() <= MOST_ROWS:
            raise ValueError(f'1 to {MOST_ROWS} rows are required, as many in each input')
        return x

    def answer(self, status, data):
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def make_server(model, host='127.0.0.1', port=8000):
    """A server that answers with this model's predictions; call its `serve_forever`."""
    first = [np.zeros((1,) + tuple(d or 1 for d in t.shape[1:]), t.dtype) for t in model.inputs]
    model.predict(first)  # compiled before the first request comes
    return Server((host, port), type('Handler', (Handler,), {'model': model}))


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description='Serves the predictions of a saved model.')
    parser.add_argument('model')
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=8000)
    options = parser.parse_args()
    # a file of a stranger is read in a process of its own
    server = make_server(load_model(options.model, compile=False, isolate=True), options.host, options.port)
    print('serving on http://%s:%d' % server.server_address[:2], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
