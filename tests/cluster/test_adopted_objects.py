"""What `adopt --strimzi` is given of a real API server with Strimzi's own definitions: two clusters in one namespace."""

import json
import subprocess
from collections.abc import Mapping

import pytest

from infra.adopt.operated import COMMAND, operated_in
from sandbox.host import SandboxError
from tests import strimzi_api
from tests.cluster.objects import own_namespace
from tests.strimzi_cases import CLUSTERS, declared, rendered
from tests.unit.adopt.test_operated import TLS, custom

NAMESPACE = "adopted-objects"


def test_what_kubectl_prints_says_what_operators_manage(environment: Mapping[str, str]) -> None:
    try:
        strimzi_api.install(environment)
    except SandboxError as error:
        pytest.skip(f"the API server does not serve Strimzi's kinds: {error}")
    if strimzi_api.operator_watches(environment):
        pytest.skip("an operator of Strimzi would make these clusters")
    [kafka] = [each for each in rendered(next(iter(CLUSTERS.values())), NAMESPACE) if each["kind"] == "Kafka"]
    other = kafka | {"metadata": kafka["metadata"] | {"name": "other"}}
    ours = [each for each in declared(NAMESPACE) if each["kind"] in ("KafkaTopic", "KafkaUser")]
    theirs = [
        custom("KafkaTopic", "of-the-other", "other", namespace=NAMESPACE, partitions=1),
        custom("KafkaUser", "user-of-the-other", "other", namespace=NAMESPACE, **TLS),
    ]
    with own_namespace(NAMESPACE, environment):
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": [kafka, other, *ours, *theirs]})
        made = ["kubectl", "apply", "-f", "-"]
        done = subprocess.run(made, env=environment, input=given, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        asked = COMMAND.replace("NAMESPACE", NAMESPACE).split()
        text = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True).stdout
    found = operated_in(text, "other")
    assert (found.topics, found.users) == (
        {"of-the-other": "of-the-other"},
        {"CN=user-of-the-other": "user-of-the-other"},
    )
    name = kafka["metadata"]["name"]
    found = operated_in(text, name)
    kinds = {each["kind"] for each in ours}
    assert kinds == {"KafkaTopic", "KafkaUser"}
    assert sorted(found.topics.values()) == sorted(_named(ours, "KafkaTopic"))
    assert sorted(found.users.values()) == sorted(_named(ours, "KafkaUser"))
    assert set(found.topics) == {
        each["spec"].get("topicName", each["metadata"]["name"]) for each in ours if each["kind"] == "KafkaTopic"
    }
    assert not found.notes


def _named(objects: list[dict[str, object]], kind: str) -> list[str]:
    return [str(each["metadata"]["name"]) for each in objects if each["kind"] == kind]  # type: ignore[index]
