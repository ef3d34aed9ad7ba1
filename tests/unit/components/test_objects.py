"""Lists of objects: what follows from values that are not known yet, what Pulumi is told, which changes are refused."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from kafka_platform.cluster.embedded import objects as embedded
from kafka_platform.cluster.embedded.objects import Generated
from kafka_platform.cluster.embedded.settings import EmbeddedSettings
from kafka_platform.cluster.spec import ClusterSpec
from kafka_platform.cluster.strimzi import objects as strimzi_objects
from kafka_platform.entities import provisioner, strimzi as strimzi_resources
from kafka_platform.entities.settings import EntitySettings
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.entities import Topic, User
from kafka_platform.kube import place as kubernetes
from kafka_platform.kube.derived import Derived, derived
from kafka_platform.kube.objects import Guard, Object, Wait
from kafka_platform.kube.place import annotated, place_all, resolved

from tests import strimzi_cases
from tests.unit.components.graph import run, value

CONFIG_MAP: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {}}
CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="events.streaming.svc:9092",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
    admin_secret="events-admin",
    replicas=3,
)


def host(name: str, port: int) -> str:
    return f"{name}:{port}"


def test_what_follows_from_plain_values_is_known_at_once() -> None:
    assert derived(host, "a", 1) == "a:1"


def test_what_follows_from_an_output_is_known_when_the_output_is() -> None:
    made: list[Any] = []

    def program() -> None:
        late = derived(host, pulumi.Output.from_input("a"), 1)
        assert isinstance(late, Derived)
        made.append(resolved({"of": [late, derived(len, late)]}))

    run(program)
    [(first, second)] = [each["of"] for each in made]
    assert (value(first), value(second)) == ("a:1", 3)


@pytest.mark.parametrize(
    ("told", "annotations"),
    [
        ({}, None),
        ({"awaited": False}, {"pulumi.com/skipAwait": "true"}),
        ({"forced": True}, {"pulumi.com/patchForce": "true"}),
        ({"runs_again": True}, {"pulumi.com/replaceUnready": "true"}),
        ({"wait": Wait(condition="Programmed")}, {"pulumi.com/waitFor": "condition=Programmed"}),
        (
            {"wait": Wait(condition="Ready", seconds=60)},
            {"pulumi.com/timeoutSeconds": "60", "pulumi.com/waitFor": "condition=Ready"},
        ),
    ],
)
def test_what_pulumi_is_told_is_added_when_an_object_is_placed(
    told: dict[str, Any], annotations: dict[str, str] | None
) -> None:
    rendered = Object(role="a", manifest=CONFIG_MAP, **told)
    assert annotated(rendered)["metadata"].get("annotations") == annotations
    assert "annotations" not in CONFIG_MAP["metadata"]


def test_annotations_of_the_manifest_stay() -> None:
    metadata = {"name": "a", "annotations": {"example.com/a": "b"}}
    rendered = Object(role="a", manifest=CONFIG_MAP | {"metadata": metadata}, awaited=False)
    assert annotated(rendered)["metadata"]["annotations"] == {"example.com/a": "b", "pulumi.com/skipAwait": "true"}


def test_objects_are_placed_by_kind_and_role_below_their_component() -> None:
    def program() -> None:
        parent = pulumi.ComponentResource("a:b:C", "parent")
        first = Object(role="first", manifest=CONFIG_MAP)
        kept = Object(role="second", manifest=CONFIG_MAP, after=[first], kept=True, ignored=["data"])
        patch = Object(role="third", manifest=CONFIG_MAP, partial=True)
        assert set(place_all(parent, "all", [first, kept, patch])) == {
            ("ConfigMap", "first"),
            ("ConfigMap", "second"),
            ("ConfigMap", "third"),
        }

    found = run(program)
    assert "a:b:C$kubernetes:core/v1:ConfigMap::all-first" in found["ConfigMap all-first"].urn
    assert (found["ConfigMap all-second"].retained, found["ConfigMap all-second"].ignored) == (True, ["data"])
    assert "ConfigMapPatch all-third" in found


def guarded(objects: list[Object], role: str, *, kind: str) -> Object:
    [found] = [each for each in objects if (each.kind, each.role) == (kind, role)]
    assert found.guard is not None
    return found


def brokers(**changes: Any) -> list[Object]:
    settings = EmbeddedSettings(
        name="events", namespace="streaming", spec=ClusterSpec(**changes), image="kafka:1", runtime_image="runtime:1"
    )
    generated = Generated(cluster_id="A" * 22, admin_password="a", broker_password="b")
    return embedded.objects(settings, CONNECTION, generated)


def entities(partitions: int) -> EntitySettings:
    topics = {"orders": Topic(partitions=partitions)}
    return EntitySettings(
        name="events", connection=CONNECTION, runtime_image="runtime:1", topics=topics, users={"app": User()}
    )


def pools(nodes: int) -> list[Object]:
    """Of a cluster with so many controllers."""
    found = strimzi_objects.objects(strimzi_cases.settings(strimzi_cases.CLUSTERS["pools"]))
    for each in found:
        if each.role == "pool-controllers":
            each.manifest["spec"]["replicas"] = nodes
    return found


@pytest.mark.parametrize(
    ("kind", "role", "before", "after", "message"),
    [
        ("StatefulSet", "nodes", brokers(nodes=5), brokers(nodes=3), "cluster events: nodes: 5 -> 3"),
        (
            "PersistentVolumeClaim",
            "claim-0",
            brokers(storage="20Gi"),
            brokers(storage="10Gi"),
            "volume data-events-0: storage: 20Gi -> 10Gi",
        ),
        (
            "ConfigMap",
            "declarations",
            provisioner.objects(entities(6), {}),
            provisioner.objects(entities(3), {}),
            "topic orders: 6 partitions -> 3",
        ),
        (
            "KafkaTopic",
            "topic-orders",
            strimzi_resources.objects(entities(6), {"app": "secret"}),
            strimzi_resources.objects(entities(3), {"app": "secret"}),
            "topic orders: 6 partitions -> 3",
        ),
        ("KafkaNodePool", "pool-controllers", pools(3), pools(5), "cluster events: pools.controllers.nodes: 3 -> 5"),
    ],
)
def test_a_change_that_loses_records_is_refused(
    kind: str, role: str, before: list[Object], after: list[Object], message: str
) -> None:
    old, new = guarded(before, role, kind=kind), guarded(after, role, kind=kind)
    assert new.guard is not None
    new.guard.check(new.manifest, new.manifest)
    with pytest.raises(ValueError, match=message):
        new.guard.check(old.manifest, new.manifest)


def test_objects_of_one_guard_share_a_hook_that_runs_before_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi's mocks know no hooks; tests/cluster shows in a real engine that an update is refused."""
    hooks: list[Any] = []
    bound: list[Any] = []

    class Hook:
        def __init__(self, name: str, check: Callable[[Any], None], options: pulumi.ResourceHookOptions) -> None:
            self.name, self.check, self.options = name, check, options
            hooks.append(self)

    def placed(name: str, manifest: Any, opts: pulumi.ResourceOptions) -> None:
        bound.append(None if opts.hooks is None else opts.hooks.before_update)

    monkeypatch.setattr(kubernetes, "hooks_work", lambda: True)
    monkeypatch.setattr(kubernetes, "place", placed)
    monkeypatch.setattr(pulumi, "ResourceHook", Hook)
    seen: list[Any] = []
    guard = Guard(name="only-grow", check=lambda old, new: seen.append((old, new)))
    objects = [Object(role=role, manifest=CONFIG_MAP, guard=guard) for role in ("a", "b")]
    run(
        lambda: place_all(
            pulumi.ComponentResource("a:b:C", "parent"), "all", [*objects, Object(role="c", manifest={**CONFIG_MAP})]
        )
    )
    [hook] = hooks
    assert (hook.name, hook.options.on_dry_run) == ("only-grow", True)
    assert bound == [[hook], [hook], None]
    hook.check(SimpleNamespace(old_inputs=None, new_inputs={"a": 1}))
    hook.check(SimpleNamespace(old_inputs={"a": 0}, new_inputs={"a": 1}))
    assert seen == [({"a": 0}, {"a": 1})]


def test_no_two_objects_of_a_list_are_the_same_resource() -> None:
    for objects in (brokers(nodes=3), provisioner.objects(entities(1), {"app": "secret"}), pools(3)):
        names = [(each.kind, each.role) for each in objects]
        assert len(set(names)) == len(names)
