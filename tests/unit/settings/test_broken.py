"""Every broken stack file of the table is answered with exactly its one line."""

import re
import textwrap

import pytest

from infra.settings.faults import SettingsError
from infra.settings.parsing import parse
from infra.settings.stackfile import parse_yaml, select
from tests.many import for_each
from tests.unit.settings.broken import FILES, PLATFORM


def stack_file(platform: str) -> str:
    return "config:\n  kafka-platform:platform:\n" + textwrap.indent(platform, "    ") + "\n"


def faults(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(select(parse_yaml(text)))
    assert str(caught.value) == "\n".join(map(str, caught.value.faults))
    return [str(fault) for fault in caught.value.faults]


ALL = [(stack_file(platform), line) for platform, line in PLATFORM] + FILES


def test_there_are_enough() -> None:
    assert len({text for text, _ in ALL}) == len(ALL) >= 60


@for_each("text, line", ALL)
def test_one_clear_line(text: str, line: str) -> None:
    assert faults(text) == [line]


@for_each("line", sorted({line for _, line in ALL}))
def test_a_line_says_where_what_and_how_to_fix_it(line: str) -> None:
    where, what, fix = line.split(": ", 2)
    assert all((where.strip(), what.strip(), fix.strip()))
    assert "\n" not in line
    # Nothing of the tools behind it: Python's and pydantic's words, snake_case names of fields.
    assert not re.search(r"(?i)pydantic|\binput\b|value error|dataclass|NoneType|Enum|instance|extra_|\bdict\b", line)
    assert (
        not re.search(r"min_insync|retention_size|storage_class|first_port|node_ports|cpu_limit", line)
        or "unknown" in line
    )


def test_faults_of_all_kinds_are_reported_together_in_the_order_of_the_file() -> None:
    assert faults(
        stack_file(
            """\
topics:
  orders: {replicas: 5, partitions: 0, retention: 5x, maxMessageSize: big, colour: red}
  a.b:
  a_b: {config: {segment.byte: 5, retention.ms: 7}}
kafka: {nodes: 3, nodez: 3, storage: 1, defaults: {minInsyncReplicas: 3, retention: 7}}
tenants:
  shop:
    users:
      app:
        reads: [ordrs]
        writes: orders
        acls: [{resource: topik, name: orders}]
      admin: {}
"""
        )
    ) == [
        "topics.orders.replicas: 5 replicas on 3 brokers: use at most 3, or add nodes to kafka.nodes",
        "topics.orders.partitions: 0 is out of range: use 1 to 10000",
        "topics.orders.retention: '5x' is not a duration: write a number with ms, s, m, h or d, such as 10s, 7d or 1d12h",
        "topics.orders.maxMessageSize: 'big' is not a size: write a number with kB, MB, GB, TB, Ki, Mi, Gi or Ti, such as 512Mi",
        "topics.orders.colour: unknown key: use one of partitions, replicas, minInsyncReplicas, retention, retentionSize, "
        "cleanup, maxMessageSize, config, deletion, adopt, description, tenant, value, key, compatibility, load",
        "topics.a_b: differs from 'a.b' only by '.' and '_', which Kafka refuses: rename one",
        "topics.a_b.config.'segment.byte': unknown topic setting: did you mean 'segment.bytes'?",
        "topics.a_b.config.'retention.ms': has a field of its own: write retention",
        "kafka.nodez: unknown key: did you mean 'nodes'?",
        "kafka.storage: 1 is a bare number: write a quantity such as 10Gi",
        "kafka.defaults.minInsyncReplicas: 3 of 3 replicas: one broker down would stop every writer: use 2",
        "kafka.defaults.retention: 7 is a bare number: write a duration such as 7d",
        "tenants.shop.users.app.reads: 'ordrs' is not a topic of this file: declare it under topics, or name one that is there: orders, a.b, a_b",
        "tenants.shop.users.app.writes: 'orders' is not a list: write [orders]",
        "tenants.shop.users.app.acls[0].operations: missing: write a list such as [READ, DESCRIBE]",
        "tenants.shop.users.app.acls[0].resource: 'topik' is not known: use one of topic, group, transactionalId, cluster",
        "tenants.shop.users.admin: 'admin' is a user of the platform itself: choose another name",
    ]


def test_a_star_for_a_value_hides_no_other_fault() -> None:
    assert faults(stack_file("gateway: {recheck: '*', cors: [shop.example.com]}")) == [
        "gateway.recheck: '*' is not a duration: write a number with ms, s, m, h or d, such as 10s, 7d or 1d12h",
        "gateway.cors: 'shop.example.com' is not an origin: write one such as https://shop.example.com, or '*'",
    ]


def test_a_fault_brings_no_others_with_it() -> None:
    """What cannot be known because of one fault is not reported as a second."""
    assert faults(stack_file("kafka: {nodes: three, defaults: {replicas: 3}}\ntopics: {orders: {replicas: 3}}")) == [
        "kafka.nodes: 'three' is not a whole number: write one such as 3"
    ]
    assert faults(stack_file("topics: {orders: 24}\ntenants: {shop: {users: {app: {reads: [orders]}}}}")) == [
        "topics.orders: 24 is not a mapping: write keys below it, such as partitions, replicas, minInsyncReplicas"
    ]
    assert faults(stack_file("kafka: {engine: extern, bootstrapServers: 'a:9092'}\ntopics: {orders: {}}")) == [
        "kafka.engine: 'extern' is not known: did you mean 'external'?"
    ]


def test_a_file_that_is_too_deep() -> None:
    assert faults("config: {a: " + "[" * 3000) == [
        "file: a part of it contains itself, or is nested too deep: write it out plainly"
    ]
