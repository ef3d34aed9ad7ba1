"""Hostile keys and values in every map of free keys: what is read at the other end is what was declared, or it is refused."""

import contextlib
import functools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import javaproperties
import pytest
import yaml
from kafka_platform.cluster.embedded.files import BrokerSettings, broker_files, cluster_properties
from kafka_platform.cluster.embedded.listeners import LoadBalancers
from kafka_platform.cluster.nodes import Jvm
from kafka_platform.cluster.strimzi.listeners import BrokerIngresses, BrokerLoadBalancers, CustomAuthentication
from kafka_platform.cluster.strimzi.pools import Pool, Role
from kafka_platform.cluster.strimzi.spec import TieredStorage, check_principal, check_strimzi_config
from kafka_platform.gateway.exposure import GatewayApiExposure, IngressExposure, LoadBalancerExposure
from kafka_platform.kafka.entities import Topic, User
from kafka_platform.kafka.properties import java_properties, option_lines
from kafka_platform.kafka.secrets import client_files
from kafka_platform.kube.manifests import environment
from kafka_platform.kube.pod_settings import PodSettings, Toleration
from kafka_platform.operators.charts import OperatorSpec
from kafka_platform.program.client_files import ClientSettings, client_files as worker_files
from kafka_platform.values.free_maps import check_labels
from kafka_platform.worker.spec import WorkerSpec

from tests.kafka_process import QUICK, java, needed_jars

BLANKS = [chr(each) for each in (9, 10, 11, 12, 13, 0x1C, 0x20, 0x85, 0xA0, 0x1680, 0x2003, 0x2028, 0x3000, 0xFEFF)]
"""What Java, Python or YAML takes as a blank or as the end of a line; and what nobody sees."""
DOORS = ["super.users", "authorizer.class.name", "ssl.client.auth", "config.providers"]
NAMES = [
    *(f"{name}{blank}" for name in DOORS for blank in BLANKS),
    *(f"{blank}{name}" for name in DOORS for blank in BLANKS),
    "\\u0073uper.users", "super\\.users", "super.users\\", "super.users=x", "super.users:x", "super\\\n.users",
    "#super.users", "!super.users", "a\nsuper.users", "a\r\nsuper.users", "", ".", "-a", "\u017fuper.users",
    "sup\u0435r.users", "a\0", "a" * 250, "super.users\u200b", "\u202esuper.users", "=", ":", "a=b=c", "\uff41",
]  # fmt: skip
"""Names that are none, or that something reads as another one."""
VALUES = [
    "plain", "a=b", "a:b#c!d", "#no comment", "\\", "\\\\", "C:\\temp\\new", "\\u0041", "ends in \\", "a b", "\u00e9",
    "\u65e5\u672c\u8a9e", "\U0001f600", '"quoted"', "'", "${env}", "`x`", "; rm -rf /", "a;b", "=", "", "{{ x }}", "%n",
    "- a", "? b", "*alias", "&anchor", "yes", "1e3", "a\\", "\\n", " before",
]  # fmt: skip
"""Values that mean something in one of the forms, and have to arrive as they are."""
NO_LINES = ["a\nsuper.users=User:red", "a\r", "a\0b", "\x1b[2J", "a\x85b", "a\u2028b", "\ud800", "x\x7f"]
"""Values of no single line."""


@functools.cache
def compiling_java() -> str | None:
    """The java program, if it can run what is not compiled yet."""
    program = java()
    if program is None:
        return None
    modules = subprocess.run([program, "--list-modules"], capture_output=True, text=True).stdout
    return program if "jdk.compiler" in modules else None


