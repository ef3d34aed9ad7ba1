"""A query engine as `pulumi up` deploys it: users see in SQL what their rights in Kafka let them read, and nothing else."""

import base64
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.pins import REGISTRY_IMAGE, TRINO_IMAGE
from tests.dashboards import asked
from tests.e2e.conftest import MakeStack
from tests.harness import ROOT, Stack, client_pod, eventually, forwarded, get, in_pod, kubectl
from tests.sandbox_cache import needed_layer
from tests.tiers import IS_LONG

NAMESPACE, SHOP = "e2e-query", "e2e-query-shop"
RECORDS = 20_000 if IS_LONG else 5_000
QUERIES = 200 if IS_LONG else 20
FOLDER = ROOT / "stacks" / NAMESPACE
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Invoice",
    "namespace": "shop",
    "fields": [
        {"name": "orderId", "type": "long"},
        {"name": "total", "type": "double"},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID"]}},
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
            {"name": "item", "type": "string"}, {"name": "count", "type": "int"}]}}},
    ],
}  # fmt: skip
INVOICES = RECORDS // 10
HOSTILE = "bank.*|alice"
"""A name that would be a pattern, if names were patterns."""
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "registry": {"pods": 1},
    "topics": {
        "orders": {"partitions": 2},
        "page-views": {},
        "accounts": {},
        "Invoices-paid": {"partitions": 2, "value": f"{NAMESPACE}/invoice.avsc"},
        "ledger": {"value": f"{NAMESPACE}/invoice.avsc"},
    },
    "tenants": {
        "shop": {
            "namespace": SHOP,
            "createNamespace": True,
            "users": {
                "alice": {"reads": ["orders", "page-views", "Invoices-paid"]},
                "filler": {"writes": ["orders", "page-views", "accounts", "Invoices-paid", "ledger"]},
            },
        },
        "bank": {"users": {HOSTILE: {"reads": ["accounts", "ledger"], "secret": "bank"}}},
    },
    "query": {
        "tables": {
            "orders": {
                "columns": [
                    "id BIGINT",
                    "customer VARCHAR",
                    "amount DOUBLE",
                    "city VARCHAR address/city",
                    "at TIMESTAMP",
                ]
            }
        }
    },
}
PROGRAM = """
import sys
from functools import partial
from pathlib import Path
from infra import __main__
from infra.query import arguments
arguments.query = partial(arguments.query, folder=Path(sys.argv[1]))
raise SystemExit(__main__.main(sys.argv[2:]))
"""
"""The command as in a shell, for stack files in another folder."""
FILL = """
import json, sys
from pathlib import Path
from confluent_kafka import Producer
config = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines() if "=" in line)
producer = Producer(config | {"acks": "all"})
for n in range(int(sys.argv[1])):
    order = {"id": n, "customer": f"c{n % 7}", "amount": n % 100 + 0.5, "address": {"city": "Bern"}, "at": "2026-01-01T00:00:00"}
    producer.produce("orders", json.dumps(order), key=str(n % 50))
    producer.poll(0)
producer.produce("page-views", json.dumps({"page": "\\x1b[31m/home"}))
producer.produce("accounts", "of the bank")
raise SystemExit(producer.flush(60))
"""


FILL_AVRO = """
import base64, fastavro, io, json, struct, sys, urllib.request
from pathlib import Path
from confluent_kafka import Producer
url, login, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
config = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines() if "=" in line)
producer = Producer(config | {"acks": "all"})
for topic in ("Invoices-paid", "ledger"):
    request = urllib.request.Request(f"{url}/subjects/{topic}-value/versions/latest", headers={"Authorization": "Basic " + login})
    latest = json.load(urllib.request.urlopen(request, timeout=60))
    schema = fastavro.parse_schema(json.loads(latest["schema"]))
    for n in range(count):
        row = {"orderId": n, "total": n % 100 + 0.5, "note": None if n % 2 else "it's", "state": "PAID",
               "lines": [{"item": f"i{n}", "count": n}]}
        out = io.BytesIO(b"\\0" + struct.pack(">I", latest["id"]))
        out.seek(5)
        fastavro.schemaless_writer(out, schema, row)
        producer.produce(topic, out.getvalue(), key=str(n))
raise SystemExit(producer.flush(60))
"""


