"""Puts reviews below a pull request, one comment for each stack, the same one every time: `python -m infra.review.comments`.

It runs with a token that may write comments, and therefore on nothing but the standard library, from the branch that is
merged to, never from the one that is reviewed: of that it only reads the texts.

The environment says what GitHub sets: GITHUB_API_URL, GITHUB_REPOSITORY and GITHUB_TOKEN.
"""

import json
import os
import re
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MARKER = re.compile(r"<!-- kafka-platform review of ([A-Za-z0-9][A-Za-z0-9._-]*) -->")
_NOT_CONCERNED = "{marker}\n\n### {stack}: no longer concerned by this pull request\n"
_PAGE = 100
_MOST = 65_536
"""Characters that GitHub takes."""


class PullRequest:
    """The comments of one pull request."""

    def __init__(self, number: int, environment: Mapping[str, str]) -> None:
        """`environment` has the variables that the module names."""
        repository = environment["GITHUB_REPOSITORY"]
        self._api = f"{environment.get('GITHUB_API_URL', 'https://api.github.com')}/repos/{repository}/issues"
        self._number = number
        self._token = environment["GITHUB_TOKEN"]

    def put(self, comments: Mapping[str, str]) -> None:
        """Creates or updates the comment of each stack; comments of other stacks then say that these are no longer affected."""
        ours: dict[str, tuple[int, str]] = {}
        page = 1
        while True:
            found = self._call("GET", f"/{self._number}/comments?per_page={_PAGE}&page={page}")
            for each in found:
                match = _MARKER.match(each["body"])
                # A marker in another author's comment is only text.
                if match is not None and each["user"]["type"] == "Bot":
                    ours.setdefault(match[1], (each["id"], each["body"]))
            if len(found) < _PAGE:
                break
            page += 1
        wanted = dict(comments)
        for stack, (_, body) in ours.items():
            marker = body.partition("\n")[0].strip()
            wanted.setdefault(stack, _NOT_CONCERNED.format(marker=marker, stack=stack))
        for stack, text in wanted.items():
            body = text[:_MOST]
            if stack not in ours:
                self._call("POST", f"/{self._number}/comments", {"body": body})
            elif ours[stack][1] != body:
                self._call("PATCH", f"/comments/{ours[stack][0]}", {"body": body})

    def _call(self, method: str, path: str, content: Mapping[str, str] | None = None) -> Any:
        # The address is GitHub's own, from its environment.
        request = urllib.request.Request(  # noqa: S310
            self._api + path,
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)


MOST_BYTES = 512 * 1024
"""Of one file: GitHub takes 65,536 characters."""


def read(folder: Path) -> dict[str, str]:
    """The comments in a folder by stack. A file whose first line is not the marker of its name is none."""
    found: dict[str, str] = {}
    for file in sorted(folder.rglob("*.md")):
        # They come from runs of code that nobody has reviewed.
        if file.is_symlink() or not file.is_file() or file.stat().st_size > MOST_BYTES:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        match = _MARKER.match(text)
        if match is not None and match[1] == file.stem:
            found[file.stem] = text
    return found


if __name__ == "__main__":
    PullRequest(int(sys.argv[1]), os.environ).put(read(Path(sys.argv[2])))
