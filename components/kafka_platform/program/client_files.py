"""Client configuration files for Java, librdkafka and Spring: one pure function renders each. They contain no secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from kafka_platform.kafka import registry, secrets
from kafka_platform.kafka.oauth import OAuth
from kafka_platform.kafka.properties import java_properties, option_lines
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kafka.secrets import CA_FILE
from kafka_platform.program.clients import JAVA_ASSIGNORS, Assignment, Commit, PartitionBy, Partitioning
from kafka_platform.program.spec import PLATFORM_FOLDER, ProgramSpec, transactional_prefix

CREDENTIALS = f"{PLATFORM_FOLDER}/credentials"
"""Where the Secret of the worker's user is mounted."""
CLIENT = f"{PLATFORM_FOLDER}/client"
"""Where the files of this module are mounted."""

STREAMS_FILE = "streams.properties"


class Login(Enum):
    """Where the files of a login come from, which are the same in each case."""

    NONE = "none"
    """There is no login."""
    DELIVERED = "delivered"
    """The platform created the user's Secret, with all files."""
    PASSWORD = "password"  # noqa: S105 - the word
    """An existing Secret with `username` and `password`, from which the pod generates the files."""
    CERTIFICATE = "certificate"
    """The same, with `tls.crt` and `tls.key`."""

    @property
    def is_made_in_the_pod(self) -> bool:
        """Whether the platform made none of its files."""
        return self in (Login.PASSWORD, Login.CERTIFICATE)


TEMPLATE = "login-"
"""Prefix of the templates from which the pod generates a login's files (`kafka_platform_runtime.client_login`)."""
_USERNAME, _PASSWORD = "@username@", "@password@"


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """Inputs of the files."""

    bootstrap_servers: str
    security_protocol: str
    sasl_mechanism: str | None = None
    """Default: no login, or one by certificate."""
    has_ca: bool = False
    oauth: OAuth | None = None
    login: Login = Login.NONE
    name: str
    """Of the program."""
    spec: ProgramSpec
    registry: RegistryConnection | None = None
    registry_url: str = ""
    """URL of the registry, once it is known."""
    streams: Mapping[str, str] = field(default_factory=dict)
    """Options of Kafka Streams; none: the program does not use it."""

    @property
    def group(self) -> str | None:
        """The group that it reads in; None if it reads nothing."""
        return self.spec.group_of(self.name)

    @property
    def registry_login(self) -> bool:
        """Whether there is a login to a registry."""
        return self.registry is not None and self.registry.secret is not None


def client_files(settings: ClientSettings) -> dict[str, str]:
    """All files by name: those of a program that only reads have no producer in them, and the other way round."""
    files: dict[str, str] = {"application.properties": java_properties(_sorted(spring(settings)))}
    if settings.spec.reads:
        options = java_connection(settings) | java_registry(settings) | java_consumer(settings)
        files["consumer.properties"] = java_properties(_sorted(options))
        files["librdkafka-consumer.conf"] = option_lines(_sorted(librdkafka_consumer(settings)))
    if settings.spec.writes:
        files["librdkafka-producer.conf"] = option_lines(_sorted(librdkafka_producer(settings)))
        options = java_connection(settings) | java_registry(settings, writes=True) | java_producer(settings)
        files["producer.properties"] = java_properties(_sorted(options))
    if settings.streams:
        files[STREAMS_FILE] = java_properties(_sorted(java_streams(settings)))
    if settings.login is Login.NONE:
        files["librdkafka.conf"] = option_lines(_sorted(librdkafka_connection(settings)))
    files |= {f"{TEMPLATE}{name}": text for name, text in _login(settings).items()}
    return dict(sorted(files.items()))


def _login(settings: ClientSettings) -> dict[str, str]:
    """The templates of a login's files that the pod generates, with placeholders for the Secret's values."""
    if settings.login is Login.CERTIFICATE:
        return {
            "client.properties": java_properties(_sorted(java_connection(settings))),
            "librdkafka.conf": option_lines(_sorted(librdkafka_connection(settings))),
        }
    if settings.login is not Login.PASSWORD:
        return {}
    mechanism = settings.sasl_mechanism or ""
    files = secrets.client_files(
        username=_USERNAME,
        password=_PASSWORD,
        bootstrap_servers=settings.bootstrap_servers,
        security_protocol=settings.security_protocol,
        sasl_mechanism=mechanism,
        has_ca=settings.has_ca,
        oauth=settings.oauth,
    )
    jaas = secrets.java_login(mechanism, _USERNAME, _PASSWORD, settings.oauth)
    return {name: files[name] for name in ("client.properties", "librdkafka.conf")} | {"jaas": jaas}


