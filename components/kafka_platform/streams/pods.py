"""The pods of a stream job: the JobManager with its keeper, the TaskManagers, and the Job that waits for a change."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kafka_platform.kafka import relay
from kafka_platform.kafka.client_pods import ca_mounts, ca_volumes
from kafka_platform.kafka.registry import JAAS, LOGIN, mounts as registry_mounts, volumes as registry_volumes
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, environment, labels, metadata
from kafka_platform.kube.metrics import METRICS_PORT_NAME
from kafka_platform.kube.pods import (
    CONFIG_ANNOTATION,
    METRICS_PORT,
    configured,
    container_security,
    helper_resources,
    http_check,
    pod_spec,
    prefer_other_machines,
    resources_of,
    run_once,
    secret_volume,
)
from kafka_platform.streams.config import HOME, REST_PORT, TEMPORARY, manager_options, task_options
from kafka_platform.streams.program import ARGUMENTS, CHECK
from kafka_platform.streams.script import CREDENTIALS
from kafka_platform.streams.settings import COMPONENT, CONFIG, PART, SCRIPT, StreamJobSettings
from kafka_platform.values.forms import Compute
from kafka_platform.values.names import user_secret

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.registry import RegistryConnection

_TURN = "/turn"
"""Where the keeper lets the JobManager start, with which files."""
_KEEPER = "kafka_platform_runtime.stream_keeper"
_KEEPER_PORT, _RELAY_PORT = 9405, 9406
_DISK = "4Gi"
"""Of a TaskManager's own disk, for state that is not in memory."""
_TERMINATION_SECONDS = 30
CHANGE_SECONDS = 500
"""How long a deployment waits for a changed job. The keeper goes on by itself."""
_JOB_SECONDS = 540
"""After which Kubernetes ends the waiting Job: the above, with time to pull the image."""
_RUNS = '"$@" &'
_RUNS_PROGRAM = f"""\
( while IFS= read -r each; do set -- "$@" "$each"; done < {_TURN}/conf/{ARGUMENTS}; exec "$@" ) &"""
_WAIT = f"""\
trap 'ended=1; [ -z "$child" ] || kill "$child"' TERM
while [ -z "$ended" ]; do
  rm -f {_TURN}/go
  : > {_TURN}/ask
  until [ -f {_TURN}/go ] || [ -n "$ended" ]; do sleep 0.5; done
  [ -z "$ended" ] || exit 0
  {_RUNS}
  child=$!
  wait "$child"
  code=$?
  [ -z "$ended" ] || {{ wait "$child"; exit "$?"; }}
  child=
  [ "$code" -eq 0 ] || exit "$code"
done
"""
"""Starts Flink each time that the keeper lets it. It ends well when it is to start with other files."""


def job_manager(settings: StreamJobSettings, config_hash: "Input[str]") -> Manifest:
    """The pod that makes a job of the SQL, and sees to its checkpoints; its keeper says when, and from which state."""
    start = [
        "org.apache.flink.container.entrypoint.StandaloneApplicationClusterEntryPoint",
        "--configDir", f"{_TURN}/conf",
        "-D", "jobmanager.rpc.address=$(POD_IP)",
    ]  # fmt: skip
    runs = [] if settings.is_program else ["--job-classname", "org.apache.flink.table.runtime.application.SqlDriver"]
    script = [] if settings.is_program else ["--scriptUri", f"file://{_TURN}/conf/{SCRIPT}"]
    arguments = derived(lambda job: [*start, *runs, "--job-id", job, *script], settings.job_id)
    waits = _WAIT.replace(_RUNS, _RUNS_PROGRAM) if settings.is_program else _WAIT
    path = derived(lambda job: f"/jobs/{job}", settings.job_id)
    ready = http_check("/overview", REST_PORT, failures=3, period_seconds=5)
    container = _container(settings, settings.spec.manager)
    container |= {
        "args": arguments,
        "command": ["/bin/sh", "-c", waits, "flink", *_java(settings, manager_options(settings.spec))],
        "livenessProbe": http_check("/overview", REST_PORT, failures=6, period_seconds=20),
        "name": "jobmanager",
        "ports": [{"containerPort": REST_PORT, "name": "rest"}, _metrics()],
        # The job is there once its SQL has been understood.
        "readinessProbe": ready | {"httpGet": {"path": path, "port": REST_PORT}},
        "startupProbe": http_check("/overview", REST_PORT, failures=120, period_seconds=2),
        "volumeMounts": [*container["volumeMounts"], {"mountPath": _TURN, "name": "turn"}],
    }
    return _deployment(
        settings,
        "manager",
        [container, _keeper(settings)],
        1,
        config_hash,
        {"tmp": "512Mi", "turn": "16Mi"},
    )


