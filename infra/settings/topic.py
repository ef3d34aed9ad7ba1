"""A topic of a stack file, with the schemas of its records."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from kafka_platform.kafka.entities import Topic as TopicSpec
from kafka_platform.schemas.spec import Compatibility, SchemaType
from kafka_platform.values.forms import Spec, named, size
from kafka_platform.values.free_maps import check_text
from kafka_platform.values.ranges import within

LANGUAGES: Mapping[str, SchemaType] = {
    ".avsc": SchemaType.AVRO,
    ".json": SchemaType.JSON,
    ".proto": SchemaType.PROTOBUF,
}
"""The languages of schemas by the ends of files' names."""
LONGEST_DESCRIPTION = 500
"""Characters of a description: what is longer belongs on a page of its own."""
PARTS = ("key", "value")
"""The parts of a record that can have a schema."""


def _check_file(name: str) -> None:
    if PurePosixPath(name).suffix not in LANGUAGES:
        raise ValueError(f"{name!r} is not a file of a schema: write a path that ends in {', '.join(LANGUAGES)}")


def _check_description(text: str) -> None:
    if not text.strip():
        raise ValueError("is empty: write what the records are, or remove the key")
    check_text(text, "a description", LONGEST_DESCRIPTION)


@dataclass(frozen=True, kw_only=True)
class Load(Spec):
    """What is written to a topic. It changes nothing: `check` and `size` hold what is declared against it."""

    records: float = within(0.001, 10**9)
    """Records a second, on average. Required."""
    size: str = size("1kB", "1kB", "300B")
    """Bytes of a record with its key and headers, as it is sent: compressed if producers compress. Default 1kB."""
    peak: float = within(1, 1000, default=1)
    """The highest load, as a multiple of the average. Default 1: an even load."""


@dataclass(frozen=True, kw_only=True)
class Topic(TopicSpec):
    """A topic. Fields that are left out have the cluster's defaults."""

    description: str | None = named(_check_description, examples=["Every order once, when it is paid"])
    """What the records are, in one line, for the catalogue (`python -m infra catalogue <stack>`). Default: none."""
    tenant: str | None = None
    """The team that the topic belongs to, one of `tenants`, for the catalogue. It gives no rights. Default: nobody in
    particular."""
    value: str | None = named(_check_file, examples=["schemas/order.avsc"])
    """File with the schema of the record values, in the stack file's folder and relative to it: Avro (.avsc), JSON
    Schema (.json) or Protobuf (.proto). It is registered as `<topic>-value`. Needs `registry`. Default: none."""
    key: str | None = named(_check_file, examples=["schemas/order-key.avsc"])
    """File with the schema of the record keys, registered as `<topic>-key`. Default: none."""
    compatibility: Compatibility | None = None
    """How new versions of these schemas must be compatible with older ones. Default: `registry.compatibility`."""

    load: Load | None = None
    """What is written to it. Default: not known, and not checked."""

    @property
    def has_schema(self) -> bool:
        """Whether it names a file of one."""
        return self.key is not None or self.value is not None

    @property
    def language(self) -> SchemaType | None:
        """The language of the schema of its values; None if they have none."""
        return None if self.value is None else LANGUAGES[PurePosixPath(self.value).suffix]

    def check(self) -> None:
        """Like every topic; `compatibility` also needs a schema."""
        super().check()
        if self.compatibility is not None and not self.has_schema:
            raise ValueError("compatibility: there is no schema: write value too, or remove the key")
