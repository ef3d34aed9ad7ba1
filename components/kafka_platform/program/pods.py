"""The pods of a team's program with a Kafka connection, whatever runs them: their files, variables, volumes and rights. No Pulumi."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from kafka_platform.kafka import registry
from kafka_platform.kafka.client_pods import (
    ca_mounts,
    ca_volumes,
    connection_environment,
    login_files,
    login_values,
    with_authority_of,
)
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    labels,
    metadata,
    network_policy_of,
    of_namespaces,
    selector,
    text_hash,
    to_names,
)
from kafka_platform.kube.pods import (
    CONFIG_ANNOTATION,
    IMAGE_USER,
    configured,
    container_security,
    helper_resources,
    pod_spec,
    resources_of,
)
from kafka_platform.program.client_files import CLIENT, CREDENTIALS, STREAMS_FILE, ClientSettings, Login, client_files
from kafka_platform.program.logins import java_options, login_container, login_of, login_volumes
from kafka_platform.program.spec import Egress, ProgramSpec, transactional_prefix

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection
    from kafka_platform.kafka.registry import RegistryConnection

STATE = "/var/lib/kafka-streams"
"""Where the volume with the state of Kafka Streams is mounted."""
SECRETS = "/etc/secrets"
"""Where the Secrets of `secret_files` are mounted, each in a folder of its name."""


@dataclass(frozen=True, kw_only=True)
class ProgramSettings:
    """Inputs of the objects of a team's program."""

    # Without an annotation it is no field: the label of what it is, and the name of its container.
    COMPONENT = ""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    spec: ProgramSpec
    runtime_image: "Input[str]"
    secret: "Input[str] | None" = None
    """Name of the Secret with its login; None if there is none."""
    is_delivered: bool = True
    """Whether the platform created that Secret, with all files that clients need."""
    registry: "RegistryConnection | None" = None

    @classmethod
    def of(cls, *, name: str, connection: "KafkaConnection", spec: ProgramSpec, **more: Any) -> Self:
        """The program of that name, which logs in to the Kafka as its spec says; `more` are further fields."""
        secret, is_delivered = login_of(name, connection, spec.user, spec.user_secret)
        known = with_authority_of(connection, secret)
        return cls(name=name, connection=known, spec=spec, secret=secret, is_delivered=is_delivered, **more)

    @property
    def group(self) -> str | None:
        """The group that it reads in; None if it reads nothing."""
        return self.spec.group_of(self.name)

    @property
    def streams(self) -> Mapping[str, str]:
        """Options of Kafka Streams, whose state is in the volume `state`; empty for a program without state."""
        return {}

    @property
    def login(self) -> Login:
        """Where the files of its login come from."""
        if self.secret is None:
            return Login.NONE
        if self.is_delivered:
            return Login.DELIVERED
        return Login.CERTIFICATE if self.connection.client_certificates else Login.PASSWORD

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pods."""
        return selector(self.name, self.COMPONENT)

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its objects."""
        return labels(self.name, self.COMPONENT)

    @property
    def about(self) -> Manifest:
        """The metadata of the objects of its name."""
        return metadata(self.name, self.namespace, self.labels)


def files_of(settings: ProgramSettings) -> "Input[Mapping[str, str]]":
    """The clients' configuration files by name."""
    connection = settings.connection
    oauth = connection.oauth
    files: Input[Mapping[str, str]] = derived(
        lambda bootstrap_servers, security_protocol, sasl_mechanism, ca_secret, token_url, scope, registry: (
            client_files(
                ClientSettings(
                    bootstrap_servers=bootstrap_servers,
                    security_protocol=security_protocol,
                    sasl_mechanism=sasl_mechanism,
                    has_ca=ca_secret is not None,
                    oauth=None if oauth is None else replace(oauth, token_url=token_url, scope=scope),
                    login=settings.login,
                    name=settings.name,
                    spec=settings.spec,
                    registry=settings.registry,
                    registry_url=registry or "",
                    streams=settings.streams,
                )
            )
        ),
        connection.bootstrap_servers,
        connection.security_protocol,
        connection.sasl_mechanism,
        connection.ca_secret,
        None if oauth is None else oauth.token_url,
        None if oauth is None else oauth.scope,
        None if settings.registry is None else settings.registry.url,
    )
    return files


