"""What all kinds of connectors that Kafka Connect runs say of their own settings. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka_platform.connect.common import ConnectorKind, check_host
from kafka_platform.kafka.entities import Topic
from kafka_platform.values.forms import mapping
from kafka_platform.values.free_maps import check_settings

SECRETS = "/mnt/connectors"
"""Folder of the Secrets of connectors in the pods, such as `<connector>/kafka` and `<connector>/secret`. Strimzi mounts volumes below
/mnt only."""
OWN = "secret"
"""Folder of a connector's own Secret, below the connector's."""
SESSION_MILLISECONDS = 10_000
"""After which a worker, or a member of a sink's group, counts as gone. Kafka's own is 45 s, in which nothing would be moved."""
HEARTBEAT_MILLISECONDS = 3_000
_PLACEHOLDER = re.compile(r"\$\{[^}]*:")
_URL_LOGIN = re.compile(r"://[^/@\s:]*:[^/@\s]+@")
_OWN_SECRET = re.compile(r"\$\{secret:([A-Za-z0-9._-]{1,253})\}")
_SENSITIVE = re.compile(
    r"(^|[._-])(password|passwd|passphrase|secret|token|credential|api[._-]?key|private[._-]?key|jaas[._-]config|user[._-]info)s?($|[._-](?!endpoint|url))",
    re.I,
)
_LOGIN = re.compile(
    r"(producer|consumer|admin)\.override\.(bootstrap\.|client\.|interceptor\.|metric\.|sasl\.|security\.|ssl\.).*"
)
_DRIVER = ("driver.", "hibernate.")
"""Beginnings of settings that Debezium hands to the database's driver, which can load classes and send files of the pod away."""
_READ = ("openlineage.", "signal.file")
"""Beginnings of settings by which Debezium reads, and empties, any file of the pod."""
JDBC = re.compile(
    r"jdbc:(?P<system>postgresql|mysql|mariadb|sqlserver)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:;?\s\[\]@]+)(?::(?P<port>\d{1,5}))?(?P<rest>[/;?].*)?"
)
"""A JDBC URL without a login."""
_PARAMETERS = frozenset(
    {
        "applicationname",
        "characterencoding",
        "connecttimeout",
        "connectiontimezone",
        "currentschema",
        "database",
        "databasename",
        "encrypt",
        "logintimeout",
        "preparethreshold",
        "rewritebatchedinserts",
        "rewritebatchedstatements",
        "servertimezone",
        "sockettimeout",
        "ssl",
        "sslmode",
        "stringtype",
        "tcpkeepalive",
        "timezone",
        "trustservercertificate",
        "usessl",
    }
)
"""Parameters of drivers that neither load classes nor read files, in small letters. With others a driver does: `socketFactory` of
PostgreSQL's, `allowLoadLocalInfile` of MySQL's, by which a server asks for any file of the pod, such as another connector's secret."""
_DEFAULTS = frozenset(
    {
        "capture.mode",
        "event.processing.failure.handling.mode",
        "exactly.once.support",
        "slot.drop.on.stop",
        "time.precision.mode",
        "tombstones.on.delete",
    }
)
"""Settings of kinds that have no field: others may be given in `config`."""
_OWNED = {
    "connector.class": "it follows from the kind",
    "errors.deadletterqueue.context.headers.enable": "dead letters always say what they failed of",
    "errors.deadletterqueue.topic.name": "write dead_letters",
    "errors.deadletterqueue.topic.replication.factor": "the topic is declared",
    "errors.log.include.messages": "records do not belong in logs",
    "name": "it is the key of the connector",
    "offsets.storage.topic": "each source has its own",
    "tasks.max": "write tasks",
    "topics": "write reads",
    "topics.regex": "write reads",
}


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the configuration of a connector depends on, besides its declaration."""

    name: str
    """The connector's."""
    logs_in: Mapping[str, str]
    """Properties with which any client of it logs in to Kafka, without what stands in files only."""
    bootstrap_servers: str
    registry_url: str = ""
    """Of the schema registry, for a connector that uses it."""
    registry_login: bool = False
    """Whether it logs in there."""
    registry_authority: bool = False
    """Whether the registry's certificate is of an authority of its own."""
    registers: bool = False
    """Whether it registers schemas there."""

    def secret(self, key: str, folder: str = OWN) -> str:
        """What stands for a key of a Secret of the connector in a configuration."""
        return f"${{directory:{SECRETS}/{self.name}/{folder}:{key}}}"

    def secret_file(self, key: str, folder: str = OWN) -> str:
        """Path of the file with that key."""
        return f"{SECRETS}/{self.name}/{folder}/{key}"