def _keeper(settings: StreamJobSettings) -> Manifest:
    store = settings.store
    savepoints = settings.spec.savepoints
    kept = {} if savepoints is None else {"STREAM_KEPT": str(savepoints)}
    variables = {"STREAM_BUCKET": store.bucket, "STREAM_PREFIX": store.prefix, "STREAM_REGION": store.region}
    return {
        "command": ["python3", "-m", _KEEPER],
        "env": [
            *_which(settings),
            *_keys(settings),
            *environment(kept),
            *environment(variables | {"STREAM_PORT": str(_KEEPER_PORT), "STREAM_TURN": _TURN}),
            {"name": "STREAM_ENDPOINT", "value": store.endpoint},
            *([_pods(settings)] if settings.is_program else []),
        ],
        "image": settings.runtime_image,
        "livenessProbe": http_check("/healthz", _KEEPER_PORT, failures=3, period_seconds=20),
        "name": "keeper",
        "resources": helper_resources("160Mi", reserved="64Mi"),
        "securityContext": container_security(),
        "startupProbe": http_check("/healthz", _KEEPER_PORT, failures=60, period_seconds=2),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"mountPath": _TURN, "name": "turn"}],
    }


def change(settings: StreamJobSettings) -> Manifest:
    """Ends once the job runs as it is declared, and fails with the reason if it cannot; another plan makes another Job."""
    return _waiting(settings, "change", {"name": "STREAM_PLAN", "value": settings.plan})


def stop(settings: StreamJobSettings) -> Manifest:
    """Ends once the job has stopped with a savepoint that needs other pods than those that are to come."""
    return _waiting(settings, "stop", _pods(settings))


def _waiting(settings: StreamJobSettings, program: str, variable: Manifest) -> Manifest:
    container: Manifest = {
        "command": ["python3", "-m", f"{_KEEPER}.{program}"],
        "env": [*_which(settings), *environment({"DEADLINE_SECONDS": str(CHANGE_SECONDS)}), variable],
        "image": settings.runtime_image,
        "name": program,
        "resources": helper_resources("128Mi", reserved="48Mi"),
        "securityContext": container_security(),
    }
    spec = pod_spec([container], [], serviceAccountName=settings.name) | {"automountServiceAccountToken": True}
    return _once(settings, spec)


