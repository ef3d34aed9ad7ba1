"""The Kubernetes objects of a stream job: one pure function renders each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka_platform.kafka.client_pods import ca_mounts, ca_volumes, kafka_ports
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    collectors,
    labels,
    metadata,
    network_policy_of,
    role_binding_of,
    role_of,
    selector,
    service_account_of,
    text_hash,
    to_names,
)
from kafka_platform.kube.metrics import METRICS_PORT_NAME
from kafka_platform.kube.objects import Guard, Object
from kafka_platform.kube.pods import (
    CONFIG_ANNOTATION,
    METRICS_PORT,
    configured,
    container_security,
    http_check,
    pod_spec,
    prefer_other_machines,
    resources_of,
    secret_volume,
)
from kafka_platform.kube.store import StoreConnection, port_of
from kafka_platform.streams.config import (
    BLOB_PORT,
    DATA_PORT,
    HOME,
    LOG4J,
    REST_PORT,
    RPC_PORT,
    TASK_PORT,
    TEMPORARY,
    config_maps,
    config_yaml,
    job_id,
    manager_options,
    task_options,
)
from kafka_platform.streams.reading import Read, read
from kafka_platform.streams.script import CREDENTIALS, Brokers, script
from kafka_platform.streams.spec import StreamJobSpec, stream_user_name
from kafka_platform.values.forms import Compute
from kafka_platform.values.names import user_secret

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

COMPONENT = "stream-job"
_PART = "kafka-platform/part"
_CONFIG = "/etc/kafka-platform/config"
_SCRIPT = "job.sql"
_VERSION = "kafka-platform/version"
_DISK = "4Gi"
"""Of a TaskManager's own disk, for state that is not in memory."""
_TERMINATION_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class StreamJobSettings:
    """Inputs of the objects of a stream job."""

    job: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    store: StoreConnection
    image: "Input[str]"
    sql: str
    spec: StreamJobSpec

    @property
    def name(self) -> str:
        """What its objects are called, and its Kafka user."""
        return stream_user_name(self.job)

    @property
    def read(self) -> Read:
        """What its SQL says."""
        return read(self.sql, self.spec.tables)

    @property
    def own(self) -> dict[str, str]:
        """The labels that find its pods."""
        return selector(self.name, COMPONENT)

    def part(self, part: str) -> dict[str, str]:
        """The labels that find the pods of one of its parts."""
        return self.own | {_PART: part}

    @property
    def job_id(self) -> "Input[str]":
        """Its id in Flink."""
        found: Input[str] = derived(lambda known: job_id(known, self.job, self.spec.version), self.namespace)
        return found


def objects(settings: StreamJobSettings) -> list[Object]:
    """The job's objects, in the order in which they are needed."""
    sql, config = job_sql(settings), flink_yaml(settings)
    account = Object(role="account", manifest=service_account(settings))
    right = Object(role="role", manifest=role(settings))
    bound = Object(role="binding", manifest=binding(settings), after=[account, right])
    guard = Guard(name=f"{settings.name}-same-sql", check=_refuse_other_sql)
    files = Object(role="config", manifest=config_map(settings, sql, config), guard=guard)
    policy = Object(role="network", manifest=network_policy(settings, kafka_ports(settings.connection)))
    changed = derived(lambda *texts: text_hash("".join(texts)), sql, config)
    before = [account, right, bound, files, policy]
    tasks = Object(role="tasks", manifest=task_managers(settings, changed), after=before, awaited=False)
    # It is ready once its job is there.
    manager = Object(role="manager", manifest=job_manager(settings, changed), after=before)
    return [*before, tasks, manager]


def job_sql(settings: StreamJobSettings) -> "Input[str]":
    """The script that Flink runs."""
    connection, found = settings.connection, settings.read
    text: Input[str] = derived(
        lambda servers, protocol, mechanism: script(
            settings.job,
            settings.spec,
            found,
            Brokers(
                bootstrap_servers=servers,
                security_protocol=protocol,
                sasl_mechanism=mechanism,
                has_authority=connection.ca_secret is not None,
                user=settings.name,
            ),
        ),
        connection.bootstrap_servers,
        connection.security_protocol,
        connection.sasl_mechanism,
    )
    return text


