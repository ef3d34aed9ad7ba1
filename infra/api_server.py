"""Asks the API server of a stack's Kubernetes cluster which objects there are, for `kafka_platform.kube.refusals`."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from kafka_platform.kube.object_id import ClusterError, ObjectId

from infra.connection import Connection, NoAnswerError, version_in

THREADS = 8
"""Requests at a time. They have threads of their own: those of the event loop wait for registrations, which wait for them."""
PAGE = 500
"""Objects in one answer, as kubectl asks for."""
MOST_NAMES = 5_000
"""Objects of a kind, in all namespaces, whose names are read at once (some 10 MB); where there are more, each is asked for."""
_METADATA = "as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"

_T = TypeVar("_T")


class ApiServer:
    """The API server that the provider deploys to, by the same kubeconfig and context.

    Nothing is loaded and nobody is asked before the first question: a stack in which nothing is new asks only for the version,
    and for what it uses of others.
    Requests and answers are bounded by THREADS and PAGE; what a preview has seen is kept until the program ends.
    """

    def __init__(self, kubeconfig: str | None, context: str | None) -> None:
        """`kubeconfig` is a path or the content of such a file; by default KUBECONFIG or ~/.kube/config."""
        self._kubeconfig = kubeconfig
        self._context = context
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="api-server")
        self._seen: dict[tuple[str, ...], asyncio.Task[Any]] = {}
        self._all: dict[tuple[str, str], Mapping[str, Mapping[str, Any]] | None] = {}
        self._whole: dict[tuple[str, str], Sequence[dict[str, Any]] | None] = {}
        self._kinds: dict[str, Mapping[str, Mapping[str, Any]]] = {}
        self._lock = threading.Lock()
        self._made: Connection | None = None

    async def look_up(self, wanted: ObjectId, *, fresh: bool) -> Mapping[str, Any] | None:
        """The metadata of an object, as `kafka_platform.kube.refusals.Cluster` says."""
        served = await self._served(wanted.api_version, wanted.kind, fresh=fresh)
        if served is None:
            return None
        if fresh or wanted.namespace is None or not served["namespaced"]:
            return await self._get(wanted, served)
        # A preview asks for many objects of a kind: one question for all of them.
        try:
            listed = await self._list(wanted.api_version, wanted.kind, wanted.namespace)
        except _NotAllowedError:
            return await self._get(wanted, served)
        return listed.get(wanted.name)

    async def find_all(
        self, api_version: str, kind: str, namespace: str, *, fresh: bool
    ) -> Sequence[Mapping[str, Any]]:
        """The metadata of all objects of a kind in a namespace."""
        if fresh:
            self._seen.pop(("list", api_version, kind, namespace), None)
        return list((await self._list(api_version, kind, namespace)).values())

    async def _get(self, wanted: ObjectId, served: Mapping[str, Any]) -> Mapping[str, Any] | None:
        namespace = (wanted.namespace or (await self._connection()).namespace) if served["namespaced"] else None
        path = f"{_path(wanted.api_version, served, namespace)}/{quote(wanted.name)}"
        found = await self._ask(str(wanted), path, _METADATA.format(""))
        return None if found is None else found["metadata"]

    async def _list(self, api_version: str, kind: str, namespace: str) -> Mapping[str, Mapping[str, Any]]:
        async def ask() -> Mapping[str, Mapping[str, Any]]:
            served = await self._served(api_version, kind, fresh=False)
            found: dict[str, Mapping[str, Any]] = {}
            query = {"limit": str(PAGE)}
            while served is not None:
                path = f"{_path(api_version, served, namespace)}?{urlencode(query)}"
                page = await self._ask(f"{kind} in {namespace}", path, _METADATA.format("List"))
                if page is None:
                    break
                found |= {each["metadata"]["name"]: each["metadata"] for each in page["items"] or []}
                following = page["metadata"].get("continue")
                if not following:
                    break
                query["continue"] = following
            return found

        listed: Mapping[str, Mapping[str, Any]] = await self._once(("list", api_version, kind, namespace), ask)
        return listed

    async def _served(self, api_version: str, kind: str, *, fresh: bool) -> Mapping[str, Any] | None:
        """What the API server says of a kind; None if it does not serve it, so that there can be no object of it."""
        key, known = ("kinds", api_version), self._kinds.get(api_version)
        if fresh and known is not None and kind not in known:
            # It may have come in this very deployment, with its definition.
            self._kinds.pop(api_version, None)
            self._seen.pop(key, None)
        served = await self._once(key, partial(self._in_thread, partial(self._kinds_of, api_version)))
        return served.get(kind)  # type: ignore[no-any-return]

    def version(self) -> tuple[int, int] | None:
        """Its Kubernetes, as `(1, 34)`; None if it does not say, as one that cannot be reached. It blocks."""
        try:
            return version_in(_get(self._connect(), "its version", "/version"))
        except (ClusterError, ValueError):
            return None  # whoever needs an answer tells why there is none

    def names(self, api_version: str, kind: str) -> frozenset[str] | None:
        """The names of all objects of a kind, as `kafka_platform.kube.refusals.Cluster` says. It blocks, once for each kind."""
        found = self.metadata(api_version, kind)
        return None if found is None else frozenset(found)

    def metadata(self, api_version: str, kind: str) -> Mapping[str, Mapping[str, Any]] | None:
        """The metadata of all objects of a kind, as `infra.needed_objects.Cluster` says. It blocks, once for each kind."""
        key = (api_version, kind)
        if key not in self._all:
            self._all[key] = self._all_metadata(api_version, kind)
        return self._all[key]

    def exists(self, wanted: ObjectId) -> bool | None:
        """Whether there is an object, as `infra.needed_objects.Cluster` says. It blocks."""
        try:
            served = self._kind(wanted.api_version, wanted.kind)
            if served is None:
                return False
            path = f"{_path(wanted.api_version, served, wanted.namespace)}/{quote(wanted.name)}"
            return _get(self._connect(), str(wanted), path, _METADATA.format("")) is not None
        except ClusterError:
            return None

    def read(self, wanted: ObjectId) -> dict[str, Any] | None:
        """An object, as `infra.outside.cluster.Cluster` says. It blocks."""
        try:
            served = self._kind(wanted.api_version, wanted.kind)
            path = None if served is None else _path(wanted.api_version, served, wanted.namespace)
            found = None if path is None else _get(self._connect(), str(wanted), f"{path}/{quote(wanted.name)}")
        except ClusterError:
            return None
        return found

    def read_all(self, api_version: str, kind: str) -> Sequence[dict[str, Any]] | None:
        """All objects of a kind, as `infra.outside.cluster.Cluster` says. It blocks, once for each kind."""
        key = (api_version, kind)
        if key not in self._whole:
            found = self._page_of_all(api_version, kind, None)
            # Those in a list do not say of which kind they are.
            about = {"apiVersion": api_version, "kind": kind}
            self._whole[key] = None if found is None else [{**about, **each} for each in found]
        return self._whole[key]

    def serves(self, api_version: str, kind: str) -> bool | None:
        """Whether there can be objects of a kind, as `infra.needed_objects.Cluster` says. It blocks."""
        try:
            return self._kind(api_version, kind) is not None
        except ClusterError:
            return None

    def find(
        self, api_version: str, kind: str, namespace: str, *, labels: str = "", fields: str = ""
    ) -> Sequence[Mapping[str, Any]]:
        """The first PAGE objects of a kind in a namespace, as `infra.rollouts.watch.Cluster` says. It blocks."""
        served = self._kind(api_version, kind)
        if served is None:
            return []
        query = {"limit": str(PAGE), "labelSelector": labels, "fieldSelector": fields}
        path = (
            f"{_path(api_version, served, namespace)}?{urlencode({key: each for key, each in query.items() if each})}"
        )
        found = _get(self._connect(), f"{kind} in {namespace}", path, None)
        return [] if found is None else found["items"] or []

    def classes_of_volumes(self) -> frozenset[str] | None:
        """The storage classes that volumes have, as `infra.needed_objects.Cluster` says. It blocks."""
        try:
            page = _get(self._connect(), "all volumes", f"/api/v1/persistentvolumes?{urlencode({'limit': PAGE})}", None)
        except ClusterError:
            return None
        if page is None or page["metadata"].get("continue"):
            return None
        return frozenset(str(each["spec"].get("storageClassName") or "") for each in page["items"] or [])

    def _all_metadata(self, api_version: str, kind: str) -> Mapping[str, Mapping[str, Any]] | None:
        found = self._page_of_all(api_version, kind, _METADATA.format("List"))
        return None if found is None else {each["metadata"]["name"]: each["metadata"] for each in found}

    def _page_of_all(self, api_version: str, kind: str, form: str | None) -> Sequence[Mapping[str, Any]] | None:
        """All objects of a kind in a form; None if there are more than MOST_NAMES, or it may not be told."""
        try:
            served = self._kind(api_version, kind)
            if served is None:
                return []
            path = f"{_path(api_version, served, None)}?{urlencode({'limit': MOST_NAMES})}"
            page = _get(self._connect(), f"all {served['name']}", path, form)
        except ClusterError:
            return None
        if page is None or page["metadata"].get("continue"):
            return None
        return page["items"] or []

    def _kind(self, api_version: str, kind: str) -> Mapping[str, Any] | None:
        """What the API server says of a kind; None if it does not serve it."""
        return self._kinds_of(api_version).get(kind)

    def _kinds_of(self, api_version: str) -> Mapping[str, Mapping[str, Any]]:
        """The kinds that it serves, by name. It blocks, once for each version; `_served` asks again for one that may have come."""
        known = self._kinds.get(api_version)
        if known is None:
            root = "/api" if "/" not in api_version else "/apis"
            found = _get(self._connect(), f"kinds of {api_version}", f"{root}/{api_version}", None) or {"resources": []}
            # Those with a slash are parts of an object.
            known = {each["kind"]: each for each in found["resources"] if "/" not in each["name"]}
            self._kinds[api_version] = known
        return known

    def _connect(self) -> Connection:
        with self._lock:
            if self._made is None:
                try:
                    self._made = Connection(self._kubeconfig, self._context)
                except NoAnswerError as error:
                    raise ClusterError(str(error)) from error
            return self._made

    async def _connection(self) -> Connection:
        async def connect() -> Connection:
            return await self._in_thread(self._connect)

        connection: Connection = await self._once(("connection",), connect)
        return connection

    async def _once(self, key: tuple[str, ...], ask: Callable[[], Any]) -> Any:
        """The answer to a question that is asked once, however many want to know."""
        if key not in self._seen:
            self._seen[key] = asyncio.ensure_future(ask())
        return await asyncio.shield(self._seen[key])

    async def _in_thread(self, function: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    async def _ask(self, what: str, path: str, form: str | None) -> Any:
        connection = await self._connection()
        return await self._in_thread(partial(_get, connection, what, path, form))


class _NotAllowedError(ClusterError):
    """The credentials do not allow the question."""


def _get(connection: Connection, what: str, path: str, form: str | None = None) -> Any:
    """What the API server answers; None if there is no such thing. Raises `ClusterError` if it answers anything else."""
    try:
        return connection.get(path, form)
    except NoAnswerError as error:
        kind = _NotAllowedError if error.status == HTTPStatus.FORBIDDEN else ClusterError
        raise kind(_unknown(what, error)) from error


def _unknown(what: str, reason: object) -> str:
    return f"the API server does not say whether {what} exists, and whose it is: {reason}: nothing is made unseen"


def _path(api_version: str, served: Mapping[str, Any], namespace: str | None) -> str:
    root = "/api" if "/" not in api_version else "/apis"
    within = f"/namespaces/{quote(namespace)}" if namespace is not None and served["namespaced"] else ""
    return f"{root}/{api_version}{within}/{served['name']}"
