"""A stream job as `pulumi up` deploys it: with its pods killed, every window is right, and each is there once."""

import base64
import collections
import concurrent.futures
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from infra.doctor.command import doctor
from infra.top.command import top
from sandbox.pins import FLINK_IMAGE, OBJECT_STORE_IMAGE
from tests.dashboards import asked
from tests.e2e.conftest import MakeStack
from tests.harness import ROOT, Stack, client_pod, eventually, forwarded, get, in_pod, kubectl
from tests.s3_process import needed_versitygw
from tests.sandbox_cache import needed_layer
from tests.tiers import IS_LONG

NAMESPACE = "e2e-streams"
FOLDER = ROOT / "stacks" / NAMESPACE
RECORDS, PAGES = 12_000, 8
WINDOW = 10_000
BEGUN = 1_700_000_000_000
SQL = """\
-- Views of each page in ten seconds; it's the comment that has a quote.
INSERT INTO sums
SELECT page, window_start, COUNT(*) AS n, SUM(ms) AS total
FROM TABLE(TUMBLE(TABLE `views`, DESCRIPTOR(event_time), INTERVAL '10' SECOND))
GROUP BY page, window_start, window_end;
"""
QUIET = SQL.replace("GROUP BY", "WHERE page <> 'noise'\nGROUP BY")
JOB: dict[str, Any] = {
    "sql": f"{NAMESPACE}/minutes.sql",
    "slots": 2,
    "checkpoints": "3s",
    # Records come in bursts, 40 s of them in one: the first partition's must not end the windows of one that was silent before.
    "idleTimeout": "10m",
    "tables": {
        "views": {"columns": ["page STRING", "ms DOUBLE", "at BIGINT"], "time": "at", "late": "1s"},
        "sums": {"columns": ["page STRING", "window_start TIMESTAMP(3)", "n BIGINT", "total DOUBLE"], "key": "page"},
    },
}
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "topics": {"views": {"partitions": 3}, "sums": {"partitions": 1}, "private": {}},
    "tenants": {"shop": {"users": {"app": {"writes": ["views", "private"], "reads": ["sums"], "groups": ["app-*"]}}}},
    "storage": {"install": True, "size": "1Gi"},
    "streams": {"minutes": JOB},
}
CLIENT = """
import json, sys, time
from pathlib import Path
from confluent_kafka import Consumer, Producer
config = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines() if "=" in line)
"""
WRITE = f"""{CLIENT}
producer = Producer(config | {{"acks": "all"}})
first, last, ends, pause, noise, partitions = json.loads(sys.argv[1])
for n in (n for n in range(first, last) if n % 3 in partitions):
    at = {BEGUN} + n * 10
    producer.produce("views", json.dumps({{"page": f"p{{n % {PAGES}}}", "ms": 1.0, "at": at}}), partition=n % 3)
    if noise:
        producer.produce("views", json.dumps({{"page": "noise", "ms": 1.0, "at": at}}), partition=n % 3)
    producer.poll(pause)
for partition in range(3 if ends else 0):
    producer.produce("views", json.dumps({{"page": "end", "ms": 0, "at": {BEGUN} + last * 10 + 60000}}), partition=partition)
raise SystemExit(producer.flush(60))
"""
READ = f"""{CLIENT}
consumer = Consumer(config | {{"group.id": f"app-{{time.time()}}", "auto.offset.reset": "earliest", "isolation.level": "read_committed"}})
consumer.subscribe(["sums"])
end = time.monotonic() + 15
while time.monotonic() < end:
    message = consumer.poll(1)
    if message is not None and not message.error():
        print(message.key().decode(), message.value().decode(), sep="\\t")
        end = time.monotonic() + 4
"""


@pytest.fixture(scope="module", autouse=True)
def _images() -> Iterator[None]:
    needed_versitygw()
    needed_layer("flink", "no Flink: `make flink` fetches it (400 MB, once)")
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / "minutes.sql"
    file.write_text(SQL)
    for tag in (OBJECT_STORE_IMAGE, FLINK_IMAGE):
        subprocess.run([sys.executable, "-m", "sandbox", "image", "--tag", tag], cwd=ROOT, check=True)
    try:
        yield
    finally:
        file.unlink()
        FOLDER.rmdir()


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    made = make_stack(NAMESPACE, PLATFORM)
    made.up()
    client_pod(NAMESPACE, "app", "app")
    return made


def written(
    first: int,
    last: int,
    *,
    ends: bool = False,
    pause: float = 0,
    noise: bool = False,
    partitions: Sequence[int] = (0, 1, 2),
) -> None:
    in_pod(NAMESPACE, "app", "python3", "-c", WRITE, json.dumps([first, last, ends, pause, noise, partitions]))


def results() -> list[tuple[str, str, dict[str, Any]]]:
    """The rows in the topic: key, begin of the window, and the row."""
    lines = in_pod(NAMESPACE, "app", "python3", "-c", READ).splitlines()
    rows = [(line.split("\t")[0], json.loads(line.split("\t")[1])) for line in lines]
    return [(key, row["window_start"], row) for key, row in rows if row["page"] != "end"]


