"""The part that is compiled, which pyproject.toml cannot make optional; everything else is said there."""

import os

from setuptools import Extension, setup  # type: ignore[import-untyped]

RECORDS = Extension(
    "kafka_platform_runtime.gateway._records", ["kafka_platform_runtime/gateway/_records.c"], optional=True
)

setup(
    # Without a compiler, or with KAFKA_PLATFORM_NO_EXTENSIONS=1, the gateway does the same in Python.
    ext_modules=[] if os.environ.get("KAFKA_PLATFORM_NO_EXTENSIONS") else [RECORDS]
)
