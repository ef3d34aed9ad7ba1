"""Writes records to files of HDFS by WebHDFS: lines of JSON, each record in one file."""

import contextlib
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import msgspec
from msgspec import Meta

from kafka_platform_runtime.connectors.kinds.files import Files, FileSettings
from kafka_platform_runtime.connectors.records import line
from kafka_platform_runtime.connectors.settings import SECRET_VARIABLE, Connector, Seconds, Secrets, Section
from kafka_platform_runtime.connectors.web import Answer, Web, WebSettings
from kafka_platform_runtime.failures import Refused, Transient

API = "/webhdfs/v1"
UNFINISHED = "_unfinished"
"""Folder below the path with files that are being written: programs that read HDFS pass over names with `_`."""
FORGOTTEN_SECONDS = 3600.0
"""After as long, an unfinished file of this connector is one that a killed pod has left."""
FACTS = "user.kafka-platform"
"""Attribute of a file with its facts. It is set before the file gets its name, so that none is without."""
TOKEN = "delegation-token"  # noqa: S105 - the name of a file
_ELSEWHERE = frozenset({"StandbyException", "RetriableException", "ObserverRetryOnActiveException"})
"""Errors of a namenode that is not the active one."""
_WITHOUT_FACTS = frozenset({"IOException", "XAttrNotFoundException"})
_PORTS = {"http": 80, "https": 443}


class Settings(Section, frozen=True, kw_only=True):
    """Of this kind."""

    urls: Annotated[list[Annotated[str, Meta(pattern=r"^https?://[^\s?#@]+$")]], Meta(min_length=1, max_length=8)]
    """Of the namenodes, or of HttpFS or Knox, without `/webhdfs/v1`."""
    path: Annotated[str, Meta(pattern=r"^(/[^/]+)+$")]
    """Folder that files are written below."""
    datanodes: list[Annotated[str, Meta(pattern=r"^\S+:\d{1,5}$")]] = msgspec.field(default_factory=list)
    """`host:port` of those that namenodes may redirect to; `*.domain:port` for all in a domain."""
    user: str | None = None
    """Its name, for a cluster that believes it."""
    timeout: Seconds = 30.0
    files: FileSettings = FileSettings()


