"""A connector's configuration: a JSON file without secrets, and a folder of secrets."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.variables import port_of

T = TypeVar("T")

FILE_VARIABLE = "CONNECTOR_FILE"
SECRET_VARIABLE = "CONNECTOR_SECRET_DIR"  # noqa: S105 - the name of a variable
PORT_VARIABLE = "CONNECTOR_PORT"
DEFAULT_PORT = 9404

Seconds = Annotated[float, Meta(ge=0.001, le=3600)]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A part of the file."""


class Batch(Section, frozen=True, kw_only=True):
    """How many records are delivered at once. A batch is complete when one of these is reached."""

    records: Annotated[int, Meta(ge=1, le=100_000)] = 500
    bytes: Annotated[int, Meta(ge=1, le=64 * 1024 * 1024)] = 4 * 1024 * 1024
    """A record that is larger is a batch of its own."""
    wait: Annotated[float, Meta(ge=0.001, le=3600)] = 0.2
    """Seconds until an incomplete batch is delivered."""


class Connector(Section, frozen=True, kw_only=True):
    """What a connector does."""

    name: str
    kind: str
    topics: Annotated[list[str], Meta(min_length=1)]
    """Those that a sink reads; the one that a source writes."""
    group: str
    """A sink's consumer group; that which keeps the position of a source which has none itself."""
    dead_letters: str | None = None
    """The topic for records that the target, or Kafka, refuses. Default: the connector stops in front of such a record."""
    batch: Batch = Batch()
    in_flight: Annotated[int, Meta(ge=1, le=10_000)] = 500
    """Messages that a source takes before Kafka has acknowledged the first of them: as many may arrive twice after a crash."""
    unready_after: Seconds = 60.0
    """Seconds without success after which the pod is not ready."""
    registry: str | None = None
    """URL of the schema registry whose schemas records are read by, before a target gets them as JSON. Default: it gets them as they are."""
    settings: msgspec.Raw = msgspec.Raw(b"{}")
    """Of this kind."""


class Secrets:
    """The files of the connector's Secret."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def path(self, name: str) -> Path | None:
        """The file of this name; None if there is none."""
        file = None if self._folder is None else self._folder / name
        return file if file is not None and file.is_file() else None

    def text(self, name: str) -> str | None:
        """Its content without the line end; None if there is no such file.

        Raises:
            Refused: it cannot be read, or is empty.
        """
        file = self.path(name)
        if file is None:
            return None
        try:
            found = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise Refused([f"{SECRET_VARIABLE}: {name} cannot be read as text"]) from None
        if not found:
            raise Refused([f"{SECRET_VARIABLE}: {name} is empty"])
        return found

    def login(self) -> tuple[str, str] | None:
        """`username` and `password`; None if the Secret has neither.

        Raises:
            Refused: it has one of them.
        """
        username, password = self.text("username"), self.text("password")
        if username is None and password is None:
            return None
        if username is None or password is None:
            given, missing = ("username", "password") if password is None else ("password", "username")
            raise Refused([f"{SECRET_VARIABLE}: has {given} and no {missing}: add it"])
        return username, password

    def tls(self) -> ssl.SSLContext:
        """How a server is trusted, by `ca.crt` or else the public authorities, and what it is shown: `tls.crt` with `tls.key`.

        Raises:
            Refused: a file is no certificate or key, or the key is missing.
        """
        ca, certificate, key = (self.path(name) for name in ("ca.crt", "tls.crt", "tls.key"))
        if (certificate is None) != (key is None):
            given, missing = ("tls.crt", "tls.key") if key is None else ("tls.key", "tls.crt")
            raise Refused([f"{SECRET_VARIABLE}: has {given} and no {missing}: add it"])
        try:
            context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        except (ssl.SSLError, OSError):
            raise Refused([f"{SECRET_VARIABLE}: ca.crt is not a certificate in PEM"]) from None
        if certificate is not None:
            try:
                context.load_cert_chain(certificate, key)
            except (ssl.SSLError, OSError):
                raise Refused(
                    [f"{SECRET_VARIABLE}: tls.crt and tls.key are not a certificate with its key in PEM"]
                ) from None
        return context


def parse(text: bytes | msgspec.Raw, kind: type[T], where: str) -> T:
    """A part of the file, checked.

    Raises:
        Refused: it has an unknown key, or a value that does not fit.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise Refused([f"{where}: {error}"]) from None


def from_environment(environment: Mapping[str, str]) -> tuple[Connector, Secrets, int]:
    """The configuration, the secrets, and the port of metrics and health.

    Raises:
        Refused: a variable is missing, or the file has a fault.
    """
    file = environment.get(FILE_VARIABLE)
    if not file:
        raise Refused([f"{FILE_VARIABLE}: is not set"])
    try:
        text = Path(file).read_bytes()
    except OSError as error:
        raise Refused([f"{FILE_VARIABLE}: {file} cannot be read: {error.strerror}"]) from None
    port = port_of(PORT_VARIABLE, environment.get(PORT_VARIABLE) or str(DEFAULT_PORT))
    folder = environment.get(SECRET_VARIABLE)
    return parse(text, Connector, FILE_VARIABLE), Secrets(Path(folder) if folder else None), port
