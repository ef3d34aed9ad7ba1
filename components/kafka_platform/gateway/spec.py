"""The spec of an HTTP gateway: size, limits and exposure. No Pulumi."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from fractions import Fraction

from kafka_platform.gateway.exposure import Exposure
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.values.checks import check_origins, check_proxies
from kafka_platform.values.forms import (
    Compute,
    Spec,
    formed,
    mapping,
    memory_of,
    named,
    names,
    namespaces,
    processors,
    size,
    wait,
)
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain, check_topic, check_user, check_user_secret, user_secret
from kafka_platform.values.ranges import within
from kafka_platform.values.units import quantity, seconds, size_bytes
from kafka_platform.values.words import suggest

MOST_PODS = 200
"""Maximum number of pods of a gateway: each has its own connections to every broker for every caller."""
MOST_COUNT = 1_000_000
"""Most of anything that a limit counts: beyond it a number bounds nothing in one pod."""
_MIB = 2**20
_BASE_BYTES = 64 * _MIB
"""Interpreter, libraries and the program."""
_CALLER_BYTES = 820 * 1024
"""A caller's connections to Kafka: client, threads and buffers."""
_CONSUMER_BYTES = 650 * 1024
"""A Kafka consumer, beside the records that it fetches ahead."""
_QUEUE_BYTES = (256 * 1024, 2 * _MIB)
"""The least and the most that it fetches ahead: an eighth of the memory is shared out. A quarter as much comes on top: what
an instance keeps of records that did not fit into an answer."""
_STREAM_BYTES = 18 * 1024
_CONNECTION_BYTES = 6 * 1024
_SHARES = Fraction(1, 64) + Fraction(1, 32) + Fraction(1, 16) + Fraction(1, 16) + Fraction(3, 32)
"""Of the memory: what strangers hold, what is read ahead, what is written and not taken, newest records of topics, and what
batches unpack to. The program has the same numbers (`Limits` in its settings)."""


@dataclass(frozen=True, kw_only=True)
class HttpGatewayPods(Spec):
    """Number of pods. With `max` above `min` a HorizontalPodAutoscaler decides."""

    min: int = within(1, MOST_PODS, default=2)
    """Minimum number of pods. Default 2: one serves while the other restarts."""
    max: int | None = within(1, MOST_PODS, default=None, floor="min")
    """Maximum number of pods. Default: `min`, a fixed number."""
    cpu_percent: int = within(1, 100, default=70)
    """With `max`: a pod is added when the pods use more than this percentage of their CPU request. Needs
    metrics-server. Default 70."""
    requests_in_flight: int | None = within(1, MOST_COUNT, default=None)
    """With `max`: a pod is added when there are more requests in flight than this for each pod. Needs an adapter that
    serves `gateway_requests_in_flight` as a pods' metric. Default: only CPU decides."""

    def check(self) -> None:
        """`requests_in_flight` needs an autoscaler."""
        if self.requests_in_flight is not None and not self.scales:
            raise ValueError("requests_in_flight: the number of pods is fixed: write max too, or leave this out")

    @property
    def scales(self) -> bool:
        """Whether an autoscaler decides on the number."""
        return self.max is not None and self.max > self.min


@dataclass(frozen=True, kw_only=True)
class HttpGatewayResources(Compute):
    """CPU and memory of one gateway pod."""

    cpu: str = processors("500m", "500m", "2")
    """CPU request; a pod uses little more than one core. Default 500m."""
    cpu_limit: str | None = processors(None, "2")
    """CPU limit. Default: none."""
    # Interpreter, libraries and a few callers' connections to Kafka take some 100 MiB.
    memory: str = memory_of("a gateway", "1Gi", least="256Mi")
    """Memory request and limit, at least 256Mi, and as much as all `limits` together may use. Default 1Gi."""


