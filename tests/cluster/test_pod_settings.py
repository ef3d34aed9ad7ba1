"""Pods as a stack renders them, in a namespace with a quota on everything: the API server makes them, and they are as declared."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.capabilities import rendered
from infra.settings.parsing import parse
from tests.cluster.objects import own_namespace
from tests.unit.settings.test_rendered import PODS, STACKS_OF_TESTS, WORKER

NAMESPACE = "pods-with-a-quota"
PRIORITY = "pods-with-a-quota"
QUOTA = "limits.cpu=60,limits.memory=60Gi,requests.cpu=30,requests.memory=60Gi"
READY_SECONDS = 60
"""How long the controllers may take to see a new quota."""
LIMITED: dict[str, Any] = {
    "kafka": {"nodes": 3, "resources": {"cpuLimit": "2"}},
    "gateway": {"resources": {"cpuLimit": "1"}},
    "probe": {"gate": True, "resources": {"cpuLimit": "1"}},
    "workers": {"w": WORKER | {"resources": {"cpuLimit": "1"}}},
}


def pods(**changed: Any) -> dict[str, dict[str, Any]]:
    """A pod of each template of a stack, by its component; on machines that nobody has, so that none starts."""
    common = {key: STACKS_OF_TESTS["embedded"][key] for key in ("topics", "tenants")}
    settings = PODS | {"priorityClass": PRIORITY, "nodeLabels": {"example.com/nowhere": "true"}}
    found = {}
    for each in rendered(parse(common | {"podSettings": settings} | LIMITED | changed)):
        template = each.object.manifest.get("spec", {}).get("template", {})
        if "containers" in template.get("spec", {}):
            component = template["metadata"]["labels"]["app.kubernetes.io/component"]
            spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
            spec["containers"] = [_without_claims(container) for container in spec["containers"]]
            metadata = template["metadata"] | {"name": component, "namespace": NAMESPACE}
            found[component] = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    return found


def _without_claims(container: dict[str, Any]) -> dict[str, Any]:
    """What a StatefulSet adds to its pods is not in their template."""
    mounts = [mount for mount in container.get("volumeMounts", []) if mount["name"] != "data"]
    return container | {"volumeMounts": mounts}


def create(manifest: Mapping[str, Any], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    command = ["kubectl", "create", "--validate=strict", "-o", "json", "-f", "-"]
    return subprocess.run(command, input=json.dumps(manifest), env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module", autouse=True)
def _quota(environment: Mapping[str, str]) -> Iterator[None]:
    def kubectl(*arguments: str) -> str:
        done = subprocess.run(["kubectl", *arguments], env=environment, capture_output=True, text=True)
        return done.stdout

    with own_namespace(NAMESPACE, environment):
        kubectl("create", "priorityclass", PRIORITY, "--value=1000")
        kubectl("-n", NAMESPACE, "create", "serviceaccount", "default")
        kubectl("-n", NAMESPACE, "create", "quota", "all", f"--hard={QUOTA}")
        until = time.monotonic() + READY_SECONDS
        while "limits.cpu" not in kubectl("-n", NAMESPACE, "get", "quota", "all", "-o", "jsonpath={.status.hard}"):
            if time.monotonic() > until:
                pytest.skip("no controller looks after quotas")
            time.sleep(0.5)
        yield
        kubectl("delete", "priorityclass", PRIORITY)


@pytest.mark.parametrize("component", ["broker", "provisioner", "gateway", "latency-probe", "latency-gate", "worker"])
def test_a_quota_on_limits_lets_every_pod_in(component: str, environment: Mapping[str, str]) -> None:
    wanted = pods()[component]
    done = create(wanted, environment)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    spec, labels = made["spec"], made["metadata"]["labels"]
    assert wanted["metadata"]["labels"].items() <= labels.items()
    assert wanted["spec"]["tolerations"] == spec["tolerations"][: len(wanted["spec"]["tolerations"])]
    assert (spec["nodeSelector"], spec["priorityClassName"]) == (wanted["spec"]["nodeSelector"], PRIORITY)
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert not spec["securityContext"].keys() & {"runAsUser", "runAsGroup", "fsGroup"}


def test_a_quota_refuses_a_broker_whose_limit_nobody_gave_and_names_no_other_container(
    environment: Mapping[str, str],
) -> None:
    broker = pods(kafka={"nodes": 3})["broker"]
    broker["metadata"]["name"] = "unlimited"
    done = create(broker, environment)
    assert "must specify limits.cpu for: kafka" in done.stderr
    assert "health" not in done.stderr
