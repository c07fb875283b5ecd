"""What is done about images that cannot be read."""

from __future__ import annotations

import json
import logging
import pathlib

from datasets.manifest import DataError

STOP, SKIP = POLICIES = ("stop", "skip")

_log = logging.getLogger("ccp")


class BadImages:
    """Stops at the first image that cannot be read, or keeps count of them.

    Attributes:
      found: reason by file, of all that were met so far.

    Args:
      policy: ``stop`` or ``skip``.
      record: a file of JSON lines that the count is kept in, also over a restart; None for none.
      logs: say so at each one.
    """

    def __init__(self, policy: str = STOP, record: pathlib.Path | None = None, logs: bool = True):
        self._policy, self._record, self._logs = policy, record, logs
        self.found: dict[str, str] = {}
        if policy == SKIP and record is not None and record.exists():
            # A line torn by a kill is met again, as its image is.
            for line in record.read_text().split("\n")[:-1]:
                self.found[json.loads(line)["path"]] = json.loads(line)["reason"]

    def report(self, path: str, reason: str) -> None:
        """Takes note of an image that cannot be read.

        Raises:
          DataError: the policy is to stop.
        """
        if self._policy == STOP:
            raise DataError(
                f"{path} cannot be read ({reason}). Mend or remove it, or leave such images out, counted, with "
                "--on_bad_image=skip. main.py validate lists them all."
            )
        if path in self.found:
            return
        self.found[path] = reason
        if self._logs:
            _log.warning("left out: %s cannot be read (%s)", path, reason)
        if self._record is not None:
            with open(self._record, "a") as file:
                file.write(json.dumps({"path": path, "reason": reason}) + "\n")
