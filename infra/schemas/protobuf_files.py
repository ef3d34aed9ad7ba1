"""Protobuf: an import is a file below the folder of the first one. protoc judges, in a folder that has these files alone."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.schemas.files import Loaded, References, SchemaFault, Used, place, quoted

COMPILER_SECONDS = 30
# Neither looks twice at the same text, however many line breaks or open comments there are.
_IMPORT = re.compile(r'(?:^|;)[ \t]*import\s*(?:public\s*|weak\s*)?["\']([^"\']*)["\']\s*(?=;)', re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|//[^\n]*", re.DOTALL)
_OWN = "google/protobuf/"
"""What these paths name comes with every compiler, and with the registry."""


def load(references: References, path: Path, *, by: str, root: Path | None = None) -> Loaded:
    """A schema, with the files that it uses.

    Raises:
        SchemaFault: something is wrong with one of them.
    """
    loaded, known = references.enter(path, by=by)
    if known:
        return loaded
    root = path.parent if root is None else root
    for name in dict.fromkeys(_IMPORT.findall(_COMMENT.sub("", loaded.text))):
        if name.startswith(_OWN):
            continue
        if ".." in Path(name).parts or name.startswith("/"):
            raise SchemaFault(f"{loaded.shown}: import {quoted(name)} leaves its folder: write a path below it")
        if not name.endswith(".proto"):
            raise SchemaFault(f"{loaded.shown}: import {quoted(name)} is not a .proto file: import one")
        file = place(references.folder, root, name, by=loaded.shown)
        loaded.uses.append(Used(name=name, file=load(references, file, by=loaded.shown, root=root)))
    references.leave()
    return loaded


def check(loaded: Loaded) -> None:
    """Raises `SchemaFault` for what is no Protobuf."""
    root = loaded.path.parent
    with tempfile.TemporaryDirectory() as folder:
        for each in loaded.everything():
            copy = Path(folder) / each.path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(each.text, encoding="utf-8")
        # -P: never run a module of the folder, whose files are not trusted.
        command = [sys.executable, "-P", "-m", "grpc_tools.protoc", "-I.", "--descriptor_set_out=descriptors"]
        try:
            done = subprocess.run(
                [*command, f"./{loaded.path.name}"],
                cwd=folder,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=COMPILER_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise SchemaFault(f"{loaded.shown}: takes the compiler more than {COMPILER_SECONDS} s: divide it") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if ": warning: " not in line]
        said = (lines or ["protoc refuses it"])[0].removesuffix(".")[:200]
        raise SchemaFault(f"{loaded.shown}: is not Protobuf, {said}: correct it")
