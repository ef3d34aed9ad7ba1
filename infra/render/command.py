"""`python -m infra render`: a stack as plain files."""

from pathlib import Path

from infra.check import STACKS, file_of
from infra.render.folder import files_of, write
from infra.render.objects import parts
from infra.render.tools import Tool
from infra.settings.faults import SettingsError
from infra.settings.parsing import read_stack


def render(stack: str, out: Path, tool: Tool, owner: str | None = None, folder: Path = STACKS) -> int:
    """Writes the stack's objects to a folder, and prints how to apply them.

    Args:
        stack: its name, or its file's path.
        out: the folder.
        tool: what applies the files.
        owner: identifies the stack among all that deploy to a cluster. Default: `files/kafka-platform/<stack>`.
        folder: where files of stacks are that are given by name.

    Returns:
        1 if the stack's file is wrong, or has what files cannot say, or the folder is somebody else's; otherwise 0.
    """
    file = file_of(stack, folder)
    try:
        settings = read_stack(file)
        found = parts(settings, owner or f"files/kafka-platform/{file.stem.removeprefix('Pulumi.')}", tool)
        write(out, files_of(found))
    except SettingsError as error:
        for fault in error.faults:
            print(f"{file.name}: {fault}")
        return 1
    except ValueError as error:
        print(f"{file.name}: {error}")
        return 1
    print(f"{out}: {sum(len(part.manifests) for part in found)} objects in {len(found)} parts")
    print(f"next      kubectl apply --server-side -k {out}")
    return 0
