"""Every command of ours in README and docs is one that the programs take, with those options."""

import argparse
import importlib.util
import re
from pathlib import Path

import pytest

from infra.__main__ import parser as platform_parser
from sandbox.cli import parser as sandbox_parser
from tests.documented import PAGES, ROOT, Command, commands

OURS = [each for each in commands() if "pulumi" not in each.words[:1]]
TARGETS = set(re.findall(r"^([a-z./-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
TARGETS |= {
    name
    for line in re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for name in line.split()
}


def accepts(parser: argparse.ArgumentParser, words: list[str]) -> None:
    """A command without its own words is a mention of the program."""
    if words:
        parser.parse_args([*words, "dev"] if words == ["probe"] else words)


@pytest.mark.parametrize("command", OURS, ids=str)
def test_is_taken(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    words = command.words
    while re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    try:
        if words[0] == "make":
            goals = [each for each in words[1:] if "=" not in each]
            assert set(goals) <= TARGETS | {".venv/.installed"}
        elif words[0] == "kafka-platform":
            accepts(platform_parser(), words[1:])
        elif words[2] == "infra":
            accepts(platform_parser(), words[3:])
        elif words[2] == "sandbox":
            accepts(sandbox_parser(), words[3:])
        else:
            assert importlib.util.find_spec(words[2]) is not None
    except SystemExit:
        pytest.fail(capsys.readouterr().err)


def test_there_are_some() -> None:
    assert len(OURS) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_exists(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [each for each in targets if not (page.parent / each).exists()] == []


def test_the_index_of_the_docs_names_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {
        (index.parent / target).resolve()
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", index.read_text(encoding="utf-8"))
    }
    runbooks = {page for page in PAGES if page.parent.name == "runbooks" and page.name != "README.md"}
    assert [page for page in PAGES if page not in linked | runbooks | {index}] == []
