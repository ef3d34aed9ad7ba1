"""From the types of an Avro schema to functions: what reading and writing have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

F = TypeVar("F")


class Functions(ABC, Generic[F]):
    """The functions of a schema's types.

    Args:
        named: its records, enums and fixed, by full name, as fastavro has parsed them.
    """

    _primitive: Mapping[str, F]

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._known: dict[str, F] = {}

    def of(self, node: Any) -> F:
        """The function of a type."""
        if isinstance(node, list):
            return self._union(node)
        if isinstance(node, dict):
            kind = node["type"]
            made = {
                "record": self._record,
                "error": self._record,
                "enum": self._enum,
                "fixed": self._fixed,
                "array": self._array,
                "map": self._map,
            }.get(kind if isinstance(kind, str) else "")
            return self.of(kind) if made is None else made(node)
        if node in self._named:
            if node not in self._known:
                self._known[node] = self._later(node)  # while it is made
                self._known[node] = self.of(self._named[node])
            return self._later(node)
        return self._primitive[node]

    @abstractmethod
    def _later(self, name: str) -> F:
        """Calls the function that is known by that name when it is called."""

    @abstractmethod
    def _record(self, node: Mapping[str, Any]) -> F: ...

    @abstractmethod
    def _enum(self, node: Mapping[str, Any]) -> F: ...

    @abstractmethod
    def _fixed(self, node: Mapping[str, Any]) -> F: ...

    @abstractmethod
    def _array(self, node: Mapping[str, Any]) -> F: ...

    @abstractmethod
    def _map(self, node: Mapping[str, Any]) -> F: ...

    @abstractmethod
    def _union(self, nodes: list[Any]) -> F: ...
