"""The Job that generates passwords in the cluster, once, or takes those that are given, and makes the Secrets that contain them."""

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kafka_platform.kube.declared import MAX_BYTES
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
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
from kafka_platform.kube.pod_settings import PodSettings
from kafka_platform.kube.pods import CONFIG_ANNOTATION, container_security, helper_resources, pod_spec, run_once

from infra.render.passwords import MARK, Files
from infra.render.tools import Passwords, Source

NAME = "kafka-secrets"
STORE = "kafka-generated-passwords"
"""The Secret in which the passwords are noted, by their marks. Whoever deletes it gets them taken over from the others."""
GIVEN = "kafka-given-passwords"
"""The Secret in which they are given, each by its key, if they are not generated."""
_COMPONENT = "secrets"
_REFRESH = "1h"
"""How often the External Secrets Operator looks into the store: its own default."""
_DEADLINE_SECONDS = 540
_EACH_HOUR = "23 * * * *"
"""Strimzi renews an authority 30 days before it ends; brokers use the next one when clients have had it for a while."""
_API_PORTS = [443, 6443]
"""Of API servers: policies are judged by the port behind the Service `kubernetes`, which is 6443 on most clusters."""


def template_of(manifest: Manifest, data: Mapping[str, str]) -> dict[str, Any]:
    """A Secret as the Job gets it: text with marks."""
    about = manifest["metadata"]
    return {
        "annotations": dict(about.get("annotations", {})),
        "data": dict(data),
        "labels": dict(about.get("labels", {})),
        "name": about["name"],
        "namespace": about["namespace"],
        "type": manifest.get("type", "Opaque"),
    }


def job_objects(
    namespace: str,
    image: Any,
    templates: Sequence[Mapping[str, Any]],
    placed: Files,
    pods: PodSettings,
    source: Source,
) -> list[Manifest]:
    """The Job, what it reads, and the rights that it has: on these Secrets by name, and on no other.

    Args:
        namespace: the platform's.
        image: of this platform's own programs.
        templates: the Secrets to be made.
        placed: has the marks in them.
        pods: settings of its pods.
        source: where the passwords come from.

    Raises `ValueError` for more than a ConfigMap takes.
    """
    known = _content(namespace, templates, placed, source)
    taken, given = known["taken"].values(), known.get("given", {})
    content = json.dumps(known, indent=1)
    if len(content.encode()) > MAX_BYTES:
        raise ValueError(
            f"{len(templates):,} Secrets with {len(content):,} bytes are more than a ConfigMap takes: split the stack"
        )
    own = labels(NAME, _COMPONENT)
    names: dict[str, set[str]] = {namespace: {STORE}}
    for each in templates:
        names.setdefault(each["namespace"], set()).add(each["name"])
    read = {str(each["name"]) for each in taken} | ({GIVEN} if given else set())
    rights = [
        right
        for where, of in sorted(names.items())
        for right in _rights(where, sorted(of), namespace, own, sorted(read) if where == namespace else [])
    ]
    job = _job(namespace, image, text_hash(content), own, pods)
    external = [_external(namespace, sorted(given.values()), own, source)] if source.store else []
    return [
        service_account_of(metadata(NAME, namespace, own)),
        *rights,
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata(NAME, namespace, own),
            "data": {"templates.json": content},
        },
        network_policy_of(
            metadata(NAME, namespace, own),
            pods={"matchLabels": selector(NAME, _COMPONENT)},
            ingress=[],
            egress=[*to_names(), {"ports": [allowed_port(each) for each in _API_PORTS]}],
        ),
        *external,
        job,
        *([_again(job)] if taken else []),
    ]


def given_keys(manifests: Iterable[Manifest]) -> list[str]:
    """The keys under which passwords have to be given, if they are."""
    texts = [
        each["data"]["templates.json"]
        for each in manifests
        if (each["kind"], each["metadata"]["name"]) == ("ConfigMap", NAME)
    ]
    return sorted(key for text in texts for key in json.loads(text).get("given", {}).values())


