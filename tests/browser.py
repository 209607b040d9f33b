"""A headless Chromium, driven by its own protocol over two pipes: neither a package nor a port is needed."""

import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

PROGRAMS = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser")
# A container's user is root, and its /dev/shm small.
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe"),
)
LONGEST = 120  # seconds for one answer, on a machine that does much else


@dataclass
class Browser:
    """A running browser. events: what it told unasked, by tab."""

    process: subprocess.Popen[bytes]
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    calls: int = 0
    rest: bytes = b""

    def call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """Have it do something, in a tab or by itself, and return its answer."""
        self.calls += 1
        call = {"id": self.calls, "method": method, "params": params}
        assert self.process.stdin is not None
        self.process.stdin.write(
            json.dumps(call | ({"sessionId": session} if session else {})).encode() + b"\0"
        )
        self.process.stdin.flush()
        while (message := self.listen()).get("id") != self.calls:
            pass
        assert "error" not in message, f"{method}: {message['error']}"
        answer: dict[str, Any] = message["result"]
        return answer

    def listen(self) -> dict[str, Any]:
        """The next thing that it says; what answers no call is kept as an event."""
        assert self.process.stdout is not None
        end = monotonic() + LONGEST
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - monotonic()))
            assert ready, f"the browser says nothing for {LONGEST} s"
            said = os.read(self.process.stdout.fileno(), 1 << 20)
            assert said, "the browser ended"
            self.rest += said
        line, _, self.rest = self.rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self.events.setdefault(message.get("sessionId", ""), []).append(message)
        return message


@dataclass
class Tab:
    """A page in a browser."""

    browser: Browser
    session: str

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Have the browser do something in this tab."""
        return self.browser.call(method, self.session, **params)

    def run(self, script: str) -> Any:
        """What the JavaScript expression gives, as JSON could hold it."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def told(self, method: str) -> list[dict[str, Any]]:
        """The events of this kind so far."""
        return [
            each["params"] for each in self.browser.events.get(self.session, ()) if each["method"] == method
        ]


def find_browser() -> str | None:
    """The first browser in PATH that can be driven."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def browsing(program: str) -> Iterator[Browser]:
    """Run the browser until the block ends."""
    # It reads from 3 and writes to 4, which a new process cannot be given but by a shell.
    command = ["sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null', "sh", program, *OPTIONS]
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        subprocess.Popen(
            [*command, f"--user-data-dir={folder}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        try:
            browser = Browser(process)
            yield browser
            browser.call("Browser.close")
        finally:
            process.kill()


@contextmanager
def visiting(browser: Browser, page: Path) -> Iterator[Tab]:
    """Open a page in a new tab, and wait until all of it is there."""
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    tab = Tab(browser, browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
    for domain in ("Page", "Runtime", "Log", "Network"):
        tab.call(f"{domain}.enable")
    tab.call("Page.navigate", url=page.as_uri())
    while not tab.told("Page.loadEventFired"):
        browser.listen()
    yield tab
    browser.call("Target.closeTarget", targetId=target)
