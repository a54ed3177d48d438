"""What a newcomer waits for: `python -m tests.console.newcomer` clones the project, and drives Chromium through it.

It takes the way that the README proposes, and prints the seconds of each step as a person would wait for them, and
those of CPU that the demo spent meanwhile, its stream of images among it; then what each page weighs, and how soon it
can be used. Installing the package is not measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.services.deadline import until
from tests.services.processes import ChildProcess

WORDS = "a snake"
ROOT = Path(__file__).parents[2]
OPENED = ("/live", "/event", "/search", "/reviews", "/dead-letters", "/policies", "/policies/weapons", "/playground")
WEIGHED = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const others = performance.getEntriesByType("resource").filter((each) => !each.name.includes("/live/stream"));
  const pictures = others.filter((each) => each.name.includes("/pictures/"));
  const all = [page, ...others.filter((each) => !pictures.includes(each))];
  const sum = (of) => all.reduce((total, each) => total + of(each), 0);
  return {
    requests: all.length, pictures: pictures.length,
    sent: sum((each) => each.transferSize), whole: sum((each) => each.decodedBodySize),
    interactive: page.domContentLoadedEventEnd, loaded: page.loadEventEnd,
  };
}"""
"""Of all but pictures, what came over the wire and what it is unpacked; when scripts have run, and all is there."""
_PATIENCE = 120


class Watch:
    """Prints a line for each step; `pid` is the process whose CPU is told."""

    def __init__(self) -> None:
        self.pid = 0
        self._began = self._at = time.monotonic()
        self._cpu = 0.0

    def step(self, what: str) -> None:
        now, cpu = time.monotonic(), _cpu_of(self.pid) if self.pid else 0.0
        told = f"{now - self._at:6.2f} s  {cpu - self._cpu:6.2f} s CPU  {now - self._began:6.1f} s in all  {what}\n"
        _said(told)
        self._at, self._cpu = time.monotonic(), cpu


def _cpu_of(pid: int) -> float:
    """Seconds that a process and its threads have computed."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def newcomer(folder: Path) -> None:
    """The whole way, with the clone in that folder."""
    watch, clone = Watch(), folder / "sluice"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", clone], check=True)
    watch.step("cloned")
    command = [sys.executable, "-m", "workers", "demo", "--serve", "--console-port", "0", "--metrics-port", "0"]
    demo = ChildProcess(command, folder, name="demo", cwd=clone, env={"PYTHONPATH": str(clone)}, warm=False)
    try:
        watch.pid = demo.pid
        address = demo.wait_for_line(r"open (http://\S+)", _PATIENCE)[1]
        watch.step("the address is printed")
        with sync_playwright() as playwright:
            program = shutil.which("chromium") or "chromium"
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page()
            page.set_default_timeout(_PATIENCE * 1000)
            expect.set_options(timeout=_PATIENCE * 1000)
            watch.step("(the browser starts)")
            _walk(page, address, watch.step)
            page.close()
            _weigh(browser, address)
            browser.close()
    finally:
        demo.close()


def _walk(page: Page, address: str, step: Callable[[str], None]) -> None:
    page.goto(address)
    _seen(page, "[...document.querySelectorAll('.answer img')].some((each) => each.naturalWidth > 0)")
    step("a first image is on the page")
    page.get_by_role("link", name="flagged").click()
    page.locator(".answer a").first.click()
    page.wait_for_selector(".match")
    step("a flagged one is opened, and which policy it was")
    page.get_by_role("button", name="Show where in the picture").click()
    page.wait_for_selector("#explained td")
    step("the sentences that it comes from")
    page.wait_for_selector(".maps img")
    _seen(page, "[...document.querySelectorAll('.maps img')].every((each) => each.naturalWidth > 0)")
    step("the heatmap")
    page.get_by_role("link", name="Playground").click()
    page.get_by_label("Words").fill(WORDS)
    step("the playground, and words typed")
    page.get_by_role("button", name="See what it flags").click()
    page.wait_for_selector("#highest + ol .answer")
    step("what the words would flag")
    page.get_by_role("button", name="Save in shadow").click()
    page.wait_for_selector(".done")
    step("saved as a policy in shadow")
    expect(page.locator("#live")).to_contain_text("is live")
    step("live")


def _weigh(browser: Browser, address: str) -> None:
    """A line for each page, opened in a browser that has nothing of it yet."""
    _said(f"{'page':<22} requests  KiB sent  KiB whole  pictures  interactive  all there\n")
    for path in OPENED:
        page = browser.new_page()
        page.goto(f"{address.rstrip('/')}{path}", wait_until="load", timeout=_PATIENCE * 1000)
        found = page.evaluate(WEIGHED)
        page.close()
        sizes = (
            f"{found['requests']:8}  {found['sent'] / 1024:8.1f}  {found['whole'] / 1024:9.1f}  {found['pictures']:8}"
        )
        _said(f"{path:<22} {sizes}  {found['interactive']:8.0f} ms  {found['loaded']:6.0f} ms\n")


def _said(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _seen(page: Page, what: str) -> None:
    """Wait until it holds in the page; Playwright's own waiting asks for `eval`, which pages forbid."""
    until(lambda: page.evaluate(what), _PATIENCE, what)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        newcomer(Path(made))
