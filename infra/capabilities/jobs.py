"""The jobs of a stack: teams' programs that run on a schedule."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import kafka_platform
from kafka_platform.job.monitoring import source
from kafka_platform.job.objects import JobSettings, objects
from kafka_platform.job.spec import JobSpec
from kafka_platform.kafka.entities import User
from kafka_platform.values.forms import shared

from infra.capabilities.capability import (
    Capability,
    Deployment,
    LeastKubernetes,
    Needs,
    Placed,
    Program,
    Rendered,
    Scrape,
    Stack,
)
from infra.capabilities.programs import (
    Login,
    knows_users,
    login_faults,
    misnamed,
    program_faults,
    rights_of,
    shared_group,
    taken_user,
)
from infra.capabilities.registry import connection_for
from infra.capabilities.workers import Workers
from infra.settings.core import Core
from infra.settings.faults import Fault, Known


@dataclass(frozen=True, kw_only=True)
class Job(JobSpec):
    """A team's program that runs on a schedule and ends. It runs in its tenant's namespace."""

    tenant: str
    """Tenant of this file that it belongs to, which decides its namespace and its user's quotas. Required."""

    def values(self, name: str, settings: Core) -> dict[str, Any]:
        """Its fields as a program writes them. Its user is created with all others."""
        return shared(self, JobSpec) | {
            "user": self.user or name,
            "user_secret": settings.secret_of(self.user, self.user_secret),
            "pod_settings": settings.pod_settings.with_own(self.pod_settings),
        }


_TIME_ZONES = LeastKubernetes(minor=27, because="jobs have a time zone")


class Jobs(Capability[Mapping[str, Job]]):
    """Teams' programs that run on a schedule, each with a Kafka user of its own."""

    key = "jobs"

    def needs(self, section: Mapping[str, Job], settings: Core) -> Needs:
        """Passwords; and kube-state-metrics tells of their runs."""
        scrapes = [
            Scrape(
                source=replace(source(name, job), namespace=settings.namespace_of(job.tenant)),
                namespace=settings.namespace_of(job.tenant),
                key=(self.key, name),
                allowed=(),
            )
            for name, job in sorted(section.items())
        ]
        return Needs(
            passwords=["jobs log in"],
            scrapes=scrapes,
            kubernetes=[_TIME_ZONES],
            schemas=[name for name, job in sorted(section.items()) if job.user is None],
        )

    def users(self, section: Mapping[str, Job], settings: Core) -> Mapping[str, User]:
        """Their own."""
        return {
            user: replace(declared, namespace=settings.namespace_of(job.tenant), quotas=settings.quotas_of(job.tenant))
            for name, job in section.items()
            for user, declared in job.user_of(name).items()
        }

    def programs(self, section: Mapping[str, Job], settings: Core) -> Mapping[str, Program]:
        """Those with a user of their own: others read and write as a tenant's user."""
        return {
            name: Program(kind="job", name=name, tenant=each.tenant, when=each.schedule)
            for name, each in section.items()
            if each.user is None
        }

    def described(self, section: Mapping[str, Job]) -> str:
        """How many there are."""
        return "1 job" if len(section) == 1 else f"{len(section):,} jobs"

    def faults(self, section: Mapping[str, Job], stack: Stack, known: Known) -> Iterator[Fault]:
        """Conflicts with topics, users, groups, and workers, which have users and groups of their names too."""
        settings = stack.settings
        workers = Workers().section(settings) or {}
        made = {user for name, each in workers.items() for user in each.users_of(name)}
        groups = {each.group or name: f"worker {name!r}" for name, each in workers.items() if each.reads}
        for name, job in section.items():
            path = (self.key, name)
            if (wrong := misnamed(path, name, "job", stack)) is not None:
                yield wrong
                continue
            if name in workers or name in made:
                yield Fault(path=path, message=f"{name!r} is the name of a worker, or of its user, too: rename one")
            yield from program_faults(path, job, job.tenant, stack, known)
            group, own = job.group or name, f"job {name!r}"
            if job.reads and groups.setdefault(group, own) != own:
                yield shared_group(path, job, groups[group], group)
            if not knows_users(known):
                continue
            if job.user is None and name in settings.users:
                yield taken_user(path, name, "job", "user")
            secret = settings.secret_of(job.user, job.user_secret)
            login = Login(key="user", user=job.user, secret=secret, rights=rights_of(job, group))
            yield from login_faults(settings, path, "job", job.tenant, [login])

    def rendered(self, section: Mapping[str, Job], placed: Placed) -> Iterator[Rendered]:
        """Their objects."""
        settings = placed.settings
        for name, each in sorted(section.items()):
            spec = JobSpec(**each.values(name, settings))
            job = JobSettings.of(
                name=name,
                namespace=settings.namespace_of(each.tenant),
                connection=placed.connection,
                spec=spec,
                runtime_image=settings.runtime_image,
                registry=connection_for(placed, spec.user or name, settings.namespace_of(each.tenant)),
            )
            yield from placed.named(name, objects(job))

    def build(self, section: Mapping[str, Job], deployment: Deployment) -> None:
        """Depends on their users."""
        settings, connection = deployment.settings, deployment.connection
        servers = deployment.once_made(connection.bootstrap_servers, "entities")
        for name, job in sorted(section.items()):
            namespace = settings.namespace_of(job.tenant)
            args = kafka_platform.ScheduledJobArgs(
                **job.values(name, settings),
                connection=replace(connection, bootstrap_servers=servers),
                namespace=deployment.once_made(namespace, namespaces=True),
                registry=connection_for(deployment, job.user or name, namespace),
                runtime_image=settings.runtime_image,
            )
            made = kafka_platform.ScheduledJob(name, args, deployment.options())
            deployment.outputs.setdefault("jobs", {})[name] = {
                "namespace": made.namespace,
                "cronJob": made.cron_job,
                "user": made.user,
                "group": made.group,
            }
