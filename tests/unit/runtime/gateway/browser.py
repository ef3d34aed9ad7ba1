"""A headless Chromium, driven by its DevTools protocol."""

import asyncio
import base64
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

START_SECONDS = 60.0
WAIT_SECONDS = 20.0


def find() -> str | None:
    """The program of a Chromium or Chrome; None if there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """A page in the browser.

    Args:
        socket: to its DevTools.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.complaints: list[str] = []
        """What the page has written to the console as errors, among them violations of its policy, and what was thrown."""
        self.requests: list[str] = []
        """Addresses of everything it asked for."""

    async def listen(self) -> None:
        """Take what the browser says, until it ends."""
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            elif said["method"] == "Runtime.exceptionThrown":
                self.complaints.append(str(said["params"]["exceptionDetails"]))
            elif said["method"] == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
                self.complaints.append(said["params"]["entry"]["text"])
            elif said["method"] == "Network.requestWillBeSent":
                self.requests.append(said["params"]["request"]["url"])

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Let the browser do something.

        Raises:
            RuntimeError: it will not.
        """
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        said = await asyncio.wait_for(answer, WAIT_SECONDS)
        if "error" in said:
            raise RuntimeError(f"{method}: {said['error']}")
        result: dict[str, Any] = said["result"]
        return result

    async def evaluate(self, script: str) -> Any:
        """The value of an expression in the page.

        Raises:
            RuntimeError: it threw.
        """
        said = await self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in said:
            raise RuntimeError(f"{script}: {said['exceptionDetails']}")
        return said["result"].get("value")

    async def open(self, address: str) -> None:
        """Go to an address."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.command(f"{domain}.enable")
        await self.command("Page.navigate", url=address)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def until(self, script: str) -> None:
        """Wait until an expression is true.

        Raises:
            AssertionError: it is not in time; with what the page shows.
        """
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            if await self.evaluate(f"Boolean({script})"):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{script}\n{await self.evaluate('document.body.innerText')}\n{self.complaints}")

    async def fill(self, selector: str, text: str) -> None:
        """Type into a field, or choose."""
        await self.evaluate(
            f"(field => {{ field.value = {json.dumps(text)}; for (const kind of ['input', 'change']) "
            f"field.dispatchEvent(new Event(kind, {{bubbles: true}})); }})(document.querySelector({json.dumps(selector)}))"
        )

    async def click(self, selector: str) -> None:
        """Click on something."""
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    async def picture(self, file: Path) -> None:
        """Save what can be seen as PNG."""
        found = await self.command("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(found["data"]))


@asynccontextmanager
async def page(program: str, width: int = 1280, height: int = 860, *more: str) -> AsyncIterator[Page]:
    """A page in a browser of its own, which ends with it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            program,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--remote-debugging-port=0",
            f"--user-data-dir={folder}",
            f"--window-size={width},{height}",
            *more,
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            port = await _port(Path(folder) / "DevToolsActivePort")
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    targets = [each for each in await answer.json() if each["type"] == "page"]
                async with session.ws_connect(targets[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    opened = Page(socket)
                    listening = asyncio.create_task(opened.listen())
                    try:
                        yield opened
                    finally:
                        listening.cancel()
        finally:
            process.terminate()
            await process.wait()


async def _port(file: Path) -> int:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if file.exists() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        await asyncio.sleep(0.05)
    raise RuntimeError("the browser does not start")
