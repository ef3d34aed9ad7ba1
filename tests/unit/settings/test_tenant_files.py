"""Topics and users in files of the teams that they belong to, within the bounds of the platform's owner."""

import re
from pathlib import Path
from typing import Any

import pytest

from infra.affected import stack_files
from infra.settings.faults import SettingsError
from infra.settings.parsing import parse, read_stack
from infra.settings.relations import declared
from infra.settings.relations.declared import overlap

ROOT = Path(__file__).resolve().parents[3]
PAYMENTS = "topics: {payments.orders: {partitions: 6}}\nusers: {pay: {writes: [payments.*], groups: [payments-*]}}\n"


def settings(rule: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "topics": {"customers": {}},
        "tenants": {"payments": {"namespace": "payments"}, "shop": {}},
        "tenantFiles": {"payments": {"file": "payments.yaml"} | (rule or {})},
    } | more


def faults(folder: Path, content: str, rule: dict[str, Any] | None = None, **more: Any) -> list[str]:
    (folder / "payments.yaml").write_text(content)
    with pytest.raises(SettingsError) as caught:
        parse(settings(rule, **more), folder)
    return [str(fault) for fault in caught.value.faults]


def test_a_teams_file_is_as_if_it_stood_in_the_stack_file(tmp_path: Path) -> None:
    (tmp_path / "payments.yaml").write_text(PAYMENTS)
    made = parse(settings(), tmp_path)
    assert sorted(made.topics) == ["customers", "payments.orders"]
    assert made.topics["payments.orders"].tenant == "payments"
    assert made.users["pay"].namespace == "payments"
    assert made.users["pay"].writes == ["payments.*"]


@pytest.mark.parametrize("content", ["topics:\nusers:\n", "topics: {payments.list:}\n", "users: {}\n", "{}"])
def test_parts_may_be_empty(tmp_path: Path, content: str) -> None:
    (tmp_path / "payments.yaml").write_text(content)
    parse(settings(), tmp_path)


def test_all_within_the_bounds_is_taken(tmp_path: Path) -> None:
    (tmp_path / "payments.yaml").write_text(
        "topics:\n  pay-a: {partitions: 12, retention: 30d, replicas: 1}\n  pay-b: {cleanup: compact}\n"
        "users:\n  pay:\n    writes: [pay-a, pay-*]\n    reads: [customers]\n    quotas: {produce: 1MB/s, consume: 5MB/s}\n"
        "    acls: [{resource: topic, name: pay-a, operations: [DESCRIBE_CONFIGS]}]\n"
    )
    rule = {
        "owns": ["pay-*"],
        "reads": ["customers"],
        "partitions": 12,
        "allPartitions": 13,
        "replicas": 1,
        "retention": "30d",
        "quotas": {"produce": "1MB/s"},
    }
    assert parse(settings(rule), tmp_path).topics.keys() == {"customers", "pay-a", "pay-b"}


