"""What is asked of an API server, and what an answer means: against a small one of our own."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from kafka_platform.kube.object_id import ClusterError, ObjectId

from infra.api_server import ApiServer
from infra.connection import Connection, NoAnswerError

CONFIG_MAP = ObjectId(api_version="v1", kind="ConfigMap", namespace="streaming", name="it")
NAMESPACE = ObjectId(api_version="v1", kind="Namespace", name="streaming")
KINDS = [
    {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
    {"name": "namespaces", "kind": "Namespace", "namespaced": False},
    {"name": "namespaces/status", "kind": "Namespace", "namespaced": False},
]


class Server:
    """Answers by path, 404 for all others, and remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.answers: dict[str, tuple[int, Any]] = {"/api/v1": (200, {"resources": KINDS})}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.headers.append(dict(self.headers))
                status, body = outer.answers.get(self.path, (404, {"message": "not found"}))
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{self._server.server_port}"}}],
            "users": [{"name": "a", "user": {"token": "secret-token"}}],
            "contexts": [
                {"name": "here", "context": {"cluster": "a", "user": "a"}},
                {"name": "team", "context": {"cluster": "a", "user": "a", "namespace": "team"}},
            ],
        }
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(self.config))

    def has(self, path: str, *names: str, more: str = "") -> None:
        items = [{"metadata": {"name": name}} for name in names] or None  # as it says that there are none
        self.answers[path] = (200, {"metadata": {"continue": more}, "items": items})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


def find(server: Server, *wanted: ObjectId, fresh: bool = True, context: str | None = None) -> list[Any]:
    """What one program is told."""

    async def ask() -> list[Any]:
        asked = ApiServer(str(server.kubeconfig), context)
        return list(await asyncio.gather(*(asked.look_up(each, fresh=fresh) for each in wanted)))

    return asyncio.new_event_loop().run_until_complete(ask())


LIST = "/api/v1/namespaces/streaming/configmaps?limit=500"
ONE = "/api/v1/namespaces/streaming/configmaps/it"


def test_a_deployment_asks_for_the_very_object_and_only_for_its_metadata(server: Server) -> None:
    server.answers[ONE] = (200, {"metadata": {"name": "it"}})
    assert find(server, CONFIG_MAP) == [{"name": "it"}]
    assert server.asked == ["/api/v1", ONE]
    assert "as=PartialObjectMetadata;g=meta.k8s.io;v=v1" in server.headers[-1]["Accept"]
    assert server.headers[-1]["authorization"] == "Bearer secret-token"


def test_a_preview_asks_once_for_all_objects_of_a_kind(server: Server) -> None:
    others = [ObjectId(api_version="v1", kind="ConfigMap", namespace="streaming", name=f"n{n}") for n in range(100)]
    server.has(LIST, "it", more="next")
    server.has(f"{LIST}&continue=next", "n3")
    found = find(server, CONFIG_MAP, *others, fresh=False)
    assert [each for each in found if each] == [{"name": "it"}, {"name": "n3"}]
    assert sorted(server.asked) == sorted(["/api/v1", LIST, f"{LIST}&continue=next"])


def test_a_namespace_without_objects_of_a_kind(server: Server) -> None:
    server.has(LIST)
    assert find(server, CONFIG_MAP, fresh=False) == [None]


def test_who_may_not_list_is_asked_for_each(server: Server) -> None:
    server.answers[LIST] = (403, {"message": "may not list"})
    server.answers[ONE] = (200, {"metadata": {"name": "it"}})
    assert find(server, CONFIG_MAP, fresh=False) == [{"name": "it"}]


def test_a_cluster_wide_object_is_never_listed(server: Server) -> None:
    server.answers["/api/v1/namespaces/streaming"] = (200, {"metadata": {"name": "streaming"}})
    assert find(server, NAMESPACE, fresh=False) == [{"name": "streaming"}]


def test_what_names_no_namespace_is_in_that_of_the_context(server: Server) -> None:
    nowhere = ObjectId(api_version="v1", kind="ConfigMap", name="it")
    server.answers["/api/v1/namespaces/team/configmaps/it"] = (200, {"metadata": {"name": "it"}})
    assert find(server, nowhere, context="team") == [{"name": "it"}]
    assert find(server, nowhere) == [None]
    assert server.asked[-1] == "/api/v1/namespaces/default/configmaps/it"


def test_a_kind_that_is_not_served_has_no_objects(server: Server) -> None:
    topic = ObjectId(api_version="kafka.strimzi.io/v1", kind="KafkaTopic", namespace="streaming", name="orders")
    assert find(server, topic, topic) == [None, None]
    server.asked.clear()
    assert find(server, *[topic] * 100, fresh=False) == [None] * 100
    assert server.asked == ["/apis/kafka.strimzi.io/v1"]


