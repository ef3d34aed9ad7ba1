"""The parts that are compiled, which pyproject.toml cannot make optional; everything else is said there."""

import os

from setuptools import Extension, setup  # type: ignore[import-untyped]

NAMES = ("_records", "_unpacking")
EXTENSIONS = [
    Extension(f"kafka_platform_runtime.gateway.{name}", [f"kafka_platform_runtime/gateway/{name}.c"], optional=True)
    for name in NAMES
]

setup(
    # Without a compiler, or with KAFKA_PLATFORM_NO_EXTENSIONS=1, the gateway does the same in Python, but what batches unpack
    # to is not bounded.
    ext_modules=[] if os.environ.get("KAFKA_PLATFORM_NO_EXTENSIONS") else EXTENSIONS
)
