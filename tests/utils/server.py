"""A real HTTP server on the loopback interface that can misbehave."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Files(dict):
    """path -> content; and what the server does with some paths.

    Attributes: cut: bytes after which a body ends early; unannounced: paths sent without a length;
    moved: path -> URL to go to; requests: paths asked for.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.cut, self.moved, self.unannounced, self.requests = {}, {}, set(), []
        self.url = None


@contextlib.contextmanager
def serving(files: Files):
    """Serves while the block runs; `files.url` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.path = self.path.partition("?")[0]
            files.requests.append(self.path)
            if self.path in files.moved:
                self.send_response(302)
                self.send_header("Location", files.moved[self.path])
                self.end_headers()
                return
            if self.path not in files:
                self.send_error(404)
                return
            body = files[self.path]
            self.send_response(200)
            if self.path not in files.unannounced:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: files.cut.get(self.path)])

        def log_message(self, *args):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    files.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield files
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
