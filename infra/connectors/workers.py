"""The pods in which connectors run, and Strimzi's objects of them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from kafka_platform.connect.applying import COMPONENT as APPLIER_COMPONENT
from kafka_platform.connect.common import connector_user_name
from kafka_platform.connect.objects import COMPONENT as CONNECT_COMPONENT, REST_PORT
from kafka_platform.connect.spec import CONNECT, Connector, RunBy, run_by_of
from kafka_platform.kube.operated import STRIMZI_CLUSTER_LABEL
from kafka_platform.kube.pods import METRICS_PORT
from kafka_platform.light.objects import COMPONENT as LIGHT_COMPONENT

from infra.capabilities.connectors import Connect, is_light
from infra.connection import NoAnswerError
from infra.connectors.seen import MISSING, NOT_DECLARED, RUNNING, STARTING, UNKNOWN, Seen, drift, operated_state, states
from infra.live.cluster import CONFIG_MAPS, KAFKA_CONNECTORS, PODS, Cluster, Manifest
from infra.live.pods import COMPONENT_LABEL, has_ended, instance, is_ready, is_running
from infra.live.text import told
from infra.settings.core import Core

CONNECTORS = "connectors"
"""The path of all connectors in Kafka Connect's REST interface."""


class Workers:
    """What runs the connectors of a stack."""

    def __init__(self, cluster: Cluster, namespace: str, *, operated: bool) -> None:
        """`operated` says whether Strimzi runs Kafka Connect."""
        self.cluster, self.namespace, self.operated = cluster, namespace, operated
        labels = f"{COMPONENT_LABEL} in ({CONNECT_COMPONENT},{LIGHT_COMPONENT})"
        self._all = [each for each in cluster.objects(PODS, namespace, labels) if not has_ended(each)]

    def of_connect(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """What Kafka Connect answers; raises `NoAnswerError` if none of its pods does."""
        running = [each for each in self._of(CONNECT_COMPONENT) if is_running(each)]
        failure = NoAnswerError("no pod of Kafka Connect runs: see `kafka-platform doctor`")
        for pod in sorted(running, key=is_ready, reverse=True):
            try:
                answer = self.cluster.of_pod(pod, REST_PORT, path, method, body)
            except NoAnswerError as error:
                failure = error
                continue
            content = _parsed(answer.body)
            if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return content
            said = content.get("message") if isinstance(content, dict) else None
            failure = NoAnswerError(
                f"Kafka Connect answers {answer.status}: {said or 'without a reason'}", answer.status
            )
        raise failure

    def objects(self) -> dict[str, Manifest]:
        """The KafkaConnectors of the stack's Kafka Connect, by name."""
        found = self.cluster.objects(KAFKA_CONNECTORS, self.namespace, f"{STRIMZI_CLUSTER_LABEL}={CONNECT}")
        return {str(each["metadata"]["name"]): each for each in found}

    def deployed(self) -> dict[str, Mapping[str, str]]:
        """The configurations that were deployed last, by name."""
        labels = f"{COMPONENT_LABEL}={APPLIER_COMPONENT}"
        found: dict[str, Mapping[str, str]] = {}
        for each in self.cluster.objects(CONFIG_MAPS, self.namespace, labels):
            for key, text in (each.get("data") or {}).items():
                if key.startswith("connector."):
                    declared = json.loads(text)
                    found[str(declared["name"])] = dict(declared["config"])
        return found

    def seen(self, declared: Mapping[str, Connector]) -> Iterator[Seen]:
        """Each connector of the file, and those that Kafka Connect has besides."""
        known: dict[str, Seen] = {}
        why = ""
        if any(not is_light(each) for each in declared.values()) or self._of(CONNECT_COMPONENT):
            try:
                known = self._known()
            except NoAnswerError as error:
                why = told(error)
        for name, each in sorted(declared.items()):
            kind, wanted = str(each.kind_name), each.state.value
            if is_light(each):
                yield self._light(name, kind, wanted)
            elif why:
                yield Seen(name=name, kind=kind, state=UNKNOWN, reason=why, wanted=wanted)
            else:
                missing = Seen(
                    name=name, kind=kind, state=MISSING, reason="Kafka Connect does not have it: deploy the stack"
                )
                yield _idle(each, replace(known.get(name, missing), kind=kind, wanted=wanted))
        for name in sorted(known.keys() - declared.keys()):
            found = known[name]
            yield replace(found, reason=found.reason or self._not_declared(name), drift="", wanted="absent")

    def _known(self) -> dict[str, Seen]:
        """What runs, by name."""
        if self.operated:
            return {name: operated_state(each) for name, each in self.objects().items()}
        answer = self.of_connect(f"{CONNECTORS}?expand=status&expand=info")
        found, deployed = states(answer), self.deployed()
        for name, each in found.items():
            config = (answer[name].get("info") or {}).get("config")
            if config is not None and name in deployed:
                found[name] = replace(each, drift=drift(deployed[name], config))
        return found

    def _not_declared(self, name: str) -> str:
        if self.operated:
            return f"not declared: it keeps its last configuration: kubectl -n {self.namespace} delete kafkaconnector {name}"
        return NOT_DECLARED

    def _light(self, name: str, kind: str, wanted: str) -> Seen:
        own = [each for each in self._of(LIGHT_COMPONENT) if instance(each) == connector_user_name(name)]
        ready = [each for each in own if is_ready(each)]
        tasks = f"{len(ready)}/{len(own)}"
        if not own:
            stopped = wanted if wanted != RUNNING else "missing"
            reason = "" if stopped == wanted else "it has no pods: deploy the stack, or see its scaler"
            return Seen(name=name, kind=kind, state=stopped, tasks=tasks, reason=reason, wanted=wanted)
        if len(ready) == len(own):
            return Seen(name=name, kind=kind, state=RUNNING, tasks=tasks, wanted=wanted)
        reason = self._trouble(next(each for each in own if not is_ready(each)))
        return Seen(name=name, kind=kind, state="failed", tasks=tasks, reason=reason, wanted=wanted)

    def _trouble(self, pod: Mapping[str, Any]) -> str:
        """What a pod that is not ready says of itself."""
        if not is_running(pod):
            return f"pod {pod['metadata']['name']} does not run: see `kafka-platform doctor`"
        try:
            return told(self.cluster.of_pod(pod, METRICS_PORT, "readyz").body.decode("utf-8", "replace"))
        except NoAnswerError as error:
            return told(error)

    def _of(self, component: str) -> list[Mapping[str, Any]]:
        return [each for each in self._all if (each["metadata"].get("labels") or {}).get(COMPONENT_LABEL) == component]


def is_operated(settings: Core) -> bool:
    """Whether Strimzi runs Kafka Connect."""
    connect = settings.of(Connect) or Connect()
    return run_by_of(connect, settings.kafka.engine) is RunBy.STRIMZI


def _idle(declared: Connector, found: Seen) -> Seen:
    """As it was found, unless it has no task because there is nothing to do."""
    if declared.may_idle and found.state == STARTING and found.tasks == "0/0":
        return replace(found, state=RUNNING)
    return found


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body or b"null")
    except ValueError:
        raise NoAnswerError("Kafka Connect answers something that is not JSON") from None