def read_by_java(program: str, content: str, *options: str) -> dict[str, str]:
    """What a Java machine reads."""
    virtual_machine = compiling_java()
    if virtual_machine is None:
        pytest.skip("no JDK: install openjdk-17-jdk-headless")
    source = Path(__file__).parent / "java" / f"{program}.java"
    # Kafka reads files of properties as bytes of ISO 8859-1.
    command = [virtual_machine, *QUICK, *options, str(source)]
    done = subprocess.run(command, input=content.encode("latin-1"), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    lines = [line.split(":") for line in done.stdout.decode().splitlines()]
    return {bytes.fromhex(name).decode(): bytes.fromhex(value).decode() for name, value in lines}


def worker(**changes: Any) -> None:
    WorkerSpec(**({"image": "a:1", "reads": ["a"], "writes": ["b"]} | changes))


def storage(config: dict[str, str]) -> TieredStorage:
    return TieredStorage(class_name="a.B", class_path="/x", config=config)


SETTINGS: dict[str, Callable[[dict[str, str]], object]] = {
    "brokers": lambda free: BrokerSettings(name="events", nodes=1, config=free),
    "brokers of Strimzi": check_strimzi_config,
    "custom logins": lambda free: CustomAuthentication(config=free),
    "tiered storage": storage,
    "topics": lambda free: Topic(config=free),
    "consumers": lambda free: worker(consumer_config=free),
    "producers": lambda free: worker(producer_config=free),
}
ANNOTATIONS: dict[str, Callable[[dict[str, str]], object]] = {
    "load balancers": lambda free: LoadBalancers(host="a.b", annotations=free),
    "load balancers of Strimzi": lambda free: BrokerLoadBalancers(host="{nodeId}.b", annotations=free),
    "ingresses of Strimzi": lambda free: BrokerIngresses(host="{nodeId}.b", ingress_class="nginx", annotations=free),
    "pods": lambda free: PodSettings(annotations=free),
    "the gateway's load balancer": lambda free: LoadBalancerExposure(annotations=free),
    "the gateway's Ingress": lambda free: IngressExposure(host="a.b", ingress_class="nginx", annotations=free),
    "the gateway's Gateway": lambda free: GatewayApiExposure(
        host="a.b", gateway_class="c", certificate="d", annotations=free
    ),
}
LABELS: dict[str, Callable[[dict[str, str]], object]] = {
    "monitors": check_labels,
    "machines": lambda free: Pool(roles=[Role.BROKER], nodes=1, storage="1Gi", node_labels=free),
    "pods": lambda free: PodSettings(labels=free),
    "machines of all pods": lambda free: PodSettings(node_labels=free),
    "taints": lambda free: [Toleration(key=key, value=value) for key, value in free.items()],
}
VARIABLES: dict[str, Callable[[dict[str, str]], object]] = {
    "environment": lambda free: worker(environment=free),
    "JVM options": lambda free: Jvm(options=free),
}


def taken(check: Callable[[dict[str, str]], object], *maps: dict[str, str]) -> list[dict[str, str]]:
    """Those of the maps that are not refused."""
    found = []
    for each in maps:
        with contextlib.suppress(ValueError):
            check(each)
            found.append(each)
    return found


@pytest.mark.parametrize("where", [*SETTINGS, *ANNOTATIONS, *LABELS, *VARIABLES])
def test_no_map_takes_a_name_that_is_read_as_another(where: str) -> None:
    check = (SETTINGS | ANNOTATIONS | LABELS | VARIABLES)[where]
    assert taken(check, *({name: "x"} for name in NAMES)) == []
    assert taken(check, {"a": "x"})


@pytest.mark.parametrize("where", [*SETTINGS, *LABELS, *VARIABLES])
def test_no_map_takes_a_value_of_several_lines_or_with_control_characters(where: str) -> None:
    lines = [{"a": value} for value in NO_LINES]
    allowed = lines[:1] if where == "environment" else []  # a variable may have lines
    assert taken((SETTINGS | LABELS | VARIABLES)[where], *lines) == allowed


@pytest.mark.parametrize("where", ANNOTATIONS)
@pytest.mark.parametrize("key", ["pulumi.com/patchForce", "Pulumi.com/x", "a.kafka-platform/x", "strimzi.io/pause"])
def test_annotations_do_not_say_how_an_object_is_deployed(where: str, key: str) -> None:
    with pytest.raises(ValueError, match="annotations: "):
        ANNOTATIONS[where]({key: "true"})


@pytest.mark.parametrize("key", ["app.kubernetes.io/instance", "kafka-platform/access", "strimzi.io/cluster"])
def test_labels_do_not_say_whose_an_object_is(key: str) -> None:
    with pytest.raises(ValueError, match="remove it"):
        check_labels({key: "x"})


@pytest.mark.parametrize("key", ["Super.Users", "LISTENER.NAME.internal.x", "SSL.client.auth", "authorizer.x"])
def test_the_case_of_letters_gets_round_no_refusal(key: str) -> None:
    for check in (SETTINGS["brokers"], check_strimzi_config):
        with pytest.raises(ValueError, match="cannot be set here"):
            check({key: "x"})


@pytest.mark.parametrize(
    "key",
    ["config.providers", "config.providers.a.class", "delegation.token.secret.key", "early.start.listeners",
     "principal.builder.class", "security.providers", "listener.name.internal.sasl.jaas.config", "authorizer.x"],
)  # fmt: skip
def test_settings_that_open_a_door_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"config: '{key}' cannot be set here: "):
        BrokerSettings(name="events", nodes=1, config={key: "x"})


@pytest.mark.parametrize(
    "key",
    ["bootstrap.servers", "enable.ssl.certificate.verification", "enable.sasl.oauthbearer.unsecure.jwt", "SASL.password",
     "plugin.library.paths", "group.instance.id", "config.providers.x", "metadata.broker.list"],
)  # fmt: skip
@pytest.mark.parametrize("which", ["consumer_config", "producer_config"])
def test_clients_keep_their_connection_and_load_no_code(which: str, key: str) -> None:
    with pytest.raises(ValueError, match=f"{which}: {key}: "):
        worker(**{which: {key: "x"}})


