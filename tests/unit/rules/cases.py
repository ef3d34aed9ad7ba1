"""Resources that each rule lets pass, and resources that it refuses, with its message."""

import json
from typing import Any

from kafka_platform.kube.marks import ADOPTED, MARK

from infra.rules import Resource

PROVISIONER = {"app.kubernetes.io/component": "provisioner"}


def made(kind: str, spec: dict[str, Any] | None = None, **others: Any) -> Resource:
    ignored = others.pop("ignored", ())
    metadata = {"name": "it", "namespace": "streaming", **others.pop("metadata", {})}
    properties = {"metadata": metadata, **({} if spec is None else {"spec": spec}), **others}
    return Resource(type=f"kubernetes:any/v1:{kind}", properties=properties, name="it", ignored=ignored)


def declared(**entries: dict[str, Any]) -> Resource:
    """Declarations as the provisioner reads them, by `topic_<name>` and `user_<name>`."""
    data = {key.replace("_", ".", 1): json.dumps(value) for key, value in entries.items()}
    return made("ConfigMap", metadata={"labels": PROVISIONER}, data=data)


def brokers(**settings: str) -> Resource:
    lines = "".join(f"{key.replace('__', '.')}={value}\n" for key, value in settings.items())
    return made("ConfigMap", data={"cluster.properties": lines})


