"""A folder of ours: a kustomize base, one file for each kind of object of each capability."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from kafka_platform.kube.manifests import Manifest, text_hash

from infra.render.objects import Part
from infra.render.tools import RenderError

LIST = ".kafka-platform.json"
"""In the folder: the files that we wrote, with the hashes of what may be in them."""
HEADER = "# Written by `python -m infra render`: change the stack's file, and write it again.\n"


def files_of(parts: Sequence[Part]) -> dict[str, str]:
    """The content of each file, by its path in the folder."""
    found: dict[str, str] = {}
    for part in parts:
        kinds: dict[str, list[Manifest]] = {}
        for each in part.manifests:
            kinds.setdefault(str(each["kind"]).lower(), []).append(each)
        for kind, manifests in kinds.items():
            found[f"{part.name}/{kind}.yaml"] = HEADER + "---\n".join(map(_yaml, manifests))
    base: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [*(url for part in parts for url in part.definitions), *found],
    }
    for part in parts:
        if part.definitions and part.kept:
            kind = "CustomResourceDefinition"
            # Its name is not compared: the target chooses.
            about = {"annotations": dict(part.kept), "name": "any"}
            patch = {"apiVersion": "apiextensions.k8s.io/v1", "kind": kind, "metadata": about}
            base["patches"] = [{"patch": _yaml(patch), "target": {"kind": kind}}]
    return {"kustomization.yaml": HEADER + _yaml(base), **found}


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Makes the folder have these files, and takes away those that we wrote before and that are no longer needed.

    Raises `RenderError`, before anything is changed, for a folder with files that we did not write, or that were changed.
    """
    known = _known(folder)
    # What a run that died had not put in its place yet. A link is nothing of ours, also one to a folder.
    begun = {each for each in (_new(folder / name) for name in (LIST, *known)) if not each.is_symlink()}
    found = (each for each in folder.rglob("*") if each.is_symlink() or not each.is_dir())
    there = {each.relative_to(folder).as_posix() for each in found if each not in begun} - {LIST}
    for name in sorted(there):
        if name not in known:
            raise RenderError(f"{folder / name}: was not written by this command: move it, or choose an empty folder")
        if (folder / name).is_symlink() or text_hash((folder / name).read_text(encoding="utf-8")) not in known[name]:
            raise RenderError(
                f"{folder / name}: was changed by hand: change the stack's file instead, and delete this one"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for each in begun:
        each.unlink(missing_ok=True)
    # The list first, with what was and what will be: a run that dies is continued by the next.
    wanted = {name: [text_hash(text)] for name, text in files.items()}
    _note(folder, {name: [*known.get(name, []), *wanted.get(name, [])] for name in [*there, *wanted]})
    for name in sorted(there - files.keys()):
        (folder / name).unlink()
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        _put(folder / name, text)
    _note(folder, wanted)
    for each in sorted((each for each in folder.rglob("*") if each.is_dir()), reverse=True):
        if not any(each.iterdir()):
            each.rmdir()


def _known(folder: Path) -> dict[str, list[str]]:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise RenderError(f"{folder}: is not a folder: choose another name")
    try:
        found: Any = json.loads((folder / LIST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(each, list) for each in found.values()):
        raise RenderError(f"{folder / LIST}: is not a list of files of this command: choose an empty folder")
    return found


def _note(folder: Path, files: Mapping[str, Sequence[str]]) -> None:
    _put(folder / LIST, json.dumps(dict(sorted(files.items())), indent=1) + "\n")


def _new(file: Path) -> Path:
    return file.with_name(f".{file.name}.new")


def _put(file: Path, text: str) -> None:
    """Writes a file at once or not at all."""
    _new(file).write_text(text, encoding="utf-8")
    _new(file).replace(file)


class _Dumper(yaml.SafeDumper):
    """Texts of many lines as blocks, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _yaml(manifest: Mapping[str, Any]) -> str:
    return yaml.dump(dict(manifest), Dumper=_Dumper, sort_keys=False, width=200, allow_unicode=True)
