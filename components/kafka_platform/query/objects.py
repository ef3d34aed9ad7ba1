"""The Kubernetes objects of a query engine: one pure function renders each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kafka_platform.connect.egress import allowed_places
from kafka_platform.kafka import relay
from kafka_platform.kafka.client_pods import ca_mounts, ca_volumes, kafka_ports
from kafka_platform.kafka.registry import egress, mounts as registry_mounts, volumes as registry_volumes
from kafka_platform.kafka.secrets import encode
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    collectors,
    environment,
    labels,
    metadata,
    network_policy_of,
    of_namespaces,
    secret_of,
    selector,
    service_of,
    service_port,
    text_hash,
    to_names,
)
from kafka_platform.kube.metrics import METRICS_PORT_NAME
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pods import (
    CONFIG_ANNOTATION,
    HTTP_PORT,
    METRICS_PORT,
    configured,
    container_security,
    helper_resources,
    http_check,
    pod_spec,
    resources_of,
    secret_volume,
)
from kafka_platform.query.catalogs import CREDENTIALS, ETC, FOLDER, subjects
from kafka_platform.query.config import DATA, HOME, HTTPS_PORT, files, java_options
from kafka_platform.query.sources import RUN, Sources
from kafka_platform.query.spec import QUERY_ENGINE, QueryReader, QuerySpec
from kafka_platform.values.names import user_key, user_secret
from kafka_platform.values.units import size_bytes

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection
    from kafka_platform.kafka.registry import RegistryConnection

COMPONENT = "query-engine"
_KEEPER = "/etc/kafka-platform/keeper"
_PASSWORDS = "/etc/kafka-platform/passwords"
_TLS = "/etc/kafka-platform/tls"
_CATALOGS, _SECRETS = "/etc/kafka-platform/catalogs", "/etc/kafka-platform/secrets"
_CATALOG = "catalog/"
_USERS_FILE, _SUBJECTS_FILE = "users.json", "subjects.json"
_SHARED = "shared-secret"
_MOST_BYTES = 900_000
"""Of the files: a ConfigMap takes 1 MiB."""
_KEEPER_MEMORY = "128Mi"
_TERMINATION_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class QuerySettings:
    """Inputs of the objects of a query engine."""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    passwords: "Input[str]"
    """Secret with the users' passwords, by `user_key`."""
    image: "Input[str]"
    runtime_image: "Input[str]"
    user: str = QUERY_ENGINE
    readers: Mapping[str, QueryReader] = field(default_factory=dict)
    client_namespaces: "Sequence[Input[str]]" = ()
    """Namespaces of its users."""
    spec: QuerySpec = field(default_factory=QuerySpec)
    registry: "RegistryConnection | None" = None
    """The registry with the schemas of topics in Avro."""
    sources: Sources = field(default_factory=dict)
    """Databases and lakes, by the names of their catalogs."""

    @property
    def subjects(self) -> list[str]:
        """The subjects of the registry that are tables."""
        return subjects(sorted({topic for each in self.readers.values() for topic in each.topics}), self.spec.tables)

    @property
    def own(self) -> dict[str, str]:
        """The labels that find its pod."""
        return selector(self.name, COMPONENT)

    @property
    def about(self) -> Manifest:
        """The metadata of its objects."""
        return metadata(self.name, self.namespace, labels(self.name, COMPONENT))


def check_size(spec: QuerySpec, readers: Mapping[str, QueryReader], sources: Sources) -> None:
    """Raises if the engine's files do not fit into a ConfigMap."""
    found = sum(len(name) + len(text.encode()) for name, text in files(spec, readers, sources, "").items())
    if found > _MOST_BYTES:
        raise ValueError(
            f"the tables and rights of {len(readers):,} users take {found:,} bytes of {_MOST_BYTES:,}: let fewer users query"
        )


def objects(settings: QuerySettings, shared_secret: "Input[str]") -> list[Object]:
    """The engine's objects, in the order in which they are needed."""
    texts = derived(
        lambda servers: files(settings.spec, settings.readers, settings.sources, servers),
        settings.connection.bootstrap_servers,
    )
    config = Object(role="config", manifest=config_map(settings, texts))
    internal = Object(role="internal", manifest=internal_secret(settings, shared_secret))
    policy = Object(role="network", manifest=network_policy(settings))
    own = _keeper_files(settings)
    changed = derived(lambda known: text_hash(json.dumps([known, own], sort_keys=True)), texts)
    pod = Object(role="pod", manifest=deployment(settings, changed), after=[config, internal, policy])
    found = [config, internal, policy, pod]
    return found if settings.spec.tls is None else [*found, Object(role="service", manifest=service(settings))]


def _key(path: str) -> str:
    """A key of a ConfigMap for a file in a folder."""
    return path.replace("/", "--")


def _users(settings: QuerySettings) -> dict[str, str]:
    """The name of each user's file of the password: theirs may not be one."""
    return {user: f"user-{number}" for number, user in enumerate(sorted(settings.readers))}