ASK = "or ask the platform's owner for more in tenantFiles.payments"
CASES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "topics: {orders: {}}", "topics.orders: is not a name of this team: call it payments.* or payments-*"),
    ({"owns": ["pay*"]}, "topics: {payments.x: {}, p: {}}", "topics.p: is not a name of this team: call it pay*"),
    (
        {"partitions": 12},
        "topics: {payments-x: {partitions: 13}}",
        f"topics.payments-x.partitions: 13 partitions are more than the 12 of this team: write at most 12, {ASK}.partitions",
    ),
    (
        {"allPartitions": 12},
        "topics: {payments-x: {partitions: 12}, payments-y: {}}",
        f"topics: 13 partitions of all topics are more than the 12 of this team: declare fewer, {ASK}.allPartitions",
    ),
    (
        {"replicas": 2},
        "topics: {payments-x: {replicas: 1}}",
        f"topics.payments-x.replicas: 1 copies are fewer than the 2 of this team: write 2, or remove the key, {ASK}.replicas",
    ),
    (
        {"retention": "30d"},
        "topics: {payments-x: {retention: 31d}}",
        f"topics.payments-x.retention: 31d is longer than the 30d of this team: write at most 30d, {ASK}.retention",
    ),
    (
        {"retention": "30d"},
        "topics: {payments-x: {retention: forever}}",
        f"topics.payments-x.retention: forever is longer than the 30d of this team: write at most 30d, {ASK}.retention",
    ),
    (
        {"retention": "30d"},
        "topics: {payments-x: {}}",
        "topics.payments-x.retention: missing, so records may be kept longer than the 30d of this team: write at most "
        f"30d, {ASK}.retention",
    ),
    (
        {"quotas": {"produce": "1MB/s"}},
        "users: {pay: {quotas: {produce: 2MB/s}}}",
        "users.pay.quotas.produce: is above the highest limit of this team, 1MB/s: write at most 1MB/s, "
        f"{ASK}.quotas.produce",
    ),
    (
        {"quotas": {"produce": "1MB/s"}},
        "users: {pay: {}}",
        "users.pay.quotas.produce: is above the highest limit of this team, 1MB/s: write at most 1MB/s, "
        f"{ASK}.quotas.produce",
    ),
    (
        {},
        "users: {pay: {writes: [customers]}}",
        "users.pay.writes: 'customers' goes beyond what this team may name: use payments.* or payments-*",
    ),
    (
        {},
        'users: {pay: {reads: ["*"]}}',
        "users.pay.reads: '*' goes beyond what this team may name: use payments.* or payments-*, or ask the platform's owner for it in tenantFiles.payments.reads",
    ),
    (
        {},
        "users: {pay: {groups: [pay*]}}",
        "users.pay.groups: 'pay*' goes beyond what this team may name: use payments.* or payments-*",
    ),
    (
        {},
        "users: {pay: {transactions: [shop-1]}}",
        "users.pay.transactions: 'shop-1' goes beyond what this team may name: use payments.* or payments-*",
    ),
    (
        {"reads": ["customers"]},
        "users: {pay: {acls: [{resource: topic, name: customers, operations: [ALL]}]}}",
        "users.pay.acls[0].name: 'customers' goes beyond what this team may name: use payments.* or payments-*",
    ),
    (
        {},
        "users: {pay: {acls: [{resource: cluster, name: kafka-cluster, operations: [ALTER]}]}}",
        "users.pay.acls[0]: rights on the cluster are for the stack file alone: declare the user in tenants.payments.users there",
    ),
    (
        {},
        "users: {root: {adopt: true}}",
        "users.root.adopt: only the stack file may take over a user: declare it in tenants.payments.users there",
    ),
    (
        {},
        "topics: {payments.x: {tenant: shop}}",
        "topics.'payments.x'.tenant: 'shop' is another tenant than 'payments', whose file this is: remove the key",
    ),
    (
        {},
        "topics: {payments.x: {partitionz: 1}}",
        "topics.'payments.x'.partitionz: unknown key: did you mean 'partitions'?",
    ),
    ({}, "users: {pay: {write: [payments.x]}}", "users.pay.write: unknown key: did you mean 'writes'?"),
    (
        {},
        "users: {pay: {namespace: kube-system}}",
        "users.pay.namespace: unknown key: write namespace at the tenant, tenants.payments.namespace",
    ),
    ({}, "topic: {}", "topic: unknown key: did you mean 'topics'?"),
    ({}, "topics: [payments.x]", "topics: a list is not topics by name: write orders: {}"),
    ({}, "users: pay", "users: 'pay' is not users by name: write api: {}"),
]


@pytest.mark.parametrize(("rule", "content", "line"), CASES, ids=[line[:70] for _, _, line in CASES])
def test_a_line_names_the_file_the_field_and_the_fix(
    tmp_path: Path, rule: dict[str, Any], content: str, line: str
) -> None:
    more = {"kafka": {"nodes": 3}}
    assert faults(tmp_path, content, rule, **more) == [f"payments.yaml: {line}"]


def test_a_topic_is_declared_once(tmp_path: Path) -> None:
    content = "topics: {payments.x: {}}"
    own: dict[str, Any] = {"topics": {"payments.x": {}}}
    assert faults(tmp_path, content, **own) == [
        "payments.yaml: topics.'payments.x': the stack file or topicFiles declares this topic too: rename it"
    ]


def test_a_user_is_declared_once(tmp_path: Path) -> None:
    tenants: dict[str, Any] = {"payments": {"users": {"pay": {}}}}
    assert faults(tmp_path, "users: {pay: {}}", tenants=tenants) == [
        "payments.yaml: users.pay: the stack file declares this user too: keep one of them"
    ]


