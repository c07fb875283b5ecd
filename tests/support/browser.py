"""A headless Chromium without any network, driven through its debugging pipe."""

from __future__ import annotations

import base64
import itertools
import json
import os
import pathlib
import select
import shutil
import subprocess
import time
import unittest
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # No name resolves, and requests without a name go to a proxy that does not exist.
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--remote-debugging-pipe"),
)
_SECONDS = 60


def installed() -> str:
    """The browser; skips the test where there is none. The environment variable CHROMIUM names another one."""
    for name in (os.environ.get("CHROMIUM"), *_NAMES):
        if name and shutil.which(name):
            return shutil.which(name)
    raise unittest.SkipTest(f"No browser: none of {', '.join(_NAMES)} is installed, and CHROMIUM names none.")


class Browser:
    """One page of a browser. Used as a context manager.

    Attributes:
      requested: the addresses that were asked for.
      failed: what went wrong in the page: errors on its console and requests without an answer.

    Args:
      profile: an empty directory for the browser's own files.
    """

    def __init__(self, profile: pathlib.Path):
        self.requested: list[str] = []
        self.failed: list[str] = []
        self._numbers, self._events, self._rest = itertools.count(1), [], b""
        reads, self._to = os.pipe()
        self._from, writes = os.pipe()

        def connect():  # The browser reads descriptor 3 and writes descriptor 4.
            read_end, write_end = os.dup(reads), os.dup(writes)
            os.dup2(read_end, 3)
            os.dup2(write_end, 4)

        self._process = subprocess.Popen(
            [installed(), *_FLAGS, f"--user-data-dir={profile}"],
            preexec_fn=connect,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(reads)
        os.close(writes)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self._call(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: Any) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def open(self, page: pathlib.Path, width: int, height: int = 844, scheme: str = "light") -> None:
        """Shows a file on a screen of that many points, with two pixels to the point, and waits until it is loaded."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", **screen)
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self._call("Page.navigate", url=page.resolve().as_uri())
        deadline = time.monotonic() + _SECONDS
        while self.evaluate("document.readyState") != "complete" or self.evaluate("location.href") == "about:blank":
            if time.monotonic() > deadline:
                raise TimeoutError(f"{page} was not loaded after {_SECONDS} seconds.")
            time.sleep(0.05)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        return self._call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def screenshot(self, whole: bool = False) -> bytes:
        """A PNG of what the screen shows, or of the whole document."""
        return base64.b64decode(self._call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if hasattr(self, "_session"):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        method, what = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requested.append(what["request"]["url"])
        elif method == "Network.loadingFailed":
            self.failed.append(what["errorText"])
        elif method == "Log.entryAdded" and what["entry"]["level"] == "error":
            self.failed.append(what["entry"]["text"])

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + _SECONDS
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self._from, 1 << 20) if ready else b""
            if not chunk:
                raise TimeoutError(f"The browser ended or did not answer for {_SECONDS} seconds.")
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)
