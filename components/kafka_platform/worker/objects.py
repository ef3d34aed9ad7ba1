"""The Kubernetes objects of a worker: one pure function renders each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kafka_platform.kafka import registry
from kafka_platform.kafka.client_pods import (
    ca_mounts,
    ca_volumes,
    connection_environment,
    kafka_ports,
    login_files,
    login_values,
)
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    callers,
    disruption_budget_of,
    labels,
    metadata,
    network_policy_of,
    of_namespaces,
    selector,
    service_of,
    service_port,
    text_hash,
    to_names,
)
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pods import (
    CONFIG_ANNOTATION,
    HELPER_CPU_LIMIT,
    IMAGE_USER,
    configured,
    container_security,
    pod_spec,
    prefer_other_machines,
    resources_of,
    spread_over,
)
from kafka_platform.values.units import whole_seconds
from kafka_platform.worker.client_files import CLIENT, CREDENTIALS, ClientSettings, Login, client_files
from kafka_platform.worker.logins import java_options, login_container, login_volumes
from kafka_platform.worker.spec import Egress, HealthCheck, WorkerSpec, transactional_prefix

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection
    from kafka_platform.kafka.registry import RegistryConnection

COMPONENT = "worker"
SECRETS = "/etc/secrets"
"""Where the Secrets of `secret_files` are mounted, each in a folder of its name."""

DRAIN_SECONDS = 5
"""How long a pod with ports keeps serving before SIGTERM, as Services still send traffic to it."""
SETTLE_SECONDS = 5
"""A new pod counts as there after this: the group has shared out its partitions before the next pods are replaced."""


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """Inputs of the objects of a worker."""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    spec: WorkerSpec
    runtime_image: "Input[str]"
    secret: "Input[str] | None" = None
    """Name of the Secret with its login; None if there is none."""
    is_delivered: bool = True
    """Whether the platform created that Secret, with all files that clients need."""
    spread: str = "topology.kubernetes.io/zone"
    registry: "RegistryConnection | None" = None

    @property
    def group(self) -> str | None:
        """The group that it reads in; None if it reads nothing."""
        return self.spec.group_of(self.name)

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
        return selector(self.name, COMPONENT)

    @property
    def grace_seconds(self) -> int:
        """How long a pod may take to end, draining included."""
        drain = DRAIN_SECONDS if self.spec.ports and not self.spec.stop_command else 0
        return whole_seconds(self.spec.termination) + drain


def objects(settings: WorkerSettings) -> list[Object]:
    """The worker's objects, in the order in which they are needed."""
    connection = settings.connection
    oauth = connection.oauth
    files = derived(
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
    config = Object(role="client", manifest=config_map(settings, files))
    policy = Object(role="network", manifest=network_policy(settings, kafka_ports(connection)))
    found = [config, policy, Object(role="disruption", manifest=pod_disruption_budget(settings))]
    if settings.spec.ports:
        # Not awaited: a worker may have no pods, for a time or for good.
        found.append(Object(role="service", manifest=service(settings), awaited=False))
    pods = Object(
        role="pods",
        manifest=deployment(settings, derived(lambda known: text_hash("".join(known.values())), files)),
        after=[config, policy],
        # A fixed number is taken back from the autoscaler that there was before.
        forced=settings.spec.scale is None,
    )
    return [*found, pods]


def config_map(settings: WorkerSettings, files: "Input[Mapping[str, str]]") -> Manifest:
    """The clients' configuration files."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-client", settings.namespace, labels(settings.name, COMPONENT)),
        "data": files,
    }


def service(settings: WorkerSettings) -> Manifest:
    """Leads others to the pods' ports."""
    return service_of(
        metadata(
            settings.name,
            settings.namespace,
            labels(settings.name, COMPONENT),
        ),
        [service_port(name, port) for name, port in sorted(settings.spec.ports.items())],
        settings.own,
    )


def pod_disruption_budget(settings: WorkerSettings) -> Manifest:
    """One pod at a time may be drained: the group shares out its partitions once for each."""
    return disruption_budget_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)), settings.own
    )


def network_policy(settings: WorkerSettings, kafka_ports: "Input[Sequence[Manifest]]") -> Manifest:
    """The program reaches names, Kafka, and what it said; its ports are reached by those who may."""
    ingress = [callers(settings.spec.ports.values(), settings.spec.client_namespaces)] if settings.spec.ports else []
    return network_policy_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchLabels": settings.own},
        ingress=ingress,
        egress=[
            *to_names(),
            {"ports": kafka_ports},
            *([] if settings.registry is None else [registry.egress(settings.registry)]),
            *(_egress(each) for each in settings.spec.egress),
        ],
    )


