"""Topics in files of their own."""

from pathlib import Path

import pytest
import yaml

from infra.settings.faults import SettingsError
from infra.settings.parsing import parse, read_stack
from infra.settings.stackfile import MOST_BYTES


def lines(raw: object, folder: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(raw, folder)
    return [str(fault) for fault in caught.value.faults]


def test_topics_of_all_files_come_together(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("orders: {partitions: 6}\ncustomers:\n")
    (tmp_path / "lab.yaml").write_text("probes: {retention: 1h}\n")
    settings = parse({"topics": {"logs": {}}, "topicFiles": ["shop.yaml", "lab.yaml"]}, tmp_path)
    assert sorted(settings.topics) == ["customers", "logs", "orders", "probes"]
    assert settings.topics["orders"].partitions == 6


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "topicFiles[0]: 'more.yaml' cannot be read, No such file or directory: name a file in {folder}"),
        ("", "topicFiles[0]: 'more.yaml' is empty: write topics by name, such as orders: {{}}"),
        ("[orders]", "topicFiles[0]: 'more.yaml' is a list: write topics by name, such as orders: {{}}"),
        ("logs: {}", "topicFiles[0]: 'more.yaml' declares topic 'logs' a second time: keep one of them"),
        ("orders: {partitionz: 3}", "topics.orders.partitionz: unknown key: did you mean 'partitions'?"),
        (
            "a: 1: 2",
            "topicFiles[0]: 'more.yaml', line 1: a second ': ' stands in the line: put text with ': ' in quotes, or indent keys alike",
        ),
    ],
)
def test_one_clear_line(tmp_path: Path, content: str | None, line: str) -> None:
    if content is not None:
        (tmp_path / "more.yaml").write_text(content)
    raw = {"topics": {"logs": {}}, "topicFiles": ["more.yaml"]}
    assert lines(raw, tmp_path) == [line.format(folder=tmp_path.name)]


def test_more_than_pulumi_can_hand_over_is_refused_before_it_fails(tmp_path: Path) -> None:
    topics = {f"topic-{number:05}": {"partitions": 3, "retention": "7d"} for number in range(3_000)}
    stack = tmp_path / "Pulumi.big.yaml"
    stack.write_text(yaml.safe_dump({"config": {"kafka-platform:platform": {"topics": topics}}}))
    with pytest.raises(
        SettingsError, match=rf"topics: [\d,]+ bytes of settings are more than the {MOST_BYTES:,} .* topicFiles"
    ):
        read_stack(stack)
    (tmp_path / "topics.yaml").write_text(yaml.safe_dump(topics))
    stack.write_text(yaml.safe_dump({"config": {"kafka-platform:platform": {"topicFiles": ["topics.yaml"]}}}))
    assert len(read_stack(stack).topics) == 3_000
