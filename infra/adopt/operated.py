"""What Strimzi's operators manage in the Kafka that is adopted, by its custom resources: two managers of one topic would fight over it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kafka_platform.entities.strimzi import CERTIFICATE_NAME
from kafka_platform.kube.operated import STRIMZI_CLUSTER_LABEL

from infra.adopt.access import AdoptError
from infra.adopt.declaring import USER
from infra.adopt.inventory import Inventory
from infra.live.text import shown

COMMAND = "kubectl get kafkas,kafkatopics,kafkausers -n NAMESPACE -o json"
_OWN_TOPICS = "strimzi.cruisecontrol."
"""Beginning of the topics that Cruise Control makes for itself."""
_UNMANAGED = "strimzi.io/managed"
_OPERATORS = {"KafkaTopic": "topicOperator", "KafkaUser": "userOperator"}
_BY_CERTIFICATE = ("tls", "tls-external")


@dataclass(frozen=True, kw_only=True)
class Operated:
    """The topics and users of one cluster that operators manage, each with the name of its object."""

    cluster: str
    topics: Mapping[str, str]
    users: Mapping[str, str]
    notes: Sequence[str] = ()
    """What else there is to know of the objects, one line each."""


def operated_in(text: str, cluster: str | None = None) -> Operated:
    """What the operators of a cluster manage.

    Args:
        text: what `COMMAND` prints.
        cluster: name of the Kafka; None: there is one alone.

    Raises:
        AdoptError: the text is something else, or it is not clear which Kafka is meant.
    """
    try:
        items = json.loads(text)["items"]
        named = [(str(each["kind"]), str(each["metadata"]["name"]), each) for each in items]
    except (ValueError, KeyError, TypeError) as error:
        raise AdoptError(f"the custom resources cannot be read, {error!r}: give what `{COMMAND}` prints") from None
    kafka = _kafka([each for kind, _, each in named if kind == "Kafka"], cluster)
    cluster, notes = str(kafka["metadata"]["name"]), list[str]()
    found: dict[str, dict[str, str]] = {kind: {} for kind in _OPERATORS}
    for kind, name, each in sorted(named, key=lambda item: item[:2]):
        if kind in _OPERATORS and (each["metadata"].get("labels") or {}).get(STRIMZI_CLUSTER_LABEL) == cluster:
            why = _why_not(kind, each, kafka)
            if why is None:
                found[kind][_topic(each) if kind == "KafkaTopic" else _user(each)] = name
            else:
                notes.append(f"{kind} {name}: {why}")
    return Operated(cluster=cluster, topics=found["KafkaTopic"], users=found["KafkaUser"], notes=notes)


def _kafka(kafkas: Sequence[Any], cluster: str | None) -> Any:
    known = {str(each["metadata"]["name"]): each for each in kafkas}
    names = ", ".join(map(shown, sorted(known)))
    if not known:
        raise AdoptError(f"no Kafka is among the custom resources: give what `{COMMAND}` prints")
    if cluster is None and len(known) > 1:
        raise AdoptError(f"the custom resources are of several Kafkas: name one of {names} as --cluster")
    chosen = cluster or next(iter(known))
    if chosen not in known:
        raise AdoptError(f"--cluster: {chosen!r} is not among the custom resources: name one of {names}")
    if sum(each["metadata"]["name"] == chosen for each in kafkas) > 1:
        raise AdoptError(f"there are Kafkas called {chosen} in several namespaces: give those of one with -n NAMESPACE")
    return known[chosen]


def _why_not(kind: str, declared: Any, kafka: Any) -> str | None:
    """Why no operator of the Kafka manages an object; None if one does."""
    operator = (kafka["spec"].get("entityOperator") or {}).get(_OPERATORS[kind])
    if operator is None:
        return f"nobody carries it out, as the Kafka has no {_OPERATORS[kind]}: what is in Kafka is declared here"
    home = kafka["metadata"].get("namespace")
    watched = operator.get("watchedNamespace") or home
    if declared["metadata"].get("namespace", home) != watched:
        return f"nobody carries it out, as the {_OPERATORS[kind]} watches the namespace {watched}: what is in Kafka is declared here"
    if kind == "KafkaTopic" and (declared["metadata"].get("annotations") or {}).get(_UNMANAGED) == "false":
        return f"is not managed ({_UNMANAGED} is false): what is in Kafka is declared here"
    return None


def _topic(declared: Any) -> str:
    return str((declared.get("spec") or {}).get("topicName") or declared["metadata"]["name"])


def _user(declared: Any) -> str:
    """What Kafka calls the user."""
    name = str(declared["metadata"]["name"])
    login = ((declared.get("spec") or {}).get("authentication") or {}).get("type")
    return f"{CERTIFICATE_NAME}{name}" if login in _BY_CERTIFICATE else name


def without(found: Inventory, operated: Operated) -> tuple[Inventory, list[str]]:
    """What is left of an inventory, and one line on each that is not, or that is not yet in Kafka."""
    topics = {
        name: each
        for name, each in found.topics.items()
        if name not in operated.topics and not name.startswith(_OWN_TOPICS)
    }
    rest = replace(
        found,
        topics=topics,
        passwords={name: each for name, each in found.passwords.items() if name not in operated.users},
        acls=[each for each in found.acls if each.principal.removeprefix(USER) not in operated.users],
        quotas=[each for each in found.quotas if list(each.of) != ["user"] or each.of["user"] not in operated.users],
    )
    return rest, [*operated.notes, *_left(found, operated)]


def _left(found: Inventory, operated: Operated) -> Iterator[str]:
    for name in sorted(found.topics):
        if name.startswith(_OWN_TOPICS):
            yield f"topic {name}: is Cruise Control's own"
    for name, of in sorted(operated.topics.items()):
        yield f"topic {name}: Strimzi manages it, by the KafkaTopic {of}" + (
            "" if name in found.topics else ", and has not made it"
        )
    principals = {each.principal for each in found.acls}
    users = {*found.passwords, *(each.removeprefix(USER) for each in principals)}
    users |= {str(each.of.get("user")) for each in found.quotas}
    for name, of in sorted(operated.users.items()):
        rights = sum(each.principal == f"{USER}{name}" for each in found.acls)
        seen = f", with {rights} ACL{'' if rights == 1 else 's'}" if name in users else ", and Kafka told nothing of it"
        yield f"user {name}: Strimzi manages it, by the KafkaUser {of}{seen}"