def test_a_kind_that_came_meanwhile_is_seen(server: Server) -> None:
    widget = ObjectId(api_version="a.example/v1", kind="Widget", namespace="streaming", name="it")

    async def ask() -> list[Any]:
        asked = ApiServer(str(server.kubeconfig), None)
        before = await asked.look_up(widget, fresh=True)
        kinds = [{"name": "widgets", "kind": "Widget", "namespaced": True}]
        server.answers["/apis/a.example/v1"] = (200, {"resources": kinds})
        server.answers["/apis/a.example/v1/namespaces/streaming/widgets/it"] = (200, {"metadata": {"name": "it"}})
        return [before, await asked.look_up(widget, fresh=True)]

    assert asyncio.new_event_loop().run_until_complete(ask()) == [None, {"name": "it"}]


def test_kinds_are_asked_for_once_by_whoever_needs_them(server: Server) -> None:
    server.has(LIST)

    async def ask() -> None:
        asked = ApiServer(str(server.kubeconfig), None)
        assert asked.serves("v1", "ConfigMap")
        assert await asked.look_up(CONFIG_MAP, fresh=False) is None

    asyncio.new_event_loop().run_until_complete(ask())
    assert server.asked == ["/api/v1", LIST]


def test_a_kind_that_a_preview_missed_is_asked_for_anew_by_a_deployment(server: Server) -> None:
    widget = ObjectId(api_version="a.example/v1", kind="Widget", namespace="streaming", name="it")

    async def ask() -> Any:
        asked = ApiServer(str(server.kubeconfig), None)
        assert asked.serves("a.example/v1", "Widget") is False
        kinds = [{"name": "widgets", "kind": "Widget", "namespaced": True}]
        server.answers["/apis/a.example/v1"] = (200, {"resources": kinds})
        server.answers["/apis/a.example/v1/namespaces/streaming/widgets/it"] = (200, {"metadata": {"name": "it"}})
        return await asked.look_up(widget, fresh=True)

    assert asyncio.new_event_loop().run_until_complete(ask()) == {"name": "it"}


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_any_other_answer_is_no_leave_to_make_it(server: Server, status: int) -> None:
    server.answers[ONE] = (status, {"message": "because"})
    expected = f"does not say whether ConfigMap/streaming/it exists, and whose it is: {status} because"
    with pytest.raises(ClusterError, match=expected):
        find(server, CONFIG_MAP)


def test_nobody_answers(server: Server) -> None:
    server.close()
    with pytest.raises(ClusterError, match="nothing is made unseen"):
        find(server, CONFIG_MAP)


def test_a_kubeconfig_that_cannot_be_used_is_said(server: Server) -> None:
    server.kubeconfig.write_text("nothing")
    with pytest.raises(ClusterError, match="the kubeconfig cannot be used"):
        find(server, CONFIG_MAP)


@pytest.mark.parametrize("content", ["users:\n- user: {token: hunter2\n", "users: &a\n- *hunter2\n"])
def test_a_broken_kubeconfig_is_not_quoted(content: str) -> None:
    with pytest.raises(NoAnswerError, match=r"it is not YAML from line \d on$") as raised:
        Connection(content, None)
    assert "hunter2" not in str(raised.value)


def test_a_context_that_is_not_there_is_said(server: Server) -> None:
    with pytest.raises(ClusterError, match=r"the kubeconfig cannot be used.*nowhere"):
        find(server, CONFIG_MAP, context="nowhere")


def test_the_content_of_a_kubeconfig(server: Server) -> None:
    server.answers[ONE] = (200, {"metadata": {"name": "it"}})

    async def ask() -> Any:
        return await ApiServer(json.dumps(server.config, indent=1), None).look_up(CONFIG_MAP, fresh=True)

    assert asyncio.new_event_loop().run_until_complete(ask()) == {"name": "it"}


class TestTheNamesOfAKind:
    ALL = "/api/v1/configmaps?limit=5000"

    @staticmethod
    def names(server: Server, kind: str = "ConfigMap") -> frozenset[str] | None:
        return ApiServer(str(server.kubeconfig), None).names("v1", kind)

    def test_are_those_of_all_namespaces(self, server: Server) -> None:
        server.has(self.ALL, "a", "b")
        assert self.names(server) == frozenset({"a", "b"})

    def test_are_none_where_it_is_not_served(self, server: Server) -> None:
        assert self.names(server, "Widget") == frozenset()

    def test_are_not_known_where_there_are_too_many(self, server: Server) -> None:
        server.has(self.ALL, "a", more="next")
        assert self.names(server) is None

    def test_are_not_known_to_who_may_not_see_them(self, server: Server) -> None:
        server.answers[self.ALL] = (403, {"message": "may not list"})
        assert self.names(server) is None


def test_nothing_is_loaded_before_the_first_question() -> None:
    import subprocess
    import sys

    program = (
        "import sys; from infra.api_server import ApiServer; ApiServer(None, None); print('kubernetes' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
