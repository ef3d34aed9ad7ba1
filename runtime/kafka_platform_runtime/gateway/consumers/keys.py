"""What identifies a consumer instance."""

from typing import NamedTuple

from kafka_platform_runtime.gateway.callers.credentials import NOBODY
from kafka_platform_runtime.gateway.rights import Right, Wish


class InstanceKey(NamedTuple):
    """Identifies an instance: each caller has separate names, and cannot name what others have."""

    owner: tuple[str, ...]
    group: str
    name: str

    def wish(self, topic: str = "") -> Wish:
        """What the instance asks of Kafka, for the sentence about its denial."""
        user = NOBODY if self.owner[0] == "token" else self.owner[-1]  # else it is the token's hash
        return Wish(user=user, right=Right.READ, topic=topic, group=self.group)
