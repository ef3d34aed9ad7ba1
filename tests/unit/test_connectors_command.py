"""`python -m infra connectors` from its arguments to its exit code, against a small API server of our own.

tests/unit/connect/test_process.py shows the same of a real Kafka Connect's answers.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.connectors import FAULTS, NOT_DECLARED, UNREACHABLE, WORKS, WRONG, connectors, states
from infra.live.cluster import Cluster
from infra.live.forward import Answer
from tests.unit.test_api_server import Server

STACK = """
config:
  kafka-platform:platform:
    topics: {orders: {}}
    connectors:
      shop: {postgres: {host: db.shop, database: shop, secret: shop, tables: [public.orders]}}
      dw: {jdbc: {url: "jdbc:postgresql://dw.example.com/dw", secret: dw}, reads: [orders]}
      search: {opensearch: {url: "https://search.example.com"}, reads: [orders], tasks: 2}
"""
TRACE = (
    "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask\n\tat a.b\n"
    "Caused by: java.sql.BatchUpdateException: Batch entry 0\n\tat c.d\n"
    "Caused by: org.postgresql.util.PSQLException: ERROR: password=hunter2 violates check \x1b[31mconstraint\n"
)


def status(*tasks: str, state: str = "RUNNING", kind: str = "sink") -> dict[str, Any]:
    told = [{"id": at, "state": each, "worker_id": "w"} for at, each in enumerate(tasks)]
    for each in told:
        each |= {"trace": TRACE} if each["state"] == "FAILED" else {}
    return {"status": {"name": "it", "connector": {"state": state}, "tasks": told, "type": kind}}


def pod(name: str, component: str, instance: str, *, ready: bool = True) -> dict[str, Any]:
    labels = {"app.kubernetes.io/component": component, "app.kubernetes.io/instance": instance}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "metadata": {"name": name, "namespace": "streaming", "uid": name, "labels": labels},
        "status": {"phase": "Running", "conditions": conditions},
    }


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server(tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(STACK)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(made.kubeconfig))
    made.answers["/version"] = (200, {"major": "1", "minor": "34"})
    pods(made, search=[True, True])
    answers(made, shop=status("RUNNING", kind="source"), dw=status("RUNNING"))
    yield made
    made.close()


def pods(server: Server, search: list[bool]) -> None:
    found = [pod("connect-0", "connect", "connect")]
    found += [
        pod(f"search-{at}", "light-connector", "connector-search", ready=ready) for at, ready in enumerate(search)
    ]
    labels = "app.kubernetes.io%2Fcomponent+in+%28connect%2Clight-connector%29"
    server.answers[f"/api/v1/namespaces/streaming/pods?limit=500&labelSelector={labels}"] = (
        200,
        {"metadata": {}, "items": found},
    )


def answers(server: Server, **found: Any) -> None:
    """By the API server's proxy, as forwarding a port is forbidden here."""
    for name, port in (("connect-0", 8083), ("search-0", 9404), ("search-1", 9404)):
        path = f"/api/v1/namespaces/streaming/pods/{name}/portforward?ports={port}"
        server.answers[path] = (403, {"message": "no"})
    server.answers["/api/v1/namespaces/streaming/pods/connect-0:8083/proxy/connectors?expand=status"] = (200, found)


def run(server: Server, *, as_data: bool = False, restart: str | None = None) -> int:
    environment = {"KUBECONFIG": str(server.kubeconfig)}
    folder = server.kubeconfig.parent
    return connectors("dev", restart=restart, as_data=as_data, folder=folder, environment=environment)


def test_all_that_works(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(server) == WORKS
    assert capsys.readouterr().out == (
        "dw      jdbc        running  1/1\nsearch  opensearch  running  2/2\nshop    postgres    running  1/1\n"
    )


def test_the_reason_of_what_fails_is_one_line_without_secrets(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(server, shop=status("RUNNING", kind="source"), dw=status("RUNNING", "FAILED"))
    pods(server, search=[True, False])
    path = "/api/v1/namespaces/streaming/pods/search-1:9404/proxy/readyz"
    server.answers[path] = (200, "https://search.example.com answers 503")
    assert run(server) == FAULTS
    assert capsys.readouterr().out.splitlines() == [
        "dw      jdbc        FAILED   1/2  org.postgresql.util.PSQLException: ERROR: password=[hidden] violates check \\x1b[31mconstraint",
        'search  opensearch  FAILED   1/2  "https://search.example.com answers 503"',
        "shop    postgres    running  1/1",
    ]


def test_what_is_missing_or_not_declared(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    answers(server, shop=status(state="PAUSED", kind="source"), old=status("RUNNING"))
    assert run(server, as_data=True) == FAULTS
    told = json.loads(capsys.readouterr().out)
    found = {each["name"]: each for each in told["connectors"]}
    assert told["version"] == 1
    assert found["dw"]["state"] == "missing"
    assert (found["shop"]["state"], found["shop"]["wanted"]) == ("paused", "running")
    assert (found["old"]["wanted"], found["old"]["reason"]) == ("absent", NOT_DECLARED)


def test_what_the_file_pauses_is_well(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    file = server.kubeconfig.parent / "Pulumi.dev.yaml"
    file.write_text(STACK.replace("tables: [public.orders]}", "tables: [public.orders]}, state: paused"))
    answers(server, shop=status("PAUSED", state="PAUSED", kind="source"), dw=status("RUNNING"))
    assert run(server) == WORKS


def test_a_connect_that_does_not_answer(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    del server.answers["/api/v1/namespaces/streaming/pods/connect-0:8083/proxy/connectors?expand=status"]
    assert run(server) == UNREACHABLE
    lines = capsys.readouterr().out.splitlines()
    assert "UNKNOWN" in lines[0]
    assert "pod connect-0 does not answer at port 8083" in lines[0]
    assert lines[1] == "search  opensearch  running  2/2"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shpo", "Pulumi.dev.yaml: 'shpo' is not a connector of this file: did you mean 'shop'?\n"),
        (
            "search",
            "Pulumi.dev.yaml: 'search' is a light connector, which restarts by itself; to force it: kubectl -n streaming rollout "
            "restart deployment/connector-search\n",
        ),
    ],
)
def test_what_cannot_be_restarted(server: Server, name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(server, restart=name) == WRONG
    assert capsys.readouterr() == ("", message)
    assert server.asked == []


def test_a_restart_is_asked_for_before_the_look(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def of_pod(_: Any, pod: Any, port: int, path: str, method: str = "GET") -> Answer:
        asked.append((method, path))
        return Answer(status=200, body=b"" if method == "POST" else b"{}")

    monkeypatch.setattr(Cluster, "of_pod", of_pod)
    assert run(server, restart="dw") == FAULTS
    assert asked == [
        ("POST", "connectors/dw/restart?includeTasks=true&onlyFailed=true"),
        ("GET", "connectors?expand=status"),
    ]


@pytest.mark.parametrize("answer", [None, [], "x", {}])
def test_an_answer_without_connectors_is_none(answer: Any) -> None:
    assert states(answer) == {}
