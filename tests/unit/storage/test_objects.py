"""ObjectStore: what it renders, the graph that it makes, what it refuses."""

import base64
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import ObjectStore, ObjectStoreArgs, StoreAccess, StoreUser
from kafka_platform.storage.logins import policy
from kafka_platform.storage.objects import ObjectStoreSettings, objects
from kafka_platform.storage.spec import MOST_USERS, ObjectStoreSpec

from infra.platform import Platform
from infra.settings.parsing import parse
from tests.unit.components.graph import run, value
from tests.unit.test_platform import EMBEDDED, KUBECONFIG

USERS = {"lake": StoreUser(namespace="shop"), "marts": StoreUser(prefix="marts/daily/", access=StoreAccess.READ)}
KEYS = {name: f"key-of-{name}" for name in ("admin", *USERS)}


def rendered(role: str, **changes: Any) -> dict[str, Any]:
    spec = ObjectStoreSpec(**({"users": USERS} | changes))
    settings = ObjectStoreSettings(
        name="files", namespace="streaming", image="versitygw:1", runtime_image="runtime:1", spec=spec
    )
    return next(each.manifest for each in objects(settings, KEYS) if each.role == role)


def pod(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = rendered("pod", **changes)["spec"]["template"]["spec"]
    return found


def decoded(secret: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(text).decode() for key, text in secret["data"].items()}


class TestPod:
    def test_no_rights_and_nothing_to_write_to_but_the_volume(self) -> None:
        for container in (*pod()["initContainers"], *pod()["containers"]):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]
        assert pod()["securityContext"]["runAsNonRoot"] is True
        assert pod()["automountServiceAccountToken"] is False
        writable = [each["name"] for each in pod()["containers"][0]["volumeMounts"] if not each.get("readOnly")]
        assert writable == ["data"]
        assert all(each["readOnly"] for each in pod()["containers"][1]["volumeMounts"])

    def test_no_key_is_in_the_pod_or_in_its_settings(self) -> None:
        assert "key-of" not in json.dumps([rendered("pod"), rendered("config"), rendered("network")])

    def test_the_volume_stays_and_grows_and_never_shrinks(self) -> None:
        manifest = rendered("pod", size="5Gi", storage_class="fast")
        assert manifest["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Retain"
        [claim] = manifest["spec"]["volumeClaimTemplates"]
        assert claim["spec"]["storageClassName"] == "fast"
        settings = ObjectStoreSettings(
            name="files", namespace="streaming", image="v", runtime_image="r", spec=ObjectStoreSpec(size="5Gi")
        )
        own = next(each for each in objects(settings, KEYS) if each.role == "claim")
        smaller = objects(replace(settings, spec=ObjectStoreSpec(size="4Gi")), KEYS)
        wanted = next(each for each in smaller if each.role == "claim")
        assert own.guard is not None
        own.guard.check(wanted.manifest, own.manifest)
        with pytest.raises(ValueError, match="size: 5Gi -> 4Gi: volumes never shrink: use at least 5Gi"):
            own.guard.check(own.manifest, wanted.manifest)

    def test_other_users_and_keys_are_read_by_a_new_pod(self) -> None:
        def version(users: dict[str, StoreUser]) -> Any:
            return rendered("pod", users=users)["spec"]["template"]["metadata"]["annotations"]

        first = version(USERS)
        assert first == version(dict(reversed(USERS.items())))
        for changed in (StoreUser(), StoreUser(prefix="other/"), StoreUser(namespace="shop", password_version=2)):
            assert version(USERS | {"lake": changed, "marts": changed}) != first


class TestRights:
    def test_each_user_works_below_its_prefix_alone(self) -> None:
        found = policy("platform", USERS)
        assert found is not None
        by_user: dict[str, list[dict[str, Any]]] = {}
        for each in found["Statement"]:
            by_user.setdefault(each["Principal"]["AWS"][0], []).append(each)
        assert by_user.keys() == USERS.keys()
        for user, prefix in (("lake", "lake/"), ("marts", "marts/daily/")):
            things, names = by_user[user]
            assert things["Resource"] == [f"arn:aws:s3:::platform/{prefix}*"]
            assert names["Condition"] == {"StringLike": {"s3:prefix": [f"{prefix}*"]}}
        assert by_user["marts"][0]["Action"] == ["s3:GetObject"]
        assert {"s3:PutObject", "s3:DeleteObject"} <= {*by_user["lake"][0]["Action"]}

    def test_without_users_there_is_no_policy(self) -> None:
        assert json.loads(rendered("config", users={})["data"]["store.json"])["policy"] is None

    def test_a_user_finds_everything_in_its_namespace(self) -> None:
        secret = rendered("lake-storage")
        assert secret["metadata"]["namespace"] == "shop"
        assert decoded(secret) == {
            "AWS_ACCESS_KEY_ID": "lake",
            "AWS_ENDPOINT_URL_S3": "http://files.streaming.svc:8080",
            "AWS_REGION": "us-east-1",
            "AWS_SECRET_ACCESS_KEY": "key-of-lake",
            "S3_BUCKET": "platform",
            "S3_PREFIX": "lake/",
        }
        assert rendered("marts-storage")["metadata"]["namespace"] == "streaming"

    def test_only_users_and_the_named_namespaces_connect(self) -> None:
        def peers(**changes: Any) -> list[Any]:
            rules = rendered("network", **changes)["spec"]["ingress"]
            return [each["from"] for each in rules if each["ports"][0]["port"] == 8080]

        [[own, others]] = peers(client_namespaces=["batch"])
        assert own == {"podSelector": {}}
        assert others["namespaceSelector"]["matchExpressions"][0]["values"] == ["batch", "shop"]
        assert peers(users={}) == []
        assert rendered("network")["spec"]["egress"] == []


def test_the_graph() -> None:
    made: list[ObjectStore] = []
    found = run(lambda: made.append(ObjectStore("files", ObjectStoreArgs(users={"lake": StoreUser()}))))
    assert {name for name in found if "stack" not in name} == {
        "ObjectStore files",
        "RandomPassword files-admin-password",
        "RandomPassword files-lake-password",
        "Secret files-admin",
        "Secret files-users",
        "ConfigMap files-config",
        "NetworkPolicy files-network",
        "Service files-service",
        "StatefulSet files-pod",
        "PersistentVolumeClaimPatch files-claim",
        "Secret files-lake-storage",
    }
    assert found["PersistentVolumeClaimPatch files-claim"].retained
    assert value(made[0].endpoint) == "http://files.streaming.svc:8080"
    assert value(made[0].user_secrets) == {"lake": "lake-storage"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": "512Mi"}, "size: 512Mi is too little for an object store: use at least 1Gi"),
        ({"bucket": "Lake"}, "bucket: 'Lake' is not a bucket: use 3 to 63 of a-z, 0-9 and -"),
        ({"bucket": "../etc"}, "bucket: '../etc' is not a bucket"),
        ({"users": {"lake": {"prefix": "lake"}}}, "prefix: 'lake' is not a prefix: write parts of"),
        ({"users": {"lake": {"prefix": "*/"}}}, "prefix: '*/' is not a prefix"),
        ({"users": {"lake": {"prefix": "lake/../marts/"}}}, "is not a prefix"),
        ({"users": {"lake": {"prefix": "/"}}}, "prefix: '/' is not a prefix"),
        ({"users": {"admin": {}}}, "users: 'admin' is the store's own administrator: choose another name"),
        ({"users": {'a"b': {}}}, "users: 'a\"b' is not a Kubernetes name"),
        (
            {"users": {f"u{number}": {} for number in range(MOST_USERS + 1)}},
            "users: 101 are too many: let programs share one, up to 100",
        ),
    ],
)
def test_a_misuse_names_the_field(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ObjectStoreArgs(**given)


def test_a_stack_has_one_that_its_prometheus_reads() -> None:
    raw = {**EMBEDDED, "storage": {"install": True, "users": {"lake": {}}}, "prometheus": {"namespace": "watch"}}
    found = run(lambda: Platform(parse(raw), KUBECONFIG) and None)
    assert "ObjectStore object-store" in found
    [monitor] = [name for name in found if name.startswith("PodMonitor") and name.endswith("object-store")]
    assert found[monitor].inputs["spec"]["podMetricsEndpoints"][0]["port"] == "metrics"
    rules = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"][0]["rules"]
    assert {"ObjectStoreGone", "ObjectStoreAlmostFull"} <= {each["alert"] for each in rules}
    network = found["NetworkPolicy object-store-network"].inputs["spec"]["ingress"]
    assert network[-1]["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"] == ["watch"]