class Hdfs:
    """A folder of HDFS.

    A file is written under a name of its own, gets its facts, and is renamed: HDFS does that as a whole and never onto a file
    that is there. So no reader sees half a file, and no pod replaces what another has written.

    Raises:
        Refused: the Secret has a fault.
    """

    def __init__(self, settings: Settings, secrets: Secrets, connector: str) -> None:
        self._settings, self._secrets, self._connector = settings, secrets, connector
        self._check_login()
        self._web = Web(WebSettings(url=settings.urls[0], timeout=settings.timeout), secrets)
        self._urls = [each.rstrip("/") for each in settings.urls]
        self._path = settings.path.rstrip("/")
        self._at = 0
        """Which of the URLs answered last."""

    def _check_login(self) -> None:
        given = [name for name in ("password", "token", TOKEN) if self._secrets.path(name) is not None]
        if any(self._secrets.path(name) is not None for name in ("keytab", "krb5.conf")):
            raise Refused(
                [
                    f"{SECRET_VARIABLE}: has files of Kerberos, which this connector does not speak: use a "
                    f"{TOKEN}, or HttpFS or Knox with username and password"
                ]
            )
        if len(given) > 1:
            raise Refused([f"{SECRET_VARIABLE}: has {given[0]} and {given[1]}: remove one of them"])
        if given and self._settings.user is not None:
            raise Refused(
                [f"CONNECTOR_FILE: settings: user: the Secret has {given[0]}, which says who it is: remove it"]
            )

    def open(self) -> None:
        """Whether it may write there; removes what killed pods have left."""
        folder = f"{self._path}/{UNFINISHED}"
        self._done(self._ask("PUT", folder, "MKDIRS"), f"folder {folder}")
        answer = self._ask("GET", folder, "LISTSTATUS")
        self._done(answer, f"folder {folder}")
        for each in _listed(answer.body)[:1000]:
            name, changed = each.get("pathSuffix"), each.get("modificationTime")
            if not isinstance(name, str) or not isinstance(changed, int) or "/" in name:
                continue
            if name.startswith(f"{self._connector}.") and changed / 1000 < time.time() - FORGOTTEN_SECONDS:
                self._ask("DELETE", f"{folder}/{name}", "DELETE")

    def put(self, name: str, content: bytes, facts: Mapping[str, str]) -> Mapping[str, str] | None:
        """Writes a file, and gives it its name unless there is one, which HDFS decides."""
        final = f"{self._path}/{name}"
        unfinished = f"{self._path}/{UNFINISHED}/{self._connector}.{uuid.uuid4().hex}"
        try:
            self._write(unfinished, content)
            text = msgspec.json.encode(dict(facts)).hex()
            given = {"xattr.name": FACTS, "xattr.value": f"0x{text}", "flag": "CREATE"}
            self._done(self._ask("PUT", unfinished, "SETXATTR", given), f"attribute of {unfinished}")
            if self._rename(unfinished, final):
                return None
        except Transient:
            self._forget(unfinished)
            raise
        self._forget(unfinished)
        return self._facts(final)

    def close(self) -> None:
        """Ends the connections."""
        self._web.close()

    def _write(self, path: str, content: bytes) -> None:
        answer = self._ask("PUT", path, "CREATE", {"overwrite": "false"})
        if answer.status != 307:
            self._done(answer, path)
            raise Transient(f"{path}: was made without content: {self._urls[self._at]} redirects nowhere")
        place = self._redirected(answer.headers.get("location", ""))
        # A datanode knows the user by what the namenode has put into the address; the login is for the namenode alone.
        is_same = origin(place) == origin(urlsplit(self._urls[self._at]))
        kind = {"content-type": "application/octet-stream"}
        answer = self._web.ask("PUT", place.geturl(), content, kind, login=is_same)
        if answer.status != 201:
            raise Transient(f"{_shown(place)}: {told(answer)}")

    def _redirected(self, location: str) -> SplitResult:
        """Where a namenode sends content to.

        Raises:
            Transient: the connector was not told that it may send something there.
        """
        try:
            place = urlsplit(location)
            host, port = origin(place)[1:]
        except ValueError:
            raise Transient(f"{self._urls[self._at]} redirects to what is no address") from None
        asked = urlsplit(self._urls[self._at])
        if origin(place) == origin(asked) and place.username is None:
            return place
        if place.scheme != asked.scheme or place.username is not None or place.password is not None:
            raise Transient(f"{self._urls[self._at]} redirects to {_shown(place)}, which is not {asked.scheme}")
        if not any(is_named(each, host, port) for each in self._settings.datanodes):
            raise Transient(
                f"{self._urls[self._at]} redirects to {_shown(place)}, which is not among datanodes: add it if it is one"
            )
        return place

    def _rename(self, old: str, new: str) -> bool:
        """Whether it has the name; False: there is another file of this name."""
        for is_first in (True, False):
            answer = self._ask("PUT", old, "RENAME", {"destination": new, "renameoptions": "NONE"})
            # HttpFS answers false where a namenode says why.
            if answer.status == 200 and answer.body.replace(b" ", b"").strip() != b'{"boolean":false}':
                return True
            found = self._ask("GET", new, "GETFILESTATUS")
            if found.status == 200:
                return False
            if not is_first or found.status != 404:
                self._done(answer, f"name {new}")
                raise Transient(f"name {new}: HDFS does not give it")
            parent = new.rpartition("/")[0]
            self._done(self._ask("PUT", parent, "MKDIRS"), f"folder {parent}")
        return False

    def _facts(self, path: str) -> Mapping[str, str]:
        answer = self._ask("GET", path, "GETXATTRS", {"xattr.name": FACTS, "encoding": "hex"})
        if answer.status != 200:
            if exception(answer)[0] in _WITHOUT_FACTS:
                return {}
            raise Transient(f"{path} is there and cannot be looked at: {told(answer)}")
        try:
            (found,) = msgspec.json.decode(answer.body)["XAttrs"]
            return msgspec.json.decode(bytes.fromhex(found["value"].removeprefix("0x")), type=dict[str, str])
        except (msgspec.MsgspecError, AttributeError, KeyError, TypeError, ValueError):
            return {}

    def _forget(self, path: str) -> None:
        with contextlib.suppress(Transient):  # `open` finds it
            self._ask("DELETE", path, "DELETE")

    def _done(self, answer: Answer, what: str) -> None:
        if answer.status not in {200, 201}:
            raise Transient(line(f"{what}: {told(answer)}"))
        if answer.body.replace(b" ", b"").strip() == b'{"boolean":false}':
            raise Transient(f"{what}: HDFS does not make it")

    def _ask(self, method: str, path: str, operation: str, more: Mapping[str, str] | None = None) -> Answer:
        """Asks the namenode that is active, which may be another one than the last time."""
        trouble: Transient | None = None
        for _ in self._urls:
            try:
                answer = self._web.ask(method, self._url(path, operation, more or {}))
            except Transient as failure:
                trouble = Transient(f"{self._urls[self._at]}: {failure}")
            else:
                if exception(answer)[0] not in _ELSEWHERE:
                    return answer
                trouble = Transient(f"{self._urls[self._at]}: {told(answer)}")
            self._at = (self._at + 1) % len(self._urls)
        assert trouble is not None  # noqa: S101 - there is a URL
        raise trouble

    def _url(self, path: str, operation: str, more: Mapping[str, str]) -> str:
        given = {"op": operation, **more}
        token = self._secrets.text(TOKEN)  # read each time: it is renewed while the connector runs
        if token is not None:
            given["delegation"] = token
        elif self._settings.user is not None:
            given["user.name"] = self._settings.user
        return f"{self._urls[self._at]}{API}{quote(path)}?{urlencode(given)}"


