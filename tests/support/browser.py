"""A headless Chromium, driven by the DevTools protocol over a pipe, which needs no other package."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),  # A camera, and leave to use it.
)
_SECONDS = 20.0


class Page:
    """A page of a browser; ``send`` calls a method of the protocol, such as ``Input.dispatchKeyEvent``."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO):
        self._requests, self._answers = requests, answers
        self._session, self._number = {}, 0
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params, **self._session}
        self._requests.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._message())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise ValueError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _message(self) -> bytes:
        """The next message, which ends with a zero."""
        message = bytearray()
        while byte := self._answers.read(1):
            if byte == b"\0":
                return bytes(message)
            message += byte
        raise EOFError("The browser has ended.")

    def run(self, script: str) -> Any:
        """The value of a script."""
        result = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise ValueError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait_for(self, script: str, expected: Any = True) -> None:
        """Waits until the value of a script is the expected one; none while it fails, as before the page is loaded."""
        end, value = time.monotonic() + _SECONDS, None
        while value != expected:
            if time.monotonic() > end:
                raise TimeoutError(f"{script} is {value!r}, not {expected!r}")
            time.sleep(0.01)
            try:
                value = self.run(script)
            except ValueError as error:
                value = error


@contextlib.contextmanager
def open_page(profile: pathlib.Path) -> Iterator[Page]:
    """A new browser with an empty page.

    Args:
      profile: a directory for what the browser keeps.
    """
    (requested, requests), (answers, answered) = os.pipe(), os.pipe()
    streams = [
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, requested, 3),  # The numbers that a browser expects.
        (os.POSIX_SPAWN_DUP2, answered, 4),
    ]
    command = [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}"]
    process = os.posix_spawn(CHROMIUM, command, os.environ, file_actions=streams)
    os.close(requested)
    os.close(answered)
    with open(requests, "wb", 0) as writer, open(answers, "rb") as reader:
        page = Page(writer, reader)
        try:
            yield page
        finally:
            os.kill(process, signal.SIGTERM)
            os.waitpid(process, 0)
