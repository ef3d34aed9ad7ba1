"""What a shell needs so that `pulumi` and `kubectl` use this sandbox."""

import os
import re
import secrets
import shutil
from pathlib import Path

from sandbox.build import STANDIN_HOSTS
from sandbox.host import SandboxError
from sandbox.instance import REPOSITORY, state_folder, write

STANDINS = ("kubernetes", "random")
"""Providers that the sandbox replaces with a process of its own if the official plugin is not installed."""


SANDBOX_STACKS = ("dev", "ci")
"""Stacks whose files have no encrypted values: .gitattributes keeps their salt out of commits."""


def official_plugin(provider: str, version: str) -> Path | None:
    """The folder of an official plugin that `pulumi plugin install` put on this machine."""
    home = Path(os.environ.get("SANDBOX_PULUMI_PLUGINS") or Path.home() / ".pulumi" / "plugins")
    folder = home / f"resource-{provider}-v{version}"
    return folder if (folder / f"pulumi-resource-{provider}").exists() else None


def plugin_version(provider: str) -> str:
    """The plugin version that the Python SDK requests: its own, as pinned in requirements.txt.

    Raises:
        SandboxError: it is not pinned.
    """
    text = (REPOSITORY / "requirements.txt").read_text()
    found = re.search(rf"^pulumi-{provider}==([\w.]+)", text, re.MULTILINE)
    if found is None:
        raise SandboxError(f"requirements.txt: pulumi-{provider}: not pinned: write pulumi-{provider}==VERSION")
    return found.group(1)


def official_cli() -> bool:
    """Whether a complete Pulumi CLI is on PATH: the engine and, beside it, the Python language host."""
    ours = str(state_folder())
    found = [shutil.which(name) for name in ("pulumi", "pulumi-language-python")]
    return all(each is not None and not each.startswith(ours) for each in found)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.rename(link)


def prepare_backend(state: Path) -> None:
    """Makes the folder for Pulumi's state and the passphrase of its secrets."""
    (state / "state").mkdir(parents=True, exist_ok=True)
    passphrase = state / "passphrase"
    if not passphrase.exists():
        write(passphrase, f"{secrets.token_urlsafe(32)}\n", mode=0o600)
        # The salt that an earlier sandbox of this clone left in a stack file belongs to that sandbox's passphrase.
        stacks = [REPOSITORY / "stacks" / f"Pulumi.{name}.yaml" for name in SANDBOX_STACKS]
        examples = sorted((REPOSITORY / "examples").glob("*/stack.yaml"))
        for file in [*stacks, *examples] if state == REPOSITORY / ".sandbox" else ():
            text = file.read_text()
            without = re.sub(r"^encryptionsalt: .*\n", "", text, flags=re.MULTILINE)
            if without != text:
                write(file, without)


def _place(target: Path, source: Path) -> None:
    """Puts a program into `bin` as a file of its own: the engine looks for the language host beside its real path."""
    if target.exists() and not target.is_symlink() and target.samefile(source):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        temporary.hardlink_to(source.resolve())
    except OSError:  # another file system
        shutil.copy2(source, temporary)
    temporary.rename(target)


def prepare(state: Path, kube: Path | None, pulumi: Path | None, plugins: Path | None) -> None:
    """Makes `bin` and PULUMI_HOME in the state folder from the given folders of compiled programs."""
    if kube:
        _link(state / "bin" / "kubectl", kube / "kubectl")
    if pulumi and not official_cli():
        _place(state / "bin" / "pulumi", pulumi / "pulumi")
    home = state / "pulumi"
    for provider in STANDINS:
        version = plugin_version(provider)
        link = home / "plugins" / f"resource-{provider}-v{version}"
        official = official_plugin(provider, version)
        if official:
            _link(link, official)
        elif plugins:
            # The engine looks for a folder, and in it for the program by name.
            if link.is_symlink():
                link.unlink()
            _link(link / f"pulumi-resource-{provider}", plugins / f"pulumi-resource-{provider}")
    if plugins and not official_cli():
        for program in (*STANDIN_HOSTS, "pulumi-language-python-exec"):
            _link(state / "bin" / program, plugins / program)
    prepare_backend(state)


def add_yaml(state: Path, yaml: Path) -> None:
    """Puts the language host for YAML beside the engine."""
    _link(state / "bin" / "pulumi-language-yaml", yaml / "pulumi-language-yaml")


def standins() -> list[str]:
    """The parts of Pulumi that are stand-ins here, worded for the line that lists them."""
    found = [provider for provider in STANDINS if official_plugin(provider, plugin_version(provider)) is None]
    names = []
    if found:
        names.append(f"provider{'s' if len(found) > 1 else ''} {' and '.join(found)}")
    if not official_cli():
        names.append("the language hosts for Python and Node")
    return names


def backend_url(folder: Path) -> str:
    """Pulumi's backend for states in a folder.

    Every file in it is replaced as a whole. Its attributes would be in separate files that are not, and a stack whose
    command was killed meanwhile could not be read any more (`failed to load checkpoint: EOF`); so they are turned off.
    """
    return f"file://{folder}?metadata=skip"


def variables(state: Path, kubeconfig: Path | None, *, official: bool) -> dict[str, str]:
    """The environment of a shell for a sandbox in `state`.

    Args:
        state: the sandbox's folder.
        kubeconfig: None to use the user's own.
        official: whether Pulumi is the user's own and finds its plugins by itself.
    """
    folders = [state / "bin", REPOSITORY / ".venv" / "bin"]
    found = {
        "PATH": os.pathsep.join([*(str(each) for each in folders if each.is_dir()), _path_without(folders)]),
        "PULUMI_BACKEND_URL": backend_url(state / "state"),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(state / "passphrase"),
        # A stack file without a salt does not need another one: the state has it.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    if not official:
        found["PULUMI_HOME"] = str(state / "pulumi")
    if kubeconfig:
        found["KUBECONFIG"] = str(kubeconfig)
        # kubectl remembers for hours which kinds an address serves; the next sandbox may have the same address.
        found["KUBECACHEDIR"] = str(state / "kube-cache")
    return found


def _path_without(folders: list[Path]) -> str:
    ours = {str(each) for each in folders}
    return os.pathsep.join(each for each in os.environ.get("PATH", "").split(os.pathsep) if each not in ours)
