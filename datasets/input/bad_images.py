"""The policy for images that cannot be read."""

from __future__ import annotations

import json
import logging
import os
import pathlib

from ccp.wording import counted
from datasets.manifest import DataError

STOP, SKIP = "stop", "skip"

_log = logging.getLogger("ccp")


class BadImages:
    """Stops at the first image that cannot be read, or keeps count of them.

    Attributes:
      found: reason by path, of all images that could not be read so far.

    Args:
      policy: ``stop`` or ``skip``.
      record: a file of JSON lines, in which they are kept over restarts; None for none.
      root: directory that paths are relative to, for messages.

    Raises:
      DataError: the policy is to stop and the record lists images that were left out, or it is damaged.
    """

    def __init__(self, policy: str = STOP, record: pathlib.Path | None = None, root: str = ""):
        self._policy, self._record, self._root = policy, record, root
        self.found = {} if record is None or not record.exists() else _read(record)
        if self.found and policy == STOP:
            raise DataError(
                f"{record} lists {counted(len(self.found), 'image')} that this run has left out, and "
                "--on_bad_image=stop would not have left out. Pass --on_bad_image=skip again, or another --run_dir."
            )

    def report(self, path: str, reason: str) -> None:
        """Records an image that cannot be read.

        Raises:
          DataError: the policy is to stop.
        """
        if self._policy == STOP:
            raise DataError(
                f"{self.file(path)} cannot be read ({reason}). Fix or remove it, or skip such images with "
                "--on_bad_image=skip. main.py validate lists them all."
            )
        if path in self.found:
            return
        self.found[path] = reason
        _log.warning("left out: %s cannot be read (%s)", self.file(path), reason)
        if self._record is not None:
            self._record.parent.mkdir(parents=True, exist_ok=True)
            with open(self._record, "a") as file:
                file.write(json.dumps({"path": path, "reason": reason}) + "\n")

    def file(self, path: str) -> str:
        """A path as the user would have to write it."""
        return os.path.join(self._root, path)


def _read(record: pathlib.Path) -> dict[str, str]:
    """Reasons by path; a last line torn by a kill is removed, and written again when its image is found again."""
    lines = record.read_text().split("\n")
    if lines[-1]:
        record.write_text("".join(f"{line}\n" for line in lines[:-1]))
    try:
        return {entry["path"]: entry["reason"] for entry in map(json.loads, lines[:-1])}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{record} is damaged ({error}); fix or delete the broken line.") from error