def _keeper_files(settings: QuerySettings) -> dict[str, str]:
    """Which file has whose password, and which schemas Trino may ask for."""
    found: dict[str, object] = {_USERS_FILE: _users(settings)}
    if settings.registry is not None:
        found[_SUBJECTS_FILE] = settings.subjects
    return {name: json.dumps(each, indent=1, sort_keys=True) for name, each in found.items()}


def config_map(settings: QuerySettings, texts: "Input[Mapping[str, str]]") -> Manifest:
    """Trino's files, and the keeper's."""
    own = _keeper_files(settings)
    data = derived(lambda known: {_key(path): text for path, text in known.items()} | own, texts)
    about = metadata(f"{settings.name}-config", settings.namespace, labels(settings.name, COMPONENT))
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": data}


def internal_secret(settings: QuerySettings, shared_secret: "Input[str]") -> Manifest:
    """By which Trino knows that a request is its own."""
    about = metadata(f"{settings.name}-internal", settings.namespace, labels(settings.name, COMPONENT))
    return secret_of(about, derived(lambda known: encode({_SHARED: known}), shared_secret))


def service(settings: QuerySettings) -> Manifest:
    """The Service for clients, over TLS."""
    return service_of(settings.about, [service_port("https", 443, HTTPS_PORT)], settings.own)


def network_policy(settings: QuerySettings) -> Manifest:
    """In: its users' namespaces over TLS, and who reads metrics. Out: names, the brokers, the registry, databases and lakes."""
    spec = settings.spec
    ingress = [collectors(METRICS_PORT, spec.metrics_namespaces)]
    others = [*settings.client_namespaces, *spec.client_namespaces]
    if spec.tls is not None and others:  # a rule without peers would let everybody in
        ingress.insert(0, {"from": [of_namespaces(others)], "ports": [allowed_port(HTTPS_PORT)]})
    return network_policy_of(
        settings.about,
        pods={"matchLabels": settings.own},
        ingress=ingress,
        egress=[
            *to_names(),
            {"ports": kafka_ports(settings.connection)},
            *([] if settings.registry is None else [egress(settings.registry)]),
            *allowed_places(place for each in settings.sources.values() for place in each.places()),
        ],
    )


def deployment(settings: QuerySettings, config_hash: "Input[str]") -> Manifest:
    """Its pod: another one takes over before it ends when something changes."""
    own = labels(settings.name, COMPONENT)
    spec = pod_spec(
        [_trino(settings), _keeper(settings)],
        _volumes(settings),
        initContainers=[_first_files(settings)],
        terminationGracePeriodSeconds=_TERMINATION_SECONDS,
    )
    template: Manifest = {"metadata": {"annotations": {CONFIG_ANNOTATION: config_hash}, "labels": own}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": settings.about,
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": settings.own},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}, "type": "RollingUpdate"},
            "template": configured(template, settings.spec.pod_settings),
        },
    }


def command(settings: QuerySettings) -> list[str]:
    """How Trino is started."""
    return [
        "java",
        *java_options(settings.spec),
        "-Dnode.id=$(POD_NAME)",
        "-Dnode.environment=kafka_platform",
        f"-Dnode.data-dir={DATA}",
        f"-Dplugin.dir={HOME}/plugin",
        f"-Dconfig={ETC}/config.properties",
        f"-Dlog.levels-file={ETC}/log.properties",
        "-cp",
        f"{HOME}/lib/*",
        "io.trino.server.TrinoServer",
    ]


def _trino(settings: QuerySettings) -> Manifest:
    ports: list[Manifest] = [{"containerPort": HTTP_PORT, "name": "http"}]
    if settings.spec.tls is not None:
        ports.append({"containerPort": HTTPS_PORT, "name": "https"})
    mounts: list[Manifest] = [
        {"mountPath": ETC, "name": "config", "readOnly": True},
        {"mountPath": RUN, "name": "run", "readOnly": True},
        {"mountPath": DATA, "name": "data"},
        {"mountPath": "/tmp", "name": "tmp"},  # noqa: S108
    ]
    if settings.connection.sasl_mechanism is not None:
        mounts.append({"mountPath": CREDENTIALS, "name": "credentials", "readOnly": True})
    shared = {"secretKeyRef": {"key": _SHARED, "name": f"{settings.name}-internal"}}
    return {
        "command": command(settings),
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            # Trino takes it from nowhere else but a file with all its settings.
            {"name": "SHARED_SECRET", "valueFrom": shared},
        ],
        "image": settings.image,
        "livenessProbe": http_check("/v1/info", HTTP_PORT, failures=6, period_seconds=20),
        "name": "trino",
        "ports": ports,
        "resources": resources_of(settings.spec.resources),
        "securityContext": container_security(),
        # A start takes 12 s on two cores, and longer on busy machines.
        "startupProbe": http_check("/v1/info", HTTP_PORT, failures=150, period_seconds=2),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*mounts, *ca_mounts(settings.connection)],
        "workingDir": FOLDER,
    }