def test_two_teams_cannot_claim_the_same_names(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("topics: {payments.x: {}}")
    files = {
        "payments": {"file": "payments.yaml"},
        "shop": {"file": "shop.yaml", "owns": ["shop*", "payments.x"]},
    }
    assert faults(tmp_path, "topics: {payments.x: {}}", tenantFiles=files) == [
        "shop.yaml: topics.'payments.x': payments.yaml of tenant 'payments' declares this topic too: rename it",
        "tenantFiles.shop.owns: 'payments.x' and 'payments.*' of tenant 'payments' can mean the same: make one of them longer",
    ]


def test_a_file_needs_its_tenant(tmp_path: Path) -> None:
    assert faults(tmp_path, "users: {pay: {}}", tenants={}) == [
        "tenantFiles.payments: 'payments' is not a tenant of the stack file: declare it under tenants, which says its namespace"
    ]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("none.yaml", "'none.yaml' cannot be read, No such file or directory: name a file in {folder}"),
        ("payments", "'payments' is not a file of YAML: write a path such as teams/payments.yaml"),
        ("a\0.yaml", "'a\\x00.yaml', file: has a name that no file can have: write its path"),
        ("empty.yaml", "'empty.yaml' is empty: write topics: and users: with names below"),
        ("/dev/zero.yaml", "'/dev/zero.yaml' cannot be read, No such file or directory: name a file in {folder}"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, file: str, line: str) -> None:
    (tmp_path / "empty.yaml").write_text("")
    found = faults(tmp_path, "", {"file": file})
    assert f"tenantFiles.payments.file: {line.format(folder=tmp_path.name)}" in found


def test_a_change_of_a_teams_file_concerns_its_stack(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.x.yaml").write_text(
        "config: {kafka-platform:platform: {tenantFiles: {payments: {file: teams/payments.yaml}}}}"
    )
    assert "stacks/teams/payments.yaml" in stack_files(tmp_path)["x"]


def test_the_files_in_the_docs_are_taken(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "teams.md").read_text(encoding="utf-8")
    stack, team = re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "teams").mkdir()
    (tmp_path / "Pulumi.documented.yaml").write_text(stack)
    (tmp_path / "teams" / "payments.yaml").write_text(team)
    (tmp_path / "teams" / "shop.yaml").write_text("{}")
    made = read_stack(tmp_path / "Pulumi.documented.yaml")
    assert made.topics.keys() == {"customers", "payments.booked", "payments.accounts"}
    assert made.users.keys() == {"payment-api", "ledger"}


def test_the_faults_in_the_docs_are_what_is_said(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "teams.md").read_text(encoding="utf-8")
    content = "topics: {payments.booked: {partitions: 48}}\nusers: {ledger: {reads: [shop.orders]}}"
    topics: dict[str, Any] = {"shop.orders": {}, "customers": {}}
    found = faults(tmp_path, content, {"partitions": 24, "reads": ["customers"]}, topics=topics)
    assert len(found) == 2
    for line in found:
        assert f"  teams/{line}\n" in page


def test_ten_times_the_teams_are_ten_times_the_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    def counted(one: str, other: str) -> bool:
        nonlocal compared
        compared += 1
        return overlap(one, other)

    monkeypatch.setattr(declared, "overlap", counted)

    def comparisons(teams: int) -> int:
        nonlocal compared
        compared, claims = 0, declared.Claims()
        for number in range(teams):
            for pattern in (f"team{number:04}.*", f"team{number:04}-*", f"team{number:04}"):
                assert claims.of_others(pattern, f"team{number:04}") is None
                claims.add(pattern, f"team{number:04}")
        return compared

    assert comparisons(1000) <= 11 * comparisons(100) + 100


@pytest.mark.parametrize(
    ("claimed", "pattern", "collides"),
    [
        ("a.*", "a.b", True),
        ("a.b", "a.*", True),
        ("a.*", "a.b.*", True),
        ("a.b.*", "a.*", True),
        ("*", "z", True),
        ("z", "*", True),
        ("a", "a", True),
        ("a", "a*", True),
        ("a*", "a", True),
        ("a.b", "a.c", False),
        ("a.*", "ab.*", False),
        ("a", "ab", False),
        ("ab", "a", False),
        ("a-*", "a.*", False),
    ],
)
def test_names_that_two_teams_could_have(claimed: str, pattern: str, collides: bool) -> None:
    claims = declared.Claims()
    claims.add(claimed, "other")
    assert (claims.of_others(pattern, "own") == (claimed, "other")) is collides
    assert claims.of_others(pattern, "other") is None
    assert overlap(claimed, pattern) is collides


def test_of_several_claims_the_first_is_named() -> None:
    claims = declared.Claims()
    for pattern in ("a.b.c", "a.*", "a.b.*"):
        claims.add(pattern, f"owner of {pattern}")
    assert claims.of_others("a.b.*", "own") == ("a.b.c", "owner of a.b.c")
    assert claims.of_others("a.x", "own") == ("a.*", "owner of a.*")