def java_connection(settings: ClientSettings) -> dict[str, str]:
    """How a Java client connects; the login is read from the user's Secret when the client starts (KIP-421)."""
    options = {"bootstrap.servers": settings.bootstrap_servers, "security.protocol": settings.security_protocol}
    if settings.has_ca:
        options |= {"ssl.truststore.location": CA_FILE, "ssl.truststore.type": "PEM"}
    if settings.login is Login.CERTIFICATE:
        options |= _KEYSTORE
    elif settings.login is not Login.NONE:
        options |= {
            "config.providers": "file",
            "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
            "sasl.jaas.config": f"${{file:{CREDENTIALS}/client.properties:sasl.jaas.config}}",
            "sasl.mechanism": settings.sasl_mechanism or "",
            **secrets.java_tokens(settings.oauth),
        }
    return options


def java_registry(settings: ClientSettings, *, writes: bool = False) -> dict[str, str]:
    """How Java's serializers reach the schema registry; the login is read from its Secret, as Kafka's is."""
    reached = settings.registry
    if reached is None:
        return {}
    parts = (f"${{directory:{registry.LOGIN}:{each}}}" for each in ("username", "password"))
    options = dict(registry.java_options(reached, settings.registry_url, ":".join(parts)))
    if settings.registry_login:
        files = "file," if "config.providers" in java_connection(settings) else ""
        options |= {
            "config.providers": f"{files}directory",
            "config.providers.directory.class": "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
        }
    return options | (dict(registry.java_registering(reached)) if writes else {})


_KEYSTORE = {"ssl.keystore.location": f"{CREDENTIALS}/user.pem", "ssl.keystore.type": "PEM"}
"""Java reads the key and the certificate from one file."""


def java_consumer(settings: ClientSettings) -> dict[str, str]:
    """A Java consumer's options."""
    return _consumer(settings) | _java_assignment(settings.spec.assignment) | dict(settings.spec.consumer_config)


def java_producer(settings: ClientSettings) -> dict[str, str]:
    """A Java producer's options."""
    return (
        _producer()
        | java_partitioner(settings.spec.partitioning or Partitioning())
        | dict(settings.spec.producer_config)
    )


def java_streams(settings: ClientSettings) -> dict[str, str]:
    """The options of Kafka Streams, its connection included. The pod's name is read from its variable when it starts."""
    options = java_connection(settings) | java_registry(settings, writes=True)
    providers = [each for each in options.get("config.providers", "").split(",") if each]
    options |= {
        "config.providers": ",".join([*providers, "env"]),
        "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        "config.providers.env.param.allowlist.pattern": "POD_NAME",
    }
    return options | _streams_clients(settings) | dict(settings.streams)


def _streams_clients(settings: ClientSettings) -> dict[str, str]:
    """What its own clients get. It commits, and names its group, by itself."""
    own = _consumer(settings)
    consumer = {key: own[key] for key in ("auto.offset.reset", "isolation.level")} | dict(settings.spec.consumer_config)
    found = {f"consumer.{key}": value for key, value in consumer.items()}
    return found | {f"producer.{key}": value for key, value in settings.spec.producer_config.items()}


def java_partitioner(partitioning: Partitioning) -> dict[str, str]:
    """Java's options for the choice of partitions. By the key is what it does by itself (murmur2)."""
    if partitioning.by is PartitionBy.ROUND_ROBIN:
        return {"partitioner.class": "org.apache.kafka.clients.producer.RoundRobinPartitioner"}
    if partitioning.by is PartitionBy.STICKY:
        return {"partitioner.ignore.keys": "true"}
    return {"partitioner.class": partitioning.java} if partitioning.java is not None else {}


def librdkafka_connection(settings: ClientSettings) -> dict[str, str]:
    """How a client of librdkafka connects to a Kafka without passwords."""
    options = {"bootstrap.servers": settings.bootstrap_servers, "security.protocol": settings.security_protocol}
    if settings.login is Login.CERTIFICATE:
        options |= {
            "ssl.certificate.location": f"{CREDENTIALS}/tls.crt",
            "ssl.key.location": f"{CREDENTIALS}/tls.key",
        }
    return options | ({"ssl.ca.location": CA_FILE} if settings.has_ca else {})


def librdkafka_consumer(settings: ClientSettings) -> dict[str, str]:
    """A consumer's options for librdkafka."""
    assignment = settings.spec.assignment
    shared = (
        {"group.protocol": "consumer"}
        if assignment is Assignment.CONSUMER
        else {"partition.assignment.strategy": assignment.value}
    )
    return _consumer(settings) | shared | dict(settings.spec.consumer_config)


def librdkafka_producer(settings: ClientSettings) -> dict[str, str]:
    """A producer's options for librdkafka."""
    return (
        _producer()
        | librdkafka_partitioner(settings.spec.partitioning or Partitioning())
        | dict(settings.spec.producer_config)
    )