def origin(place: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port of an address. Raises `ValueError` if it has none."""
    if place.scheme not in _PORTS or not place.hostname:
        raise ValueError
    return place.scheme, place.hostname, place.port or _PORTS[place.scheme]


def is_named(entry: str, host: str, port: int) -> bool:
    """Whether `host:port` or `*.domain:port` is this place."""
    name, _, number = entry.rpartition(":")
    name = name.lower().removeprefix("[").removesuffix("]")
    if int(number) != port:
        return False
    return host.endswith(name[1:]) and len(host) >= len(name) if name.startswith("*.") else host == name


def exception(answer: Answer) -> tuple[str, str]:
    """Name and message of the error in an answer; empty if it has none."""
    if answer.status < 400:
        return "", ""
    try:
        found = msgspec.json.decode(answer.body)["RemoteException"]
        return str(found["exception"]), str(found["message"])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        return "", ""


def told(answer: Answer) -> str:
    """What an answer says, in one line."""
    if answer.status == 401 and "negotiate" in answer.headers.get("www-authenticate", "").lower():
        return (
            f"401: it wants Kerberos, which this connector does not speak: give the Secret a {TOKEN}, or use HttpFS or "
            "Knox with username and password"
        )
    name, message = exception(answer)
    return line(f"{answer.status} {name}: {message}") if name else answer.reason


def _listed(body: bytes) -> Sequence[Mapping[str, Any]]:
    try:
        found = msgspec.json.decode(body)["FileStatuses"]["FileStatus"]
    except (msgspec.MsgspecError, KeyError, TypeError):
        return ()
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else ()


def _shown(place: SplitResult) -> str:
    """Scheme, host and port alone: the rest may have a token."""
    return line(f"{place.scheme}://{place.netloc.rpartition('@')[2]}")


def target(settings: Settings, secrets: Secrets, connector: Connector) -> Files:
    """The target of a connector."""
    return Files("", settings.files, Hdfs(settings, secrets, connector.name))
