"""Every stack file of the README and of docs/stack-file.md passes `check`."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import check

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "docs" / "stack-file.md"]
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ELSEWHERE = {
    "tenants": "{payments: {namespace: payments, users: {order-api: {groups: [fraud-check]}}}}",
    "topics": "{orders: {partitions: 24}}",
    "kafka": "{engine: embedded, nodes: 3}",
}
"""What an example about something else takes for granted."""
SCHEMAS = {
    ".avsc": '{"type": "record", "name": "Order", "fields": []}',
    ".proto": 'syntax = "proto3";\nmessage Click { string id = 1; }\n',
}


def examples() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, text in enumerate(BLOCK.findall(page.read_text(encoding="utf-8"))):
            if "\nconfig:\n" in f"\n{text}":
                yield f"{page.stem} {number}", text


def test_both_pages_have_some() -> None:
    assert {name.split()[0] for name, _ in examples()} == {page.stem for page in PAGES}


@pytest.mark.parametrize("text", [text for _, text in examples()], ids=[name for name, _ in examples()])
def test_the_file_passes(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for key, value in ELSEWHERE.items():
        if not re.search(rf"^    {key}:", text, re.MULTILINE):
            text += f"    {key}: {value}\n"
    for name in re.findall(r"\bschemas/[\w.-]+", text):
        schema = tmp_path / name
        schema.parent.mkdir(exist_ok=True)
        schema.write_text(SCHEMAS[schema.suffix])
    for name in re.findall(r"\bstreams/[\w.-]+", text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "stacks" / name, tmp_path / name)
    file = tmp_path / "Pulumi.documented.yaml"
    file.write_text(text)
    assert check.check([str(file)]) == 0, capsys.readouterr().out
