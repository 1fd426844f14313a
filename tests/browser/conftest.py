"""A real Chromium before real processes; every page is watched for what a hospital must not have.

Refused by every test: a violation of the content security policy, an error in the console, a request to another
host, anything left in the browser's storage. Pictures of the screen are kept in test-results/.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from app.settings import Settings
from tests.browser.house import PACE_MS, ROOT, House
from tests.conftest import free_port

FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-first-run",
    "--no-pings",
    "--disable-domain-reliability",
    "--metrics-recording-only",
    "--disable-features=OptimizationHints,MediaRouter,Translate",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
RESULTS = ROOT / "test-results"
TELLS = """addEventListener('securitypolicyviolation',
  (event) => console.error('CSP ' + event.violatedDirective + ' ' + event.blockedURI))"""
ALLOWED = (re.compile(r"status of (401|403|404|409|410|422)"),)
"""The browser itself notes such answers; the tests that provoke them look at what the page says."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives a browser."""
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the run; without one installed the tests fail, they are not skipped."""
    program = shutil.which("chromium")
    assert program, "Chromium is not installed; see deploy/test-packages.sh."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Web and one worker on SQLite, nothing in between."""
    port = free_port()
    folder = tmp_path_factory.mktemp("house")
    chosen = {"data_dir": str(folder), "port": str(port), "pace_ms": str(PACE_MS), "decoders": "1"}
    opened = House(Settings(**chosen), f"http://127.0.0.1:{port}", environment(chosen))
    opened.found()
    try:
        opened.start("serve")
        worker = opened.start("work")
        opened.wait_for_web()
        opened.wait_for_worker(worker)
        yield opened
    finally:
        opened.close()


def environment(chosen: dict[str, str]) -> dict[str, str]:
    """The settings as a process reads them."""
    return {f"DRAGONFLY_{name.upper()}": value for name, value in chosen.items()}


class Watcher:
    """Opens browsers for people and remembers what their pages did wrong."""

    def __init__(self, browser: Browser, name: str) -> None:
        self.browser, self.name = browser, name
        self.contexts: list[BrowserContext] = []
        self.faults: list[str] = []

    def person(self, address: str, *, width: int = 1440, height: int = 900, **options) -> Page:
        """A browser of somebody's own."""
        context = self.browser.new_context(
            base_url=address,
            viewport={"width": width, "height": height},
            ignore_https_errors=True,
            **{"locale": "en-US", **options},
        )
        context.set_default_timeout(60_000)
        context.add_init_script(TELLS)
        self.contexts.append(context)
        page = context.new_page()
        host = urlsplit(address).netloc
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"error in the page: {error}"))
        page.on("request", lambda request: self._request(request, host))
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(one.search(message.text) for one in ALLOWED):
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request, host: str) -> None:
        found = urlsplit(request.url)
        if found.scheme in ("http", "https", "ws", "wss") and found.netloc != host:
            self.faults.append(f"request to {found.netloc}")

    def close(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        for place, context in enumerate(self.contexts):
            for page in context.pages:
                if page.url.startswith("http"):
                    page.screenshot(path=RESULTS / f"{self.name}-{place}.png")
                    kept = page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
                    self.faults += [f"left in the browser's storage: {key}" for key in kept]
            context.close()


@pytest.fixture
def watcher(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Watcher]:
    """Browsers for the people of one test."""
    opened = Watcher(chromium, re.sub(r"\W+", "-", request.node.name))
    yield opened
    opened.close()
    assert opened.faults == []
