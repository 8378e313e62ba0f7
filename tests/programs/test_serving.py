"""examples/serve.py: many clients at once, each with its own answer; what is wrong is told and harms nobody."""

import http.client
import json
import threading

import numpy as np
import pytest

from kjax.compat.aliases import uninstall_as_keras
from tests.programs.serve_soak import example, small_model, soak


@pytest.fixture(autouse=True)
def keras_is_given_back():
    yield
    uninstall_as_keras()


def test_clients_at_once_get_their_own_answers():
    asked, wrong, failures, *_ = soak(clients=8, seconds=0, most=12)
    assert (asked, wrong, failures) == (96, 0, [])


REQUESTS = {
    'no JSON': b'{',
    'no x': b'{}',
    'a list': b'[1]',
    'another shape': b'{"x": [[1, 2]]}',
    'text': b'{"x": [["a"]]}',
    'ragged': b'{"x": [[1], [2, 3]]}',
    'no rows': b'{"x": []}',
    'nothing': b'',
    'deep': b'[' * 9999,
}


def test_wrong_requests_are_answered_and_the_next_is_served():
    server = example().make_server(small_model(), port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        connection = http.client.HTTPConnection('127.0.0.1', server.server_address[1], timeout=60)

        def ask(method, path, body=None, **headers):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

        for body in REQUESTS.values():
            status, told = ask('POST', '/predict', body)
            assert status == 400 and told['error'], body
        assert ask('GET', '/nowhere')[0] == 404
        assert ask('GET', '/health') == (200, {'inputs': [[None, 20]], 'outputs': [[None, 10]]})
        status, told = ask('POST', '/predict', json.dumps({'x': np.ones((3, 20)).tolist()}))
        assert status == 200 and np.allclose(np.sum(told['y'], axis=1), 1)
        status, told = ask('POST', '/predict', b'', **{'Content-Length': str(2**40)})
        assert status == 400 and 'bytes' in told['error']
        connection.close()
    finally:
        server.shutdown()
        server.server_close()
