"""Which right a caller lacks when Kafka denies something, and where to add it."""

from dataclasses import dataclass
from enum import Enum

from confluent_kafka import KafkaError

SHOWN = 100
"""Characters of a name in a sentence. Kafka's own names have at most 249."""


class Right(Enum):
    """An operation on a topic, as Kafka's ACLs name it. The value says what has to change so that a user has it."""

    READ = "add it to its `reads`"
    WRITE = "add it to its `writes`"
    DESCRIBE = "add it to its `reads` or `writes`"
    CREATE = "an ACL must allow it, or the platform's stack file can declare the topic"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a caller asks of Kafka. It names only what the caller has named itself."""

    user: str
    right: Right
    """On the topic; a group is always read."""
    topic: str = ""
    """Empty: one of several."""
    group: str = ""

    def denied(self, error: KafkaError) -> str:
        """The sentence for Kafka's denial. It is the same whether or not there is such a topic or group."""
        user = self.user[:SHOWN]
        match error.code():
            # Kafka gives a producer its id, a right on the cluster, if the user may write to any topic at all.
            case KafkaError.TOPIC_AUTHORIZATION_FAILED | KafkaError.CLUSTER_AUTHORIZATION_FAILED:
                topic = f"topic {self.topic[:SHOWN]}" if self.topic else "one of the topics"
                return f"{user} may not {self.right.name} {topic}: {self.right.value}."
            case KafkaError.GROUP_AUTHORIZATION_FAILED:
                group = f"group {self.group[:SHOWN]}" if self.group else "the group"
                return f"{user} may not READ {group}: add it to its `groups`."
            case _:
                return f"{user} may not do this ({error.name()}): an ACL must allow it."
