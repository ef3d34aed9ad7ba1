"""Grafana in a browser without a window, for machines that can have both: kind with the official images, and a Chrome."""

import base64
import http.server
import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BROWSERS = ("google-chrome", "chromium", "chromium-browser")
LOADING_MILLISECONDS = 30_000
"""How much of its own time a page gets until it is photographed."""
_PASSED = ("content-type", "location", "cache-control")
"""Headers of an answer that the browser gets."""


@contextmanager
def logged_in(address: str, user: str, password: str) -> Iterator[str]:
    """The address of a proxy on this machine that logs every request in, so that a browser needs no password."""
    authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Proxy(http.server.BaseHTTPRequestHandler):
        def _passed(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length) if length else None
            headers = {"authorization": authorization, "content-type": self.headers.get("content-type", "text/plain")}
            request = urllib.request.Request(address + self.path, body, headers, method=self.command)
            try:
                answer = urllib.request.urlopen(request, timeout=60)
            except urllib.error.HTTPError as error:
                answer = error
            except OSError:
                self.send_error(502)
                return
            with answer:
                content = answer.read()
                self.send_response(answer.status)
                for name in _PASSED:
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _passed  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def dashboards(address: str) -> dict[str, str]:
    """The titles of the dashboards that a Grafana has, by their ids."""
    with urllib.request.urlopen(f"{address}/api/search?type=dash-db&limit=500", timeout=60) as answer:
        return {each["uid"]: each["title"] for each in json.load(answer)}


def browser() -> str | None:
    """A Chrome of this machine."""
    return next((found for each in BROWSERS if (found := shutil.which(each))), None)


def photograph(chrome: str, url: str, file: Path) -> None:
    """Opens a page and keeps what it looks like once it has loaded."""
    file.parent.mkdir(parents=True, exist_ok=True)
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1600,1800"]
    shot = [f"--virtual-time-budget={LOADING_MILLISECONDS}", f"--screenshot={file}", url]
    subprocess.run([chrome, *options, *shot], check=True, capture_output=True, timeout=300)
