"""The args of components, which may arrive as plain mappings too: from TypeScript, Go or YAML, or from a Python program."""

from collections.abc import Mapping
from typing import Any, Self, cast

from kafka_platform.values.forms import Spec
from kafka_platform.values.readers import build


class Args(Spec):
    """Base of the args that cross a border between languages."""

    @classmethod
    def of(cls, value: Self | Mapping[str, Any]) -> Self:
        """The value itself, or the object that a plain mapping describes.

        Raises:
            ValueError: the mapping has a key that the class does not have, lacks one that it needs, or has a value that is not
                acceptable.
        """
        return value if isinstance(value, cls) else build(cls, cast(Mapping[str, Any], value))

    def get(self, name: str, default: Any = None) -> Any:
        """The field of that name: how Pulumi's component host reads an output."""
        return getattr(self, name, default)
