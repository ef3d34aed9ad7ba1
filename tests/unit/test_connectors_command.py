"""`python -m infra connectors` from its arguments to its exit code, against a small API server of our own.

tests/unit/connect/test_process.py shows the same of a real Kafka Connect's answers.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.connectors.changing import Action
from infra.connectors.command import FAULTS, UNREACHABLE, WORKS, WRONG, connectors
from infra.connectors.seen import NOT_DECLARED, states
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
    server.answers["/api/v1/namespaces/streaming/pods/connect-0:8083/proxy/connectors?expand=status&expand=info"] = (
        200,
        found,
    )


def run(server: Server, action: Action | None = None, name: str = "", *, stack: str = "dev", **more: Any) -> int:
    environment = {"KUBECONFIG": str(server.kubeconfig)}
    folder = server.kubeconfig.parent
    return connectors(stack, action=action, name=name, folder=folder, environment=environment, **more)


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
    del server.answers["/api/v1/namespaces/streaming/pods/connect-0:8083/proxy/connectors?expand=status&expand=info"]
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
    assert run(server, Action.RESTART, name) == WRONG
    assert capsys.readouterr() == ("", message)
    assert server.asked == []


def test_a_restart_is_asked_for_before_the_look(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def of_pod(_: Any, pod: Any, port: int, path: str, method: str = "GET", body: Any = None) -> Answer:
        asked.append((method, path))
        return Answer(status=200, body=b"" if method == "POST" else b"{}")

    monkeypatch.setattr(Cluster, "of_pod", of_pod)
    assert run(server, Action.RESTART, "dw") == FAULTS
    assert asked == [
        ("POST", "connectors/dw/restart?includeTasks=true&onlyFailed=true"),
        ("GET", "connectors?expand=status&expand=info"),
    ]


def test_what_was_changed_by_hand_is_named_without_its_value(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = "app.kubernetes.io%2Fcomponent%3Dconnect-applier"
    deployed = {name: {"name": name, "config": {"tasks.max": "1", "url": "a"}} for name in ("shop", "dw")}
    data = {f"connector.{name}": json.dumps(each) for name, each in deployed.items()}
    path = f"/api/v1/namespaces/streaming/configmaps?limit=500&labelSelector={labels}"
    server.answers[path] = (200, {"metadata": {}, "items": [{"data": {**data, "removed": "[]"}}]})
    same = {"info": {"config": {"tasks.max": "1", "url": "a", "name": "shop"}}}
    other = {"info": {"config": {"url": "hunter2", "name": "dw", "added": "x"}}}
    answers(server, shop=status("RUNNING", kind="source") | same, dw=status("RUNNING") | other)
    assert run(server) == FAULTS
    shown = capsys.readouterr().out.splitlines()
    assert (
        shown[0] == "dw      jdbc        RUNNING  1/1  changed by hand: added, tasks.max, url: --restore sets it back"
    )
    assert shown[2] == "shop    postgres    running  1/1"


@pytest.mark.parametrize("action", [Action.PAUSE, Action.OFFSETS, Action.RESET])
def test_light_connectors_are_no_matter_of_kafka_connect(
    server: Server, action: Action, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(server, action, "search") == WRONG
    assert (
        f"'search' is a light connector, whose {action.value} Kafka Connect knows nothing of" in capsys.readouterr().err
    )
    assert server.asked == []


def test_a_source_cannot_be_reset(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(server, Action.RESET, "shop") == WRONG
    assert "'shop' is a source, whose offsets Kafka Connect cannot reset" in capsys.readouterr().err
    assert server.asked == []


def test_offsets_in_production_are_reset_only_if_it_is_named_again(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    text = STACK.replace("platform:\n", "platform:\n    environment: prod\n", 1)
    (server.kubeconfig.parent / "Pulumi.prod.yaml").write_text(text)
    for production in (None, "dev"):
        assert run(server, Action.RESET, "dw", stack="prod", production=production) == WRONG
    assert "to do it all the same, write --production prod" in capsys.readouterr().err
    assert server.asked == []


class TestStrimzi:
    """Where Strimzi runs the connectors, its objects say what they do."""

    @pytest.fixture
    def patched(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
        pools = "{engine: strimzi, pools: {all: {roles: [broker, controller], nodes: 3, storage: 1Gi}}}"
        text = STACK.replace("platform:\n", f"platform:\n    kafka: {pools}\n", 1)
        (server.kubeconfig.parent / "Pulumi.dev.yaml").write_text(text)
        done: list[tuple[str, Any]] = []
        monkeypatch.setattr(Cluster, "patch", lambda _, kind, namespace, name, fields: done.append((name, fields)))
        return done

    @staticmethod
    def has(server: Server, **found: dict[str, Any]) -> None:
        items = [
            {"metadata": {"name": name, "generation": 2}, "status": {"observedGeneration": 2, **each}}
            for name, each in found.items()
        ]
        path = "/apis/kafka.strimzi.io/v1/namespaces/streaming/kafkaconnectors?limit=500&labelSelector=strimzi.io%2Fcluster%3Dconnect"
        server.answers[path] = (200, {"metadata": {}, "items": items})

    def test_states_and_reasons(
        self, server: Server, patched: list[tuple[str, Any]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        failed = {"connectorStatus": status("RUNNING", "FAILED")["status"]}
        message = "PUT /connectors/shop/config returned 400 (Bad Request): password=hunter2 is wrong"
        refused = [{"type": "NotReady", "status": "True", "reason": "ConnectRestException", "message": message}]
        late = {"observedGeneration": 1, "connectorStatus": status("RUNNING")["status"]}
        self.has(server, dw=failed, shop={"conditions": refused}, old=late)
        assert run(server) == FAULTS
        shown = capsys.readouterr().out.splitlines()
        assert shown[0].startswith("dw      jdbc        FAILED    1/2  org.postgresql.util.PSQLException: ERROR:")
        assert shown[2].startswith(
            "shop    postgres    FAILED    -    ConnectRestException: PUT /connectors/shop/config returned 400"
        )
        assert "hunter2" not in "".join(shown)
        assert shown[3].endswith("Strimzi's operator has not seen it yet: does it run?")

    def test_all_that_works(self, server: Server, patched: list[tuple[str, Any]]) -> None:
        well = {"connectorStatus": status("RUNNING")["status"]}
        self.has(server, dw=well, shop=well)
        assert run(server) == WORKS

    def test_one_that_is_not_declared_is_deleted_by_its_object(
        self, server: Server, patched: list[tuple[str, Any]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        well = {"connectorStatus": status("RUNNING")["status"]}
        self.has(server, dw=well, shop=well, old=well)
        assert run(server) == FAULTS
        assert "kubectl -n streaming delete kafkaconnector old" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("told", "annotation", "said"),
        [
            (status("FAILED", "RUNNING", "FAILED"), {"strimzi.io/restart-task": "0"}, "task 0 within two minutes; 1 failed tasks are left"),
            (status("FAILED", state="FAILED"), {"strimzi.io/restart": "true"}, "Strimzi restarts it within two minutes; 1 failed"),
        ],
    )  # fmt: skip
    def test_a_restart_is_an_annotation(
        self,
        server: Server,
        patched: list[tuple[str, Any]],
        capsys: pytest.CaptureFixture[str],
        told: dict[str, Any],
        annotation: dict[str, str],
        said: str,
    ) -> None:
        self.has(server, dw={"connectorStatus": told["status"]})
        run(server, Action.RESTART, "dw")
        assert patched == [("dw", {"metadata": {"annotations": annotation}})]
        assert said in capsys.readouterr().err

    def test_nothing_is_restarted_that_has_not_failed(
        self, server: Server, patched: list[tuple[str, Any]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.has(server, dw={"connectorStatus": status("RUNNING")["status"]})
        run(server, Action.RESTART, "dw")
        assert patched == []
        assert "nothing of it has failed" in capsys.readouterr().err

    def test_a_pause_is_a_field_of_its_object(self, server: Server, patched: list[tuple[str, Any]]) -> None:
        self.has(server, dw={"connectorStatus": status("RUNNING")["status"]})
        run(server, Action.PAUSE, "dw")
        run(server, Action.RESUME, "dw")
        assert patched == [("dw", {"spec": {"state": "paused"}}), ("dw", {"spec": {"state": "running"}})]


@pytest.mark.parametrize("answer", [None, [], "x", {}])
def test_an_answer_without_connectors_is_none(answer: Any) -> None:
    assert states(answer) == {}