def hash_of(files: "Input[Mapping[str, str]]") -> "Input[str]":
    """Changes with the content of the files."""
    found: Input[str] = derived(lambda known: text_hash("".join(known.values())), files)
    return found


def config_map(settings: ProgramSettings, files: "Input[Mapping[str, str]]") -> Manifest:
    """The clients' configuration files."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-client", settings.namespace, settings.labels),
        "data": files,
    }


def network_policy(
    settings: ProgramSettings,
    kafka_ports: "Input[Sequence[Manifest]]",
    ingress: Sequence[Manifest] = (),
    egress: Sequence[Manifest] = (),
) -> Manifest:
    """The program reaches names, Kafka, what it said and what `egress` adds; it is reached by what `ingress` says."""
    return network_policy_of(
        settings.about,
        pods={"matchLabels": settings.own},
        ingress=ingress,
        egress=[
            *to_names(),
            {"ports": kafka_ports},
            *([] if settings.registry is None else [registry.egress(settings.registry)]),
            *(_egress(each) for each in settings.spec.egress),
            *egress,
        ],
    )


def pod_template(
    settings: ProgramSettings, config_hash: "Input[str]", *, container: Manifest, pod: Mapping[str, Any]
) -> Manifest:
    """The template of its pods.

    Args:
        settings: of the program.
        config_hash: of its clients' configuration files: others make other pods.
        container: what its container has beyond what every program's has.
        pod: further fields of the pod's spec.
    """
    annotations: dict[str, Input[str]] = {CONFIG_ANNOTATION: config_hash}
    if settings.secret is not None:
        # Another password is another Secret content, which running clients do not look at.
        annotations["kafka-platform/password-version"] = str(settings.spec.password_version)
    helpers = [_name_check(settings)]
    if settings.login.is_made_in_the_pod:
        helpers.append(login_container(settings.runtime_image))
    spec = pod_spec(
        [dict(sorted((_container(settings) | container).items()))],
        _volumes(settings),
        user=settings.spec.run_as or IMAGE_USER,
        initContainers=helpers,
        **pod,
    )
    return configured(
        {"metadata": {"annotations": annotations, "labels": settings.labels}, "spec": spec},
        settings.spec.effective_pod_settings,
    )


def _container(settings: ProgramSettings) -> Manifest:
    container: Manifest = {
        "env": _environment(settings),
        "image": settings.spec.image,
        "name": settings.COMPONENT,
        "resources": resources_of(settings.spec.resources),
        "securityContext": container_security(),
        # Why a program ended is told in its log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(settings),
    }
    if settings.spec.command:
        container["command"] = list(settings.spec.command)
    if settings.spec.args:
        container["args"] = list(settings.spec.args)
    return container


def _name_check(settings: ProgramSettings) -> Manifest:
    """Reports in the pod's status that Kafka's name cannot be resolved; clients' own messages do not blame DNS."""
    return {
        "command": ["python3", "-m", "kafka_platform_runtime.names", settings.connection.bootstrap_servers],
        "image": settings.runtime_image,
        "name": "name-check",
        "resources": helper_resources("64Mi"),
        "securityContext": container_security(),
    }


