"""Brings a registry to what is declared: everything is tried before anything is registered."""

from collections.abc import Sequence

from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.registrar.client import Registry
from kafka_platform_runtime.registrar.declarations import Declared, Settings, Subject

Levels = dict[str, str | None]
"""Compatibility levels by subject; None where the subject has none of its own."""


def apply(registry: Registry, declared: Declared, settings: Settings, former: Levels) -> str:
    """What was done, in one line.

    Args:
        registry: the schema registry.
        declared: what it is to have.
        settings: the program's own.
        former: the levels from before the first try, which every try adds to. They are restored if a schema is refused.

    Raises:
        Refused: a schema is refused; those that others refer to may have been registered, nothing else.
        Transient: a retry may help.
    """
    if settings.compatibility is not None and registry.level(None) != settings.compatibility:
        registry.set_level(None, settings.compatibility)
    try:
        _set_levels(registry, declared.subjects, former)
        registered = _register(registry, declared.subjects)
    except Refused:
        for subject, level in former.items():
            if level is None:
                registry.unset_level(subject)
            else:
                registry.set_level(subject, level)
        raise
    deleted = [subject for subject in declared.removed if registry.delete(subject)]
    for subject in registered:
        print(f"{subject}: registered", flush=True)
    for subject in deleted:
        print(f"{subject}: deleted", flush=True)
    unchanged = len(declared.subjects) - len(registered)
    return f"done: {len(registered)} registered, {unchanged} unchanged, {len(deleted)} deleted"


def _set_levels(registry: Registry, declared: Sequence[Subject], former: Levels) -> None:
    """Sets the levels that differ, and remembers what they were."""
    for subject in declared:
        level = registry.level(subject.name)
        if level != subject.compatibility:
            # Before it is set: that may succeed although no answer comes.
            former.setdefault(subject.name, level)
            registry.set_level(subject.name, subject.compatibility)


def _register(registry: Registry, declared: Sequence[Subject]) -> list[str]:
    """Registers what is new, after all of it was tried. Returns the subjects."""
    versions: dict[str, int] = {}
    new: list[Subject] = []
    for subject in declared:
        if any(each not in versions for each in subject.references.values()):
            new.append(subject)  # what it refers to is new itself, and has no version yet
            continue
        found = registry.version(subject.name, subject.registration(versions))
        if found is not None:
            versions[subject.name] = found
        else:
            new.append(subject)
    _try(registry, new, versions)
    for subject in new:
        body = subject.registration(versions)
        refusal = registry.register(subject.name, body)
        if refusal is not None:
            raise Refused([_incompatible(subject, refusal)])
        versions[subject.name] = registry.version(subject.name, body) or registry.versions(subject.name)
    return [subject.name for subject in new]


def _try(registry: Registry, new: Sequence[Subject], versions: dict[str, int]) -> None:
    """Raises for all that the registry would refuse as incompatible; what refers to something new is tried later."""
    faults: list[str] = []
    for subject in new:
        if any(each not in versions for each in subject.references.values()) or not registry.versions(subject.name):
            continue
        body = subject.registration(versions)
        if not registry.compatible(subject.name, body):
            # It says why only to who registers: this is refused for the same reason.
            refusal = registry.register(subject.name, body)
            faults.append(_incompatible(subject, refusal or "it does not say why"))
    if faults:
        raise Refused(faults)


def _incompatible(subject: Subject, refusal: str) -> str:
    return f"subject {subject.name}: incompatible with its last version ({subject.compatibility}): {refusal}"
