"""Downloads that go on where they were cut off."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence

from datasets.manifest import DataError
from datasets.prepare.files import BLOCK, require_space
from datasets.prepare.partial import Partial
from datasets.progress_bar import Progress, shown

SCHEMES = ("http", "https", "ftp", "file")
_TIMEOUT_SECONDS = 60.0
_PAUSES_SECONDS = (1.0, 4.0, 15.0, 60.0)
# Request Timeout, Too Many Requests, and the server's own troubles: the same request may succeed later.
_PASSING = (408, 429, 500, 502, 503, 504)
_RANGE_NOT_SATISFIABLE = 416


class _ConnectionLost(Exception):
    """The same request may succeed later."""


def download(
    url: str, target: str | os.PathLike, progress: Progress = shown, pauses: Sequence[float] = _PAUSES_SECONDS
) -> None:
    """Fetches a file, by way of ``target`` + ``.part``, from which a second call goes on.

    It goes on only if the server still has the same file, by its ETag or date; otherwise it starts over.

    Args:
      url: http, https, ftp or file.
      target: the file to write.
      progress: shows how far it is.
      pauses: seconds to wait before each new attempt; attempts are counted anew once more has arrived than ever.

    Raises:
      DataError: the file cannot be had from there, or what is there is a web page.
    """
    target = pathlib.Path(target)
    try:
        scheme = urllib.parse.urlsplit(url).scheme.lower()
    except ValueError as error:
        raise _refusal(url, target, str(error)) from error
    if scheme not in SCHEMES:
        raise _refusal(url, target, f"the address must begin with one of {', '.join(SCHEMES)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Partial(target, url)
    failures, farthest = 0, partial.size
    while True:
        try:
            _attempt(url, target, partial, progress)
        except _ConnectionLost as error:
            if partial.size > farthest:
                failures, farthest = 0, partial.size
            if failures == len(pauses):
                raise _refusal(url, target, f"{error}, after {failures + 1} attempts") from error
            time.sleep(pauses[failures])
            failures += 1
        else:
            partial.finish()
            return


def _attempt(url: str, target: pathlib.Path, partial: Partial, progress: Progress) -> None:
    """Fetches what is missing, in one connection."""
    with _opened(url, target, partial) as response:
        if response is None:
            return
        is_http = isinstance(response, http.client.HTTPResponse)
        if is_http and response.headers.get_content_type() == "text/html":
            raise _refusal(url, target, "what is there is a web page, as for a login or an agreement, not the file")
        if not partial.begin(response):
            raise _ConnectionLost("the server has another file than before")
        length = response.headers.get("Content-Length")
        total = partial.size + int(length) if length and length.isdecimal() else None
        require_space(target.parent, (total or partial.size) - partial.size)
        with progress(f"downloading {target.name}", total, partial.size) as advance, partial.appended() as file:
            for block in _blocks(response):
                file.write(block)
                advance(len(block))
        if total is not None and partial.size != total:
            raise _ConnectionLost(f"the connection ended at {partial.size} of {total} bytes")


@contextlib.contextmanager
def _opened(url: str, target: pathlib.Path, partial: Partial) -> Iterator[http.client.HTTPResponse | None]:
    """The answer to a request for what is missing; None if nothing is."""
    try:
        response = urllib.request.urlopen(
            urllib.request.Request(url, headers=partial.request_headers()), timeout=_TIMEOUT_SECONDS
        )
    except urllib.error.HTTPError as error:
        with error:
            if error.code == _RANGE_NOT_SATISFIABLE and partial.size:
                if error.headers.get("Content-Range") != f"bytes */{partial.size}":
                    partial.discard()
                    raise _ConnectionLost("the server has another file than before") from error
                yield None
                return
            if error.code in _PASSING:
                raise _ConnectionLost(f"the server answers {error.code} ({error.reason})") from error
            raise _refusal(url, target, f"the server answers {error.code} ({error.reason})") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if _is_lasting(reason):
            raise _refusal(url, target, str(reason)) from error
        raise _ConnectionLost(str(reason) or type(reason).__name__) from error
    with response:
        yield response


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """What arrives; only errors of the connection are lost connections, not those of the disk."""
    while True:
        try:
            block = response.read1(BLOCK)  # What there is: read() would lose up to a block with the connection.
        except (OSError, http.client.HTTPException) as error:
            raise _ConnectionLost(str(error) or type(error).__name__) from error
        if not block:
            return
        yield block


def _is_lasting(reason: str | Exception) -> bool:
    """Whether the same request would fail again."""
    if isinstance(reason, socket.gaierror):
        return reason.errno == socket.EAI_NONAME
    # A certificate's error is a ValueError too, as are those of addresses that are none.
    return isinstance(reason, (str, ValueError, FileNotFoundError, IsADirectoryError, http.client.InvalidURL))


def _refusal(url: str, target: pathlib.Path, what: str) -> DataError:
    return DataError(f"{url} cannot be fetched: {what}. Fetch the file by other means and put it to {target}.")
