"""Comments below a pull request, against a server that answers as GitHub does."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.review.comments import PullRequest, read

BOT, PERSON = {"type": "Bot", "login": "github-actions[bot]"}, {"type": "User", "login": "somebody"}


def marked(stack: str, text: str) -> str:
    return f"<!-- kafka-platform review of {stack} -->\n\n{text}\n"


class GitHub:
    """Comments of one pull request, and the calls that were made."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        self.tokens: set[str] = set()

    def add(self, body: str, user: dict[str, str]) -> None:
        self.comments.append({"id": len(self.comments) + 1, "body": body, "user": user})

    def answer(self, method: str, path: str, content: Any) -> Any:
        self.calls.append((method, path))
        address, _, query = path.partition("?")
        if method == "GET":
            assert address == "/repos/acme/platform/issues/7/comments"
            page = int(query.rpartition("page=")[2])
            return self.comments[(page - 1) * 100 : page * 100]
        if method == "POST":
            assert address == "/repos/acme/platform/issues/7/comments"
            self.add(content["body"], BOT)
            return self.comments[-1]
        number = int(address.removeprefix("/repos/acme/platform/issues/comments/"))
        self.comments[number - 1]["body"] = content["body"]
        return self.comments[number - 1]


@pytest.fixture
def github() -> Iterator[tuple[GitHub, PullRequest]]:
    state = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.tokens.add(self.headers["Authorization"])
            body = json.dumps(state.answer(self.command, self.path, json.loads(content) if content else None)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - the names that the server looks for

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        "GITHUB_API_URL": f"http://127.0.0.1:{server.server_port}",
        "GITHUB_REPOSITORY": "acme/platform",
        "GITHUB_TOKEN": "token",
    }
    yield state, PullRequest(7, environment)
    server.shutdown()
    server.server_close()


def test_the_same_comment_every_time(github: tuple[GitHub, PullRequest]) -> None:
    state, pull_request = github
    pull_request.put({"dev": marked("dev", "one"), "prod": marked("prod", "one")})
    pull_request.put({"dev": marked("dev", "two"), "prod": marked("prod", "one")})
    assert [each["body"] for each in state.comments] == [marked("dev", "two"), marked("prod", "one")]
    assert [method for method, _ in state.calls] == ["GET", "POST", "POST", "GET", "PATCH"]
    assert state.tokens == {"Bearer token"}


def test_a_stack_that_is_not_concerned_any_more(github: tuple[GitHub, PullRequest]) -> None:
    state, pull_request = github
    pull_request.put({"dev": marked("dev", "one")})
    pull_request.put({})
    [comment] = state.comments
    assert comment["body"] == marked("dev", "### dev: no longer concerned by this pull request")
    pull_request.put({})
    assert [method for method, _ in state.calls] == ["GET", "POST", "GET", "PATCH", "GET"]
    pull_request.put({"dev": marked("dev", "three")})
    assert comment["body"] == marked("dev", "three")


def test_comments_of_others_are_left_alone(github: tuple[GitHub, PullRequest]) -> None:
    state, pull_request = github
    state.add(marked("dev", "I quote a review"), PERSON)
    state.add("> " + marked("dev", "a quotation"), BOT)
    for number in range(150):
        state.add(f"comment {number}", PERSON)
    state.add(marked("dev", "old"), BOT)
    pull_request.put({"dev": marked("dev", "new")})
    assert state.comments[-1]["body"] == marked("dev", "new")
    assert len(state.comments) == 153
    assert state.comments[0]["body"] == marked("dev", "I quote a review")
    assert [method for method, _ in state.calls] == ["GET", "GET", "PATCH"]


def test_comments_that_are_too_long_are_cut(github: tuple[GitHub, PullRequest]) -> None:
    state, pull_request = github
    pull_request.put({"dev": marked("dev", "x" * 70_000)})
    assert len(state.comments[0]["body"]) == 65_536


def test_only_marked_files_are_comments(tmp_path: Path) -> None:
    (tmp_path / "dev.md").write_text(marked("dev", "text"))
    (tmp_path / "prod.md").write_text(marked("dev", "the marker of another stack"))
    (tmp_path / "README.md").write_text("no marker")
    (tmp_path / "ci.md").write_bytes(marked("ci", "\xff").encode("latin-1"))
    assert read(tmp_path) == {"dev": marked("dev", "text"), "ci": marked("ci", "\ufffd")}