@pytest.mark.parametrize(
    "option", [{"OnOutOfMemoryError": "reboot"}, {"A": "1 -javaagent:/x"}, {"A": "$(x)"}, {"Flags": "/x"}]
)
def test_an_option_of_java_stays_one_and_runs_nothing(option: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"options: |remove it"):
        Jvm(options=option)


@pytest.mark.parametrize("name", ["a;User:b", "a b", "*", "ANONYMOUS", "a\n", ""])
def test_a_super_user_is_one_user(name: str) -> None:
    with pytest.raises(ValueError, match="user"):
        check_principal(name)


@pytest.mark.parametrize("pattern", ["a\0", "a\x07", "a" * 250, "a\u2028", "\ud800", "a\u00a0b", ""])
@pytest.mark.parametrize("field", ["reads", "writes", "groups", "transactions"])
def test_names_of_groups_and_topics_are_printable_and_not_endless(field: str, pattern: str) -> None:
    with pytest.raises(ValueError, match=f"{field}: "):
        User(**cast(Any, {field: [pattern]}))


def test_values_of_a_chart_have_no_control_characters() -> None:
    OperatorSpec(namespace="a", values={"a": [{"b": "line\nline"}]})
    for values in ({"a": [{"b": "x\0"}]}, {"a": {"b\n": 1}}):
        with pytest.raises(ValueError, match="values: "):
            OperatorSpec(namespace="a", values=values)


class TestForms:
    """What is rendered, read by somebody else's reader."""

    hostile = dict(zip(NAMES, NO_LINES * len(NAMES), strict=False)) | {
        f"v{at}": value for at, value in enumerate(VALUES)
    }

    def test_java_reads_what_was_declared(self) -> None:
        wanted = {name: value for name, value in self.hostile.items() if value != "\ud800"}
        assert read_by_java("ReadProperties", java_properties(wanted)) == wanted
        assert javaproperties.loads(java_properties(wanted)) == wanted

    def test_brokers_read_what_was_declared(self) -> None:
        free = {f"v{at}": value for at, value in enumerate(VALUES)}
        settings = BrokerSettings(name="events", nodes=1, config=free)
        content = broker_files(settings, "streaming", "A" * 22)["cluster.properties"]
        assert read_by_java("ReadProperties", content) == cluster_properties(settings, "streaming")

    def test_clients_read_what_was_declared(self) -> None:
        free = {f"v{at}": value for at, value in enumerate(VALUES) if value == value.strip()}
        settings = ClientSettings(
            bootstrap_servers="kafka:9092",
            security_protocol="PLAINTEXT",
            name="a",
            spec=WorkerSpec(image="a:1", reads=["a"], group="g\u00e9", consumer_config=free),
        )
        files = worker_files(settings)
        read = read_by_java("ReadProperties", files["consumer.properties"])
        assert free.items() <= read.items()
        assert read["group.id"] == "g\u00e9"
        spring = javaproperties.loads(files["application.properties"])
        assert {
            f"spring.kafka.consumer.properties.{key}": value for key, value in free.items()
        }.items() <= spring.items()
        options = dict(line.split("=", 1) for line in files["librdkafka-consumer.conf"].splitlines())
        assert free.items() <= options.items()

    @pytest.mark.parametrize("value", [*NO_LINES, " a", "a "], ids=ascii)
    def test_what_does_not_fit_on_a_line_of_librdkafka_is_refused(self, value: str) -> None:
        with pytest.raises(ValueError, match="does not fit in a file"):
            option_lines({"a": value})

    @pytest.mark.parametrize("password", [value for value in VALUES if value == value.strip() and value])
    def test_every_password_is_quoted(self, password: str) -> None:
        assert 'required username="red" password="' in self._login(password)

    def test_kafka_reads_the_login_that_was_declared(self) -> None:
        for password in ('a"b\\c;d', "\u00e9 \\\\ x", '" user_admin="x', "a='b'"):
            read = read_by_java("ReadJaas", self._login(password), "-cp", f"{needed_jars()}/*")
            assert read == {"username": "red", "password": password}

    def _login(self, password: str) -> str:
        return client_files(
            username="red",
            password=password,
            bootstrap_servers="kafka:9092",
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            has_ca=False,
        )["client.properties"]

    def test_yaml_and_json_carry_the_rest(self) -> None:
        """Objects of Kubernetes go to the API server as JSON, and through YAML in `kubectl get -o yaml`."""
        variables = {f"V{at}": value for at, value in enumerate(VALUES)}
        worker(environment=variables)
        for content in (
            environment(variables),
            LoadBalancers(host="a.b", annotations={key.lower(): value for key, value in variables.items()}).annotations,
            Topic(config={f"v{at}": value for at, value in enumerate(VALUES)}).kafka_config(),
        ):
            assert json.loads(json.dumps(content)) == content
            assert yaml.safe_load(yaml.safe_dump(content)) == content