def _external(namespace: str, keys: Sequence[str], own: Mapping[str, str], source: Source) -> Manifest:
    """What the External Secrets Operator copies. What it has copied stays if the store no longer has it."""
    kind, _, store = (source.store or "").partition("/")
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": metadata(GIVEN, namespace, own),
        "spec": {
            "data": [{"remoteRef": {"key": source.key, "property": each}, "secretKey": each} for each in keys],
            "refreshInterval": _REFRESH,
            "secretStoreRef": {"kind": kind, "name": store},
            "target": {"creationPolicy": "Owner", "deletionPolicy": "Retain", "name": GIVEN},
        },
    }


def _rights(
    where: str, names: Sequence[str], account_in: str, own: Mapping[str, str], read: Sequence[str]
) -> list[Manifest]:
    about = metadata(NAME, where, own)
    rules: list[Manifest] = [
        # Creating cannot be bound to names.
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {
            "apiGroups": [""],
            "resourceNames": list(names),
            "resources": ["secrets"],
            "verbs": ["get", "patch", "update"],
        },
    ]
    if where == account_in:
        rules.append({"apiGroups": [""], "resourceNames": [NAME], "resources": ["configmaps"], "verbs": ["get"]})
    if read:
        rules.append({"apiGroups": [""], "resourceNames": list(read), "resources": ["secrets"], "verbs": ["get"]})
    return [role_of(about, rules), role_binding_of(about, {"name": NAME, "namespace": account_in})]


def _content(namespace: str, templates: Sequence[Mapping[str, Any]], placed: Files, source: Source) -> dict[str, Any]:
    """What the Job reads: the Secrets, and what belongs in the place of each mark in them."""
    marks = {mark for each in templates for text in each["data"].values() for mark in MARK.findall(text)}
    taken = {mark: placed.operated[mark] for mark in sorted(marks & placed.operated.keys())}
    digests = {mark: placed.digests[mark] for mark in sorted(marks & placed.digests.keys())}
    marks |= {mark for text in digests.values() for mark in MARK.findall(text)}
    passwords = sorted(marks - taken.keys() - digests.keys())
    is_given = source.passwords is not Passwords.GENERATED
    given = {"given": {mark: placed.keys[mark] for mark in passwords}, "givenIn": GIVEN} if is_given else {}
    return {
        "digests": digests,
        "marks": passwords,
        "namespace": namespace,
        "secrets": templates,
        "store": STORE,
        "taken": taken,
        **given,
    }


def _again(job: Manifest) -> Manifest:
    """The same each hour: operators renew their certificates, and nobody writes the folder again for that."""
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {**job["metadata"], "name": NAME},
        "spec": {
            "concurrencyPolicy": "Forbid",
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": {"labels": job["metadata"]["labels"]}, "spec": copy.deepcopy(job["spec"])},
            "schedule": _EACH_HOUR,
            "startingDeadlineSeconds": 600,
            "successfulJobsHistoryLimit": 1,
        },
    }


def _job(namespace: str, image: Any, version: str, own: Mapping[str, str], pods: PodSettings) -> Manifest:
    container: Manifest = {
        "command": ["python3", "-m", "kafka_platform_runtime.generated_secrets"],
        "env": [{"name": "TEMPLATES", "value": f"{namespace}/{NAME}"}],
        "image": image,
        "name": "secrets",
        "resources": helper_resources("64Mi"),
        "securityContext": container_security(),
    }
    spec = pod_spec([container], [])
    template: Manifest = {
        "metadata": {"annotations": {CONFIG_ANNOTATION: version}, "labels": dict(own)},
        "spec": spec | {"automountServiceAccountToken": True, "serviceAccountName": NAME},
    }
    return run_once(template, pods, namespace=namespace, own=own, deadline_seconds=_DEADLINE_SECONDS)
