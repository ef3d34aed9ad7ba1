"""The log collector of a stack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import kafka_platform
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.entities import Topic, User
from kafka_platform.kube.images import COLLECTOR_IMAGE
from kafka_platform.logs.monitoring import source
from kafka_platform.logs.objects import LogSettings, objects
from kafka_platform.logs.spec import LOG_COLLECTOR, LogCollectorSpec, log_collector_user, log_topics
from kafka_platform.values.forms import shared
from kafka_platform.values.later import plain
from kafka_platform.values.names import user_secret

from infra.capabilities.capability import Capability, Deployment, Needs, Placed, Program, Rendered, Scrape, Stack
from infra.capabilities.connectors import kafka_faults
from infra.settings.core import Core
from infra.settings.faults import Fault, Known

KEY = "logs"


@dataclass(frozen=True, kw_only=True)
class Logs(LogCollectorSpec):
    """The log collector: lines that containers write, as records."""

    def values(self, settings: Core) -> dict[str, Any]:
        """Its fields as a program writes them."""
        return shared(self, LogCollectorSpec) | {"pod_settings": settings.pod_settings.with_own(self.pod_settings)}


class LogCollection(Capability[Logs]):
    """Writes lines of containers to topics."""

    key = KEY
    names = frozenset({LOG_COLLECTOR})

    def needs(self, section: Logs, settings: Core) -> Needs:
        """A password; and it shows metrics."""
        scrape = Scrape(
            source=source(LOG_COLLECTOR),
            namespace=settings.namespace,
            key=(KEY, "metricsNamespaces"),
            allowed=plain(section.metrics_namespaces),
        )
        return Needs(passwords=["the log collector logs in"], scrapes=[scrape])

    def topics(self, section: Logs, settings: Core) -> Mapping[str, Topic]:
        """Those of the lines, unless the file declares them itself."""
        return {name: topic for name, topic in log_topics(section).items() if name not in settings.topics}

    def offered(self, section: Logs, settings: Core) -> Mapping[str, Topic]:
        """All of them: lines are there to be read."""
        return self.topics(section, settings)

    def users(self, section: Logs, settings: Core) -> Mapping[str, User]:
        """Its own."""
        return {LOG_COLLECTOR: log_collector_user(section, settings.namespace)}

    def programs(self, section: Logs, settings: Core) -> Mapping[str, Program]:
        """It brings lines of containers."""
        places = [f"containers of {each}" for each in section.namespaces]
        return {
            LOG_COLLECTOR: Program(kind="log collector", name="logs", places=places, is_source=True, only_writes=True)
        }

    def described(self, section: Logs) -> str:
        """Of how many namespaces."""
        count = len(section.namespaces)
        return f"logs of {count} namespace{'' if count == 1 else 's'}"

    def faults(self, section: Logs, stack: Stack, known: Known) -> Iterator[Fault]:
        """A Kafka in which it can have no user, and a user that somebody else has."""
        yield from kafka_faults(stack.settings, known, KEY)
        for name, tenant in stack.settings.tenants.items():
            if LOG_COLLECTOR in tenant.users:
                path = ("tenants", name, "users", LOG_COLLECTOR)
                yield Fault(path=path, message="is the user of the log collector: rename it, or remove logs")

    def rendered(self, section: Logs, placed: Placed) -> Iterator[Rendered]:
        """Its objects."""
        settings = placed.settings
        secret = user_secret(LOG_COLLECTOR) if section.user_secret is None else section.user_secret
        made = LogSettings(
            name=LOG_COLLECTOR,
            namespace=settings.namespace,
            connection=with_authority_of(placed.connection, secret),
            image=settings.images.collector or COLLECTOR_IMAGE,
            secret=secret,
            spec=LogCollectorSpec(**section.values(settings)),
        )
        yield from placed.named(LOG_COLLECTOR, objects(made))

    def build(self, section: Logs, deployment: Deployment) -> None:
        """Depends on its topics, its user and that one's password."""
        settings = deployment.settings
        args = kafka_platform.LogCollectorArgs(
            **section.values(settings),
            connection=deployment.connection,
            namespace=settings.namespace,
            image=settings.images.collector or COLLECTOR_IMAGE,
        )
        made = kafka_platform.LogCollector(LOG_COLLECTOR, args, deployment.options("entities", namespaces=True))
        deployment.outputs[KEY] = {"namespace": made.namespace, "topics": made.topics}
