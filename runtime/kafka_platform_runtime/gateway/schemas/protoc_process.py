"""Compiles the .proto files of a folder: `protoc_process.py FOLDER FILE OUTPUT`, in a process of its own, within bounds.

It is run as a file, without anything of this package. The compiler is that of `python -m infra check`.
"""

import os
import resource
import sys
from importlib.resources import files

MOST_SECONDS = 5
"""Processor time: a file of 256 KiB takes a tenth of one."""
MOST_BYTES = 512 * 1024 * 1024
"""Address space."""
MOST_OUTPUT = 8 * 1024 * 1024
"""Bytes of any file that it writes."""


def main(folder: str, file: str, output: str) -> int:
    """The compiler's exit code."""
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_OUTPUT, MOST_OUTPUT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(folder)
    from grpc_tools import protoc

    own = files("grpc_tools") / "_proto"
    return int(protoc.main(["protoc", "-I.", f"-I{own}", "--include_imports", f"--descriptor_set_out={output}", file]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
