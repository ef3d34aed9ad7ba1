"""The base of everything that may stand in a stack's file."""

import re

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._:/-]*[A-Za-z0-9](@sha256:[0-9a-f]{64})?")
"""The name of a container image."""


class Section(BaseModel):
    """A mapping with fixed keys, as a frozen object: its keys are in camelCase, and its docstrings are the documentation."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, use_attribute_docstrings=True
    )
