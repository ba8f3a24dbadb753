"""A headless Chromium that opens pages: what the tests of pages ask it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--force-device-scale-factor=1",
)  # fmt: skip
CHROMIUM: Final = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
DRIVER: Final = os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver") or ""


def missing() -> str:
    """What is missing to open pages here; "" if nothing is."""
    if not CHROMIUM:
        return "there is no chromium (Debian: apt-get install chromium)"
    if not DRIVER:
        return "there is no chromedriver (Debian: apt-get install chromium-driver)"
    for module in ("selenium", "axe_core_python"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed (pip install 'labtester[dev]')"
    return ""


class Browser:
    """One window."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(
        self, page: Path, address: str = "", *, width: int = 1400, height: int = 1000
    ) -> None:
        """Open a page of this machine, in a window of this size."""
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        self.driver.get(f"file://{page}{address}")

    def theme(self, name: str) -> None:
        """What the system is said to prefer: "light" or "dark"."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def ask(self, script: str, *args: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *args)

    def settled(self) -> None:
        """Wait until what has been asked for is drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0];"
            "requestAnimationFrame(() => requestAnimationFrame(() => done(1)));"
        )

    def text(self, selector: str) -> str:
        """The text of the first element that fits."""
        return str(self.ask("return document.querySelector(arguments[0]).innerText", selector))

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that fit."""
        found = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)"
        return [str(text) for text in self.ask(found, selector)]

    def click(self, selector: str) -> None:
        """Click on the first element that fits."""
        self.ask("document.querySelector(arguments[0]).click()", selector)
        self.settled()

    def choose(self, select: str, value: str) -> None:
        """Choose a value of a menu, or type one into a field."""
        self.ask(
            "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event(e.tagName === 'SELECT' ? 'change' : 'input'))",
            select,
            value,
        )
        self.settled()

    def press(self, keys: str) -> None:
        """Press keys, one after the other."""
        chains = importlib.import_module("selenium.webdriver.common.action_chains")
        for key in keys:
            chains.ActionChains(self.driver).send_keys(key).perform()
        self.settled()

    def errors(self) -> list[str]:
        """What the console has said since it was last asked."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def violations(self) -> list[str]:
        """What axe-core calls serious or critical."""
        axe = importlib.util.find_spec("axe_core_python")
        assert axe is not None
        assert axe.origin is not None
        self.ask((Path(axe.origin).parent / "axe.min.js").read_text())
        result = self.driver.execute_async_script(
            "const done = arguments[0];"
            "axe.run(document, {resultTypes: ['violations']}).then(done, e => done(String(e)))"
        )
        assert isinstance(result, dict), result
        return [
            f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']][:3]}"
            for one in result["violations"]
            if one["impact"] in {"serious", "critical"}
        ]


@contextmanager
def browser(profile: Path, flags: Sequence[str] = FLAGS) -> Iterator[Browser]:
    """A browser with a profile of its own, closed afterwards."""
    # Imported by name: a type checker need not have what only these tests use.
    chrome: Any = importlib.import_module("selenium.webdriver.chrome.webdriver")
    options = importlib.import_module("selenium.webdriver.chrome.options").Options()
    options.binary_location = CHROMIUM
    for flag in (*flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = importlib.import_module("selenium.webdriver.chrome.service").Service(DRIVER)
    driver = chrome.WebDriver(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
