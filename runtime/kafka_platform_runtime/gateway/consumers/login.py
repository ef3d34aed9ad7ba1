"""How the Kafka consumer of an instance is made and logs in."""

import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.consumers.faults import failed
from kafka_platform_runtime.gateway.consumers.keys import InstanceKey
from kafka_platform_runtime.gateway.consumers.options import Options
from kafka_platform_runtime.gateway.errors import overloaded
from kafka_platform_runtime.gateway.polling import bounds_of_consumers
from kafka_platform_runtime.gateway.settings import Limits
from kafka_platform_runtime.gateway.verdicts import is_rejected

SESSION_MILLISECONDS = 15_000
"""Time without a heartbeat after which Kafka gives an instance's partitions to others: how long a killed pod is felt.
librdkafka's 45 s are for networks between data centres; its heartbeats have a thread that no request can block."""
OPEN_SECONDS = 10.0
"""How long it may take to log in and to find the group's coordinator; Kafka makes the offsets topic for the first one."""
METADATA_SECONDS = 60
"""Pause between checks for topics that match a pattern."""
SPARE_SECONDS = 60
"""How much longer than the idle expiry the poll interval is that Kafka receives."""
LONGEST_POLL_INTERVAL = 86_400_000
"""In ms; librdkafka accepts no longer one."""
PAUSE_BETWEEN_TRIES = 0.05


DENIED = frozenset({KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED})


class Login:
    """Settings of a Kafka consumer, with its owner's credentials, which later ones may replace.

    Args:
        key: its group and name.
        options: as requested by the caller.
        caller: whose credentials it uses.
        limits: the gateway's.
    """

    def __init__(self, key: InstanceKey, options: Options, caller: Caller, limits: Limits) -> None:
        self.caller = caller
        """Replaced by `renew`, with later credentials of the same owner."""
        self.throttled_until = 0.0
        """Until when Kafka throttles reads."""
        self._key = key
        self._options = options
        self._limits = limits
        self._settings: dict[str, Any] = {}
        self._oauth: Callable[[str], Any] | None = None

    def consumer(self) -> Consumer:
        """A Kafka consumer, not connected yet."""
        if not self._settings:
            self._settings = self._made()
        return Consumer(self._settings)

    def renew(self, consumer: Consumer, caller: Caller) -> None:
        """Continue with other credentials; open connections stay."""
        login = {name: value for name, value in caller.client().items() if name.startswith(("sasl.", "oauth_cb"))}
        self._oauth = login.pop("oauth_cb", None)
        if "sasl.username" in login:
            self._settings.update(login)
            consumer.set_sasl_credentials(login["sasl.username"], login["sasl.password"])

    def _made(self) -> dict[str, Any]:
        options, idle = self._options, self._limits.consumer_idle_seconds
        settings = self.caller.client(
            group_id=self._key.group,
            client_id=self._key.name,
            auto_offset_reset=options.reset,
            enable_auto_commit=options.auto_commit,
            # Only what the caller is known to have is stored: see GroupConsumer.
            enable_auto_offset_store=False,
            fetch_min_bytes=options.min_bytes,
            isolation_level=options.isolation,
            session_timeout_ms=SESSION_MILLISECONDS,
            max_poll_interval_ms=min(max(300_000, int((idle + SPARE_SECONDS) * 1000)), LONGEST_POLL_INTERVAL),
            **bounds_of_consumers(self._limits),
            fetch_queue_backoff_ms=50,
            topic_metadata_refresh_interval_ms=METADATA_SECONDS * 1000,
            allow_auto_create_topics=False,
        )
        self._oauth = settings.get("oauth_cb")
        if self._oauth is not None:
            settings["oauth_cb"] = self._token
        settings["error_cb"] = self._on_error
        # The caller's own: a throttled reader may still write.
        settings["throttle_cb"] = self._on_throttle
        return settings

    def _token(self, settings: str) -> Any:
        """The bearer token that the caller sent last."""
        return self._oauth(settings) if self._oauth is not None else None

    def _on_error(self, error: KafkaError) -> None:
        if is_rejected(error):
            self.caller.rejected = True

    def _on_throttle(self, event: Any) -> None:
        self.throttled_until = now() + event.throttle_time


def find_group(consumer: Consumer, key: InstanceKey) -> None:
    """Wait for the group's coordinator, which knows whether this caller may use the group.

    Raises:
        GatewayError: they may not, or Kafka does not answer.
    """
    probe = [TopicPartition("none", 0)]
    until = now() + OPEN_SECONDS
    while True:
        for message in consumer.consume(16, 0):
            error = message.error()
            if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                raise failed(error, key, f"Group {key.group}")
        try:
            consumer.committed(probe, timeout=PAUSE_BETWEEN_TRIES)
        except KafkaException as failure:
            if failure.args[0].code() in DENIED:
                raise failed(failure.args[0], key, f"Group {key.group}") from None
            if now() > until:
                raise overloaded(f"Kafka does not answer for group {key.group}.", 5) from None
            time.sleep(PAUSE_BETWEEN_TRIES)
        else:
            return