@dataclass(frozen=True, kw_only=True)
class HttpGatewayLimits(Spec):
    """What callers may use of one pod. Requests beyond a limit are refused at once, never queued.

    The defaults are for a pod with 1Gi. With less memory, limits that cost memory and are not set are lowered so that
    all of them together fit.
    """

    body: str = size("1Mi")
    """Largest request body (413). Default 1Mi, Kafka's own default for a batch."""
    records: int = within(1, MOST_COUNT, default=10_000)
    """Largest number of records in a request (413). Default 10000."""
    requests_per_caller: int = within(1, MOST_COUNT, default=256)
    """Requests in flight of one caller (429). Default 256."""
    requests: int = within(1, MOST_COUNT, default=2048)
    """Requests in flight of all callers (503). Default 2048."""
    bodies: str | None = size(None, "128Mi")
    """Memory for requests and responses in flight of all callers (503); one caller may hold half (429). Default
    128Mi."""
    streams_per_caller: int | None = within(1, MOST_COUNT, default=None)
    """Open streams of one caller (429). Default 1000."""
    streams: int | None = within(1, MOST_COUNT, default=None)
    """Open streams of all callers (503). Default 5000."""
    consumers_per_caller: int | None = within(1, MOST_COUNT, default=None)
    """Kafka consumers of one caller: consumer instances, and streams of a group (429). Default 64."""
    consumers: int | None = within(1, MOST_COUNT, default=None)
    """Kafka consumers of all callers (503). Default 256."""
    callers: int | None = within(1, MOST_COUNT, default=None)
    """Callers with connections to Kafka; idle ones are closed for new ones (503 if none is idle). Default 128."""
    connections: int | None = within(1, MOST_COUNT, default=None)
    """Connections of all callers, at most a quarter of them without a login; the oldest of those, and idle ones, are
    closed for new ones (503 if there are none). Default 6000."""
    timeout: str = wait("30s")
    """How long Kafka may take to acknowledge, and a caller to send a request (504, 408). Default 30s."""
    consumer_idle: str = wait("5m")
    """Idle time after which a consumer instance is deleted. Default 5m."""
    heartbeat: str = wait("15s")
    """Interval of keep-alive messages on an idle stream. Default 15s."""
    drain: str = wait("5s", zero=True)
    """How long a terminating pod still accepts new requests, until clients have stopped sending them. Default 5s."""

    def check(self) -> None:
        """All callers together have at least what one may have."""
        if self.bodies is not None and size_bytes(self.bodies) < 2 * size_bytes(self.body):
            raise ValueError(
                f"bodies: {self.bodies} is less than two bodies ({self.body} each), and one caller may hold half: raise it"
            )
        for name in ("requests", "streams", "consumers"):
            one, every = getattr(self, f"{name}_per_caller"), getattr(self, name)
            if one is not None and every is not None and one > every:
                raise ValueError(f"{name}_per_caller: {one} is more than all callers together have ({every}): use less")

    def settings(self, memory: str) -> dict[str, int | float]:
        """The bounds of a pod with this memory by the program's names and in its units."""
        bytes_of_memory = int(quantity(memory))
        costly = self.costly(bytes_of_memory)
        return {
            "memoryBytes": bytes_of_memory,
            "bodyBytes": size_bytes(self.body),
            "records": self.records,
            "requestsPerCaller": self.requests_per_caller,
            "requests": self.requests,
            "bytes": costly["bodies"],
            "streamsPerCaller": min(self.streams_per_caller or 1000, costly["streams"]),
            "streams": costly["streams"],
            "consumersPerCaller": min(self.consumers_per_caller or 64, costly["consumers"]),
            "consumers": costly["consumers"],
            "callers": costly["callers"],
            "connections": costly["connections"],
            "timeoutSeconds": seconds(self.timeout),
            "consumerIdleSeconds": seconds(self.consumer_idle),
            "heartbeatSeconds": seconds(self.heartbeat),
            "drainSeconds": seconds(self.drain),
        }

    def costly(self, memory: int) -> dict[str, int]:
        """The bounds that cost memory, those in `_COSTLY`: as written, or as many as fit into so many bytes."""
        written = {name: getattr(self, name) for name in _COSTLY}
        found: dict[str, int] = {}
        for share in range(_SHARES_TRIED, _LEAST_SHARE - 1, -1):
            found = {
                name: default * share // _SHARES_TRIED
                if written[name] is None
                else int(size_bytes(written[name]))
                if name == "bodies"
                else written[name]
                for name, default in _COSTLY.items()
            }
            if self.bodies is None:
                found["bodies"] = max(found["bodies"], 2 * int(size_bytes(self.body)))
            if sum(memory_needed(found, memory).values()) <= memory:
                break
        return found


