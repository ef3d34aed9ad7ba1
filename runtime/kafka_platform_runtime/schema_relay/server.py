"""Answers at the loopback as a schema registry would, with what the programs of this pod may know of the real one."""

import base64
import json
import re
import ssl
from http.server import HTTPServer
from typing import TypeVar
from urllib.parse import quote, unquote, urlsplit

from fastavro.schema import SchemaParseException, UnknownType, to_parsing_canonical_form

from kafka_platform_runtime.bounded_server import Answering, BoundedThreads
from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.json_client import JsonClient, reason
from kafka_platform_runtime.schema_relay.settings import RelaySettings
from kafka_platform_runtime.supervision import WATCH

_T = TypeVar("_T")
LOOPBACK = "127.0.0.1"
TIMEOUT_SECONDS = 5.0
_TYPE = "application/vnd.schemaregistry.v1+json"
_SCHEMA = re.compile(r"/schemas/ids/\d{1,10}")
_VERSION = re.compile(r"/subjects/([^/]{1,600})/versions/(latest|\d{1,10})")
_VERSIONS = re.compile(r"/subjects/([^/]{1,600})/versions")
_MOST_VERSIONS = 50
"""Of a subject that are compared with a schema, beginning with the newest."""
_MOST_BYTES = 512 * 1024
"""Of a schema that is asked for."""
_NOT_FOUND, _REFUSED, _FAILED = 40401, 42201, 50003
"""The numbers of errors in the API of Confluent's registry."""


class Registry:
    """Asks the registry, by a login that nobody else sees. It is read for each question: it may change."""

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings

    def answer(self, path: str) -> tuple[int, object]:
        """The status and content of the answer to GET: names of subjects that are tables, and schemas of any."""
        if path == "/subjects":
            return 200, list(self._settings.subjects)
        version = _VERSION.fullmatch(path)
        if version is not None:
            path = f"/subjects/{quote(unquote(version[1]), safe='')}/versions/{version[2]}"
        elif not _SCHEMA.fullmatch(path):
            return 404, {"error_code": _NOT_FOUND, "message": "Here are subjects and schemas alone."}
        try:
            status, found = self._client().ask("GET", path)
        except (Transient, OSError, UnicodeDecodeError) as error:
            return 503, {"error_code": _FAILED, "message": str(error)}
        if isinstance(found, dict):
            return status, found
        return status, {"error_code": _FAILED, "message": "The registry's answer is not JSON."}

    def registered(self, path: str, body: bytes) -> tuple[int, object]:
        """The answer to who would register a schema: its number, if a version of the subject is the same. Nothing is registered.

        Same is what writes the same bytes: Avro's canonical form has neither documentation nor defaults.
        """
        asked = _VERSIONS.fullmatch(path)
        if asked is None:
            return 404, {"error_code": _NOT_FOUND, "message": "Nothing is registered here."}
        try:
            wanted = _canonical(json.loads(body)["schema"])
        except (ValueError, KeyError, TypeError, RecursionError, SchemaParseException, UnknownType):
            return 422, {"error_code": _REFUSED, "message": "It is no schema of Avro."}
        subject = unquote(asked[1])
        try:
            number = self._number(subject, wanted)
        except (Transient, OSError, UnicodeDecodeError) as error:
            return 503, {"error_code": _FAILED, "message": str(error)}
        if number is None:
            message = f"No version of the subject {subject} has this schema: declare it as the topic's."
            return 404, {"error_code": _NOT_FOUND, "message": message}
        return 200, {"id": number}

    def _number(self, subject: str, wanted: str) -> int | None:
        client, place = self._client(), f"/subjects/{quote(subject, safe='')}/versions"
        known = _expected(client.ask("GET", place), list)
        for version in sorted((each for each in known or () if isinstance(each, int)), reverse=True)[:_MOST_VERSIONS]:
            found = _expected(client.ask("GET", f"{place}/{version}"), dict)
            if found is None or found.get("references") or str(found.get("schemaType") or "AVRO") != "AVRO":
                continue
            try:
                if _canonical(found["schema"]) == wanted:
                    return int(found["id"])
            except (ValueError, KeyError, TypeError, RecursionError, SchemaParseException, UnknownType):
                continue
        return None

    def _client(self) -> JsonClient:
        settings, headers = self._settings, {"Accept": _TYPE}
        if settings.login is not None:
            parts = [(settings.login / key).read_text("utf-8").rstrip("\r\n") for key in ("username", "password")]
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(parts).encode()).decode()
        context = None if settings.ca_file is None else ssl.create_default_context(cafile=settings.ca_file)
        return JsonClient("the registry", settings.url, headers, timeout_seconds=TIMEOUT_SECONDS, context=context)


def _canonical(schema: str) -> str:
    return to_parsing_canonical_form(json.loads(schema))


def _expected(answer: tuple[int, object], kind: type[_T]) -> _T | None:
    """The content of an answer; None if there is no such subject. Raises `Transient` for anything else."""
    status, found = answer
    if status == 404:
        return None
    if status != 200 or not isinstance(found, kind):
        raise Transient(f"the registry answers {status}: {reason(found)}")
    return found


class Server(BoundedThreads, HTTPServer):
    """Answers the programs of this pod."""

    registry: Registry


class Handler(Answering):
    """One request."""

    server: Server

    def answer(self) -> None:
        """What is asked for besides, such as deleted subjects too, makes no difference."""
        status, found = self.server.registry.answer(urlsplit(self.path).path)
        self.send(status, json.dumps(found).encode(), _TYPE)

    def do_POST(self) -> None:  # noqa: N802 - the base class' name
        """What would be registered is looked up."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _MOST_BYTES:
            self.send(413, json.dumps({"error_code": _REFUSED, "message": "It is too long."}).encode(), _TYPE)
            return
        body = self.rfile.read(int(length))
        status, found = self.server.registry.registered(urlsplit(self.path).path, body)
        self.send(status, json.dumps(found).encode(), _TYPE)


def serve(settings: RelaySettings) -> Server:
    """A server that answers in the background, to this pod alone."""
    server = Server((LOOPBACK, settings.port), Handler)
    server.registry = Registry(settings)
    WATCH.thread("server of schemas", server.serve_forever)
    return server
