"""What the cluster has."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kafka_platform_runtime.provisioner.declarations import Acl, Mechanism


@dataclass(frozen=True, kw_only=True)
class ActualTopic:
    """A topic in the cluster; `config` holds only what is set on the topic itself."""

    partitions: int
    replicas: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Actual:
    """What the cluster has.

    Args:
        brokers: how many are registered.
        topics: by name.
        mechanism: the kind of SCRAM that clients log in with.
        credentials: by user, the kinds of its SCRAM credentials.
        acls: by user, for principals of the form `User:<name>`.
        quotas: by user; a key may be one that cannot be declared.
    """

    brokers: int
    topics: Mapping[str, ActualTopic] = field(default_factory=dict)
    mechanism: Mechanism = Mechanism.SCRAM_SHA_512
    credentials: Mapping[str, frozenset[Mechanism]] = field(default_factory=dict)
    acls: Mapping[str, frozenset[Acl]] = field(default_factory=dict)
    quotas: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
