"""Questions to the Kubernetes cluster of a stack: in parallel, bounded in number, size and time, and with a reason for each that is not answered."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from infra.connection import Connection, NoAnswerError, version_in
from infra.kubeconfig import check_there
from infra.live.forward import MOST_BYTES, Answer, forwarded
from infra.live.text import told
from infra.settings.core import Kubernetes

THREADS = 8
"""Requests at a time."""
LOOK_SECONDS = 20.0
"""How long all queries of one sample may take; what has not arrived by then counts as unseen."""
ASK_SECONDS = (5.0, 8.0)
"""How long a connection and an answer may take: a broker with thousands of partitions needs some seconds for its metrics."""
RETRIES = 1
"""A connection that was left open may have been closed meanwhile."""
PAGE = 500
"""Objects in one answer, as kubectl asks for."""
MOST_OBJECTS = 5_000
"""Of one kind in one namespace; further ones are left out."""

ALERT_STATES = ("pending", "firing")
"""Of an alert whose condition is met: for too short a time yet, or long enough."""

Manifest = Mapping[str, Any]
_T = TypeVar("_T")
_K = TypeVar("_K")


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """What could not be looked at."""

    why: str
    """In one line, with what to do about it if that is known."""
    forbidden: bool = False
    """Whether the credentials do not allow it."""
    absent: bool = False
    """Whether there is nothing to show, because the stack does not have it."""


class UnreachableError(Exception):
    """The cluster cannot be reached; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of object, by the path of its API."""

    api: str
    plural: str

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Where its objects are."""
        within = "" if namespace is None else f"/namespaces/{quote(namespace, safe='')}"
        return f"{self.api}{within}/{self.plural}" + ("" if name is None else f"/{quote(name, safe='')}")


PODS = Kind(api="/api/v1", plural="pods")
NODES = Kind(api="/api/v1", plural="nodes")
CLAIMS = Kind(api="/api/v1", plural="persistentvolumeclaims")
QUOTAS = Kind(api="/api/v1", plural="resourcequotas")
SECRETS = Kind(api="/api/v1", plural="secrets")
JOBS = Kind(api="/apis/batch/v1", plural="jobs")
DEPLOYMENTS = Kind(api="/apis/apps/v1", plural="deployments")
STATEFUL_SETS = Kind(api="/apis/apps/v1", plural="statefulsets")
AUTOSCALERS = Kind(api="/apis/autoscaling/v2", plural="horizontalpodautoscalers")
SCALED_OBJECTS = Kind(api="/apis/keda.sh/v1alpha1", plural="scaledobjects")
CERTIFICATES = Kind(api="/apis/cert-manager.io/v1", plural="certificates")
CONFIG_MAPS = Kind(api="/api/v1", plural="configmaps")
KAFKAS = Kind(api="/apis/kafka.strimzi.io/v1", plural="kafkas")
KAFKA_TOPICS = Kind(api="/apis/kafka.strimzi.io/v1", plural="kafkatopics")
KAFKA_CONNECTORS = Kind(api="/apis/kafka.strimzi.io/v1", plural="kafkaconnectors")
KAFKA_USERS = Kind(api="/apis/kafka.strimzi.io/v1", plural="kafkausers")

MERGE_PATCH = "application/merge-patch+json"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json"


