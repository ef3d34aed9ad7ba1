"""The image of the object store: versitygw, compiled from its Go module.

It is made when somebody asks for it (`python -m sandbox image --tag docker.io/versity/versitygw:v1.8.0`): compiling takes two minutes.
"""

import sys

from sandbox import build, pins
from sandbox.build import BuildFolders
from sandbox.images import Archive, Image, Layer, base_layer, fetched, image_archive, program_layer_of

PROGRAM = "usr/local/bin/versitygw"
"""Where the official image has it."""


def program_layer(folders: BuildFolders) -> Layer:
    """The program."""
    compiled = build.binaries(folders, build.OBJECT_STORE) / "versitygw"
    return program_layer_of(folders, compiled, PROGRAM, name="object-store", doing="wrapping versitygw")


def object_store_archive(folders: BuildFolders) -> Archive:
    """The image, without the base layer that every node has."""
    layers = [base_layer(folders), program_layer(folders)]
    image = Image(name=pins.OBJECT_STORE_IMAGE, layers=layers, entrypoint=[f"/{PROGRAM}"])
    doing = "wrapping the image of the object store"
    return image_archive(folders, image, name=pins.OBJECT_STORE_IMAGE, cache="object-store-image", doing=doing)


def main() -> int:
    """Compiles it, for tests that run one without a cluster."""
    return fetched(program_layer)


if __name__ == "__main__":
    sys.exit(main())
