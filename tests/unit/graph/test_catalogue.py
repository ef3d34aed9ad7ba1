"""`python -m infra catalogue`: the topics of a stack as a page."""

import re
from pathlib import Path

import pytest

from infra.__main__ import main
from infra.settings.faults import SettingsError
from infra.settings.parsing import parse
from infra.settings.topic import LONGEST_DESCRIPTION

STACK = """
config:
  kafka-platform:platform:
    kafka: {engine: embedded, defaults: {retention: 3d}}
    registry: {}
    topics:
      orders: {partitions: 24, retention: 30d, retentionSize: 50Mi, tenant: shop, description: Every order once, value: order.avsc, compatibility: full}
      checked.v1: {cleanup: compact}
      seen: {cleanup: "compact,delete"}
    tenants:
      shop: {users: {api: {writes: [orders]}}}
      books: {users: {auditor: {reads: ["*"]}}}
    workers:
      check: {image: "example.com/check:1", tenant: books, reads: [orders], writes: [checked.v1]}
    jobs:
      nightly: {image: "example.com/sum:1", tenant: books, schedule: "0 3 * * *", reads: [checked.v1], writes: [seen]}
    connectors:
      crm:
        postgres: {host: db.crm, database: crm, secret: crm, tables: [public.people]}
        tenant: shop
"""


@pytest.fixture
def stack(tmp_path: Path) -> str:
    (tmp_path / "order.avsc").write_text('{"type": "record", "name": "Order", "fields": []}')
    file = tmp_path / "Pulumi.shop.yaml"
    file.write_text(STACK)
    return str(file)


def page(capsys: pytest.CaptureFixture[str], stack: str) -> str:
    assert main(["catalogue", stack]) == 0
    return capsys.readouterr().out


def facts(text: str, topic: str) -> dict[str, str]:
    """The rows of a topic's section."""
    section = text.partition(f'<a id="topic-{topic}"></a>')[2].partition("<a id=")[0]
    rows = (line.strip("| ").split(" | ", 1) for line in section.splitlines() if line.startswith("| "))
    return {row[0]: row[1] for row in rows if len(row) == 2}


def test_a_topic_has_its_facts(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = facts(page(capsys, stack), "orders")
    assert found.pop("Schema").endswith("order.avsc, full")
    assert found == {
        "Description": "Every order once",
        "Owner": "shop",
        "Partitions": "24",
        "Kept": "30d, at most 50Mi in each partition",
        "Written by": "user api (tenant shop)",
        "Read by": "user auditor (tenant books), worker check (tenant books)",
        "Goes into": "[checked.v1](#topic-checked.v1)",
    }


def test_lineage_is_links_to_other_topics_and_names_of_systems(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = page(capsys, stack)
    assert facts(text, "checked.v1")["Made from"] == "[orders](#topic-orders)"
    assert facts(text, "crm.public.people")["Made from"] == "db.crm:5432"
    targets = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert targets == set(re.findall(r'<a id="([^"]+)"', text)), (
        "each link leads somewhere, and each topic is in the list"
    )


def test_the_owner_is_the_tenant_of_all_writers_unless_it_is_said(
    stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = page(capsys, stack)
    assert [facts(text, each).get("Owner") for each in ("orders", "seen", "crm.public.people")] == [
        "shop",
        "books",
        "shop",
    ]


def test_how_long_records_are_kept(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = page(capsys, stack)
    assert facts(text, "checked.v1")["Kept"] == "the newest record of each key, for ever"
    assert facts(text, "seen")["Kept"] == "the newest record of each key, 3d (the default)"


def test_what_a_program_has_for_itself_is_left_out(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "connect-offsets" not in page(capsys, stack)


def test_the_page_is_the_same_each_time_and_in_the_order_of_names(
    stack: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = page(capsys, stack)
    listed = re.findall(r"^\| \[(.*?)\]", text, re.MULTILINE)
    assert listed == sorted(listed)
    assert main(["catalogue", stack, "--out", str(tmp_path / "topics.md")]) == 0
    assert (tmp_path / "topics.md").read_text(encoding="utf-8") == text
    assert capsys.readouterr().out == ""


def test_a_description_is_shown_as_it_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Pulumi.shop.yaml"
    hostile = "a | b <script>x</script> [link](javascript:x) `code` *bold* ![i](u) &lt; $x$ \\\\| # h"
    file.write_text(f"config:\n  kafka-platform:platform:\n    topics: {{orders: {{description: '{hostile}'}}}}\n")
    shown = facts(page(capsys, str(file)), "orders")["Description"]
    assert re.sub(r"\\(.)", r"\1", shown) == hostile
    assert not re.search(r"(?<!\\)(\\\\)*[|<>`*\[\]!&$#]", shown), "nothing has a meaning"


@pytest.mark.parametrize(
    ("description", "fault"),
    [
        ("a\nb", "is not one line of printable characters, as a description has to be: remove line breaks"),
        ("\u202eb", "is not one line of printable characters"),
        (" ", "is empty: write what the records are, or remove the key"),
        ("x" * (LONGEST_DESCRIPTION + 1), "has 501 characters: use up to 500"),
    ],
)
def test_a_description_that_is_refused(description: str, fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse({"topics": {"orders": {"description": description}}})
    [line] = map(str, caught.value.faults)
    assert line.startswith("topics.orders.description: ")
    assert fault in line


def test_an_external_topic_that_is_not_declared_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Pulumi.shop.yaml"
    file.write_text(
        "config:\n  kafka-platform:platform:\n"
        "    kafka: {engine: external, bootstrapServers: 'kafka:9092', adminSecret: admin}\n"
        "    topics: {orders: {}}\n"
        "    tenants: {shop: {users: {api: {reads: [orders, 'pay*']}}}}\n"
    )
    text = page(capsys, str(file))
    assert facts(text, "pay%2A")["Declared"] == "not in this stack"
    assert facts(text, "orders")["Kept"] == "the cluster's default"


def test_a_file_that_cannot_be_written_is_said(stack: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["catalogue", stack, "--out", str(tmp_path / "none" / "topics.md")]) == 1
    assert "topics.md cannot be written, No such file or directory: name another file" in capsys.readouterr().err
