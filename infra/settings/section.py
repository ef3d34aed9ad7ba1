"""The base of everything that may stand in a stack's file."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """A mapping with fixed keys, as a frozen object: its keys are in camelCase, and its docstrings are the documentation."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, use_attribute_docstrings=True
    )
