"""A web service for connectors, in memory: takes arrays of JSON, refuses what is bad, and has items to be asked for.

python3 http_target.py PORT ITEMS PASSWORD: POST /in and GET /items?after=N by the user `user`, GET /received by everybody.
"""

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LOGIN = "Basic " + base64.b64encode(f"user:{sys.argv[3]}".encode()).decode()
PAGE = 50
received: list[object] = []


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, content: object = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        values = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["authorization"] != LOGIN:
            return self.answer(401)
        if any("bad" in each for each in values):
            return self.answer(422, {"error": "bad"})
        received.extend(values)
        return self.answer(200)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/received":
            return self.answer(200, received)
        if self.headers["authorization"] != LOGIN:
            return self.answer(401)
        first = int(parse_qs(url.query).get("after", ["0"])[0])
        return self.answer(200, [{"id": n, "text": f"item {n}"} for n in range(first + 1, ITEMS + 1)][:PAGE])

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


ITEMS = int(sys.argv[2])
ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
