"""HTTP to the API server of a Kubernetes cluster, by the kubeconfig and context that `pulumi up` uses."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

SECONDS = (5.0, 30.0)
"""How long a connection and an answer may take."""
MOST_BYTES = 64 * 1024 * 1024
"""Of one answer: a page of 500 objects has at most some 10 MB."""

_CHANNELS = "v4.channel.k8s.io"
"""The protocol of WebSockets that every maintained kubelet speaks."""


class NoAnswerError(Exception):
    """A question was not answered as expected; the message says why.

    Args:
        reason: in one line.
        status: of the HTTP answer; None if there was none.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status

    @property
    def forbidden(self) -> bool:
        """Whether the credentials do not allow it."""
        return self.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class Connection:
    """HTTP connections to the API server. Threads may share it."""

    def __init__(self, kubeconfig: str | None, context: str | None, *, retries: int | None = None) -> None:
        """`kubeconfig` is a path or the content of such a file; by default KUBECONFIG or ~/.kube/config.

        `retries` says how often a request is sent again that was not answered; by default three times.

        Raises:
            NoAnswerError: the kubeconfig cannot be used.
        """
        # Only here: it takes a quarter of a second to load.
        import yaml
        from kubernetes import config
        from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigMerger

        try:
            if kubeconfig is None or "\n" not in kubeconfig:
                path = KUBE_CONFIG_DEFAULT_LOCATION if kubeconfig is None else str(Path(kubeconfig).expanduser())
                merged = KubeConfigMerger(path).config
                content = {} if merged is None else merged.value  # none where there is no such file
                self._client = config.new_client_from_config(path, context, persist_config=False)
            else:
                content = yaml.safe_load(kubeconfig)
                self._client = config.new_client_from_config_dict(content, context, persist_config=False)
        except yaml.YAMLError as error:
            # The error quotes the line, which may be a key or a token.
            mark = getattr(error, "problem_mark", None)
            where = "" if mark is None else f" from line {mark.line + 1} on"
            raise NoAnswerError(f"the kubeconfig cannot be used: it is not YAML{where}") from None
        except Exception as error:  # its library raises many kinds, of files, YAML and programs that get credentials
            raise NoAnswerError(f"the kubeconfig cannot be used: {error}") from error
        if retries is not None:
            self._client.rest_client.pool_manager.connection_pool_kw["retries"] = retries
        chosen = context or content.get("current-context")
        # A merged file has its entries in wrappers that know where they came from.
        contexts = [getattr(each, "value", each) for each in content.get("contexts") or []]
        named: Mapping[str, Any] = next((each["context"] for each in contexts if each["name"] == chosen), {})
        self.namespace = str(named.get("namespace") or "default")
        """The namespace of objects that name none."""

    def get(self, path: str, form: str | None = None) -> Any:
        """The API server's JSON; None if there is no such thing. `form` asks for another form of an object.

        Raises:
            NoAnswerError: it answers anything else, or not at all.
        """
        accepted = "application/json" if form is None else f"application/json;{form}, application/json"
        try:
            return json.loads(self.ask("GET", path, accept=accepted))
        except NoAnswerError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def ask(
        self,
        method: str,
        path: str,
        *,
        accept: str = "application/json",
        body: Any = None,
        content_type: str = "application/json",
        seconds: tuple[float, float] = SECONDS,
        most: int = MOST_BYTES,
    ) -> bytes:
        """The body of a successful answer.

        Args:
            method: of HTTP.
            path: on the API server.
            accept: the form that is wanted.
            body: JSON to send.
            content_type: of the body.
            seconds: how long a connection and an answer may take.
            most: bytes that the answer may have.

        Raises:
            NoAnswerError: there is no answer, another one than success, or a longer one.
        """
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        headers = {"Accept": accept, "User-Agent": "kafka-platform"}
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, None)
            url = self._client.configuration.host + path
            answer = self._client.call_api(method, url, header_params=headers, body=body, _request_timeout=seconds)
            content: bytes = answer.response.read(most + 1, decode_content=True)
            longer = len(content) > most
            (answer.response.close if longer else answer.response.release_conn)()
        except (HTTPError, ApiException, OSError) as error:
            raise NoAnswerError(str(error)) from error
        if answer.status not in range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES):
            raise NoAnswerError(f"{answer.status} {_message(content)}", answer.status)
        if longer:
            raise NoAnswerError(f"the answer has more than {most:,} bytes")
        return content

    def upgraded(self, path: str) -> Any:
        """A WebSocket to the API server, for what carries more than requests, such as the ports of a pod.

        Raises:
            NoAnswerError: it is refused, or nobody answers.
        """
        import websocket
        from kubernetes.stream import ws_client

        headers: dict[str, str] = {}
        # The library takes no time for one connection.
        websocket.setdefaulttimeout(SECONDS[0])
        try:
            self._client.update_params_for_auth(headers, [], ["BearerToken"], path, "GET", None)
            configuration = self._client.configuration
            known = {"sec-websocket-protocol": _CHANNELS} | {key.lower(): value for key, value in headers.items()}
            return ws_client.create_websocket(
                configuration, ws_client.get_websocket_url(configuration.host + path), known
            )
        except websocket.WebSocketBadStatusException as error:
            reason = _message(error.resp_body or b"")
            raise NoAnswerError(f"{error.status_code} {reason}", error.status_code) from error
        except (websocket.WebSocketException, OSError) as error:
            raise NoAnswerError(str(error)) from error


def version_in(said: Any) -> tuple[int, int]:
    """The Kubernetes of an answer to /version, as `(1, 34)`. Raises `ValueError` if it does not say."""
    # Clouds write `30+`.
    numbers = [re.match(r"\d+", str(said.get(key))) for key in ("major", "minor")] if isinstance(said, dict) else [None]
    found = [int(each[0]) for each in numbers if each is not None]
    if len(found) < len(numbers):
        raise ValueError("it does not report its version")
    return found[0], found[1]


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
