"""What all pods of this platform have in common: security contexts and scheduling.

Without Pulumi, which the checks of settings do not load: they render the charts' values too.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from kafka_platform.kube.manifests import Manifest, allowed_port
from kafka_platform.kube.pod_settings import PodSettings, RunAs, Toleration
from kafka_platform.values.forms import Compute
from kafka_platform.values.later import Input

HTTP_PORT = 8080
"""Port of our programs' pods at which the gateway listens."""
METRICS_PORT = 9404
"""Port of our programs' pods at which Prometheus reads them."""
HELPER_CPU_LIMIT = "1"
"""CPU limit of helper containers, and of Jobs without resources of their own. A ResourceQuota on `limits.cpu` refuses
pods with a container that has no such limit. One core: these programs hardly ever use more, so none is throttled."""
CONFIG_ANNOTATION = "kafka-platform/config"
"""Annotation of pods that read their files when they start: the hash of these. Another one makes other pods."""
MACHINE = "kubernetes.io/hostname"
"""The label that tells machines apart."""

IMAGE_USER = 1000
"""User and group id that the platform's images are built for."""
_IDS = ("fsGroup", "runAsGroup", "runAsUser")

WITHOUT_SIDECARS: Mapping[str, Mapping[str, str]] = {
    "annotations": {
        "consul.hashicorp.com/connect-inject": "false",
        "linkerd.io/inject": "disabled",
        "sidecar.istio.io/inject": "false",
    },
    "labels": {"kuma.io/sidecar-injection": "disabled", "sidecar.istio.io/inject": "false"},
}
"""Metadata of a Job's pods, which keeps the service meshes that inject into whole namespaces out: a Job ends when all its
containers do, and a proxy never does."""

AFTER_EVICTION: Manifest = {
    "rules": [{"action": "Ignore", "onPodConditions": [{"status": "True", "type": "DisruptionTarget"}]}]
}
"""What a Job does about failed pods: one that was evicted, or lost with its machine, does not count."""


def without_sidecars(template: Manifest) -> Manifest:
    """The template of a Job's pods, into which no service mesh injects anything."""
    about = template["metadata"]
    fixed = {key: {**about.get(key, {}), **each} for key, each in WITHOUT_SIDECARS.items()}
    return {**template, "metadata": {**about, **fixed}}


def ports_of(url: str) -> list[Manifest]:
    """The ports by which pods reach a program of ours at `url`, in a network policy.

    Policies are judged by the port of a Service's pods, which is 8080 for this platform's programs.
    """
    parts = urlsplit(url)
    own = parts.port or (443 if parts.scheme == "https" else 80)
    return [allowed_port(port) for port in sorted({own, HTTP_PORT})]


def run_once(
    template: Manifest, pods: PodSettings, *, namespace: "Input[str]", own: Mapping[str, str], deadline_seconds: int
) -> Manifest:
    """A Job that runs a program of ours once for each content of `template`; other content makes another Job.

    The program itself tries again what may yet succeed, so a failure is final unless the pod was evicted: the official
    Kubernetes plugin notices only Jobs that are beyond their limit of failures or their deadline. Nothing is injected into
    its pods.

    It has no name; Pulumi generates one for each run. With a name of its own, a Job would have to be deleted before the
    next is created, and Pulumi then also deletes what depends on it. With a name that follows from the content, going back
    after a failed change would find the former Job, long complete, and run nothing.
    """
    rendered = configured(template | {"spec": template["spec"] | {"restartPolicy": "Never"}}, pods)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"labels": dict(own), "namespace": namespace},
        "spec": {
            "activeDeadlineSeconds": deadline_seconds,
            "backoffLimit": 0,
            "podFailurePolicy": AFTER_EVICTION,
            "template": without_sidecars(rendered),
        },
    }


def pod_spec(
    containers: Sequence[Manifest], volumes: Sequence[Manifest], *, user: int = IMAGE_USER, **more: Any
) -> Manifest:
    """The spec of a pod of this platform: one that runs as `user`, and cannot ask the API server.

    Args:
        containers: its containers.
        volumes: its volumes.
        user: the user and group that it runs as.
        more: other fields, by Kubernetes' names.
    """
    return {
        "automountServiceAccountToken": False,
        "containers": list(containers),
        "enableServiceLinks": False,
        "securityContext": pod_security(user),
        "volumes": list(volumes),
        **more,
    }


def helper_resources(memory: str, *, cpu: str = "10m", reserved: str | None = None) -> Manifest:
    """Requests and limits of a helper container, or of a Job without resources of its own.

    As much memory is reserved as it may use, unless `reserved` says less.
    """
    return {
        "limits": {"cpu": HELPER_CPU_LIMIT, "memory": memory},
        "requests": {"cpu": cpu, "memory": reserved or memory},
    }


