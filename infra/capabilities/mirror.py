"""The mirror of a stack: what it needs, and its objects where Strimzi runs it. Elsewhere Kafka Connect runs its connectors."""

from collections.abc import Iterator, Mapping

import kafka_platform
from kafka_platform.connect.common import connector_user_name
from kafka_platform.connect.spec import RunBy, connect_image
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.entities import Topic, User
from kafka_platform.mirror.connectors import OFFSETS, replication_topics, replication_users
from kafka_platform.mirror.monitoring import source
from kafka_platform.mirror.operated import objects
from kafka_platform.mirror.settings import MirrorSettings
from kafka_platform.mirror.spec import MIRROR, ReplicationSpec
from kafka_platform.values.forms import shared
from kafka_platform.values.later import plain
from kafka_platform.values.names import user_secret

from infra.capabilities.capability import Capability, Deployment, Needs, Placed, Program, Rendered, Scrape, Stack
from infra.capabilities.connectors import KEY as CONNECTORS, connectors_of, kafka_faults
from infra.capabilities.mirrors import Mirror, operated
from infra.settings.core import Core
from infra.settings.faults import Fault, Known

KEY = "mirror"


class Replication(Capability[Mirror]):
    """Topics of another Kafka, and the offsets of consumer groups in them."""

    key = KEY
    names = frozenset({MIRROR, f"{MIRROR}-*"})

    def needs(self, section: Mirror, settings: Core) -> Needs:
        """A password; and where Strimzi runs it, it shows metrics."""
        if not operated(settings):
            return Needs()
        allowed = plain(section.metrics_namespaces)
        scrape = Scrape(
            source=source(MIRROR, section.state),
            namespace=settings.namespace,
            key=(KEY, "metricsNamespaces"),
            allowed=allowed,
        )
        return Needs(passwords=["the mirror logs in"], scrapes=[scrape])

    def topics(self, section: Mirror, settings: Core) -> Mapping[str, Topic]:
        """Those that it needs for itself, where Kafka Connect does not declare them."""
        return replication_topics(section, settings.kafka.engine) if operated(settings) else {}

    def users(self, section: Mirror, settings: Core) -> Mapping[str, User]:
        """Its own, where it is none of Kafka Connect's."""
        if not operated(settings):
            return {}
        return replication_users(section, settings.namespace, settings.kafka.engine)

    def programs(self, section: Mirror, settings: Core) -> Mapping[str, Program]:
        """It brings records from the other Kafka. To set offsets in topics, it has to be allowed to read them."""
        name, places = section.origin.name, [f"{each.host}:{each.port}" for each in section.origin.places()]
        mirror = Program(kind="mirror", name=name, places=places, is_source=True, only_writes=True)
        if operated(settings):
            return {MIRROR: mirror}
        offsets = Program(kind="mirror", name=f"{name} (offsets)", only_writes=True)
        return {connector_user_name(MIRROR): mirror, connector_user_name(OFFSETS): offsets}

    def described(self, section: Mirror) -> str:
        """Of which Kafka."""
        return f"mirror of {section.origin.name}"

    def faults(self, section: Mirror, stack: Stack, known: Known) -> Iterator[Fault]:
        """A Kafka that mirrors itself, names that are taken, and settings that decide nothing."""
        settings = stack.settings
        yield from kafka_faults(settings, known, KEY)
        own = {MIRROR, OFFSETS}
        for name in sorted(own & connectors_of(settings).keys()):
            yield Fault(path=(CONNECTORS, name), message="is the mirror's own: rename it, or remove mirror")
        users = {MIRROR} if operated(settings) else {connector_user_name(each) for each in own}
        for tenant, declared in settings.tenants.items():
            for user in sorted(users & declared.users.keys()):
                path = ("tenants", tenant, "users", user)
                yield Fault(path=path, message="is the user of the mirror: rename it, or remove mirror")
        if not known("kafka", "engine"):
            return
        servers = getattr(settings.kafka, "bootstrap_servers", None)
        if servers and set(servers.split(",")) & set(section.origin.bootstrap_servers.split(",")):
            message = "is the Kafka that is mirrored to: write the servers of the other one"
            yield Fault(path=(KEY, "origin", "bootstrapServers"), message=message)
        if operated(settings):
            return
        for field, key in (
            ("pods", "pods"),
            ("resources", "resources"),
            ("metrics_namespaces", "metricsNamespaces"),
        ):
            if getattr(section, field):
                message = f"Kafka Connect runs this mirror: write connect.{key} instead"
                yield Fault(path=(KEY, key), message=message)

    def rendered(self, section: Mirror, placed: Placed) -> Iterator[Rendered]:
        """Its objects, where Strimzi runs it."""
        settings, connection = placed.settings, placed.connection
        if not operated(settings):
            return
        secret = user_secret(MIRROR) if connection.sasl_mechanism is not None else None
        made = MirrorSettings(
            name=MIRROR,
            namespace=settings.namespace,
            connection=with_authority_of(connection, secret),
            image=settings.images.connect or connect_image(RunBy.STRIMZI),
            spec=section.values(settings),
            spread=settings.kafka.spread,
        )
        yield from placed.named(MIRROR, objects(made))

    def build(self, section: Mirror, deployment: Deployment) -> None:
        """Depends on its topics, its user and that one's password."""
        settings = deployment.settings
        if not operated(settings):
            return
        args = kafka_platform.ReplicationArgs(
            **shared(section.values(settings), ReplicationSpec),
            connection=deployment.connection,
            namespace=settings.namespace,
            spread=settings.kafka.spread,
            image=settings.images.connect,
            runtime_image=settings.runtime_image,
        )
        made = kafka_platform.Replication(MIRROR, args, deployment.options("entities", namespaces=True))
        deployment.outputs[KEY] = {"namespace": made.namespace, "service": made.service}
