"""The workers of a stack."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import kafka_platform
from kafka_platform.exporter.spec import Surge
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.entities import Quotas, User
from kafka_platform.scaling import objects as scaling
from kafka_platform.scaling.spec import Scale, scaler_user_name
from kafka_platform.values.forms import shared
from kafka_platform.values.later import plain
from kafka_platform.values.names import user_secret
from kafka_platform.worker.monitoring import source
from kafka_platform.worker.objects import WorkerSettings, objects
from kafka_platform.worker.spec import WorkerSpec
from pydantic.alias_generators import to_camel

from infra.capabilities.applications import application_faults, rights_to_state
from infra.capabilities.capability import (
    Capability,
    Deployment,
    LeastKubernetes,
    Needs,
    Placed,
    Program,
    Reader,
    Rendered,
    Scrape,
    Stack,
)
from infra.capabilities.exporter import surge_url
from infra.capabilities.operators import Keda
from infra.capabilities.programs import (
    Login,
    knows_users,
    login_faults,
    misnamed,
    program_faults,
    rights_of,
    rights_to_look,
    shared_group,
    taken_user,
)
from infra.capabilities.registry import connection_for
from infra.settings.core import Core
from infra.settings.faults import Fault, Known


@dataclass(frozen=True, kw_only=True)
class Worker(WorkerSpec):
    """A team's service that reads from Kafka, writes to it, or both. It runs in its tenant's namespace."""

    tenant: str
    """Tenant of this file that it belongs to, which decides its namespace and its user's quotas. Required."""

    def callers_in(self, settings: Core) -> Sequence[str]:
        """The namespaces whose pods may reach its ports; none: all."""
        named = plain(self.client_namespaces)
        return (settings.namespace_of(self.tenant), *named) if named else ()

    def users(self, name: str, namespace: str, quotas: Quotas | None) -> Mapping[str, User]:
        """The users of the worker of that name: its own, and its scaler's."""
        made = {user: replace(each, namespace=namespace) for user, each in self.users_of(name).items()}
        return {user: replace(each, quotas=quotas) if user == name else each for user, each in made.items()}

    def values(self, name: str, settings: Core) -> dict[str, Any]:
        """Its fields as a program writes them. Its users are created with all others."""
        scaler = self.scaler_user or (scaler_user_name(name) if self.scales_by_lag else None)
        pods = settings.pod_settings.with_own(self.pod_settings)
        return shared(self, WorkerSpec) | {
            "user": self.user or name,
            "user_secret": settings.secret_of(self.user, self.user_secret),
            "scaler_user": scaler,
            "scaler_user_secret": settings.secret_of(scaler, self.scaler_user_secret),
            "pod_settings": pods,
        }


_SLEEP = LeastKubernetes(minor=30, because="workers with ports serve them for a while by preStop.sleep when they end")


