"""What the customer's chat page costs: bytes over the wire, requests, and how soon it can be used.

    python -m benchmarks.page

A real Chromium, asked through its debugging protocol, opens the page of the demo's customer (orders and a talk in it) with an empty
cache, ROUNDS times with its processor slowed down four times. Counted is all that the network carried until the page is live; files by
themselves as they came (gzip), their headers in the sum only. "Interactive" is what Lighthouse means: contents painted, scripts run, and
the last task of more than 50 ms is over. All on loopback, so no distance is in it.
"""

import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, CDPSession, sync_playwright

from tests.e2e.chats import enter
from tests.e2e.conftest import FLAGS, find_chromium
from tests.running import running_demo, wait_for
from tests.test_journey import link_in, mail_to

ROUNDS = 7
SLOW_DOWN = 4
WATCH = """
window.longTasks = [];
new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ startTime, duration }) => startTime + duration)))
  .observe({ type: "longtask", buffered: true });
"""
TIMES = """() => {
  const { domContentLoadedEventEnd } = performance.getEntriesByType("navigation")[0];
  const painted = performance.getEntriesByName("first-contentful-paint")[0].startTime;
  const blocking = performance.getEntriesByType("resource").filter((one) => one.renderBlockingStatus === "blocking")
    .map(({ name }) => name);
  return { painted, ran: Math.max(painted, domContentLoadedEventEnd, ...longTasks), blocking };
}"""


@dataclass
class Load:
    """One cold load: requests and their bodies' bytes by the browser's resource type, all bytes, and milliseconds since the start."""

    kinds: dict[str, str] = field(default_factory=dict)
    size: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    requests: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    with_headers: int = 0
    began: float = 0.0
    live_ms: float = 0.0
    times: dict[str, Any] = field(default_factory=dict)

    def listen(self, cdp: CDPSession) -> None:
        """Count what the network carries."""
        cdp.on("Network.requestWillBeSent", self._asked)
        cdp.on("Network.dataReceived", self._received)
        cdp.on("Network.loadingFinished", self._finished)
        cdp.on("Network.webSocketFrameReceived", self._heard)
        cdp.send("Network.enable")

    def _asked(self, event: dict[str, Any]) -> None:
        self.began = self.began or event["timestamp"]
        self.kinds[event["requestId"]] = event["type"]
        self.requests[event["type"]] += 1

    def _received(self, event: dict[str, Any]) -> None:
        self.size[self.kinds.get(event["requestId"], "Other")] += int(event["encodedDataLength"])

    def _finished(self, event: dict[str, Any]) -> None:
        self.with_headers += int(event["encodedDataLength"])
        if self.kinds.get(event["requestId"]) == "Document":
            # A streamed page's parts are told without their size.
            self.size["Document"] = int(event["encodedDataLength"])

    def _heard(self, event: dict[str, Any]) -> None:
        if '"live"' in event["response"]["payloadData"]:
            self.live_ms = (event["timestamp"] - self.began) * 1000


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder, running_demo(Path(folder), PORT="3560") as product, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        visitor = browser.new_context()
        page = enter(visitor.new_page(), link_in(mail_to(product, "anna@example.com", order=1002)))
        address, cookies = page.url.partition("?")[0], visitor.storage_state()
        loads = [load(browser, address, cookies) for _round in range(ROUNDS)]
        browser.close()
    report(loads)


def load(browser: Browser, address: str, cookies: Any) -> Load:
    """Open the page once in a browser that has never seen it."""
    context = browser.new_context(storage_state=cookies)
    context.add_init_script(WATCH)
    page = context.new_page()
    cdp = context.new_cdp_session(page)
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": SLOW_DOWN})
    found = Load()
    found.listen(cdp)
    page.goto(address)
    page.get_by_role("log").wait_for()
    wait_for(lambda: page.evaluate("1") and found.live_ms, "the live socket")
    page.wait_for_load_state("networkidle")
    found.times = page.evaluate(TIMES)
    context.close()
    return found


def report(loads: list[Load]) -> None:
    """The median of the times; bytes and requests are the same each time, but for a random token, so the largest counts."""
    data = max(one.requests["Document"] + one.requests["Fetch"] + one.requests["XHR"] for one in loads)
    blocking = sorted({name for one in loads for name in one.times["blocking"] if name.endswith(".js")})
    rows = [
        ("everything over the wire until live", kilobytes(max(one.with_headers for one in loads)), "under 60 kB"),
        ("JavaScript of it", kilobytes(max(one.size["Script"] for one in loads)), "under 20 kB"),
        ("HTML with all data of it, and headers", kilobytes(max(one.size["Document"] for one in loads)), ""),
        ("style sheet of it", kilobytes(max(one.size["Stylesheet"] for one in loads)), ""),
        ("requests in all", str(max(sum(one.requests.values()) for one in loads)), ""),
        ("HTTP requests for data", str(data), "1, the page itself"),
        ("scripts that block rendering", str(len(blocking)), "0"),
        (f"first paint with contents, processor {SLOW_DOWN}x slower", milliseconds(one.times["painted"] for one in loads), ""),
        (f"interactive, processor {SLOW_DOWN}x slower", milliseconds(one.times["ran"] for one in loads), "under 1000 ms"),
        (f"live (the socket has caught up), processor {SLOW_DOWN}x slower", milliseconds(one.live_ms for one in loads), ""),
    ]
    for what, figure, limit in rows:
        print(f"{what:<58}{figure:>10}   {limit}")


def kilobytes(size: int) -> str:
    """1 kB is 1000 bytes."""
    return f"{size / 1000:.1f} kB"


def milliseconds(times: Any) -> str:
    """The median."""
    return f"{statistics.median(times):.0f} ms"


if __name__ == "__main__":
    main()
