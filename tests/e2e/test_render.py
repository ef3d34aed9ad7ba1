"""A stack as plain files: applied to a cluster without Pulumi, changed, and in the place of a deployment by Pulumi."""

import base64
import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.host import SandboxError
from tests import strimzi_api
from tests.e2e.conftest import MakeStack
from tests.external_secrets_api import EXTERNAL_SECRETS_API
from tests.harness import QUICK_JVM, ROOT, client_pod, eventually, get, in_pod, kubectl
from tests.strimzi_operator import Operator

NAMESPACE = "e2e-render"
SHOP = "e2e-render-shop"
MOVED = "e2e-render-moved"
OPERATED = "e2e-render-operated"
GIVEN = "e2e-render-given"
WRITE = """
import json, sys, urllib.request
from pathlib import Path
folder = Path("/etc/kafka-client")
import base64
login = base64.b64encode(f"{(folder / 'username').read_text()}:{(folder / 'password').read_text()}".encode()).decode()
url = (folder / "http-url").read_text() + "/topics/orders"
body = json.dumps({"records": [{"key": "k", "value": {"number": each}} for each in range(int(sys.argv[1]))]}).encode()
headers = {"authorization": f"Basic {login}", "content-type": "application/vnd.kafka.json.v2+json"}
with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
    print(len(json.load(answer)["offsets"]))
"""
COUNT = """
from pathlib import Path
from confluent_kafka import Consumer, TopicPartition
options = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines())
consumer = Consumer({**options, "group.id": "app-count", "enable.auto.commit": False})
partitions = consumer.list_topics("orders", 30).topics["orders"].partitions
print(sum(consumer.get_watermark_offsets(TopicPartition("orders", each), 30)[1] for each in partitions))
"""


def platform(namespace: str, shop: str) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "createNamespace": True,
        "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi", "jvm": {"options": QUICK_JVM}},
        "topics": {"orders": {"partitions": 2, "retention": "7d"}},
        "tenants": {
            "shop": {
                "namespace": shop,
                "createNamespace": shop != namespace,
                "users": {"app": {"writes": ["orders"], "reads": ["orders"], "groups": ["app-*"]}},
            }
        },
        "gateway": {"pods": {"min": 1}},
    }


class Files:
    """A stack file, and the folder that is written from it."""

    def __init__(self, folder: Path, content: dict[str, Any], *options: str) -> None:
        self.file = folder / "Pulumi.files.yaml"
        self.folder = folder / "rendered"
        self.options = options
        self.render(content)

    def render(self, content: dict[str, Any]) -> None:
        self.content = content
        self.file.write_text(yaml.safe_dump({"config": {"kafka-platform:platform": content}}))
        command = [sys.executable, "-m", "infra", "render", str(self.file), "--out", str(self.folder), *self.options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def apply(self, *options: str) -> str:
        return kubectl("apply", "--server-side", *options, "-k", str(self.folder))

    def job(self, part: str) -> str:
        [found] = list(yaml.safe_load_all((self.folder / part / "job.yaml").read_text()))
        return str(found["metadata"]["name"])


def is_complete(job: str, namespace: str) -> bool:
    conditions = get("job", job, namespace).get("status", {}).get("conditions", [])
    failed = [each["message"] for each in conditions if each["type"] == "Failed" and each["status"] == "True"]
    assert not failed, failed
    return any(each["type"] == "Complete" and each["status"] == "True" for each in conditions)


def all_ready(namespace: str) -> bool:
    workloads = json.loads(kubectl("-n", namespace, "get", "statefulsets", "-o", "json"))["items"]
    return bool(workloads) and all(each["status"].get("readyReplicas") == 1 for each in workloads)


def password(user: str, namespace: str) -> str:
    return base64.b64decode(get("secret", f"{user}-kafka", namespace)["data"]["password"]).decode()


def pods(namespace: str) -> dict[str, str]:
    """The uid of each pod of a StatefulSet."""
    found = json.loads(kubectl("-n", namespace, "get", "pods", "-o", "json"))["items"]
    owned = [each for each in found if each["metadata"].get("ownerReferences", [{}])[0].get("kind") == "StatefulSet"]
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in owned}


