"""Reports its Python and its NumPy, and lets NumPy work a little."""

import json
import platform
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy

PORT = 8000


class Report(BaseHTTPRequestHandler):
    def do_GET(self):
        report = {
            "python": platform.python_version(),
            "numpy": numpy.__version__,
            "determinant": float(numpy.linalg.det(numpy.array([[2.0, 1.0], [1.0, 3.0]]))),
        }
        body = json.dumps(report).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

print(f"listening on port {PORT}")
ThreadingHTTPServer(("", PORT), Report).serve_forever()
