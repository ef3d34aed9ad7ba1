"""Watches the pods of workloads that the engine is waiting for, and makes it end when one of them certainly will not start.

The providers of Kubernetes wait for a workload until it is ready, their time is over or the engine is told to cancel
(provider/pkg/await of pulumi-kubernetes 4.34). So this tells the engine, as Ctrl-C and CI systems do, by a signal.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import pulumi
from kafka_platform.kube.object_id import ClusterError
from kafka_platform.kube.place import KubernetesObject, hooks_work

from infra.live.text import shown
from infra.reading.values import at, items, mapping, text
from infra.rollouts.engine import cancel
from infra.rollouts.problems import Problem, problems, refused, restarts

LOOK_SECONDS = 5.0
"""Pause between two looks: each is a request or two for each workload that is waited for."""
SAID_SECONDS = 2.0
"""How long the engine has to show the message before it is told to end."""
LONGEST_SENTENCE = 2_000
"""Characters of a message: it quotes Kubernetes and containers."""
_REVISION = "deployment.kubernetes.io/revision"
_REFUSALS = "reason=FailedCreate"
STRIMZI_PODS_API = "core.strimzi.io/v1"
"""Of Strimzi's StrimziPodSets, which make the pods of Kafka."""


class Cluster(Protocol):
    """What is asked of a Kubernetes cluster."""

    def find(
        self, api_version: str, kind: str, namespace: str, *, labels: str = "", fields: str = ""
    ) -> Sequence[Mapping[str, Any]]:
        """The objects of a kind in a namespace. Raises `ClusterError` if it cannot be told."""

    def names(self, api_version: str, kind: str) -> "frozenset[str] | None":
        """The names of all objects of a kind; None if they cannot be told."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Something that the engine waits for, and that has pods."""

    kind: str
    namespace: str
    name: str
    labels: str
    """By which its pods are found."""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def workload(manifest: Mapping[str, Any]) -> Workload | None:
    """The workload that a manifest declares; None if it declares none, or if it is not known yet which."""
    kind, name = text(manifest, "kind"), text(manifest, "metadata", "name")
    namespace = text(manifest, "metadata", "namespace")
    match kind:
        case "Deployment" | "StatefulSet":
            selected = mapping(manifest, "spec", "selector", "matchLabels")
            labels = ",".join(f"{key}={value}" for key, value in sorted(selected.items()))
        case "Job":
            labels = f"batch.kubernetes.io/job-name={name}"
        case "Kafka":
            labels = f"strimzi.io/cluster={name}"
        case _:
            return None
    return Workload(kind=kind, namespace=namespace, name=name, labels=labels) if namespace and name and labels else None


