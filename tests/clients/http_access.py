"""Sends requests to the gateway as the user in /etc/kafka-client and prints the status of each, as a JSON list.

python3 http_access.py URL            requests on standard input: a JSON list of [method, path, body or null]
python3 http_access.py URL insist TOPIC SECONDS
                                      writes as much as it can, comes again when told to; counts the statuses
"""

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path

import aiohttp

CREDENTIALS = Path("/etc/kafka-client")
WRITERS = 4
RECORDS = 100
PADDING = "." * 1000


def headers(method: str, path: str) -> dict[str, str]:
    if method != "POST":
        return {}
    kind = "application/vnd.kafka.json.v2+json" if path.startswith("/topics/") else "application/vnd.kafka.v2+json"
    return {"content-type": kind}


async def ask(http: aiohttp.ClientSession, url: str, requests: list[list]) -> None:
    statuses = []
    for method, path, body in requests:
        async with http.request(method, url + path, json=body, headers=headers(method, path)) as response:
            statuses.append(response.status)
            if "/stream" not in path or response.status != 200:
                await response.read()
    print(json.dumps(statuses))


async def insist(http: aiohttp.ClientSession, url: str, topic: str, seconds: float) -> None:
    counted: Counter[str] = Counter()
    until = time.monotonic() + seconds
    body = {"records": [{"value": PADDING}] * RECORDS}

    async def writer() -> None:
        while time.monotonic() < until:
            path = f"/topics/{topic}"
            async with http.post(url + path, json=body, headers=headers("POST", path)) as response:
                await response.read()
                counted[str(response.status)] += 1
                await asyncio.sleep(float(response.headers.get("retry-after", 0)))

    await asyncio.gather(*(writer() for _ in range(WRITERS)))
    print(json.dumps(counted))


async def main() -> None:
    url, *rest = sys.argv[1:]
    user, password = ((CREDENTIALS / name).read_text().strip() for name in ("username", "password"))
    login = {"authorization": aiohttp.encode_basic_auth(user, password)}
    async with aiohttp.ClientSession(headers=login, timeout=aiohttp.ClientTimeout(total=60)) as http:
        if rest:
            await insist(http, url, rest[1], float(rest[2]))
        else:
            await ask(http, url, json.load(sys.stdin))


if __name__ == "__main__":
    asyncio.run(main())