def flink_yaml(settings: StreamJobSettings) -> "Input[str]":
    """Flink's own configuration."""
    store = settings.store
    text: Input[str] = derived(
        lambda namespace, endpoint: config_yaml(
            settings.job, settings.spec, namespace, endpoint, store.region, f"s3://{store.bucket}/{store.prefix}"
        ),
        settings.namespace,
        store.endpoint,
    )
    return text


def config_map(settings: StreamJobSettings, sql: "Input[str]", config: "Input[str]") -> Manifest:
    """The files that its pods start from."""
    own = labels(settings.name, COMPONENT)
    annotations = {_VERSION: str(settings.spec.version), "kafka-platform/sql": _plan(settings)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-config", settings.namespace, own, annotations),
        "data": {"config.yaml": config, "log4j.properties": LOG4J, _SCRIPT: sql},
    }


def _plan(settings: StreamJobSettings) -> str:
    """Changes with all that the state of a job depends on."""
    found, spec = settings.read, settings.spec
    tables = {
        topic: [*each.columns, each.time, each.late, each.key]
        for topic, each in sorted(spec.tables.items())
        if topic in {*found.sources, *found.sinks}
    }
    return text_hash(json.dumps([found.views, found.inserts, tables, spec.parallelism]))


def _refuse_other_sql(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    before, after = (inputs["metadata"].get("annotations", {}) for inputs in (old, new))
    if after.get("kafka-platform/sql") == before.get("kafka-platform/sql"):
        return
    versions = [int(each.get(_VERSION, 0)) for each in (before, after)]
    if versions[0] >= versions[1]:
        name = str(new["metadata"]["name"]).removesuffix("-config")
        raise ValueError(
            f"stream job {name}: its SQL, a table or its parallelism has changed, and what it knows of open windows and joins "
            f"does not fit: raise version to {versions[0] + 1} to start it anew, from `start`"
        )


def service_account(settings: StreamJobSettings) -> Manifest:
    """Who its pods are."""
    return service_account_of(_about(settings))


def _about(settings: StreamJobSettings) -> Manifest:
    return metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT))


def role(settings: StreamJobSettings) -> Manifest:
    """Its own ConfigMaps, in which JobManagers note who leads and where the last checkpoint is, and no other ones."""
    names = derived(lambda job: config_maps(settings.job, settings.spec.version, job), settings.job_id)
    return role_of(
        _about(settings),
        [
            # What is created has no name yet that a rule could be about.
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
            {
                "apiGroups": [""],
                "resourceNames": names,
                "resources": ["configmaps"],
                "verbs": ["get", "list", "watch", "update", "patch", "delete"],
            },
        ],
    )


def binding(settings: StreamJobSettings) -> Manifest:
    """Gives its pods that right."""
    return role_binding_of(_about(settings), _about(settings))


def network_policy(settings: StreamJobSettings, brokers: "Input[Sequence[Manifest]]") -> Manifest:
    """Its pods reach each other, Kafka, the object store and the API server; only Prometheus reaches them."""
    each_other = {"podSelector": {"matchLabels": settings.own}}
    inside = [allowed_port(port) for port in (DATA_PORT, TASK_PORT, RPC_PORT, BLOB_PORT, REST_PORT)]
    store = derived(lambda endpoint: [allowed_port(port_of(endpoint))], settings.store.endpoint)
    return network_policy_of(
        _about(settings),
        pods={"matchLabels": settings.own},
        ingress=[
            {"from": [each_other], "ports": inside},
            collectors(METRICS_PORT, settings.spec.metrics_namespaces),
        ],
        egress=[
            *to_names(),
            {"ports": inside, "to": [each_other]},
            {"ports": brokers},
            {"ports": store},
            {"ports": [allowed_port(port) for port in settings.spec.api_ports]},
        ],
    )


def job_manager(settings: StreamJobSettings, config_hash: "Input[str]") -> Manifest:
    """The pod that makes a job of the SQL, and sees to its checkpoints."""
    identity = derived(lambda job: ["--job-id", job], settings.job_id)
    arguments = derived(
        lambda known: [
            "org.apache.flink.container.entrypoint.StandaloneApplicationClusterEntryPoint",
            "--configDir", _CONFIG,
            "-D", "jobmanager.rpc.address=$(POD_IP)",
            "--job-classname", "org.apache.flink.table.runtime.application.SqlDriver",
            *known,
            "--scriptUri", f"file://{_CONFIG}/{_SCRIPT}",
        ],
        identity,
    )  # fmt: skip
    path = derived(lambda job: f"/jobs/{job}", settings.job_id)
    ready = http_check("/overview", REST_PORT, failures=3, period_seconds=5)
    container = _container(settings, settings.spec.manager) | {
        "args": arguments,
        "command": _java(manager_options(settings.spec)),
        "livenessProbe": http_check("/overview", REST_PORT, failures=6, period_seconds=20),
        "name": "jobmanager",
        "ports": [{"containerPort": REST_PORT, "name": "rest"}, _metrics()],
        # The job is there once its SQL has been understood.
        "readinessProbe": ready | {"httpGet": {"path": path, "port": REST_PORT}},
        "startupProbe": http_check("/overview", REST_PORT, failures=120, period_seconds=2),
    }
    return _deployment(settings, "manager", container, 1, config_hash, "512Mi")