def deployment(settings: WorkerSettings, config_hash: "Input[str]") -> Manifest:
    """The pods."""
    annotations: dict[str, Input[str]] = {CONFIG_ANNOTATION: config_hash}
    if settings.secret is not None:
        # Another password is another Secret content, which running clients do not look at.
        annotations["kafka-platform/password-version"] = str(settings.spec.password_version)
    pod = pod_spec(
        [_container(settings)],
        _volumes(settings),
        user=settings.spec.run_as or IMAGE_USER,
        affinity=prefer_other_machines(settings.own),
        initContainers=[
            _name_check(settings),
            *([login_container(settings.runtime_image)] if settings.login.is_made_in_the_pod else []),
        ],
        terminationGracePeriodSeconds=settings.grace_seconds,
        topologySpreadConstraints=spread_over(settings.spread, settings.own),
    )
    spec: Manifest = {
        "minReadySeconds": SETTLE_SECONDS,
        "selector": {"matchLabels": settings.own},
        # A quarter at a time, each gone when its successor is there: few and short rebalances, and nobody is missing.
        "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}, "type": "RollingUpdate"},
        "template": configured(
            {"metadata": {"annotations": annotations, "labels": labels(settings.name, COMPONENT)}, "spec": pod},
            settings.spec.effective_pod_settings,
        ),
    }
    if settings.spec.scale is None:
        spec["replicas"] = 1 if settings.spec.replicas is None else settings.spec.replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(
            settings.name,
            settings.namespace,
            labels(settings.name, COMPONENT),
        ),
        "spec": dict(sorted(spec.items())),
    }


def _container(settings: WorkerSettings) -> Manifest:
    container: Manifest = {
        "env": _environment(settings),
        "image": settings.spec.image,
        "name": COMPONENT,
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
    if settings.spec.ports:
        container["ports"] = [
            {"containerPort": port, "name": name} for name, port in sorted(settings.spec.ports.items())
        ]
    if settings.spec.stop_command:
        container["lifecycle"] = {"preStop": {"exec": {"command": list(settings.spec.stop_command)}}}
    elif settings.spec.ports:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}}
    probes = {
        "livenessProbe": settings.spec.probes.liveness,
        "readinessProbe": settings.spec.probes.readiness,
        "startupProbe": settings.spec.probes.startup,
    }
    container |= {name: _probe(probe) for name, probe in probes.items() if probe is not None}
    return dict(sorted(container.items()))


def _name_check(settings: WorkerSettings) -> Manifest:
    """Reports in the pod's status that Kafka's name cannot be resolved; clients' own messages do not blame DNS."""
    return {
        "command": ["python3", "-m", "kafka_platform_runtime.names", settings.connection.bootstrap_servers],
        "image": settings.runtime_image,
        "name": "name-check",
        "resources": {
            "limits": {"cpu": HELPER_CPU_LIMIT, "memory": "64Mi"},
            "requests": {"cpu": "10m", "memory": "64Mi"},
        },
        "securityContext": container_security(),
    }


def _probe(probe: HealthCheck) -> Manifest:
    asked: Manifest = (
        {"httpGet": {"path": probe.path, "port": probe.port}}
        if probe.path is not None
        else {"exec": {"command": list(probe.command)}}
    )
    return {
        **asked,
        "failureThreshold": probe.failures,
        "periodSeconds": whole_seconds(probe.period),
        "timeoutSeconds": 5,
    }


def _environment(settings: WorkerSettings) -> list[Manifest]:
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


def _mounts(settings: WorkerSettings) -> list[Manifest]:
    mounts: list[Manifest] = [{"mountPath": CLIENT, "name": "client", "readOnly": True}]
    if settings.secret is not None:
        mounts.append({"mountPath": CREDENTIALS, "name": "credentials", "readOnly": True})
    for index, secret in enumerate(settings.spec.secret_files):
        mounts.append(
            {"mountPath": derived(f"{SECRETS}/{{}}".format, secret), "name": f"secret-{index}", "readOnly": True}
        )
    for index, path in enumerate(settings.spec.scratch):
        mounts.append({"mountPath": path, "name": f"scratch-{index}"})
    if settings.registry is not None:
        mounts += registry.mounts(settings.registry)
    return [*mounts, *ca_mounts(settings.connection)]


def _volumes(settings: WorkerSettings) -> list[Manifest]:
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