def look(settings: StreamJobSettings) -> Manifest:
    """Looks, in the program's image, whether it has what a job needs; it fails with the reason."""
    container: Manifest = {
        "command": ["/bin/sh", "-c", CHECK, "look", settings.spec.jar, settings.spec.entry_class],
        "image": settings.image,
        "name": "look",
        "resources": helper_resources("256Mi", reserved="128Mi"),
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    return _once(settings, pod_spec([container], []))


def _once(settings: StreamJobSettings, spec: Manifest) -> Manifest:
    own = labels(settings.name, COMPONENT) | {PART: "change"}
    return run_once(
        {"metadata": {"labels": own}, "spec": spec},
        settings.spec.pod_settings,
        namespace=settings.namespace,
        own=own,
        deadline_seconds=_JOB_SECONDS,
    )


def _which(settings: StreamJobSettings) -> list[Manifest]:
    """The variables that name the job."""
    return [
        {"name": "STREAM_JOB", "value": settings.job_id},
        {"name": "STREAM_NAME", "value": settings.name},
        {"name": "STREAM_NAMESPACE", "value": settings.namespace},
    ]


def _pods(settings: StreamJobSettings) -> Manifest:
    """The variable that says what the pods of a program are."""
    return {"name": "STREAM_PODS", "value": settings.pods}


def _keys(settings: StreamJobSettings) -> list[Manifest]:
    """The variables with its key of the object store."""
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return [{"name": key, "valueFrom": {"secretKeyRef": {"key": key, "name": settings.store.secret}}} for key in keys]


def task_managers(settings: StreamJobSettings, config_hash: "Input[str]") -> Manifest:
    """The pods that do the work."""
    container = _container(settings, settings.spec.resources)
    container |= {
        "args": [
            "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
            "--configDir", CONFIG,
            "-D", "taskmanager.host=$(POD_IP)",
            "-D", "taskmanager.resource-id=$(POD_NAME)",
        ],
        "command": _java(settings, task_options(settings.spec)),
        "livenessProbe": http_check("/metrics", METRICS_PORT, failures=6, period_seconds=20),
        "name": "taskmanager",
        "ports": [_metrics()],
        "readinessProbe": http_check("/metrics", METRICS_PORT, failures=3, period_seconds=5),
        "startupProbe": http_check("/metrics", METRICS_PORT, failures=120, period_seconds=2),
    }  # fmt: skip
    containers = [container]
    if settings.relayed and settings.registry is not None:
        containers.append(_relay(settings, settings.registry))
    return _deployment(settings, "tasks", containers, settings.spec.pods, config_hash, {"tmp": _DISK})


def _relay(settings: StreamJobSettings, registry: "RegistryConnection") -> Manifest:
    """Has the login to the registry in Flink's place."""
    return {
        "command": ["python3", "-m", "kafka_platform_runtime.schema_relay"],
        "env": environment({**relay.variables(registry), "RELAY_HEALTH_PORT": str(_RELAY_PORT)}),
        "image": settings.runtime_image,
        "livenessProbe": http_check("/healthz", _RELAY_PORT, failures=3, period_seconds=20),
        "name": "schemas",
        "resources": helper_resources("128Mi", reserved="48Mi"),
        "securityContext": container_security(),
        "startupProbe": http_check("/healthz", _RELAY_PORT, failures=60, period_seconds=2),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": registry_mounts(registry),
    }


def _java(settings: StreamJobSettings, options: Sequence[str]) -> list[str]:
    logging = [f"-Dlog4j.configurationFile={CONFIG}/log4j.properties"]
    if settings.registry_login is not None:
        logging.append(f"-Djava.security.auth.login.config={LOGIN}/{JAAS}")
    return ["java", *options, *logging, f"-Djava.io.tmpdir={TEMPORARY}", "-cp", f"{HOME}/lib/*"]


def _metrics() -> Manifest:
    return {"containerPort": METRICS_PORT, "name": METRICS_PORT_NAME}


def _container(settings: StreamJobSettings, resources: Compute) -> Manifest:
    mounts: list[Manifest] = [
        {"mountPath": CONFIG, "name": "config", "readOnly": True},
        {"mountPath": TEMPORARY, "name": "tmp"},
    ]
    if settings.connection.sasl_mechanism is not None:
        mounts.append({"mountPath": CREDENTIALS, "name": "credentials", "readOnly": True})
    if settings.registry_login is not None:
        mounts.append({"mountPath": LOGIN, "name": "registry", "readOnly": True})
    fields = (("POD_IP", "status.podIP"), ("POD_NAME", "metadata.name"))
    return {
        "env": [
            *_keys(settings),
            {"name": "FLINK_PLUGINS_DIR", "value": f"{HOME}/plugins"},
            *(
                {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
                for name, path in fields
            ),
            *environment(settings.variables),
        ],
        "image": settings.image,
        "resources": resources_of(resources),
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*mounts, *ca_mounts(settings.connection)],
    }


def _deployment(
    settings: StreamJobSettings,
    part: str,
    containers: Sequence[Manifest],
    pods: int,
    config_hash: "Input[str]",
    folders: Mapping[str, str],
) -> Manifest:
    name, own = f"{settings.name}-{part}", settings.part(part)
    volumes: list[Manifest] = [
        {"configMap": {"name": f"{settings.name}-config"}, "name": "config"},
        *({"emptyDir": {"sizeLimit": size}, "name": each} for each, size in folders.items()),
    ]
    if settings.connection.sasl_mechanism is not None:
        volumes.append(secret_volume("credentials", user_secret(settings.name), "password"))
    if settings.registry_login is not None:
        volumes.append(secret_volume("registry", settings.registry_login, JAAS))
    if any(each["name"] == "schemas" for each in containers) and settings.registry is not None:
        volumes += registry_volumes(settings.registry)
    spec = pod_spec(
        containers,
        [*volumes, *ca_volumes(settings.connection)],
        affinity=prefer_other_machines(own),
        serviceAccountName=settings.name,
        terminationGracePeriodSeconds=_TERMINATION_SECONDS,
    ) | {"automountServiceAccountToken": True}
    all_labels = labels(settings.name, COMPONENT) | {PART: part}
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