def task_managers(settings: StreamJobSettings, config_hash: "Input[str]") -> Manifest:
    """The pods that do the work."""
    container = _container(settings, settings.spec.resources) | {
        "args": [
            "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
            "--configDir", _CONFIG,
            "-D", "taskmanager.host=$(POD_IP)",
            "-D", "taskmanager.resource-id=$(POD_NAME)",
        ],
        "command": _java(task_options(settings.spec)),
        "livenessProbe": http_check("/metrics", METRICS_PORT, failures=6, period_seconds=20),
        "name": "taskmanager",
        "ports": [_metrics()],
        "readinessProbe": http_check("/metrics", METRICS_PORT, failures=3, period_seconds=5),
        "startupProbe": http_check("/metrics", METRICS_PORT, failures=120, period_seconds=2),
    }  # fmt: skip
    return _deployment(settings, "tasks", container, settings.spec.pods, config_hash, _DISK)


def _java(options: Sequence[str]) -> list[str]:
    logging = f"-Dlog4j.configurationFile={_CONFIG}/log4j.properties"
    return ["java", *options, logging, f"-Djava.io.tmpdir={TEMPORARY}", "-cp", f"{HOME}/lib/*"]


def _metrics() -> Manifest:
    return {"containerPort": METRICS_PORT, "name": METRICS_PORT_NAME}


def _container(settings: StreamJobSettings, resources: Compute) -> Manifest:
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    mounts: list[Manifest] = [
        {"mountPath": _CONFIG, "name": "config", "readOnly": True},
        {"mountPath": TEMPORARY, "name": "tmp"},
    ]
    if settings.connection.sasl_mechanism is not None:
        mounts.append({"mountPath": CREDENTIALS, "name": "credentials", "readOnly": True})
    fields = (("POD_IP", "status.podIP"), ("POD_NAME", "metadata.name"))
    return {
        "env": [
            *(
                {"name": key, "valueFrom": {"secretKeyRef": {"key": key, "name": settings.store.secret}}}
                for key in keys
            ),
            {"name": "FLINK_PLUGINS_DIR", "value": f"{HOME}/plugins"},
            *(
                {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
                for name, path in fields
            ),
        ],
        "image": settings.image,
        "resources": resources_of(resources),
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*mounts, *ca_mounts(settings.connection)],
    }


def _deployment(
    settings: StreamJobSettings, part: str, container: Manifest, pods: int, config_hash: "Input[str]", disk: str
) -> Manifest:
    name, own = f"{settings.name}-{part}", settings.part(part)
    volumes: list[Manifest] = [
        {"configMap": {"name": f"{settings.name}-config"}, "name": "config"},
        {"emptyDir": {"sizeLimit": disk}, "name": "tmp"},
    ]
    if settings.connection.sasl_mechanism is not None:
        volumes.append(secret_volume("credentials", user_secret(settings.name), "password"))
    spec = pod_spec(
        [container],
        [*volumes, *ca_volumes(settings.connection)],
        affinity=prefer_other_machines(own),
        serviceAccountName=settings.name,
        terminationGracePeriodSeconds=_TERMINATION_SECONDS,
    ) | {"automountServiceAccountToken": True}
    all_labels = labels(settings.name, COMPONENT) | {_PART: part}
    template: Manifest = {
        "metadata": {"annotations": {CONFIG_ANNOTATION: config_hash}, "labels": all_labels},
        "spec": spec,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(name, settings.namespace, all_labels),
        "spec": {
            "replicas": pods,
            "selector": {"matchLabels": own},
            # Those of the former configuration would take work that is not theirs.
            "strategy": {"type": "Recreate"},
            "template": configured(template, settings.spec.pod_settings),
        },
    }