@pytest.fixture(scope="module", autouse=True)
def _files() -> Iterator[None]:
    for layer, make in (
        ("trino", "`make trino` fetches it (820 MB, once)"),
        ("registry", "`make registry` fetches it"),
    ):
        needed_layer(layer, f"no {layer}: {make}")
    for tag in (TRINO_IMAGE, REGISTRY_IMAGE):
        subprocess.run([sys.executable, "-m", "sandbox", "image", "--tag", tag], cwd=ROOT, check=True)
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / "invoice.avsc"
    file.write_text(json.dumps(SCHEMA))
    try:
        yield
    finally:
        file.unlink()
        FOLDER.rmdir()


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    made = make_stack(NAMESPACE, PLATFORM)
    # The command reads the file where the test has it.
    (made.file.parent / NAMESPACE).mkdir()
    (made.file.parent / NAMESPACE / "invoice.avsc").write_text(json.dumps(SCHEMA))
    made.up()
    client_pod(SHOP, "filler", "filler")
    in_pod(SHOP, "filler", "python3", "-c", FILL, str(RECORDS))
    secret = get("secret", "filler-registry", SHOP)["data"]
    user, password, url = (
        base64.b64decode(secret[key]).decode() for key in ("username", "password", "schema.registry.url")
    )
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    in_pod(SHOP, "filler", "python3", "-c", FILL_AVRO, url, login, str(INVOICES))
    return made


