"""Typed Pulumi components of an elastic, multi-tenant Kafka data platform.

`__init__.pyi` lists the public names. Each module is imported when a name of it is first used: checking a stack's file
without Pulumi takes a fraction of the time.
"""

import ast
from importlib import import_module
from importlib.resources import files
from typing import Any


def _public() -> dict[str, str]:
    table = ast.parse((files(__name__) / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [each for each in table.body if isinstance(each, ast.ImportFrom) and each.module]
    return {name.name: str(each.module) for each in imports for name in each.names}


_PUBLIC = _public()
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_PUBLIC[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