def pods(kind: str = "Deployment", **container: Any) -> Resource:
    complete = {"name": "app", "image": "app:1.0.0", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    return made(kind, {"template": {"spec": {"containers": [complete | container]}}})


def acl(name: str, *operations: str, resource: str = "topic") -> dict[str, Any]:
    return {"resource": resource, "name": name, "pattern": "literal", "operations": list(operations)}


CLUSTER = acl("kafka-cluster", resource="cluster")


def writes_as(prefix: str) -> dict[str, Any]:
    return {"acls": [acl(prefix, "WRITE", "DESCRIBE", resource="transactionalId") | {"pattern": "prefixed"}]}


def kafka_acl(name: str, *operations: str) -> dict[str, Any]:
    resource = {"type": "topic", "name": name, "patternType": "literal"}
    acls = [{"resource": resource, "operations": list(operations)}]
    return {"authorization": {"type": "simple", "acls": acls}}


def listener(**others: Any) -> Resource:
    entry = {"name": "external", "port": 9094, "type": "loadbalancer", "tls": True} | others
    return made("Kafka", {"kafka": {"listeners": [entry]}})


def node_pool(**volume: Any) -> Resource:
    storage = {"type": "jbod", "volumes": [{"id": 0, "type": "persistent-claim", "size": "1Ti"} | volume]}
    return made("KafkaNodePool", {"storage": storage, "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}})


def volumes(when_deleted: str) -> Resource:
    return made("StatefulSet", {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": when_deleted}})


SCALER = made("HorizontalPodAutoscaler", {"scaleTargetRef": {"kind": "Deployment", "name": "it"}})
KEDA = made("ScaledObject", {"scaleTargetRef": {"name": "it"}})
MAP = "listener__security__protocol__map"

CASES: dict[str, tuple[list[list[Resource]], dict[str, list[Resource]]]] = {
    "encrypted-listeners": (
        [
            [brokers(**{MAP: "CONTROLLER:SASL_PLAINTEXT,REPLICATION:SASL_PLAINTEXT,INTERNAL:SASL_SSL"})],
            [listener()],
            [Resource(type="kafka-platform:index:KafkaConnection", properties={"securityProtocol": "SASL_SSL"})],
        ],
        {
            "listener INTERNAL: SASL_PLAINTEXT sends records readable: name a certificate in kafka.listeners": [
                brokers(**{MAP: "CONTROLLER:SASL_PLAINTEXT,INTERNAL:SASL_PLAINTEXT"})
            ],
            "listener external: tls is off, which sends records readable: set tls to true": [listener(tls=False)],
            "the connection to Kafka: PLAINTEXT sends records readable: use SASL_SSL or SSL": [
                Resource(type="kafka-platform:index:KafkaConnection", properties={"securityProtocol": "PLAINTEXT"})
            ],
        },
    ),
    "replicated-data": (
        [
            [declared(topic_orders={"partitions": 6, "replicas": 3, "config": {"min.insync.replicas": "2"}})],
            [made("KafkaTopic", {"partitions": 6, "replicas": 3})],
            [brokers(default__replication__factor="3", min__insync__replicas="2")],
        ],
        {
            "topic orders: replicas: 2 are too few to lose a broker: use 3": [
                declared(topic_orders={"partitions": 6, "replicas": 2})
            ],
            "topic it: replicas: 1 are too few to lose a broker: use 3": [made("KafkaTopic", {"replicas": 1.0})],
            "topic it: min in-sync replicas: 1 lets one copy count as written: use 2": [
                made("KafkaTopic", {"replicas": 3, "config": {"min.insync.replicas": 1}})
            ],
            "brokers: min.insync.replicas: 1 is too little to lose a broker: use 2": [
                brokers(default__replication__factor="3", min__insync__replicas="1")
            ],
        },
    ),
    "no-wildcard-rights": (
        [
            [declared(user_app={"acls": [acl("orders", "READ")]})],
            [declared(user_app={"acls": [acl("shop-", "READ") | {"pattern": "prefixed"}]})],
            [made("KafkaUser", kafka_acl("orders", "Read"))],
            [declared(user_app={"acls": [acl("*", "DESCRIBE")]})],
        ],
        {
            "user app: may use every topic: name them, or write a prefix such as app-*": [
                declared(user_app={"acls": [acl("*", "READ")]})
            ],
            "user app: may use every group: name them, or write a prefix such as app-*": [
                declared(user_app={"acls": [acl("", "READ", resource="group") | {"pattern": "prefixed"}]})
            ],
            "user app: may use every topic that begins with 's': name them, or write a prefix such as app-*": [
                declared(user_app={"acls": [acl("s", "READ") | {"pattern": "prefixed"}]})
            ],
            "user app: may use every transactionalId: name them, or write a prefix such as app-*": [
                declared(user_app={"acls": [acl("*", "WRITE", resource="transactionalId")]})
            ],
            "user it: may use every topic: name them, or write a prefix such as it-*": [
                made("KafkaUser", kafka_acl("*", "Read"))
            ],
        },
    ),
    "no-administrator-rights": (
        [
            [declared(user_app={"acls": [acl("kafka-cluster", each, resource="cluster")]})]
            for each in ("DESCRIBE", "DESCRIBE_CONFIGS", "IDEMPOTENT_WRITE")
        ]
        + [
            [declared(user_app={"acls": [acl("orders", "ALL")]})],
            [declared(user_app={"acls": [acl("__consumer_offsets", "DESCRIBE")]})],
            [made("Kafka", {"kafka": {"authorization": {"type": "simple"}}})],
        ],
        {
            f"user app: {power}: leave it to the platform, which does so by what is declared": [
                declared(user_app={"acls": [entry]})
            ]
            for power, entry in {
                "may do everything on the cluster, so also give itself every other right": CLUSTER
                | {"operations": ["ALL"]},
                "may change everybody's rights and passwords": CLUSTER | {"operations": ["ALTER"]},
                "may change the brokers' settings and everybody's quotas": CLUSTER | {"operations": ["ALTER_CONFIGS"]},
                "may act as a broker, so read every record": CLUSTER | {"operations": ["CLUSTER_ACTION"]},
                "may make topics of every name": CLUSTER | {"operations": ["CREATE"]},
                "may DELETE on the cluster": CLUSTER | {"operations": ["DELETE"]},
                "may FUTURE on the cluster": CLUSTER | {"operations": ["FUTURE"]},
                "may read internal topics": acl("__consumer_offsets", "READ"),
                "may write to internal topics": acl("_kafka-platform-ledger", "WRITE"),
                "may do everything with internal topics": acl("__c", "ALL") | {"pattern": "prefixed"},
                "may use tokens by which others log in": acl("any", "DESCRIBE", resource="delegationToken"),
                "may make or see tokens of other users": acl("User:shop", "CREATE_TOKENS", resource="user"),
                "may READ on future": acl("any", "READ", resource="future"),
            }.items()
        }
        | {
            "user it: may do everything on the cluster, so also give itself every other right: leave it to the platform, which does so by what is "
            "declared": [
                made(
                    "KafkaUser",
                    {"authorization": {"acls": [{"resource": {"type": "cluster"}, "operations": ["All"]}]}},
                )
            ],
            # Without operations Strimzi allows all.
            "user it: may change the brokers' settings and everybody's quotas: leave it to the platform, which does so by what is "
            "declared": [
                made(
                    "KafkaUser",
                    {"authorization": {"acls": [{"resource": {"type": "cluster"}, "operation": "AlterConfigs"}]}},
                )
            ],
            "user root: may do everything: leave kafka.superUsers out, and give it the rights that it needs": [
                made("Kafka", {"kafka": {"authorization": {"type": "simple", "superUsers": ["root"]}}})
            ],
        },
    ),
    "own-transactions": (
        [
            [declared(user_a=writes_as("a-"), user_b=writes_as("b-"))],
            [declared(user_a={"acls": [acl("a-", "DESCRIBE", resource="transactionalId")]}, user_b=writes_as("a-"))],
            [
                declared(
                    user_a={"acls": [acl("pay", "WRITE", resource="transactionalId")]}, user_b=writes_as("payments")
                )
            ],
        ],
        {
            "users a and b: both may use transactional ids of shop-b-* (by shop-*), and would end each other's producers: "
            "write a prefix of its own for each, such as b-*": [
                declared(user_a=writes_as("shop-"), user_b=writes_as("shop-b-"))
            ],
            "users a and b: both may use transactional ids of pay, and would end each other's producers: write a prefix of "
            "its own for each, such as b-*": [
                declared(
                    user_a={"acls": [acl("pay", "WRITE", resource="transactionalId")]},
                    user_b={"acls": [acl("pay", "ALL", resource="transactionalId")]},
                )
            ],
        },
    ),
    "tenant-quotas": (
        [
            [
                declared(
                    user_app={
                        "acls": [acl("orders", "READ", "WRITE")],
                        "quotas": {"producer_byte_rate": 1, "consumer_byte_rate": 1},
                    }
                )
            ],
            [declared(user_app={"acls": [acl("orders", "READ")], "quotas": {"consumer_byte_rate": 1}})],
            [declared(user_app={})],
            [made("KafkaUser", kafka_acl("orders", "Write") | {"quotas": {"producerByteRate": 1048576}})],
        ],
        {
            "user app: no limit to produce and consume: write quotas for its tenant": [
                declared(user_app={"acls": [acl("orders", "ALL")]})
            ],
            "user it: no limit to produce: write quotas for its tenant": [
                made("KafkaUser", kafka_acl("orders", "Write") | {"quotas": {"consumerByteRate": 1}})
            ],
        },
    ),
    "pinned-images": (
        [
            [pods(image="registry:5000/app:1.0.0")],
            [pods(image="app@sha256:" + "0" * 64)],
            [pods(image="app:latest@sha256:" + "0" * 64)],
        ],
        {
            "Deployment it: image app:latest may be another one tomorrow: write a version or a digest": [
                pods(image="app:latest")
            ],
            "Deployment it: image registry:5000/app may be another one tomorrow: write a version or a digest": [
                pods(image="registry:5000/app")
            ],
            "Job it: image app may be another one tomorrow: write a version or a digest": [pods("Job", image="app")],
        },
    ),
    "resource-requests": (
        [[pods()], [node_pool()], [made("Service", {"type": "ClusterIP"})]],
        {
            "Deployment it: container app: requests no memory: write resources.requests": [
                pods(resources={"requests": {"cpu": "1"}})
            ],
            "StatefulSet it: container app: requests no cpu and memory: write resources.requests": [
                pods("StatefulSet", resources={})
            ],
            "KafkaConnect it: requests no cpu and memory: write resources.requests": [made("KafkaConnect", {})],
        },
    ),
    "scaled-without-replicas": (
        [
            [made("Deployment", {}), SCALER],
            [made("Deployment", {"replicas": 2}, ignored=["spec.replicas"]), SCALER],
            [made("StatefulSet", {"replicas": 2}), SCALER],
            [made("Deployment", {"replicas": 2})],
        ],
        {
            "Deployment it: replicas is fixed, and HorizontalPodAutoscaler it scales it: every deployment would set it "
            "back: leave replicas out, or ignore its changes": [made("Deployment", {"replicas": 2}), SCALER],
            "Deployment it: replicas is fixed, and ScaledObject it scales it: every deployment would set it back: leave "
            "replicas out, or ignore its changes": [KEDA, made("Deployment", {"replicas": 0})],
        },
    ),
    "protected-data": (
        [[volumes("Retain")], [declared(topic_orders={"partitions": 1})], [node_pool(deleteClaim=False)]],
        {
            "StatefulSet it: its volumes are deleted with it: leave kafka.deletion out": [volumes("Delete")],
            "topic orders: deletion is allowed: its records go with its declaration: leave deletion out": [
                declared(topic_orders={"partitions": 1, "deletion": "allow"})
            ],
            "KafkaNodePool it: its volumes are deleted with it: set deleteClaim to false": [
                node_pool(deleteClaim=True)
            ],
            "KafkaNodePool it: its records go when a pod does: use persistent-claim storage": [
                node_pool(type="ephemeral")
            ],
        },
    ),
    "no-plain-secrets": (
        [
            [pods(env=[{"name": "PASSWORD_FILE", "value": "/etc/credentials/password"}])],
            [pods(env=[{"name": "PASSWORD", "value": "/etc/credentials/password"}])],
            [pods(env=[{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}])],
            [
                made(
                    "ConfigMap", data={"app.properties": "ssl.key.password=${PASSWORD}\nsasl.jaas.config=a required;\n"}
                )
            ],
            [made("ConfigMap", data={"a.json": '{"passwordFile": "/etc/password", "token": null, "secretName": "a"}'})],
            [made("ConfigMap", data={"start.sh": "sed '/^-----BEGIN PRIVATE KEY-----/d' \"$file\""})],
            [made("Secret", stringData={"password": "hunter2"})],
        ],
        {
            "Deployment it: variable DB_PASSWORD holds a secret readable: mount a Secret as a file": [
                pods(env=[{"name": "DB_PASSWORD", "value": "hunter2"}])
            ],
            "ConfigMap it: ssl.key.password in app.properties is a secret that everybody may read: put it in a Secret": [
                made("ConfigMap", data={"app.properties": "a=b\nssl.key.password=hunter2\n"})
            ],
            "ConfigMap it: password in jaas is a secret that everybody may read: put it in a Secret": [
                made("ConfigMap", data={"jaas": 'ScramLoginModule required username="a" password="hunter2";'})
            ],
            "ConfigMap it: apiKey in a.json is a secret that everybody may read: put it in a Secret": [
                made("ConfigMap", data={"a.json": '{"apiKey": "hunter2"}'})
            ],
            "ConfigMap it: a private key in tls.pem is a secret that everybody may read: put it in a Secret": [
                made("ConfigMap", data={"tls.pem": "-----BEGIN PRIVATE KEY-----\n" + "MIIE" * 16})
            ],
            "ConfigMap it: password in password is a secret that everybody may read: put it in a Secret": [
                made("ConfigMap", data={"password": "hunter2"})
            ],
            "Deployment it: annotation auth-token holds a secret readable (auth-token): put it in a Secret": [
                made("Deployment", {}, metadata={"annotations": {"auth-token": "hunter2"}})
            ],
        },
    ),
    "external-tls": (
        [
            [brokers(**{MAP: "INTERNAL:SASL_PLAINTEXT,EXTERNAL:SASL_SSL"})],
            [listener()],
            [listener(type="internal", tls=False)],
            [made("Ingress", {"rules": [{"host": "a.example.com"}], "tls": [{"hosts": ["a.example.com"]}]})],
            [made("Gateway", {"listeners": [{"name": "https", "protocol": "HTTPS"}]})],
            [made("Service", {"type": "LoadBalancer", "ports": [{"name": "https"}]})],
            [made("Service", {"type": "ClusterIP", "ports": [{"name": "http"}]})],
        ],
        {
            "kafka.listeners.external: records leave the cluster readable: name a certificate in kafka.listeners": [
                brokers(**{MAP: "EXTERNAL:SASL_PLAINTEXT"})
            ],
            "listener external: records leave the cluster readable: set tls to true": [listener(tls=False)],
            "Ingress it: host a.example.com has no TLS: name it in spec.tls": [
                made("Ingress", {"rules": [{"host": "a.example.com"}]})
            ],
            "Gateway it: listener http has no TLS: use HTTPS with a certificate": [
                made("Gateway", {"listeners": [{"name": "http", "protocol": "HTTP"}]})
            ],
            "Service it: port http has no TLS, and passwords come in by it: write gateway.tls": [
                made("Service", {"type": "NodePort", "ports": [{"name": "http"}]})
            ],
        },
    ),
    "bounded-retention": (
        [
            [declared(topic_orders={"config": {"retention.ms": "2592000000"}})],
            [declared(topic_orders={"config": {"retention.ms": "-1", "retention.bytes": "1024"}})],
            [declared(topic_orders={"config": {"retention.ms": "-1", "cleanup.policy": "compact"}})],
            [brokers(log__retention__ms="604800000")],
        ],
        {
            "topic orders: retention: forever fills every volume: write a duration, a retentionSize, or cleanup compact": [
                declared(topic_orders={"config": {"retention.ms": "-1"}})
            ],
            "topic it: retention: forever fills every volume: write a duration, a retentionSize, or cleanup compact": [
                made("KafkaTopic", {"config": {"retention.ms": -1}})
            ],
            "kafka.defaults.retention: forever fills every volume: write a duration": [
                brokers(log__retention__ms="-1")
            ],
        },
    ),
    "nothing-taken-over": (
        [[made("Namespace", metadata={"annotations": {MARK: "organization/kafka-platform/prod"}})]],
        {
            "Namespace it: is taken over if it exists, whoever made it (adopt)": [
                made("Namespace", metadata={"annotations": {ADOPTED: "true"}})
            ],
            "topic orders: is taken over if it exists, whoever made it (adopt)": [
                declared(topic_orders={"partitions": 1, "adopt": True})
            ],
            "user legacy: is taken over if it exists, whoever made it (adopt)": [declared(user_legacy={"adopt": True})],
        },
    ),
}
