"""A web server that says where it runs."""

import platform
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 5000


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/":
            self.send_error(404)
            return
        text = f"Hello from Python {platform.python_version()} in container {socket.gethostname()}\n"
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# The first process of a container has no default handlers: without this, a stop would wait until it is killed.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

print(f"listening on port {PORT}")
ThreadingHTTPServer(("", PORT), Hello).serve_forever()
