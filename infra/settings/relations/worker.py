"""Workers beside the topics, users and each other."""

from collections.abc import Iterator

from kafka_platform.kafka.entities import AclResource, Login, Operation, User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.probe.spec import LATENCY_PROBE
from kafka_platform.scaling.spec import Scale
from kafka_platform.values.names import check_workload
from pydantic.alias_generators import to_camel

from infra.settings.faults import Fault, Known, Path, declare
from infra.settings.model import Settings
from infra.settings.relations.declared import Declared, no_topic, overlap
from infra.settings.worker import Worker

_TAKEN = frozenset({"kafka", "gateway", LATENCY_PROBE})
"""Names of Deployments, StatefulSets and Services that a platform has."""


def worker_faults(settings: Settings, known: Known) -> Iterator[Fault]:
    """What workers ask of topics, users and groups."""
    declared = Declared(settings, known)
    groups: dict[str, str] = {}
    for name, worker in settings.workers.items():
        path = ("workers", name)
        try:
            check_workload(name, "worker")
        except ValueError as error:
            yield Fault(path=path, message=str(error))
            continue
        if name in _TAKEN:
            yield Fault(path=path, message=f"{name!r} is a part of the platform itself: choose another name")
        if known(*path):
            try:
                worker.check_purpose()
            except ValueError as error:
                yield Fault(path=(*path, "reads"), message=str(error).partition(": ")[2])
        if worker.tenant not in settings.tenants and known.names("tenants") == []:
            fix = declare("tenants", settings.tenants)
            yield Fault(path=(*path, "tenant"), message=f"{worker.tenant!r} is not a tenant of this file: {fix}")
        if declared.complete:
            for key, topics in (("reads", worker.reads), ("writes", worker.writes)):
                for topic in topics:
                    if not declared.has(topic):
                        yield Fault(path=(*path, key), message=no_topic(topic, declared.topics))
        group = worker.group or name
        if worker.reads and groups.setdefault(group, name) != name:
            yield Fault(
                path=(*path, "group") if worker.group else path,
                message=f"worker {groups[group]!r} is in group {group!r} too, each would get a part of the records: write "
                "another group",
            )
        yield from _worker_users(settings, known, name, worker)
        if worker.scale is not None:
            yield from _worker_scale(settings, known, name, worker, worker.scale)


def _worker_users(settings: Settings, known: Known, name: str, worker: Worker) -> Iterator[Fault]:
    path = ("workers", name)
    if not known("tenants") or not known("kafka", "engine") or not known("kafka", "adminSecret"):
        return
    namespace = settings.namespace_of(worker.tenant)
    for made in worker.users(name, namespace, None):
        if made in settings.users:
            yield Fault(
                path=path,
                message=f"its user {made!r} is a tenant's user already: rename one, or let the worker log in as that user "
                f"by {'user' if made == name else 'scalerUser'}",
            )
        elif made != name and made in settings.workers:
            yield Fault(path=path, message=f"the user of its scaler, {made!r}, is another worker's: rename one")
    external = settings.kafka.engine is Engine.EXTERNAL
    managed = not external or settings.kafka.admin_secret is not None
    logs_in = not external or settings.kafka.sasl is not None
    for key, given, needed in (("user", worker.user, True), ("scalerUser", worker.scaler_user, worker.scales_by_lag)):
        if given is None:
            if needed and logs_in and not managed:
                yield Fault(
                    path=(*path, key),
                    message="missing, an administrator makes users: name one that is there, or his Secret in kafka.adminSecret",
                )
        elif not needed:
            yield Fault(path=(*path, key), message="lag does not decide on the number of pods: remove the key")
        elif managed:
            yield from _worker_user(settings, (*path, key), given, worker, worker.group or name)


def _worker_user(settings: Settings, path: Path, name: str, worker: Worker, group: str) -> Iterator[Fault]:
    """What is wrong with a user of this file that a worker, or its scaler, logs in as."""
    user, namespace = settings.users.get(name), settings.namespace_of(worker.tenant)
    if user is None:
        fix = declare("tenants", settings.users)
        yield Fault(path=path, message=f"{name!r} is not a user of this file: {fix}")
        return
    if user.namespace != namespace:
        yield Fault(
            path=path,
            message=f"the Secret of {name!r} is delivered to namespace {user.namespace!r}, and the worker is in "
            f"{namespace!r}: use a user of tenant {worker.tenant!r}",
        )
    if user.auth is not Login.SCRAM:
        yield Fault(path=path, message=f"{name!r} has no password, and workers log in by one: use another user")
    needed = [(AclResource.TOPIC, topic, Operation.READ) for topic in worker.reads]
    needed += [(AclResource.GROUP, group, Operation.READ)] if worker.reads else []
    needed += [(AclResource.TOPIC, topic, Operation.WRITE) for topic in worker.writes]
    if path[-1] == "scalerUser":
        needed = [(kind, what, Operation.DESCRIBE) for kind, what, action in needed if action is Operation.READ]
    for kind, what, action in needed:
        if not _may(user, kind, what, action):
            yield Fault(
                path=path,
                message=f"{name!r} may not {action.value.lower()} {kind.value} {what!r}: allow it, or leave the key out, then "
                "a user is made that may",
            )


def _may(user: User, kind: AclResource, name: str, action: Operation) -> bool:
    return any(
        acl.resource is kind and overlap(acl.name, name) and {action, Operation.ALL} & set(acl.operations)
        for acl in user.all_acls()
    )


def _worker_scale(settings: Settings, known: Known, name: str, worker: Worker, scale: Scale) -> Iterator[Fault]:
    path = ("workers", name, "scale")
    if settings.keda is None and known("keda"):
        yield Fault(
            path=path, message="needs KEDA: write keda: {install: true}, or an empty keda: where the cluster has it"
        )
    if known.names("topics") != []:
        return
    try:
        worker.most_pods(scale, name, settings.partitions_of(worker.reads))
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        inner = tuple(to_camel(part) for part in field.split(".")[1:])
        message = message.replace("activation_lag", "activationLag").replace("offset_reset", "offsetReset")
        yield Fault(path=(*path, *inner), message=message.replace("write it, or partitions", "write it"))