_COSTLY = {"bodies": 128 * _MIB, "streams": 5000, "consumers": 256, "callers": 128, "connections": 6000}
"""Bounds that cost memory, with their defaults for a pod with 1Gi or more; of less memory they get a share."""
_SHARES_TRIED, _LEAST_SHARE = 64, 8
"""What such a share is counted in, and the least: what then does not fit is refused."""


MOST_CERTIFICATE_USERS = 100
"""Users that are known by their certificates: each has a file in every pod."""


def _check_named_after(user: str) -> None:
    try:
        check_user_secret(user)
    except ValueError as error:
        raise ValueError(str(error).replace("secret:", "user_secrets:", 1)) from None


def _check_user_secrets(secrets: Mapping[str, str]) -> None:
    for secret in secrets.values():
        check_subdomain(secret, "Secret name")


@dataclass(frozen=True, kw_only=True)
class HttpGatewayTls(Spec):
    """TLS terminated at the pods. The files are reloaded when the Secrets change."""

    certificate: Input[str] = named(check_subdomain, "Secret name", default=MISSING)
    """Secret of the type kubernetes.io/tls (in the gateway's namespace), valid for `<name>.<namespace>.svc` and the
    host names that callers outside use."""
    client_authority: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret whose key `ca.crt` is the authority that must have signed callers' certificates, which are then required
    besides a login. Pods call each other with `certificate`, so it must be signed by that authority too, and be valid
    for clients. Default: callers need no certificate."""
    users: Sequence[str] = names(check_user)
    """Users who need no password: a caller who sends no other credentials is the one whose name the certificate has (`CN=<user>`, and no
    other CN), with that user's rights and quotas. The gateway mounts their passwords. Needs `client_authority`, which has to give such a
    name to nobody else. Default: none; a certificate alone logs nobody in."""
    user_secrets: Mapping[str, Input[str]] = mapping(_check_user_secrets)
    """Their Secrets, in the gateway's namespace, by user. Default: `<user>-kafka`."""

    def check(self) -> None:
        """Who is known by a certificate, and by whose."""
        if self.users and self.client_authority is None:
            raise ValueError(
                "users: certificates are not looked at without an authority: write client_authority, or remove users"
            )
        if len(self.users) > MOST_CERTIFICATE_USERS:
            raise ValueError(f"users: {len(self.users)} are too many: name up to {MOST_CERTIFICATE_USERS}")
        for user in self.users:
            if ":" in user:
                raise ValueError(f"users: {user!r} has a colon, which ends the name in a login: name another user")
            if user not in self.user_secrets:
                _check_named_after(user)
        for user in self.user_secrets:
            if user not in self.users:
                raise ValueError(f"user_secrets: {user!r} is not among users: {suggest(user, self.users)}")

    def secret_of(self, user: str) -> Input[str]:
        """Name of the Secret with a user's password."""
        return self.user_secrets.get(user) or user_secret(user)