class Rollouts:
    """What the engine is waiting for. Owns one thread while there is something; it ends with the program."""

    def __init__(self, cluster: Cluster, end: Callable[[], None] = cancel) -> None:
        self._cluster = cluster
        self._end = end
        self._under_way: dict[str, Workload] = {}
        """By URN."""
        self._before: dict[str, Mapping[str, int]] = {}
        """Pods that are older than the deployment, and how often their containers had restarted; by the pod's uid."""
        self._old_refusals: set[str] = set()
        """Refusals of pods from before it began, which may be over; by the event's uid and version."""
        self._since: dict[str, float] = {}
        """Since when each problem lasts."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # Not the event loop's own threads: those wait for registrations, which wait for these.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="rollouts-before")

    def watch(self) -> None:
        """Begins to look at what the program registers from here on."""
        if hooks_work():
            binding = pulumi.ResourceHookBinding(
                before_create=[pulumi.ResourceHook("kafka-platform-rollout-begins", self._begins)],
                before_update=[pulumi.ResourceHook("kafka-platform-rollout-changes", self._begins)],
                after_create=[pulumi.ResourceHook("kafka-platform-rollout-began", self._ends)],
                after_update=[pulumi.ResourceHook("kafka-platform-rollout-changed", self._ends)],
            )
            own = pulumi.ResourceOptions(hooks=binding)

            def transform(
                args: pulumi.ResourceTransformationArgs,
            ) -> pulumi.ResourceTransformationResult | None:
                is_one = args.type_.rpartition(":")[2] in ("Deployment", "StatefulSet", "Job", "Kafka")
                if not is_one or not isinstance(args.resource, KubernetesObject) or args.opts.id is not None:
                    return None
                return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, own))

            pulumi.runtime.register_stack_transformation(transform)

    async def _begins(self, args: pulumi.ResourceHookArgs) -> None:
        found = workload(args.new_inputs or {})
        if found is not None:
            self._loop = asyncio.get_running_loop()
            await self._loop.run_in_executor(self._threads, self.begin, args.urn, found)

    def _ends(self, args: pulumi.ResourceHookArgs) -> None:
        self.done(args.urn)

    def begin(self, urn: str, found: Workload) -> None:
        """The engine is about to create or change it, and to wait. Without the right to read pods, the wait is Pulumi's own."""
        try:
            there = self._cluster.find("v1", "Pod", found.namespace, labels=found.labels)
            refusals = self._cluster.find("v1", "Event", found.namespace, fields=_REFUSALS)
        except ClusterError:
            return
        with self._lock:
            self._old_refusals |= {_version(each) for each in refusals}
            self._before |= {text(each, "metadata", "uid"): restarts(each) for each in there}
            self._under_way[urn] = found
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rollouts", daemon=True)
                self._thread.start()

    def done(self, urn: str) -> None:
        """The engine no longer waits for it."""
        with self._lock:
            self._under_way.pop(urn, None)

    def _run(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            with self._lock:
                if not self._under_way:
                    self._thread = None
                    return
            certain = self.look(time.monotonic())
            if certain:
                self._tell(certain)
                return

    def look(self, moment: float) -> list[str]:
        """What is certain by now, and why each: a sentence."""
        with self._lock:
            under_way = dict(self._under_way)
        found: dict[str, Problem] = {}
        unseen = False
        for each in under_way.values():
            try:
                found |= {problem.key: problem for problem in self._problems(each)}
            except ClusterError:
                unseen = True  # it may answer the next time; whoever lacks a right for one sees the others
        since = {key: self._since.get(key, moment) for key in found}
        self._since = self._since | since if unseen else since
        certain = [each for key, each in found.items() if moment - self._since[key] >= each.seconds]
        return [shown(each.sentence, LONGEST_SENTENCE) for each in certain]

    def _problems(self, of: Workload) -> Iterator[Problem]:
        pods = [each for each in self._pods(of) if not _is_ready(each)]
        if not pods:
            failed = self._cluster.find("v1", "Event", of.namespace, fields=_REFUSALS)
            yield from refused(str(of), of.name, [each for each in failed if _version(each) not in self._old_refusals])
        for pod in pods:
            claims = {text(each, "persistentVolumeClaim", "claimName") for each in items(pod, "spec", "volumes")} - {""}
            waiting = [
                each
                for name in sorted(claims)
                for each in self._cluster.find(
                    "v1", "PersistentVolumeClaim", of.namespace, fields=f"metadata.name={name}"
                )
            ]
            # By uid: a StatefulSet's next pod has the name of its last one, of which events tell for an hour.
            events = [
                event
                for about in (pod, *waiting)
                for event in self._cluster.find(
                    "v1", "Event", of.namespace, fields=f"involvedObject.uid={text(about, 'metadata', 'uid')}"
                )
            ]
            classes = self._cluster.names("storage.k8s.io/v1", "StorageClass") if waiting else None
            before = self._before.get(text(pod, "metadata", "uid"))
            yield from problems(pod, events, waiting, None if classes is None else sorted(classes), before)

    def _pods(self, of: Workload) -> list[Mapping[str, Any]]:
        """Its pods of the newest revision: older ones may be what is being repaired. Labels alone make no pod its own."""
        pods = self._cluster.find("v1", "Pod", of.namespace, labels=of.labels)
        if of.kind == "Kafka":
            sets = self._cluster.find(STRIMZI_PODS_API, "StrimziPodSet", of.namespace, labels=of.labels)
            # Its operator for topics and users is a Deployment.
            sets = [*sets, *self._cluster.find("apps/v1", "Deployment", of.namespace, labels=of.labels)]
            owners = {text(each, "metadata", "uid") for each in sets if _is_of_kafka(each)}
            owners |= {
                text(each, "metadata", "uid")
                for each in self._cluster.find("apps/v1", "ReplicaSet", of.namespace, labels=of.labels)
                if _owner(each) in owners
            }
            return [each for each in pods if _owner(each) in owners]
        api = "batch/v1" if of.kind == "Job" else "apps/v1"
        found = self._cluster.find(api, of.kind, of.namespace, fields=f"metadata.name={of.name}")
        own = found[0] if found else {}
        owner = text(own, "metadata", "uid")
        if of.kind == "Deployment":
            sets = self._cluster.find("apps/v1", "ReplicaSet", of.namespace, labels=of.labels)
            last = max((each for each in sets if _owner(each) == owner), key=_revision, default={})
            owner = text(last, "metadata", "uid")
        pods = [each for each in pods if owner and _owner(each) == owner]
        if of.kind == "StatefulSet":
            newest = text(own, "status", "updateRevision")
            return [each for each in pods if text(each, "metadata", "labels", "controller-revision-hash") == newest]
        return pods

    def _tell(self, certain: Sequence[str]) -> None:
        text_ = "\n".join([*certain, "Waiting longer would not help, so this deployment is cancelled."])
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(pulumi.log.error, text_)
        time.sleep(SAID_SECONDS)
        self._end()


def _owner(of: Mapping[str, Any]) -> str:
    """The uid of what made it; empty if nothing did."""
    references = items(of, "metadata", "ownerReferences")
    return next((text(each, "uid") for each in references if at(each, "controller") is True), "")


def _is_of_kafka(of: Mapping[str, Any]) -> bool:
    """Whether it is of the Kafka itself: a Kafka Connect of the same name has the same labels."""
    return any(text(each, "kind") in ("Kafka", "KafkaNodePool") for each in items(of, "metadata", "ownerReferences"))


def _revision(of: Mapping[str, Any]) -> int:
    written = text(of, "metadata", "annotations", _REVISION)
    return int(written) if written.isdecimal() else 0


def _version(of: Mapping[str, Any]) -> str:
    return f"{text(of, 'metadata', 'uid')} {text(of, 'metadata', 'resourceVersion')}"


def _is_ready(pod: Mapping[str, Any]) -> bool:
    ready = any(
        text(each, "type") == "Ready" and text(each, "status") == "True" for each in items(pod, "status", "conditions")
    )
    return ready or at(pod, "status", "phase") == "Succeeded"