def _keeper_part(settings: QuerySettings) -> Manifest:
    """What the keeper is in both containers."""
    variables = {
        "QUERY_FOLDER": RUN,
        "QUERY_PASSWORDS": _PASSWORDS,
        "QUERY_PORT": str(METRICS_PORT),
        "QUERY_URL": f"http://127.0.0.1:{HTTP_PORT}",
        "QUERY_USERS": f"{_KEEPER}/{_USERS_FILE}",
    }
    mounts: list[Manifest] = [
        {"mountPath": _KEEPER, "name": "keeper", "readOnly": True},
        {"mountPath": _PASSWORDS, "name": "passwords", "readOnly": True},
        {"mountPath": RUN, "name": "run"},
    ]
    if settings.spec.tls is not None:
        variables["QUERY_CERTIFICATE"] = _TLS
        mounts.append({"mountPath": _TLS, "name": "tls", "readOnly": True})
    return {
        "env": environment(variables),
        "image": settings.runtime_image,
        "resources": helper_resources(_KEEPER_MEMORY),
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }


def _first_files(settings: QuerySettings) -> Manifest:
    """Trino does not start without its files. Nothing else sees the logins to databases and lakes but in the files of catalogs."""
    program = ["python3", "-m", "kafka_platform_runtime.query_keeper", "--once"]
    part = _keeper_part(settings)
    secrets = _secrets(settings)
    part["env"] += environment({"QUERY_CATALOGS": _CATALOGS} | ({"QUERY_SECRETS": _SECRETS} if secrets else {}))
    part["volumeMounts"].append({"mountPath": _CATALOGS, "name": "catalogs", "readOnly": True})
    part["volumeMounts"] += [
        {"mountPath": f"{_SECRETS}/{each}", "name": f"secret-{number}", "readOnly": True}
        for number, each in enumerate(secrets)
    ]
    return part | {"command": program, "name": "files"}


def _secrets(settings: QuerySettings) -> "dict[str, tuple[Input[str], Sequence[str]]]":
    """The Secrets of databases and lakes, by the names that marks have for them."""
    found = [each.secrets(name) for name, each in settings.sources.items()]
    return {name: secret for each in found for name, secret in sorted(each.items())}


def _keeper(settings: QuerySettings) -> Manifest:
    """Keeps the files as the Secrets are, hands schemas on, and shows metrics; the pod is ready once it finds Trino so."""
    part = _keeper_part(settings)
    if settings.registry is not None:
        part["env"] += environment(
            {**relay.variables(settings.registry), "RELAY_SUBJECTS": f"{_KEEPER}/{_SUBJECTS_FILE}"}
        )
        part["volumeMounts"] += registry_mounts(settings.registry)
    return part | {
        "command": ["python3", "-m", "kafka_platform_runtime.query_keeper"],
        "livenessProbe": http_check("/healthz", METRICS_PORT, failures=3, period_seconds=20),
        "name": "keeper",
        "ports": [{"containerPort": METRICS_PORT, "name": METRICS_PORT_NAME}],
        "readinessProbe": http_check("/readyz", METRICS_PORT, failures=3, period_seconds=5),
        "startupProbe": http_check("/healthz", METRICS_PORT, failures=60, period_seconds=2),
    }


def _volumes(settings: QuerySettings) -> list[Manifest]:
    spec, config, own = settings.spec, f"{settings.name}-config", sorted(_keeper_files(settings))
    # Names of files follow from what is declared, and not from what only a deployment knows.
    paths = sorted(files(spec, settings.readers, settings.sources, ""))
    passwords: list[dict[str, Any]] = [{"key": user_key(user), "path": file} for user, file in _users(settings).items()]
    disk = size_bytes(spec.spill) // 2**20 + 256
    volumes: list[Manifest] = [
        {
            "configMap": {
                "items": [{"key": _key(path), "path": path} for path in paths if not path.startswith(_CATALOG)],
                "name": config,
            },
            "name": "config",
        },
        {
            "configMap": {
                "items": [
                    {"key": _key(path), "path": path.removeprefix(_CATALOG)}
                    for path in paths
                    if path.startswith(_CATALOG)
                ],
                "name": config,
            },
            "name": "catalogs",
        },
        {"configMap": {"items": [{"key": each, "path": each} for each in own], "name": config}, "name": "keeper"},
        {"name": "passwords", "secret": {"items": passwords, "secretName": settings.passwords}},
        {"emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}, "name": "run"},
        {"emptyDir": {"sizeLimit": f"{disk}Mi"}, "name": "data"},
        {"emptyDir": {"sizeLimit": "256Mi"}, "name": "tmp"},
    ]
    if settings.connection.sasl_mechanism is not None:
        volumes.append(secret_volume("credentials", user_secret(settings.user), "client.properties"))
    if spec.tls is not None:
        volumes.append(secret_volume("tls", spec.tls.certificate, "tls.crt", "tls.key"))
    for number, (secret, keys) in enumerate(_secrets(settings).values()):
        volumes.append(secret_volume(f"secret-{number}", secret, *keys))
    if settings.registry is not None:
        volumes += registry_volumes(settings.registry)
    return [*volumes, *ca_volumes(settings.connection)]
