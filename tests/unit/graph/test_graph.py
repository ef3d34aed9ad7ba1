"""`python -m infra graph`: where the data of a stack comes from and goes to."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from infra.__main__ import main
from infra.graph.mermaid import MOST_ARROWS
from infra.graph.svg import MOST_ARROWS as MOST_DRAWN
from tests.documented import ROOT

STACK = """
config:
  kafka-platform:platform:
    namespace: streaming
    kafka: {engine: embedded}
    topics: {orders: {}, orders-checked: {}, bookings: {}, readings: {}, sums: {}}
    tenants:
      shop:
        users:
          api: {writes: [orders]}
      books:
        users: {auditor: {reads: ["orders*"]}}
    workers:
      check: {image: "example.com/check:1", tenant: shop, reads: [orders], writes: [orders-checked]}
      book: {image: "example.com/book:1", tenant: books, reads: [orders-checked], writes: [bookings]}
    jobs:
      nightly: {image: "example.com/sum:1", tenant: books, schedule: "0 3 * * *", reads: [bookings], writes: [sums]}
    connectors:
      crm:
        postgres: {host: db.crm, database: crm, secret: crm, tables: [public.people]}
        tenant: shop
      lake:
        jdbc: {url: "jdbc:postgresql://lake.example.com:5432/lake", secret: lake}
        reads: [bookings]
      index:
        opensearch: {url: "https://search.example.com", secret: search}
        reads: [bookings]
      sensors:
        mqtt: {host: mqtt.example.com, filters: ["sensors/#"], writes: readings}
    mirror:
      origin: {name: first, bootstrapServers: "kafka.first.example.com:9093", username: mirror, secret: first-login}
      topics: [readings, shop-*]
      groups: [payments-*]
    logs: {namespaces: [payments]}
    probe: {}
