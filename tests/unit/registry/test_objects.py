"""SchemaRegistry: what it renders, the graph that it makes, what it refuses."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import (
    KafkaConnection,
    RegistryRole,
    RegistryTls,
    RegistryUser,
    SchemaRegistry,
    SchemaRegistryArgs,
    schema_registry_topics,
    schema_registry_user,
)
from kafka_platform.registry.logins import login, roles_of, users_secret
from kafka_platform.registry.objects import RegistrySettings, jvm_options, objects
from kafka_platform.registry.spec import RegistrySpec
from kafka_platform.values.units import quantity

from tests.specs import taken
from tests.unit.components.graph import Registered, run, value

CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="events.streaming.svc:9092",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
)
USERS = {"api": RegistryUser(role=RegistryRole.DEVELOPER, namespace="shop"), "web": RegistryUser()}


def settings(**changes: Any) -> RegistrySettings:
    given: dict[str, Any] = {
        "name": "schemas",
        "namespace": "streaming",
        "connection": CONNECTION,
        "image": "registry:3",
        "users": USERS,
    }
    return RegistrySettings(spec=taken(RegistrySpec, changes), **(given | changes))


def rendered(role: str, **changes: Any) -> dict[str, Any]:
    of = settings(**changes)
    found = objects(of, {user: f"{user}-secret" for user in roles_of(of.users)})
    return next(each.manifest for each in found if each.role == role)


def pod(**changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = rendered("pods", **changes)["spec"]["template"]["spec"]
    return spec


def lines(secret: dict[str, Any], key: str) -> list[str]:
    return base64.b64decode(secret["data"][key]).decode().splitlines()


def properties(**changes: Any) -> list[str]:
    return str(rendered("config", **changes)["data"]["registry.properties"]).splitlines()


class TestPods:
    def test_no_rights_and_nothing_to_write_to(self) -> None:
        [container] = pod()["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert pod()["securityContext"]["runAsNonRoot"] is True
        assert pod()["automountServiceAccountToken"] is False
        assert [each["name"] for each in container["volumeMounts"] if not each.get("readOnly")] == ["tmp"]

    def test_two_spread_pods_of_which_one_may_be_drained(self) -> None:
        manifest = rendered("pods")
        assert manifest["spec"]["replicas"] == 2
        assert len(pod()["topologySpreadConstraints"]) == 2
        assert rendered("disruption")["spec"]["maxUnavailable"] == 1
        assert rendered("pods", pods=1)["spec"]["replicas"] == 1

    def test_no_secret_is_in_the_pod_or_in_its_settings(self) -> None:
        shown = json.dumps([rendered("pods"), rendered("config")])
        assert "-secret" not in shown.replace("secretName", "")
        assert "apicurio.kafka.common.sasl.jaas.config=${sasl.jaas.config}" in properties()

    @pytest.mark.parametrize("memory", ["640Mi", "768Mi", "2Gi"])
    def test_all_of_its_memory_has_a_bound_and_fits(self, memory: str) -> None:
        options = jvm_options(settings(resources={"memory": memory}))
        sizes = [int(each.rpartition("=")[2].removeprefix("-Xmx").removesuffix("m")) for each in options[:4]]
        assert sum(sizes) * 2**20 < quantity(memory)
        assert sizes[0] >= 256
        assert "-XX:+ExitOnOutOfMemoryError" in options

    def test_other_logins_are_read_by_new_pods(self) -> None:
        def version(**changes: Any) -> str:
            return str(
                rendered("pods", **changes)["spec"]["template"]["metadata"]["annotations"]["kafka-platform/logins"]
            )

        assert version() == version()
        for users in ({**USERS, "new": RegistryUser()}, {**USERS, "web": RegistryUser(password_version=2)}, {}):
            assert version(users=users) != version()

    def test_a_kafka_without_logins(self) -> None:
        plain = replace(CONNECTION, security_protocol="PLAINTEXT", sasl_mechanism=None)
        assert "credentials" not in json.dumps(pod(connection=plain))
        assert not [each for each in properties(connection=plain) if "sasl" in each]

    def test_a_kafka_with_tls(self) -> None:
        secure = replace(CONNECTION, security_protocol="SASL_SSL", ca_secret="kafka-ca")
        assert "apicurio.kafka.common.ssl.truststore.location=/etc/kafka-platform/ca/ca.crt" in properties(
            connection=secure
        )
        assert {"mountPath": "/etc/kafka-platform/ca", "name": "ca", "readOnly": True} in pod(connection=secure)[
            "containers"
        ][0]["volumeMounts"]

    def test_tls_ends_at_the_pods_and_nothing_else_is_spoken(self) -> None:
        tls = RegistryTls(certificate="schemas-tls")
        assert "quarkus.http.insecure-requests=disabled" in properties(tls=tls)
        assert rendered("service", tls=tls)["spec"]["ports"][0]["port"] == 443
        url = lines(rendered("api-registry", tls=tls), "SCHEMA_REGISTRY_URL")
        assert url == ["https://schemas.streaming.svc/apis/ccompat/v7"]


class TestNetwork:
    def test_its_namespace_and_its_users_come_in(self) -> None:
        spec = rendered("network", client_namespaces=["ci"])["spec"]
        http, metrics = spec["ingress"]
        own, others = http["from"]
        assert own == {"podSelector": {}}
        assert others["namespaceSelector"]["matchExpressions"][0]["values"] == ["ci", "shop"]
        assert [each["port"] for each in metrics["ports"]] == [9404]

    def test_without_users_elsewhere_nobody_else_comes_in(self) -> None:
        assert rendered("network", users={})["spec"]["ingress"][0]["from"] == [{"podSelector": {}}]

    def test_it_reaches_kafka_and_nothing_else(self) -> None:
        egress = rendered("network")["spec"]["egress"]
        assert egress[-1] == {"ports": [{"port": 9092, "protocol": "TCP"}]}
        assert len(egress) == 3


class TestLogins:
    def test_the_pods_get_no_password(self) -> None:
        found = lines(rendered("users"), "users.properties")
        assert "quarkus.security.users.embedded.plain-text=false" in found
        expected = hashlib.sha256(b"api:Quarkus:api-secret").hexdigest()
        assert f'quarkus.security.users.embedded.users."api"={expected}' in found
        assert 'quarkus.security.users.embedded.roles."api"=sr-developer' in found
        assert 'quarkus.security.users.embedded.roles."web"=sr-readonly' in found
        assert 'quarkus.security.users.embedded.roles."registrar"=sr-admin' in found
        assert "-secret" not in "".join(found)

    def test_users_get_theirs_by_the_names_that_clients_know(self) -> None:
        secret = rendered("api-registry")
        assert secret["metadata"]["namespace"] == "shop"
        assert lines(secret, "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO") == ["api:api-secret"]
        assert lines(secret, "registry.properties") == [
            "schema.registry.url=http://schemas.streaming.svc/apis/ccompat/v7",
            "basic.auth.credentials.source=USER_INFO",
            "basic.auth.user.info=api:api-secret",
        ]

    def test_a_reader_is_not_made_to_register(self) -> None:
        assert "auto.register.schemas=false" in lines(rendered("web-registry"), "registry.properties")

    def test_each_has_another_password(self) -> None:
        roles = roles_of(USERS)
        secret = users_secret("users", "streaming", {}, USERS, dict.fromkeys(roles, "same"))
        values = [line.partition("=")[2] for line in lines(secret, "users.properties") if ".users." in line]
        assert len({*values}) == len(values)
        assert login("x", "n", {}, "api", "p", "http://r", RegistryRole.ADMIN)["kind"] == "Secret"


class TestInKafka:
    def test_its_user_may_use_its_topics_and_groups_and_nothing_else(self) -> None:
        acls = {
            (each.resource.value, each.name): [o.value for o in each.operations]
            for each in schema_registry_user().all_acls()
        }
        assert acls.pop(("group", "schema-registry-*")) == ["DESCRIBE", "READ"]
        assert acls.keys() == {("topic", topic) for topic in schema_registry_topics()}
        assert {*map(tuple, acls.values())} == {("DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE")}

    def test_schemas_are_kept_for_ever(self) -> None:
        config = schema_registry_topics()["schema-registry-journal"].kafka_config()
        assert config == {"cleanup.policy": "delete", "retention.bytes": "-1", "retention.ms": "-1"}


def make(**changes: Any) -> tuple[dict[str, Registered], SchemaRegistry]:
    made: list[SchemaRegistry] = []
    args = SchemaRegistryArgs(connection=CONNECTION, users=USERS, **changes)
    found = run(lambda: made.append(SchemaRegistry("schemas", args)))
    return found, made[0]


def test_its_children() -> None:
    found, made = make()
    assert sorted(found) == [
        "ConfigMap schemas-config",
        "Deployment schemas-pods",
        "NetworkPolicy schemas-network",
        "PodDisruptionBudget schemas-disruption",
        "RandomPassword schemas-api-password",
        "RandomPassword schemas-registrar-password",
        "RandomPassword schemas-web-password",
        "SchemaRegistry schemas",
        "Secret schemas-admin",
        "Secret schemas-api-registry",
        "Secret schemas-users",
        "Secret schemas-web-registry",
        "Service schemas-service",
    ]
    assert value(made.url) == "http://schemas.streaming.svc/apis/ccompat/v7"
    assert value(made.user_secrets) == {"api": "api-registry", "web": "web-registry"}


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (
            lambda: SchemaRegistryArgs(connection=CONNECTION, users={"registrar": RegistryUser()}),
            r"^users: 'registrar' reg",
        ),
        (
            lambda: SchemaRegistryArgs(connection=CONNECTION, users={"a\nb=c": RegistryUser()}),
            r"^users: 'a\\nb=c' is not a",
        ),
        (
            lambda: SchemaRegistryArgs(connection=CONNECTION, users={'a"': RegistryUser()}),
            r"^users: 'a\"' cannot be part of a Secret's name",
        ),
        (lambda: SchemaRegistryArgs(connection=CONNECTION, pods=0), r"^pods: 0 is out of range: use 1 to 5"),
        (lambda: RegistryUser(role="root"), r"^role: 'root' is not known: use"),  # type: ignore[arg-type]
    ],
)
def test_misuse(make_it: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_it()
