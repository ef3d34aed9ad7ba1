"""Records the previews anew: `eval "$(python3 -m sandbox env)" && python -m tests.reviews.record [CASE ...]`.

With `--read` in the place of cases it only reviews the recordings anew, without an engine.

It deploys the platform of `cases`, previews each change of it, and removes it. Of a preview only what is the same
wherever it is made is kept: no stack traces, no outputs (identities, times), no dependencies.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from infra.review.changes import read
from infra.review.report import markdown, review
from tests.harness import Stack, kubectl
from tests.reviews.cases import CASES, DEPLOYED, NAMESPACE, REFUSED, STACK, changed, expected, recording

_KEPT = ("urn", "custom", "type", "inputs", "parent", "protect", "retainOnDelete", "additionalSecretOutputs")


def preview(stack: Stack, case: str) -> dict[str, Any]:
    """The preview of a change of what is deployed."""
    stack.write(changed(case))
    content: dict[str, Any] = json.loads(stack.preview("--json", "--show-sames", fails=case in REFUSED))
    return content


def compact(content: dict[str, Any]) -> dict[str, Any]:
    """The preview without what differs from run to run."""
    for step in content["steps"]:
        for side in ("oldState", "newState"):
            if side in step:
                step[side] = {key: step[side][key] for key in _KEPT if key in step[side]}
    return {key: content[key] for key in ("steps", "diagnostics", "changeSummary") if key in content}


def write_review(case: str) -> None:
    """Writes the review of a recording."""
    content = json.loads(gzip.decompress(recording(case).read_bytes()))
    expected(case).write_text(markdown(review(STACK, read(content))), encoding="utf-8")


def main(cases: list[str]) -> None:
    """Writes the recordings, and the reviews of them."""
    if cases == ["--read"]:
        for case in CASES:
            write_review(case)
        return
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(STACK, Path(folder), DEPLOYED)
        try:
            stack.up()
            for case in cases or CASES:
                content = compact(preview(stack, case))
                text = json.dumps(content, separators=(",", ":"))
                # Without a time and a name the same preview makes the same file.
                recording(case).write_bytes(gzip.compress(text.encode(), mtime=0))
                write_review(case)
                print(f"{case}: {len(content['steps'])} steps, {recording(case).stat().st_size:,} bytes", flush=True)
        finally:
            stack.write(DEPLOYED)
            stack.destroy()
            kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")


if __name__ == "__main__":
    main(sys.argv[1:])