def librdkafka_partitioner(partitioning: Partitioning) -> dict[str, str]:
    """Options of librdkafka for the choice of partitions.

    Its own default, `consistent_random`, is CRC32: the same key would be in another partition than from Java.
    """
    if partitioning.by is PartitionBy.KEY:
        return {"partitioner": "murmur2_random"}
    if partitioning.by is PartitionBy.CUSTOM:
        return {"partitioner": partitioning.librdkafka} if partitioning.librdkafka is not None else {}
    # It knows no turns: `random` is as even. Records without a key stay with one partition for a batch unless told not to.
    options = {"partitioner": "random"}
    return options | ({"sticky.partitioning.linger.ms": "0"} if partitioning.by is PartitionBy.ROUND_ROBIN else {})


def spring(settings: ClientSettings) -> dict[str, str]:
    """Spring Boot's properties; the login's are read from the mounted folder by `spring.config.import`."""
    options = {
        "spring.kafka.bootstrap-servers": settings.bootstrap_servers,
        "spring.kafka.security.protocol": settings.security_protocol,
    }
    if settings.has_ca:
        options |= {
            "spring.kafka.properties.ssl.truststore.location": CA_FILE,
            "spring.kafka.properties.ssl.truststore.type": "PEM",
        }
    if settings.login is Login.CERTIFICATE:
        options |= {f"spring.kafka.properties.{name}": value for name, value in _KEYSTORE.items()}
    elif settings.login is not Login.NONE:
        mechanism = settings.sasl_mechanism or ""
        delivered = secrets.java_login(mechanism, "${credentials.username}", "${credentials.password}", None)
        options |= {
            "spring.config.import": f"configtree:{PLATFORM_FOLDER}/",
            "spring.kafka.properties.sasl.jaas.config": (
                "${credentials.jaas}" if settings.login.is_made_in_the_pod else delivered
            ),
            "spring.kafka.properties.sasl.mechanism": mechanism,
        }
        options |= {
            f"spring.kafka.properties.{name}": value for name, value in secrets.java_tokens(settings.oauth).items()
        }
    options |= _spring_registry(settings)
    if settings.streams:
        options |= _spring_streams(settings)
    if settings.spec.reads:
        consumer = java_consumer(settings)
        typed = {
            "group.id": "group-id",
            "auto.offset.reset": "auto-offset-reset",
            "enable.auto.commit": "enable-auto-commit",
        }
        for key, name in typed.items():
            if key in consumer:
                options[f"spring.kafka.consumer.{name}"] = consumer.pop(key)
        options |= {f"spring.kafka.consumer.properties.{key}": value for key, value in consumer.items()}
    if settings.spec.writes:
        producer = java_producer(settings)
        if settings.registry is not None:
            producer = dict(registry.java_registering(settings.registry)) | producer
        options["spring.kafka.producer.acks"] = producer.pop("acks")
        options |= {f"spring.kafka.producer.properties.{key}": value for key, value in producer.items()}
        if settings.spec.transactional:
            options["spring.kafka.producer.transaction-id-prefix"] = (
                transactional_prefix(settings.name) + "${HOSTNAME}-"
            )
    return options


def _spring_streams(settings: ClientSettings) -> dict[str, str]:
    """What Spring adds to its connection for Kafka Streams; `${POD_NAME}` is how Spring reads the variable."""
    found = {key: value.replace("${env:", "${") for key, value in settings.streams.items()}
    options = {"spring.kafka.streams.application-id": found.pop("application.id")}
    found = _streams_clients(settings) | found
    return options | {f"spring.kafka.streams.properties.{key}": value for key, value in found.items()}


def _spring_registry(settings: ClientSettings) -> dict[str, str]:
    if settings.registry is None:
        return {}
    found = registry.java_options(settings.registry, settings.registry_url, "${registry.username}:${registry.password}")
    options = {f"spring.kafka.properties.{name}": value for name, value in found.items()}
    if settings.registry_login:
        options["spring.config.import"] = f"configtree:{PLATFORM_FOLDER}/"
    return options


def _consumer(settings: ClientSettings) -> dict[str, str]:
    options = {
        "auto.offset.reset": settings.spec.offset_reset.value,
        "enable.auto.commit": str(settings.spec.commit is Commit.AUTO).lower(),
        # Java's default would hand out records of transactions that were given up; librdkafka's is this one.
        "isolation.level": "read_committed",
    }
    return options | ({"group.id": settings.group} if settings.group is not None else {})


def _java_assignment(assignment: Assignment) -> dict[str, str]:
    if assignment is Assignment.CONSUMER:
        return {"group.protocol": "consumer"}
    return {"partition.assignment.strategy": JAVA_ASSIGNORS[assignment]}


def _producer() -> dict[str, str]:
    # Java's defaults; librdkafka without them may write twice and out of order when it tries again.
    return {"acks": "all", "enable.idempotence": "true"}


def _sorted(options: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(options.items()))