class Workers(Capability[Mapping[str, Worker]]):
    """Teams' services, each with a Kafka user of its own."""

    key = "workers"

    def needs(self, section: Mapping[str, Worker], settings: Core) -> Needs:
        """Passwords; and Prometheus scrapes workers with a port called `metrics`."""
        scrapes = [
            Scrape(
                source=replace(source(name), namespace=settings.namespace_of(worker.tenant)),
                namespace=settings.namespace_of(worker.tenant),
                key=("workers", name, "clientNamespaces"),
                allowed=worker.callers_in(settings),
            )
            for name, worker in sorted(section.items())
            if "metrics" in worker.ports
        ]
        sleeping = any(worker.ports and not worker.stop_command for worker in section.values())
        return Needs(
            passwords=["workers log in"],
            scrapes=scrapes,
            kubernetes=[_SLEEP] if sleeping else [],
            schemas=[name for name, worker in sorted(section.items()) if worker.user is None],
        )

    def users(self, section: Mapping[str, Worker], settings: Core) -> Mapping[str, User]:
        """Their own, and their scalers'."""
        return {
            user: declared
            for name, worker in section.items()
            for user, declared in worker.users(
                name, settings.namespace_of(worker.tenant), settings.quotas_of(worker.tenant)
            ).items()
        }

    def programs(self, section: Mapping[str, Worker], settings: Core) -> Mapping[str, Program]:
        """Those with a user of their own: others read and write as a tenant's user."""
        return {
            name: Program(kind="worker", name=name, tenant=each.tenant)
            for name, each in section.items()
            if each.user is None
        }

    def readers(self, section: Mapping[str, Worker], settings: Core) -> Iterator[Reader]:
        """Those that are scaled by lag."""
        for name, each in section.items():
            if each.scale is not None and each.scale.by_lag:
                quotas = settings.quotas_of(each.tenant)
                yield Reader(
                    what=f"worker {name!r}",
                    path=(self.key, name),
                    reads=each.reads,
                    scale=each.scale,
                    consume=quotas.consume if quotas is not None and each.user is None else None,
                )

    def surges(self, section: Mapping[str, Worker], stack: Stack) -> Iterator[Surge]:
        """Those that say what a pod handles, of one topic, and always have a pod."""
        for name, each in sorted(section.items()):
            scale = each.scale
            if scale is None or not scale.follows_arrivals(each.reads):
                continue
            assert scale.records_per_second_per_pod is not None  # noqa: S101 - the two belong together
            assert scale.acceptable_delay is not None  # noqa: S101
            yield Surge(
                namespace=stack.settings.namespace_of(each.tenant),
                name=name,
                topic=each.reads[0],
                records_per_second_per_pod=scale.records_per_second_per_pod,
                acceptable_delay=scale.acceptable_delay,
                max=each.most_pods(scale, name, stack.partitions_of(each.reads)),
            )

    def described(self, section: Mapping[str, Worker]) -> str:
        """How many there are."""
        return "1 worker" if len(section) == 1 else f"{len(section):,} workers"

    def faults(self, section: Mapping[str, Worker], stack: Stack, known: Known) -> Iterator[Fault]:
        """Conflicts with topics, users and groups."""
        groups: dict[str, str] = {}
        for name, worker in section.items():
            path = (self.key, name)
            if (wrong := misnamed(path, name, "worker", stack)) is not None:
                yield wrong
                continue
            yield from program_faults(path, worker, worker.tenant, stack, known)
            group = worker.group or name
            if worker.reads and groups.setdefault(group, name) != name:
                yield shared_group(path, worker, f"worker {groups[group]!r}", group)
            yield from _users(stack.settings, section, known, name, worker)
            if worker.scale is not None:
                yield from _scale(stack, known, name, worker, worker.scale)
            if worker.state is not None and knows_users(known):
                yield from application_faults(section, name, worker.state, stack, known)

    def rendered(self, section: Mapping[str, Worker], placed: Placed) -> Iterator[Rendered]:
        """Their objects, and those that scale them."""
        settings = placed.settings
        for name, each in sorted(section.items()):
            spec = WorkerSpec(**each.values(name, settings))
            worker = WorkerSettings.of(
                name=name,
                namespace=settings.namespace_of(each.tenant),
                connection=placed.connection,
                spec=spec,
                runtime_image=settings.runtime_image,
                spread=settings.kafka.spread,
                registry=connection_for(placed, spec.user or name, settings.namespace_of(each.tenant)),
            )
            yield from placed.named(name, objects(worker))
            if spec.scale is not None:
                scaler = _scaler(worker, spec.scale, placed)
                yield from placed.named(scaler.name, scaling.objects(scaler))

    def build(self, section: Mapping[str, Worker], deployment: Deployment) -> None:
        """Depends on their users; and on KEDA if they are scaled."""
        settings, connection = deployment.settings, deployment.connection
        for name, worker in sorted(section.items()):
            operator = ["keda"] if worker.scale is not None else []
            servers = deployment.once_made(connection.bootstrap_servers, "entities")
            args = kafka_platform.StreamWorkerArgs(
                **worker.values(name, settings),
                connection=replace(connection, bootstrap_servers=servers),
                namespace=deployment.once_made(settings.namespace_of(worker.tenant), *operator, namespaces=True),
                registry=connection_for(deployment, worker.user or name, settings.namespace_of(worker.tenant)),
                partitions=deployment.stack.partitions_of(worker.reads),
                spread=settings.kafka.spread,
                surge=surge_url(settings) if worker.scale is not None else None,
                runtime_image=settings.runtime_image,
            )
            made = kafka_platform.StreamWorker(name, args, deployment.options())
            deployment.outputs.setdefault("workers", {})[name] = {
                "namespace": made.namespace,
                "deployment": made.deployment,
                "user": made.user,
                "group": made.group,
            }


def _scaler(worker: WorkerSettings, scale: Scale, placed: Placed) -> scaling.ScalerSettings:
    spec, connection = worker.spec, placed.connection
    user, secret = spec.scaler_user or scaler_user_name(worker.name), spec.scaler_user_secret
    secret = (user_secret(user) if secret is None else secret) if scale.by_lag and connection.logs_in else None
    return scaling.ScalerSettings(
        name=scaler_user_name(worker.name),
        namespace=worker.namespace,
        connection=with_authority_of(connection, secret),
        scale=scale,
        max=spec.most_pods(scale, worker.name, placed.stack.partitions_of(spec.reads)),
        target=worker.name,
        target_kind=spec.workload,
        topics=spec.reads,
        group=worker.group,
        offset_reset=spec.offset_reset,
        secret=secret,
        surge=surge_url(placed.settings),
    )


def _users(settings: Core, workers: Mapping[str, Worker], known: Known, name: str, worker: Worker) -> Iterator[Fault]:
    path = ("workers", name)
    if not knows_users(known):
        return
    for made in worker.users(name, settings.namespace_of(worker.tenant), None):
        if made in settings.users:
            yield taken_user(path, made, "worker", "user" if made == name else "scalerUser")
        elif made != name and made in workers:
            yield Fault(path=path, message=f"the user of its scaler, {made!r}, is another worker's: rename one")
    group = worker.group or name
    own = Login(
        key="user",
        user=worker.user,
        secret=settings.secret_of(worker.user, worker.user_secret),
        rights=[*rights_of(worker, group), *rights_to_state(worker, group)],
    )
    scalers = Login(
        key="scalerUser",
        user=worker.scaler_user,
        secret=settings.secret_of(worker.scaler_user, worker.scaler_user_secret),
        rights=rights_to_look(worker, group),
        needed=worker.scales_by_lag,
    )
    yield from login_faults(settings, path, "worker", worker.tenant, [own, scalers])


def _scale(stack: Stack, known: Known, name: str, worker: Worker, scale: Scale) -> Iterator[Fault]:
    path = ("workers", name, "scale")
    if stack.of(Keda) is None and known("keda"):
        yield Fault(path=path, message="needs KEDA: write keda: {install: true}, or keda: {} where the cluster has it")
    if not stack.knows_topics(known):
        return
    try:
        worker.most_pods(scale, name, stack.partitions_of(worker.reads))
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        inner = tuple(to_camel(part) for part in field.split(".")[1:])
        message = message.replace("activation_lag", "activationLag").replace("offset_reset", "offsetReset")
        yield Fault(path=(*path, *inner), message=message.replace("write it, or partitions", "write it"))
