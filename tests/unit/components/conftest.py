"""What the tests of components need of the process that they share with others."""

import asyncio

import pytest


@pytest.fixture(autouse=True)
def _event_loop() -> None:
    """Pulumi's mocks want an event loop, which a test that ran one of its own has taken away."""
    asyncio.set_event_loop(asyncio.new_event_loop())
