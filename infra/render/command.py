"""`python -m infra render`: a stack as plain files."""

from pathlib import Path

from infra.check import STACKS, file_of
from infra.render.folder import files_of, write
from infra.render.generated import GIVEN, given_keys
from infra.render.objects import all_manifests, parts
from infra.render.tools import GENERATED, Passwords, Source, Tool
from infra.settings.faults import SettingsError
from infra.settings.parsing import read_stack


def render(
    stack: str, out: Path, tool: Tool, owner: str | None = None, source: Source = GENERATED, folder: Path = STACKS
) -> int:
    """Writes the stack's objects to a folder, and prints how to apply them.

    Args:
        stack: its name, or its file's path.
        out: the folder.
        tool: what applies the files.
        owner: identifies the stack among all that deploy to a cluster. Default: `files/kafka-platform/<stack>`.
        source: where passwords come from. The key of a store's secret is `kafka-platform/<stack>` by default.
        folder: where files of stacks are that are given by name.

    Returns:
        1 if the stack's file is wrong, or has what files cannot say, or the folder is somebody else's; otherwise 0.
    """
    file = file_of(stack, folder)
    try:
        called = f"kafka-platform/{file.stem.removeprefix('Pulumi.')}"
        source = source.checked(called)
        settings = read_stack(file)
        found = parts(settings, owner or f"files/{called}", tool, source)
        write(out, files_of(found))
    except SettingsError as error:
        for fault in error.faults:
            print(f"{file.name}: {fault}")
        return 1
    except ValueError as error:
        print(f"{file.name}: {error}")
        return 1
    print(f"{out}: {sum(len(part.manifests) for part in found)} objects in {len(found)} parts")
    if source.passwords is not Passwords.GENERATED:
        print(f"passwords {settings.namespace}/{GIVEN}: {', '.join(given_keys(all_manifests(found)))}")
    print(f"next      kubectl apply --server-side -k {out}")
    return 0