def _environment(settings: ProgramSettings) -> list[Manifest]:
    variables = {"SPRING_CONFIG_ADDITIONAL_LOCATION": f"file:{CLIENT}/application.properties"}
    login = CLIENT
    if settings.secret is not None:
        login = CREDENTIALS
        variables |= {
            "KAFKA_CLIENT_PROPERTIES": f"{CREDENTIALS}/client.properties",
            **login_files(settings.connection, CREDENTIALS),
        }
    variables["KAFKA_LIBRDKAFKA_CONFIG"] = f"{login}/librdkafka.conf"
    if settings.spec.reads:
        variables |= {
            "KAFKA_AUTO_OFFSET_RESET": settings.spec.offset_reset.value,
            "KAFKA_CONSUMER_PROPERTIES": f"{CLIENT}/consumer.properties",
            "KAFKA_GROUP_ID": settings.group or settings.name,
            "KAFKA_LIBRDKAFKA_CONSUMER_CONFIG": f"{CLIENT}/librdkafka-consumer.conf",
            "KAFKA_READ_TOPICS": ",".join(settings.spec.reads),
        }
    if settings.spec.writes:
        variables |= {
            "KAFKA_LIBRDKAFKA_PRODUCER_CONFIG": f"{CLIENT}/librdkafka-producer.conf",
            "KAFKA_PRODUCER_PROPERTIES": f"{CLIENT}/producer.properties",
            "KAFKA_WRITE_TOPICS": ",".join(settings.spec.writes),
        }
        if settings.spec.transactional:
            variables["KAFKA_TRANSACTIONAL_ID_PREFIX"] = transactional_prefix(settings.name)
    if settings.streams:
        variables |= {"KAFKA_STATE_DIR": STATE, "KAFKA_STREAMS_PROPERTIES": f"{CLIENT}/{STREAMS_FILE}"}
    pod_name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    chosen = dict(settings.spec.environment)
    if settings.connection.oauth is not None and settings.secret is not None:
        chosen |= java_options(chosen, settings.connection.oauth)
    own = [{"name": name, "value": value} for name, value in sorted(chosen.items())]
    credentials = [] if settings.secret is None else login_values(settings.connection, settings.secret)
    found = [] if settings.registry is None else registry.variables(settings.registry)
    # What the program's own variables say about the registry takes precedence.
    found = [each for each in found if each["name"] not in chosen]
    return [*connection_environment(settings.connection, variables), *credentials, *found, pod_name, *own]


def _mounts(settings: ProgramSettings) -> list[Manifest]:
    mounts: list[Manifest] = [{"mountPath": CLIENT, "name": "client", "readOnly": True}]
    if settings.secret is not None:
        mounts.append({"mountPath": CREDENTIALS, "name": "credentials", "readOnly": True})
    for index, secret in enumerate(settings.spec.secret_files):
        mounts.append(
            {"mountPath": derived(f"{SECRETS}/{{}}".format, secret), "name": f"secret-{index}", "readOnly": True}
        )
    for index, path in enumerate(settings.spec.scratch):
        mounts.append({"mountPath": path, "name": f"scratch-{index}"})
    if settings.streams:
        mounts.append({"mountPath": STATE, "name": "state"})
    if settings.registry is not None:
        mounts += registry.mounts(settings.registry)
    return [*mounts, *ca_mounts(settings.connection)]


def _volumes(settings: ProgramSettings) -> list[Manifest]:
    volumes: list[Manifest] = [{"configMap": {"name": f"{settings.name}-client"}, "name": "client"}]
    if settings.secret is not None:
        volumes += login_volumes(settings.login, settings.secret)
    for index, secret in enumerate(settings.spec.secret_files):
        volumes.append({"name": f"secret-{index}", "secret": {"secretName": secret}})
    for index, size in enumerate(settings.spec.scratch.values()):
        volumes.append({"emptyDir": {"sizeLimit": size}, "name": f"scratch-{index}"})
    if settings.registry is not None:
        volumes += registry.volumes(settings.registry)
    return [*volumes, *ca_volumes(settings.connection)]


def _egress(egress: Egress) -> Manifest:
    rule: Manifest = {"ports": [allowed_port(port) for port in egress.ports]}
    if egress.namespace is not None:
        rule["to"] = [of_namespaces([egress.namespace])]
    if egress.network is not None:
        rule["to"] = [{"ipBlock": {"cidr": egress.network}}]
    return rule