def memory_needed(costly: Mapping[str, int], memory: int) -> dict[str, int]:
    """What a pod with `memory` bytes takes at most, in bytes, by what takes it: all of its bounds together."""
    least, most = _QUEUE_BYTES
    queue = max(least, min(most, memory // 8 // costly["consumers"]))
    return {
        "the program": _BASE_BYTES,
        "limits.callers": costly["callers"] * _CALLER_BYTES,
        "limits.consumers": costly["consumers"] * (_CONSUMER_BYTES + queue + queue // 4),
        "limits.streams": costly["streams"] * _STREAM_BYTES,
        "limits.connections": costly["connections"] * _CONNECTION_BYTES,
        "limits.bodies": costly["bodies"],
        "shares of the memory": int(memory * _SHARES),
    }


@dataclass(frozen=True, kw_only=True)
class GatewaySpec(Spec):
    """Settings of an HTTP gateway, shared by programs and stack files."""

    pods: HttpGatewayPods = HttpGatewayPods()
    """Number of pods. Default: 2."""
    resources: HttpGatewayResources = HttpGatewayResources()
    """CPU and memory of each pod. Default: 500m and 1Gi."""
    expose: Exposure = field(default_factory=Exposure)
    """How callers outside Kubernetes reach it. Default: they do not."""
    tls: HttpGatewayTls | None = None
    """TLS terminated at the pods. Default: none; what exposes the gateway can terminate it instead."""
    limits: HttpGatewayLimits = HttpGatewayLimits()
    """What callers may use of each pod. Requests beyond a limit are refused, never queued."""
    anonymous: str | None = formed(None, check_user)
    """Kafka user of callers without credentials (in a stack file: of a tenant without its own namespace). Where clients
    log in with certificates, all callers are this user. Default: callers without credentials are refused."""
    anonymous_secret: Input[str] | None = named(check_subdomain, "object name")
    """Its Secret, in the gateway's namespace. Default: `<user>-kafka`."""
    bearer: bool = False
    """Whether bearer tokens are passed on to Kafka as OAUTHBEARER, which it has to support. Default: they are
    refused."""
    recheck: str = wait("60s")
    """How long a login counts until it is tried again: a changed password takes effect after at most this. Default 60s."""
    cors: Sequence[str] = formed((), check_origins)
    """Origins whose pages may call, such as `https://shop.example.com`, or `'*'` for all. Default: none."""
    trusted_proxies: Sequence[str] = formed((), check_proxies, examples=[["10.42.0.0/16"]])
    """Networks of what passes requests on, such as the pods of an Ingress or Gateway controller: their `X-Forwarded-For` says where
    a login comes from. Nobody else may claim an address. Default: none; a login comes from where its connection does."""
    enforced_topics: Sequence[str] = names(check_topic)
    """Topics whose values have to fit the latest schema of `<topic>-value`, also those sent as JSON; other formats are
    refused. Needs a schema registry. Default: none."""
    client_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may call, besides the gateway's own (in a stack file: and the tenants'); that of the Ingress or
    Gateway controller has to be among them. Default: every pod that reaches the gateway may."""
    metrics_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may read the gateway's metrics. Default: all."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the pods. Default: Kubernetes' own defaults."""

    def exposure(self) -> Exposure:
        """The way in for callers outside Kubernetes."""
        return self.expose

    def check(self) -> None:
        """A pod at all of its limits fits into its memory, and the exposure fits TLS and the callers."""
        memory = int(quantity(self.resources.memory))
        needed = memory_needed(self.limits.costly(memory), memory)
        if sum(needed.values()) > memory:
            largest = sorted((name for name in needed if name.startswith("limits.")), key=needed.__getitem__)[-3:]
            parts = ", ".join(f"{name} up to {needed[name] // _MIB}Mi" for name in reversed(largest))
            raise ValueError(
                f"resources.memory: {self.resources.memory} is less than what a pod may take at its limits, "
                f"{sum(needed.values()) // _MIB}Mi ({parts}): raise it, or lower these"
            )
        if self.pods.requests_in_flight is not None and self.pods.requests_in_flight >= self.limits.requests:
            raise ValueError(
                f"pods.requests_in_flight: a pod takes at most {self.limits.requests} requests (limits.requests): "
                f"use less than that, so that pods are added before callers are refused"
            )
        way_in = self.exposure()
        passes = way_in.gateway_api is not None and way_in.gateway_api.passthrough
        if self.tls is not None and (way_in.gateway_api or way_in.ingress) and not passes:
            raise ValueError(
                "tls: what exposes the gateway ends TLS and speaks plain HTTP with the pods: remove tls, or expose it by a "
                "node port, a load balancer or a Gateway with passthrough"
            )
        if self.tls is None and passes:
            raise ValueError(
                "tls: missing, the Gateway passes TLS through to the pods, which have to end it: write tls, or remove passthrough"
            )
        if self.tls is not None and self.tls.users and "*" in self.cors:
            raise ValueError(
                "cors: '*' lets the pages of all sites act as the user whose certificate a browser has (tls.users): name the origins"
            )
        if self.client_namespaces and (way_in.node_port or way_in.load_balancer):
            raise ValueError(
                "client_namespaces: callers outside Kubernetes come from no namespace: remove it, or do not expose the "
                "gateway by a node port or load balancer"
            )
