"""A query engine as `pulumi up` deploys it: users see in SQL what their rights in Kafka let them read, and nothing else."""

import base64
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

from sandbox.pins import TRINO_IMAGE
from tests.dashboards import asked
from tests.e2e.conftest import MakeStack
from tests.harness import ROOT, Stack, client_pod, eventually, forwarded, get, in_pod, kubectl
from tests.sandbox_cache import newest_layer
from tests.tiers import IS_LONG

NAMESPACE, SHOP = "e2e-query", "e2e-query-shop"
RECORDS = 20_000 if IS_LONG else 5_000
QUERIES = 200 if IS_LONG else 20
HOSTILE = "bank.*|alice"
"""A name that would be a pattern, if names were patterns."""
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "topics": {"orders": {"partitions": 2}, "page-views": {}, "accounts": {}},
    "tenants": {
        "shop": {
            "namespace": SHOP,
            "createNamespace": True,
            "users": {
                "alice": {"reads": ["orders", "page-views"]},
                "filler": {"writes": ["orders", "page-views", "accounts"]},
            },
        },
        "bank": {"users": {HOSTILE: {"reads": ["accounts"], "secret": "bank"}}},
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


@pytest.fixture(scope="module", autouse=True)
def _image() -> None:
    if newest_layer("trino") is None:
        pytest.skip("no Trino: `make trino` fetches it (820 MB, once)")
    subprocess.run([sys.executable, "-m", "sandbox", "image", "--tag", TRINO_IMAGE], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    made = make_stack(NAMESPACE, PLATFORM)
    made.up()
    client_pod(SHOP, "filler", "filler")
    in_pod(SHOP, "filler", "python3", "-c", FILL, str(RECORDS))
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
            urllib.request.urlopen(stop, timeout=30)


def test_no_password_is_in_what_it_shows(stack: Stack) -> None:
    shown = kubectl("-n", NAMESPACE, "logs", "deployment/query-engine", "--all-containers", "--tail=-1")
    shown += kubectl("-n", NAMESPACE, "get", "configmaps,deployments,pods", "-o", "yaml")
    for name, namespace in (("alice-kafka", SHOP), ("bank", NAMESPACE), ("query-engine-kafka", NAMESPACE)):
        assert password_of(name, namespace) not in shown
    made = kubectl(
        "-n", NAMESPACE, "exec", "deployment/query-engine", "-c", "trino", "--", "ls", "-la", "/etc/kafka-platform"
    )
    assert "passwords" not in made


def test_its_kafka_user_reads_what_its_users_read_and_writes_nothing(stack: Stack) -> None:
    declared = json.loads(get("configmap", "kafka-declarations", NAMESPACE)["data"]["user.query-engine"])
    named = {(each["resource"], each["name"]) for each in declared["acls"]}
    assert named == {("topic", "orders"), ("topic", "page-views"), ("topic", "accounts")}
    assert {operation for each in declared["acls"] for operation in each["operations"]} == {"READ", "DESCRIBE"}
    assert declared["quotas"] == {"consumer_byte_rate": 20_000_000.0}


def test_what_it_shows_is_what_its_alerts_and_panels_ask_for(stack: Stack) -> None:
    with (
        forwarded(NAMESPACE, "deployment/query-engine", 9404) as address,
        urllib.request.urlopen(f"{address}/metrics", timeout=30) as answer,
    ):
        text = answer.read().decode()
    assert asked("query_engine_") <= set(re.findall(r"^(query_engine_\w+)", text, re.MULTILINE))
    assert asked("query_engine_")


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
