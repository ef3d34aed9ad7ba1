"""The Kubernetes objects of a stream job: one pure function renders each."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from kafka_platform.kafka.client_pods import kafka_ports
from kafka_platform.kafka.registry import egress
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
    service_account_of,
    text_hash,
    to_names,
)
from kafka_platform.kube.objects import Guard, Object
from kafka_platform.kube.pods import METRICS_PORT
from kafka_platform.kube.store import port_of
from kafka_platform.streams.config import (
    BLOB_PORT,
    DATA_PORT,
    LOG4J,
    REST_PORT,
    RPC_PORT,
    TASK_PORT,
    config_maps,
)
from kafka_platform.streams.pods import change, job_manager, look, stop, task_managers
from kafka_platform.streams.program import ARGUMENTS
from kafka_platform.streams.settings import COMPONENT, StreamJobSettings

if TYPE_CHECKING:
    from pulumi import Input

PLAN, VERSION, PODS = "kafka-platform/plan", "kafka-platform/version", "kafka-platform/pods"
"""Annotations by which the keeper knows what is declared."""
IMAGE, READS, WRITES = "kafka-platform/image", "kafka-platform/reads", "kafka-platform/writes"
"""Annotations that say what a program is, to people and to the review."""
SAVEPOINTS = "kafka-platform/savepoints"
"""Annotation that says to the review how many savepoints stay, if not all; the keeper has it as a variable."""


def objects(settings: StreamJobSettings) -> list[Object]:
    """The job's objects, in the order in which they are needed."""
    account = Object(role="account", manifest=service_account(settings))
    right = Object(role="role", manifest=role(settings))
    bound = Object(role="binding", manifest=binding(settings), after=[account, right])
    policy = Object(role="network", manifest=network_policy(settings, kafka_ports(settings.connection)))
    # A program's image is looked at before anything changes.
    looked = (
        [Object(role="look", manifest=look(settings), after=[policy], runs_again=True)] if settings.is_program else []
    )
    kind = Guard(name=f"{settings.name}-same-kind", check=refuse_other_kind)
    files = Object(role="config", manifest=config_map(settings), after=looked, guard=kind)
    # Other SQL is no other pod: its keeper sees it.
    changed = derived(text_hash, settings.config)
    before = [account, right, bound, *([policy, *looked, files] if looked else [files, policy])]
    if settings.is_program:
        # Its keeper is gone with the pods, and stops it before.
        before.append(Object(role="stop", manifest=stop(settings), after=[*before], runs_again=True))
    tasks = Object(role="tasks", manifest=task_managers(settings, changed), after=before, awaited=False)
    manager = Object(role="manager", manifest=job_manager(settings, changed), after=before, awaited=False)
    # It fails at once if the job cannot start, and the pods would only be waited for.
    waits = Object(role="change", manifest=change(settings), after=[tasks, manager], runs_again=True)
    return [*before, tasks, manager, waits]


def config_map(settings: StreamJobSettings) -> Manifest:
    """What is declared, for its keeper and its pods."""
    spec = settings.spec
    annotations = {PLAN: settings.plan, VERSION: str(spec.version)}
    if spec.savepoints is not None:
        annotations[SAVEPOINTS] = str(spec.savepoints)
    data: dict[str, Any] = {
        "config.yaml": settings.config,
        "log4j.properties": LOG4J,
        settings.script_file: settings.script,
    }
    if settings.is_program:
        said = {IMAGE: settings.image, PODS: settings.pods}
        annotations |= said | {READS: ",".join(settings.spec.reads), WRITES: ",".join(settings.spec.writes)}
        for file in settings.client_files:
            data[file] = derived(itemgetter(file), settings.clients)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(
            f"{settings.name}-config", settings.namespace, labels(settings.name, COMPONENT), annotations
        ),
        "data": data,
    }


def refuse_other_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raises where a program takes the place of SQL, or SQL that of a program, and is to start from its state."""
    before, after = (ARGUMENTS in (each.get("data") or {}) for each in (old, new))
    versions = [int((each.get("metadata") or {}).get("annotations", {}).get(VERSION, 0)) for each in (old, new)]
    if before != after and versions[0] >= versions[1]:
        name = str(new["metadata"]["name"]).removesuffix("-config")
        kinds = ("a program", "SQL") if before else ("SQL", "a program")
        raise ValueError(
            f"{name}: is {kinds[0]}, and {kinds[1]} cannot start from its state: raise version to {versions[0] + 1} to start without state, "
            "or give the job another name"
        )


def service_account(settings: StreamJobSettings) -> Manifest:
    """Who its pods are."""
    return service_account_of(_about(settings))


def _about(settings: StreamJobSettings) -> Manifest:
    return metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT))


def role(settings: StreamJobSettings) -> Manifest:
    """Its own ConfigMaps: what is declared, what its keeper notes, and where Flink notes who leads and where the last checkpoint is."""
    names = derived(lambda job: config_maps(settings.job, job), settings.job_id)
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
            {
                "apiGroups": [""],
                "resourceNames": [f"{settings.name}-config"],
                "resources": ["configmaps"],
                "verbs": ["get"],
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
            *([] if settings.registry is None else [egress(settings.registry)]),
            {"ports": [allowed_port(port) for port in settings.spec.api_ports]},
        ],
    )
