"""The image of the object store: versitygw, compiled from its Go module.

It is made when somebody asks for it (`python -m sandbox image --tag docker.io/versity/versitygw:v1.8.0`): compiling takes two minutes.
"""

import sys
from pathlib import Path

from sandbox import build, pins
from sandbox.build import BuildFolders, cached, digest_of
from sandbox.images import RECIPE, Archive, Image, Layer, LayerWriter, base_layer, fetched, image_archive, seal

PROGRAM = "usr/local/bin/versitygw"
"""Where the official image has it."""


def program_layer(folders: BuildFolders) -> Layer:
    """The program."""
    compiled = build.binaries(folders, build.OBJECT_STORE)

    def make(folder: Path) -> None:
        file = folder / "layer.tar"
        layer = LayerWriter(file)
        layer.file(PROGRAM, (compiled / "versitygw").read_bytes(), mode=0o755)
        layer.finish()
        seal(file)

    key = digest_of(RECIPE, compiled.parent.name)
    folder = cached(folders, f"object-store-{key}", make, doing="wrapping versitygw")
    return Layer(file=folder / "layer.tar")


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
