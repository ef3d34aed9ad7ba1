"""This pod's consumer instances, under the names that their owners chose."""

import asyncio
import logging

from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.consumers.faults import exists
from kafka_platform_runtime.gateway.consumers.instance import Instance
from kafka_platform_runtime.gateway.consumers.keys import InstanceKey
from kafka_platform_runtime.gateway.consumers.options import Options
from kafka_platform_runtime.gateway.consumers.peers import CREATING, HOP, POD, Peers
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.http import Request
from kafka_platform_runtime.supervision import WATCH, whereabouts

LOG = logging.getLogger("gateway")

TICK_SECONDS = 0.5
"""How long other group members wait at most until an instance that nobody reads from takes part in a rebalance."""
CLOSE_SECONDS = 10.0
"""How long the consumers may take to leave their groups at shutdown."""


class _Making:
    """A name about to be taken, while the other pods are asked whether they have it or are taking it."""

    __slots__ = ("gave_way",)

    def __init__(self) -> None:
        self.gave_way = False
        """Another pod may make it, so it must not be made here."""


class Instances:
    """Makes instances, keeps them up, and ends those that are deleted or unused.

    Args:
        core: what all parts share.
        peers: the other pods, where the same caller may have an instance with the same name.
    """

    def __init__(self, core: Core, peers: Peers) -> None:
        self._pod = core.pod
        self._limits = core.limits
        self._callers = core.callers
        self._peers = peers
        self._instances: dict[InstanceKey, Instance] = {}
        self._making: dict[InstanceKey, _Making] = {}
        self._maintenance: asyncio.Task[None] | None = None
        self._endings: set[asyncio.Task[None]] = set()

    def get(self, key: InstanceKey) -> Instance | None:
        """The instance, if it lives here."""
        return self._instances.get(key)

    async def make(self, request: Request, key: InstanceKey, options: Options, *, ask: bool) -> Instance:
        """Make an instance and keep it under its name.

        Args:
            request: its caller becomes the owner.
            key: its name.
            options: of the consumer.
            ask: whether to ask if an instance in another pod has the name.

        Raises:
            GatewayError: the name is taken, the group is not this user's, or the limit of consumers is reached.
        """
        if key in self._instances:
            raise exists(key)
        # It counts from here on, also while it waits.
        release = self._callers.claim_consumer(request.caller)
        instance: Instance | None = None
        try:
            instance = Instance(key=key, options=options, caller=request.caller, limits=self._limits, release=release)
            # Kafka first decides whether this caller may use the group; only then is the name taken.
            await instance.open()
            await self._take_name(request, instance, ask=ask)
        except BaseException:
            if instance is None:
                release()
            else:
                self._end(instance)
            raise
        if self._maintenance is None:
            self._maintenance = WATCH.vital("upkeep of consumers", self._maintain())
        return instance

    async def _take_name(self, request: Request, instance: Instance, *, ask: bool) -> None:
        """Keep an instance under its name, unless this caller has another one with that name here or in another pod.

        Raises:
            GatewayError: they have.
        """
        key = instance.key
        if key in self._instances or key in self._making:
            raise exists(key)
        if ask and self._peers.any:
            made = self._making[key] = _Making()
            try:
                home = await self._peers.locate(request, key, creating=True)
            finally:
                del self._making[key]
            if home is not None or made.gave_way:
                raise exists(key)
        self._instances[key] = instance

    def give_way(self, request: Request, key: InstanceKey) -> None:
        """Two pods are about to make the same instance: the one whose name sorts first continues.

        Raises:
            GatewayError: this one does.
        """
        made = self._making.get(key)
        asking = request.header(HOP) or ""
        # If the name server does not know this pod yet, it also asks itself.
        if made is None or not request.header(CREATING) or asking == self._pod:
            return
        if self._pod < asking:
            refusal = exists(key)
            refusal.headers = ((POD, self._pod),)
            raise refusal
        made.gave_way = True

    async def delete(self, instance: Instance) -> None:
        """End an instance on its owner's request: what was handed out was received."""
        self._instances.pop(instance.key, None)
        await asyncio.shield(self._end(instance, deliberate=True))

    def _end(self, instance: Instance, *, deliberate: bool = False) -> asyncio.Task[None]:
        task = WATCH.errand("end of a consumer", instance.close(deliberate=deliberate))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        return task

    async def _maintain(self) -> None:
        """Regularly let the instances take part in their groups, and end unused ones."""
        with WATCH.heart("The upkeep of consumers") as beat:
            while True:
                await asyncio.sleep(TICK_SECONDS)
                beat()
                expired = now() - self._limits.consumer_idle_seconds
                for key, instance in list(self._instances.items()):
                    try:
                        if not instance.requests and instance.used_at < expired:
                            del self._instances[key]
                            self._end(instance)
                        else:
                            instance.tick()
                    except Exception as error:  # only this caller is affected: the others continue
                        LOG.error("A consumer cannot be kept up: %s", whereabouts(error))

    async def close(self) -> None:
        """Let every consumer leave its group."""
        if self._maintenance is not None:
            self._maintenance.cancel()
        for instance in self._instances.values():
            self._end(instance)
        self._instances.clear()
        if self._endings:
            await asyncio.wait(self._endings, timeout=CLOSE_SECONDS)
