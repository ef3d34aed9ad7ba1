"""A topic of a stack file, with the schemas of its records."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from kafka_platform.kafka.entities import Topic as TopicSpec
from kafka_platform.schemas.spec import Compatibility, SchemaType
from kafka_platform.values.forms import named

LANGUAGES: Mapping[str, SchemaType] = {
    ".avsc": SchemaType.AVRO,
    ".json": SchemaType.JSON,
    ".proto": SchemaType.PROTOBUF,
}
"""The languages of schemas by the ends of files' names."""
PARTS = ("key", "value")
"""The parts of a record that can have a schema."""


def _check_file(name: str) -> None:
    if PurePosixPath(name).suffix not in LANGUAGES:
        raise ValueError(f"{name!r} is not a file of a schema: write a path that ends in {', '.join(LANGUAGES)}")


@dataclass(frozen=True, kw_only=True)
class Topic(TopicSpec):
    """A topic. Fields that are left out have the cluster's defaults."""

    value: str | None = named(_check_file, examples=["schemas/order.avsc"])
    """File with the schema of the record values, in the stack file's folder and relative to it: Avro (.avsc), JSON
    Schema (.json) or Protobuf (.proto). It is registered as `<topic>-value`. Needs `registry`. Default: none."""
    key: str | None = named(_check_file, examples=["schemas/order-key.avsc"])
    """File with the schema of the record keys, registered as `<topic>-key`. Default: none."""
    compatibility: Compatibility | None = None
    """How new versions of these schemas must be compatible with older ones. Default: `registry.compatibility`."""

    @property
    def has_schema(self) -> bool:
        """Whether it names a file of one."""
        return self.key is not None or self.value is not None

    def check(self) -> None:
        """Like every topic; `compatibility` also needs a schema."""
        super().check()
        if self.compatibility is not None and not self.has_schema:
            raise ValueError("compatibility: there is no schema: write value too, or remove the key")
