"""What the tests of connectors share."""

from tests.connector_process import quick_kafka

__all__ = ["quick_kafka"]
