"""Who runs a Kafka, and how its clients talk to it. No Pulumi."""

from enum import Enum


class Engine(Enum):
    """Who runs the Kafka."""

    EMBEDDED = "embedded"
    """One StatefulSet of the official apache/kafka image, no operator: laptops, CI, the edge."""
    STRIMZI = "strimzi"
    """Strimzi's operator, by its custom resources: production."""
    EXTERNAL = "external"
    """An existing Kafka that the platform does not run: only the connection."""


class SecurityProtocol(Enum):
    """How a client talks to a listener (Kafka's `security.protocol`)."""

    PLAINTEXT = "PLAINTEXT"
    """Neither encrypted nor authenticated."""
    SSL = "SSL"
    """Encrypted."""
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    """Authenticated, not encrypted."""
    SASL_SSL = "SASL_SSL"
    """Authenticated and encrypted."""


class SaslMechanism(Enum):
    """How a client logs in (Kafka's `sasl.mechanism`)."""

    SCRAM_SHA_512 = "SCRAM-SHA-512"
    """A password that is never sent."""
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    """The same with a shorter hash, as some managed Kafkas offer it."""
    PLAIN = "PLAIN"
    """A password, or an API key, that is sent: only inside TLS."""
    OAUTHBEARER = "OAUTHBEARER"
    """A token that an OAuth server gives for a client's id and secret: only inside TLS."""


SCRAM = frozenset({SaslMechanism.SCRAM_SHA_256.value, SaslMechanism.SCRAM_SHA_512.value})
"""The mechanisms whose passwords Kafka itself stores, so that users can be created through its protocol."""
