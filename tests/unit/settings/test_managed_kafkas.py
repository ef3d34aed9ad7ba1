"""Every stack file of docs/managed-kafka.md passes `check`."""

import re
from pathlib import Path

import pytest

from infra import check
from infra.settings.parsing import parse
from infra.settings.stackfile import parse_yaml, select

PAGE = Path(__file__).parents[3] / "docs" / "managed-kafka.md"
FILES = re.findall(r"^## (.+?)$|^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def examples() -> list[tuple[str, str]]:
    """Each file with the heading that it is under."""
    found: list[tuple[str, str]] = []
    heading = ""
    for title, text in FILES:
        heading = title or heading
        if text:
            found.append((f"{heading} {len(found)}", text))
    return found


def test_there_is_one_for_each_kind_of_login() -> None:
    kafkas = [parse(select(parse_yaml(text))).kafka for _, text in examples()]
    assert {each.login for each in kafkas} == {"SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER", "certificates"}


@pytest.mark.parametrize("text", [text for _, text in examples()], ids=[name for name, _ in examples()])
def test_the_file_passes(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Pulumi.managed.yaml"
    file.write_text(text)
    assert check.check([str(file)]) == 0, capsys.readouterr().out
