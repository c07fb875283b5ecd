"""A download that is not complete, and how to know that its rest belongs to it."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from datasets.prepare.files import placed

_PARTIAL_CONTENT = 206


class Partial:
    """The file ``target.part``, and ``target.part.json``, which says what it is the beginning of.

    Args:
      target: what it becomes.
      url: where it comes from.
    """

    def __init__(self, target: pathlib.Path, url: str):
        self._target, self._url = target, url
        self._path = target.with_name(f"{target.name}.part")
        self._record = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        """Bytes there are."""
        return self._path.stat().st_size if self._path.exists() else 0

    def request_headers(self) -> dict[str, str]:
        """Asks for the rest, if the server has the same file still."""
        validator = self._validator()
        if not self.size or not validator:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": validator}

    def begin(self, response: Any) -> bool:
        """Keeps what is there if the response continues it, and drops it otherwise.

        Returns:
          Whether the response can be used: not if it is the rest of another file.
        """
        validator = _validator_of(response.headers)
        if response.status == _PARTIAL_CONTENT:
            span = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if span and int(span.group(1)) == self.size and validator in ("", self._validator()):
                return True
            self.discard()
            return False
        self.discard()
        with placed(self._record) as file:
            file.write(json.dumps({"url": self._url, "validator": validator}).encode())
        return True

    @contextlib.contextmanager
    def appended(self) -> Iterator[BinaryIO]:
        """The file, to add to; what was added stays, however that ends."""
        with open(self._path, "ab") as file:
            yield file

    def discard(self) -> None:
        """Starts over."""
        self._path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Becomes the target."""
        os.replace(self._path, self._target)
        self._record.unlink(missing_ok=True)

    def _validator(self) -> str:
        try:
            record = json.loads(self._record.read_text())
            return str(record["validator"]) if record["url"] == self._url else ""
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return ""


def _validator_of(headers: Mapping[str, str]) -> str:
    """What tells two versions of a file apart; a weak ETag does not do so byte by byte."""
    etag = headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")
