"""What all unit tests share."""

import asyncio

import pytest


@pytest.fixture(autouse=True)
def _loop() -> None:
    """Pulumi's Outputs take the thread's loop, and a test that ran one of its own (`asyncio.run`) has left none."""
    try:
        asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())
