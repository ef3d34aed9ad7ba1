"""Answers of pods that do not end."""

import http.client
import socket
import threading

import pytest

from infra.live import forward


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"])
def test_a_pod_that_sends_a_byte_now_and_then_is_given_up(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "WHOLE_SECONDS", 0.2)
    ours, theirs = socket.socketpair()
    over = threading.Event()

    def drip() -> None:
        theirs.sendall(head)
        while not over.wait(0.01):
            try:
                theirs.sendall(b"x")
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        with pytest.raises((OSError, http.client.HTTPException)):
            forward._asked(ours, "/metrics")
    finally:
        over.set()
        thread.join()
        ours.close()
        theirs.close()