class Cluster:
    """The Kubernetes cluster of a stack. Threads may share it."""

    def __init__(self, kubernetes: Kubernetes, environment: Mapping[str, str] = os.environ) -> None:
        """Raises `UnreachableError` if it is not said which cluster is meant, or its kubeconfig cannot be used."""
        try:
            check_there(kubernetes, environment)
            self.connection = Connection(kubernetes.kubeconfig, kubernetes.context, retries=RETRIES)
        except (ValueError, NoAnswerError) as error:
            raise UnreachableError(str(error)) from error
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="cluster")

    def version(self) -> tuple[int, int]:
        """Its Kubernetes, as `(1, 34)`. Raises `UnreachableError` if it does not answer: this is the first question."""
        try:
            return version_in(json.loads(self.connection.ask("GET", "/version", seconds=ASK_SECONDS)))
        except (NoAnswerError, ValueError) as error:
            raise UnreachableError(f"the Kubernetes cluster does not answer: {told(error)}") from error

    def objects(self, kind: Kind, namespace: str | None, labels: str = "", *, metadata: bool = False) -> list[Manifest]:
        """All objects of a kind, at most MOST_OBJECTS; none where the cluster does not know the kind.

        Args:
            kind: of the objects.
            namespace: None for all namespaces, or of what has none.
            labels: a selector.
            metadata: whether their metadata will do. Then nothing of the content leaves the API server.

        Raises:
            NoAnswerError: it cannot be told.
        """
        found: list[Manifest] = []
        query = {"limit": str(PAGE)} | ({"labelSelector": labels} if labels else {})
        accept = _METADATA if metadata else "application/json"
        while len(found) < MOST_OBJECTS:
            path = f"{kind.path(namespace)}?{urlencode(query)}"
            try:
                page = json.loads(self.connection.ask("GET", path, accept=accept, seconds=ASK_SECONDS))
            except NoAnswerError as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return found
                if error.forbidden:
                    where = "" if namespace is None else f" in namespace {namespace}"
                    raise NoAnswerError(f"no right to list {kind.plural}{where}", error.status) from error
                raise
            found += page.get("items") or []
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                break
            query["continue"] = following
        return found

    def of_pod(self, pod: Manifest, port: int, path: str, method: str = "GET", body: Any = None) -> Answer:
        """A pod's response to a request, with JSON as its body if there is one, sent through the API server only.

        Its port is forwarded, as by `kubectl port-forward`: the platform's network policies keep the API server's own proxy
        out, which is taken only where forwarding is not allowed.

        Raises:
            NoAnswerError: the pod does not answer, or a right is missing.
        """
        try:
            where = pod["metadata"]
            return forwarded(self.connection, where["namespace"], where["name"], port, path, method, body)
        except NoAnswerError as error:
            if not error.forbidden:
                raise
        return self._by_proxy(pod, port, path, method, body)

    def _by_proxy(self, pod: Manifest, port: int, path: str, method: str, body: Any) -> Answer:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        url = f"{PODS.path(namespace)}/{quote(name)}:{port}/proxy/{path.lstrip('/')}"
        try:
            return Answer(
                status=HTTPStatus.OK,
                body=self.connection.ask(method, url, accept="*/*", body=body, seconds=ASK_SECONDS, most=MOST_BYTES),
            )
        except NoAnswerError as error:
            if error.forbidden:
                reason = (
                    f"no right to create pods/portforward in namespace {namespace}: docs/operations.md lists the rights"
                )
            else:
                reason = f"pod {name} does not answer at port {port}"
            raise NoAnswerError(reason, error.status) from error

    def patch(self, kind: Kind, namespace: str, name: str, fields: Manifest) -> None:
        """Changes fields of an object, as a merge patch says it. Raises `NoAnswerError` if that is refused."""
        path = kind.path(namespace, name)
        try:
            self.connection.ask("PATCH", path, body=fields, content_type=MERGE_PATCH, seconds=ASK_SECONDS)
        except NoAnswerError as error:
            if error.forbidden:
                raise NoAnswerError(
                    f"no right to patch {kind.plural} in namespace {namespace}", error.status
                ) from error
            raise

    def together(self, questions: Mapping[_K, Callable[[], _T]]) -> dict[_K, _T | Unseen]:
        """The answers to all questions, THREADS at a time; a reason in place of each that is not there after LOOK_SECONDS."""
        asked: dict[_K, Future[_T]] = {key: self._threads.submit(each) for key, each in questions.items()}
        wait(asked.values(), timeout=LOOK_SECONDS)
        return {key: _answer(future) for key, future in asked.items()}


def _answer(future: Future[Any]) -> Any:
    if not future.done():
        future.cancel()
        return Unseen(why=f"no answer within {LOOK_SECONDS:.0f} s")
    try:
        return future.result()
    except NoAnswerError as error:
        return Unseen(why=told(error), forbidden=error.forbidden)


def first_unseen(answers: Sequence[object]) -> Unseen | None:
    """The first of the answers that could not be had."""
    return next((each for each in answers if isinstance(each, Unseen)), None)
