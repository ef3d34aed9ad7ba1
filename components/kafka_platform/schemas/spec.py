"""The spec of a subject of a schema registry. No Pulumi."""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.values.forms import Spec, formed
from kafka_platform.values.names import LONGEST_NAME
from kafka_platform.values.words import Deciding

MOST_SCHEMA_BYTES = 256 * 1024
"""Of one schema: Kafka takes 1 MiB for a record, in which a registry writes it with its quotes escaped."""


class SchemaType(Deciding):
    """The language of a schema."""

    AVRO = "avro"
    JSON = "json"
    """JSON Schema."""
    PROTOBUF = "protobuf"


class Compatibility(Deciding):
    """How a new version of a schema must be compatible with older versions."""

    NONE = "none"
    """Nothing: anything may follow."""
    BACKWARD = "backward"
    """Readers with the new version read records of the last one: update readers first."""
    BACKWARD_TRANSITIVE = "backwardTransitive"
    """Readers with the new version read records of every older one."""
    FORWARD = "forward"
    """Readers with the last version read records of the new one: update writers first."""
    FORWARD_TRANSITIVE = "forwardTransitive"
    """Readers with any older version read records of the new one."""
    FULL = "full"
    """Both ways with the last version."""
    FULL_TRANSITIVE = "fullTransitive"
    """Both ways with every older version."""

    @property
    def level(self) -> str:
        """The registry's name of it."""
        return "".join(f"_{each}" if each.isupper() else each for each in self.value).upper()

    @property
    def reads_old(self) -> bool:
        """Whether readers with the new version must read records of the last one."""
        return self.value.startswith(("backward", "full"))

    @property
    def read_by_old(self) -> bool:
        """Whether readers with the last version must read records of the new one."""
        return self.value.startswith(("forward", "full"))


def check_subject(subject: str) -> None:
    """Raises unless it can be the name of a subject."""
    if not subject.strip() or not subject.isprintable():
        raise ValueError(f"{subject!r} is not a subject: write one such as orders-value")
    if len(subject) > LONGEST_NAME:
        raise ValueError(f"{subject[:60] + '...'!r} has {len(subject):,} characters: use up to {LONGEST_NAME}")


def _check_size(schema: str) -> None:
    size = len(schema.encode())
    if not schema.strip():
        raise ValueError("is empty: write the text of a schema")
    if size > MOST_SCHEMA_BYTES:
        raise ValueError(f"has {size:,} bytes: use up to {MOST_SCHEMA_BYTES:,}, and references for parts of it")


@dataclass(frozen=True, kw_only=True)
class SchemaReference(Spec):
    """Another schema that a schema uses."""

    name: str = formed(MISSING, check_subject)
    """How it is called where it is used: Avro's full name, the path of a Protobuf import, a `$ref` of JSON Schema."""
    subject: str = formed(MISSING, check_subject)
    """Its subject, declared too."""


@dataclass(frozen=True, kw_only=True)
class Subject(Spec):
    """A subject of a schema registry, and the newest version of its schema."""

    schema: str = formed(MISSING, _check_size)
    """The text of the schema, up to 256 KiB."""
    type: SchemaType = SchemaType.AVRO
    """Its language. Default: Avro."""
    references: Sequence[SchemaReference] = ()
    """Other schemas that it uses. Default: none."""
    compatibility: Compatibility | None = None
    """What a new version must be able to do with records of older ones. Default: what holds for all subjects."""
