"""What counts as delivered to a stream that reads as a member of a group."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from kafka_platform_runtime.gateway.reads import streams
from kafka_platform_runtime.gateway.reads.stream import Stream


class Member:
    """Hands out one record, and notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Sequence[bytes]] = []
        self.taken = False

    async def join(self) -> None: ...

    async def leave(self) -> None: ...

    async def take(self) -> list[bytes]:
        await asyncio.sleep(0)
        first, self.taken = not self.taken, True
        return [b"a record"] if first else []

    def hands_out(self, records: Sequence[bytes]) -> None: ...

    def delivered(self, records: Sequence[bytes]) -> None:
        self.told.append(records)


@pytest.mark.parametrize(("is_closing", "told"), [(False, [[b"a record"]]), (True, [])])
def test_what_is_written_to_a_connection_that_closes_is_not_delivered(
    monkeypatch: pytest.MonkeyPatch, is_closing: bool, told: list[list[bytes]]
) -> None:
    member = Member()

    async def done(*_: Any) -> None: ...

    async def send(records: Sequence[bytes], stream: Stream) -> None:
        # The reader has closed its side: that is noticed in the next step of the loop.
        asyncio.get_running_loop().call_soon(stream.stop)

    async def share() -> None:
        nothing: Any = None
        core: Any = SimpleNamespace(
            topic=done,
            limits=SimpleNamespace(feed_bytes=1),
            callers=SimpleNamespace(claim_consumer=lambda _: lambda: None, dismissal=None),
            metrics=SimpleNamespace(read=lambda _: None, gauge=lambda *_: None),
        )
        outlet: Any = SimpleNamespace(begin=done, write_alive=done, is_closing=is_closing)
        await streams.Streams(core, nothing)._share(Stream(nothing, "orders", outlet, None), "red-readers", None)

    monkeypatch.setattr(streams, "Member", lambda *_, **__: member)
    monkeypatch.setattr(streams, "send_in_pieces", send)
    asyncio.run(share())
    assert member.told == told