def killed(part: str) -> None:
    """Kills the pod of a part, and waits until there is another one."""
    chosen = ("-l", f"app.kubernetes.io/instance=stream-minutes,kafka-platform/part={part}")
    before = {each["metadata"]["uid"] for each in pods(*chosen)}
    kubectl("-n", NAMESPACE, "delete", "pods", *chosen, "--grace-period=0", "--force")

    def ready() -> bool:
        found = [each for each in pods(*chosen) if each["metadata"]["uid"] not in before]
        return bool(found) and all(
            each["ready"] for pod in found for each in pod["status"].get("containerStatuses", [{"ready": False}])
        )

    eventually(f"another pod of {part} is ready", ready, 120)


def pods(*chosen: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(kubectl("-n", NAMESPACE, "get", "pods", *chosen, "-o", "json"))["items"]
    return found


def test_every_window_is_right_and_there_once_although_its_pods_are_killed(stack: Stack) -> None:
    written(0, RECORDS // 3)
    killed("tasks")
    written(RECORDS // 3, 2 * RECORDS // 3)
    killed("manager")
    # Checkpoints fail for a while.
    kubectl("-n", NAMESPACE, "delete", "pod", "object-store-0", "--grace-period=0", "--force")
    written(2 * RECORDS // 3, RECORDS, ends=True)
    each_window_is_there_once(0, RECORDS)


def begin_of(number: int) -> str:
    """Begin of the window of a record."""
    at = (BEGUN + number * 10) // WINDOW * WINDOW
    return datetime.datetime.fromtimestamp(at / 1000, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


def each_window_is_there_once(first: int, last: int) -> None:
    wanted = collections.Counter((f"p{number % PAGES}", begin_of(number)) for number in range(first, last))
    found: list[tuple[str, str, dict[str, Any]]] = []

    def complete() -> bool:
        found[:] = [each for each in results() if each[1] >= begin_of(first)]
        return len(found) >= len(wanted)

    eventually("all windows are there", complete, 120)
    rows = collections.Counter((key, begin) for key, begin, _ in found)
    assert {each for each, count in rows.items() if count > 1} == set()
    assert {(key, begin): row["n"] for key, begin, row in found} == wanted
    assert all(row["total"] == row["n"] and row["page"] == key for key, _, row in found)


def changed(stack: Stack, sql: str, **job: Any) -> None:
    """Another job is declared."""
    (FOLDER / "minutes.sql").write_text(sql)
    stack.write(PLATFORM | {"streams": {"minutes": JOB | job}})


def ledger() -> dict[str, Any]:
    """What its keeper has noted."""
    found: dict[str, Any] = json.loads(get("configmap", "stream-minutes-ledger", NAMESPACE)["data"]["ledger.json"])
    return found


@pytest.mark.long
def test_changes_keep_what_it_knows_and_one_that_cannot_is_refused(stack: Stack) -> None:
    """While records come in: another filter, more parts, and SQL whose state does not fit. No noise gets through."""
    first = RECORDS + 6_000  # the end of the other test is 60 s later
    last, before = first + RECORDS, ledger()["generation"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        writer = pool.submit(written, first, last, pause=0.01)
        changed(stack, QUIET)
        stack.up()
        assert "/savepoints/" in ledger()["origin"]
        changed(stack, QUIET, slots=3)
        stack.up()
        assert ledger()["generation"] == before + 2
        changed(stack, QUIET.replace("SUM(ms)", "SUM(ms) + MAX(ms) - MIN(ms)"), slots=3)
        said = stack.up(fails=True)
        if IS_LONG:
            changed(stack, QUIET.replace("SUM(ms)", "SUM(no_column)"), slots=3)
            assert "Column 'no_column' not found" in stack.up(fails=True)
        writer.result()
    assert "it cannot start from the state of the former job" in said
    assert "The former job runs again from s3://" in said
    changed(stack, QUIET, slots=3)
    stack.up()
    written(last, last + 1000, ends=True, noise=True)
    each_window_is_there_once(first, last + 1000)
    assert not [key for key, _, _ in results() if key == "noise"]


def test_its_user_may_do_what_its_sql_says_and_nothing_else(stack: Stack) -> None:
    """As the job's own user, in a pod of the job."""
    secret = get("secret", "stream-minutes-kafka", NAMESPACE)
    assert secret["data"]
    client_pod(NAMESPACE, "impostor", "stream-minutes")
    tried = f"""{CLIENT}
producer = Producer(config | {{"acks": "all", "message.timeout.ms": 20000}})
told = []
for topic in sys.argv[1:]:
    producer.produce(topic, b"x", callback=lambda error, _: told.append("ok" if error is None else error.name()))
    producer.flush(120)
print(*told)
"""
    said = in_pod(NAMESPACE, "impostor", "python3", "-c", tried, "private", "views")
    assert said.split() == ["TOPIC_AUTHORIZATION_FAILED"] * 2


def test_its_pods_may_use_no_config_map_but_their_own(stack: Stack) -> None:
    account = f"system:serviceaccount:{NAMESPACE}:stream-minutes"

    def may(verb: str, what: str) -> bool:
        return kubectl("-n", NAMESPACE, "auth", "can-i", verb, what, f"--as={account}", check=False).strip() == "yes"

    assert may("update", "configmaps/stream-minutes-cluster-config-map")
    assert may("update", "configmaps/stream-minutes-ledger")
    for verb, what in (
        ("get", "configmaps/kafka-config"),
        ("update", "configmaps/kafka-config"),
        ("update", "configmaps/stream-minutes-config"),
        ("list", "configmaps"),
        ("get", "secrets/kafka-admin"),
        ("create", "pods"),
    ):
        assert not may(verb, what), (verb, what)


def test_no_password_is_in_what_it_shows(stack: Stack) -> None:
    password = base64.b64decode(get("secret", "stream-minutes-kafka", NAMESPACE)["data"]["password"]).decode()
    key = base64.b64decode(get("secret", "stream-minutes-storage", NAMESPACE)["data"]["AWS_SECRET_ACCESS_KEY"]).decode()
    shown = kubectl("-n", NAMESPACE, "logs", "deployment/stream-minutes-manager", "--tail=-1")
    shown += kubectl("-n", NAMESPACE, "logs", "deployment/stream-minutes-tasks", "--tail=-1")
    shown += kubectl("-n", NAMESPACE, "get", "configmaps,deployments", "-o", "yaml")
    assert password not in shown
    assert key not in shown


def test_what_its_pods_show_is_what_its_alerts_and_panels_ask_for(stack: Stack) -> None:
    shown: set[str] = set()
    for part in ("manager", "tasks"):
        target = f"deployment/stream-minutes-{part}"
        with (
            forwarded(NAMESPACE, target, 9404) as address,
            urllib.request.urlopen(f"{address}/metrics", timeout=60) as answer,
        ):
            text = answer.read().decode()
        shown |= set(re.findall(r"^(flink_\w+)", text, re.MULTILINE))
    assert asked("flink_") <= shown
    assert asked("flink_")


@pytest.mark.long
def test_a_deployment_and_the_pod_are_killed_in_a_change_and_it_is_made_once(stack: Stack) -> None:
    before = ledger()["generation"]
    changed(stack, QUIET, slots=3, checkpoints="4s")
    process = stack.start("up", "--yes", "--skip-preview")

    def begun() -> bool:
        noted = ledger()
        return noted["stopping"] is not None or noted["generation"] > before

    eventually("the change has begun", begun, 90)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    kubectl("-n", NAMESPACE, "delete", "pods", "-l", "kafka-platform/part=manager", "--grace-period=0", "--force")
    stack.run("cancel", "--yes")
    stack.up()
    after = ledger()
    assert (after["generation"], after["settled"], after["refused"]) == (before + 1, True, None)
    assert "/savepoints/" in after["saved"]
    written(40_000, 42_000, ends=True)
    each_window_is_there_once(40_000, 42_000)


@pytest.mark.long
def test_a_partition_that_is_silent_for_a_while_is_waited_for(stack: Stack) -> None:
    """As when its broker is away: the others are 90 s further when its records come, 20 s later."""
    first, last = 60_000, 69_000
    written(first, last, partitions=(0, 1))
    time.sleep(20)  # the silence itself
    written(first, last, partitions=(2,))
    written(last, last + 1_000, ends=True)
    each_window_is_there_once(first, last + 1_000)


def test_top_and_doctor_know_it(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(FOLDER, stack.file.parent / NAMESPACE)

    def row() -> dict[str, Any]:
        capsys.readouterr()
        assert top(NAMESPACE, as_data=True, folder=stack.file.parent) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)["streams"]["items"][0]
        return found

    eventually("it shows how busy it is", lambda: row()["busy"] is not None, 60)
    found = row()
    assert (found["job"], found["running"], found["ready"], found["pods"]) == ("minutes", True, 2, 2)
    assert found["checkpoints"] > 0
    assert found["checkpointAgeSeconds"] is not None
    doctor(NAMESPACE, as_data=True, folder=stack.file.parent)
    checks = {each["check"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert not [each for each in checks if each in ("stream-not-running", "stream-checkpoints-fail")]


@pytest.mark.long
def test_without_state_if_its_version_says_so(stack: Stack) -> None:
    before = ledger()
    changed(stack, SQL.replace("COUNT(*)", "COUNT(ms)"), version=2, start="latest")
    stack.up()
    after = ledger()
    assert (after["generation"], after["version"], after["origin"]) == (before["generation"] + 1, 2, None)
    # What the former one knew is still there.
    assert "/savepoints/" in after["saved"]