def query(stack: Stack, sql: str, user: str, *more: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", PROGRAM, str(stack.file.parent), "query", stack.name, sql, "--as", user, *more]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def rows(stack: Stack, sql: str, user: str = "alice") -> list[list[Any]]:
    done = query(stack, sql, user, "--format", "json")
    assert done.returncode == 0, done.stderr
    found: list[list[Any]] = json.loads(done.stdout)["rows"]
    return found


def refusal(stack: Stack, sql: str, user: str = "alice") -> str:
    """The one line by which a statement is refused."""
    done = query(stack, sql, user)
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr.strip()


def test_counts_and_groups_agree_with_what_was_written(stack: Stack) -> None:
    assert rows(stack, "select count(*), count(distinct id), sum(amount) from orders") == [
        [RECORDS, RECORDS, sum(n % 100 + 0.5 for n in range(RECORDS))]
    ]
    found = rows(stack, "select customer, count(*), max(city), max(at) from kafka.topics.orders group by 1 order by 1")
    assert found == [[f"c{each}", len(range(each, RECORDS, 7)), "Bern", "2026-01-01 00:00:00.000"] for each in range(7)]
    assert rows(stack, "select json_extract_scalar(message, '$.page') from page_views") == [["\x1b[31m/home"]]
    assert rows(stack, "show tables") == [["orders"], ["page_views"]]
    assert rows(stack, "select * from accounts", HOSTILE) == [["of the bank"]]


@pytest.mark.long
def test_topics_with_a_schema_join_those_without_one(stack: Stack) -> None:
    invoices = 'registry.topics."invoices-paid"'
    assert rows(
        stack, f"select count(*), count(distinct orderid), sum(total), count(note), max(state) from {invoices}"
    ) == [[INVOICES, INVOICES, sum(n % 100 + 0.5 for n in range(INVOICES)), INVOICES // 2, "PAID"]]
    found = rows(
        stack,
        f"select o.customer, count(*), sum(i.total - o.amount), max(i.lines[1].count) from {invoices} i "
        "join orders o on o.id = i.orderid group by 1 order by 1",
    )
    assert found == [
        [f"c{each}", len(range(each, INVOICES, 7)), 0.0, max(range(each, INVOICES, 7))] for each in range(7)
    ]
    assert rows(stack, "show tables from registry.topics") == [["invoices-paid"]]
    assert rows(stack, "select count(*) from registry.topics.ledger", HOSTILE) == [[INVOICES]]


@pytest.mark.long
def test_rows_are_a_table_or_csv_and_move_no_cursor(stack: Stack) -> None:
    done = query(stack, "select id, customer from orders order by id", "alice", "--rows", "2")
    assert done.stdout.splitlines() == ["id  customer", "--  --------", " 0  c0", " 1  c1"]
    assert "these are the first 2 rows" in done.stderr
    done = query(
        stack, "select customer, count(*) as n from orders group by 1 order by 1 limit 1", "alice", "--format", "csv"
    )
    assert done.stdout == f"customer,n\nc0,{len(range(0, RECORDS, 7))}\n"
    assert "\x1b" not in query(stack, "select message as page from page_views", "alice").stdout


@pytest.mark.parametrize(
    ("user", "sql"),
    [
        ("alice", "select * from kafka.topics.accounts"),
        ("alice", "select count(*) from accounts"),
        (HOSTILE, "select * from orders"),
        ("alice", "select * from registry.topics.ledger"),
        (HOSTILE, 'select * from registry.topics."invoices-paid"'),
        # By such a name Trino would read a topic with the schema of another, which is not one of alice's tables.
        ("alice", 'select * from registry.topics."ledger&value-subject=invoices-paid-value"'),
        ("alice", 'select * from registry.topics."accounts&value-subject=invoices-paid-value"'),
        ("alice", 'insert into registry.topics."invoices-paid" (orderid) values (1)'),
        (HOSTILE, "select _message from page_views"),
        ("alice", "select * from system.runtime.queries"),
        ("alice", "select * from system.runtime.nodes"),
        ("alice", "select * from system.metadata.catalogs"),
        ("alice", "call system.runtime.kill_query(query_id => 'x', message => 'y')"),
        ("alice", "insert into orders (id) values (1)"),
        ("alice", "create table kafka.topics.mine (id bigint)"),
        ("alice", "drop table orders"),
        ("alice", "set session query_max_memory = '10GB'"),
    ],
)
def test_what_a_user_may_not_do_is_denied(stack: Stack, user: str, sql: str) -> None:
    assert refusal(stack, sql, user).startswith("Access Denied: ")


def test_sql_that_is_wrong_is_said_in_one_line(stack: Stack) -> None:
    assert refusal(stack, "select custmer from orders") == "line 1:8: Column 'custmer' cannot be resolved"
    assert refusal(stack, "selec 1").startswith("line 1:1: mismatched input 'selec'")
    assert refusal(stack, "select * from ordes") == "line 1:15: Table 'kafka.topics.ordes' does not exist"
    done = query(stack, "select 1", "alise")
    assert (done.returncode, "did you mean 'alice'?" in done.stderr) == (2, True)


def straight(address: str, sql: str, user: str, secret: str, **headers: str) -> Any:
    """What the pod answers, past everything that the command does: rows, what it says of a failure, or the status."""
    login = base64.b64encode(f"{user}:{secret}".encode()).decode()
    told = {"Authorization": f"Basic {login}", "X-Forwarded-Proto": "https", "X-Trino-Catalog": "kafka"}
    told |= {"X-Trino-Schema": "topics"} | {key.replace("_", "-"): value for key, value in headers.items()}
    path = "/v1/statement"
    body: bytes | None = sql.encode()
    rows: list[Any] = []
    try:
        while True:
            request = urllib.request.Request(f"{address}{path}", body, told)
            with urllib.request.urlopen(request, timeout=60) as answer:
                page = json.load(answer)
            rows += page.get("data") or []
            if "nextUri" not in page:
                return page["error"]["message"] if "error" in page else rows
            path, body = "/" + page["nextUri"].split("/", 3)[3], None
    except urllib.error.HTTPError as error:
        return error.code


def password_of(secret: str, namespace: str) -> str:
    return base64.b64decode(get("secret", secret, namespace)["data"]["password"]).decode()


def test_a_login_that_is_none_is_refused(stack: Stack) -> None:
    password = password_of("alice-kafka", SHOP)
    who = "select current_user"
    with forwarded(NAMESPACE, "deployment/query-engine", 8080) as address:
        assert straight(address, who, "alice", password) == [["alice"]]
        assert straight(address, who, "alice", "wrong") == 401
        assert straight(address, who, "filler", password_of("filler-kafka", SHOP)) == 401
        assert straight(address, who, "query-engine", password_of("query-engine-kafka", NAMESPACE)) == 401
        assert straight(address, who, "query-engine-metrics", "") == 401
        assert straight(address, who, "alice", password, X_Forwarded_Proto="http") == 403
        for forged in (HOSTILE, "query-engine-metrics", "nobody"):
            denied = f"Access Denied: User alice cannot impersonate user {forged}"
            assert straight(address, who, "alice", password, X_Trino_User=forged) == denied
            assert straight(address, who, "alice", password, X_Trino_Original_User=forged) == denied
        stop = urllib.request.Request(f"{address}/v1/info/state", b'"SHUTTING_DOWN"', method="PUT")
        stop.add_header("Content-Type", "application/json")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(stop, timeout=60)


def test_no_password_is_in_what_it_shows(stack: Stack) -> None:
    shown = kubectl("-n", NAMESPACE, "logs", "deployment/query-engine", "--all-containers", "--tail=-1")
    shown += kubectl("-n", NAMESPACE, "get", "configmaps,deployments,pods", "-o", "yaml")
    secrets = [("alice-kafka", SHOP), ("bank", NAMESPACE)]
    secrets += [(f"query-engine-{each}", NAMESPACE) for each in ("kafka", "registry")]
    for name, namespace in secrets:
        assert password_of(name, namespace) not in shown
    made = kubectl(
        "-n", NAMESPACE, "exec", "deployment/query-engine", "-c", "trino", "--", "ls", "-la", "/etc/kafka-platform"
    )
    assert "passwords" not in made


def test_its_kafka_user_reads_what_its_users_read_and_writes_nothing(stack: Stack) -> None:
    declared = json.loads(get("configmap", "kafka-declarations", NAMESPACE)["data"]["user.query-engine"])
    named = {(each["resource"], each["name"]) for each in declared["acls"]}
    topics = {"orders", "page-views", "accounts", "Invoices-paid", "ledger"}
    assert named == {("topic", topic) for topic in topics}
    assert {operation for each in declared["acls"] for operation in each["operations"]} == {"READ", "DESCRIBE"}
    assert declared["quotas"] == {"consumer_byte_rate": 20_000_000.0}


def test_what_it_shows_is_what_its_alerts_and_panels_ask_for(stack: Stack) -> None:
    with (
        forwarded(NAMESPACE, "deployment/query-engine", 9404) as address,
        urllib.request.urlopen(f"{address}/metrics", timeout=60) as answer,
    ):
        text = answer.read().decode()
    assert asked("query_engine_") <= set(re.findall(r"^(query_engine_\w+)", text, re.MULTILINE))
    assert asked("query_engine_")


@pytest.mark.long
def test_many_queries_in_a_row_end_no_pod(stack: Stack) -> None:
    password = password_of("alice-kafka", SHOP)
    with forwarded(NAMESPACE, "deployment/query-engine", 8080) as address:
        for _ in range(QUERIES):
            assert straight(address, "select count(*) from orders", "alice", password) == [[RECORDS]]
    pods = json.loads(
        kubectl("-n", NAMESPACE, "get", "pods", "-l", "app.kubernetes.io/component=query-engine", "-o", "json")
    )
    states = [each for pod in pods["items"] for each in pod["status"]["containerStatuses"]]
    assert sum(each["restartCount"] for each in states) == 0


@pytest.mark.long
def test_a_changed_password_is_taken_up_without_a_restart(stack: Stack) -> None:
    before = get("deployment", "query-engine", NAMESPACE)["metadata"]["generation"]
    shop = PLATFORM["tenants"]["shop"]
    users = shop["users"] | {"alice": shop["users"]["alice"] | {"passwordVersion": 2}}
    stack.write(PLATFORM | {"tenants": PLATFORM["tenants"] | {"shop": shop | {"users": users}}})
    stack.up()
    eventually("the new password works", lambda: query(stack, "select 1", "alice").returncode == 0, 180)
    assert get("deployment", "query-engine", NAMESPACE)["metadata"]["generation"] == before
