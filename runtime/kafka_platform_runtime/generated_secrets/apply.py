"""From templates to Secrets: passwords are generated or given once, noted in one place, and filled in."""

import re
import secrets as randomness
import string
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, Protocol

from kafka_platform_runtime.api_server import ConflictError
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.generated_secrets.kubernetes import decoded, encoded
from kafka_platform_runtime.generated_secrets.templates import Template, Templates, parsed

MOST_VERSIONS = 20
"""How many versions of the templates one attempt goes through."""
LENGTH = 32
"""Letters and digits, as of passwords that Pulumi generates: 190 random bits, which no file format has to quote."""
_LETTERS = string.ascii_letters + string.digits
_PASSWORD = re.compile(rf"[A-Za-z0-9]{{{LENGTH}}}")
LEAST, MOST = 16, 128
"""Characters of a password that is given."""
_GIVEN = re.compile(rf"[A-Za-z0-9]{{{LEAST},{MOST}}}")
"""No file format quotes it."""


class Cluster(Protocol):
    """What is needed of Kubernetes."""

    def get(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A Secret; None if it is not there."""
        ...

    def put(self, found: dict[str, Any] | None, secret: dict[str, Any]) -> None:
        """Makes a Secret, or replaces the one that was found; raises `ConflictError` if it is no longer as it was."""
        ...

    def apply(self, secret: dict[str, Any]) -> None:
        """Makes a Secret as it is declared."""
        ...


def converge(newest: Callable[[], str], cluster: Cluster) -> str:
    """Makes all Secrets of the newest templates, also of those that come meanwhile. Returns what was done, in one line.

    Runs of several versions of the files may be at work at the same time: whichever ends last has looked again, and
    the Secrets are as the newest version says.

    Args:
        newest: reads the templates.
        cluster: where the Secrets are.

    Raises:
        Transient: another attempt may succeed.
        Refused: none can.
    """
    for _ in range(MOST_VERSIONS):
        text = newest()
        templates = parsed(text)
        done = apply(templates, cluster)
        # In this order: what a run of a newer version notes after this look is not forgotten.
        noted = cluster.get(templates.namespace, templates.store)
        if newest() == text:
            _forget(templates, noted, cluster)
            return done
    raise Transient("the templates change while they are applied")


def _forget(templates: Templates, noted: dict[str, Any] | None, cluster: Cluster) -> None:
    """Removes passwords that no template needs any more: older versions, and those of users that are gone."""
    known = decoded(noted)
    kept = {mark: known[mark] for mark in templates.marks if mark in known}
    if noted is not None and len(kept) < len(known):
        # Whoever has noted something meanwhile forgets them instead.
        with suppress(ConflictError):
            cluster.put(noted, _secret(templates.namespace, templates.store, encoded(kept)))


def apply(templates: Templates, cluster: Cluster) -> str:
    """Makes all Secrets. Returns what was done, in one line.

    Passwords are noted before anything is made of them, and never change once they are noted: a run that dies is
    continued by the next, and two at once end with the same.

    Raises:
        Transient: another attempt may succeed.
        Refused: none can.
    """
    passwords, made = _passwords(templates, cluster)
    taken, missing = _taken(templates, cluster)
    digests = {mark: sha256(_fill(text, passwords).encode()).hexdigest() for mark, text in templates.digests.items()}
    known = {**passwords, **taken, **digests}
    for template in templates.secrets:
        # The operator may wait for the others.
        if not any(mark in text for mark in missing for text in template.data.values()):
            cluster.apply(_filled(template, known))
    if missing:
        raise Transient(f"{'; '.join(sorted(set(missing.values())))}: waits for the operator that creates it")
    kept = len(templates.marks) - made
    return f"{len(templates.secrets)} Secrets; {made} passwords generated or taken over, {kept} kept"


def _passwords(templates: Templates, cluster: Cluster) -> tuple[Mapping[str, str], int]:
    """The password of each mark, and how many of them are new."""
    store = cluster.get(templates.namespace, templates.store)
    noted = decoded(store)
    given = _given(templates, noted, cluster) if templates.given else {}
    missing = [mark for mark in templates.marks if mark not in noted]
    # Others may be of a newer version of the files, which another run applies.
    wanted = dict(noted)
    if not missing:
        return wanted, 0
    # Once passwords are noted, one that is missing is a new one, even if its Secret has another version of it.
    there = _there(templates.secrets, missing, cluster) if store is None else {}
    _check_in_force(templates, given, there)
    for mark in missing:
        wanted[mark] = given.get(mark) or there.get(mark) or "".join(randomness.choice(_LETTERS) for _ in range(LENGTH))
    try:
        cluster.put(store, _secret(templates.namespace, templates.store, encoded(wanted)))
    except ConflictError as conflict:
        raise Transient(f"{conflict} was changed by another run") from None
    return wanted, len(missing)


def _given(templates: Templates, noted: Mapping[str, str], cluster: Cluster) -> dict[str, str]:
    """The passwords that somebody gives, by mark. A password that is in force stays: another one needs another version."""
    name = f"Secret {templates.namespace}/{templates.given_in}"
    data = decoded(cluster.get(templates.namespace, templates.given_in))
    if absent := sorted(key for key in templates.given.values() if key not in data):
        raise Transient(f"{name}: waits for the keys {', '.join(absent)}")
    given = {mark: data[key] for mark, key in templates.given.items()}
    if wrong := sorted(templates.given[mark] for mark, each in given.items() if not _GIVEN.fullmatch(each)):
        raise Refused(
            [f"{name}: {key}: write {LEAST} to {MOST} letters and digits, and no line's end" for key in wrong]
        )
    _check_in_force(templates, given, noted)
    return given


def _check_in_force(templates: Templates, given: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Raises `Refused` for a password that is given, and is not the one that is known."""
    others = sorted(templates.given[mark] for mark, each in given.items() if known.get(mark, each) != each)
    if others:
        fix = (
            "give that one again, or raise passwordVersion and give the new one under the key that `render` prints then"
        )
        raise Refused(
            [
                f"Secret {templates.namespace}/{templates.given_in}: {key}: another one is in force: {fix}"
                for key in others
            ]
        )


def _taken(templates: Templates, cluster: Cluster) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What operators' Secrets have, by mark; and what they do not have yet."""
    found: dict[str, str] = {}
    missing: dict[str, str] = {}
    secrets = {each.name: decoded(cluster.get(templates.namespace, each.name)) for each in templates.taken.values()}
    for mark, each in templates.taken.items():
        data = secrets[each.name]
        # While an authority is replaced by another there are two.
        keys = [each.key] if each.key is not None else sorted(key for key in data if key.endswith(".crt"))
        if keys and all(data.get(key) for key in keys):
            found[mark] = "\n".join(data[key].rstrip() for key in keys)
        else:
            missing[mark] = f"Secret {templates.namespace}/{each.name}"
    return found, missing


def _there(secrets: Sequence[Template], missing: Sequence[str], cluster: Cluster) -> dict[str, str]:
    """Passwords that are not noted, and stand in Secrets that exist: whoever made those, they stay as they are."""
    found: dict[str, str] = {}
    for template in secrets:
        places = {key: text for key, text in template.data.items() if text in missing}
        if not places:
            continue
        data = decoded(cluster.get(template.namespace, template.name))
        for key, mark in places.items():
            # What files would have to quote was not made by this platform.
            if _PASSWORD.fullmatch(data.get(key, "")):
                found.setdefault(mark, data[key])
    return found


def _fill(text: str, known: Mapping[str, str]) -> str:
    """The text with all marks replaced."""
    return re.sub("|".join(map(re.escape, known)), lambda mark: known[mark[0]], text) if known else text


def _filled(template: Template, known: Mapping[str, str]) -> dict[str, Any]:
    data = encoded({key: _fill(text, known) for key, text in template.data.items()})
    secret = _secret(template.namespace, template.name, data, template.type)
    about = {"annotations": dict(template.annotations), "labels": dict(template.labels)}
    secret["metadata"] |= {key: each for key, each in about.items() if each}
    return secret


def _secret(namespace: str, name: str, data: Mapping[str, str], kind: str = "Opaque") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": kind,
        "data": dict(data),
    }