def write(namespace: str, count: int, pod: str = "client") -> None:
    assert in_pod(namespace, pod, "python3", "-c", WRITE, str(count)).strip() == str(count)


def count(namespace: str, pod: str = "client") -> int:
    return int(in_pod(namespace, pod, "python3", "-c", COUNT))


def versions(*namespaces: str) -> dict[tuple[str, str, str], str]:
    """The resource version of every object that nobody but we writes to."""
    kinds = "secrets,configmaps,networkpolicies,roles,rolebindings,services,serviceaccounts"
    return {
        (namespace, each["kind"], each["metadata"]["name"]): each["metadata"]["resourceVersion"]
        for namespace in namespaces
        for each in json.loads(kubectl("-n", namespace, "get", kinds, "-o", "json"))["items"]
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    yield Files(tmp_path_factory.mktemp("files"), platform(NAMESPACE, SHOP))
    kubectl("delete", "namespace", NAMESPACE, SHOP, "--ignore-not-found", "--wait=false")


def test_passwords_come_from_a_store(tmp_path: Path) -> None:
    """The External Secrets Operator cannot be run here: the cluster has its definition, and the test fills the Secret as it would."""
    try:
        EXTERNAL_SECRETS_API.install(tmp_path, os.environ)
    except RuntimeError as error:
        pytest.skip(str(error))
    options = ("--passwords", "external-secrets", "--store", "ClusterSecretStore/vault")
    files = Files(tmp_path, platform(GIVEN, GIVEN), *options)
    known = {key: f"{key.replace('-', '')}0123456789abcdef" for key in ("kafka-admin", "kafka-app", "kafka-broker")}
    try:
        for part in ("namespaces", "secrets"):
            for file in sorted((files.folder / part).glob("*.yaml")):
                kubectl("apply", "--server-side", "-f", str(file))
        wanted = get("externalsecret", "kafka-given-passwords", GIVEN)["spec"]
        assert {each["remoteRef"]["property"] for each in wanted["data"]} == known.keys()
        literals = [f"--from-literal={key}={each}" for key, each in known.items()]
        kubectl("-n", GIVEN, "create", "secret", "generic", wanted["target"]["name"], *literals)
        eventually("the Secrets are made", lambda: is_complete(files.job("secrets"), GIVEN), 180)
        assert password("app", GIVEN) == known["kafka-app"]
        assert known["kafka-app"] not in kubectl("-n", GIVEN, "logs", f"job/{files.job('secrets')}")
    finally:
        kubectl("delete", "namespace", GIVEN, "--ignore-not-found", "--wait=false")


class TestFromNothing:
    def test_one_command_brings_the_platform_up(self, files: Files) -> None:
        files.apply()
        eventually("the passwords are made", lambda: is_complete(files.job("secrets"), NAMESPACE), 120)
        eventually("topics and users are there", lambda: is_complete(files.job("kafka"), NAMESPACE), 240)
        eventually("all pods are ready", lambda: all_ready(NAMESPACE), 120)
        client_pod(SHOP, "client", "app")
        write(SHOP, 100)
        assert count(SHOP) == 100

    def test_a_second_time_changes_nothing(self, files: Files) -> None:
        before = versions(NAMESPACE, SHOP)
        files.apply()
        assert versions(NAMESPACE, SHOP) == before
        difference = subprocess.run(["kubectl", "diff", "--server-side", "-k", str(files.folder)], capture_output=True)
        assert difference.returncode == 0, difference.stdout

    def test_no_password_is_in_the_folder_or_in_what_can_be_read_without_secrets(self, files: Files) -> None:
        secret = password("app", SHOP)
        assert len(secret) == 32
        written = "".join(each.read_text() for each in files.folder.rglob("*") if each.is_file())
        shown = kubectl("-n", NAMESPACE, "get", "configmaps,jobs,pods,statefulsets", "-o", "json")
        logs = kubectl("-n", NAMESPACE, "logs", f"job/{files.job('secrets')}")
        assert secret not in written + shown + logs

    def test_the_job_may_read_these_secrets_and_no_others(self, files: Files) -> None:
        account = f"--as=system:serviceaccount:{NAMESPACE}:kafka-secrets"

        def may(verb: str, what: str, namespace: str) -> str:
            return kubectl("auth", "can-i", verb, what, "-n", namespace, account, check=False).strip()

        assert may("get", "secret/app-kafka", SHOP) == "yes"
        assert may("get", "secret/kafka-admin", NAMESPACE) == "yes"
        for verb, what, namespace in (
            ("get", "secret/kafka-admin", SHOP),
            ("list", "secrets", NAMESPACE),
            ("get", "secret/else", NAMESPACE),
            ("delete", "secret/app-kafka", SHOP),
            ("create", "pods", NAMESPACE),
            ("get", "secret/app-kafka", "kube-system"),
        ):
            assert may(verb, what, namespace) == "no", (verb, what, namespace)

    def test_two_runs_at_once_and_one_that_dies_end_with_the_same_passwords(self, files: Files) -> None:
        """Of a Job that is killed while it works, and two that begin together with nothing noted."""
        known = {user: password(user, SHOP) for user in ("app",)}
        kubectl("-n", NAMESPACE, "delete", "secret", "kafka-generated-passwords")
        job = get("job", files.job("secrets"), NAMESPACE)
        template = job["spec"]["template"]
        template["metadata"]["labels"] = {
            key: each
            for key, each in template["metadata"]["labels"].items()
            if "controller-uid" not in key and "job-name" not in key
        }
        names = [f"again-{number}" for number in range(3)]
        for name in names:
            spec = {"backoffLimit": 6, "template": template}
            about = {"name": name, "namespace": NAMESPACE}
            kubectl(
                "apply",
                "-f",
                "-",
                stdin=json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": about, "spec": spec}),
            )
        kubectl(
            "-n",
            NAMESPACE,
            "delete",
            "pods",
            "-l",
            f"batch.kubernetes.io/job-name={names[0]}",
            "--grace-period=0",
            "--force",
            "--wait=false",
        )
        for name in names:
            eventually(f"{name} is complete", lambda name=name: is_complete(name, NAMESPACE), 120)  # type: ignore[misc]
        assert {user: password(user, SHOP) for user in known} == known, "taken over from the Secrets that were there"
        noted = get("secret", "kafka-generated-passwords", NAMESPACE)["data"]
        assert len(noted) == 3

    def test_a_change_is_applied_and_another_password_is_made_for_who_asks(self, files: Files) -> None:
        app, before = password("app", SHOP), pods(NAMESPACE)
        changed = copy.deepcopy(files.content)
        changed["topics"]["orders"]["retention"] = "1d"
        changed["tenants"]["shop"]["users"]["app"]["passwordVersion"] = 2
        files.render(changed)
        files.apply()
        eventually("the new password is made", lambda: is_complete(files.job("secrets"), NAMESPACE), 120)
        eventually("the topic is changed", lambda: is_complete(files.job("kafka"), NAMESPACE), 240)
        assert password("app", SHOP) != app
        client_pod(SHOP, "again", "app")
        write(SHOP, 10, "again")
        assert count(SHOP, "again") == 110
        assert pods(NAMESPACE) == before


def test_files_take_over_from_pulumi_without_a_restart_or_another_password(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    stack = make_stack("moved", platform(MOVED, MOVED))
    stack.up()
    client_pod(MOVED, "client", "app")
    write(MOVED, 50)
    before, secret = pods(MOVED), password("app", MOVED)
    content = copy.deepcopy(dict(stack.platform))
    content["kafka"]["clusterId"] = stack.outputs()["clusterId"]
    owner = get("statefulset", "kafka", MOVED)["metadata"]["annotations"]["kafka-platform/stack"]
    files = Files(tmp_path, content, "--owner", owner)
    files.apply("--force-conflicts")
    eventually("the passwords are taken over", lambda: is_complete(files.job("secrets"), MOVED), 120)
    eventually("nothing is to be done", lambda: is_complete(files.job("kafka"), MOVED), 240)
    assert password("app", MOVED) == secret
    assert pods(MOVED) == before
    write(MOVED, 50)
    assert count(MOVED) == 100


class TestOperator:
    """What an operator makes is in users' Secrets too. Strimzi's does not run here: tests/strimzi_operator.py plays its part."""

    @pytest.fixture(scope="class")
    def by_strimzi(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
        if strimzi_api.operator_watches(os.environ):
            pytest.skip("an operator of Strimzi runs in this cluster, and plays its part itself")
        try:
            strimzi_api.install(os.environ)
        except SandboxError as error:
            pytest.skip(f"the API server does not serve Strimzi's kinds: {error}")
        pools = {"all": {"roles": ["controller", "broker"], "nodes": 3, "storage": "1Gi"}}
        users = {
            "app": {"writes": ["orders"]},
            "warehouse": {"auth": "mtls", "reads": ["orders"]},
        }
        content = {
            "namespace": OPERATED,
            "createNamespace": True,
            "kafka": {"engine": "strimzi", "pools": pools, "listeners": {"internal": {"certificates": True}}},
            "topics": {"orders": {}},
            "tenants": {"shop": {"users": users}},
        }
        yield Files(tmp_path_factory.mktemp("operated"), content)
        kubectl("delete", "namespace", OPERATED, "--ignore-not-found", "--wait=false")

    @pytest.fixture(scope="class")
    def operator(self, by_strimzi: Files) -> Iterator[Operator]:
        """Begins when everything is applied, and the Job waits for it."""
        by_strimzi.apply()
        eventually("passwords are there", lambda: has_secret("kafka-passwords"), 120)
        assert not has_secret("app-kafka")
        playing = Operator(OPERATED)
        playing.start()
        yield playing
        playing.stop()

    def test_users_get_its_authority_and_its_certificates(self, by_strimzi: Files, operator: Operator) -> None:
        eventually("all Secrets are made", lambda: is_complete(by_strimzi.job("secrets"), OPERATED), 240)
        app, warehouse = secret_of("app-kafka"), secret_of("warehouse-kafka")
        assert app["ca.crt"] == warehouse["ca.crt"] == "OLD\nNEW\n"
        assert app["password"] == secret_of("kafka-passwords")["app"]
        assert warehouse["user.pem"] == "key\ncertificate of warehouse\n"
        assert {"KafkaUser/app", "KafkaUser/warehouse", "KafkaTopic/orders"} <= set(operator.ready)

    def test_a_second_time_changes_nothing(self, by_strimzi: Files, operator: Operator) -> None:
        before = versions(OPERATED)
        by_strimzi.apply()
        assert versions(OPERATED) == before

    def test_a_renewed_authority_is_taken_by_itself(self, by_strimzi: Files, operator: Operator) -> None:
        operator.make_secret("kafka-cluster-ca-cert", {"ca.crt": "NEWEST\n", "ca-2025-01-01.crt": "NEW\n"})
        password_before = secret_of("app-kafka")["password"]
        kubectl("-n", OPERATED, "create", "job", "hourly", "--from=cronjob/kafka-secrets")
        eventually("it has looked again", lambda: is_complete("hourly", OPERATED), 120)
        assert secret_of("app-kafka")["ca.crt"] == "NEW\nNEWEST\n"
        assert secret_of("app-kafka")["password"] == password_before


def has_secret(name: str) -> bool:
    return bool(kubectl("-n", OPERATED, "get", "secret", name, "--ignore-not-found", "-o", "name").strip())


def secret_of(name: str) -> dict[str, str]:
    return {key: base64.b64decode(each).decode() for key, each in get("secret", name, OPERATED)["data"].items()}
