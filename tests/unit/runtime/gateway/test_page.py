"""The human page in a real browser: sign in, look, watch, write. Skipped where there is no Chromium."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from tests.unit.runtime.gateway import browser
from tests.unit.runtime.gateway.browser import Page
from tests.unit.runtime.gateway.conftest import RED, Kafka, Program, StartGateway, password

PROGRAM = browser.find()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium")

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
UNAUTHORIZED = "401 (Unauthorized)"


@pytest.fixture(scope="module")
def topic(kafka: Kafka, gateway: Program) -> str:
    name = kafka.make_topic("red-page", 3)
    records = [{"key": f"order-{number}", "value": {"number": number, "note": HOSTILE}} for number in range(30)]
    assert gateway.ask("POST", f"/topics/{name}", {"records": records}, user=RED).status == 200
    return name


def visit(address: str, script: Callable[[Page], Awaitable[None]]) -> Page:
    """Do something on a page; it must not have complained, and must have asked nobody but the gateway."""

    async def run() -> Page:
        assert PROGRAM is not None
        async with browser.page(PROGRAM) as page:
            await page.open(address)
            await script(page)
            return page

    page = asyncio.run(run())
    assert [each for each in page.complaints if UNAUTHORIZED not in each] == []
    assert {url for url in page.requests if not url.startswith((address, "data:"))} == set()
    return page


async def enter(page: Page, topic: str) -> None:
    """Sign in and choose a topic."""
    await page.until("!document.querySelector('#door').hidden")
    await page.fill("#user", RED)
    await page.fill("#password", password(RED))
    await page.click("#enter")
    await page.until("document.querySelector('#topics button')")
    await page.click(f"#topics button[title={json.dumps(topic)}]")


def test_wrong_password_is_said_and_nothing_is_kept(gateway: Program, topic: str) -> None:
    async def script(page: Page) -> None:
        await page.until("!document.querySelector('#door').hidden")
        await page.fill("#user", RED)
        await page.fill("#password", "wrong")
        await page.click("#enter")
        await page.until("!document.querySelector('#door-fault').hidden")
        assert "does not accept" in await page.evaluate("document.querySelector('#door-fault').textContent")
        await enter(page, topic)
        await page.until("document.querySelector('#sheet tbody tr')")
        assert await page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
        assert await page.evaluate("document.querySelector('#password').value") == ""
        assert "password" not in await page.evaluate("document.querySelector('#curl').textContent")
        await page.click("#leave")
        await page.until("!document.querySelector('#door').hidden && document.querySelector('#room').hidden")

    visit(f"http://localhost:{gateway.port}/", script)


def test_last_records_are_shown_as_text_and_never_as_markup(gateway: Program, topic: str) -> None:
    async def script(page: Page) -> None:
        await enter(page, topic)
        await page.until("document.querySelectorAll('#sheet tbody tr').length >= 15")
        assert HOSTILE in await page.evaluate("document.querySelector('#sheet').textContent")
        assert await page.evaluate("document.querySelectorAll('#sheet img, #sheet script').length") == 0
        assert "3 partitions" in await page.evaluate("document.querySelector('#facts').textContent")
        await page.click("[data-tab=about]")
        await page.until("document.querySelectorAll('#partitions tbody tr').length === 3")

    visit(f"http://localhost:{gateway.port}/", script)


def test_writing_and_watching(gateway: Program, topic: str) -> None:
    async def script(page: Page) -> None:
        await enter(page, topic)
        await page.click("[data-tab=live]")
        await page.click("#watch")
        await page.until("document.querySelector('#dot').classList.contains('on')")
        await page.click("[data-tab=write]")
        await page.fill("#key", "from-the-page")
        await page.fill("#value", '{"schön": true}')
        await page.fill("#headers", "trace: ä")
        assert "from-the-page" in await page.evaluate("document.querySelector('#curl').textContent")
        await page.click("#send")
        await page.until("document.querySelector('#said').textContent.startsWith('Written to partition')")
        await page.click("[data-tab=live]")
        await page.until("document.querySelectorAll('#stream tbody tr').length === 1")
        row = await page.evaluate("document.querySelector('#stream tbody tr').innerText")
        assert "from-the-page" in row
        assert "schön" in row
        await page.fill("#value", "{")
        await page.click("#send")
        await page.until("document.querySelector('#said').textContent.includes('not JSON')")
        await page.click("#watch")
        await page.until("!document.querySelector('#dot').classList.contains('on')")

    visit(f"http://localhost:{gateway.port}/", script)


def test_no_sign_in_where_everybody_may_read(
    kafka: Kafka, start_gateway: StartGateway, topic: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("anonymous") / "password"
    file.write_text(password(RED))
    gateway = start_gateway({"anonymous": {"username": RED, "passwordFile": str(file)}})

    async def script(page: Page) -> None:
        await page.until("document.querySelector('#topics button')")
        assert await page.evaluate("document.querySelector('#door').hidden")

    visit(f"http://localhost:{gateway.port}/", script)