def resources_of(compute: Compute) -> Manifest:
    """Requests and limits of a container: as much memory as is reserved, and CPU without a limit unless one is given."""
    limits = {"memory": compute.memory}
    if compute.cpu_limit is not None:
        limits["cpu"] = compute.cpu_limit
    return {"limits": limits, "requests": {"cpu": compute.cpu, "memory": compute.memory}}


def http_check(path: str, port: int, *, failures: int, period_seconds: int) -> Manifest:
    """A health check by HTTP."""
    return {
        "failureThreshold": failures,
        "httpGet": {"path": path, "port": port},
        "periodSeconds": period_seconds,
        "timeoutSeconds": 5,
    }


def secret_volume(name: str, secret: Input[str], *keys: str) -> Manifest:
    """The volume with these keys of a Secret, each as a file of its name."""
    return {"name": name, "secret": {"items": [{"key": key, "path": key} for key in keys], "secretName": secret}}


def configured(template: Manifest, pods: PodSettings) -> Manifest:
    """The pod template with the pod settings; the template's own labels and annotations stay."""
    metadata, spec = dict(template["metadata"]), dict(template["spec"])
    for key, declared in (("annotations", pods.annotations), ("labels", pods.labels)):
        if declared:
            metadata[key] = {**declared, **metadata.get(key, {})}
    if pods.pull_secrets:
        spec["imagePullSecrets"] = pull_secrets(pods.pull_secrets)
    if pods.node_labels:
        spec["nodeSelector"] = dict(sorted(pods.node_labels.items()))
    if pods.priority_class is not None:
        spec["priorityClassName"] = pods.priority_class
    if pods.run_as is RunAs.PLATFORM:
        spec["securityContext"] = {key: value for key, value in spec["securityContext"].items() if key not in _IDS}
    if pods.tolerations:
        spec["tolerations"] = tolerations(pods.tolerations)
    return {"metadata": metadata, "spec": dict(sorted(spec.items()))}


def pull_secrets(names: Sequence[Input[str]]) -> list[Manifest]:
    """Secrets with logins for registries, as a pod takes them."""
    return [{"name": name} for name in names]


def tolerations(given: Sequence[Toleration]) -> list[Manifest]:
    """Tolerations, as a pod takes them."""
    return [
        {
            "key": each.key,
            "operator": "Exists" if each.value is None else "Equal",
            **({} if each.value is None else {"value": each.value}),
            **({} if each.effect is None else {"effect": each.effect.value}),
        }
        for each in given
    ]


def container_security() -> dict[str, Any]:
    """What every container of this platform may do: nothing but write to its volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def pod_security(user: int = IMAGE_USER) -> dict[str, Any]:
    """How every pod of this platform runs: as one user and group, never as root."""
    return {
        "fsGroup": user,
        "fsGroupChangePolicy": "OnRootMismatch",
        "runAsGroup": user,
        "runAsNonRoot": True,
        "runAsUser": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def prefer_other_machines(own: Mapping[str, str]) -> dict[str, Any]:
    """The affinity of pods that would rather not share a machine with one of their own."""
    term = {"labelSelector": {"matchLabels": dict(own)}, "topologyKey": MACHINE}
    return {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": term, "weight": 100}]
        }
    }


def spread_over(label: str, own: Mapping[str, str]) -> list[dict[str, Any]]:
    """The constraints of pods that are spread over machines and over the values of a label, as far as possible."""
    return [
        {
            "labelSelector": {"matchLabels": dict(own)},
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
        }
        for key in dict.fromkeys((MACHINE, label))
    ]


def spread_deployment(
    about: Manifest,
    own: Mapping[str, str],
    containers: Sequence[Manifest],
    volumes: Sequence[Manifest],
    *,
    pods: int,
    spread: str,
    annotations: Mapping[str, Input[str]],
    termination_seconds: int,
    settings: PodSettings,
) -> Manifest:
    """A fixed number of pods that do the same, spread out, and replaced one by one without one being missing.

    Args:
        about: the metadata of the Deployment, whose labels the pods have too.
        own: the labels that find the pods.
        containers: of each pod.
        volumes: of each pod.
        pods: how many there are.
        spread: label of machines over whose values they are spread.
        annotations: of the pods.
        termination_seconds: how long a pod may take to end.
        settings: where the pods run, and what they carry.
    """
    spec = pod_spec(
        containers,
        volumes,
        affinity=prefer_other_machines(own),
        terminationGracePeriodSeconds=termination_seconds,
        topologySpreadConstraints=spread_over(spread, own),
    )
    template: Manifest = {"metadata": {"annotations": dict(annotations), "labels": about["labels"]}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": about,
        "spec": {
            "replicas": pods,
            "selector": {"matchLabels": dict(own)},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}, "type": "RollingUpdate"},
            "template": configured(template, settings),
        },
    }
