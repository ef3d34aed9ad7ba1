"""What is said of changed Kubernetes objects, kind by kind."""

from typing import Any

import pytest

from infra.review.changes import Operation
from tests.unit.review.objects import change, made, said

BROKER = {"labels": {"app.kubernetes.io/component": "broker"}}


def stateful_set(
    nodes: int = 3,
    memory: str = "1Gi",
    image: str = "docker.io/apache/kafka:4.3.1",
    deleted: str = "Retain",
    **pod: Any,
) -> dict[str, Any]:
    requests = {"cpu": "1", "memory": memory}
    return made(
        "kafka",
        {
            "replicas": nodes,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": deleted, "whenScaled": "Retain"},
            "template": {
                "spec": {"containers": [{"name": "kafka", "image": image, "resources": {"requests": requests}}], **pod}
            },
            "volumeClaimTemplates": [
                {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Ti"}}}}
            ],
        },
        metadata=BROKER,
    )


def pool(replicas: int = 3, size: str = "1Ti", *, keeps: bool = True) -> dict[str, Any]:
    volume = {"id": 0, "type": "persistent-claim", "size": size, "deleteClaim": not keeps}
    storage = {"type": "jbod", "volumes": [volume]}
    resources = {"requests": {"cpu": "2", "memory": "8Gi"}}
    return made("brokers", {"roles": ["broker"], "replicas": replicas, "storage": storage, "resources": resources})


def policy(*peers: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"ports": [{"port": 9092.0}]}
    return made("kafka", {"ingress": [{**rule, "from": list(peers)} if peers else rule]})


def service(kind: str, **spec: Any) -> dict[str, Any]:
    return made("kafka-external", {"type": kind, "ports": [{"port": 9094}], **spec})


NAMESPACE = {"namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "values": ["shop"]}]}}

CASES: dict[str, tuple[str, Any, Any, dict[str, list[str]]]] = {
    "more brokers": (
        "StatefulSet",
        stateful_set(6),
        stateful_set(8),
        {"Capacity": ["brokers `kafka`: 6 -> 8: +2 CPU, +2Gi memory, +2Ti storage"]},
    ),
    "fewer brokers": (
        "StatefulSet",
        stateful_set(3),
        stateful_set(2),
        {
            "Data at risk": [
                "! brokers `kafka`: 3 -> 2: move the partitions away from those that go first, or their copies are lost"
            ],
            "Capacity": ["brokers `kafka`: 3 -> 2: -1 CPU, -1Gi memory, -1Ti storage"],
        },
    ),
    "brokers removed with their volumes": (
        "StatefulSet",
        stateful_set(deleted="Delete"),
        None,
        {
            "Data at risk": ["! brokers `kafka`: removed, and their volumes with all records are deleted"],
            "Capacity": ["brokers `kafka`: -3 CPU, -3Gi memory, -3Ti storage"],
        },
    ),
    "brokers removed": (
        "StatefulSet",
        stateful_set(),
        None,
        {
            "Data at risk": ["! brokers `kafka`: removed; their volumes are kept"],
            "Capacity": ["brokers `kafka`: -3 CPU, -3Gi memory, -3Ti storage"],
        },
    ),
    "volumes that will go": (
        "StatefulSet",
        stateful_set(),
        stateful_set(deleted="Delete"),
        {"Data at risk": ["! brokers `kafka`: volumes are from now on deleted with what uses them"]},
    ),
    "an older Kafka": (
        "StatefulSet",
        stateful_set(),
        stateful_set(image="docker.io/apache/kafka:4.2.0"),
        {
            "Data at risk": [
                "! brokers `kafka`: image `docker.io/apache/kafka:4.3.1` -> `docker.io/apache/kafka:4.2.0`: Kafka cannot "
                "go back once new metadata is written"
            ],
            "Other": ["brokers `kafka`: restart one after another"],
        },
    ),
    "pods that may do more on their machines": (
        "StatefulSet",
        stateful_set(),
        stateful_set(hostNetwork=True),
        {
            "Access": ["! brokers `kafka`: `hostNetwork` of the pods changes"],
            "Other": [
                "brokers `kafka`: restart one after another",
                "StatefulSet `kafka`: updated: `spec.template.spec.hostNetwork`",
            ],
        },
    ),
    "more brokers in a pool": (
        "KafkaNodePool",
        pool(6),
        pool(8),
        {"Capacity": ["brokers `brokers`: 6 -> 8: +4 CPU, +16Gi memory, +2Ti storage"]},
    ),
    "smaller volumes in a pool": (
        "KafkaNodePool",
        pool(size="2Ti"),
        pool(size="1Ti"),
        {
            "Data at risk": [
                "! brokers `brokers`: storage 2Ti -> 1Ti for each: volumes never shrink, and removed ones hold records"
            ],
            "Capacity": ["brokers `brokers`: -3Ti storage"],
        },
    ),
    "larger volumes in a pool": (
        "KafkaNodePool",
        pool(size="1Ti"),
        pool(size="2Ti"),
        {"Capacity": ["brokers `brokers`: +3Ti storage", "brokers `brokers`: volumes 1Ti -> 2Ti for each"]},
    ),
    "a pool removed with its volumes": (
        "KafkaNodePool",
        pool(keeps=False),
        None,
        {
            "Data at risk": ["! brokers `brokers`: removed, and their volumes with all records are deleted"],
            "Capacity": ["brokers `brokers`: -6 CPU, -24Gi memory, -3Ti storage"],
        },
    ),
    "a pool whose volumes will go": (
        "KafkaNodePool",
        pool(),
        pool(keeps=False),
        {"Data at risk": ["! brokers `brokers`: volumes are from now on deleted with what uses them"]},
    ),
    "a smaller claim": (
        "PersistentVolumeClaim",
        made("data-kafka-0", {"resources": {"requests": {"storage": "2Gi"}}}),
        made("data-kafka-0", {"resources": {"requests": {"storage": "1Gi"}}}),
        {"Data at risk": ["! volume `data-kafka-0`: 2Gi -> 1Gi: volumes never shrink: this is refused"]},
    ),
    "a claim removed": (
        "PersistentVolumeClaim",
        made("data-kafka-0", {}),
        None,
        {
            "Data at risk": [
                "! PersistentVolumeClaim `data-kafka-0`: deleted, and by most storage classes the volume with it"
            ]
        },
    ),
    "a namespace removed": (
        "Namespace",
        made("shop"),
        None,
        {"Data at risk": ["! Namespace `shop`: deleted with everything that is in it"]},
    ),
    "a kind removed": (
        "CustomResourceDefinition",
        made("kafkas.kafka.strimzi.io"),
        None,
        {
            "Data at risk": [
                "! CustomResourceDefinition `kafkas.kafka.strimzi.io`: deleted, and with it every object of the kind"
            ]
        },
    ),
    "a namespace let in": (
        "NetworkPolicy",
        policy({"podSelector": {}}),
        policy({"podSelector": {}}, NAMESPACE),
        {"Access": ["network policy `kafka`: lets in namespace `shop` (port 9092)"]},
    ),
    "a namespace no longer let in": (
        "NetworkPolicy",
        policy({"podSelector": {}}, NAMESPACE),
        policy({"podSelector": {}}),
        {"Access": ["network policy `kafka`: no longer lets in namespace `shop` (port 9092)"]},
    ),
    "everybody let in": (
        "NetworkPolicy",
        policy({"podSelector": {}}),
        policy(),
        {
            "Access": [
                "! network policy `kafka`: lets in everybody (port 9092)",
                "network policy `kafka`: no longer lets in the same namespace (port 9092)",
            ]
        },
    ),
    "the internet let in": (
        "NetworkPolicy",
        policy({"ipBlock": {"cidr": "10.0.0.0/8"}}),
        policy({"ipBlock": {"cidr": "10.0.0.0/8"}}, {"ipBlock": {"cidr": "0.0.0.0/0"}}),
        {"Access": ["! network policy `kafka`: lets in addresses `0.0.0.0/0` (port 9092)"]},
    ),
    "a policy removed": (
        "NetworkPolicy",
        policy(NAMESPACE),
        None,
        {"Access": ["! network policy `kafka`: deleted: what it kept out is let in"]},
    ),
    "a way in": (
        "Service",
        service("ClusterIP"),
        service("LoadBalancer"),
        {"Access": ["! Service `kafka-external`: can be reached from outside by LoadBalancer"]},
    ),
    "addresses let in": (
        "Service",
        service("LoadBalancer", loadBalancerSourceRanges=["203.0.113.0/24"]),
        service("LoadBalancer", loadBalancerSourceRanges=[]),
        {"Access": ["! Service `kafka-external`: can be reached from everybody"]},
    ),
    "a host without TLS": (
        "Ingress",
        None,
        made("data", {"rules": [{"host": "data.example.com"}]}),
        {"Access": ["! Ingress `data`: can be reached from outside at `data.example.com` without TLS"]},
    ),
    "a host with TLS": (
        "Ingress",
        None,
        made("data", {"rules": [{"host": "data.example.com"}], "tls": [{"hosts": ["data.example.com"]}]}),
        {"Access": ["! Ingress `data`: can be reached from outside at `data.example.com`"]},
    ),
    "more pods by load": (
        "HorizontalPodAutoscaler",
        made("gateway", {"minReplicas": 2, "maxReplicas": 6}),
        made("gateway", {"minReplicas": 2, "maxReplicas": 20}),
        {"Capacity": ["pods `gateway`: scaled by load, 2 to 6 -> 2 to 20"]},
    ),
    "a new scaler": (
        "ScaledObject",
        None,
        made("fraud", {"scaleTargetRef": {"name": "fraud-check"}, "maxReplicaCount": 24}),
        {"Capacity": ["pods `fraud-check`: scaled by load, default to 24"]},
    ),
    "rights in Kubernetes": (
        "ClusterRoleBinding",
        None,
        made("operator"),
        {"Access": ["! ClusterRoleBinding `operator`: rights in Kubernetes are created"]},
    ),
    "a Secret removed": (
        "Secret",
        made("kafka-admin", kind="Secret"),
        None,
        {"Access": ["! Secret `kafka-admin`: deleted: whoever uses it can no longer log in"]},
    ),
    "a listener without TLS": (
        "Kafka",
        made("events", {"kafka": {"listeners": []}}),
        made("events", {"kafka": {"listeners": [{"name": "plain", "port": 9092, "type": "internal", "tls": False}]}}),
        {"Access": ["! Kafka `events`: listener `plain` is new: internal, port 9092, without TLS, nobody logs in"]},
    ),
    "no authorization": (
        "Kafka",
        made("events", {"kafka": {"authorization": {"type": "simple"}}}),
        made("events", {"kafka": {}}),
        {"Access": ["! Kafka `events`: everybody may do everything: no authorization"]},
    ),
    "an older version": (
        "Kafka",
        made("events", {"kafka": {"version": "4.3.1"}}),
        made("events", {"kafka": {"version": "4.2.0"}}),
        {
            "Data at risk": [
                "! Kafka `events`: version 4.3.1 -> 4.2.0: Kafka cannot go back once new metadata is written"
            ]
        },
    ),
    "another cluster": (
        "kubernetes",
        {"context": "prod"},
        {"context": "staging"},
        {
            "Data at risk": [
                "! provider `it`: `context` changes: make sure that it is still the same Kubernetes cluster"
            ]
        },
    ),
    "something that no rule knows": (
        "Service",
        service("ClusterIP", sessionAffinity="None"),
        service("ClusterIP", sessionAffinity="ClientIP"),
        {"Other": ["Service `kafka-external`: updated: `spec.sessionAffinity`"]},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_objects(case: str) -> None:
    kind, before, after, lines = CASES[case]
    assert said(change(kind, before, after)) == lines


def test_replaced_stateful_things_are_at_risk() -> None:
    replaced = change(
        "StatefulSet", stateful_set(), stateful_set(), operation=Operation.REPLACE, reasons=("spec.serviceName",)
    )
    assert said(replaced)["Data at risk"] == [
        "! StatefulSet `kafka`: replaced because of `spec.serviceName`: what it holds goes with the old one"
    ]
    topic = change("KafkaTopic", made("orders", {}), made("orders", {}), operation=Operation.REPLACE)
    assert said(topic)["Data at risk"] == ["! KafkaTopic `orders`: replaced: what it holds goes with the old one"]


def test_replaced_identities_and_passwords() -> None:
    lost = change("RandomId", {"byteLength": 16}, {"byteLength": 17}, operation=Operation.REPLACE)
    assert said(lost)["Data at risk"][0].startswith("! RandomId `it`: a generated identity is lost")
    password = change("RandomPassword", {"length": 32}, {"length": 33}, operation=Operation.REPLACE)
    assert said(password)["Access"] == ["password `it`: a new password is made"]


def test_a_further_way_in_of_a_part_that_has_one_needs_no_second_look() -> None:
    labelled = {"labels": {"app.kubernetes.io/component": "broker"}}
    first = made("kafka-external-0", {"type": "NodePort"}, metadata=labelled)
    second = made("kafka-external-1", {"type": "NodePort"}, metadata=labelled)
    lines = said(change("Service", first, first), change("Service", None, second))
    assert lines == {"Access": ["Service `kafka-external-1`: can be reached from outside by NodePort"]}


def test_the_gateway_settings() -> None:
    def config(**settings: Any) -> dict[str, Any]:
        import json

        return made("gateway-config", data={"gateway.json": json.dumps({"cors": [], "anonymous": None, **settings})})

    found = said(
        change("ConfigMap", config(), config(anonymous={"username": "guest"}, cors=["https://a.example.com"], limits=1))
    )
    assert found == {
        "Access": [
            "! HTTP gateway `gateway`: callers without credentials are the user `guest`",
            "HTTP gateway `gateway`: pages of `https://a.example.com` may call",
        ],
        "Other": ["HTTP gateway `gateway`: setting `limits` changes"],
    }


def test_values_that_are_not_known_yet_are_no_finding() -> None:
    unknown = made("kafka-config", data="04da6b54-80e4-46f7-96ec-b56ff0331ba9")
    assert said(change("ConfigMap", None, unknown)) == {"Other": ["ConfigMap `kafka-config`: created"]}


def test_a_policy_that_goes_with_its_pods_opens_nothing() -> None:
    labelled = {"labels": {"app.kubernetes.io/component": "gateway"}}
    pods = made("gateway", {"replicas": 1}, metadata=labelled)
    closed = made("gateway", {"ingress": []}, metadata=labelled)
    assert "Access" not in said(change("StatefulSet", pods, None), change("NetworkPolicy", closed, None))


def test_an_annotation_that_configures_a_controller_needs_a_second_look() -> None:
    key = "nginx.ingress.kubernetes.io/configuration-snippet"
    rules = {"rules": [{"host": "a.b"}], "tls": [{"hosts": ["a.b"]}]}
    sides = [made("it", rules, metadata={"annotations": each}) for each in ({"a": "b"}, {"a": "b", key: "return 200;"})]
    assert said(change("Ingress", *sides))["Access"] == [
        f"! Ingress `it`: its controller gets configuration or rights by `{key}`"
    ]


def worker(kind: str, volumes: str | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"replicas": 2}
    if volumes is not None:
        spec |= {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": volumes}, "volumeClaimTemplates": [{}]}
    return made("totals", spec, metadata={"labels": {"app.kubernetes.io/component": "worker"}}, kind=kind)


def test_a_worker_that_gets_state_has_other_pods_beside_the_old_ones() -> None:
    found = said(
        change("StatefulSet", None, worker("StatefulSet", "Retain")),
        change("Deployment", worker("Deployment"), None),
    )
    moves = (
        "pods `totals`: Deployment -> StatefulSet: they run beside the old ones until they are ready, in the same group"
    )
    assert moves in found["Other"]
    assert "Data at risk" not in found


@pytest.mark.parametrize(("policy", "volumes"), [("Retain", "kept"), ("Delete", "deleted")])
def test_a_worker_that_loses_its_state_needs_a_second_look(policy: str, volumes: str) -> None:
    found = said(change("StatefulSet", worker("StatefulSet", policy), None))
    [line] = found["Data at risk"]
    assert line.startswith("! pods `totals`: removed")
    assert f"volumes with the state are {volumes}; changelog topics, from which it can be rebuilt, stay" in line