def check_more(config: Mapping[str, str]) -> None:
    """Raises unless these are settings that a connector may have in addition, and none is a secret in plain text."""
    check_settings(config)
    for key, value in config.items():
        if key in _OWNED:
            raise ValueError(f"{key!r} cannot be set here: {_OWNED[key]}")
        if _LOGIN.fullmatch(key):
            raise ValueError(f"{key!r} cannot be set here: each connector logs in to Kafka as its own user")
        if key.startswith(_DRIVER):
            raise ValueError(f"{key!r} cannot be set here: a driver can read the secrets of other connectors")
        if key.startswith(_READ):
            raise ValueError(
                f"{key!r} cannot be set here: it reads files of the pod, where the secrets of all connectors are"
            )
        if value.startswith("jdbc:"):
            _check_parameters(key, value)
        found = _OWN_SECRET.fullmatch(value)
        if found is None and (_SENSITIVE.search(key) or _URL_LOGIN.search(_OWN_SECRET.sub("", value))):
            raise ValueError(
                f"{key!r}: a secret does not belong here: write ${{secret:KEY}} with a key of the Secret in secret"
            )
        if _PLACEHOLDER.search(_OWN_SECRET.sub("", value)):
            raise ValueError(
                f"{key!r}: reads files that are not the connector's: write ${{secret:KEY}} with a key of its own Secret"
            )


def _check_parameters(key: str, url: str) -> None:
    try:
        check_jdbc(url)
    except ValueError as error:
        raise ValueError(f"{key!r}: {error}") from None


def check_jdbc(url: str) -> None:
    """Raises unless it is the URL of a database without a login and without parameters by which drivers read files."""
    found = JDBC.fullmatch(url)
    if found is None or not url.isprintable():
        shown = "it" if re.search(r"password|@", url, re.IGNORECASE) else repr(url)
        raise ValueError(
            f"{shown} is not a URL of postgresql, mysql, mariadb or sqlserver without a login: write one such as "
            "jdbc:postgresql://db.example.com:5432/warehouse"
        )
    rest = found["rest"] or ""
    if re.search(r"password|user(name)?=", rest, re.IGNORECASE):
        raise ValueError("contains credentials: remove them, and name the Secret with username and password in secret")
    check_host(found["host"].strip("[]"))
    if found["port"] and not 1 <= int(found["port"]) <= 65535:
        raise ValueError(f"port {found['port']} is out of range: use 1 to 65535")
    for part in re.split(r"[?&;]", rest)[1:]:
        name = part.partition("=")[0]
        if part and name.lower() not in _PARAMETERS:
            raise ValueError(
                f"parameter {name!r} is not one of those known to be harmless, and a driver can read the secrets of other "
                "connectors: remove it"
            )


def more(config: Mapping[str, str], context: Context) -> dict[str, str]:
    """These settings, as Kafka Connect gets them."""
    return {
        key: _OWN_SECRET.sub(lambda found: context.secret(found[1]), value) for key, value in sorted(config.items())
    }


def uses_secret(config: Mapping[str, str]) -> bool:
    """Whether one of the settings refers to the connector's Secret."""
    return any(_OWN_SECRET.search(value) for value in config.values())


def further() -> Any:
    """A field with further settings of a connector."""
    return mapping(check_more)


@dataclass(frozen=True, kw_only=True)
class ConnectKind(ConnectorKind):
    """A kind of connectors that Kafka Connect runs."""

    config: Mapping[str, str] = further()
    """Further settings by the connector's own names. `${secret:KEY}` stands for a key of its Secret. Default: none."""

    @property
    def secret_name(self) -> Any:
        """The Secret with the login to the other system; None if it needs none."""
        return getattr(self, "secret", None)

    @property
    def secret_keys(self) -> Sequence[str]:
        """The keys of that Secret that are mounted; none: all."""
        return ("username", "password")

    def secrets(self) -> Mapping[str, tuple[Any, Sequence[str]]]:
        """Its Secrets by the folder of each, with the keys that are mounted."""
        return {} if self.secret_name is None else {OWN: (self.secret_name, self.secret_keys)}

    def check(self) -> None:
        """Nothing is set in two ways."""
        context = Context(name="connector", logs_in={}, bootstrap_servers="")
        for key in sorted((self.own(context).keys() - _DEFAULTS) & self.config.keys()):
            raise ValueError(f"config: {key!r} cannot be set here: the kind's other fields decide it")

    def settings(self, context: Context) -> dict[str, str]:
        """Its configuration, without what all connectors have."""
        return {**self.own(context), **more(self.config, context)}

    def own(self, context: Context) -> dict[str, str]:
        """What follows from its fields, besides the further settings."""
        raise NotImplementedError

    def written(self, name: str) -> Sequence[str]:
        """Topics with records that it writes, if the connector of this kind has that name."""
        return ()

    def kept(self, name: str) -> Mapping[str, Topic]:
        """Topics that it writes for itself, and reads."""
        return {}

    def groups(self, name: str) -> Sequence[str]:
        """Consumer groups in which it reads those topics."""
        return ()

    def transactions(self, name: str) -> Sequence[str]:
        """Transactional ids with which it writes those topics."""
        return ()