"""


HOSTILE = """
config:
  kafka-platform:platform:
    namespace: streaming
    kafka: {engine: external, bootstrapServers: "kafka:9092", securityProtocol: SSL, clientCertificates: true, adminSecret: admin}
    topics: {orders: {}}
    tenants: {shop: {users: {"CN=a\\"]-->b<script>alert(1)</script>": {writes: [orders], auth: custom, secret: a}}}}
"""


@pytest.fixture
def stack(tmp_path: Path) -> str:
    file = tmp_path / "Pulumi.graph.yaml"
    file.write_text(STACK)
    return str(file)


def programs(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, Any]]:
    assert main(["graph", "--json", *arguments]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["version"] == 1
    return {each["user"]: each for each in shown["programs"]}


def test_rights_say_who_writes_and_reads(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = programs(capsys, stack)
    assert found["api"]["writes"] == ["orders"]
    assert found["check"] == {
        "user": "check",
        "kind": "worker",
        "name": "check",
        "tenant": "shop",
        "writes": ["orders-checked"],
        "reads": ["orders"],
        "takesFrom": [],
        "bringsTo": [],
    }
    assert found["auditor"]["reads"] == ["orders", "orders-checked"], "a prefix means all topics that begin with it"


def test_connectors_show_the_systems_beyond(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = programs(capsys, stack)
    assert (found["connector-crm"]["takesFrom"], found["connector-crm"]["bringsTo"]) == (["db.crm:5432"], [])
    assert (found["connector-lake"]["takesFrom"], found["connector-lake"]["bringsTo"]) == (
        [],
        ["lake.example.com:5432"],
    )
    assert found["connector-index"]["bringsTo"] == ["search.example.com:443"]
    assert found["connector-sensors"]["takesFrom"] == ["mqtt.example.com:8883"]
    assert found["connector-crm"]["writes"][-1] == "crm.public.people"


def test_a_mirror_brings_topics_of_another_kafka(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = programs(capsys, stack)
    mirror = found["connector-mirror"]
    assert (mirror["kind"], mirror["name"]) == ("mirror", "first")
    assert mirror["takesFrom"] == ["kafka.first.example.com:9093"]
    assert (mirror["writes"], mirror["reads"]) == (["readings", "shop-*"], [])
    # It has to be allowed to read the topics of the offsets that it sets, and carries no records.
    assert "connector-mirror-offsets" not in found


def test_a_log_collector_brings_lines_of_containers(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = programs(capsys, stack)["log-collector"]
    assert (found["kind"], found["takesFrom"]) == ("log collector", ["containers of payments"])
    assert (found["writes"], found["reads"]) == (["logs.payments"], [])


def test_what_one_program_has_for_itself_is_left_out(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = programs(capsys, stack)
    assert {"latency-probe", "connect"}.isdisjoint(found)


def test_a_topic_keeps_what_is_upstream_and_downstream(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(programs(capsys, stack, "--topic", "orders-checked")) == {
        "api",
        "auditor",
        "check",
        "book",
        "nightly",
        "connector-index",
        "connector-lake",
    }
    assert set(programs(capsys, stack, "--topic", "crm.public.people")) == {"connector-crm"}


def test_one_way_from_a_topic_can_be_chosen(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    up = programs(capsys, stack, "--topic", "bookings", "--upstream")
    assert set(up) == {"book", "check", "api"}
    down = programs(capsys, stack, "--topic", "bookings", "--downstream")
    assert set(down) == {"nightly", "connector-index", "connector-lake"}
    assert down["nightly"]["writes"] == ["sums"]


def test_a_way_needs_a_topic(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["graph", stack, "--downstream"])
    assert "--downstream is a way from a topic: add --topic" in capsys.readouterr().err


def test_a_tenant_keeps_its_programs(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(programs(capsys, stack, "--tenant", "books")) == {"auditor", "book", "nightly"}


def picture(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def all_of(root: ElementTree.Element, tag: str) -> Iterable[ElementTree.Element]:
    return root.iter(f"{{http://www.w3.org/2000/svg}}{tag}")


def test_the_picture_has_every_node_and_arrow(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", stack, "--topic", "bookings", "--svg"]) == 0
    root = picture(capsys.readouterr().out)
    titles = {each.text for each in all_of(root, "title")}
    assert titles == {
        "orders",
        "orders-checked",
        "bookings",
        "sums",
        "index-dead-letters",
        "lake-dead-letters",
        "user api tenant shop",
        "worker check tenant shop",
        "worker book tenant books",
        "job nightly (0 3 * * *) tenant books",
        "connector index",
        "connector lake",
        "search.example.com:443",
        "lake.example.com:5432",
    }
    ways = [each for each in all_of(root, "path") if each.get("class") == "way"]
    assert len(ways) == 13, "one for each right and each other system"
    assert len({each.get("d") for each in ways}) == len(ways)


def test_a_name_cannot_write_into_the_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Pulumi.graph.yaml"
    file.write_text(HOSTILE)
    assert main(["graph", str(file), "--svg"]) == 0
    root = picture(capsys.readouterr().out)
    assert not list(all_of(root, "script"))
    assert [each.text for each in all_of(root, "text")] == [
        "orders",
        'user CN=a"]-->b<script>alert(1)</sc…',
        "tenant shop",
    ]


def test_a_picture_with_more_arrows_than_anybody_can_see_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topics = ", ".join(f"topic-{number}: {{}}" for number in range(MOST_DRAWN // 2 + 1))
    file = tmp_path / "Pulumi.graph.yaml"
    file.write_text(
        "config:\n  kafka-platform:platform:\n    namespace: streaming\n    kafka: {engine: embedded}\n"
        f"    topics: {{{topics}}}\n    tenants: {{shop: {{users: {{a: {{writes: ['*']}}, b: {{reads: ['*']}}}}}}}}\n"
    )
    assert main(["graph", str(file), "--svg"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "2,002 arrows are more than one picture shows: choose --topic or --tenant\n"


def test_the_diagram_has_each_arrow_in_the_way_of_the_data(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", stack, "--topic", "bookings"]) == 0
    lines = capsys.readouterr().out.splitlines()
    nodes = {line.split('"')[1]: line.strip().partition("[")[0].partition("{")[0] for line in lines if '"' in line}
    assert lines[0] == "flowchart LR"
    for start, end in (
        ("orders", "worker check<br>tenant shop"),
        ("worker check<br>tenant shop", "orders-checked"),
        ("bookings", "connector lake"),
        ("connector lake", "lake.example.com:5432"),
    ):
        assert f"  {nodes[start]} --> {nodes[end]}" in lines


def test_a_name_cannot_write_into_the_diagram(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Pulumi.graph.yaml"
    file.write_text(HOSTILE)
    assert main(["graph", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "user CN=a#34;#93;--#62;b#60;script#62;alert#40;1#41;#60;/script#62;<br>tenant shop" in shown
    assert shown.count('"') == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--topic", "ordes"], "'ordes' is not a topic of Pulumi.graph.yaml: did you mean 'orders'?\n"),
        (["--tenant", "book"], "'book' is not a tenant of Pulumi.graph.yaml: did you mean 'books'?\n"),
    ],
)
def test_a_misuse_is_answered_in_one_line(
    stack: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["graph", stack, *arguments]) == 1
    assert capsys.readouterr() == ("", message)


def test_more_arrows_than_mermaid_draws_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topics = ", ".join(f"topic-{number}: {{}}" for number in range(MOST_ARROWS))
    file = tmp_path / "Pulumi.graph.yaml"
    file.write_text(
        "config:\n  kafka-platform:platform:\n    namespace: streaming\n    kafka: {engine: embedded}\n"
        f"    topics: {{{topics}}}\n    tenants: {{shop: {{users: {{a: {{writes: ['*']}}, b: {{reads: ['*']}}}}}}}}\n"
    )
    assert main(["graph", str(file)]) == 0
    assert capsys.readouterr().err == "1,000 arrows are more than Mermaid draws: choose --topic or --tenant\n"


def test_the_example_in_the_docs_is_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "prod", "--topic", "orders"]) == 0
    assert f"$ python -m infra graph prod --topic orders\n{capsys.readouterr().out}```" in (
        ROOT / "docs" / "operations.md"
    ).read_text(encoding="utf-8")
