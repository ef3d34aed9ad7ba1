"""The image of the log collector: an OpenTelemetry Collector of the parts that the platform uses, compiled from its Go modules.

It is made when somebody asks for it (`python -m sandbox image --tag docker.io/otel/opentelemetry-collector-contrib:0.155.0`):
compiling takes six minutes.
"""

import sys

from sandbox import build, pins
from sandbox.build import BuildFolders
from sandbox.images import Archive, Image, Layer, base_layer, fetched, image_archive, program_layer_of

PROGRAM = "otelcol-contrib"
"""Where the official image has it."""


def program_layer(folders: BuildFolders) -> Layer:
    """The program."""
    compiled = build.binaries(folders, build.COLLECTOR) / PROGRAM
    return program_layer_of(folders, compiled, PROGRAM, name="log-collector", doing="wrapping the log collector")


def collector_archive(folders: BuildFolders) -> Archive:
    """The image, without the base layer that every node has."""
    layers = [base_layer(folders), program_layer(folders)]
    image = Image(name=pins.COLLECTOR_IMAGE, layers=layers, entrypoint=[f"/{PROGRAM}"])
    doing = "wrapping the image of the log collector"
    return image_archive(folders, image, name=pins.COLLECTOR_IMAGE, cache="log-collector-image", doing=doing)


def main() -> int:
    """Compiles it, for tests that run one without a cluster."""
    return fetched(program_layer)


if __name__ == "__main__":
    sys.exit(main())
