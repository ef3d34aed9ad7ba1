"""Which Kubernetes cluster a stack means, and whether there is such an entry: said before anything is asked or deployed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from kafka_platform.values.words import suggest

from infra.settings.core import Kubernetes


def check_chosen(chosen: Kubernetes, environment: Mapping[str, str]) -> None:
    """Raises `ValueError` unless the stack file or KUBECONFIG says which cluster is meant: ~/.kube/config alone is never used."""
    if chosen.context is None and chosen.kubeconfig is None and not environment.get("KUBECONFIG"):
        raise ValueError(
            "kubernetes.context: missing, and KUBECONFIG is not set: say which cluster is meant, "
            "as in context: kind-dev, or set KUBECONFIG"
        )


def check_there(chosen: Kubernetes, environment: Mapping[str, str]) -> None:
    """Raises `ValueError` as `check_chosen`, and if the kubeconfig is not there, cannot be read or lacks the context."""
    check_chosen(chosen, environment)
    key, files = _files(chosen, environment)
    found = [each for each in files if _is_there(each)]
    if not found:
        shown = ", ".join(map(str, files))
        raise ValueError(f"{key}: there is no file {shown}: name a kubeconfig, or create it")
    if chosen.context is None:
        return
    contexts = [name for file in found for name in _contexts(key, file)]
    if chosen.context not in contexts:
        shown = ", ".join(map(str, found))
        raise ValueError(
            f"kubernetes.context: {chosen.context!r} is not a context of {shown}: {suggest(chosen.context, contexts)}"
        )


def _files(chosen: Kubernetes, environment: Mapping[str, str]) -> tuple[str, Sequence[Path]]:
    """Who names the files, and which they are."""
    if chosen.kubeconfig is not None:
        return "kubernetes.kubeconfig", [_home("kubernetes.kubeconfig", chosen.kubeconfig)]
    named = [Path(each) for each in environment.get("KUBECONFIG", "").split(":") if each]
    return ("KUBECONFIG", named) if named else ("kubernetes.context", [_home("kubernetes.context", "~/.kube/config")])


def _home(key: str, name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise ValueError(f"{key}: there is no home folder for {name}: name a kubeconfig by its whole path") from None


def _is_there(file: Path) -> bool:
    try:
        return file.is_file() or file.is_char_device()
    except OSError:
        return False  # its name is too long, or a folder on the way may not be looked into


def _contexts(key: str, file: Path) -> Iterator[str]:
    try:
        # All is text: a date that is none, or a lone `=`, is none of our business.
        content: Any = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - makes text alone
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not YAML"
        raise ValueError(f"{key}: {file} cannot be read, {reason}: name a kubeconfig") from None
    listed = content.get("contexts") if isinstance(content, dict) else None
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            yield each["name"]
