"""`python -m infra top` from its arguments to its exit code, against a small API server of our own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.top.command import UNREACHABLE, WRONG_FILE, top
from tests.unit.live.recordings import objects
from tests.unit.test_api_server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  kafka-platform:platform: {gateway: {}}\n")
    yield made
    made.close()


def run(server: Server) -> int:
    folder = server.kubeconfig.parent
    environment = {"KUBECONFIG": str(server.kubeconfig)}
    return top("dev", once=True, as_data=True, interval=0.0, folder=folder, environment=environment)


@pytest.fixture(autouse=True)
def _kubeconfig(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # The library looks it up when it is loaded.
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(server.kubeconfig))


def test_it_shows_what_it_may_see_and_says_what_it_may_not(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["/version"] = (200, {"major": "1", "minor": "34+"})
    labels = "app.kubernetes.io%2Fname%3Dkafka%2Capp.kubernetes.io%2Fmanaged-by%3Dkafka-platform"
    path = f"/api/v1/namespaces/streaming/pods?limit=500&labelSelector={labels}"
    server.answers[path] = (200, {"metadata": {}, "items": objects("pods")})
    server.answers["/apis/keda.sh/v1alpha1/namespaces/streaming/scaledobjects?limit=500"] = (403, {"message": "no"})
    for each in objects("pods"):
        name = each["metadata"]["name"]
        server.answers[f"/api/v1/namespaces/streaming/pods/{name}/portforward?ports=9404"] = (403, {"message": "no"})
        server.answers[f"/api/v1/namespaces/streaming/pods/{name}:9404/proxy/metrics"] = (403, {"message": "no"})
    assert run(server) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["brokers"]["ready"] == 2
    assert told["gateway"]["why"].startswith("no right to create pods/portforward in namespace streaming")
    assert told["workers"]["why"] == "no right to list scaledobjects in namespace streaming"
    assert told["alerts"]["why"].startswith("no Prometheus in this stack")


def test_the_first_of_two_looks_is_at_what_rates_need_alone(server: Server) -> None:
    server.answers["/version"] = (200, {"major": "1", "minor": "34"})
    assert run(server) == 0
    pods = [each for each in server.asked if "/pods?" in each and "managed-by%3Dkafka-platform" in each]
    assert (len(pods), sum("/scaledobjects?" in each for each in server.asked)) == (2, 1)


def test_a_prometheus_that_is_declared_and_does_not_run(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    text = "config:\n  kafka-platform:platform: {prometheus: {namespace: watch, install: true}}\n"
    (server.kubeconfig.parent / "Pulumi.dev.yaml").write_text(text)
    server.answers["/version"] = (200, {"major": "1", "minor": "34"})
    assert run(server) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["alerts"]["why"] == "no pod of a Prometheus runs in namespace streaming or watch"


def test_a_cluster_that_cannot_be_asked(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["/version"] = (401, {"message": "who are you?"})
    assert run(server) == UNREACHABLE
    assert capsys.readouterr().err == "dev: the Kubernetes cluster does not answer: 401 who are you?\n"
    server.close()
    assert run(server) == UNREACHABLE


def test_a_wrong_stack_file(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    (server.kubeconfig.parent / "Pulumi.dev.yaml").write_text("config:\n  kafka-platform:platform: {gatewya: {}}\n")
    assert run(server) == WRONG_FILE
    assert "did you mean 'gateway'?" in capsys.readouterr().err
