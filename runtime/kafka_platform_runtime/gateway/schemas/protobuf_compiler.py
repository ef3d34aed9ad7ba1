"""From the text of a Protobuf schema to its descriptors, by Google's compiler: whatever the text does, it does not do it here."""

import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import DecodeError

from kafka_platform_runtime.gateway.errors import overloaded
from kafka_platform_runtime.gateway.schemas import protoc_process
from kafka_platform_runtime.gateway.schemas.misfit import Unusable

WAIT_SECONDS = 30.0
"""On a busy machine; the compiler's own bound is of processor time."""
OWN = "google/protobuf/"
"""What these paths name comes with the compiler, and never from the registry."""
LONGEST_NAME = 200
LONGEST_MESSAGE = 4096
_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*\.proto")
_OUTPUT = "descriptors"
_SAID = "said"


def descriptors(text: str, references: Sequence[tuple[str, str]]) -> FileDescriptorSet:
    """The files that a schema consists of, each after those that it imports; the schema itself is the last.

    Raises:
        Unusable: it is not Protobuf, or takes the compiler too much.
        GatewayError: this machine is too busy to tell.
    """
    files = {name: content for name, content in references if not name.startswith(OWN)}
    for name in files:
        if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
            raise Unusable(f"refers to {name[:50]!r}, which is not a path such as shop/order.proto")
    main = "schema.proto"
    while main in files:
        main = f"the-{main}"
    files[main] = text
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, content in files.items():
            place = folder / "files" / path
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(content, encoding="utf-8")
            except UnicodeEncodeError:
                raise Unusable("has half of a character") from None
            except OSError:  # one is a folder of another
                raise Unusable(f"refers to {path[:50]!r}, and to a folder of that name") from None
        _compile(folder, main)
        try:
            found = FileDescriptorSet.FromString((folder / _OUTPUT).read_bytes())
        except DecodeError:
            raise Unusable("is not valid Protobuf") from None
    return found


def _compile(folder: Path, main: str) -> None:
    # Neither the variables nor the modules of this program are for it.
    command = [sys.executable, "-I", protoc_process.__file__, str(folder / "files"), main, str(folder / _OUTPUT)]
    with (folder / _SAID).open("w+b") as said:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env={}, timeout=WAIT_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise overloaded("The gateway is too busy to read a schema: try again in a moment.") from None
        said.seek(0)
        lines = said.read(LONGEST_MESSAGE).decode(errors="replace").splitlines()
    if done.returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        raise Unusable(f"takes its compiler more than {protoc_process.MOST_SECONDS} s")
    if done.returncode < 0:
        raise Unusable("takes its compiler too much memory, or too large files")
    if done.returncode > 0:
        reasons = [line for line in lines if ".proto:" in line and ": warning: " not in line] or [
            "its compiler refuses it"
        ]
        raise Unusable(f"is not valid Protobuf: {reasons[0].removesuffix('.')[:200]}")
